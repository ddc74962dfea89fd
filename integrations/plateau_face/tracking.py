"""A run in a tracker of experiments: its rows, and an alert when its loss is flat or gets worse."""

import json
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plateau.alerts import Alerts, Sink, Trackio, Wandb
from plateau.alerts.trackers import package
from plateau_face.config import Config, tracker_of
from plateau_face.log import Row
from plateau_face.tensorboard import numbers

NOTE = "tracker.json"
"""In the folder of a run: what the tracker calls it, so that a resumed run goes on there."""
SINKS: dict[str, Callable[[Any], Sink]] = {"wandb": Wandb, "trackio": Trackio}
KEYS = {"wandb": "id", "trackio": "name"}
"""By what a tracker finds a run again."""
ALERTED = ("plateau", "worsening")
"""Verdicts that are alerts where they are new."""


class Tracker:
    """Sends rows, and what of them is worth an alert, if the configuration names a tracker.

    Parameters
    ----------
    config : Config
    out : Path
        Folder of the run, whose name is what the tracker calls the run.
    """

    def __init__(self, config: Config, out: Path) -> None:
        self._config, self._out = config, out
        self._run: Any = None
        self._alerts: Alerts | None = None  # as long as the tracker is told of anything
        self._verdict: object = None

    def begin(self) -> None:
        """Begin a run, or go on with the one that is noted in the folder.

        Raises
        ------
        ValueError
            If the tracker is not installed, or cannot be had.
        """
        if not self._config.tracker or self._run is not None:
            return
        kind, project = tracker_of(self._config.tracker)
        note, key = self._out / NOTE, KEYS[kind]
        known = json.loads(note.read_text()) if note.is_file() else {}
        settings = {"project": project, "name": self._out.name, "config": asdict(self._config)}
        if known.get("tracker") == self._config.tracker:
            settings |= {"resume": "allow", key: known["run"]}
        try:
            with redirect_stdout(sys.stderr):  # Trackio prints where its pages are
                self._run = package(kind).init(**settings)
        except ModuleNotFoundError as error:
            raise ValueError(f"tracker {kind}: {error}") from None
        except Exception as error:  # of any kind; its text may hold a key
            raise ValueError(f"tracker {kind}: it cannot be had: {type(error).__name__}") from None
        note.write_text(
            json.dumps({"tracker": self._config.tracker, "run": getattr(self._run, key)})
        )
        self._alerts = Alerts(SINKS[kind](self._run), name=self._out.name)

    def take(self, row: Row) -> None:
        """Send a row; a tracker that fails is told of once, and the training goes on."""
        self.begin()
        if self._alerts is None:
            return
        values = numbers(row)
        step = int(values.pop("step"))
        try:
            self._run.log(values, step=step)
        except Exception as error:  # of any kind; its text may hold a key
            self._alerts = None
            warnings.warn(f"the tracker gets no more rows: {type(error).__name__}", stacklevel=2)
            return
        before, self._verdict = self._verdict, row.get("verdict", self._verdict)
        if self._verdict in ALERTED and self._verdict != before:
            self._alerts.send(
                str(self._verdict), f"at step {step}, loss {row['loss']:.4g}, lr {row['lr']:.4g}"
            )

    def finish(self) -> None:
        """End the run of the tracker, if one was begun."""
        if self._run is not None:
            with redirect_stdout(sys.stderr):
                self._run.finish()
            self._run = self._alerts = None
