"""``plateau columns``: what was found, what was chosen, why."""

import pytest

LOG = "".join(
    f"step {s} loss {10 / s:.4f} val_loss {11 / s:.4f} avg_loss 1.5 lr {0.1 if s < 50 else 0.01}\n"
    for s in range(1, 100)
)


@pytest.fixture
def columns(run, tmp_path, monkeypatch):
    """Run the command in a folder of these files: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def columns(*arguments, **files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        code, out, err = run("columns", *arguments)
        return code, out.decode(), err

    return columns


def line_of(name, text):
    """The cells of a column, and its remarks, which stand below its name."""
    lines = text.splitlines()
    at = next(row for row, line in enumerate(lines) if line.startswith(f"{name} "))
    below = lines[at + 1] if lines[at + 1].startswith("  ") else ""
    return [*lines[at].split(), *below.split()]


def test_columns(columns):
    code, told, err = columns("log", log=LOG)
    assert (code, err) == (0, "")
    assert told.startswith("log (text)\n")
    assert line_of("loss", told) == ["loss", "99", "10", "0.101", "12.0", "the", "metric"]
    assert line_of("val_loss", told)[-2:] == ["8.0", "validation"]
    assert line_of("avg_loss", told)[-1] == "smoothed"
    assert line_of("step", told)[-2:] == ["x,", "counter"]
    assert "10.0" in line_of("lr", told)
    assert "metric: loss with 12.0 points; next 'avg_loss' with 10.5; lower is" in told
    assert "x: step, counts steps\nlearning rate: lr\nruns: 1, of 99 rows" in told


def test_remarks_stand_whole_beside_numbers_or_below_names(columns, monkeypatch):
    text = "".join(
        f"step {s} response time {9 / s:.4f} best lap {s * 7 % 5}\n" for s in range(1, 40)
    )
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        _, told, _ = columns("log", log=text)
        table = told[: told.index("metric: ")].splitlines()
        assert "the metric, what a service is judged by" in " ".join(told.split())
        assert len(table) <= (9 if width == 80 else 5)  # not a line for each word
        assert max(len(line.rstrip()) for line in table) <= width


def test_no_name_and_no_remark_is_broken(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    name = "the residual of a quantity with a name that is long"
    text = "".join(f"step {s} {name} {1 / s:.5e} 损失 {2 / s:.5e}\n" for s in range(1, 50))
    lines = columns("log", log=text.replace(name, name.replace(" ", "_")))[1].splitlines()
    at = lines.index(name.replace(" ", "_"))
    assert lines[at + 1].split()[:3] == ["49", "1", "0.0204082"]
    other = next(line for line in lines if line.startswith("损失"))
    assert other.index("49") == lines[at + 1].index("49") - 2  # two letters are as wide as four
    assert not any(line.endswith(" ") for line in lines)


def test_series_that_words_tell_apart_have_the_names_of_their_runs(columns):
    text = "".join(
        f"Time = {s}\n{who}, Initial residual = {k / s:.5f}, No Iterations 2\n"
        if who == "Solving for Ux"
        else f"{who}, Initial residual = {k / s:.5f}, No Iterations 2\n"
        for s in range(1, 50)
        for k, who in enumerate(("Solving for Ux", "Solving for p"), start=1)
    )
    _, told, _ = columns("log", log=text)
    assert "  run 'Ux', the metric\n" in told
    assert "  run 'p', the metric\n" in told


def test_choices_of_the_user(columns):
    _, told, _ = columns("log", "--metric", "val_loss", "--mode", "max", log=LOG)
    assert "metric: val_loss with" in told
    assert "higher is better" in told


def test_several_logs_and_bad_ones(columns):
    code, told, err = columns("a", "b", "none", a=LOG, b="nothing")
    assert code == 0
    assert told.count("(text)") == 1
    assert err.splitlines() == [
        "plateau: b: no series of numbers found",
        "plateau: none: no such file",
    ]
    assert columns("none")[0] == 2


def test_equally_good_metrics_are_told(columns):
    text = "step,a_loss,b_loss\n" + "".join(f"{s},{1 / s},{2 / s}\n" for s in range(1, 50))
    _, told, _ = columns("log", log=text)
    assert "warning: 'a_loss' was taken as the metric; as good: 'b_loss'" in told
