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
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "formats",
    "mathml",
    "session",
]
exclude_patterns = ["_build", "sample", "logs"]

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

doctest_test_doctest_blocks = ""  # those of docstrings are run by pytest
default_role = "py:obj"  # `Haar` in a docstring links to Haar
add_module_names = False
autodoc_member_order = "bysource"
# Their adapters are described, the frameworks need not be there for that.
autodoc_mock_imports = [
    "catboost",
    "keras",
    "lightgbm",
    "lightning",
    "optuna",
    "ray",
    "river",
    "transformers",
    "xgboost",
]
# Members for detectors, not users.
autodoc_default_options = {"exclude-members": "group, kernels, kernels_for, make_state"}
autodoc_typehints = "none"  # the docstrings' parameter sections have them
numpydoc_show_class_members = False  # autodoc lists them
numpydoc_xref_param_type = False
