"""How a program ends: with an exit code, and one line on standard error for what went wrong."""

import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import typer

from plateau.commands.messages import complain, reason

SIGPIPE = 13  # Windows does not name it
CRASHED = 70  # EX_SOFTWARE


def exit_code(program: str, start: Callable[[], int | None]) -> int:
    """Run a program's commands, and return its exit code.

    What `start` returns, 0 for None; 2 bad usage or input, 70 a bug of ours.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a chart on a terminal that knows no braille
    try:
        return start() or 0
    except typer.TyperException as error:
        complain(error.format_message(), program)
        return 2
    except OSError as error:
        complain(reason(error), program)
        return 2
    except MemoryError as error:
        complain(str(error) or "not enough memory", program)
        return 2
    except SystemExit:  # the reader of standard output has gone
        return 128 + SIGPIPE
    except Exception as error:  # what --fail-on names has a code of its own: it must not look so
        with suppress(OSError):  # standard error is full, or nobody reads it
            traceback.print_exc()
        complain(f"this is a bug of plateau ({type(error).__name__}), please report it", program)
        return CRASHED


@contextmanager
def standard_streams() -> Iterator[None]:
    """Let standard streams that the caller has closed lead nowhere.

    Without them the next files that are opened would be taken for them, and written to.
    """
    with ExitStack() as opened:
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            if getattr(sys, name) is None:
                setattr(sys, name, opened.enter_context(Path(os.devnull).open(mode)))
                opened.callback(setattr, sys, name, None)
        yield
