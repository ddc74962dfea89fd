import tempfile

import torch
from transformers import Trainer, TrainingArguments

from plateau_transformers import PlateauRate, PlateauStop


class Regression(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(20, 1)

    def forward(self, x, labels):
        prediction = self.linear(x)
        return {"loss": (prediction - labels).square().mean(), "logits": prediction}


torch.manual_seed(0)
x = torch.randn(4000, 20)
y = x @ torch.randn(20, 1) + torch.randn(4000, 1)
rows = [{"x": a, "labels": b} for a, b in zip(x, y, strict=True)]
rate, stop = PlateauRate(), PlateauStop(monitor="eval_loss")
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder,
        num_train_epochs=30,
        per_device_train_batch_size=32,
        learning_rate=0.04,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=50,
        optim="sgd",
        logging_steps=1,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Trainer(
        Regression(),
        arguments,
        train_dataset=rows[:3200],
        eval_dataset=rows[3200:],
        callbacks=[rate, stop],
    )
    trainer.train()
print(f"{rate.schedule.state.reductions} reductions in {trainer.state.global_step} steps")
print(f"stopped: {stop.stopper.reason}")
