"""When PlateauStopper says stop."""

import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams, with_gaps

from plateau import Haar, ThresholdDetector
from plateau_torch import PlateauStopper


@given(with_gaps(streams()), detectors, st.sampled_from([float, torch.tensor]))
def test_it_stops_at_the_first_fire_and_stays_stopped(losses, detector, as_loss):
    stopper = PlateauStopper(detector.clone())
    told = [stopper.step(as_loss(loss)) for loss in losses.tolist()]
    offsets = detector.update_many(losses).tolist()
    first = offsets[0] if offsets else len(losses)
    assert told == [i >= first for i in range(len(losses))]
    assert stopper.stopped == bool(offsets)


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
    with pytest.raises(ValueError, match="a state of PlateauStopper has stopped, steps, detector"):
        stopper.load_state_dict({})
    for change, message in [
        ({"stopped": 1}, "damaged: stopped must be True or False, not 1"),
        ({"steps": "a"}, "damaged: steps must be a whole number, not 'a'"),
        ({"waiting": [None, "a"]}, "damaged: waiting must be a number, not 'a'"),
        ({"detector": 3}, "detector: a state must be a dict"),
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
