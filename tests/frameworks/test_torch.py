"""Frameworks that drive PlateauLR by themselves know that its step wants a metric.

Their rule, the same in all, is tested without them in `test_torch_scheduler`: they ask
``isinstance(scheduler, ReduceLROnPlateau)``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from plateau import Haar, ThresholdDetector

pytest.importorskip("torch")
import torch

from plateau_torch import PlateauLR

pytestmark = pytest.mark.filterwarnings("ignore")  # what they warn about each other is theirs


class Model(torch.nn.Module):
    """One weight; its loss is always 1, so that the schedule is known."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, labels=None):
        return {"loss": self.weight.sum() * 0.0 + 1.0, "logits": x}


def scheduler_for(optimizer):
    return PlateauLR(optimizer, ThresholdDetector(Haar(2), 0.1, 2))  # fires at 3, 6, 9, …


ROWS = [{"x": torch.zeros(1), "labels": torch.zeros(1)} for _ in range(8)]


def test_the_trainer_of_transformers_gives_it_the_metric_of_each_evaluation(tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.8)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        num_train_epochs=7,
        eval_strategy="epoch",
        save_strategy="epoch",
        metric_for_best_model="loss",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    scheduler = scheduler_for(optimizer)
    trainer = transformers.Trainer(
        model, arguments, train_dataset=ROWS, eval_dataset=ROWS, optimizers=(optimizer, scheduler)
    )
    trainer.train()
    assert scheduler.last_epoch == 7
    assert optimizer.param_groups[0]["lr"] == 0.2
    path = next(tmp_path.glob("checkpoint-7/scheduler.pt"))
    assert torch.load(path, weights_only=True) == scheduler.state_dict()


def test_the_example_gives_it_the_loss_of_every_step_of_a_trainer():
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    example = Path(__file__).parents[2] / "docs" / "examples" / "torch_trainer.py"
    done = subprocess.run(  # alone: what accelerate keeps is shared by all of a process
        [sys.executable, str(example)], capture_output=True, text=True, check=True, timeout=900
    )
    steps, rate = done.stdout.splitlines()[-1].split(" steps, rate now ")
    assert steps == "3000"
    assert 0.0025 <= float(rate) < 0.04  # lowered once at least, four times at most


def test_lightning_gives_it_the_monitored_metric_of_each_step(tmp_path):
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = Model()

        def training_step(self, batch, index):
            loss = self.model(batch["x"])["loss"]
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=0.8)
            schedule = {
                "scheduler": scheduler_for(optimizer),
                "monitor": "loss",
                "interval": "step",
            }
            return {"optimizer": optimizer, "lr_scheduler": schedule}

    def trained(epochs, checkpoint=None):
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = lightning.Trainer(
            max_epochs=epochs, accelerator="cpu", default_root_dir=tmp_path, **quiet
        )
        trainer.fit(Module(), torch.utils.data.DataLoader(ROWS), ckpt_path=checkpoint)
        return trainer

    first = trained(1)
    scheduler = first.lr_scheduler_configs[0].scheduler
    assert first.lr_scheduler_configs[0].reduce_on_plateau
    assert (scheduler.last_epoch, scheduler.get_last_lr()) == (8, [0.2])
    first.save_checkpoint(tmp_path / "first.ckpt")
    again = trained(2, tmp_path / "first.ckpt").lr_scheduler_configs[0].scheduler
    assert (again.last_epoch, again.get_last_lr()) == (16, [0.8 / 2**5])


def test_accelerate_passes_the_metric_on_at_steps_of_the_optimizer(tmp_path):
    accelerate = pytest.importorskip("accelerate")
    accelerate.state.GradientState._reset_state()  # older ones keep what a Trainer has left in it
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.8)
    scheduler = scheduler_for(optimizer)
    model, optimizer, wrapped = accelerator.prepare(model, optimizer, scheduler)
    for _ in range(16):
        with accelerator.accumulate(model):
            loss = model(torch.zeros(1))["loss"]
            accelerator.backward(loss)
            optimizer.step()
            wrapped.step(loss)
            optimizer.zero_grad()
    assert (scheduler.last_epoch, scheduler.get_last_lr()) == (8, [0.2])
    accelerator.save_state(tmp_path)
    before = scheduler.state_dict()
    wrapped.step(torch.tensor(5.0))
    accelerator.load_state(tmp_path)
    assert scheduler.state_dict() == before
