"""Eight numbers that advance side by side: what kernels compute with as they do with one number.

A kernel that is given lanes where it expects a number does the same operations, in the same order,
on each of them. The compiler makes vector instructions of that, so a recurrence written once serves
one stream and eight. Comparing lanes gives a mask.
"""

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from plateau._arithmetic import choose, fused
from plateau._compiler import NUMBER, define, llvm

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


LANES, MASK = LanesType(), MaskType()


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


def _binary(op: Callable[..., Any], result: Any, name: str, *first: str) -> None:
    """Teach the compiler an operator of lanes with lanes or a number."""

    def emit(builder: Any, a: Any, b: Any) -> Any:
        return getattr(builder, name)(*first, _spread(builder, a), _spread(builder, b))

    define(op, result, [(LANES, LANES), (LANES, NUMBER), (NUMBER, LANES)], emit)


_binary(operator.add, LANES, "fadd")
_binary(operator.sub, LANES, "fsub")
_binary(operator.mul, LANES, "fmul")
_binary(operator.lt, MASK, "fcmp_ordered", "<")
_binary(operator.gt, MASK, "fcmp_ordered", ">")
_binary(operator.ge, MASK, "fcmp_ordered", ">=")
define(abs, LANES, [(LANES,)], lambda builder, a: llvm(builder, "fabs", a))
define(operator.neg, LANES, [(LANES,)], lambda builder, a: builder.fneg(a))
define(operator.and_, MASK, [(MASK, MASK)], lambda builder, a, b: builder.and_(a, b))


def _fused(builder: Any, *abc: Any) -> Any:
    return llvm(builder, "fma", *(_spread(builder, each) for each in abc))


def _choose(builder: Any, mask: Any, a: Any, b: Any) -> Any:
    return builder.select(mask, _spread(builder, a), _spread(builder, b))


EITHER = (LANES, NUMBER)
define(fused, LANES, [abc for abc in product(EITHER, repeat=3) if LANES in abc], _fused)
define(choose, LANES, [(MASK, *ab) for ab in product(EITHER, repeat=2)], _choose)


@intrinsic
def spread(typing: Any, x: Any) -> Any:
    """Put a number in all lanes."""
    return LANES(NUMBER), lambda context, builder, sig, values: _spread(builder, values[0])


@intrinsic
def lane(typing: Any, v: Any, i: Any) -> Any:
    """Read the number in lane i."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return builder.extract_element(values[0], builder.trunc(values[1], INDEX))

    return NUMBER(LANES, types.int64), emit


@intrinsic
def replaced(typing: Any, v: Any, i: Any, x: Any) -> Any:
    """Return lanes with x in lane i."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        v, i, x = values
        return builder.insert_element(v, x, builder.trunc(i, INDEX))

    return LANES(LANES, types.int64, NUMBER), emit


@intrinsic
def row(typing: Any, array: Any, at: Any) -> Any:
    """Read neighbours in an array, from index `at` on."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        last = builder.add(values[1], values[1].type(WIDTH - 1))
        data = _data(context, builder, array, values[0], values[1], last)
        place = builder.gep(data, [values[1]])
        loaded = builder.load(builder.bitcast(place, VECTOR.as_pointer()))
        loaded.align = 8
        return loaded

    return LANES(array, types.int64), emit


@intrinsic
def put(typing: Any, array: Any, at: Any, v: Any) -> Any:
    """Write lanes to neighbours in an array, from index `at` on."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        last = builder.add(values[1], values[1].type(WIDTH - 1))
        data = _data(context, builder, array, values[0], values[1], last)
        place = builder.gep(data, [values[1]])
        stored = builder.store(values[2], builder.bitcast(place, VECTOR.as_pointer()))
        stored.align = 8
        return context.get_dummy_value()

    return types.void(array, types.int64, LANES), emit


@intrinsic
def gather(typing: Any, array: Any, at: Any, stride: Any) -> Any:
    """Read numbers of an array that lie `stride` apart, from index `at` on."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        _, at, stride = values
        last = builder.add(at, builder.mul(stride, stride.type(WIDTH - 1)))
        data = _data(context, builder, array, values[0], at, last)
        v = ir.Constant(VECTOR, ir.Undefined)
        for i in range(WIDTH):
            v = builder.insert_element(v, builder.load(builder.gep(data, [at])), INDEX(i))
            at = builder.add(at, stride)
        return v

    return LANES(array, types.int64, types.int64), emit


@intrinsic
def scatter(typing: Any, array: Any, at: Any, stride: Any, v: Any) -> Any:
    """Write lanes to places that lie `stride` apart, from index `at` on."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        _, at, stride, v = values
        last = builder.add(at, builder.mul(stride, stride.type(WIDTH - 1)))
        data = _data(context, builder, array, values[0], at, last)
        for i in range(WIDTH):
            builder.store(builder.extract_element(v, INDEX(i)), builder.gep(data, [at]))
            at = builder.add(at, stride)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, LANES), emit


def _data(context: Any, builder: Any, kind: Any, array: Any, *places: Any) -> Any:
    """Return where an array's numbers are; with NUMBA_BOUNDSCHECK=1 the places must be there."""
    made = context.make_array(kind)(context, builder, array)
    if config.BOUNDSCHECK:
        (length,) = cgutils.unpack_tuple(builder, made.shape, 1)
        for place in places:
            cgutils.do_boundscheck(context, builder, place, length)
    return made.data
