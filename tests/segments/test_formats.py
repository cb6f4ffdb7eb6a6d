from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sat_nb import (
    FileMissing,
    IdMismatch,
    InvalidInput,
    SegmentationMap,
    read_segments,
    write_dinox,
)

EYE = {"category": " Left  EYE ", "score": 0.5, "mask": {"counts": "12", "size": [2, 2]}}


@pytest.fixture
def segmentation() -> SegmentationMap:
    masks = np.zeros((3, 7, 9), bool)
    masks[0, 1, 2:4] = masks[1, 1, 5:7] = masks[2, 6, 8] = True
    return SegmentationMap(("eye", "eye", "hoof"), masks, np.array([0.9, 0.8, 0.25]))


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("codec", ["coco_rle", "dds_rle"])
def test_what_is_written_is_read(tmp_path: Path, segmentation: SegmentationMap, codec: str) -> None:
    write_dinox(tmp_path / "a.json", segmentation, codec=codec)
    assert read_segments(tmp_path)["a"] == segmentation


@pytest.mark.parametrize(
    "wrap", [lambda d: d, lambda d: {"result": d}, lambda d: {"data": {"result": d}}]
)
def test_whole_tasks_and_bare_results(tmp_path: Path, wrap: Any) -> None:
    file = write(tmp_path / "task.json", wrap({"objects": [EYE]}))
    read = read_segments(file)
    assert list(read) == ["task"]
    assert read["task"].names == ("left eye",)
    assert read["task"].masks.tolist() == [[[False, True], [True, False]]], "row-major: dds_rle"


def test_the_format_key_decides_the_codec(tmp_path: Path) -> None:
    mask = {"counts": "121", "size": [2, 2], "format": "coco_rle"}
    write(tmp_path / "a.json", {"objects": [EYE | {"mask": mask}]})
    assert read_segments(tmp_path)["a"].masks.tolist() == [[[False, True], [True, False]]]
    wide = {"counts": "0110", "size": [1, 3]}
    write(tmp_path / "b.json", {"objects": [EYE | {"mask": wide}]})
    assert read_segments(tmp_path)["b"].masks.tolist() == [[[True, False, True]]]


def test_names_as_written(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", {"objects": [EYE]})
    assert read_segments(file, normalize_names=False)["a"].names == (" Left  EYE ",)


def test_ids_are_relative_paths(tmp_path: Path) -> None:
    write(tmp_path / "train" / "a.b.json", {"objects": [EYE]})
    write(tmp_path / ".hidden" / "c.json", {"objects": [EYE]})
    (tmp_path / "notes.txt").write_text("not a mask")
    assert list(read_segments(tmp_path)) == ["train/a.b"]
    assert list(read_segments(tmp_path, image_id=lambda i: i.split("/")[1])) == ["a.b"]


def test_one_id_for_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a.json", {"objects": [EYE]})
    write(tmp_path / "y" / "a.json", {"objects": [EYE]})
    with pytest.raises(InvalidInput, match="returns 'a' for both"):
        read_segments(tmp_path, image_id=lambda i: i.split("/")[1])


def test_files_are_read_when_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "good.json", {"objects": [EYE]})
    (tmp_path / "bad.json").write_text("{")
    read = read_segments(tmp_path)
    assert read["good"].names == ("left eye",)
    with pytest.raises(InvalidInput, match=r"bad\.json: not readable as JSON"):
        read["bad"]


def test_nothing_detected_is_no_error(tmp_path: Path) -> None:
    write(tmp_path / "a.json", {"objects": []})
    assert len(read_segments(tmp_path)["a"]) == 0


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "not an export of a known mask format; known are 'dinox'"),
        ({"annotations": []}, "not an export"),
        ({"objects": ["eye"]}, r"objects\[0\]: expected an object, got str"),
        ({"objects": [EYE | {"category": 3}]}, r"objects\[0\]\.category: expected a name, got 3"),
        ({"objects": [EYE | {"category": "  "}]}, "expected a name"),
        ({"objects": [EYE | {"score": "high"}]}, r"objects\[0\]\.score: expected a finite number"),
        (
            {"objects": [EYE, EYE | {"mask": None}]},
            r"objects\[1\]\.mask: expected \{counts, size\}",
        ),
        (
            {"objects": [EYE | {"mask": {"counts": "12"}}]},
            r"mask\.size: expected \[height, width\]",
        ),
        (
            {"objects": [EYE | {"mask": {"counts": "12", "size": [10**9, 10**9]}}]},
            r"mask\.size: .*got \[1000000000, 1000000000\]",
        ),
        ({"objects": [EYE | {"mask": {"counts": "09", "size": [2, 2]}}]}, r"mask\.counts: .*got 9"),
        ({"objects": [EYE | {"mask": {"counts": "4", "size": [2, 2]}}]}, "has no pixel"),
        (
            {"objects": [EYE | {"mask": {"counts": "4", "size": [2, 2], "format": "zip"}}]},
            r"objects\[0\]\.mask\.format: unknown name 'zip'.*'coco_rle', 'dds_rle'",
        ),
        (
            {"objects": [EYE, EYE | {"mask": {"counts": "12", "size": [3, 3]}}]},
            r"masks of one size, got \(2, 2\) and \(3, 3\)",
        ),
    ],
)
def test_damaged_exports_name_file_and_field(tmp_path: Path, document: Any, message: str) -> None:
    file = write(tmp_path / "broken.json", document)
    with pytest.raises(InvalidInput, match=rf"broken\.json: .*{message}"):
        read_segments(file)["broken"]


def test_deep_nesting_is_an_error_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(InvalidInput, match=r"deep\.json"):
        read_segments(tmp_path)["deep"]


def test_paths_that_do_not_serve(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match=r"'.*nowhere' does not exist"):
        read_segments(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="no mask file"):
        read_segments(tmp_path)
    with pytest.raises(InvalidInput, match="format: unknown name 'dino'.*Did you mean 'dinox'"):
        read_segments(tmp_path, format="dino")


def test_unknown_id(tmp_path: Path) -> None:
    write(tmp_path / "a.json", {"objects": [EYE]})
    with pytest.raises(IdMismatch, match="image 'b' has no segmentation map; there are 1: 'a'"):
        read_segments(tmp_path)["b"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, segmentation: SegmentationMap) -> None:
    file = write_dinox(tmp_path / "a.json", segmentation)
    before = file.read_bytes()
    with pytest.raises(InvalidInput, match="codec: unknown name 'png'"):
        write_dinox(file, segmentation, codec="png")
    assert file.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["a.json"]
