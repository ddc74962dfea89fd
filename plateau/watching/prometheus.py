"""Prometheus as a source: what a query of its HTTP API says, again and again."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from plateau.durations import seconds_of
from plateau.logs.formats.prometheus import PART
from plateau.logs.model import LogError
from plateau.within import Within

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.error import HTTPError

SCHEMES = ("prometheus+http", "prometheus+https")
EVERY = "15s"
"""How often is asked, by default: as often as Prometheus looks by itself."""

LIMIT = 10.0
"""Seconds to wait for an answer."""

LARGEST = 32 << 20
"""Bytes of an answer, in which a hundred thousand series find room."""

ASKED_WRONG = range(400, 500)
"""Codes of answers that would not change."""

NO_ANSWER = (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError)
"""What reading an answer raises that is none of Prometheus."""

NAME = "__name__"
UNNAMED = "value"
"""What the values of an expression are called."""


def is_prometheus(path: str) -> bool:
    """Whether a path is the address of a Prometheus."""
    return path.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


class Query:
    """Asks a Prometheus, and gives what it says as lines of samples with labels.

    Parameters
    ----------
    path : str
        ``prometheus+http://HOST:PORT?query=EXPRESSION&every=15s``.
    complain : callable
        Is told in one line when it does not answer; it is asked again.
    """

    ended = False
    renewed = False

    def __init__(self, path: str, complain: Callable[[str], None]) -> None:
        self.path = path
        parts = urlsplit(path.removeprefix("prometheus+"))
        asked = parse_qs(parts.query)
        if not asked.get("query"):
            raise LogError(f"{path}: ask for something: {SCHEMES[0]}://HOST:PORT?query=EXPRESSION")
        self._every = seconds_of(asked.get("every", [EVERY])[0])
        query = urlencode({"query": asked["query"][0]})
        base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._address = f"{base}/api/v1/query?{query}"
        self._complain = complain
        self._due = time.monotonic()
        self._silent = False
        self._within = Within(LIMIT)

    def read(self) -> bytes:
        """Return the lines of another answer where one is due."""
        if time.monotonic() < self._due:
            return b""
        from http.client import HTTPException  # not every watch needs it

        self._due = max(self._due + self._every, time.monotonic())
        try:
            found = self._within(partial(_asked, self._address))["data"]
            lines = _lines(found["resultType"], found["result"])
        except LogError as error:
            raise LogError(f"{self.path}: {error}") from None
        except (OSError, HTTPException, *NO_ANSWER) as error:
            if not self._silent:
                self._complain(f"{self.path}: gives no answer, and is asked again: {error}")
            self._silent = True
            return b""
        self._silent = False
        return "".join(lines).encode(errors="replace")

    def close(self) -> None:
        """Leave Prometheus as it is."""


def _asked(address: str) -> Any:
    """Return what Prometheus answers.

    Raises
    ------
    LogError
        If something is wrong with the query, so that it would answer the same again.
    """
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(address, timeout=LIMIT) as answer:
            return _json_of(answer)
    except HTTPError as error:
        with error:
            if error.code not in ASKED_WRONG:
                raise
            raise LogError(_reason(error)) from None


def _json_of(answer: IO[bytes]) -> Any:
    text = answer.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError(f"it is longer than {LARGEST >> 20} MiB")
    return json.loads(text)


def _reason(error: HTTPError) -> str:
    """Return what Prometheus says is wrong with a query."""
    try:
        return str(_json_of(error)["error"])
    except NO_ANSWER:
        return f"answers {error.code} {error.reason}"


def _lines(kind: str, result: Any) -> list[str]:
    if kind == "scalar":
        return [_line({}, *result)]
    lines = [_line(dict(each["metric"]), *each["value"]) for each in result]
    names = dict.fromkeys(line.partition("{")[0] for line in lines)
    # A part of a histogram that was asked for is a series like others.
    told = [f"# TYPE {name} gauge\n" for name in names if name.endswith(PART)]
    return [*told, *lines]


def _line(labels: dict[str, str], at: float, value: str) -> str:
    """Write a sample as exporters do, its time in milliseconds."""
    name = labels.pop(NAME, UNNAMED)
    quoted = partial(json.dumps, ensure_ascii=False)
    told = ",".join(f"{label}={quoted(text)}" for label, text in sorted(labels.items()))
    return f"{name}{{{told}}} {value} {round(1000 * at)}\n"
