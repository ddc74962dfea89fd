"""The state contract: filters, detectors and banks are plain data that can be saved and resumed."""

import json
import math
import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from plateau import _recurrence as r
from plateau._arguments import LARGEST_COUNT
from plateau._compile import Kernel, address_of
from plateau._samples import LIMIT
from plateau._use import Use

VERSION = 3
"""Of the saved state: changes when a saved state would be misread."""

MAGIC = b"plateau\0"
HEADER = struct.Struct("<8sII")  # magic, version, length of the description in bytes
CHECKSUM = struct.Struct("<I")
COUNT = struct.Struct("<I")
RUNS = np.dtype([("begin", "<u4"), ("length", "<u4")])
"""Where the numbers are that are not 0: a stream that has just begun has few."""

UNFILLED, SPARSEST = 2**30, 1024
"""Bytes that a state may have in memory, whatever it had when saved; or so many times those."""

LARGEST = LIMIT * 2.0**53
"""No sum of samples is larger."""

UNFIT = "state is damaged: parameters and numbers do not fit"

Description = dict[str, Any]
"""A constructor's arguments as JSON-safe data, with the class's name under ``type``."""


Found = TypeVar("Found")

Columns = Mapping[str, NDArray[np.float64]]
"""Columns of a state's table by name."""


@dataclass(frozen=True, eq=False)
class Layout:
    """What the numbers of one stream are: named cells, then ring buffers."""

    names: tuple[str, ...]  # of all cells before the ring buffers
    rings: int  # length of all ring buffers together
    allowed: Mapping[str, Collection[int]]  # what the cells that are places in a ring may hold
    counts: Collection[str]  # cells that are whole and not negative
    squares: Sequence[int]  # columns that are not negative and may be as large as a square
    largest: float = LARGEST  # magnitude of all others, but for
    sums: Sequence[int] = ()  # columns that may be as large as a sum of samples
    fits: Callable[[Columns], Any] | None = None  # do the cells of a stream agree?

    @property
    def size(self) -> int:
        """Cells of one stream, ring buffers included."""
        return len(self.names) + self.rings

    @cached_property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and largest number of each column."""
        high = np.full(self.size, self.largest)
        high[list(self.sums)] = LARGEST
        high[list(self.squares)] = np.finfo(np.float64).max
        low = -high
        low[list(self.squares)] = 0.0
        counts = [self.names.index(name) for name in self.counts]
        low[counts], high[counts] = 0.0, LARGEST_COUNT
        for name, allowed in self.allowed.items():
            column = self.names.index(name)
            low[column], high[column] = min(allowed), max(allowed)
        return low, high

    @cached_property
    def gaps(self) -> Mapping[str, Collection[int]]:
        """Those of `allowed` that are not all whole numbers from the least to the largest."""
        return {
            name: allowed
            for name, allowed in self.allowed.items()
            if not isinstance(allowed, range) and len(set(allowed)) <= max(allowed) - min(allowed)
        }

    @cached_property
    def whole(self) -> Sequence[int]:
        """Columns that are whole numbers, and nothing else that `bounds` does not say."""
        names = {*self.counts, *self.allowed} - self.gaps.keys()
        return sorted(map(self.names.index, names))

    def problem(self, table: NDArray[np.float64]) -> str | None:
        """Say what makes a state impossible, if anything; unchecked it could crash a kernel."""
        # By far the most states are sound: what is wrong is asked of the others only.
        return None if len(table) == 1 and self._is_sound(table[0]) else self._wrong(table)

    def _is_sound(self, row: NDArray[np.float64]) -> bool:
        """Whether nothing is wrong with a stream; asked of each state that is read."""
        low, high = self.bounds
        if np.count_nonzero((low <= row) & (row <= high)) < self.size:
            return False
        numbers = row[: len(self.names)].tolist()
        if not all(numbers[i].is_integer() for i in self.whole):
            return False
        cells = dict(zip(self.names, numbers, strict=True))
        if not all(cells[name] in allowed for name, allowed in self.gaps.items()):
            return False
        return self.fits is None or bool(self.fits(cells))

    def _wrong(self, table: NDArray[np.float64]) -> str | None:
        if not np.isfinite(table).all():
            return "it holds a number that is not finite"
        others = np.delete(table, [*self.squares, *self.sums], axis=1)
        sums = table[:, list(self.sums)]
        if np.abs(others).max() > self.largest or np.abs(sums).max(initial=0.0) > LARGEST:
            return "it holds a number that no stream leads to"
        cells = dict(zip(self.names, table.T, strict=False))
        for name in self.counts:
            counted = cells[name]
            if (counted < 0).any() or (counted % 1).any() or (counted > LARGEST_COUNT).any():
                return f"{name} is not a count"
        if (table[:, self.squares] < 0).any():
            return "a variance is negative"
        for name, allowed in self.allowed.items():
            if not np.isin(cells[name], list(allowed)).all():
                return f"{name} is none of its possible values"
        if self.fits is not None and not self.fits(cells).all():
            return "its numbers contradict each other"
        return None


class Streaming(ABC):
    """Something that consumes streams and whose state is a table of numbers.

    The table has a row for each stream. Its columns are the named cells, then the ring buffers.
    """

    __slots__ = ("_address", "_layout", "_state", "_use")

    _address: Any
    _state: NDArray[np.float64]
    _use: Use
    _layout: Layout

    _type: ClassVar[str]
    """Name under which it is saved; a subclass may change behaviour, not state."""

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute once: the kernels know its value from the state, and only from there."""
        if hasattr(self, name):
            raise AttributeError(f"{name} of {self!r} is read-only: make a new one")
        object.__setattr__(self, name, value)

    def _keep(self, state: NDArray[np.float64]) -> None:
        """Have this state."""
        self._state, self._address = state, address_of(state)
        self._use = Use(state)

    def _one(self, kernel: Kernel[..., Found], x: float) -> Found:
        """Take one sample by a kernel for that."""
        if kernel.pays():
            try:
                return kernel.entry(self._address, x)
            except RuntimeError:
                with self._use:  # or else another thread has it
                    pass
                return kernel.entry(self._address, x)
        with self._use:  # compiled code keeps Python's lock instead
            own = self._state.copy()  # whoever interrupts it finds the state as it was
            own[r.BUSY] = 0.0
            found = kernel.interpret(own, x)
            self._state[r.PARAMS :] = own[r.PARAMS :]
        return found

    @abstractmethod
    def _describe(self) -> Description:
        """Everything that the constructor was given."""

    @classmethod
    @abstractmethod
    def _from_description(cls, description: Description) -> Self:
        """Make a fresh one of the same description."""

    def _table(self) -> NDArray[np.float64]:
        """State, shape (streams, cells)."""
        return self._state[None, r.PARAMS :]

    def _copied(self) -> NDArray[np.float64]:
        """Return the same, as it is at one moment."""
        return self._use.copied(lambda: self._table().copy())

    def _set_table(self, table: NDArray[np.float64]) -> None:
        """Replace the state."""
        self._state[r.PARAMS :] = table[0]

    def reset(self) -> None:
        """Forget all samples."""
        with self._use:
            self._set_table(np.zeros_like(self._table()))

    def clone(self) -> Self:
        """Return an independent copy with the same state."""
        twin = self._fresh()
        twin._set_table(self._copied())
        return twin

    def _fresh(self) -> Self:
        """Return one of the same description that has taken no samples."""
        return self._from_description(self._describe())

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, safe for JSON: numbers, strings, lists and dicts.

        Returns
        -------
        dict
            ``version``, ``type`` and ``params`` say what the state belongs to; ``state`` holds its
            numbers by name, ``ring`` among them the buffers of moving sums. There is no NaN in it.
        """
        names = self._layout.names
        table = self._copied()
        columns: dict[str, Any] = {name: _plain(table[:, i]) for i, name in enumerate(names)}
        columns["ring"] = [_plain(row[len(names) :]) for row in table]
        if not self._many():
            columns = {name: values[0] for name, values in columns.items()}
        description = self._describe()
        kind = description.pop("type")
        return {"version": VERSION, "type": kind, "params": description, "state": columns}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state made by `state_dict` of an object with the same parameters.

        Parameters
        ----------
        state : mapping
            What `state_dict` returned, also after a round trip through JSON.

        Raises
        ------
        ValueError
            If the state is of another version, type or parameters, or damaged. The present state
            then stays as it was.
        """
        try:
            table = self._table_in(state)
        except RecursionError:
            raise ValueError("state is damaged: lists within lists without end") from None
        with self._use:
            self._set_table(table)

    def to_bytes(self) -> bytes:
        r"""Return the state as bytes, the same on every machine.

        Returns
        -------
        bytes
            Little-endian: ``plateau\0``, version (u32), length of the description (u32),
            description (JSON); how many runs of numbers are not 0 (u32), where each begins and how
            long it is (u32), these numbers (f64); CRC-32 of all this (u32).
        """
        description = json.dumps(self._describe(), sort_keys=True).encode()
        numbers = _packed(self._copied().astype("<f8", copy=False).ravel())
        body = HEADER.pack(MAGIC, VERSION, len(description)) + description + numbers
        return body + CHECKSUM.pack(zlib.crc32(body))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Make one from what `to_bytes` returned; it goes on exactly where that one was.

        Parameters
        ----------
        data : bytes
            What `to_bytes` returned.

        Raises
        ------
        TypeError
            If they are no bytes.
        ValueError
            If the bytes are damaged, of another version or hold something of another class.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes, not {data!r}")
        description, packed = _unpacked(bytes(data))
        made = cls._described(description)  # zeros, which take no memory yet
        try:
            if made._state.nbytes > max(UNFILLED, SPARSEST * len(data)):
                raise ValueError("few bytes claim much memory")
            table = _spread(packed, np.zeros(made._table().shape))
        except (ValueError, MemoryError, struct.error):
            raise ValueError(UNFIT) from None
        made._set_table(made._checked(table))
        return made

    @classmethod
    def _described(cls, description: bytes) -> Self:
        """Make a fresh one of a description in JSON."""
        try:
            arguments = dict(json.loads(description))
        except (TypeError, ValueError, RecursionError):
            raise ValueError("state is damaged: it has no description") from None
        kind = arguments.get("type")
        if kind != cls._type:
            raise ValueError(f"these bytes hold a {kind}, not a {cls._type}")
        try:
            return cls._from_description(arguments)
        except (KeyError, TypeError, ValueError, MemoryError, RecursionError):
            raise ValueError(UNFIT) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        return _call(self._describe())

    def _many(self) -> bool:
        """Whether cells are lists in `state_dict`, one number for each stream."""
        return False

    def _refuse_other(self, description: Description) -> None:
        mine = self._describe()
        for key in [*mine, *(key for key in description if key not in mine)]:
            if mine.get(key) != description.get(key):
                theirs, ours = _call(description.get(key)), _call(mine.get(key))
                raise ValueError(f"state was saved with {key}={theirs}, here it is {ours}")

    def _table_in(self, state: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the table in what `state_dict` returned, if it belongs to this object."""
        if not isinstance(state, Mapping) or state.keys() != {"version", "type", "params", "state"}:
            raise ValueError("a state must be a dict of version, type, params and state")
        _check_version(state["version"])
        if not (isinstance(state["params"], Mapping) and isinstance(state["state"], Mapping)):
            raise ValueError("state is damaged: params and state must be dicts")
        self._refuse_other({"type": state["type"], **state["params"]})
        return self._checked(self._table_of(state["state"]))

    def _table_of(self, cells: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the table that `state_dict` took apart."""
        names = (*self._layout.names, "ring")
        wrong = sorted(set(cells) ^ set(names))
        if wrong:
            raise ValueError(f"state is damaged: missing or unknown {', '.join(wrong)}")
        rows = len(self._table())
        try:
            columns = [np.array(cells[name]) for name in names]
            table = np.hstack([column.reshape(rows, -1) for column in columns])
        except (TypeError, ValueError, OverflowError):
            raise ValueError("state is damaged: it holds something else than numbers") from None
        if table.dtype.kind not in "fiu" or any(np.size(c) != rows for c in columns[:-1]):
            raise ValueError("state is damaged: it holds something else than numbers")
        return table.astype(np.float64)

    def _checked(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        expected = self._table().shape
        if table.shape != expected:
            raise ValueError(f"state is damaged: {table.size} numbers, not {math.prod(expected)}")
        problem = self._layout.problem(table)
        if problem:
            raise ValueError(f"state is damaged: {problem}")
        return table


def _check_version(version: object) -> None:
    if type(version) is not int or version != VERSION:
        older = type(version) is int and version < VERSION
        writer = ", that of an older release" if older else ""
        raise ValueError(f"state has version {version!r}{writer}; this one reads version {VERSION}")


def _packed(numbers: NDArray[np.float64]) -> bytes:
    """Return the numbers that are not 0, and where they are; a single 0 is kept among them."""
    bits = numbers.view(np.uint64)  # the bits of -0.0 are not 0
    places = np.flatnonzero(bits)
    if not len(places):
        return COUNT.pack(0)
    gaps = np.flatnonzero(places[1:] - places[:-1] > 2)  # a run costs as much as a number
    begins = [int(places[0]), *places[gaps + 1].tolist()]
    ends = [*(places[gaps] + 1).tolist(), int(places[-1]) + 1]
    runs = np.array([begins, ends], "<u4")
    runs[1] -= runs[0]
    kept = [numbers[a:b].tobytes() for a, b in zip(begins, ends, strict=True)]
    return COUNT.pack(len(begins)) + runs.T.tobytes() + b"".join(kept)


def _spread(packed: bytes, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put numbers that were packed into a table of zeros.

    Raises
    ------
    ValueError
        If they do not fit into it.
    """
    (count,) = COUNT.unpack_from(packed)
    runs = np.frombuffer(packed, RUNS, count, COUNT.size)
    numbers = np.frombuffer(packed, "<f8", offset=COUNT.size + runs.nbytes)
    flat, taken, free = table.reshape(-1), 0, 0
    for begin, length in runs.tolist():
        if not (free <= begin < begin + length <= len(flat)):
            raise ValueError("a run lies outside of the table")
        flat[begin : begin + length] = numbers[taken : taken + length]
        taken, free = taken + length, begin + length
    if taken != len(numbers):
        raise ValueError("there are more numbers than the runs have")
    return table


def _unpacked(data: bytes) -> tuple[bytes, bytes]:
    """Return description and packed numbers from what `to_bytes` made."""
    if len(data) < HEADER.size + CHECKSUM.size or not data.startswith(MAGIC):
        raise ValueError("these bytes are not a saved state")
    _, version, length = HEADER.unpack_from(data)
    _check_version(version)
    body, checksum = data[: -CHECKSUM.size], data[-CHECKSUM.size :]
    if CHECKSUM.unpack(checksum) != (zlib.crc32(body),):
        raise ValueError("state is damaged: its checksum is wrong")
    end = HEADER.size + length
    return body[HEADER.size : end], body[end:]


def _plain(values: NDArray[np.float64]) -> list[int | float]:
    """Return Python numbers, counts as int; not -0.0, whose sign that would lose."""
    return [
        int(v) if v.is_integer() and abs(v) < 2**53 and (v or math.copysign(1.0, v) > 0) else v
        for v in values.tolist()
    ]


def _call(value: Any) -> str:
    """Return a description as the call that makes the thing."""
    if not isinstance(value, Mapping):
        return repr(value)
    arguments = {key: each for key, each in value.items() if key != "type"}
    return called(value.get("type"), arguments)


def called(name: object, arguments: Mapping[str, Any]) -> str:
    """Return the call of a name with arguments."""
    return f"{name}({', '.join(f'{key}={_call(each)}' for key, each in arguments.items())})"
