"""Kernels: plain functions of numbers and arrays, interpreted at first, compiled when that pays.

numba takes half a second to import and seconds to compile, which a few hundred samples are not
worth: a validation loss told once an epoch, a log of some rows. So nothing is compiled until a
process has been slow without, or is given much at once. Compiled code computes the same numbers,
bit for bit. `plateau._compiler` is what numba makes of the functions that are marked here.
"""

import ctypes
import os
from collections.abc import Callable
from functools import cached_property, partial, update_wrapper
from time import thread_time
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")
Function = TypeVar("Function", bound=Callable[..., Any])

PATIENCE = 0.0 if os.environ.get("PLATEAU_INTERPRET") == "0" else 0.2
"""Seconds that a process interprets kernels before it compiles them."""

LITTLE = 4096
"""Numbers that an array has at most where it is worth a try without the compiler."""

OFF = bool(int(os.environ.get("NUMBA_DISABLE_JIT") or 0))
"""Whether nothing is ever compiled."""

ADDRESS, FLOAT, INT = "address", "float64", "int64"
FLOATS, INTS, CODES, FLAGS = (f"{kind}[::1]" for kind in (FLOAT, INT, "int8", "boolean"))
STRIDED, TABLE = f"{FLOAT}[:]", f"{FLOAT}[:, ::1]"
"""Types of arguments: single ones, and arrays, which are contiguous unless they are strided."""


class Interpreter:
    """What all kernels of a process have cost so far without the compiler."""

    spent = 0.0  # seconds


class Kernel(Generic[P, R]):
    """A function that Python calls.

    Parameters
    ----------
    function : callable
        What it does. An argument `state` is changed in place.
    *signature : str
        Types of its arguments. Callers pass exactly these: a number is converted, an array is not.
    nogil : bool
        Whether to release the GIL, as a kernel that takes many samples should.
    lanes : bool
        Whether it computes with `plateau.fast.lanes`, which only compiled code can.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *signature: str,
        nogil: bool = False,
        lanes: bool = False,
    ) -> None:
        update_wrapper(self, function)
        self.function = function
        self.signature = signature
        self.nogil = nogil
        self.lanes = lanes
        self._changes = function.__code__.co_varnames[0] == "state"
        self._entry: Callable[P, R] | None = None

    @property
    def compiled(self) -> bool:
        """Whether it is compiled, or loaded from the disk."""
        return self._entry is not None

    @cached_property
    def dispatcher(self) -> Any:
        """Numba's form of the function; what it compiles is kept on disk."""
        from plateau import _compiler

        return _compiler.dispatcher(self)

    @property
    def entry(self) -> Callable[P, R]:
        """The compiled function itself, for what is called for each sample.

        Numba's dispatcher would look at the types of the arguments, which costs as much again as
        the update of a detector.
        """
        if self._entry is None:
            from plateau import _compiler

            self._entry = _compiler.entry(self)
        return self._entry

    def pays(self, *arguments: Any) -> bool:
        """Whether compiled code is there, or worth its time for these arguments."""
        if OFF or self._entry is not None:
            return not OFF
        if self.lanes or Interpreter.spent >= PATIENCE:
            return True
        return any(getattr(each, "size", 0) > LITTLE for each in arguments)

    def interpret(self, *arguments: Any, **named: Any) -> R:
        """Call the function as it stands; it is as silent as compiled code."""
        plain: Callable[..., R] = self.function
        begin = thread_time()
        try:
            with np.errstate(all="ignore"):
                return plain(*arguments, **named)
        finally:
            Interpreter.spent += thread_time() - begin

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        """Call it, compiled if that pays."""
        if self._entry is not None and not OFF:
            return self._entry(*arguments, **named)
        if self.pays(*arguments):
            return self.entry(*arguments, **named)
        if not self._changes:
            return self.interpret(*arguments, **named)
        # Whoever interrupts it finds the state as it was, or as it is afterwards.
        state: Any = arguments[0]
        own = state.copy()
        found = self.interpret(own, *arguments[1:], **named)
        state[:] = own
        return found


def kernel(
    *signature: str, nogil: bool = False, lanes: bool = False
) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Make a function a `Kernel` with these types of arguments."""
    return lambda function: Kernel(function, *signature, nogil=nogil, lanes=lanes)


batch = partial(kernel, nogil=True)
"""For what takes many samples at once."""

side_by_side = partial(batch, lanes=True)
"""For what takes eight numbers at a time."""

MARKED: dict[Any, dict[str, Any]] = {}
"""Functions that kernels call, and how they are compiled."""


def marked(**options: Any) -> Callable[[Function], Function]:
    """Mark a function that only kernels call; it stays what it is."""

    def mark(function: Function) -> Function:
        MARKED[function] = options
        return function

    return mark


helper = marked()
"""For what several kernels call and is too large to be compiled into each."""

inline = marked(forceinline=True)
"""For what only other kernels call: it is compiled into them and needs no way in from Python."""

merged = marked(inline="always")
"""As `inline`, for a few lines: they become lines of their callers before anything is compiled,
which costs less than to compile them too. It cannot be given to a kernel as an argument."""


def address_of(state: Any) -> int:
    """Return where the numbers of a state lie."""
    return ctypes.addressof(ctypes.c_char.from_buffer(state))  # a third of `state.ctypes.data`


@inline
def array(address: Any, size: Any) -> Any:
    """Return, within a kernel, so many numbers from an address on as an array.

    What is interpreted is given the array itself.
    """
    del size
    return address
