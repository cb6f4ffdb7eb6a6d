"""Sets of many images that are read in parts: the same result, in bounded memory."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_masks

from sat_nb import LIMITS, InvalidInput, read_segments
from sat_nb.segments.formats import file_text, json_set
from sat_nb.segments.formats.file_text import FileText, has_member
from sat_nb.segments.formats.json_text import elements
from tests.segments import formats as made
from tests.segments.formats import write

SETS = [name for name in made.WRITERS if name.startswith(("coco", "label_studio"))]


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every file is a large one."""
    monkeypatch.delenv("SAT_NB_LIMITS", raising=False)
    monkeypatch.setattr(json_set, "WHOLE_BYTES", 0)
    monkeypatch.setattr(file_text, "BLOCK", 64)
    yield
    os.environ.pop("SAT_NB_LIMITS", None)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("case", SETS)
def test_what_is_read_is_the_same(
    tmp_path: Path, case: str, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.WRITERS[case](tmp_path)
    for file in tmp_path.glob("*.json"):
        file.write_bytes(json.dumps(json.loads(file.read_text()), indent=3).encode(codec))
    (_, text), *_ = [json_set.open_set(file) for file in tmp_path.glob("*.json")]
    assert isinstance(text, str) == (codec == "utf-16")
    in_parts = read_segments(tmp_path)
    monkeypatch.undo()
    (_, text), *_ = [json_set.open_set(file) for file in tmp_path.glob("*.json")]
    assert isinstance(text, str)
    whole = read_segments(tmp_path)
    assert list(in_parts) == list(whole)
    assert dict(in_parts) == dict(whole)


JSON = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=9), JSON) | st.lists(JSON), st.integers(0, 9), st.data())
def test_elements_and_positions_are_the_same(document: Any, indent: int, data: Any) -> None:
    raw = json.dumps(document, indent=indent or None, ensure_ascii=False).encode()
    raw = raw[: data.draw(st.sampled_from([len(raw), len(raw) - 1, len(raw) // 2]))]
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder) / "a.json", raw)
        assert walked(FileText(file, len(raw))) == walked(raw.decode("latin-1"))


def walked(text: Any) -> Any:
    """The elements, and the error at the end."""
    found = []
    try:
        found += [(key, element, span) for key, element, span in elements(text)]
    except InvalidInput as error:
        return found, str(error)
    return found


@pytest.mark.parametrize("blanks", [0, 1, 50, 4000])
def test_members_are_found_across_parts(tmp_path: Path, blanks: int) -> None:
    for before in range(0, 200, 7):
        text = "x" * before + '"images"' + " " * blanks + ":[]" + "y" * 90
        file = write(tmp_path / "a.json", text.encode())
        assert has_member(FileText(file, len(text)), "images", "[")
        assert not has_member(FileText(file, len(text)), "image", "[")
        assert not has_member(FileText(file, len(text)), "images", "{")


def triangle(n_points: int) -> list[float]:
    return [v for i in range(n_points) for v in ([0.0, 0.0], [9.0, 0.0], [9.0, 9.0])[min(i, 2)]]


def large(folder: Path, n_images: int, n_points: int) -> tuple[Path, int]:
    """A set of triangles with as many points."""
    with (folder / "set.json").open("w") as stream:
        images = [{"id": i, "file_name": f"{i}.jpg", "height": 9, "width": 9, "license": "x" * 200}
                  for i in range(n_images)]  # fmt: skip
        stream.write(f'{{"images": {json.dumps(images)}, "annotations": [')
        for i in range(4 * n_images):
            item = {"id": i, "image_id": i // 4, "category_id": 1}
            item["segmentation"] = [triangle(n_points)]
            stream.write((", " if i else "") + json.dumps(item))
        stream.write('], "categories": [{"id": 1, "name": "x"}]}')
    return folder / "set.json", (folder / "set.json").stat().st_size


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_text, "BLOCK", 2**18)
    LIMITS["json_values"] = 2**14  # parts of 16 kB
    file, n_bytes = large(tmp_path, 400, 800)
    assert n_bytes > 10 * 2**20
    tracemalloc.start()
    try:
        read = read_segments(file)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()
    assert len(read) == 400
    expected = coco_masks.decode(coco_masks.frPyObjects([triangle(800)], 9, 9))[..., 0]
    np.testing.assert_array_equal(read["399"].masks[3], expected)


# --- what a file may cost ----------------------------------------------------------------------


def test_annotations_are_not_counted_but_images_are(tmp_path: Path) -> None:
    file, _ = large(tmp_path, 8, 3)
    LIMITS["set_items"] = 9  # 8 images and a category; 32 annotations
    assert len(read_segments(file)) == 8
    LIMITS["set_items"] = 8
    with pytest.raises(
        InvalidInput, match=r"more than 8 images and categories.*'set_items'\] = 16"
    ):
        read_segments(file)
    named = [{"id": i, "image_id": i, "category_id": 1} for i in range(9)]
    write(file, {"annotations": named, "images": []})
    with pytest.raises(InvalidInput, match=r"more than 8 images"):
        read_segments(file)


def test_a_value_of_many_bytes_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", {**made.coco(made.EYE), "info": "x" * 9000})
    LIMITS["json_bytes"] = 8192
    LIMITS["json_values"] = 500
    with pytest.raises(InvalidInput, match="a value of many bytes that begins at char") as error:
        read_segments(file)
    LIMITS["json_bytes"] = int(re.findall(r"LIMITS\['json_bytes'\] = (\d+)", str(error.value))[0])
    assert len(read_segments(file)["a"]) == 2


def test_a_file_of_holes_is_refused_at_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", b'{"images": [], "annotations": [')
    with file.open("r+b") as stream:
        stream.truncate(2**35)
    with pytest.raises(InvalidInput, match=r"a\.json: not readable as JSON \(it holds zeros\)"):
        read_segments(file)


def test_a_large_file_in_another_encoding_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_set, "MAX_TRANSCODED", 100)
    file = write(tmp_path / "a.json", json.dumps(made.coco(made.EYE)).encode("utf-16"))
    with pytest.raises(InvalidInput, match=r"a\.json: has \d+ bytes in utf-16; save it in UTF-8"):
        read_segments(file)
