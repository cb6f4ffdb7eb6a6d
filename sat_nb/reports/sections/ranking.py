"""Mean ranks with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sat_nb.plots.bars import plot_segments
from sat_nb.reports.findings import Findings
from sat_nb.reports.markup import Html, drawn, paragraph, side_by_side
from sat_nb.reports.section import Section


def _function(findings: Findings) -> Sequence[Html]:
    ranks, options = findings.ranks, findings.options
    pictures = [
        drawn(
            partial(plot_segments, ranks[ranks["method"] == method]), f"Mean ranks under {method}"
        )
        for method in findings.methods
    ]
    return [
        paragraph(
            "The mean rank of each segment over the photos that have it (1: the most attribution "
            f"per pixel), with {100 * options.level:g} % bootstrap intervals over "
            f"{options.things}. n is the number of photos."
        ),
        side_by_side(pictures),
    ]


SECTION = Section(
    name="ranking",
    title="Ranks where a segment is present",
    about="Relative mean ranks with bootstrap intervals, as bars.",
    source="Hinns & Martens 2025, Figure 4",
    function=_function,
)
