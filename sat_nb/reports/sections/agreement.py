"""Whether the saliency methods agree."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sat_nb.plots.heatmap import plot_heatmap
from sat_nb.reports.findings import Findings
from sat_nb.reports.markup import Html, drawn, numbers, paragraph, side_by_side
from sat_nb.reports.section import Section


def _function(findings: Findings) -> Sequence[Html]:
    agreed = findings.agreed
    if agreed is None:
        return []
    draw = partial(plot_heatmap, findings.summary)
    picture = drawn(draw, "Mean ranks under each method", themed=False)
    return [
        side_by_side([picture]),
        paragraph("Kendall's tau-b of two methods in a photo, averaged over photos:"),
        numbers(agreed.tau.rename_axis(None, axis=1).rename_axis("method").reset_index()),
    ]


SECTION = Section(
    name="agreement",
    title="Do the methods agree?",
    about="Mean ranks under every method beside each other, and the agreement of pairs.",
    source="Kendall 1945",
    function=_function,
)
