"""Train and print: ``python -m tests.benchmarks.trainings [--page docs/trainings.md]``."""

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import torch

from tests.benchmarks.pages import written

from .cache import told_curves
from .schedules import OWN, SCHEDULES, Schedule
from .tables import Results, tables_of
from .tasks import TASKS
from .training import Training


def options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="trainings", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time")
    parser.add_argument("--cache", type=Path, help="folder for the curves")
    parser.add_argument(
        "--anew",
        nargs="*",
        default=[OWN],
        help="schedules to train again in spite of the cache, by a part of their names "
        "(default: the library's own)",
    )
    parser.add_argument("--small", action="store_true", help="little work, only to see it run")
    parser.add_argument("--page", type=Path, help="write the tables into this page")
    return parser.parse_args()


def pairs_of(seeds: int, *, small: bool) -> Iterator[tuple[Training, Schedule]]:
    """Yield what there is to train."""
    tasks = TASKS
    if small:
        tasks = tuple(replace(each, epochs=3, steps=4, validation=64) for each in tasks)
    for seed, task in product(range(seeds), tasks):
        for optimizer, schedule in product(task.rates, SCHEDULES):
            yield Training(task, optimizer, seed), schedule


def main() -> None:
    """Train, print and write."""
    chosen = options()
    pairs = list(pairs_of(chosen.seeds, small=chosen.small))
    # A layer of these sizes is no faster with more threads, but two trainings at a time are.
    with ProcessPoolExecutor(
        chosen.processes, get_context("spawn"), torch.set_num_threads, (1,)
    ) as pool:
        curves = pool.map(partial(told_curves, folder=chosen.cache, anew=chosen.anew), pairs)
        results = Results(dict(zip(pairs, curves, strict=True)))
    tables = tables_of(results)
    for title, text in tables.items():
        print(f"\n{title}\n\n{text}")
    if chosen.page:
        chosen.page.write_text(written(chosen.page.read_text(), tables))


if __name__ == "__main__":
    main()
