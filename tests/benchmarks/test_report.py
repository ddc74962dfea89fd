"""What the report of a run of a million rows costs: to write it, and to open it in Chromium.

pip install -e ".[bench]" -c constraints.txt
pytest tests/benchmarks/test_report.py
"""

import browser
import numpy as np
import pytest

from plateau.export import LogScan
from plateau.logs.model import Log, Run
from plateau.offline import scan_run
from plateau.showing.report import html

ROWS = 1_000_000


@pytest.fixture(scope="module")
def scan():
    rng, x = np.random.default_rng(1), np.arange(float(ROWS))
    loss = 3 / np.sqrt(1 + x / 2e4) + 0.05 * rng.normal(size=ROWS)
    lr = np.where(x < ROWS / 2, 0.1, 0.01)
    run = Run("1", "loss", "step", "min", loss, x, lr, "lr", np.arange(ROWS), True)
    return LogScan(Log("million.csv", "csv", (run,), ()), [scan_run(run)])


def test_writing(benchmark, scan):
    page = benchmark(html, [scan])
    benchmark.extra_info["megabytes"] = len(page) / 1e6


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium (apt install chromium)")
def test_opening(benchmark, scan, tmp_path):
    """From the address to the drawn curve."""
    path = tmp_path / "report.html"
    path.write_text(html([scan]))
    with browser.opened(tmp_path / "profile") as page:

        def open_page():
            page.open(path)
            page.wait("document.querySelector('.plot .main-svg')")

        benchmark.pedantic(open_page, rounds=7, warmup_rounds=1)
