"""What to do with the learning rate when the detector fires: a pure function of plain data."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from plateau._arguments import number, positive, whole

MOST_DOUBLINGS = 64
"""Doublings of a wait that count: beyond them it is longer than any run."""


class PolicyState(NamedTuple):
    """What a policy remembers between two fires."""

    reductions: int = 0
    """Reductions made so far."""
    streak: int = 0
    """Reductions in a row without progress between them, or fires at the minimum in their place."""
    quiet_until: int = 0
    """Sample before which fires are ignored."""
    highest: float = 0.0
    """Highest learning rate at a fire so far: a restart does not go beyond it."""
    changed: int = 0
    """Samples taken at the last change of the rate."""
    vain: int = 0
    """Changes in a row, up to the one before it, after which the level became no better."""
    level: float = math.inf
    """Level of the metric at that change, lower is better."""
    error: float = 0.0
    """Its standard error."""


class Reaction(NamedTuple):
    """What a policy does about one fire."""

    factor: float
    """What to multiply the learning rate with; 1.0: leave it as it is."""
    state: PolicyState
    """What to remember."""


@dataclass(frozen=True)
class Policy:
    """Multiply the learning rate by a factor at each fire; after a vain streak, restart higher.

    Parameters
    ----------
    factor : float, default 0.5
        A reduction multiplies the learning rate by it, between 0 and 1.
    max_reductions : int, default 8
        After so many reductions the policy does nothing more.
    min_lr : float, default 0.0
        The learning rate is never reduced below it.
    cooldown : int, default 0
        Samples after a change in which fires are ignored.
    restart_after : int, optional
        After so many reductions in a row without progress between them, the next fire multiplies
        by `restart_factor` instead. A fire at `min_lr`, where nothing can be reduced, counts as
        one of them. By default there are no restarts.
    restart_factor : float, default 4.0
        A restart multiplies the learning rate by it, above 1, but never leads beyond the highest
        rate at a fire so far: as a rule, the rate that the training began with.
    wait : float, default 0.0
        After a change the next one waits until the run has grown by this share of its length. If
        the level has not become better since, by two standard errors, it waits for twice the share,
        and for twice as much again after each further change in a row that brought nothing.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above.

    Notes
    -----
    The defaults are FastFace's (Gong et al., arXiv 2404.11118), which halves at most eight times.
    Its published runs also restart: ``restart_after=3, restart_factor=4``.

    Examples
    --------
    >>> from plateau.policy import Policy, PolicyState
    >>> policy = Policy(restart_after=3)
    >>> state, lr = PolicyState(), 0.8
    >>> for sample in (100, 200, 300, 400):
    ...     factor, state = policy.react(state, sample, lr, fires=sample // 100)
    ...     lr *= factor
    ...     print(factor, round(lr, 3))
    0.5 0.4
    0.5 0.2
    0.5 0.1
    4.0 0.4
    """

    factor: float = 0.5
    max_reductions: int = 8
    min_lr: float = 0.0
    cooldown: int = 0
    restart_after: int | None = None
    restart_factor: float = 4.0
    wait: float = 0.0

    def __post_init__(self) -> None:
        restart_after = self.restart_after
        if restart_after is not None:
            restart_after = whole("restart_after", restart_after, least=1)
        plain = {
            "factor": number("factor", self.factor),
            "max_reductions": whole("max_reductions", self.max_reductions, least=0),
            "min_lr": number("min_lr", self.min_lr),
            "cooldown": whole("cooldown", self.cooldown, least=0),
            "restart_after": restart_after,
            "restart_factor": positive("restart_factor", self.restart_factor),
            "wait": number("wait", self.wait),
        }
        for name, value in plain.items():  # Python's own numbers, which any saved state can hold
            object.__setattr__(self, name, value)
        if not 0 < self.factor < 1:
            raise ValueError(f"factor must lie between 0 and 1, not {self.factor}")
        if self.min_lr < 0:
            raise ValueError(f"min_lr must be at least 0, not {self.min_lr}")
        if self.wait < 0:
            raise ValueError(f"wait must be at least 0, not {self.wait}")
        if self.restart_factor <= 1:
            raise ValueError(f"restart_factor must be above 1, not {self.restart_factor}")

    def react(
        self,
        state: PolicyState,
        sample: int,
        lr: float,
        fires: int,
        level: float = math.nan,
        error: float = 0.0,
    ) -> Reaction:
        """Decide about one fire, or about a plateau that lasts when a wait is over.

        Parameters
        ----------
        state : PolicyState
            What the policy remembered so far; at first ``PolicyState()``.
        sample : int
            Index of the sample at which the detector fired.
        lr : float
            The learning rate in force.
        fires : int
            The detector's `fires`: 1 if something came between this fire and the one before.
        level, error : float, optional
            Level of the metric, lower is better, and its standard error; NaN if it is not known.

        Returns
        -------
        Reaction
            The factor to apply now, and what to remember.
        """
        streak = 0 if fires == 1 else state.streak
        state = state._replace(streak=streak, highest=max(state.highest, lr))
        if state.reductions >= self.max_reductions or sample < state.quiet_until:
            return Reaction(1.0, state)
        vain = state.vain + 1 if self._in_vain(state, level, error) else 0
        due = state.changed + self._waits(state.changed, vain) - 1
        if sample < due:
            return Reaction(1.0, state._replace(quiet_until=due))
        taken = sample + 1
        acted = state._replace(
            quiet_until=taken + max(self.cooldown, self._waits(taken) - 1),
            changed=taken,
            vain=vain,
            level=math.inf if math.isnan(level) else level,
            error=error,
        )
        if self.restart_after is not None and streak >= self.restart_after:
            raised = min(lr * self.restart_factor, state.highest)
            if raised > lr:
                factor = _ratio(raised, lr, self.restart_factor)
                return Reaction(factor, acted._replace(streak=0))
        lowered = max(lr * self.factor, min(lr, self.min_lr))
        if lowered == lr:
            return Reaction(1.0, state._replace(streak=streak + 1))
        factor = _ratio(lowered, lr, self.factor)
        return Reaction(factor, acted._replace(reductions=state.reductions + 1, streak=streak + 1))

    def _waits(self, taken: int, vain: int = 0) -> int:
        """Return the samples to wait after a change, of a run as long as `taken` by then."""
        return round(math.ldexp(self.wait, min(vain, MOST_DOUBLINGS)) * taken)

    @staticmethod
    def _in_vain(state: PolicyState, level: float, error: float) -> bool:
        """Whether the last change is not seen to have brought anything."""
        return level >= state.level - 2.0 * math.hypot(error, state.error)


def _ratio(new: float, old: float, usual: float) -> float:
    """Return new / old, without rounding where it is the usual factor."""
    return usual if new == old * usual else new / old
