"""The tables of a report as plain text, the same in HTML and in Markdown."""

import numpy as np

from plateau.offline import RunScan
from plateau.showing import wording
from plateau.showing.names import Named, metric
from plateau.showing.report.spent import Spent

RUN_HEADINGS = (
    *("run", "flat", "could be saved", "plateaus", "ends"),
    *("metric", "level at the end", "rows"),
)


def run_cells(run: Named) -> tuple[str, ...]:
    """Return a line of the table that compares runs."""
    found, spent = run.found, Spent(run.found)
    arrow = {"min": " ↓", "max": " ↑"}.get(found.run.mode, "")
    broken = f", {found.nonfinite:,} not finite" if found.nonfinite else ""
    return (
        run.name,
        f"{spent.share(spent.all_flat):.0%}",
        wording.count(spent.all_savable, spent.unit),
        wording.numbers(found),
        wording.ending(found),
        metric(found.run) + arrow,
        last_level(found),
        f"{len(found.run.values) * found.run.every:,}{broken}",
    )


def plateau_headings(found: RunScan) -> tuple[str, ...]:
    """Return the headings over `plateau_cells`."""
    unit = Spent(found).unit
    return (
        *("plateau", "from", "known at", "to", "kind", f"{unit}s", "could be saved"),
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
            f"{spent.savable(plateau):,}",
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
