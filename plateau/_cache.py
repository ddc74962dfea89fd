"""Compiled kernels on disk: numba's cache, made safe for what numba leaves to chance.

numba keeps a list of what it has compiled beside numbered files. Processes that begin at once, on
machines of different kinds that share a folder or right after an upgrade, can give two kernels the
same number and then load the other's machine code. Here all that makes a kernel what it is stands
in the names of its files, and each has one signature, so there is one number: whoever writes last
has written the same.
"""

import warnings
from functools import cache
from hashlib import sha256
from pkgutil import get_data
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

SOURCES = (
    "_compile.py",
    "_lanes.py",
    "_recurrence.py",
    "_side_by_side.py",
    "_kernels.py",
    "_statistics.py",
    "_pyramid.py",
)
"""Files with compiled code. A kernel may have code of each of them within: numba looks only at the
file in which it is defined, and would not see an edit of another."""


@cache
def fingerprint() -> str:
    """Return what differs wherever compiled kernels do: sources, numba, processor."""
    made_by = (numba.__version__, cpu_target.target_context.codegen().magic_tuple())
    digest = sha256(repr(made_by).encode())
    for name in SOURCES:
        digest.update(_source(name))
    return digest.hexdigest()[:16]


def _source(name: str) -> bytes:
    try:
        return get_data("plateau", name) or b""
    except OSError:  # frozen into an executable, at which numba looks instead
        return b""


class _Files(CompileResultCacheImpl):
    """Names of a kernel's files."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        """Return how they begin."""
        return f"{super().get_filename_base(fullname, abiflags)}-{fingerprint()}"


class KernelCache(FunctionCache):
    """The compiled form of one kernel on disk."""

    _impl_class = _Files
    quick = hasattr(FunctionCache, "_load_overload")  # which numba does not promise

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the compiled kernel, None where there is none or its file is damaged."""
        try:
            if not self.quick:
                return super().load_overload(signature, context)
            # As numba does it, but without all that it registers for compiling, which takes 0.2 s:
            # its compiler does that itself, and what is on disk needs the runtime only.
            rtsys.initialize(context)
            with self._guard_against_spurious_io_errors():
                return self._load_overload(signature, context)
        except Exception:  # whatever pickle makes of half a file
            self._empty()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled kernel, if the disk takes it."""
        try:
            super().save_overload(signature, compiled)
        except OSError as error:
            warn_of_no_cache(str(error.strerror))

    def _empty(self) -> None:
        try:
            self.flush()
        except OSError as error:
            self.disable()
            warn_of_no_cache(str(error.strerror))


def keep(dispatcher: Any) -> Any:
    """Have the dispatcher keep what it compiles, if there is a folder that can be written."""
    try:
        dispatcher._cache = KernelCache(dispatcher.py_func)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        warn_of_no_cache("no folder for it can be written")
    return dispatcher


@cache
def warn_of_no_cache(reason: str) -> None:
    """Tell, once, that each process will have to compile."""
    warnings.warn(
        f"compiled code is not kept, so that each process compiles anew ({reason}): "
        "set NUMBA_CACHE_DIR to a folder that can be written",
        stacklevel=2,
    )
