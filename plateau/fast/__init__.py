"""What is there for speed alone: the plain loops of `plateau._kernels`, eight numbers at a time.

Nothing here changes a number: a stream has the same slopes, fires and state, bit for bit, with and
without it. So the core can be read, and used, as if this folder did not exist. It is never entered
with ``PLATEAU_FAST=0`` in the environment, or while `ON` is False.

    one long stream   ──▶ `pieces`: cut in eight, which advance side by side ─┐
    streams of a bank ──▶ `banks`: eight neighbours side by side ─────────────┴▶ `advance`, `lanes`

This file is the only door; `kernels` is what is compiled. The page "Method of the threshold rule"
explains, under "Long streams", why the bits are the same.
"""

import math
import os

from numba import config

from plateau._kernels import EMA, HAAR, Kernels
from plateau.fast.kernels import EMA_BANK, EMA_LONG, HAAR_LONG
from plateau.fast.pieces import LONG, MANY, PATIENT, WINDOWS

ON = os.environ.get("PLATEAU_FAST") != "0" and not config.DISABLE_JIT
"""Whether it is used: where nothing is compiled there is nothing to gain."""


def ema_kernels(samples: int, longest: float, patience: float = math.inf) -> Kernels:
    """Return the kernels of exponential averages for so many samples in a row.

    Parameters
    ----------
    samples : int
        Samples in the row.
    longest : float
        The longer time constant, in samples.
    patience : float
        Of the detector; infinite without one.
    """
    pays = samples >= LONG * longest and patience >= PATIENT
    return EMA_LONG if ON and pays else EMA


def haar_kernels(samples: int, window: int, patience: float = math.inf) -> Kernels:
    """Return the kernels of `Haar` for so many samples in a row.

    Parameters
    ----------
    samples : int
        Samples in the row.
    window : int
        All samples that the slope looks at.
    patience : float
        Of the detector; infinite without one.
    """
    pays = samples >= max(MANY, WINDOWS * window) and patience >= PATIENT
    return HAAR_LONG if ON and pays else HAAR


def bank_kernels(plain: Kernels) -> Kernels:
    """Return the kernels for the streams of a bank, given those of its filter."""
    return EMA_BANK if ON and plain is EMA else plain
