"""What only the Trainer has: schedules of its own, evaluations, the filter of its log."""

import re
from pathlib import Path

import numpy as np
import pytest
from trainings import BATCHES, LR, Transformers, rows

from plateau import Haar, Schedule, ThresholdDetector
from plateau.policy import Policy

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")
FLAT = ThresholdDetector(Haar(window=12), threshold=0.02, patience=8)


def test_it_multiplies_with_warm_up_and_decay_also_where_a_run_is_resumed(tmp_path):
    def training():
        made = Transformers(tmp_path, FLAT)
        made.own = {"lr_scheduler_type": "linear", "warmup_steps": 10}
        return made

    steps = 3 * BATCHES
    whole = training().train(rows(), epochs=3, save_at=50)
    again = training().train(rows(), epochs=3, resume_at=50)
    schedule, factor, expected = Schedule(FLAT.clone(), Policy()), 1.0, []
    for step, loss in enumerate(whole.losses, 1):
        event = schedule.step(loss, LR * factor)
        factor *= event.factor if event else 1.0
        own = step / 10 if step < 10 else (steps - step) / (steps - 10)
        expected.append(LR * own * factor)
    assert whole.rates == pytest.approx(expected, rel=1e-12)
    assert again.rates == pytest.approx(whole.rates[50:], rel=1e-15)
    assert factor < 1


def test_without_callbacks_each_logged_loss_goes_to_plateau_lr(tmp_path):
    import torch

    from plateau_torch import PlateauLR

    page = Path(__file__).parents[2] / "docs" / "transformers.md"
    (shown,) = re.findall(r"```py\n(class EachLoss.*?)\n\n\n", page.read_text(), re.DOTALL)
    known = {"TrainerCallback": transformers.TrainerCallback}
    exec(shown, known)
    losses, rates = [], []

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(3))

        def forward(self, row):
            return {"loss": (row[:, :3] @ self.weight - row[:, 3]).square().mean()}

    class Recorder(transformers.TrainerCallback):
        def on_log(self, args, state, control, logs, optimizer, **_):
            if "loss" in logs:
                losses.append(logs["loss"])
                rates.append(optimizer.param_groups[0]["lr"])

    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    arguments = transformers.TrainingArguments(
        str(tmp_path),
        num_train_epochs=3,
        per_device_train_batch_size=4,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    transformers.Trainer(
        model,
        arguments,
        train_dataset=[{"row": torch.from_numpy(row)} for row in rows()],
        optimizers=(optimizer, PlateauLR(optimizer, FLAT.clone())),
        callbacks=[known["EachLoss"](), Recorder()],
    ).train()
    schedule, lr, expected = Schedule(FLAT.clone(), Policy()), LR, []
    for loss in losses:
        event = schedule.step(loss, lr)
        lr = event.lr if event else lr
        expected.append(lr)
    assert rates == expected
    assert lr < LR


def logged(callback, name, values, steps=1, state=None, **arguments):
    """Let a callback read these, and return the control and what became of the rate."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    made = transformers.TrainingArguments(report_to=[], use_cpu=True, **arguments)
    state, control = state or transformers.TrainerState(), transformers.TrainerControl()
    callback.on_train_begin(made, state, control)
    for value in values:
        told = {"optimizer": optimizer, "lr_scheduler": scheduler}
        state.global_step += steps
        callback.on_log(made, state, control, logs={name: value}, **told)
    callback.on_train_end(made, state, control)
    return control, optimizer.param_groups[0]["lr"], scheduler.base_lrs


def test_a_metric_of_the_evaluations_is_watched_alone():
    from plateau_transformers import PlateauRate, PlateauStop

    flat = [5.0, 4.0, 3.0] + [2.0] * 40
    stop = PlateauStop(FLAT, monitor="eval_loss")
    assert logged(stop, "eval_loss", flat)[0].should_training_stop
    with pytest.warns(UserWarning, match="monitor='eval_loss' was never logged, .* there was loss"):
        assert not logged(stop, "loss", flat)[0].should_training_stop
    _, rate, base = logged(PlateauRate(FLAT, monitor="eval_loss"), "eval_loss", flat)
    assert rate == base[0] < LR


def test_what_sums_up_many_steps_is_judged_with_patience():
    from plateau_transformers import PlateauRate

    noise = 0.05 * np.random.default_rng(0).normal(size=100)
    values = (0.3 + np.exp(-np.arange(100) / 8) + noise).tolist()
    patient, plain = Schedule(summed=True), Schedule()
    for value in values:
        patient.step(value, LR)
        plain.step(value, LR)
    for name in ("eval_loss", "loss"):
        callback = PlateauRate(monitor=name)
        _, rate, _ = logged(callback, name, values, steps=20)
        assert callback.schedule.state.reductions == patient.state.reductions
        assert rate == pytest.approx(LR / 2**patient.state.reductions)
    assert patient.state.reductions > plain.state.reductions


def test_the_steps_since_the_last_evaluation_are_counted_across_a_checkpoint():
    from plateau_transformers import PlateauRate

    before, again = (PlateauRate(monitor="eval_loss") for _ in range(2))
    logged(before, "eval_loss", [3.0, 2.0], steps=20)
    state = transformers.TrainerState(stateful_callbacks=[before], global_step=59)
    logged(again, "eval_loss", [1.0], state=state)
    assert again.schedule.summed


def test_it_multiplies_with_a_sequence_of_schedules():
    import torch
    from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

    from plateau_transformers import PlateauRate

    def rates(callback):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
        parts = [LinearLR(optimizer, 0.1, 1.0, 30), CosineAnnealingLR(optimizer, 170)]
        scheduler = SequentialLR(optimizer, parts, [30])
        told = {"optimizer": optimizer, "lr_scheduler": scheduler}
        arguments = transformers.TrainingArguments(report_to=[], use_cpu=True)
        state = transformers.TrainerState()
        callback.on_train_begin(arguments, state, None, **told)
        for _ in range(200):
            optimizer.step()
            scheduler.step()
            state.global_step += 1
            callback.on_log(arguments, state, None, logs={"loss": 1.0}, **told)
            yield optimizer.param_groups[0]["lr"]

    alone = list(rates(PlateauRate(FLAT, Policy(max_reductions=0))))
    schedule, factor, expected = Schedule(FLAT.clone(), Policy()), 1.0, []
    for rate in alone:
        event = schedule.step(1.0, LR * factor)
        factor *= event.factor if event else 1.0
        expected.append(rate * factor)
    assert list(rates(PlateauRate(FLAT))) == pytest.approx(expected, rel=1e-12)
    assert schedule.state.reductions > 2


def test_a_schedule_with_a_highest_rate_of_its_own_is_refused():
    import torch

    from plateau_transformers import PlateauRate

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=10)
    arguments = transformers.TrainingArguments(report_to=[], use_cpu=True)
    with pytest.raises(ValueError, match="cannot multiply with OneCycleLR, which goes back to"):
        PlateauRate().on_train_begin(
            arguments, transformers.TrainerState(), None, lr_scheduler=scheduler
        )


def test_a_loss_that_the_filter_made_0_is_not_taken_for_progress():
    from plateau_transformers import PlateauRate

    callback = PlateauRate(FLAT)
    logged(callback, "loss", [3.0, 0.0, 3.0])
    assert (callback.schedule.detector.count, callback.schedule.detector.skipped) == (2, 1)


@pytest.mark.filterwarnings("default")
def test_a_filter_that_is_off_is_warned_of():
    from plateau_transformers import PlateauRate

    with pytest.warns(UserWarning, match="logs NaN for ever after the first .* leave it True"):
        logged(PlateauRate(FLAT), "loss", [3.0], logging_nan_inf_filter=False)


def test_several_callbacks_keep_their_states_apart():
    from plateau_transformers import PlateauStop

    callbacks = [PlateauStop(FLAT, monitor=monitor) for monitor in ("loss", "eval_loss")]
    for length, callback in enumerate(callbacks, 5):
        logged(callback, callback.monitor, [3.0] * length)
    state = transformers.TrainerState(stateful_callbacks=callbacks, global_step=3)
    arguments = transformers.TrainingArguments(report_to=[], use_cpu=True)
    for length, monitor in enumerate(("loss", "eval_loss"), 5):
        callback = PlateauStop(FLAT, monitor=monitor)
        callback.on_train_begin(arguments, state, transformers.TrainerControl())
        assert callback.stopper.taken == length
