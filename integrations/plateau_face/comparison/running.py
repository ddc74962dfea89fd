"""Making the runs of an experiment: side by side, each in a process of its own."""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from plateau_face.comparison.child import train
from plateau_face.comparison.experiment import Experiment, Run
from plateau_face.comparison.folder import RunFolder
from plateau_face.progress import Progress
from plateau_face.sources import training_faces, verification_sets

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext
    from multiprocessing.process import BaseProcess

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOOK_EVERY = 0.2
"""Seconds."""
PRELOAD = [train.__module__, "torch._dynamo"]
"""Modules that are imported once for all runs; the second is what the first optimizer imports."""


def make_runs(experiment: Experiment, out: Path, jobs: int, progress: Progress) -> list[str]:
    """Train what is not trained yet, and return what went wrong in which run.

    A run that fails does not stop the others. However this ends, its processes end with it, and
    the next call goes on from their checkpoints.

    Parameters
    ----------
    experiment : Experiment
    out : Path
        Each run has a folder in it.
    jobs : int
        Runs side by side.
    progress : Progress

    Raises
    ------
    ValueError
        If `out` holds other runs, or is in use.
    """
    out.mkdir(parents=True, exist_ok=True)
    with locked(out / ".lock"):
        todo = [run for run in experiment.runs if not RunFolder(out / run.name).claim(run.config)]
        draw_faces(todo)
        return Jobs(out, jobs, progress, experiment.runs).make(todo)


def draw_faces(runs: Sequence[Run]) -> None:
    """Fill the cache of synthetic faces, where there is one, before several runs would at once."""
    for run in runs:
        if run.config.synthetic_cache:
            training_faces(run.config)
            verification_sets(run.config)


class Jobs:
    """The processes that train, and how far they are.

    Parameters
    ----------
    out : Path
    jobs : int
    progress : Progress
    runs : sequence of Run
        All of the experiment.
    """

    def __init__(self, out: Path, jobs: int, progress: Progress, runs: Sequence[Run]) -> None:
        self.out, self.jobs, self.progress = out, jobs, progress
        self.going: list[tuple[Run, BaseProcess]] = []
        self.epochs = sum(run.epochs for run in runs)
        self.failed: list[str] = []
        self.context = process_context()

    def make(self, todo: Sequence[Run]) -> list[str]:
        """Make the runs, and return what went wrong."""
        waiting = deque(todo)
        done = self.epochs - sum(run.epochs for run in todo)
        self.progress.start(done, self.epochs)
        try:
            while waiting or self.going:
                while waiting and len(self.going) < self.jobs:
                    self.begin(waiting.popleft())
                wait([process.sentinel for _, process in self.going], LOOK_EVERY)
                for run in self.ended():
                    done += run.epochs
                    self.tell(run)
                self.progress.advance(done + sum(self.epochs_done(run) for run, _ in self.going))
        finally:
            for _, process in self.going:
                process.kill()
                process.join()
        return self.failed

    def begin(self, run: Run) -> None:
        """Start the process of a run."""
        process = self.context.Process(target=train, args=(self.out / run.name,), name=run.name)
        process.start()
        self.going.append((run, process))

    def ended(self) -> list[Run]:
        """Return the runs whose process has ended since the last time."""
        ended = [(run, process) for run, process in self.going if not process.is_alive()]
        self.going = [pair for pair in self.going if pair not in ended]
        for run, process in ended:
            if process.exitcode:
                RunFolder(self.out / run.name).fail(f"its process ended with {process.exitcode}")
            process.close()
        return [run for run, _ in ended]

    def tell(self, run: Run) -> None:
        """Report how a run ended."""
        folder = RunFolder(self.out / run.name)
        if folder.is_finished():
            last = folder.last_row().items()
            self.progress.report({"run": run.name} | {k: v for k, v in last if k[:4] == "val_"})
        else:
            self.failed.append(f"{run.name}: {folder.failed()}")
            self.progress.report({"run": run.name, "failed": folder.failed()})

    def epochs_done(self, run: Run) -> int:
        """Return the epochs that a run has completed."""
        epoch = RunFolder(self.out / run.name).last_row().get("epoch", 1)
        return int(epoch) - 1


def process_context() -> "ForkServerContext | SpawnContext":
    """Return how processes are made: where it can be, from one that has torch imported already."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file that one process can hold; the system lets go of it when the process dies."""
    with path.open("ab") as file:
        try:
            if sys.platform == "win32":
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"{path.parent} is in use by another plateau-face compare") from None
        yield
