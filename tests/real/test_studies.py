"""What the studies say of real photos, from maps that are made once for all tests here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import sat_nb as sat
from sat_nb.reproduction import bar, bias, biased_models, imagenet, pretrained
from tests.real.conftest import METHODS, squeezenet_input


def test_the_studys_classifier_is_the_one_of_these_tests(real_data: Path, squeezenet: Path) -> None:
    classifier = imagenet.squeezenet(real_data)
    assert classifier.file == squeezenet
    batch = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3)).astype(np.float32)
    np.testing.assert_array_equal(classifier.preprocess(batch), squeezenet_input(batch))


def test_eyes_come_first_and_ears_are_behind_the_face(
    real_data: Path, chihuahua_maps: sat.AttributionStore, chihuahuas: pd.DataFrame
) -> None:
    """Apart from this project: eyes 1.00, face 3.25, ears 5.36 under Deep Taylor."""
    found = pretrained.Pretrained(
        "small",
        chihuahuas,
        imagenet.chihuahuas(real_data),
        {"chihuahua": chihuahua_maps},
        "squeezenet",
        pretrained.Settings(METHODS, ()),
    )
    eyes, ears = pretrained.claims(found)
    assert eyes.verdict == "holds"
    assert "24 photos, deep_taylor: mean rank 1.00, differs from every other" in eyes.found
    assert "first under 3 of 3 methods" in eyes.found
    assert "ears 5.3" in ears.found
    assert "face 3.2" in ears.found
    assert ears.verdict != "holds"


def test_bar_is_split_by_action_and_explained_where_it_has_masks(real_data: Path) -> None:
    settings = bias.SETTINGS["small"]
    photos = biased_models._photos(Path("unused"), "small", settings, real_data)
    split = bar.split(photos)
    assert len(split.train["less biased"]) - len(split.train["biased"]) == 524 - len(
        split.held["out of bias"]
    )
    chosen = biased_models._explained(photos, settings)
    exports = sat.read_segments(photos.exports)
    assert all({"person", "background"} <= set(exports[i].names) for i in chosen[::20])
    actions = pd.Series([photos.class_names[photos.labels[i]] for i in chosen])
    assert set(actions) == set(bias.ACTIONS)
    assert actions.value_counts().min() >= 30
