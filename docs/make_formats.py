"""Write the table of formats into ``docs/logs.md``: ``python docs/make_formats.py``.

It is the readers' own one, `plateau.logs.formats.known`; a test compares the two.
"""

import re
from pathlib import Path

from plateau.logs.formats.known import FORMATS

PAGE = Path(__file__).parent / "logs.md"
HEAD = "| Format | How it is read | `format` | `plateau watch` |"


def main() -> None:
    PAGE.write_text(with_table(PAGE.read_text()))


def with_table(page: str) -> str:
    """Return the page with the table as it is now."""
    old = re.compile(re.escape(HEAD) + r"\n(?:\|.*\n)+")
    assert len(old.findall(page)) == 1, "the page has the head of the table once"
    return old.sub(lambda _: table(), page)


def table() -> str:
    """Return the table in Markdown."""
    lines = [HEAD, "|---|---|---|---|"]
    for one in sorted(FORMATS, key=lambda one: one.label.lower()):
        names = ", ".join(f"`{name}`" for name in one.names)
        about = one.about.replace("|", "\\|")
        lines.append(f"| {one.label} | {about} | {names} | {'yes' if one.followed else ''} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
