"""Following a log until it ends, is told to stop, or shows what it must not."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plateau._arguments import positive
from plateau.events import NONFINITE, PLATEAU, RESUMED, WORSENING
from plateau.logs.files.stream import STDIN, URL
from plateau.logs.formats.known import lines_named
from plateau.logs.formats.tensorboard import EVENTS
from plateau.logs.model import LogError
from plateau.showing.printing import printable
from plateau.showing.wording import never_worsens
from plateau.watching.board import Board
from plateau.watching.budget import Budget
from plateau.watching.columns import Columns
from plateau.watching.event import position, watched
from plateau.watching.kept import Kept
from plateau.watching.labelled import Series
from plateau.watching.lines import LineLog
from plateau.watching.prometheus import Query, is_prometheus
from plateau.watching.runs import Runs
from plateau.watching.state import has_series, resume_log, resume_runs, resume_series, state_of
from plateau.watching.tail import Pipe, Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from plateau.logs.choosing.asked import Asked
    from plateau.logs.columns import Contents
    from plateau.offline import Unit
    from plateau.rule import Rule
    from plateau.watching.columns import Chosen
    from plateau.watching.event import Event
    from plateau.watching.state import State
    from plateau.watching.status import Text
    from plateau.watching.stop import Stop
    from plateau.watching.teller import Teller

    Log = LineLog | Board

PROMETHEUS = "prometheus"
"""The format of its answers."""

PAUSE = 0.1
"""Seconds between two looks at a log in which nothing was new."""

FAILS = {"plateau": {PLATEAU, RESUMED}, "worsening": {WORSENING}, "nan": {NONFINITE}}
"""The events that each choice of ``--fail-on`` waits for."""


@dataclass(frozen=True)
class Options:
    """How a log is watched.

    Attributes
    ----------
    path : str
        A file, a folder of TensorBoard, a folder of logs, or ``-`` for standard input.
    asked : Asked
        The columns.
    rule : Rule
        The detector; nothing may be left to be chosen.
    unit : {"step", "row"} or None
        What a sample is.
    fail_on : collection of str
        Keys of `FAILS`.
    idle : float or None
        Seconds without anything new after which the watch ends; None: never.
    state : Path or None
        The file that keeps the state.
    alarms : float or None
        False alarms that all series together may give in `per` samples; None: each as if alone.
    per : float
        Samples of each series.
    """

    path: str
    asked: Asked
    rule: Rule
    unit: Unit | None
    fail_on: Collection[str]
    idle: float | None
    state: Path | None
    alarms: float | None = None
    per: float = 86_400.0

    def __post_init__(self) -> None:
        self.rule.refuse_open("a log that grows")
        if self.alarms is not None:
            positive("alarms", self.alarms)
            positive("per", self.per)
            if not self.rule.calibrated:
                raise ValueError("alarms are a matter of the detector auto, without a threshold")
        if self.state and (self.path == STDIN or is_prometheus(self.path)):
            what = "standard input" if self.path == STDIN else "Prometheus"
            raise ValueError(f"--state needs a file: {what} cannot be read again")
        if not is_prometheus(self.path) and URL.match(self.path):
            raise ValueError(f"{self.path}: a URL cannot be followed: use plateau scan")

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same when a watch goes on."""
        budget = {"alarms": self.alarms, "per": self.per} if self.alarms is not None else {}
        asked = {**vars(self.asked), **vars(self.rule)}
        return {"path": self.path, "unit": self.unit, **asked, **budget}

    def budget(self, run_length: float | None = None) -> Budget | None:
        """Return a fresh budget of alarms, if there is one.

        Of one log of many, that of several series is what one of its run length would take.
        """
        if self.alarms is None:
            return None
        return Budget(self.alarms if run_length is None else self.per / run_length, self.per)


class Session:
    """One watch.

    Parameters
    ----------
    options : Options
        How a log is watched.
    teller : Teller
        Tells the events.
    complain, show : callable
        Are told in one line what went wrong, and how it stands.
    happens : callable
        Is told the path when something happened.
    run_length : float or None
        Of the detector, where logs share a budget of alarms.
    """

    def __init__(
        self,
        options: Options,
        teller: Teller,
        complain: Callable[[str], None],
        show: Callable[[Text], None],
        happens: Callable[[str], None] = lambda _: None,
        run_length: float | None = None,
    ) -> None:
        self._run_length = run_length
        self._options = options
        self._teller = teller
        self._complain = complain
        self._show = show
        self._happens = happens
        self._log: Log | None = None
        self._runs: Runs | None = None
        self._series: Series | None = None
        self._kept = Kept(options.state, options.settings)
        self.failed = False
        """Whether something happened that must not."""

    def run(self, stop: Stop) -> None:
        """Follow the log to the end of the watch; `resume` comes before."""
        last, over = time.monotonic(), False
        if self._is_missing and self._options.idle != 0:
            self._complain(f"{self._options.path}: not there yet; waiting for it")
        while not (over or self.failed or self._teller.unheard or stop.by is not None):
            if self.step():
                last = time.monotonic()
            elif self._ended or self._is_idle(time.monotonic() - last):
                over = True
            else:
                time.sleep(PAUSE)
        self._kept.write(self._teller, self._state)
        if not self.begun and over:
            self.hurry()
        elif not self.begun and stop.by is not None:
            why = "too few rows to choose a metric from" if self._log else "never came"
            self._complain(f"{self._options.path}: {why}")

    def close(self) -> None:
        """Let go of the log and of the state."""
        if isinstance(self._log, LineLog):
            self._log.source.close()
        self._kept.close()

    def rest(self) -> None:
        """Let go of the file until it changes, where there are more than can be open."""
        if isinstance(self._log, LineLog) and isinstance(self._log.source, Tail):
            self._log.source.rest(self._log.part)

    def hurry(self) -> None:
        """Choose columns from few rows, as no more come: no gate should pass a log unseen.

        No state is kept of it: a watch that goes on may choose from more.
        """
        if self._log is None:
            raise LogError(f"{self._options.path}: no such file")
        self._log.last = True
        self.step(keep=False)

    @property
    def _ended(self) -> bool:
        return self._log is not None and self._log.ended

    def _is_idle(self, seconds: float) -> bool:
        return self._options.idle is not None and seconds >= self._options.idle

    def resume(self) -> None:
        """Go on from the state, if there is one; else begin."""
        self._kept.resume(self._teller, self.restore)

    @property
    def more(self) -> bool:
        """Whether there may be more to read than was read at a time."""
        return self._log.more if isinstance(self._log, LineLog) else True

    @property
    def begun(self) -> bool:
        """Whether it is known what is watched."""
        return self._runs is not None or self._series is not None

    def state(self) -> State:
        """Return where it stands in its log; once it has `begun`."""
        followed = self._series or self._runs
        assert self._log is not None
        assert followed is not None
        return state_of(self._log, followed)

    def restore(self, state: State) -> None:
        """Go on from where another watch of the same log stood."""
        self._log = self._open()
        resume_log(self._log, state)
        if has_series(state):
            self._series = self._several()
            resume_series(self._series, state)
        else:
            self._runs = self._choose(self._log)
            resume_runs(self._runs, state)

    def step(self, *, keep: bool = True) -> bool:
        """Take what is new; return whether there was anything."""
        if self._log is None:
            if self._is_missing:
                self._show(printable(f"waiting for {self._options.path}"))
                return False
            self._log = self._open()
        new = self._log.read()
        self._follow(self._log)
        if keep:
            self._kept.keep(self._teller, self._state, new=new)
        self._show(self._board)
        return new

    def _follow(self, log: Log) -> None:
        """Take the new rows of a log, or its samples if they have labels."""
        rows = log.rows()
        if not self.begun and (chosen := log.columns.chosen):
            self._runs = self._choose(log)
            self._teller.announce(watched(self._options.path, chosen))
            if chosen.mode == "both" and "worsening" in self._options.fail_on:
                self._complain(f"{self._options.path}: {never_worsens(chosen.metric)}")
        for run, event in self._runs.take(rows) if self._runs and rows else ():
            assert log.columns.chosen is not None
            self._tell(run, event, log.columns.chosen)
        if isinstance(log, LineLog) and (samples := log.samples()) is not None:
            self._sample(samples)

    @property
    def _is_missing(self) -> bool:
        """Whether it is to be a file or folder that is not there."""
        path = self._options.path
        return path != STDIN and not is_prometheus(path) and not Path(path).exists()

    def _sample(self, samples: Contents) -> None:
        """Take what came of series with labels."""
        if self._options.asked.run is not None:
            raise LogError(f"{self._options.path}: labels tell its series apart, --run names none")
        if self._series is None:
            self._series, self._runs = self._several(), None
            self._teller.announce(printable(f"watching the series of {self._options.path}"))
        for run, chosen, event in self._series.take(samples):
            self._tell(run, event, chosen)

    def _several(self) -> Series:
        asked, budget = self._options.asked, self._options.budget(self._run_length)
        return Series(
            self._options.rule,
            asked.metric,
            asked.mode,
            budget,
            lambda told: self._complain(f"{self._options.path}: {told}"),
        )

    def _open(self) -> Log:
        path = self._options.path
        columns = Columns(path, self._options.asked, self._complain)
        if path == STDIN:
            return LineLog(Pipe(PAUSE), columns)
        if is_prometheus(path):
            log = LineLog(Query(path, self._complain), columns)
            log.lines, log.labelled = lines_named(PROMETHEUS, {}), True
            return log
        if Path(path).is_dir() or EVENTS in Path(path).name:
            return Board(Path(path), columns)
        if Path(path).exists() and not Path(path).is_file():
            raise LogError(f"{path}: is no file: read it with plateau watch -, as standard input")
        return LineLog(Tail(path, self._complain), columns)

    def _choose(self, log: Log) -> Runs:
        assert log.columns.chosen is not None
        unit = self._options.unit
        return Runs(self._options.rule, log.columns.chosen, unit, self._run_length)

    def _tell(self, run: str, event: Event, chosen: Chosen) -> None:
        self._show("")
        self._happens(self._options.path)
        about = {"path": self._options.path, "run": run, "metric": chosen.metric}
        self._teller.tell(event, clock=chosen.clock, **about, x_name=chosen.x_name)
        self.failed |= any(event.kind in FAILS[one] for one in self._options.fail_on)

    def _state(self) -> State | None:
        return self.state() if self.begun else None

    @property
    def verdict(self) -> str | None:
        """How it stands; None before columns were chosen, and of several series."""
        track = self._runs.track if self._runs else None
        return str(track.detector.verdict) if track else None

    def _board(self) -> str:
        """Say in some lines how it stands."""
        lines = self._series.board() if self._series is not None else [self.status()]
        return "\n".join(map(printable, lines))

    def status(self) -> str:
        """Say how it stands."""
        if self._series is not None:
            return self._series.status()
        track = self._runs.track if self._runs else None
        if track is None or self._log is None or self._log.columns.chosen is None:
            return "waiting for enough rows to choose a metric from"
        chosen = self._log.columns.chosen
        verdict = self.verdict
        level = f"{chosen.metric} {track.detector.level:.4g}"
        clock = chosen.clock
        since = f" since {position(track.since, clock=clock)}" if track.flat else ""
        at = position(track.follower.x_last, clock=clock)
        return f"{level} at {chosen.x_name} {at}: {verdict}{since}"
