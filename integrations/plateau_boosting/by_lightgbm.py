"""Stopping for LightGBM."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from lightgbm import CVBooster
from lightgbm.callback import CallbackEnv, EarlyStopException

from plateau import Stopper
from plateau_boosting.stopping import BoostingStop


class LightGBMStop(BoostingStop):
    """Stop when a metric is flat, or gets worse; the booster knows the best iteration.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream, taken as a description. By default
        ``plateau.Detector()``, in the mode of the metric.
    data, metric : str, optional
        Names of the evaluation set and of the metric; by default the first that is no training set.
    slow : bool, default False
        Whether to stop on a slow plateau too.
    alerts : Alerts, optional
        Are told when the training is stopped.

    Notes
    -----
    LightGBM keeps nothing of a callback: to go on with ``init_model=`` save `state_dict` beside the
    model and give it to a new callback.

    Examples
    --------
    >>> from plateau import Detector
    >>> from plateau_boosting import LightGBMStop
    >>> stop = LightGBMStop(Detector(horizon=40))
    """

    _best: Sequence[Any] = ()
    _best_at = 0
    _saved: Mapping[str, Any] | None = None

    def _prepare(self) -> None:
        self.order = 30  # as LightGBM's own early stopping: behind what records and logs
        self.before_iteration = False

    def __call__(self, env: CallbackEnv) -> None:
        """Take the metric of an iteration; stop as LightGBM's own early stopping does."""
        results = list(env.evaluation_result_list or [])
        _, _, value, highest, *_ = self._chosen(env, results)
        if self.stopper is None or env.iteration == env.begin_iteration:
            self._best = ()
            self.stopper = self._begin("max" if highest else "min")
        stop = self.stopper.step(value)
        if self.stopper.best_step == self.stopper.taken - 1 or not self._best:
            self._best, self._best_at = results, env.iteration
        if stop:
            self._tell(self.stopper)
        if stop or env.iteration == env.end_iteration - 1:  # how LightGBM learns the best iteration
            raise EarlyStopException(self._best_at, list(self._best))

    def _begin(self, mode: Literal["min", "max"]) -> Stopper:
        """Return what stops, with the state that was loaded if there is one."""
        if self._saved is None:
            return self._made(mode, None)
        self._best, self._best_at = self._saved["best"], self._saved["best_at"]
        return self._made(mode, self._saved["stopper"])

    def _chosen(self, env: CallbackEnv, results: list[Any]) -> Any:
        """Return the result of the evaluation set and the metric."""
        training = "train" if isinstance(env.model, CVBooster) else env.model._train_data_name
        for result in results:
            data, metric = result[:2]
            if data == "cv_agg":  # as older releases call it in cv, with both names in one
                data, metric = metric.split(" ", 1)
            named = data == self.data if self.data else data != training
            if named and self.metric in (None, metric):
                return result
        there = ", ".join(f"{result[1]} of {result[0]}" for result in results) or "none"
        wanted = f"{self.metric or 'a metric'} of {self.data or 'a set that is not for training'}"
        raise ValueError(f"LightGBMStop finds no {wanted}; there is {there}")

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, safe for JSON; before the first iteration it is empty."""
        if self.stopper is None:
            return {}
        best = [list(result) for result in self._best]
        return {"stopper": self.stopper.state_dict(), "best": best, "best_at": self._best_at}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next training go on from a state."""
        self._saved = state or None
