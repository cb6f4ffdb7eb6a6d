"""One rendered photo: repeatable, exactly labelled, and its class not told by simple statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sat_nb.reproduction import equids

SPECIES = st.sampled_from(equids.CLASS_NAMES)
INDICES = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def photos() -> tuple[list[equids.Example], np.ndarray]:
    """160 photos and their classes, which take turns."""
    labels = np.arange(160) % 2
    return [
        equids.render(equids.CLASS_NAMES[k], 5, index=i, size=64) for i, k in enumerate(labels)
    ], labels


def masks_of(example: equids.Example) -> dict[str, np.ndarray]:
    merged = example.segmentation.merged()
    return dict(zip(merged.names, merged.masks, strict=True))


def test_same_arguments_same_photo():
    first, again = (equids.render("zebra", 3, index=4, watermark=True) for _ in range(2))
    assert np.array_equal(first.pixels, again.pixels)
    assert first.segmentation == again.segmentation
    assert first.watermark == again.watermark


def test_a_pair_is_what_two_calls_give():
    pair = equids.render_pair("zebra", 3, index=4, size=64)
    for one, watermark in zip(pair, (False, True), strict=True):
        alone = equids.render("zebra", 3, index=4, size=64, watermark=watermark)
        assert np.array_equal(one.pixels, alone.pixels)
        assert one.segmentation == alone.segmentation
        assert one.watermark == alone.watermark


@pytest.mark.parametrize(
    "other", [{"seed": 4}, {"index": 5}, {"split": "test"}, {"species": "horse"}]
)
def test_every_argument_makes_another_photo(other):
    one = {"species": "zebra", "seed": 3, "index": 4, "split": "train"}
    assert not np.array_equal(equids.render(**one).pixels, equids.render(**one | other).pixels)


def test_sizes_show_the_same_animal():
    small, large = (equids.render("horse", 1, size=size) for size in (96, 192))
    inside = ~masks_of(small)["background"]
    doubled = (~masks_of(large)["background"]).reshape(96, 2, 96, 2).mean(axis=(1, 3)) >= 0.5
    assert (inside & doubled).sum() / (inside | doubled).sum() > 0.93


@settings(max_examples=12)
@given(species=SPECIES, index=INDICES, size=st.sampled_from([48, 128, 160]))
def test_a_watermark_changes_its_own_pixels_only(species, index, size):
    clean = equids.render(species, 0, index=index, size=size)
    marked = equids.render(species, 0, index=index, size=size, watermark=True)
    mark = masks_of(marked)["watermark"]
    changed = (clean.pixels != marked.pixels).any(axis=-1)
    assert not changed[~mark].any()
    assert changed[mark].mean() > 0.7
    assert marked.watermark
    assert clean.watermark is None
    for name, mask in masks_of(clean).items():
        assert np.array_equal(mask & ~mark, masks_of(marked).get(name, mask & ~mark)), name


@settings(max_examples=20)
@given(species=SPECIES, index=INDICES)
def test_all_parts_are_there_and_large_enough(species, index):
    masks = masks_of(equids.render(species, 2, index=index, watermark=True))
    expected = {
        "eyes",
        "ears",
        "muzzle",
        "mane",
        "head",
        "body",
        "legs",
        "hooves",
        "tail",
        "background",
        "watermark",
    } | ({"stripes"} if species == "zebra" else set())
    assert set(masks) == expected
    assert masks["eyes"].sum() >= 8
    assert masks["hooves"].sum() >= 16
    assert masks["watermark"].sum() >= 150


@settings(max_examples=12)
@given(species=SPECIES, index=INDICES)
def test_masks_fit_together(species, index):
    masks = masks_of(equids.render(species, 9, index=index, size=96, watermark=True))
    parts = [mask for name, mask in masks.items() if name not in ("background", "watermark")]
    things = np.logical_or.reduce(parts)
    assert not (masks["background"] & things).any()
    assert not (masks["watermark"] & things).any()
    assert not (masks["watermark"] & masks["background"]).any()
    covered = things | masks["background"] | masks["watermark"]
    assert covered.mean() > 0.97  # the rest is animal, but of no one part for a half
    for part in ("eyes", "muzzle", "ears"):
        assert not (masks[part] & ~masks["head"]).any()
    assert not (masks["hooves"] & ~masks["legs"]).any()


def test_eyes_are_dark_and_stripes_darker_than_the_coat_between():
    for index in range(6):
        example = equids.render("zebra", 11, index=index, size=192)
        masks, grey = masks_of(example), example.pixels.mean(axis=-1)
        between = masks["body"] & ~masks["stripes"]
        assert grey[masks["stripes"] & masks["body"]].mean() < grey[between].mean()


def test_legs_and_hooves_are_one_object_an_instance():
    names = equids.render("horse", 0).segmentation.names
    assert names.count("eyes") == 1
    assert names.count("body") == 1
    assert 2 <= names.count("legs") <= 4
    assert 2 <= names.count("hooves") <= 4


def test_watermarks_vary_in_text_and_corner():
    marked = [equids.render("zebra", 0, index=i, size=64, watermark=True) for i in range(24)]
    centres = [np.argwhere(masks_of(m)["watermark"]).mean(axis=0) > 32 for m in marked]
    assert len({m.watermark for m in marked}) >= 6
    assert len({tuple(c) for c in centres}) == 4


def test_mean_colour_and_contrast_do_not_tell_the_class(photos):
    examples, labels = photos
    pixels = np.stack([e.pixels for e in examples]) / 255.0
    values = np.column_stack(
        [pixels.mean(axis=(1, 2)), pixels.std(axis=(1, 2)), np.ones(len(labels))]
    )
    fit, held_out = np.arange(0, 80), np.arange(80, 160)
    weights = np.linalg.lstsq(values[fit], labels[fit] - 0.5, rcond=None)[0]
    right = ((values[held_out] @ weights > 0) == labels[held_out]).mean()
    assert right < 0.72


def test_place_and_scale_do_not_tell_the_class(photos):
    examples, labels = photos
    animal = np.stack([~masks_of(e)["background"] for e in examples])
    sizes = animal.mean(axis=(1, 2))
    rows = (animal * np.arange(64)[:, None]).sum(axis=(1, 2)) / animal.sum(axis=(1, 2))
    for value in (sizes, rows):
        gap = abs(value[labels == 0].mean() - value[labels == 1].mean())
        assert gap < 0.6 * value.std()


def test_unknown_species_lists_the_valid_ones():
    with pytest.raises(ValueError, match=r"species: unknown name 'zebr'.*'zebra'"):
        equids.render("zebr")


def test_unknown_split_lists_the_valid_ones():
    with pytest.raises(ValueError, match=r"split: unknown name 'tset'.*'train', 'test'"):
        equids.render("zebra", split="tset")


@pytest.mark.parametrize("size", [8, 64.5, -1])
def test_size_must_be_whole_and_large_enough(size):
    with pytest.raises(ValueError, match=r"size: expected a whole number of pixels >= 32"):
        equids.render("zebra", size=size)


@pytest.mark.parametrize("option", [{"seed": -1}, {"index": -1}, {"index": 0.5}])
def test_seed_and_index_must_be_whole_and_not_negative(option):
    with pytest.raises(ValueError, match=rf"{next(iter(option))}: expected a whole number >= 0"):
        equids.render("zebra", **option)
