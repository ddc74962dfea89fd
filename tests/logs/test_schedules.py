"""Rates, restarts and losses that are none, as they stand in logs of each form.

A made-up twin of what the real logs hold, which are not part of this repository.
"""

import json
from typing import NamedTuple

import numpy as np
import pytest

FIRST, SECOND = 240, 160
"""Rows of a run, and of the one that began anew behind it."""


class Row(NamedTuple):
    step: int
    loss: float
    lr: float


def run(rows):
    """Rows whose rate falls twice, with a few losses that are no numbers."""
    for i in range(rows):
        loss = np.nan if 50 <= i < 57 else round(1 + 4 / (1 + i / 20) + 0.01 * (i * 7 % 13), 4)
        yield Row(10 * (i + 1), float(loss), [0.1, 0.01, 0.001][(i >= 80) + (i >= 120)])


ROWS = [*run(FIRST), *run(SECOND)]

FORMS = {
    # kind, what stands before the rows, lines of a row
    "text": ("text", "", lambda r: f"step {r.step} | loss {r.loss} | lr {r.lr}\n"),
    "rate on a line of its own": (
        "text", "", lambda r: f"Iter {r.step}, lr = {r.lr}\nIter {r.step}, loss = {r.loss}\n",
    ),
    "other lines between": (
        "text", "begin\n", lambda r: f"step: {r.step} loss: {r.loss} lr: {r.lr}\nsaved a model\n",
    ),
    "csv": ("csv", "step,loss,lr\n", lambda r: f"{r.step},{r.loss},{r.lr}\n"),
    "tsv": ("tsv", "step\tloss\tlr\n", lambda r: f"{r.step}\t{r.loss}\t{r.lr}\n"),
    "table": ("table", "# step loss lr\n", lambda r: f"  {r.step}   {r.loss}   {r.lr}\n"),
    "json lines": ("jsonl", "", lambda r: json.dumps(r._asdict()) + "\n"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_what_happened_to_two_runs_is_read(read, form):
    kind, head, lines = FORMS[form]
    log = read(head + "".join(map(lines, ROWS)))
    assert log.format == kind
    assert sum("goes back from 2400 to 10" in warning for warning in log.warnings) == 1
    per_row, before = lines(ROWS[0]).count("\n"), head.count("\n")
    first, second = log.runs
    for found, rows, start in ((first, ROWS[:FIRST], 0), (second, ROWS[FIRST:], FIRST)):
        assert found.x.tolist() == [row.step for row in rows]
        np.testing.assert_array_equal(found.values, [row.loss for row in rows])
        at = np.flatnonzero(np.diff(found.lr)) + 1
        assert [(found.x[i], found.lr[i]) for i in at] == [(810, 0.01), (1210, 0.001)]
        above, _, _ = lines(rows[0]).partition(str(rows[0].loss))
        assert found.lines[0] == before + start * per_row + above.count("\n") + 1
        assert found.counts_steps
