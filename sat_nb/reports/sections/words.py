"""The answer in words, and what each method puts first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from sat_nb.reports.findings import Findings
from sat_nb.reports.markup import Html, bullets, numbers
from sat_nb.reports.section import Section
from sat_nb.reports.sentences import first_of, listed, not_told_apart, said


def _function(findings: Findings) -> Sequence[Html]:
    return [bullets(said(findings)), numbers(pd.DataFrame(_firsts(findings)))]


def _firsts(findings: Findings) -> Iterator[dict[str, Any]]:
    """One row a method: the segment that it ranks first."""
    level = f"{100 * findings.options.level:g} %"
    for method, found in findings.comparisons.items():
        rows = findings.ranks[findings.ranks["method"] == method].set_index("segment")
        for name in first_of(found):
            where = rows.loc[name]
            yield {
                "method": method,
                "first": name,
                "mean rank": found.mean_ranks[name],
                "mean rank where present": where["rank"],
                f"{level} from": where["low"],
                f"{level} to": where["high"],
                "photos": found.n_images[name],
                "not told apart from": listed(not_told_apart(found)) or "—",
            }


SECTION = Section(
    name="words",
    title="In words",
    about="What was found, one sentence each, and what each method puts first.",
    function=_function,
)
