"""Which runs of a folder have shifted: one look at all of them."""

import json

import numpy as np
import polars as pl
import pytest

from plateau import archive, scan

SHIFTED = {3, 17}
COUNT = 40


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    """Latencies of services that rest, of which two have shifted, one of them downwards."""
    folder, rng = tmp_path_factory.mktemp("metrics"), np.random.default_rng(0)
    for number in range(COUNT):
        values = 20.0 + rng.standard_t(4, size=400)
        if number in SHIFTED:
            values[250:] += 4.0 if number == 3 else -4.0
        lines = [f"{1000 * i},{value:.4f}" for i, value in enumerate(values)]
        (folder / f"host-{number:02d}.csv").write_text("\n".join(["step,latency", *lines, ""]))
    return folder


def number_of(path):
    return int(path[-6:-4])


def test_those_that_shifted_are_named(metrics):
    found = scan(metrics)
    assert len(found) == COUNT
    named = found.shifted()
    evidence = [each.e_value for each in named]
    assert evidence == sorted(evidence, reverse=True)
    assert {found.runs.index(each) for each in named} == SHIFTED
    assert found.shifted(1e-40) == []


def test_the_command_names_them(run, metrics):
    code, out, err = run("scan", metrics, "--shifted", 0.05)
    assert (code, err) == (0, "")
    *_, heading, first, second = out.decode().splitlines()
    assert heading == f"Shifted, at most 0.05 of them falsely: 2 of {COUNT} runs"
    assert {number_of(line.split(",")[0]) for line in (first, second)} == SHIFTED
    assert first.split()[0] == "e-value"


def test_json_tells_it_of_each_run(run, metrics):
    code, out, _ = run("scan", metrics, "--shifted", 0.05, "--format", "json")
    assert code == 0
    found = {
        number_of(log["path"]): (each["shifted"], each["e_value"])
        for log in json.loads(out)["logs"]
        for each in log["runs"]
    }
    assert {number for number, (shifted, _) in found.items() if shifted} == SHIFTED
    assert all(evidence >= 0.0 for _, evidence in found.values())
    _, out, _ = run("scan", metrics / "host-03.csv", "--format", "json")
    assert "shifted" not in json.loads(out)["logs"][0]["runs"][0]


def test_evidence_without_bound_is_a_number_of_json(run, tmp_path):
    values = np.repeat([0.0, 1.0], 4000) + 0.001 * np.random.default_rng(0).normal(size=8000)
    lines = [f"{i},{value:.6f}" for i, value in enumerate(values)]
    log = tmp_path / "step.csv"
    log.write_text("\n".join(["step,latency", *lines, ""]))
    _, out, _ = run("scan", log, "--shifted", 0.05, "--format", "json")
    (only,) = json.loads(out)["logs"][0]["runs"]
    assert only["shifted"] is True
    assert only["e_value"] > 1e12


def test_an_archive_tells_it_of_all_its_runs(run, metrics, tmp_path):
    folder = tmp_path / "results"
    code, out, _ = run("scan", metrics, "--archive", folder, "--shifted", 0.05)
    assert code == 0
    heading = f"Shifted, at most 0.05 of them falsely: 2 of {COUNT} runs"
    assert heading in out.decode()
    page = (folder / "summary.html").read_text()
    assert heading in page
    assert "host-03.csv" in page
    runs = archive.read(folder, archive.RUNS)
    top = runs.sort("e_value", descending=True)["path"][:2]
    assert {number_of(path) for path in top} == SHIFTED
    assert runs["e_value"].dtype == pl.Float64
    _, out, _ = run("scan", metrics, "--archive", folder)
    assert "Shifted" not in out.decode()


def test_bad_usage_is_one_line(run, metrics):
    for arguments, problem in [
        (("--shifted", 1), "the share must be above 0 and below 1"),
        (("--shifted", 0.1, "--format", "csv"), "--shifted needs --format table or json"),
    ]:
        code, _, err = run("scan", metrics, *arguments)
        assert (code, problem in err, len(err.splitlines())) == (2, True, 1), err
