"""Two processes whose losses differ: only their mean is flat, and both lower their rates there.

And both stop where it has been flat for long.
"""

import lightning.pytorch as lightning
import torch
from lightning.pytorch.strategies import DDPStrategy

from plateau import Haar, ThresholdDetector
from plateau_lightning import PlateauRate, PlateauStop


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch, index):
        slope = 1.0 if self.global_rank else -1.0
        return self.weight.sum() * 0.0 + slope * index

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


if __name__ == "__main__":
    rate = PlateauRate(ThresholdDetector(Haar(4), 0.1, 3), max_reductions=2)
    stop = PlateauStop(ThresholdDetector(Haar(4), 0.1, 20))
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=2,
        strategy=DDPStrategy(process_group_backend="gloo"),
        max_epochs=1,
        callbacks=[rate, stop],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(torch.zeros(80, 1), batch_size=1))
    (group,) = trainer.optimizers[0].param_groups
    print(f"rank {trainer.global_rank}:{group['lr']} {trainer.global_step}", flush=True)
    trainer.strategy.barrier()  # the first process ends the other where it ends itself
