"""Before anything is compiled: the same numbers, no compiler, and a state that stays whole."""

import sys
import threading
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import python
from strategies import detectors, streams, with_gaps

from plateau import Detector, Ema, ThresholdDetector, _compile
from plateau._compile import Interpreter, Kernel


def interpreted():
    return mock.patch.object(_compile, "OFF", True)


def compiled():
    return mock.patch.object(_compile, "PATIENCE", 0.0)


@given(st.data(), detectors, with_gaps(streams(min_size=1)))
def test_compiling_changes_nothing_wherever_it_comes(data, detector, xs):
    at = data.draw(st.integers(0, len(xs)))
    twin = detector.clone()
    with compiled():
        fired = [twin.update(x) for x in xs]
    with interpreted():
        early = [detector.update(x) for x in xs[:at]]
    with compiled():
        assert early + [detector.update(x) for x in xs[at:]] == fired
    assert detector.to_bytes() == twin.to_bytes()


@given(detectors, with_gaps(streams(min_size=1)))
def test_a_row_of_samples_is_the_same_without_the_compiler(detector, xs):
    twin = detector.clone()
    with compiled():
        fired = twin.update_many(xs)
    with interpreted():
        assert detector.update_many(xs).tolist() == fired.tolist()
    assert detector.to_bytes() == twin.to_bytes()


SHORT = """
import json, sys
from plateau import Detector, find_plateaus
loss = [1.0 + 0.5 ** epoch for epoch in range(60)]
detector = Detector()
fired = [detector.update(x) for x in loss]
print(json.dumps([any(fired), len(find_plateaus(loss)), "numba" in sys.modules]))
"""


def test_a_short_stream_does_without_numba():
    assert python(SHORT) == [True, 1, False]


def test_the_compiler_can_be_asked_for_at_once_and_be_done_without():
    assert python(SHORT, PLATEAU_INTERPRET="0") == [True, 1, True]
    assert python(SHORT, NUMBA_DISABLE_JIT="1") == [True, 1, False]


LANES = """
import json
import numpy as np
from plateau import DetectorBank, Ema, ThresholdDetector
bank = DetectorBank(ThresholdDetector(Ema(0.5), 0.1, 3), 3)
fired = [bool(bank.update(np.zeros(3)).all()) for _ in range(8)]
patient = ThresholdDetector(Ema(1.0), 0.1, 300)
print(json.dumps([fired, patient.update_many(np.zeros(700)).tolist()]))
"""


def test_what_computes_with_lanes_is_compiled_however_little_there_is():
    plain, lanes = (python(LANES, PLATEAU_FAST=on) for on in "01")
    assert plain == lanes
    assert any(plain[0])


def test_it_compiles_once_a_process_has_been_slow_or_is_given_much():
    total = Kernel(lambda values: float(values.sum()), _compile.FLOATS)
    with mock.patch.object(Interpreter, "spent", 0.0):
        assert not total.pays(np.zeros(_compile.LITTLE))
        assert total.pays(np.zeros(_compile.LITTLE + 1))
        Interpreter.spent = _compile.PATIENCE
        assert total.pays(np.zeros(1))


def test_what_is_interpreted_is_counted():
    def busy(values):
        while Interpreter.spent == 0.0 and values[0] < 1e5:
            values[0] += 1.0

    with mock.patch.object(Interpreter, "spent", 0.0):
        Kernel(busy, _compile.FLOATS).interpret(np.zeros(1))
        assert Interpreter.spent > 0.0


class StopError(BaseException):
    pass


@pytest.mark.parametrize("make", [Detector, lambda: ThresholdDetector(Ema(0.5), 0.1, 3)])
@pytest.mark.parametrize("way", ["update", "update_many"])
def test_whoever_is_interrupted_has_the_state_as_it_was(make, way):
    detector = make()
    with interpreted():
        detector.update_many([1.0, 2.0, 3.0])
        before = detector.to_bytes()

        def interrupt(frame, event, argument):
            # The first line of the kernel at which the copy that it works on has changed.
            own = frame.f_locals.get("state", frame.f_locals.get("address"))
            if own is not None and bytes(own)[88:] != bytes(detector._state)[88:]:
                raise StopError
            return interrupt

        sys.settrace(interrupt)
        try:
            with pytest.raises(StopError):
                detector.update(4.0) if way == "update" else detector.update_many([4.0, 5.0])
        finally:
            sys.settrace(None)
        assert detector.to_bytes() == before
        detector.update(4.0)
        assert detector.count == 4


@pytest.mark.parametrize("make", [Detector, lambda: ThresholdDetector(Ema(0.5), 0.1, 3)])
def test_one_thread_at_a_time(make):
    detector = make()
    with interpreted():
        detector.update(1.0)
        with detector._use:
            told = []

            def other():
                with pytest.raises(RuntimeError, match="in use by another thread"):
                    detector.update(2.0)
                told.append(True)

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert told == [True]
        detector.update(2.0)
    assert detector.count == 2
