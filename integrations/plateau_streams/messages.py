"""What a message says, and what is said of it: key and sample in, events as plain data out."""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plateau.events import Event
from plateau.outlook import columns_of


class MessageError(ValueError):
    """A message that has no key or no number."""


@dataclass(frozen=True)
class Fields:
    """Where a message has its key and its value.

    Parameters
    ----------
    key : str, optional
        Field of the key. By default it is the message's own, where the engine has such.
    value : str, optional
        Field of the sample. By default the whole message is the sample.

    Examples
    --------
    >>> from plateau_streams import Fields
    >>> Fields(key="host", value="load").read(None, b'{"host": "a", "load": 0.5}')
    ('a', 0.5)
    >>> Fields().read(b"a", b"0.5")
    ('a', 0.5)
    """

    key: str | None = None
    value: str | None = None

    def read(self, key: bytes | str | None, value: bytes | str | None) -> tuple[str, float]:
        """Return key and sample of a message: JSON, or a bare number.

        Raises
        ------
        MessageError
            If it has none.
        """
        if self.key is None and self.value is None:
            return self.take({"key": key, "value": value}, "key", "value")
        try:
            message = json.loads(value or b"")
        except (ValueError, RecursionError):
            raise MessageError("is no JSON") from None
        if not isinstance(message, Mapping):
            raise MessageError("is no JSON object")
        own = {**message, "": key}  # a field of JSON may have any name but none
        return self.take(own, self.key or "", "value" if self.value is None else self.value)

    @staticmethod
    def take(message: Mapping[str, Any], key: str, value: str) -> tuple[str, float]:
        """Return key and sample, given the names of their fields.

        Raises
        ------
        MessageError
            If one is not there, or the sample is no number.
        """
        own = _text(message.get(key))
        if not own:
            raise MessageError(f"has no {key or 'key'}")
        if value not in message:
            raise MessageError(f"has no {value}")
        return own, _number(value, message[value])


def record(key: str, event: Event) -> dict[str, Any]:
    """Return an event as plain data, safe for JSON: None for what is not known or not finite.

    ``key``, ``index`` and ``event`` name it for good: one that comes twice is the same.
    """
    told = {
        "key": key,
        "index": event.index,
        "event": event.kind,
        "onset": event.onset,
        "declared": event.declared,
        "level": event.level,
        "slope": event.slope,
        **columns_of(event.gain),
    }
    return {name: _plain(each) for name, each in told.items()}


class Complaints:
    """Says what is wrong with messages, a line each; where many are alike, ever fewer of them.

    Parameters
    ----------
    complain : callable
        Is told the line.
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._seen: Counter[str] = Counter()

    def __call__(self, where: str, problem: str) -> None:
        """Tell of the first, the tenth, the hundredth message with this problem."""
        self._seen[problem] += 1
        count = self._seen[problem]
        if str(count).strip("0") == "1":
            so_far = "" if count == 1 else f" ({count:,} so far)"
            self._complain(f"message {where} {problem} and is left out{so_far}")


def _text(value: Any) -> str:
    """Return a key as text that every engine takes; none of what is no text and no number."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if value is None or isinstance(value, Mapping | list):
        return ""
    return str(value).encode(errors="backslashreplace").decode()  # halves of characters


def _number(name: str, value: Any) -> float:
    """Return a number, also one that is written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | bytes):
        raise MessageError(f"has a {name} that is no number")
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        raise MessageError(f"has a {name} that is no number") from None


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
