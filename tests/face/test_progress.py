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
        "images_per_s": 1234.5,
    }  # fmt: skip
    with progress.Progress() as bar:
        bar.start(0, 200000)
        bar.report(row)
        bar.report({"step": 123450, "epoch": 12, "ends_at_step": 130000})
    shown = out.getvalue()
    assert "123450/200000" in shown
    assert "123450/130000" in shown  # the schedule has brought the end nearer
    assert "loss 10.12  lr 0.0125  warming_up  1234/s" in shown
    assert "…" not in shown
