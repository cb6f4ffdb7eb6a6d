from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb.csv_files import csv_of

NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5)


@given(st.lists(NAMES, min_size=1, max_size=5))
def test_any_text_is_read_back(names: list[str]) -> None:
    content = csv_of(pd.DataFrame({"segment": names, "rank": 1.5})).decode()
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert [row[0] for row in rows[1:]] == names
    assert {row[1] for row in rows[1:]} == {"1.5"}


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(sat.InvalidInput, match=r"udce9.* is not valid Unicode.*rename"):
        csv_of(pd.DataFrame({"segment": ["caf\udce9"]}, dtype=object))


def test_only_text_is_made_safe() -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", "a=1", "'a", " a", ""]
    table = pd.DataFrame(
        {
            "=segment": texts,
            "string": pd.array(texts, dtype="string"),
            "category": pd.Categorical(texts),
            "mixed": [-1, *texts[1:]],
            "float": -1.5,
            "int": pd.array([-1, None] * 5 + [-1], dtype="Int64"),
        }
    )
    before = table.copy()
    safe = sat.spreadsheet_safe(table)
    pd.testing.assert_frame_equal(table, before)
    expected = [f"'{text}" for text in texts[:7]] + texts[7:]
    assert list(safe) == ["'=segment", "string", "category", "mixed", "float", "int"]
    for column in ("'=segment", "string", "category"):
        assert safe[column].tolist() == expected
    assert safe["mixed"].tolist() == [-1, *expected[1:]]
    pd.testing.assert_frame_equal(safe[["float", "int"]], table[["float", "int"]])


def test_what_is_no_table() -> None:
    with pytest.raises(sat.InvalidInput, match="table: expected a DataFrame, got list"):
        sat.spreadsheet_safe([])  # type: ignore[arg-type]
