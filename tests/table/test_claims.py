"""Small Parquet files that claim much: one long text that many rows share, in all its packings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sat_nb as sat
from sat_nb import reading
from sat_nb.parquet_columns import ColumnPart
from sat_nb.table.parquet import claims
from sat_nb.toy import toy


@pytest.fixture(scope="module")
def table() -> Any:
    return sat.build(*toy(3))


def rewritten(table: Any, file: Path, n_rows: int, columns: dict[str, Any], **options: Any) -> Path:
    """The first row of the table so many times, with other columns, as any program may write it."""
    sat.write_table(table, file)
    first = pq.read_table(file).slice(0, 1)
    found = {f.name: pa.array(first[f.name].to_pylist() * n_rows, f.type) for f in first.schema}
    kept = {k: v for k, v in first.schema.metadata.items() if k != b"ARROW:schema"}
    content = pa.table({**found, **columns}).replace_schema_metadata(kept)
    pq.write_table(content, file, compression="zstd", store_schema=False, **options)
    assert file.stat().st_size < 10**6
    return file


def shared(n_rows: int, *texts: Any) -> pa.Array:
    codes = pa.array(np.arange(n_rows, dtype=np.int32) % len(texts))
    return pa.DictionaryArray.from_arrays(codes, pa.array(texts))


N = 500
LONG = "x" * 20_000  # ten megabytes in all


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of these tests may have a megabyte, or a hundred times their file."""
    monkeypatch.setattr(claims, "MAX_UNPACKED", 2**20)


ATTACKS: dict[str, Callable[[], tuple[dict[str, Any], dict[str, Any]]]] = {
    "segment": lambda: ({"segment": shared(N, LONG)}, {}),
    "behind a missing one": lambda: (
        {
            "segment": pa.DictionaryArray.from_arrays(
                pa.array([None, *[0] * (N - 1)]), pa.array([LONG])
            )
        },
        {},
    ),
    "a column of the user's": lambda: ({"note": shared(N, "", LONG)}, {}),
    "bytes": lambda: ({"note": shared(N, LONG.encode())}, {}),
    "of one length": lambda: (
        {"note": shared(N, LONG.encode()).cast(pa.binary()).cast(pa.binary(20_000))},
        {},
    ),
    "ends alone": lambda: (
        {"note": shared(N, LONG).cast(pa.string())},
        {"use_dictionary": False, "column_encoding": {"note": "DELTA_BYTE_ARRAY"}},
    ),
    "in lists": lambda: (
        {"note": pa.ListArray.from_arrays(np.arange(N + 1), shared(N, LONG))},
        {},
    ),
    "in structures": lambda: ({"note": pa.StructArray.from_arrays([shared(N, LONG)], ["a"])}, {}),
    "groups": lambda: ({"segment": shared(N, LONG)}, {"row_group_size": 300}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_text_of_many_rows_is_counted_in_each(
    name: str, table: Any, little: None, tmp_path: Path
) -> None:
    columns, options = ATTACKS[name]()
    file = rewritten(table, tmp_path / "a.parquet", N, columns, **options)
    for read in (sat.read_table, lambda path: sat.aggregate(path, value="rank")):
        with pytest.raises(sat.InvalidInput, match=r"claims \d+ bytes of text, which no table"):
            read(file)


def test_one_long_text_among_short_ones_is_read(table: Any, little: None, tmp_path: Path) -> None:
    """As a note on one image: the longest text times the rows would be too much."""
    notes = ["", *[str(i) for i in range(N - 2)], LONG]
    for name, options in {
        "shared": {},
        "plain": {"use_dictionary": False},
        "both": {"dictionary_pagesize_limit": 1000},
    }.items():
        columns = {"note": pa.array(notes)}
        file = rewritten(table, tmp_path / f"{name}.parquet", N, columns, **options)
        assert sat.read_table(file)["note"].tolist() == notes


def test_a_column_that_says_nothing_of_its_dictionary(table: Any, tmp_path: Path) -> None:
    """The page decides, not what the file says of it."""

    part = ColumnPart(0, 1, 0, "note", 1, 9, "BYTE_ARRAY", "PLAIN", 2)
    (tmp_path / "a").write_bytes(b"??\x15\x00")
    assert not claims._begins_with_dictionary(str(tmp_path / "a"), part)
    (tmp_path / "a").write_bytes(b"??\x15\x04")
    assert claims._begins_with_dictionary(str(tmp_path / "a"), part)
    for other in (part._replace(dictionary_at=None), part._replace(kind="INT64")):
        assert not claims._begins_with_dictionary(str(tmp_path / "a"), other)


def test_values_within_lists_are_counted(table: Any, tmp_path: Path) -> None:
    n_values = claims.MAX_ROWS + 1
    nothing = pa.ListArray.from_arrays([0, n_values], pa.nulls(n_values, pa.int64()))
    file = rewritten(table, tmp_path / "a.parquet", 1, {"note": nothing})
    with pytest.raises(sat.InvalidInput, match=f"claims {n_values} values"):
        sat.read_table(file)


def test_metadata_is_bounded(table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = sat.write_table(table, tmp_path / "a.parquet")
    sat.write_table(table, tmp_path / "shards", partition_by=("method",))
    monkeypatch.setattr(reading, "MAX_FOOTER", 1000)
    for path in (file, tmp_path / "shards"):
        for read in (sat.read_table, lambda path: sat.aggregate(path, value="rank")):
            with pytest.raises(sat.InvalidInput, match=r"has \d+ bytes of metadata, and 1000 are"):
                read(path)


def test_files_are_described_once_until_they_change(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    describe = claims.described
    monkeypatch.setattr(claims, "described", lambda *a: (asked.append(a), describe(*a))[1])
    file = sat.write_table(table, tmp_path / "a.parquet")
    for _ in range(2):
        assert set(sat.aggregate(file)["method"]) == {"noisy", "sharp"}
    assert len(asked) == 1
    sat.write_table(table[table["method"] == "sharp"], file)
    assert set(sat.aggregate(file)["method"]) == {"sharp"}
    assert len(asked) == 2
