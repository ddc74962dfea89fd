"""Jupyter notebooks: what the cells of a training printed, and the tables that they drew."""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.columns import Contents
from plateau.logs.files.lines import Source, source_of
from plateau.logs.formats.separated import series_of
from plateau.logs.records.labelled import tables_of
from plateau.logs.text.blocks import blocks
from plateau.logs.text.shapes import mine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateau.logs.columns import Table

    Object = dict[str, Any]

LONGEST = 1000  # characters of a cell
TEXT, PLAIN, HTML = "text", "text/plain", "text/html"


def recognise(source: Source) -> Contents | None:
    """Return what the outputs hold, cell by cell; None for other documents.

    Each cell is a run of its own, as is each table in it.
    """
    cells = _cells_of(source.document)
    return None if cells is None else _contents(source, cells)


def _cells_of(document: Any) -> list[Object] | None:
    """Return the cells of a notebook, of this format or an older one."""
    if not isinstance(document, dict):
        return None
    sheets = document.get("worksheets")
    sheets = sheets if isinstance(sheets, list) else [document]
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    cells = [
        cell for part in lists if isinstance(part, list) for cell in part if isinstance(cell, dict)
    ]
    told = "nbformat" in document or any("cell_type" in cell for cell in cells)
    return cells if told else None


def _contents(source: Source, cells: list[Object]) -> Contents:
    places = _Places(source)
    tables: list[Table] = []
    numbers: list[int] = []
    block: list[int] = []
    for number, cell in enumerate(cells, start=1):
        text, drawn = _outputs(cell)
        for found, lines in _of_cell(source, text, drawn):
            ours = [replace(table.moved(len(numbers)), run=f"cell {number}") for table in found]
            tables += [table for table in ours if table.columns]
            block += (blocks(lines) + 1 + (block[-1] if block else -1)).tolist()
            numbers += [places.of(line) for line in lines]
    return Contents("notebook", tables, np.array(numbers, dtype=np.int64), np.array(block))


def _of_cell(
    source: Source, text: str, drawn: list[list[list[str]]]
) -> Iterator[tuple[list[Table], list[str]]]:
    """Yield tables with the lines that they stand on: of what was printed, of each table drawn."""
    if text.strip():
        printed = source_of(source.path, text.encode(errors="replace"), source.warnings)
        printed = replace(printed, cut=False)
        yield list(mine(printed)), printed.lines
    for names, *rows in drawn:
        width = len(names)
        told = [name or f"column {index}" for index, name in enumerate(names, start=1)]
        fit = [row for row in rows if len(row) == width]
        if fit:
            series, texts = series_of(told, fit)
            yield tables_of(series, texts, len(fit)), [" ".join(row) for row in fit]


def _outputs(cell: Object) -> tuple[str, list[list[list[str]]]]:
    """Return what a cell printed, and the tables that it drew: rows of cells, names first."""
    printed: list[str] = []
    drawn: list[list[list[str]]] = []
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        data = output.get("data", output)
        data = data if isinstance(data, dict) else {}
        tables = _drawn(_joined(data.get(HTML, data.get("html"))))
        drawn += tables
        if not tables:
            printed.append(_joined(output.get(TEXT)) or _joined(data.get(PLAIN)))
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in printed), drawn


def _joined(text: Any) -> str:
    parts = text if isinstance(text, list) else [text]
    return "".join(part for part in parts if isinstance(part, str))


def _drawn(html: str) -> list[list[list[str]]]:
    if "<table" not in html:
        return []
    parser = _Tables()
    parser.feed(html)  # what is not closed at its end would be gone through again and again
    return [table for table in parser.tables if len(table) > 1]


class _Tables(HTMLParser):
    """Collects the cells of tables."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif self.tables and tag == "tr":
            self.tables[-1].append([])
        elif self.tables and self.tables[-1] and tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        row = self.tables[-1][-1] if self._inside else [""]
        if len(row[-1]) < LONGEST:  # a longer one is neither a number nor a name
            row[-1] = f"{row[-1]}{data}".strip()


class _Places:
    """Finds the lines of a notebook that lines of output stand on: JSON has one string a line."""

    def __init__(self, source: Source) -> None:
        self._of: dict[str, list[int]] = {}
        for row, line in enumerate(source.lines):
            self._of.setdefault(line.strip().rstrip(","), []).append(row)
        self._numbers = source.numbers
        self._last = 0

    def of(self, text: str) -> int:
        """Return the line of the next output, the last one known where it cannot be told."""
        for written in (json.dumps(f"{text}\n", ensure_ascii=False), json.dumps(text)):
            rows = self._of.get(written, [])
            at = bisect_left(rows, self._last)
            if at < len(rows):
                self._last = rows[at]
                break
        return int(self._numbers[self._last])
