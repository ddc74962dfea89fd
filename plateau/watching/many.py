"""Many logs at once: all of a folder, also those that come later, each with its own detector."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plateau.logs.formats.tensorboard import EVENTS, event_files
from plateau.logs.model import LogError, NoSeriesError
from plateau.logs.several.find import find_logs
from plateau.showing import wording
from plateau.showing.printing import printable
from plateau.watching.kept import Kept
from plateau.watching.session import PAUSE, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plateau.watching.session import Options
    from plateau.watching.state import State
    from plateau.watching.status import Text
    from plateau.watching.stop import Stop
    from plateau.watching.teller import Teller

LOOK = 1.0
"""Seconds between two looks for new logs."""

OPEN = 100
"""Files that are kept open; of more each is let go of when it was read."""

LINES = 8
"""Logs that the board on a terminal shows: those in which something happened last."""

WAITING, SEVERAL = "waiting", "of several series"
"""How logs stand that have no verdict, or more than one."""


def holds_many(path: str) -> bool:
    """Whether a path is a folder of logs, and not the event files of one run."""
    folder = Path(path)
    return folder.is_dir() and not event_files(each.name for each in folder.iterdir())


class Many:
    """One watch of all logs of a folder.

    Parameters
    ----------
    options : Options
        How each is watched; the path is the folder, the state that of all.
    teller : Teller
        Tells the events, each with the path of its log.
    complain, show : callable
        Are told in one line what went wrong, and in some how it stands.
    """

    def __init__(
        self,
        options: Options,
        teller: Teller,
        complain: Callable[[str], None],
        show: Callable[[Text], None],
    ) -> None:
        self._options = options
        self._teller = teller
        teller.many = True
        self._complain = complain
        self._show = show
        self._sessions: dict[str, Session] = {}
        self._left: set[str] = set()  # what cannot be followed
        self._happened: dict[str, None] = {}  # logs in the order in which something did, last
        self._budget = options.budget()
        self._shares: dict[str, float] = {}  # run length of each log, of the budget
        self._unseen: dict[str, Any] = {}  # states of logs that were not seen yet
        self._kept = Kept(options.state, options.settings)
        self._looked = -LOOK
        self._more = False  # whether there may be more to read at once

    @property
    def failed(self) -> bool:
        """Whether something happened that must not."""
        return any(session.failed for session in self._sessions.values())

    def resume(self) -> None:
        """Go on from the state, if there is one; else begin."""
        self._kept.resume(self._teller, self._restore)

    def _restore(self, state: State) -> None:
        """Go on from where another watch of the same folder stood."""
        self._unseen = {**state["logs"]}
        if self._budget:
            self._budget.first, self._budget.given, self._shares = state["budget"]

    def run(self, stop: Stop) -> None:
        """Follow the logs to the end of the watch; `resume` comes before."""
        last, over = time.monotonic(), False
        while not (over or self.failed or self._teller.unheard or stop.by is not None):
            if self._sweep(stop):
                last = time.monotonic()
            elif self._is_idle(time.monotonic() - last):
                over = True
            if not (over or self._more):
                time.sleep(PAUSE)  # also where something was new: a few lines more cost the same
        self._kept.write(self._teller, self._state)
        if over:
            self._hurry()  # of which no state is kept

    def close(self) -> None:
        """Let go of the logs and of the state."""
        for session in self._sessions.values():
            session.close()
        self._kept.close()

    def _is_idle(self, seconds: float) -> bool:
        return self._options.idle is not None and seconds >= self._options.idle

    def _sweep(self, stop: Stop) -> bool:
        """Take what is new in all logs; return whether there was anything."""
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            self._look()
        new = self._more = False
        for path in list(self._sessions):
            if stop.by is not None or self._teller.unheard:
                break
            if self._step(path):
                new, self._more = True, self._more or self._sessions[path].more
        self._kept.keep(self._teller, self._state, new=new)
        self._show(self._board)
        return new

    def _look(self) -> None:
        """Begin to follow what is new in the folder."""
        paths = list(self._paths())
        for path in paths:
            if path in self._sessions or path in self._left:
                continue
            if self._budget and path not in self._shares:
                self._shares[path] = self._budget.run_length(len(paths))
            session = Session(
                replace(self._options, path=path),
                self._teller,
                self._complain,
                lambda _: None,
                self._happens,
                self._shares.get(path),
            )
            self._sessions[path] = session
            if state := self._unseen.pop(path, None):
                with self._kept.undamaged():
                    self._guarded(path, partial(session.restore, state))
                self._rested(session)

    def _paths(self) -> Iterator[str]:
        """Yield the logs; event files of a run are one, by the name of their folder."""
        for found in find_logs([self._options.path], lambda _: None):
            path = Path(found.path)
            if path.is_dir() and holds_many(found.path):
                continue  # such as a run of MLflow, of which each metric is a file
            yield str(path.parent) if EVENTS in path.name else found.path

    def _step(self, path: str) -> bool:
        session = self._sessions[path]
        new = bool(self._guarded(path, partial(session.step, keep=False)))
        self._rested(session)
        return new

    def _rested(self, session: Session) -> None:
        """Let go of a log that was read, unless there are few."""
        if len(self._sessions) > OPEN:
            session.rest()

    def _guarded(self, path: str, call: Callable[[], Any]) -> Any:
        """Do something with a log; one that cannot be followed is told and left."""
        try:
            return call()
        except (LogError, OSError) as error:
            if not isinstance(error, NoSeriesError):
                told = str(error)
                self._complain(told if path in told else f"{path}: {told}")
            self._sessions.pop(path).close()
            self._left.add(path)
            return False

    def _happens(self, path: str) -> None:
        """Note in which log something happened last."""
        self._happened.pop(path, None)
        self._happened[path] = None

    def _hurry(self) -> None:
        """Choose columns from few rows where no more come."""
        for path, session in list(self._sessions.items()):
            if not session.begun:
                self._guarded(path, session.hurry)
        if not any(session.begun for session in self._sessions.values()):
            raise LogError(f"{self._options.path}: no log in this folder can be followed")

    def _state(self) -> State:
        begun = {path: session.state() for path, session in self._sessions.items() if session.begun}
        state: State = {"logs": {**self._unseen, **begun}}
        if self._budget:
            state["budget"] = [self._budget.first, self._budget.given, self._shares]
        return state

    def _board(self) -> str:
        """Say how many logs stand how, and how those stand in which something happened last."""
        stands = Counter(
            session.verdict or (SEVERAL if session.begun else WAITING)
            for session in self._sessions.values()
        )
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in stands.most_common())
        last = [path for path in reversed(self._happened) if path in self._sessions][:LINES]
        lines = [f"{self._short(path)}: {self._sessions[path].status()}" for path in last]
        head = f"{wording.count(len(self._sessions), 'log')}: {counts}"
        return "\n".join(map(printable, [head, *lines]))

    def _short(self, path: str) -> str:
        return str(Path(path).relative_to(self._options.path))
