"""What only Lightning has: accumulation, validation, processes, several optimizers."""

import numpy as np
import pytest
from trainings import BATCHES, LR, Lightning, rows

from plateau import Haar, Schedule, ThresholdDetector
from plateau.policy import Policy

pytest.importorskip("lightning")
pytestmark = pytest.mark.filterwarnings("ignore")
FLAT = ThresholdDetector(Haar(window=6), threshold=0.02, patience=4)


def test_what_is_accumulated_is_one_loss_of_the_mean(tmp_path):
    run = Lightning(tmp_path, FLAT, accumulate=3).train(rows(), epochs=4)
    assert len(run.losses) == 4 * -(-BATCHES // 3)  # the last step of an epoch has one batch
    schedule, lr = Schedule(FLAT.clone(), Policy()), LR
    for loss, rate in zip(run.losses, run.rates, strict=True):
        event = schedule.step(loss, lr)
        lr = event.lr if event else lr
        assert rate == lr
    assert lr < LR


def module_of(values):
    """A module whose validation loss is this, epoch by epoch."""
    import lightning.pytorch as lightning
    import torch

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(3))

        def training_step(self, batch, index):
            return (batch @ self.weight).square().mean()

        def validation_step(self, batch, index):
            self.log("val_loss", values[self.current_epoch])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=LR)

    return Module()


def fitted(module, callback, **arguments):
    import lightning.pytorch as lightning
    import torch

    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(
        accelerator="cpu", callbacks=[callback], enable_checkpointing=False, **quiet, **arguments
    )
    loader = torch.utils.data.DataLoader(torch.zeros(2, 3))
    trainer.fit(module, loader, loader)
    return trainer


def test_a_metric_of_the_validation_stops_the_fit():
    from plateau_lightning import PlateauStop

    values = [*np.linspace(5, 1, 6), *[1.0] * 30]
    detector = FLAT.clone()
    first = next(i for i, value in enumerate(values) if detector.update(value))
    callback = PlateauStop(FLAT, monitor="val_loss")
    trainer = fitted(module_of(values), callback, max_epochs=len(values))
    assert trainer.current_epoch == first + 1
    assert callback.stopper.reason.startswith("flat since sample")
    again = fitted(module_of(values), callback, max_epochs=len(values))
    assert again.current_epoch == first + 1  # another fit begins anew
    with pytest.raises(ValueError, match="monitor='nope' is not logged; there is val_loss"):
        fitted(module_of(values), PlateauStop(monitor="nope"), max_epochs=2)


def test_a_step_without_a_loss_is_left_out_and_counted():
    from plateau_lightning import PlateauRate

    module = module_of([1.0])
    step = module.training_step
    module.training_step = lambda batch, batch_idx: step(batch, batch_idx) if batch_idx else None
    callback = PlateauRate()
    fitted(module, callback, max_epochs=1)
    assert (callback.scheduler.detector.count, callback.scheduler.detector.skipped) == (1, 1)


def test_with_manual_optimization_the_loss_that_is_returned_counts():
    from plateau_lightning import PlateauRate

    module = module_of([1.0])
    module.automatic_optimization = False

    def training_step(batch, batch_idx):
        loss = module.weight.sum() + 3.0
        module.manual_backward(loss)
        module.optimizers().step()
        return loss if module.returns else None

    module.training_step = training_step
    module.returns = True
    callback = PlateauRate()
    fitted(module, callback, max_epochs=1)
    assert callback.scheduler.detector.count == 2
    module.returns = False
    with pytest.raises(ValueError, match="PlateauRate sees no loss: with manual optimization"):
        fitted(module, callback, max_epochs=1)


def test_each_group_may_have_a_least_rate_of_its_own():
    import torch

    from plateau_lightning import PlateauRate

    module = module_of([1.0])
    groups = [{"params": [module.weight]}, {"params": [torch.nn.Parameter(torch.zeros(1))]}]
    module.configure_optimizers = lambda: torch.optim.SGD(groups, lr=LR)
    callback = PlateauRate(min_lr=[0.01, 0.0])
    fitted(module, callback, max_epochs=1)
    assert callback.scheduler.min_lrs == [0.01, 0.0]


def test_several_optimizers_are_refused():
    import torch

    from plateau_lightning import PlateauRate

    module = module_of([1.0])
    module.automatic_optimization = False
    module.configure_optimizers = lambda: [torch.optim.SGD(module.parameters(), lr=LR)] * 2
    with pytest.raises(ValueError, match="PlateauRate needs one optimizer, there are 2"):
        fitted(module, PlateauRate(), max_epochs=1)


def test_wrong_arguments_are_named_before_the_fit():
    from plateau_lightning import PlateauRate

    with pytest.raises(ValueError, match="factor must lie between 0 and 1, not 2"):
        PlateauRate(factor=2)
    with pytest.raises(TypeError, match="detector must be a detector"):
        PlateauRate(3)
