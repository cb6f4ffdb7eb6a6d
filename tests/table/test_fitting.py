"""Masks come to a map by declared geometry only; wide pads and turned sizes are named."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb import FITS, PAD_UNITS, InvalidInput, SegmentationMap
from sat_nb.stats.mask_changes import MASK_CHANGES
from sat_nb.stats.outlines import Trial
from sat_nb.stats.rejoined import Original
from sat_nb.toy import toy
from tests.entries import is_described
from tests.oracles import geometry
from tests.oracles.masks import dilate
from tests.oracles.tables import rank
from tests.table.test_build import Store

NAMES = ("a", "b", "c")


def masks_of(size: tuple[int, int], seed: int = 0) -> SegmentationMap:
    """Three boxes, which may overlap."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((3, *size), bool)
    for mask in masks:
        (top, bottom), (left, right) = (sorted(rng.integers(0, n, 2)) for n in size)
        mask[top : bottom + 1, left : right + 1] = True
    return SegmentationMap(NAMES, masks)


def heat_of(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


def adopted(heat: np.ndarray, photo: tuple[int, int] | None = None, **options: Any) -> Any:
    sizes = None if photo is None else {"i": photo}
    return sat.maps_from_arrays(
        {"i": heat}, method="m", layout="HW", sign="signed", photo_sizes=sizes, **options
    )


def built(maps: Any, masks: SegmentationMap, **options: Any) -> pd.DataFrame:
    """The table of one image, without padding; no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "[0-9]+ of [0-9]+ maps of")
        return sat.build(maps, {"i": masks}, **{"pad_px": 0, **options})


def rows_on_map(shown: dict[str, np.ndarray], heat: np.ndarray) -> dict[str, tuple[int, float]]:
    """{name: (pixels, rank)} from masks on the map, pixel by pixel."""
    means = {}
    for name, mask in shown.items():
        inside = [float(heat[at]) for at in np.ndindex(heat.shape) if mask[at]]
        if inside:
            means[name] = abs(sum(inside) / len(inside))
    return {n: (int(shown[n].sum()), rank(m, list(means.values()))) for n, m in means.items()}


def rows_of(table: pd.DataFrame) -> dict[str, tuple[int, float]]:
    there = table.dropna(subset="segment")
    return {
        name: (int(px), float(place))
        for name, px, place in zip(there["segment"], there["mask_px"], there["rank"], strict=True)
    }


# --- the fit is declared ----------------------------------------------------------------------

SIDES = st.integers(3, 20)


@settings(max_examples=60)
@given(SIDES, SIDES, st.integers(3, 9), st.sampled_from(sorted(FITS)), st.integers(0, 99))
def test_a_declared_fit_gives_the_ranks_of_that_geometry(
    height: int, width: int, side: int, fit: str, seed: int
) -> None:
    photo, heat = masks_of((height, width), seed), heat_of((side, side), seed)
    shown = {n: geometry.on_map(m, side, fit) for n, m in zip(NAMES, photo.masks, strict=True)}
    expected = rows_on_map(shown, heat)
    for maps, options in (({"m": {"i": heat}}, {"fit": fit}), (adopted(heat, fit=fit), {})):
        table = built(maps, photo, **options)
        assert rows_of(table) == expected
        assert table.attrs["sat_nb"]["fit"] == fit


@settings(max_examples=100)
@given(*[st.integers(1, 24)] * 4, st.booleans())
def test_an_undeclared_fit_is_an_error_or_the_only_geometry(
    height: int, width: int, rows: int, columns: int, declares_photo: bool
) -> None:
    """A table comes only where all geometries without a margin agree but for rounding."""
    photo, heat = masks_of((height, width)), heat_of((rows, columns))
    maps = adopted(heat, (height, width)) if declares_photo else {"m": {"i": heat}}
    try:
        table = built(maps, photo)
    except InvalidInput:
        assert rows * width != columns * height
        return
    pd.testing.assert_frame_equal(table, built(maps, photo, fit="stretch"))
    assert table.attrs["sat_nb"]["fit"] == "stretch"
    for fit in ("crop", "letterbox"):
        scaled = FITS[fit].frame((height, width), (rows, columns)).scaled
        assert abs(scaled[0] - rows) <= 0.031 * max(scaled[0], rows) + 1
        assert abs(scaled[1] - columns) <= 0.031 * max(scaled[1], columns) + 1


@pytest.mark.parametrize(
    ("photo", "size"),
    [
        ((480, 640), (480, 640)),
        ((480, 640), (240, 320)),
        ((481, 641), (224, 299)),
        ((500, 500), (7, 7)),
        ((500, 500), (224, 224)),
        ((640, 480), (20, 15)),
    ],
)
def test_nothing_is_asked_where_shapes_agree(photo: tuple[int, int], size: tuple[int, int]) -> None:
    masks, heat = masks_of(photo), heat_of(size)
    built({"m": {"i": heat}}, masks)
    built(adopted(heat, photo), masks)


@pytest.mark.parametrize(
    ("photo", "size"),
    [
        *[((480, 640), size) for size in ((224, 224), (7, 7), (480, 480), (300, 640))],
        ((560, 640), (7, 7)),
        ((224, 240), (14, 14)),
    ],
)
def test_maps_of_another_shape_ask_for_the_fit(
    photo: tuple[int, int], size: tuple[int, int], tmp_path: Path
) -> None:
    masks, heat = masks_of(photo), heat_of(size)
    np.save(tmp_path / "i.npy", heat)
    read = sat.read_maps(tmp_path, method="m", sign="signed")
    for maps, of in (
        ({"m": {"i": heat}}, "its masks, and so its photo, are"),
        (read, "its masks, and so its photo, are"),
        (adopted(heat), "its masks, and so its photo, are"),
        (adopted(heat, photo), "its photo is"),
    ):
        with pytest.raises(InvalidInput) as caught:
            built(maps, masks)
        said = str(caught.value)
        shapes = [" x ".join(map(str, one)) for one in (size, photo)]
        assert said.startswith(
            f"maps['m']['i'] is {shapes[0]} px (height x width), {of} {shapes[1]}"
        )
        assert "as fit= of build, read_maps or maps_from_arrays" in said
        for name, fit in FITS.items():
            assert f'fit="{name}": {fit.about}' in said
            built(maps, masks, fit=name)
            built(sat.read_maps(tmp_path, method="m", sign="signed", fit=name), masks)


def test_a_store_and_an_image_without_masks_are_never_asked() -> None:
    facts = {"i": SimpleNamespace(target=0, predicted=0, height=48, width=64)}
    built(Store({"m": {"i": heat_of((9, 9))}}, facts), masks_of((48, 64)))
    nothing = SegmentationMap((), np.zeros((0, 0, 0), bool))
    assert built({"m": {"i": heat_of((9, 9))}}, nothing)["segment"].isna().all()
    assert built(adopted(heat_of((9, 9)), (48, 64)), nothing)["segment"].isna().all()


def test_each_method_is_asked() -> None:
    """Also the second, whose maps have another shape."""
    maps = {"a": {"i": heat_of((48, 64))}, "b": {"i": heat_of((9, 9))}}
    with pytest.raises(InvalidInput, match=r"maps\['b'\]\['i'\] is 9 x 9 px"):
        built(maps, masks_of((48, 64)))


def test_the_name_of_the_fit_travels_and_sides_of_a_join_must_agree(tmp_path: Path) -> None:
    table = built(adopted(heat_of((8, 8))), masks_of((8, 8)))
    assert table.attrs["sat_nb"]["fit"] == "stretch"
    assert table.attrs["sat_nb"]["maps"]["fit"] == "stretch"
    assert adopted(heat_of((8, 8))).settings["fit"] is None
    other = sat.maps_from_arrays(
        {"i": heat_of((8, 8))}, method="n", layout="HW", sign="signed", fit="crop"
    )
    with pytest.raises(InvalidInput, match="fit is None on one .* 'crop' .*same fit= for both"):
        adopted(heat_of((8, 8))) | other


# --- masks of another scale -------------------------------------------------------------------


@settings(max_examples=60)
@given(SIDES, SIDES, st.integers(3, 9), st.sampled_from(sorted(FITS)), st.integers(2, 3))
def test_masks_of_a_multiple_of_the_photo_give_the_same_table(
    height: int, width: int, side: int, fit: str, times: int
) -> None:
    photo, heat = masks_of((height, width), height), heat_of((side, side))
    large = SegmentationMap(NAMES, photo.masks.repeat(times, axis=1).repeat(times, axis=2))
    maps = adopted(heat, (height, width), fit=fit)
    facts = {"i": SimpleNamespace(target=None, predicted=None, height=height, width=width)}
    store = Store({"m": {"i": heat}}, facts)
    store.fit = fit
    for pad in ({"pad_px": 0}, {"pad_px": 1}, {"pad_px": 1, "pad_unit": "photo"}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = sat.build(maps, {"i": photo}, **pad)
            pd.testing.assert_frame_equal(sat.build(maps, {"i": large}, **pad), expected)
            given = sat.build(store, {"i": large}, **pad)
        pd.testing.assert_frame_equal(given.assign(model="model"), expected)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("photo", "size"), [((68, 102), (107, 160)), ((683, 1024), (1067, 1600))])
def test_rounded_scales_give_the_same_areas_but_for_the_rounding(
    fit: str, photo: tuple[int, int], size: tuple[int, int]
) -> None:
    """Boxes at the same places: pixels differ at their borders only."""

    def boxes(height: int, width: int) -> SegmentationMap:
        rows, columns = np.mgrid[:height, :width]
        y, x = (rows + 0.5) / height, (columns + 0.5) / width
        return SegmentationMap(("a", "b"), np.stack([(y < 0.4) & (x < 0.6), (y > 0.3) & (x > 0.3)]))

    maps = adopted(heat_of((30, 30)), photo, fit=fit)
    one, two = (built(maps, boxes(*of)).set_index("segment") for of in (photo, size))
    border = 4 * np.sqrt(one["mask_px"].astype(float))
    assert ((one["mask_px"] - two["mask_px"]).abs() <= border).all()


# --- turned sizes -----------------------------------------------------------------------------


def test_masks_turned_against_plain_maps_are_named_and_not_stretched() -> None:
    """A phone's photo is 40 x 30 as it is shown, and 30 x 40 as it is stored."""
    maps, masks = {"m": {"i": heat_of((40, 30))}}, masks_of((30, 40))
    with pytest.raises(InvalidInput, match=r"(?s)40 x 30 px .* 30 x 40: height and width are swa"):
        built(maps, masks)
    with pytest.raises(InvalidInput, match="(?s)EXIF.*turn.orientation.*layout=.*fit="):
        built(maps, masks)
    built(maps, masks.turn(6))  # as it says
    built({"m": {"i": maps["m"]["i"].T}}, masks)
    turned = sat.maps_from_arrays(maps["m"], method="m", layout="WH", sign="signed")
    built(turned, masks)
    with pytest.warns(UserWarning, match="maps of 1 images have height and width .* swapped: 'i'"):
        sat.build(maps, {"i": masks}, pad_px=0, fit="stretch")


@pytest.mark.parametrize("size", [(30, 40), (60, 80), (45, 60)])
def test_masks_turned_against_their_photo_are_named_at_any_scale(size: tuple[int, int]) -> None:
    masks = masks_of(size)
    facts = {"i": SimpleNamespace(target=0, predicted=0, height=40, width=30)}
    for maps in (
        Store({"m": {"i": heat_of((9, 9))}}, facts),
        adopted(heat_of((40, 30)), (40, 30)),
        adopted(heat_of((9, 9)), (40, 30), fit="crop"),
    ):
        with pytest.raises(InvalidInput, match=r"its photo is 40 x 30: .*swapped.*EXIF.*turn\("):
            built(maps, masks)
        built(maps, masks.turn(8))


def test_photo_sizes_that_are_all_width_and_height_are_named() -> None:
    ids = ["a", "b", "c"]
    segments = {i: masks_of((30, 40 + k)) for k, i in enumerate(ids)}
    arrays = {i: heat_of(masks.size) for i, masks in segments.items()}

    def build(**sizes: tuple[int, int]) -> pd.DataFrame:
        maps = sat.maps_from_arrays(
            arrays, method="m", layout="HW", sign="signed", photo_sizes=sizes
        )
        return sat.build(maps, segments, pad_px=0)

    right = {i: masks.size for i, masks in segments.items()}
    build(**right)
    swapped = {i: (w, h) for i, (h, w) in right.items()}
    with pytest.raises(InvalidInput, match=r"^photo_sizes takes \(height, width\), and all of i"):
        build(**swapped)
    with pytest.raises(InvalidInput, match="^masks of image 'b' .*EXIF"):
        build(**{**right, "b": swapped["b"]})
    with pytest.raises(InvalidInput, match="^masks of image 'a' .*another shape.*resize"):
        build(**{**right, "a": (50, 50)})
    segments["a"] = segments["a"].resize((50, 50))  # as it says
    with pytest.raises(InvalidInput, match=r"maps\['m'\]\['a'\] is 30 x 40 px .* photo is 50 x 50"):
        build(**{**right, "a": (50, 50)})


def test_squares_are_never_turned() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "[0-9]+ of [0-9]+ maps of")
        for fit in (None, *FITS):
            maps = adopted(heat_of((12, 12)), (40, 40), fit=fit)
            sat.build(maps, {"i": masks_of((80, 80))}, pad_px=0)


@pytest.mark.parametrize("size", [(0, 4), (-3, 4), (2.5, 4), (4,), "ab", None])
def test_photo_sizes_are_two_whole_numbers(size: Any) -> None:
    with pytest.raises(InvalidInput, match=r"photo_sizes\['i'\]: expected \(height, width\)"):
        adopted(heat_of((4, 4)), size) if size is not None else sat.maps_from_arrays(
            {"i": heat_of((4, 4))}, method="m", layout="HW", sign="signed", photo_sizes={"i": None}
        )


# --- pads -------------------------------------------------------------------------------------


def gradcam(side: int, n: int = 3, share: float = 0.04) -> tuple[dict, dict]:
    """Raw maps of a coarse layer, and square masks of that share of the photo."""
    length = max(round(224 * share**0.5), 1)
    masks = np.zeros((1, 224, 224), bool)
    masks[0, 96 : 96 + length, 96 : 96 + length] = True
    ids = [f"p{i}" for i in range(n)]
    segments = dict.fromkeys(ids, SegmentationMap(("box",), masks))
    return {m: {i: heat_of((side, side)) for i in ids} for m in ("one", "two")}, segments


def warned(maps: dict, segments: dict, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sat.build(maps, segments, **options)
    return [str(one.message) for one in caught]


def test_a_pad_too_large_for_the_grid_is_a_warning_with_numbers() -> None:
    maps, segments = gradcam(7, share=0.02)
    said = warned(maps, segments)
    assert len(said) == 1
    assert re.match(
        r"pad_px=2 \(pixels of the map\) is large for maps of 7 x 7 px: the median mask grows from "
        r"2.04 % to 51 % of the map.*pad_px=0, .*pad_unit='photo'",
        said[0],
    )
    (large,) = warned(*gradcam(7, share=0.2))
    assert "from 18.4 % to 73.5 % of the map" in large
    for remedy in ({"pad_px": 0}, {"pad_unit": "photo"}):
        assert warned(maps, segments, **remedy) == []


def test_usual_pads_and_tiny_masks_are_not_warned_about() -> None:
    for side in (56, 112, 224):
        for share in (1e-5, 1e-3, 0.04, 0.3, 0.9):
            assert warned(*gradcam(side, 1, share)) == []
    assert warned(*toy(4)) == []
    assert warned(*gradcam(28, 1, 0.3)) == []
    nothing = SegmentationMap((), np.zeros((0, 0, 0), bool))
    assert warned({"m": {"i": heat_of((7, 7))}}, {"i": nothing}) == []


def test_the_worst_grid_is_named_and_other_units_have_another_remedy() -> None:
    coarse, segments = gradcam(7, 2)
    fine, _ = gradcam(28, 2)
    said = warned({"fine": fine["one"], "coarse": coarse["one"]}, segments)
    assert len(said) == 1
    assert "maps of 7 x 7 px" in said[0]
    said = warned(coarse, segments, pad_px=60, pad_unit="photo")
    assert len(said) == 1
    assert "pad_px=60 (pixels of the photo)" in said[0]
    assert said[0].endswith("Pass pad_px=0, or a smaller pad_px.")


@settings(max_examples=40)
@given(SIDES, SIDES, st.integers(3, 9), st.sampled_from(sorted(FITS)), st.integers(0, 4))
def test_pads_in_either_unit_are_the_definition(
    height: int, width: int, side: int, fit: str, px: int
) -> None:
    photo, heat = masks_of((height, width), width), heat_of((side, side))
    on_photo, on_map = {}, {}
    shown = geometry.photo_on_map((height, width), side, fit)
    for name, mask in zip(NAMES, photo.masks, strict=True):
        on_photo[name] = geometry.on_map(dilate(mask, px), side, fit)
        fitted = geometry.on_map(mask, side, fit)
        on_map[name] = dilate(fitted, px) & shown if fitted.any() else fitted
    for unit, masks in (("photo", on_photo), ("map", on_map)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            maps = adopted(heat, fit=fit)
            table = sat.build(maps, {"i": photo}, pad_px=px, pad_unit=unit)
        assert rows_of(table) == rows_on_map(masks, heat)


@pytest.mark.parametrize("name", PAD_UNITS)
def test_a_unit_of_pads_is_complete(name: str) -> None:
    is_described(PAD_UNITS[name], sourced=False)
    assert f'- "{name}": {PAD_UNITS[name].about}' in " ".join((sat.build.__doc__ or "").split())
    noted = sat.build(*toy(1), pad_unit=name).attrs["sat_nb"]
    assert noted["pad_px"] == 2
    assert noted.get("pad_unit", "map") == name
    with pytest.raises(InvalidInput, match=f"pad_unit: unknown name 'px'.*Valid: .*'{name}'"):
        sat.build(*toy(1), pad_unit="px")


@pytest.mark.parametrize("pad", [-1, 1.5, np.nan, np.inf, "2", None, True])
def test_pads_are_whole_numbers(pad: Any) -> None:
    for unit in PAD_UNITS:
        with pytest.raises(InvalidInput, match="px: expected a whole number >= 0, got"):
            sat.build(*toy(1), pad_px=pad, pad_unit=unit)


def test_tables_of_different_units_are_not_mixed(tmp_path: Path) -> None:
    maps, segments = toy(4)
    on_map, on_photo = (sat.build(maps, segments, pad_unit=unit) for unit in PAD_UNITS)
    sat.write_table(on_map, tmp_path / "t", partition_by=("method",))
    with pytest.raises(InvalidInput, match="pad_unit is 'photo', was None"):
        sat.write_table(on_photo, tmp_path / "t", partition_by=("method",))
    null = sat.build(maps, sat.null_segments(segments, n=4), pad_unit="photo")
    with pytest.raises(InvalidInput, match="null_table: built with pad_unit='photo', table with '"):
        sat.excess_over_null(on_map, null)


# --- mask_sensitivity joins in the same way ---------------------------------------------------


@pytest.mark.parametrize("unit", PAD_UNITS)
@pytest.mark.parametrize("fit", ["stretch", "crop", "letterbox"])
def test_trials_of_scaled_masks_join_as_build_does(fit: str, unit: str) -> None:
    """Masks of twice the photo's size, whose size the maps know; either unit of pads."""
    ids = [f"p{i}" for i in range(3)]
    photos = {i: masks_of((24, 33), seed) for seed, i in enumerate(ids)}
    large = {
        i: SegmentationMap(NAMES, one.masks.repeat(2, axis=1).repeat(2, axis=2))
        for i, one in photos.items()
    }
    maps = sat.maps_from_arrays(
        {i: heat_of((40, 40), k) for k, i in enumerate(ids)},
        method="m", layout="HW", sign="signed", fit=fit, photo_sizes=dict.fromkeys(ids, (24, 33)),
    )  # fmt: skip
    options = {"pad_px": 1, "pad_unit": unit}
    start = Original(maps, large, options, sat.build(maps, large, **options), None)
    trials = (Trial(0, 0), Trial(2, 0))
    tables = MASK_CHANGES["pad"].tables_of(start, trials, lambda n: None)
    for one, table in zip(trials, tables, strict=True):
        whole = sat.build(maps, photos, **{**options, "pad_px": int(one.amount)})
        pd.testing.assert_frame_equal(table, whole[table.columns])
    [same] = MASK_CHANGES["outline"].tables_of(start, [Trial(0, 0)], lambda n: None)
    pd.testing.assert_frame_equal(same, start.table[same.columns])


def test_a_change_of_the_users_own_is_joined_by_the_fit_of_the_maps() -> None:
    same = sat.MaskChange(
        name="same", about="Nothing changes.", function=lambda masks, amount, generator: masks
    )
    maps = sat.maps_from_arrays(
        {f"p{i}": heat_of((9, 9), i) for i in range(3)},
        method="m", layout="HW", sign="signed", fit="crop",
    )  # fmt: skip
    segments = {f"p{i}": masks_of((24, 60), i + 5) for i in range(3)}
    start = Original(maps, segments, {"pad_px": 0}, sat.build(maps, segments, pad_px=0), None)
    [table] = same.tables_of(start, [Trial(1, 0)], lambda n: None)
    pd.testing.assert_frame_equal(table, start.table[table.columns])


@pytest.mark.parametrize("pad_unit", ["map", "photo"])
def test_an_image_without_masks_needs_no_size(pad_unit: str) -> None:
    maps = {"m": {name: np.arange(192.0).reshape(8, 8, 3) for name in ("none", "some")}}
    some = sat.SegmentationMap(("upper",), np.arange(64).reshape(1, 8, 8) < 32)
    segments = {"none": sat.SegmentationMap((), np.zeros((0, 0, 0), bool)), "some": some}
    table = sat.build(maps, segments, pad_unit=pad_unit, pad_px=1)
    assert table["n_segments"].tolist() == [0, 1]
    assert table["segment"].isna().tolist() == [True, False]
