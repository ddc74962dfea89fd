"""Stopping for XGBoost: the state lies in the booster's attributes, and so in its files."""

import json
from collections.abc import Mapping
from typing import Any

import xgboost

from plateau import Stopper
from plateau_boosting.stopping import BoostingStop

ATTRIBUTE = "plateau_stop"
"""Of the booster, which holds the state."""

HIGHER = ("auc", "aucpr", "pre", "map", "ndcg")
"""The metrics that get better upwards, as XGBoost has them; some have a number behind an @."""


class XGBoostStop(BoostingStop, xgboost.callback.TrainingCallback):
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

    _saved: str | None = None
    _first = 0  # iteration of this training, of all of the booster's

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
        if stop and xgboost.collective.get_rank() == 0:
            self._tell(self.stopper)
        return stop

    def _begin(self, metric: str) -> Stopper:
        """Return what stops, with the state of the booster if that has one."""
        highest = metric.split("@")[0].rstrip("-") in HIGHER
        state = None if self._saved is None else json.loads(self._saved)
        return self._made("max" if highest else "min", state)

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
