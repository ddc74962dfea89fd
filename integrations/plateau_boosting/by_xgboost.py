"""Stopping for XGBoost: the state lies in the booster's attributes, and so in its files."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import xgboost

from plateau import Detector, Stopper
from plateau.alerts import Alerts
from plateau.detecting import Detecting, as_detector

ATTRIBUTE = "plateau_stop"
"""Of the booster, which holds the state."""

HIGHER = ("auc", "aucpr", "pre", "map", "ndcg")
"""The metrics that get better upwards, as XGBoost has them; some have a number behind an @."""


class XGBoostStop(xgboost.callback.TrainingCallback):
    """Stop when a metric is flat, or gets worse; the booster knows the best iteration.

    Continued training, with ``xgb_model=``, resumes from the state in the booster's attributes.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream, taken as a description. By default
        ``plateau.Detector()``, in mode ``"max"`` for the metrics that XGBoost maximises.
    data, metric : str, optional
        Names of the evaluation set and of the metric; by default the last ones, as in XGBoost.
    slow : bool, default False
        Whether to stop on a slow plateau too.
    alerts : Alerts, optional
        Are told when the training is stopped, in the first of several processes.

    Examples
    --------
    >>> from plateau import Detector
    >>> from plateau_boosting import XGBoostStop
    >>> stop = XGBoostStop(Detector(horizon=40))
    """

    def __init__(
        self,
        detector: Detecting | None = None,
        *,
        data: str | None = None,
        metric: str | None = None,
        slow: bool = False,
        alerts: Alerts | None = None,
    ) -> None:
        super().__init__()
        self._detector = None if detector is None else as_detector(detector)
        self.data = data
        self.metric = metric
        self.slow = slow
        self._alerts = alerts
        self.stopper: Stopper | None = None
        """The `plateau.Stopper` of the training; None before its first iteration."""
        self._saved: str | None = None
        self._first = 0  # iteration of this training, of all of the booster's

    def before_training(self, model: Any) -> Any:
        """Begin anew, or where the booster was left."""
        self.stopper, self._saved, self._first = None, None, 0
        if isinstance(model, xgboost.Booster):  # and not several, of cv
            self._saved, self._first = model.attr(ATTRIBUTE), model.num_boosted_rounds()
        return model

    def after_iteration(
        self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, list[Any]]]
    ) -> bool:
        """Take the metric of an iteration; return whether to stop."""
        metric, values = self._chosen(evals_log)
        if self.stopper is None:
            self.stopper = self._begin(metric)
        value = values[-1]
        stop = self.stopper.step(value[0] if isinstance(value, tuple) else value)  # of cv: the mean
        if self.stopper.best_step is not None:
            ago = self.stopper.taken - 1 - self.stopper.best_step
            best = {"best_score": self.stopper.best, "best_iteration": self._first + epoch - ago}
            model.set_attr(**{name: str(value) for name, value in best.items()})
        model.set_attr(**{ATTRIBUTE: json.dumps(self.stopper.state_dict())})
        if stop and self._alerts and xgboost.collective.get_rank() == 0:
            self._alerts.send("stopped", self.stopper.reason)
        return stop

    def _begin(self, metric: str) -> Stopper:
        """Return what stops, with the state of the booster if that has one."""
        highest = metric.split("@")[0].rstrip("-") in HIGHER
        usual = Detector("max" if highest else "min")
        stopper = Stopper(copy.deepcopy(self._detector or usual), slow=self.slow)
        if self._saved is not None:
            stopper.load_state_dict(json.loads(self._saved))
        return stopper

    def _chosen(self, log: Mapping[str, Mapping[str, list[Any]]]) -> tuple[str, list[Any]]:
        """Return the metric's name and its values so far."""
        if not log:
            raise ValueError("XGBoostStop needs an evaluation set: give evals=[(data, name)]")
        data = list(log)[-1] if self.data is None else self.data
        if data not in log:
            raise ValueError(f"data={data!r} is no evaluation set; there is {', '.join(log)}")
        metric = list(log[data])[-1] if self.metric is None else self.metric
        if metric not in log[data]:
            raise ValueError(f"metric={metric!r} is not there; there is {', '.join(log[data])}")
        return metric, log[data][metric]
