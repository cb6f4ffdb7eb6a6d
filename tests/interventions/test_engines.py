"""The same effects by every engine: on a model whose weights say what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.saliency.mixing import composed
from sat_nb.saliency.mixtures import Mixtures
from sat_nb.saliency.preprocess import PREPROCESS
from tests.interventions.conftest import H, W
from tests.interventions.test_intervene import MASKS, PHOTOS, SEGMENTS


def effects(model: Any, **options: Any) -> pd.DataFrame:
    given = {"measures": "without", "replace": ["grey"], "pad_px": 0, "preprocess": "unit"}
    return sat.intervene(model, PHOTOS, SEGMENTS, progress=False, **(given | options))


def check_by_weights(found: pd.DataFrame, weights: np.ndarray) -> None:
    """Of a linear model with logits ``pixels @ weights``, weights (H, W, 3, 2)."""
    for row in found.itertuples():
        pixels = PHOTOS[row.image_id] / 255.0
        margin = weights[..., row.target] - weights[..., 1 - row.target]
        by_pixel = (margin * (pixels - 128 / 255)).sum(axis=2)
        expected = by_pixel[MASKS[row.segment_id]].sum()
        assert row.total_attribution == pytest.approx(expected, abs=1e-4)
        assert row.predicted == row.target


def test_keras(linear: Path) -> None:
    import tensorflow as tf

    kernel, _ = tf.keras.models.load_model(linear, compile=False).get_layer("sum").get_weights()
    check_by_weights(effects(linear), kernel.reshape(H, W, 3, 2))


def test_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is missing here: see `make test-torch`")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * H * W, 2)).eval()
    kernel = net[1].weight.detach().numpy().reshape(2, 3, H, W)
    found = effects(net, input_size=(H, W))
    check_by_weights(found, np.moveaxis(kernel, (0, 1), (3, 2)))


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("name", ["caffe", "torch"])
def test_pictures_are_preprocessed_as_mixtures_are(linear: Path, name: str, fit: str) -> None:
    """A registered name goes to the engine with bytes; a function gets whole mixtures here."""
    wide = {i: np.concatenate([photo, photo[:, ::-1]], axis=1) for i, photo in PHOTOS.items()}
    masks = np.concatenate([MASKS, MASKS[:, :, ::-1]], axis=2)
    segments = {i: sat.SegmentationMap(SEGMENTS[i].names, masks) for i in wide}
    found = [
        sat.intervene(
            linear,
            wide,
            segments,
            preprocess=preprocess,
            fit=fit,
            pad_px=0,
            measures=("without", "alone"),
            replace=["grey", "mean", "blur", "shuffle"],
            progress=False,
        )
        for preprocess in (name, PREPROCESS[name].function)
    ]
    pd.testing.assert_frame_equal(*found, check_exact=True)


def test_mixtures_are_made_of_two_pictures() -> None:
    rng = np.random.default_rng(0)
    photos, (*fillings, colour) = (rng.random((n, H, W, 3), dtype=np.float32) for n in (2, 3))
    fillings.append(colour[:1, :1])  # one colour stands for a picture of it
    parts = rng.integers(0, 5, (2, H, W)).astype(np.uint16)
    pairs, kept = np.array([[0, 2], [1, 0], [1, 1]]), rng.integers(0, 2, (3, 5)).astype(np.uint8)
    found = composed(Mixtures(photos, fillings, parts, pairs, kept))
    for one, (photo, filling), row in zip(found, pairs, kept, strict=True):
        there = row[parts[photo]].astype(bool)[..., None]
        np.testing.assert_array_equal(one, np.where(there, photos[photo], fillings[filling]))


def test_pictures_of_bytes_are_prepared_one_by_one() -> None:
    rng = np.random.default_rng(0)
    photo, filling = rng.integers(0, 256, (2, H, W, 1), dtype=np.uint8)
    parts = rng.integers(0, 2, (H, W)).astype(np.uint16)
    mixtures = Mixtures(
        [photo],
        [filling, filling[:1, :1]],
        [parts],
        np.array([[0, 0], [0, 1]]),
        np.eye(2, dtype="u1"),
    )
    found = composed(mixtures, lambda one: np.repeat(one / np.float32(2), 3, axis=2))
    first = np.where(parts[..., None] == 0, photo, filling)
    second = np.where(parts[..., None] == 1, photo, filling[0, 0])
    halves = [np.repeat(one / np.float32(2), 3, axis=2) for one in (first, second)]
    np.testing.assert_array_equal(found, halves)
