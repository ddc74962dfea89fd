"""What is said on standard error, and where people are shown things."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from plateau.showing.printing import printable

if TYPE_CHECKING:
    from rich.console import Console


def complain(message: str, program: str = "plateau") -> None:
    """Print one line on standard error, if anybody reads it."""
    with suppress(OSError):
        typer.echo(f"{program}: {printable(' '.join(message.split()))}", err=True)


def reason(error: Exception) -> str:
    """Return what an error says; of one of the system the file first, and not its number."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


@contextmanager
def clear_errors(path: str | Path | None = None) -> Iterator[None]:
    """Turn what went wrong into one line that names the file."""
    try:
        yield
    except (ValueError, TypeError) as error:
        message = str(error)
    except BrokenPipeError:
        raise  # standard output is closed: there is nobody to tell
    except OSError as error:
        message, path = error.strerror or str(error), error.filename or path
    else:
        return
    prefix = f"{path}: " if path and str(path) not in message else ""
    raise typer.TyperException(prefix + message) from None


def console(*, stderr: bool = False) -> "Console":
    """Return a rich console for standard output or standard error."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    made.width = max(made.width, 80)  # numbers cut off are of no use, wrapped ones are
    return made
