"""Masks of many images in one Parquet file: exact, small, read by group, whoever wrote it."""

from __future__ import annotations

import os
import pickle
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_masks

import sat_nb as sat
from sat_nb import LIMITS, InvalidInput, SegmentationMap, read_segments, write_segments
from sat_nb.segments.formats import parquet_file, parquet_writer
from tests.segments.formats import WRITERS
from tests.segments.test_write_coco import IDS, segmentations


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The limits of other tests are the default ones."""
    monkeypatch.delenv("SAT_NB_LIMITS", raising=False)
    yield
    os.environ.pop("SAT_NB_LIMITS", None)


def eyes(n_images: int, n_masks: int = 2, side: int = 6) -> dict[str, SegmentationMap]:
    rng = np.random.default_rng(n_images)
    masks = rng.random((n_images, n_masks, side, side)) < 0.4
    masks[:, :, 0, 0] = True
    names = tuple(f"eye {i}" for i in range(n_masks))
    return {f"{i:03d}": SegmentationMap(names, m, rng.random(n_masks)) for i, m in enumerate(masks)}


# --- what is written is read -------------------------------------------------------------------


@settings(max_examples=60)
@given(IDS, st.integers(1, 3), st.data())
def test_what_is_written_is_read(ids: list[str], rows: int, data: st.DataObject) -> None:
    segments = {image_id: data.draw(segmentations()) for image_id in ids}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_writer, "GROUP_ROWS", rows)  # images lie across groups
        file = write_segments(Path(folder) / "masks.parquet", segments)
        read = read_segments(file, normalize_names=False)
        assert list(read) == sorted(ids)
        for image_id, written in segments.items():
            unknown = written.scores is None or np.isnan(written.scores).all()
            scores = None if unknown else written.scores
            assert read[image_id] == SegmentationMap(written.names, written.masks, scores)


def test_rows_are_what_other_programs_read(tmp_path: Path) -> None:
    written = {**eyes(3), "sub/none": SegmentationMap((), np.zeros((0, 4, 5), bool))}
    file = write_segments(tmp_path / "masks.parquet", dict(reversed(written.items())))
    rows = duckdb.sql(f"SELECT * FROM '{file}'").df()
    assert rows["image_id"].tolist() == ["000", "000", "001", "001", "002", "002", "sub/none"]
    assert rows.iloc[-1][["height", "width"]].tolist() == [4, 5]
    assert rows.iloc[-1][["name", "score", "counts"]].isna().all()
    for i, row in rows.iloc[:-1].iterrows():
        code = {"size": [row["height"], row["width"]], "counts": row["counts"]}
        image, mask = written[row["image_id"]], i % 2
        np.testing.assert_array_equal(coco_masks.decode(code), image.masks[mask])
        assert (row["name"], row["score"]) == (image.names[mask], image.scores[mask])


@pytest.mark.parametrize("case", [name for name in WRITERS if name != "sam_numbered"])
def test_any_format_is_converted(tmp_path: Path, case: str) -> None:
    WRITERS[case](tmp_path / "exports")
    segments = read_segments(tmp_path / "exports")
    packed = read_segments(write_segments(tmp_path / "masks.parquet", segments))
    assert dict(packed) == dict(segments)


@pytest.mark.parametrize("side", [224, 480])
def test_it_is_no_larger_than_the_run_lengths(tmp_path: Path, side: int) -> None:
    y, x = np.mgrid[:side, :side] / side
    rng = np.random.default_rng(side)
    centres, radii = rng.random((20, 12, 2, 1, 1)), rng.uniform(0.05, 0.3, (20, 12, 1, 1))
    masks = (y - centres[:, :, 0]) ** 2 + (x - centres[:, :, 1]) ** 2 <= radii**2
    masks[..., 0, 0] = True
    names = tuple(f"part {i}" for i in range(12))
    segments = {f"{i}": SegmentationMap(names, m, rng.random(12)) for i, m in enumerate(masks)}
    file = write_segments(tmp_path / "masks.parquet", segments)
    strings = [
        coco_masks.encode(np.asfortranarray(mask, np.uint8))["counts"]
        for image in masks
        for mask in image
    ]
    assert file.stat().st_size <= 1.1 * sum(map(len, strings))


# --- how it is read ----------------------------------------------------------------------------


def test_a_group_is_read_once_for_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_writer, "GROUP_ROWS", 8)
    written = eyes(40)
    file = write_segments(tmp_path / "masks.parquet", written)
    assert pq.read_metadata(file).num_row_groups == 10
    calls, read_group = [], parquet_file.Opened.read_group

    def reading(self: Any, number: int, columns: tuple[str, ...]) -> Any:
        calls.append((number, columns))
        return read_group(self, number, columns)

    monkeypatch.setattr(parquet_file.Opened, "read_group", reading)
    segments = read_segments(file)
    assert calls == [(i, ("image_id",)) for i in range(10)]  # ids alone
    calls.clear()
    assert dict(segments) == written
    assert [number for number, _ in calls] == list(range(10))
    calls.clear()
    assert segments["003"] == written["003"]
    assert [number for number, _ in calls] == [0]  # no more than the last few are kept
    assert parquet_file._group.cache_info().currsize <= parquet_file.KEPT_GROUPS


def test_what_is_sent_is_little(tmp_path: Path) -> None:
    segments = read_segments(write_segments(tmp_path / "masks.parquet", eyes(300)))
    few = pickle.dumps(segments.select(list(segments)[:200]))
    assert len(few) / 200 < 100  # bytes a photo
    assert pickle.loads(few)["007"] == segments["007"]


def test_a_file_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "masks.parquet"
    segments = read_segments(write_segments(file, eyes(4)))
    others = eyes(4)
    write_segments(file, {"0": others["000"], **others})
    with pytest.raises(InvalidInput, match="rows 2 to 3 are not those of image '001'.*read_segm"):
        segments["001"]
    file.unlink()
    with pytest.raises(InvalidInput, match=r"masks\.parquet: .*No such file"):
        segments["001"]


# --- files of other programs -------------------------------------------------------------------


def test_a_file_that_pandas_has_changed(tmp_path: Path) -> None:
    written = eyes(9)
    rows = pd.read_parquet(write_segments(tmp_path / "all.parquet", written))
    rows = rows[rows["name"] == "eye 1"].drop(columns="score").astype({"height": float})
    rows["counts"] = rows["counts"].str.encode("ascii")
    rows.iloc[::-1].to_parquet(tmp_path / "some.parquet", row_group_size=4)
    read = read_segments(tmp_path / "some.parquet")
    assert list(read) == sorted(written, reverse=True)
    for image_id, found in read.items():
        np.testing.assert_array_equal(found.masks[0], written[image_id].masks[1])
        assert (found.names, found.scores) == (("eye 1",), None)


def test_a_file_that_duckdb_has_changed(tmp_path: Path) -> None:
    written = eyes(9)
    file = write_segments(tmp_path / "all.parquet", written)
    some = f"SELECT * FROM '{file}' WHERE score > 0.4 ORDER BY image_id"
    duckdb.sql(f"COPY ({some}) TO '{tmp_path}/some.PARQUET' (FORMAT parquet)")
    read = read_segments(tmp_path / "some.PARQUET")
    assert {name for found in read.values() for name in found.names} == {"eye 0", "eye 1"}
    for image_id, found in read.items():
        kept = written[image_id].scores > 0.4
        np.testing.assert_array_equal(found.masks, written[image_id].masks[kept])
        np.testing.assert_array_equal(found.scores, written[image_id].scores[kept])


def test_exports_and_their_packed_file_in_one_folder(tmp_path: Path) -> None:
    segments = eyes(2)
    sat.write_dinox(tmp_path / "000.json", segments["000"])
    write_segments(tmp_path / "masks.parquet", segments)
    with pytest.raises(InvalidInput, match="has the image '000', and so has.*pass format="):
        read_segments(tmp_path)
    assert len(read_segments(tmp_path, format="parquet")) == 2


def test_tables_and_masks_side_by_side(tmp_path: Path) -> None:
    from sat_nb.toy import toy

    sat.write_table(sat.build(*toy(3)), tmp_path / "table.parquet")
    with pytest.raises(InvalidInput, match="no mask file in"):
        read_segments(tmp_path)
    with pytest.raises(InvalidInput, match="has no column 'name'"):
        read_segments(tmp_path / "table.parquet", format="parquet")
    write_segments(tmp_path / "masks.parquet", eyes(2))
    assert list(read_segments(tmp_path)) == ["000", "001"]
    write_segments(tmp_path / "sub" / "more.parquet", eyes(1))
    with pytest.raises(InvalidInput, match=r"more\.parquet.*the image '000', and so has .*masks"):
        read_segments(tmp_path)


def row(**changes: Any) -> dict[str, Any]:
    return {"image_id": "a", "name": "eye", "height": 4, "width": 5, "counts": "52207", **changes}


def of_rows(folder: Path, *rows: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "m.parquet", **options)
    return folder / "m.parquet"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"counts": "99"}, r"row 1\.counts: expected runs of 4 x 5"),
        ({"counts": None}, "row 1.counts: expected a run-length string"),
        ({"counts": "é"}, r"row 1\.counts: "),
        ({"height": -4}, r"row 1\.size: expected \[height, width\]"),
        ({"height": None}, r"row 1\.size: expected \[height, width\]"),
        ({"height": 2**40}, r"row 1\.size: expected \[height, width\] of at most"),
        ({"name": None}, "row 1: the name: expected a name"),
        ({"name": "x" * 300}, "row 1: the name: expected a name of at most 200"),
        ({"score": float("inf")}, r"row 1\.score: expected a finite number"),
        ({"counts": "d0"}, "row 1: the mask has no pixel"),
    ],
)
def test_a_row_that_is_wrong_is_named_and_costs_no_other(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    file = of_rows(tmp_path, row(score=0.5), row(score=0.5) | changed)
    with pytest.raises(InvalidInput, match=rf"m\.parquet: {message}"):
        read_segments(file)["a"]
    read = read_segments(file, errors="skip")
    assert (read["a"].names, read.problems.n_items) == (("eye",), 1)


def test_files_that_are_no_masks(tmp_path: Path) -> None:
    file = of_rows(tmp_path, row(), row(image_id="b"), row())
    with pytest.raises(InvalidInput, match="rows of image 'a' do not stand together; sort them"):
        read_segments(file)
    with pytest.raises(InvalidInput, match="a row has no image_id"):
        read_segments(of_rows(tmp_path, row(), row(image_id=None)))
    with pytest.raises(InvalidInput, match="m.parquet: image_id: expected text, got int64"):
        read_segments(of_rows(tmp_path, row(image_id=7)))
    file.write_bytes(b"PAR1" + bytes(40))
    with pytest.raises(InvalidInput, match=r"m\.parquet: not readable as masks in Parquet"):
        read_segments(file, format="parquet")


# --- what a file may cost ----------------------------------------------------------------------


def test_groups_are_bounded_before_they_are_read(tmp_path: Path) -> None:
    rows = [row(image_id=f"{i}", counts="0d0" * 50_000) for i in range(60)]
    file = of_rows(tmp_path, *rows, use_dictionary=False, compression="zstd")
    LIMITS["group_bytes"] = 2**20
    assert file.stat().st_size < 10_000
    said = r"group 0 has 60 rows and may take \d+ bytes.*row_group_size.*LIMITS\['group_bytes'\]"
    with pytest.raises(InvalidInput, match=said):
        read_segments(file)
    LIMITS["group_bytes"] = 2**24
    assert len(read_segments(file)) == 60


@pytest.mark.parametrize("column", ["image_id", "name", "counts"])
@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", None])
def test_a_long_text_of_many_rows_is_held_once_or_refused(
    tmp_path: Path, column: str, encoding: str | None
) -> None:
    """64 MiB, or 4 GB if each of the rows had its own."""
    texts = [row(**{column: "x" * 2**10})] * 2**16
    packed = {"use_dictionary": True} if encoding is None else {"use_dictionary": False}
    packed |= {} if encoding is None else {"column_encoding": {column: encoding}}
    file = of_rows(tmp_path, *texts, **packed, compression="zstd", data_page_version="2.0")
    LIMITS["group_bytes"] = 2**24
    pa.default_memory_pool().release_unused()
    before = pa.total_allocated_bytes()
    refused = " ".join(read_segments(file, errors="skip").problems.values())
    assert "group_bytes" in refused or "masks" in refused or "name of at most 200" in refused
    assert pa.total_allocated_bytes() - before < 2**24


def test_run_lengths_of_an_image_are_bounded_and_held_once(tmp_path: Path) -> None:
    """A file of a few kilobytes, whose rows share a text of a megabyte."""
    n_rows, counts = 9000, pa.array(["x" * 2**20])
    columns = {name: [value] * n_rows for name, value in row().items()}
    columns["counts"] = pa.DictionaryArray.from_arrays(np.zeros(n_rows, np.int32), counts)
    file = tmp_path / "m.parquet"
    pq.write_table(pa.table(columns), file)
    assert file.stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=r"counts: 9437184000 bytes.*LIMITS\['json_bytes'\]"):
            read_segments(file)["a"]
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


def test_images_are_counted(tmp_path: Path) -> None:
    file = write_segments(tmp_path / "masks.parquet", eyes(12))
    LIMITS["set_items"] = 9
    with pytest.raises(InvalidInput, match=r"more than 9 images.*LIMITS\['set_items'\] = "):
        read_segments(file)


def test_masks_of_an_image_are_counted(tmp_path: Path) -> None:
    LIMITS["masks"] = 3
    with pytest.raises(InvalidInput, match="at most 3 masks, got 4"):
        read_segments(of_rows(tmp_path, *[row()] * 4))["a"]


# --- what is refused before the file is touched ------------------------------------------------


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ({"a.png": 1}, "the id 'a.png' would not be read back"),
        ({"": 1}, "the id '' would not be read back"),
        ({"caf\udce9": 1}, r"the id 'caf\\udce9' would not be read back"),
        ({7: 1}, "segments: image ids are text, got int 7"),
        ({"a": 1}, r"segments\['a'\]: expected a SegmentationMap, got int"),
        ({"a": SegmentationMap(("\x00",), np.ones((1, 2, 2), bool))}, "the control character"),
        ({"a": SegmentationMap(("x",), np.ones((1, 2, 2), bool), [np.inf])}, "scores: .*finite"),
    ],
)
def test_what_could_not_be_read_back_is_refused(
    tmp_path: Path, segments: Any, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        write_segments(tmp_path / "masks.parquet", segments)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidInput, match=r"path: expected a name that ends with \.parquet"):
        write_segments(tmp_path / "masks.json", {})


def test_ids_in_decomposed_unicode_are_composed(tmp_path: Path) -> None:
    (image,) = eyes(1).values()
    file = write_segments(tmp_path / "masks.parquet", {"Ma\u0308hne": image})
    assert list(read_segments(file)) == ["M\xe4hne"]
