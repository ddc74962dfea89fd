"""Archives: part by part and again, equal to one scan row by row."""

import io
import os
import re
from functools import partial

import polars as pl
import pytest
from make import make_logs, read_unless

from plateau import archive
from plateau.logs.several.find import Found, find_logs
from plateau.rule import Rule
from plateau.watching.lock import Lock

COUNT, BAD = 12, {3}


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    make_logs(folder, COUNT, damaged=BAD)
    return folder


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(archive.parts_of, "__defaults__", (5,))


def single(run, logs):
    code, out, _ = run("scan", logs, "--format", "parquet")
    assert code == 0
    return pl.read_parquet(io.BytesIO(out))


def times(folder):
    return {
        f"{file.parent.name}/{file.name}": file.stat().st_mtime_ns
        for file in folder.rglob("*.parquet")
    }


def test_an_archive_is_one_scan_row_by_row(run, logs, tmp_path):
    folder = tmp_path / "results"
    code, out, err = run("scan", logs, "--archive", folder)
    assert code == 0
    assert archive.read(folder).equals(single(run, logs))
    runs = archive.read(folder, archive.RUNS)
    assert len(runs) == COUNT - len(BAD)
    assert re.search(rf"^logs +{COUNT - len(BAD)}$", out.decode(), re.MULTILINE)
    assert "run00003.csv" in err
    page = (folder / "summary.html").read_text()
    assert "run00003.csv" in page
    assert "could be saved" in page
    told = archive.summary(folder)
    (saved, total) = told.savable["step"]
    assert (saved, total) == (runs["savable"].sum(), runs["total"].sum())
    assert saved > 0
    assert len(told.worst) == len(runs.filter(pl.col("savable") > 0)[: archive.WORST])
    shares = [each["savable"] / each["total"] for each in told.worst]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.skipif(os.name != "posix", reason="Windows allows no * and no other bytes in names")
@pytest.mark.parametrize("name", ["re[a-c]sults", "re*sults", os.fsdecode(b"re\xffsults")])
def test_the_folder_may_have_any_name(name, run, logs, tmp_path):
    code, _, err = run("scan", logs, "--archive", tmp_path / name, "--quiet")
    assert code == 0, err
    assert (tmp_path / name / "summary.html").exists()
    assert len(archive.read(tmp_path / name, archive.RUNS)) == COUNT - len(BAD)


def test_logs_behind_a_url_are_archived_too(run, logs, tmp_path):
    pytest.importorskip("fsspec")
    folder, pattern = tmp_path / "results", f"file://{logs}/**/*.csv"
    code, _, err = run("scan", pattern, "--archive", folder, "--quiet")
    assert code == 0, err
    rows = archive.read(folder)
    assert rows.equals(single(run, pattern))
    assert rows["path"].str.starts_with("file://").all()
    _, _, err = run("scan", pattern, "--archive", folder, "--quiet")
    assert "3 of 3 parts are there" in err


def test_what_is_done_is_not_done_again(run, logs, tmp_path):
    folder = tmp_path / "results"
    run("scan", logs, "--archive", folder, "--quiet")
    before = times(folder)
    assert len(before) == 6
    lost = sorted((folder / archive.DONE).iterdir())[1]
    lost.unlink()  # as if it had been killed before
    _, _, err = run("scan", logs, "--archive", folder, "--quiet")
    assert "2 of 3 parts are there" in err
    after = times(folder)
    assert {name for name in after if after[name] != before[name]} == {
        f"{kind}/{lost.stem}.parquet" for kind in (archive.PLATEAUS, archive.RUNS)
    }


def test_what_a_killed_scan_left_is_swept(run, logs, tmp_path):
    """Also where its logs are others now, so that no file is to have that name."""
    folder = tmp_path / "results"
    (folder / archive.RUNS).mkdir(parents=True)
    part = folder / archive.RUNS / ".000007-0123456789abcdef.parquet.abcdefgh.part"
    foreign = part.with_name(".notes.abcdefgh.part")
    for file in (part, foreign):
        file.touch()
        os.utime(file, (0, 0))
    run("scan", logs, "--archive", folder, "--quiet")
    assert (part.exists(), foreign.exists()) == (False, True)


def test_other_logs_and_settings_are_done_anew(run, tmp_path):
    logs, folder = tmp_path / "logs", tmp_path / "results"
    make_logs(logs, 7)
    run("scan", logs, "--archive", folder, "--quiet")
    make_logs(logs, 8)
    first = logs / "000" / "run00000.csv"
    first.write_text(first.read_text() + "300,0.5\n")
    run("scan", logs, "--archive", folder, "--quiet")
    assert archive.read(folder).equals(single(run, logs))
    before = times(folder)
    run("scan", logs, "--archive", folder, "--quiet", "--horizon", 200)
    assert times(folder).keys().isdisjoint(before)


def test_what_could_not_be_read_is_tried_again(logs, tmp_path):
    """A disk or a network that fails is not the log's fault."""
    folder, failing, warnings = tmp_path / "results", tmp_path / "failing", []
    asked = archive.Asked(partial(read_unless, failing=str(failing)), Rule())
    (first, *_) = archive.parts_of(find_logs([str(logs)], warnings.append), asked)
    assert archive.left(folder, [first]) == [first]
    failing.write_text(first.found[1].path)
    archive.work(first, folder, asked)
    told = archive.summary(folder)
    assert (told.logs, told.again) == (len(first.found) - 2, 1)  # another is damaged
    assert any("Input/output error" in line for line in told.said)
    assert archive.left(folder, [first]) == [first]
    failing.unlink()
    archive.work(first, folder, asked)
    told = archive.summary(folder)
    assert (told.logs, told.again) == (len(first.found) - 1, 0)
    assert archive.left(folder, [first]) == []


def test_an_archive_goes_on_from_any_folder(run, tmp_path, monkeypatch):
    make_logs(tmp_path / "logs", 2, rows=30)
    monkeypatch.chdir(tmp_path)
    assert run("scan", "logs", "--archive", "results", "--quiet")[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, _, err = run("scan", "../logs", "--archive", "../results", "--quiet")
    assert (code, err) == (0, "plateau: ../results: 1 of 1 parts are there\n")
    paths = archive.read(tmp_path / "results", archive.RUNS)["path"].to_list()
    assert {str(tmp_path / "logs") in path for path in paths} == {True}


def test_one_scan_at_a_time_fills_an_archive(run, logs, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    with Lock(folder / archive.DONE):
        code, _, err = run("scan", logs, "--archive", folder)
    told = f"plateau: {folder}/done: is in use by process {os.getpid()}\n"
    assert (code, err) == (2, told)


def test_what_is_not_of_an_archive_stays(run, logs, tmp_path):
    """A folder for training runs is called "runs" as well."""
    own = tmp_path / "runs" / "notes.csv"
    own.parent.mkdir()
    own.write_text("step,loss\n")
    (tmp_path / "runs" / "first").mkdir()
    for _ in range(2):
        code, _, err = run("scan", logs, "--archive", tmp_path, "--quiet")
        assert code == 0, err
    assert own.exists()
    assert len(archive.read(tmp_path, archive.RUNS)) == COUNT - len(BAD)


def test_logs_where_an_archive_has_its_own_files_are_refused(run, tmp_path):
    make_logs(tmp_path / "logs" / "runs", 2)
    for paths, folder in [
        ([tmp_path / "logs"], tmp_path / "logs"),
        ([tmp_path / "logs" / "runs"], tmp_path / "logs"),
        ([f"{tmp_path}/**/*.csv"], tmp_path / "logs"),
    ]:
        code, _, err = run("scan", *paths, "--archive", folder)
        assert (code, "which is read" in err) == (2, True), err
        assert not (folder / archive.DONE).exists()


def test_where_no_log_is_found_an_archive_stays(run, tmp_path):
    make_logs(tmp_path / "logs", 1, rows=30)
    folder = tmp_path / "results"
    assert run("scan", tmp_path / "logs", "--archive", folder, "--quiet")[0] == 0
    before = times(folder)
    code, _, err = run("scan", f"{tmp_path}/lost/*.csv", "--archive", folder, "--quiet")
    assert (code, "no file matches" in err) == (2, True), err
    assert times(folder) == before


def test_two_formats_of_a_run_stay_together(tmp_path):
    asked = archive.Asked(read=print, rule=None)
    names = ["a/1.csv", "a/2.csv", "b/1.csv", "b/1.json", "b/2.csv", "b/2.json", "c/1.csv"]
    parts = archive.parts_of([Found(name, "x") for name in names], asked, size=3)
    cut = [[one.path for one in part.found] for part in parts]
    assert cut == [names[:2], names[2:6], names[6:]]


def test_a_run_that_is_a_folder_is_done_anew_when_it_grew(tmp_path):
    asked = archive.Asked(read=print, rule=None)
    metric = tmp_path / "run" / "metrics" / "loss"
    metric.parent.mkdir(parents=True)
    metric.write_text("1700000000000 0.5 0\n")
    found = [Found(str(tmp_path / "run"))]
    (before,) = archive.parts_of(found, asked)
    assert archive.parts_of(found, asked) == [before]
    with metric.open("a") as file:
        file.write("1700000001000 0.4 1\n")
    assert archive.parts_of(found, asked) != [before]


def test_bad_usage_is_one_line(run, logs, tmp_path):
    for arguments, problem in [
        (("--dask", "local"), "--dask needs --archive FOLDER"),
        (("--archive", tmp_path, "--format", "json"), "--archive takes no --format"),
        (("--archive", logs / "results"), "which is read"),
        (("--archive", tmp_path, "--dask", "tcp://127.0.0.1:1"), "--dask"),
    ]:
        code, _, err = run("scan", logs, *arguments)
        assert (code, problem in err) == (2, True), err
