"""Real logs, against what is known of them."""

# ruff: noqa: E501  (one row for each log)

import numpy as np
import pytest

from plateau.logs import read_log


def changes(run):
    at = np.flatnonzero(np.diff(run.lr)) + 1
    return list(zip(run.x[at].tolist(), run.lr[at].tolist(), strict=True))


LOGS = [
    # path, format, metric, x, points of each run, learning rate's name
    ("fastface-ms1mv3/ms1mv3_epoch5_r100.txt.gz", "text", "Loss", "Global Step", [20231], "LearningRate"),
    ("mmdet-faster-rcnn-1x/20210218_221611.log.json.gz", "jsonl", "loss", "epoch, iter", [7200], "lr"),
    ("mmdet-nan-lrx10/20211207_135738.log.json", "jsonl", "loss", "epoch, iter", [750], "lr"),
    ("mmdet-spikes-freeanchor/20210312_095808.log.json.gz", "jsonl", "loss", "epoch, iter", [7200], "lr"),
    ("caffe-caffenet-bs1024/caffenet128_lsuv_bs1024.log.gz", "text", "loss", "Iteration", [4001], "lr"),
    ("caffe-diverge-crash/caffenet128_lsuv_bs32_lr008.log", "text", "loss", "Iteration", [50], "lr"),
    ("marian-bt-gate/train_bt_encs_biclean+bt_noise.doc.gate.log", "text", "Cost", "Up.", [2658], "L.r."),
    ("marian-restart/train_trans_dual_doc.sam_emb.log", "text", "Cost", "Up.", [10, 942], "L.r."),
    ("darknet-yolov3-cats/train.log.gz", "text", "loss", "iteration", [6000], "rate"),
    ("detectron2-tfg/metrics.json.gz", "jsonl", "total_loss", "iteration",
     [40, 18, 125, 125, 899, 500, 13, 13], "lr"),
    ("hf-mt5-azeri/trainer_state.json", "json", "loss", "step", [700], "learning_rate"),
    ("hf-nsllm/trainer_state.json", "json", "loss", "step", [435], "learning_rate"),
    ("hf-nsllm/trainer_log.jsonl", "jsonl", "loss", "current_steps", [435], "lr"),
    ("nanogpt-wandb-output/output.log", "text", "loss", "iter", [2547], None),
    ("openai-logger-kpd/progress.csv", "csv", "loss", "step", [4736], None),
    ("openai-logger-kpd/log.txt", "text", "loss", "step", [2065], None),
    ("stylegan2-phytoplankton/stats.jsonl.gz", "jsonl", "Loss/D/loss.mean", "Progress/kimg.mean", [751], None),
    ("deepmd-cucl/lcurve.out", "table", "rmse_trn", "step", [1001], "lr"),
    ("joeynmt-lafand/validations.txt", "text", "Loss", "Steps", [517], "LR"),
    ("deepxde-deephx/loss.dat", "table", "loss_train", "step", [33], None),
    ("coqui-vits/trainer_0_log.txt", "text", "loss_mel", "GLOBAL_STEP", [246], "current_lr_0"),
    ("catboost-ocd/learn_error.tsv", "tsv", "Quantile:alpha=0.7", "iter", [1500], None),
    ("catboost-ocd/test_error.tsv", "tsv", "Quantile:alpha=0.7", "iter", [1500], None),
    ("xgboost-geotab/xgb.log", "text", "train-rmse", "iteration", [1000, 1000, 1000, 656, 928, 1000], None),
    ("yolov5-oral/results.csv", "csv", "train/box_loss", "epoch", [500], "x/lr0"),
    ("mlflow-segformer/metrics/train/loss", "mlflow", "train/loss", "step", [15960], "learning_rate"),
    ("mlflow-segformer/metrics/learning_rate", "mlflow", "learning_rate", "step", [16000], None),
    ("lightning-pendulum/metrics.csv", "csv", "train_loss_step", "step", [126], None),
    ("lightning-pendulum-long/metrics.csv.gz", "csv", "train_loss_epoch", "step", [10000], None),
    ("keras-csvlogger-capsnet/log.csv", "csv", "loss", "epoch", [50], None),
    ("pytorch-swav-cifar10/train.log", "text", "Loss", "Epoch, iteration", [22, 124, 218, 800], "Lr"),
    ("pytorch-swav-cifar10-linear/train.log", "text", "Loss", "Epoch", [500], "LR"),
    ("rl-atari-a2c/progress.csv", "csv", "episode_reward", "frame", [994], None),
    ("fairseq-mhmoe/train.log", "text", "loss", "num_updates", [340], "lr"),
    ("mxnet-resnet18/resnet-18.log.gz", "text", "Train-accuracy", "Epoch, Batch", [4950, 1100],
     "Change learning rate"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "kind", "metric", "x", "points", "lr"), LOGS, ids=[row[0] for row in LOGS]
)
def test_read(real_logs, path, kind, metric, x, points, lr):
    log = read_log(real_logs / path)
    assert log.format == kind
    assert {(run.metric, run.x_name) for run in log.runs} == {(metric, x)}
    assert [len(run.values) for run in log.runs] == points
    assert log.runs[0].lr_name == lr
    assert all((np.diff(run.x) >= 0).all() for run in log.runs)


def test_runs_side_by_side(real_logs):
    log = read_log(real_logs / "wandb-export-nanogpt/wandb_export.csv")
    points = {run.name: len(run.values) for run in log.runs}
    assert len(points) == 8
    assert points["gpt2"] == 386
    assert {run.metric.rpartition(" - ")[2] for run in log.runs} == {"train/loss"}


def test_learning_rate_steps_of_a_staircase(real_logs):
    (run,) = read_log(real_logs / "fastface-ms1mv3/ms1mv3_epoch5_r100.txt.gz").runs
    assert (run.x[0], run.x[-1], run.lines[0]) == (20, 202320, 2)
    assert run.counts_steps
    halvings = [54280, 72870, 94820, 113110, 135870, 143870, 151870]
    rises, more = [159870, 199830], [175830, 183830, 191830]
    assert [x for x, _ in changes(run)] == sorted(halvings + rises + more)
    assert changes(run)[7] == (159870, 0.000625)


def test_learning_rate_on_lines_of_its_own(real_logs):
    (run,) = read_log(real_logs / "caffe-caffenet-bs1024/caffenet128_lsuv_bs1024.log.gz").runs
    assert changes(run) == [(25000, 0.001), (50000, 0.0001), (75000, 1e-05)]
    assert not np.isnan(run.lr).any()


def test_learning_rate_of_a_plateau_scheduler(real_logs):
    (run,) = read_log(real_logs / "joeynmt-lafand/validations.txt").runs
    found = [x for x, _ in changes(run)]
    assert len(found) == 26
    assert found[:6] == [109000, 156000, 199000, 213000, 229000, 239000]


def test_learning_rate_of_epochs(real_logs):
    (run,) = read_log(real_logs / "mmdet-faster-rcnn-1x/20210218_221611.log.json.gz").runs
    assert changes(run)[-2:] == [(8 * 30000 + 50, 0.002), (11 * 30000 + 50, 0.0002)]


def test_decay_in_twenty_steps(real_logs):
    (run,) = read_log(real_logs / "deepmd-cucl/lcurve.out").runs
    assert [x for x, _ in changes(run)] == list(range(5000, 100001, 5000))


def test_divergence_is_kept(real_logs):
    (run,) = read_log(real_logs / "mmdet-nan-lrx10/20211207_135738.log.json").runs
    assert np.isnan(run.values).sum() == 355
    assert run.lines[np.isnan(run.values)][0] == 402


def test_run_boundaries(real_logs):
    starts = {
        "marian-restart/train_trans_dual_doc.sam_emb.log": [461],
        "detectron2-tfg/metrics.json.gz": [42, 61, 186, 311, 1211, 1711, 1724],
        "xgboost-geotab/xgb.log": [1004, 2007, 3010, 3672, 4606],
        "pytorch-swav-cifar10/train.log": [2347, 2982, 3758],
        "mxnet-resnet18/resnet-18.log.gz": [10410],
    }
    for path, lines in starts.items():
        log = read_log(real_logs / path)
        assert [run.lines[0] for run in log.runs[1:]] == lines
        assert sum("goes back" in warning for warning in log.warnings) == len(lines)


def test_two_records_of_one_run_agree(real_logs):
    (state,) = read_log(real_logs / "hf-nsllm/trainer_state.json").runs
    (lines,) = read_log(real_logs / "hf-nsllm/trainer_log.jsonl").runs
    np.testing.assert_array_equal(state.values, lines.values)
    np.testing.assert_array_equal(state.x, lines.x)
