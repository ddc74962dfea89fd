"""Alerts to several places: tried again where that may help, at most so many an hour."""

import time
import warnings
from collections import deque
from collections.abc import Callable
from typing import Protocol

from plateau._arguments import number, whole
from plateau.showing.printing import printable

HOUR = 3600.0


class NotSentError(Exception):
    """An alert was not sent; its text says why, and holds nothing secret.

    Parameters
    ----------
    why : str
        In a few words.
    again : bool, default False
        Whether it may help to try again.
    """

    def __init__(self, why: str, *, again: bool = False) -> None:
        super().__init__(why)
        self.again = again


class Sink(Protocol):
    """A place to which alerts go."""

    def send(self, title: str, text: str) -> None:
        """Send an alert: a title of a few words, and a line.

        Raises
        ------
        NotSentError
            If that failed. Of any other error its type alone is told: its text may be secret.
        """


class Told(Protocol):
    """What is told of an event: of a `plateau.Event`, and of a `plateau_torch.PlateauEvent`."""

    @property
    def onset(self) -> int | None:
        """Where the plateau began."""

    @property
    def level(self) -> float:
        """Smoothed value."""

    @property
    def factor(self) -> float:
        """What the learning rate was multiplied with."""


class Alerts:
    """Send alerts to places where people look.

    It is called with events, so it is an `on_plateau` of `plateau_torch.PlateauLR`; the adapters of
    other frameworks take it as `alerts`. A place that cannot be reached never ends a training: it
    is tried again, and then told of in a warning.

    Parameters
    ----------
    *sinks : Sink
        Where alerts go: `Webhook`, `Mail`, `Wandb`, `Trackio`, `MLflow`, `TensorBoard`, or anything
        with their `send`.
    name : str, default ""
        What is alerted of, say the name of a run; it heads each title.
    hourly : int, default 12
        At most so many alerts in any hour; the next one says how many were left out.
    retries : int, default 2
        How often a place is tried again, if that may help.
    pause : float, default 1.0
        Seconds before that; twice as many each time.
    complain : callable, optional
        Is told in one line what was not sent. By default that is a warning.

    Examples
    --------
    >>> from plateau import Haar, Schedule, ThresholdDetector
    >>> from plateau.alerts import Alerts
    >>> class Printed:
    ...     def send(self, title, text):
    ...         print(f"{title} - {text}")
    >>> alerts = Alerts(Printed(), name="run 7")
    >>> schedule = Schedule(ThresholdDetector(Haar(window=4), threshold=0.1, patience=3))
    >>> for loss in [9.0, 7.0, 5.0, 3.0] + [2.0] * 8:
    ...     if event := schedule.step(loss, 0.4):
    ...         alerts(event)
    run 7: plateau - since sample 5, level 2, learning rate times 0.5
    """

    def __init__(
        self,
        *sinks: Sink,
        name: str = "",
        hourly: int = 12,
        retries: int = 2,
        pause: float = 1.0,
        complain: Callable[[str], object] | None = None,
    ) -> None:
        for sink in sinks:
            if isinstance(sink, type) or not callable(getattr(sink, "send", None)):
                raise TypeError(f"a sink of alerts has a send(title, text), which {sink!r} has not")
        self.sinks = sinks
        self.name = name
        self.hourly = whole("hourly", hourly, least=1)
        self.retries = whole("retries", retries, least=0)
        self.pause = number("pause", pause)
        self._complain = complain or _warn
        self._sent: deque[float] = deque(maxlen=self.hourly)
        self._left_out = 0

    def __call__(self, event: Told) -> None:
        """Tell of an event."""
        kind = getattr(event, "kind", "plateau")
        since = "" if event.onset is None else f"since sample {event.onset}, "
        rate = f", learning rate times {event.factor:.4g}" if event.factor != 1.0 else ""
        self.send(kind, f"{since}level {event.level:.4g}{rate}")

    def send(self, title: str, text: str) -> None:
        """Send an alert to all places, unless there were too many in the last hour."""
        now = time.monotonic()
        if len(self._sent) == self.hourly and now - self._sent[0] < HOUR:
            self._left_out += 1
            return
        self._sent.append(now)
        if self._left_out:
            text += f" ({self._left_out} alerts before this one were left out)"
            self._left_out = 0
        title = f"{self.name}: {title}" if self.name else title
        for sink in self.sinks:
            self._send(sink, printable(title), printable(text))

    def _send(self, sink: Sink, title: str, text: str) -> None:
        pause = self.pause
        for left in reversed(range(self.retries + 1)):
            try:
                sink.send(title, text)
                return
            except NotSentError as error:
                why, again = str(error), error.again
            except Exception as error:
                # Not its text: an address with a key in it may stand there. That a place is out
                # of order must not end what is watched.
                why, again = type(error).__name__, True
            if not again or not left:
                break
            time.sleep(pause)
            pause *= 2
        self._complain(f"an alert was not sent by {type(sink).__name__}: {why}")


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=5)  # where the alert came from
