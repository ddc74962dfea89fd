"""Pickles of images and answers, read without making any object that they ask for.

A pickle is a program: it may build an array over any bytes, also of pointers, or name memory that
it does not fill. Here it may put together lists, tuples, numbers and strings, and what it calls a
numpy array becomes a `Stored` of ours, which is looked at afterwards.
"""

import io
import pickle
import pickletools
from collections.abc import Callable, Collection
from typing import Any

OPCODES = frozenset(
    [
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP"),
        *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
        *("NONE", "NEWTRUE", "NEWFALSE"),
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        *("TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("LIST", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET", "MEMOIZE"),
    ]
)
"""No sets or dictionaries: what is nested deeply enough ends the process when it is hashed."""

PUT = frozenset(["PUT", "BINPUT", "LONG_BINPUT"])
IMAGE, ANSWERS = ("u1",), ("b1", "u1", "i1", "i2", "i4", "i8")
"""Types of arrays, as numpy writes them."""
LONGEST = 8
"""Bytes of a number of these types."""


class Stored:
    """An array as a pickle describes it: shape, type and bytes."""

    __slots__ = ("data", "kind", "shape")

    def __init__(self, kind: Any = None, shape: Any = None, data: Any = None) -> None:
        self.kind, self.shape, self.data = kind, shape, data

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.kind, _, self.data = state

    def content(self, kinds: Collection[str]) -> bytes | bytearray:
        """Return the bytes of a row of numbers of one of these types, no copy of them."""
        if not isinstance(self.kind, _Kind) or self.kind.name not in kinds:
            raise ValueError("an array of a type that has no place there")
        if not (isinstance(self.shape, tuple) and len(self.shape) < 2):
            raise ValueError("an array that is no row of numbers")
        count = self.shape[0] if self.shape else 1
        whole = isinstance(self.data, bytes | bytearray) and type(count) is int
        if not whole or len(self.data) != count * int(self.kind.name[1:]):
            raise ValueError("an array whose bytes do not go with its length")
        found: bytes | bytearray = self.data
        return found


class _Kind:
    """The type of an array; byte order and alignment do not matter here."""

    __slots__ = ("name",)

    def __init__(self, name: Any, *_: Any) -> None:
        self.name = name.decode("latin-1") if isinstance(name, bytes) else name

    def __setstate__(self, state: Any) -> None:
        pass


class _Named:
    """What a pickle asks for by name: something of ours that it cannot change."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *given: Any) -> Any:
        return self._make(*given)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it changes what it has no right to")


def _encoder() -> Callable[[Any, Any], bytes]:
    """Return what makes the bytes that newer protocols write as the text of Python 2's strings.

    A pickle may ask for those of one text at each of its steps: they are the same ones.
    """
    made: dict[str, bytes] = {}

    def encoded(text: Any, encoding: Any) -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
            raise pickle.UnpicklingError("it holds bytes in another encoding than Latin-1")
        if text not in made:
            made[text] = text.encode("latin-1")
        return made[text]

    return encoded


def _no_array(*_: Any) -> Any:
    raise pickle.UnpicklingError("it makes an array by a way that numpy does not write")


NAMED = {
    ("numpy", "dtype"): _Named(_Kind),
    ("numpy", "ndarray"): _Named(_no_array),
    ("numpy.core.multiarray", "_reconstruct"): _Named(lambda *_: Stored()),
    ("numpy.core.multiarray", "scalar"): _Named(lambda kind, data: Stored(kind, (), data)),
    ("numpy.core.numeric", "_frombuffer"): _Named(
        lambda data, kind, shape, order: Stored(kind, shape, data)
    ),
}


class _Plain(pickle.Unpickler):
    """Knows nothing but `NAMED`."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="bytes")
        self._encoded = _Named(_encoder())

    def find_class(self, module: str, name: str) -> Any:
        """Return our own thing of that name."""
        if (module, name) == ("_codecs", "encode"):
            return self._encoded
        found = NAMED.get((module.replace("numpy._core", "numpy.core"), name))
        if found is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no plain data")
        return found


def load(data: bytes) -> Any:
    """Return what a pickle holds: lists, tuples, numbers, strings, bytes and `Stored` arrays."""
    check(data)
    return _Plain(data).load()


def check(data: bytes) -> None:
    """Refuse a pickle that does more than put plain data together.

    Lengths that it names must be there, and what it remembers must be as many as it has steps:
    the unpickler makes room for either before it looks.
    """
    for steps, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if opcode.name not in OPCODES:
            raise pickle.UnpicklingError(f"it holds {opcode.name}, which no plain data needs")
        if opcode.name in PUT and not 0 <= int(argument or 0) <= steps:
            raise pickle.UnpicklingError("it remembers more than it holds")


def image(item: Any) -> bytes | bytearray:
    """Return the bytes of an encoded image; a pickle may name the same ones again and again."""
    if isinstance(item, Stored):
        return item.content(IMAGE)
    if isinstance(item, bytes | bytearray):
        return item
    raise ValueError(f"an image that is no bytes but {type(item).__name__}")


def answers(items: Any) -> list[bool]:
    """Return whether each pair shows one person: a list, or an array of numbers."""
    if isinstance(items, Stored):
        content = items.content(ANSWERS)
        size = int(items.kind.name[1:])
        return [any(content[i : i + size]) for i in range(0, len(content), size)]
    return [_answer(item) for item in _sequence(items)]


def _answer(item: Any) -> bool:
    if isinstance(item, Stored):
        content = item.content(ANSWERS)
        if len(content) > LONGEST:
            raise ValueError("an answer that is several numbers")
        return any(content)
    if isinstance(item, int):
        return bool(item)
    raise ValueError(f"an answer that is no number but {type(item).__name__}")


def images(items: Any) -> list[bytes | bytearray]:
    """Return the bytes of each image of a list."""
    return [image(item) for item in _sequence(items)]


def _sequence(items: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(items, list | tuple):
        raise ValueError(f"{type(items).__name__} where a list is expected")
    return items
