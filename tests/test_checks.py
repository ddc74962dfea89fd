"""The checks of arguments and samples, at their limits."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from plateau.checks import (
    LIMIT,
    as_rows,
    as_sample,
    as_samples,
    first_nonfinite,
    nonfinite_error,
    number,
    one_of,
    positive,
    weight,
    whole,
)


@pytest.mark.parametrize("value", [3, 0.5, Fraction(1, 2), np.float32(0.5), np.int8(-3), 0])
def test_a_number_is_any_finite_real_one(value):
    assert (number("x", value), type(number("x", value))) == (float(value), float)


@pytest.mark.parametrize("value", [True, "1", None, 1j, Decimal(1), np.ones(1)])
def test_what_is_no_number_is_named(value):
    with pytest.raises(TypeError, match="x must be a number, not "):
        number("x", value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_a_number_is_finite(value):
    with pytest.raises(ValueError, match="x must be finite, not "):
        number("x", value)


def test_the_limits_of_arguments_belong_to_them_or_not():
    assert positive("x", 5e-324) == 5e-324
    with pytest.raises(ValueError, match="x must be above 0, not 0"):
        positive("x", 0)
    assert (weight("x", 1), weight("x", 2.0**-52)) == (1.0, 2.0**-52)
    for value in (0, 1.1, math.nextafter(1.0, 2.0), -0.5):
        with pytest.raises(ValueError, match=r"x must be above 0 and at most 1, not |finite"):
            weight("x", value)
    with pytest.raises(ValueError, match=r"x must be at least 2\*\*-52, not "):
        weight("x", math.nextafter(2.0**-52, 0.0))
    assert (whole("x", 3, least=3), whole("x", 2**53, least=0)) == (3, 2**53)
    assert type(whole("x", np.uint8(3), least=3)) is int
    for value, limit in ((2, "at least 3"), (2**53 + 1, r"at most 2\*\*53")):
        with pytest.raises(ValueError, match=f"x must be {limit}, not {value}"):
            whole("x", value, least=3)
    with pytest.raises(TypeError, match=r"x must be a whole number, not 3\.0"):
        whole("x", 3.0, least=3)
    assert one_of("x", "b", ("a", "b")) == "b"
    with pytest.raises(ValueError, match="x must be one of a, b, not 'c'"):
        one_of("x", "c", ("a", "b"))


def test_the_largest_sample_is_finite():
    assert LIMIT == 2.0**500
    assert first_nonfinite(np.zeros(0)) is None
    assert first_nonfinite(np.array([LIMIT, -LIMIT])) is None
    for bad in (math.nan, math.inf, -math.inf, math.nextafter(LIMIT, math.inf)):
        assert first_nonfinite(np.array([LIMIT, -LIMIT, bad, 0.0])) == 2
    assert "sample nan at offset 1 is not" in str(nonfinite_error(np.array([0.0, math.nan]), 1))
    assert "sample nan is not" in str(nonfinite_error(np.array([math.nan]), 0))


@pytest.mark.parametrize("x", [Fraction(1, 2), Decimal("0.5"), np.float16(0.5), np.array([[0.5]])])
def test_a_sample_is_any_one_real_number(x):
    assert (as_sample(x), type(as_sample(x))) == (0.5, float)


def test_integers_beyond_floats_are_infinite():
    assert (as_sample(10**400), as_sample(-(10**400))) == (math.inf, -math.inf)


@pytest.mark.parametrize("x", [np.array(["1"]), np.array("1"), np.array([1, 2]), np.zeros(0)])
def test_an_array_is_a_sample_if_it_is_one_number(x):
    with pytest.raises(TypeError, match="a sample must be one real number"):
        as_sample(x)


def test_a_column_is_a_row_of_samples():
    assert as_samples([[1], [2]]).tolist() == [1.0, 2.0]
    assert as_samples(np.zeros((0, 1))).shape == (0,)
    for shape, hint in (((2, 2), ": choose a column"), ((2, 1, 1), ""), ((), "")):
        with pytest.raises(ValueError, match="must be one-dimensional") as error:
            as_samples(np.zeros(shape))
        assert str(error.value).endswith(f"not of shape {shape}{hint}")
    assert as_rows([[1, 2]]).tolist() == [[1.0, 2.0]]
    with pytest.raises(ValueError, match=r"a row for each update, not shape \(2,\)"):
        as_rows([1, 2])
