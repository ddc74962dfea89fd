"""Curves as Markdown tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.pages import ABSENT, table

from .schedules import OWN, PEER, Schedule
from .training import Curves, Training

GOAL = 0.01
"""How far above the best of torch's schedulers the library's own may end."""
DEFAULT = "factor=0.1"
"""Torch's own default."""
Loss = Callable[[Curves], float]


def final(curves: Curves) -> float:
    """Validation loss at the end."""
    return float(curves.validation[-1])


def best(curves: Curves) -> float:
    """Lowest validation loss on the way."""
    return float(curves.validation.min())


@dataclass(frozen=True)
class Results:
    """The curves of all trainings, and what torch's schedulers made of them."""

    curves: Mapping[tuple[Training, Schedule], Curves]

    @property
    def schedules(self) -> list[Schedule]:
        """The schedules, each once."""
        return list(dict.fromkeys(schedule for _, schedule in self.curves))

    @property
    def trainings(self) -> list[Training]:
        """The trainings, each once."""
        return list(dict.fromkeys(training for training, _ in self.curves))

    @property
    def kinds(self) -> dict[str, list[Training]]:
        """The trainings that differ in nothing but the seed."""
        found: dict[str, list[Training]] = {}
        for training in self.trainings:
            found.setdefault(f"{training.task.name}, {training.optimizer}", []).append(training)
        return found

    def peers(self, training: Training, loss: Loss = final, named: str = "") -> list[float]:
        """Losses of torch's schedulers whose names have this part."""
        return [
            loss(curves)
            for (own, schedule), curves in self.curves.items()
            if own == training and schedule.name.startswith(PEER) and named in schedule.name
        ]

    def excess(
        self, schedule: Schedule, training: Training, loss: Loss = final, named: str = ""
    ) -> float:
        """Loss over the best of torch's schedulers, as a share of it."""
        return loss(self.curves[training, schedule]) / min(self.peers(training, loss, named)) - 1

    def within(self, schedule: Schedule, named: str = "") -> int:
        """In how many trainings the goal is reached."""
        return sum(
            self.excess(schedule, training, named=named) <= GOAL for training in self.trainings
        )

    def no_worse(self, schedule: Schedule) -> int:
        """How many trainings end no worse than with the worst of torch's schedulers."""
        return sum(
            final(self.curves[training, schedule]) <= max(self.peers(training))
            for training in self.trainings
        )


def percent(values: Iterable[float]) -> str:
    """Mean and worst of some shares."""
    shares = [100 * value for value in values]
    return f"{sum(shares) / len(shares):+.1f} ({max(shares):+.1f})"


def loss_table(results: Results, loss: Loss) -> str:
    """Percent above the best of torch's schedulers: mean over the seeds, and the worst of them."""
    lines = [
        [
            schedule.name,
            *(
                percent(results.excess(schedule, training, loss) for training in trainings)
                for trainings in results.kinds.values()
            ),
        ]
        for schedule in results.schedules
    ]
    return table(["%", *results.kinds], lines)


def goal_table(results: Results) -> str:
    """How many trainings reach the goal."""
    lines = [
        [
            schedule.name,
            str(results.within(schedule, DEFAULT)),
            str(results.within(schedule)),
            str(results.no_worse(schedule)),
        ]
        for schedule in results.schedules
    ]
    within = f"within {GOAL:.0%} of the best"
    header = [f"of {len(results.trainings)} trainings", f"{within} with {DEFAULT}", within]
    return table([*header, "no worse than the worst"], lines)


def training_table(results: Results) -> str:
    """Validation loss at the end of each training."""
    others = [each for each in results.schedules if not each.name.startswith(PEER)]
    lines = []
    for training in results.trainings:
        peers = results.peers(training)
        losses = [min(peers), max(peers)]
        losses += [final(results.curves[training, schedule]) for schedule in others]
        lines.append([training.name, *(f"{loss:.4f}" for loss in losses)])
    return table(["", f"{PEER}, best", "worst", *(each.name for each in others)], lines)


def told(reductions: Sequence[float]) -> str:
    """How many reductions, after which epochs the first and the last."""
    if not reductions:
        return "0"
    first, last = reductions[0], reductions[-1]
    return f"{len(reductions)} ({first:.0f} … {last:.0f})" if last > first else f"1 ({first:.0f})"


def reduction_table(results: Results) -> str:
    """Reductions of each seed."""
    lines = [
        [
            schedule.name,
            *(
                ", ".join(told(results.curves[each, schedule].reductions) for each in trainings)
                for trainings in results.kinds.values()
            ),
        ]
        for schedule in results.schedules
        if not schedule.by_clock
    ]
    return table(["", *results.kinds], lines)


def own_reductions(results: Results) -> str:
    """All reductions of the library's own schedules, in epochs."""
    own = [schedule for schedule in results.schedules if schedule.name.startswith(OWN)]
    lines = []
    for training in results.trainings:
        cells = (results.curves[training, schedule].reductions for schedule in own)
        lines.append([training.name, *(" ".join(f"{e:.1f}" for e in c) or ABSENT for c in cells)])
    return table(["", *(schedule.name for schedule in own)], lines)


def tables_of(results: Results) -> dict[str, str]:
    """Tables by the names of their places."""
    return {
        "final loss": loss_table(results, final),
        "best loss": loss_table(results, best),
        "goal": goal_table(results),
        "trainings": training_table(results),
        "reductions": reduction_table(results),
        "own reductions": own_reductions(results),
    }
