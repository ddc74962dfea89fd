"""Pages of the documentation that hold tables, each between two marks that bear its name."""

import re
from collections.abc import Iterable, Mapping, Sequence

ABSENT = "."
"""A cell without a figure."""


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Markdown table; the first column is text, the others are numbers."""
    rule = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines])


def written(page: str, tables: Mapping[str, str]) -> str:
    """Text of the page with the tables in their places."""
    for name, text in tables.items():
        start, end = f"<!-- table: {name} -->", f"<!-- end: {name} -->"
        place = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        new = f"{start}\n{text}\n{end}".replace("\\", r"\\")
        page = place.sub(new, page)
    return page
