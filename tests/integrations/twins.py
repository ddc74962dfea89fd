"""What a learning-rate schedule must come to: slow and obvious."""

import math

from hypothesis import strategies as st

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
    },
)


def scheduled(losses, detector, lr, warmup_steps=0, **policy):
    """The rate after each step: before it, the detector saw the loss and the policy reacted."""
    detector, policy = detector.clone(), Policy(**policy)
    state, rates, samples = PolicyState(), [], 0
    for step, loss in enumerate(losses):
        fires = detector.update(loss)
        samples += math.isfinite(loss) and abs(loss) <= 2.0**500
        if step + 1 == warmup_steps:
            detector.changed()
        elif fires and step >= warmup_steps:
            factor, state = policy.react(state, samples - 1, lr, detector.fires)
            if factor != 1.0:
                lr = max(lr * factor, min(lr, policy.min_lr))
                detector.changed()
        rates.append(lr * min((step + 2) / warmup_steps, 1.0) if warmup_steps else lr)
    return rates
