"""Alerts: what happens is told where people look, by a tracker, a webhook or e-mail."""

from plateau.alerts.messages import Mail as Mail
from plateau.alerts.messages import Webhook as Webhook
from plateau.alerts.sending import Alerts as Alerts
from plateau.alerts.sending import NotSentError as NotSentError
from plateau.alerts.sending import Sink as Sink
from plateau.alerts.trackers import MLflow as MLflow
from plateau.alerts.trackers import TensorBoard as TensorBoard
from plateau.alerts.trackers import Trackio as Trackio
from plateau.alerts.trackers import Wandb as Wandb

__all__ = [
    "Alerts",
    "MLflow",
    "Mail",
    "NotSentError",
    "Sink",
    "TensorBoard",
    "Trackio",
    "Wandb",
    "Webhook",
]
