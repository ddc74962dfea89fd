"""Saved logs from Python: what ``plateau scan`` and ``plateau report`` do, as functions."""

from __future__ import annotations

from functools import partial
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import pandas
    import polars
    from matplotlib.axes import Axes

    from plateau.base import Mode, Verdict
    from plateau.export import LogScan
    from plateau.follower import Progress
    from plateau.logs.model import Log, LogError
    from plateau.logs.several.find import Found
    from plateau.offline import RunScan, Unit
    from plateau.rule import Rule

    AnyPath = str | PathLike[str]

GIB = 1 << 30


def read_log(
    path: AnyPath,
    *,
    metric: str | None = None,
    x: str | None = None,
    lr: str | None = None,
    mode: Mode | None = None,
    run: str | None = None,
) -> Log:
    """Read the metric of a saved log; what is not named is chosen as ``plateau scan`` chooses it.

    Parameters
    ----------
    path : str or path
        A file of any format that ``plateau scan`` reads, the folder of one run, or a URL.
    metric, x, lr : str, optional
        Names of columns; case and punctuation may differ, and a unique ending is enough.
    mode : {"min", "max", "both"}, optional
        Which way the metric gets better, where its name tells it wrong.
    run : str, optional
        Take only the run of this name.

    Returns
    -------
    Log
        Its ``runs`` have ``name``, ``metric``, ``x_name``, ``mode`` and the arrays ``values``,
        ``x`` and ``lr``; its ``warnings`` say what was odd.

    Raises
    ------
    LogError
        A `ValueError`, if the file cannot be read or holds no such series.

    Examples
    --------
    >>> from pathlib import Path
    >>> import plateau
    >>> log = plateau.read_log(Path(plateau.__file__).parent / "data" / "sample.log")
    >>> run = log.runs[0]
    >>> run.metric, run.x_name, run.mode, len(run.values)
    ('loss', 'step', 'min', 4800)
    """
    from plateau.logs.reader import read_log

    return read_log(path, metric=metric, x=x, lr=lr, mode=mode, run=run)


def scan(
    paths: AnyPath | Iterable[AnyPath],
    *,
    metric: str | Sequence[str] | None = None,
    x: str | None = None,
    lr: str | None = None,
    mode: Mode | None = None,
    run: str | None = None,
    unit: Unit | None = None,
    detector: Literal["auto", "haar", "ema"] = "auto",
    memory: float | None = None,
    **settings: Any,
) -> Scan:
    """Find the plateaus of every run in saved logs, as ``plateau scan`` does.

    Parameters
    ----------
    paths : path, or iterable of paths
        Files, folders, patterns such as ``"runs/**/*.csv"``, or URLs.
    metric : str or sequence of str, optional
        The metrics; by default all that are equally good.
    x, lr, mode, run : str, optional
        As in `read_log`.
    unit : {"step", "row"}, optional
        What a sample is; rows by default, for a threshold rule steps if x counts them.
    detector : {"auto", "haar", "ema"}, default "auto"
        The calibrated detector, or the slope filter of a threshold rule.
    memory : float, optional
        GiB that reading may take in each process. By default half of the machine's, in all.
    **settings
        ``window``, ``smooth``, ``alpha``, ``beta``, ``threshold`` and ``patience`` of a threshold
        rule, ``horizon`` and ``scale`` of the calibrated detector. What counts samples may be a
        duration where x is a time, ``horizon="30m"``.

    Returns
    -------
    Scan
        The runs with their plateaus. What could not be read or was left out is in its `warnings`.

    Raises
    ------
    LogError
        A `ValueError`, if there is nothing to scan.

    Examples
    --------
    >>> from pathlib import Path
    >>> import plateau
    >>> found = plateau.scan(Path(plateau.__file__).parent / "data" / "sample.log")
    >>> for run in found:
    ...     print(run.run.metric, run.verdict, [(p.start, p.kind) for p in run.plateaus])
    loss plateau [(160, 'slow'), (960, 'flat'), (1800, 'flat'), (3000, 'flat'), (4000, 'flat')]
    """
    from plateau.logs.model import LogError
    from plateau.logs.several.find import find_logs
    from plateau.logs.several.parallel import read_logs
    from plateau.rule import Rule

    rule = Rule(detector, **settings)
    told: list[str] = []
    named = [paths] if isinstance(paths, (str, PathLike)) else paths
    found = find_logs([fspath(path) for path in named], told.append)
    metrics = (metric,) if isinstance(metric, str) else tuple(metric or ())
    read_one = reader_of(metrics, run=run, x=x, lr=lr, mode=mode)
    answers = read_logs(found, read_one, memory=None if memory is None else int(memory * GIB))
    logs = scan_logs(answers, rule, unit, told.append)
    if not logs:
        raise LogError("; ".join(told) or "no logs were named")
    return Scan(logs, told)


def reader_of(metrics: Sequence[str], *, equals: bool = True, **asked: Any) -> Callable[..., Log]:
    """Return what reads a log and takes the columns that are asked for, or all equally good."""
    from plateau.logs.several.parallel import read_one

    return partial(read_one, metrics=tuple(metrics), equals=equals and not metrics, **asked)


def scan_logs(
    answers: Iterable[tuple[Found, Log | LogError]],
    rule: Rule,
    unit: Unit | None,
    complain: Callable[[str], None],
    track: Progress | None = None,
) -> list[LogScan]:
    """Scan logs as they are read, and say in a line each what could not be.

    Parameters
    ----------
    answers : iterable
        As `plateau.logs.several.parallel.read_logs` yields them.
    rule, unit, track
        As in `plateau.offline.scan_run`.
    complain : callable
        Is told in one line what cannot be read, or is left out.
    """
    from plateau.logs.model import LogError, NoSeriesError
    from plateau.logs.several.duplicates import twin_of

    scans: list[LogScan] = []
    no_logs: list[str] = []
    for one, log in answers:
        if isinstance(log, NoSeriesError) and one.folder is not None:
            no_logs.append(one.path)
        elif isinstance(log, LogError):
            complain(str(log))
        elif one.folder is not None and (twin := twin_of(log, (scan.log for scan in scans))):
            complain(f"{log.path}: the same rows as in {twin.path}, which stands for both")
        else:
            scans += _scanned(log, rule, unit, complain, track)
    if no_logs:
        complain(_left_out(no_logs))
    return scans


def _scanned(
    log: Log, rule: Rule, unit: Unit | None, complain: Callable[[str], None], track: Progress | None
) -> list[LogScan]:
    """Scan the runs of a log; none if that cannot be done."""
    from plateau.export import LogScan
    from plateau.follower import untracked
    from plateau.offline import refuse_long, scan_run

    try:
        refuse_long(log.runs, rule, unit)
        runs = [scan_run(run, rule, unit, track or untracked) for run in log.runs]
    except ValueError as error:
        said = str(error)
        complain(said if log.path in said else f"{log.path}: {said}")
        return []
    return [LogScan(log, runs)]


def _left_out(no_logs: Sequence[str]) -> str:
    """Say which files of a folder are no logs, without a line for each."""
    shown = ", ".join(no_logs[:4]) + (" and others" if len(no_logs) > 4 else "")
    many = len(no_logs) > 1
    what = f"{len(no_logs)} files hold" if many else "1 file holds"
    return f"{what} no series of numbers and {'were' if many else 'was'} left out: {shown}"


class Scan:
    """What a scan found: its runs, each with its plateaus, in the order of the logs.

    It has a length and can be iterated and indexed. Each run has the ``run`` that was read, its
    ``plateaus``, its ``verdict`` at the end, its ``gain``: what as many rows again are expected to
    bring. A notebook shows it as a table and a picture.

    Parameters
    ----------
    logs : sequence of LogScan
        Each log with its runs.
    said : sequence of str
        What could not be read or was left out.
    """

    def __init__(self, logs: Sequence[LogScan], said: Sequence[str] = ()) -> None:
        self.logs = list(logs)
        self._said = list(said)

    @property
    def runs(self) -> list[RunScan]:
        """The runs of all logs."""
        return [found for log in self.logs for found in log.runs]

    @property
    def verdict(self) -> Verdict:
        """The verdict of the only run; of several, each has its own.

        Raises
        ------
        ValueError
            If there are several.
        """
        if len(self) > 1:
            raise ValueError(f"{len(self)} runs have a verdict each: ask one, as scan[0].verdict")
        return self[0].verdict

    @property
    def warnings(self) -> list[str]:
        """What was odd about the logs, what could not be read, and what was left out."""
        odd = [f"{one.log.path}: {text}" for one in self.logs for text in one.log.warnings]
        return odd + self._said

    def shifted(self, rate: float = 0.05) -> list[RunScan]:
        """Return the runs whose level has shifted at some time, as far as is evident.

        That is for series that should rest, such as the metrics of services: a loss falls, which
        is a shift too. It looks at all runs at once, by e-BH, see `plateau.evidence`.

        Parameters
        ----------
        rate : float, default 0.05
            Share of them that may be named falsely, on average; above 0 and below 1.

        Returns
        -------
        list of RunScan
            The one with the most evidence, its ``e_value``, first.

        Examples
        --------
        >>> from pathlib import Path
        >>> import plateau
        >>> found = plateau.scan(Path(plateau.__file__).parent / "data" / "sample.log")
        >>> [run.run.metric for run in found.shifted()]  # a loss that falls
        ['loss']
        """
        from plateau.evidence import e_bh

        chosen = e_bh([found.e_value for found in self.runs], rate)
        named = [found for found, is_named in zip(self.runs, chosen, strict=True) if is_named]
        return sorted(named, key=lambda found: -found.e_value)

    def plot(self, ax: Axes | None = None) -> list[Axes]:
        """Draw the runs one below the other, see `plateau.plot`.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw the only run; by default a new figure.

        Returns
        -------
        list of matplotlib Axes
            One for each run that is drawn, twelve at most.
        """
        from plateau.showing.pictures import plot

        drawn = plot(self, ax=ax)
        return drawn if isinstance(drawn, list) else [drawn]

    def report(self, path: AnyPath) -> None:
        """Write a report: one page that opens without a network, or a summary in Markdown.

        Parameters
        ----------
        path : str or path
            Its name ends in ``.html`` or ``.md``.

        Raises
        ------
        ValueError
            If it ends in something else, or is one of the logs.
        """
        from pathlib import Path

        from plateau.export import write_whole
        from plateau.showing.report import html, markdown

        target = Path(path)
        forms = {".html": html, ".md": markdown}
        form = forms.get(target.suffix.lower())
        if form is None:
            raise ValueError(f"{target}: the name must end in {' or '.join(forms)}")
        self._refuse_log(target)
        write_whole(target, form(self.logs).encode())

    def to_dict(self) -> dict[str, Any]:
        """Return the document that ``plateau scan --format json`` prints, as plain data."""
        from plateau.export import scan_document

        return scan_document(self.logs)

    def to_polars(self) -> polars.DataFrame:
        """Return a row for each plateau, with the columns of ``plateau scan --format csv``."""
        from plateau.export import SCAN_COLUMNS, frame, scan_rows

        return frame(scan_rows(self.logs), SCAN_COLUMNS)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a row for each plateau as a frame of pandas.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("to_pandas needs pandas: pip install pandas") from error

        return pd.DataFrame(self.to_polars().to_dict(as_series=False))

    def _refuse_log(self, path: Path) -> None:
        from plateau.logs.files.stream import resolved

        if any(resolved(path) == resolved(one.log.path) for one in self.logs):
            raise ValueError(f"{path}: is a log: name another file")

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[RunScan]:
        return iter(self.runs)

    def __getitem__(self, index: int) -> RunScan:
        return self.runs[index]

    def __repr__(self) -> str:
        from plateau.showing import wording

        runs = wording.count(len(self), "run")
        said = wording.plateaus(self.runs, f" in {runs}")
        odd = f", {wording.count(len(self.warnings), 'warning')}" if self.warnings else ""
        return f"<Scan: {said}{odd}>"

    def _repr_html_(self) -> str:
        from plateau.showing.notebook import scan_html

        return scan_html(self.logs, self.warnings)
