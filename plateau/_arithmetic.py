"""What kernels compute with beside the operators of Python."""

import math
from fractions import Fraction


def fused(a: float, b: float, c: float) -> float:
    """a·b + c, rounded once."""
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return float(exact) if exact else a * b + c  # the sign of a zero


def choose(mask: bool, a: float, b: float) -> float:
    """Return a where the mask is set, else b; compiled, without a branch."""
    return a if mask else b


def smaller(a: float, b: float) -> float:
    """Return the smaller of two numbers: numba compiles a function for each `min` of Python."""
    return min(a, b)


def larger(a: float, b: float) -> float:
    """Return the larger of two numbers."""
    return max(a, b)
