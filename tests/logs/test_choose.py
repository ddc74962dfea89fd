"""Scores of names."""

import numpy as np
import pytest

from plateau.logs.columns import column
from plateau.logs.names import as_metric, as_rate, as_x, quantities
from plateau.logs.names.words import matching


def named(name, *, held_out=False):
    made = column(name, np.arange(3), np.arange(3.0))
    made.held_out = held_out
    return made


@pytest.mark.parametrize(
    "names",
    [
        ["loss", "loss_cls"],
        ["loss", "avg_loss"],
        ["train_loss", "val_loss"],
        ["train_ppl", "val_loss"],
        ["Train-accuracy", "Train-top_k_accuracy_5"],
        ["Train-accuracy", "Validation-accuracy"],
        ["total_loss", "loss_rpn_cls"],
        ["lm loss", "loss scale"],
        ["episode_reward", "policy_loss"],
        ["episode_reward_mean", "episode_reward_max"],
        ["rmse_trn", "rmse_val"],
        ["loss_mel", "loss_disc"],
        ["loss_mel", "loss_0"],
        ["D/loss", "G/loss"],
        ["cross-entropy", "entropy"],
        ["perplexity", "speed"],
        ["trainLoss", "learningRate"],
        ["valloss", "epoch"],
        ["loss", "vloss"],
        ["loss", "loss_f"],
        ["total", "box"],
        ["loss", "total"],
        ["logz", "dlogz"],
    ],
)
def test_first_is_the_better_metric(names):
    better, worse = (as_metric.metric_points(named(name)) for name in names)
    assert better > worse


def test_text_beside_the_name_counts():
    points = as_metric.metric_points
    assert points(named("loss")) > points(named("loss", held_out=True))


@pytest.mark.parametrize(
    "names",
    [
        ["global_step", "step"],
        ["Iteration", "epoch"],
        ["num_updates", "samples"],
        ["frame", "time"],
        ["step", "samples/sec"],
        ["iter", "time per iteration"],
        ["round", "batch size"],
        ["epoch", "train_loss_step"],
    ],
)
def test_first_is_the_better_x(names):
    better, worse = (as_x.x_points(named(name)) for name in names)
    assert better > worse


@pytest.mark.parametrize("name", ["lr", "LR", "L.r.", "x/lr0", "learning_rate", "LearningRate",
                                  "learning rate", "lr-Adam", "current_lr_0", "rate"])  # fmt: skip
def test_learning_rates(name):
    assert as_rate.lr_points(named(name)) > 0


@pytest.mark.parametrize("name", ["loss", "lr_scale", "min_lr", "drop rate", "sampling_rate", "pl"])
def test_no_learning_rates(name):
    assert as_rate.lr_points(named(name)) == 0


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("loss", "min"), ("accuracy_loss", "min"), ("rmse", "min"), ("val_ppl", "min"),
        ("unheard of", "both"), ("top1_acc", "max"), ("mAP50", "max"), ("metrics/mAP_0.5", "max"),
        ("log_likelihood", "max"), ("negative log likelihood", "min"), ("lnL", "max"),
        ("F1", "max"), ("BLEU", "max"), ("ep_rew_mean", "max"), ("Train-accuracy", "max"),
    ],
)  # fmt: skip
def test_direction(name, mode):
    assert quantities.direction(name) == mode


def test_names_a_user_types():
    names = ["Loss", "val/loss", "Train Accuracy"]
    assert matching("Loss", names) == {"Loss"}
    assert matching("VAL_LOSS", names) == {"val/loss"}
    assert matching("accuracy", names) == {"Train Accuracy"}
    assert matching("ss", names) == set()
    assert matching("?", names) == set()


@pytest.mark.parametrize(
    ("name", "x", "steps"),
    [
        ("step", [0, 1, 1, 2], True), ("Epoch, iter", [1, 2], True), ("total_timesteps", [1], True),
        ("step", [0.5, 1.0], False), ("step", [2, 1], False), ("epoch", [1, 2], False),
        ("row", [0, 1], False), ("round", [0, 1], False), ("time", [0, 1], False),
    ],
)  # fmt: skip
def test_counts_steps(name, x, steps):
    assert as_x.counts_steps(name, np.array(x, dtype=float)) is steps


@pytest.mark.parametrize("name", ["s/it", "ms/step", "tokens/step", "it/s"])
def test_what_a_step_takes_is_no_x(name):
    assert as_x.x_points(named(name)) == 0


@pytest.mark.parametrize(("name", "time"), [("t [s]", True), ("T [K]", False), ("ok T", False)])
def test_a_temperature_is_no_time(name, time):
    assert (as_x.x_points(named(name)) == as_x.X_TIME) is time


@pytest.mark.parametrize("name", ["train/step", "time/total_steps", "trainer/global_step"])
def test_a_counter_may_have_a_path(name):
    assert as_x.x_points(named(name)) >= as_x.X_STEP


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("exit_code", "a code or a state"), ("it/s", "how fast it runs"),
        ("cpu", "a duration or a load"), ("time_total", "a duration or a load"),
        ("latency_ms", "what a service is judged by"), ("loss_scale", "no metric by its name"),
        ("zzz", "unknown name"), ("val_loss", "validation"),
    ],
)  # fmt: skip
def test_remarks_are_the_words_of_the_page(name, said):
    assert said in as_metric.remarks(named(name))


def test_in_a_training_a_service_tells_how_fast_it_runs():
    assert as_metric.remarks(named("latency_ms"), training=True) == ["how fast it runs"]
    assert as_metric.metric_points(named("latency_ms")) > 0
    assert as_metric.metric_points(named("latency_ms"), training=True) < 0
