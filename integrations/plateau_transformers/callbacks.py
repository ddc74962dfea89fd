"""Callbacks of the Trainer, which give what it logs to what reacts to it."""

import copy
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from plateau import Schedule, Stopper
from plateau.alerts import Alerts
from plateau.detecting import Detecting, as_detector
from plateau.policy import Policy
from plateau_torch.rates import set_rate

TRAINING = "loss"
"""What the Trainer calls the loss of the training where it logs."""


class _Listener(TrainerCallback, ExportableState, ABC):
    """Give a logged number to a schedule or a stopper; its state lies in `trainer_state.json`.

    The Trainer restores callbacks only if it is told to, and then by making new ones. So the state
    is taken from there at the beginning of each training.
    """

    def __init__(self, detector: Detecting | None, monitor: str, alerts: Alerts | None) -> None:
        self._detector = as_detector(detector)
        self.monitor = monitor
        self._alerts = alerts
        self._taker: Schedule | Stopper | None = None

    @abstractmethod
    def _make(self, detector: Detecting) -> Schedule | Stopper:
        """Return what takes the numbers of a training."""

    @abstractmethod
    def _take(
        self, loss: float, control: TrainerControl, alerts: Alerts | None, **objects: Any
    ) -> None:
        """Give it a number, and do what it says."""

    def state(self) -> dict[str, Any]:
        """Return what the Trainer saves."""
        saved = None if self._taker is None else self._taker.state_dict()
        return {"args": {}, "attributes": {"monitor": self.monitor, "saved": saved}}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if not args.logging_nan_inf_filter and self.monitor == TRAINING:
            warnings.warn(
                "with logging_nan_inf_filter=False the Trainer logs NaN for ever after the first "
                "loss that is NaN: leave it True",
                stacklevel=2,
            )
        self._taker = self._make(copy.deepcopy(self._detector))
        saved = self._saved(state) if state.global_step else None
        if saved is not None:
            self._taker.load_state_dict(saved)

    def _saved(self, state: TrainerState) -> Mapping[str, Any] | None:
        """Return the state of this callback in a checkpoint; of several the one of its monitor."""
        found = state.stateful_callbacks.get(type(self).__name__, [])
        for one in found if isinstance(found, list) else [found]:
            if one["attributes"]["monitor"] == self.monitor:
                saved: Mapping[str, Any] | None = one["attributes"]["saved"]
                return saved
        return None

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **objects: Any,
    ) -> None:
        if not logs or self.monitor not in logs or self._taker is None:
            return
        loss = logs[self.monitor]
        if self.monitor == TRAINING and args.logging_nan_inf_filter and loss == 0.0:
            loss = math.nan  # as which the Trainer logs a step whose loss is not finite
        alerts = self._alerts if state.is_world_process_zero else None
        self._take(loss, control, alerts, **objects)


class PlateauRate(_Listener):
    """Lower the learning rate where the loss makes no more progress.

    It scales what the Trainer's own scheduler begins from, so it multiplies with its warm-up and
    decay. The Trainer saves that with its scheduler, so a training that is resumed from a
    checkpoint has the rates of an uninterrupted one.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream, taken as a description; by default
        ``plateau.Detector()``.
    policy : Policy, optional
        As in `plateau.Schedule`. Its `min_lr` is a bound of the rates without warm-up and decay.
    monitor : str, default "loss"
        What is logged: the loss of the training, best with ``logging_steps=1``, or a metric of the
        evaluations such as ``"eval_loss"``.
    alerts : Alerts, optional
        Are told when the loss is flat, in the first of several processes.

    Examples
    --------
    >>> from plateau_transformers import PlateauRate
    >>> callback = PlateauRate()  # Trainer(..., callbacks=[callback])
    """

    def __init__(
        self,
        detector: Detecting | None = None,
        policy: Policy | None = None,
        *,
        monitor: str = TRAINING,
        alerts: Alerts | None = None,
    ) -> None:
        super().__init__(detector, monitor, alerts)
        self._policy = Schedule(self._detector, policy).policy  # says now what is wrong

    @property
    def schedule(self) -> Schedule | None:
        """The `plateau.Schedule` of the training; None before it has begun."""
        return self._taker if isinstance(self._taker, Schedule) else None

    def _make(self, detector: Detecting) -> Schedule:
        return Schedule(detector, self._policy)

    def _take(
        self, loss: float, control: TrainerControl, alerts: Alerts | None, **objects: Any
    ) -> None:
        schedule, optimizer = self.schedule, objects["optimizer"]
        assert schedule is not None
        groups = optimizer.param_groups
        event = schedule.step(loss, max(float(g.get("initial_lr", g["lr"])) for g in groups))
        if event is not None and alerts:
            alerts(event)
        if event is None or event.factor == 1.0:
            return
        for group in groups:
            set_rate(group, float(group["lr"]) * event.factor)
            if "initial_lr" in group:  # what a scheduler that is made later begins from
                group["initial_lr"] = float(group["initial_lr"]) * event.factor
        scheduler = objects["lr_scheduler"]
        if hasattr(scheduler, "base_lrs"):
            scheduler.base_lrs = [rate * event.factor for rate in scheduler.base_lrs]


class PlateauStop(_Listener):
    """Stop the training where the loss is flat, or gets worse.

    Parameters
    ----------
    detector, monitor : optional
        As in `PlateauRate`.
    slow : bool, default False
        Whether to stop on a slow plateau too.
    alerts : Alerts, optional
        Are told when the training is stopped, in the first of several processes.

    Examples
    --------
    >>> from plateau_transformers import PlateauStop
    >>> callback = PlateauStop(monitor="eval_loss")  # Trainer(..., callbacks=[callback])
    """

    def __init__(
        self,
        detector: Detecting | None = None,
        *,
        monitor: str = TRAINING,
        slow: bool = False,
        alerts: Alerts | None = None,
    ) -> None:
        super().__init__(detector, monitor, alerts)
        self.slow = slow

    @property
    def stopper(self) -> Stopper | None:
        """The `plateau.Stopper` of the training; None before it has begun."""
        return self._taker if isinstance(self._taker, Stopper) else None

    def _make(self, detector: Detecting) -> Stopper:
        return Stopper(detector, slow=self.slow)

    def _take(self, loss: float, control: TrainerControl, alerts: Alerts | None, **_: Any) -> None:
        assert self.stopper is not None
        before = self.stopper.stopped
        if not self.stopper.step(loss):
            return
        control.should_training_stop = True
        if alerts and not before:
            alerts.send("stopped", self.stopper.reason)
