"""The programs of the documentation print what their pages say, but for the numbers.

Those change a little with the release of a framework.
"""

import os
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
        ("keras", ["keras"]),
        ("boosting", ["xgboost", "lightgbm"]),
        ("sweeps", ["optuna"]),
        ("river", ["river"]),
    ],
)
def test_the_program_of_a_page_prints_what_the_page_says(page, packages, tmp_path):
    ((text, shown),) = SHOWN.findall(page_of(page))
    prints(text, shown, packages, tmp_path)


RECIPES = {
    "ignite": ["torch", "ignite"],
    "accelerate": ["torch", "accelerate"],
    "skorch": ["torch", "skorch"],
    "fastai": ["torch", "fastai"],
    "optax": ["jax", "optax"],
}


@pytest.mark.parametrize("framework", RECIPES)
def test_a_recipe_prints_what_the_page_says(framework, tmp_path):
    before, *recipes = re.split(r"^## (.*)$", page_of("recipes"), flags=re.MULTILINE)
    texts = dict(zip(recipes[::2], recipes[1::2], strict=True))
    assert texts.keys() == RECIPES.keys()
    (shared,) = re.findall(r"```python\n(.*?)```", before, re.DOTALL)
    programs = SHOWN.findall(texts[framework])
    text = "\n".join(program for program, _ in programs)
    if "torch" in RECIPES[framework]:
        text = shared + text
    shown = "\n".join(result for _, result in programs)
    prints(text, shown, RECIPES[framework], tmp_path)


def page_of(name):
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def prints(text, shown, packages, tmp_path):
    for package in packages:
        pytest.importorskip(package)
    program = tmp_path / "program.py"
    program.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program],
        env=os.environ | {"KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "torch")},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if not line.startswith("{")]  # its own log
    assert without_numbers("\n".join(said)) == without_numbers(shown)
