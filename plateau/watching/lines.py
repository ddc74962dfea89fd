"""A text log, a table or JSON lines while they are written: whole lines, and their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateau.logs.files.lines import source_of
from plateau.logs.files.stream import PACKINGS, STDIN
from plateau.logs.formats.format import Head, Lines
from plateau.logs.formats.known import cannot_be_followed, lines_of, refuse_to_follow
from plateau.logs.large.parts import LONGEST, RULE
from plateau.logs.model import LogError
from plateau.logs.names import as_x
from plateau.logs.reader import HEAD, SAMPLE
from plateau.watching.columns import ENOUGH
from plateau.watching.tail import PIECE

if TYPE_CHECKING:
    from plateau.logs.columns import Contents
    from plateau.logs.large.thinned import Rows
    from plateau.logs.text.shapes import Headed
    from plateau.watching.columns import Columns
    from plateau.watching.prometheus import Query
    from plateau.watching.tail import Pipe, Tail

HELD = 256 << 10
"""Bytes after which rows count as complete: a metric may fall silent while other lines go on."""

GROWN = 1.125
"""How much longer a log must have become before another look at what its columns are."""


class LineLog:
    """Reads whole lines as they come, and makes rows of them.

    Parameters
    ----------
    source : Tail, Pipe or Query
        Gives the bytes.
    columns : Columns
        Chooses the columns.
    """

    def __init__(self, source: Tail | Pipe | Query, columns: Columns) -> None:
        self.source = source
        self.columns = columns
        self.lines: Lines | None = None
        self.headed: Headed = {}
        self.labelled = False
        """Whether lines are samples with labels, of several series."""
        self.labels: str | None = None
        """Those of all samples before, where one with others would be that of another series."""
        self.last = False
        """Whether columns must be chosen from what is there: no more is waited for."""
        self.left = b""
        """Whole lines that made no rows yet."""
        self.part = b""
        """A line without its end."""
        self._overlong = False
        """Whether what comes is the rest of a line that was given up."""
        self._tried = 0
        self.more = False
        """Whether the source had more than is read at a time."""

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        return self.source.ended

    def read(self) -> bool:
        """Read what is new; return whether there was anything."""
        data = self.source.read()
        if self.source.renewed:
            self.part = b""  # its end will never come
        self.more = len(data) == PIECE
        both = self.part + self._behind_a_long_line(data)
        end = _end_of_lines(both)
        self.left += both[:end]
        self.part = both[end:]
        if len(self.part) > LONGEST:
            self.columns.complain(
                f"{self.columns.path}: a line is longer than {LONGEST >> 20} MiB and is left out"
            )
            self.part, self._overlong = b"", True
        return bool(data)

    def _behind_a_long_line(self, data: bytes) -> bytes:
        """Leave out what belongs to a line that was given up."""
        if not self._overlong:
            return data
        end = data.find(b"\n") + 1
        self._overlong = not (end or self.source.renewed)
        return data if self.source.renewed else data[end:] if end else b""

    def rows(self) -> Rows | None:
        """Give the rows of the metric that are complete; None if there are none."""
        if self.ended:
            self.left, self.part = self.left + self.part, b""
        if self.labelled or (self.columns.chosen is None and not self._choose()):
            return None
        whole = self.ended or len(self.left) > HELD
        end = len(self.left) if whole else self._end_of_rows()
        if (first := self._first_of_others(self.left[:end])) is not None:
            end, self.labelled = first, True
        data, self.left = self.left[:end], self.left[end:]
        return self.columns.rows(self._contents(data)) if data else None

    def samples(self) -> Contents | None:
        """Give the samples with labels that came; None where lines are of another kind."""
        if not self.labelled or self.lines is None or self.lines.format.series is None:
            return None
        data, self.left = self.left, b""
        return self.lines.format.series(source_of(self.columns.path, data, [], last=False))

    def _choose(self) -> bool:
        last = self.ended or self.last
        enough = not self.more or len(self.left) >= SAMPLE
        if not last and not (enough and len(self.left) > GROWN * self._tried):
            return False
        self._tried = len(self.left)
        path = self.columns.path
        if self.left.startswith(tuple(magic for magic, _ in PACKINGS.values())):
            raise LogError(f"{path}: a compressed file {cannot_be_followed()}")
        refuse_to_follow(Head(self.left, path, path != STDIN))
        last = last or len(self.left) > HEAD
        source = source_of(path, self.left, [], last=last)
        lines = lines_of(source)
        if not lines.format.followed and (last or len(source.lines) > ENOUGH):
            raise LogError(f"{path}: {lines.format.label} {cannot_be_followed()}")
        contents = lines.read(source)
        if lines.format.series and self._has_series(contents, labelled=lines.format.labelled):
            self.lines, self.labelled = lines, True
            return False
        if not self.columns.choose(contents, last=last):
            return False
        self.lines = lines
        if lines.format.series:
            runs = {table.run or "" for table in lines.format.series(source).tables}
            alone = runs.pop() if len(runs) == 1 else ""
            self.labels = alone if alone or lines.format.labelled else None
        return True

    def _has_series(self, contents: Contents, *, labelled: bool) -> bool:
        """Whether there are several series, or the first of those that may come."""
        if len({table.run for table in contents.tables}) > 1:
            return True
        items = [item for table in contents.tables for item in table.columns]
        counted = self.columns.asked.x or any(as_x.x_points(item) > as_x.X_TIME for item in items)
        return labelled and bool(items) and not counted  # a training has a count of its steps

    def _first_of_others(self, data: bytes) -> int | None:
        """Return where the first sample with other labels than all before lies; None without."""
        if self.labels is None or self.lines is None or self.lines.format.series is None:
            return None
        found = self.lines.format.series(source_of(self.columns.path, data, [], last=False))
        others = [
            int(item.rows[0])
            for table in found.tables
            if (table.run or "") != self.labels
            for item in table.columns
        ]
        return _start_of_line(data, int(found.numbers[min(others)])) if others else None

    def _end_of_rows(self) -> int:
        """Return where the lines end of which all is known that makes rows of them."""
        chosen = self.columns.chosen
        assert chosen is not None
        if not chosen.spread or not self.left:
            return len(self.left)
        if chosen.in_blocks:
            return max((match.end() for match in RULE.finditer(self.left)), default=0)
        contents = self._contents(self.left)
        last = [
            int(item.rows[-1])
            for table in contents.tables
            for item in table.columns
            if chosen.wanted.is_metric(item) and len(item.rows)
        ]
        return _start_of_line(self.left, int(contents.numbers[max(last)])) if last else 0

    def _contents(self, data: bytes) -> Contents:
        assert self.lines is not None
        # A file that was cut under its writer goes on behind zeros.
        source = source_of(self.columns.path, data.replace(b"\0", b""), [], last=False)
        return self.lines.read_part(source, self.headed)


def _start_of_line(data: bytes, number: int) -> int:
    """Return where a line begins, counted from 1."""
    return sum(len(line) + 1 for line in data.split(b"\n")[: number - 1])


def _end_of_lines(data: bytes) -> int:
    """Return where the last whole line ends; a progress bar ends its lines by returning."""
    end = data.rfind(b"\n") + 1
    # The end of the data may lie within "\r\n".
    return max(end, data.rfind(b"\r", end, len(data) - 1) + 1)
