"""Another process that reads: it may die or hang, and the next call is answered all the same."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from plateau.logs.processes.worker import EndedError, Worker

LONG = 60.0  # seconds, for a process that has to start on a busy machine


@pytest.fixture
def worker():
    with Worker() as worker:
        yield worker


def test_one_process_answers_all_calls(worker):
    first = worker.call(os.getpid, limit=LONG)
    assert first != os.getpid()
    assert worker.call(os.getpid, limit=LONG) == first


def test_what_a_function_raises_is_raised_here(worker):
    with pytest.raises(ValueError, match="invalid literal"):
        worker.call(int, "x", limit=LONG)
    assert worker.call(int, "7", limit=LONG) == 7


def test_what_a_function_prints_is_no_answer(worker):
    assert worker.call(os.system, "echo no answer", limit=LONG) == 0
    assert worker.call(print, "neither is this", limit=LONG) is None


def test_another_process_takes_the_place_of_one_that_died(worker):
    first = worker.call(os.getpid, limit=LONG)
    with pytest.raises(EndedError):
        worker.call(os.abort, limit=LONG)
    assert worker.call(os.getpid, limit=LONG) != first


def test_one_that_dies_between_two_calls_is_replaced(worker):
    first = worker.call(os.getpid, limit=LONG)
    os.kill(first, signal.SIGTERM)
    worker._process.wait()
    assert worker.call(os.getpid, limit=LONG) != first


def test_one_that_hangs_is_ended(worker):
    worker.call(os.getpid, limit=LONG)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        worker.call(time.sleep, LONG, limit=0.5)
    assert time.monotonic() - start < LONG / 2
    assert worker.call(int, "7", limit=LONG) == 7


def test_calls_of_several_threads_get_their_own_answers(worker):
    answers = {}

    def ask(n):
        answers[n] = worker.call(str, n, limit=LONG)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: str(n) for n in range(20)}


def test_the_process_ends_with_this_one_or_when_it_is_closed(worker):
    worker.call(os.getpid, limit=LONG)
    process = worker._process
    worker.close()
    assert process.returncode == 0


def test_the_process_ends_by_itself_when_no_more_is_to_come(worker):
    worker.send(int, "7")
    worker.finish()
    assert worker.receive() == 7
    assert worker._process.wait(LONG) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_of_this_process_starts_its_own(worker):
    first = worker.call(os.getpid, limit=LONG)
    if not (fork := os.fork()):
        os._exit(worker.call(os.getpid, limit=LONG) == first)
    assert os.waitpid(fork, 0)[1] == 0
    assert worker.call(os.getpid, limit=LONG) == first


@pytest.mark.skipif(os.name != "posix", reason="Windows ends what a killed process has begun")
def test_the_process_ends_where_this_one_is_killed():
    """Also amid its work, when it reads no more of what it is asked."""
    code = (
        "import os, time\nfrom plateau.logs.processes.worker import Worker\nworker = Worker()\n"
        "print(worker.call(os.getpid, limit=60), flush=True)\n"
        "worker.call(time.sleep, 600, limit=600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as asks:
        reader = int(asks.stdout.readline())
        asks.kill()
    end = time.monotonic() + LONG
    while _runs(reader) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _runs(reader)


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_what_was_begun_before_a_death_is_told_as_lost(worker):
    worker.send(os.abort)
    worker.send(int, "1")
    with pytest.raises(EndedError):
        worker.receive()
    worker.send(int, "2")
    assert worker.receive() == 2
