"""Saved logs from Python: the same as on the command line; plots, reports, frames, displays."""

import json
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import plateau
from plateau import Detector, Haar, Scan, ThresholdDetector, Verdict
from plateau.logs import LogError

FLAT = 2 + np.exp(-np.arange(400) / 20)


def write(path, values, columns="step,loss"):
    path.parent.mkdir(exist_ok=True)
    rows = (f"{i},{x:.6f}" for i, x in enumerate(values))
    path.write_text("\n".join([columns, *rows, ""]))
    return path


@pytest.fixture
def logs(tmp_path):
    write(tmp_path / "a" / "log.csv", FLAT)
    write(tmp_path / "b" / "log.csv", np.linspace(5, 1, 400))
    (tmp_path / "b" / "notes.log").write_text("nothing\n")
    return tmp_path


@pytest.fixture
def found(logs):
    return plateau.scan([logs / "a", logs / "b"])


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_log_is_read(logs):
    log = plateau.read_log(logs / "a" / "log.csv", metric="LOSS")
    (run,) = log.runs
    assert (run.metric, run.x_name, len(run.values)) == ("loss", "step", 400)
    with pytest.raises(LogError, match="no column"):
        plateau.read_log(logs / "a" / "log.csv", metric="accuracy")


def test_a_scan_has_runs_verdicts_and_warnings(found):
    assert [run.verdict for run in found] == ["plateau", "improving"]
    assert len(found) == len(found.runs) == 2
    assert found[0].plateaus == plateau.find_plateaus(found[0].run.values)
    (warning,) = found.warnings
    assert "1 file holds no series of numbers and was left out" in warning
    with pytest.raises(ValueError, match="2 runs have a verdict each"):
        _ = found.verdict


def test_a_scan_is_what_the_command_says(logs, found):
    command = [sys.executable, "-m", "plateau", "scan", "--format", "json"]
    done = subprocess.run(
        [*command, logs / "a", logs / "b"], capture_output=True, check=True, text=True
    )
    assert found.to_dict() == json.loads(done.stdout)
    assert found.warnings == [
        line.removeprefix("plateau: ") for line in done.stderr.splitlines() if line
    ]


def test_one_path_and_the_settings_of_a_rule(logs):
    scan = plateau.scan(str(logs / "a" / "log.csv"), window=4, threshold=0.01, patience=10)
    assert isinstance(scan[0].detector, ThresholdDetector)
    assert scan.verdict is Verdict.PLATEAU
    with pytest.raises(ValueError, match="window belongs to the detector haar"):
        plateau.scan(logs, detector="ema", window=3)


@pytest.mark.parametrize(
    ("paths", "message"), [([], "no logs were named"), (["/nowhere"], "/nowhere: no such file")]
)
def test_nothing_to_scan_is_an_error(paths, message):
    with pytest.raises(LogError, match=message):
        plateau.scan(paths)


def test_frames_have_a_row_for_each_plateau(found):
    polars, pandas = found.to_polars(), found.to_pandas()
    assert isinstance(pandas, pd.DataFrame)
    assert len(polars) == len(pandas) == len(found[0].plateaus)
    assert polars["kind"].to_list() == [p.kind for p in found[0].plateaus]
    assert list(pandas.columns) == polars.columns


@pytest.mark.parametrize(("name", "begins"), [("r.html", "<!doctype html>"), ("r.md", "### ")])
def test_a_report_is_written(found, tmp_path, name, begins):
    found.report(tmp_path / name)
    assert (tmp_path / name).read_text().startswith(begins)


def test_a_report_is_written_over_no_log_and_in_no_other_form(found, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.html or \.md"):
        found.report(tmp_path / "r.pdf")
    log = write(tmp_path / "c" / "log.md", FLAT)
    with pytest.raises(ValueError, match="is a log"):
        plateau.scan(log).report(log)


def spans(axes):
    return [label for label in axes.get_legend_handles_labels()[1] if "plateau" in label]


def test_a_series_is_drawn_with_its_plateaus_and_fires():
    axes = plateau.plot(pd.Series(FLAT, index=np.arange(400) * 10, name="loss"))
    labels = axes.get_legend_handles_labels()[1]
    assert {"loss", "level", "plateau", "known", "fires"} <= set(labels)
    assert (axes.get_ylabel(), axes.get_xlim()[1]) == ("loss", 3990)


def test_a_series_is_drawn_where_it_should_be_and_by_the_rule_asked_for():
    ours = plt.figure().subplots()
    assert plateau.plot(-FLAT, mode="max", ax=ours) is ours
    rule = ThresholdDetector(Haar(4), 1e-3, 10)
    labels = plateau.plot(iter(FLAT), rule).get_legend_handles_labels()[1]
    assert "fires" in labels


def test_a_scan_is_drawn_run_by_run(found):
    panels = plateau.plot(found)
    assert [axes.get_title(loc="left") for axes in panels] == ["a/log.csv", "b/log.csv"]
    assert spans(panels[0])
    assert not spans(panels[1])
    (alone,) = Scan(found.logs[:1]).plot(ax=panels[0])
    assert alone is panels[0]
    assert plateau.plot(found[1]).get_ylabel() == "loss"


def test_what_was_found_in_a_series_is_drawn():
    assert spans(plateau.plot(plateau.find_plateaus(FLAT)))


def test_a_detector_is_drawn_as_it_remembers():
    detector = Detector()
    detector.update_many(FLAT[:60])
    detector.changed()
    detector.update_many(FLAT)
    middles, means = detector.remembered
    size = round(2 * (middles[0] - 59.5))
    assert np.diff(middles) == pytest.approx(size)
    assert means == pytest.approx(FLAT[: size * len(means)].reshape(-1, size).mean(axis=1))
    flat = Detector()
    flat.update_many(FLAT)
    axes = plateau.plot(flat)
    assert spans(axes)
    assert axes.get_lines()[0].get_xdata()[0] == flat.remembered[0][0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plateau.plot(ThresholdDetector(Haar(2), 1.0, 1)), "give it the series"),
        (
            lambda: plateau.plot(Detector(), mode="max"),
            "mode: only for a series, not for a Detector",
        ),
        (lambda: plateau.plot(FLAT, Detector(), mode="max"), "give a detector or mode, not both"),
        (lambda: plateau.plot(["a"]), "real numbers"),
        (lambda: plateau.plot(FLAT, plt.figure().subplots()), "by name: plot.*ax=axes"),
    ],
)
def test_what_cannot_be_drawn_is_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_scan_of_several_runs_needs_several_axes(found):
    with pytest.raises(TypeError, match="2 runs have one each"):
        plateau.plot(found, ax=plt.figure().subplots())
    with pytest.raises(TypeError, match="detector: only for a series, not for a scan"):
        plateau.plot(found, Detector())


def test_results_show_themselves_in_a_notebook(found):
    shown = plateau.find_plateaus(FLAT)._repr_html_()
    assert shown.count("<tr>") == 1 + len(plateau.find_plateaus(FLAT))
    assert "data:image/png;base64," in shown
    assert "no plateau" in plateau.find_plateaus(np.linspace(1, 0, 100))._repr_html_()
    knew = plateau.trace(FLAT)._repr_html_()
    assert "<td>plateau</td>" in knew
    assert "no samples" in plateau.trace([])._repr_html_()
    told = found._repr_html_()
    assert "<td>still moving</td>" in told
    assert "was left out" in told
    assert repr(found) == "<Scan: 1 plateau in 2 runs, 1 warning>"
    first = found.runs[0]
    rows = f"{len(first.run.values):,} rows"
    assert repr(first).startswith(f"<RunScan: run {first.run.name}, {first.run.metric}, {rows}, ")


def test_names_from_a_log_are_text(tmp_path):
    log = write(tmp_path / "log.csv", FLAT, "step,<b>loss</b>")
    assert "<b>" not in plateau.scan(log)._repr_html_()


def test_a_long_result_is_cut(tmp_path):
    columns = ",".join(["step", *(f"loss_{i}" for i in range(25))])
    rows = [",".join([str(i), *[f"{x:.5f}"] * 25]) for i, x in enumerate(FLAT[:60])]
    log = Path(tmp_path / "log.csv")
    log.write_text("\n".join([columns, *rows, ""]))
    scan = plateau.scan(log, metric=[f"loss_{i}" for i in range(25)])
    assert "and 5 more" in scan._repr_html_()
    assert len(scan.plot()) == 12
