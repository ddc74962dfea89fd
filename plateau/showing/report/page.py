"""The report as one HTML page that holds all it needs."""

import base64
import gzip
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from plateau.export import LogScan
from plateau.showing import wording
from plateau.showing.names import Named, named
from plateau.showing.printing import shown
from plateau.showing.report import tables, thumbnails
from plateau.showing.report.compared import DASHES, groups
from plateau.showing.report.curves import chart
from plateau.showing.report.spent import Spent
from plateau.showing.report.standing import standing

PAGE_POINTS, MOST, LEAST = 200_000, 4000, 400
"""Points of all curves together, and of one curve at most and at least."""


def html(scans: Sequence[LogScan]) -> str:
    """Return the page for some scanned logs.

    The browser is told to load nothing and to run no script but the two that are named by their
    hash, so that a log cannot bring one along whatever its name.
    """
    scans = shown(scans)
    runs = named(scans)
    points = min(max(PAGE_POINTS // len(runs) // 4 * 4, LEAST), MOST)
    plotly, script = get_plotlyjs(), _text("report.js")
    charts = [chart(run.found, points) for run in runs]
    together = groups(runs, charts)
    page = _environment().get_template("template.html")
    return page.render(
        title=_title(runs),
        totals=_totals(runs),
        version=version("plateau-detect"),
        hashes=[_hash(script), _hash(plotly)],
        style=Markup(_text("report.css")),
        script=Markup(script),
        plotly=_packed(plotly),
        data={"runs": charts, "compared": [group.lines() for group in together]},
        logs=[scan.log for scan in scans if scan.log.warnings],
        compared=together,
        runs=runs,
        standing=standing(runs),
        views=[_view(run, drawn) for run, drawn in zip(runs, charts, strict=True)],
        dashes=DASHES,
        tables=tables,
        thumbnails=thumbnails,
    )


def _view(run: Named, drawn: dict[str, Any]) -> dict[str, Any]:
    """Return what the template says of one run."""
    found, spent = run.found, Spent(run.found)
    return {
        "spent": spent,
        "read": wording.read(found.run),
        "rule": wording.rule(found.detector, found.unit),
        "now": wording.now(found),
        "brings": wording.brings(found),
        "summary": wording.summary(found),
        "positive": drawn["positive"],
        "log": drawn["log"],
        "shown": len(drawn["curve"]["x"]),
        "rates": drawn["lr"] is not None and bool(drawn["lr"]["x"]),
    }


def _totals(runs: Sequence[Named]) -> str:
    behind = f" in {wording.count(len(runs), 'run')}"
    return wording.plateaus([run.found for run in runs], behind)


def _title(runs: Sequence[Named]) -> str:
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return f"Plateaus of {runs[0].name}{more}"


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("plateau.showing.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["count"] = wording.count
    made.filters["plateaus"] = wording.plateaus
    made.filters["numbers"] = wording.numbers
    made.filters["outlook"] = wording.outlook
    made.filters["by_choice"] = lambda found: Spent(found).by_choice
    made.filters["breakable"] = _breakable
    return made


def _breakable(name: str) -> Markup:
    """Let a browser break a long name behind what parts its words, not amid one."""
    return Markup("<wbr>").join(re.split(r"(?<=[/_.,-])", name))


def _text(name: str) -> str:
    return (files("plateau.showing.report") / name).read_text(encoding="utf-8")


@cache
def _packed(script: str) -> str:
    """Bring a script to two fifths of its size; the browser unpacks it in a moment."""
    return base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"
