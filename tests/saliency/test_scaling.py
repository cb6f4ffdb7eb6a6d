"""Preprocessing that does not fit: scaled twice, or for colour where the model is grey."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.explain import explain
from sat_nb.saliency.preprocess import apply_preprocess, scaled_twice

SHAPE = (6, 6, 3)


@pytest.mark.parametrize(
    ("preprocess", "scaling"),
    [
        ("unit", (1 / 255, 0.0)),
        ("signed", (1 / 255, 0.0)),
        ("signed", (1 / 127.5, -1.0)),
        ("torch", (1 / 255 / 0.226, -2.0)),
        ("unit", (1 / 58.0, -2.0)),  # Normalization adapted to photos from 0 to 255
        (lambda batch: batch / 255, (1 / 255, 0.0)),
        ("caffe", (1.0, -117.0)),  # the means are subtracted twice
    ],
)
def test_both_scale(preprocess, scaling):
    text = scaled_twice(preprocess, SHAPE, scaling)
    assert text is not None
    assert "the model itself multiplies its input by" in text
    assert "preprocess='none'" in text


@pytest.mark.parametrize(
    ("preprocess", "scaling"),
    [
        ("none", (1 / 255, 0.0)),
        ("none", (1 / 127.5, -1.0)),
        ("none", (1.0, -117.0)),
        ("unit", None),
        ("unit", (2.0, -1.0)),  # from 0..1 to -1..1
        ("unit", (1 / 0.226, -2.0)),
        ("caffe", (1 / 128, 0.0)),  # centred outside, divided inside
        ("caffe", (1 / 255, 0.0)),
    ],
)
def test_each_scales_in_turn(preprocess, scaling):
    assert scaled_twice(preprocess, SHAPE, scaling) is None


def test_it_is_said_of_a_model(make_model, keras, images):
    model = make_model(start=(keras.layers.Rescaling(1 / 255),))
    options = {"methods": "gradient", "progress": False}
    with pytest.warns(UserWarning, match=r"preprocess='unit' makes photos range from 0 to 1, .*by"):
        explain(model, images, preprocess="unit", **options)


@pytest.mark.parametrize("name", ["caffe", "torch"])
def test_grey_models_name_what_fits(name):
    batch = np.zeros((2, 6, 6, 1), np.float32)
    with pytest.raises(InvalidInput, match=f"'{name}' is for photos in colour, .* give 'unit'"):
        apply_preprocess(name, batch, (6, 6, 1))
    assert apply_preprocess("unit", batch, (6, 6, 1)).shape == (2, 6, 6, 1)
