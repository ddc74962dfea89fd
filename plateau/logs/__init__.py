"""Readers of saved training logs."""

from typing import TYPE_CHECKING, Any

from plateau.logs.model import Log as Log
from plateau.logs.model import LogError as LogError
from plateau.logs.model import NoSeriesError as NoSeriesError
from plateau.logs.model import Run as Run

if TYPE_CHECKING:
    from plateau.logs.reader import read_log as read_log

__all__ = ["Log", "LogError", "NoSeriesError", "Run", "read_log"]


def __getattr__(name: str) -> Any:
    """Import the readers when they are first asked for: the rest of the package needs none."""
    if name != "read_log":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from plateau.logs.reader import read_log

    globals()[name] = read_log
    return read_log


def __dir__() -> list[str]:
    return sorted([*globals(), "read_log"])
