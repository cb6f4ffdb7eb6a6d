from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import kstest

import sat_nb as sat
from sat_nb import SegmentationMap
from sat_nb.stats.null_segments import placements
from sat_nb.stats.seeds import image_generator
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.toy import toy
from tests.oracles import controls as oracle

# --- placements -----------------------------------------------------------------------------------


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """Any mask with a pixel, also of several parts, in a small image."""
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    mask = np.zeros((height, width), dtype=bool)
    for _ in range(draw(st.integers(1, 4))):
        mask[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    return mask


@settings(max_examples=60)
@given(masks())
def test_placements_are_all_other_places_as_far_from_the_edge(mask: np.ndarray) -> None:
    placed = placements(mask, 1000, np.random.default_rng(0))
    found = {one.tobytes() for one in placed}
    assert len(found) == len(placed), "no place twice"
    assert found == oracle.places(mask)


def test_every_place_is_equally_probable() -> None:
    mask = np.zeros((6, 7), dtype=bool)
    mask[2, 1:3] = True
    generator = np.random.default_rng(0)
    counts: dict[bytes, int] = {}
    for _ in range(3000):
        for one in placements(mask, 2, generator):
            counts[one.tobytes()] = counts.get(one.tobytes(), 0) + 1
    expected = 6000 / len(oracle.places(mask))
    assert counts.keys() == oracle.places(mask)
    assert all(abs(count - expected) < 4.5 * expected**0.5 for count in counts.values())


def test_masks_of_one_name_move_together() -> None:
    eyes = np.zeros((2, 9, 12), dtype=bool)
    eyes[0, 4, 3] = eyes[1, 4, 6] = True
    segments = {"photo": SegmentationMap(("eye", "eye"), eyes)}
    pair = sat.null_segments(segments, n=3)["photo"]
    assert pair.names == ("null: eye 1", "null: eye 2", "null: eye 3")
    for mask in pair.masks:
        assert np.diff(np.argwhere(mask), axis=0).tolist() == [[0, 3]]
    apart = sat.null_segments(segments, n=2, merge="numbered")["photo"]
    assert apart.names == ("null: eye 1", "null: eye 2", "null: eye 2 1", "null: eye 2 2")


def test_masks_that_have_no_other_place() -> None:
    """From side to side both ways; an image without segments; both go through ``build``."""
    frame = np.ones((1, 4, 5), dtype=bool)
    frame[0, 1:3, 1:4] = False
    segments = {
        "frame": SegmentationMap(("rest",), frame),
        "nothing": SegmentationMap((), np.zeros((0, 4, 5), bool)),
        "stripe": SegmentationMap(("stripe",), np.eye(4, dtype=bool)[:1, :, None].repeat(5, 2)),
    }
    null = sat.null_segments(segments)
    assert [len(null[i]) for i in segments] == [0, 0, 3]
    assert null["frame"].size == (4, 5)
    maps = {"m": dict.fromkeys(segments, np.ones((4, 5)))}
    found = sat.excess_over_null(
        sat.build(maps, segments, pad_px=0), sat.build(maps, null, pad_px=0)
    ).set_index("segment")
    assert found.loc["rest", ["n_images", "n_placements"]].tolist() == [0, 0]
    assert found.loc["rest", ["effect", "p_value", "adjusted_p_value"]].isna().all()
    assert found.loc["stripe", "n_placements"] == 3
    assert found.loc["stripe", "adjusted_p_value"] == 1, "Holm counts what was tested"
    only = {"frame": segments["frame"]}
    one = {"m": {"frame": np.ones((4, 5))}}
    none = sat.excess_over_null(sat.build(one, only), sat.build(one, sat.null_segments(only)))
    assert none["n_images"].tolist() == [0]
    assert none["p_value"].isna().all()


def test_the_seed_decides_and_order_does_not() -> None:
    _, segments = toy(4)
    one, two = sat.null_segments(segments, n=3), sat.null_segments(segments, n=3, seed=1)
    assert one["image_02"] == sat.null_segments({"image_02": segments["image_02"]}, n=3)["image_02"]
    assert one["image_02"] == one["image_02"]
    assert one["image_02"] != two["image_02"]
    assert not np.array_equal(one["image_01"].masks, one["image_02"].masks)
    assert list(one) == list(segments)
    assert repr(one) == "NullSegments(4 images, 3 placements a segment, seed 0)"


def test_it_reads_one_image_when_asked() -> None:
    class Files(dict):
        def __getitem__(self, key: str) -> SegmentationMap:
            read.append(key)
            return super().__getitem__(key)

    read: list[str] = []
    null = sat.null_segments(Files(toy(3)[1]))
    assert "image_01" in null
    assert len(null) == 3
    assert read == []
    _ = null["image_01"]
    assert read == ["image_01"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 0}, "n: expected a whole number >= 1, got 0"),
        ({"n": 2.5}, "n: expected a whole number >= 1, got 2.5"),
        ({"seed": -1}, "seed: expected a whole number >= 0, got -1"),
        ({"merge": "all"}, "merge: unknown name 'all'"),
        ({"segments": [1]}, "segments: expected {image_id: SegmentationMap}.*got list"),
    ],
)
def test_placements_that_make_no_sense(options: dict, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.null_segments(**{"segments": {}, **options})


# --- the test holds its level ---------------------------------------------------------------------

SIZE = 24
N_MAPS = 240  # data sets in a simulation: one a method


def white(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(SIZE, SIZE))


def smooth(rng: np.random.Generator) -> np.ndarray:
    """Neighbours correlate over more than the mask's size."""
    return gaussian_filter(rng.normal(size=(SIZE, SIZE)), 4, mode="wrap")


def skewed(rng: np.random.Generator) -> np.ndarray:
    """A few bright blobs on black, as heatmaps are."""
    return np.exp(4 * gaussian_filter(rng.normal(size=(SIZE, SIZE)), 2) * 7)


def centred(rng: np.random.Generator) -> np.ndarray:
    """Brighter towards the centre, whatever is there."""
    bump = np.exp(-np.square(np.linspace(-2, 2, SIZE)))
    return 3 * np.outer(bump, bump) + 0.5 * smooth(rng) + 0.2 * white(rng)


def mostly_zero(rng: np.random.Generator) -> np.ndarray:
    """As a ReLU leaves it: most placements tie."""
    return np.maximum(smooth(rng) - 0.12, 0)


CROSS = np.zeros((4, 6), dtype=bool)
CROSS[1:3] = CROSS[:, 2:4] = True


def random_crosses(rng: np.random.Generator, n: int) -> np.ndarray:
    """Masks (n, SIZE, SIZE) of one cross each, anywhere."""
    masks = np.zeros((n, SIZE, SIZE), dtype=bool)
    for mask in masks:
        row, column = rng.integers(SIZE - 3), rng.integers(SIZE - 5)
        mask[row : row + 4, column : column + 6] = CROSS
    return masks


def random_segments(rng: np.random.Generator, n_images: int) -> dict[str, SegmentationMap]:
    """One cross in each image, anywhere."""
    crosses = random_crosses(rng, n_images)
    return {f"i{i:02d}": SegmentationMap(("cross",), crosses[i : i + 1]) for i in range(n_images)}


def simulated(
    draw: Callable[[np.random.Generator], np.ndarray], n_images: int = 14, n_maps: int = N_MAPS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of maps that know nothing of the segments; each method is a data set."""
    rng = np.random.default_rng(1)
    segments = random_segments(rng, n_images)
    maps = {f"m{k:03d}": {i: draw(rng) for i in segments} for k in range(n_maps)}
    null = sat.null_segments(segments, n=9, seed=2)
    return sat.build(maps, segments, pad_px=0), sat.build(maps, null, pad_px=0)


def level_is_held(p_values: np.ndarray) -> bool:
    """Not one of the levels is exceeded by more than chance allows (99.9 %)."""
    shares = {alpha: (p_values <= alpha).mean() for alpha in (0.01, 0.05, 0.2)}
    chance = {alpha: 3.1 * (alpha * (1 - alpha) / len(p_values)) ** 0.5 for alpha in shares}
    return all(share <= alpha + chance[alpha] for alpha, share in shares.items())


@pytest.mark.parametrize("draw", [white, smooth, skewed, mostly_zero])
def test_p_values_are_uniform_where_maps_know_nothing(
    draw: Callable[[np.random.Generator], np.ndarray],
) -> None:
    found = sat.excess_over_null(*simulated(draw))
    assert len(found) == N_MAPS
    assert level_is_held(found["p_value"].to_numpy())
    assert kstest(found["p_value"], "uniform").pvalue > 0.01
    assert abs(found["effect"].mean()) < 0.03


def test_why_ranks_and_not_differences_of_means() -> None:
    """On skewed maps a patch is below the mean patch more often than above it."""
    table, null = simulated(skewed, n_images=40, n_maps=100)
    found = sat.excess_over_null(table, null)
    assert level_is_held(found["p_value"].to_numpy())
    keys = ["method", "image_id"]
    means = null.groupby(keys)["mean_attribution"].mean()
    differences = table.set_index(keys)["mean_attribution"] - means
    naive = differences.groupby(level="method").agg(lambda d: signed_rank_p(d.to_numpy()))
    assert not level_is_held(naive.to_numpy())


def test_bias_towards_the_centre_is_controlled() -> None:
    """Segments near the centre of centred maps: no finding, though a patch anywhere gets less.

    The maps are nearly alike, so what is random is where segments lie: each of 100 data sets of
    14 images has its own.
    """
    rng = np.random.default_rng(3)
    segments, anywhere = {}, {}
    names = tuple(f"null: cross {k}" for k in range(9))
    while len(segments) < 1400:
        one = random_crosses(rng, 1)
        if oracle.distance_to_edge(one[0]) >= 6:
            image_id = f"{len(segments):04d}"
            segments[image_id] = SegmentationMap(("cross",), one)
            anywhere[image_id] = SegmentationMap(names, random_crosses(rng, 9))
    maps = {"m": {i: centred(rng) for i in segments}}

    def table(of: Mapping[str, SegmentationMap]) -> pd.DataFrame:
        rows = sat.build(maps, of, pad_px=0)
        return rows.assign(method=(rows["image_id"].astype(int) // 14).astype(str))

    found = sat.excess_over_null(table(segments), table(sat.null_segments(segments, n=9)))
    assert level_is_held(found["p_value"].to_numpy())
    assert kstest(found["p_value"], "uniform").pvalue > 0.01
    naive = sat.excess_over_null(table(segments), table(anywhere))
    assert not level_is_held(naive["p_value"].to_numpy())
    assert (naive["effect"] > 0).mean() > 0.95


@pytest.mark.parametrize("draw", [white, smooth])
def test_what_is_planted_is_found(draw: Callable[[np.random.Generator], np.ndarray]) -> None:
    rng = np.random.default_rng(4)
    segments = random_segments(rng, 14)
    maps: dict[str, dict[str, np.ndarray]] = {"more": {}, "less": {}}
    for i, segmentation in segments.items():
        noise = draw(rng) / draw(np.random.default_rng(0)).std()
        maps["more"][i] = noise + 4.0 * segmentation.masks[0]
        maps["less"][i] = 3 + 0.3 * noise - 2.0 * segmentation.masks[0]
    tables = [sat.build(maps, s, pad_px=0) for s in (segments, sat.null_segments(segments))]
    found = sat.excess_over_null(*tables).set_index("method")
    assert (found["adjusted_p_value"] < 0.01).all()
    assert found.loc["more", "effect"] > 0.7
    assert found.loc["more", "above_fraction"] == 1
    assert found.loc["less", "effect"] < -0.7
    assert found.loc["less", "excess"] < -1


# --- what it returns ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair() -> tuple[pd.DataFrame, pd.DataFrame]:
    maps, segments = toy(10)
    return sat.build(maps, segments), sat.build(maps, sat.null_segments(segments, n=6))


@pytest.mark.parametrize("value", ["abs_mean_attribution", "mean_attribution"])
def test_the_numbers_are_their_definitions(
    pair: tuple[pd.DataFrame, pd.DataFrame], value: str
) -> None:
    table, null = pair
    found = sat.excess_over_null(table, null, value=value).set_index(["method", "segment"])
    for (method, segment), row in found.iterrows():
        here = table.query("method == @method and segment == @segment")
        own = here.set_index("image_id")[value]
        named = null["segment"].str.startswith(f"null: {segment}")
        those = null[named & (null["method"] == method)]
        placed = {i: rows[value].tolist() for i, rows in those.groupby("image_id")}
        deltas = [oracle.cliffs_delta(own[i], placed[i]) for i in own.index]
        assert row["effect"] == pytest.approx(np.mean(deltas))
        assert row["above_fraction"] == np.mean([(np.sign(d) + 1) / 2 for d in deltas])
        excess = np.mean([own[i] - np.mean(placed[i]) for i in placed])
        assert row["excess"] == pytest.approx(excess)
        assert row["p_value"] == pytest.approx(signed_rank_p(np.array(deltas)), rel=1e-9)
        assert (row["n_images"], row["n_placements"]) == (len(own), 6 * len(own))


@pytest.fixture(scope="module")
def found(pair: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    return sat.excess_over_null(*pair)


def test_best_first_within_each_method(found: pd.DataFrame) -> None:
    assert found["method"].tolist() == ["noisy"] * 5 + ["sharp"] * 5
    assert found.groupby("method")["effect"].apply(lambda e: e.is_monotonic_decreasing).all()
    assert (found["adjusted_p_value"] >= found["p_value"]).all()


def test_order_of_rows_never_matters(
    pair: tuple[pd.DataFrame, pd.DataFrame], found: pd.DataFrame
) -> None:
    shuffled = [one.sample(frac=1, random_state=0) for one in pair]
    pd.testing.assert_frame_equal(found, sat.excess_over_null(*shuffled))


def test_constant_maps_say_nothing() -> None:
    """Sums round: equal means must not be told apart by their last digit."""
    _, segments = toy(12)
    flat = {"m": dict.fromkeys(segments, np.full((20, 16), 0.1))}
    tables = [sat.build(flat, s, pad_px=1) for s in (segments, sat.null_segments(segments, n=5))]
    found = sat.excess_over_null(*tables)
    assert (found["effect"] == 0).all()
    assert (found["above_fraction"] == 0.5).all()
    assert (found["adjusted_p_value"] > 0.05).all()


def test_filtered_tables_and_names_with_numbers() -> None:
    maps, segments = toy(6)
    renamed = {i: s.rename({"eyes": "null: 2 eyes\n3"}) for i, s in segments.items()}
    table = sat.build(maps, renamed)
    null = sat.build(maps, sat.null_segments(renamed, n=4))
    found = sat.excess_over_null(table[table["segment"] == "null: 2 eyes\n3"], null)
    assert found["n_placements"].tolist() == [24, 24]


def test_tables_that_do_not_belong_together(pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table, null = pair
    with pytest.raises(sat.InvalidInput, match="'eyes', .* are not names of placements; expected"):
        sat.excess_over_null(table, table)
    with pytest.raises(sat.IdMismatch, match="lacks 2 maps .*'noisy', 'image_03'"):
        sat.excess_over_null(table, null[null["image_id"] != "image_03"])
    maps, segments = toy(10)
    unpadded = sat.build(maps, sat.null_segments(segments, n=6), pad_px=0)
    with pytest.raises(sat.InvalidInput, match="built with pad_px=0, table with 2; build both"):
        sat.excess_over_null(table, unpadded)
    with pytest.raises(sat.InvalidInput, match="holds 2 models"):
        sat.excess_over_null(pd.concat([table, table.assign(model="other")]), null)
    with pytest.raises(sat.InvalidInput, match="null_table: holds 2 models"):
        sat.excess_over_null(table, pd.concat([null, null.assign(model="other")]))
    with pytest.raises(sat.InvalidInput, match="value: unknown name 'rank'"):
        sat.excess_over_null(table, null, value="rank")


@pytest.mark.parametrize(("option", "values"), [("fit", ("crop", "stretch")), ("pool", ("a", "b"))])
def test_options_are_compared_where_both_tables_know_them(
    pair: tuple[pd.DataFrame, pd.DataFrame], option: str, values: tuple[str, str]
) -> None:
    table, null = (one.copy() for one in pair)
    table.attrs["sat_nb"] = {option: values[0]}
    for known, refused in (({}, False), ({option: values[0]}, False), ({option: values[1]}, True)):
        null.attrs["sat_nb"] = known
        if refused:
            with pytest.raises(sat.InvalidInput, match=f"built with {option}='{values[1]}'"):
                sat.excess_over_null(table, null)
        else:
            assert len(sat.excess_over_null(table, null)) == 10


def test_generators_stay_what_they_are() -> None:
    """Placements and changed masks of earlier versions can be had again."""
    assert image_generator(3, "a/b").integers(10**6, size=2).tolist() == [483237, 877524]
    assert image_generator(3, "a/b", "eyes").integers(10**6, size=2).tolist() == [737646, 683792]
    assert image_generator(0, "\udcff").integers(10) == image_generator(0, "\udcff").integers(10)


def test_an_own_merge_moves_what_it_keeps() -> None:
    eyes = np.zeros((2, 6, 6), bool)
    eyes[0, 1, 1] = eyes[1, 4, 4] = True
    first = sat.Merge(
        name="first", version="1",
        function=lambda s: sat.SegmentationMap(s.names[:1], s.masks[:1]),
    )  # fmt: skip
    null = sat.null_segments({"a": sat.SegmentationMap(("eye", "eye"), eyes)}, n=2, merge=first)
    assert null["a"].masks.sum(axis=(1, 2)).tolist() == [1, 1]
    with pytest.raises(sat.InvalidInput, match="merge: unknown name 'last'"):
        sat.null_segments({}, merge="last")
