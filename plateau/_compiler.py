"""What numba makes of kernels and of the functions that they call.

A marked function stays a plain one for Python. Its twin, which numba compiles, has the twins of the
marked functions of its module in their places.
"""

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from llvmlite import ir
from numba import carray, njit, types
from numba.core.cgutils import get_or_insert_function
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import NativeValue, intrinsic, lower_builtin, models, register_model, unbox

from plateau import _compile
from plateau._arithmetic import choose, fused, larger, smaller
from plateau._cache import keep

INNER = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


# ---- twins ---------------------------------------------------------------------------------------

TWINS: dict[Any, Any] = {}
"""Numba's form of each marked function."""

NAMES: dict[int, dict[str, Any]] = {}
"""Global names of the twins of a module, by the identity of its own."""


def twin(function: Any) -> Any:
    """Return numba's form of a marked function."""
    if function not in TWINS:
        TWINS[function] = njit(**INNER, **_compile.MARKED[function])(_copy(function))
    return TWINS[function]


def _copy(function: Any) -> FunctionType:
    """Return the same function, which calls twins."""
    own = FunctionType(
        function.__code__,
        _names(function.__globals__),
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    own.__qualname__, own.__module__ = function.__qualname__, function.__module__
    return own


def _names(names: dict[str, Any]) -> dict[str, Any]:
    if id(names) not in NAMES:
        own = NAMES[id(names)] = names.copy()
        for name, value in names.items():
            if isinstance(value, FunctionType) and value in _compile.MARKED:
                own[name] = twin(value)
    return NAMES[id(names)]


def dispatcher(kernel: "_compile.Kernel[..., Any]") -> Any:
    """Return numba's form of a kernel."""
    return keep(njit(error_model="numpy", nogil=kernel.nogil)(_copy(kernel.function)))


def entry(kernel: "_compile.Kernel[..., Any]") -> Any:
    """Compile a kernel, or load it from the disk."""
    return kernel.dispatcher.compile(tuple(TYPES[each] for each in kernel.signature))


# ---- addresses -----------------------------------------------------------------------------------


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


def _array(address: Any, size: Any) -> Any:
    return carray(_pointer(address), (size,))


TWINS[_compile.array] = njit(**INNER, forceinline=True)(_array)

TYPES: dict[str, types.Type] = {
    _compile.ADDRESS: AddressType(),
    _compile.FLOAT: types.float64,
    _compile.INT: types.int64,
    _compile.FLOATS: types.float64[::1],
    _compile.INTS: types.int64[::1],
    _compile.CODES: types.int8[::1],
    _compile.FLAGS: types.boolean[::1],
    _compile.STRIDED: types.float64[:],
    _compile.TABLE: types.float64[:, ::1],
}
"""Types of arguments by what they are called."""


# ---- operations ----------------------------------------------------------------------------------

NUMBER, FLAG = types.float64, types.boolean


def define(
    operation: Callable[..., Any],
    result: types.Type,
    cases: Sequence[tuple[types.Type, ...]],
    emit: Callable[..., Any],
) -> None:
    """Teach the compiler an operation: `emit(builder, *values)` for arguments of these types."""
    signatures = [signature(result, *case) for case in cases]
    infer_global(operation)(type("Operation", (ConcreteTemplate,), {"cases": signatures}))
    for case in cases:
        lower_builtin(operation, *case)(lambda _, builder, __, values: emit(builder, *values))


def llvm(builder: Any, name: str, *values: Any) -> Any:
    """Call an intrinsic of LLVM whose result and arguments are of one type."""
    kind = values[0].type
    vector = isinstance(kind, ir.VectorType)
    suffix = f"v{kind.count}f64" if vector else "f64"
    called = ir.FunctionType(kind, [kind] * len(values))
    function = get_or_insert_function(builder.module, called, f"llvm.{name}.{suffix}")
    return builder.call(function, values)


def _second(builder: Any, relation: str, a: Any, b: Any) -> Any:
    """Take the second number where it is in this relation to the first, else the first."""
    return builder.select(builder.fcmp_ordered(relation, b, a), b, a)


define(fused, NUMBER, [(NUMBER,) * 3], lambda builder, *abc: llvm(builder, "fma", *abc))
define(choose, NUMBER, [(FLAG, NUMBER, NUMBER)], lambda builder, *all_: builder.select(*all_))
define(smaller, NUMBER, [(NUMBER,) * 2], lambda builder, a, b: _second(builder, "<", a, b))
define(larger, NUMBER, [(NUMBER,) * 2], lambda builder, a, b: _second(builder, ">", a, b))
