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
from typing import TYPE_CHECKING

from plateau._compile import OFF
from plateau._kernels import EMA, HAAR

if TYPE_CHECKING:
    from plateau._kernels import Kernels

ON = os.environ.get("PLATEAU_FAST") != "0" and not OFF
"""Whether it is used: where nothing is compiled there is nothing to gain."""

LONG, PATIENT = 240.0, 256  # four times as long as `pieces.FORGOTTEN`
"""Time constants, and patience, from which on it pays to cut a stream in pieces."""

WINDOWS, MANY = 32, 2**14
"""Windows of Haar, and samples, from which on it does. Fewer samples would never make up for the
time in which one more kernel is compiled."""

# `kernels` is imported when it is wanted: who takes a sample at a time never waits for it.


def ema_kernels(samples: int, longest: float, patience: float = math.inf) -> "Kernels":
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
    if not (ON and pays):
        return EMA
    from plateau.fast.kernels import EMA_LONG

    return EMA_LONG


def haar_kernels(samples: int, window: int, patience: float = math.inf) -> "Kernels":
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
    if not (ON and pays):
        return HAAR
    from plateau.fast.kernels import HAAR_LONG

    return HAAR_LONG


def bank_kernels(plain: "Kernels") -> "Kernels":
    """Return the kernels for the streams of a bank, given those of its filter."""
    if not ON or plain is not EMA:
        return plain
    from plateau.fast.kernels import EMA_BANK

    return EMA_BANK
