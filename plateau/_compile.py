"""How kernels are compiled, and how Python calls them without delay."""

import ctypes
from collections.abc import Callable
from functools import cached_property, partial, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numba import carray, config, njit, types
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

merged = njit(error_model="numpy", inline="always", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""As `inline`, for a few lines: they become lines of their callers before anything is compiled,
which costs less than to compile them too. It cannot be given to a kernel as an argument."""


class AddressType(types.Type):
    """Where the numbers of a state lie, on their way into a kernel that takes one sample.

    Numba counts who holds an array that it is given, and reads its shape, which costs as much as
    all else in the update of a detector. Whoever has the state keeps it during the call.
    """

    def __init__(self) -> None:
        super().__init__(name="address")


DATA = types.CPointer(types.float64)
"""What it is in a kernel."""


@register_model(AddressType)
class AddressModel(models.PrimitiveModel):
    """In a kernel it is a pointer."""

    def __init__(self, manager: Any, kind: AddressType) -> None:
        super().__init__(manager, kind, manager[DATA].get_value_type())


@unbox(AddressType)
def _unbox_address(kind: AddressType, value: Any, context: Any) -> Any:
    pointer = context.pyapi.long_as_voidptr(value)
    return NativeValue(
        context.builder.bitcast(pointer, context.context.get_value_type(DATA)),
        is_error=context.pyapi.c_api_error(),
    )


@intrinsic
def _pointer(typing: Any, address: Any) -> Any:
    return DATA(address), lambda context, builder, signature, arguments: arguments[0]


@inline
def _compiled_array(address: Any, size: Any) -> Any:
    return carray(_pointer(address), (size,))


def _address_of(state: Any) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(state))  # a third of `state.ctypes.data`


address_of: Any = (lambda state: state) if config.DISABLE_JIT else _address_of
"""Returns where the numbers of a state lie; what is not compiled takes the state itself."""

array: Any = (lambda address, size: address) if config.DISABLE_JIT else _compiled_array
"""Returns, within a kernel, so many numbers from an address on as an array."""


ADDRESS, FLOAT, INT = AddressType(), types.float64, types.int64
FLOATS, INTS, CODES, FLAGS = (kind[::1] for kind in (FLOAT, INT, types.int8, types.boolean))
"""Types of arguments: single ones, and contiguous arrays."""
