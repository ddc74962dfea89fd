"""What the stops of all boosting libraries have in common."""

import copy
from collections.abc import Mapping
from typing import Any, Literal

from plateau import Detector, Stopper
from plateau.alerts import Alerts
from plateau.detecting import Detecting, as_detector


class BoostingStop:
    """Settings of a stop, and the stopper that is made anew for each training."""

    def __init__(
        self,
        detector: Detecting | None = None,
        *,
        data: str | None = None,
        metric: str | None = None,
        slow: bool = False,
        alerts: Alerts | None = None,
    ) -> None:
        super().__init__()
        self._detector = None if detector is None else as_detector(detector)
        self.data = data
        self.metric = metric
        self.slow = slow
        self._alerts = alerts
        self.stopper: Stopper | None = None
        """The `plateau.Stopper` of the training; None before its first iteration."""
        self._prepare()

    def _prepare(self) -> None:
        """Set what a library looks for among a callback's own attributes."""

    def _made(self, mode: Literal["min", "max"], state: Mapping[str, Any] | None) -> Stopper:
        """Return a stopper that goes on from a state if there is one; the mode is a default."""
        stopper = Stopper(copy.deepcopy(self._detector or Detector(mode)), slow=self.slow)
        if state is not None:
            stopper.load_state_dict(state)
        return stopper

    def _tell(self, stopper: Stopper) -> None:
        if self._alerts:
            self._alerts.send("stopped", stopper.reason)
