"""Readers of saved training logs."""

from plateau.logs.model import Log as Log
from plateau.logs.model import LogError as LogError
from plateau.logs.model import NoSeriesError as NoSeriesError
from plateau.logs.model import Run as Run
from plateau.logs.reader import read_log as read_log

__all__ = ["Log", "LogError", "NoSeriesError", "Run", "read_log"]
