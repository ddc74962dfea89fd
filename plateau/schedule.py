"""A schedule of one learning rate: a detector that takes the losses, and a policy that reacts."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from plateau import saved
from plateau._rules import EVIDENCE
from plateau._samples import Sample, as_sample
from plateau.best import Best
from plateau.calibrated import Detector
from plateau.detecting import Detecting, as_detector
from plateau.events import PLATEAU, Event
from plateau.policy import Policy, PolicyState

VERSION = 2
"""Of the saved state: changes when a saved state would be misread."""

WAIT = 0.125
"""Share by which a run grows before its rate falls again."""

PATIENCE, FEWEST = 0.125, 3
"""Share of a run, and losses, without a better one, for losses that sum up many steps."""


class Schedule:
    """Say what becomes of a learning rate, loss by loss.

    It is what all schedulers of this project do, without a framework: whatever trains gives it the
    loss of each step and sets the rate that it returns.

    Parameters
    ----------
    detector : optional
        A `plateau.Detector`, or another detector of one stream; by default a fresh
        ``plateau.Detector()``. The schedule feeds this very object: let nothing else feed it.
    policy : Policy, optional
        What to do at a fire. By default ``Policy(wait=0.125)`` beside a `plateau.Detector` without
        a `horizon`, which says that the loss is flat as soon as there is evidence of it, and
        ``Policy()`` beside any other, whose horizon or patience is a wait of its own.
    summed : bool, default False
        Whether each loss sums up many steps, as the mean loss of an epoch or a validation loss
        does. Such losses are too few and noisy for evidence, so the rate also falls when none has
        been better than the best for an eighth of the run, three losses at least.

    Raises
    ------
    TypeError
        If an argument is not as said above.

    Examples
    --------
    >>> from plateau import Haar, Schedule, ThresholdDetector
    >>> schedule = Schedule(ThresholdDetector(Haar(window=4), threshold=0.1, patience=3))
    >>> lr = 0.4
    >>> for loss in [9.0, 7.0, 5.0, 3.0] + [2.0] * 8:
    ...     if event := schedule.step(loss, lr):
    ...         lr = event.lr
    ...         print(event.index, event.onset, event.factor, lr)
    10 5 0.5 0.2
    """

    def __init__(
        self,
        detector: Detecting | None = None,
        policy: Policy | None = None,
        *,
        summed: bool = False,
    ) -> None:
        self._detector = as_detector(detector)
        if policy is None:
            policy = Policy(wait=usual_wait(self._detector))
        if not isinstance(policy, Policy):
            raise TypeError(f"policy must be a plateau.policy.Policy, not {policy!r}")
        self._policy = policy
        self.state = PolicyState()
        """What the policy remembers."""
        self.countdown = 0
        """Losses until a plateau that was met during a wait is asked about; 0 if none was."""
        self.summed = bool(summed)
        self._best = Best(self._detector)  # of the losses that sum up steps
        self._before = self._seen  # by the detector before it was given to this schedule

    @property
    def detector(self) -> Detecting:
        """What says whether the loss is flat. It was given once and stays."""
        return self._detector

    @property
    def policy(self) -> Policy:
        """What is done about it."""
        return self._policy

    @property
    def taken(self) -> int:
        """Losses taken, those that were not finite included."""
        return self._seen - self._before

    @property
    def _seen(self) -> int:
        """Losses that the detector has seen."""
        return self._detector.count + self._detector.skipped

    @property
    def in_cooldown(self) -> bool:
        """Whether a fire at the next loss would be ignored, because of cooldown or wait."""
        return self._detector.count < self.state.quiet_until

    def step(self, loss: Sample, lr: float) -> Event | None:
        """Take the loss of one step.

        Parameters
        ----------
        loss : float
            The loss. One that is not finite is skipped and counted by the detector.
        lr : float
            The learning rate that is in force; of several the highest.

        Returns
        -------
        Event or None
            An event of the kind ``"plateau"`` when the detector fires, and when a wait is over and
            the loss still flat; its `lr` is the rate from here on, its `factor` 1.0 where the
            policy leaves it as it is. Else None.

        Raises
        ------
        TypeError, ValueError
            As `plateau.Detector.update`.
        """
        fires = self.take(as_sample(loss))
        return self.react(lr, fires=fires) if self.is_due(fires=fires) else None

    def take(self, loss: float) -> bool:
        """Take a loss, as `step` does, without a reaction; return whether the detector fires."""
        index = self._detector.count
        fires = self._detector.update(loss)
        if self.summed and self._detector.count > index:
            self._best.take(loss, index)
        return fires

    def is_due(self, *, fires: bool) -> bool:
        """Whether the policy is to be asked about a loss that the detector has taken.

        It counts the loss of a wait: ask once for each while there is a `countdown`.
        """
        over = self.countdown > 0 and self._is_over()
        return fires or over or (self.summed and self._is_out_of_patience())

    def _is_out_of_patience(self) -> bool:
        """Whether none of the last losses is better than the best, nor was the rate changed."""
        since, count = self._since_best(), self._detector.count
        return since is not None and count - since >= max(PATIENCE * count, FEWEST)

    def _since_best(self) -> int | None:
        """Return the sample from which on none is better than the best and the rate is the same."""
        best = self._best.step
        return None if best is None else max(best + 1, self.state.changed)

    def react(self, lr: float, *, fires: bool) -> Event | None:
        """Ask the policy, as `step` does where it is due.

        Parameters
        ----------
        lr : float
            The learning rate that is in force; of several the highest.
        fires : bool
            What ``detector.update`` returned.

        Returns
        -------
        Event or None
            As `step`.
        """
        detector = self._detector
        onset, level = detector.onset, detector.level  # as they are before the reaction
        if onset is None and not fires:
            onset = self._since_best()
        slope, gain = getattr(detector, "slope", math.nan), getattr(detector, "gain", None)
        declared = getattr(detector, "declared", None)
        factor, self.state = self._policy.react(
            self._patient(), detector.count - 1, lr, detector.fires, *self._reached()
        )
        if factor != 1.0:
            lr = max(lr * factor, min(lr, self._policy.min_lr))  # not an ulp below
            begin_anew(detector)
        self.countdown = self._left_to_wait()
        if not fires and factor == 1.0:
            return None
        index = self.taken - 1
        return Event(index, PLATEAU, onset, level, slope, gain, declared, factor, lr)

    def _patient(self) -> PolicyState:
        """Return what the policy remembers, quiet while noise may hide how a loss goes on.

        Where the loss of a step is noisier than what counts beside its level, a plateau is believed
        when it has lasted for as many steps as noise alone takes to be known for rest.
        """
        detector, state = self._detector, self.state
        if self.summed or not self._policy.wait or not isinstance(detector, Detector):
            return state
        noisy = detector.noise > detector.min_change * abs(detector.level)
        if detector.onset is None or not noisy:
            return state
        return state._replace(quiet_until=max(state.quiet_until, detector.onset + int(EVIDENCE)))

    def _reached(self) -> tuple[float, float]:
        """Return the level of the loss, lower is better, and its standard error, 0 if not known."""
        if self.summed:
            return self._best.level, 0.0
        detector = self._detector
        level = -detector.level if getattr(detector, "mode", "min") == "max" else detector.level
        error = getattr(detector, "level_error", math.nan)
        return level, error if math.isfinite(error) else 0.0

    def _is_over(self) -> bool:
        """Count a loss of a wait; return whether it is over and the plateau still lasts."""
        self.countdown -= 1
        if self.countdown:
            return False
        self.countdown = self._left_to_wait()  # some losses may have been skipped
        return not self.countdown and self._detector.onset is not None

    def _left_to_wait(self) -> int:
        """Return the samples until a present plateau may be reacted to; 0 if none is waiting."""
        if not self._policy.wait or self._detector.onset is None:
            return 0
        return max(self.state.quiet_until - (self._detector.count - 1), 0)

    @property
    def standing(self) -> str:
        """How it stands, in words."""
        verdict = getattr(self._detector, "verdict", None)
        said = "" if verdict is None else f", {verdict.name.lower().replace('_', ' ')}"
        waits = self.state.quiet_until - self._detector.count
        wait = f", waits {waits:,} more" if waits > 0 else ""
        count = self.state.reductions
        made = f"{count} reduction{'s' * (count != 1)} in {self.taken:,} losses"
        return f"{made}{said}{wait}"

    def __repr__(self) -> str:
        return f"<Schedule: {self.standing}>"

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data, safe for JSON."""
        return {
            "version": VERSION,
            "policy": asdict(self._policy),
            "policy_state": saved.plain(self.state),
            "detector": self._detector.state_dict(),
            "taken": self.taken,
            "summed": self.summed,
            "best": self._best.value if self._best.step is not None else None,
            "best_step": self._best.step,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state; the learning rate is not part of it.

        Raises
        ------
        ValueError
            If the state is of another version or of other parameters, or damaged. The present state
            then stays as it was.
        """
        state = saved.entries("Schedule", state, self.state_dict())
        if state["version"] != VERSION:
            raise ValueError(
                f"state has version {state['version']!r}, this library reads version {VERSION}"
            )
        saved.refuse_others(state["policy"], asdict(self._policy))
        policy_state = saved.policy_state(state["policy_state"])
        taken = saved.count("taken", state["taken"])
        summed = saved.flag("summed", state["summed"])
        best, step = saved.best(state)
        present = self._detector.state_dict()
        saved.load_detector(self._detector, state["detector"])
        if taken > self._seen:
            seen = self._seen
            self._detector.load_state_dict(present)
            raise ValueError(f"state is damaged: {taken} losses taken, {seen} seen")
        self._before = self._seen - taken
        self.state, self.summed = policy_state, summed
        self._best.value, self._best.step = best, step
        self.countdown = self._left_to_wait()


def begin_anew(detector: Detecting) -> None:
    """Tell a detector that the rate has changed: it keeps the range that the run has covered."""
    if isinstance(detector, Detector):
        detector.changed(keep_range=True)
    else:
        detector.changed()


def usual_wait(detector: Detecting) -> float:
    """Return the wait that goes with a detector."""
    return WAIT if isinstance(detector, Detector) and detector.horizon is None else 0.0
