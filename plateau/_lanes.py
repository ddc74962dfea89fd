"""Eight numbers that advance side by side: what kernels compute with as they do with one number.

A kernel that is given `Lanes` where it expects a number does the same operations, in the same
order, on each of them. The compiler makes vector instructions of that, so a recurrence written once
serves one stream and eight. `fused` and `choose` take both; comparing lanes gives a mask.
"""

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core.cgutils import get_or_insert_function
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

WIDTH = 8
"""Lanes: two or four vector registers, so that one waits while the other computes."""

VECTOR, CHOICE = (ir.VectorType(kind, WIDTH) for kind in (ir.DoubleType(), ir.IntType(1)))
INDEX = ir.IntType(32)


class LanesType(types.Type):
    """Eight float64."""

    def __init__(self) -> None:
        super().__init__(name="lanes")


class MaskType(types.Type):
    """Eight booleans."""

    def __init__(self) -> None:
        super().__init__(name="mask")


LANES, MASK, FLOAT = LanesType(), MaskType(), types.float64


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    """In a kernel they are an LLVM vector."""

    def __init__(self, manager: Any, kind: LanesType) -> None:
        super().__init__(manager, kind, VECTOR)


@register_model(MaskType)
class MaskModel(models.PrimitiveModel):
    """In a kernel they are an LLVM vector."""

    def __init__(self, manager: Any, kind: MaskType) -> None:
        super().__init__(manager, kind, CHOICE)


def _spread(builder: Any, value: Any) -> Any:
    """Return a vector as it is, a number in all lanes."""
    if value.type == VECTOR:
        return value
    one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, INDEX(0))
    everywhere = ir.Constant(ir.VectorType(INDEX, WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(one, one, everywhere)


def _llvm(builder: Any, name: str, values: list[Any]) -> Any:
    """Call an LLVM intrinsic on numbers or on lanes."""
    kind = values[0].type
    suffix = f"v{WIDTH}f64" if kind == VECTOR else "f64"
    signature = ir.FunctionType(kind, [kind] * len(values))
    function = get_or_insert_function(builder.module, signature, f"llvm.{name}.{suffix}")
    return builder.call(function, values)


def _define(op: Callable[..., Any], result: Any, cases: list[tuple[Any, ...]], emit: Any) -> None:
    """Teach the compiler an operator of lanes."""
    signatures = [signature(result, *case) for case in cases]
    infer_global(op)(type("Operator", (ConcreteTemplate,), {"cases": signatures}))
    for case in cases:
        lower_builtin(op, *case)(lambda _, builder, __, values: emit(builder, *values))


def _binary(op: Callable[..., Any], result: Any, name: str, *first: str) -> None:
    """Teach the compiler an operator of lanes with lanes or a number."""

    def emit(builder: Any, a: Any, b: Any) -> Any:
        return getattr(builder, name)(*first, _spread(builder, a), _spread(builder, b))

    _define(op, result, [(LANES, LANES), (LANES, FLOAT), (FLOAT, LANES)], emit)


_binary(operator.add, LANES, "fadd")
_binary(operator.sub, LANES, "fsub")
_binary(operator.mul, LANES, "fmul")
_binary(operator.lt, MASK, "fcmp_ordered", "<")
_binary(operator.gt, MASK, "fcmp_ordered", ">")
_binary(operator.ge, MASK, "fcmp_ordered", ">=")
_define(abs, LANES, [(LANES,)], lambda builder, a: _llvm(builder, "fabs", [a]))
_define(operator.neg, LANES, [(LANES,)], lambda builder, a: builder.fneg(a))
_define(operator.and_, MASK, [(MASK, MASK)], lambda builder, a, b: builder.and_(a, b))


@intrinsic
def _compiled_fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    lanes = LANES in (a, b, c)

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return _llvm(builder, "fma", [_spread(builder, v) if lanes else v for v in values])

    kind = LANES if lanes else FLOAT
    return kind(*((LANES if each == LANES else FLOAT) for each in (a, b, c))), emit


@intrinsic
def _compiled_choose(typing: Any, mask: Any, a: Any, b: Any) -> Any:
    lanes = mask == MASK

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        mask, *ab = values
        return builder.select(mask, *(_spread(builder, v) if lanes else v for v in ab))

    kinds = ((LANES if each == LANES else FLOAT) for each in (a, b))
    return (LANES if lanes else FLOAT)(MASK if lanes else types.boolean, *kinds), emit


@intrinsic
def _compiled_spread(typing: Any, x: Any) -> Any:
    return LANES(FLOAT), lambda context, builder, sig, values: _spread(builder, values[0])


@intrinsic
def _compiled_lane(typing: Any, v: Any, i: Any) -> Any:
    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return builder.extract_element(values[0], builder.trunc(values[1], INDEX))

    return FLOAT(LANES, types.int64), emit


@intrinsic
def _compiled_replaced(typing: Any, v: Any, i: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        v, i, x = values
        return builder.insert_element(v, x, builder.trunc(i, INDEX))

    return LANES(LANES, types.int64, FLOAT), emit


@intrinsic
def _compiled_row(typing: Any, array: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        place = builder.gep(_data(context, builder, array, values[0]), [values[1]])
        loaded = builder.load(builder.bitcast(place, VECTOR.as_pointer()))
        loaded.align = 8
        return loaded

    return LANES(array, types.int64), emit


@intrinsic
def _compiled_put(typing: Any, array: Any, at: Any, v: Any) -> Any:
    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        place = builder.gep(_data(context, builder, array, values[0]), [values[1]])
        stored = builder.store(values[2], builder.bitcast(place, VECTOR.as_pointer()))
        stored.align = 8
        return context.get_dummy_value()

    return types.void(array, types.int64, LANES), emit


@intrinsic
def _compiled_gather(typing: Any, array: Any, at: Any, stride: Any) -> Any:
    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        _, at, stride = values
        data = _data(context, builder, array, values[0])
        v = ir.Constant(VECTOR, ir.Undefined)
        for i in range(WIDTH):
            v = builder.insert_element(v, builder.load(builder.gep(data, [at])), INDEX(i))
            at = builder.add(at, stride)
        return v

    return LANES(array, types.int64, types.int64), emit


@intrinsic
def _compiled_scatter(typing: Any, array: Any, at: Any, stride: Any, v: Any) -> Any:
    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        _, at, stride, v = values
        data = _data(context, builder, array, values[0])
        for i in range(WIDTH):
            builder.store(builder.extract_element(v, INDEX(i)), builder.gep(data, [at]))
            at = builder.add(at, stride)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, LANES), emit


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


# ---- the same without the compiler ---------------------------------------------------------------


def _one_fused(a: float, b: float, c: float) -> float:
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return float(exact) if exact else a * b + c  # the sign of a zero


def _python_fused(a: Any, b: Any, c: Any) -> Any:
    if any(isinstance(each, np.ndarray) for each in (a, b, c)):
        rows = np.broadcast_arrays(a, b, c)
        return np.array(
            [_one_fused(*each) for each in zip(*map(np.ndarray.tolist, rows), strict=True)]
        )
    return _one_fused(float(a), float(b), float(c))


def _python_choose(mask: Any, a: Any, b: Any) -> Any:
    if isinstance(mask, np.ndarray):
        return np.where(mask, a, b)
    return a if mask else b


def _python_spread(x: float) -> Any:
    return np.full(WIDTH, x)


def _python_lane(v: Any, i: int) -> float:
    return float(v[i])


def _python_replaced(v: Any, i: int, x: float) -> Any:
    changed = v.copy()
    changed[i] = x
    return changed


def _python_row(array: Any, at: int) -> Any:
    return array[at : at + WIDTH].copy()


def _python_put(array: Any, at: int, v: Any) -> None:
    array[at : at + WIDTH] = v


def _python_gather(array: Any, at: int, stride: int) -> Any:
    return array[at + stride * np.arange(WIDTH)]


def _python_scatter(array: Any, at: int, stride: int, v: Any) -> None:
    array[at + stride * np.arange(WIDTH)] = v


def _either(compiled: Any, python: Callable[..., Any]) -> Any:
    return python if config.DISABLE_JIT else compiled


fused = _either(_compiled_fused, _python_fused)
"""a·b + c, rounded once."""

choose = _either(_compiled_choose, _python_choose)
"""a where the mask is set, else b; without a branch."""

spread = _either(_compiled_spread, _python_spread)
"""A number in all lanes."""

lane = _either(_compiled_lane, _python_lane)
"""The number in lane i."""

replaced = _either(_compiled_replaced, _python_replaced)
"""Lanes with x in lane i."""

row = _either(_compiled_row, _python_row)
"""Neighbours in an array, from index `at` on."""

put = _either(_compiled_put, _python_put)
"""Write lanes to neighbours in an array, from index `at` on."""

gather = _either(_compiled_gather, _python_gather)
"""Numbers of an array that lie `stride` apart, from index `at` on."""

scatter = _either(_compiled_scatter, _python_scatter)
"""Write lanes to places that lie `stride` apart, from index `at` on."""
