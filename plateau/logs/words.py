"""The words of names: what a column called ``Train-top_k_accuracy_5`` is about."""

from __future__ import annotations

import re
from functools import lru_cache


def vocabulary(text: str) -> frozenset[str]:
    """Make a set of the words of a text."""
    return frozenset(text.split())


HELD_OUT = vocabulary("val valid validation test testing eval evaluation dev")
TRAINING = vocabulary("train training trn tr")

CHUNK = re.compile(r"[A-Za-z]+\d*|\d+")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Lower-case words of a name: camel case is split, digits at the end of a word are dropped."""
    chunks = [part for chunk in CHUNK.findall(name) for part in CAMEL.split(chunk)]
    lowered = [chunk.lower() for chunk in chunks if not chunk.isdigit()]
    return tuple(
        word if word in {"f1", "l1", "l2", "r2"} else word.rstrip("0123456789") for word in lowered
    )


def squash(name: str) -> str:
    """Lower-case letters and digits only, for comparing names that people type."""
    return re.sub(r"[\W_]+", "", name.lower())


def side(text: str) -> bool | None:
    """Tell held-out (True) from training (False) by the last telling word; None without one."""
    for word in reversed(words(text)):
        if word in HELD_OUT:
            return True
        if word in TRAINING:
            return False
    return None
