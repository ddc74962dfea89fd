"""What was found in a log and why it was chosen, for people."""

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from plateau.showing.found import Described, Line
from plateau.showing.printing import printable

WIDE = 110
"""Characters of a line from which remarks stand beside the numbers, not below the name."""


def show_columns(console: Console, found: Described) -> None:
    """Print the columns of a log with their points, what was chosen, and what was odd."""
    console.print(Text(f"{printable(found.path)} ({found.format})", style="bold"))
    console.print(_table(found.columns, wide=console.width >= WIDE))
    if found.more:
        console.print(f"and {found.more} more columns")
    for line in found.choices:
        console.print(printable(line), soft_wrap=True, markup=False)
    for warning in found.warnings:
        console.print(Text(f"warning: {printable(warning)}", style="yellow"), soft_wrap=True)


def _table(columns: Sequence[Line], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("column", no_wrap=wide, min_width=20, overflow="fold")
    for title in ("rows", "first", "last", "as metric", "as x", "as rate"):
        table.add_column(title, justify="right", no_wrap=True)
    if wide:
        table.add_column("remarks", overflow="fold")
    for one in columns:
        name = printable(one.name) or "(no name)"
        below = f"\n  {one.told}" if one.told and not wide else ""
        cells: list[RenderableType] = [Text(name + below), *one.cells]
        beside = [Text(one.told)] if wide else []
        table.add_row(*cells, *beside, style="green" if one.chosen else "")
    return table
