"""Callbacks of Keras, which give the loss of each batch to what reacts to it."""

import copy
import math
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import keras

from plateau import Schedule, Stopper
from plateau.alerts import Alerts
from plateau.checks import whole
from plateau.detecting import Detecting, as_detector
from plateau.policy import Policy
from plateau_keras.states import States

TRAINING = "loss"
"""What Keras calls the loss of the training."""

SaveFreq = Literal["epoch"] | int


class _Listener(keras.callbacks.Callback, ABC):
    """Give each batch's own loss, or a metric of each epoch, to a schedule or a stopper."""

    def __init__(
        self,
        detector: Detecting | None,
        monitor: str,
        file: str | os.PathLike[str] | None,
        save_freq: SaveFreq,
        alerts: Alerts | None,
    ) -> None:
        super().__init__()
        self._detector = as_detector(detector)
        self.monitor = monitor
        self._states = None if file is None else States(file)
        self._save_freq = save_freq
        if save_freq != "epoch":
            self._save_freq = whole("save_freq", save_freq, least=1)
        self._sinks = alerts
        self._taker: Schedule | Stopper | None = None
        self._begun = False
        self._batches = 0
        self._total = self._count = 0.0  # of what Keras's mean of the epoch is made of
        self._step = 0  # of the optimizer, at which a number was taken last

    @abstractmethod
    def _make(self, detector: Detecting) -> Schedule | Stopper:
        """Return what takes the losses of a fit."""

    @abstractmethod
    def _take(self, loss: float) -> None:
        """Give it one, and do what it says."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, safe for JSON; before the first fit it is empty."""
        if self._taker is None:
            return {}
        return {"taker": self._taker.state_dict(), "step": self._step}

    def _restore(self, state: Mapping[str, Any]) -> None:
        assert self._taker is not None
        self._taker.load_state_dict(state["taker"])
        self._step = state["step"]

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._taker = self._make(copy.deepcopy(self._detector))
        self._begun, self._batches = False, 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._total = self._count = 0.0
        if not self._begun:  # only now: other callbacks restore a model where the training begins
            self._begun = True
            self._step = self._steps
            state = self._states.begin(self._steps) if self._states else None
            if state is not None:
                self._restore(state)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.monitor == TRAINING:
            self._take(self._own_loss())
        self._batches += 1
        if self._save_freq != "epoch" and self._batches % self._save_freq == 0:
            self._save()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.monitor != TRAINING:
            if self.monitor not in (logs or {}):
                there = ", ".join(logs or {}) or "nothing"
                raise ValueError(f"monitor={self.monitor!r} is not logged; there is {there}")
            self._take(float((logs or {})[self.monitor]))
        if self._save_freq == "epoch":
            self._save()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._save()

    def _own_loss(self) -> float:
        """Return the loss of the last batch: Keras keeps, and logs, the mean of the epoch only."""
        mean = next((each for each in self.model.metrics if each.name == TRAINING), None)
        if mean is None:
            raise ValueError("the model has no metric 'loss': give monitor= the name of another")
        total, count = float(mean.total), float(mean.count)
        loss = (total - self._total) / (count - self._count) if count > self._count else math.nan
        if math.isfinite(loss):
            self._total, self._count = total, count
            return loss
        warnings.warn(
            f"the loss of batch {self._batches} is {loss}: it is left out, also of the mean that "
            "Keras shows, as no other loss of the epoch could be told from that",
            stacklevel=2,
        )
        mean.total.assign(self._total)
        mean.count.assign(self._count)
        return loss

    @property
    def _alerts(self) -> Alerts | None:
        """What is to be told: nothing but in the first process, as all see the same losses."""
        return self._sinks if _is_first() else None

    @property
    def _steps(self) -> int:
        return int(self.model.optimizer.iterations)

    def _save(self) -> None:
        if self._states:
            self._states.save(self._steps, self.state_dict())


def _is_first() -> bool:
    """Whether this is the first of several processes, or the only one."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return bool(jax.process_index() == 0)


class PlateauRate(_Listener):
    """Lower the learning rate where the loss makes no progress any more.

    Where what it takes sums up many steps, as a metric of an epoch does, it has patience too: see
    `summed` of `plateau.Schedule`.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream, taken as a description; by default
        ``plateau.Detector()``. Each fit begins anew, unless there is a state.
    policy : Policy, optional
        As in `plateau.Schedule`.
    monitor : str, default "loss"
        The loss of each batch, or a metric of each epoch such as ``"val_loss"``.
    file : path, optional
        Where to keep states, beside the checkpoints. A fit of a model whose optimizer has made
        steps goes on from the state of that step.
    save_freq : "epoch" or int, default "epoch"
        When to write it, as in ``keras.callbacks.ModelCheckpoint``: at the end of each epoch, or
        after so many batches.
    alerts : Alerts, optional
        Are told when the loss is flat, in the first of several processes.

    Examples
    --------
    >>> from plateau.policy import Policy
    >>> from plateau_keras import PlateauRate
    >>> callback = PlateauRate(policy=Policy(factor=0.1), file="run.plateau")
    """

    def __init__(
        self,
        detector: Detecting | None = None,
        policy: Policy | None = None,
        *,
        monitor: str = TRAINING,
        file: str | os.PathLike[str] | None = None,
        save_freq: SaveFreq = "epoch",
        alerts: Alerts | None = None,
    ) -> None:
        super().__init__(detector, monitor, file, save_freq, alerts)
        self._policy = Schedule(self._detector, policy).policy  # says now what is wrong

    @property
    def schedule(self) -> Schedule | None:
        """The `plateau.Schedule` of the fit; None before it has begun."""
        return self._taker if isinstance(self._taker, Schedule) else None

    def _make(self, detector: Detecting) -> Schedule:
        try:
            self._set_rate(self._rate())
        except TypeError:
            raise ValueError(
                "PlateauRate cannot lower the rates of a LearningRateSchedule: give the optimizer "
                "a number as its learning_rate"
            ) from None
        return Schedule(detector, self._policy)

    def _rate(self) -> float:
        return float(self.model.optimizer.learning_rate)

    def _set_rate(self, rate: float) -> None:
        self.model.optimizer.learning_rate = rate

    def _take(self, loss: float) -> None:
        assert self.schedule is not None
        self.schedule.summed = self._steps - self._step > 1
        self._step = self._steps
        event = self.schedule.step(loss, self._rate())
        if event is None:
            return
        if event.lr is not None and event.factor != 1.0:
            self._set_rate(event.lr)
        if self._alerts:
            self._alerts(event)

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, safe for JSON; before the first fit it is empty."""
        state = super().state_dict()
        return state | {"lr": self._rate()} if state else state

    def _restore(self, state: Mapping[str, Any]) -> None:
        super()._restore(state)
        self._set_rate(state["lr"])  # that of the checkpoint may be from before the last loss


class PlateauStop(_Listener):
    """Stop the fit where the loss is flat, or gets worse.

    Parameters
    ----------
    detector, monitor, file, save_freq : optional
        As in `PlateauRate`.
    slow : bool, default False
        Whether to stop on a slow plateau too.
    alerts : Alerts, optional
        Are told when the fit is stopped, in the first of several processes.

    Examples
    --------
    >>> from plateau_keras import PlateauStop
    >>> callback = PlateauStop(monitor="val_loss")
    """

    def __init__(
        self,
        detector: Detecting | None = None,
        *,
        monitor: str = TRAINING,
        slow: bool = False,
        file: str | os.PathLike[str] | None = None,
        save_freq: SaveFreq = "epoch",
        alerts: Alerts | None = None,
    ) -> None:
        super().__init__(detector, monitor, file, save_freq, alerts)
        self.slow = slow

    @property
    def stopper(self) -> Stopper | None:
        """The `plateau.Stopper` of the fit; None before it has begun."""
        return self._taker if isinstance(self._taker, Stopper) else None

    def _make(self, detector: Detecting) -> Stopper:
        return Stopper(detector, slow=self.slow)

    def _take(self, loss: float) -> None:
        assert self.stopper is not None
        before = self.stopper.stopped
        if not self.stopper.step(loss):
            return
        self.model.stop_training = True
        if self._alerts and not before:
            self._alerts.send("stopped", self.stopper.reason)
