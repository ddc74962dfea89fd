"""How Sphinx builds the documentation."""

from importlib.metadata import version as installed

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
]
exclude_patterns = ["_build", "sample"]

html_theme = "furo"
html_title = "plateau"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

default_role = "py:obj"  # `Haar` in a docstring links to Haar
add_module_names = False
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "kernels, make_block"}  # for detectors, not users
autodoc_typehints = "none"  # the docstrings' parameter sections have them
numpydoc_show_class_members = False  # autodoc lists them
numpydoc_xref_param_type = False
