"""How kernels are compiled, and how Python calls them without delay."""

import math
from collections.abc import Callable
from functools import cache, partial, wraps
from importlib import import_module
from typing import Any, cast

import numpy as np
from numba import carray, config, njit, types
from numba.core.cgutils import pointer_add
from numba.core.event import Event, Listener, register
from numba.extending import NativeValue, intrinsic, models, register_model, unbox

from plateau._cache import keep


def kernel(function: Callable[..., Any], *, nogil: bool = False) -> Any:
    """For what Python calls; what is compiled is kept on disk."""
    compiled = njit(error_model="numpy", nogil=nogil)(function)
    return compiled if config.DISABLE_JIT else keep(compiled)


batch = partial(kernel, nogil=True)
"""For what takes many samples at once: other threads of Python go on meanwhile."""

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


class BlockType(types.Type):
    """An array of floats on its way into a kernel, which borrows it and asks nothing of it.

    Numba's own arrays are counted, which costs as much as all else that a call costs.
    """

    def __init__(self) -> None:
        super().__init__(name="block")


DATA = types.CPointer(types.float64)
"""What is left of such an array: where its numbers are."""


@register_model(BlockType)
class BlockModel(models.PrimitiveModel):
    """In a kernel it is an address."""

    def __init__(self, manager: Any, kind: BlockType) -> None:
        super().__init__(manager, kind, manager[DATA].get_value_type())


@unbox(BlockType)
def _unbox_block(kind: BlockType, value: Any, context: Any) -> Any:
    # An array of NumPy begins as any Python object does; then comes the address of its data.
    found = context.context.get_value_type(DATA).as_pointer()
    place = pointer_add(context.builder, value, object.__basicsize__, return_type=found)
    return NativeValue(context.builder.load(place))


@intrinsic
def _address(typing: Any, block: Any) -> Any:
    return DATA(block), lambda context, builder, signature, arguments: arguments[0]


@inline
def _compiled_array(block: Any, size: int) -> Any:
    return carray(_address(block), (size,))


def _python_array(block: Any, size: int) -> Any:
    return block


array: Any = _python_array if config.DISABLE_JIT else _compiled_array
"""Returns a block of so many numbers as an array."""


FLOATS, INTS, CODES, FLAGS = (
    kind[::1] for kind in (types.float64, types.int64, types.int8, types.boolean)
)
SIGNATURES = {
    "update": (BlockType(), SampleType()),
    "update_many": (FLOATS, FLOATS, INTS),
    "until_fire": (FLOATS, FLOATS),
    "update_many_long": (FLOATS, FLOATS, INTS),
    "response": (FLOATS, FLOATS, FLOATS),
    "response_long": (FLOATS, FLOATS, FLOATS),
    "trace": (FLOATS, FLOATS, FLOATS, FLOATS, CODES, FLAGS, INTS),
    "bank": (FLOATS, types.int64, FLOATS, FLAGS),
    "bank_many": (FLOATS, types.int64, FLOATS, types.int64, types.int64, FLAGS),
    "reading": (FLOATS, types.int64, types.int64),
    "readings": (FLOATS, INTS, types.int64, CODES, INTS, INTS),
    "flat_update": (BlockType(), SampleType()),
    "flat_bank": (FLOATS, FLOATS, CODES),
    "flat_blocks": (FLOATS, types.int64, types.float64[:], types.float64[:, ::1]),
    "flat_inflation": (FLOATS, types.int64, types.int64),
}
"""Argument types of each driver, whatever comes before its name: the filter (`plateau._kernels`),
or ``flat`` (`plateau._pyramid`)."""


@cache
def compiled(name: str) -> Callable[..., Any]:
    """Compile the driver `name` at its first use, or load it from the cache on disk.

    What comes back is the compiled function itself rather than numba's dispatcher: looking at the
    types of the arguments would cost as much again as the update. So callers pass exactly what
    `SIGNATURES` says; a number is converted, an array is not.
    """
    home = "plateau._pyramid" if name.startswith("flat_") else "plateau._kernels"
    driver: Any = getattr(import_module(home), name)
    return _entry(driver, SIGNATURES.get(name) or SIGNATURES[name.partition("_")[2]])


def _entry(driver: Any, signature: tuple[Any, ...]) -> Callable[..., Any]:
    """Return the compiled driver, or where nothing is compiled the driver itself."""
    if config.DISABLE_JIT:
        driver = np.errstate(all="ignore")(driver)  # silent, as compiled code is
        return cast("Callable[..., Any]", driver)
    entry: Callable[..., Any] = driver.compile(signature)
    return entry


def on_demand(*signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For what plain Python calls now and then: compiled at its first call, with these types."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        @cache
        def entry() -> Callable[..., Any]:
            return _entry(kernel(function), signature)

        @wraps(function)
        def call(*arguments: Any) -> Any:
            return entry()(*arguments)

        return call

    return mark


class _Once(Listener):
    """Calls back at the first compilation: what is in the cache is loaded, not compiled."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] | None = tell

    def on_start(self, event: Event) -> None:
        """Call back, if that has not been done."""
        tell, self._tell = self._tell, None
        if tell:
            tell()

    def on_end(self, event: Event) -> None:
        """Do nothing."""


def when_compiling(tell: Callable[[], None]) -> None:
    """Call ``tell`` once, when a kernel has to be compiled."""
    register("numba:compile", _Once(tell))
