"""Ray Tune: stop a trial where it is flat."""

import copy
from collections.abc import Mapping
from typing import Any, Literal

from ray.tune import Stopper as RayStopper

from plateau import Detector, Stopper
from plateau.alerts import Alerts
from plateau.detecting import Detecting, as_detector

ITERATION = "training_iteration"
"""The count of a trial's results, which goes back with the trial to a checkpoint."""


class TuneStop(RayStopper):
    """Stop each trial whose metric is flat, or gets worse; the others go on.

    A trial that goes on from a checkpoint reports some results once more: each is taken once.

    Parameters
    ----------
    metric : str
        The name under which the trials report it.
    mode : {"min", "max"}, default "min"
        Whether lower or higher is better.
    detector : optional
        A `plateau.Detector`, or another detector of one stream, taken as a description: each trial
        has its own. By default ``plateau.Detector(mode)``.
    slow : bool, default False
        Whether to stop on a slow plateau too.
    alerts : Alerts, optional
        Are told when a trial is stopped.

    Examples
    --------
    >>> from plateau_sweeps import TuneStop
    >>> stop = TuneStop("loss")

    It goes to ``ray.tune.RunConfig(stop=stop)``.
    """

    def __init__(
        self,
        metric: str,
        mode: Literal["min", "max"] = "min",
        *,
        detector: Detecting | None = None,
        slow: bool = False,
        alerts: Alerts | None = None,
    ) -> None:
        self.metric = metric
        self._detector = as_detector(Detector(mode) if detector is None else detector)
        if getattr(self._detector, "mode", mode) != mode:
            raise ValueError(f"mode is {mode!r}, which is not that of {self._detector!r}")
        self.slow = slow
        self._alerts = alerts
        self.stoppers: dict[str, Stopper] = {}
        """The `plateau.Stopper` of each trial, by its identifier."""
        self._taken: dict[str, int] = {}  # the iteration of each trial that was taken last

    def __call__(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Take a result of a trial; return whether to stop the trial."""
        stopper = self.stoppers.get(trial_id)
        if self.metric not in result:
            if stopper is None:
                raise ValueError(
                    f"metric={self.metric!r} is not reported; there is {', '.join(result)}"
                )
            return False  # a report of something else
        if stopper is None:
            stopper = self.stoppers[trial_id] = Stopper(
                copy.deepcopy(self._detector), slow=self.slow
            )
        iteration = result.get(ITERATION)
        if iteration is not None:
            if iteration <= self._taken.get(trial_id, 0):
                return stopper.stopped
            self._taken[trial_id] = iteration
        before = stopper.stopped
        if not stopper.step(result[self.metric]):
            return False
        if self._alerts and not before:
            self._alerts.send("stopped", f"trial {trial_id}: {stopper.reason}")
        return True

    def stop_all(self) -> bool:
        """Never stop the trials that are not flat."""
        return False
