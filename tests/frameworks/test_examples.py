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

OWN = re.compile(r"\{|[╭│├╰]|View detailed results|To visualize your results|$")
"""How lines begin that transformers and Ray print of themselves, asked or not."""

HANGS = 900
"""Seconds after which a program hangs: one that takes half a minute takes five under load."""


def without_numbers(text):
    return sorted({re.sub(r"\d[\d.]*", "#", line) for line in text.splitlines()})


PROGRAMS = {
    "lightning": [["lightning"]],
    "transformers": [["transformers", "accelerate"]],
    "keras": [["keras"]],
    "boosting": [["xgboost", "lightgbm"], ["catboost"]],
    "sweeps": [["optuna"], ["ray"]],
    "river": [["river"]],
}
"""The pages, and what each program of a page needs."""


@pytest.mark.parametrize(
    ("page", "number"), [(page, i) for page, needed in PROGRAMS.items() for i in range(len(needed))]
)
def test_a_program_of_a_page_prints_what_the_page_says(page, number, tmp_path):
    programs = SHOWN.findall(page_of(page))
    assert len(programs) == len(PROGRAMS[page])
    text, shown = programs[number]
    prints(text, shown, PROGRAMS[page][number], tmp_path)


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
        env={"KERAS_BACKEND": "torch", "RAY_raylet_start_wait_time_s": "300"}
        | os.environ
        | {"HOME": str(tmp_path)},  # where Keras and Ray leave what they write
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if not OWN.match(line)]
    assert without_numbers("\n".join(said)) == without_numbers(shown)
