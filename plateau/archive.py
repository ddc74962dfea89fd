"""Archives: any number of logs, scanned part by part, each kept in Parquet as it is done."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from plateau import __version__
from plateau.evidence import e_bh
from plateau.export import SCAN_COLUMNS, evidence_of, frame, scan_rows, sweep, write_whole
from plateau.logs.files.stream import is_folder, is_local, resolved
from plateau.logs.model import ReadError
from plateau.logs.several.parallel import read_logs
from plateau.outlook import COLUMNS, columns_of
from plateau.scanning import scan_logs
from plateau.showing.report.spent import Spent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import polars

    from plateau.export import Columns, LogScan, Record
    from plateau.logs.model import Log, LogError
    from plateau.logs.several.find import Found
    from plateau.offline import Unit
    from plateau.rule import Rule

SIZE = 50
"""Logs of a part, but for those of one folder that may hold the same runs in two formats."""

WORST = 10
"""Runs that are named in a summary."""

PLATEAUS, RUNS, DONE = "plateaus", "runs", "done"
"""Folders of an archive: rows of both kinds, and what says that a part has all its rows."""

OWN = re.compile(r"\d{6,}-[0-9a-f]{16}\.(parquet|json)")
"""Names of the files in them; others may have folders of these names too."""

RUN_COLUMNS: Columns = (
    dict.fromkeys(("path", "format", "run", "metric", "x", "mode", "verdict", "unit"), str)
    | dict.fromkeys(("points", "nonfinite", "plateaus", "total", "savable"), int)
    | dict.fromkeys(("flat_share", "e_value", *COLUMNS), float)
)
"""Columns of a run: ``total`` and ``savable`` count what ``unit`` says, steps or rows."""


@dataclass(frozen=True)
class Asked:
    """How logs are read and scanned."""

    read: Callable[..., Log]
    """As `plateau.scanning.reader_of` makes it, so that another process can be given it."""
    rule: Rule
    unit: Unit | None = None
    memory: int | None = None
    """Bytes that reading may take in each process."""

    def describe(self) -> str:
        """Return what the results depend on, beside the logs."""
        named: dict[str, Any] = getattr(self.read, "keywords", {})
        return f"{__version__} {sorted(named.items())} {self.rule} {self.unit}"


class Part(NamedTuple):
    """Some of the logs."""

    name: str
    """Begins with its number; the rest changes with the logs and with what is asked."""
    found: tuple[Found, ...]


class Summary(NamedTuple):
    """What is in an archive."""

    logs: int
    runs: int
    flat: int
    """Runs that end in a plateau."""
    share: float
    """Share of the rows that lies in flat plateaus, of an average run."""
    savable: dict[str, tuple[int, int]]
    """By unit, steps or rows: how many could have been saved, of how many."""
    worst: list[Record]
    """The runs of which the most could have been saved, with the columns of `RUN_COLUMNS`."""
    said: list[str]
    """What could not be read, or was left out."""
    again: int
    """Logs that could not be read now, and are tried again the next time."""
    rate: float | None
    """Share of those that have shifted that may be named falsely; None if none were looked for."""
    shifted: list[Record]
    """The runs that have shifted, the most evidence first, with the columns of `RUN_COLUMNS`."""


def parts_of(found: Iterable[Found], asked: Asked, size: int = SIZE) -> list[Part]:
    """Cut logs into parts, in their order.

    Logs of a folder whose names end differently stay together: two may be of one run, which is then
    taken once.
    """
    parts: list[Part] = []
    logs: list[Found] = []
    for group in _apart(found):
        if logs and len(logs) + len(group) > size:
            parts.append(_part(len(parts), logs, asked))
            logs = []
        logs += group
    return [*parts, _part(len(parts), logs, asked)] if logs else parts


def left(folder: Path, parts: Sequence[Part]) -> list[Part]:
    """Return the parts that are not done; remove what an archive has of other logs or settings.

    What could not be read for a reason that does not lie in it is tried again.
    """
    wanted = {part.name for part in parts}
    for kind in (DONE, RUNS, PLATEAUS):  # so that none of another kind counts as done
        (folder / kind).mkdir(parents=True, exist_ok=True)
        sweep(folder / kind, OWN)
        for file in (folder / kind).iterdir():
            if file.stem not in wanted and OWN.fullmatch(file.name):
                file.unlink()
    return [part for part in parts if not _is_done(folder, part.name)]


def _is_done(folder: Path, name: str) -> bool:
    """Whether a part is there, and nothing in it is to be tried again."""
    file = _done(folder, name)
    return file.exists() and not json.loads(file.read_bytes()).get("again")


def absolute(found: Iterable[Found]) -> list[Found]:
    """Name logs so that they are the same in any working folder, here and on other machines."""
    return [
        replace(one, path=_absolute(one.path), folder=one.folder and _absolute(one.folder))
        for one in found
    ]


def _absolute(path: str) -> str:
    # Path.absolute keeps "..", so a log would have two names; Path.resolve follows links.
    return os.path.abspath(path) if is_local(path) else path  # noqa: PTH100


def among_own(folder: Path, found: Iterable[Found]) -> list[str]:
    """Return the logs that lie where an archive has its own files."""
    places = {resolved(folder / kind) for kind in (DONE, RUNS, PLATEAUS)}
    return [one.path for one in found if not places.isdisjoint(resolved(one.path).parents)]


def work(part: Part, folder: Path, asked: Asked) -> None:
    """Scan a part and keep what was found. It is done when the last of its files is there."""
    said: list[str] = []
    again: list[str] = []
    answers = _noted(read_logs(part.found, asked.read, memory=asked.memory), again)
    logs = scan_logs(answers, asked.rule, asked.unit, said.append)
    said += [f"{one.log.path}: {text}" for one in logs for text in one.log.warnings]
    for kind, rows, columns in (
        (PLATEAUS, scan_rows(logs), SCAN_COLUMNS),
        (RUNS, list(run_rows(logs)), RUN_COLUMNS),
    ):
        write_whole(folder / kind / f"{part.name}.parquet", _parquet(rows, columns))
    done = {"logs": len(logs), "said": said, "again": again}
    write_whole(_done(folder, part.name), json.dumps(done).encode())


def _noted(
    answers: Iterable[tuple[Found, Log | LogError]], again: list[str]
) -> Iterator[tuple[Found, Log | LogError]]:
    """Pass on what was read, and note which logs another try may read."""
    for one, answer in answers:
        if isinstance(answer, ReadError):
            again.append(one.path)
        yield one, answer


def run_rows(scans: Iterable[LogScan]) -> Iterator[Record]:
    """Yield a record for each run."""
    for scan in scans:
        for found in scan.runs:
            run, spent = found.run, Spent(found)
            yield {
                "path": scan.log.path,
                "format": scan.log.format,
                "run": run.name,
                "metric": run.metric,
                "x": run.x_name,
                "mode": run.mode,
                "verdict": str(found.verdict),
                "unit": spent.unit,
                "points": len(run.values) * run.every,
                "nonfinite": found.nonfinite,
                "plateaus": len(found.plateaus),
                "total": spent.total,
                "savable": spent.all_savable,
                "flat_share": found.flat_share,
                "e_value": evidence_of(found),
                **columns_of(found.gain),
            }


def read(folder: Path, kind: str = PLATEAUS) -> polars.DataFrame:
    """Return the rows of all parts that are done, in the order of the logs."""
    import polars as pl

    names = sorted(file.stem for file in (folder / DONE).glob("*.json"))
    # Their bytes: Polars would take some names for patterns, and some it cannot even write.
    files = ((folder / kind / f"{name}.parquet").read_bytes() for name in names)
    parts = map(pl.read_parquet, files)
    columns = SCAN_COLUMNS if kind == PLATEAUS else RUN_COLUMNS
    return pl.concat([frame([], columns), *parts])


def summary(folder: Path, rate: float | None = None) -> Summary:
    """Sum up the parts that are done; given a rate, tell which runs have shifted."""
    import polars as pl

    done = [json.loads(file.read_bytes()) for file in sorted((folder / DONE).glob("*.json"))]
    runs = read(folder, RUNS)
    by_unit = runs.group_by("unit").agg(pl.col("savable").sum(), pl.col("total").sum())
    share = pl.col("savable") / pl.col("total").clip(1)
    worst = runs.filter(pl.col("savable") > 0).sort(share, descending=True, maintain_order=True)
    named = np.zeros(len(runs), np.bool_) if rate is None else e_bh(runs["e_value"], rate)
    shifted = runs.filter(named).sort("e_value", descending=True, maintain_order=True)
    return Summary(
        logs=sum(part["logs"] for part in done),
        runs=len(runs),
        flat=len(runs.filter(pl.col("verdict") == "plateau")),
        share=float(runs.select(pl.col("flat_share").mean()).item() or 0.0),
        savable={unit: (saved, total) for unit, saved, total in sorted(by_unit.iter_rows())},
        worst=worst.head(WORST).to_dicts(),
        said=[text for part in done for text in part["said"]],
        again=sum(len(part.get("again", ())) for part in done),
        rate=rate,
        shifted=shifted.to_dicts(),
    )


def _apart(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Yield logs that must stay together."""
    for _, logs in groupby(found, key=lambda one: os.path.split(one.path)[0]):
        beside = list(logs)
        if len({PurePath(one.path).suffix for one in beside}) > 1:
            yield beside
        else:
            yield from ([one] for one in beside)


def _part(number: int, logs: Sequence[Found], asked: Asked) -> Part:
    known = "\n".join([asked.describe(), *(f"{one} {_stamp(one.path)}" for one in logs)])
    digest = hashlib.sha256(known.encode(errors="surrogateescape")).hexdigest()[:16]
    return Part(f"{number:06d}-{digest}", tuple(logs))


def _stamp(path: str) -> str:
    """Return what changes when a log does, of one that lies here; a run may be a folder."""
    if not is_local(path):
        return ""
    there = Path(path)
    inside = there.rglob("*") if is_folder(path) else ()
    return " ".join(map(_state, [there, *sorted(inside)]))


def _state(path: Path) -> str:
    try:
        state = path.stat()
    except OSError:  # it is gone by now
        return ""
    return f"{state.st_size} {state.st_mtime_ns}"


def _done(folder: Path, name: str) -> Path:
    return folder / DONE / f"{name}.json"


def _parquet(rows: Sequence[Record], columns: Columns) -> bytes:
    buffer = io.BytesIO()
    frame(rows, columns).write_parquet(buffer)
    return buffer.getvalue()
