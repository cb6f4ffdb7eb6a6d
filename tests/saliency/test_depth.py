"""Photos of more than 8 bits are explained as they are, or refused: never clipped."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.images import ImageSet
from sat_nb.saliency.channels import _grey
from sat_nb.saliency.explain import explain
from sat_nb.saliency.preprocess import PREPROCESS

OPTIONS = {"methods": "gradient", "progress": False}
RANDOM = np.random.default_rng(0)
DEEP = RANDOM.integers(0, 4096, (20, 15, 3)).astype(np.uint16)


def seen_by(model_file, images, fit="stretch"):
    """What a preprocess function of the user's gets."""
    seen = []

    def preprocess(batch):
        seen.append(batch.copy())
        return batch / np.float32(4095)

    maps = explain(model_file, images, preprocess=preprocess, fit=fit, **OPTIONS)
    return seen[-1], maps


@pytest.mark.parametrize("preprocess", PREPROCESS)
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int16, np.float64])
def test_a_named_preprocess_needs_a_window(model_files, preprocess, dtype):
    images = {"deep": DEEP.astype(dtype)}
    with pytest.raises(InvalidInput) as caught:
        explain(model_files["logits.h5"], images, preprocess=preprocess, **OPTIONS)
    message = str(caught.value)
    kept = np.uint16 if dtype == np.uint16 else np.float32
    assert f"'deep' holds {np.dtype(kept)} from {DEEP.min()} to {DEEP.max()}" in message
    for option in ("window=(low, high)", "window='dtype'", "window='file'", "preprocess function"):
        assert option in message


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_a_function_gets_the_stored_numbers(model_files, fit):
    same_size = RANDOM.integers(0, 4096, (12, 12, 3)).astype(np.uint16)
    seen, _ = seen_by(model_files["logits.h5"], {"a": same_size}, fit)
    assert seen.dtype == np.float32
    np.testing.assert_array_equal(seen[0], same_size)


def test_a_window_and_a_function_say_the_same(model_files):
    _, by_function = seen_by(model_files["logits.h5"], {"a": DEEP})
    windowed = ImageSet({"a": DEEP}, window=(0, 4095))
    by_window = explain(model_files["logits.h5"], windowed, preprocess="unit", **OPTIONS)
    one, other = by_function["gradient"]["a"], by_window["gradient"]["a"]
    np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(one).max())


def test_a_changed_window_is_another_photo(model_files, tmp_path):
    options = {"preprocess": "unit", "out": tmp_path / "maps", **OPTIONS}
    narrow = explain(model_files["logits.h5"], ImageSet({"a": DEEP}, window=(0, 2000)), **options)
    first = np.array(narrow["gradient"]["a"])
    wide = explain(model_files["logits.h5"], ImageSet({"a": DEEP}, window=(0, 4095)), **options)
    assert np.abs(wide["gradient"]["a"] - first).max() > 1e-3 * np.abs(first).max()


def test_a_function_that_differs_beyond_255_is_another(model_files, tmp_path):
    """Its fingerprint on numbers from 0 to 255 is the same."""
    for top in (1000, 2000):

        def clipped(batch, top=top):
            return np.minimum(batch, top) / np.float32(4095)

        options = {"preprocess": clipped, "out": tmp_path / "maps", **OPTIONS}
        maps = explain(model_files["logits.h5"], {"a": DEEP}, **options)
        fresh = explain(model_files["logits.h5"], {"a": DEEP}, preprocess=clipped, **OPTIONS)
        np.testing.assert_array_equal(maps["gradient"]["a"], fresh["gradient"]["a"])


def test_grey_models_see_the_luminance_of_any_depth():
    photo = RANDOM.integers(0, 256, (9, 8, 3)).astype(np.uint8)
    grey = _grey(photo.astype(np.float32) * 16)
    assert np.abs(grey / 16 - _grey(photo)).max() <= 0.51
    equal = np.repeat(DEEP[..., :1], 3, axis=2)
    np.testing.assert_array_equal(_grey(equal), equal[..., 0])
