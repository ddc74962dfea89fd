"""The command line: ``plateau demo``, ``scan``, ``report``, ``watch`` and so on."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, cast

import typer

from plateau.commands.columns import columns
from plateau.commands.demo import demo
from plateau.commands.ending import exit_code, standard_streams
from plateau.commands.once import Command
from plateau.commands.replay import replay
from plateau.commands.report import report
from plateau.commands.scan import scan
from plateau.commands.stream import stream
from plateau.commands.watch import watch

if TYPE_CHECKING:
    from types import ModuleType

GARBAGE = 100_000  # objects made before the collector looks for cycles

app = typer.Typer(
    help="Tell when a metric has stopped moving.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: Annotated[
        bool, typer.Option("--version", help="Print the version, numba's, and the cache.")
    ] = False,
) -> None:
    """Tell when a metric has stopped moving."""
    if show:
        _show_version()
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _show_version() -> None:
    """Print what a report of a bug needs."""
    from importlib.metadata import version as installed

    from plateau._cache import folder

    typer.echo(f"plateau {installed('plateau-detect')}")
    typer.echo(f"numba {installed('numba')}, compiled code in {folder()}")


for command in (demo, scan, report, columns, replay, watch, stream):
    app.command(cls=Command)(command)


@contextmanager
def hurry() -> Iterator[None]:
    """Leave out what costs time at the start and is of no use to a command."""
    thresholds, absent = gc.get_threshold(), "scipy" not in sys.modules
    # Importing what a scan needs makes many objects and hardly any garbage: the collector would
    # look at them for 0.1 s.
    gc.set_threshold(GARBAGE)
    # numba imports SciPy where there is one, which takes 0.3 s, for linear algebra that no kernel
    # uses.
    if absent:
        sys.modules["scipy"] = cast("ModuleType", None)
    try:
        yield
    finally:  # for a program that calls main()
        gc.set_threshold(*thresholds)
        if absent:
            del sys.modules["scipy"]


def main() -> None:
    """Run the command line.

    Exit 0 done, 1 ``--fail-on`` matched, 2 bad usage or input, 70 a bug of ours.
    """
    # At the end Python looks for garbage among all that was imported, which takes 0.15 s.
    atexit.register(gc.freeze)
    with standard_streams():
        sys.exit(exit_code("plateau", _start))


def _start() -> int | None:
    with hurry():
        command = typer.main.get_command(app)
        code: int | None = command.main(prog_name="plateau", standalone_mode=False)
    return code
