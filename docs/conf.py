"""How `make docs` builds the site.

The pages are read where they lie in the repository, so that a link from one file to another is the
same here and there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sat_nb

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "sat_nb"
author = "The sat_nb developers"
copyright = f"2025, {author}"
version = release = sat_nb.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "entrance",
    "folders",
    "gallery",
    "links",
    "names",
    "reference",
    "sphinx.ext.autodoc",
    "sphinx_design",
]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "notebooks/*.ipynb",
    "notebooks/README.md",
    "benchmarks/README.md",
    "*.md",
]
exclude_patterns = ["docs/_build", "docs/joss", ".*", "**/.*", "sat_nb", "tests", "figures", "dist"]

# Notebooks are shown as they are committed; tests run them.
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # it would be fetched from elsewhere, and pictures stand for widgets
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_typehints = "none"  # the sections of the docstrings say more
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"sat_nb {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_search_summary = False  # pages opened from a folder may not read one another
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
