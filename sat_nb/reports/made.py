"""How a report was made: settings, versions, the lines that make it again, and what to cite."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

import sat_nb
from sat_nb.reports.findings import Options
from sat_nb.reports.markup import Html, bullets, code, numbers, paragraph
from sat_nb.reports.references import in_full
from sat_nb.saliency.methods import METHODS
from sat_nb.stats.bootstrap import INTERVALS
from sat_nb.stats.rank_tests import TESTS
from sat_nb.widgets.data import Data

LONGEST = 300
"""Characters of a setting that are shown."""

PACKAGES = ("numpy", "pandas", "scipy", "matplotlib")
"""What the numbers and pictures of a report depend on."""

PAPER = """@article{hinns2025aggregating,
  title   = {Aggregating Local Saliency Maps for Semi-Global Explainable Image Classification},
  author  = {Hinns, James and Martens, David},
  journal = {arXiv},
  year    = {2025},
  doi     = {10.48550/arXiv.2506.23247},
}"""


def how_made(data: Data, options: Options, call: str) -> Sequence[Html]:
    """Settings, versions, code and citations; ``call`` is the line that made the report."""
    settings = [*_settings(data.table.attrs.get("sat_nb", {}))] or [("table", "holds no settings")]
    sources = list(_sources(data.offer.methods, options))
    return [
        paragraph("Settings of the table, and the versions that this page was made with:"),
        numbers(pd.DataFrame([*settings, *_versions()], columns=["setting", "value"])),
        paragraph("To make it again:"),
        code(f"import sat_nb as sat\n\n{call}"),
        paragraph("What it follows:"),
        bullets(sources),
        paragraph("To cite, in full:"),
        bullets(in_full(sources)),
        code(f"{PAPER}\n\n{_software()}"),
    ]


def _settings(settings: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _settings(value, f"{within}{name}.")
        elif value not in (None, {}, []):
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            yield f"{within}{name}", text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _versions() -> Iterator[tuple[str, str]]:
    yield "sat_nb", sat_nb.__version__
    yield "Python", platform.python_version()
    for name in PACKAGES:
        yield name, importlib.metadata.version(name)


def _sources(methods: Sequence[str], options: Options) -> Iterator[str]:
    """Where the table, the methods and the statistics come from."""
    yield "Segment Attribution Tables: Hinns & Martens 2025 (below)"
    for method in methods:
        if method in METHODS and METHODS[method].source:
            yield f"{method}: {METHODS[method].source}"
    entry = TESTS.get(options.test) if isinstance(options.test, str) else options.test
    source = getattr(entry, "source", "")
    if source:
        yield f"test {options.test_name}: {source}"
    yield f"intervals: {INTERVALS['bca'].source}"


def _software() -> str:
    return (
        "@software{sat_nb,\n"
        "  title   = {sat_nb: Segment Attribution Tables in Jupyter},\n"
        "  author  = {{The sat_nb developers}},\n"
        f"  version = {{{sat_nb.__version__}}},\n"
        "}"
    )
