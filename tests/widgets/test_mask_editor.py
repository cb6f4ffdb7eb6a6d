"""The editor of masks: regions become masks, names are kept, and exports are read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pytest

import sat_nb as sat
from sat_nb.errors import IdMismatch, InvalidInput
from sat_nb.widgets.mask_editor import MaskEditor
from sat_nb.widgets.regions import mask_of, numbered_regions, picture
from tests.widgets.conftest import HOSTILE, walk, with_class

pytest.importorskip("skimage")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A white square in the middle of black."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[16:32, 24:40] = 255
    return pixels


@pytest.fixture
def editor(photo: np.ndarray, tmp_path: Path) -> MaskEditor:
    eye = np.zeros((1, 48, 64), bool)
    eye[0, 2:5, 2:5] = True
    masks = {"a": sat.SegmentationMap(("eye",), eye, scores=np.array([0.5]))}
    return sat.edit_masks({"a": photo, "sub/b": photo}, masks, folder=tmp_path / "masks")


def found(editor: MaskEditor, css: str) -> list[Any]:
    return [w for w in walk(editor.widget) if css in getattr(w, "_dom_classes", ())]


def said(editor: MaskEditor) -> str:
    return "".join(w.value for w in walk(editor.widget) if isinstance(w, ipywidgets.HTML))


def test_regions_are_numbered_from_one_and_cover_the_photo(photo: np.ndarray) -> None:
    labels = numbered_regions(photo, 30)
    assert labels.shape == photo.shape[:2]
    assert labels.min() == 1
    white = np.unique(labels[photo[..., 0] > 0])
    assert set(white).isdisjoint(np.unique(labels[photo[..., 0] == 0])), (
        "edges are edges of regions"
    )
    whole = picture(photo, labels, white.tolist())
    assert max(whole.size) == 720
    one = np.ones((40, 60), int)
    dark = np.asarray(picture(np.zeros((40, 60, 3), np.uint8), one, []))
    rows, columns = np.nonzero(dark[..., 0] > 128)
    assert abs(rows.mean() - 240) < 8, "the number of the only region is in its middle"
    assert abs(columns.mean() - 360) < 120
    assert whole.tobytes() != picture(photo, labels, []).tobytes()


def test_chosen_regions_become_a_mask_that_is_saved_and_read_again(
    editor: MaskEditor, photo: np.ndarray, tmp_path: Path
) -> None:
    (regions,), (name,) = found(editor, "sat-regions"), found(editor, "sat-mask-name")
    white = sorted(set(editor._labels[photo[..., 0] > 0].tolist()))
    regions.value = [str(number) for number in white]
    name.value = "square"
    found(editor, "sat-add")[0].click()
    assert editor.masks.names == ("eye", "square")
    np.testing.assert_array_equal(editor.masks.masks[1], photo[..., 0] > 0)
    found(editor, "sat-save")[0].click()
    again = sat.read_segments(tmp_path / "masks")["a"]
    assert again.names == ("eye", "square")
    np.testing.assert_array_equal(again.masks, editor.masks.masks)
    assert str(tmp_path / "masks" / "a.json") in said(editor)
    assert again.scores is not None
    np.testing.assert_array_equal(again.scores, [0.5, np.nan])


def test_what_was_saved_is_gone_on_with(editor: MaskEditor, photo: np.ndarray) -> None:
    editor.add("square", [1])
    editor.save()
    other = sat.edit_masks({"a": photo}, folder=editor.folder)
    assert other.masks.names == ("eye", "square")
    editor.show("sub/b")
    assert editor.masks.names == ()
    editor.add(HOSTILE, [1, 2])
    assert editor.save() == editor.folder / "sub" / "b.json"
    assert sat.read_segments(editor.folder)["sub/b"].names == (HOSTILE,)
    editor.show("a")
    assert editor.masks.names == ("eye", "square")


def test_masks_are_taken_away(editor: MaskEditor) -> None:
    editor.add("square", [1])
    found(editor, "sat-remove")[0].click()
    assert editor.masks.names == ("square",)
    found(editor, "sat-remove")[0].click()
    assert editor.masks.names == ()
    editor.add("new", [2])
    assert editor.masks.size == (48, 64)
    np.testing.assert_array_equal(editor.masks.masks[0], mask_of(editor._labels, [2]))


@pytest.mark.parametrize(
    ("name", "regions", "match"),
    [
        ("eye", [], "regions: expected one or more numbers"),
        ("eye", [999], r"regions: .*got \[999\]"),
        (" ", [1], "name: expected the name"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_added(
    editor: MaskEditor, name: str, regions: list[int], match: str
) -> None:
    with pytest.raises(InvalidInput, match=match):
        editor.add(name, regions)
    assert editor.masks.names == ("eye",)
    found(editor, "sat-add")[0].click()
    assert 'role="alert"' in said(editor)


def test_ids_lead_nowhere_else_and_sizes_fit(photo: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="leads out of"):
        sat.edit_masks({"../evil": photo}, folder=tmp_path / "masks")
    small = {"a": sat.SegmentationMap(("eye",), np.ones((1, 4, 4), bool))}
    with pytest.raises(InvalidInput, match="are 4 x 4 px, its photo 48 x 64"):
        sat.edit_masks({"a": photo}, small, folder=tmp_path / "masks")
    with pytest.raises(IdMismatch, match="no photo 'z'"):
        sat.edit_masks({"a": photo}, image_id="z", folder=tmp_path / "masks")
    with pytest.raises(InvalidInput, match="images: expected a mapping by image id"):
        sat.edit_masks([photo])  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="at least one photo"):
        sat.edit_masks({})


def test_the_explorer_opens_it_at_its_photo(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    masks = {i: s.resize((40, 32)) for i, s in data["segments"].items()}
    explorer = sat.explore(**{**data, "segments": masks})
    explorer.state = sat.ExplorerState(view="image", image_id="image_02")
    (toggle,) = with_class(explorer, "sat-edit-masks")
    assert not with_class(explorer, "sat-mask-editor")
    toggle.value = True
    (editor,) = with_class(explorer, "sat-mask-editor")
    screen: Any = explorer._screens["one_photo"]
    assert screen._editor.image_id == "image_02"
    explorer.state = sat.ExplorerState(view="image", image_id="image_04")
    assert screen._editor.image_id == "image_04"
    assert with_class(explorer, "sat-mask-editor") == [editor]
    without = sat.explore(data["table"])
    without.state = sat.ExplorerState(view="image")
    assert with_class(without, "sat-edit-masks")[0].layout.display == "none"


def test_a_photo_without_masks_can_be_put_right(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    none = sat.SegmentationMap((), np.zeros((0, 40, 32), bool))
    maps = data["maps"]["one"]
    masks = {i: s.resize((40, 32)) for i, s in data["segments"].items()} | {"image_02": none}
    explorer = sat.explore(sat.build(maps, masks, fit="stretch"), data["images"], maps, masks)
    explorer.state = sat.ExplorerState(view="image", image_id="image_02")
    screen: Any = explorer._screens["one_photo"]
    assert "has no segment that passes" in screen._message.value
    with_class(explorer, "sat-edit-masks")[0].value = True
    screen._editor.add("nose", [1, 2])
    screen._editor.save()
    again = {**masks, **sat.read_segments(tmp_path / "explorer" / "masks")}
    table = sat.build(maps, again, fit="stretch")
    assert table.query("image_id == 'image_02'")["segment"].unique().tolist() == ["nose"]
