"""The programs of the documentation print what their pages say, but for the numbers.

Those change a little with the release of a framework.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = re.compile(r"```python\n((?:(?!```).)*)```\n\n```text\n(.*?)\n```", re.DOTALL)


def without_numbers(text):
    return sorted({re.sub(r"\d[\d.]*", "#", line) for line in text.splitlines()})


@pytest.mark.parametrize(
    ("page", "packages"),
    [
        ("lightning", ["lightning"]),
        ("transformers", ["transformers", "accelerate"]),
        ("boosting", ["xgboost", "lightgbm"]),
        ("sweeps", ["optuna"]),
    ],
)
def test_the_program_of_a_page_prints_what_the_page_says(page, packages, tmp_path):
    for package in packages:
        pytest.importorskip(package)
    ((text, shown),) = SHOWN.findall((DOCS / f"{page}.md").read_text(encoding="utf-8"))
    program = tmp_path / "program.py"
    program.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if not line.startswith("{")]  # its own log
    assert without_numbers("\n".join(said)) == without_numbers(shown)
