"""Alerts in trackers of experiments, none of which must be there before it is used."""

import sys
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

TAG = "plateau.alert"


def package(name: str) -> Any:
    """Return a package.

    Raises
    ------
    ModuleNotFoundError
        If it is not there; how to get it is said in one line.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"these alerts need {error.name}: python -m pip install {error.name}"
        ) from error


class Wandb:
    """Send alerts by W&B, which passes them on by e-mail or Slack.

    Parameters
    ----------
    run : wandb.Run, optional
        By default the one that ``wandb.init`` began.

    Raises
    ------
    ValueError
        If none was begun.
    """

    def __init__(self, run: Any = None) -> None:
        self.run = package("wandb").run if run is None else run
        if self.run is None:
            raise ValueError("Wandb needs a run: call wandb.init() before, or give it one")

    def send(self, title: str, text: str) -> None:
        """Send an alert; the limit is that of `Alerts`, not W&B's own of one a minute."""
        self.run.alert(title=title, text=text, wait_duration=0)


class Trackio:
    """Send alerts by Trackio.

    Parameters
    ----------
    run : trackio.Run, optional
        By default the one that ``trackio.init`` began.
    """

    def __init__(self, run: Any = None) -> None:
        self._trackio = package("trackio")
        self.run = run

    def send(self, title: str, text: str) -> None:
        """Send an alert. Trackio prints it, too: not among the results of a program."""
        with redirect_stdout(sys.stderr):
            (self._trackio if self.run is None else self.run).alert(title=title, text=text)


class MLflow:
    """Note the newest alert in a run of MLflow, as the tag ``plateau.alert``.

    Parameters
    ----------
    run_id : str, optional
        By default that of the active run.

    Raises
    ------
    ValueError
        If none is active.
    """

    def __init__(self, run_id: str | None = None) -> None:
        mlflow = package("mlflow")
        if run_id is None:
            active = mlflow.active_run()
            if active is None:
                raise ValueError("MLflow needs a run: call mlflow.start_run() before, or give one")
            run_id = active.info.run_id
        self.run_id = run_id
        self._client = mlflow.MlflowClient()

    def send(self, title: str, text: str) -> None:
        """Set the tag."""
        self._client.set_tag(self.run_id, TAG, f"{title} - {text}")


class TensorBoard:
    """Write alerts as texts for TensorBoard, one under another.

    Parameters
    ----------
    writer : SummaryWriter or path
        Anything with the `add_text` of ``torch.utils.tensorboard.SummaryWriter``; or a folder, for
        which one is made.
    """

    def __init__(self, writer: Any) -> None:
        if not hasattr(writer, "add_text"):
            writer = package("torch.utils.tensorboard").SummaryWriter(writer)
        self.writer = writer
        self.alerts = 0
        """How many were written; the step of the next."""

    def send(self, title: str, text: str) -> None:
        """Write an alert, so that it is there at once."""
        self.writer.add_text(TAG, f"{title} - {text}", self.alerts)
        self.writer.flush()
        self.alerts += 1
