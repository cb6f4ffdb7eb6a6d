"""Maps of other tools: what is declared is what the table says, and nothing hostile gets in."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import re
import sys
import zipfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import sat_nb as sat
from sat_nb import FileMissing, IdMismatch, InvalidInput, SatError, SegmentationMap
from sat_nb.saliency.external import formats as map_formats
from sat_nb.toy import toy
from tests.entries import is_described

LAYOUTS = ["".join(axes) for axes in itertools.permutations("NHWCK")]
TWO = {"image_ids": ["a", "b"], "method": "m", "sign": "signed"}
ONE = {"method": "m", "sign": "signed"}


def segments_of(ids: list[str], size: tuple[int, int], seed: int = 0) -> dict[str, SegmentationMap]:
    rng = np.random.default_rng(seed)
    masks = rng.random((2, *size)) < 0.5
    masks[:, 0, 0] = True
    return {i: SegmentationMap(("x", "y"), masks) for i in ids}


def same(left: pd.DataFrame, right: pd.DataFrame, but: tuple[str, ...] = ()) -> None:
    pd.testing.assert_frame_equal(left.drop(columns=[*but]), right.drop(columns=[*but]))


# --- layouts --------------------------------------------------------------------------------


@st.composite
def stacks(draw: st.DrawFn) -> tuple[np.ndarray, list[int]]:
    """Maps (n, H, W, C, K) and the class explained of each image."""
    sides = [draw(st.integers(1, upper)) for upper in (3, 7, 7, 4, 3)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["<f4", ">f4", "<f8", "f2", "i2", "u1"]))
    values = (100 * rng.random(sides)).astype(dtype)
    return values, draw(
        st.lists(st.integers(0, sides[4] - 1), min_size=sides[0], max_size=sides[0])
    )


@settings(deadline=None)
@given(stacks(), st.sampled_from(LAYOUTS))
def test_the_order_of_axes_does_not_matter(
    stack: tuple[np.ndarray, list[int]], layout: str
) -> None:
    values, targets = stack
    ids = [f"i{i}" for i in range(len(values))]
    plain = {}
    for i, target in zip(ids, targets, strict=True):  # slowly, from the definition
        plain[i] = np.zeros(values.shape[1:4])
        for at in np.ndindex(*plain[i].shape):
            plain[i][at] = values[(int(i[1:]), *at, target)]
    turned = values.transpose(["NHWCK".index(axis) for axis in layout])
    maps = sat.maps_from_arrays(
        turned, method="m", layout=layout, sign="signed", image_ids=ids, target=targets
    )
    masks = segments_of(ids, (5, 6))
    table = sat.build(maps, masks, fit="stretch", pad_px=0)
    same(table, sat.build({"m": plain}, masks, fit="stretch", pad_px=0), but=("target",))
    assert table.groupby("image_id")["target"].first().tolist() == targets


def test_every_way_to_hold_the_same_maps() -> None:
    stack = np.random.default_rng(0).normal(size=(2, 6, 5, 3, 4))  # NHWCK
    expected = stack[..., 2]
    by_class = [stack[..., k] for k in range(4)]
    ways = [
        sat.maps_from_arrays(stack, layout="NHWCK", target=2, **TWO),
        sat.maps_from_arrays(by_class, layout="KNHWC", target=2, **TWO),
        sat.maps_from_arrays(expected, layout="NHWC", **TWO),
        sat.maps_from_arrays(expected.tolist(), layout="NHWC", **TWO),
        sat.maps_from_arrays(expected.transpose(0, 3, 1, 2), layout="NCHW", **TWO),
        sat.maps_from_arrays(list(expected), layout="HWC", **TWO),
        sat.maps_from_arrays({"a": expected[0], "b": expected[1]}, layout="HWC", **ONE),
        sat.maps_from_arrays({"a": expected[:1], "b": expected[1:]}, layout="NHWC", **ONE),
    ]
    for maps in ways:
        assert list(maps) == ["m"]
        assert list(maps["m"]) == ["a", "b"]
        np.testing.assert_array_equal(np.stack(list(maps["m"].values())), expected)


class Tensor:
    """As PyTorch's: on a device, with a gradient, no array until all steps are taken."""

    def __init__(self, values: np.ndarray, done: tuple[str, ...] = ()) -> None:
        self.values, self.done, self.shape = values, done, values.shape

    def detach(self) -> Tensor:
        return Tensor(self.values, ("detach",))

    def cpu(self) -> Tensor:
        return Tensor(self.values, (*self.done, "cpu"))

    def numpy(self) -> np.ndarray:
        if self.done != ("detach", "cpu"):
            raise RuntimeError("call detach() and cpu() first")
        return self.values

    def __array__(self, dtype: Any = None) -> np.ndarray:
        return self.numpy()


def test_tensors_and_lists_of_tensors_are_taken() -> None:
    values = np.random.default_rng(1).normal(size=(2, 3, 6, 5)).astype(np.float32)
    one = sat.maps_from_arrays(Tensor(values), layout="NCHW", **TWO)
    many = sat.maps_from_arrays([Tensor(v) for v in values], layout="CHW", **TWO)
    classes = sat.maps_from_arrays([Tensor(values)] * 2, layout="KNCHW", target=1, **TWO)
    for maps in (one, many, classes):
        np.testing.assert_array_equal(maps["m"]["b"], values[1].transpose(1, 2, 0))
        assert maps["m"]["b"].dtype == np.float32


@pytest.mark.parametrize(
    ("shape", "layout", "words"),
    [
        ((2, 3, 20, 20), "NHWC", r"\(2, 3, 20, 20\).*rows 3.*channels 20.*'NCHW'"),
        ((2, 20, 20, 3), "NCHW", r"\(2, 20, 20, 3\).*channels 20.*columns 3"),
        (
            (2, 20, 20),
            "NHWC",
            r"'NHWC' \(images, rows, columns, channels\) has 4 axes.*\(2, 20, 20\)",
        ),
        ((2, 20, 20, 3, 10), "NHWC", "has 4 axes"),
        ((2, 0, 20, 3), "NHWC", "empty"),
        ((3, 20, 20, 3), "NHWC", "image_ids: expected one for each of the 3 images"),
        ((2, 20, 20, 3), "NHWWC", "layout: expected H and W"),
        ((2, 20, 20, 3), "NHXC", "layout: expected H and W"),
        ((2, 20, 20, 3), "NC", "layout: expected H and W"),
        ((20, 20, 3), "HWC", "of one image.*list of arrays"),
        ((2, 20, 20, 3, 5), "NHWCK", "target: .*each class"),
    ],
)
def test_a_wrong_layout_is_an_error_that_names_shapes(
    shape: tuple[int, ...], layout: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        sat.maps_from_arrays(np.zeros(shape), layout=layout, **TWO)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (5, r"image 'a'\): holds 5 classes along K, target is 5; give target=0..4"),
        (-1, "target: expected the index of a class, a whole number from 0 on, got int -1"),
        ([0, 1, 2], "one index for each of the 2 images"),
        ("predicted", "got str 'predicted'; maps do not tell it"),
        (1.5, "whole number from 0 on, got float 1.5"),
        ([0, 0.25], r"got float 0.25; of a sigmoid's probabilities give \(p > 0.5\)"),
        (np.eye(2, 5), r"got ndarray .*; of scores \(n, K\) give .argmax\(axis=1\)"),
        ([0, True], r"got bool True; give .astype\(int\)"),
        ([0, np.nan], "got float nan"),
    ],
)
def test_targets_must_be_classes(target: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        sat.maps_from_arrays(np.zeros((2, 6, 6, 3, 5)), layout="NHWCK", target=target, **TWO)


@pytest.mark.parametrize(
    ("arrays", "ids", "error", "words"),
    [
        (np.zeros((2, 4, 4)), ["a", "a"], InvalidInput, "given twice: 'a'"),
        (np.zeros((2, 4, 4)), [1, 2], InvalidInput, "expected str, got 1, 2"),
        (np.zeros((2, 4, 4)), None, InvalidInput, "expected one for each of the 2 images"),
        ({"a": np.zeros((1, 4, 4))}, ["a"], InvalidInput, "have ids already"),
        ({7: np.zeros((1, 4, 4))}, None, InvalidInput, "expected str, got 7"),
        ({"a": np.zeros((2, 4, 4))}, None, InvalidInput, "'a'.*expected one image, got 2"),
        (np.full((1, 4, 4), np.nan), ["<b>"], InvalidInput, "image '<b>'.*NaN"),
        (np.full((1, 4, 4), -np.inf), ["a"], InvalidInput, "infinite"),
        (np.zeros((1, 4, 4), complex), ["a"], InvalidInput, "real numbers, got complex128"),
        (np.zeros((1, 4, 4), bool), ["a"], InvalidInput, "real numbers, got bool"),
        (np.zeros((1, 4, 4), str), ["a"], InvalidInput, r"real numbers, got <U1 .*np.asarray\("),
        (
            np.ma.masked_equal(np.eye(4)[None], 0),
            ["a"],
            InvalidInput,
            "12 values are missing; .*filled",
        ),
        ([[[1.0], [1.0, 2.0]]], ["a"], InvalidInput, "expected an array of numbers"),
        (object(), ["a"], InvalidInput, "real numbers, got object"),
    ],
)
def test_ids_and_numbers_are_checked(
    arrays: Any, ids: Any, error: type[SatError], words: str
) -> None:
    with pytest.raises(error, match=words):
        sat.maps_from_arrays(arrays, method="m", layout="NHW", sign="signed", image_ids=ids)


def test_no_images_are_no_rows_but_an_error_in_build() -> None:
    maps = sat.maps_from_arrays({}, layout="HW", **ONE)
    with pytest.raises(IdMismatch):
        sat.build(maps, segments_of(["a"], (4, 4)))


# --- sign, geometry and what travels --------------------------------------------------------


def test_signs_make_positive_speak_for_the_target() -> None:
    values = np.array([[[1.0, -2.0], [0.0, 3.0]]])
    signed = sat.maps_from_arrays(values, method="m", layout="NHW", sign="signed", image_ids="a")
    inverted = sat.maps_from_arrays(
        values, method="m", layout="NHW", sign="inverted", image_ids="a"
    )
    np.testing.assert_array_equal(signed["m"]["a"], -inverted["m"]["a"])
    with pytest.raises(InvalidInput, match=r"image 'a'.*no value is below 0, got -2; declare"):
        sat.maps_from_arrays(values, method="m", layout="NHW", sign="unsigned", image_ids="a")
    with pytest.raises(InvalidInput, match="sign: unknown name 'sined'. Did you mean 'signed'"):
        sat.maps_from_arrays(values, method="m", layout="NHW", sign="sined", image_ids="a")


def test_unsigned_integers_are_negated_as_numbers() -> None:
    values = np.array([[[1, 255]]], np.uint8)
    maps = sat.maps_from_arrays(values, method="m", layout="NHW", sign="inverted", image_ids="a")
    assert maps["m"]["a"].ravel().tolist() == [-1, -255]


def test_declarations_travel_with_the_table(tmp_path: Path) -> None:
    maps = sat.maps_from_arrays(
        np.ones((2, 6, 5)), method="m", layout="NHW", sign="unsigned", image_ids=["a", "b"],
        target={"a": 1, "b": 4}, model="resnet",
    )  # fmt: skip
    table = sat.build(maps, segments_of(["a", "b"], (12, 10)))
    file = sat.write_table(table, tmp_path / "t.parquet") or tmp_path / "t.parquet"
    read = sat.read_table(file)
    assert read.attrs["sat_nb"]["maps"] == {
        "source": "external",
        "model": {"name": "resnet"},
        "fit": "stretch",
        "methods": {"m": {"layout": "NHW", "sign": "unsigned", "target": "given"}},
    }
    assert read["model"].unique().tolist() == ["resnet"]
    assert read["target"].tolist() == [1, 1, 4, 4]
    assert read["predicted"].isna().all()


@pytest.mark.parametrize(
    "ways",
    [
        {"predicted": 3, "labels": 3},
        {"predicted": [3, 3], "labels": (3, 3)},
        {"predicted": np.array([3.0, 3.0]), "labels": pd.Series({"b": 3, "a": 3})},
        {"predicted": {"a": np.int64(3), "b": 3}, "labels": np.int32(3)},
    ],
)
def test_predictions_and_labels_stand_in_the_table(ways: Any) -> None:
    maps = sat.maps_from_arrays(np.ones((2, 6, 5)), layout="NHW", **ways, **TWO)
    table = sat.build(maps, segments_of(["a", "b"], (6, 5)))
    assert table["predicted"].tolist() == table["label"].tolist() == [3] * 4
    assert len(sat.select(table, correct=True)) == 4


def test_one_class_an_image_stays_with_its_image(tmp_path: Path) -> None:
    for i in "ab":
        np.save(tmp_path / f"{i}.npy", np.eye(4))
    declared = {"target": (2, 0), "predicted": {"b": 0, "a": 2}, "labels": [1, 0]}
    adopted = sat.maps_from_arrays([np.eye(4)] * 2, layout="HW", **declared, **TWO)
    for maps in (adopted, sat.read_maps(tmp_path, **declared, **ONE)):
        table = sat.build(maps, segments_of(["a", "b"], (4, 4))).groupby("image_id").first()
        assert table[["target", "predicted", "label"]].to_numpy().tolist() == [[2, 2, 1], [0, 0, 0]]


@pytest.mark.parametrize("argument", ["target", "predicted", "labels"])
def test_classes_of_other_images_are_an_error(argument: str) -> None:
    options = {"layout": "NHW", **TWO}
    with pytest.raises(IdMismatch, match=f"{argument}: no index for 1 of 2 images: 'b'; it has"):
        sat.maps_from_arrays(np.ones((2, 6, 5)), **{argument: {"a": 1, "c": 2}}, **options)
    with pytest.raises(InvalidInput, match=rf"{argument}\['b'\]: expected the index .*'zebra'"):
        sat.maps_from_arrays(np.ones((2, 6, 5)), **{argument: {"a": 1, "b": "zebra"}}, **options)
    with pytest.raises(InvalidInput, match=f"{argument}: expected one index for each of the 2"):
        sat.maps_from_arrays(np.ones((2, 6, 5)), **{argument: [1]}, **options)


def test_labels_that_are_given_twice_must_agree() -> None:
    maps = sat.maps_from_arrays(np.ones((2, 6, 5)), layout="NHW", labels=[1, 2], **TWO)
    masks = segments_of(["a", "b"], (6, 5))
    assert sat.build(maps, masks, labels={"b": 2})["label"].tolist() == [1, 1, 2, 2]
    with pytest.raises(InvalidInput, match=r"labels\['b'\]: 1, and its maps .* label 2"):
        sat.build(maps, masks, labels={"b": 1})


def test_the_one_output_of_a_sigmoid_speaks_for_class_1() -> None:
    values = np.random.default_rng(0).normal(size=(2, 6, 5, 1, 1))  # grey photos, as SHAP does
    with pytest.raises(InvalidInput, match=r"speaks for class 1: take array\[\.\.\., 0\]"):
        sat.maps_from_arrays(values, layout="NHWCK", target=1, **TWO)
    maps = sat.maps_from_arrays(values[..., 0], layout="NHWC", target=1, **TWO)
    table = sat.build(maps, segments_of(["a", "b"], (6, 5)), pad_px=0)
    assert table["target"].tolist() == [1] * 4
    np.testing.assert_array_equal(maps["m"]["b"], values[1, ..., 0])


def test_unknown_targets_are_missing_and_not_zero() -> None:
    maps = sat.maps_from_arrays(np.ones((2, 6, 5)), layout="NHW", **TWO)
    assert sat.build(maps, segments_of(["a", "b"], (6, 5)))["target"].isna().all()


def test_sizes_of_photos_are_checked_where_they_are_declared() -> None:
    options = {"layout": "NHW", "target": 3, **TWO}
    masks = segments_of(["a", "b"], (12, 10))
    arrays = np.ones((2, 6, 5))
    right = sat.maps_from_arrays(arrays, photo_sizes=dict.fromkeys("ab", (12, 10)), **options)
    same(sat.build(right, masks), sat.build(sat.maps_from_arrays(arrays, **options), masks))
    turned = sat.maps_from_arrays(arrays, photo_sizes=dict.fromkeys("ab", (10, 12)), **options)
    with pytest.raises(InvalidInput, match=r"are 12 x 10 px .*, its photo is 10 x 12"):
        sat.build(turned, masks)
    with pytest.raises(IdMismatch, match="photo_sizes: none for 1 of 2 images: 'b'"):
        sat.maps_from_arrays(arrays, photo_sizes={"a": (12, 10)}, **options)
    with pytest.raises(InvalidInput, match=r"photo_sizes\['a'\]: expected \(height, width\)"):
        sat.maps_from_arrays(arrays, photo_sizes=dict.fromkeys("ab", 12), **options)
    with pytest.raises(InvalidInput, match="fit: unknown name 'cropped'"):
        sat.maps_from_arrays(arrays, fit="cropped", **options)


def test_what_was_adopted_does_not_change_with_the_callers_array() -> None:
    values = np.ones((2, 4, 4), np.float32)
    maps = sat.maps_from_arrays(values, layout="NHW", **TWO)
    values[:] = 7
    assert maps["m"]["a"].max() == 1
    with pytest.raises(ValueError, match="read-only"):
        maps["m"]["a"][0] = 0
    maps.settings["methods"]["m"]["sign"] = "x"
    assert maps.settings["methods"]["m"]["sign"] == "signed"


def test_tools_are_joined_into_one_table() -> None:
    by_method, masks = toy(6)
    parts = [
        sat.maps_from_arrays(by_id, method=method, layout="HWC", sign="signed", target=1)
        for method, by_id in by_method.items()
    ]
    same(sat.build(parts[0] | parts[1], masks), sat.build(by_method, masks), but=("target",))
    assert list((parts[0] | parts[1]).settings["methods"]) == list(by_method)


def test_only_maps_of_one_question_are_joined() -> None:
    def adopt(**options: Any) -> sat.ExternalMaps:
        given = {"method": "a", "sign": "signed", "image_ids": ["i"], "layout": "NHW"}
        return sat.maps_from_arrays(np.ones((1, 4, 4)), **{**given, **options})

    with pytest.raises(InvalidInput, match="both sides of | have a method 'a'"):
        adopt() | adopt()
    with pytest.raises(InvalidInput, match="model is 'model' on one side of | and 'b'"):
        adopt() | adopt(method="b", model="b")
    with pytest.raises(InvalidInput, match="targets, .* differ .* 'i'"):
        adopt(target=1) | adopt(method="b")
    for name in ("predicted", "labels"):
        with pytest.raises(InvalidInput, match="predictions, labels or sizes .* 'i'"):
            adopt(**{name: 1}) | adopt(method="b", **{name: 2})
    with pytest.raises(InvalidInput, match="sizes of photos differ .* 'i'"):
        adopt(photo_sizes={"i": (8, 8)}) | adopt(method="b", photo_sizes={"i": (8, 9)})
    for joined in (
        adopt(photo_sizes={"i": (8, 8)}) | adopt(method="b"),
        adopt(method="b") | adopt(photo_sizes={"i": (8, 8)}),
    ):
        assert joined.facts["i"].height == 8
    joined = adopt(labels=1, predicted=2) | adopt(
        method="b", predicted=2, photo_sizes={"i": (8, 8)}
    )
    assert [joined.facts["i"].label, joined.facts["i"].predicted] == [1, 2]
    assert joined.facts["i"].size == (8, 8)


def test_names_are_looked_up_as_in_a_store() -> None:
    maps = sat.maps_from_arrays(np.ones((2, 4, 4)), layout="NHW", **TWO)
    assert "m" in maps
    assert maps.get("n") is None
    assert repr(maps) == "ExternalMaps('m': 2 images)"
    with pytest.raises(InvalidInput, match="method: unknown name 'n'"):
        _ = maps["n"]
    with pytest.raises(InvalidInput, match="method: expected a name, got ''"):
        sat.maps_from_arrays({}, method="", layout="HW", sign="signed")


# --- files ----------------------------------------------------------------------------------


@pytest.fixture
def maps() -> dict[str, np.ndarray]:
    values = np.random.default_rng(3).normal(size=(3, 8, 6)).astype(np.float32)
    return dict(zip(["a", "cats/1", "cats/<b>x"], values, strict=True))


def write_npy(folder: Path, maps: dict[str, np.ndarray]) -> Path:
    for i, values in maps.items():
        file = folder / f"{i}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, values)
    return folder


def write_npz(folder: Path, maps: dict[str, np.ndarray]) -> Path:
    np.savez_compressed(folder / "maps.npz", **maps)
    return folder / "maps.npz"


def write_zarr(folder: Path, maps: dict[str, np.ndarray], zarr_format: int = 3) -> Path:
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(folder / "maps.zarr"), mode="w", zarr_format=zarr_format)
    for i, values in maps.items():
        array = group.create_array(i, shape=values.shape, dtype=values.dtype)
        array[...] = values
    return folder / "maps.zarr"


def write_zarr_2(folder: Path, maps: dict[str, np.ndarray]) -> Path:
    return write_zarr(folder, maps, 2)


def write_pictures(folder: Path, maps: dict[str, np.ndarray]) -> Path:
    for i, values in maps.items():
        (folder / f"{i}.tiff").parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(folder / f"{i}.tiff")  # which keeps float32
    return folder


WRITERS = [write_npy, write_npz, write_zarr, write_zarr_2, write_pictures]


@pytest.mark.parametrize("write", WRITERS)
def test_files_are_read_by_id_when_asked_for(write: Any, maps: Any, tmp_path: Path) -> None:
    if "zarr" in write.__name__:
        maps = {i.replace("/<b>", "/b"): values for i, values in maps.items()}
    zero = 0.0 if write is write_pictures else None
    read = sat.read_maps(write(tmp_path, maps), method="m", sign="signed", target=2, zero=zero)
    assert sorted(read["m"]) == sorted(maps)
    masks = segments_of(sorted(maps), (16, 12))
    same(
        sat.build(read, masks).sort_values(["image_id", "segment"], ignore_index=True),
        sat.build({"m": {i: maps[i] for i in sorted(maps)}}, masks),
        but=("target",),
    )
    with pytest.raises(IdMismatch, match="image 'dogs/1' has no 'm' map; there are 3"):
        _ = read["m"]["dogs/1"]
    assert read["m"].get("dogs/1") is None
    assert read.settings["methods"]["m"]["sign"] == "signed"


def test_a_single_file_and_classes_in_files(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(1, 3, 5, 4, 9))
    np.save(tmp_path / "x.npy", values)
    read = sat.read_maps(tmp_path / "x.npy", method="m", sign="signed", layout="NCHWK", target=8)
    np.testing.assert_array_equal(read["m"]["x"], values[0, ..., 8].transpose(1, 2, 0))


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_pictures_are_numbers(bits: int, tmp_path: Path) -> None:
    dtype, zero = (np.uint8, 128) if bits == 8 else (np.uint16, 32768)
    grey = np.random.default_rng(bits).integers(0, 2**bits, (5, 7)).astype(dtype)
    Image.fromarray(grey).save(tmp_path / "x.png")
    signed = sat.read_maps(tmp_path, method="m", sign="signed", zero=zero)
    np.testing.assert_array_equal(signed["m"]["x"][..., 0], grey.astype(float) - zero)
    unsigned = sat.read_maps(tmp_path, method="m", sign="unsigned")
    np.testing.assert_array_equal(unsigned["m"]["x"][..., 0], grey)
    assert signed.settings["methods"]["m"]["zero"] == zero


def test_jpeg_is_near_and_turned_as_a_viewer_shows_it(tmp_path: Path) -> None:
    grey = np.zeros((16, 32), np.uint8)
    grey[:, 16:] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.fromarray(grey).save(tmp_path / "x.jpg", exif=exif, quality=95)
    read = sat.read_maps(tmp_path, method="m", sign="unsigned")["m"]["x"]
    np.testing.assert_allclose(read[..., 0], np.rot90(grey, -1), atol=4)


def test_pictures_of_colours_or_without_zero_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    with pytest.raises(InvalidInput, match="zero: .*needs the grey level that means 0"):
        sat.read_maps(tmp_path, method="m", sign="signed")
    with pytest.raises(InvalidInput, match=r"x.png: expected one grey picture .*'RGB'"):
        _ = sat.read_maps(tmp_path, method="m", sign="unsigned")["m"]["x"]
    with pytest.raises(InvalidInput, match="zero: expected a finite number"):
        sat.read_maps(tmp_path, method="m", sign="signed", zero=np.nan)


def test_the_format_is_found_or_named(tmp_path: Path, maps: Any) -> None:
    with pytest.raises(FileMissing, match="path: .*nowhere"):
        sat.read_maps(tmp_path / "nowhere", **ONE)
    with pytest.raises(InvalidInput, match="no maps of a known format.*'npy' \\(a folder"):
        sat.read_maps(tmp_path, **ONE)
    write_npy(tmp_path, maps)
    Image.new("L", (4, 4)).save(tmp_path / "preview.png")
    with pytest.raises(InvalidInput, match="several formats; name one: format='npy' or"):
        sat.read_maps(tmp_path, **ONE)
    assert len(sat.read_maps(tmp_path, format="npy", **ONE)["m"]) == 3
    with pytest.raises(
        InvalidInput, match="format: unknown name 'npj'. Did you mean .* Valid: 'npy', 'npz'"
    ):
        sat.read_maps(tmp_path, format="npj", **ONE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="holds no map; expected a folder of .npy"):
        sat.read_maps(tmp_path / "empty", format="npy", **ONE)


def test_ids_are_renamed_and_never_collide(tmp_path: Path, maps: Any) -> None:
    write_npy(tmp_path, maps)
    read = sat.read_maps(tmp_path, image_id=lambda i: i.replace("cats/", "zoo/"), **ONE)
    assert list(read["m"]) == ["a", "zoo/1", "zoo/<b>x"]
    with pytest.raises(InvalidInput, match="image_id: returns 'x' for both .*a.npy and .*1.npy"):
        sat.read_maps(tmp_path, image_id=lambda i: "x", **ONE)
    for suffix in (".png", ".bmp"):
        Image.new("L", (4, 4)).save(tmp_path / f"p{suffix}")
    with pytest.raises(InvalidInput, match="both have the id 'p'"):
        sat.read_maps(tmp_path, format="pictures", method="m", sign="unsigned")


def text_files(name: str) -> sat.Format:
    def open_text(path: Path) -> dict[str, sat.Source]:
        return {
            file.stem: sat.Source(str(file), partial(np.loadtxt, file), (file,))
            for file in path.glob("*.txt")
        }

    return sat.Format(
        name=name,
        title="text",
        about="One text file an image.",
        detects=lambda path: any(path.glob("*.txt")),
        open=open_text,
    )


def test_a_format_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savetxt(tmp_path / "a.txt", np.eye(3))
    read = sat.read_maps(tmp_path, format=text_files("given"), **ONE)
    np.testing.assert_array_equal(read["m"]["a"][..., 0], np.eye(3))
    monkeypatch.setitem(sat.MAP_FORMATS, "text", text_files("text"))
    np.testing.assert_array_equal(sat.read_maps(tmp_path, **ONE)["m"]["a"][..., 0], np.eye(3))
    with pytest.raises(InvalidInput, match="format: the name 'npy' is taken by the package"):
        sat.read_maps(tmp_path, format=text_files("npy"), **ONE)


@pytest.mark.parametrize("name", sat.MAP_FORMATS)
def test_every_format_shows_everywhere(tmp_path: Path, name: str) -> None:
    entry = sat.MAP_FORMATS[name]
    is_described(entry)
    assert f'- "{name}": ' in sat.read_maps.__doc__
    assert name in {write.__name__.split("_")[1] for write in WRITERS}, "a writer in WRITERS"
    with pytest.raises(InvalidInput, match=re.escape(f"'{name}' ({entry.title})")):
        sat.read_maps(tmp_path, **ONE)
    with pytest.raises(InvalidInput, match=f"format: unknown name .* '{name}'"):
        sat.read_maps(tmp_path, format="?", **ONE)


@pytest.mark.parametrize("name", sat.SIGNS)
def test_every_sign_shows_everywhere(name: str) -> None:
    assert f'- "{name}": {sat.SIGNS[name].about[:20]}' in sat.maps_from_arrays.__doc__
    is_described(sat.SIGNS[name], sourced=False)
    maps = sat.maps_from_arrays({"a": np.ones((2, 2))}, method="m", sign=name, layout="HW")
    assert maps.settings["methods"]["m"]["sign"] == name
    np.testing.assert_array_equal(sat.SIGNS[name](np.ones((2, 2))), maps["m"]["a"][..., 0])
    with pytest.raises(InvalidInput, match=f"sign: unknown name .*'{name}'"):
        sat.maps_from_arrays({}, method="m", sign="?", layout="HW")


# --- hostile files --------------------------------------------------------------------------


class Payload:
    """Runs when it is unpickled."""

    ran = False

    def __reduce__(self) -> Any:
        return (setattr, (Payload, "ran", True))


def npy_header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


HOSTILE = {
    "empty": (b"", "not readable as a .npy"),
    "no array": (b"hello", "not readable as a .npy"),
    "cut short": (npy_header("(4, 4)") + b"12", "not readable as a .npy|more than its"),
    "huge": (npy_header("(99999, 99999)"), r"at most 268435456 values .*\(99999, 99999\)"),
    "overflow": (npy_header("(4294967296, 4294967296)"), "at most 268435456 values"),
    "negative": (npy_header("(-1, 4)"), "at most 268435456 values"),
    "pickled": (npy_header("(1, 1)", "'|O'") + pickle.dumps(Payload()), "real numbers, got dtype"),
    "records": (npy_header("(1, 1)", "[('a', '<f4')]") + b"1234", "real numbers, got dtype"),
    "text": (npy_header("(1, 1)", "'<U4'") + bytes(16), "real numbers, got dtype <U4"),
    "later version": (b"\x93NUMPY\x09\x00" + npy_header("(1, 1)")[8:], "version"),
    "code": (npy_header("__import__('os')"), "not readable as a .npy"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("packed", [False, True])
def test_hostile_arrays_are_named_errors(name: str, packed: bool, tmp_path: Path) -> None:
    content, words = HOSTILE[name]
    (tmp_path / "evil.npy").write_bytes(content)
    path = tmp_path / "evil.npy"
    if packed:
        path = tmp_path / "evil.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(tmp_path / "evil.npy", "evil.npy")
    read = sat.read_maps(path, **ONE)
    with pytest.raises(InvalidInput, match=words) as caught:
        _ = read["m"]["evil"]
    assert "evil.np" in str(caught.value)
    assert not Payload.ran


def test_values_that_are_not_finite_name_file_and_image(tmp_path: Path) -> None:
    write_npy(tmp_path, {"x/y": np.array([[1.0, np.nan]])})
    with pytest.raises(InvalidInput, match=r"y\.npy \(image 'x/y'\): holds NaN or infinite"):
        _ = sat.read_maps(tmp_path, **ONE)["m"]["x/y"]
    with pytest.raises(InvalidInput, match=r"y\.npy \(image 'x/y'\).*3 axes"):
        _ = sat.read_maps(tmp_path, layout="HWC", **ONE)["m"]["x/y"]


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy_header("(40000, 40000)", "'|u1'"))
        for _ in range(64):
            member.write(bytes(2**20))
    with pytest.raises(InvalidInput, match=r"at most 268435456 values .*\(40000, 40000\)"):
        _ = sat.read_maps(path, **ONE)["m"]["a"]


def test_members_of_one_id_and_foreign_members_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "twice.npz"
    member = npy_header("(1, 1)") + bytes(4)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", member)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", member)
    with pytest.raises(InvalidInput, match="the id 'a' occurs twice"):
        sat.read_maps(path, **ONE)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.exe", member)
    with pytest.raises(InvalidInput, match="expected .npy members only"):
        sat.read_maps(path, **ONE)
    path.write_bytes(b"PK no zip")
    with pytest.raises(InvalidInput, match=r"twice.npz: not readable as a .npz file"):
        sat.read_maps(path, **ONE)


def good_files() -> dict[str, bytes]:
    npy, npz, png = io.BytesIO(), io.BytesIO(), io.BytesIO()
    values = np.arange(20, dtype=np.float32).reshape(4, 5)
    np.save(npy, values)
    np.savez_compressed(npz, x=values)
    Image.fromarray(values.astype(np.uint8)).save(png, "PNG")
    return {"x.npy": npy.getvalue(), "x.npz": npz.getvalue(), "x.png": png.getvalue()}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(good_files())), st.data())
def test_damaged_files_are_maps_or_errors_that_name_them(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    content = bytearray(good_files()[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(content[: data.draw(st.integers(0, len(content)))])
    message = name
    try:
        by_id = sat.read_maps(tmp_path / name, method="m", sign="unsigned")["m"]
        assert all(np.isfinite(values).all() for values in by_id.values())
    except SatError as error:
        message = str(error)
    assert name in message


def test_a_picture_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    Image.new("L", (40, 40)).save(tmp_path / "x.png")
    monkeypatch.setattr(map_formats, "MAX_PIXELS", 1000)
    with pytest.raises(InvalidInput, match=r"x.png: expected at most 1000 values .*\(40, 40\)"):
        _ = sat.read_maps(tmp_path, method="m", sign="unsigned")["m"]["x"]


# --- zarr -----------------------------------------------------------------------------------


def test_without_zarr_the_error_names_the_extra(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "zarr.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InvalidInput, match=r"pip install 'sat-nb\[zarr\]'"):
        sat.read_maps(tmp_path, **ONE)


@pytest.mark.parametrize("field", ["filters", "compressor"])
def test_zarr_never_unpickles(field: str, tmp_path: Path) -> None:
    path = write_zarr_2(tmp_path, {"a": np.zeros((2, 2), np.float32)})
    codec = {"id": "pickle", "protocol": 5}
    codecs = {"filters": None, "compressor": None} | {
        field: [codec] if field == "filters" else codec
    }
    metadata = json.loads((path / "a" / ".zarray").read_text()) | codecs
    (path / "a" / ".zarray").write_text(json.dumps(metadata).replace("pickle", "\\u0070ickle"))
    (path / "a" / "0.0").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(InvalidInput, match="pickle"):
        _ = sat.read_maps(path, **ONE)["m"]["a"]
    assert not Payload.ran


def test_codecs_are_looked_at_whatever_zarr_lets_through() -> None:
    class Metadata:
        def to_dict(self) -> dict[str, Any]:
            return {"codecs": [{"name": "x", "configuration": {"inner": {"id": "Pickle"}}}]}

    array = SimpleNamespace(
        shape=(1, 1), chunks=(1, 1), shards=None, dtype=np.dtype("f4"), metadata=Metadata()
    )
    with pytest.raises(InvalidInput, match="is stored with pickle"):
        map_formats._read_zarr(array, Path())


@pytest.mark.parametrize("field", ["shape", "chunks"])
def test_huge_zarr_arrays_are_refused(field: str, tmp_path: Path) -> None:
    path = write_zarr_2(tmp_path, {"a": np.zeros((2, 2), np.float32)})
    metadata = json.loads((path / "a" / ".zarray").read_text()) | {field: [10**6, 10**6]}
    (path / "a" / ".zarray").write_text(json.dumps(metadata))
    with pytest.raises(InvalidInput, match=r"\['a'\]: expected at most 268435456 values"):
        _ = sat.read_maps(path, **ONE)["m"]["a"]


def test_a_damaged_zarr_group_is_a_named_error(tmp_path: Path) -> None:
    path = write_zarr(tmp_path, {"a": np.zeros((2, 2), np.float32)})
    (path / "zarr.json").write_text("{")
    with pytest.raises(InvalidInput, match="maps.zarr: not readable as a zarr group"):
        sat.read_maps(path, **ONE)
