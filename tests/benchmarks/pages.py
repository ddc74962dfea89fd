"""Pages of the documentation that hold tables, each between two marks that bear its name."""

from collections.abc import Iterable, Mapping, Sequence

ABSENT = "."
"""A cell without a figure."""


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Markdown table; the first column is text, the others are numbers."""
    rule = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines])


def written(page: str, tables: Mapping[str, str], *, only_rows: bool = False) -> str:
    """Text of the page with the tables, or only their rows, in the places of the old ones."""
    for name, text in tables.items():
        start, end = f"<!-- table: {name} -->", f"<!-- end: {name} -->"
        before, mark, behind = page.partition(start)
        old, _, behind = behind.partition(end)
        if mark:
            new = renewed(old.strip(), text) if only_rows else text
            page = f"{before}{start}\n{new}\n{end}{behind}"
    return page


def renewed(old: str, new: str) -> str:
    """A table with the rows of another; what the other lacks stays, what it adds comes first."""
    (header, rule, *before), (other, _, *lines) = old.splitlines(), new.splitlines()
    if header != other:
        raise ValueError(f"a table has the columns {other}, in the page it has {header}")
    rows = {line.split(" | ")[0]: line for line in lines}
    names = [line.split(" | ")[0] for line in before]
    added = [line for name, line in rows.items() if name not in names]
    kept = [rows.get(name, line) for name, line in zip(names, before, strict=True)]
    return "\n".join([header, rule, *added, *kept])
