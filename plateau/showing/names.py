"""Names of runs that are short and still differ."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from plateau.export import LogScan
from plateau.logs.model import Run
from plateau.offline import RunScan


class Named(NamedTuple):
    """A run of a report."""

    log: str
    """The log's path without the folders that all logs share."""
    part: str
    """Which of the log's runs it is; empty if it is the only one."""
    path: str
    """The log's path as given."""
    found: RunScan

    @property
    def name(self) -> str:
        """The whole name."""
        return f"{self.log}, {self.part}" if self.part else self.log


def named(scans: Sequence[LogScan]) -> list[Named]:
    """List the runs of all logs under their names."""
    logs = shortened([scan.log.path for scan in scans])
    return [
        Named(log, _part(found.run, scan), scan.log.path, found)
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


def _part(run: Run, scan: LogScan) -> str:
    times = Counter(found.run.name for found in scan.runs)
    name = f"run {run.name}" if run.name.isdecimal() else run.name
    parts = [name] if len(times) > 1 else []
    if times[run.name] > 1:
        parts.append(metric(run))
    return ", ".join(parts)
