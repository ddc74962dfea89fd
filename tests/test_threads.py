"""One thread at a time at one detector, filter or bank: another is refused, and nothing breaks."""

import os
import pickle
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from unittest import mock

import numpy as np
import pytest
from own import NoBest

from plateau import (
    Detector,
    DetectorBank,
    Ema,
    Haar,
    KeyedDetectors,
    ThresholdDetector,
    calibrated,
)
from plateau import _pyramid as c
from plateau._recurrence import PARAMS

XS = np.random.default_rng(0).normal(size=4096) + np.arange(4096) * 0.5
DETECTORS = {
    "calibrated": Detector(),
    "threshold, Ema": ThresholdDetector(Ema(0.1), 0.01, 50),
    "threshold, Haar": ThresholdDetector(Haar(10), 0.01, 50),
    "own": NoBest(0.1, 20),
}


def calls():
    """Each way to take samples or a state, of everything that has them."""
    for name, one in DETECTORS.items():
        yield name, one, [lambda d=one: d.update(1.0), *taken(one, "update_many", XS[:9])]
        yield name, one, [*taken(one, "record", XS[:9]), *taken(one, "until_fire", XS[:9])]
        yield name, one, [one.changed]
    for name, one in {"Haar": Haar(10), "Ema": Ema(0.1)}.items():
        yield name, one, [lambda f=one: f.update(1.0), *taken(one, "update_many", XS[:9])]
    for name, single in list(DETECTORS.items())[:3]:
        bank = DetectorBank(single, 3)
        yield f"bank, {name}", bank, [*taken(bank, "update", XS[:3]), bank.changed]
        yield f"bank, {name}", bank, [*taken(bank, "update_many", XS[:9].reshape(3, 3))]


def taken(one, name, xs):
    return [lambda: getattr(one, name)(xs)]


def copies(one):
    """Each way to copy a state."""
    ways = [one.state_dict, one.to_bytes, one.clone]
    return [*ways, lambda: one[1]] if isinstance(one, DetectorBank) else ways


def in_another_thread(call):
    """Call in a thread of its own; return the error, if there is one."""
    errors = []

    def run():
        try:
            call()
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return errors


@pytest.mark.parametrize(("name", "one", "each"), [*calls()])
def test_a_second_thread_is_refused_while_the_first_is_within(name, one, each):
    saved = one.state_dict()
    for call in [*each, *copies(one), one.reset, lambda: one.load_state_dict(saved)]:
        with one._use:
            (told,) = in_another_thread(call)
        assert told.startswith("in use by another thread")
        assert not in_another_thread(call)  # it takes turns


def test_a_second_thread_is_refused_by_detectors_of_keys():
    """Or what was told of a key would not be what its detector knows."""
    keyed = KeyedDetectors(ThresholdDetector(Haar(2), 0.1, 3))
    keyed.take("a", 1, 0.5)
    (state,) = keyed.collect().values()
    calls = [
        lambda: keyed.take("a", 2, 0.5),
        lambda: keyed.take_many("a", [3, 4], [0.5, 0.5]),
        keyed.collect,
        lambda: keyed.restore("a", state),
        lambda: keyed.position("a"),
        lambda: keyed["a"],
        keyed.forget,
    ]
    for call in calls:
        with keyed._use:
            (told,) = in_another_thread(call)
        assert told.startswith("in use by another thread")
        assert not in_another_thread(call)
        keyed.restore("a", state)
    assert pickle.loads(pickle.dumps(keyed)).take("a", 5, 0.5) == []


@pytest.mark.parametrize("one", [Detector(), ThresholdDetector(Haar(10), 0.01, 50)], ids=type)
def test_another_thread_may_bring_the_first_sample_while_that_is_compiled(monkeypatch, one):
    class Compiling:
        begun = False

        def pays(self):
            return True

        @property
        def entry(self):
            if not self.begun:
                self.begun = True
                assert in_another_thread(lambda: one.update(1.0)) == []
            return kernel.entry

    kernel = one._one_sample
    monkeypatch.setattr(type(one), "_one_sample", Compiling())
    one.update(2.0)
    assert one.count == 2


@pytest.mark.parametrize(("name", "one", "each"), [*calls()])
def test_a_thread_that_was_interrupted_may_go_on(name, one, each):
    for call in each:
        one._use.__enter__()  # and never leaves
        call()
        assert not in_another_thread(call)


KINDS = pytest.mark.parametrize(
    "one", [*DETECTORS.values(), DetectorBank(Detector(), 3)], ids=[*DETECTORS, "bank"]
)


@KINDS
def test_a_copy_waits_for_another(one):
    for copy in copies(one):
        with ThreadPoolExecutor(1) as pool:
            made = one._use.copied(lambda p=pool, c=copy: not_yet(p.submit(c)))
            made.result()


def not_yet(future):
    assert not wait([future], timeout=0.05).done
    return future


@KINDS
def test_a_copy_amid_what_its_thread_does_lets_nobody_in(one):
    """As the handler of a signal makes one, that saves before the program ends."""
    with one._use:
        for copy in copies(one):
            copy()
        assert in_another_thread(one.clone)
    assert not in_another_thread(one.clone)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such timers")
@KINDS
def test_a_copy_that_is_interrupted_keeps_nobody_waiting(one):
    """Wherever Ctrl-C comes, and while somebody still looks at where."""
    rng, seen = random.Random(0), []

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        while len(seen) < 100:
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(2e-5, 3e-4))
                while True:
                    one._use.copied(one._table)
            except KeyboardInterrupt as error:
                seen.append(error)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(one.clone).result(timeout=20)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("copying", [True, False])
def test_a_fork_while_another_thread_is_within(copying):
    """A child may copy what was copied meanwhile; what was changed meanwhile is refused there."""
    one, begun, go_on = ThresholdDetector(Ema(0.1), 0.01, 50), threading.Event(), threading.Event()

    def within():
        begun.set()
        go_on.wait(timeout=20)

    def change():
        with one._use:
            within()

    thread = threading.Thread(target=(lambda: one._use.copied(within)) if copying else change)
    thread.start()
    begun.wait()
    threading.Timer(0.2, go_on.set).start()
    if not (child := os.fork()):
        signal.alarm(20)  # to wait for a thread that is not there would have no end
        try:
            one.clone()
            os._exit(1)
        except RuntimeError:
            os._exit(2)
        finally:
            os._exit(3)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (1 if copying else 2)
    assert not in_another_thread(one.clone)


def test_a_bank_that_another_thread_lets_grow():
    """Samples that were counted before it grew are too few for the kernel."""
    bank = DetectorBank(Detector(), 3)
    use = bank._use
    bank.grow(500)
    with pytest.raises(RuntimeError, match="in use by another thread"):
        bank._take(np.zeros(3), None, bank.detector._advance)
    with use:
        assert in_another_thread(bank.clone)  # it is held by who held it before


@pytest.mark.parametrize("one", [*DETECTORS.values()][:3], ids=[*DETECTORS][:3])
def test_two_threads_at_one_detector_break_nothing(one):
    """One feeds it many samples at a time, the other one by one: each in turn, or refused."""
    detector, begin, told = one.clone(), threading.Barrier(2), []

    def feed(call):
        begin.wait()
        for _ in range(40):
            try:
                call()
            except RuntimeError as error:
                told.append(str(error))

    both = [lambda: detector.update_many(XS), lambda: [detector.update(x) for x in XS[:50]]]
    threads = [threading.Thread(target=feed, args=[call]) for call in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each.startswith("in use by another thread") for each in told)
    assert type(detector).from_bytes(detector.to_bytes()).to_bytes() == detector.to_bytes()


@pytest.mark.parametrize("stop", range(1, 8))
def test_rules_that_are_interrupted_are_asked_again(stop):
    """Wherever Ctrl-C comes between a full block and the rules, blocks stay within their array."""
    seen = 0

    def interrupted(row, *rest):
        nonlocal seen
        seen += row[c.FULL] >= c.BLOCKS
        if seen == stop:
            seen += 1
            raise KeyboardInterrupt
        return decided(row, *rest)

    decided, whole = calibrated.decide, Detector()
    bank, single, many = DetectorBank(Detector(), 1), Detector(), Detector()
    whole.update_many(XS)
    with mock.patch.object(calibrated, "decide", interrupted):
        for one in (bank, single, many):
            seen = 0
            while (count := int(np.max(one.count))) < len(XS):
                try:
                    if one is many:
                        one.update_many(XS[count:])
                    for x in XS[count:] if one is not many else ():
                        one.update([x] if one is bank else x)
                except KeyboardInterrupt:
                    assert one._state[PARAMS + c.FULL] == c.BLOCKS
    for one in (bank[0], single, many):
        assert one.count == whole.count
        assert one._state[PARAMS + c.FULL] <= c.BLOCKS
        assert Detector.from_bytes(one.to_bytes()).to_bytes() == one.to_bytes()
