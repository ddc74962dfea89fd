"""How Sphinx builds the documentation."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "plateau"
author = "The plateau developers"
copyright = author  # noqa: A001  Sphinx wants this name
release = version = installed("plateau-detect")

extensions = [
    "myst_nb",
    "sphinx.ext.doctest",
    "mathml",
    "session",
    "unseen",
]
exclude_patterns = ["_build", "sample"]

# The notebook is kept without results and run by each build, in a folder of its own.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # of a cell, on a machine that has more to do
nb_merge_streams = True
nb_render_markdown_format = "gfm"

html_theme = "furo"
html_title = "plateau"
html_static_path = ["static"]
html_css_files = ["plateau.css"]
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# The examples of a page run in a folder of their own.
doctest_global_setup = """
import os
from session import Folder, shell
_folder = Folder()
"""
doctest_global_cleanup = "_folder.leave()"

doctest_test_doctest_blocks = ""  # those of the API page are run by pytest, in their docstrings
