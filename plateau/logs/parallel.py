"""Read logs side by side, or beside what else is to be done."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from plateau.logs.model import Log, LogError
from plateau.logs.opening import STDIN, URL
from plateau.logs.process import EndedError, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plateau.logs.find import Found
    from plateau.logs.model import Run

    Read = Callable[[str], Log]
    Attempt = Callable[[str], Log | LogError]
    Answers = Iterator[tuple[Found, Log | LogError]]

WORTH = 16 << 20  # bytes in all; below, starting several processes takes longer than reading
WAITING = 4  # logs for each process that may be read ahead
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


def read_logs(found: Sequence[Found], read: Read, here: Read | None = None) -> Answers:
    """Begin to read logs, and return them in order, each as it is done.

    Small ones are read in another process, so that this one can import what it needs for them;
    many large ones in several. What cannot be read gives its error.

    Parameters
    ----------
    found : sequence of Found
        The logs.
    read : callable
        What other processes can import, such as a ``functools.partial`` of `read_one`.
    here : callable, optional
        Takes the place of ``read`` where logs are read in this process.
    """
    cores = os.cpu_count() or 1
    local = not any(each.path == STDIN or URL.match(each.path) for each in found)
    large = local and _size(found) >= WORTH
    if local and large and min(cores, len(found)) > 1:
        return _side_by_side(found, partial(_attempt, read), min(cores, len(found)))
    if local and not large and cores > 1 and found and sys.executable:
        return _beside(found, partial(_attempt, read))
    return ((each, _attempt(here or read, each.path)) for each in found)


def _side_by_side(found: Sequence[Found], one: Attempt, workers: int) -> Answers:
    from concurrent.futures import ProcessPoolExecutor  # slow to import
    from multiprocessing import get_context

    # A fresh process: a copy of this one could hang on a lock that a thread of it held.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        ahead = workers * WAITING
        tasks = [pool.submit(one, each.path) for each in found[:ahead]]
        for index, each in enumerate(found):
            if index + ahead < len(found):
                tasks.append(pool.submit(one, found[index + ahead].path))
            yield each, tasks[index].result()


def _beside(found: Sequence[Found], one: Attempt) -> Answers:
    worker = Worker()
    worker.send(one, found[0].path)  # now, and not where the first is asked for
    return _answers(worker, found, one)


def _answers(
    worker: Worker, found: Sequence[Found], one: Callable[[str], Log | LogError]
) -> Answers:
    with worker:
        begun = 1
        for index, each in enumerate(found):
            for ahead in found[max(begun, index) : index + 2]:
                worker.send(one, ahead.path)
            begun = min(index + 2, len(found))
            try:
                answer: Log | LogError = worker.receive()
            except EndedError:
                answer = LogError(f"{each.path}: the process that read it came to an end")
                begun = index + 1  # what was begun is lost
            if index + 1 == len(found):
                worker.finish()
            yield each, answer


def _attempt(read: Read, path: str) -> Log | LogError:
    try:
        return read(path)
    except LogError as error:
        return error


def _size(found: Sequence[Found]) -> int:
    # Path.is_file raises for a name that is too long.
    files = (one.path for one in found if os.path.isfile(one.path))  # noqa: PTH113
    return sum(_unpacked(Path(path)) for path in files)


def _unpacked(path: Path) -> int:
    return path.stat().st_size * (SHRUNK if path.suffix in PACKED else 1)
