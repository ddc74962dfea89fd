"""Pages of the documentation that hold tables, each between two marks that bear its name."""

import re

ABSENT = "."
"""A cell without a figure."""


def table(header, lines):
    """Markdown table; the first column is text, the others are numbers."""
    rule = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines])


def written(page, tables):
    """Text of the page with the tables in their places."""
    for name, text in tables.items():
        start, end = f"<!-- table: {name} -->", f"<!-- end: {name} -->"
        place = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        page = place.sub(lambda _, new=f"{start}\n{text}\n{end}": new, page)
    return page
