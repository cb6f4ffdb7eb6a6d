"""Segments deleted from photos: the pixels, the effects on a known model, what is kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

import sat_nb as sat
from sat_nb.interventions import deletion
from sat_nb.interventions.deletion import DELETIONS, Deletion, deletion_effects
from sat_nb.interventions.logits import load_logits
from sat_nb.interventions.replacements import _gaussian, blurred
from tests.interventions.conftest import H, W


def photo(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (H, W, 3), dtype=np.uint8)


def halves() -> sat.SegmentationMap:
    masks = np.zeros((2, H, W), dtype=bool)
    masks[0, :4, :5], masks[1, 6:, 2:] = True, True
    return sat.SegmentationMap(("head", "legs"), masks)


@pytest.mark.parametrize("name", DELETIONS)
def test_only_the_segment_changes(name: str) -> None:
    pixels, mask = photo(), halves().masks[1]
    before = pixels.copy()
    deleted = DELETIONS[name](pixels, mask)
    assert deleted.dtype == np.uint8
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(deleted[~mask], pixels[~mask])
    assert (deleted[mask] != pixels[mask]).any()
    assert DELETIONS[name](pixels, np.ones((H, W), bool)).shape == (H, W, 3)


@pytest.mark.parametrize("name", DELETIONS)
def test_photos_under_a_window_are_not_rounded(name: str) -> None:
    pixels, mask = photo().astype(np.float32) * np.float32(0.99), halves().masks[1]
    deleted = DELETIONS[name](pixels, mask)
    assert deleted.dtype == np.float32
    np.testing.assert_array_equal(deleted[~mask], pixels[~mask])
    rounded = DELETIONS[name](np.rint(pixels).astype(np.uint8), mask)
    assert np.abs(deleted[mask] - rounded[mask]).max() < 2.5


def test_deep_photos_need_a_window(linear: Path, tmp_path: Path) -> None:
    deep = {"a": photo().astype(np.uint16) * 16}
    given = ({"a": halves()}, {"a": 0})
    options = {"kept": tmp_path, "deletions": ["grey"]}
    for preprocess in ("unit", lambda batch: batch / np.float32(4080)):
        with pytest.raises(sat.InvalidInput, match=r"photo 'a' holds uint16.*window=\(low, high\)"):
            deletion_effects(linear, deep, *given, preprocess=preprocess, **options)
    images = sat.ImageSet(deep, window=(0, 4080))
    found = deletion_effects(linear, images, *given, preprocess="unit", **options)
    same = deletion_effects(
        linear, {"a": photo()}, *given, preprocess="unit", kept=tmp_path / "8", deletions=["grey"]
    )
    np.testing.assert_allclose(found["effect"], same["effect"], atol=1e-4)


@pytest.mark.parametrize("name", ["blur", "inpaint"])
def test_a_plain_photo_stays_as_it_is(name: str) -> None:
    plain = np.full((H, W, 3), (10, 200, 90), dtype=np.uint8)
    np.testing.assert_array_equal(DELETIONS[name](plain, halves().masks[0]), plain)


def test_inpainting_goes_from_edge_to_edge() -> None:
    ramp = np.repeat(np.linspace(0, 220, W)[None, :, None], H, axis=0).repeat(3, axis=2)
    ramp = ramp.astype(np.uint8)
    mask = np.zeros((H, W), bool)
    mask[4:8, 3:7] = True
    filled = DELETIONS["inpaint"](np.where(mask[..., None], 255, ramp).astype(np.uint8), mask)
    assert np.abs(filled.astype(int) - ramp).max() <= 2


def test_effects_are_what_the_weights_say(linear: Path, tmp_path: Path) -> None:
    found = deletion_effects(
        linear,
        {"a/1": photo(), "b": photo(1)},
        {"a/1": halves(), "b": halves()},
        {"a/1": 1, "b": 0},
        preprocess="unit",
        kept=tmp_path,
        pad_px=1,
    )
    import tensorflow as tf

    weights = tf.keras.models.load_model(linear, compile=False).get_layer("sum").get_weights()[0]
    padded = halves().pad(1)
    for row in found[found["deletion"] == "grey"].itertuples():
        pixels, target = (photo(), 1) if row.image_id == "a/1" else (photo(1), 0)
        mask = padded.masks[padded.names.index(row.segment)]
        by_pixel = weights[:, target].reshape(H, W, 3) * (pixels / 255.0 - 128 / 255)
        assert row.effect == pytest.approx(by_pixel[mask].sum(), abs=1e-4)
        assert row.mask_px == mask.sum()
    assert len(found) == 2 * 2 * 3


PHOTO = ({"a": photo()}, {"a": halves()}, {"a": 0})


def test_deletions_that_are_kept_are_not_measured_again(
    linear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows as earlier versions kept them, all deletions of an image in one file, are still read."""
    options = {"preprocess": "unit", "kept": tmp_path}
    some = deletion_effects(linear, *PHOTO, **options, deletions=["grey"])
    assert some["deletion"].unique().tolist() == ["grey"]
    first = deletion_effects(linear, *PHOTO, **options)
    assert first["deletion"].tolist() == [name for name in DELETIONS for _ in range(2)]
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]
    monkeypatch.setattr(deletion, "_image_effects", None)
    pd.testing.assert_frame_equal(deletion_effects(linear, *PHOTO, **options), first)
    pd.testing.assert_frame_equal(
        deletion_effects(linear, *PHOTO, **options, deletions=["grey"]), some
    )
    with pytest.raises(sat.InvalidInput, match="deletions: unknown name 'gray'. Did you mean"):
        deletion_effects(linear, *PHOTO, **options, deletions=["gray"])


def filled(colour: int, version: str = "", name: str = "filled") -> Deletion:
    def function(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.where(mask[..., None], colour, pixels).astype(np.uint8)

    return Deletion(name=name, version=version, function=function)


def test_a_changed_deletion_is_not_taken_for_the_old_one(linear: Path, tmp_path: Path) -> None:
    options = {"preprocess": "unit", "kept": tmp_path}
    grey = deletion_effects(linear, *PHOTO, **options, deletions=["grey"])
    own = deletion_effects(linear, *PHOTO, **options, deletions=[filled(128, "1"), "grey"])
    assert own["deletion"].tolist() == ["filled@1"] * 2 + ["grey"] * 2
    np.testing.assert_array_equal(own["effect"][:2], grey["effect"])
    changed = deletion_effects(linear, *PHOTO, **options, deletions=[filled(0, "2")])
    assert (changed["effect"] != grey["effect"]).all()
    again = deletion_effects(linear, *PHOTO, **options, deletions=[filled(255, "1")])
    np.testing.assert_array_equal(again["effect"], grey["effect"], err_msg="version 1 is kept")
    files = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.csv")}
    assert files == {"a.csv", "filled@1/a.csv", "filled@2/a.csv"}


def test_segments_may_be_called_as_pandas_calls_what_is_missing(
    linear: Path, tmp_path: Path
) -> None:
    named = halves().rename({"head": "NA", "legs": "null"})
    given = (linear, {"a": photo()}, {"a": named}, {"a": 0})
    for _ in range(2):  # measured, then read
        found = deletion_effects(*given, preprocess="unit", kept=tmp_path, deletions=["grey"])
        assert found["segment"].tolist() == ["NA", "null"]


def test_names_of_folders_are_safe(linear: Path, tmp_path: Path) -> None:
    options = {"preprocess": "unit", "kept": tmp_path / "kept"}
    deletion_effects(linear, *PHOTO, **options, deletions=[filled(0, "1", "../out")])
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (filled(0), "deletions: 'filled' is an entry of your own.*give it a version"),
        (filled(0, name="grey"), "deletions: the name 'grey' is taken by the package"),
        (
            lambda pixels, mask: pixels,
            "deletions: a function alone has no name; wrap it as sat_nb.Deletion",
        ),
    ],
)
def test_own_deletions_need_a_version_and_a_name_of_their_own(
    linear: Path, tmp_path: Path, own: object, said: str
) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        deletion_effects(linear, *PHOTO, preprocess="unit", kept=tmp_path, deletions=[own])


def test_masks_that_do_not_show_their_photo_are_refused(linear: Path, tmp_path: Path) -> None:
    options = {"preprocess": "unit", "kept": tmp_path, "deletions": ["grey"]}
    turned = halves().turn(6)
    with pytest.raises(sat.InvalidInput, match=r"masks of image 'a' .*swapped.*turn\("):
        deletion_effects(linear, {"a": photo()}, {"a": turned}, {"a": 0}, **options)
    large = sat.SegmentationMap(("head", "legs"), halves().masks.repeat(2, 1).repeat(2, 2))
    found = deletion_effects(linear, {"a": photo()}, {"a": large}, {"a": 0}, **options)
    options["kept"] = tmp_path / "other"
    expected = deletion_effects(linear, {"a": photo()}, {"a": halves()}, {"a": 0}, **options)
    pd.testing.assert_frame_equal(found, expected)


def test_an_image_without_segments_has_no_rows(
    linear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = {"a": sat.SegmentationMap((), np.zeros((0, H, W), bool))}
    arguments = (linear, PHOTO[0], nothing, PHOTO[2])
    options = {"preprocess": "unit", "kept": tmp_path}
    assert deletion_effects(*arguments, **options).empty
    monkeypatch.setattr(deletion, "_image_effects", None)
    assert deletion_effects(*arguments, **options).empty


@pytest.mark.parametrize("name", DELETIONS)
def test_every_deletion_shows_wherever_deletions_do(
    name: str, linear: Path, tmp_path: Path
) -> None:
    """In the table, the kept file, the docstring and the text of an error."""
    entry = DELETIONS[name]
    assert entry.name == name
    assert entry.about.endswith(".")
    assert f'- "{name}": {entry.about.split()[0]}' in deletion_effects.__doc__
    found = deletion_effects(linear, *PHOTO, preprocess="unit", kept=tmp_path, deletions=[name])
    assert found["deletion"].unique().tolist() == [name]
    assert f",{name}," in (tmp_path / "a.csv").read_text()
    with pytest.raises(sat.InvalidInput, match=f"Valid: .*'{name}'"):
        deletion_effects(linear, *PHOTO, preprocess="unit", kept=tmp_path, deletions=["none"])


def test_logits_are_those_before_the_softmax(saved: Path) -> None:
    import tensorflow as tf

    batch = np.random.default_rng(0).random((40, H, W, 3), dtype=np.float32)
    given = tf.keras.models.load_model(saved / "fused.h5", compile=False)(batch).numpy()
    for name in ("fused", "apart"):
        logits = load_logits(saved / f"{name}.h5")
        assert logits.input_size == (H, W)
        found = logits.of(batch)
        np.testing.assert_allclose(tf.nn.softmax(found).numpy(), given, atol=1e-5)
        assert not np.allclose(found.sum(axis=1), 1)


def test_blur_is_a_gaussian_of_a_twelfth_of_the_shorter_side() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 36, 3), dtype=np.uint8)
    mask = np.zeros((48, 36), bool)
    mask[10:30, 5:20] = True
    smooth = gaussian_filter(pixels.astype(float), (3, 3, 0), mode="nearest")
    np.testing.assert_allclose(DELETIONS["blur"](pixels, mask)[mask], smooth[mask], atol=0.51)


SIZES = [(227, 227), (60, 227), (300, 96), (9, 7), (1, 40), (2, 2)]


@pytest.mark.parametrize("size", SIZES)
def test_blur_is_that_gaussian_to_a_five_hundredth_of_a_grey_value(size: tuple[int, int]) -> None:
    halves = np.zeros((*size, 3), np.float32)
    halves[:, : size[1] // 2] = 255
    noise = np.random.default_rng(0).uniform(0, 255, (*size, 3)).astype(np.float32)
    for pixels in (halves, noise):
        sigma = min(size) / 12
        smooth = gaussian_filter(pixels.astype(float), (sigma, sigma, 0), mode="nearest")
        np.testing.assert_allclose(blurred(pixels), smooth, atol=0.002)


@pytest.mark.parametrize("size", [*SIZES, (1000, 1500), (32, 2000)])
def test_blur_of_the_worst_picture_is_within_a_sixteenth_of_a_grey_value(
    size: tuple[int, int],
) -> None:
    """The picture that is white where the two blurs differ one way, and black elsewhere."""
    worst = 0.0
    for side in size:
        sigma = min(size) / 12
        right = gaussian_filter1d(np.eye(side), sigma, axis=0, mode="nearest")
        factors = _gaussian(side, sigma)
        apart = factors.outwards.astype(float) @ factors.inwards - right
        worst += 255 * np.abs(apart).sum(axis=1).max()
    assert worst < 0.06
