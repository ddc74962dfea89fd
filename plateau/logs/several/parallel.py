"""Read logs side by side, or beside what else is to be done."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from plateau.logs.files.stream import STDIN, URL, is_file
from plateau.logs.model import Log, LogError, ReadError
from plateau.logs.processes import limits
from plateau.logs.processes.worker import EndedError, Worker, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plateau.logs.model import Run
    from plateau.logs.several.find import Found

    Told = Callable[[int, int | None], None]

T = TypeVar("T")

WORTH = 16 << 20  # bytes in all; below, starting several processes takes longer than reading
WAITING = 4  # logs for each process that may be read ahead
LONGEST = 200  # characters of an error that is none of ours
STANDING = 10  # times the processor time that reading may take on a busy machine
PACKED, SHRUNK = {".gz", ".xz", ".bz2", ".zst"}, 10  # text takes so many times more in memory


def read_one(path: str, *, metrics: Sequence[str] = (), **asked: object) -> Log:
    """Call :func:`plateau.logs.read_log`, which is imported where it is called only.

    Several metrics are read one after the other, and their runs put together.
    """
    from plateau.logs.reader import read_log

    read: Callable[..., Log] = read_log
    if not metrics:
        return read(path, **asked)
    if path == STDIN and len(metrics) > 1:
        raise LogError(f"{path}: several metrics need a file, which can be read again")
    logs = [read(path, metric=metric, **asked) for metric in dict.fromkeys(metrics)]
    runs: dict[str, tuple[Run, ...]] = {}
    for log in logs:
        runs.setdefault(log.runs[0].metric, log.runs)  # two names may mean the same
    warnings = dict.fromkeys(warning for log in logs for warning in log.warnings)
    return replace(logs[0], runs=tuple(chain(*runs.values())), warnings=tuple(warnings))


def read_logs(
    found: Sequence[Found],
    read: Callable[..., T],
    told: Told | None = None,
    memory: int | None = None,
) -> Iterator[tuple[Found, T | LogError]]:
    """Begin to read logs, and return them in order, each as it is done.

    They are read in other processes, which may take so much memory and time and no more: small ones
    in one, so that this one can import what it needs for them; many large ones in several. Standard
    input and what is far away are read here. What cannot be read gives its error, whatever that is.

    Parameters
    ----------
    found : sequence of Found
        The logs.
    read : callable
        What other processes can import, such as a ``functools.partial`` of `read_one`.
    told : callable, optional
        Hears how many bytes of a large log were read, and how many it has, where there is but one.
    memory : int, optional
        Bytes that reading may take in each process. Default: half of the machine's, in all.
    """
    cores = os.cpu_count() or 1
    local = not any(each.path == STDIN or URL.match(each.path) for each in found)
    if not (local and found and sys.executable):
        here = partial(read, told=told) if told else read
        return ((each, _attempt(here, each.path)) for each in found)
    workers = min(cores, len(found)) if _size(found) >= WORTH else 1
    memory = memory or limits.memory(workers)
    if workers > 1:
        return _side_by_side(found, partial(_attempt, read), workers, memory)
    one = partial(_attempt_told if told else _attempt, read)
    worker = Worker(memory)
    _begin(worker, one, found[0])  # now, and not where the first is asked for
    return _answers(worker, found, one, told or _unheard)


def _begin(worker: Worker, one: Callable[[str], object], each: Found) -> None:
    worker.send(one, each.path, seconds=_seconds(each))


def _seconds(each: Found) -> int:
    return limits.seconds(each.path, SHRUNK if Path(each.path).suffix in PACKED else 1)


def _unheard(*_: object) -> None:
    pass


def _side_by_side(
    found: Sequence[Found], one: Callable[[str], T | LogError], workers: int, memory: int
) -> Iterator[tuple[Found, T | LogError]]:
    hands = [Worker(memory) for _ in range(workers)]
    free: SimpleQueue[Worker] = SimpleQueue()
    for hand in hands:
        free.put(hand)

    def answer(each: Found) -> T | LogError:
        hand, seconds = free.get(), _seconds(each)
        try:
            found: T | LogError = hand.call(
                one, each.path, limit=STANDING * seconds, seconds=seconds
            )
        except (EndedError, TimeoutError) as error:
            found = _lost(each, error)
        finally:
            free.put(hand)
        return found

    pool = ThreadPoolExecutor(workers)
    try:
        ahead = workers * WAITING
        tasks = [pool.submit(answer, each) for each in found[:ahead]]
        for index, each in enumerate(found):
            if index + ahead < len(found):
                tasks.append(pool.submit(answer, found[index + ahead]))
            yield each, tasks[index].result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for hand in hands:
            hand.close()


def _answers(
    worker: Worker, found: Sequence[Found], one: Callable[[str], T | LogError], told: Told
) -> Iterator[tuple[Found, T | LogError]]:
    with worker:
        begun = 1
        for index, each in enumerate(found):
            for ahead in found[max(begun, index) : index + 2]:
                _begin(worker, one, ahead)
            begun = min(index + 2, len(found))
            try:
                answer: T | LogError = worker.receive(told)
            except EndedError as error:
                answer = _lost(each, error)
                begun = index + 1  # what was begun is lost
            if index + 1 == len(found):
                worker.finish()
            yield each, answer


def _lost(each: Found, error: EndedError | TimeoutError) -> LogError:
    """Say why a process gave no answer."""
    if isinstance(error, TimeoutError) or error.late:
        kind = ReadError if isinstance(error, TimeoutError) else LogError
        return kind(f"{each.path}: reading it took more than {_seconds(each)} s: given up")
    kind = ReadError if error.killed else LogError
    return kind(f"{each.path}: the process that read it came to an end")


def _attempt_told(read: Callable[..., T], path: str) -> T | LogError:
    return _attempt(partial(read, told=tell), path)


def _attempt(read: Callable[..., T], path: str) -> T | LogError:
    """Read a log; whatever goes wrong costs this log and no other."""
    try:
        return read(path)
    except LogError as error:
        return error
    except MemoryError:
        return ReadError(f"{path}: cannot be read: it takes more memory than there is for it")
    except Exception as error:
        text = " ".join(str(error).split())[:LONGEST]
        far = isinstance(error, OSError) or URL.match(path)
        kind = ReadError if far else LogError
        return kind(f"{path}: cannot be read: {type(error).__name__}: {text}")


def _size(found: Sequence[Found]) -> int:
    files = (one.path for one in found if is_file(one.path))
    return sum(_unpacked(Path(path)) for path in files)


def _unpacked(path: Path) -> int:
    return path.stat().st_size * (SHRUNK if path.suffix in PACKED else 1)
