"""What is kept between clicks, and tables in pages."""

from __future__ import annotations

import pandas as pd
import pytest

from sat_nb import ExplorerState
from sat_nb.widgets.choices import checked
from sat_nb.widgets.data import Cache, Data
from sat_nb.widgets.markup import page_of, table_html
from sat_nb.widgets.snapshot import Snapshot


def test_the_cache_keeps_what_was_used_last() -> None:
    cache, computed = Cache(2), []
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key, lambda key=key: computed.append(key))
    assert computed == ["a", "b", "c", "b"]


def test_errors_are_not_kept() -> None:
    cache = Cache(2)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 2) == 2


def test_tables_in_pages(table: pd.DataFrame) -> None:
    rows, page, pages = page_of(table, 99)
    assert (page, pages) == (pages - 1, -(-len(table) // 20))
    assert len(rows) == len(table) - 20 * page
    assert 'aria-sort="descending"' in table_html(rows, sort="rank", descending=True)


def test_a_view_says_what_it_shows_more_with(table: pd.DataFrame) -> None:
    data = Data(table)
    for view, note in {
        "bars": [],
        "images": [
            "This view shows more with the photos (sat.read_images), the maps (sat.explain) and "
            "the masks (sat.read_segments): sat.explore(table, images=..., maps=..., segments=...)."
        ],
    }.items():
        state = checked(ExplorerState(view=view), data.offer)
        assert Snapshot(data, state).notes == note
