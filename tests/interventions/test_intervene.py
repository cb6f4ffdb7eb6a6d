"""Effects of segments on a known model: against sums over all orders, pixels and requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import softmax

import sat_nb as sat
from sat_nb.interventions.replacements import Replaced, filling
from sat_nb.interventions.scores import Question
from sat_nb.saliency.preprocess import Preprocessing
from tests.interventions.conftest import H, W
from tests.interventions.curved_engine import logits_of
from tests.oracles.interventions import (
    kept_by_any,
    kept_by_top,
    minimal_sets,
    shapley_by_orders,
)

REST = "(rest)"


def photo(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (H, W, 3), dtype=np.uint8)


def four() -> sat.SegmentationMap:
    """Four segments: a foot within the legs, an eye across the edge of the head."""
    masks = np.zeros((4, H, W), bool)
    masks[0, :5, :6], masks[1, 6:, 1:] = True, True
    masks[2, 8:10, 3:6], masks[3, 2:4, 4:8] = True, True
    return sat.SegmentationMap(("head", "legs", "foot", "eye"), masks)


PHOTOS = {f"photo {i}": photo(i) for i in range(6)}
SEGMENTS = dict.fromkeys(PHOTOS, four())
MASKS = four().masks


def grey(pixels: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return np.where(kept[..., None], pixels, 128)


class Model:
    """What the model says to replaced photos, one at a time."""

    def __init__(self, file: Path, filled: Callable = grey) -> None:
        self.kernels, self.filled = np.load(file), filled

    def logits(self, image_id: str, kept: np.ndarray) -> np.ndarray:
        pixels = self.filled(PHOTOS[image_id], kept).astype(np.float32) / np.float32(255)
        return logits_of(self.kernels, pixels[None])[0]

    def margin(self, image_id: str, kept: np.ndarray) -> float:
        first = self.logits(image_id, np.ones((H, W), bool))
        rival, target = np.argsort(first)[-2:]
        found = self.logits(image_id, kept)
        return found[target] - found[rival]

    def label(self, image_id: str, kept: np.ndarray) -> int:
        return int(self.logits(image_id, kept).argmax())


def effects(model: Path, **options: Any) -> pd.DataFrame:
    given: dict[str, Any] = {"replace": ["grey"], "pad_px": 0, "preprocess": "unit"}
    return sat.intervene(model, PHOTOS, SEGMENTS, progress=False, **(given | options))


def by_segment(table: pd.DataFrame, method: str, image_id: str) -> pd.Series:
    rows = table[(table["method"] == method) & (table["image_id"] == image_id)]
    return rows.set_index("segment")["total_attribution"]


def test_without_and_alone_take_whole_masks(curved: Path) -> None:
    table, model = effects(curved, measures=("without", "alone")), Model(curved)
    for image_id in PHOTOS:
        whole, none = (
            model.margin(image_id, np.full((H, W), full, bool)) for full in (True, False)
        )
        falls = [whole - model.margin(image_id, ~mask) for mask in MASKS]
        rises = [model.margin(image_id, mask) - none for mask in MASKS]
        found = by_segment(table, "without.grey", image_id)
        assert found.index.tolist() == list(four().names)
        np.testing.assert_allclose(found, falls, atol=2e-5)
        np.testing.assert_allclose(by_segment(table, "alone.grey", image_id), rises, atol=2e-5)


@pytest.mark.parametrize(("overlap", "kept"), [("any", kept_by_any), ("top", kept_by_top)])
def test_shapley_values_are_means_over_all_orders(
    curved: Path, overlap: str, kept: Callable
) -> None:
    table, model = effects(curved, measures="shapley", overlap=overlap), Model(curved)
    for image_id in list(PHOTOS)[:3]:
        worths: dict[frozenset, float] = {}

        def worth(players: frozenset, image_id: str = image_id, worths: dict = worths) -> float:
            if players not in worths:
                worths[players] = model.margin(image_id, kept(MASKS, players))
            return worths[players]

        found = by_segment(table, "shapley.grey", image_id)
        assert found.index.tolist() == [*four().names, REST]
        np.testing.assert_allclose(found, shapley_by_orders(worth, 5), atol=2e-5)


@pytest.mark.parametrize("max_exact", [12, 3])
def test_shapley_values_add_up(curved: Path, max_exact: int) -> None:
    """To the score of the photo minus that of nothing, exact or sampled, to float precision."""
    parameters = {"shapley": {"max_exact": max_exact, "n_permutations": 8}}

    def both(players: Any, *, seed: int) -> Any:
        answers = yield np.concatenate([players.everything(), players.nothing()])
        return sat.Effects(np.full(players.n_segments, answers.scores[0] - answers.scores[1]))

    measures = ["shapley", sat.Measure(name="both", function=both)]
    with pytest.warns(UserWarning, match="sampled") if max_exact == 3 else nullcontext():
        table = effects(curved, measures=measures, parameters=parameters)
    for image_id in PHOTOS:
        total = by_segment(table, "shapley.grey", image_id).sum()
        assert total == pytest.approx(by_segment(table, "both.grey", image_id).iloc[0], abs=1e-12)


def test_sampled_values_approach_exact_ones_within_their_errors(curved: Path) -> None:
    exact = effects(curved, measures="shapley")
    parameters = {"shapley": {"max_exact": 2, "n_permutations": 64}}
    with pytest.warns(UserWarning, match=r"in 6 of 6 photos.*more than max_exact=2 players.*merge"):
        sampled = effects(curved, measures="shapley", parameters=parameters)
    assert sampled["n_samples"].eq(64).all()
    assert exact["n_samples"].isna().all()
    off = (sampled["total_attribution"] - exact["total_attribution"]).to_numpy()
    errors = (sampled["se_mean_attribution"] * sampled["mask_px"]).to_numpy(float)
    assert (errors > 0).any()
    within = np.abs(off) <= 4 * errors + 1e-6
    assert within.all()
    assert (np.abs(off) > errors / 10).any()
    with pytest.warns(UserWarning, match="sampled"):
        again = effects(curved, measures="shapley", parameters=parameters)
    pd.testing.assert_frame_equal(sampled, again)


def test_counterfactuals_are_all_minimal_sets(curved: Path) -> None:
    table = effects(curved, measures="counterfactual", replace=[_named("black", _black)])
    model = Model(curved, lambda pixels, kept: np.where(kept[..., None], pixels, 0))
    seen: set[int] = set()
    for image_id in PHOTOS:
        label = model.label(image_id, np.ones((H, W), bool))

        def flipped(one: frozenset, image_id: str = image_id) -> int:
            return model.label(image_id, ~MASKS[list(one)].any(axis=0))

        expected = minimal_sets(lambda one: flipped(one) != label, 4, 3)  # noqa: B023
        rows = table[table["image_id"] == image_id].set_index("segment")
        told = {
            (frozenset(four().names.index(name) for name in names), to)
            for text in rows["counterfactuals"]
            for names, to in json.loads(text)
        }
        assert told == {(one, flipped(one)) for one in expected}
        for i, name in enumerate(four().names):
            sizes = [len(one) for one in expected if i in one]
            assert rows.loc[name, "total_attribution"] == (1 / min(sizes) if sizes else 0)
            assert pd.isna(rows.loc[name, "flipped_to"]) == (not sizes)
        seen |= {len(one) for one in expected}
    assert len(seen) > 1


def test_what_the_prediction_flips_to_without_a_segment(curved: Path) -> None:
    table, model = effects(curved, measures="without", target=0), Model(curved)
    flips = 0
    for row in table.itertuples():
        mask = MASKS[four().names.index(row.segment)]
        other = model.label(row.image_id, ~mask)
        assert row.predicted == model.label(row.image_id, np.ones((H, W), bool))
        assert (None if pd.isna(row.flipped_to) else row.flipped_to) == (
            None if other == row.predicted else other
        )
        flips += other != row.predicted
    assert flips


# --- scores -------------------------------------------------------------------------------------


def test_log_odds_are_those_of_the_target(curved: Path) -> None:
    table, model = effects(curved, measures="without", score="log_odds", target=2), Model(curved)

    def odds(image_id: str, kept: np.ndarray) -> float:
        p = softmax(model.logits(image_id, kept))[2]
        return float(np.log(p / (1 - p)))

    for image_id in PHOTOS:
        whole = odds(image_id, np.ones((H, W), bool))
        falls = [whole - odds(image_id, ~mask) for mask in MASKS]
        np.testing.assert_allclose(by_segment(table, "without.grey", image_id), falls, atol=2e-5)


def test_a_constant_added_to_all_logits_changes_no_score() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    asked = Question(1, 3, "softmax")
    for score in sat.SCORES.values():
        np.testing.assert_allclose(score(logits + 8, asked), score(logits, asked), atol=1e-5)


def test_of_a_pair_the_second_class_is_the_rival(curved: Path) -> None:
    table, model = effects(curved, measures="without", target=(0, 1)), Model(curved)
    for image_id in PHOTOS:
        first = model.logits(image_id, np.ones((H, W), bool))
        without = [model.logits(image_id, ~mask) for mask in MASKS]
        falls = [(first[0] - first[1]) - (one[0] - one[1]) for one in without]
        np.testing.assert_allclose(by_segment(table, "without.grey", image_id), falls, atol=2e-5)
    with pytest.raises(sat.InvalidInput, match="score: 'log_odds'.*pair.*score='margin'"):
        effects(curved, score="log_odds", target=(0, 1))


@pytest.mark.parametrize("score", sat.SCORES)
def test_a_model_with_one_output_has_two_classes(score: str, curved: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.npy"
    np.save(file, np.load(curved)[:, :, :1])
    model = Model(file)
    for target in (0, 1):
        table = effects(file, measures="without", score=score, target=target)
        for image_id in PHOTOS:
            whole = model.logits(image_id, np.ones((H, W), bool))[0]
            falls = [whole - model.logits(image_id, ~mask)[0] for mask in MASKS]
            expected = (2 * target - 1) * np.array(falls)
            found = by_segment(table, "without.grey", image_id)
            np.testing.assert_allclose(found, expected, atol=2e-5)


# --- replacements --------------------------------------------------------------------------------


def filled_with(name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def function(pixels: np.ndarray, kept: np.ndarray) -> np.ndarray:
        smooth = gaussian_filter(pixels.astype(float), (min(H, W) / 12,) * 2 + (0,), mode="nearest")
        colours = {
            "grey": np.full(3, 128.0),
            "mean": pixels.mean(axis=(0, 1)),
            "blur": smooth,
        }[name]
        return np.where(kept[..., None], pixels, np.rint(colours))

    return function


@pytest.mark.parametrize("name", ["grey", "mean", "blur"])
def test_what_stands_in_place_of_a_segment(name: str, curved: Path) -> None:
    table = effects(curved, measures="without", replace=[name])
    model = Model(curved, filled_with(name))
    for image_id in PHOTOS:
        whole = model.margin(image_id, np.ones((H, W), bool))
        falls = [whole - model.margin(image_id, ~mask) for mask in MASKS]
        np.testing.assert_allclose(by_segment(table, f"without.{name}", image_id), falls, atol=2e-5)


@pytest.mark.parametrize("name", sat.REPLACEMENTS)
def test_every_replacement_changes_what_is_replaced_only(name: str) -> None:
    if name == "inpaint":
        pytest.importorskip("skimage")
    entry, pixels, other = sat.REPLACEMENTS[name], photo(0), photo(1)
    mask, before = MASKS[1], pixels.copy()
    found = filling(entry, pixels, mask, Replaced(3, lambda: other))
    assert found.dtype == np.uint8
    assert found.shape == ((1, 1, 3) if name in ("grey", "mean") else pixels.shape)
    found = np.broadcast_to(found, pixels.shape)
    assert (found[mask] != pixels[mask]).any()
    np.testing.assert_array_equal(pixels, before)
    again = filling(entry, pixels, mask, Replaced(3, lambda: other))
    np.testing.assert_array_equal(found, np.broadcast_to(again, pixels.shape))
    if entry.one_for_all:
        whole = filling(entry, pixels, np.ones((H, W), bool), Replaced(4, lambda: other))
        np.testing.assert_array_equal(found, np.broadcast_to(whole, pixels.shape))
    if name == "shuffle":
        assert sorted(map(tuple, found[mask])) == sorted(map(tuple, pixels[mask]))
    deep = filling(entry, pixels.astype(np.float32), mask, Replaced(3, lambda: other))
    assert deep.dtype == np.float32


def test_two_replacements_are_reported_where_one_is_asked_for(curved: Path) -> None:
    def methods(**options: Any) -> list[str]:
        return effects(curved, measures="without", **options)["method"].unique().tolist()

    assert methods(replace="blur") == ["without.blur", "without.mean"]
    assert methods(replace="mean") == ["without.mean", "without.blur"]
    assert methods(replace="grey", also="shuffle") == ["without.grey", "without.shuffle"]
    assert methods(replace="grey", also=None) == ["without.grey"]
    assert methods(replace=["mean"]) == ["without.mean"]


def test_functions_of_the_users_own(curved: Path) -> None:
    def red(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.array([255, 0, 0])

    model = Model(curved, lambda pixels, kept: np.where(kept[..., None], pixels, (255, 0, 0)))
    black = sat.Deletion(name="black", version="1", function=lambda pixels, mask: pixels * 0)
    table = effects(curved, measures="without", replace=[red, black])
    assert table["method"].unique().tolist() == ["without.red", "without.black@1"]
    image_id = "photo 3"
    whole = model.margin(image_id, np.ones((H, W), bool))
    falls = [whole - model.margin(image_id, ~mask) for mask in MASKS]
    np.testing.assert_allclose(by_segment(table, "without.red", image_id), falls, atol=2e-5)
    with pytest.raises(sat.InvalidInput, match="replace: 'short' failed.*broadcast"):
        effects(curved, replace=_named("short", lambda pixels, mask: np.zeros(7)))
    with pytest.raises(sat.InvalidInput, match="replace: the colours have NaN"):
        effects(curved, replace=_named("nan", lambda pixels, mask: np.nan))


def _black(pixels: np.ndarray, mask: np.ndarray) -> int:
    return 0


def _named(name: str, function: Callable) -> Callable:
    function.__name__ = name
    return function


def test_a_preprocessing_that_looks_at_the_whole_photo_gets_the_replaced_one(curved: Path) -> None:
    def centred(batch: np.ndarray) -> np.ndarray:
        return (batch - batch.mean(axis=(1, 2, 3), keepdims=True)) / 255

    table = effects(curved, measures="without", preprocess=centred)
    kernels = np.load(curved)

    def logits(image_id: str, kept: np.ndarray) -> np.ndarray:
        replaced = grey(PHOTOS[image_id], kept).astype(np.float32)[None]
        return logits_of(kernels, centred(replaced))[0]

    for image_id in PHOTOS:
        first = logits(image_id, np.ones((H, W), bool))
        rival, target = np.argsort(first)[-2:]
        others = [logits(image_id, ~mask) for mask in MASKS]
        falls = [(first[target] - first[rival]) - (one[target] - one[rival]) for one in others]
        np.testing.assert_allclose(by_segment(table, "without.grey", image_id), falls, atol=2e-5)


def test_a_preprocessing_that_the_user_registers_is_the_callers(
    curved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def centred(batch: np.ndarray) -> np.ndarray:
        return (batch - batch.mean(axis=(1, 2, 3), keepdims=True)) / 255

    expected = effects(curved, measures="without", preprocess=centred)
    for name in ("centred", "unit"):  # of a name of its own, or in place of another
        entry = Preprocessing(name=name, about="Less its mean.", function=centred)
        monkeypatch.setitem(sat.PREPROCESS, name, entry)
        table = effects(curved, measures="without", preprocess=name)
        pd.testing.assert_frame_equal(table, expected)


# --- the table ------------------------------------------------------------------------------------


def test_rows_have_the_keys_of_a_table_of_attribution(curved: Path) -> None:
    options = {"pad_px": 1, "labels": {"photo 1": 2}, "model_name": "net"}
    table = effects(curved, measures="without", **options)
    maps = {"m": {i: np.zeros((H, W)) + np.eye(H, W) for i in PHOTOS}}
    attribution = sat.build(maps, SEGMENTS, pad_px=1, labels={"photo 1": 2}, model="net")
    same = ["image_id", "model", "label", "n_segments", "segment_id", "segment"]
    same += ["mask_px", "mask_fraction", "position"]
    pd.testing.assert_frame_equal(table[same], attribution[same])
    assert list(table)[: len(sat.COLUMNS)] == list(sat.COLUMNS)
    means = table["total_attribution"] / table["mask_px"]
    np.testing.assert_allclose(table["mean_attribution"], means.astype(float))
    both = pd.concat([attribution, table], ignore_index=True)
    assert len(sat.aggregate(both, value="rank")) == 8


@pytest.mark.parametrize(
    "rank_by", ["abs_mean_attribution", "mean_attribution", "total_attribution"]
)
def test_ranks_are_by_pixel_or_by_effect(curved: Path, rank_by: str) -> None:
    table = effects(curved, measures=("without", "shapley"), rank_by=rank_by)
    groups = table.groupby(["image_id", "method"])[rank_by]
    expected = groups.rank(ascending=False)
    np.testing.assert_array_equal(table["rank"], expected)
    pd.testing.assert_series_equal(sat.rerank(table, by=rank_by)["rank"], table["rank"])
    with pytest.raises(sat.InvalidInput, match="rank_by: unknown name 'effect'"):
        effects(curved, rank_by="effect")


def test_tables_survive_being_written(curved: Path, tmp_path: Path) -> None:
    table = effects(curved, measures=("without", "shapley", "counterfactual"))
    file = sat.write_table(table, tmp_path / "effects.parquet")
    pd.testing.assert_frame_equal(sat.read_table(file), table)


def test_the_untouched_photo_is_never_run_twice(
    curved: Path, n_asked: Callable[[], list[int]]
) -> None:
    measures = ("without", "alone", "shapley", "counterfactual")
    effects(curved, measures=("without", "alone"), replace=["grey", "mean"], batch_size=16)
    # 1 as it is; under each replacement 4 without, 4 alone, 1 of nothing
    assert sum(n_asked()) == 6 * (1 + 2 * 9)
    assert max(n_asked()) == 16
    assert all(n == 16 for n in n_asked()[1:-1])
    before = sum(n_asked())
    table = effects(curved, measures=measures, replace=["grey"])
    distinct = {
        kept.tobytes()
        for kept in (
            *(kept_by_any(MASKS, one) for one in _subsets(5)),
            *(~MASKS[list(one)].any(axis=0) for one in _subsets(4) if 0 < len(one) < 4),
            *MASKS,
        )
    }
    most = sum(n_asked()) - before
    assert 6 * 20 < most <= 6 * len(distinct)
    counts = table.groupby("method")["n_forward"].agg(["min", "max"]).to_dict("index")
    assert counts["without.grey"] == {"min": 5, "max": 5}
    assert counts["alone.grey"] == {"min": 5, "max": 5}
    n_kept = len({kept_by_any(MASKS, one).tobytes() for one in _subsets(5)})
    assert counts["shapley.grey"] == {"min": n_kept, "max": n_kept}


def _subsets(n: int) -> list[list[int]]:
    return [[i for i in range(n) if number >> i & 1] for number in range(1 << n)]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_batches_and_workers_change_nothing(curved: Path, workers: int, batch_size: int) -> None:
    measures = ("without", "shapley", "counterfactual")
    found = effects(curved, measures=measures, workers=workers, batch_size=batch_size)
    expected = effects(curved, measures=measures)
    pd.testing.assert_frame_equal(found, expected, atol=1e-5, check_exact=False)


def test_photos_without_segments_count_and_are_asked_once(
    curved: Path, n_asked: Callable[[], list[int]]
) -> None:
    nothing = sat.SegmentationMap((), np.zeros((0, H, W), bool))
    table = sat.intervene(
        curved,
        {"a": photo(0), "b": photo(1)},
        {"a": nothing, "b": four()},
        preprocess="unit",
        replace=["grey"],
        pad_px=0,
        progress=False,
    )
    empty = table[table["image_id"] == "a"]
    assert empty["method"].tolist() == ["without.grey", "shapley.grey"]
    assert empty["segment"].isna().all()
    assert empty["n_segments"].eq(0).all()
    absolute = sat.aggregate(table, how="absolute", value="rank")
    assert set(absolute["n_images"]) <= {1, 2}
    rows = {kept_by_any(MASKS, one).tobytes() for one in _subsets(5)}
    assert sum(n_asked()) == 1 + len(rows | {(~mask).tobytes() for mask in MASKS})


# --- what is refused, or said ---------------------------------------------------------------------


def test_a_segment_that_covers_the_whole_photo_is_named(curved: Path) -> None:
    masks = np.concatenate([MASKS[:1], np.ones((1, H, W), bool)])
    whole = {i: sat.SegmentationMap(("head", "scene"), masks) for i in PHOTOS}
    said = r"in 6 of 6 photos a segment covers the whole photo \('scene' in 'photo 0'\).*top"
    with pytest.warns(UserWarning, match=said):
        table = sat.intervene(
            curved, PHOTOS, whole, preprocess="unit", replace=["grey"], progress=False
        )
    assert set(table["segment"]) == {"head", "scene"}, "there is no rest"


def test_another_photos_pixels_need_another_photo(curved: Path) -> None:
    def ask(n: int) -> pd.DataFrame:
        some = {i: PHOTOS[i] for i in list(PHOTOS)[:n]}
        masks = {i: SEGMENTS[i] for i in some}
        options = {"replace": ["other_photo"], "measures": "without", "progress": False}
        options |= {"pad_px": 0}
        return sat.intervene(curved, some, masks, preprocess="unit", **options)

    with pytest.raises(sat.InvalidInput, match="there is no other; give more.*replace='blur'"):
        ask(1)
    with pytest.warns(UserWarning, match="each of two photos from the other one.*replace='blur'"):
        found = ask(2)
    model = Model(curved, lambda p, kept: np.where(kept[..., None], p, PHOTOS["photo 1"]))
    whole = model.margin("photo 0", np.ones((H, W), bool))
    falls = [whole - model.margin("photo 0", ~mask) for mask in MASKS]
    got = by_segment(found, "without.other_photo", "photo 0")
    np.testing.assert_allclose(got, falls, atol=2e-5)


def test_the_cost_of_exact_values_is_said_before_it_starts(curved: Path, tmp_path: Path) -> None:
    masks = np.zeros((11, H, W), bool)
    for i in range(11):
        masks[i, i, :5] = True
    many = {"a": sat.SegmentationMap([f"s{i}" for i in range(11)], masks)}
    missing = tmp_path / "no model.npy"
    said = "'shapley' asks the model up to 4,096 times a photo.*8,192 times in all for 1 photos"
    with pytest.warns(UserWarning, match=said), pytest.raises(sat.FileMissing):
        sat.intervene(missing, {"a": photo(0)}, many, preprocess="unit")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measures": "shap"}, "measures: unknown name 'shap'. Did you mean.*'without'"),
        ({"measures": ()}, "measures: expected at least one"),
        ({"measures": ("without", "without")}, "measures: one is given twice"),
        ({"replace": "gray"}, "replace: unknown name 'gray'.*'grey'.*a function"),
        ({"replace": []}, "replace: expected at least one"),
        ({"replace": ["blur", "blur"]}, "replace: 'blur' is given twice"),
        ({"also": "gray"}, "also: unknown name"),
        ({"score": "logit"}, "score: unknown name 'logit'.*'margin', 'log_odds'"),
        ({"overlap": "all"}, "overlap: unknown name 'all'.*'any', 'top'"),
        ({"batch_size": 0}, "batch_size: expected a whole number >= 1"),
        ({"target": 7}, "target: 7 .* is out of range"),
        ({"parameters": {"alone": {}}}, "parameters: unknown name 'alone'.*'without'"),
        (
            {"parameters": {"shapley": {"max_exact": 20}}},
            r"max_exact: expected a whole number of players from 1 to 16.*sampled, got 20",
        ),
        ({"parameters": {"shapley": {"n_permutations": 5}}}, "n_permutations: expected an even"),
    ],
)
def test_arguments_that_are_refused(curved: Path, options: dict, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        effects(curved, **options)


def test_names_and_masks_that_are_refused(curved: Path) -> None:
    def ask(masks: sat.SegmentationMap) -> None:
        given = {"a": photo(0)}, {"a": masks}
        sat.intervene(curved, *given, preprocess="unit", replace=["grey"], progress=False)

    with pytest.raises(sat.InvalidInput, match=r"image 'a' is called '\(rest\)'.*rename"):
        ask(four().rename({"eye": REST}))
    with pytest.raises(sat.InvalidInput, match="masks of image 'a' .*swapped"):
        ask(four().turn(6))
    with pytest.raises(sat.IdMismatch, match="images and segments do not name the same"):
        sat.intervene(curved, {"a": photo(0)}, {"b": four()}, preprocess="unit")


def test_deep_photos_need_a_window(curved: Path) -> None:
    deep = {i: pixels.astype(np.uint16) * 16 for i, pixels in PHOTOS.items()}
    options = {"preprocess": "unit", "replace": ["grey"], "progress": False, "measures": "without"}
    with pytest.raises(sat.InvalidInput, match=r"holds uint16.*window=\(low, high\)"):
        sat.intervene(curved, deep, SEGMENTS, **options)
    windowed = sat.ImageSet(deep, window=(0, 4080))
    found = sat.intervene(curved, windowed, SEGMENTS, pad_px=0, **options)
    expected = effects(curved, measures="without")
    pd.testing.assert_frame_equal(found, expected, atol=1e-4, check_exact=False)


def test_the_bars_of_a_letterbox_stay(curved: Path) -> None:
    """They are neither rest nor replaced: without everything, black bars are left."""
    wide = np.random.default_rng(3).integers(0, 256, (6, W, 3), dtype=np.uint8)
    masks = np.zeros((1, 6, W), bool)
    masks[0, :3] = True
    table = sat.intervene(
        curved,
        {"a": wide},
        {"a": sat.SegmentationMap(("top",), masks)},
        preprocess="unit",
        replace=["mean"],
        measures="shapley",
        fit="letterbox",
        pad_px=0,
        progress=False,
    )
    fitted, shown = np.zeros((H, W, 3), np.uint8), np.zeros((H, W), bool)
    fitted[3:9], shown[3:9] = wide, True
    colour = np.rint(wide.mean(axis=(0, 1)))
    top = np.zeros((H, W), bool)
    top[3:6] = True
    kernels = np.load(curved)

    def worth(players: frozenset) -> float:
        kept = ~shown | (top if 0 in players else False) | (shown & ~top if 1 in players else False)
        pixels = np.where(kept[..., None], fitted, colour).astype(np.float32) / np.float32(255)
        found = logits_of(kernels, pixels[None])[0]
        return found[target] - found[rival]

    first = logits_of(kernels, fitted[None].astype(np.float32) / np.float32(255))[0]
    rival, target = np.argsort(first)[-2:]
    assert table["segment"].tolist() == ["top", REST]
    assert table["mask_px"].tolist() == [30, 30]
    np.testing.assert_allclose(table["total_attribution"], shapley_by_orders(worth, 2), atol=2e-5)


def test_measures_of_the_users_own(curved: Path) -> None:
    def halves(players: Any, *, seed: int, times: int) -> Any:
        """In two questions, the second of which asks for what is known, and for nothing."""
        first = yield np.concatenate([players.everything(), players.without_each()])
        nothing = yield np.zeros((0, len(players.fixed)), bool)
        assert len(nothing.scores) == 0
        second = yield players.without_each()
        return sat.Effects(times * (first.scores[0] - second.scores))

    parameter = sat.Parameter(2, lambda value: value > 0, "a number > 0")
    own = sat.Measure(name="halves", function=halves, parameters={"times": parameter})
    table = effects(curved, measures=[own, "without"], parameters={"halves": {"times": 3}})
    first, second = (table[table["method"] == f"{m}.grey"] for m in ("halves", "without"))
    np.testing.assert_allclose(
        first["total_attribution"], 3 * second["total_attribution"].to_numpy()
    )
    assert first["n_forward"].eq(5).all()

    def wrong(players: Any, *, seed: int) -> Any:
        yield players.everything()
        return np.zeros(4)

    with pytest.raises(sat.InvalidInput, match="'wrong' must return Effects of 4 segments"):
        effects(curved, measures=sat.Measure(name="wrong", function=wrong))

    def odd(players: Any, *, seed: int) -> Any:
        yield np.ones((2, 3))

    with pytest.raises(sat.InvalidInput, match=r"'odd' asked for float64 \(2, 3\); yield bool"):
        effects(curved, measures=sat.Measure(name="odd", function=odd))


def test_measures_and_scores_that_fail_are_named(curved: Path) -> None:
    def nan(players: Any, *, seed: int) -> Any:
        yield players.everything()
        return sat.Effects(np.full(players.n_segments, np.nan))

    for function, said in (
        (lambda players, seed: 1 / 0, "'own' of image 'photo 0' failed with ZeroDivisionError"),
        (lambda players, seed: 3, "failed with TypeError.*it is a generator"),
        (nan, "'own' gives NaN or infinite effects for image 'photo 0'"),
    ):
        with pytest.raises(sat.InvalidInput, match=said):
            effects(curved, measures=sat.Measure(name="own", function=function))
    flat = sat.Score(name="flat", function=lambda logits, question: logits)
    with pytest.raises(sat.InvalidInput, match=r"score: 'flat' must return.*got \(\d+, 3\)"):
        effects(curved, score=flat)
    with pytest.raises(sat.InvalidInput, match="segments: expected .*read_segments"):
        sat.intervene(curved, PHOTOS, None, preprocess="unit")
    with pytest.raises(sat.IdMismatch, match="labels: name none of the 6 images"):
        effects(curved.parent / "no model", labels={"other": 1})


def test_outputs_that_are_not_finite_name_the_photo(curved: Path, tmp_path: Path) -> None:
    file = tmp_path / "nan.npy"
    np.save(file, np.full_like(np.load(curved), np.nan))
    with pytest.raises(sat.InvalidInput, match="NaN or infinite outputs for image 'photo 0'"):
        effects(file)
