"""The file of states beside a checkpoint: Keras saves nothing of a callback."""

import json
import os
from pathlib import Path
from typing import Any

from plateau.export import write_whole

KEPT = 100
"""States that a file has, the newest ones: a checkpoint may be older than the last save."""


class States:
    """States of a callback by the steps of the optimizer, as a checkpoint counts them too.

    Parameters
    ----------
    path : path
        The file. It need not be there yet.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._states: dict[int, Any] = {}

    def begin(self, step: int) -> Any:
        """Return the state of a step, None at the first step or without a file.

        Later states are forgotten: the training makes new ones.

        Raises
        ------
        ValueError
            If the file is there and has no state of this step.
        """
        self._states = self._read() if step and self.path.exists() else {}
        if not self._states:
            return None
        if step not in self._states:
            raise ValueError(
                f"{self.path} has no state of step {step}, only of {self._named()}: let save_freq "
                "be that of the checkpoint"
            )
        self._states = {at: state for at, state in self._states.items() if at <= step}
        return self._states[step]

    def save(self, step: int, state: Any) -> None:
        """Write the state of a step beside the others."""
        self._states.pop(step, None)
        self._states = dict([*self._states.items(), (step, state)][-KEPT:])
        write_whole(self.path, json.dumps(self._states).encode())

    def _read(self) -> dict[int, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {int(step): state for step, state in found.items()}
        except (ValueError, AttributeError):
            raise ValueError(f"{self.path} is no file of states") from None

    def _named(self) -> str:
        steps = [str(step) for step in self._states]
        return ", ".join(steps if len(steps) <= 6 else [steps[0], "…", *steps[-4:]])
