"""Rendered actors: the same each time, masks as promised, the place tells the action or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.reproduction import actors
from sat_nb.reproduction.actors import photo
from sat_nb.reproduction.rendering import SPLITS

PARTS = ("head", "torso", "arms", "legs")
SMALL = {"n_train": 2, "n_test": 1, "size": 40, "seed": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("actors")


def mask(segmentation: sat.SegmentationMap, name: str) -> np.ndarray:
    return segmentation.masks[segmentation.names.index(name)]


@pytest.mark.parametrize("action", actors.CLASS_NAMES)
def test_a_photo_is_a_function_of_its_arguments(action: str) -> None:
    one, again = (actors.render(action, 5, index=2, size=48) for _ in range(2))
    assert np.array_equal(one.pixels, again.pixels)
    assert one.segmentation == again.segmentation
    other = actors.render(action, 6, index=2, size=48)
    assert not np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("action", actors.CLASS_NAMES)
@pytest.mark.parametrize("split", SPLITS)
def test_masks_are_whole_and_apart(action: str, split: str) -> None:
    for index in range(4):
        masks = actors.render(action, 1, index=index, split=split, size=64).segmentation
        person, background = mask(masks, "person"), mask(masks, "background")
        gear = [m for n, m in zip(masks.names, masks.masks, strict=True) if n in photo.GEAR]
        whole = np.stack([person, background, *gear]).sum(axis=0)
        assert (whole >= 1).all()
        assert not (person & background).any()
        parts = np.stack([mask(masks, n) for n in PARTS if n in masks.names])
        assert np.array_equal(parts.sum(axis=0), person.astype(int)), "each pixel is one part's"
        named = {"person", "background", *PARTS, *photo.GEAR}
        scene = [m for n, m in zip(masks.names, masks.masks, strict=True) if n not in named]
        assert np.array_equal(np.sum(scene, axis=0), background.astype(int))


def test_the_masks_say_where_the_person_was_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same photo in a red suit differs in the person and, through the blur, around it."""
    plain = actors.render("climbing", 2, index=1, size=64)
    red = dict.fromkeys(
        [k for kinds in photo.PARTS.values() for k in kinds] + ["rope"], (1.0, 0.0, 0.0)
    )
    monkeypatch.setattr(photo, "_colours", lambda rng: red)
    dressed = actors.render("climbing", 2, index=1, size=64)
    changed = np.abs(plain.pixels.astype(int) - dressed.pixels).max(axis=2) > 24
    gear_or_person = ~mask(plain.segmentation, "background")
    near = sat.SegmentationMap(("p",), gear_or_person[None]).pad(2).masks[0]
    assert (changed & ~near).sum() == 0
    assert (changed & gear_or_person).sum() > 0.5 * gear_or_person.sum()


def test_the_place_is_the_actions_in_training_and_anyones_in_test() -> None:
    for action in actors.CLASS_NAMES:
        usual = {actors.render(action, 0, index=i, size=32).place for i in range(3)}
        assert usual == {actors.USUAL[action]}
    shown = {
        action: {actors.render(action, 0, index=i, split="test", size=32).place for i in range(12)}
        for action in actors.CLASS_NAMES
    }
    assert all(places == set(actors.UNUSUAL) for places in shown.values())


def test_the_whole_person_is_in_the_photo() -> None:
    for action in actors.CLASS_NAMES:
        for index in range(6):
            masks = actors.render(action, 4, index=index, split="test", size=64).segmentation
            person = mask(masks, "person")
            at_edges = sum(
                side.sum() for side in (person[0], person[-1], person[:, 0], person[:, -1])
            )
            assert set(PARTS) <= set(masks.names), (action, index)
            assert at_edges <= 2, (action, index)
            assert 0.02 < person.mean() < 0.4


def test_a_folder_reads_back_and_is_used_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = actors.make(folder, **SMALL)
    assert made.counts() == {"climbing": (2, 1), "diving": (2, 1), "fishing": (2, 1)}
    segments = sat.read_segments(made.exports)
    example = actors.render("diving", 3, index=1, size=40)
    assert np.array_equal(made.images["train/diving/diving_0001"], example.pixels)
    assert segments["train/diving/diving_0001"] == example.segmentation
    monkeypatch.setattr("sat_nb.reproduction.actors.render", None)
    assert list(actors.make(folder, **SMALL).images) == list(made.images)


def test_an_interrupted_call_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def breaks_off(*args, **options):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return photo.render(*args, **options)

    monkeypatch.setattr("sat_nb.reproduction.actors.render", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        actors.make(tmp_path / "data", **SMALL)
    actors.make(tmp_path / "data", **SMALL)
    assert len(calls) == 4 + (9 - 3)


def test_other_settings_and_other_files_are_refused(folder: Path, tmp_path: Path) -> None:
    actors.make(folder, **SMALL)
    with pytest.raises(sat.InvalidInput, match="was made with other settings"):
        actors.make(folder, **SMALL | {"seed": 4})
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(sat.InvalidInput, match="has files but no actors"):
        actors.make(tmp_path, **SMALL)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"n_train": 0}, "n_train: expected a whole number >= 1, got 0"),
        ({"size": 8}, "size: expected a whole number of pixels >= 32, got 8"),
    ],
)
def test_wrong_options_name_themselves(tmp_path: Path, option: dict, message: str) -> None:
    with pytest.raises(sat.InvalidInput, match=message):
        actors.make(tmp_path / "data", **SMALL | option)
    assert not (tmp_path / "data").exists()


def test_unknown_actions_and_splits() -> None:
    with pytest.raises(sat.InvalidInput, match="action: unknown name 'racing'.*'climbing'"):
        actors.render("racing")
    with pytest.raises(sat.InvalidInput, match="split: unknown name 'tset'.*'test'"):
        actors.render("diving", split="tset")
