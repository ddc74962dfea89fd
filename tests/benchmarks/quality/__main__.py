"""Print and write the tables: ``PLATEAU_DATA=FOLDER python -m tests.benchmarks.quality``."""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

from tests.benchmarks.pages import written

from .cache import cached
from .calibration import STREAMS
from .evaluate import PARTS
from .marks import annotators
from .page import tables_of
from .peers import all_rows
from .people import people


def options():
    parser = argparse.ArgumentParser(prog="quality", description=__doc__)
    parser.add_argument("--rows", nargs="+", help="only rows whose name contains one of these")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--streams", type=int, default=STREAMS, help="made streams of each kind")
    parser.add_argument("--cache", type=Path, help="folder for what the peers found")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--page", type=Path, help="write the tables, or these rows, into it")
    return parser.parse_args()


def measured(row, parts):
    """Figures of one row; those it cannot have are left out, with a word why."""
    found = {}
    for part, figures in parts.items():
        if row.parts and part not in row.parts:
            continue
        begun = time.perf_counter()
        try:
            found[part] = figures(row)
        except ImportError as error:
            print(f"{row.name}: {error}", file=sys.stderr)
            return {}
        spent = time.perf_counter() - begun
        print(f"{row.name}, {part}: {spent:.1f} s", file=sys.stderr, flush=True)
    return {part: own for part, own in found.items() if own is not None}


def main():
    chosen = options()
    rows = [row for row in all_rows() if not chosen.rows or any(n in row.name for n in chosen.rows)]
    if chosen.cache:
        rows = [cached(row, chosen.cache) if row.peer else row for row in rows]
    parts = {part: PARTS[part] for part in chosen.parts}
    if "calibration" in parts:
        parts["calibration"] = partial(PARTS["calibration"], streams=chosen.streams)
    results = {row.title: measured(row, parts) for row in rows}
    if "jmh_human5" in chosen.parts:
        results |= people()
    if "marks" in chosen.parts:
        results |= annotators()
    tables = tables_of(results)
    for title, text in tables.items():
        print(f"\n{title}\n\n{text}")
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1) + "\n")
    if chosen.page:
        page = written(chosen.page.read_text(), tables, only_rows=bool(chosen.rows))
        chosen.page.write_text(page)


if __name__ == "__main__":
    main()
