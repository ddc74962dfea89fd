"""What is told while a log is watched: one event a line."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from typing import Any

from plateau.events import ENDED, NONFINITE, PLATEAU, RESUMED, WORSENING
from plateau.showing.printing import INSTEAD, printable
from plateau.showing.wording import LONG

Fields = dict[str, Any]
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

    def record(self, number: int, **about: str) -> Fields:
        """Return the event as the record that programs read."""
        told: Fields = {"number": number, "event": self.kind, **about}
        told |= {"row": self.row, "x": self.x, **self.more}
        return {name: _plain(value) for name, value in told.items()}


def as_json(record: Fields) -> str:
    """Return a record as one line for programs."""
    return json.dumps(record, allow_nan=False)


def as_text(record: Fields) -> str:
    """Return a record as one line for people."""
    kind, at = record["event"], f"{record['x_name']} {position(record['x'])}"
    said = {
        PLATEAU: "plateau since {start_x}, level {level}",
        RESUMED: "the plateau since {start_x} goes on, level {level}",
        ENDED: "the plateau since {start_x} has ended",
        WORSENING: "worsening, level {level}",
        NONFINITE: "{metric} is {value}",
        RUN: "another run begins",
    }[kind]
    shown = {name: _shown(name, value) for name, value in record.items()}
    return printable(f"{at}: {said.format(**shown)}")


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


def position(x: float | None) -> str:
    """Write x for people."""
    if x is None:
        return "?"
    return f"{x:,.0f}" if float(x).is_integer() and abs(x) < LONG else f"{x:.6g}"


def _shown(name: str, value: Any) -> str:
    if name.endswith("_x") or name == "x":
        return position(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Return whole numbers as int, and None for a number that is not finite."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
