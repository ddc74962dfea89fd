import io

from rich.console import Console

from plateau_face import progress


def test_a_row_and_the_bar_fit_a_terminal_of_80_columns(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(
        progress, "Console", lambda **_: Console(file=out, force_terminal=True, width=80)
    )
    row = {
        "step": 123450, "epoch": 12, "loss": 10.123456, "lr": 0.0125, "verdict": "warming_up",
        "images_per_s": 1234.5, "cpu_s": 12.25,
    }  # fmt: skip
    with progress.Progress() as bar:
        bar.start(0, 300000)
        bar.report({"step": 123450, "epoch": 12, "ends_at_step": 200000})  # by its schedule
        bar.report(row)
    shown = out.getvalue()
    assert "123450/200000" in shown
    assert "loss 10.12  lr 0.0125  warming_up  1234/s" in shown
    assert "…" not in shown


def test_a_line_says_how_long_it_will_take(monkeypatch):
    out, clock = io.StringIO(), iter([0.0, 100.0, 130.0, 160.0])
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=out, width=80))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.Progress() as bar:
        bar.start(40, 100)  # a run that goes on; at 100 s
        bar.report({"step": 50, "loss": 1.0, "cpu_s": 3.5})
        bar.report({"step": 60, "ends_at_step": 70})
        bar.report({"step": 60, "loss": 1.0})
    lines = out.getvalue().splitlines()
    assert lines[0] == "step 50  loss 1  left 0:02:30"
    assert lines[2] == "step 60  loss 1  left 0:00:30"
