"""Measure and print: ``python -m tests.benchmarks.speed [--page docs/benchmarks.md]``."""

import argparse
import sys
import time
from pathlib import Path

from tests.benchmarks.pages import written

from . import batches, growth, starts, updates
from .picture import picture
from .streams import SMALL, Sizes
from .tables import bounds_table, growth_table, machine, result_table
from .timing import measured

GROUPS = updates.GROUPS | batches.GROUPS | starts.GROUPS | growth.GROUPS
SINGLE = {"worst update": updates.worst_update, "memory of a bank": batches.bank_memory}
"""Groups that measure themselves."""


def options():
    parser = argparse.ArgumentParser(prog="speed", description=__doc__)
    parser.add_argument("--groups", nargs="+", help="only groups whose name contains one of these")
    parser.add_argument("--seconds", type=float, default=Sizes.seconds, help="for each group")
    parser.add_argument("--small", action="store_true", help="little work, only to see it run")
    parser.add_argument("--page", type=Path, help="write the tables and the picture for this page")
    return parser.parse_args()


def results_of(names, sizes):
    """Results by the names of the groups, told as they come."""
    results = {}
    for name in names:
        begin = time.perf_counter()
        if name in SINGLE:
            results[name] = SINGLE[name](sizes)
        else:
            results[name] = measured(GROUPS[name](sizes), sizes.seconds, sizes.rounds)
        print(f"{name}: {time.perf_counter() - begin:.1f} s", file=sys.stderr, flush=True)
    return results


def tables_of(results):
    """Tables by the names of their places."""
    tables = {
        name: (growth_table if name in growth.GROUPS else result_table)(result)
        for name, result in results.items()
    }
    return tables | {"bounds": bounds_table(results), "machine": machine()}


def main():
    chosen = options()
    sizes = SMALL if chosen.small else Sizes(seconds=chosen.seconds)
    asked = chosen.groups or [""]
    names = [name for name in [*GROUPS, *SINGLE] if any(part in name for part in asked)]
    if not names:
        sys.exit(f"no group's name contains {' or '.join(asked)}: {', '.join([*GROUPS, *SINGLE])}")
    results = results_of(names, sizes)
    tables = tables_of(results)
    for text in tables.values():
        print(f"\n{text}")
    if chosen.page:
        if chosen.groups:  # those that were not measured have their place in the last whole run
            del tables["bounds"]
        chosen.page.write_text(written(chosen.page.read_text(), tables))
        grown = {name: results[name] for name in growth.GROUPS if name in results}
        if grown:
            path = chosen.page.parent / "pictures" / "growth.svg"
            picture(grown).savefig(path, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
