"""The differences that presence decides."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sat_nb.reports.findings import Findings
from sat_nb.reports.markup import Html, numbers, paragraph
from sat_nb.reports.section import Section
from sat_nb.widgets.markup import count

MOST_ROWS = 30
COLUMNS = ("segment_a", "segment_b", "presence", "n_a", "n_b", "n_both")


def _function(findings: Findings) -> Sequence[Html]:
    found = [
        findings.decided_by_presence(method)[list(COLUMNS)].assign(method=method)
        for method in findings.methods
    ]
    pairs = pd.concat(found)[["method", *COLUMNS]]
    if pairs.empty:
        return []
    parts = [
        paragraph(
            "A photo that lacks a segment ranks it last. These pairs are compared again on the "
            "photos that have both: a difference is created by presence if it is not found there, "
            "reversed if it is found the other way round, hidden if it is found there alone."
        ),
        numbers(pairs.head(MOST_ROWS)),
    ]
    if len(pairs) > MOST_ROWS:
        left = count(len(pairs) - MOST_ROWS, "pair")
        parts.append(paragraph(f"{left} more: see sat_nb.compare_missing."))
    return parts


SECTION = Section(
    name="presence",
    title="What presence drives",
    about="Differences that missing segments create, reverse or hide.",
    function=_function,
)
