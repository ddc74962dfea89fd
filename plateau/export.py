"""Results for programs: JSON as the command line promises it, and flat tables of the same."""

import errno
import io
import json
import math
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from plateau._locking import locked
from plateau.logs.files.stream import resolved
from plateau.logs.model import Log
from plateau.offline import RunScan
from plateau.outlook import COLUMNS, Gain, columns_of
from plateau.replay import LrChange, Replay
from plateau.segments import Plateau
from plateau.showing import wording

if TYPE_CHECKING:
    import polars

FORMULA = r"^[=+@\t\r]|^-."
"""How texts begin that a spreadsheet calculates; standard input is called "-"."""

PART = ".part"
PARTLY = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.part", re.DOTALL)
"""Name of a partly written file, with that of the file that it is to become."""

YOUNG, LEFT = 60.0, 3600.0
"""Seconds in which a partly written file may lack its lock for a moment, and after which it counts
as abandoned also where the file system knows no locks."""

EXACT = 2.0**53
"""Up to it a float holds every whole number."""

VERSION = 1
"""Of the JSON documents."""

Record = dict[str, Any]
Columns = Mapping[str, type]

SCAN_COLUMNS: Columns = (
    dict.fromkeys(("path", "run", "metric", "x", "mode"), str)
    | dict.fromkeys(("start", "stop", "declared"), int)
    | dict.fromkeys(("start_x", "stop_x", "declared_x", "level", "slope", "noise"), float)
    | {"closed": bool, "kind": str}
    | dict.fromkeys(("level_error", "effective", "confidence"), float)
    | dict.fromkeys(COLUMNS, float)
)
REPLAY_COLUMNS: Columns = dict.fromkeys(("path", "metric", "kind"), str) | dict.fromkeys(
    ("x", "factor", "lr"), float
)
"""Columns of the flat formats, the same however many rows there are."""


@dataclass(frozen=True, eq=False)
class LogScan:
    """A log and what was found in its runs."""

    log: Log
    runs: Sequence[RunScan]


def scan_document(scans: Sequence[LogScan], shifted: Collection[RunScan] | None = None) -> Record:
    """Return the document that ``plateau scan --format json`` prints.

    Given the runs that have shifted, it tells of each run whether it has, and its e-value.
    """
    return {"version": VERSION, "logs": [_log_record(scan, shifted) for scan in scans]}


def scan_rows(scans: Sequence[LogScan]) -> list[Record]:
    """Return a record for each plateau, for the flat formats."""
    return [
        {"path": scan.log.path, "run": found.run.name, "metric": found.run.metric}
        | {"x": found.run.x_name, "mode": found.run.mode}
        | _plateau_record(found, plateau)
        | columns_of(plateau.gain)
        for scan in scans
        for found in scan.runs
        for plateau in found.plateaus
    ]


def replay_document(path: str, replay: Replay) -> Record:
    """Return the document that ``plateau replay --format json`` prints."""
    return {
        "version": VERSION,
        "path": path,
        "metric": replay.run.metric,
        "unit": replay.unit,
        "events": [_change_record(change) for change in replay.events],
        "recorded": [_change_record(change) for change in replay.recorded],
    }


def replay_rows(path: str, replay: Replay) -> list[Record]:
    """Return a record for each change, for the flat formats."""
    both = [("event", change) for change in replay.events]
    both += [("recorded", change) for change in replay.recorded]
    return [
        {"path": path, "metric": replay.run.metric, "kind": kind, **_change_record(change)}
        for kind, change in both
    ]


def rendered(
    form: str, document: Record, rows: Sequence[Record], columns: Columns, *, guard: bool = True
) -> bytes:
    """Return a document (json) or its rows (jsonl, csv, parquet) as the bytes of a file.

    With ``guard`` no name in csv is one that a spreadsheet takes as a formula.
    """
    if form == "json":
        return (json.dumps(document, allow_nan=False) + "\n").encode()
    if form == "jsonl":
        return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()
    table, buffer = frame(rows, columns), io.BytesIO()
    if form == "parquet":
        table.write_parquet(buffer)
    else:
        (_guarded(table) if guard else table).write_csv(buffer)
    return buffer.getvalue()


def frame(rows: Sequence[Record], columns: Columns) -> "polars.DataFrame":
    """Return rows as a frame that has these columns, however many rows there are."""
    import polars as pl  # not before it is needed: it takes a while to import

    whole = [{name: _whole(value) for name, value in row.items()} for row in rows]
    return pl.DataFrame(whole, schema=dict(columns))


def _guarded(table: "polars.DataFrame") -> "polars.DataFrame":
    """Put an apostrophe before texts that a spreadsheet would calculate."""
    import polars as pl

    risky, text = pl.col(pl.String).str.contains(FORMULA), pl.col(pl.String)
    return table.with_columns(pl.when(risky).then("'" + text).otherwise(text).name.keep())


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Let an error of the system name this file, and not one beside it or none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one go: a reader never finds half of it, a failure leaves the old one."""
    with naming(path):
        if path.exists() and not path.is_file():
            refuse_planted(path)
            path.write_bytes(data)  # a pipe or a device cannot be replaced
            return
        with replacing(path) as file:
            file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` when the block ends.

    Where the process is killed, the disk is full or the block raises, `path` stays as it was. Until
    then the file has a name that nobody can foresee.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    refuse_planted(path)
    path = resolved(path)  # a link stays one
    umask = os.umask(0)
    os.umask(umask)
    mode = path.stat().st_mode if path.exists() else 0o666 & ~umask
    _sweep(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
    try:
        with os.fdopen(handle, "wb") as file:
            locked(handle)  # as long as it is, nobody takes it for abandoned
            yield file
            file.flush()
            os.fsync(file.fileno())  # before it takes the name, that a lost machine leaves one
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def refuse_planted(path: Path) -> None:
    """Refuse a link that another user has left in a folder like ``/tmp``: it leads anywhere.

    Raises
    ------
    PermissionError
        If it is such a link.
    """
    if os.name != "posix" or not path.is_symlink():
        return
    folder, owner = path.parent.stat(), path.lstat().st_uid
    if folder.st_mode & stat.S_ISVTX and owner not in (os.geteuid(), folder.st_uid):
        raise PermissionError(errno.EACCES, "is a link of another user, which is not followed")


def sweep(folder: Path, ours: re.Pattern[str]) -> None:
    """Remove what processes that were killed left of files of such names."""
    with suppress(OSError):
        for file in folder.iterdir():
            named = PARTLY.fullmatch(file.name)
            if named and ours.fullmatch(named[1]):
                with suppress(OSError):
                    if _is_abandoned(file):
                        file.unlink()


@cache
def _sweep(path: Path) -> None:
    """Remove what was left of one file; once, as a state is written every second."""
    sweep(path.parent, re.compile(re.escape(path.name)))


def _is_abandoned(part: Path) -> bool:
    """Whether nobody writes a file any more: its writer holds a lock on it."""
    age = time.time() - part.lstat().st_mtime
    if not YOUNG < age <= LEFT:
        return age > LEFT
    descriptor = os.open(part, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        return locked(descriptor)
    finally:
        os.close(descriptor)


def _log_record(scan: LogScan, shifted: Collection[RunScan] | None) -> Record:
    return {
        "path": scan.log.path,
        "format": scan.log.format,
        "warnings": list(scan.log.warnings),
        "runs": [_run_record(found) | _shift_record(found, shifted) for found in scan.runs],
    }


def _run_record(found: RunScan) -> Record:
    run = found.run
    return {
        "run": run.name,
        "metric": run.metric,
        "x": run.x_name,
        "mode": run.mode,
        "points": len(run.values) * run.every,
        "nonfinite": found.nonfinite,
        "gain": _gain_record(found.gain),
        "held_out": _held_out_record(found),
        "plateaus": [
            _plateau_record(found, plateau)
            | {"gain": _gain_record(plateau.gain)}
            | _times(found, plateau)
            for plateau in found.plateaus
        ],
    }


def _shift_record(found: RunScan, shifted: Collection[RunScan] | None) -> Record:
    if shifted is None:
        return {}
    return {"e_value": evidence_of(found), "shifted": found in shifted}


def evidence_of(found: RunScan) -> float:
    """Return the e-value of a run as a number that JSON has."""
    return min(found.e_value, sys.float_info.max)


def _held_out_record(found: RunScan) -> Record | None:
    other, turn = found.run.held_out, found.overfitting
    if other is None:
        return None
    since = None if turn is None else _plain(turn.x)
    return {"metric": other.metric, "points": len(other.values), "overfitting_since": since}


def _gain_record(gain: Gain | None) -> Record | None:
    return None if gain is None else gain._asdict()


def _plateau_record(found: RunScan, plateau: Plateau) -> Record:
    x, every = found.run.x, found.run.every
    return {
        "start": plateau.start * every,
        "stop": plateau.stop * every,
        "declared": None if plateau.declared is None else plateau.declared * every,
        "start_x": _plain(x[plateau.start]),
        "stop_x": _plain(x[min(plateau.stop, len(x) - 1)]),
        "declared_x": None if plateau.declared is None else _plain(x[plateau.declared]),
        "level": plateau.level,
        "slope": plateau.slope,
        "noise": plateau.noise,
        "closed": plateau.closed,
        "kind": plateau.kind,
        "level_error": _finite(plateau.level_error),
        "effective": _finite(plateau.effective),
        "confidence": _finite(plateau.confidence),
    }


def _times(found: RunScan, plateau: Plateau) -> Record:
    """Return the places of a plateau in ISO 8601, where they are times."""
    if not found.run.clock:
        return {}
    record = _plateau_record(found, plateau)
    return {"seconds": wording.seconds_in(found.run, plateau)} | {
        f"{name.removesuffix('_x')}_time": None if value is None else wording.clock(value)
        for name, value in record.items()
        if name.endswith("_x")
    }


def _change_record(change: LrChange) -> Record:
    return {"x": _plain(change.x), "factor": _finite(change.factor), "lr": _finite(change.lr)}


def _plain(value: float) -> int | float:
    """Return whole numbers as int: a step is 54271, not 54271.0; not those that lost digits."""
    return int(value) if float(value).is_integer() and abs(value) < EXACT else float(value)


def _whole(value: Any) -> Any:
    """Return a text without halves of characters, which only JSON can write."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
