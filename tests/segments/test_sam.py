"""SAM's automatic masks, whose names are in a labels.json: by image, and by place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sat_nb import InvalidInput, read_segments
from tests.segments import formats as made
from tests.segments.formats import write


def test_names_by_image_and_by_place(tmp_path: Path) -> None:
    for image_id in ("a", "sub/b"):
        write(tmp_path / f"{image_id}.json", made.SAM)
    names = {"a.jpg": {"1": "Eye", "0": None}, "sub/b": [None, "nose", "mane"]}
    write(tmp_path / "labels.json", names)
    read = read_segments(tmp_path)
    assert {i: read[i].names for i in read} == {"a": ("eye",), "sub/b": ("nose", "mane")}
    np.testing.assert_array_equal(read["a"].masks, made.MASKS[:1])
    assert read["a"].scores.tolist() == [0.5]
    write(tmp_path / "sub" / "labels.json", {"2": "hair"})
    assert read_segments(tmp_path)["sub/b"].names == ("hair",), "the nearest labels.json"
    assert read_segments(tmp_path / "sub" / "b.json")["b"].names == ("hair",)


def test_without_names_the_error_says_how_to_give_them(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", made.SAM)
    with pytest.raises(InvalidInput, match=r'write a labels\.json beside .*{"a": {"0": "eye", "3"'):
        read_segments(file)["a"]
    seen = read_segments(file, format="sam_numbered", rename={"mask 1": "eye"})["a"]
    assert seen.names == ("mask 0", "eye", "mask 2")
    write(tmp_path / "labels.json", {"a": {"1": "eye"}})
    assert read_segments(file)["a"].names == ("eye",)


def test_numbers_of_one_image_are_not_those_of_another(tmp_path: Path) -> None:
    write(tmp_path / "a.json", made.SAM)
    write(tmp_path / "labels.json", {"1": "eye"})
    assert read_segments(tmp_path)["a"].names == ("eye",)
    write(tmp_path / "b.json", made.SAM)
    for image_id in ("a", "b"):
        with pytest.raises(InvalidInput, match=rf"masks of SAM have no names; .*\"{image_id}\": "):
            read_segments(tmp_path)[image_id]


@pytest.mark.parametrize(
    ("change", "names", "message"),
    [
        ({"segmentation": {"size": [4, 5], "counts": "zzz"}}, None, "counts"),
        ({"segmentation": [[True]]}, None, "write them with --convert-to-rle"),
        ({"predicted_iou": float("nan")}, None, "predicted_iou: expected a finite number"),
        ({}, {"1": "eye", "2": "mane", "7": "x"}, "names the mask 7, and there are 3, from 0"),
        ({}, {"1": " ", "2": "mane"}, "expected a name"),
    ],
)
def test_one_bad_mask_does_not_cost_the_others(
    tmp_path: Path, change: Any, names: Any, message: str
) -> None:
    write(tmp_path / "a.json", [made.SAM[0], made.SAM[1] | change, made.SAM[2]])
    write(tmp_path / "labels.json", {"a": names or {"1": "eye", "2": "mane"}})
    with pytest.raises(InvalidInput, match=message):
        read_segments(tmp_path)["a"]
    kept = read_segments(tmp_path, errors="skip")
    assert kept.problems.n_items == 1
    if change or len(names) == 3:
        assert "mane" in kept["a"].names


def test_no_mask_needs_no_name(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", [])
    assert len(read_segments(file, format="sam")["a"]) == 0
    assert len(read_segments(file, format="sam_numbered")["a"]) == 0


def test_folders_of_pngs_are_not_named_by_their_numbers(tmp_path: Path) -> None:
    made.write_sam_folder(tmp_path)
    (tmp_path / "labels.json").unlink()
    with pytest.raises(InvalidInput, match="masks of SAM have no names"):
        read_segments(tmp_path)["a"]
    write(tmp_path / "a" / "labels.json", {"2": "mane"})
    assert read_segments(tmp_path)["a"].names == ("mane",)
    assert read_segments(tmp_path / "a")["a"].names == ("mane",)
    (tmp_path / "a" / "2.png").unlink()
    with pytest.raises(InvalidInput, match=r"2\.png"):
        read_segments(tmp_path)["a"]
    write(tmp_path / "a" / "labels.json", {"2": "mane", "1": "eye"})
    assert read_segments(tmp_path, errors="skip")["a"].names == ("eye",)
