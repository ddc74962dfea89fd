"""Callbacks of Lightning, which give each step's loss, or a logged metric, to what reacts to it."""

import copy
import math
from abc import ABC, abstractmethod
from typing import Any, Protocol

import lightning.pytorch as lightning
import torch
from torch import Tensor

from plateau.alerts import Alerts
from plateau.detecting import Detecting, as_detector
from plateau_torch import PlateauLR, PlateauStopper
from plateau_torch.processes import Group


class _Taker(Protocol):
    """What is given the losses."""

    def step(self, metrics: Tensor | float, /) -> object: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any], /) -> None: ...


class _Listener(lightning.Callback, ABC):
    """Give the mean loss of each step of the optimizer, or a metric of each validation, to a taker.

    Not Lightning's own way to step schedulers: it does that behind the hooks that save, so that a
    checkpoint in the middle of an epoch would lack a loss.
    """

    def __init__(
        self, detector: Detecting | None, monitor: str | None, alerts: Alerts | None
    ) -> None:
        self._detector = as_detector(detector)
        self.monitor = monitor
        self._alerts = alerts
        self._taker: _Taker | None = None
        self._restored: dict[str, Any] | None = None
        self._total: Tensor | float = 0.0  # of the losses since the last step, as they are scaled
        self._batches = 0
        self._step = 0

    @abstractmethod
    def _make(self, trainer: lightning.Trainer, detector: Detecting, group: Group | None) -> _Taker:
        """Return what takes the losses of a fit."""

    def _take(self, trainer: lightning.Trainer, loss: Tensor | float) -> None:
        assert self._taker is not None
        self._taker.step(loss)

    @property
    def state_key(self) -> str:
        return str(self._generate_state_key(monitor=self.monitor))

    def on_train_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        group: Group | None = "world" if trainer.world_size > 1 else None
        # A copy, so that another fit begins anew, as its optimizers do.
        self._taker = self._make(trainer, copy.deepcopy(self._detector), group)
        self._step, self._total, self._batches = trainer.global_step, 0.0, 0
        if self._restored is not None:
            self._taker.load_state_dict(self._restored["taker"])
            self._total, self._batches = self._restored["total"], self._restored["batches"]
            self._restored = None

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, *_: Any
    ) -> None:
        if self.monitor is not None:
            return
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if loss is not None:
            self._total, self._batches = self._total + loss.detach(), self._batches + 1
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        self._take(trainer, self._mean(trainer, module))
        self._total, self._batches = 0.0, 0

    def _mean(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> Tensor:
        """Return the mean loss of the batches of a step; NaN if none had a loss."""
        if not self._batches:
            if not module.automatic_optimization:
                raise ValueError(
                    f"{type(self).__name__} sees no loss: with manual optimization training_step "
                    "must return it; or give monitor= the name of a metric of the validation"
                )
            # Other processes may have one, and wait for this.
            return torch.full((), math.nan, device=module.device)
        # Lightning divides by what it accumulates; the last step of an epoch may have less of it.
        scale = trainer.accumulate_grad_batches / self._batches
        total = torch.as_tensor(self._total)
        return total if scale == 1.0 else total * scale

    def on_validation_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        if self.monitor is None or self._taker is None or trainer.sanity_checking:
            return
        if self.monitor not in trainer.callback_metrics:
            logged = ", ".join(trainer.callback_metrics) or "nothing"
            raise ValueError(f"monitor={self.monitor!r} is not logged; there is {logged}")
        self._take(trainer, trainer.callback_metrics[self.monitor])

    def state_dict(self) -> dict[str, Any]:
        if self._taker is None:
            return {}
        taker = self._taker.state_dict()
        return {"taker": taker, "total": float(self._total), "batches": self._batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict or None


class PlateauRate(_Listener):
    """Lower the learning rate where the loss makes no more progress: `PlateauLR` as a callback.

    It is given the mean training loss of every step of the optimizer, over all processes, or a
    metric of each validation. Its state lies in Lightning's checkpoints, so a run that is resumed
    anywhere, also in the middle of an epoch, has the rates of an uninterrupted one.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream, taken as a description; by default
        ``plateau.Detector()``.
    monitor : str, optional
        Name of a metric that is logged in validation. By default the loss of each training step.
    alerts : Alerts, optional
        Are told when the loss is flat, in the first of several processes.
    **arguments
        Of `plateau_torch.PlateauLR`: `factor`, `min_lr`, `wait`, `warmup_steps`, `on_plateau`, …

    Examples
    --------
    >>> from plateau_lightning import PlateauRate
    >>> callback = PlateauRate(factor=0.1, max_reductions=3)
    """

    def __init__(
        self,
        detector: Detecting | None = None,
        *,
        monitor: str | None = None,
        alerts: Alerts | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(detector, monitor, alerts)
        self._arguments = arguments
        least = arguments.get("min_lr")
        groups = len(least) if isinstance(least, list | tuple) and least else 1
        weights = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(groups)]
        PlateauLR(torch.optim.SGD(weights), **arguments)  # says now what is wrong, not in the fit

    @property
    def scheduler(self) -> PlateauLR | None:
        """The `plateau_torch.PlateauLR` of the fit; None before it has begun."""
        return self._taker if isinstance(self._taker, PlateauLR) else None

    def _make(self, trainer: lightning.Trainer, detector: Detecting, group: Group | None) -> _Taker:
        if len(trainer.optimizers) != 1:
            raise ValueError(
                f"PlateauRate needs one optimizer, there are {len(trainer.optimizers)}: make a "
                "plateau_torch.PlateauLR for each in the module and call its step()"
            )
        made = PlateauLR(trainer.optimizers[0], detector, process_group=group, **self._arguments)
        if self._alerts and trainer.is_global_zero:
            made.on_plateau = (*made.on_plateau, self._alerts)
        return made


class PlateauStop(_Listener):
    """Stop the fit where the loss is flat, or gets worse: `PlateauStopper` as a callback.

    Parameters
    ----------
    detector, monitor : optional
        As in `PlateauRate`.
    slow : bool, default False
        Whether to stop on a slow plateau too.
    alerts : Alerts, optional
        Are told when the fit is stopped, in the first of several processes.

    Examples
    --------
    >>> from plateau_lightning import PlateauStop
    >>> callback = PlateauStop(monitor="val_loss")
    """

    def __init__(
        self,
        detector: Detecting | None = None,
        *,
        monitor: str | None = None,
        slow: bool = False,
        alerts: Alerts | None = None,
    ) -> None:
        super().__init__(detector, monitor, alerts)
        self.slow = slow

    @property
    def stopper(self) -> PlateauStopper | None:
        """The `plateau_torch.PlateauStopper` of the fit; None before it has begun."""
        return self._taker if isinstance(self._taker, PlateauStopper) else None

    def _make(self, trainer: lightning.Trainer, detector: Detecting, group: Group | None) -> _Taker:
        return PlateauStopper(detector, slow=self.slow, process_group=group)

    def _take(self, trainer: lightning.Trainer, loss: Tensor | float) -> None:
        assert self.stopper is not None
        before = self.stopper.stopped
        super()._take(trainer, loss)
        if not self.stopper.stopped:
            return
        trainer.should_stop = True
        if self._alerts and not before and trainer.is_global_zero:
            self._alerts.send("stopped", self.stopper.reason)
