"""What kernels compute with beside the operators of Python."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import lower_builtin

NUMBER, FLAG = types.float64, types.boolean


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
