"""Fonts for names in pictures: an installed one that has the letters, else other words for them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from plateau.logs.names.words import words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_LETTERS = "Last Resort"  # a font of boxes
UNKNOWN = "?"


def use_fonts(figure: Figure) -> None:
    """Give each text of a picture fonts with its letters; what no font has is put otherwise."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        told = text.get_text()
        if told.isascii():
            continue
        if any(family_of(letter) is None for letter in told):
            told = in_latin(told)
            text.set_text(told)
        families = dict.fromkeys(filter(None, map(family_of, told)))
        text.set_fontfamily([_default().family_name, *families])


def in_latin(name: str) -> str:
    """Write a name without letters that no font has: in English where its words are known."""
    english = " ".join(words(name))
    if english and all(family_of(letter) for letter in english):
        return english
    return "".join(letter if family_of(letter) else UNKNOWN for letter in name)


@lru_cache(maxsize=4096)
def family_of(letter: str) -> str | None:
    """Name a font that has a letter, the usual one first; None where there is none."""
    if letter.isspace() or _default().get_char_index(ord(letter)):
        return _default().family_name
    for path, family in _installed().items():
        if _opened(path).get_char_index(ord(letter)):
            return family
    return None


@lru_cache(maxsize=1)
def _default() -> FT2Font:
    return FT2Font(findfont(FontProperties()))


@lru_cache(maxsize=1)
def _installed() -> dict[str, str]:
    fonts = {font.fname: font.name for font in fontManager.ttflist if font.style == "normal"}
    return {path: name for path, name in fonts.items() if not name.startswith(NO_LETTERS)}


@lru_cache(maxsize=1024)
def _opened(path: str) -> FT2Font:
    return FT2Font(path)
