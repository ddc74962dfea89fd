"""Compiled kernels on disk: processes that begin at once, folders that cannot be written, edits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import plateau

WORK = """
import hashlib, json
from numba.core import event
with event.install_recorder("numba:compile") as compiled:
    import numpy as np
    from plateau import EmaHaar, ThresholdDetector
    xs = np.random.default_rng(0).normal(size=3000).cumsum()
    detector = ThresholdDetector(EmaHaar(0.1, 0.3), 0.1, 3)
    digest = hashlib.sha256(str([detector.update(x) for x in xs[:100]]).encode())
    digest.update(detector.update_many(xs).tobytes() + detector.to_bytes())
print(json.dumps([digest.hexdigest(), len(compiled.buffer)]))
"""


def started(code, **environment):
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],  # -P: not the package in the current folder
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {name: str(value) for name, value in environment.items()},
    )


def ended(process):
    """What it printed as JSON, and its warnings."""
    out, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    return json.loads(out), told


def digest_and_compiled(**environment):
    found, told = ended(started(WORK, **environment))
    assert told == ""
    return found


@pytest.fixture
def installed(tmp_path):
    """The package copied to a folder in which nothing can be cached beside the sources."""
    folder = tmp_path / "site" / "plateau"
    folder.mkdir(parents=True)
    for source in Path(plateau.__file__).parent.glob("*.py"):
        shutil.copy(source, folder)
    (folder / "__pycache__").touch()  # where numba would have a folder, even for a superuser
    return folder


def test_processes_that_begin_at_once_agree(tmp_path):
    processes = [started(WORK, NUMBA_CACHE_DIR=tmp_path) for _ in range(4)]
    found = [ended(process) for process in processes]
    assert [told for _, told in found] == [""] * 4
    digest, compiled = digest_and_compiled(NUMBA_CACHE_DIR=tmp_path)
    assert compiled == 0
    assert {each for (each, _), _ in found} == {digest}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    kernels = {path.name for path in kept if path.suffix == ".nbi"}
    assert len(kernels) == 2
    assert {path.name for path in kept} == kernels | {n.replace("nbi", "1.nbc") for n in kernels}


def test_what_is_on_disk_is_loaded_without_what_the_compiler_needs(tmp_path):
    told = WORK + "import sys\nprint('numba.np.linalg' in sys.modules, file=sys.stderr)"
    for needed in (True, False):
        assert ended(started(told, NUMBA_CACHE_DIR=tmp_path))[1] == f"{needed}\n"


def test_a_way_into_the_calibrated_detector_that_was_compiled_is_loaded(tmp_path):
    code = """
import json
from numba.core import event
with event.install_recorder("numba:compile") as compiled:
    import numpy as np
    from plateau import Detector, DetectorBank
    xs = np.exp(-np.arange(3000) / 100) + np.random.default_rng(0).normal(size=3000)
    {}
print(json.dumps(len(compiled.buffer)))
"""
    ways = (
        "Detector().update(1.0)",
        "assert Detector().update_many(xs).size",  # the sums of the rules too
        "DetectorBank(Detector(), 2).update([1.0, 2.0])",
    )
    for way in ways:
        found = [ended(started(code.format(way), NUMBA_CACHE_DIR=tmp_path))[0] for _ in range(2)]
        assert found[0] > 0
        assert found[1] == 0


def test_another_numba_loads_it_in_its_own_way(tmp_path):
    other = "from plateau._cache import KernelCache\nKernelCache.quick = False" + WORK
    (digest, compiled), _ = ended(started(other, NUMBA_CACHE_DIR=tmp_path))
    assert compiled > 0
    assert ended(started(other, NUMBA_CACHE_DIR=tmp_path)) == ([digest, 0], "")


def test_a_read_only_install_uses_the_folder_it_is_given(installed, tmp_path):
    places = {"PYTHONPATH": installed.parent, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    digest, compiled = digest_and_compiled(**places)
    assert compiled > 0
    assert digest_and_compiled(**places) == [digest, 0]


def test_without_any_folder_it_works_and_tells_once(installed, tmp_path):
    nowhere = tmp_path / "file"
    nowhere.touch()
    places = {"PYTHONPATH": installed.parent, "XDG_CACHE_HOME": nowhere, "HOME": nowhere}
    (digest, compiled), told = ended(started(WORK, **places, NUMBA_CACHE_DIR=""))
    assert digest == digest_and_compiled()[0]
    assert compiled > 0
    assert told.count("UserWarning: compiled code is not kept") == 1
    assert "set NUMBA_CACHE_DIR to a folder that can be written" in told


def test_a_disk_that_takes_nothing_more_stops_nothing(tmp_path):
    full = f"""
import shutil, pathlib
import plateau._kernels
shutil.rmtree({str(tmp_path / "cache")!r})
pathlib.Path({str(tmp_path / "cache")!r}).touch()
"""
    (digest, _), told = ended(started(full + WORK, NUMBA_CACHE_DIR=tmp_path / "cache"))
    assert digest == digest_and_compiled()[0]
    assert told.count("UserWarning: compiled code is not kept") == 1


def test_damaged_files_are_compiled_anew(tmp_path):
    digest, _ = digest_and_compiled(NUMBA_CACHE_DIR=tmp_path)
    for damage in ("*.nbc", "*.nbi"):
        for path in tmp_path.rglob(damage):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        again, compiled = digest_and_compiled(NUMBA_CACHE_DIR=tmp_path)
        assert (again, compiled > 0) == (digest, True)
        assert digest_and_compiled(NUMBA_CACHE_DIR=tmp_path) == [digest, 0]


def test_an_edit_of_another_file_is_seen(installed, tmp_path):
    places = {"PYTHONPATH": installed.parent, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    digest, compiled = digest_and_compiled(**places)
    with (installed / "_pyramid.py").open("a") as source:
        source.write("\n# edited\n")
    assert digest_and_compiled(**places) == [digest, compiled]


def test_all_files_with_kernels_count():
    folder = Path(plateau.__file__).parent
    marks = ("@kernel", "@batch", "@inline", "@helper", "@intrinsic", "@lower_builtin", "njit(")
    with_kernels = {p.name for p in folder.rglob("*.py") if any(m in p.read_text() for m in marks)}
    from plateau._cache import SOURCES

    assert with_kernels == set(SOURCES)
