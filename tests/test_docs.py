"""Pages can be read where they are: programs stand in them as they are run."""

import json
import re
import runpy
import sys
import tomllib
from pathlib import Path

import matplotlib
import pytest
import reliability

import plateau

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"
PAGES = [path for path in DOCS.glob("*.md") if path.name != "changelog.md"]
WRITTEN = [  # those that a program writes, or writes parts of, are as long as it makes them
    *TOP.glob("*.md"),
    *(
        page
        for page in PAGES
        if page.name not in {"api.md", "benchmarks.md", "quality.md", "trainings.md"}
    ),
]
PROGRAMS = [*sorted(DOCS.glob("examples/*.py")), DOCS / "experiments" / "small.toml"]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_a_program_stands_in_a_page_as_it_is_run(program):
    block = re.compile(r"^```(?:python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    shown = [text for page in PAGES for text in block.findall(page.read_text())]
    assert program.read_text() in shown


def test_no_program_is_behind_an_include():
    assert not [page.name for page in PAGES if "{literalinclude}" in page.read_text()]


def test_what_only_the_site_needs_is_not_seen_in_a_checkout():
    seen = re.compile(r"^(?:```\{(?:toctree|testsetup)\}|\(.+\)=$)", re.MULTILINE)
    assert not [page.name for page in PAGES if seen.search(page.read_text())]


@pytest.mark.parametrize("script", sorted(DOCS.glob("*/make_*.py")), ids=lambda path: path.stem)
def test_what_makes_pictures_and_results_finds_what_it_imports(script, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(script.parent), *sys.path])
    with matplotlib.rc_context():  # their style is theirs
        runpy.run_path(str(script), run_name="imported")


def test_the_table_of_formats_is_that_of_the_readers(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(DOCS)])
    from make_formats import with_table

    page = (DOCS / "logs.md").read_text()
    assert page == with_table(page), "python docs/make_formats.py"


def test_every_public_name_is_on_the_api_page():
    page = (DOCS / "api.md").read_text()
    assert not [name for name in plateau.__all__ if f"[`plateau.{name}`](#" not in page]


def test_the_counts_of_all_trials_are_those_of_one_run():
    page = (DOCS / "reliability.md").read_text()
    (counts,) = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^\d+ ", counts, re.MULTILINE)) == len(reliability.TRIALS)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_paragraphs_are_wrapped(page):
    unseen = r"^( *)(```+).*?^\1\2$|^<!-- \{.*?^-->$"
    text = re.sub(unseen, "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    prose = [line for line in text.splitlines() if not line.startswith(("|", "![", "$$"))]
    assert not [line for line in prose if len(re.sub(r"\]\(\S+\)", "]", line)) > 100]


def test_the_index_names_every_page():
    pages = {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.glob("**/*.md")}
    pages = pages - {"index"} | {"notebook"}
    index, trees = "", []
    for page in ("index.md", "frameworks.md"):
        text = (DOCS / page).read_text()
        tree = re.compile(r"^<!-- {toctree}\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
        trees += [name for names in tree.findall(text) for name in names.split("\n\n")[1].split()]
        index += text if page == "index.md" else ""
    assert sorted(trees) == sorted(pages)  # once
    assert {re.sub(r"\.\w+$", "", name) for name in re.findall(r"\]\(([\w/.-]+)", index)} >= pages


def test_extras_that_the_pages_install_are_there():
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pages = "".join(page.read_text() for page in (*TOP.glob("*.md"), *PAGES))
    named = re.findall(r"'(?:\.|plateau-detect)\[([\w,]+)\]'", pages)
    assert {"torch", "test"} <= {one for names in named for one in names.split(",")} <= set(extras)


def test_the_oldest_releases_that_a_page_names_are_those_required_and_those_tested():
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    tested = (TOP / ".ci" / "frameworks").read_text()
    row = re.compile(r"^\| (\w+)[^|]* \| [\d.]+ \| ([\d.]+?)(?:\.0)? \|$", re.MULTILINE)
    named = row.findall((DOCS / "frameworks.md").read_text())
    assert len(named) == 10
    for framework, oldest in named:
        name = framework.lower().removeprefix("py")
        (least,) = (one for one in extras[name] if re.match(rf"{name}\W", one))
        assert re.search(rf">={re.escape(oldest)}(,|$)", least)
        assert re.search(rf"\b{name}(-cpu|\[tune\])?=={re.escape(oldest)}(\.0)?\W", tested)


def test_the_notebook_is_kept_without_results():
    cells = json.loads((DOCS / "notebook.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_changelog_has_the_form_that_tools_read():
    headings = re.findall(r"^## .*$", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = re.compile(r"## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d")
    assert headings[0] == "## [Unreleased]"
    assert all(released.fullmatch(heading) for heading in headings[1:])


def test_who_cites_cites_this_version():
    assert f"\nversion: {plateau.__version__}\n" in (TOP / "CITATION.cff").read_text()
