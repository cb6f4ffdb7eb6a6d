"""Attribution against effect: taus by scipy, shifts by hand, what must not be joined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

import sat_nb as sat
from sat_nb.toy import toy

N = {"n_resamples": 1000}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return sat.build(*toy())


@pytest.fixture(scope="module")
def effects() -> pd.DataFrame:
    """Other noise on the same photos; the nose matters most, the eyes do not."""
    maps, segments = toy(seed=1)
    maps = {"without.blur": maps["sharp"], "shapley.mean": maps["noisy"]}
    rows = sat.build(maps, segments).assign(n_forward=6)
    swapped = rows["segment"].map({"eyes": "nose", "nose": "eyes"}).fillna(rows["segment"])
    return rows.assign(segment=swapped)


def test_taus_are_scipys(table: pd.DataFrame, effects: pd.DataFrame) -> None:
    result = sat.agreement(table, effects, **N)
    assert len(result.pairs) == 4
    assert len(result.photos) == 80
    for row in result.photos.itertuples():
        a, b = (
            rows[(rows["image_id"] == row.image_id) & (rows["method"] == name)].set_index(
                "segment"
            )["abs_mean_attribution"]
            for rows, name in ((table, row.method), (effects, row.effect))
        )
        assert row.tau == pytest.approx(kendalltau(a, b[a.index]).statistic)
        assert row.n_segments == len(a)
    pair = result.of("sharp", "without.blur")
    one = pair.pairs.iloc[0]
    assert one["tau"] == pytest.approx(pair.photos["tau"].mean())
    assert one["low"] <= one["tau"] <= one["high"]
    means = pair.segments[["rank_attribution", "rank_effect"]]
    assert one["tau_of_means"] == pytest.approx(kendalltau(*means.to_numpy().T).statistic)
    assert one["low_of_means"] <= one["tau_of_means"] <= one["high_of_means"]


def test_segments_that_attract_and_do_not_matter_are_found(
    table: pd.DataFrame, effects: pd.DataFrame
) -> None:
    pair = sat.agreement(table, effects, **N).of("sharp", "without.blur")
    rows = pair.segments.set_index("segment")
    assert rows.index[0] == "eyes"
    assert rows.index[-1] == "nose"
    assert rows.loc["eyes", ["rank_attribution", "rank_effect", "rank_shift"]].tolist() == [1, 2, 1]
    assert rows["finding"].to_dict() == {
        "eyes": "attracts, matters less",
        "nose": "matters, attracts less",
        **dict.fromkeys(("ears", "mouth", "rest"), ""),
    }
    assert rows["n_images"].to_dict() == {
        "ears": 15,
        **dict.fromkeys(set(rows.index) - {"ears"}, 20),
    }
    a = sat.select(table, methods=["sharp"]).assign(method="m")
    b = effects[effects["method"] == "without.blur"].assign(method="m")
    same = sat.difference(a, b, method="m", **N).table
    columns = ["rank_shift", "low", "high", "adjusted_p_value"]
    pd.testing.assert_frame_equal(rows.loc[same.index, columns], same[columns])


def test_segments_of_one_side_only_do_not_count(table: pd.DataFrame, effects: pd.DataFrame) -> None:
    """Both sides are ranked anew among what both have; the rest of Shapley values is no segment."""
    expected = sat.agreement(table[table["segment"] != "nose"], effects, **N)
    rest = effects.drop_duplicates(["image_id", "method"]).assign(
        segment="(rest)", abs_mean_attribution=99.0
    )
    more = pd.concat([effects, rest])
    for rows in (more, more[more["segment"] != "nose"]):
        found = sat.agreement(table[table["segment"] != "nose"], rows, **N)
        pd.testing.assert_frame_equal(found.pairs, expected.pairs)
        pd.testing.assert_frame_equal(found.segments, expected.segments)


def test_a_joined_table_may_be_given_twice(table: pd.DataFrame, effects: pd.DataFrame) -> None:
    both = pd.concat([table, effects], ignore_index=True)
    found, expected = sat.agreement(both, both, **N), sat.agreement(table, effects, **N)
    pd.testing.assert_frame_equal(found.pairs, expected.pairs)


def test_ranks_are_by_the_value_that_is_asked_for(
    table: pd.DataFrame, effects: pd.DataFrame
) -> None:
    found = sat.agreement(table, effects, value="total_attribution", **N).of(
        "noisy", "shapley.mean"
    )
    image = found.photos.iloc[3]
    a, b = (
        rows[(rows["image_id"] == image["image_id"]) & (rows["method"] == name)].set_index(
            "segment"
        )["total_attribution"]
        for rows, name in ((table, "noisy"), (effects, "shapley.mean"))
    )
    assert image["tau"] == pytest.approx(kendalltau(a, b[a.index]).statistic)


def test_units_are_resampled_together(table: pd.DataFrame, effects: pd.DataFrame) -> None:
    animal = (table["image_id"].str[-2:].astype(int) // 2).to_numpy()
    one = sat.agreement(table.assign(animal=animal), effects, unit="animal", **N)
    units = dict(zip(table["image_id"], animal, strict=True))
    other = sat.agreement(table, effects, unit=units, **N)
    pd.testing.assert_frame_equal(one.pairs, other.pairs)
    assert not one.pairs.equals(sat.agreement(table, effects, **N).pairs)


def test_what_does_not_belong_together_is_refused(
    table: pd.DataFrame, effects: pd.DataFrame
) -> None:
    def refused(match: str, a: pd.DataFrame = table, b: pd.DataFrame = effects, **options) -> None:
        with pytest.raises((sat.InvalidInput, sat.IdMismatch), match=match):
            sat.agreement(a, b, **options)

    some = effects[effects["image_id"] != "image_03"]
    refused("table, effects: expected the same images.*'image_03'.*missing='skip'", b=some)
    with pytest.warns(UserWarning, match="left out"):
        found = sat.agreement(table, some, missing="skip", **N)
    assert found.left_out == {"images in table only": ["image_03"]}
    refused("effects: are of model 'b', table of 'model'", b=effects.assign(model="b"))
    refused("effects: has no rows of sat_nb.intervene", b=table.assign(n_forward=None))
    refused("effects: the columns 'method' are missing", b=table.drop(columns="method"))
    refused("table: has no rows of sat_nb.build", a=effects)
    targets = pd.array([3] * len(table), dtype="Int64"), pd.array([4] * len(effects), dtype="Int64")
    a, b = table.assign(target=targets[0]), effects.assign(target=targets[1])
    refused("on other classes than the table explains in 20 photos.*the same target", a=a, b=b)
    refused("value: unknown name 'rank'", value="rank")
    one = ["image_00"]
    a, b = (rows[rows["image_id"].isin(one)] for rows in (table, effects))
    refused(
        "expected at least 2 photos with segments of both 'sharp' and 'without.blur', got 1", a, b
    )
    refused("names of segments agree", b=effects.assign(segment=effects["segment"] + "s"))


def test_one_method_is_compared_with_another_in_the_same_way(
    table: pd.DataFrame, effects: pd.DataFrame
) -> None:
    found = sat.agreement(table, effects.drop(columns="n_forward"), **N)
    pd.testing.assert_frame_equal(found.pairs, sat.agreement(table, effects, **N).pairs)


def test_one_pair_is_chosen_by_name(table: pd.DataFrame, effects: pd.DataFrame) -> None:
    result = sat.agreement(table, effects, **N)
    assert repr(result).startswith("Agreement(sharp and without.blur: tau ")
    assert len(result.of("sharp", "shapley.mean").pairs) == 1
    with pytest.raises(sat.InvalidInput, match="holds 2 pairs; choose one: method='sharp'"):
        result.of("sharp")
    with pytest.raises(sat.InvalidInput, match="effect: unknown name 'blur'.*'without.blur'"):
        result.of("sharp", "blur")


def test_photos_in_which_one_side_ties_all_do_not_count(
    table: pd.DataFrame, effects: pd.DataFrame
) -> None:
    flat = effects.copy()
    first = flat["image_id"] == "image_01"
    flat.loc[first, "abs_mean_attribution"] = 0.0
    found = sat.agreement(table, flat, **N)
    assert found.pairs["n_images"].eq(19).all()
    assert found.photos.loc[found.photos["image_id"] == "image_01", "tau"].isna().all()
    assert np.isfinite(found.pairs["low"]).all()
