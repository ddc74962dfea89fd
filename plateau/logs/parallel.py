"""Read the files of a folder side by side."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from plateau.logs.model import Log, LogError
from plateau.logs.opening import STDIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plateau.logs.find import Found

    Read = Callable[[str], Log]

WORTH = 16 << 20  # bytes in all; below, starting a process takes longer than reading
WAITING = 4  # logs for each process that may be read ahead


def read_logs(found: Sequence[Found], read: Read) -> Iterator[tuple[Found, Log | LogError]]:
    """Read logs in order, in several processes where that is faster.

    ``read`` must be something that other processes can import, such as a ``functools.partial`` of
    :func:`plateau.logs.read_log`. What cannot be read gives its error.
    """
    one = partial(_attempt, read)
    workers = min(os.cpu_count() or 1, len(found))
    if workers < 2 or any(each.path == STDIN for each in found) or _size(found) < WORTH:
        yield from ((each, one(each.path)) for each in found)
        return
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


def _attempt(read: Read, path: str) -> Log | LogError:
    try:
        return read(path)
    except LogError as error:
        return error


def _size(found: Sequence[Found]) -> int:
    files = (Path(one.path) for one in found)
    return sum(path.stat().st_size for path in files if path.is_file())
