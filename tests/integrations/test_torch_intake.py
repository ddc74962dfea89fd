"""Losses on an accelerator: taken in order, none dropped, never waited for unless asked to.

Without an accelerator, its event and its pinned memory are stood in for; the copying, the order and
the decision when to take a loss are the real ones. The last tests want a CUDA device.
"""

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams, with_gaps

from plateau import Haar, ThresholdDetector
from plateau_torch import PlateauLR, PlateauStopper, intake, scheduler


class Far(torch.Tensor):
    """A tensor that says it is on a CUDA device."""

    is_cuda = property(lambda self: True)

    def item(self):
        raise AssertionError("reading it here would wait for the device")

    __float__ = tolist = item


class Device:
    """A device that finishes what it was given when told to; it says who waited for it."""

    def __init__(self):
        self.given = self.finished = self.waits = 0

    def stands_in(self, monkeypatch):
        device = self

        class Event:
            def record(self, stream):
                assert stream == "the current stream"
                device.given += 1
                self.place = device.given

            def query(self):
                return self.place <= device.finished

            def synchronize(self):
                if not self.query():
                    device.waits += 1
                    device.finished = self.place

        monkeypatch.setattr(scheduler, "CUDA", True)
        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "the current stream")
        monkeypatch.setattr(
            intake,
            "pinned_like",
            lambda value: torch.full_like(value, math.nan).as_subclass(torch.Tensor),
        )
        return self


def far(loss):
    return torch.tensor(loss, dtype=torch.float64).as_subclass(Far)


def scheduler_of(detector, **arguments):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.8)
    return PlateauLR(optimizer, detector, **arguments)


@given(st.data(), with_gaps(streams(scales=[1.0])), detectors, st.integers(0, 20))
def test_losses_are_taken_in_order_when_they_have_arrived(data, losses, detector, warmup_steps):
    events, expected = [], []
    arguments = {"warmup_steps": warmup_steps, "max_reductions": 1000}
    whole = scheduler_of(detector.clone(), on_plateau=expected.append, **arguments)
    for loss in losses.tolist():
        whole.step(loss)
    with pytest.MonkeyPatch.context() as patch:
        device = Device().stands_in(patch)
        made = scheduler_of(detector.clone(), on_plateau=events.append, **arguments)
        n = len(losses)
        is_far = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
        behind = data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
        for step, loss in enumerate(losses.tolist()):
            made.step(far(loss) if is_far[step] else loss)
            assert made.last_epoch == step + 1
            device.finished = max(device.given - behind[step], device.finished)
        assert device.waits == 0
        device.finished = device.given
        made.step(math.nan)
    assert events == expected
    whole.step(math.nan)
    assert made.state_dict() == whole.state_dict()


def test_a_loss_is_taken_at_the_first_step_at_which_it_has_arrived(monkeypatch):
    device = Device().stands_in(monkeypatch)
    made = scheduler_of(ThresholdDetector(Haar(4), 0.1, 3))
    counts = []
    for finished in [0, 0, 2, 2, 2, 5]:
        device.finished = finished
        made.step(far(1.0))
        counts.append(made.detector.count)
    assert counts == [0, 0, 2, 2, 2, 5]
    assert device.waits == 0


def test_with_a_lag_it_is_taken_so_many_steps_later_whatever_the_timing(monkeypatch):
    device = Device().stands_in(monkeypatch)
    made = scheduler_of(ThresholdDetector(Haar(4), 0.1, 3), lag=2)
    counts, waits = [], []
    for finished in [1, 2, 2, 3, 3, 3]:
        device.finished = max(finished, device.finished)
        made.step(far(1.0))
        counts.append(made.detector.count)
        waits.append(device.waits)
    assert counts == [0, 0, 1, 2, 3, 4]
    assert waits == [0, 0, 0, 0, 0, 1]  # only the fourth loss was later than its lag


@pytest.mark.parametrize("cut", range(16))
def test_a_checkpoint_keeps_what_is_on_its_way(monkeypatch, cut):
    losses = [5.0, 3.0, 2.0, *[1.0] * 12]

    def run(made, losses):
        rates = []
        for loss in losses:
            made.step(far(loss))
            rates += made.get_last_lr()
        return rates

    Device().stands_in(monkeypatch)
    detector = ThresholdDetector(Haar(2), 0.1, 2)
    whole, first, second = (scheduler_of(detector.clone(), lag=3) for _ in range(3))
    expected = run(whole, losses)
    assert len(set(expected)) > 2
    before = run(first, losses[:cut])
    second.load_state_dict(first.state_dict())
    assert before + run(second, losses[cut:]) == expected
    assert second.state_dict() == whole.state_dict()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_copy_has_what_is_on_its_way(monkeypatch, copied):
    Device().stands_in(monkeypatch)
    made = scheduler_of(ThresholdDetector(Haar(4), 0.1, 3))
    for loss in range(5):
        made.step(far(loss))
    twin = copied(made)
    assert made.detector.count < made.last_epoch == twin.last_epoch == 5
    assert twin.state_dict() == made.state_dict()


def test_a_stopper_does_not_wait_either(monkeypatch):
    device = Device().stands_in(monkeypatch)
    stopper = PlateauStopper(ThresholdDetector(Haar(2), 0.1, 2))
    told = []
    for step in range(8):
        device.finished = max(step - 2, 0)
        told.append(stopper.step(far(1.0)))
    assert told.index(True) == 6  # the loss of step 3 makes it fire, and takes three steps
    assert device.waits == 0


def test_a_tensor_of_several_numbers_is_refused(monkeypatch):
    Device().stands_in(monkeypatch)
    made = scheduler_of(ThresholdDetector(Haar(4), 0.1, 3))
    with pytest.raises(TypeError, match=r"one real number, not a tensor of shape \(3,\)"):
        made.step(torch.zeros(3).as_subclass(Far))
    assert made.last_epoch == 0


on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@on_a_gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_on_a_device_the_rates_are_those_of_the_numbers(dtype):
    losses = torch.tensor([9.0, 7.0, 5.0, 3.0] + [2.0] * 200, dtype=dtype, device="cuda")
    detector = ThresholdDetector(Haar(4), 0.1, 3)
    events, expected = [], []
    made = scheduler_of(detector.clone(), on_plateau=events.append)
    twin = scheduler_of(detector.clone(), on_plateau=expected.append)
    torch.cuda.set_sync_debug_mode("error")  # whatever waits for the device raises
    try:
        for loss in losses:
            made.step(loss)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()
    made.step(math.nan)
    for loss in losses.tolist():
        twin.step(loss)
    assert events == expected
    assert made.get_last_lr() == twin.get_last_lr()


@on_a_gpu
def test_on_a_busy_device_step_returns_at_once():
    made = scheduler_of(ThresholdDetector(Haar(4), 0.1, 3))
    made.step(torch.ones((), device="cuda"))
    torch.cuda.synchronize()
    torch.cuda._sleep(2_000_000_000)  # about a second
    made.step(torch.ones((), device="cuda"))
    assert not torch.cuda.current_stream().query()
    assert made.detector.count == 1
    torch.cuda.synchronize()
    made.step(math.nan)
    assert made.detector.count == 2
