"""Compiled kernels on disk, made safe for what numba leaves to chance.

numba keeps a list of what it has compiled beside numbered files. Processes that begin at once, on
machines of different kinds that share a folder or right after an upgrade, can give two kernels the
same number and then load the other's machine code. Here all that makes a kernel what it is stands
in the name of its file, and each has one signature: the last to write has written the same.

Machine code runs, and so does a pickle: a file is loaded only where nobody but this user and the
superuser can have put it there, and where its checksum is that of what was written.
"""

import errno
import os
import stat
import warnings
from functools import cache
from hashlib import sha256
from pathlib import Path
from pickle import loads
from pkgutil import get_data
from secrets import token_hex
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from plateau import _notice, _trust

SOURCES = (
    "_compile.py",
    "_compiler.py",
    "_samples.py",
    "_recurrence.py",
    "_kernels.py",
    "_statistics.py",
    "_pyramid.py",
    "fast/advance.py",
    "fast/banks.py",
    "fast/kernels.py",
    "fast/lanes.py",
    "fast/pieces.py",
)
"""Files with compiled code. A kernel may have code of each of them within: numba looks only at the
file in which it is defined, and would not see an edit of another."""


@cache
def fingerprint() -> str:
    """Return what differs wherever compiled kernels do: sources, numba, processor, checks."""
    processor = cpu_target.target_context.codegen().magic_tuple()
    made_by = (numba.__version__, processor, numba.config.BOUNDSCHECK)
    digest = sha256(repr(made_by).encode())
    for name in SOURCES:
        digest.update(_source(name))
    return digest.hexdigest()[:16]


def _source(name: str) -> bytes:
    try:
        return get_data("plateau", name) or b""
    except OSError:  # frozen into an executable, at which numba looks instead
        return b""


CHECKSUM = sha256().digest_size
# Neither a link nor a pipe.
PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
RIGHTS = 0o644
"""Of a file, less those that the umask takes: an image may be built by another user."""


class _Names(CompileResultCacheImpl):
    """Names of the kernels' files."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        """Return how they begin."""
        return f"{super().get_filename_base(fullname, abiflags)}-{fingerprint()}"


class KernelCache:
    """The compiled form of one kernel on disk, in place of numba's cache of a function.

    Parameters
    ----------
    function : callable
        What is compiled.
    """

    def __init__(self, function: Any) -> None:
        self._form = _Names(function)
        self.cache_path: str = self._form.locator.get_cache_path()
        self._file = Path(self.cache_path, f"{self._form.filename_base}.kernel")
        closed = tuple(cell.cell_contents for cell in function.__closure__ or ())
        self._stamp = (
            self._form.locator.get_source_stamp(),
            function.__code__.co_code,
            dumps(closed) if closed else b"",
        )
        # A user who can write there can write the package itself, or what Python compiled of it.
        own = Path(function.__code__.co_filename).parent / "__pycache__"
        self._beside = Path(self.cache_path).resolve() == own.resolve()

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the compiled kernel, None where there is none that can be trusted."""
        found = None if self._warned() else self._load(signature, context)
        if found is None:
            _notice.compiling()
        return found

    def _load(self, signature: Any, context: Any) -> Any:
        # As numba does it, but without all that it registers for compiling, which takes 0.2 s:
        # its compiler does that itself, and what is on disk needs the runtime only.
        rtsys.initialize(context)
        try:
            whole = self._read()
            checksum, body = whole[:CHECKSUM], whole[CHECKSUM:]
            if sha256(body).digest() != checksum:
                return None
            made_from, kept = loads(body)
            return self._form.rebuild(context, kept) if made_from == self._from(signature) else None
        except Exception:  # no file, or one whose code this machine does not take: compile it
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled kernel, if the disk takes it."""
        if self._warned() or not self._form.check_cachable(compiled):
            return
        body = dumps((self._from(signature), self._form.reduce(compiled)))
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._write(sha256(body).digest() + body)
        except OSError as error:
            # Windows does not replace a file that is being read.
            if os.name != "nt" or error.errno != errno.EACCES:
                warn_of_no_cache(str(error.strerror))

    def flush(self) -> None:
        """Forget what is on disk, as numba asks before it compiles anew."""
        self._file.unlink(missing_ok=True)

    def _from(self, signature: Any) -> tuple[Any, ...]:
        return str(signature), *self._stamp

    def distrusted(self) -> str | None:
        """Say why other users may put files there; None if they cannot."""
        return None if self._beside else _trust.why_not(self.cache_path)

    def _warned(self) -> bool:
        """Whether other users may put files there; that is told once."""
        reason = self.distrusted()
        if reason is not None:
            warn_of_no_cache(reason)
        return reason is not None

    def _read(self) -> bytes:
        descriptor = os.open(self._file, os.O_RDONLY | PLAIN)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            known = self._beside or (_trust.owned(status) and _trust.guarded(status))
            return file.read() if known and stat.S_ISREG(status.st_mode) else b""

    def _write(self, data: bytes) -> None:
        beside = self._file.with_name(f"{self._file.name}.{token_hex(8)}.tmp")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN, RIGHTS)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            beside.replace(self._file)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def keep(dispatcher: Any) -> Any:
    """Have the dispatcher keep what it compiles, if there is a folder that can be written."""
    try:
        dispatcher._cache = KernelCache(dispatcher.py_func)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        warn_of_no_cache("no folder for it can be written")
        _notice.compiling()
    return dispatcher


def folder() -> str:
    """Return where the compiled code of the package is kept, or why it is not."""
    try:
        own = KernelCache(folder)
    except RuntimeError:
        return "no folder: none can be written"
    if (reason := own.distrusted()) is not None:
        return f"no folder: {reason}"
    return own.cache_path


@cache
def warn_of_no_cache(reason: str) -> None:
    """Tell, once, that each process will have to compile."""
    warnings.warn(
        f"compiled code is not kept, so that each process compiles anew ({reason}): "
        "set NUMBA_CACHE_DIR to a folder that can be written, by you alone",
        stacklevel=2,
    )
