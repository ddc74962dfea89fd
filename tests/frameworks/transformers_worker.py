"""Two processes of the Trainer whose losses differ: both lower their rates at the same steps."""

import sys

import torch
import transformers

from plateau import Haar, ThresholdDetector
from plateau_transformers import PlateauRate


class Model(torch.nn.Module):
    def __init__(self, rank):
        super().__init__()
        self.rank = rank
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, row):
        return {"loss": self.weight.sum() * 0.0 + row.mean() + self.rank}


if __name__ == "__main__":
    arguments = transformers.TrainingArguments(
        output_dir=sys.argv[1],
        per_device_train_batch_size=1,
        num_train_epochs=1,
        learning_rate=0.4,
        lr_scheduler_type="constant",
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    rows = [{"row": torch.tensor([1.0])} for _ in range(80)]
    callback = PlateauRate(ThresholdDetector(Haar(4), 0.1, 3))
    model = Model(arguments.process_index)
    trainer = transformers.Trainer(model, arguments, train_dataset=rows, callbacks=[callback])
    trainer.train()
    losses = callback.schedule.taken
    rate = trainer.optimizer.param_groups[0]["lr"]
    print(f"rank {arguments.process_index}: {losses} {rate}", flush=True)
