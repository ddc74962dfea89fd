"""Early stopping: whether a loss is flat."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from plateau._samples import Sample
from plateau_torch import saved
from plateau_torch.detecting import Detecting, as_detector
from plateau_torch.intake import Intake
from plateau_torch.processes import Group


class PlateauStopper:
    """Say when to stop: as soon as the detector fires, and from then on.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream; by default a fresh
        ``plateau.Detector()``. The stopper feeds this very object: let nothing else feed it.
    process_group, lag : optional
        As in `PlateauLR`: with a group all its processes stop at the same step.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above.
    RuntimeError
        If ``process_group="world"`` and ``torch.distributed`` is not initialised.

    Examples
    --------
    >>> from plateau import Haar, ThresholdDetector
    >>> from plateau_torch import PlateauStopper
    >>> stopper = PlateauStopper(ThresholdDetector(Haar(window=4), threshold=0.1, patience=3))
    >>> for step, loss in enumerate([9.0, 7.0, 5.0, 3.0] + [2.0] * 20):
    ...     if stopper.step(loss):
    ...         print("stopped after step", step)
    ...         break
    stopped after step 10
    """

    def __init__(
        self,
        detector: Detecting | None = None,
        *,
        process_group: Group | None = None,
        lag: int | None = None,
    ) -> None:
        self._detector = as_detector(detector)
        self.stopped = False
        self.steps = 0
        self._intake = Intake(process_group, lag)
        self._intake.begin(self.state_dict())

    @property
    def detector(self) -> Detecting:
        """What says whether the loss is flat."""
        return self._detector

    def step(self, metrics: Sample | Tensor) -> bool:
        """Take the loss of one step, as `PlateauLR.step` does.

        Parameters
        ----------
        metrics : float or torch.Tensor
            The loss, one number. One that is not finite is skipped and counted by the detector.

        Returns
        -------
        bool
            Whether to stop.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            If it is not one real number, or the processes of the group are not at the same step or
            did not begin alike.
        """
        self._intake.put(metrics, self.steps)
        self.steps += 1
        for loss in self._intake.take():
            self.stopped |= self._detector.update(loss)
        return self.stopped

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, which ``torch.load(weights_only=True)`` reads."""
        return {
            "stopped": self.stopped,
            "steps": self.steps,
            "detector": self._detector.state_dict(),
            "waiting": self._intake.waiting(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state.

        Raises
        ------
        ValueError
            If the state is not that of a stopper with such a detector. The present state then
            stays as it was.
        """
        state = saved.entries("PlateauStopper", state_dict, self.state_dict())
        stopped = saved.flag("stopped", state["stopped"])
        steps = saved.count("steps", state["steps"])
        waiting = saved.waiting(state["waiting"])
        saved.load_detector(self._detector, state["detector"])
        self.stopped, self.steps = stopped, steps
        self._intake.restore(waiting)
        self._intake.begin(self.state_dict())
