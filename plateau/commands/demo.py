"""``plateau demo``."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from plateau.commands.groups import RuleOptions
from plateau.commands.messages import console
from plateau.commands.options import OUTPUT, Format, option
from plateau.commands.results import check_files, draw, write
from plateau.commands.scanning import scanned


def demo(
    plot: Annotated[Path, option(OUTPUT, "Where to write the picture.")] = Path("plateau.png"),
    report: Annotated[Path, option(OUTPUT, "Where to write the page.")] = Path("plateau.html"),
) -> None:
    """Find the plateaus of the bundled training log; nothing to prepare."""
    from plateau.logs.several.parallel import read_one

    check_files(Format.json, None, plot)
    with as_file(files("plateau") / "data" / "sample.log") as sample:
        rule, outputs = RuleOptions().rule, [plot, report]
        scans = scanned(
            *([str(sample)], read_one, rule, None, outputs),
            quiet=False,
            shown_by="plateau.showing.terminal",
        )
    from plateau.showing.report import html
    from plateau.showing.terminal import show_scan

    show_scan(console(), scans)
    draw(scans, plot)
    typer.echo(f"Picture written to {plot}")
    write(report, html(scans))
    typer.echo(f"Report written to {report}: open it in a browser")
