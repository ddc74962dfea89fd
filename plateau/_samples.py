"""What counts as a sample, and the errors for what does not."""

import math
import reprlib
from collections.abc import Iterable, Iterator
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

LIMIT = 2.0**500
"""Larger magnitudes count as non-finite: below it no sum or square of a detector can overflow."""

REAL = "fiub"
"""Kinds of NumPy dtype that are real numbers: floats, integers, booleans."""

PLAIN = {float, int, bool, np.float64, np.float32, np.int64, np.bool_}
"""Types of which it is known that they are one real number."""

Sample = SupportsFloat | SupportsIndex
"""A real number: int, float, a NumPy scalar, an array or tensor of one element."""

NO_FLOAT = (AttributeError, TypeError, ValueError, RuntimeError)
"""What a conversion to float raises: AttributeError for a frame, ValueError for an array or tensor
of several numbers, RuntimeError for a complex one."""


def as_sample(x: Any) -> float:
    """Return `x` as a float; integers too large for one become infinite.

    Raises
    ------
    TypeError
        If `x` is not one real number: a string, None, a complex number, an array.
    """
    if type(x) in PLAIN:
        return _floated(x)
    number = not isinstance(x, (str, bytes, bytearray, complex))
    if isinstance(x, np.ma.MaskedArray):
        x = _without_masked(x) if x.dtype.kind in REAL else x.data
    if isinstance(x, (np.ndarray, np.generic)):
        number = x.size == 1 and x.dtype.kind in REAL
    if number:
        try:
            return _floated(_value(x))
        except NO_FLOAT:
            pass
    raise TypeError(f"a sample must be one real number, not {_described(x)}")


def _floated(x: Any) -> float:
    """Return a number as a float; an integer too large for one is infinite."""
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf


def _value(x: Any) -> Any:
    """Return what `float` takes without a warning: no gradient, and no dimensions."""
    x = x.detach() if getattr(x, "requires_grad", False) else x
    return x.item() if getattr(x, "ndim", 0) else x


def as_samples(xs: ArrayLike | Iterable[float]) -> NDArray[np.float64]:
    """Return `xs` as a one-dimensional, contiguous float64 array.

    A frame or an array of one column is that column. What is absent is NaN.

    Raises
    ------
    TypeError
        If the elements are not real numbers.
    ValueError
        If there is not exactly one dimension.
    """
    array = _real(list(xs) if isinstance(xs, Iterator) else xs)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        hint = ": choose a column" if array.ndim == 2 else ""
        raise ValueError(f"samples must be one-dimensional, not of shape {array.shape}{hint}")
    return np.ascontiguousarray(array, dtype=np.float64)


def as_rows(xs: ArrayLike) -> NDArray[np.float64]:
    """Return `xs` as a two-dimensional float64 array of any memory order.

    Raises
    ------
    TypeError
        If the elements are not real numbers.
    ValueError
        If there are not exactly two dimensions.
    """
    array = _real(xs)
    if array.ndim != 2:
        raise ValueError(f"samples must have a row for each update, not shape {array.shape}")
    return np.asarray(array, dtype=np.float64)


def _real(xs: Any) -> NDArray[Any]:
    array = np.asarray(xs if type(xs) is np.ndarray else _understood(xs))
    if array.dtype == object:
        array = _present(array)
    if array.dtype.kind not in REAL:
        raise TypeError(f"samples must be real numbers, not {array.dtype}")
    return array


def _present(objects: NDArray[Any]) -> NDArray[Any]:
    """Return numbers among which some are absent, None or pandas' NA, as floats with NaN."""
    absent = [x is None or x is np.ma.masked or type(x).__name__ == "NAType" for x in objects.flat]
    if not any(absent):
        return objects
    numbers = np.full(objects.size, np.nan)
    known = ~np.array(absent)
    numbers[known] = [as_sample(x) for x in objects.ravel()[known]]
    return numbers.reshape(objects.shape)


def _without_masked(xs: Any) -> Any:
    """Return an array of NumPy with NaN in place of what is masked."""
    return np.ma.filled(xs.astype(np.float64), np.nan)


def _understood(xs: Any) -> Any:
    """Return what NumPy can make an array of, where it cannot by itself."""
    if isinstance(xs, np.ma.MaskedArray) and xs.dtype.kind in REAL:
        return _without_masked(xs)
    if hasattr(xs, "detach"):  # a tensor of PyTorch, which may have a gradient or be a bfloat16
        tensor = xs.detach().cpu()
        return tensor.double() if tensor.is_floating_point() else tensor
    dtype = getattr(xs, "dtype", None)
    if hasattr(dtype, "na_value") and getattr(dtype, "kind", "") in REAL:  # pandas with gaps
        return xs.to_numpy(dtype=np.float64, na_value=math.nan)
    return xs


def first_nonfinite(xs: NDArray[np.float64]) -> int | None:
    """Offset of the first sample that is NaN, infinite or beyond `LIMIT`."""
    if not len(xs) or (xs.min() >= -LIMIT and xs.max() <= LIMIT):  # False for NaN
        return None
    return int(np.argmin(np.abs(xs) <= LIMIT))


def nonfinite_error(xs: NDArray[np.float64], offset: int) -> ValueError:
    """Return the error for a sample that is not finite."""
    where = f" at offset {offset}" if len(xs) > 1 else ""
    return ValueError(
        f"sample {xs[offset]}{where} is not finite (NaN, infinite, or above 2**500 in magnitude)"
    )


def _described(x: Any) -> str:
    """Say what was given in place of a sample, and what would take it."""
    shape = getattr(x, "shape", ())
    if shape:
        return f"{type(x).__name__} of shape {tuple(shape)}: update_many takes several"
    several = ": update_many takes several" if isinstance(x, list | tuple) else ""
    named = "" if x is None else f"{type(x).__name__} "
    return f"{named}{reprlib.repr(x)}{several}"
