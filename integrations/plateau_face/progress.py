"""The progress of a run: a bar on a terminal, a line for each row elsewhere."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

UNNAMED = {"verdict": "{}", "images_per_s": "{:.0f}/s"}
"""Of a row: what explains itself beside the bar."""
HIDDEN = ("cpu_s",)
"""Of a row: what is for programs alone."""


class Progress:
    """Shows how far a run is; a context manager that leaves the terminal tidy."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Bar(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=self._console,
            speed_estimate_period=600,  # seconds: some steps take longer than rich looks back
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)
        self._first = self._total = 0
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, done: int, total: int) -> None:
        """Say how much there is to do, and how much is done."""
        self._bar.update(self._task, completed=done, total=total)
        self._first, self._total, self._began = done, total, time.monotonic()

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False, soft_wrap=True)

    def advance(self, done: int) -> None:
        """Say how much is done."""
        self._bar.update(self._task, completed=done)

    def report(self, row: Mapping[str, object]) -> None:
        """Show a row of the log."""
        row = {name: value for name, value in row.items() if name not in HIDDEN}
        text = "  ".join(f"{name} {_short(value)}" for name, value in row.items())
        step, end = row.get("step"), row.get("ends_at_step")
        if isinstance(end, int):
            self._total = end
            self._bar.update(self._task, total=end)
        if "loss" not in row or not isinstance(step, int):
            self.say(text)
        elif self._console.is_terminal:
            self._bar.update(self._task, completed=step, description=_brief(row))
        else:
            self.say(f"{text}  left {self._left(step)}")

    def _left(self, step: int) -> timedelta:
        """Return how long it will take to the end, at the pace so far."""
        pace = (time.monotonic() - self._began) / (step - self._first)
        return timedelta(seconds=round(pace * (self._total - step)))


def _brief(row: Mapping[str, object]) -> str:
    """Return what of a row fits beside the bar on 80 columns; how far the run is the bar shows."""
    rest = {name: value for name, value in row.items() if name not in ("step", "epoch", *UNNAMED)}
    parts = [f"{name} {_short(value)}" for name, value in rest.items()]
    parts += [form.format(row[name]) for name, form in UNNAMED.items() if name in row]
    return "  ".join(parts)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
