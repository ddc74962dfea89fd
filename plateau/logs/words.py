"""The words of names: what a column called ``Train-top_k_accuracy_5`` is about."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable


def vocabulary(text: str) -> frozenset[str]:
    """Make a set of the words of a text."""
    return frozenset(text.split())


HELD_OUT = vocabulary("val valid validation test testing eval evaluation dev")
TRAINING = vocabulary("train training trn tr")

# The commonest words of other languages, without accents.
TRANSLATED = {
    "perdida": "loss", "perte": "loss", "perda": "loss", "verlust": "loss", "fehler": "error",
    "erreur": "error", "genauigkeit": "accuracy", "exactitud": "accuracy", "recompensa": "reward",
    "iteracion": "iteration", "iteracao": "iteration", "epoca": "epoch", "epoque": "epoch",
    "epoche": "epoch", "schritt": "step", "paso": "step", "lernrate": "lr",
}  # fmt: skip
# Chinese writes words together.
PARTS = {
    "训练": "train", "验证": "val", "测试": "test", "学习率": "lr", "损失": "loss", "误差": "error",
    "准确率": "accuracy", "精度": "accuracy", "奖励": "reward", "轮": "epoch", "步": "step",
}  # fmt: skip

CHUNK = re.compile(r"[^\W\d_]+\d*|\d+")
ACCENTS = re.compile(r"[\u0300-\u036f]")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Lower-case words of a name, without accents and digits at the end; camel case is split."""
    if not name.isascii():
        name = ACCENTS.sub("", normalize("NFKD", name))
    chunks = [part for chunk in CHUNK.findall(name) for part in CAMEL.split(chunk)]
    lowered = [word for chunk in chunks if not chunk.isdigit() for word in _english(chunk.lower())]
    return tuple(
        word if word in {"f1", "l1", "l2", "r2"} else word.rstrip("0123456789") for word in lowered
    )


def _english(word: str) -> Iterable[str]:
    if word.isascii():
        return (TRANSLATED.get(word, word),)
    return [english for part, english in PARTS.items() if part in word] or (word,)


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
