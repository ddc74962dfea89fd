"""SQLite: the tables of any database that look like logged metrics (MLflow, Trackio, …)."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.columns import Contents, Table, column
from plateau.logs.files.documents import parse
from plateau.logs.files.stream import RATIO_FROM, RATIO_LIMIT, resolved
from plateau.logs.model import LogError, ReadError
from plateau.logs.names.words import words
from plateau.logs.records.objects import holds_only, tables_of_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateau.base import Mode
    from plateau.logs.files.stream import Stream

    Record = dict[str, Any]

MAGIC = b"SQLite format 3\x00"
WAL_MODE, WAL_AT = b"\2\2", 18  # bytes behind the size of a page, and where they are
PASSING = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL),
}
LONGEST = 16 << 20  # bytes of a cell
LEAST = 2  # rows of a series
OPTUNA = {"studies", "study_directions", "trials", "trial_values"}
LATEST = "latest"  # MLflow's table of last values repeats those of another


@dataclass(eq=False)
class Text:
    """Counts text, of which formulas make any amount from a few bytes."""

    path: str
    most: int
    taken: int = 0

    def take(self, cells: tuple[Any, ...]) -> None:
        """Count the text of a row; refuse more than there can be."""
        self.taken += sum(len(cell) for cell in cells if isinstance(cell, str | bytes))
        if self.taken > self.most:
            raise LogError(
                f"{self.path}: its formulas give more than {self.most} characters, "
                "which no log does: refused"
            )


def read(stream: Stream, warnings: list[str]) -> Contents:
    """Read all tables of metrics; where they lie, if that can be."""
    path, data = stream.path, None if stream.in_place else stream.whole()
    size = stream.size or 0 if data is None else len(data)
    text = Text(path, max(RATIO_FROM, RATIO_LIMIT * size))
    try:
        with (
            TemporaryDirectory() as folder,
            closing(_connect(path, data, Path(folder))) as database,
        ):
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
            database.execute("PRAGMA trusted_schema = OFF")  # its formulas get plain functions only
            database.text_factory = lambda text: text.decode(errors="replace")
            return _contents(database, text, warnings)
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        kind = ReadError if _may_pass(error) else LogError
        raise kind(f"{path}: the SQLite database cannot be read: {error}") from None


def _may_pass(error: Exception) -> bool:
    """Whether it is not the database that is wrong: it is in use, or the system fails."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_IOERR_SHORT_READ:  # it is cut
        return False
    return isinstance(error, OSError) or code & 0xFF in PASSING  # without the details


def _connect(path: str, data: bytes | None, folder: Path) -> sqlite3.Connection:
    """Open a database so that nothing is written beside it; ``folder`` may hold a copy."""
    if data is not None:
        database = sqlite3.connect(":memory:")
        database.deserialize(data)
        return database
    file, how = resolved(path), "mode=ro"
    wal, shared = (file.with_name(file.name + ending) for ending in ("-wal", "-shm"))
    if _is_in_wal_mode(file) and not shared.exists():
        # Nobody has it open, and SQLite would make files to coordinate with those who might.
        if wal.is_file() and wal.stat().st_size:
            for one in (file, wal):
                copyfile(one, folder / one.name)
            file, how = folder / file.name, "mode=rw"
        else:
            how = "immutable=1"
    return sqlite3.connect(f"{file.as_uri()}?{how}", uri=True)


def _is_in_wal_mode(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(WAL_AT + len(WAL_MODE)).endswith(WAL_MODE)


def _contents(database: sqlite3.Connection, text: Text, warnings: list[str]) -> Contents:
    names = [
        name
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid"
        )
        if not name.startswith("sqlite_") and LATEST not in words(name)
    ]
    if OPTUNA.issubset(names):
        return _studies(database, text)
    aliases = _aliases(database, names, text)
    tables: list[Table] = []
    numbers: list[np.ndarray] = []
    rows = 0
    for name in names:
        records = _records(database, name, aliases, text, warnings)
        if len(records) >= LEAST:
            found = [table.moved(rows) for table in tables_of_records(records)]
            rows += len(records)
            tables += [table for table in found if table.columns]
            numbers.append(np.arange(1, len(records) + 1))
    return Contents("sqlite", tables, np.concatenate(numbers) if numbers else np.empty(0, int))


def _told(database: sqlite3.Connection, query: str, text: Text) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, and count their text."""
    for cells in database.execute(query):
        text.take(cells)
        yield cells


def _studies(database: sqlite3.Connection, text: Text) -> Contents:
    """Read the values of Optuna's trials: a run for each study, and for each of its objectives."""
    told = "SELECT study_id, objective, direction FROM study_directions"
    modes: dict[tuple[int, int], Mode] = {
        (study, objective): "max" if str(direction).upper().endswith("MAXIMIZE") else "min"
        for study, objective, direction in _told(database, told, text)
    }
    # SQLite would put them together too, all with all where an identifier stands for many.
    told = "SELECT study_id, study_name FROM studies"
    names = {study: str(name) for study, name in _told(database, told, text)}
    told = "SELECT trial_id, study_id, number FROM trials"
    trials = {trial: (study, number) for trial, study, number in _told(database, told, text)}
    told = "SELECT trial_id, objective, value FROM trial_values"
    rows = [
        (study, objective, number, value)
        for trial, objective, value in _told(database, told, text)
        for study, number in [trials.get(trial, (None, None))]
        if study in names and holds_only([study, objective, number, value], int | float)
    ]
    studies: dict[tuple[int, str, int], list[tuple[float, float]]] = {}
    for study, objective, number, value in sorted(rows):
        key = study, names[study], objective
        studies.setdefault(key, []).append((number, float(value)))
    objectives = Counter(study for study, *_ in studies)
    tables: list[Table] = []
    numbers: list[np.ndarray] = []
    first = 0
    for (study, name, objective), values in studies.items():
        places, found = np.array(values, dtype=np.float64).T
        at = np.arange(first, first + len(found))
        first += len(found)
        metric = column("value", at, found)
        metric.mode = modes.get((study, objective), "min")
        run = f"{name} objective {objective}" if objectives[study] > 1 else name
        tables.append(Table([column("trial", at, places), metric], len(at), run, sparse=True))
        numbers.append(np.arange(1, len(at) + 1))
    return Contents("sqlite", tables, np.concatenate(numbers) if numbers else np.empty(0, int))


def _aliases(
    database: sqlite3.Connection, names: list[str], text: Text
) -> dict[str, dict[str, str]]:
    """Names of runs by their identifiers, where another table tells them, one each."""
    found: dict[str, dict[str, str]] = {}
    for table in names:
        columns = _columns(database, table)
        key = next((name for name in columns if name in ("run_uuid", "run_id")), None)
        if key is None or "name" not in columns:
            continue
        told = f"SELECT {_quoted(key)}, name FROM {_quoted(table)}"
        pairs = dict(_told(database, told, text))
        if len(set(pairs.values())) == len(pairs) and all(pairs.values()):
            found[key] = {str(one): str(name) for one, name in pairs.items()}
    return found


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({_quoted(table)})")]


def _records(
    database: sqlite3.Connection,
    table: str,
    aliases: dict[str, dict[str, str]],
    text: Text,
    warnings: list[str],
) -> list[Record]:
    records: list[Record] = []
    try:
        cursor = database.execute(f"SELECT * FROM {_quoted(table)}")
        columns = [one[0] for one in cursor.description]  # also those that a formula gives
        while cells := cursor.fetchone():
            text.take(cells)
            pairs = zip(columns, cells, strict=True)
            records.append({name: _value(cell, aliases.get(name)) for name, cell in pairs})
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if _may_pass(error):
            raise
        warnings.append(f"table {table}: damaged after row {len(records)}: {error}")
    return _expanded(records)


def _value(value: Any, alias: dict[str, str] | None) -> Any:
    if isinstance(value, str):
        if alias:
            return alias.get(value, value)
        if value.startswith("{"):
            try:
                return parse(value)
            except (ValueError, RecursionError):
                return value
    return None if isinstance(value, bytes) else value


def _expanded(records: list[Record]) -> list[Record]:
    """Lift the metrics of a JSON cell to the record's own columns, where the names are free."""
    plain = {key for record in records for key, value in record.items() if not _nests(value)}
    nests = {key for record in records for key, value in record.items() if _nests(value)}
    if len(nests) != 1:
        return records
    (name,) = nests
    inner = {key for record in records if _nests(record.get(name)) for key in record[name]}
    if inner & plain:
        return records
    return [
        {key: value for key, value in record.items() if key != name}
        | (record[name] if _nests(record.get(name)) else {})
        for record in records
    ]


def _nests(value: Any) -> bool:
    return isinstance(value, dict)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
