"""Optuna: finish a trial where it is flat."""

from typing import Literal

import optuna

from plateau import Detector, Stopper
from plateau.alerts import Alerts
from plateau.checks import Sample, as_sample
from plateau.detecting import Detecting

REASON = "plateau:reason"
"""The user attribute of a trial that says why it was finished."""


class PlateauStop(Stopper):
    """Say when to finish a trial: its metric is flat, or gets worse.

    A trial that is flat is done, not bad: return its value, so that the study has it. A pruner
    would leave the study without it. Pruners go on comparing: each value is reported to them.

    Parameters
    ----------
    trial : optuna.Trial
        Of a study with one objective, whose direction says which way is better. A
        ``FixedTrial`` has no study: there the detector says it.
    detector : optional
        A fresh `plateau.Detector`, or another detector of one stream; by default
        ``plateau.Detector()`` in the mode of the study.
    slow : bool, default False
        Whether to finish on a slow plateau too.
    alerts : Alerts, optional
        Are told when the trial is finished.

    Raises
    ------
    ValueError
        If the study has several objectives, or the detector's mode is not the study's direction;
        or there is neither a study nor a detector.

    Examples
    --------
    >>> import optuna
    >>> from plateau import Haar, ThresholdDetector
    >>> from plateau_sweeps import PlateauStop
    >>> def objective(trial):
    ...     end = trial.suggest_float("end", 0.0, 1.0)
    ...     stop = PlateauStop(trial, ThresholdDetector(Haar(4), threshold=0.01, patience=5))
    ...     for epoch in range(1000):
    ...         if stop.step(end + 2.0**-epoch):
    ...             break
    ...     return stop.best
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study()
    >>> study.optimize(objective, n_trials=3)
    >>> [len(trial.intermediate_values) < 20 for trial in study.trials]
    [True, True, True]
    """

    def __init__(
        self,
        trial: optuna.trial.BaseTrial,
        detector: Detecting | None = None,
        *,
        slow: bool = False,
        alerts: Alerts | None = None,
    ) -> None:
        mode = _mode_of(trial)
        if detector is None:
            if mode is None:
                raise ValueError("a trial without a study needs a detector: it has no direction")
            detector = Detector(mode)
        super().__init__(detector, slow=slow)
        if mode is not None and getattr(self.detector, "mode", mode) != mode:
            raise ValueError(f"the study wants mode {mode!r}, not that of {self.detector!r}")
        self.trial = trial
        self._alerts = alerts

    def step(self, metrics: Sample) -> bool:
        """Take the value of one step and report it to the trial.

        Parameters
        ----------
        metrics : float
            The value; what `plateau.Detector.update` takes.

        Returns
        -------
        bool
            Whether to finish the trial.
        """
        self.trial.report(as_sample(metrics), self.taken)
        before = self.stopped
        finished = super().step(metrics)
        if finished and not before:
            self.trial.set_user_attr(REASON, self.reason)
            if self._alerts:
                self._alerts.send("finished", f"trial {self.trial.number}: {self.reason}")
        return finished


def _mode_of(trial: optuna.trial.BaseTrial) -> Literal["min", "max"] | None:
    """Return the direction of a trial's study; None if it has no study."""
    if isinstance(trial, optuna.trial.FixedTrial):
        return None
    directions = trial.study.directions
    if len(directions) != 1:
        raise ValueError("PlateauStop needs a study with one objective: Optuna reports no more")
    return "max" if directions[0] == optuna.study.StudyDirection.MAXIMIZE else "min"
