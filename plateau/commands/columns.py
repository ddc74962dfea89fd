"""``plateau columns``."""

import typer

from plateau.commands.groups import ColumnOptions, grouped
from plateau.commands.messages import clear_errors, complain, console
from plateau.commands.options import Paths


@grouped
def columns(paths: Paths, columns: ColumnOptions) -> None:
    """Show what was found in logs, and what was chosen and why."""
    from plateau.logs.reader import read_material
    from plateau.logs.several.find import find_logs
    from plateau.showing.describe import show_columns

    asked = columns.asked()
    shown = 0
    for one in find_logs(paths, complain):
        try:
            with clear_errors(one.path):
                material = read_material(one.path, asked)
                if shown:
                    typer.echo()
                show_columns(console(), material)
                shown += 1
        except typer.TyperException as error:
            complain(error.message)
    if not shown:
        raise typer.Exit(2)
