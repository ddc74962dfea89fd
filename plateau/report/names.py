"""Names of runs that are short and still differ."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from plateau.export import LogScan
from plateau.logs.model import Run
from plateau.offline import RunScan


class Named(NamedTuple):
    """A run of a report."""

    name: str
    path: str
    """Of its log, as given."""
    found: RunScan


def named(scans: Sequence[LogScan]) -> list[Named]:
    """List the runs of all logs under names that say the log, and the run where it has several."""
    logs = shortened([scan.log.path for scan in scans])
    return [
        Named(_run_name(log, found.run, scan), scan.log.path, found)
        for log, scan in zip(logs, scans, strict=True)
        for found in scan.runs
    ]


def shortened(paths: Sequence[str]) -> list[str]:
    """Leave out the folders that all paths begin with."""
    parts = [path.replace("\\", "/").split("/") for path in paths]
    shortest = min(map(len, parts), default=1)
    shared = 0
    while shared < shortest - 1 and len({part[shared] for part in parts}) == 1:
        shared += 1
    return ["/".join(part[shared:]) for part in parts]


def metric(run: Run) -> str:
    """Return the metric without the run's name, which trackers put in front of it."""
    return run.metric.removeprefix(f"{run.name} - ")


def _run_name(log: str, run: Run, scan: LogScan) -> str:
    times = Counter(found.run.name for found in scan.runs)
    if len(times) > 1:
        log = f"{log}, run {run.name}"
    return f"{log}, {metric(run)}" if times[run.name] > 1 else log
