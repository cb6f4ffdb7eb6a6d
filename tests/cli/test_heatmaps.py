"""``sat-nb build --heatmaps``: a table of another tool's maps, without a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb.toy import toy
from tests.cli.running import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Maps, masks, photos and a file of classes of six images."""
    folder = tmp_path_factory.mktemp("heatmaps")
    maps, segments = toy(6)
    for name in ("heat", "exports", "photos"):
        (folder / name).mkdir()
    for image_id, segmentation in segments.items():
        np.save(folder / "heat" / f"{image_id}.npy", maps["noisy"][image_id])
        sat.write_dinox(folder / "exports" / f"{image_id}.json", segmentation)
        Image.new("RGB", (16, 20)).save(folder / "photos" / f"{image_id}.png")
    classes = {"image_id": list(segments), "label": range(6), "predicted": [0, 1] * 3}
    pd.DataFrame(classes).to_csv(folder / "classes.csv", index=False)
    return folder


def arguments(folder: Path, *more: object) -> list[object]:
    return [
        *("build", "--heatmaps", folder / "heat", "--segments", folder / "exports"),
        *("--method", "shap", "--layout", "HWC", "--sign", "inverted", *more),
    ]


def test_the_table_is_that_of_python(folder: Path, tmp_path: Path) -> None:
    out, classes = tmp_path / "t.parquet", folder / "classes.csv"
    known = ("--labels", classes, "--predicted", classes, "--target", "1", "--model-name", "vgg")
    done = run(*arguments(folder, *known, "--images", folder / "photos", "--out", out))
    assert done.exit_code == 0, done.output
    images = sat.read_images(folder / "photos")
    maps = sat.read_maps(
        folder / "heat",
        method="shap",
        layout="HWC",
        sign="inverted",
        target=1,
        predicted={i: k % 2 for k, i in enumerate(images)},
        photo_sizes={i: images.size(i) for i in images},
    )
    labels = {i: k for k, i in enumerate(images)}
    expected = sat.build(maps, sat.read_segments(folder / "exports"), labels=labels, model="vgg")
    pd.testing.assert_frame_equal(sat.read_table(out), expected)
    assert expected["label"].tolist()[-1] == 5
    assert set(expected["predicted"]) == {0, 1}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (("--seed", "3"), "--seed cannot be combined with --heatmaps"),
        (("--preprocess", "unit"), "--preprocess cannot be combined with --heatmaps"),
        (("--model", "m.h5"), "or --heatmaps with --method and --sign"),
        (("--target", "best"), "--target: expected the index of a class"),
        (("--layout", "HW"), "layout 'HW' (rows, columns) has 2 axes"),
        (("--sign", "unsigned"), "declare --sign signed if positive values speak"),
        (("--predicted", "no.csv"), "--predicted: 'no.csv' does not exist"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_words_of_the_command(
    folder: Path, tmp_path: Path, changes: tuple[str, ...], words: str
) -> None:
    refused = run(*arguments(folder, *changes, "--out", tmp_path / "t.parquet"))
    assert refused.exit_code == 1
    assert words in " ".join(refused.output.split())
    assert list(tmp_path.iterdir()) == []


def test_a_model_or_heatmaps_are_needed_with_what_belongs_to_them(folder: Path) -> None:
    masks = ("--segments", folder / "exports", "--out", "t.parquet")
    assert "give --model with --images and --preprocess" in run("build", *masks).output
    alone = run("build", "--heatmaps", folder / "heat", *masks).output
    assert "--heatmaps needs --method and --sign." in alone
    alone = run("build", "--model", "m.h5", *masks).output
    assert "--model needs --images and --preprocess." in alone
    both = ("--images", folder / "photos", "--preprocess", "unit", "--zero", "1")
    wrong = run("build", "--model", "m.h5", *both, *masks).output
    assert "--zero cannot be combined with --model" in wrong
