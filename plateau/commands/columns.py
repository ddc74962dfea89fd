"""``plateau columns``."""

from functools import partial

import typer

from plateau.commands.groups import ColumnOptions, grouped
from plateau.commands.messages import complain, console
from plateau.commands.options import Memory, Paths
from plateau.commands.scanning import as_bytes


@grouped
def columns(paths: Paths, columns: ColumnOptions, memory: Memory = None) -> None:
    """Show what was found in logs, and what was chosen and why."""
    from plateau.logs.model import LogError
    from plateau.logs.several.find import find_logs
    from plateau.logs.several.parallel import read_logs
    from plateau.showing.describe import show_columns
    from plateau.showing.found import described

    shown = 0
    read = partial(described, asked=columns.asked())
    logs = find_logs(paths, complain)
    for _, found in read_logs(logs, read, memory=as_bytes(memory)):
        if isinstance(found, LogError):
            complain(str(found))
            continue
        if shown:
            typer.echo()
        show_columns(console(), found)
        shown += 1
    if not shown:
        raise typer.Exit(2)
