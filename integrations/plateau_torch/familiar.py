"""What programs ask a `ReduceLROnPlateau` for: answered where there is an answer."""

import warnings
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from plateau import Schedule

T = TypeVar("T")

PAGE = "see 'Move from ReduceLROnPlateau' on the page PyTorch of the documentation"

INSTEAD = {
    "best": "it compares with no best loss: see scheduler.detector.level",
    "num_bad_epochs": "it counts no bad epochs: see scheduler.detector.verdict",
    "patience": "its detector asks for evidence, not for a number of steps",
    "threshold": "its detector judges by the noise: see min_change of plateau.Detector",
    "threshold_mode": "a threshold is a slope here, neither relative nor absolute",
    **dict.fromkeys(
        ("_reduce_lr", "_reset", "_is_better", "_init_is_better"),
        "it compares with no best loss and lowers the rates in step() only; to lower them "
        "yourself, set those of the optimizer and call scheduler.detector.changed()",
    ),
}
"""Why there is no such attribute."""

OF_DETECTOR = ("patience", "threshold")
"""Those that some detectors have."""

ARGUMENTS = ("mode", "patience", "threshold", "threshold_mode", "eps", "verbose")
"""Of `ReduceLROnPlateau`, which `PlateauLR` has not: its detector has a word for each."""


class Answer(Generic[T]):
    """An attribute of torch's that can be read and not set: a value set would change nothing.

    Parameters
    ----------
    of : callable
        Returns it, given the scheduler.
    """

    def __init__(self, of: Callable[[Any], T]) -> None:
        self._of = of
        self.__doc__ = of.__doc__

    @overload
    def __get__(self, scheduler: None, owner: type) -> Self: ...
    @overload
    def __get__(self, scheduler: object, owner: type | None = None) -> T: ...
    def __get__(self, scheduler: object, owner: type | None = None) -> Self | T:
        return self if scheduler is None else self._of(scheduler)

    def __set__(self, scheduler: object, value: T) -> None:
        kind, name = type(scheduler).__name__, self._of.__name__
        raise AttributeError(f"{name} of {kind} is read-only: make a new one")


class Familiar(ReduceLROnPlateau):
    """A `ReduceLROnPlateau` by its attributes, without its way to compare losses."""

    optimizer: Optimizer
    _schedule: Schedule
    _min_lrs: list[float]

    @Answer
    def factor(self) -> float:
        """What a reduction multiplies the rates by."""
        return self._schedule.policy.factor

    @Answer
    def cooldown(self) -> int:
        """Losses after a change in which fires are ignored."""
        return self._schedule.policy.cooldown

    @Answer
    def cooldown_counter(self) -> int:
        """How many are left, those of a wait included."""
        return max(self._schedule.state.quiet_until - self._schedule.detector.count, 0)

    @Answer
    def mode(self) -> str:
        """Whether lower or higher is better."""
        return str(getattr(self._schedule.detector, "mode", "min"))

    @Answer
    def min_lrs(self) -> list[float]:
        """The least rate of each param group."""
        added = len(self.optimizer.param_groups) - len(self._min_lrs)
        return self._min_lrs + added * [self._schedule.policy.min_lr]

    @Answer
    def eps(self) -> float:
        """The least change that is made: any."""
        return 0.0


def _absent(name: str, why: str) -> Answer[Any]:
    """Return an attribute that asks the detector for itself, or else says why there is none."""

    def of(scheduler: Familiar) -> Any:
        detector = scheduler._schedule.detector
        if name in OF_DETECTOR and hasattr(detector, name):
            return getattr(detector, name)
        kind = type(scheduler).__name__
        raise AttributeError(f"{kind} has no attribute {name!r}: {why}; {PAGE}")

    of.__name__ = name
    return Answer(of)


# One by one: with a `__getattr__` all attributes would be slow to read, those of a step as well.
for _name, _why in INSTEAD.items():
    setattr(Familiar, _name, _absent(_name, _why))


def refuse_arguments(detector: object, others: dict[str, object]) -> None:
    """Refuse what `ReduceLROnPlateau` would take, in one line.

    Some programs give a `last_epoch` to every scheduler. Torch's -1 means that it is new.
    """
    if isinstance(detector, str):
        such = f"plateau.Detector({detector!r})"
        raise TypeError(f"detector must be a detector such as {such}, not {detector!r}; {PAGE}")
    if others.pop("last_epoch", -1) != -1:
        warnings.warn(
            "PlateauLR begins anew whatever its last_epoch: to go on, load its state_dict()",
            stacklevel=3,  # where the scheduler is made
        )
    for name in others:
        if name not in ARGUMENTS:
            raise TypeError(f"PlateauLR() got an unexpected keyword argument {name!r}")
    if others:
        named = ", ".join(others)
        raise TypeError(f"PlateauLR has a detector in place of {named}; {PAGE}")
