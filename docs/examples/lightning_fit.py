import lightning.pytorch as lightning
import torch

from plateau_lightning import PlateauRate


class Regression(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(20, 1)

    def training_step(self, batch, index):
        x, y = batch
        return (self.linear(x) - y).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.04)


def told(event):
    if event.factor < 1:
        print(f"step {event.step}: rate now {event.lr[0]:g}")


torch.manual_seed(0)
x = torch.randn(4000, 20)
data = torch.utils.data.TensorDataset(x, x @ torch.randn(20, 1) + torch.randn(4000, 1))
trainer = lightning.Trainer(
    max_epochs=20,
    accelerator="cpu",
    callbacks=[PlateauRate(on_plateau=told)],
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(Regression(), torch.utils.data.DataLoader(data, batch_size=16, shuffle=True))
print(f"{trainer.global_step} steps")
