"""Compiled kernels on disk: processes that begin at once, folders that cannot be written, edits."""

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import plateau
from plateau import _trust

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


QUICKLY = {"NUMBA_OPT": "1", "PLATEAU_INTERPRET": "0"}
"""What is compiled here need not be fast. It must not get into the folder that other tests use."""


def started(code, **environment):
    assert {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME"} & set(environment)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],  # -P: not the package in the current folder
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | QUICKLY | {name: str(value) for name, value in environment.items()},
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


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory):
    """A folder with what is compiled for `WORK`, to be copied, and what that prints."""
    folder = tmp_path_factory.mktemp("compiled")
    digest, compiled = digest_and_compiled(NUMBA_CACHE_DIR=folder)
    assert compiled > 0
    return folder, digest


@pytest.fixture
def filled(compiled_once, tmp_path):
    """A folder of its own with compiled kernels, and the digest."""
    folder, digest = compiled_once
    return shutil.copytree(folder, tmp_path / "cache"), digest


@pytest.fixture
def installed(tmp_path):
    """The package copied to a folder in which nothing can be cached beside the sources."""
    folder = tmp_path / "site" / "plateau"
    folder.mkdir(parents=True)
    whole = Path(plateau.__file__).parent
    for source in [*whole.glob("*.py"), *whole.glob("fast/*.py")]:
        place = folder / source.relative_to(whole)
        place.parent.mkdir(exist_ok=True)
        shutil.copy(source, place)
    for each in (folder, folder / "fast"):
        (each / "__pycache__").touch()  # where numba would have a folder, even for a superuser
    return folder


def test_processes_that_begin_at_once_agree(tmp_path):
    processes = [started(WORK, NUMBA_CACHE_DIR=tmp_path) for _ in range(4)]
    found = [ended(process) for process in processes]
    assert [told for _, told in found] == [""] * 4
    digest, compiled = digest_and_compiled(NUMBA_CACHE_DIR=tmp_path)
    assert compiled == 0
    assert {each for (each, _), _ in found} == {digest}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.suffix for path in kept] == [".kernel"] * 2


def test_what_is_on_disk_is_loaded_without_what_the_compiler_needs(tmp_path):
    told = WORK + "import sys\nprint('numba.np.linalg' in sys.modules, file=sys.stderr)"
    for needed in (True, False):
        assert ended(started(told, NUMBA_CACHE_DIR=tmp_path))[1] == f"{needed}\n"


def test_a_way_into_the_calibrated_detector_that_was_compiled_is_loaded(tmp_path):
    code = """
import json
from numba.core import event
counts = [0]
with event.install_recorder("numba:compile") as compiled:
    import numpy as np
    from plateau import Detector, DetectorBank
    xs = np.exp(-np.arange(3000) / 100) + np.random.default_rng(0).normal(size=3000)
    for way in {!r}:
        exec(way)
        counts.append(len(compiled.buffer))
print(json.dumps(np.diff(counts).tolist()))
"""
    ways = (
        "Detector().update(1.0)",
        "assert Detector().update_many(xs).size",  # the sums of the rules too
        "DetectorBank(Detector(), 2).update([1.0, 2.0])",
    )
    compiled, _ = ended(started(code.format(ways), NUMBA_CACHE_DIR=tmp_path))
    assert min(compiled) > 0
    for way in ways:
        assert ended(started(code.format((way,)), NUMBA_CACHE_DIR=tmp_path))[0] == [0]


def test_a_read_only_install_uses_the_folder_it_is_given(installed, tmp_path):
    places = {"PYTHONPATH": installed.parent, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    digest, compiled = digest_and_compiled(**places)
    assert compiled > 0
    assert digest_and_compiled(**places) == [digest, 0]


def test_without_any_folder_it_works_and_tells_once(compiled_once, installed, tmp_path):
    nowhere = tmp_path / "file"
    nowhere.touch()
    places = {"PYTHONPATH": installed.parent, "XDG_CACHE_HOME": nowhere, "HOME": nowhere}
    (digest, compiled), told = ended(started(WORK, **places, NUMBA_CACHE_DIR=""))
    assert digest == compiled_once[1]
    assert compiled > 0
    assert told.count("UserWarning: compiled code is not kept") == 1
    assert "set NUMBA_CACHE_DIR to a folder that can be written" in told


def test_a_disk_that_takes_nothing_more_stops_nothing(compiled_once, tmp_path):
    full = f"""
import shutil, pathlib
from plateau._kernels import EMA
EMA.update.dispatcher, EMA.update_many.dispatcher
shutil.rmtree({str(tmp_path / "cache")!r})
pathlib.Path({str(tmp_path / "cache")!r}).touch()
"""
    (digest, _), told = ended(started(full + WORK, NUMBA_CACHE_DIR=tmp_path / "cache"))
    assert digest == compiled_once[1]
    assert told.count("UserWarning: compiled code is not kept") == 1


def test_damaged_files_are_compiled_anew(filled):
    cache, digest = filled
    assert digest_and_compiled(NUMBA_CACHE_DIR=cache) == [digest, 0]

    def half(content):
        return content[: len(content) // 2]

    def flipped(content):
        content[len(content) * 2 // 3] ^= 4  # within the machine code, which would run
        return content

    for damage in (half, flipped, bytearray.clear):
        for path in cache.rglob("*.kernel"):
            path.write_bytes(damage(bytearray(path.read_bytes())) or b"")
        again, compiled = digest_and_compiled(NUMBA_CACHE_DIR=cache)
        assert (again, compiled > 0) == (digest, True)
        assert digest_and_compiled(NUMBA_CACHE_DIR=cache) == [digest, 0]


class Planted:
    """Runs when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def plant(folder, mark):
    """Put in place of each kernel what another user would have in its place."""
    body = pickle.dumps(Planted(mark))
    for path in folder.rglob("*.kernel"):
        path.write_bytes(hashlib.sha256(body).digest() + body)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no owners and modes of files")
def test_nothing_is_loaded_that_another_user_can_have_put_there(filled, tmp_path):
    (cache, digest), mark = filled, tmp_path / "ran"
    plant(cache, mark)
    (digest_again, compiled), told = ended(started(WORK, NUMBA_CACHE_DIR=cache))
    assert mark.is_dir()  # what is planted by the user runs: the test plants what would run
    assert (digest_again, told) == (digest, "")
    mark.rmdir()
    for opened in (cache, tmp_path):
        plant(cache, mark)
        before = opened.stat().st_mode
        opened.chmod(0o777)
        (again, compiled), told = ended(started(WORK, NUMBA_CACHE_DIR=cache))
        opened.chmod(before)
        assert (again, compiled > 0, mark.exists()) == (digest, True, False)
        assert told.count("UserWarning: compiled code is not kept") == 1
        assert f"other users may write to {opened}" in told


@pytest.mark.skipif(os.name != "posix", reason="Windows has no owners and modes of files")
def test_nothing_is_loaded_from_a_file_that_others_may_write(filled, tmp_path):
    cache, digest = filled
    for path in cache.rglob("*.kernel"):
        path.chmod(0o666)
    plant(cache, tmp_path / "ran")
    again, compiled = digest_and_compiled(NUMBA_CACHE_DIR=cache)
    assert (again, compiled > 0, (tmp_path / "ran").exists()) == (digest, True, False)
    assert digest_and_compiled(NUMBA_CACHE_DIR=cache) == [digest, 0]  # they were replaced


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_nothing_is_loaded_from_a_folder_of_another_user(filled, tmp_path):
    cache, digest = filled
    plant(cache, tmp_path / "ran")
    os.chown(cache, 12345, 12345)
    (again, compiled), told = ended(started(WORK, NUMBA_CACHE_DIR=cache))
    assert (again, compiled > 0, (tmp_path / "ran").exists()) == (digest, True, False)
    assert f"{cache} belongs to another user" in told


def test_a_group_of_the_user_alone_is_nobody_else(monkeypatch):
    grp, pwd = pytest.importorskip("grp"), pytest.importorskip("pwd")
    user = pwd.struct_passwd(("ann", "x", os.geteuid(), 77, "", "", ""))
    monkeypatch.setattr(pwd, "getpwuid", lambda number: user)
    for name, number, members, private in (
        ("ann", 77, [], True),
        ("ann", 77, ["ann", "ben"], False),
        ("users", 77, [], False),
        ("ann", 78, [], False),
    ):
        group = grp.struct_group((name, "x", number, members))
        monkeypatch.setattr(grp, "getgrgid", lambda number, group=group: group)
        _trust._is_private.cache_clear()
        status = os.stat_result((0o100664, 0, 0, 1, os.geteuid(), number, 0, 0, 0, 0))
        assert _trust.guarded(status) is private
    _trust._is_private.cache_clear()


def test_an_edit_of_another_file_is_seen(installed, tmp_path):
    places = {"PYTHONPATH": installed.parent, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    digest, compiled = digest_and_compiled(**places)
    with (installed / "_pyramid.py").open("a") as source:
        source.write("\n# edited\n")
    assert digest_and_compiled(**places) == [digest, compiled]


def test_all_files_with_kernels_count():
    folder = Path(plateau.__file__).parent
    marks = ("@kernel", "@batch", "@inline", "@helper", "@intrinsic", "define(", "njit(")
    with_kernels = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if any(mark in path.read_text() for mark in marks)
    }
    from plateau._cache import SOURCES

    assert with_kernels | {"_samples.py"} == set(SOURCES)  # its LIMIT is compiled into them
