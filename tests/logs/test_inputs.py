"""Small made-up files with their right answers, which are not part of the project."""

import json

import pytest

from plateau.logs import LogError, read_log

RIGHT = {
    "k1.log": [("cost", "epoch", "min", 60)],
    "k2.ipynb": [("loss", "Epoch", "min", 50)],
    "k3a.log": [("test accuracy", "row", "max", 40)],
    "k3c.log": [("eval_accuracy", "row", "max", 12)],
    "k4a.csv": [("success_rate", "step", "max", 200)],
    "k4b.csv": [("latency_ms", "time", "min", 400)],
    "k4c.csv": [("download_mbps", "time", "max", 400)],
    "k4d.log": [("time", "icmp_seq", "min", 600)],
    "k4e.dat": [("Cd", "Time", "both", 300)],
    "k5a.log": [("loss", "row", "min", 40)] * 2,
    "k5b.log": [("loss", "Epoch, step", "min", 60)],
    "k6a.log": [("Initial residual", "Time", "min", 60)] * 2,
    "k6b.log": [("residual", "ionic step, N", "min", 320)],
    "k6c.log": [("loss", "Epoch, iteration", "min", 54)],
    "k6d.log": [("loss", "Epoch, Batch", "min", 25)],
    "k7a.log": [("Objective", "Iteration", "min", 60)],
    "k7b.log": [("Gap", "Node", "min", 142)],
    "k7c.log": [("Potential", "row", "both", 60)],
    "k7d.log": [("total energy", "row", "both", 30)],
    "k7e.dat": [("RMS rho", "Iter", "min", 400)],
    "k7f.txt": [("column 2", "column 1", "both", 300)],
    "k11a.log": [("손실", "에폭, 반복", "min", 60)],
    "k11b.log": [("訓練損失", "エポック", "min", 60)],
    "k13.log": [("loss", "step", "min", 400)],
    "k14.log": [("loss_train", "step", "min", 100)],
    "k15.csv": [("temperature", "row", "both", 399)],
    "k18.prom": [("req_seconds", "row", "min", 600)] * 2,
    "k19.jsonl": [("ms", "ts", "min", 800)],
    "k20.csv": [("latency_ms", "ts", "min", 900)],
}
"""Metric, x, direction and points of each run."""

JUNK = {"k3b.log", "k3d.log"}
"""Without a metric."""

FOR_DETECTORS = {"k8.csv", "k9.csv", "k10a.csv", "k10b.csv", "k10c.csv", "k16.log", "k21.csv"}
"""Whose answers are plateaus."""


@pytest.mark.parametrize("name", RIGHT)
def test_a_file_reads_as_its_right_answer(name, shared_data):
    runs = read_log(shared_data / "inputs" / name).runs
    assert [(run.metric, run.x_name, run.mode, len(run.values)) for run in runs] == RIGHT[name]


@pytest.mark.parametrize("name", sorted(JUNK))
def test_junk_is_refused(name, shared_data):
    with pytest.raises(LogError, match="no column looks like a metric"):
        read_log(shared_data / "inputs" / name)


def test_no_file_is_forgotten(shared_data):
    named = json.loads((shared_data / "inputs" / "RIGHT.json").read_text(encoding="utf-8"))
    assert named.keys() == {*RIGHT, *JUNK, *FOR_DETECTORS}
