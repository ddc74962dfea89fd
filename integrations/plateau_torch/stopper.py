"""Early stopping: whether a loss is flat, or gets worse."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from plateau import Verdict
from plateau.checks import Sample
from plateau_torch import saved
from plateau_torch.detecting import Detecting, as_detector
from plateau_torch.intake import Intake
from plateau_torch.processes import Group


class PlateauStopper:
    """Say when to stop: as soon as the loss is flat or gets worse, and from then on.

    It takes the loss of every step, or a validation loss once an epoch. A slow plateau, in which
    there is still some progress, is no reason to stop unless asked.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream; by default a fresh
        ``plateau.Detector()``. The stopper feeds this very object: let nothing else feed it.
    slow : bool, default False
        Whether to stop on a slow plateau too, see `plateau.Detector.kind`.
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
        slow: bool = False,
        process_group: Group | None = None,
        lag: int | None = None,
    ) -> None:
        self._detector = as_detector(detector)
        self.slow = bool(slow)
        self.stopped = False
        self.steps = 0
        self.reason = ""
        """Why to stop, in words; empty before."""
        self.best = math.nan
        """Best loss so far; NaN before the first."""
        self.best_step: int | None = None
        """Index of its step."""
        self._taken = 0
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
            self._take(loss)
        return self.stopped

    def _take(self, loss: float) -> None:
        taken = self._taken
        self._taken += 1
        fires = self._detector.update(loss)
        if math.isfinite(loss) and not self._is_worse(loss):
            self.best, self.best_step = loss, taken
        if not self.stopped:
            self.reason = self._why(fires)
            self.stopped = bool(self.reason)

    def _is_worse(self, loss: float) -> bool:
        """Whether a loss is no better than the best one; without a direction lower is better."""
        if self.best_step is None:
            return False
        most = getattr(self._detector, "mode", "min") == "max"
        return loss <= self.best if most else loss >= self.best

    def _why(self, fires: bool) -> str:
        """Say why to stop now, or nothing."""
        detector = self._detector
        kind = getattr(detector, "kind", None)
        if fires and (self.slow or kind != "slow"):
            slow = "slow" if kind == "slow" else "flat"
            return f"{slow} since sample {detector.onset}"
        if getattr(detector, "verdict", None) == Verdict.WORSENING:
            return f"gets worse; the best, {self.best:.6g}, was at step {self.best_step}"
        return ""

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, which ``torch.load(weights_only=True)`` reads."""
        return {
            "stopped": self.stopped,
            "steps": self.steps,
            "taken": self._taken,
            "reason": self.reason,
            "best": self.best if math.isfinite(self.best) else None,
            "best_step": self.best_step,
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
        taken = saved.count("taken", state["taken"])
        best = math.nan if state["best"] is None else saved.finite("best", state["best"])
        step = None if state["best_step"] is None else saved.count("best_step", state["best_step"])
        reason = saved.text("reason", state["reason"])
        saved.load_detector(self._detector, state["detector"])
        self.stopped, self.steps, self._taken = stopped, steps, taken
        self.reason, self.best, self.best_step = reason, best, step
        self._intake.restore(waiting)
        self._intake.begin(self.state_dict())
