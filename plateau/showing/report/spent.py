"""What plateaus took of a run, and what acting on them could have saved."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plateau.offline import RunScan
from plateau.segments import Plateau


@dataclass(frozen=True, eq=False)
class Spent:
    """Counts of steps where x counts them, else of rows.

    Parameters
    ----------
    found : RunScan
        What a scan found in a run.

    Notes
    -----
    What could have been saved of a plateau are the steps from the one at which it was known to its
    end: all that a scheduler which acts at once would have spent otherwise. It is a bound from
    above. A slow plateau still moves: nothing of it is counted. Whether the metric would have moved
    on at once with another learning rate no log can tell.
    """

    found: RunScan

    @property
    def unit(self) -> Literal["step", "row"]:
        """What is counted."""
        return "step" if self.found.run.counts_steps else "row"

    @property
    def by_choice(self) -> bool:
        """Whether a plateau could have been acted on: one of a training, not of a latency."""
        run = self.found.run
        counted = run.counts_steps or "epoch" in run.x_name.lower()
        return counted or run.lr is not None

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Steps or rows before each row, and last behind all, shape (n + 1,)."""
        run = self.found.run
        if self.unit == "row":
            return np.arange(len(run.x) + 1.0) * run.every
        usual = float(np.median(np.diff(run.x))) if len(run.x) > 1 else 1.0
        return np.append(run.x, run.x[-1] + usual)

    @property
    def total(self) -> int:
        """Of the whole run."""
        return self._between(0, len(self.edges) - 1)

    def flat(self, plateau: Plateau) -> int:
        """Of one plateau."""
        return self._between(plateau.start, plateau.stop)

    def savable(self, plateau: Plateau) -> int:
        """Of one flat plateau, from where it was known."""
        if plateau.declared is None or plateau.kind != "flat" or not self.by_choice:
            return 0
        return self._between(plateau.declared, plateau.stop)

    @property
    def all_flat(self) -> int:
        """Of all flat plateaus."""
        return sum(map(self.flat, self.found.flat))

    @property
    def all_savable(self) -> int:
        """Of all flat plateaus, from where each was known."""
        return sum(map(self.savable, self.found.flat))

    def share(self, part: int) -> float:
        """Return a part of the run as a number from 0 to 1."""
        return part / self.total if self.total else 0.0

    def _between(self, begin: int, end: int) -> int:
        return round(float(self.edges[end] - self.edges[begin]))
