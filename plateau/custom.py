"""Detectors of your own: you say what one sample does, the rest is here."""

import inspect
import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from plateau._recurrence import PARAMS
from plateau._samples import LIMIT, Sample
from plateau._state import Description, Layout
from plateau.base import KINDS, Kind, Mode, PlateauDetector, Trace, Verdict


@dataclass
class CustomState:
    """What is known of a stream after each sample; the state of your detector adds its own fields.

    All of them are numbers, with a default of 0: what they are before the first sample. They must
    stay finite.
    """

    accepted: float = 0.0
    """Samples taken. Counted for you, before `CustomDetector.take` is called."""
    skipped: float = 0.0
    """Samples that were not finite. Counted for you."""
    fires: float = 0.0
    """Fires in a row without progress between them. Counted for you."""
    last_fire: float = 0.0
    """Samples taken up to the last fire. Kept for you."""
    interrupted: float = 0.0
    """1 if something came between since then. Kept for you."""
    verdict: float = 0.0
    """A `plateau.Verdict`; at first that is `WARMING_UP`."""
    kind: float = 0.0
    """Kind of the plateau: 0 flat, 1 slow."""
    onset: float = 0.0
    """In a plateau: index of its first sample, of those accepted."""
    declared: float = 0.0
    """In a plateau: index of the sample at which it was first known."""
    level: float = 0.0
    """Smoothed value, in metric units."""
    slope: float = 0.0
    """Slope, in metric units per sample; reads as NaN while warming up."""
    noise: float = 0.0
    """Standard deviation around the level; reads as NaN while warming up."""


class CustomDetector(PlateauDetector):
    """Base of a detector in plain Python.

    Derive the state from `CustomState` and name it in `State`, check the arguments of the
    constructor, keep each under its own name, and end with ``super().__init__(mode,
    on_nonfinite)``. Then `take` one sample, and say in `regime_changed` what a new regime makes
    of the state. Saving, chunks, traces and the errors for samples follow from that. The page "A
    detector of your own" has a complete one.

    Arguments must be safe for JSON: numbers, strings, None. State and arguments together are what
    is saved, so an attribute that is neither is not restored.

    Parameters
    ----------
    mode : {"min", "max", "both"}
        Whether the metric gets better downwards, upwards, or has no better direction.
    on_nonfinite : {"skip", "raise"}
        What to do with a sample that is NaN, infinite or above 2**500 in magnitude.
    """

    State: ClassVar[type[CustomState]] = CustomState
    """What it knows of a stream."""

    def __init__(self, mode: Mode = "min", on_nonfinite: Literal["skip", "raise"] = "skip") -> None:
        self._set_mode(mode, on_nonfinite)
        self.state = self.State()
        self._keep(np.zeros(PARAMS))  # only for whether a thread uses it: the rest is in `state`
        names = tuple(field.name for field in fields(self.state))
        allowed = {"verdict": range(5), "kind": range(2), "interrupted": range(2)}
        counts = ("accepted", "skipped", "fires", "last_fire", "onset", "declared")
        self._layout = Layout(
            names, 0, allowed, counts, squares=(), largest=LIMIT * LIMIT, fits=_fits
        )

    def __init_subclass__(cls) -> None:
        """Give saved states the name of the class."""
        super().__init_subclass__()
        cls._type = cls.__name__

    @abstractmethod
    def take(self, state: Any, x: float) -> bool:
        """Take one finite sample: change the state, and return whether the detector fires.

        Parameters
        ----------
        state : State
            What is known of the stream; changed in place.
        x : float
            The sample, in metric units.
        """

    @abstractmethod
    def regime_changed(self, state: Any) -> None:
        """Begin a new regime: end the plateau, if there is one; see `changed`.

        Parameters
        ----------
        state : State
            What is known of the stream; changed in place.
        """

    def update(self, x: Sample) -> bool:
        """Take one sample, see `PlateauDetector.update`."""
        sample = self._sampled(x)
        with self._use:
            return self._accept(sample)

    def _accept(self, sample: float) -> bool:
        if not abs(sample) <= LIMIT:
            self.state.skipped += 1.0
            return False
        s = self.state
        s.accepted += 1.0
        fired = self.take(s, sample)
        if s.verdict == Verdict.IMPROVING:
            s.interrupted = 1.0
        if fired:
            s.fires = 1.0 if s.interrupted else s.fires + 1.0
            s.last_fire, s.interrupted = s.accepted, 0.0
        return fired

    def changed(self) -> None:
        """Note that a new regime may begin here, see `PlateauDetector.changed`."""
        with self._use:
            self.regime_changed(self.state)
            if self.state.accepted != self.state.last_fire:
                self.state.interrupted = 1.0

    def _take(self, samples: NDArray[np.float64]) -> NDArray[np.int64]:
        fired = [i for i, x in enumerate(samples.tolist()) if self._accept(x)]
        return np.array(fired, dtype=np.int64)

    def _take_until_fire(self, samples: NDArray[np.float64]) -> int | None:
        return next((i for i, x in enumerate(samples.tolist()) if self._accept(x)), None)

    def _record(self, samples: NDArray[np.float64]) -> Trace:
        known = [self._known(self._accept(x)) for x in samples.tolist()]
        columns = np.array(known, dtype=np.float64).reshape(-1, len(Trace._fields)).T
        kinds = (np.float64, np.float64, np.int8, np.bool_, np.int64, np.int8)
        return Trace(*(column.astype(kind) for column, kind in zip(columns, kinds, strict=True)))

    def _known(self, fired: bool) -> tuple[float, ...]:
        s, flat = self.state, self.in_plateau
        onset, kind = (s.onset, s.kind) if flat else (-1, -1)
        return self.level, self.slope, s.verdict, fired, onset, kind

    def _describe(self) -> Description:
        names = list(inspect.signature(type(self)).parameters)
        return {"type": self._type, **{name: getattr(self, name) for name in names}}

    @classmethod
    def _from_description(cls, description: Description) -> Self:
        return cls(**{key: value for key, value in description.items() if key != "type"})

    def _table(self) -> NDArray[np.float64]:
        return np.array([astuple(self.state)], dtype=np.float64)

    def _set_table(self, table: NDArray[np.float64]) -> None:
        for name, value in zip(self._layout.names, table[0].tolist(), strict=True):
            setattr(self.state, name, value)

    def _cell(self, name: str) -> float:
        return float(getattr(self.state, name))

    @property
    def verdict(self) -> Verdict:
        """What the detector says of the stream at present."""
        return Verdict(int(self.state.verdict))

    @property
    def kind(self) -> Kind | None:
        """Kind of the present plateau; None outside one."""
        return KINDS[int(self.state.kind)] if self.in_plateau else None

    @property
    def onset(self) -> int | None:
        """Index of the sample where the present plateau began; None outside one."""
        return int(self.state.onset) if self.in_plateau else None

    @property
    def declared(self) -> int | None:
        """Index of the sample at which the present plateau was first known; None outside one."""
        return int(self.state.declared) if self.in_plateau else None

    @property
    def level(self) -> float:
        """Smoothed value, in metric units; NaN before the first sample."""
        return self.state.level if self.count else math.nan

    @property
    def slope(self) -> float:
        """Slope in metric units per sample; NaN while warming up."""
        return self.state.slope if self.verdict is not Verdict.WARMING_UP else math.nan

    @property
    def noise(self) -> float:
        """Standard deviation of the stream around its level; NaN while warming up."""
        return self.state.noise if self.verdict is not Verdict.WARMING_UP else math.nan


def _fits(cells: Mapping[str, Any]) -> Any:
    """Whether no fire is later than now."""
    return (cells["fires"] <= cells["last_fire"]) & (cells["last_fire"] <= cells["accepted"])
