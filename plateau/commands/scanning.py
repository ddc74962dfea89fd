"""Reading logs and scanning their runs, with a bar for those who wait."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from plateau.commands.groups import ColumnOptions
from plateau.commands.messages import complain, console
from plateau.commands.options import Unit
from plateau.commands.results import keep_apart

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from plateau.export import LogScan
    from plateau.logs import Log
    from plateau.rule import Rule

T = TypeVar("T")


def asking(columns: ColumnOptions, run: str | None, *, equals: bool = True) -> "Callable[..., Log]":
    """Return what reads a log and takes the columns that are asked for, or all equally good."""
    from plateau.scanning import reader_of

    metrics = (columns.metric or []) if equals else [one] if (one := columns.one()) else []
    return reader_of(metrics, equals=equals, run=run, **columns.chosen())


def read_apart(path: str, read_one: "Callable[..., Log]", memory: float | None) -> "Log":
    """Read one log in a process of its own, which may take so much ``memory``, in GiB.

    Raises
    ------
    LogError
        If it cannot be read.
    """
    from plateau.logs import LogError
    from plateau.logs.several.find import Found
    from plateau.logs.several.parallel import read_logs

    ((_, answer),) = read_logs([Found(path)], read_one, memory=as_bytes(memory))
    if isinstance(answer, LogError):
        raise answer
    return answer


def scanned(
    paths: Sequence[str],
    read_one: Callable[..., "Log"],
    make_rule: "Callable[[], Rule]",
    unit: Unit | None,
    outputs: Sequence[Path | None],
    *,
    quiet: bool,
    shown_by: str | None = None,
    memory: float | None = None,
) -> "list[LogScan]":
    """Scan logs one after the other; those that cannot be read get a line on stderr each.

    ``shown_by`` is the module that shows the results, loaded while logs are read; each
    process that reads may take so much ``memory``, in GiB.
    """
    from plateau.logs.several.find import find_logs
    from plateau.logs.several.parallel import read_logs

    found = find_logs(paths, complain)
    keep_apart((one.path for one in found), outputs)
    alone = len(found) == 1  # one bar at a time: over the files, or within the only one
    told = Reading() if alone and not quiet and sys.stderr.isatty() else None
    logs = read_logs(found, read_one, told, memory=as_bytes(memory))
    # What follows takes a while to import, numba most of all: the first log is being read.
    from plateau.follower import untracked
    from plateau.scanning import scan_logs

    rule = make_rule()
    load(rule)
    if shown_by:
        import_module(shown_by)
    files, within = (untracked, bar(quiet=quiet)) if alone else (bar(quiet=quiet), untracked)
    read = _stopping(told, logs) if told else logs
    scans = scan_logs(files(read, len(found)), rule, unit.value if unit else None, complain, within)
    if not scans:
        raise typer.Exit(2)
    return scans


def load(rule: "Rule") -> None:
    """Load the compiled detector, or compile it, while the first log is being read."""
    from plateau.calibrated import Detector

    if rule.calibrated:
        Detector()


def bar(*, quiet: bool) -> "Callable[[Iterable[T], int], Iterable[T]]":
    """Return what passes things on and shows on a terminal how far they are."""
    from plateau.follower import untracked

    if quiet or not sys.stderr.isatty():
        return untracked
    from rich.progress import track

    errors = console(stderr=True)
    return lambda things, count: track(
        things, "Scanning", total=count, console=errors, transient=True
    )


def as_bytes(gibibytes: float | None) -> int | None:
    """Return a size in bytes."""
    return None if gibibytes is None else int(gibibytes * (1 << 30))


def _stopping(told: "Reading", logs: "Iterable[T]") -> "Iterator[T]":
    """Pass on what was read, without the bar that told of the reading."""
    for each in logs:
        told.stop()
        yield each


class Reading:
    """Shows on a terminal how far the reading of a large log is."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, done: int, size: int | None) -> None:
        """Show how many bytes were read of how many."""
        from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        if self._bar is None:
            columns = (TextColumn("Reading"), DownloadColumn(), TransferSpeedColumn())
            self._bar = Progress(*columns, console=console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=None)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=done, total=size)

    def stop(self) -> None:
        """Leave the line to others."""
        if self._bar:
            self._bar.stop()
