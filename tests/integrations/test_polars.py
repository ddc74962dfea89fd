"""The namespace of Polars says of each group what `trace` and `find_plateaus` say of it."""

import datetime as dt
import math
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams, with_gaps

from plateau import Detector, DetectorBank, Haar, ThresholdDetector, Verdict, find_plateaus, trace
from plateau_polars import PlateauExpr, PlateauSeries
from plateau_polars.columns import samples_of

ENGINES = ["in-memory", "streaming"]
FIELDS = ["level", "slope", "verdict", "fired", "onset"]
METHODS = [*FIELDS, "trace", "plateaus"]
FLAT = ThresholdDetector(Haar(window=2), threshold=0.1, patience=2)
X = pl.col("x").plateau


def record(plateau):
    """A plateau as a struct of Polars has it: null for what is not known."""
    names, gain = ("gain", "gain_low", "gain_high", "gain_share"), plateau.gain or (None,) * 4
    plain = plateau._asdict() | dict(zip(names, gain, strict=True))
    return {name: None if x != x else x for name, x in plain.items()}


def in_order(frame, method, detector):
    """Each group as a Series of its own: the way that all others must agree with."""
    groups = frame.partition_by("group", maintain_order=True, as_dict=True)
    return {
        key: getattr(group["x"].plateau, method)(detector).to_list()
        for (key,), group in groups.items()
    }


def collected(query, engine):
    return dict(query.collect(engine=engine).rows())


def aggregated(frame, method, detector, engine):
    asked = getattr(X, method)(detector)
    return collected(frame.lazy().group_by("group").agg(asked), engine)


def over_groups(frame, method, detector, engine):
    asked = getattr(X, method)(detector).over("group")
    query = frame.lazy().select("group", asked).group_by("group")
    query = query.agg(pl.col("x").first() if method == "plateaus" else "x")
    return collected(query, engine)


def each_filtered(frame, method, detector, engine):
    """A query for each group: detection comes after the filter."""
    asked = getattr(X, method)(detector)
    asked = asked if method == "plateaus" else asked.implode()
    found = {}
    for group in frame["group"].unique():
        query = frame.lazy().filter(pl.col("group") == group).select(asked)
        found[group] = query.collect(engine=engine).item().to_list()
    return found


def each_in_a_list(frame, method, detector, engine):
    lists = frame.lazy().group_by("group").agg("x")
    asked = pl.col("x").list.eval(getattr(pl.element().plateau, method)(detector))
    found = collected(lists.with_columns(asked), engine)
    return {group: rows[0] if method == "plateaus" else rows for group, rows in found.items()}


WAYS = [aggregated, over_groups, each_filtered, each_in_a_list]


@st.composite
def interleaved(draw):
    """A frame of some groups whose rows come in any order, and the stream of each group."""
    parts = draw(st.lists(with_gaps(streams(max_size=60)), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    group = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    if draw(st.booleans()):
        rng.shuffle(group)
    x = np.empty(len(group))
    for i, part in enumerate(parts):
        x[group == i] = part
    values = pl.Series(x, nan_to_null=draw(st.booleans()))
    return pl.DataFrame({"group": group, "x": values}), {
        i: part for i, part in enumerate(parts) if len(part)
    }


def rows_of(xs, detector):
    """What is known after each row, slow and obvious: one sample after the other."""
    live = detector.clone()
    accepted = []
    for i, x in enumerate(xs.tolist()):
        if abs(x) <= 2.0**500:
            accepted.append(i)
        yield {
            "fired": live.update(x),
            "level": None if math.isnan(live.level) else live.level,
            "slope": None if math.isnan(live.slope) else live.slope,
            "verdict": live.verdict.name,
            "onset": None if live.onset is None else accepted[live.onset],
            "kind": live.kind,
        }


@given(interleaved(), detectors)
def test_each_group_is_traced_by_itself_in_its_order(drawn, detector):
    frame, parts = drawn
    assert in_order(frame, "trace", detector) == {
        group: list(rows_of(xs, detector)) for group, xs in parts.items()
    }


@given(interleaved(), detectors)
def test_a_trace_is_that_of_the_core(drawn, detector):
    frame, parts = drawn
    for group, xs in parts.items():
        said, expected = in_order(frame, "verdict", detector)[group], trace(xs, detector)
        assert said == [Verdict(code).name for code in expected.verdict]
        for field in ("level", "slope", "fired"):
            column = np.array(
                in_order(frame, field, detector)[group], expected._asdict()[field].dtype
            )
            np.testing.assert_array_equal(column, getattr(expected, field))


@given(interleaved(), detectors)
def test_the_plateaus_of_each_group_are_those_of_its_stream(drawn, detector):
    frame, parts = drawn
    assert in_order(frame, "plateaus", detector) == {
        group: [record(found) for found in find_plateaus(xs, detector)]
        for group, xs in parts.items()
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", WAYS)
@given(st.data(), interleaved(), detectors)
def test_every_way_to_ask_has_the_same_answer(way, engine, data, drawn, detector):
    frame, _ = drawn
    method = data.draw(st.sampled_from(METHODS))
    assert way(frame, method, detector, engine) == in_order(frame, method, detector)


LONG = 400_000


@pytest.fixture(scope="module")
def long():
    """More rows than an engine takes at once, in three chunks, of seven interleaved groups."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=8), LONG // 8) + 0.1 * rng.normal(size=LONG)
    frame = pl.DataFrame({"step": np.arange(LONG), "group": rng.integers(0, 7, LONG), "x": x})
    parts = [frame[: LONG // 4], frame[LONG // 4 : LONG // 2], frame[LONG // 2 :]]
    return pl.concat(parts, rechunk=False)


def test_the_streaming_engine_does_cut_what_is_declared_elementwise(long):
    lengths = []

    def seen(part):
        lengths.append(len(part))
        return part

    asked = pl.col("x").map_batches(seen, pl.Float64, is_elementwise=True)
    long.lazy().select(asked).collect(engine="streaming")
    assert len(lengths) > 1
    assert sum(lengths) == LONG


SLOW = ThresholdDetector(Haar(window=200, smooth=200), threshold=1e-3, patience=500)


@pytest.mark.parametrize("detector", [Detector(), SLOW], ids=["calibrated", "threshold"])
def test_the_streaming_engine_sees_a_long_column_as_one(long, detector):
    query = long.lazy().with_columns(X.trace(detector).alias("trace"))
    found = query.collect(engine="streaming")
    assert found.equals(query.collect(engine="in-memory"))
    x = long["x"].to_numpy()
    np.testing.assert_array_equal(found["trace"].struct["fired"], trace(x, detector).fired)
    query = long.lazy().select(X.plateaus(detector).list.explode())
    found = query.collect(engine="streaming").unnest("x").rows()
    assert found == [tuple(record(each).values()) for each in find_plateaus(x, detector)] != []


@pytest.mark.parametrize("engine", ENGINES)
def test_long_groups_keep_their_order(long, engine):
    query = long.lazy()
    aggregated = dict(query.group_by("group").agg(X.slope(FLAT)).collect(engine=engine).rows())
    beside = query.select("group", X.slope(FLAT).over("group")).collect(engine=engine)
    for (group,), part in long.partition_by("group", as_dict=True).items():
        expected = trace(part["x"], FLAT).slope
        np.testing.assert_array_equal(np.array(aggregated[group], float), expected)
        found = beside.filter(pl.col("group") == group)["x"]
        np.testing.assert_array_equal(found.fill_null(np.nan), expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_that_are_cut_off_later_have_been_seen(long, engine):
    asked = long.lazy().with_columns(X.level(FLAT))
    whole = asked.collect(engine="in-memory")
    late = pl.col("step") >= LONG - 10
    assert asked.filter(late).collect(engine=engine).equals(whole.filter(late))
    assert asked.tail(10).collect(engine=engine).equals(whole.tail(10))


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_may_be_put_in_order_by_another_column(engine):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"step": np.arange(600) // 2, "group": [1, 2] * 300})
    frame = frame.with_columns(x=pl.Series(rng.normal(size=600)))
    asked = X.slope(FLAT).over("group", order_by="step")
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1).lazy()
    found = shuffled.with_columns(asked).sort("step", "group").collect(engine=engine)
    assert found.equals(frame.with_columns(X.slope(FLAT).over("group")))


@pytest.mark.parametrize("engine", ENGINES)
def test_windows_of_time_are_groups(engine):
    frame = pl.LazyFrame({"step": np.arange(20), "x": np.r_[np.arange(10.0, 0, -1), np.ones(10)]})
    asked = frame.group_by_dynamic("step", every="10i").agg(X.plateaus(FLAT).list.len())
    assert collected(asked, engine) == {0: 0, 10: 1}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_schema_is_known_before_anything_is_read(method, engine):
    asked = getattr(X, method)()
    for values in ([1.0, None, 2.0] * 20, ["no", "numbers", "here"]):
        frame = pl.LazyFrame({"group": [1, 2, 3] * (len(values) // 3), "x": values})
        queries = [
            frame.select(asked),
            frame.select("group", asked.over("group")),
            frame.group_by("group").agg(asked),
        ]
        schemas = [query.collect_schema() for query in queries]
        for query, schema in zip(queries, schemas, strict=True):
            if values[0] == "no":
                with pytest.raises(TypeError, match="must be numbers or booleans, not String"):
                    query.collect(engine=engine)
            else:
                assert query.collect(engine=engine).schema == schema


def test_columns_keep_their_names():
    frame = pl.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    for method in METHODS:
        assert frame.select(getattr(pl.all().plateau, method)()).columns == ["a", "b"]
        assert getattr(frame["b"].plateau, method)().name == "b"


def test_a_verdict_is_one_of_five():
    said = pl.Series([5.0, 3.0, 1.0, 1.0, 1.0, 1.0]).plateau.verdict(FLAT)
    assert said.dtype == pl.Enum([verdict.name for verdict in Verdict])
    flat = ["UNDECIDED", "UNDECIDED", "PLATEAU"]
    assert said.to_list() == ["WARMING_UP", "IMPROVING", "IMPROVING", *flat]
    assert pl.Series([1.0, 3.0]).plateau.verdict(FLAT).to_list()[-1] == "WORSENING"


def test_a_row_without_a_number_repeats_what_was_known_and_indices_count_it():
    values = [None, 3.0, float("nan"), 2.0, 1.0, float("inf"), 1.0, 1.0, None, 1.0, 1e200]
    found = pl.Series(values).plateau.trace(FLAT).struct.unnest()
    level, accepted = found["level"].to_list(), FLAT.clone()
    assert (level[0], level[2], level[5]) == (None, level[1], level[4])
    accepted.update_many([3, 2, 1, 1, 1, 1])
    assert level[-1] == level[-2] == accepted.level
    assert found["slope"].to_list() == [None] * 3 + [-1.0] * 3 + [0.0] * 5
    assert found["fired"].to_list() == [False] * 9 + [True, False]
    assert found["verdict"].to_list()[8:] == ["UNDECIDED", "PLATEAU", "PLATEAU"]
    assert found["onset"].to_list() == [None] * 9 + [4, 4]  # sample 2 of those accepted
    assert found["kind"].to_list() == [None] * 9 + ["flat", "flat"]
    (plateau,) = pl.Series(values).plateau.plateaus(FLAT)
    assert (plateau["start"], plateau["declared"], plateau["stop"]) == (4, 9, 10)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([9, 7, 5, *[3] * 40], dtype=pl.Int8),
        pl.Series([9, 7, 5, *[3] * 40], dtype=pl.UInt64),
        pl.Series([0.9, 0.7, 0.5, *[0.3] * 40], dtype=pl.Float32),
        pl.Series([Decimal("0.9"), Decimal("0.7"), Decimal("0.5"), *[Decimal("0.3")] * 40]),
        pl.Series([True, True, False, None, *[False] * 40]),
        pl.Series([9, None, 5, *[3] * 40], dtype=pl.Int32),
        pl.Series([None] * 40),
    ],
    ids=lambda values: str(values.dtype),
)
def test_any_real_numbers_are_samples(values):
    for method in METHODS:
        found = getattr(values.plateau, method)(FLAT)
        assert found.equals(getattr(values.cast(pl.Float64).plateau, method)(FLAT), null_equal=True)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("1.0", "String"),
        (dt.date(2000, 1, 1), "Date"),
        (dt.datetime(2000, 1, 1), "Datetime"),
        (dt.timedelta(1), "Duration"),
        (dt.time(1), "Time"),
        ([1.0], "List"),
        ({"a": 1.0}, "Struct"),
        (b"1", "Binary"),
    ],
)
@pytest.mark.parametrize("method", ["slope", "trace", "plateaus"])
def test_what_is_no_number_is_refused(value, name, method):
    frame = pl.DataFrame({"x": [value]})
    message = rf"^samples in column 'x' must be numbers or booleans, not {name}.*: cast them first"
    with pytest.raises(TypeError, match=message):
        getattr(frame["x"].plateau, method)()
    for engine in ENGINES:
        with pytest.raises(TypeError, match=message):
            frame.lazy().select(getattr(X, method)()).collect(engine=engine)


def test_float64_is_not_copied():
    values = pl.Series(np.arange(5.0))
    assert np.shares_memory(samples_of(values), values.to_numpy(allow_copy=False))
    assert np.shares_memory(samples_of(values[2:]), values.to_numpy(allow_copy=False))


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_has_no_plateaus(engine):
    frame = pl.LazyFrame({"group": [1, 1, 2], "x": [1.0, 2.0, 3.0]})
    none = frame.filter(pl.col("x") > 5)
    asked = [X.plateaus().alias("plateaus"), X.trace().implode().alias("trace")]
    assert none.select(asked).collect(engine=engine).rows() == [([], [])]
    assert none.group_by("group").agg(asked).collect(engine=engine).is_empty()
    assert none.with_columns(X.trace().over("group")).collect(engine=engine).is_empty()
    large = pl.col("x").filter(pl.col("x") > 2).plateau
    found = frame.group_by("group").agg(large.plateaus(), large.level().alias("level"))
    assert sorted(found.collect(engine=engine).rows()) == [(1, [], []), (2, [], [3.0])]


def test_the_detector_is_a_description():
    detector = FLAT.clone()
    detector.update_many([5.0] * 20)
    before = detector.to_bytes()
    values = pl.Series("x", [5.0, 3.0, 1.0, 1.0, 1.0, 1.0])
    asked = X.slope(detector)
    assert values.to_frame().select(asked)["x"].equals(values.plateau.slope(FLAT))
    assert detector.to_bytes() == before


@pytest.mark.parametrize("detector", [Detector, "min", 5, DetectorBank(FLAT, 2)])
@pytest.mark.parametrize("method", METHODS)
def test_a_detector_must_be_one(detector, method):
    for namespace in (X, pl.Series([1.0]).plateau):
        with pytest.raises(TypeError, match=r"detector must be a detector, say Detector\(\), not"):
            getattr(namespace, method)(detector)


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_without_a_number_may_be_an_error(bad, engine):
    detector = Detector(on_nonfinite="raise")
    for asked in (X.slope(detector), X.plateaus(detector)):
        with pytest.raises(ValueError, match="at offset 1 is not finite"):
            pl.LazyFrame({"x": [1.0, bad]}).select(asked).collect(engine=engine)


def test_queries_may_run_side_by_side(long):
    detector = Detector()
    asked = [X.trace(detector).alias("trace"), X.slope(FLAT).alias("slope")]
    query = long[:20_000].lazy().select("step", *(one.over("group") for one in asked))
    expected = query.collect()
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(query.collect, engine=ENGINES[i % 2]) for i in range(16)]
        assert all(run.result().equals(expected) for run in runs)


def test_a_type_checker_may_be_given_the_class():
    values = pl.Series("x", [3.0, 1.0, 1.0])
    found = values.to_frame().select(PlateauExpr(pl.col("x")).slope(FLAT))["x"]
    assert found.equals(PlateauSeries(values).slope(FLAT))
