"""The rows of the page that compares: what each framework's own rule does with one noisy loss.

The loss falls, ever more slowly, and all noise is of one size. Patience counts the losses since the
best one, and a lucky one is best for long.
"""

import itertools
import re
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from plateau import Detector, Stopper

PAGE = Path(__file__).parents[2] / "docs" / "compared.md"
ROW = re.compile(r"^\| `([^`]*)` \| ([\d,]+|never) \| (kept|lost) \|", re.MULTILINE)
PATIENCE = 10

Result = namedtuple("Result", "dataset_name metric_name metric_value maximize")
"""Of LightGBM: newer releases have names for what older ones have at these places."""

pytestmark = pytest.mark.filterwarnings("ignore")


def losses(scale=1.0):
    noise = np.random.default_rng(0).normal(size=3000)
    return (scale * (1 + 2 * np.exp(-np.arange(3000) / 400) + 0.1 * noise)).tolist()


def optimizer():
    import torch

    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


class Torch:
    """`ReduceLROnPlateau`."""

    def __init__(self):
        from torch.optim.lr_scheduler import ReduceLROnPlateau

        self.made = ReduceLROnPlateau(optimizer(), patience=PATIENCE)

    def acts(self, loss):
        before = self.made.get_last_lr()
        self.made.step(loss)
        return self.made.get_last_lr() != before

    def goes_on(self, saved):
        self.made.load_state_dict(saved.made.state_dict())


class Lightning:
    def __init__(self):
        from lightning.pytorch.callbacks import EarlyStopping

        self.made = EarlyStopping("loss", patience=PATIENCE)

    def acts(self, loss):
        import torch

        return self.made._evaluate_stopping_criteria(torch.tensor(loss))[0]

    def goes_on(self, saved):
        self.made.load_state_dict(saved.made.state_dict())


class Transformers:
    """As the Trainer calls it, which restores no callback unless it is told to."""

    def __init__(self):
        import transformers

        self.made = transformers.EarlyStoppingCallback(PATIENCE)
        self.told = SimpleNamespace(metric_for_best_model="loss", greater_is_better=False)
        self.state, self.control = transformers.TrainerState(), transformers.TrainerControl()

    def acts(self, loss):
        self.made.on_evaluate(self.told, self.state, self.control, metrics={"eval_loss": loss})
        if self.state.best_metric is None or loss < self.state.best_metric:
            self.state.best_metric = loss
        return self.control.should_training_stop

    def goes_on(self, saved):
        self.state.best_metric = saved.state.best_metric


class Keras:
    """A callback of which Keras saves nothing."""

    def __init__(self):
        import keras

        self.made = keras.callbacks.ReduceLROnPlateau("loss", patience=PATIENCE, verbose=0)
        self.model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=np.float32(0.1)))
        self.made.set_model(self.model)
        self.made.on_train_begin()

    def acts(self, loss):
        self.made.on_epoch_end(0, {"loss": loss})
        return self.model.optimizer.learning_rate < 0.09

    def goes_on(self, saved):
        pass


class XGBoost:
    def __init__(self):
        import xgboost

        self.made = xgboost.callback.EarlyStopping(PATIENCE)
        data = xgboost.DMatrix(np.zeros((2, 1)), [0.0, 1.0])
        self.booster, self.log = xgboost.train({"nthread": 1}, data, 1), []
        self.made.before_training(self.booster)

    def acts(self, loss):
        self.log.append(loss)
        return self.made.after_iteration(self.booster, 0, {"held_out": {"rmse": self.log}})

    def goes_on(self, saved):
        self.booster = saved.booster
        self.made.before_training(self.booster)


class LightGBM:
    def __init__(self):
        import lightgbm

        self.lightgbm, self.iteration = lightgbm, 0
        self.made = lightgbm.early_stopping(PATIENCE, verbose=False)

    def acts(self, loss):
        result = [Result("held_out", "l2", loss, False)]
        model = SimpleNamespace(_train_data_name="training")
        env = self.lightgbm.callback.CallbackEnv(model, {}, self.iteration, 0, 9999, result)
        self.iteration += 1
        try:
            self.made(env)
        except self.lightgbm.callback.EarlyStopException:
            return True
        return False

    def goes_on(self, saved):
        pass


class Told:
    """A metric of CatBoost's that has these values on the held-out rows, the last one for ever."""

    def __init__(self, values):
        self.values, self.count = values, 0

    def is_max_optimal(self):
        return False

    def evaluate(self, approximations, target, weight):
        if len(target) == len(CatBoost.rows):
            return 0.0, 1.0
        self.count += 1
        return self.values[min(self.count, len(self.values)) - 1], 1.0

    def get_final_error(self, error, weight):
        return error


class CatBoost:
    """It can only be asked by a training to each loss, which stops there or makes a tree more."""

    rows = np.arange(8.0)[:, None]

    def __init__(self):
        self.values, self.model = [], None
        self.before, self.trees = None, 0

    def acts(self, loss):
        import catboost

        self.values.append(loss)
        self.model = catboost.CatBoostRegressor(
            iterations=len(self.values) + 1,
            depth=1,
            eval_metric=Told(self.values),
            early_stopping_rounds=PATIENCE,
            use_best_model=False,
            thread_count=1,
            allow_writing_files=False,
            verbose=False,
        )
        held_out = self.rows[:4], self.rows[:4]
        self.model.fit(self.rows, self.rows, eval_set=held_out, init_model=self.before)
        return self.model.tree_count_ - self.trees == len(self.values)

    def goes_on(self, saved):
        self.before, self.trees = saved.model, saved.model.tree_count_


class Optuna:
    def __init__(self):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruner = optuna.pruners.PatientPruner(None, patience=PATIENCE)
        self.trial, self.steps = optuna.create_study(pruner=pruner).ask(), itertools.count()

    def acts(self, loss):
        self.trial.report(loss, next(self.steps))
        return self.trial.should_prune()

    def goes_on(self, saved):  # the study has it
        self.trial, self.steps = saved.trial, saved.steps


class Ignite:
    def __init__(self):
        from ignite.engine import Engine
        from ignite.handlers import EarlyStopping

        self.engine = Engine(lambda *_: None)
        self.made = EarlyStopping(PATIENCE, lambda engine: -engine.state.output, self.engine)

    def acts(self, loss):
        self.engine.state.output = loss
        self.made(self.engine)
        return self.engine.should_terminate

    def goes_on(self, saved):
        self.made.load_state_dict(saved.made.state_dict())


class Skorch:
    def __init__(self):
        from skorch.callbacks import EarlyStopping
        from skorch.history import History

        self.made = EarlyStopping("loss", patience=PATIENCE, sink=lambda _: None)
        self.net = SimpleNamespace(history=History(), verbose=0)
        self.made.on_train_begin(self.net)

    def acts(self, loss):
        self.net.history.new_epoch()
        self.net.history.record("epoch", len(self.net.history))
        self.net.history.record("loss", loss)
        try:
            self.made.on_epoch_end(self.net)
        except KeyboardInterrupt:
            return True
        return False

    def goes_on(self, saved):
        pass


class FastAI:
    def __init__(self):
        from fastai.callback.core import CancelFitException
        from fastai.callback.tracker import EarlyStoppingCallback

        self.cancelled = CancelFitException
        self.made = EarlyStoppingCallback("loss", patience=PATIENCE)
        self.values = []
        recorder = SimpleNamespace(metric_names=["epoch", "loss"], values=self.values)
        self.made.learn = SimpleNamespace(recorder=recorder, epoch=0)
        self.made.before_fit()

    def acts(self, loss):
        self.values.append([loss])
        try:
            self.made.after_epoch()
        except self.cancelled:
            return True
        return False

    def goes_on(self, saved):
        pass


class Optax:
    def __init__(self):
        from optax.contrib import reduce_on_plateau

        self.made = reduce_on_plateau(patience=PATIENCE)
        self.state = self.made.init(np.zeros(1))

    def acts(self, loss):
        _, self.state = self.made.update(np.zeros(1), self.state, value=loss)
        return bool(self.state.scale < 1)

    def goes_on(self, saved):
        self.state = saved.state


class Ray:
    def __init__(self):
        from ray.tune.stopper import TrialPlateauStopper

        self.made = TrialPlateauStopper("loss", std=0.05, num_results=PATIENCE)

    def acts(self, loss):
        return self.made("trial", {"loss": loss})

    def goes_on(self, saved):
        self.made = saved.made


RULES = {
    "torch.optim.lr_scheduler.ReduceLROnPlateau": ("torch", Torch),
    "lightning.pytorch.callbacks.EarlyStopping": ("lightning", Lightning),
    "transformers.EarlyStoppingCallback": ("transformers", Transformers),
    "keras.callbacks.ReduceLROnPlateau": ("keras", Keras),
    "xgboost.callback.EarlyStopping": ("xgboost", XGBoost),
    "lightgbm.early_stopping": ("lightgbm", LightGBM),
    "catboost.CatBoost(early_stopping_rounds=)": ("catboost", CatBoost),
    "optuna.pruners.PatientPruner": ("optuna", Optuna),
    "ignite.handlers.EarlyStopping": ("ignite", Ignite),
    "skorch.callbacks.EarlyStopping": ("skorch", Skorch),
    "fastai.callback.tracker.EarlyStoppingCallback": ("fastai", FastAI),
    "optax.contrib.reduce_on_plateau": ("optax", Optax),
    "ray.tune.stopper.TrialPlateauStopper": ("ray.tune", Ray),
}


def first(rule, values):
    return next((i for i, loss in enumerate(values) if rule.acts(loss)), None)


def told():
    return {name: row for name, *row in ROW.findall(PAGE.read_text(encoding="utf-8"))}


def test_each_rule_has_a_row_and_each_row_a_rule():
    assert list(told()) == [*RULES, "plateau.Stopper"]


@pytest.mark.parametrize("name", RULES)
def test_the_rule_of_a_framework_acts_where_its_row_says(name):
    package, made = RULES[name]
    pytest.importorskip(package)
    at = first(made(), losses())
    before, again = made(), made()
    cut = (at or 2000) - 3
    for loss in losses()[:cut]:
        before.acts(loss)
    again.goes_on(before)
    later = first(again, losses()[cut:])
    kept = "kept" if at is not None and later is not None and cut + later == at else "lost"
    assert [f"{at:,}" if at is not None else "never", kept] == told()[name]


def test_ours_acts_where_the_loss_is_flat_at_any_scale():
    for scale in (2.0**-20, 1.0, 2.0**20):
        stopper = Stopper(Detector())
        at = [stopper.step(loss) for loss in losses(scale)].index(True)
        assert [f"{at:,}", "kept"] == told()["plateau.Stopper"]
    before, again = Stopper(), Stopper()
    for loss in losses()[: at - 3]:
        before.step(loss)
    again.load_state_dict(before.state_dict())
    assert [again.step(loss) for loss in losses()[at - 3 : at + 1]] == [False] * 3 + [True]


def test_noise_makes_the_best_loss_too_good_for_torch_and_plateau_lr_estimates_it():
    pytest.importorskip("torch")
    from plateau_torch import PlateauLR

    values = losses()
    at = first(Torch(), values)
    best = int(np.argmin(values[:at]))
    assert values[best] < 1 + 2 * np.exp(-(at + 20) / 400)  # where the loss is 20 steps later
    scheduler = PlateauLR(optimizer())
    lowered = []
    for step, loss in enumerate(values):
        scheduler.step(loss)
        if scheduler.get_last_lr()[0] < 0.1:
            lowered.append(step)
    assert lowered[0] > 10 * at
    assert scheduler.detector.noise == pytest.approx(0.1, rel=0.1)


def test_transformers_keeps_the_count_of_its_callback_if_it_is_told_to():
    transformers = pytest.importorskip("transformers")

    def rule_behind(count):
        rule = Transformers()
        for loss in losses()[:count]:
            rule.acts(loss)
        return rule

    at = first(Transformers(), losses())
    before, again = rule_behind(at - 3), Transformers()
    again.goes_on(before)
    again.made = transformers.EarlyStoppingCallback.from_state(before.made.state())
    assert first(again, losses()[at - 3 :]) == 3


def test_lightning_saves_a_plateau_scheduler_of_its_own_without_the_last_loss(tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")
    import torch
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def training_step(self, batch, index):
            loss = self.weight.sum() + 1.0
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            told = {"scheduler": ReduceLROnPlateau(optimizer), "monitor": "loss"}
            return {"optimizer": optimizer, "lr_scheduler": told | {"interval": "step"}}

    class Saver(lightning.Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.global_step == 7:
                trainer.save_checkpoint(tmp_path / "run.ckpt")

    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=1, callbacks=[Saver()], enable_checkpointing=False, **quiet
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(torch.zeros(9, 1)))
    saved = torch.load(tmp_path / "run.ckpt", weights_only=False)
    assert saved["global_step"] == 7
    assert saved["lr_schedulers"][0]["last_epoch"] == 6


def test_a_rule_in_metric_units_knows_one_scale_only():
    pytest.importorskip("ray.tune")
    from ray.tune.stopper import TrialPlateauStopper

    acts = {}
    for scale in (0.01, 100.0):
        stopper = TrialPlateauStopper("loss")
        acts[scale] = [stopper("trial", {"loss": loss}) for loss in losses(scale)]
    assert acts[0.01].index(True) == 3  # the fourth result of a loss that falls
    assert True not in acts[100.0]


def test_a_pruned_study_has_no_value_and_a_finished_one_has():
    optuna = pytest.importorskip("optuna")
    from plateau_sweeps import PlateauStop

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    values = [2.0**-i for i in range(10)] + [2.0**-9 + 1e-9 * i for i in range(300)]

    def pruned(trial):
        for step, value in enumerate(values):
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return min(values)

    def finished(trial):
        stop = PlateauStop(trial)
        any(stop.step(value) for value in values)
        return stop.best

    study = optuna.create_study(pruner=optuna.pruners.PatientPruner(None, patience=PATIENCE))
    study.optimize(pruned, n_trials=1)
    with pytest.raises(ValueError, match="No trials are completed yet"):
        _ = study.best_value
    study = optuna.create_study()
    study.optimize(finished, n_trials=1)
    assert study.best_value == 2.0**-9


def test_adwin_signals_a_loss_that_falls_and_ours_does_not():
    river = pytest.importorskip("river.drift")
    from plateau_river import PlateauDrift

    signals = {}
    for made in (river.ADWIN(), PlateauDrift()):
        found = []
        for loss in losses():
            made.update(loss)
            found.append(made.drift_detected)
        signals[type(made).__name__] = sum(found)
    assert signals["ADWIN"] > 0
    assert signals["PlateauDrift"] == 0


def test_the_mean_that_keras_logs_is_flat_at_other_steps():
    """Fed with the mean of the epoch so far, a stopper stops elsewhere than with the losses."""
    values = np.array(losses())
    means = np.concatenate([np.cumsum(part) / np.arange(1, 1001) for part in np.split(values, 3)])
    stops = []
    for series in (values, means):
        stopper = Stopper()
        done = [stopper.step(loss) for loss in series.tolist()]
        stops.append(done.index(True) if True in done else None)
    assert stops[0] != stops[1]
