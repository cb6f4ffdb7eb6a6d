"""References: every source that a report can name has one in full, with what finds it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from sat_nb.registry import Entry
from sat_nb.reports.made import REFERENCES, in_full
from sat_nb.saliency.methods import METHODS
from sat_nb.stats.bootstrap import INTERVALS
from sat_nb.stats.rank_tests import TESTS


@pytest.mark.parametrize(
    "registry", [METHODS, TESTS, INTERVALS], ids=["methods", "tests", "bounds"]
)
def test_every_source_has_its_references(registry: Mapping[str, Entry]) -> None:
    for name, entry in registry.items():
        years = re.findall(r"\b(?:19|20)\d\d\b", entry.source)
        found = " ".join(in_full([entry.source]))
        assert len(in_full([entry.source])) >= len(years), name
        assert all(f"({year})" in found for year in years), name


@pytest.mark.parametrize("short", REFERENCES)
def test_a_reference_names_the_same_people_a_title_and_where_it_is(short: str) -> None:
    full = REFERENCES[short]
    plain = full.replace("š", "s")
    for word in re.findall(r"[A-Z]\w+", short):
        assert word in plain
    assert re.match(r".+ \(\d{4}\)\. .+\. .+", full)
    assert re.search(r"doi:10\.\d{4,}/\S+$|https://\S+$", full)


def test_references_are_sorted_and_named_once() -> None:
    assert [*REFERENCES] == sorted(REFERENCES, key=str.lower)
    assert len(in_full([*REFERENCES, *REFERENCES])) == len(REFERENCES)
    assert in_full(["a control"]) == []
