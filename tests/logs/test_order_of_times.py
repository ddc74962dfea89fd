"""Rows that do not stand in the order of their times."""

from datetime import datetime, timedelta

import pytest
from made_up import STEPS, N, loss

START = datetime(2031, 3, 4, 5)


def table(hours, values):
    rows = zip(hours, values, strict=True)
    return "time,temperature\n" + "".join(
        f"{START + timedelta(hours=hour)},{value:.4f}\n" for hour, value in rows
    )


def values(steps=STEPS):
    return [round(loss(i), 4) for i in steps]


def test_the_newest_first(read):
    log = read(table(reversed(STEPS), reversed(values())), "run.csv")
    (run,) = log.runs
    assert run.values.tolist() == values()
    assert run.x_name == "time"
    assert (run.x[1:] > run.x[:-1]).all()
    assert run.lines.tolist() == [*range(N + 1, 1, -1)]
    assert "the newest rows come first: rows were put in the order of their times" in log.warnings


@pytest.mark.parametrize(
    ("hours", "order"),
    [
        ([*range(20), 17.5, *range(20, N - 1)], [*range(18), 20, 18, 19, *range(21, N)]),  # late
        ([*range(20), *(18.5 + i for i in range(N - 20))], None),  # a clock that was put back
    ],
)
def test_a_few_late_rows_begin_no_run(read, hours, order):
    log = read(table(hours, values()), "run.csv")
    (run,) = log.runs
    assert (run.x[1:] > run.x[:-1]).all()
    assert sorted(run.values) == sorted(values())
    assert order is None or run.values.tolist() == [values()[i] for i in order]
    assert "time goes back 1 times: rows were put in the order of their times" in log.warnings


def test_times_in_no_order(read):
    order = [i * 17 % N for i in range(N)]
    text = "time,temperature\n" + "".join(
        f"{START + timedelta(hours=i)},{values()[i]:.4f}\n" for i in order
    )
    (run,) = read(text, "run.csv").runs
    assert run.values.tolist() == values()
    assert (run.x[1:] > run.x[:-1]).all()


def test_times_that_start_again_are_of_another_run(read):
    runs = read(table([*STEPS, *STEPS], values() * 2), "run.csv").runs
    assert [run.values.tolist() for run in runs] == [values()] * 2


def test_counters_that_go_back_are_of_another_run(read):
    steps = [*STEPS, *range(38, 60)]
    text = "step,loss\n" + "".join(f"{i},{loss(i):.4f}\n" for i in steps)
    assert len(read(text, "run.csv").runs) == 2
