"""However a log comes in, its plateaus are those of a scan."""

import gzip

import numpy as np
import pytest
from following import events_of, folded, in_chunks, random_sizes, scanned, staircase, watch

from plateau.logs import read_log
from plateau.offline import scan_run
from plateau.rule import Rule


@pytest.mark.parametrize("most", [1000, 4000, 100_000])
def test_chunks_give_the_same_events(most):
    data = staircase().encode()
    events = in_chunks(data, random_sizes(most, most))
    assert events == in_chunks(data, iter([len(data)]))
    kinds = [event["event"] for event in events]
    assert kinds[:2] == ["plateau", "nonfinite"]
    assert kinds.count("plateau") == 2


def test_the_plateaus_are_those_of_a_scan(tmp_path):
    path = tmp_path / "run.log"
    path.write_text(staircase())
    events = events_of(watch(path, "--idle", 0, "--format", "jsonl").stdout)
    log = read_log(path)
    assert folded(events) == scanned(log)
    found = scan_run(log.runs[0], past=True).plateaus
    first = next(event for event in events if event["event"] == "plateau")
    assert first["start_x"] == log.runs[0].x[found[0].start]
    assert first["declared_x"] == first["x"] == log.runs[0].x[found[0].declared]


@pytest.mark.parametrize(
    "rule",
    [
        Rule("haar", window=40, threshold=2e-3, patience=300),
        Rule("ema", alpha=0.005, beta=0.005, threshold=5e-4, patience=2000),
    ],
    ids=["haar", "ema"],
)
def test_a_threshold_rule_counts_steps_as_a_scan_does(tmp_path, rule):
    path = tmp_path / "run.log"
    path.write_text(staircase(3000))
    events = in_chunks(path.read_bytes(), random_sizes(1, 5000), rule=rule)
    assert folded(events) == scanned(read_log(path), rule) != {}


LOGS = [
    "caffe-caffenet-bs1024/caffenet128_lsuv_bs1024.log.gz",
    "caffe-diverge-crash/caffenet128_lsuv_bs32_lr008.log",
    "catboost-ocd/learn_error.tsv",
    "catboost-ocd/test_error.tsv",
    "coqui-vits/trainer_0_log.txt",
    "darknet-yolov3-cats/train.log.gz",
    "deepmd-cucl/lcurve.out",
    "deepxde-deephx/loss.dat",
    "detectron2-tfg/metrics.json.gz",
    "fairseq-mhmoe/train.log",
    "fastface-ms1mv3/ms1mv3_epoch5_r100.txt.gz",
    "hf-nsllm/trainer_log.jsonl",
    "joeynmt-lafand/validations.txt",
    "keras-csvlogger-capsnet/log.csv",
    "lightning-pendulum/metrics.csv",
    "lightning-pendulum-long/metrics.csv.gz",
    "marian-bt-gate/train_bt_encs_biclean+bt_noise.doc.gate.log",
    "marian-restart/train_trans_dual_doc.sam_emb.log",
    "mlflow-segformer/metrics/train/loss",
    "mmdet-faster-rcnn-1x/20210218_221611.log.json.gz",
    "mmdet-nan-lrx10/20211207_135738.log.json",
    "mmdet-spikes-freeanchor/20210312_095808.log.json.gz",
    "mxnet-resnet18/resnet-18.log.gz",
    "nanogpt-wandb-output/output.log",
    "openai-logger-kpd/log.txt",
    "openai-logger-kpd/progress.csv",
    "pytorch-swav-cifar10/train.log",
    "pytorch-swav-cifar10-linear/train.log",
    "rl-atari-a2c/progress.csv",
    "stylegan2-phytoplankton/stats.jsonl.gz",
    "xgboost-geotab/xgb.log",
    "yolov5-oral/results.csv",
]


@pytest.fixture(scope="module")
def real_logs(shared_data):
    return shared_data / "logs"


@pytest.mark.parametrize("name", LOGS)
def test_real_logs_give_the_plateaus_of_a_scan(real_logs, name):
    path = real_logs / name
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    events = in_chunks(data, random_sizes(name, max(len(data) // 100, 1000)), str(path))
    assert folded(events) == scanned(read_log(path))


def test_lines_that_belong_together_wait_for_each_other(tmp_path):
    """The step stands below the loss that it counts, between drawn lines."""
    rng = np.random.default_rng(3)
    loss = 1 + 5 * np.exp(-np.arange(2000) / 100) + 0.01 * rng.normal(size=2000)
    block = "-----------\n| loss | {:.4f} |\n| step | {} |\n"
    path = tmp_path / "run.log"
    path.write_text("".join(block.format(v, 100 * i) for i, v in enumerate(loss)))
    data = path.read_bytes()
    events = in_chunks(data, random_sizes(0, 90))
    assert folded(events) == scanned(read_log(path)) != {}
    assert events == in_chunks(data, iter([len(data)]))


def test_of_several_series_that_words_tell_apart_one_is_watched(tmp_path):
    one = staircase().splitlines(keepends=True)
    both = [f"teacher {line.replace('loss ', 'loss 7')}student {line}" for line in one]
    (tmp_path / "one.log").write_text("".join(f"student {line}" for line in one))
    (tmp_path / "both.log").write_text("".join(both))
    first = watch(tmp_path / "both.log", "--idle", 0)
    assert b"only 'teacher' is watched; --run could name 'student'\n" in first.stderr
    options = "--idle", 0, "--format", "jsonl"
    done = watch(tmp_path / "both.log", "--run", "student", *options)
    assert b"is watched" not in done.stderr
    alone = watch(tmp_path / "one.log", *options)
    told, other = (
        [{**event, "path": "", "run": ""} for event in events_of(each.stdout)]
        for each in (done, alone)
    )
    assert told == other
    assert len(told) > 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("teacher - loss: {v}\nstudent - loss: {v}\n", "there are 'teacher', 'student'"),
        ("step {i} loss {v}\n", "there are no series that words tell apart"),
        ('loss{{gpu="0"}} {v}\nloss{{gpu="1"}} {v}\n', "labels tell its series apart"),
    ],
)
def test_a_run_that_is_not_there(tmp_path, text, said):
    path = tmp_path / "run.log"
    path.write_text("".join(text.format(i=i, v=7 / (i + 9)) for i in range(99)))
    done = watch(path, "--run", "nobody", "--idle", 0)
    assert done.returncode == 2
    assert said in done.stderr.decode()


@pytest.mark.parametrize("writer", ["[rank{}]", "gpu:{}"])
def test_of_several_writers_the_first_is_watched(tmp_path, writer):
    one = staircase().splitlines(keepends=True)
    first, second = (f"{writer.format(n)} " for n in range(2))
    both = [f"{first}{line}{second}{line.replace('loss ', 'loss 7')}" for line in one]
    (tmp_path / "one.log").write_text("".join(first + line for line in one))
    (tmp_path / "both.log").write_text("".join(both))
    alone = watch(tmp_path / "one.log", "--idle", 0, "--format", "jsonl")
    done = watch(tmp_path / "both.log", "--idle", 0, "--format", "jsonl")
    assert b"has several writers, only " in done.stderr
    told = [{**event, "path": ""} for event in events_of(alone.stdout)]
    assert [{**event, "path": ""} for event in events_of(done.stdout)] == told
    assert len(told) > 1
