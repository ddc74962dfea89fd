"""The tables of a report as plain text, the same in HTML and in Markdown."""

from collections.abc import Sequence

import numpy as np

from plateau.offline import RunScan
from plateau.showing import wording
from plateau.showing.names import Named, metric
from plateau.showing.report.spent import Spent


def run_headings(runs: Sequence[Named]) -> tuple[str, ...]:
    """Return the headings over `run_cells`."""
    saved = ("could be saved",) if _saves(runs) else ()
    return (
        *("run", "now", "going on would bring", "flat", *saved, "plateaus"),
        *("metric", "level at the end", "rows"),
    )


def run_cells(run: Named, runs: Sequence[Named]) -> tuple[str, ...]:
    """Return a line of the table that compares runs."""
    found, spent = run.found, Spent(run.found)
    arrow = {"min": " ↓", "max": " ↑"}.get(found.run.mode, "")
    broken = f", {found.nonfinite:,} not finite" if found.nonfinite else ""
    savable = wording.count(spent.all_savable, spent.unit) if spent.by_choice else "-"
    saved = (savable,) if _saves(runs) else ()
    return (
        run.name,
        wording.now(found),
        wording.brings(found),
        f"{spent.share(spent.all_flat):.0%}",
        *saved,
        wording.numbers(found),
        metric(found.run) + arrow,
        last_level(found),
        f"{len(found.run.values) * found.run.every:,}{broken}",
    )


def _saves(runs: Sequence[Named]) -> bool:
    return any(Spent(run.found).by_choice for run in runs)


def plateau_headings(found: RunScan) -> tuple[str, ...]:
    """Return the headings over `plateau_cells`."""
    spent = Spent(found)
    saved = ("could be saved",) if spent.by_choice else ()
    return (
        *("plateau", "from", "known at", "to", "kind", f"{spent.unit}s"),
        *(("lasts",) if found.run.clock else ()),
        *saved,
        *("level", f"slope per {found.unit}", "noise"),
    )


def plateau_cells(found: RunScan) -> list[tuple[str, ...]]:
    """Return a line for each plateau of a run."""
    spent, run, x = Spent(found), found.run, found.run.x
    return [
        (
            str(number),
            wording.place(run, x[plateau.start]),
            wording.known_at(run, plateau),
            wording.until(run, plateau),
            plateau.kind,
            f"{spent.flat(plateau):,}",
            *((wording.lasts(run, plateau),) if run.clock else ()),
            *((f"{spent.savable(plateau):,}",) if spent.by_choice else ()),
            f"{plateau.level:.4g}",
            f"{plateau.slope:+.1e}",
            f"{plateau.noise:.2g}",
        )
        for number, plateau in enumerate(found.plateaus, 1)
    ]


def last_level(found: RunScan) -> str:
    """Return the last level that the detector knew."""
    known = found.level[np.isfinite(found.level)]
    return f"{known[-1]:.4g}" if len(known) else "unknown"
