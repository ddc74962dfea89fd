"""Text logs: one made-up log for each trap of the miner."""

import gzip
import math

import numpy as np
import pytest

STEPS = range(10, 210, 10)


def loss(step):
    return round(5 * math.exp(-step / 100) + 0.01 * (step % 7), 4)


LOSSES = [loss(step) for step in STEPS]


def test_words_before_the_number_name_it(read_run):
    run = read_run(
        "starting up\n"
        + "".join(
            f"Training: 2023-12-28 00:21:{i:02d},121-Speed {700 + i}.5 samples/sec   Loss {loss(s)}"
            f"   LearningRate 0.020000   Epoch: 0   Global Step: {s}   Required: {54 - i} hours\n"
            for i, s in enumerate(STEPS)
        )
    )
    assert (run.name, run.metric, run.x_name, run.lr_name) == (
        "1",
        "Loss",
        "Global Step",
        "LearningRate",
    )
    assert run.values.tolist() == LOSSES
    assert run.x.tolist() == list(STEPS)
    assert run.lines.tolist() == list(range(2, 22))
    assert run.lr.tolist() == [0.02] * 20
    assert run.counts_steps
    assert run.mode == "min"
    assert run.values.dtype == run.x.dtype == run.lr.dtype == np.float64
    assert run.lines.dtype == np.int64


@pytest.mark.parametrize(
    "line",
    [
        "step {s} loss {v}",
        "step={s} loss={v}",
        "step: {s}, loss: {v}",
        "[step {s}] loss -> {v}",
        "| step: {s:>8} | loss: {v:<10} |",
        "{{'loss': {v}, 'step': {s}}}",
        'INFO 2024-05-06T07:08:09Z "step": {s}, "loss": "{v}"',
        "step {s}/1000: loss is {v} (0.123 s)",
        "I0411 08:54:06.202049 10647 solver.cpp:237] step {s}, loss = {v}",
        "[2024-01-01 10:00:00,123] [INFO] [run.py:96:log] step={s}, loss={v}, took 12.5ms",
        "12:00:01 worker-3 step {s} of 200 | loss {v} ± 0.01 | 99.5 samples/s",
    ],
)
def test_line_shapes(read_run, line):
    run = read_run("".join(line.format(s=s, v=loss(s)) + "\n" for s in STEPS))
    assert (run.metric, run.x_name) == ("loss", "step")
    assert run.x.tolist() == list(STEPS)
    assert run.values.tolist() == LOSSES


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark(read_run, end, mark):
    text = end.join(f"step {s} loss {loss(s)}" for s in STEPS)
    run = read_run(mark + text.encode())
    assert run.values.tolist() == LOSSES
    assert run.lines.tolist() == list(range(1, 21))


def test_utf16(read_run):
    text = "".join(f"step {s} loss {loss(s)}\n" for s in STEPS)
    assert read_run(text.encode("utf-16")).values.tolist() == LOSSES


def test_gzip_is_known_by_its_bytes(read_run):
    text = "".join(f"step {s} loss {loss(s)}\n" for s in STEPS)
    halves = text.encode()[:100], text.encode()[100:]
    assert read_run(gzip.compress(text.encode()), "log.txt").values.tolist() == LOSSES
    assert read_run(b"".join(map(gzip.compress, halves)), "log").values.tolist() == LOSSES


def test_colours(read_run):
    text = "".join(f"\x1b[31mstep: {s}  \x1b[1;32mloss: {loss(s)}\x1b[0m\n" for s in STEPS)
    assert read_run(text).values.tolist() == LOSSES


def test_progress_bar_that_redraws_itself(read_run):
    text = "begin\n" + "".join(
        f"\r {s // 2:3d}%|{'█' * (s // 20):<10}| {s}/200 [00:01<00:09, 9.9it/s, loss={loss(s)}]"
        for s in STEPS
    )
    run = read_run(text)
    assert (run.metric, run.x_name) == ("loss", "iteration")
    assert run.values.tolist() == LOSSES
    assert run.x.tolist() == list(STEPS)
    assert set(run.lines) == {2}


def test_thousands_separators(read_run):
    run = read_run("".join(f"Up. {s * 1000:,} : Cost {loss(s)} : L.r. 2e-04\n" for s in STEPS))
    assert run.x.tolist() == [1000 * s for s in STEPS]
    assert (run.metric, run.x_name, run.lr_name) == ("Cost", "Up.", "L.r.")


def test_numbers_that_are_none(read_run):
    tokens = ["1.5", "nan", "-nan", "NaN", "inf", "-inf", "nan(ind)", "-1.#IND00", "1.#INF", "2e3"]
    run = read_run("".join(f"step {i} loss {token}\n" for i, token in enumerate(tokens)))
    expected = [
        1.5,
        math.nan,
        math.nan,
        math.nan,
        math.inf,
        -math.inf,
        *[math.nan] * 2,
        math.inf,
        2e3,
    ]
    np.testing.assert_array_equal(run.values, expected)


def test_last_line_cut_in_the_middle(read):
    text = "".join(f"step {s} loss {loss(s):.4f}\n" for s in STEPS)
    for cut in (2, 3, 8):
        log = read(text[:-cut])
        assert log.runs[0].values.tolist() == LOSSES[:-1]
        assert log.warnings == ("line 20 is cut off and was left out",)
    assert read(text[:-1]).runs[0].values.tolist() == LOSSES


def test_names_after_numbers(read):
    log = read("".join(f"{s}: {loss(s)}, 3.5 avg, 0.001 rate, 0.2 seconds\n" for s in STEPS))
    (run,) = log.runs
    assert (run.metric, run.x_name, run.lr_name) == ("loss", "iteration", "rate")
    assert run.values.tolist() == LOSSES
    assert "does not name its metric" in log.warnings[0]


def test_average_in_parentheses(read_run):
    text = "".join(f"iter {s} Loss {loss(s)} (3.{s}) Acc@1 50.0 (51.0)\n" for s in STEPS)
    assert read_run(text).values.tolist() == LOSSES
    averages = read_run(text, metric="Loss (avg)")
    assert averages.values[0] == 3.1
    assert read_run(text, metric="Acc@1").mode == "max"


def test_epoch_and_iteration_make_one_x(read_run):
    pairs = [(e, i) for e in range(3) for i in range(0, 100, 20)]
    text = "".join(
        f"Epoch: [{e}][{i}/100]\tTime 0.1 (0.1)\tLoss {loss(100 * e + i)} (1.0)\n" for e, i in pairs
    )
    run = read_run(text)
    assert run.x_name == "Epoch, iteration"
    assert run.x.tolist() == [100 * e + i for e, i in pairs]
    assert run.counts_steps


def test_epoch_on_a_line_of_its_own(read_run):
    text = "".join(
        f"Epoch {e}/5\n" + "".join(f"{i}/4 - loss: {loss(10 * e + i)}\n" for i in range(1, 5))
        for e in range(1, 6)
    )
    run = read_run(text)
    assert (run.metric, run.x_name) == ("loss", "Epoch, iteration")
    assert run.x.tolist() == list(range(1, 21))


def test_epoch_is_no_step(read_run):
    run = read_run("".join(f"Epoch {e} loss {loss(e)}\n" for e in range(20)))
    assert run.x_name == "Epoch"
    assert not run.counts_steps


def test_iteration_that_never_moves_leaves_the_epoch(read_run):
    run = read_run("".join(f"Epoch[{e}] - Iter: [0/13]\tLoss {loss(e)}\n" for e in range(20)))
    assert run.x_name == "Epoch"


def test_learning_rate_on_the_line_below(read_run):
    text = "".join(
        f"Iteration {s}, loss = {loss(s)}\n    Train net output: loss = {loss(s)} (* 1 = 3 loss)\n"
        f"Iteration {s}, lr = {0.1 if s < 100 else 0.01}\n"
        for s in STEPS
    )
    run = read_run(text)
    assert run.x_name == "Iteration"
    assert run.values.tolist() == LOSSES
    assert run.lr.tolist() == [0.1 if s < 100 else 0.01 for s in STEPS]


def test_learning_rate_told_when_it_changes(read_run):
    text = ""
    for s in STEPS:
        text += "learning rate set to 0.5\n" if s == 50 else ""
        text += "learning rate set to 0.05\n" if s == 150 else ""
        text += f"step {s} loss {loss(s)}\n"
    lr = read_run(text).lr
    assert np.isnan(lr[:4]).all()
    assert lr[4:].tolist() == [0.5] * 10 + [0.05] * 6


def test_the_severity_is_no_part_of_a_name(read_run):
    run = read_run(
        "".join(
            f"2026-11-20 10:15:{i:02d} INFO step {s} loss {loss(s)}\n" for i, s in enumerate(STEPS)
        )
    )
    assert (run.metric, run.x_name) == ("loss", "step")


def test_boxed_tables(read_run):
    text = "".join(
        f"-----------------\n| train/ |        |\n|    loss | {loss(s):<6} |\n"
        f"|    lr   | 0.001  |\n| step    | {s:<6} |\n-----------------\n"
        for s in STEPS
    )
    run = read_run(text)
    assert (run.metric, run.x_name, run.lr_name) == ("loss", "step", "lr")
    assert run.values.tolist() == LOSSES
    assert run.x.tolist() == list(STEPS)


def test_step_above_a_block_of_lines(read_run):
    text = "".join(
        f"--> STEP: 24/36 -- GLOBAL_STEP: {1000000 + s}\n  > loss_disc: 2.5 (2.4)\n"
        f"  > loss_mel: {loss(s)} (3.0)\n  > current_lr: 0.0002\n\n"
        for s in STEPS
    )
    run = read_run(text)
    assert (run.metric, run.x_name, run.lr_name) == ("loss_mel", "GLOBAL_STEP", "current_lr")
    assert run.x[0] == 1000010


@pytest.mark.parametrize(
    "header",
    [
        "   step       train loss     lr",
        "|   step |  train loss |   lr  |",
    ],
)
def test_table_printed_into_a_text_log(read_run, header):
    bar = "|" if "|" in header else " "
    text = f"loading data from somewhere ...\nready.\n{header}\n" + "".join(
        f"{bar} {s:6d} {bar}  {loss(s):9.4f}  {bar} 0.001 {bar}\n" for s in STEPS
    )
    run = read_run(text + "done after 3 hours\n")
    assert (run.metric, run.x_name, run.lr_name) == ("train loss", "step", "lr")
    assert run.values.tolist() == LOSSES


def test_validation_with_the_same_words(read_run):
    text = "".join(
        f"[train] step {s} loss {loss(s)}\n"
        + (f"[valid] step {s} loss {2 * loss(s)}\n" if s % 50 == 0 else "")
        for s in STEPS
    )
    assert read_run(text).values.tolist() == LOSSES


def test_train_and_validation_on_one_line(read_run):
    text = "".join(
        f"Epoch {s}: val loss {2 * loss(s):.4f} acc 0.5 | train loss {loss(s)} acc 0.6\n"
        for s in STEPS
    )
    run = read_run(text)
    assert run.metric == "train loss"
    assert read_run(text, metric="val loss").values[0] == round(2 * LOSSES[0], 4)


def test_optional_fields(read_run):
    text = "".join(
        f"step {s} | loss {loss(s)} | lr 0.1"
        + (" | grad norm 1.5" if s % 30 == 0 else "")
        + (" | eta 3 hours" if s > 100 else "")
        + "\n"
        for s in STEPS
    )
    run = read_run(text)
    assert run.values.tolist() == LOSSES
    assert run.lr.tolist() == [0.1] * 20


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("[{r}]: step {s} loss {v:.4f} lr 0.1", "writer"),
        ("{r}: step {s} loss {v:.4f} lr 0.1", "writer"),
        ("[1,{r}]<stdout>:step {s} loss {v:.4f} lr 0.1", "writer"),
        ("rank={r} step={s} loss={v:.4f} lr=0.1", "rank"),
        ("step {s} loss {v:.4f} lr 0.1 (rank {r})", "rank"),
        ("(Worker pid=424{r}, ip=10.0.0.{r}) step {s} loss {v:.4f} lr 0.1", "Worker pid"),
        ("node-{r}: step {s} loss {v:.4f} lr 0.1", "node"),
        ('{{"gpu": {r}, "step": {s}, "loss": {v:.4f}, "lr": 0.1}}', "gpu"),
        ("gpu:{r} step {s} loss {v:.4f} lr 0.1", "gpu"),
        ("step {s} loss {v:.4f} lr 0.1 (cuda:{r})", "cuda"),
        ("[rank{r}]: step {s} loss {v:.4f} lr 0.1", "rank"),
        ("[2024-01-01 10:00:01] [rank{r}] INFO step {s} loss {v:.4f} lr 0.1", "rank"),
        ("rank{r} step {s} loss {v:.4f} lr 0.1", "rank"),
        ("[rank{r}] {s}: loss {v:.4f}, lr 0.1", "rank"),
        ("10:00:01 worker_{r} loss {v:.4f} step {s} lr 0.1", "worker"),
        ("GPU{r} | step {s} | loss {v:.4f} | lr 0.1", "GPU"),
        ("local_rank_{r}: step {s} loss {v:.4f} lr 0.1", "local_rank"),
        ("[trainer{r}|{r}]:step={s} loss={v:.4f} lr=0.1", "trainer"),
        ("step {s} loss {v:.4f} lr 0.1 on worker{r}", "worker"),
    ],
)
@pytest.mark.parametrize("ahead", [0, 3])
def test_several_writers(read, line, name, ahead):
    rows = sorted((s + 4 * ahead * r, r, s) for s in STEPS for r in range(3))
    lines = [line.format(r=r, s=s, v=loss(s) + r) for _, r, s in rows]
    log = read("\n".join(lines) + "\n")
    first = {"Worker pid": 4240}.get(name, 0)
    assert [run.name for run in log.runs] == [f"{name} {first + r}" for r in range(3)]
    for r, run in enumerate(log.runs):
        assert (run.metric, run.lr_name) == ("loss", "lr")
        assert run.x_name == ("step" if "step" in line else "iteration")
        assert run.x.tolist() == list(STEPS)
        assert run.values.tolist() == [float(f"{loss(s) + r:.4f}") for s in STEPS]
    (told,) = log.warnings
    assert told.endswith(f", told apart by {name!r}: 3 runs")


@pytest.mark.parametrize("rank", ["rank {}", "rank{}", "[rank{}]:"])
def test_several_writers_that_say_the_same(read, rank):
    ranks = [rank.format(r) for r in range(3)]
    log = read("".join(f"{r} step {s} loss {loss(s)}\n" for s in STEPS for r in ranks))
    (run,) = log.runs
    assert run.values.tolist() == [loss(s) for s in STEPS]
    (told,) = log.warnings
    assert told.endswith("told apart by 'rank': all say the same, the first of 3 was taken")


@pytest.mark.parametrize("rank", ["rank {}", "rank{}", "[rank{}]:"])
def test_several_writers_whose_runs_start_again(read, rank):
    ranks = [rank.format(r) for r in range(2)]
    lines = [f"{one} step {s} loss {loss(s) + r}\n" for s in STEPS for r, one in enumerate(ranks)]
    log = read("".join(lines * 2))
    assert [(run.name, len(run.values)) for run in log.runs] == [
        ("rank 0 1", len(STEPS)), ("rank 0 2", len(STEPS)),
        ("rank 1 1", len(STEPS)), ("rank 1 2", len(STEPS)),
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["[rank{r}] step {s} loss {v}", "[rank{r}] {s}: loss {v}"])
def test_a_writer_whose_lines_are_fewer_or_longer(read, line):
    lines = [
        line.format(r=r, s=s, v=loss(s) + r) + " (best)\n" * (s % 40 == 0) + "\n" * (s % 40 != 0)
        for s in STEPS
        for r in range(2)
        if r == 0 or s % 20 == 0
    ]
    log = read("".join(lines))
    assert [(run.name, len(run.values)) for run in log.runs] == [("rank 0", 20), ("rank 1", 10)]
    assert log.runs[1].values.tolist() == [loss(s) + 1 for s in STEPS if s % 20 == 0]


def test_writers_with_two_numbers(read):
    places = [(node, gpu) for node in range(2) for gpu in range(2)]
    lines = [
        f"node{n}.gpu{g}: step {s} loss {loss(s) + 2 * n + g}\n" for s in STEPS for n, g in places
    ]
    log = read("".join(lines))
    assert [run.name for run in log.runs] == [f"node gpu {n}" for n in (0, 1, 1000, 1001)]
    for n, run in enumerate(log.runs):
        assert run.values.tolist() == [loss(s) + n for s in STEPS]


def test_a_writer_of_hardly_any_lines_is_told(read):
    text = "".join(
        f"[rank0] step {s} loss {loss(s)}\n" + f"[rank3] step {s} loss 9.5\n" * (s >= 190)
        for s in STEPS
    )
    log = read(text)
    assert log.runs[0].values.tolist() == LOSSES
    assert log.warnings == ("lines of rank 3 repeat those of rank 0: left out",)


@pytest.mark.parametrize(("begin", "end"), [(0, -1), (1, None), (1, -1)])
def test_lines_that_repeat_others_need_not_begin_and_end_with_them(read, begin, end):
    pairs = [(f"[a] step {s} loss {loss(s)}\n", f"[b] step {s} loss 9.5\n") for s in STEPS]
    lines = [line for pair in pairs for line in pair][begin:end]
    runs = read("".join(lines)).runs
    assert sorted(run.name for run in runs) == ["a", "b"]
    assert all(len(set(run.x)) == len(run.x) for run in runs)


def test_a_number_in_a_word_need_not_tell_writers(read):
    stages = "".join(f"[stage{k}] step {s} loss {loss(s) + k}\n" for k in (1, 2) for s in STEPS)
    log = read(stages)
    assert [run.name for run in log.runs] == ["1", "2"]
    assert "step goes back from 200 to 10" in log.warnings[0]
    tasks = "".join(f"actor{s * s % 7} episode {s} reward {loss(s)}\n" for s in range(60))
    (run,) = read(tasks).runs
    assert run.x.tolist() == list(range(60))


def test_the_plain_total_before_its_parts(read_run):
    text = "".join(
        f"iter {s} loss_cls: 0.5 loss_box: 0.25 avg_loss: 3.3 loss: {loss(s)} loss_scale: 65536\n"
        for s in STEPS
    )
    assert read_run(text).metric == "loss"


def test_runs_appended(read):
    text = "".join(f"step {s} loss {loss(s)} lr 0.1\n" for s in STEPS)
    log = read(text + "restarted\n" + text.replace("lr 0.1", "lr 0.2"))
    assert [run.name for run in log.runs] == ["1", "2"]
    assert [len(run.values) for run in log.runs] == [20, 20]
    assert [run.lr[0] for run in log.runs] == [0.1, 0.2]
    assert log.runs[1].lines[0] == 22
    (warning,) = log.warnings
    assert "step goes back from 200 to 10 at line 22" in warning
    assert [run.name for run in read(text + text, run="2").runs] == ["2"]


def test_learning_rate_of_the_run_before_is_not_carried_over(read):
    first = "lr set to 0.1\nlr set to 0.2\n" + "".join(f"step {s} loss {loss(s)}\n" for s in STEPS)
    log = read(first + "".join(f"step {s} loss {loss(s)}\n" for s in STEPS))
    assert log.runs[0].lr is not None
    assert log.runs[1].lr is None
    assert log.runs[1].lr_name is None


def test_repeated_x_is_no_new_run(read_run):
    assert len(read_run("".join(f"step {s // 3} loss {s / 7:.3f}\n" for s in range(30))).x) == 30


def test_best_row_told_again_at_the_end(read):
    text = "".join(f"[{i}]\ttrain-rmse:{loss(i)}\n" for i in range(1, 20))
    log = read(text + f"Stopping. Best iteration:\n[12]\ttrain-rmse:{loss(12)}\n" + text)
    assert [len(run.values) for run in log.runs] == [19, 19]
    assert "line 21 repeats an earlier row" in log.warnings[0]


def test_no_x(read_run):
    run = read_run("".join(f"current loss: {value}\n" for value in LOSSES))
    assert run.x_name == "row"
    assert run.x.tolist() == list(range(20))
    assert not run.counts_steps


def test_reward_goes_up(read_run):
    run = read_run("".join(f"episode {s} reward {loss(s)} policy_loss 0.3\n" for s in STEPS))
    assert (run.metric, run.mode) == ("reward", "max")
    assert read_run("".join(f"step {s} acc {s / 200}\n" for s in STEPS), mode="min").mode == "min"


def test_user_chooses(read_run):
    text = "".join(
        f"step {s} epoch {s / 100:.2f} train/loss {loss(s)} val/loss {loss(s)} base_lr 0.1 lr 0.2\n"
        for s in STEPS
    )
    run = read_run(text, metric="VAL_LOSS", x="Epoch", lr="base-lr")
    assert (run.metric, run.x_name, run.lr_name) == ("val/loss", "epoch", "base_lr")
    assert read_run(text, x="och").x_name == "epoch"
    assert run.lr[0] == 0.1


def test_a_header_names_rows_that_end_in_something_else_each_time(read_run):
    words = ["ash", "birch", "cedar", "dogwood", "elm", "fir", "gorse", "hazel"]
    rows = [f"{10 * i}  {5 - i / 2}  {word}  0.1\n" for i, word in enumerate(words)]
    run = read_run("step  loss  saved as  rate\n" + "".join(rows))
    assert (run.metric, run.x_name, len(run.values)) == ("loss", "step", 8)


def test_a_rate_that_follows_each_row_belongs_to_it(read_run):
    lines = [f"- step: {i}\n  loss: {9 - i}\n  lr: {0.1 if i < 4 else 0.01}\n" for i in range(8)]
    run = read_run("".join(lines))
    assert run.lr.tolist() == [0.1] * 4 + [0.01] * 4
