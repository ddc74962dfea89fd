import tempfile

import torch
from torch.optim.lr_scheduler import MultiplicativeLR
from transformers import Trainer, TrainingArguments

from plateau_torch import PlateauLR


class Regression(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(20, 1)

    def forward(self, x, labels):
        return {"loss": (self.linear(x) - labels).square().mean()}


class PlateauTrainer(Trainer):
    """Give the scheduler the loss of every step, which the Trainer does not."""

    def training_step(self, *arguments, **keywords):
        loss = super().training_step(*arguments, **keywords)
        if self.accelerator.sync_gradients:  # not while gradients are accumulated
            plateau.step(loss)
        return loss


torch.manual_seed(0)
x = torch.randn(4000, 20)
y = x @ torch.randn(20, 1) + torch.randn(4000, 1)
model = Regression()
optimizer = torch.optim.SGD(model.parameters(), lr=0.04)
plateau = PlateauLR(optimizer, max_reductions=4)
with tempfile.TemporaryDirectory() as folder:
    trainer = PlateauTrainer(
        model,
        TrainingArguments(
            folder, num_train_epochs=6, save_strategy="no", report_to=[], disable_tqdm=True
        ),
        train_dataset=[{"x": a, "labels": b} for a, b in zip(x, y, strict=True)],
        optimizers=(optimizer, MultiplicativeLR(optimizer, lambda _: 1.0)),  # leaves the rate alone
    )
    trainer.train()
print(f"{plateau.last_epoch} steps, rate now {plateau.get_last_lr()[0]:g}")
