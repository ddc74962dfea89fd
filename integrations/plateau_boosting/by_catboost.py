"""Stopping for CatBoost."""

from collections.abc import Mapping
from typing import Any, Literal

from catboost.core import CatBoostError, is_maximizable_metric

from plateau import Stopper
from plateau_boosting.stopping import BoostingStop

TRAINING = "learn"
"""What CatBoost calls the training set."""


class CatBoostStop(BoostingStop):
    """Stop when a metric is flat, or gets worse; the model knows the best iteration.

    With a ``metric_period`` CatBoost shows the last value between two evaluations. It is taken once
    only: what is held says nothing new.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream, taken as a description. By default
        ``plateau.Detector()``, in the mode of the metric; for a metric of your own give one.
    data, metric : str, optional
        Names of the evaluation set, as CatBoost has them, and of the metric; by default the first
        that is no training set, and the only one.
    slow : bool, default False
        Whether to stop on a slow plateau too.
    alerts : Alerts, optional
        Are told when the training is stopped.

    Notes
    -----
    CatBoost keeps nothing of a callback: to go on with ``init_model=`` save `state_dict` beside the
    model and give it to a new callback.

    Examples
    --------
    >>> from plateau import Detector
    >>> from plateau_boosting import CatBoostStop
    >>> stop = CatBoostStop(Detector(horizon=40))
    """

    _evaluated = 0  # values of this training that were taken
    _saved: Mapping[str, Any] | None = None

    def after_iteration(self, info: Any) -> bool:
        """Take the metric of an iteration if it is new; return whether to go on."""
        if info.iteration == 1 or self.stopper is None:
            self.stopper, self._evaluated = None, 0
        metric, values = self._chosen(info.metrics)
        if self.stopper is None:
            self.stopper = self._begin(metric)
        if len(values) == self._evaluated:
            return True
        self._evaluated = len(values)
        if not self.stopper.step(values[-1]):
            return True
        self._tell(self.stopper)
        return False

    def _begin(self, metric: str) -> Stopper:
        """Return what stops, with the state that was loaded if there is one."""
        state, self._saved = self._saved, None
        return self._made("min" if self._detector else _mode_of(metric), state)

    def _chosen(self, log: Mapping[str, Mapping[str, list[float]]]) -> tuple[str, list[float]]:
        """Return the metric's name and its values so far."""
        held_out = [name for name in log if name != TRAINING]
        if not held_out and self.data is None:
            raise ValueError("CatBoostStop needs an evaluation set: give fit(..., eval_set=)")
        data = held_out[0] if self.data is None else self.data
        if data not in log:
            raise ValueError(f"data={data!r} is no evaluation set; there is {', '.join(log)}")
        metrics = log[data]
        if self.metric is None and len(metrics) > 1:
            raise ValueError(f"CatBoostStop needs metric=, one of {', '.join(metrics)}")
        metric = next(iter(metrics)) if self.metric is None else self.metric
        if metric not in metrics:
            raise ValueError(f"metric={metric!r} is not there; there is {', '.join(metrics)}")
        return metric, metrics[metric]

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, safe for JSON; before the first iteration it is empty."""
        return {} if self.stopper is None else self.stopper.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next training go on from a state."""
        self._saved = state or None


def _mode_of(metric: str) -> Literal["min", "max"]:
    """Return the direction of a metric of CatBoost's."""
    try:
        return "max" if is_maximizable_metric(metric) else "min"
    except CatBoostError:
        raise ValueError(
            f"CatBoost does not say which way {metric} is better: give a detector, such as "
            "plateau.Detector('max')"
        ) from None
