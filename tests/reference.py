"""Slow, obvious twins of everything fast, and oracles from SciPy."""

from fractions import Fraction

import numpy as np
from scipy import ndimage, signal

LIMIT = 2.0**500


def exact_mean(values):
    """Mean without rounding, rounded once."""
    return float(sum(map(Fraction, values), Fraction(0)) / len(values))


def moving_average(xs, size):
    """Mean of the last `size` values, of those there are at the beginning."""
    return np.array([exact_mean(xs[max(0, i + 1 - size) : i + 1]) for i in range(len(xs))])


def haar_slopes(xs, window, smooth):
    """Slopes of Haar from its definition, in exact arithmetic up to the last rounding."""
    half, slopes = window // 2, []
    for i in range(len(xs)):
        if i < window + smooth - 2:
            slopes.append(np.nan)
            continue
        level = [
            sum(map(Fraction, xs[j + 1 - smooth : j + 1]), Fraction(0)) / smooth
            for j in range(i + 1 - window, i + 1)
        ]
        newer, older = sum(level[half:], Fraction(0)), sum(level[:half], Fraction(0))
        slopes.append(float((newer - older) / half / half))
    return np.array(slopes)


def haar_slopes_scipy(xs, window, smooth):
    """The same by convolution; no NaN: from the first whole window on."""
    half = window // 2
    kernel = np.r_[np.ones(half), -np.ones(half)] / half**2
    levels = signal.convolve(xs, np.ones(smooth) / smooth, mode="valid", method="direct")
    return signal.convolve(levels, kernel, mode="valid", method="direct")


def moving_average_scipy(xs, size):
    """Mean of the last `size` values, from the first whole window on."""
    centred = ndimage.correlate1d(xs, np.ones(size) / size, origin=(size - 1) // 2 - (size - 1))
    return centred[: len(xs) - size + 1]


def ema_levels(xs, alpha):
    """Exponential average that begins at the first sample."""
    level, levels = xs[0], []
    for x in xs:
        level = (1 - alpha) * level + alpha * x
        levels.append(level)
    return np.array(levels)


def ema_levels_scipy(xs, alpha):
    """The same by `lfilter`, started in the steady state of the first sample."""
    b, a = [alpha], [1, alpha - 1]
    return signal.lfilter(b, a, xs, zi=signal.lfilter_zi(b, a) * xs[0])[0]


def ema_haar_slopes(xs, alpha, beta):
    """Cascade of an average of steps and an average of that, without warm-up."""
    step = slope = 0.0
    previous, slopes = xs[0], []
    for x in xs:
        step = (1 - alpha) * step + alpha * (x - previous)
        slope = (1 - beta) * slope + beta * step
        previous = x
        slopes.append(slope)
    return np.array(slopes)


def ema_haar_slopes_scipy(xs, alpha, beta):
    """The transfer function αβ(1 - z⁻¹) / ((1 - (1-α)z⁻¹)(1 - (1-β)z⁻¹)) by `lfilter`."""
    b = [alpha * beta, -alpha * beta]
    a = np.convolve([1, alpha - 1], [1, beta - 1])
    return signal.lfilter(b, a, np.asarray(xs) - xs[0])


def noise(xs, length):
    """Weighted root of half the mean square of differences; weights fall off over `length`."""
    squares = np.diff(xs) ** 2 / 2
    weights = (1 - 1 / length) ** np.arange(len(squares))[::-1]
    return np.sqrt(np.average(squares, weights=weights))


def threshold_rule(slopes, threshold, patience, mode="min"):
    """(fired, plateau, run begins) for each slope; NaN slopes are warm-up."""
    run, flat, out = 0, 0, []
    for slope in slopes:
        progress = {"min": -slope, "max": slope, "both": abs(slope)}[mode]
        if progress < threshold:  # False for NaN
            run, flat = run + 1, flat + 1
        else:
            run = flat = 0
        fired = run > patience
        if fired:
            run = 0
        out.append((fired, flat > patience, flat))
    return out
