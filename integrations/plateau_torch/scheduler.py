"""The learning-rate scheduler: a detector, a policy, and an optimizer whose rates follow them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import ref

import torch
from torch import Tensor
from torch.optim import Optimizer

from plateau import Schedule, saved
from plateau.checks import Sample, number, whole
from plateau.detecting import Detecting, as_detector
from plateau.policy import Policy
from plateau.schedule import usual_wait
from plateau_torch.familiar import Answer, Familiar, refuse_arguments
from plateau_torch.intake import Intake, one_number
from plateau_torch.processes import Group
from plateau_torch.rates import full_rates, higher, rates_of, scale_rates, set_rate
from plateau_torch.repeats import Repeats, processes_of_accelerate

VERSION = 3
"""Of the saved state: changes when a saved state would be misread."""

CUDA = torch.version.cuda is not None or torch.version.hip is not None
"""Whether this torch is made for CUDA devices: asking where a tensor lies costs a quarter of
reading it."""


class PlateauEvent(NamedTuple):
    """What a scheduler tells its callbacks at each fire."""

    step: int
    """Index of the step whose loss made the detector fire, from 0."""
    onset: int | None
    """Index of the sample where the plateau began, as the detector estimates it."""
    level: float
    """Smoothed loss."""
    factor: float
    """What the learning rates were multiplied with; 1.0 if the policy leaves them as they are."""
    lr: list[float]
    """Learning rate of each param group, as it is now."""
    reductions: int
    """Reductions made so far."""


Callback = Callable[[PlateauEvent], object]


class PlateauLR(Familiar):
    """Lower the learning rates of an optimizer when its loss makes no more progress.

    It takes the loss of every step, or a loss once an epoch. It reacts to plateaus of both kinds:
    where a loss still falls slowly, a lower rate brings more than going on. By default the next
    reduction waits until the run has grown by an eighth, and longer each time that a reduction has
    brought no visible fall of the loss: what brought nothing is not tried again soon.

    Where the optimizer makes several steps for each loss, as with a validation loss, the losses are
    too few for evidence. There the rate also falls when none has been better than the best for an
    eighth of the run, three losses at least.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The rates of all its param groups are multiplied, also of groups added later.
    detector : optional
        A `plateau.Detector`, or another detector of one stream; by default a fresh
        ``plateau.Detector()``. The scheduler feeds this very object and counts its steps by it: let
        nothing else feed it, and do not reset it.
    factor, max_reductions, min_lr, cooldown, restart_after, restart_factor, wait
        What to do at a fire: see `plateau.policy.Policy`. The policy looks at the highest rate.
        `min_lr` may be one for each param group; groups added later then have the least of them.
        By default `wait` is 0.125 for a `plateau.Detector` without a `horizon`, which says that the
        loss is flat as soon as there is evidence of it, and 0 for any other, whose horizon or
        patience is a wait of its own.
    warmup_steps : int, default 0
        Steps over which the rates rise linearly to their given values. Fires of these steps are
        ignored, and patience starts anew after them.
    on_plateau : callable, or several, optional
        Called with a `PlateauEvent` at each fire after the warm-up, also when the policy leaves
        the rates as they are. If you change something else there, say the batch size,
        call ``scheduler.detector.changed()``.
    process_group : torch.distributed.ProcessGroup or "world", optional
        The detector sees the mean loss of these processes, the same number in each, so their rates
        stay the same. All must call `step` equally often. By default a process is alone.
    lag : int, optional
        Take each loss exactly so many steps after it was given, so that runs on a CUDA device can
        be repeated. By default a loss is taken when it is there: see `step`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.
    RuntimeError
        If ``process_group="world"`` and ``torch.distributed`` is not initialised.

    Notes
    -----
    It is a `torch.optim.lr_scheduler.ReduceLROnPlateau` by class only, because that is what
    Lightning, the Trainer of transformers and torch itself ask for to know that `step` wants a
    metric. ``SequentialLR`` and ``ChainedScheduler``, whose `step` has none, refuse it. To combine
    it with another scheduler call both: each multiplies the rates that it finds. Only during its
    own warm-up does it set them.

    Examples
    --------
    >>> import torch
    >>> from plateau import Haar, ThresholdDetector
    >>> from plateau_torch import PlateauLR
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    >>> detector = ThresholdDetector(Haar(window=4), threshold=0.1, patience=3)
    >>> scheduler = PlateauLR(optimizer, detector, on_plateau=print)
    >>> for loss in [9.0, 7.0, 5.0, 3.0] + [2.0] * 8:
    ...     optimizer.step()
    ...     scheduler.step(loss)
    PlateauEvent(step=10, onset=5, level=2.0, factor=0.5, lr=[0.2], reductions=1)
    >>> scheduler.get_last_lr()
    [0.2]
    """

    _step_count = 0  # accelerate counts here the steps of gradient accumulation
    _steps = 0  # of the optimizer since the last loss

    def __init__(
        self,
        optimizer: Optimizer,
        detector: Detecting | None = None,
        *,
        factor: float = 0.5,
        max_reductions: int = 8,
        min_lr: float | Sequence[float] = 0.0,
        cooldown: int = 0,
        warmup_steps: int = 0,
        restart_after: int | None = None,
        restart_factor: float = 4.0,
        wait: float | None = None,
        on_plateau: Callback | Iterable[Callback] = (),
        process_group: Group | None = None,
        lag: int | None = None,
        **others: object,
    ) -> None:
        # Not the base class's: what it sets up is its own way to compare losses.
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be a torch.optim.Optimizer, not {optimizer!r}")
        refuse_arguments(detector, others)
        self.optimizer = optimizer
        self._min_lrs = _least(min_lr, len(optimizer.param_groups))
        self._detector = as_detector(detector)
        wait = usual_wait(self._detector) if wait is None else wait
        self._schedule = Schedule(
            self._detector,
            Policy(
                factor,
                max_reductions,
                min(self._min_lrs),
                cooldown,
                restart_after,
                restart_factor,
                wait,
            ),
        )
        self.warmup_steps = whole("warmup_steps", warmup_steps, least=0)
        self.on_plateau = _callbacks(on_plateau)
        self._intake = Intake(process_group, lag)
        self._repeats = Repeats(optimizer)
        self._full: list[float] = []  # rates that the warm-up leads to
        self._highest: list[float] = []  # at a fire so far
        rates_of(self.optimizer)  # warns of one that is not finite
        self._warm_up()
        self._direct = False  # the first loss tells whether accelerate has several processes
        self._begin()
        self._count_steps()

    def step(self, metrics: Sample | Tensor) -> None:  # type: ignore[override]  # no epoch: torch deprecates it
        """Take the loss of one step, after the optimizer's own step.

        A number or a tensor on the CPU is taken at once. A tensor on a CUDA device is copied to
        pinned memory without waiting and taken, in order, at the first call at which it has
        arrived: as many steps later as the device is behind. With a process group, whose copies do
        not arrive at the same time, it is taken exactly 4 steps later; a call waits where a copy
        takes longer. A tensor on another kind of device is read, and so waited for.

        Parameters
        ----------
        metrics : float or torch.Tensor
            The loss, one number. One that is not finite is skipped and counted by the detector.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            If it is not one real number, or the processes of the group are not at the same step or
            did not begin alike.
        """
        steps, self._steps, schedule = self._steps, 0, self._schedule
        if steps > 1 or schedule.summed:
            schedule.summed = steps > 1
            self._step_by_intake(metrics)
            return
        if self._direct and type(metrics) is float:  # most calls
            loss = metrics
        elif self._direct and isinstance(metrics, Tensor) and not (CUDA and metrics.is_cuda):
            try:
                loss = metrics.item()
            except RuntimeError:
                loss = one_number(metrics).item()  # says what is wrong with it
        else:
            self._step_by_intake(metrics)
            return
        fires = self._detector.update(loss)
        if (fires or schedule.countdown) and schedule.is_due(fires=fires):
            self._react(fires)

    def _step_by_intake(self, loss: Sample | Tensor) -> None:
        if self._repeats.has(loss):
            return
        self._intake.put(loss, self.last_epoch, self._detector, self._standing_rates())
        for arrived in self._intake.take():
            fires = self._schedule.take(arrived)
            if self._taken == self.warmup_steps:
                self._detector.changed()
            elif self._taken > self.warmup_steps and self._schedule.is_due(fires=fires):
                self._react(fires)
        self._warm_up()

    def _react(self, fires: bool) -> None:
        """Let the schedule react to the loss that was just taken."""
        rates = rates_of(self.optimizer)
        self._highest = higher(rates, self._highest)
        event = self._schedule.react(max(rates), fires=fires)
        if event is None:
            return
        if event.factor != 1.0:
            scale_rates(self.optimizer, event.factor, self.min_lrs, self._highest)
        told = PlateauEvent(
            event.index,
            event.onset,
            event.level,
            event.factor,
            rates_of(self.optimizer),
            self._schedule.state.reductions,
        )
        for callback in self.on_plateau:
            callback(told)

    def _warm_up(self) -> None:
        """Set the rates for the next step, as long as the warm-up lasts."""
        next_step = self.last_epoch + 1
        if next_step <= self.warmup_steps:
            groups = self.optimizer.param_groups
            self._full = full_rates(self.optimizer, self._full)
            for group, full in zip(groups, self._full, strict=True):
                set_rate(group, full * (next_step / self.warmup_steps))
        self._set_direct()

    def _count_steps(self) -> None:
        """Count the steps of the optimizer from one loss to the next.

        A wrapper that is an optimizer by class only cannot be asked to tell of them.
        """
        if hasattr(self.optimizer, "_optimizer_step_post_hooks"):
            myself = ref(self)
            self.optimizer.register_step_post_hook(lambda *_: _stepped(myself()))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._count_steps()  # a copy of an optimizer tells nobody

    def _begin(self) -> None:
        """Let the processes of the group see that all begin alike."""
        if self._intake.processes:
            rate = max(rates_of(self.optimizer))
            self._intake.begin(self.state_dict(), rate, self._schedule.state.reductions)

    def _standing_rates(self) -> list[float]:
        """Return the rates, without those of which an accelerator would have to be waited for."""
        rates = (group["lr"] for group in self.optimizer.param_groups)
        return [float(rate) for rate in rates if not (isinstance(rate, Tensor) and rate.is_cuda)]

    def _set_direct(self) -> None:
        """Note whether a number can go straight to the detector."""
        self._direct = (
            self._intake.is_plain
            and self._taken >= self.warmup_steps
            and processes_of_accelerate() == 1
        )

    @property
    def detector(self) -> Detecting:
        """What says whether the loss is flat. It was given once and stays."""
        return self._detector

    @property
    def policy(self) -> Policy:
        """What is done about it."""
        return self._schedule.policy

    @property
    def _taken(self) -> int:
        """Losses that the detector has taken from this scheduler."""
        return self._schedule.taken

    @Answer
    def last_epoch(self) -> int:  # counted by the detector: one count, no drift
        """Steps taken. Torch's name for it; with the loss of each step there are no epochs."""
        return self._taken + len(self._intake)

    def __repr__(self) -> str:
        return f"<PlateauLR: {self._schedule.standing}, lr {rates_of(self.optimizer)}>"

    @property
    def in_cooldown(self) -> bool:
        """Whether a fire at the next step would be ignored, because of cooldown or wait."""
        return self._schedule.in_cooldown

    def get_last_lr(self) -> list[float | Tensor]:
        """Return the learning rate of each param group, as it is now; tensors are copies."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [rate.clone() if isinstance(rate, Tensor) else rate for rate in rates]

    @Answer
    def _last_lr(self) -> list[float | Tensor]:  # never behind the rates
        """As in torch's own schedulers: some programs look at it."""
        return self.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, which ``torch.load(weights_only=True)`` reads.

        Losses on their way from a CUDA device are waited for, and saved as not yet taken.
        """
        return {
            "version": VERSION,
            "schedule": self._schedule.state_dict(),
            "warmup_steps": self.warmup_steps,
            "min_lrs": list(self._min_lrs),
            "waiting": self._intake.waiting(),
            "lr": rates_of(self.optimizer),
            "full_lr": list(self._full),
            "highest_lr": list(self._highest),
            "steps": self._steps,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state and set the learning rates that go with it.

        So it does not matter whether the optimizer's state is loaded before, after, or not at all.

        Raises
        ------
        ValueError
            If the state is of another version or of other parameters, is damaged, or the optimizer
            has another number of param groups. The present state then stays as it was.
        """
        state = saved.entries("PlateauLR", state_dict, self.state_dict())
        if state["version"] != VERSION:
            raise ValueError(
                f"state has version {state['version']!r}, this library reads version {VERSION}"
            )
        mine = {"warmup_steps": self.warmup_steps, "min_lrs": self._min_lrs}
        saved.refuse_others({name: state[name] for name in mine}, mine)
        waiting, steps = saved.waiting(state["waiting"]), saved.count("steps", state["steps"])
        lr, full, highest = self._groups_of(state)
        self._schedule.load_state_dict(state["schedule"])
        self._full, self._highest, self._steps = full, highest, steps
        self._intake.restore(waiting)
        for group, rate in zip(self.optimizer.param_groups, lr, strict=True):
            set_rate(group, rate)
        self._set_direct()
        self._begin()

    def _groups_of(self, state: Mapping[str, Any]) -> tuple[list[float], ...]:
        """Return the rates of a state, those that its warm-up leads to, and the highest."""
        names = ("lr", "full_lr", "highest_lr")
        lr, *others = found = tuple(saved.rates(name, state[name]) for name in names)
        groups = len(self.optimizer.param_groups)
        if len(lr) != groups:
            raise ValueError(
                f"state was saved with {len(lr)} param groups, the optimizer has {groups}: it must "
                "have as many before loading"
            )
        for name, rates in zip(names[1:], others, strict=True):
            if len(rates) > groups:
                raise ValueError(
                    f"state is damaged: {name} has {len(rates)} rates for {groups} groups"
                )
        return found


def _stepped(scheduler: PlateauLR | None) -> None:
    if scheduler is not None:
        scheduler._steps += 1


def _callbacks(on_plateau: Callback | Iterable[Callback]) -> tuple[Callback, ...]:
    if callable(on_plateau):
        return (on_plateau,)
    callbacks = tuple(on_plateau) if isinstance(on_plateau, Iterable) else (on_plateau,)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"on_plateau must be callable, or several such, not {callback!r}")
    return callbacks


def _least(min_lr: float | Sequence[float], groups: int) -> list[float]:
    """Return the least rate of each param group."""
    if not isinstance(min_lr, list | tuple):
        return [number("min_lr", min_lr)] * groups
    if len(min_lr) != groups:
        raise ValueError(f"min_lr has {len(min_lr)} rates for {groups} param groups")
    return [number("min_lr", rate) for rate in min_lr]
