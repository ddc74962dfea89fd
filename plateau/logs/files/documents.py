"""JSON as programs write it: with a bare NaN, and cut where a program was stopped.

Python's own parser reads it: it accepts the bare ``NaN`` that training logs are full of and
objects of any shape; polars does neither.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plateau.logs.files.lines import Source

BARE = re.compile(r"(?<=[\s:\[,])([-+]?)(nan|inf(?:inity)?)(?:\(\w*\))?(?=[\s,\]}])", re.IGNORECASE)
NEAR = 32  # characters from where the parser gives up to what it cannot read
# A string may have no end; nothing of it is looked at twice.
MARKS = re.compile(r'"(?:[^"\\]++|\\[\s\S]?)*+"?|[][{},]')
CLOSING = {"[": "]", "{": "}"}
SOUND = 0.5  # of a damaged document; with less in front of the damage it is something else
DEEPEST = 8  # objects within each other that are looked into


def parse(text: str) -> Any:
    """Parse JSON, also with NaN and infinities in any spelling."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if not BARE.search(text[max(error.pos - NEAR, 0) : error.pos + NEAR]):
            raise  # of a log that begins with "[", at once
        return json.loads(BARE.sub(_standard, text))


def _standard(match: re.Match[str]) -> str:
    if match[2].lower() == "nan":
        return "NaN"
    return "-Infinity" if match[1] == "-" else "Infinity"


def document_of(source: Source) -> Any:
    """Parse a file as one JSON document, up to where it is damaged; None where it is none."""
    text = "\n".join(source.lines)
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        return _before_damage(text, error, source)
    except (ValueError, RecursionError):
        return None


def _before_damage(text: str, error: json.JSONDecodeError, source: Source) -> Any:
    """Read a document that is cut or damaged up to the last whole value; None without one."""
    if error.pos < SOUND * len(text) or error.msg == "Extra data":
        return None
    stack: list[str] = []
    end, closing = 0, ""
    for mark in MARKS.finditer(text, 0, error.pos):
        if mark[0] in CLOSING:
            stack.append(CLOSING[mark[0]])
        elif mark[0] == ",":
            end, closing = mark.start(), "".join(reversed(stack[-DEEPEST:]))
        elif mark[0] in "]}" and stack:
            stack.pop()
    try:
        found = parse(text[:end] + closing)
    except (ValueError, RecursionError):
        return None
    line = source.numbers[min(error.lineno, len(source.numbers)) - 1]
    source.warnings.append(
        f"the JSON document is cut or damaged at line {line}: it was read up to there"
    )
    return found
