"""What all detectors share: verdicts, the contract of samples and readings."""

import inspect
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau import _recurrence as r
from plateau._arguments import one_of
from plateau._samples import LIMIT, Sample, as_sample, as_samples, first_nonfinite, nonfinite_error
from plateau._state import Description, Streaming, called
from plateau.outlook import Doubts

if TYPE_CHECKING:
    from plateau._compile import Kernel
    from plateau.events import Event

Mode = Literal["min", "max", "both"]
"""Whether lower is better, higher is better, or neither: then any movement is progress."""

FLAT, SLOW = r.FLAT, r.SLOW
"""Codes of the kinds of plateau."""

Kind = Literal["flat", "slow"]
KINDS: tuple[Kind, ...] = ("flat", "slow")
"""Their names: no movement to be seen; or some, but little beside what was covered before."""

NO_ALARMS: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
"""Streams of a bank that have shifted, where none is known to."""

SIGNS: dict[Mode, float] = {"min": -1.0, "max": 1.0, "both": 0.0}


class Verdict(IntEnum):
    """What a detector says of a stream at present.

    Examples
    --------
    It is a code and a word:

    >>> from plateau import Verdict
    >>> print(Verdict.WARMING_UP)
    warming up
    >>> Verdict.PLATEAU == "plateau", Verdict("plateau")
    (True, <Verdict.PLATEAU: 3>)
    """

    WARMING_UP = r.WARMING_UP
    """There are too few samples for a slope."""
    IMPROVING = r.IMPROVING
    """The stream makes progress; in mode ``"both"``: it moves."""
    UNDECIDED = r.UNDECIDED
    """It makes none that is certain, but not for long enough to call it a plateau."""
    PLATEAU = r.PLATEAU
    """It has stopped moving."""
    WORSENING = r.WORSENING
    """It moves the wrong way."""

    @classmethod
    def _missing_(cls, value: object) -> "Verdict | None":
        return next((one for one in cls if isinstance(value, str) and one == value), None)

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str(self) == other.lower().replace("_", " ")
        return int.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other if isinstance(other, str) else int.__ne__(self, other)

    __hash__ = int.__hash__


class Trace(NamedTuple):
    """What a detector knew after each of n samples: arrays of shape (n,)."""

    level: NDArray[np.float64]
    """Smoothed value, in metric units; NaN before the first accepted sample."""
    slope: NDArray[np.float64]
    """Slope, in metric units per sample; NaN while warming up."""
    verdict: NDArray[np.int8]
    """Codes of `Verdict`."""
    fired: NDArray[np.bool_]
    """Whether the detector fired at this sample."""
    onset: NDArray[np.int64]
    """Where the present plateau began, in accepted samples; -1 outside a plateau."""
    kind: NDArray[np.int8]
    """Its kind: 0 flat, 1 slow; -1 outside a plateau."""

    def _repr_html_(self) -> str:
        from plateau.showing.notebook import trace_html

        return trace_html(self)


class Readings(NamedTuple):
    """What is known of k streams: arrays of shape (k,)."""

    verdict: NDArray[np.int8]
    onset: NDArray[np.int64]  # -1 outside a plateau
    declared: NDArray[np.int64]  # -1 outside a plateau
    level: NDArray[np.float64]
    slope: NDArray[np.float64]
    noise: NDArray[np.float64]
    accepted: NDArray[np.int64]
    skipped: NDArray[np.int64]
    fires: NDArray[np.int64]


class PlateauDetector(Streaming):
    """A detector: it says whether a stream has stopped moving."""

    __slots__ = ("_raises", "mode", "on_nonfinite")

    revises: ClassVar[bool] = False
    """Whether a plateau may begin before the end of the one before: its onset is then corrected, or
    it is the same plateau, which was interrupted."""
    mode: Mode
    """Whether lower is better, higher is better, or neither."""
    on_nonfinite: str
    """What becomes of a sample that is not finite: ``"skip"`` or ``"raise"``."""

    def _set_mode(self, mode: Mode, on_nonfinite: Literal["skip", "raise"]) -> None:
        self.mode: Mode = one_of("mode", mode, tuple(SIGNS))
        self.on_nonfinite = one_of("on_nonfinite", on_nonfinite, ("skip", "raise"))
        self._raises = on_nonfinite == "raise"

    @abstractmethod
    def _take(self, samples: NDArray[np.float64]) -> NDArray[np.int64]:
        """Take samples and return the offsets at which it fires."""

    @abstractmethod
    def _take_until_fire(self, samples: NDArray[np.float64]) -> int | None:
        """Take samples up to the first that fires; return its offset, None if none does."""

    @abstractmethod
    def _record(self, samples: NDArray[np.float64]) -> Trace:
        """Take samples and return what is known after each."""

    @abstractmethod
    def update(self, x: Sample) -> bool:
        """Take one sample.

        Parameters
        ----------
        x : float
            The sample, in metric units.

        Returns
        -------
        bool
            Whether the detector fires.

        Raises
        ------
        TypeError
            If `x` is not one real number.
        ValueError
            If it is not finite and ``on_nonfinite="raise"``; the state stays as it was.
        """

    def update_many(self, xs: ArrayLike | Iterable[float]) -> NDArray[np.int64]:
        """Take samples in a row; the state is then as after one `update` for each.

        Parameters
        ----------
        xs : array_like, shape (n,)
            The samples, in metric units.

        Returns
        -------
        numpy.ndarray of int64
            Offsets in `xs` of the samples at which the detector fired, ascending.

        Raises
        ------
        TypeError
            If the samples are not real numbers.
        ValueError
            If there is not exactly one dimension; or if one is not finite and
            ``on_nonfinite="raise"``: then the samples before it have been taken.
        """
        samples = as_samples(xs)
        bad = first_nonfinite(samples) if self._raises else None
        with self._use:
            offsets = self._take(samples[:bad])
        if bad is not None:
            raise nonfinite_error(samples, bad)
        return offsets

    def record(self, xs: ArrayLike | Iterable[float]) -> Trace:
        """Take samples in a row and return what is known after each.

        Parameters
        ----------
        xs : array_like, shape (n,)
            The samples, in metric units. One that is not finite repeats what was known before.

        Returns
        -------
        Trace
            Arrays of shape (n,).

        Raises
        ------
        TypeError
            If the samples are not real numbers.
        ValueError
            If there is not exactly one dimension; or if one is not finite and
            ``on_nonfinite="raise"``. The state stays as it was.
        """
        samples = self._acceptable(xs)
        with self._use:
            return self._record(samples)

    def until_fire(self, xs: ArrayLike | Iterable[float]) -> int | None:
        """Take samples up to and including the first that fires.

        Parameters
        ----------
        xs : array_like, shape (n,)
            The samples, in metric units.

        Returns
        -------
        int or None
            Its offset in `xs`; None if none fires.

        Raises
        ------
        TypeError, ValueError
            As `record`.
        """
        samples = self._acceptable(xs)
        with self._use:
            return self._take_until_fire(samples)

    def _acceptable(self, xs: ArrayLike | Iterable[float]) -> NDArray[np.float64]:
        """Return the samples if all may be taken."""
        samples = as_samples(xs)
        bad = first_nonfinite(samples) if self._raises else None
        if bad is not None:
            raise nonfinite_error(samples, bad)
        return samples

    def events(self, xs: ArrayLike | Iterable[float]) -> "Iterator[Event]":
        """Take samples in a row, and yield what happens: plateaus, their ends, worsening, NaN.

        Parameters
        ----------
        xs : array_like, shape (n,), or iterator
            The samples, in metric units. Of an iterator, which may be endless, each is taken when
            it comes, and its events are yielded before the next one is asked for.

        Yields
        ------
        Event
            Indices are offsets in `xs`, skipped samples included. What began before the first of
            them has an onset below 0. Plateaus reported by an earlier call are forgotten, so give a
            stream as one iterator.

        Raises
        ------
        TypeError, ValueError
            As in `update_many`.

        Examples
        --------
        >>> from plateau import Haar, ThresholdDetector
        >>> detector = ThresholdDetector(Haar(window=2), threshold=0.1, patience=3)
        >>> loss = [8, 6, 4] + [3] * 7 + [2] + [1] * 7
        >>> for event in detector.events(loss):
        ...     print(event.index, event.kind, event.onset, event.level)
        7 plateau 3 3.0
        10 ended 3 2.0
        15 plateau 11 1.0
        """
        from plateau import events  # made of detectors, so it knows them and not they it

        return events.events_of(self, events.parts_of(xs))

    @abstractmethod
    def changed(self) -> None:
        """Note that a new regime may begin here, say because the learning rate was lowered.

        The plateau, if there is one, ends here, and a new one is sought from here on. What is known
        of the level and of how samples follow each other stays; `slope` and `noise` may be NaN
        until there are enough samples again.
        """

    @property
    @abstractmethod
    def verdict(self) -> Verdict:
        """What the detector says of the stream at present."""

    @property
    def in_plateau(self) -> bool:
        """Whether the verdict is `Verdict.PLATEAU`."""
        return self.verdict is Verdict.PLATEAU

    @property
    @abstractmethod
    def onset(self) -> int | None:
        """Index of the sample where the present plateau began, as far as can be told in hindsight.

        None outside a plateau.
        """

    @property
    @abstractmethod
    def declared(self) -> int | None:
        """Index of the sample at which the present plateau was first known; None outside one."""

    @property
    def kind(self) -> Kind | None:
        """Kind of the present plateau; None outside one."""
        return "flat" if self.in_plateau else None

    @property
    @abstractmethod
    def level(self) -> float:
        """Smoothed value, in metric units; NaN before the first sample."""

    @property
    @abstractmethod
    def slope(self) -> float:
        """Slope after the last sample, in metric units per sample; NaN while warming up."""

    @property
    @abstractmethod
    def noise(self) -> float:
        """Standard deviation of the stream around its level; NaN before it is known."""

    @property
    def count(self) -> int:
        """Samples accepted."""
        return int(self._cell("accepted"))

    @property
    def skipped(self) -> int:
        """Samples that were not finite and so left the state as it was."""
        return int(self._cell("skipped"))

    @property
    def fires(self) -> int:
        """Fires in a row, up to the last one, with no progress between them.

        `changed()` starts the count anew too, unless it was called at the fire itself.
        """
        return int(self._cell("fires"))

    def __repr__(self) -> str:
        """Return the call that makes it or, once it has taken samples, what it says of them."""
        if not self.count:
            return super().__repr__()
        said = str(self.verdict)
        if self.in_plateau:
            said = f"{'slow ' if self.kind == 'slow' else ''}plateau since {self.onset}"
        made = called(self._type, self._chosen())
        counted = f"{self.count} sample{'' if self.count == 1 else 's'}"
        return f"<{made}: {said}, level {self.level:.4g}, {counted}>"

    def _chosen(self) -> Description:
        """Return the arguments that are not what they are by default."""
        defaults = inspect.signature(type(self)).parameters
        return {
            name: value
            for name, value in self._describe().items()
            if name != "type" and value != defaults[name].default
        }

    def _sampled(self, x: Sample) -> float:
        """Return a sample as the kernels take it."""
        sample = as_sample(x)
        if self._raises and not abs(sample) <= LIMIT:
            raise nonfinite_error(np.array([sample]), 0)
        return sample

    def _cell(self, name: str) -> float:
        return float(self._state[r.PARAMS + self._layout.names.index(name)])


class KernelDetector(PlateauDetector):
    """A compiled detector, which a bank can run over many streams."""

    __slots__ = ("_update",)
    _update: Callable[[Any, float], Any]
    """Takes one sample: address of the state, sample -> whether it fires, or what to ask.

    It is set once it pays to compile it: short streams and whole series do without it."""

    @property
    @abstractmethod
    def _one_sample(self) -> "Kernel[..., Any]":
        """The kernel that `_update` is."""

    def _first(self, x: float) -> Any:
        """Take a sample before `_update` is set."""
        if self._one_sample.pays():
            # Another thread, which is refused later, may have done so meanwhile.
            object.__setattr__(self, "_update", self._one_sample.entry)
        return self._one(self._one_sample, x)

    @property
    def group(self) -> int:
        """Streams of a bank whose state is interleaved, cell by cell."""
        return 1

    @abstractmethod
    def _make_state(self, streams: int) -> NDArray[np.float64]:
        """Return parameters and fresh state of some streams."""

    @abstractmethod
    def _advance(
        self, state: NDArray[np.float64], streams: int, samples: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Take one sample of each stream in a bank's state; return which fire, and alarms.

        Those are the streams whose plateau has shifted, which a threshold rule does not know.
        """

    @abstractmethod
    def _advance_many(
        self, state: NDArray[np.float64], streams: int, samples: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Take samples of each stream in a bank's state, shape (n, streams); return the same."""

    def _evidence(self, state: NDArray[np.float64], streams: int) -> NDArray[np.float64]:
        """Return how rare what is seen of a shift is for each stream of a bank, NaN if unknown."""
        del state
        return np.full(streams, np.nan)

    def _doubts(self, state: NDArray[np.float64], streams: int) -> NDArray[np.float64]:
        """Return the `plateau.outlook.Doubts` of each stream in a bank's state, a row each.

        Only of the calibrated detector are they known.
        """
        return np.full((streams, len(Doubts._fields)), np.nan)

    @abstractmethod
    def _readings(self, state: NDArray[np.float64], streams: int) -> Readings:
        """Return what is known of each stream in a bank's state."""

    @staticmethod
    @abstractmethod
    def _mark_changed(table: NDArray[Any]) -> None:
        """Begin a new regime for the streams whose cells are the rows of `table`, in place."""

    def changed(self) -> None:
        """Note that a new regime may begin here, see `PlateauDetector.changed`."""
        with self._use:
            self._mark_changed(self._table())


def nan_unless(known: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values where they are known, else NaN."""
    return np.where(known, values, math.nan)
