"""Formulas in the names of text logs: the bars of "||r||" part no names, nor does "ln(Z)"."""

from __future__ import annotations

import re

# "||r(i)||/||b||", "||B r||_2"; with single bars only before a joint, "Nonlinear |R| = 0.5": cells
# are written between such bars too.
FORMULA = re.compile(
    r"\|\|(?=[^\s|])[^|]{1,32}(?<=\S)\|\||(?<![\w|])\|[A-Za-z][\w()]{0,16}\|(?=\s*[=:])"
    r"|(?<![A-Za-z])(?:ln|log)\([A-Za-z]\w{0,16}\)"
)
# What would part a name, and characters for private use in its place.
SPLITTING = "|(), "
SHIELDS = "".join(map(chr, range(0xE000, 0xE000 + len(SPLITTING))))
SHIELDED, BARED = str.maketrans(SPLITTING, SHIELDS), str.maketrans(SHIELDS, SPLITTING)
BAR = SHIELDS[0]


def shielded(text: str) -> str:
    """Make each formula of a text one word, as long as it was."""
    if "|" not in text and "(" not in text:
        return text
    return FORMULA.sub(lambda found: found[0].translate(SHIELDED), text)


def bared(name: str) -> str:
    """Write a name as it stood in the text."""
    return name if name.isascii() else name.translate(BARED)
