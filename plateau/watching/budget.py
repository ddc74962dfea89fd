"""How many false alarms many series may give together, and what each of them gets of that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Budget:
    """Gives each series its run length, such that all keep to one budget.

    The series that are there at first share one half of it evenly: of n of them each has a run
    length of ``2 * n * per / alarms``. How many come later is not known: the i-th of all gets
    ``2 * i * (i + 1) / (n + 1) * per / alarms``, and the inverses of these never sum up to more
    than the other half. A run length does not change, so that a watch which goes on after a kill
    tells what it would have told.

    Attributes
    ----------
    alarms : float
        False ends of plateaus by a shift that are expected of all, at most.
    per : float
        Samples of each series in which they are.
    first : int
        Series at first.
    given : int
        Series that have a run length.
    """

    alarms: float
    per: float
    first: int = 0
    given: int = 0

    def run_length(self, there: int) -> float:
        """Return the run length of one more series, of which so many are there now.

        Examples
        --------
        >>> budget = Budget(alarms=1, per=1000)
        >>> budget.run_length(2), budget.run_length(2), budget.run_length(3)
        (4000.0, 4000.0, 8000.0)
        """
        self.first = self.first or there
        self.given += 1
        share = 2.0 * self.first
        if self.given > self.first:
            share = 2.0 * self.given * (self.given + 1) / (self.first + 1)
        return share * self.per / self.alarms
