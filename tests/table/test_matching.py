"""Maps, masks and labels are matched by ids, whatever their Unicode form, and never by position."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb import IdMismatch, InvalidInput, SegmentationMap
from sat_nb.by_id import keys_by_id
from sat_nb.toy import toy

NFC, NFD = "M\u00e4hne/\u00e9t\u00e9", "Ma\u0308hne/e\u0301te\u0301"
MASKS = SegmentationMap(("a", "b"), np.eye(2, dtype=bool)[:, None])
HEAT = np.array([[1.0, 2.0]])


def built(maps: Any, segments: Any, **options: Any) -> pd.DataFrame:
    return sat.build(maps, segments, pad_px=0, **options)


@pytest.mark.parametrize(
    ("of_maps", "of_masks", "of_labels", "in_table"),
    [
        (NFD, NFC, NFC, NFC),
        (NFC, NFD, NFD, NFC),
        (NFD, NFD, NFC, NFD),
        (NFC, NFC, NFD, NFC),
    ],
)
def test_ids_join_in_any_unicode_form(
    of_maps: str, of_masks: str, of_labels: str, in_table: str
) -> None:
    segments = {of_masks: MASKS, "z": MASKS}
    labels = {of_labels: 3, "z": 1, "other": 9}
    maps = {"m": {of_maps: HEAT, "z": -HEAT}, "n": {"z": HEAT, NFC: HEAT}}
    table = built({"m": maps["m"]}, segments, labels=labels)
    assert table["image_id"].tolist() == [in_table] * 2 + ["z"] * 2
    assert table["label"].tolist() == [3, 3, 1, 1]
    assert table["mean_attribution"].tolist() == [1, 2, -1, -2]
    both = built(maps, segments, labels=labels)
    assert both["image_id"].nunique() == 2
    assert len(both) == 8


def test_what_was_declared_joins_in_any_unicode_form() -> None:
    maps = sat.maps_from_arrays(
        {NFD: np.ones((1, 2, 5))}, method="m", layout="HWK", sign="signed",
        target={NFC: 4}, photo_sizes={NFC: (1, 2)},
    )  # fmt: skip
    assert maps.facts[NFD].size == (1, 2)
    table = built(maps, {NFC: MASKS})
    assert table["target"].tolist() == [4, 4]
    other = sat.maps_from_arrays(
        {NFC: np.ones((1, 2, 5))}, method="n", layout="HWK", sign="signed",
        target=[4], photo_sizes={NFD: (1, 2)},
    )  # fmt: skip
    assert len(built(maps | other, {NFC: MASKS})) == 4


def test_no_images_at_all() -> None:
    with pytest.raises(IdMismatch, match="expected at least one image, got none on both sides"):
        built({"m": {}}, {})


def test_two_ids_of_one_side_in_two_forms_are_an_error_that_names_both() -> None:
    one = r"'M\\xe4hne/\\xe9t\\xe9' and 'Ma\\u0308hne/e\\u0301te\\u0301' are one id"
    twice = {NFC: HEAT, NFD: HEAT}
    with pytest.raises(InvalidInput, match=rf"maps\['m'\]: {one}"):
        built({"m": twice}, {NFC: MASKS})
    with pytest.raises(InvalidInput, match=f"segments: {one}"):
        built({"m": {NFC: HEAT}}, dict.fromkeys(twice, MASKS))
    with pytest.raises(InvalidInput, match=f"labels: {one}"):
        built({"m": {NFC: HEAT}}, {NFC: MASKS}, labels=dict.fromkeys(twice, 1))
    with pytest.raises(InvalidInput, match=f"image_ids: {one}"):
        sat.maps_from_arrays(
            np.ones((2, 1, 2)), method="m", layout="NHW", sign="signed", image_ids=[NFC, NFD]
        )
    with pytest.raises(InvalidInput, match=f"photo_sizes: {one}"):
        sat.maps_from_arrays(
            {NFC: HEAT}, method="m", layout="HW", sign="signed",
            photo_sizes=dict.fromkeys(twice, (1, 2)),
        )  # fmt: skip


@given(st.lists(st.text(max_size=4), unique=True))
def test_keys_are_found_by_their_composed_form(keys: list[str]) -> None:
    forms = [unicodedata.normalize("NFC", key) for key in keys]
    if len(set(forms)) < len(forms):
        with pytest.raises(InvalidInput, match="are one id in two Unicode forms"):
            keys_by_id(keys, "maps")
    else:
        assert keys_by_id(keys, "maps") == dict(zip(forms, keys, strict=True))


@pytest.mark.parametrize("number", [7, np.int64(7), 7.0, None, ("7",)])
def test_ids_are_text(number: Any) -> None:
    """Numbers have lost their zeros, and count where somebody numbered files by position."""
    said = r": image ids are text, got \w+ .*; name each image by .* read_images .* str\("
    with pytest.raises(InvalidInput, match=rf"maps\['m'\]{said}"):
        built({"m": {number: HEAT}}, {number: MASKS})
    with pytest.raises(InvalidInput, match=f"segments{said}"):
        built({"m": {"7": HEAT}}, {number: MASKS})
    for labels in ({number: 3}, pd.Series([3], index=pd.Index([number], dtype=object))):
        with pytest.raises(InvalidInput, match=f"labels{said}"):
            built({"m": {"7": HEAT}}, {"7": MASKS}, labels=labels)
    for argument in ("target", "photo_sizes"):
        with pytest.raises(InvalidInput, match=f"{argument}{said}"):
            sat.maps_from_arrays(
                {"7": HEAT}, method="m", layout="HW", sign="signed", **{argument: {number: 1}}
            )


def test_labels_may_be_a_series_with_gaps() -> None:
    maps = {"m": dict.fromkeys("abc", HEAT)}
    segments = dict.fromkeys("abc", MASKS)
    frame = pd.DataFrame({"image_id": ["c", "a", "b"], "label": [2, np.nan, 0]})
    for labels in (
        frame.set_index("image_id")["label"],
        frame.set_index("image_id")["label"].astype("Int64"),
        {"c": 2.0, "a": None, "b": False},
        {"c": np.uint8(2), "b": 0},
    ):
        table = built(maps, segments, labels=labels).drop_duplicates("image_id")
        assert table["label"].fillna(-1).tolist() == [-1, 0, 2]
    for nothing in (None, {}, pd.Series(dtype=float)):
        assert built(maps, segments, labels=nothing)["label"].isna().all()


@pytest.mark.parametrize(
    ("labels", "error", "said"),
    [
        ([1, 2], InvalidInput, r"labels: expected \{image_id: class\}, got list.*dict\(zip"),
        (np.arange(2), InvalidInput, "labels: expected .*got ndarray"),
        ({"a": "cat"}, InvalidInput, r"labels\['a'\]: expected the number of a class, got str 'c"),
        ({"a": 1.5}, InvalidInput, r"labels\['a'\]: .*got float 1.5"),
        (
            {"A.jpg": 1},
            IdMismatch,
            "labels: name none of the 2 images .*'a', 'b'.*'A.jpg'.*without",
        ),
    ],
)
def test_labels_that_are_none(labels: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        built({"m": dict.fromkeys("ab", HEAT)}, dict.fromkeys("ab", MASKS), labels=labels)


def test_sensitivity_finds_images_in_any_unicode_form() -> None:
    maps, segments = toy(6)
    other = {f"\u00e4{i}": masks for i, masks in segments.items()}
    named = {m: {f"a\u0308{i}": a for i, a in by_id.items()} for m, by_id in maps.items()}
    changes = {"pad": [1], "outline": [1], "dropped": [0.2]}
    options: dict[str, Any] = {"changes": changes, "n_resamples": 200, "progress": False}
    found = sat.mask_sensitivity(named, other, **options)
    expected = sat.mask_sensitivity(maps, segments, **{**options, "changes": {"pad": [1]}})
    pd.testing.assert_series_equal(found["tau"][:2], expected["tau"])
    assert (found["n_images"] == 6).all()
