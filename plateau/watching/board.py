"""TensorBoard event files while they are written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Contents
from plateau.logs.formats.frames import FOOTER, HEADER, frames, is_framed
from plateau.logs.formats.tensorboard import Reach, event_files, points_of, side_by_side
from plateau.logs.large.parts import LONGEST
from plateau.logs.model import LogError, NoSeriesError
from plateau.logs.records.tagged import Points, rows_of, table_of
from plateau.watching.tail import PIECE

if TYPE_CHECKING:
    from pathlib import Path

    from plateau.logs.large.thinned import Rows
    from plateau.watching.columns import Columns


class Board:
    """Reads whole records of the event files of one run as they come, and makes rows of them.

    A file that a restart adds to the folder goes on where the one before ended. Files written side
    by side with the same tags are several runs, which cannot be followed as one.

    Parameters
    ----------
    path : Path
        The folder, or one event file.
    columns : Columns
        Chooses the columns.
    """

    ended = False
    """Whether nothing can follow."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self.columns = columns
        self.last = False
        """Whether columns must be chosen from what is there: no more is waited for."""
        self.offsets: dict[str, int] = {}
        """How many bytes of each file were taken."""
        self.reach: dict[str, Reach] = {}
        """What each file has of the run."""
        self.points = Points()
        """Those that made no rows yet."""

    def read(self) -> bool:
        """Read what is new; return whether there was anything."""
        files = [self._path] if self._path.is_file() else self._files()
        return any(map(self._read, files))  # each to its end before the one that a restart added

    def _files(self) -> list[Path]:
        with os.scandir(self._path) as there:
            names = event_files(item.name for item in there if item.is_file())
        return [self._path / name for name in names]

    def _read(self, path: Path) -> bool:
        offset = self.offsets.get(path.name, 0)
        if path.stat().st_size <= offset:
            return False
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(PIECE)
            whole = list(frames(data, [], ""))  # that the last one is not whole yet is no news
            if not whole and len(data) >= PIECE and is_framed(data):
                length, _ = HEADER.unpack_from(data)  # a record may be a picture
                if length > LONGEST:
                    raise LogError(
                        f"{path}: the record at byte {offset} claims to have {length:,} bytes, "
                        f"more than {LONGEST >> 20} MiB"
                    )
                data += file.read(HEADER.size + length + FOOTER.size - len(data))
                whole = list(frames(data, [], ""))
        if not whole and len(data) >= HEADER.size and not is_framed(data):
            raise LogError(f"{path}: the record at byte {offset} is damaged")
        taken = sum(HEADER.size + len(each.data) + FOOTER.size for each in whole)
        self.offsets[path.name] = offset + taken
        points = points_of(whole, [], "")
        if points.tags:
            self._note(path.name, points)
        self.points.extend(points)
        return taken > 0

    def _note(self, name: str, points: Points) -> None:
        """Enter what a file has now; refuse files of several runs."""
        new = Reach.of(points)
        old = self.reach.get(name, new)
        self.reach[name] = Reach(old.begin, new.end, sorted({*old.tags, *new.tags}))
        mine = name, self.reach[name]
        for other in self.reach.items():
            both = sorted((other, mine), key=lambda file: file[1].begin)
            (earlier, before), (later, reach) = both
            if earlier != later and side_by_side(before, reach):
                raise LogError(
                    f"{self._path}: {earlier} and {later} are runs side by side: watch one file"
                )

    def rows(self) -> Rows | None:
        """Give the rows of the metric that are complete; None if there are none."""
        if not self.points.tags:
            if self.last and self.columns.chosen is None:
                raise NoSeriesError(f"{self._path}: no series of numbers found")
            return None
        tags = np.unique(np.array(self.points.tags, dtype=object), return_inverse=True)[1]
        rows = rows_of(tags, np.array(self.points.steps, dtype=np.float64))
        # The last row may get more.
        end = len(rows) if self.last else int(np.argmax(rows == rows.max()))
        if not end:
            return None
        table, places = table_of(_part(self.points, 0, end))
        contents = Contents("tensorboard", [table], places)
        if self.columns.chosen is None and not self.columns.choose(contents, last=self.last):
            return None
        self.points = _part(self.points, end, None)
        return self.columns.rows(contents)


def _part(points: Points, start: int, stop: int | None) -> Points:
    return Points(*(one[start:stop] for one in vars(points).values()))
