"""Confidence intervals of means when series come in groups."""

import numpy as np

RESAMPLES = 2000


def interval(values, groups, level=0.95):
    """Percentile interval of the mean of `values`, resampling whole groups of them."""
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    sums, counts = np.bincount(member, np.asarray(values, float)), np.bincount(member)
    picks = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    return np.quantile(means, [(1 - level) / 2, (1 + level) / 2]).tolist()
