"""What numbers in a row do: stay, count, go up in equal steps, start again, tell the time."""

import numpy as np
from numpy.typing import NDArray

CONSTANT_FROM = 2  # rows from which "always the same" means something
RAMP_LEAST, RAMP_EVEN = 8, 0.1  # rows; of a step that another may differ
BACK_FEW = 0.1  # of the rows; what goes back more often needs an epoch to count from
ONE_ROW = 0.5  # of as many epochs as restart the inner counter others may have but one row
LATE = 0.1  # of the rows that may be
NEWEST_FIRST, NO_ORDER = 0.9, 0.25  # of the changes that go back
RESTARTS_SHARE = 0.5  # of an inner counter's restarts at which the epoch goes up


def is_constant(values: NDArray[np.float64]) -> bool:
    """Whether it never changes: what was so at the start, or a setting."""
    return len(values) > CONSTANT_FROM and bool(np.all(values == values[0]))


def is_whole(x: NDArray[np.float64]) -> bool:
    """All whole numbers."""
    return bool(np.isfinite(x).all() and np.all(x == np.floor(x)))


def is_counter(values: NDArray[np.float64]) -> bool:
    """Whole numbers that only go up, or stay as they are: no metric, whatever the name."""
    up = is_whole(values) and bool(np.all(np.diff(values) > 0))
    return len(values) > CONSTANT_FROM and (up or is_constant(values))


def is_growing(values: NDArray[np.float64]) -> bool:
    """Whether numbers grow and never fall: they add up something."""
    change = np.diff(values)
    return len(values) >= RAMP_LEAST and bool(np.all(change >= 0) and change.any())


def is_tally(values: NDArray[np.float64]) -> bool:
    """Whether numbers go up by one from row to row: they count the rows, whatever the name."""
    return len(values) >= RAMP_LEAST and bool(np.all(np.diff(values) == 1))


def is_ramp(values: NDArray[np.float64]) -> bool:
    """Whether numbers go up in equal steps, such as 0.25, 0.5, 0.75; they may be rounded."""
    step = np.diff(values)
    return len(values) >= RAMP_LEAST and bool(
        np.all(step > 0) and step.max() - step.min() <= RAMP_EVEN * step.mean()
    )


def restarts(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a counter goes back, from one row to the next."""
    return np.diff(x) < 0


def in_time(times: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Order rows by their times, where these say that they do not start again; None elsewhere.

    The newest may come first, a few may be late, a clock may be put back by an hour, and rows may
    stand in no order at all.
    """
    back = restarts(times)
    if not back.any():
        return None
    if np.mean(back) >= NEWEST_FIRST:
        return len(times) - 1 - np.argsort(times[::-1], kind="stable")
    late = np.mean(times < np.maximum.accumulate(times))
    order = np.argsort(times, kind="stable")
    mixed = late < LATE or np.mean(back) > NO_ORDER or is_ramp(times[order])
    return order if mixed else None


def is_epoch(epoch: NDArray[np.float64], back: NDArray[np.bool_]) -> bool:
    """Whether a column goes up where an inner counter starts again, and hardly anywhere else."""
    change = np.diff(epoch)
    # An epoch of one row may end where the one before did: the inner number does not fall then.
    elsewhere = np.count_nonzero(change[~back])
    few = elsewhere < BACK_FEW * np.count_nonzero(~back) or elsewhere < ONE_ROW * back.sum()
    return is_whole(epoch) and bool(
        np.mean(change[back] > 0) > RESTARTS_SHARE and np.mean(change < 0) < BACK_FEW and few
    )


def is_clock(x: NDArray[np.float64]) -> bool:
    """Seconds or milliseconds since 1970, of this century."""
    return bool(np.all((x > 9e8) & (x < 4e9)) or np.all((x > 9e11) & (x < 4e12)))
