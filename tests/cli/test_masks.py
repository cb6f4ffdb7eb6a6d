"""``sat-nb masks``: the check's verdict is the exit status, the names are TOML."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from tests.cli.running import run
from tests.segments import formats as made
from tests.segments.test_checks import photographed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photos, segments = photographed(8)
    for sub in ("photos", "exports"):
        (tmp_path / sub).mkdir()
    for i, (image_id, segmentation) in enumerate(segments.items()):
        Image.fromarray(photos[image_id]).save(tmp_path / "photos" / f"{image_id}.png")
        named = segmentation.rename({"box": "box" if i else "boxes"})
        sat.write_dinox(tmp_path / "exports" / f"{image_id}.json", named)
    return tmp_path


def test_names_are_toml_that_check_takes(folder: Path) -> None:
    result = run("masks", "names", folder / "exports")
    text = result.stdout
    assert tomllib.loads(text) == {"rename": {"boxes": "box"}}
    (folder / "renames.toml").write_text(text)
    options = ("--images", folder / "photos")
    before = run("masks", "check", folder / "exports", *options)
    assert (before.exit_code, "'boxes' is in 1 of 8 images" in before.stdout) == (0, True)
    after = run("masks", "check", folder / "exports", *options, "--rename", folder / "renames.toml")
    assert after.exit_code == 0
    assert "8 images, 2 names, 0 errors, 0 warnings" in after.stdout


def test_errors_are_the_exit_status(folder: Path) -> None:
    Image.fromarray(np.zeros((9, 5, 3), np.uint8)).save(folder / "photos" / "p03.png")
    (folder / "exports" / "p04.json").write_text("{")
    result = run("masks", "check", folder / "exports", "--images", folder / "photos")
    assert result.exit_code == 1
    assert "error: masks of 'p03' are 64 x 64 px" in result.stdout
    assert "p04.json: not readable as JSON" in result.stdout
    assert run("masks", "check", folder / "exports").exit_code == 1
    (folder / "exports" / "p04.json").unlink()
    assert run("masks", "check", folder / "exports").exit_code == 0
    assert "does not exist" in run("masks", "check", folder / "nowhere").output


def test_what_is_left_out_is_named(folder: Path) -> None:
    exports = folder / "exports"
    (exports / "p04.json").write_text("{")
    spoilt = json.loads((exports / "p05.json").read_text())
    spoilt["objects"].append({"category": ""})
    (exports / "p05.json").write_text(json.dumps(spoilt))
    for command in ("check", "names"):
        refused = run("masks", command, exports)
        assert refused.exit_code == 1
        done = run("masks", command, exports, "--errors", "skip")
        assert done.exit_code == 0, done.output
        assert "problem: " in done.stderr
        assert "p04.json: not readable as JSON" in done.stderr
        assert "p05.json: objects[2].category: expected a name" in done.stderr
        assert "left out: 2 items of 2 files" in done.stderr
    assert "Pass --errors skip to leave such items out" in refused.output
    assert (
        "warning: left out were 2 items of 2 files"
        in run(*("masks", "check", exports, "--errors", "skip")).stdout
    )


def last_part(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def test_names_of_images_may_be_translated(tmp_path: Path) -> None:
    document = made.coco(made.EYE)
    document["images"] = [{**made.IMAGES[0], "file_name": "https://host/a.jpg"}]
    file = made.write(tmp_path / "set.json", document)
    refused = run("masks", "check", file)
    assert refused.exit_code == 1
    assert "pass --image-id module:function, a function from such names" in refused.output
    done = run("masks", "check", file, "--image-id", f"{__name__}:last_part")
    assert done.exit_code == 0, done.output


def test_all_masks_are_packed_into_one_file(folder: Path) -> None:
    segments = sat.read_segments(folder / "exports", normalize_names=False)
    done = run("masks", "pack", folder / "exports", "--out", folder / "masks.parquet")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{folder / 'masks.parquet'}: 8 images, 0.0")
    packed = sat.read_segments(folder / "masks.parquet", normalize_names=False)
    assert dict(packed) == dict(segments)
    (folder / "exports" / "p04.json").write_text("{")
    again = ("masks", "pack", folder / "exports", "--out", folder / "masks.parquet")
    assert "p04.json: not readable" in run(*again).output
    assert dict(sat.read_segments(folder / "masks.parquet")) == dict(packed)  # as it was
    done = run(*again, "--errors", "skip")
    assert (done.exit_code, "problem: " in done.stderr) == (0, True)
    assert len(sat.read_segments(folder / "masks.parquet")) == 7


def test_packed_masks_of_yolo_have_the_sizes_of_their_photos(tmp_path: Path) -> None:
    made.write_yolo(tmp_path / "yolo")
    (tmp_path / "yolo" / "images").rename(tmp_path / "photos")
    pack = ("masks", "pack", tmp_path / "yolo", "--out", tmp_path / "m.parquet")
    assert "photos=" in run(*pack).output
    assert run(*pack, "--images", tmp_path / "photos").exit_code == 0
    (found,) = sat.read_segments(tmp_path / "m.parquet").values()
    np.testing.assert_array_equal(found.masks, made.MASKS)
