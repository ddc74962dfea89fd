"""What the offline tools, a watch and the adapters need of a detector."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau._samples import Sample
from plateau.base import Kind, Mode, Trace, Verdict


@runtime_checkable
class Detecting(Protocol):
    """What a scheduler or a stopper asks of a detector of one stream."""

    def update(self, x: float, /) -> bool:
        """Take one sample; return whether the detector fires."""

    def changed(self) -> None:
        """Note that a new regime may begin here."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, safe for JSON."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Take over a state that `state_dict` returned; refuse one of other parameters."""

    @property
    def onset(self) -> int | None:
        """Index of the sample where the present plateau began; None outside one."""

    @property
    def level(self) -> float:
        """Smoothed value, in metric units; NaN before the first sample."""

    @property
    def count(self) -> int:
        """Samples accepted."""

    @property
    def skipped(self) -> int:
        """Samples that were not finite."""

    @property
    def fires(self) -> int:
        """Fires in a row with no progress between them."""


@runtime_checkable
class DetectorProtocol(Detecting, Protocol):
    """What is fed a stream and says whether it has stopped moving.

    `plateau.Detector`, `plateau.ThresholdDetector` and whatever is derived from
    `plateau.custom.CustomDetector` are detectors. `update`, `update_many`, `record` and
    `until_fire` are ways to take the same samples and leave the same state; the
    contract suite (``tests/test_contract.py``) tests what else the members promise.

    Examples
    --------
    >>> from plateau import Detector
    >>> from plateau.protocol import DetectorProtocol
    >>> isinstance(Detector(), DetectorProtocol)
    True
    """

    @property
    def mode(self) -> Mode:
        """Whether lower is better, higher is better, or neither."""

    @property
    def on_nonfinite(self) -> str:
        """Whether a sample that is not finite is skipped or raises an error."""

    @property
    def revises(self) -> bool:
        """Whether a plateau may begin before the end of the one before."""

    def update(self, x: Sample) -> bool:
        """Take one sample; return whether the detector fires."""

    def update_many(self, xs: ArrayLike | Iterable[float]) -> NDArray[np.int64]:
        """Take samples in a row; return the offsets at which it fires."""

    def record(self, xs: ArrayLike | Iterable[float]) -> Trace:
        """Take samples in a row; return what is known after each."""

    def until_fire(self, xs: ArrayLike | Iterable[float]) -> int | None:
        """Take samples up to the first that fires; return its offset, None if none does."""

    def reset(self) -> None:
        """Forget all samples."""

    def clone(self) -> Self:
        """Return an independent copy with the same state."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that `state_dict` returned; refuse one of other parameters."""

    @property
    def verdict(self) -> Verdict:
        """What the detector says of the stream at present."""

    @property
    def kind(self) -> Kind | None:
        """Kind of the present plateau; None outside one."""

    @property
    def declared(self) -> int | None:
        """Index of the sample at which the present plateau was first known; None outside one."""

    @property
    def slope(self) -> float:
        """Slope in metric units per sample; NaN while warming up."""

    @property
    def noise(self) -> float:
        """Standard deviation of the stream around its level; NaN before it is known."""
