"""The documentation page's tables."""

from functools import partial

from .stopping import CLASSES, SOURCES
from .tables import (
    alarm_table,
    change_table,
    flat_table,
    logs_table,
    lr_drop_table,
    marks_length_table,
    marks_table,
    moving_table,
    never_table,
    onset_table,
    project_table,
    stopping_table,
)

TABLES = {
    "marks": ("marks", marks_table),
    "marks by length": ("marks", marks_length_table),
    "stopping": ("stopping", partial(stopping_table, names=SOURCES)),
    "stopping by length": ("stopping", partial(stopping_table, names=tuple(CLASSES))),
    "jmh_human5": ("jmh_human5", partial(onset_table, part="jmh_human5")),
    "projects": ("jmh_human5", partial(project_table, part="jmh_human5")),
    "jmh_cpssd": ("jmh_cpssd", partial(onset_table, part="jmh_cpssd")),
    "never steady": ("jmh_cpssd", never_table),
    "argon_md": ("argon_md", partial(onset_table, part="argon_md")),
    "lr_drop": ("lr_drop", lr_drop_table),
    "change points": ("tcpd", change_table),
    "false alarms": ("calibration", alarm_table),
    "called flat": ("calibration", flat_table),
    "moving": ("calibration", moving_table),
    "logs": ("logs", logs_table),
}
"""Name of each table: the part that a row must have to be in it, and what makes it."""


def tables_of(results):
    """Every table for which there are figures."""
    found = {}
    for name, (part, make) in TABLES.items():
        own = {row: figures for row, figures in results.items() if part in figures}
        if own:
            found[name] = make(own)
    return found
