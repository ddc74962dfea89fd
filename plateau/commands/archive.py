"""``plateau scan --archive``: any number of logs, here or on a cluster of Dask."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from plateau.commands.messages import clear_errors, complain, console, reason
from plateau.commands.results import keep_apart
from plateau.commands.scanning import bar
from plateau.logs.files.stream import resolved

if TYPE_CHECKING:
    from plateau.archive import Asked, Part
    from plateau.logs.several.find import Found
    from plateau.watching.lock import Lock

LOCAL = "local"
"""Address of a cluster that is started here, with a worker for each core."""

RETRIES = 2
"""Times that a part is tried again elsewhere, beside what a worker that dies costs."""


def scan_archive(
    paths: Sequence[str],
    folder: Path,
    asked: "Asked",
    address: str | None,
    rate: float | None,
    *,
    quiet: bool,
) -> None:
    """Scan logs part by part into a folder, and show what is in it."""
    from plateau.archive import left, parts_of, summary
    from plateau.export import write_whole
    from plateau.showing.archive import page, show_archive
    from plateau.showing.wording import count

    found = _found(paths, folder)
    with _alone_in(folder):
        parts = parts_of(found, asked)
        with clear_errors(folder):
            open_ones = left(folder, parts)
        if len(open_ones) < len(parts):
            complain(f"{folder}: {len(parts) - len(open_ones)} of {len(parts)} parts are there")
        working = (
            _here(open_ones, folder, asked)
            if address is None
            else _dask(open_ones, folder, asked, address)
        )
        failed = sum(1 for done in bar(quiet=quiet)(working, len(open_ones)) if not done)
        told = summary(folder, rate)
        with clear_errors(folder):
            write_whole(folder / "summary.html", page(told).encode())
        if not quiet:
            show_archive(console(), told)
        for text in told.said:
            complain(text)
        if failed:
            complain(f"{folder}: {failed} of {len(parts)} parts are missing: run the same again")
        if told.again:
            logs = count(told.again, "log")
            complain(f"{folder}: {logs} could not be read now: run the same again to try once more")
        if failed or not told.runs:
            raise typer.Exit(2)


def _found(paths: Sequence[str], folder: Path) -> "list[Found]":
    """Find the logs; none of them may lie where the archive does."""
    from plateau.archive import absolute, among_own
    from plateau.logs.several.find import find_logs

    inside = [path for path in paths if resolved(folder).is_relative_to(resolved(path))]
    if inside:
        raise typer.TyperException(f"{folder}: lies in {inside[0]}, which is read")
    found = absolute(find_logs(paths, complain))
    if not found:  # why was said; what the archive has stays
        raise typer.Exit(2)
    if own := among_own(folder, found):
        raise typer.TyperException(f"{folder}: is where {own[0]} lies, which is read")
    keep_apart((one.path for one in found), [folder])
    return found


def _alone_in(folder: Path) -> "Lock":
    """Make the folder of an archive, and let nobody else fill it."""
    from plateau.archive import DONE
    from plateau.watching.lock import Lock

    with clear_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return Lock(folder / DONE)


def _here(parts: Sequence["Part"], folder: Path, asked: "Asked") -> Iterator[bool]:
    """Work on parts in this process; yield what became of each."""
    from plateau.archive import work

    for part in parts:
        yield _tried(part, partial(work, part, folder, asked))


def _dask(parts: Sequence["Part"], folder: Path, asked: "Asked", address: str) -> Iterator[bool]:
    """Work on parts by Dask; yield what became of each."""
    from plateau.archive import work

    with _client(address) as client:
        from distributed import as_completed

        target = resolved(folder)  # workers have folders of their own
        # Not pure: a task that another scan gave the scheduler may write into another folder.
        tasks = {
            client.submit(work, part, target, asked, pure=False, retries=RETRIES): part
            for part in parts
        }
        for task in as_completed(tasks):
            yield _tried(tasks[task], task.result)


def _tried(part: "Part", result: Callable[[], Any]) -> bool:
    """Tell whether a part was done, and say so if not: what is wrong with one stops no other."""
    try:
        result()
    except Exception as error:
        complain(f"part {part.name}: {type(error).__name__}: {reason(error)}")
        return False
    return True


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        extra = "python -m pip install 'plateau-detect[dask]'"
        raise typer.TyperException(f"--dask needs Dask: {extra}") from None
    if address == LOCAL:
        cluster = LocalCluster(threads_per_worker=1, dashboard_address=None)
        with cluster, Client(cluster) as client:
            yield client
        return
    try:
        made = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise typer.TyperException(f"--dask {address}: {error}") from None
    with made as client:
        yield client
