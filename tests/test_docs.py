"""Pages can be read where they are: programs stand in them as they are run."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [path for path in DOCS.glob("*.md") if path.name != "changelog.md"]
PROGRAMS = [*sorted(DOCS.glob("examples/*.py")), DOCS / "experiments" / "small.toml"]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_a_program_stands_in_a_page_as_it_is_run(program):
    block = re.compile(r"^```(?:python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    shown = [text for page in PAGES for text in block.findall(page.read_text())]
    assert program.read_text() in shown


def test_no_program_is_behind_an_include():
    assert not [page.name for page in PAGES if "{literalinclude}" in page.read_text()]
