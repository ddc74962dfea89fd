"""What is kept of a watch in a file, so that another one goes on exactly where it was."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.events import Span
from plateau.logs.formats.known import lines_named
from plateau.logs.formats.tensorboard import Reach
from plateau.logs.large.parts import Wanted
from plateau.logs.large.thinned import Rows
from plateau.logs.records.tagged import Points
from plateau.logs.text.slots import Slot
from plateau.watching.board import Board
from plateau.watching.columns import Chosen
from plateau.watching.labelled import Series
from plateau.watching.tail import Place, Tail

if TYPE_CHECKING:
    from pathlib import Path

    from plateau.watching.columns import Columns
    from plateau.watching.lines import LineLog
    from plateau.watching.runs import Runs
    from plateau.watching.track import Track

State = dict[str, Any]
VERSION = 4
PARTS = ("follower", "changes", "detector", "x", "row", "rates")
"""Of a track and of its follower, that are objects themselves."""

CHANGES = ("verdict", "worse", "armed", "plateaus")
"""Of what a track has told."""


def read_state(path: Path, settings: State) -> State | None:
    """Read a state that was made under these settings; None if there is none yet.

    Raises
    ------
    ValueError
        If the file is no state, or one of another version or other settings.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        state = json.loads(text)
        version, made = state["version"], dict(state["settings"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError(f"{path}: is no state of plateau watch") from None
    if version != VERSION:
        raise ValueError(f"{path}: is a state of version {version}, expected {VERSION}")
    if made != settings:
        other = ", ".join(name for name in settings if made.get(name) != settings[name])
        raise ValueError(f"{path}: belongs to a watch with another {other}")
    return dict(state)


def whole_state(settings: State, told: State) -> State:
    """Return what every state begins with: its version, the settings, what was told."""
    return {"version": VERSION, "settings": settings, "told": told}


def state_of(log: LineLog | Board, followed: Runs | Series) -> State:
    """Return where a watch of one log stands: the place in it, and what follows it."""
    if isinstance(followed, Series):
        return {"log": _log(log), "series": _series(followed)}
    return {"log": _log(log), "columns": _columns(log.columns), "runs": _runs(followed)}


def has_series(state: State) -> bool:
    """Whether the log holds samples with labels."""
    return "series" in state


def resume_log(log: LineLog | Board, state: State) -> None:
    """Bring a log to where it was."""
    if not has_series(state):
        _resume_columns(log.columns, state["columns"])
    kept = state["log"]
    if isinstance(log, Board):
        log.offsets = kept["offsets"]
        log.reach = {name: Reach(*each) for name, each in kept["reach"].items()}
        log.points = Points(**kept["points"])
        return
    assert isinstance(log.source, Tail)
    log.lines = lines_named(kept["format"], kept["found"])
    log.labelled = has_series(state)
    log.labels = kept.get("labels")  # of an earlier release: none
    log.headed = {tuple(key): [Slot(**slot) for slot in slots] for key, slots in kept["headed"]}
    log.left = kept["left"].encode("latin-1")
    log.source.resume(Place(*kept["place"]))


def resume_runs(runs: Runs, state: State) -> None:
    """Bring the runs of a log to where they were."""
    _resume_runs(runs, state["runs"])


def resume_series(series: Series, state: State) -> None:
    """Bring series with labels to where they were."""
    kept = state["series"]
    if series.budget:
        series.budget.first, series.budget.given = kept["budget"]
    for each in kept["of"]:
        key = (each["labels"], each["name"])
        _resume_runs(series.begin(key, None, clock=each["clock"]), each["runs"])
        if each["held"]:
            series.held[key] = _rows_of(*each["held"])


def _resume_runs(runs: Runs, kept: State) -> None:
    runs.steps, runs.usual, runs.pace = kept["steps"], kept["usual"], kept["pace"]
    runs.number, runs.told = kept["number"], kept["told"]
    vars(runs.along).update(kept["along"])
    runs.run_length = kept.get("run_length")  # of an earlier release: none
    if kept["track"] is not None:
        runs.track = runs.fresh()
        _resume_track(runs.track, kept["track"])


def _log(log: LineLog | Board) -> State:
    if isinstance(log, Board):
        return {"offsets": log.offsets, "reach": log.reach, "points": vars(log.points)}
    assert log.lines is not None
    assert isinstance(log.source, Tail)
    return {
        "format": log.lines.format.names[0],
        "found": log.lines.found,
        "headed": [[key, [asdict(slot) for slot in slots]] for key, slots in log.headed.items()],
        "left": log.left.decode("latin-1"),
        "labels": log.labels,
        "place": log.source.place(log.part),
    }


def _columns(columns: Columns) -> State:
    assert columns.chosen is not None
    assert columns.series is not None
    series = columns.series
    kept = {name: value for name, value in vars(series).items() if name != "wanted"}
    return {"chosen": asdict(columns.chosen), "series": kept}


def _resume_columns(columns: Columns, kept: State) -> None:
    chosen = {name: _tuples(value) for name, value in kept["chosen"].items()}
    wanted = {name: _tuples(value) for name, value in chosen.pop("wanted").items()}
    columns.use(Chosen(Wanted(**wanted), **chosen))
    assert columns.series is not None
    vars(columns.series).update(kept["series"])


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _series(series: Series) -> State:
    budget = series.budget
    of = [
        {
            "labels": key[0],
            "name": key[1],
            "clock": series.chosen[key].clock,
            "runs": _runs(runs),
            "held": _numbers_of(series.held[key]) if key in series.held else None,
        }
        for key, runs in series.runs.items()
    ]
    return {"budget": [budget.first, budget.given] if budget else None, "of": of}


def _numbers_of(rows: Rows) -> list[Any]:
    """Return rows that have no learning rate as plain numbers."""
    return [rows.values.tolist(), [x.tolist() for x in rows.x], rows.lines.tolist()]


def _rows_of(values: list[float], x: list[list[float]], lines: list[int]) -> Rows:
    at = [np.array(each, dtype=np.float64) for each in x]
    taken = np.array(values, dtype=np.float64)
    return Rows(taken, at, np.full(len(taken), np.nan), np.array(lines, dtype=np.int64))


def _runs(runs: Runs) -> State:
    return {
        "steps": runs.steps,
        "usual": runs.usual,
        "pace": runs.pace,
        "number": runs.number,
        "told": runs.told,
        "along": vars(runs.along),
        "run_length": runs.run_length,
        "track": _track(runs.track) if runs.track else None,
    }


def _track(track: Track) -> State:
    plain = {name: value for name, value in vars(track).items() if name not in PARTS}
    follower = {name: value for name, value in vars(track.follower).items() if name not in PARTS}
    parts = {"x": vars(track.x), "row": vars(track.row), "rates": vars(track.follower.rates)}
    detector = track.detector.state_dict()
    changes = {name: getattr(track.changes, name) for name in CHANGES}
    state = {"plain": plain, "follower": follower, "changes": changes}
    return {**state, "parts": parts, "detector": detector}


def _resume_track(track: Track, kept: State) -> None:
    track.detector.load_state_dict(kept["detector"])
    vars(track).update(kept["plain"])
    vars(track.changes).update(kept["changes"])
    track.changes.plateaus = [Span(*each) for each in kept["changes"]["plateaus"]]
    vars(track.follower).update(kept["follower"])
    parts = {"x": track.x, "row": track.row, "rates": track.follower.rates}
    for name, part in parts.items():
        vars(part).update(kept["parts"][name])
