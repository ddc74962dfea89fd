"""What a series may come in: arrays, tensors, frames; and where its samples lie."""

from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from plateau import Detector, Haar, ThresholdDetector, find_plateaus, trace
from plateau.series import run_of

VALUES = [4.0, 2.0, 1.0, 1.0, 1.0]


def few():
    return ThresholdDetector(Haar(2), threshold=0.1, patience=1)


@pytest.mark.parametrize(
    "xs",
    [
        tuple(VALUES),
        iter(VALUES),
        np.array(VALUES)[:, None],
        torch.tensor(VALUES, requires_grad=True),
        torch.tensor(VALUES, dtype=torch.bfloat16)[:, None],
        torch.tensor(VALUES).int(),
        pd.Series(VALUES),
        pd.Series(VALUES, dtype="Float64"),
        pd.DataFrame({"loss": VALUES}),
        pl.Series("loss", VALUES),
        pl.DataFrame({"loss": VALUES}),
    ],
    ids=lambda xs: type(xs).__module__ + "." + type(xs).__name__,
)
def test_a_series_is_taken_in_whatever_it_comes(xs):
    np.testing.assert_array_equal(trace(xs, few()).level, trace(VALUES, few()).level)


@pytest.mark.parametrize("kind", ["Float64", "Int64"])
def test_a_gap_in_a_series_of_pandas_is_a_sample_that_is_not_finite(kind):
    detector = few()
    detector.update_many(pd.Series([4, None, 1], dtype=kind))
    assert (detector.count, detector.skipped) == (2, 1)


def test_a_frame_of_several_columns_is_no_series():
    with pytest.raises(ValueError, match=r"not of shape \(2, 2\): choose a column"):
        find_plateaus(pd.DataFrame({"a": [1, 2], "b": [3, 4]}))


def test_settings_are_those_of_a_detector():
    rising = 1 - np.exp(-np.arange(200) / 10)
    assert find_plateaus(rising, mode="max") == find_plateaus(rising, Detector("max"))
    ours, theirs = trace(rising, mode="max", horizon=40), trace(rising, Detector("max", horizon=40))
    np.testing.assert_array_equal(ours.verdict, theirs.verdict)
    assert not np.array_equal(ours.verdict, trace(rising).verdict)
    with pytest.raises(TypeError, match="give a detector or mode, not both"):
        find_plateaus(rising, Detector(), mode="max")


def test_x_is_the_index():
    run = run_of(pd.Series(VALUES, index=pd.Index([0, 10, 20, 30, 40], name="step"), name="loss"))
    assert (run.metric, run.x_name, run.clock) == ("loss", "step", False)
    assert run.x.tolist() == [0, 10, 20, 30, 40]


def test_times_are_seconds_with_a_zone_or_as_the_clocks_here():
    hours = pd.date_range("2026-03-01", periods=5, freq="h")
    begin = datetime(2026, 3, 1).timestamp()
    assert run_of(pd.Series(VALUES, index=hours)).x.tolist() == [begin + 3600 * i for i in range(5)]
    aware = run_of(pd.DataFrame({"latency": VALUES}, index=hours.tz_localize("UTC")))
    assert (aware.metric, aware.x_name, aware.clock) == ("latency", "index", True)
    assert aware.x[0] == 1772323200


def test_durations_are_seconds():
    minutes = pd.timedelta_range("0s", periods=5, freq="min")
    assert run_of(pd.Series(VALUES, index=minutes)).x.tolist() == [0, 60, 120, 180, 240]


@pytest.mark.parametrize("index", [list("abcde"), [3, 1, 2, 5, 4], [0, 1, None, 3, 4]])
def test_an_index_without_order_gives_way_to_the_count(index):
    run = run_of(pd.Series(VALUES, index=index))
    assert (run.x_name, run.x.tolist()) == ("sample", [0, 1, 2, 3, 4])


def test_the_coordinate_of_xarray_is_x():
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    array = xarray.DataArray(VALUES, dims="time", coords={"time": [1, 2, 3, 5, 8]}, name="energy")
    run = run_of(array)
    assert (run.metric, run.x_name, run.x.tolist()) == ("energy", "time", [1, 2, 3, 5, 8])
    bare = run_of(xarray.DataArray(VALUES, dims="time"))
    assert (bare.metric, bare.x_name, bare.x[-1]) == ("value", "time", 4)
    assert len(find_plateaus(array, few())) == 1
