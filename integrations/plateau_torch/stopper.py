"""Early stopping: whether a loss is flat, or gets worse."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from plateau import Stopper, saved
from plateau.checks import Sample
from plateau.detecting import Detecting
from plateau_torch.intake import Intake
from plateau_torch.processes import Group


class PlateauStopper(Stopper):
    """Say when to stop: as soon as the loss is flat or gets worse, and from then on.

    A `plateau.Stopper` that takes tensors, also on an accelerator, and acts alike in all processes
    of a group.

    Parameters
    ----------
    detector, slow : optional
        As in `plateau.Stopper`.
    process_group, lag : optional
        As in `PlateauLR`: with a group all its processes stop at the same step.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.
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
        slow: bool = False,
        process_group: Group | None = None,
        lag: int | None = None,
    ) -> None:
        super().__init__(detector, slow=slow)
        self.steps = 0
        self._intake = Intake(process_group, lag)
        self._intake.begin(self.state_dict())

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
        self._intake.put(metrics, self.steps, self._detector)
        self.steps += 1
        for loss in self._intake.take():
            self._take(loss)
        return self.stopped

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, which ``torch.load(weights_only=True)`` reads."""
        return super().state_dict() | {"steps": self.steps, "waiting": self._intake.waiting()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state, as `plateau.Stopper.load_state_dict` does."""
        own = saved.entries("PlateauStopper", state_dict, self.state_dict())
        steps = saved.count("steps", own["steps"])
        waiting = saved.waiting(own["waiting"])
        super().load_state_dict(state_dict)
        self.steps = steps
        self._intake.restore(waiting)
        self._intake.begin(self.state_dict())
