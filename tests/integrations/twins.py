"""What a learning-rate schedule must come to: slow and obvious."""

import math

from hypothesis import strategies as st

from plateau import Detector
from plateau.policy import Policy, PolicyState

policies = st.fixed_dictionaries(
    {},
    optional={
        "factor": st.sampled_from([0.1, 0.5, 0.9]),
        "max_reductions": st.integers(0, 10),
        "min_lr": st.sampled_from([0.0, 0.05, 0.3, 2.0]),
        "cooldown": st.integers(0, 30),
        "restart_after": st.none() | st.integers(1, 3),
        "restart_factor": st.sampled_from([1.5, 4.0]),
        "wait": st.sampled_from([0.0, 0.5, 1.0]),
    },
)


def policy_for(detector, policy):
    """The policy, which by default waits beside a detector that has no horizon of its own."""
    free = isinstance(detector, Detector) and detector.horizon is None
    return Policy(**{"wait": 0.125 if free else 0.0, **policy})


def waited(policy, state, sample, detector):
    """Whether a wait is over at this sample, and the loss still in a plateau."""
    return policy.wait > 0 and sample == state.quiet_until and detector.onset is not None


def level_of(detector):
    """The level, lower is better, and its error where that is known."""
    level = -detector.level if detector.mode == "max" else detector.level
    if not isinstance(detector, Detector) or math.isnan(detector.level_error):
        return level, 0.0
    return level, detector.level_error


def change(detector):
    """Tell a detector of another rate: the range of the whole run goes on to count."""
    detector.changed(**({"keep_range": True} if isinstance(detector, Detector) else {}))


def patient(state, policy, detector):
    """Noise above what counts beside the level: a plateau is believed after 624 losses."""
    if not policy.wait or not isinstance(detector, Detector) or detector.onset is None:
        return state
    if detector.noise <= detector.min_change * abs(detector.level):
        return state
    return state._replace(quiet_until=max(state.quiet_until, detector.onset + 624))


def scheduled(losses, detector, lr, warmup_steps=0, **policy):
    """The rate after each step: before it, the detector saw the loss and the policy reacted."""
    detector, policy = detector.clone(), policy_for(detector, policy)
    state, rates, samples = PolicyState(), [], 0
    for step, loss in enumerate(losses):
        fires = detector.update(loss)
        samples += math.isfinite(loss) and abs(loss) <= 2.0**500
        if step + 1 == warmup_steps:
            detector.changed()
        elif step >= warmup_steps and (fires or waited(policy, state, samples - 1, detector)):
            factor, state = policy.react(
                patient(state, policy, detector),
                samples - 1,
                lr,
                detector.fires,
                *level_of(detector),
            )
            if factor != 1.0:
                lr = max(lr * factor, min(lr, policy.min_lr))
                change(detector)
        rates.append(lr * min((step + 2) / warmup_steps, 1.0) if warmup_steps else lr)
    return rates
