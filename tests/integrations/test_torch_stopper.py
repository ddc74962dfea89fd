"""When PlateauStopper says stop."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams, with_gaps

from plateau import Detector, Haar, ThresholdDetector, Verdict
from plateau_torch import PlateauStopper


def as_tensor(loss):
    return torch.tensor(loss, dtype=torch.float64)  # not rounded


@given(with_gaps(streams()), detectors, st.sampled_from([float, as_tensor]), st.booleans())
def test_it_stops_where_the_loss_is_flat_or_gets_worse_and_stays_stopped(
    losses, detector, as_loss, slow
):
    stopper = PlateauStopper(detector.clone(), slow=slow)
    twin, stopped = detector.clone(), False
    for loss in losses.tolist():
        fires = twin.update(loss)
        flat = fires and (slow or twin.kind == "flat")
        stopped |= flat or twin.verdict is Verdict.WORSENING
        assert stopper.step(as_loss(loss)) == stopped == stopper.stopped == bool(stopper.reason)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_fed_once_an_epoch_it_works_out_of_the_box(mode):
    sign = 1 if mode == "min" else -1
    noise = 0.01 * np.random.default_rng(3).normal(size=(20, 60))
    epochs = np.arange(60)
    for i in range(20):
        flat = sign * (np.where(epochs < 20, 2 * np.exp(-epochs / 6), 0.07) + noise[i])
        stopper = PlateauStopper(Detector(mode))
        stops = [epoch for epoch, loss in enumerate(flat) if stopper.step(loss)]
        assert 25 < stops[0] < 55
        assert "flat since sample" in stopper.reason
        best = int(np.argmin(sign * flat))
        assert (stopper.best, stopper.best_step) == (flat[best], best)


def test_overfitting_is_a_reason_to_stop():
    epochs = np.arange(60)
    turns = 0.002 * np.maximum(epochs - 25, 0) ** 1.5
    stopped = 0
    for seed in range(20):
        noise = 0.01 * np.random.default_rng(seed).normal(size=60)
        stopper = PlateauStopper()
        losses = np.exp(-epochs / 8) + turns + noise
        stopped += any(stopper.step(loss) for loss in losses)
        assert stopper.best_step == int(np.argmin(losses))
    assert stopped >= 18


def test_what_gets_worse_says_where_it_was_best():
    stopper = PlateauStopper()
    for loss in [3.0, 2.0, 1.0, *np.arange(1.1, 9.0, 0.1).tolist()]:
        if stopper.step(loss):
            break
    assert stopper.reason == "gets worse; the best, 1, was at step 2"


@given(st.data(), with_gaps(streams()), detectors, st.none() | st.integers(0, 5))
def test_it_goes_on_from_a_checkpoint(data, losses, detector, lag):
    cut = data.draw(st.integers(0, len(losses)))
    whole, first, second = (PlateauStopper(detector.clone(), lag=lag) for _ in range(3))
    expected = [whole.step(loss) for loss in losses]
    told = [first.step(loss) for loss in losses[:cut]]
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    second.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    assert told + [second.step(loss) for loss in losses[cut:]] == expected
    assert second.state_dict() == whole.state_dict()


def test_a_state_that_does_not_fit_is_refused():
    stopper = PlateauStopper(ThresholdDetector(Haar(4), 0.1, 3))
    other = PlateauStopper(ThresholdDetector(Haar(4), 0.1, 4)).state_dict()
    with pytest.raises(ValueError, match="saved with patience=4, here it is 3"):
        stopper.load_state_dict(other | {"stopped": True})
    assert not stopper.stopped
    with pytest.raises(ValueError, match="a state of PlateauStopper has stopped, taken"):
        stopper.load_state_dict({})
    for change, message in [
        ({"stopped": 1}, "damaged: stopped must be True or False, not 1"),
        ({"steps": "a"}, "damaged: steps must be a whole number, not 'a'"),
        ({"waiting": [None, "a"]}, "damaged: waiting must be a number, not 'a'"),
        ({"detector": 3}, "detector: a state must be a dict"),
        ({"taken": -1}, "damaged: taken must be"),
        ({"best": "a"}, "damaged: best must be a number, not 'a'"),
        ({"best_step": 0.5}, "damaged: best_step must be a whole number"),
        ({"reason": 3}, "damaged: reason must be text, not 3"),
    ]:
        before = stopper.state_dict()
        with pytest.raises(ValueError, match=message):
            stopper.load_state_dict(before | change)
        assert stopper.state_dict() == before
    with pytest.raises(ValueError, match=r"must be a dict that state_dict\(\) made, not"):
        stopper.load_state_dict(None)
    with pytest.raises(AttributeError, match="no setter"):
        stopper.detector = None
    with pytest.raises(TypeError, match="a loss must be one real number"):
        stopper.step(torch.zeros(2))
    with pytest.raises(TypeError, match="detector must be a detector"):
        PlateauStopper(0.1)
