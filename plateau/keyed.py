"""Many streams by key, as an engine brings them: a message may come twice, a process may die."""

from __future__ import annotations

import reprlib
import struct
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from plateau._arguments import whole
from plateau._recurrence import PARAMS
from plateau._samples import as_sample, as_samples, first_nonfinite, nonfinite_error
from plateau._use import Use
from plateau.base import PlateauDetector
from plateau.events import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from plateau._samples import Sample
    from plateau.events import Event

MAGIC = b"plateauK"
VERSION = 1
"""Of the state of a key, changes when it would be misread; that of the detector has its own."""

HEADER = struct.Struct("<8sI16sI")  # magic, version, position, length of the listener's part
CHECKSUM = struct.Struct("<I")

POSITIONS = 1 << 128
"""More than there are: an identifier of Redis has 128 bits, an offset of Kafka 63."""


class KeyedDetectors:
    """A detector for each key, for streams whose messages an engine brings.

    Each message has a key, a position, and a sample. Positions of a key go up: an offset of Kafka,
    an identifier of Redis, a number from a file. A message at a position that the key has passed
    changes nothing and gives no event again, so an engine may bring it as often as it likes.

    The state of a key is its position and what its detector knows, as bytes. Keep those that
    `collect` returns, in one transaction with the events and with what tells the engine that the
    messages were taken, and nothing is lost or told twice. The page "Streams by key" has recipes.

    Parameters
    ----------
    detector : Detector, ThresholdDetector or CustomDetector
        Taken as a description: each key begins at its start.
    live : int, default 1024
        Detectors that are kept ready. Those of other keys are bytes: the least recently used ones
        are put away.
    load : callable, optional
        Returns the state that was kept for a key, or None. It is asked for keys that are not held
        here, and states that `collect` has returned need not be held. By default all are.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above.

    Examples
    --------
    >>> from plateau import Haar, KeyedDetectors, ThresholdDetector
    >>> keyed = KeyedDetectors(ThresholdDetector(Haar(2), threshold=0.1, patience=3))
    >>> messages = [("a", 3.0 * max(2 - i, 0)) for i in range(10)]
    >>> for position, (key, sample) in enumerate(messages):
    ...     for event in keyed.take(key, position, sample):
    ...         print(key, event.index, event.kind, event.onset)
    a 6 plateau 2
    >>> keyed.take("a", 9, 0.0)  # seen before
    []

    Another process goes on from the bytes:

    >>> other = KeyedDetectors(ThresholdDetector(Haar(2), threshold=0.1, patience=3))
    >>> for key, state in keyed.collect().items():
    ...     other.restore(key, state)
    >>> [event.kind for event in other.take("a", 10, -5.0)]
    ['ended']
    """

    def __init__(
        self,
        detector: PlateauDetector,
        *,
        live: int = 1024,
        load: Callable[[Hashable], bytes | None] | None = None,
    ) -> None:
        if not isinstance(detector, PlateauDetector):
            raise TypeError(f"detector must be one such as plateau.Detector(), not {detector!r}")
        self._fresh = detector.clone()
        self._fresh.reset()
        self.live = whole("live", live, least=1)
        self._load = load
        self._ready: OrderedDict[Hashable, _Stream] = OrderedDict()
        self._packed: dict[Hashable, bytes] = {}  # of a ready one only while it is the same
        self._changed: dict[Hashable, None] = {}  # since they were collected
        self._use = Use(np.zeros(PARAMS))

    def take(self, key: Hashable, position: int, x: Sample) -> list[Event]:
        """Take one sample of a key.

        Parameters
        ----------
        key : hashable
            Names the stream.
        position : int
            Where the sample stands in it: a whole number below 2**128.
        x : float
            The sample, in metric units.

        Returns
        -------
        list of Event
            What happened, as `PlateauDetector.events` tells it: indices count the samples of this
            key. It is empty if the position is not above the last one.

        Raises
        ------
        TypeError
            If the sample is not one real number, or the position no whole number.
        ValueError
            If it is not finite and the detector has ``on_nonfinite="raise"``; or if the state that
            was kept is damaged or that of another detector. The state stays as it was.
        """
        where, sample = _position(position), as_sample(x)
        with self._use:
            stream = self._stream(key)
            if where <= stream.position:
                return []
            self._refuse(np.array([sample]))
            events = stream.listener.take_one(sample)
            self._passed(key, stream, where)
            return events

    def take_many(self, key: Hashable, positions: Iterable[int], xs: ArrayLike) -> list[Event]:
        """Take samples of a key in a row; the state is then as after one `take` for each.

        Parameters
        ----------
        key : hashable
            Names the stream.
        positions : iterable of int
            Where the samples stand in it.
        xs : array_like, shape (n,)
            The samples, in metric units.

        Returns
        -------
        list of Event
            What happened, as of `take`.

        Raises
        ------
        TypeError, ValueError
            As of `take`; or if there are not as many positions as samples. The state stays as it
            was.
        """
        samples, where = as_samples(xs), [_position(each) for each in positions]
        if len(where) != len(samples):
            raise ValueError(f"there are {len(where)} positions of {len(samples)} samples")
        with self._use:
            stream = self._stream(key)
            last, fresh = stream.position, []
            for i, position in enumerate(where):
                if position > last:
                    last = position
                    fresh.append(i)
            if not fresh:
                return []
            unseen = np.zeros_like(samples)
            unseen[fresh] = samples[fresh]
            self._refuse(unseen)
            events = stream.listener.take(samples[fresh])
            self._passed(key, stream, last)
            return events

    def collect(self) -> dict[Hashable, bytes]:
        """Return the states of the keys that changed since the last call, as bytes."""
        with self._use:
            found = {key: self._state(key) for key in self._changed}
            self._changed.clear()
            if self._load is not None:
                for key in found.keys() - self._ready.keys():
                    del self._packed[key]
            return found

    def restore(self, key: Hashable, state: bytes | None) -> None:
        """Let a key go on from a state; that takes no time where it stands there.

        Parameters
        ----------
        key : hashable
            Names the stream.
        state : bytes or None
            What `collect` returned for it; None: it begins at its start.

        Raises
        ------
        TypeError
            If it is neither bytes nor None.
        ValueError
            If the bytes are damaged, or those of another detector. The state stays as it was.
        """
        with self._use:
            if state is None:
                self._drop(key)
            elif self._packed.get(key) != state:
                stream = self._from_bytes(key, state)
                self._drop(key)
                self._packed[key] = bytes(state)
                self._keep(key, stream)

    def forget(self, *keys: Hashable) -> None:
        """Drop what is held of some keys, of all if none is named.

        Do so for all where keeping their states has failed: they are then loaded as they were kept.
        """
        with self._use:
            for key in keys or [*self._ready, *self._packed]:
                self._drop(key)

    def position(self, key: Hashable) -> int | None:
        """Return the last position of a key; None before its first sample."""
        with self._use:
            known = self._known(key)
            return None if known is None else known.position

    def __getitem__(self, key: Hashable) -> PlateauDetector:
        """Return a detector that stands where that of a key stands, a copy."""
        with self._use:
            known = self._known(key)
            if known is None:
                raise KeyError(key)
            return known.listener.detector.clone()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._ready or key in self._packed

    def __len__(self) -> int:
        """How many keys are held here."""
        return len(self._ready.keys() | self._packed.keys())

    def __iter__(self) -> Iterator[Hashable]:
        """Go through the keys that are held here."""
        return iter([*self._ready, *(self._packed.keys() - self._ready.keys())])

    def __repr__(self) -> str:
        keys = f"{len(self)} key{'' if len(self) == 1 else 's'}"
        return f"<KeyedDetectors of {self._fresh!r}: {keys}, {len(self._ready)} ready>"

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy has: all but the thread that uses this one."""
        return {name: value for name, value in vars(self).items() if name != "_use"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._use = Use(np.zeros(PARAMS))

    def _drop(self, key: Hashable) -> None:
        for held in (self._ready, self._packed, self._changed):
            held.pop(key, None)

    def _refuse(self, samples: NDArray[np.float64]) -> None:
        if self._fresh.on_nonfinite == "raise":
            bad = first_nonfinite(samples)
            if bad is not None:
                raise nonfinite_error(samples, bad)

    def _known(self, key: Hashable) -> _Stream | None:
        """Make a key ready if it has taken samples."""
        if key in self._ready:
            self._ready.move_to_end(key)
            return self._ready[key]
        packed = self._packed.get(key)
        if packed is None and self._load is not None:
            packed = self._load(key)
        if packed is None:
            return None
        stream = self._from_bytes(key, packed)
        self._packed[key] = packed
        self._keep(key, stream)
        return stream

    def _from_bytes(self, key: Hashable, state: bytes) -> _Stream:
        """Return what a state says; if that is nothing, say of which of many keys it is."""
        try:
            return _Stream.from_bytes(state, self._fresh)
        except ValueError as error:
            raise ValueError(f"key {reprlib.repr(key)}: {error}") from None

    def _stream(self, key: Hashable) -> _Stream:
        known = self._known(key)
        return _Stream(Listener(self._fresh.clone()), -1) if known is None else known

    def _keep(self, key: Hashable, stream: _Stream) -> None:
        """Make a key ready; put away those that were used the longest time ago."""
        self._ready[key] = stream
        while len(self._ready) > self.live:
            oldest = next(iter(self._ready))
            if self._load is None or oldest in self._changed:
                self._state(oldest)
            else:
                self._packed.pop(oldest, None)
            del self._ready[oldest]

    def _passed(self, key: Hashable, stream: _Stream, position: int) -> None:
        """Note that a key has taken samples up to a position."""
        stream.position = position
        self._packed.pop(key, None)
        self._changed[key] = None
        if key not in self._ready:
            self._keep(key, stream)

    def _state(self, key: Hashable) -> bytes:
        packed = self._packed.get(key)
        if packed is None:
            packed = self._packed[key] = self._ready[key].to_bytes()
        return packed


@dataclass(slots=True)
class _Stream:
    """What is known of one key."""

    listener: Listener[PlateauDetector]
    position: int

    def to_bytes(self) -> bytes:
        told = self.listener.to_bytes()
        header = HEADER.pack(MAGIC, VERSION, self.position.to_bytes(16, "little"), len(told))
        body = header + told + self.listener.detector.to_bytes()
        return body + CHECKSUM.pack(zlib.crc32(body))

    @classmethod
    def from_bytes(cls, data: bytes, like: PlateauDetector) -> Self:
        """Make one of bytes, of a detector with the parameters of `like`."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"a state must be bytes, not {data!r}")
        data = bytes(data)
        if len(data) < HEADER.size + CHECKSUM.size or not data.startswith(MAGIC):
            raise ValueError("these bytes are not the state of a key")
        _, version, position, length = HEADER.unpack_from(data)
        if version != VERSION:
            raise ValueError(f"state has version {version}; this one reads version {VERSION}")
        body, checksum = data[: -CHECKSUM.size], data[-CHECKSUM.size :]
        if CHECKSUM.unpack(checksum) != (zlib.crc32(body),):
            raise ValueError("state is damaged: its checksum is wrong")
        end = HEADER.size + length
        detector = type(like).from_bytes(body[end:])
        like._refuse_other(detector._describe())
        listener = Listener.from_bytes(body[HEADER.size : end], detector)
        return cls(listener, int.from_bytes(position, "little"))


def _position(value: Any) -> int:
    """Return a position as a plain number."""
    try:
        position = index(value)
    except TypeError:
        raise TypeError(f"position must be a whole number, not {value!r}") from None
    if not 0 <= position < POSITIONS:
        raise ValueError(f"position must be at least 0 and below 2**128, not {position}")
    return position
