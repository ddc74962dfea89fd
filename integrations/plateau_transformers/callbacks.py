"""Callbacks of the Trainer, which give what it logs to what reacts to it."""

import copy
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from torch.optim.lr_scheduler import CyclicLR, OneCycleLR
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
        self._step = 0  # of the training, at which a number was taken last
        self._others: dict[str, None] = {}  # what is logged before the first number

    @abstractmethod
    def _make(self, detector: Detecting, **objects: Any) -> Schedule | Stopper:
        """Return what takes the numbers of a training, of which these are the objects."""

    @abstractmethod
    def _take(
        self,
        loss: float,
        steps: int,
        control: TrainerControl,
        alerts: Alerts | None,
        **objects: Any,
    ) -> None:
        """Give it a number, which comes so many steps behind the last one, and do what it says."""

    def state(self) -> dict[str, Any]:
        """Return what the Trainer saves."""
        saved = None if self._taker is None else self._taker.state_dict()
        attributes = {"monitor": self.monitor, "saved": saved, "step": self._step}
        return {"args": {}, "attributes": attributes}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        if not args.logging_nan_inf_filter and self.monitor == TRAINING:
            warnings.warn(
                "with logging_nan_inf_filter=False the Trainer logs NaN for ever after the first "
                "loss that is NaN: leave it True",
                stacklevel=2,
            )
        self._taker = self._make(copy.deepcopy(self._detector), **objects)
        self._step, self._others = state.global_step, {}
        saved = self._saved(state) if state.global_step else None
        if saved is not None and saved["saved"] is not None:
            self._taker.load_state_dict(saved["saved"])
            self._step = saved["step"]

    def _saved(self, state: TrainerState) -> Mapping[str, Any] | None:
        """Return the state of this callback in a checkpoint; of several the one of its monitor."""
        found = state.stateful_callbacks.get(type(self).__name__, [])
        for one in found if isinstance(found, list) else [found]:
            attributes: Mapping[str, Any] = one["attributes"]
            if attributes["monitor"] == self.monitor:
                return attributes
        return None

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **objects: Any,
    ) -> None:
        if not logs or self._taker is None:
            return
        if self.monitor not in logs:
            self._others |= dict.fromkeys(logs)
            return
        loss = logs[self.monitor]
        if self.monitor == TRAINING and args.logging_nan_inf_filter and loss == 0.0:
            loss = math.nan  # as which the Trainer logs a step whose loss is not finite
        alerts = self._alerts if state.is_world_process_zero else None
        steps, self._step = state.global_step - self._step, state.global_step
        self._take(loss, steps, control, alerts, **objects)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if self._taker is not None and not self._taker.taken:
            logged = ", ".join(self._others) or "nothing"
            warnings.warn(
                f"monitor={self.monitor!r} was never logged, so {type(self).__name__} did nothing; "
                f"there was {logged}",
                stacklevel=2,
            )


class PlateauRate(_Listener):
    """Lower the learning rate where the loss makes no more progress.

    It scales what the Trainer's own scheduler begins from, so it multiplies with its warm-up and
    decay. The Trainer saves that with its scheduler, so a training that is resumed from a
    checkpoint has the rates of an uninterrupted one.

    Where what is logged sums up many steps, as a metric of the evaluations does, it has patience
    too: see `summed` of `plateau.Schedule`.

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

    def _make(self, detector: Detecting, **objects: Any) -> Schedule:
        for scheduler in _within(objects.get("lr_scheduler")):
            if isinstance(scheduler, CyclicLR | OneCycleLR):
                raise ValueError(
                    f"PlateauRate cannot multiply with {type(scheduler).__name__}, which goes back "
                    "to a highest rate of its own"
                )
        return Schedule(detector, self._policy)

    def _take(
        self,
        loss: float,
        steps: int,
        control: TrainerControl,
        alerts: Alerts | None,
        **objects: Any,
    ) -> None:
        schedule, optimizer = self.schedule, objects["optimizer"]
        assert schedule is not None
        schedule.summed = steps > 1
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
        for scheduler in _within(objects["lr_scheduler"]):
            if hasattr(scheduler, "base_lrs"):
                scheduler.base_lrs = [rate * event.factor for rate in scheduler.base_lrs]


def _within(scheduler: Any) -> Iterator[Any]:
    """Yield a scheduler, and those that it is made of."""
    yield scheduler
    for part in getattr(scheduler, "_schedulers", ()):
        yield from _within(part)


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

    def _make(self, detector: Detecting, **_: Any) -> Stopper:
        return Stopper(detector, slow=self.slow)

    def _take(
        self, loss: float, steps: int, control: TrainerControl, alerts: Alerts | None, **_: Any
    ) -> None:
        assert self.stopper is not None
        before = self.stopper.stopped
        if not self.stopper.step(loss):
            return
        control.should_training_stop = True
        if alerts and not before:
            alerts.send("stopped", self.stopper.reason)
