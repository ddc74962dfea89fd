"""How kernels are compiled, and how Python calls them without delay."""

import math
from collections.abc import Callable
from functools import cached_property, partial, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numba import config, njit, types
from numba.extending import NativeValue, intrinsic, models, register_model, unbox

from plateau._cache import keep

P = ParamSpec("P")
R = TypeVar("R")


class Kernel(Generic[P, R]):
    """A function that Python calls: compiled at its first call, or loaded from the disk.

    Parameters
    ----------
    function : callable
        What is compiled.
    *signature : numba.types.Type
        Types of its arguments. Callers pass exactly these: a number is converted, an array is not.
    nogil : bool
        Whether to release the GIL, as a kernel that takes many samples should.
    """

    def __init__(self, function: Callable[P, R], *signature: Any, nogil: bool = False) -> None:
        update_wrapper(self, function)
        self.function = function
        self.signature = signature
        self.nogil = nogil

    @cached_property
    def dispatcher(self) -> Any:
        """Numba's form of the function; what it compiles is kept on disk."""
        return keep(njit(error_model="numpy", nogil=self.nogil)(self.function))

    @cached_property
    def entry(self) -> Callable[P, R]:
        """The compiled function itself, for what is called for each sample.

        Numba's dispatcher would look at the types of the arguments, which costs as much again as
        the update of a detector.
        """
        if config.DISABLE_JIT:
            return np.errstate(all="ignore")(self.function)  # silent, as compiled code is
        compiled: Callable[P, R] = self.dispatcher.compile(self.signature)
        return compiled

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        """Call the compiled function."""
        return self.entry(*arguments, **named)


def kernel(*signature: Any, nogil: bool = False) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Make a function a `Kernel` with these types of arguments."""
    return lambda function: Kernel(function, *signature, nogil=nogil)


batch = partial(kernel, nogil=True)
"""For what takes many samples at once."""

helper = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For what several kernels call and is too large to be compiled into each."""

inline = njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For what only other kernels call: it is compiled into them and needs no way in from Python."""


class SampleType(types.Type):
    """A Python number on its way into a kernel; strings, which numba's floats take, are none."""

    def __init__(self) -> None:
        super().__init__(name="sample")


@register_model(SampleType)
class SampleModel(models.PrimitiveModel):
    """In a kernel it is a double."""

    def __init__(self, manager: Any, kind: SampleType) -> None:
        super().__init__(manager, kind, manager[types.float64].get_value_type())


@unbox(SampleType)
def _unbox_sample(kind: SampleType, value: Any, context: Any) -> Any:
    double = context.pyapi.float_as_double(value)
    return NativeValue(double, is_error=context.pyapi.c_api_error())


@intrinsic
def _compiled_number(typing: Any, sample: Any) -> Any:
    return types.float64(sample), lambda context, builder, signature, arguments: arguments[0]


def _python_number(sample: Any) -> float:
    return math.ldexp(sample, 0)  # converts as C does: no strings


number: Any = _python_number if config.DISABLE_JIT else _compiled_number
"""Returns a sample as a float64."""


SAMPLE, FLOAT, INT = SampleType(), types.float64, types.int64
FLOATS, INTS, CODES, FLAGS = (kind[::1] for kind in (FLOAT, INT, types.int8, types.boolean))
"""Types of arguments: single ones, and contiguous arrays."""
