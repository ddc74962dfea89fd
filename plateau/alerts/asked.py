"""The places of alerts as they stand on a command line."""

import sys
from contextlib import redirect_stdout

from plateau.alerts.messages import Mail, Webhook
from plateau.alerts.sending import Sink
from plateau.alerts.trackers import MLflow, TensorBoard, Trackio, Wandb, package

RUN = "plateau watch"
"""What a run is called that holds nothing but alerts."""


def sink_of(asked: str) -> Sink:
    """Return the place that such a text means.

    Raises
    ------
    ValueError
        If it means none. What it says then is not repeated: it may be secret.
    """
    kind, _, where = asked.partition(":")
    if kind == "webhook":
        if "://" in where or where.startswith("//"):
            raise ValueError(
                "--alert webhook: a URL on the command line is there for all to see: put it in the "
                "variable PLATEAU_WEBHOOK, or in a file and give webhook:FILE"
            )
        return Webhook(file=where or None)
    makers = {
        "mail": Mail,
        "mlflow": MLflow,
        "tensorboard": TensorBoard,
        "trackio": _trackio,
        "wandb": _wandb,
    }
    if kind not in makers:
        raise ValueError(f"--alert must begin with one of: webhook, {', '.join(makers)}")
    if not where:
        raise ValueError(f"--alert {kind} needs something behind it, see plateau watch --help")
    try:
        return makers[kind](where)
    except (ModuleNotFoundError, ValueError) as error:
        raise ValueError(f"--alert {kind}: {error}") from None
    except Exception as error:  # of a tracker: what it says may be secret
        raise ValueError(f"--alert {kind}: it cannot be had: {type(error).__name__}") from None


def _trackio(project: str) -> Sink:
    with redirect_stdout(sys.stderr):  # it prints where its pages are
        run = package("trackio").init(project=project, name=RUN, resume="allow")
    return Trackio(run)


def _wandb(project: str) -> Sink:
    return Wandb(package("wandb").init(project=project, name=RUN))
