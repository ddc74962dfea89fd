"""Slow, obvious twins of everything fast, and oracles from SciPy."""

from fractions import Fraction

import numpy as np
from scipy import ndimage, optimize, signal, stats

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


def rows_of_stretches(stretches, widths):
    """(start, declared, stop, closed) in rows of so many samples, of stretches of samples.

    A plateau lasts at least through the row in which it was declared, and one that is declared in a
    row of the one before is that one.
    """
    row_of = [row for row, width in enumerate(widths) for _ in range(width)] + [len(widths)]
    out, taken = [], set()
    for onset, declared, stop, _ in stretches:
        last = len(widths) if stop is None else row_of[stop]
        rows = {*range(row_of[declared], last), row_of[declared]}
        start, known = row_of[onset], row_of[declared]
        if known in taken:
            start, known, *_ = out.pop()
        elif taken:
            start = max(start, max(taken) + 1)
        taken |= rows
        out.append((start, known, max(rows) + 1, stop is not None))
    return out


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


# ---- the calibrated detector ---------------------------------------------------------------------


def pyramid(xs, limit=256):
    """Samples of a block, then mean, last sample and variance of each full one, and what is left.

    Blocks are as short as powers of two can be with fewer than `limit` of them.
    """
    size = 1
    while len(xs) // size >= limit:
        size *= 2
    full = len(xs) // size
    blocks = np.reshape(xs[: full * size], (full, size))
    return size, blocks.mean(axis=1), blocks[:, -1], blocks.var(axis=1), xs[full * size :]


def inefficiency(values):
    """1 + 2Σ(1 - k/n)ρₖ up to the first ρₖ ≤ 0; 1 for a constant."""
    n, off, g = len(values), values - np.mean(values), 1.0
    if np.ptp(values) == 0:
        return g
    for k in range(1, n - 1):
        rho = np.mean(off[:-k] * off[k:]) / np.mean(off**2)
        if rho <= 0:
            break
        g += 2 * (1 - k / n) * rho
    return g


def drift(values):
    """Change along the fitted line, its standard error, effective samples, variance around it."""
    n, t = len(values), np.arange(len(values))
    slope, level = np.polyfit(t, values, 1)
    rest = values - slope * t - level
    g = inefficiency(rest)
    error = np.sqrt(np.sum(rest**2) / (n - 2) * g / np.sum((t - t.mean()) ** 2))
    return slope * n, error * n, n / g, np.mean(rest**2)


def progress_bound(values, sign):
    """One-sided 95 % bound of the progress along values, by Student's t."""
    change, error, effective, _ = drift(values)
    doubt = stats.t.isf(0.05, max(effective - 2, 2)) * error
    return max(sign * change, -doubt / 2) + doubt


def stationary(values):
    """Start with the most effective samples, first start at the level, inefficiency of the best."""
    n = len(values)
    starts = range(n - max(8, n // 20))
    g = [inefficiency(values[i:]) for i in starts]
    effective = np.array([(n - i) / g[i] for i in starts])
    best = int(np.argmax(effective))
    good = effective >= effective[best] * np.exp(-np.sqrt(6 / effective[best]))
    first = best - int(np.argmin(good[best::-1])) + 1 if not good[: best + 1].all() else 0
    above = values[first:] - np.mean(values[best:])
    reached = above <= 0 if above[0] > 0 else above >= 0
    for i in range(first, len(starts)):
        if reached[i - first]:
            return best, i, g[best]
        if i > best and not good[i]:
            break
    return best, best, g[best]


def trimmed_range(values, *known):
    """Range without 5 % of the values at each end, but with what is known from before."""
    out = int(0.05 * len(values))
    kept = np.sort(values)[out : len(values) - out]
    return max(*kept, *known) - min(*kept, *known)


def whitened(xs, phi, size):
    """Means of blocks of (xₜ - φxₜ₋₁)/(1 - φ), from the second block on."""
    white = (xs[1:] - phi * xs[:-1]) / (1 - phi)
    white = white[size - 1 :]
    return white[: len(white) // size * size].reshape(-1, size).mean(axis=1)


def persistence(xs, memory=1024, limit=256):
    """Autocorrelation of lag 1 from differences: mean squares of lags 1 and 2, block by block."""
    squares = []
    for lag in (1, 2):
        steps = np.r_[np.zeros(lag), xs[lag:] - xs[:-lag]]
        mean = begin = 0
        while True:
            size = 1
            while begin // size >= limit:
                size *= 2
            end = begin + size
            if end > len(xs):
                break
            known = min(max(end - lag, 1), memory)
            mean += (np.mean(steps[begin:end] ** 2) / 2 - mean) * min(size / known, 1)
            begin = end
        squares.append(mean)
    return np.clip(squares[1] / squares[0] - 1, -0.5, 0.97) if squares[0] else 0.0


def rank_cusums(values, first, reference=1.0, inflation=1.0):
    """CUSUM upwards and downwards of standardised ranks: of each value among all before it."""
    rise = fall = 0.0
    out = []
    for n in range(first, len(values)):
        rank = np.sum(values[:n] < values[n]) + 0.5 * np.sum(values[:n] == values[n])
        score = (rank - n / 2) / np.sqrt(n * (n + 2) / 12 * inflation)
        rise = max(0.0, rise + score - reference)
        fall = max(0.0, fall - score - reference)
        out.append((rise, fall))
    return out


def cusum_rate(reference=1.0):
    """θ > 0 with E exp(θ(w - k)) = 1 for w uniform with mean 0 and variance 1."""
    half = np.sqrt(3)
    return optimize.brentq(
        lambda theta: np.log(np.sinh(half * theta) / (half * theta)) - theta * reference, 1e-3, 20
    )


def cusum_run_length(limit, reference=1.0, cells=1000):
    """Mean run length of a one-sided CUSUM of the same w: the Markov chain of Brook and Evans."""
    width = limit / (cells - 0.5)  # the first cell is half as wide: it is centred on 0
    edges = (np.arange(cells) + 0.5) * width
    centres = np.arange(cells) * width

    def below(bound):
        return np.clip((bound / np.sqrt(3) + 1) / 2, 0, 1)

    to = below(edges[None, :] - centres[:, None] + reference)
    moves = np.diff(to, axis=1, prepend=0)
    return float(np.linalg.solve(np.eye(cells) - moves, np.ones(cells))[0])
