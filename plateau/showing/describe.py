"""What was found in a log and why it was chosen, for people."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from plateau.showing.found import Described, Line
from plateau.showing.printing import printable

TITLES = ("rows", "first", "last", "as metric", "as x", "as rate")
GAP = "  "
NARROWEST = 20
"""Characters for names at least."""


def show_columns(console: Console, found: Described) -> None:
    """Print the columns of a log with their points, what was chosen, and what was odd."""
    console.print(Text(f"{printable(found.path)} ({found.format})", style="bold"))
    for line in _table(found.columns, console.width):
        console.print(line, soft_wrap=True)
    if found.more:
        console.print(f"and {found.more} more columns")
    for choice in found.choices:
        console.print(printable(choice), soft_wrap=True, markup=False)
    for warning in found.warnings:
        console.print(Text(f"warning: {printable(warning)}", style="yellow"), soft_wrap=True)


def _table(columns: Sequence[Line], width: int) -> Iterator[Text]:
    """Lay columns out in lines, in which no name and no remark is broken.

    Remarks stand beside the numbers if there is room for all of them, else below. A name that
    leaves its numbers no room has a line of its own.
    """
    names = [printable(one.name) or "(no name)" for one in columns]
    rows = [TITLES, *(one.cells for one in columns)]
    sizes = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    taken = sum(sizes) + len(GAP) * len(sizes)
    room = min(max(NARROWEST, *map(cell_len, names)), max(width - taken, NARROWEST))
    told = max(len(one.told) for one in columns)
    beside = room + taken + len(GAP) + told <= width
    title = _row("column", TITLES, room, sizes)
    yield Text(f"{title}{GAP}remarks" if beside else title, style="bold")
    for name, one in zip(names, columns, strict=True):
        style = "green" if one.chosen else ""
        if cell_len(name) > room:
            yield Text(name, style=style)
            name = ""
        row = _row(name, one.cells, room, sizes)
        yield Text((f"{row}{GAP}{one.told}" if beside else row).rstrip(), style=style)
        if one.told and not beside:
            yield Text(f"{GAP}{one.told}", style=style)


def _row(name: str, cells: Sequence[str], room: int, sizes: Sequence[int]) -> str:
    right = (cell.rjust(size) for cell, size in zip(cells, sizes, strict=True))
    return GAP.join([name + " " * (room - cell_len(name)), *right])
