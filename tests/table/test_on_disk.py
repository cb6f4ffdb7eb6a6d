from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb.table.parquet import totals_on_disk as on_disk
from sat_nb.table.parquet.totals_on_disk import totals_on_disk
from sat_nb.table.totals import segment_totals
from tests.oracles import tables as oracle
from tests.table.test_aggregate import tables

BY = ("model", "method")


WAYS = ("file", "folder", "other program", "batches")


def written(way: str, table: pd.DataFrame, folder: Path) -> Path:
    """The rows in a file, a folder, a file of another program, or batches that overlap."""
    path = folder / way
    if way == "file":
        return sat.write_table(table, path)
    if way == "folder":
        return sat.write_table(table, path, partition_by=BY)
    if way == "other program":
        table.iloc[::-1].to_parquet(path)
        return path
    odd = table["image_id"].map(hash) % 2 == 1
    for part in (table[odd], table[~odd]):
        if len(part):
            sat.write_table(part, path, partition_by=("method",))
    return path


def assert_alike(path: Path, table: pd.DataFrame, value: str, by: list[str]) -> None:
    """The very frame of sums that comes from memory."""
    found = totals_on_disk(path, value=value, by=by)
    expected = segment_totals(table, value=value, by=by)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("by", [["method"], ["method", "model"], ["method", "target"], []])
@pytest.mark.parametrize("way", WAYS)
def test_sums_are_those_in_memory(
    table: pd.DataFrame, tmp_path: Path, way: str, by: list[str]
) -> None:
    if by:
        table = pd.concat([table, _vacant()], ignore_index=True)
        table.loc[table["image_id"] > "image_09", "target"] = 7
    else:
        table = table[table["method"] == "sharp"]
    path = written(way, table, tmp_path)
    for value in sat.VALUES:
        assert_alike(path, table, value, by)


def _vacant() -> pd.DataFrame:
    """An image without segments."""
    empty = sat.SegmentationMap((), np.zeros((0, 2, 2), bool))
    return sat.build({"sharp": {"v": np.ones((2, 2))}}, {"v": empty})


@settings(max_examples=20)
@given(
    table=tables(),
    keep=st.floats(0.3, 1.0),
    way=st.sampled_from(WAYS),
    value=st.sampled_from(list(sat.VALUES)),
)
def test_filtered_tables_too(
    tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame, keep: float, way: str, value: str
) -> None:
    table = table.sample(frac=keep, random_state=0)
    if len(table):
        path = written(way, table, tmp_path_factory.mktemp("ways"))
        assert_alike(path, table, value, ["method"])


@pytest.mark.parametrize("how", ["relative", "absolute"])
def test_aggregates_are_the_definition(table: pd.DataFrame, tmp_path: Path, how: str) -> None:
    table = table[table["method"] == "noisy"]
    expected = oracle.aggregate(table.to_dict("records"), how=how, value="rank")
    for way in WAYS:
        path = written(way, table, tmp_path)
        found = sat.aggregate(path, how=how, value="rank")
        assert dict(zip(found["segment"], found["rank"], strict=True)) == pytest.approx(expected)
        expected_frame = sat.aggregate(table, how=how, value="rank")
        pd.testing.assert_frame_equal(found, expected_frame, rtol=1e-12)
        pd.testing.assert_frame_equal(sat.aggregate(str(path), how=how, value="rank"), found)


def long_table(values: np.ndarray) -> pd.DataFrame:
    """One segment in as many images as there are values."""
    one = sat.build({"m": {"x": np.ones((2, 2))}}, {"x": sat.SegmentationMap(("a",), _ones())})
    table = one.loc[[0] * len(values)].reset_index(drop=True)
    ids = [f"{i:07d}" for i in range(len(values))]
    return table.assign(image_id=ids, mean_attribution=values, abs_mean_attribution=np.abs(values))


def _ones() -> np.ndarray:
    return np.ones((1, 2, 2), bool)


def hard_sums() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    wide = rng.standard_normal(5_000) * 10.0 ** rng.integers(-8, 9, 5_000)
    big = rng.standard_normal(2_500) * 1e8
    return {
        "cancelling": np.concatenate([big, -big, [1e-6, 2e-6]]),
        "wide": wide,
        "alternating": np.array([1e16, 1.0, -1e16] * 500),
        "tiny": np.full(7, 5e-324),
        "huge": np.array([1e300, 1e300, -1e300]),
        "nothing": np.zeros(5),
        "missing": np.array([1.0, np.nan, 2.0]),
    }


@pytest.mark.parametrize("name", hard_sums())
@pytest.mark.parametrize("ours", [True, False])
def test_sums_are_exact_in_any_order_of_rows(tmp_path: Path, name: str, ours: bool) -> None:
    values = np.random.default_rng(1).permutation(hard_sums()[name])
    expected = math.fsum(values[~np.isnan(values)])
    totals = set()
    for order in (slice(None), slice(None, None, -1)):
        table = long_table(values[order])
        path = tmp_path / "t.parquet"
        write = sat.write_table if ours else pd.DataFrame.to_parquet
        write(table, path)
        found = totals_on_disk(path, value="mean_attribution", by=["method"])["total"]
        totals.add(found.item())
        size = np.nansum(np.abs(values))
        assert segment_totals(table, value="mean_attribution", by=["method"])[
            "total"
        ].item() == pytest.approx(found.item(), abs=1e-9 * size / len(values))
    assert len(totals) == 1
    assert totals.pop() == pytest.approx(expected, rel=1e-15, abs=0)


@pytest.mark.parametrize("values", [[np.inf, 1.0], [np.inf, -np.inf], [1.7e308, 1.7e308]])
def test_infinite_sums_are_those_in_memory(tmp_path: Path, values: list[float]) -> None:
    table = long_table(np.array(values))
    path = sat.write_table(table, tmp_path / "t")
    found, expected = (
        totals(each, value="mean_attribution", by=[])["total"].item()
        for totals, each in ((totals_on_disk, path), (segment_totals, table))
    )
    assert found == expected or (np.isnan(found) and np.isnan(expected))


def test_mixing_silently_is_an_error(table: pd.DataFrame, tmp_path: Path) -> None:
    labelled = table.assign(label=(table["image_id"] < "image_10").astype("Int64"))
    other = pd.concat([table, table.assign(model="other")])
    for name, mixed, by in (
        ("methods", table, ()),
        ("models", other, ("method",)),
        ("classes", labelled, ("method",)),
    ):
        (tmp_path / name).mkdir()
        for way in WAYS:
            path = written(way, mixed, tmp_path / name)
            with pytest.raises(
                sat.InvalidInput, match=f"table: holds 2 {name} .*(by|classes)=.*, or filter"
            ):
                sat.aggregate(path, by=by)
    labels = ("method", "label")
    found = sat.aggregate(tmp_path / "classes" / "folder", by=labels, how="absolute", value="rank")
    expected = sat.aggregate(labelled, by=labels, how="absolute", value="rank")
    pd.testing.assert_frame_equal(found, expected)


def test_a_segment_counts_once_an_image(table: pd.DataFrame, tmp_path: Path) -> None:
    twice = pd.concat([table, table[(table["image_id"] == "image_03")].iloc[:1]])
    said = "several rows for .*'image_id': 'image_03', 'segment': 'eyes'"
    for way in WAYS:
        path = written(way, twice, tmp_path)
        with pytest.raises(sat.InvalidInput, match=said):
            sat.aggregate(path)
    vacant = pd.concat([_vacant(), _vacant()])
    with pytest.raises(sat.InvalidInput, match="'image_id': 'v', 'segment': None"):
        sat.aggregate(sat.write_table(vacant, tmp_path / "vacant"))


def test_a_segment_counts_once_an_image_over_all_shards(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    """Each shard has a valid footer, but together they hold some rows twice."""
    sat.write_table(table, tmp_path / "t", partition_by=BY)
    sat.write_table(table[table["image_id"] > "image_15"], tmp_path / "t", partition_by=BY)
    with pytest.raises(sat.InvalidInput, match="several rows for .*'image_id': 'image_1[6-9]'"):
        sat.aggregate(tmp_path / "t")


def test_the_names_of_renamed_folders_count(table: pd.DataFrame, tmp_path: Path) -> None:
    """Rows have the names that their folders have now."""
    folder = sat.write_table(table, tmp_path / "t", partition_by=BY)
    (folder / "model=model").rename(folder / "model=renamed")
    for by in (["method"], ["method", "model"]):
        assert_alike(folder, table.assign(model="renamed"), "rank", by)


def test_footers_spare_the_full_check(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches in the order of their ids are proven apart by their ranges."""
    asked: list[str] = []
    ask = on_disk.Rows.ask

    def counted(rows: on_disk.Rows, sql: str, *arguments: object, **others: object) -> pd.DataFrame:
        asked.append(sql)
        return ask(rows, sql, *arguments, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(on_disk.Rows, "ask", counted)
    early = table["image_id"] < "image_11"
    for part in (table[~early], table[early]):
        sat.write_table(part, tmp_path / "t", partition_by=BY)
    assert_alike(tmp_path / "t", table, "rank", ["method"])
    assert not any("hash" in sql or "GROUP BY k0, image_id" in sql for sql in asked)
    assert len(asked) == 2


HOSTILE = ['x"; DROP TABLE y; --', "it's", "{rows}", "$s", "k0", "v", "a", "n", "ä", "a\nb"]


@pytest.mark.parametrize("column", HOSTILE)
def test_names_of_columns_are_names(table: pd.DataFrame, tmp_path: Path, column: str) -> None:
    table = table.assign(**{column: ["' OR 1=1 --", 'b"'] * 95})
    table["image_id"] = table["image_id"] + table[column]  # each image on one side
    path = sat.write_table(table, tmp_path / "t")
    for value in ("rank", "mean_attribution"):
        assert_alike(path, table, value, ["method", column])


@pytest.mark.parametrize("name", ["Rank", "SEGMENT", "K\0", ""])
def test_names_that_sql_cannot_tell_apart(table: pd.DataFrame, tmp_path: Path, name: str) -> None:
    path = sat.write_table(table.assign(**{name: "x"}), tmp_path / "t")
    with pytest.raises(sat.InvalidInput, match="cannot be told apart on disk; .*read_table"):
        sat.aggregate(path, by=("method", name), value="rank")
    with pytest.raises(sat.InvalidInput, match="by: unknown name 'METHOD'. Did you|Valid"):
        sat.aggregate(path, by=("METHOD",))


PATHS = ["it's", 'q"q', "a*", "[ab]", "a?", "{a,b}", "$p0", "back\\slash", "new\nline", "method=x"]


@pytest.mark.parametrize("name", PATHS)
def test_paths_are_paths(table: pd.DataFrame, tmp_path: Path, name: str) -> None:
    around = tmp_path / name
    for decoy in ("ab", "a", "b"):  # what the name would match if it were a pattern
        (tmp_path / decoy).mkdir()
        sat.write_table(table.assign(rank=9.0), tmp_path / decoy / "t.parquet")
    for partition_by in ((), BY):
        path = sat.write_table(table, around / "t.parquet", partition_by=partition_by)
        assert_alike(path, table, "rank", ["method"])
        around = around / name


def test_values_in_paths_are_values(table: pd.DataFrame, tmp_path: Path) -> None:
    names = {"sharp": "../'); DROP", "noisy": ""}
    table = table.assign(method=table["method"].map(names), model=None, label=pd.NA)
    table = table.astype({"label": "Int64"})
    path = sat.write_table(table, tmp_path / "t", partition_by=("method", "model", "label"))
    assert_alike(path, table, "rank", ["label", "method"])
    found, expected = (
        sat.aggregate(each, by=("method", "model"), how="absolute", value="rank")
        for each in (path, table)
    )
    assert found.pop("model").isna().all()
    assert expected.pop("model").isna().all()
    pd.testing.assert_frame_equal(found, expected)


def test_errors_name_the_path(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(sat.FileMissing, match="table: '.*nowhere' does not exist"):
        sat.aggregate(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(sat.InvalidInput, match="empty: the folder holds no .parquet file"):
        sat.aggregate(tmp_path / "empty")
    (tmp_path / "text").write_text("image_id,model\n")
    with pytest.raises(sat.InvalidInput, match="text: not readable as .*cannot be aggregated"):
        sat.aggregate(tmp_path / "text")
    table.drop(columns="rank").to_parquet(tmp_path / "less")
    with pytest.raises(sat.InvalidInput, match=r"less: .*the columns \['rank'\] are missing"):
        sat.aggregate(tmp_path / "less")
    table.assign(rank="first").to_parquet(tmp_path / "words")
    with pytest.raises(sat.InvalidInput, match="words: .*'rank' is (object|str), expected numbers"):
        sat.aggregate(tmp_path / "words", value="rank")
    with pytest.raises(sat.InvalidInput, match="by: unknown name 'colour'"):
        sat.aggregate(sat.write_table(table, tmp_path / "t"), by=("colour",))
    with pytest.raises(sat.InvalidInput, match="by: 'segment' cannot be kept apart"):
        sat.aggregate(tmp_path / "t", by=("segment",))


def test_spoilt_files_are_errors_that_name_the_path(table: pd.DataFrame, tmp_path: Path) -> None:
    whole = sat.write_table(table, tmp_path / "t", partition_by=BY)
    shard = next(whole.rglob("*.parquet"))
    content = shard.read_bytes()
    for spoilt in (content[:100], content[:-1], b"", content[:4] + b"\0" * 3000 + content[3004:]):
        shard.write_bytes(spoilt)
        with pytest.raises(sat.InvalidInput, match="t: not readable as .*aggregated"):
            sat.aggregate(whole)
    shard.unlink()
    table.drop(columns=[*BY, "rank"]).to_parquet(shard)
    with pytest.raises(sat.InvalidInput, match="t: not readable as .*aggregated.*rank"):
        sat.aggregate(whole, value="rank")


def test_stale_rows_are_not_believed(table: pd.DataFrame, tmp_path: Path) -> None:
    """Half of the rows under the metadata of all."""
    with pq.ParquetFile(sat.write_table(table, tmp_path / "t")) as opened:
        pq.write_table(opened.read().slice(0, 95), tmp_path / "u")
    assert_alike(tmp_path / "u", sat.read_table(tmp_path / "u"), "rank", ["method"])


def test_other_functions_want_the_table_in_memory(table: pd.DataFrame, tmp_path: Path) -> None:
    path = sat.write_table(table, tmp_path / "t")
    with pytest.raises(sat.InvalidInput, match="in memory, got the path '.*t'; pass sat_nb.read_t"):
        sat.rerank(path)  # type: ignore[arg-type]


def tabulated(folder: Path, table: pd.DataFrame, *, n_shards: int) -> Path:
    """The first two shards of a folder as ``tabulate`` fills it."""
    (folder / "reports").mkdir(parents=True)
    (folder / "tabulate.json").write_text(json.dumps({"format": 1, "n_shards": n_shards}))
    for number, some in enumerate(np.array_split(table["image_id"].unique(), 2)):
        name = f"{number:06d}-{number:016x}"
        sat.write_table(table[table["image_id"].isin(some)], folder / f"{name}.parquet")
        (folder / "reports" / f"{name}.json").write_text("{}")
    return folder


def test_unfinished_folders_are_named(table: pd.DataFrame, tmp_path: Path) -> None:
    whole = tabulated(tmp_path / "whole", table, n_shards=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = sat.aggregate(whole, value="rank")
    half = tabulated(tmp_path / "half", table, n_shards=5)
    with pytest.warns(UserWarning, match="table: '.*half' is unfinished: 3 of 5 shards"):
        pd.testing.assert_frame_equal(sat.aggregate(half, value="rank"), expected)
    written = tabulated(tmp_path / "written", table, n_shards=2)
    next(written.glob("reports/000001*")).unlink()
    with pytest.warns(UserWarning, match="1 of 2 shards are not there yet"):
        sat.evidence(written, method="noisy")
    part = next(half.glob("000001*.parquet"))
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(sat.InvalidInput, match="half: not readable"):
        sat.compare(half, method="sharp")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda p: sat.compare(p, method="lrp.z"), "method: unknown name 'lrp.z'. .*'sharp'"),
        (lambda p: sat.compare(p, method="sharp", unit="dog"), "unit: unknown name 'dog'.*score"),
        (lambda p: sat.intervals(p, unit="dog"), "unit: unknown name 'dog'. .*score"),
        (lambda p: sat.difference(p, p, method="x"), r"method .in table_a.: unknown name 'x'"),
        (lambda p: sat.select(p, methods="lrp"), "methods: unknown name 'lrp'"),
        (lambda p: sat.select(p, segments=["ear"]), "segments: unknown name 'ear'"),
        (lambda p: sat.select(p, min_px=10**6), "no segment is left of .*min_px leaves 0"),
        (lambda p: sat.evidence(p, method="nowhere"), "method: unknown name"),
    ],
)
def test_what_is_not_in_the_table_is_named(
    table: pd.DataFrame, tmp_path: Path, ask: Any, said: str
) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        ask(sat.write_table(table, tmp_path / "t", partition_by=BY))


def test_other_folders_are_named(table: pd.DataFrame, tmp_path: Path) -> None:
    table[["image_id", "method", "segment"]].to_parquet(tmp_path / "less.parquet")
    (tmp_path / "none").mkdir()
    for ask in (sat.consensus, sat.settled_ranks, sat.select, sat.explore, sat.unusual_images):
        with pytest.raises(sat.InvalidInput, match="less.parquet: .*columns .*'rank'.* missing"):
            ask(tmp_path / "less.parquet")
        with pytest.raises(sat.InvalidInput, match="none: the folder holds no .parquet file"):
            ask(tmp_path / "none")
        with pytest.raises(sat.FileMissing, match="table: '.*nowhere' does not exist"):
            ask(tmp_path / "nowhere")


def test_nothing_is_left_behind(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sat.write_table(table, tmp_path / "t", partition_by=BY)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    sat.aggregate(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_duckdb_is_imported_when_needed() -> None:
    code = "import sys, sat_nb; sat_nb.aggregate, sat_nb.read_table; print('duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
