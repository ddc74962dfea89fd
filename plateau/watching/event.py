"""What is told while a log is watched: one event a line."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plateau.events import ENDED, NONFINITE, PLATEAU, RESUMED, WORSENING
from plateau.showing import wording
from plateau.showing.printing import INSTEAD, printable

if TYPE_CHECKING:
    from plateau.watching.columns import Chosen

Fields = dict[str, Any]
PLACES = ("x", "start_x", "declared_x", "stop_x")
LONGEST = 1 << 14
"""Characters of what a command is given of one name."""

RUN = "run"
"""Another run begins: what a log has besides the events of a stream."""


@dataclass(frozen=True)
class Event:
    """Something that happened at a row of a run.

    Attributes
    ----------
    kind : str
        "plateau", "resumed", "ended", "worsening", "nonfinite" or "run".
    row : int
        Row of the run, counted from 0, at which it was known.
    x : float
        Where that row lies.
    more : dict
        What else there is to say, by the names of the JSON.
    """

    kind: str
    row: int
    x: float
    more: Fields = field(default_factory=dict)

    def record(self, number: int, *, clock: bool = False, **about: str) -> Fields:
        """Return the event as the record that programs read; with a ``clock`` x is a time."""
        told: Fields = {"number": number, "event": self.kind, **about}
        told |= {"row": self.row, "x": self.x, **self.more}
        if clock:
            places = [name for name in told if name in PLACES]
            told |= {name[:-1] + "time": wording.clock(told[name]) for name in places}
        return {name: _plain(value) for name, value in told.items()}


def as_json(record: Fields) -> str:
    """Return a record as one line for programs."""
    return json.dumps(record, allow_nan=False)


def as_text(record: Fields, *, path: bool = False) -> str:
    """Return a record as one line for people, with the ``path`` of its log where there are many."""
    return f"{_whose(record, path=path)}, {_said(record)}"


def as_alert(record: Fields) -> tuple[str, str]:
    """Return a record as the title and the text of an alert."""
    return f"{_whose(record, path=True)}: {record['event']}", _said(record)


def _whose(record: Fields, *, path: bool) -> str:
    return printable(("{path}, " * path + "run {run}").format(**record))


def _said(record: Fields) -> str:
    shown = {name: _shown(name, record) for name in record}
    said = {
        PLATEAU: "plateau since {start_x}, level {level}",
        RESUMED: "the plateau since {start_x} goes on, level {level}",
        ENDED: "the plateau since {start_x} has ended",
        WORSENING: "worsening, level {level}",
        NONFINITE: "not finite, {value}",
        RUN: "another run begins",
    }[record["event"]]
    return printable(("{metric} at {x_name} {x}: " + said).format(**shown))


def watched(path: str, chosen: Chosen) -> str:
    """Return the line that says what is watched."""
    better = wording.better(chosen.mode)
    return printable(f"watching {chosen.metric} of {path} over {chosen.x_name}, {better}")


def environment(record: Fields) -> dict[str, str]:
    """Return a record as environment variables such as ``PLATEAU_EVENT`` and ``PLATEAU_X``."""
    told = {name: value for name, value in record.items() if value is not None}
    return {f"PLATEAU_{name.upper()}": _passed(f"{value}") for name, value in told.items()}


def _passed(value: str) -> str:
    """Return a text that a process can be given: no NUL, no half characters, and not too long."""
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        value = value.encode(errors="replace").decode()
    return value.replace("\0", INSTEAD)[:LONGEST]


def position(x: float | None, *, clock: bool = False) -> str:
    """Write x for people, a time as date and time."""
    if x is None:
        return "?"
    if clock:
        return wording.date(x)
    return f"{x:,.0f}" if float(x).is_integer() and abs(x) < wording.LONG else f"{x:.6g}"


def _shown(name: str, record: Fields) -> str:
    value = record[name]
    if name in PLACES:
        return position(value, clock="time" in record)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Return whole numbers as int, and None for a number that is not finite."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
