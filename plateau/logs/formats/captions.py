"""Names of columns that stand in remarks above a table: of Grace, of Tecplot, numbered lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LABEL = re.compile(r"@\s*(xaxis|yaxis|s\d+)\s+(?:label|legend)\s+\"(.*)\"")  # Grace, GROMACS
TECPLOT = re.compile(r"\s*(?:(?:title|variables|zone)\s*=|zone\s+\w+\s*=)", re.IGNORECASE)
VARIABLES = re.compile(r"\s*variables\s*=", re.IGNORECASE)
NAME = re.compile(r'"([^"]*)"|([^\s",]+)')
NUMBERED = re.compile(r"[#%!\s]*(?:col(?:umn)?\s*)?\[?(\d+)\]?\s*[:=)\]-]\s*(\S.*)")


def names_told(remarks: Sequence[str], width: int) -> list[str]:
    """Return the names of so many columns; none where remarks tell other ones, or none."""
    for told in (_of_grace(remarks), _of_tecplot(remarks), _numbered(remarks)):
        if len(told) == width:
            return told
    return []


def _of_grace(remarks: Sequence[str]) -> list[str]:
    labels = {found[1]: found[2] for line in remarks if (found := LABEL.match(line.strip()))}
    legends = [name for kind, name in labels.items() if kind.startswith("s")]
    x = labels.get("xaxis", "")
    return [x, *(legends or [labels.get("yaxis", "")])] if x else []


def _of_tecplot(remarks: Sequence[str]) -> list[str]:
    lines = iter(remarks)
    text = next((line.partition("=")[2] for line in lines if VARIABLES.match(line)), "")
    for line in lines:
        if not goes_on(line):
            break
        text += f" {line}"
    return [quoted or bare for quoted, bare in NAME.findall(text)]


def _numbered(remarks: Sequence[str]) -> list[str]:
    """Read "# 1: time", "# column 2 = energy", one a line."""
    found = [told for line in remarks if (told := NUMBERED.fullmatch(line.strip()))]
    inside = [int(told[1]) for told in found] == [*range(1, len(found) + 1)]
    return [told[2] for told in found] if inside else []


def goes_on(line: str) -> bool:
    """Whether a line has more of the names that Tecplot's variables begin with."""
    return line.lstrip().startswith('"')
