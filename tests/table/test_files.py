from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb.table.parquet import files, shards
from sat_nb.table.parquet.footer import FOOTER_KEY, read_footer

BY = ("model", "method")


def assert_same_rows(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Exactly the same, but for the order of rows."""
    keys = ["model", "method", "image_id", "segment_id"]
    assert list(found) == list(expected)
    frames = [frame.sort_values(keys, ignore_index=True) for frame in (found, expected)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def listing(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def own_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Two models, and columns of the user's own of several types, one before the others."""
    table = pd.concat([table, table.assign(model="b")], ignore_index=True)
    table.insert(0, "seed", np.arange(len(table), dtype=np.uint8))
    return table.assign(
        day=pd.Timestamp("2026-01-31").as_unit("ns"),
        odd=table.index % 2 == 1,
        nothing=None,
        label=pd.NA,
    ).astype({"label": "Int64"})


@pytest.mark.parametrize("partition_by", [(), BY, ("label",), "method", ("segment", "target")])
def test_tables_come_back_exactly(
    table: pd.DataFrame, tmp_path: Path, partition_by: tuple[str, ...]
) -> None:
    table = own_columns(table)
    table.loc[table["image_id"] < "image_05", ["label", "target"]] = 3
    table.attrs = {"sat_nb": {"pad_px": 2, "maps": {"seed": [1, 2]}}, "mine": "é"}
    path = sat.write_table(table, tmp_path / "t", partition_by=partition_by)
    assert path == tmp_path / "t"
    assert path.is_dir() == bool(partition_by)
    found = sat.read_table(path)
    assert_same_rows(found, table)
    assert found.attrs == table.attrs


def test_images_without_segments_come_back(tmp_path: Path) -> None:
    empty = sat.SegmentationMap((), np.zeros((0, 2, 2), bool))
    vacant = sat.build({"m": {"x": np.ones((2, 2))}}, {"x": empty})
    sat.write_table(vacant, tmp_path / "t", partition_by=BY)
    assert_same_rows(sat.read_table(tmp_path / "t"), vacant)


NAMES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["..", ".", "", "/etc", "../../x", "a=b", "%2F", "~", "*", "con", None]),
    st.sampled_from([shards.NOTHING, "a\0b", "ä" * 60, "x" * 249, "x" * 250, "\ud800"]),
)


@settings(max_examples=25)
@given(name=NAMES, other=NAMES)
def test_any_name_comes_back_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str | None, other: str | None
) -> None:
    around = tmp_path_factory.mktemp("around")
    row = sat.build({"m": {"x": np.ones((2, 2))}}, {"x": _whole()})
    model, method = (pd.Series([text], dtype=object) for text in (name, other))
    table = pd.concat([row.assign(model=model, method="a"), row.assign(model="b", method=method)])
    if _hopeless("model", name) or _hopeless("method", other):
        with pytest.raises(sat.InvalidInput, match="cannot name a folder|surrogates not allowed"):
            sat.write_table(table, around / "t", partition_by=BY)
        assert listing(around) == []
        return
    found = sat.read_table(sat.write_table(table, around / "t", partition_by=BY))
    pairs = [[name, "a"], ["b", other]]
    held = found[["model", "method"]].astype(object)
    held = held.where(held.notna(), None).to_numpy().tolist()
    assert sorted(held, key=str) == sorted(pairs, key=str)
    assert {p.split("/")[0] for p in listing(around)} == {"t"}
    assert len(list((around / "t").glob("model=*/method=*/*.parquet"))) == 2


def _whole() -> sat.SegmentationMap:
    return sat.SegmentationMap(("all",), np.ones((1, 2, 2), bool))


def _hopeless(column: str, name: str | None) -> bool:
    """NUL, half of a character, what means nothing, and what is longer than names of files are."""
    if name is None:
        return False
    plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
    surrogates = any(0xD800 <= ord(c) < 0xE000 for c in name)
    if surrogates or "\0" in name or name == "__HIVE_DEFAULT_PARTITION__":
        return True
    size = sum(1 if c in plain else 3 * len(c.encode()) for c in name)
    return len(column) + 1 + size > 255


def test_readers_of_hive_folders_understand_it(table: pd.DataFrame, tmp_path: Path) -> None:
    table = table.assign(method=table["method"].map({"sharp": "a/b c", "noisy": "é"}))
    sat.write_table(table, tmp_path / "t", partition_by=BY)
    by_pandas = pd.read_parquet(tmp_path / "t")
    assert by_pandas["method"].astype(str).value_counts().to_dict() == {"a/b c": 95, "é": 95}
    import duckdb

    files = str(tmp_path / "t" / "*" / "*" / "*.parquet")
    by_duckdb = duckdb.sql(f"SELECT DISTINCT model, method FROM read_parquet('{files}')").fetchall()
    assert sorted(by_duckdb) == [("model", "a/b c"), ("model", "é")]


def test_hive_folders_of_others_are_read(table: pd.DataFrame, tmp_path: Path) -> None:
    table = table.assign(method=table["method"].map({"sharp": "a/b c", "noisy": "é"}), label=1)
    table = table.astype({"label": "Int64"})
    table.to_parquet(tmp_path / "t", partition_cols=["method", "label"])
    found = sat.read_table(tmp_path / "t")
    assert_same_rows(found[list(table)], table)


def test_folders_above_name_nothing(table: pd.DataFrame, tmp_path: Path) -> None:
    above = tmp_path / "model=outer" / "segment=outer" / "run=3"
    sat.write_table(table, above / "t", partition_by=BY)
    assert_same_rows(sat.read_table(above / "t"), table)


def test_batches_fill_a_folder(table: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "t"
    first, second = (table[table["image_id"].lt("image_07") == early] for early in (True, False))
    sat.write_table(first, folder, partition_by=BY)
    before = {name: (folder / name).stat().st_mtime_ns for name in listing(folder)}
    sat.write_table(second, folder, partition_by=BY)
    assert_same_rows(sat.read_table(folder), table)
    assert len(list(folder.rglob("*.parquet"))) == 4
    changed = second.assign(score=0.5)
    sat.write_table(changed, folder, partition_by=BY)  # takes the place of what it was
    assert_same_rows(sat.read_table(folder), pd.concat([first, changed]))
    assert all(
        (folder / name).is_dir() or (folder / name).stat().st_mtime_ns == time
        for name, time in before.items()
    )


def test_settings_that_differ_stay_apart(table: pd.DataFrame, tmp_path: Path) -> None:
    other = table.assign(image_id="b" + table["image_id"])
    other.attrs = json.loads(json.dumps(table.attrs))
    other.attrs["sat_nb"]["left_out"] = {"maps without masks": ["x"]}
    for each in (table, other):
        sat.write_table(each, tmp_path / "t", partition_by=BY)
    attrs = sat.read_table(tmp_path / "t").attrs["sat_nb"]
    assert attrs["pad_px"] == 2
    left_out = sorted(map(str, (shard["left_out"] for shard in attrs["shards"])))
    assert left_out == ["{'maps without masks': ['x']}", "{}"]


@pytest.mark.parametrize(
    ("change", "partition_by", "said"),
    [
        ({"rank_by": "mean_attribution"}, BY, "rank_by is 'mean_attribution', was 'abs_mean_at"),
        ({}, ("method", "model"), r"partition_by is \['method', 'model'\], was \['model', 'metho"),
        ({"column": 1.5}, BY, r"columns \['mine \(double\)'\] differ"),
    ],
)
def test_shards_that_do_not_fit_are_refused(
    table: pd.DataFrame, tmp_path: Path, change: dict, partition_by: tuple, said: str
) -> None:
    sat.write_table(table, tmp_path / "t", partition_by=BY)
    before = listing(tmp_path)
    attrs = {"sat_nb": {**table.attrs["sat_nb"], **change}}
    other = table.assign(image_id="b", mine=1.5) if "column" in change else table.copy()
    other.attrs = table.attrs if "column" in change else attrs
    with pytest.raises(sat.InvalidInput, match=said):
        sat.write_table(other, tmp_path / "t", partition_by=partition_by)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_is_written_whole_or_not_at_all(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    if there:
        sat.write_table(table, tmp_path / "t", partition_by=BY)
    before, calls = listing(tmp_path), []
    write = files.write_rows

    def interrupted(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "write_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sat.write_table(table.assign(image_id="b"), tmp_path / "t", partition_by=BY)
    assert listing(tmp_path) == before


def test_filters(table: pd.DataFrame, tmp_path: Path) -> None:
    for name, by in (("file", ()), ("folder", BY)):
        path = sat.write_table(table, tmp_path / name, partition_by=by)
        found = sat.read_table(path, filters=[("method", "==", "sharp"), ("rank", "<=", 2)])
        assert_same_rows(found, table[(table["method"] == "sharp") & (table["rank"] <= 2)])
        found = sat.read_table(path, filters=[[("rank", "<", 2)], [("segment", "==", "rest")]])
        assert_same_rows(found, table[(table["rank"] < 2) | (table["segment"] == "rest")])
        assert len(sat.read_table(path, filters=[("method", "==", "none")])) == 0
        with pytest.raises(sat.InvalidInput, match="filters: unknown name 'methods'. Did you mea"):
            sat.read_table(path, filters=[("methods", "==", "sharp")])
        with pytest.raises(sat.InvalidInput, match="filters: expected .column, operator, value"):
            sat.read_table(path, filters=["method == 'sharp'"])


def test_partitions_that_cannot_match_are_not_opened(table: pd.DataFrame, tmp_path: Path) -> None:
    folder = sat.write_table(table, tmp_path / "t", partition_by=BY)
    (shard,) = folder.glob("*/method=sharp/*.parquet")
    content = shard.read_bytes()
    shard.write_bytes(content[:4] + b"\0" * 400 + content[404:])  # rows are spoilt, facts are not
    assert len(sat.read_table(folder, filters=[("method", "==", "noisy")])) == 95
    with pytest.raises(
        sat.InvalidInput, match="not readable as a Segment Attribution Table in Parquet"
    ):
        sat.read_table(folder)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        (
            "score",
            0.5,
            "partition_by: 'score' holds .*0.5.*; expected text, or whole numbers in on",
        ),
        ("mine", 7, "partition_by: 'mine' holds .*7.*; expected text"),
        (".mine", "x", "the column '.mine' cannot name a folder"),
        ("a/b", "x", "the column 'a/b' cannot name a folder"),
        ("image_id", "x" * 300, "which cannot name a folder: at most 255 bytes"),
    ],
)
def test_partitions_that_cannot_be_named(
    table: pd.DataFrame, tmp_path: Path, column: str, values: object, said: str
) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.write_table(
            table.assign(**{column: values}), tmp_path / "t", partition_by=("method", column)
        )
    assert listing(tmp_path) == []


def test_what_cannot_be_written(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(sat.InvalidInput, match="partition_by: unknown name 'metod'. Did you mean"):
        sat.write_table(table, tmp_path / "t", partition_by=["metod"])
    with pytest.raises(sat.InvalidInput, match="partition_by: expected rows, got a table without"):
        sat.write_table(table[:0], tmp_path / "t", partition_by=BY)
    with pytest.raises(sat.InvalidInput, match="table: cannot be written to Parquet .*surrogates"):
        sat.write_table(
            table.assign(segment=pd.Series("\ud800", table.index, dtype=object)), tmp_path / "t"
        )
    with pytest.raises(sat.InvalidInput, match="table: cannot be written to Parquet"):
        sat.write_table(table.assign(mine=[1, "a"] * 95), tmp_path / "t")
    file = sat.write_table(table, tmp_path / "t")
    with pytest.raises(sat.CannotWrite, match=r"path: cannot write .*t' \(Not a directory"):
        sat.write_table(table, file, partition_by=BY)
    (tmp_path / "folder").mkdir()
    with pytest.raises(sat.CannotWrite, match=r"folder' \(it is a folder\); give another name"):
        sat.write_table(table, tmp_path / "folder")
    table.attrs["mine"] = object()
    with pytest.raises(sat.InvalidInput, match="table.attrs is what JSON can hold"):
        sat.write_table(table, tmp_path / "u")
    assert listing(tmp_path) == ["folder", "t"]


def test_what_cannot_be_read(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(sat.FileMissing, match="'.*nowhere' does not exist"):
        sat.read_table(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(sat.InvalidInput, match="empty: the folder holds no .parquet file"):
        sat.read_table(tmp_path / "empty")
    (tmp_path / "text").write_text("image_id,model\n")
    with pytest.raises(sat.InvalidInput, match="text: not readable as a Segment Attribution Table"):
        sat.read_table(tmp_path / "text")
    table[["image_id"]].to_parquet(tmp_path / "other")
    with pytest.raises(sat.InvalidInput, match="other: .*columns .*'model'.* are missing"):
        sat.read_table(tmp_path / "other")
    whole = sat.write_table(table, tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(sat.InvalidInput, match="cut: not readable as a Segment Attribution Table"):
        sat.read_table(tmp_path / "cut")


def test_files_of_pandas_are_read(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_parquet(tmp_path / "t")
    found = sat.read_table(tmp_path / "t")
    pd.testing.assert_frame_equal(found, table)
    assert found.attrs == table.attrs


def test_one_file_is_what_pandas_reads(table: pd.DataFrame, tmp_path: Path) -> None:
    found = pd.read_parquet(sat.write_table(table, tmp_path / "t"))
    pd.testing.assert_frame_equal(found, table)
    assert found.attrs == table.attrs


def test_programs_that_rewrite_rows_do_not_keep_the_footer(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    file = sat.write_table(table, tmp_path / "t")
    assert has_footer(file)
    pq.write_table(pq.read_table(file), tmp_path / "u")
    assert not has_footer(tmp_path / "u")
    with pq.ParquetFile(file) as opened:  # this one takes the metadata along
        pq.write_table(opened.read().slice(0, 5), tmp_path / "v")
    assert not has_footer(tmp_path / "v")
    ds.write_dataset(ds.dataset(file), tmp_path / "w", format="parquet")
    (rewritten,) = (tmp_path / "w").iterdir()
    assert not has_footer(rewritten)


def has_footer(file: Path) -> bool:
    facts = pq.read_metadata(file)
    return read_footer(facts.metadata.get(FOOTER_KEY.encode()), facts.num_rows) is not None


@pytest.mark.parametrize(
    "term", [("rank", 3), ["rank", "<=", 3], "rank <= 3", ("rank", "<=", 3, 4)]
)
def test_filters_are_triples(table: pd.DataFrame, tmp_path: Path, term: object) -> None:
    file = sat.write_table(table, tmp_path / "t")
    with pytest.raises(sat.InvalidInput, match="^filters: expected .column, operator, value."):
        sat.read_table(file, filters=[term])


def test_a_folder_is_continued_by_another_pandas(table: pd.DataFrame, tmp_path: Path) -> None:
    """pandas 2 keeps text as objects and times in ns, pandas 3 as ``str`` and in us."""
    own = table.assign(
        noted=pd.array(["é"] * len(table), dtype="string[pyarrow]"),
        day=pd.Timestamp("2026-01-31").as_unit("us"),
    )
    other = own.astype({"noted": object, "day": "datetime64[ns]"})
    one, two = (f[(f["image_id"] < "image_05") == first] for f, first in ((own, 1), (other, 0)))
    one.attrs = two.attrs = table.attrs
    for rows in (one, two):
        sat.write_table(rows, tmp_path / "t", partition_by=BY)
    found = sat.read_table(tmp_path / "t")
    assert_same_rows(found.astype(own.dtypes.to_dict()), own)
    two = two.assign(day=pd.Timestamp("2026-01-31 00:00:00.000000001"))
    two.attrs = table.attrs
    with pytest.raises(sat.InvalidInput, match="table: cannot be written to Parquet .* lose data"):
        sat.write_table(two, tmp_path / "t", partition_by=BY)


@pytest.mark.parametrize("name", [None, "rank", "n"])
def test_notes_of_pandas_rename_no_column(
    table: pd.DataFrame, tmp_path: Path, name: object
) -> None:
    """Arrow takes the names of columns from them, whatever the file calls its columns."""
    path = sat.write_table(table, tmp_path / "t.parquet")
    rows = pq.read_table(path)
    notes = json.loads(rows.schema.metadata[b"pandas"])
    notes["columns"][0]["name"] = name
    pq.write_table(
        rows.replace_schema_metadata({**rows.schema.metadata, b"pandas": json.dumps(notes)}), path
    )
    for read in (sat.read_table, lambda path: sat.aggregate(path, how="absolute", value="rank")):
        with pytest.raises(sat.InvalidInput, match="pandas noted of its columns does not fit"):
            read(path)
