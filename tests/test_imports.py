"""What `import plateau` brings in, and what it costs."""

import pytest
from processes import python

HEAVY = [
    "polars",
    "typer",
    "rich",
    "torch",
    "matplotlib",
    "plotext",
    "plotly",
    "scipy.signal",
    "pandas",
]


USED = """
import json, sys
{imports}
from plateau import *
print(json.dumps([name for name in {heavy} if name in sys.modules]))
"""


def test_the_core_needs_numpy_and_numba_only():
    assert python(USED.format(imports="", heavy=HEAVY)) == []


@pytest.mark.parametrize("name", ["polars", "typer"])
def test_the_test_above_can_fail(name):
    assert name in python(USED.format(imports=f"import {name}", heavy=HEAVY))


def test_the_adapter_of_polars_needs_polars_beside():
    assert python(USED.format(imports="import plateau_polars", heavy=HEAVY)) == ["polars"]


def test_import_compiles_nothing(tmp_path):
    code = """
import json
from numba.core import event
with event.install_recorder("numba:compile") as compiled:
    from plateau import *
    before = len(compiled.buffer)
    ThresholdDetector(Haar(4), 0.1, 3).update(1.0)
print(json.dumps([before, len(compiled.buffer)]))
"""
    before, after = python(code, NUMBA_CACHE_DIR=str(tmp_path), PLATEAU_INTERPRET="0")
    assert before == 0
    assert after > 0


SERIES = """
import json
from plateau import *
from plateau._pyramid import advance, update
found = find_plateaus([1.0] * 50)
before = [one.compiled for one in (advance, update)]
Detector().update(1.0)
print(json.dumps([*before, update.compiled]))
"""


def test_a_whole_series_does_without_what_takes_one_sample():
    assert python(SERIES, PLATEAU_INTERPRET="0") == [True, False, True]


COST = """
import json, time
begin = time.process_time()
import numba
between = time.process_time()
from plateau import *
print(json.dumps((time.process_time() - between) / (between - begin)))
"""


def test_import_costs_little_beside_that_of_numba(tmp_path):
    """It takes 0.15 of numba's 0.5 s: processor time, the least of some, as noise adds."""
    places = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    assert any(python(COST, **places) < 0.3 for _ in range(5))


def test_public_names_are_there_and_others_are_not():
    import plateau

    assert set(plateau.__all__) <= set(dir(plateau))
    with pytest.raises(AttributeError, match="has no attribute 'Detekor'"):
        _ = plateau.Detekor


DIGEST = """
import hashlib, json
import numpy as np
from plateau import *
from plateau import fast

rng = np.random.default_rng(0)
digest = hashlib.sha256()
for slope_filter in (Haar(6, 5), Haar(8), Haar(2, 1), EmaHaar(0.1, 0.3), Ema(0.5)):
    for scale in (1e-9, 1.0, 1e12):
        xs = scale * rng.normal(size=120).cumsum()
        xs[rng.permutation(120)[:3]] = [np.nan, np.inf, 1e200]
        digest.update(slope_filter.response(xs[np.abs(xs) < 1e150]).tobytes())
        detector = ThresholdDetector(slope_filter, 0.05 * scale, 3, mode="both")
        for column in trace(xs, detector):
            digest.update(column.tobytes())
        digest.update(str([detector.update(x) for x in xs[:60]]).encode())
        digest.update(detector.update_many(xs[60:]).tobytes())
        digest.update(detector.to_bytes())
        digest.update(str((detector.verdict, detector.onset, detector.declared)).encode())
        bank = DetectorBank(detector, 70)
        few = xs[:40].copy()
        few[rng.permutation(40)[:3]] = [np.nan, np.inf, 1e200]
        rows = np.outer(few, np.linspace(0.5, 2, 70))
        for row in rows:
            digest.update(bank.update(row).tobytes())
        for order in "CF":
            digest.update(bank.update_many(np.array(rows, order=order)).tobytes())
        digest.update(bank.to_bytes() + bank.onset.tobytes())
xs = rng.normal(size=700)
digest.update(Ema(0.5).response(xs).tobytes())
digest.update(ThresholdDetector(Ema(0.5), 0.05, 300, mode="both").update_many(xs).tobytes())
print(json.dumps([fast.ON, digest.hexdigest()]))
"""


def test_the_numbers_are_the_same_bit_for_bit_without_the_compiler_and_without_the_fast_lane():
    on, digest = python(DIGEST)
    assert on
    assert python(DIGEST, PLATEAU_FAST="0") == [False, digest]
    assert python(DIGEST, NUMBA_DISABLE_JIT="1") == [False, digest]
