"""Critical difference diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sat_nb.plots.critical_difference import plot_critical_difference
from sat_nb.reports.findings import Findings
from sat_nb.reports.markup import Html, drawn, one_below_another, paragraph
from sat_nb.reports.section import Section

MOST_SEGMENTS = 40
"""Of more segments a diagram cannot be read."""


def _function(findings: Findings) -> Sequence[Html]:
    possible = {m: c for m, c in findings.comparisons.items() if len(c.mean_ranks) > 1}
    small = {m: c for m, c in possible.items() if len(c.mean_ranks) <= MOST_SEGMENTS}
    positions = "aeon_ranks" if findings.options.test == "aeon" else "mean_ranks"
    pictures = [
        drawn(
            partial(plot_critical_difference, found, positions=positions),
            f"Critical difference diagram under {method}",
        )
        for method, found in small.items()
    ]
    parts = [one_below_another(pictures)] if pictures else []
    for method in possible.keys() - small.keys():
        n = len(possible[method].mean_ranks)
        parts.append(paragraph(f"{method}: no diagram of {n} segments; it holds {MOST_SEGMENTS}."))
    if not parts:
        return []
    return [
        paragraph(
            "Mean ranks over all photos, a photo that lacks a segment ranking it last. A bar joins "
            f"segments that do not differ ({findings.options.test_name}, alpha "
            f"{findings.options.alpha:g})."
        ),
        *parts,
    ]


SECTION = Section(
    name="differences",
    title="Which segments differ",
    about="Critical difference diagrams of the mean ranks over all photos.",
    source="Demsar 2006; Hinns & Martens 2025",
    function=_function,
)
