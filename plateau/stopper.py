"""Early stopping: whether a metric is flat, or gets worse."""

import math
from collections.abc import Mapping
from typing import Any

from plateau import saved
from plateau._samples import Sample, as_sample
from plateau.base import Verdict
from plateau.best import Best
from plateau.detecting import Detecting, as_detector


class Stopper:
    """Say when to stop: as soon as the metric is flat or gets worse, and from then on.

    It takes the loss of every step, or a validation loss once an epoch. A slow plateau, in which
    there is still some progress, is no reason to stop unless asked.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream; by default a fresh
        ``plateau.Detector()``. The stopper feeds this very object: let nothing else feed it.
    slow : bool, default False
        Whether to stop on a slow plateau too, see `plateau.Detector.kind`.

    Attributes
    ----------
    stopped : bool
        Whether to stop; once true it stays so.
    reason : str
        Why to stop, in words; empty before.
    taken : int
        Values taken, those that were not finite included.

    Raises
    ------
    TypeError
        If it is no detector of one stream.

    Examples
    --------
    >>> from plateau import Haar, Stopper, ThresholdDetector
    >>> stopper = Stopper(ThresholdDetector(Haar(window=4), threshold=0.1, patience=3))
    >>> for step, loss in enumerate([9.0, 7.0, 5.0, 3.0] + [2.0] * 20):
    ...     if stopper.step(loss):
    ...         print("stopped after step", step, "-", stopper.reason)
    ...         break
    stopped after step 10 - flat since sample 5
    """

    def __init__(self, detector: Detecting | None = None, *, slow: bool = False) -> None:
        self._detector = as_detector(detector)
        self.slow = bool(slow)
        self.stopped = False
        self.reason = ""
        self._best = Best(self._detector)
        self.taken = 0

    @property
    def detector(self) -> Detecting:
        """What says whether the metric is flat."""
        return self._detector

    @property
    def best(self) -> float:
        """Best value so far; NaN before the first."""
        return self._best.value

    @property
    def best_step(self) -> int | None:
        """Index of its step."""
        return self._best.step

    def step(self, metrics: Sample) -> bool:
        """Take the value of one step.

        Parameters
        ----------
        metrics : float
            The value. One that is not finite is skipped and counted by the detector.

        Returns
        -------
        bool
            Whether to stop.

        Raises
        ------
        TypeError, ValueError
            As `plateau.Detector.update`.
        """
        self._take(as_sample(metrics))
        return self.stopped

    def _take(self, value: float) -> None:
        fires = self._detector.update(value)
        if math.isfinite(value):
            self._best.take(value, self.taken)
        self.taken += 1
        if not self.stopped:
            self.reason = self._why(fires)
            self.stopped = bool(self.reason)

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

    def __repr__(self) -> str:
        if self.stopped:
            said = f"stopped, {self.reason}"
        else:
            verdict = getattr(self._detector, "verdict", "goes on")
            said = f"{verdict} after {self.taken:,} values"
        return f"<{type(self).__name__}: {said}>"

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, safe for JSON."""
        return {
            "stopped": self.stopped,
            "taken": self.taken,
            "reason": self.reason,
            "best": self.best if math.isfinite(self.best) else None,
            "best_step": self.best_step,
            "detector": self._detector.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state.

        Raises
        ------
        ValueError
            If the state is not that of a stopper with such a detector. The present state then
            stays as it was.
        """
        state = saved.entries(type(self).__name__, state, self.state_dict())
        stopped = saved.flag("stopped", state["stopped"])
        taken = saved.count("taken", state["taken"])
        best, step = saved.best(state)
        reason = saved.text("reason", state["reason"])
        saved.load_detector(self._detector, state["detector"])
        self.stopped, self.taken = stopped, taken
        self.reason, self._best.value, self._best.step = reason, best, step
