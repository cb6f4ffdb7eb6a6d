"""Counterfactual frequencies: counted by hand, with every denominator."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import sat_nb as sat
from sat_nb.toy import toy

NAMES = {"a": ("eyes", "nose"), "b": ("eyes", "nose"), "c": ("eyes", "ears"), "d": ()}
FLIPS = {("a", "eyes"): 5, ("b", "eyes"): 5, ("c", "eyes"): 2, ("c", "ears"): 5}
SETS = {"a": [(("eyes",), 5)], "b": [(("eyes", "nose"), 4)], "c": []}


def effects(measure: str = "without", replace: str = "blur") -> pd.DataFrame:
    maps = {f"{measure}.{replace}": {i: np.ones((4, 4)) + np.eye(4) for i in NAMES}}
    masks = np.zeros((2, 4, 4), bool)
    masks[0, 0], masks[1, 1:3] = True, True
    segments = {i: sat.SegmentationMap(n, masks[: len(n)]) for i, n in NAMES.items()}
    rows = sat.build(maps, segments, model="net", pad_px=0)
    keys = list(zip(rows["image_id"], rows["segment"], strict=True))
    if measure == "without":
        flips = [FLIPS.get(key) for key in keys]
        return rows.assign(predicted=1, flipped_to=pd.array(flips, dtype="Int64"), n_forward=3)
    having = [[s for s in SETS.get(i, []) if name in s[0]] for i, name in keys]
    flips = [sets[0][1] if sets else None for sets in having]
    return rows.assign(
        predicted=1,
        flipped_to=pd.array(flips, dtype="Int64"),
        counterfactuals=[json.dumps(sets) for sets in having],
        n_forward=3,
    )


def test_names_are_counted_over_the_photos_that_have_them_and_over_all() -> None:
    result = sat.cof_table(effects())
    table = result.table.set_index("segment")
    assert table.index.tolist() == ["eyes", "ears", "nose"], "the most frequent first"
    assert table["n_flipped"].to_dict() == {"eyes": 3, "ears": 1, "nose": 0}
    assert table["n_images"].to_dict() == {"eyes": 3, "ears": 1, "nose": 2}
    assert table["n_all"].eq(4).all(), "a photo without segments counts"
    assert table["of_present"].to_dict() == {"eyes": 1, "ears": 1, "nose": 0}
    assert table["of_all"].to_dict() == {"eyes": 0.75, "ears": 0.25, "nose": 0}
    assert table.loc["eyes", ["flipped_to", "n_flipped_to"]].tolist() == [5, 2]
    assert pd.isna(table.loc["nose", "flipped_to"])
    assert result.photos[["n_all", "n_without_any"]].to_numpy().tolist() == [[4, 1]]
    flips = result.flips.set_index(["segment", "predicted", "flipped_to"])["n_flipped"]
    assert flips.to_dict() == {("ears", 1, 5): 1, ("eyes", 1, 2): 1, ("eyes", 1, 5): 2}
    assert "eyes 3/3" in repr(result)
    assert "1 of 4 photos without any" in repr(result)


def test_intervals_are_wilsons() -> None:
    row = sat.cof_table(effects()).table.set_index("segment").loc["nose"]
    z, n = norm.ppf(0.975), 2
    assert row["low"] == pytest.approx(0, abs=1e-12)
    assert row["high"] == pytest.approx((z**2 / n) / (1 + z**2 / n))


def test_a_name_counts_once_a_photo_in_minimal_sets() -> None:
    result = sat.cof_table(effects("counterfactual"), sets="minimal")
    table = result.table.set_index("segment")
    assert table["n_flipped"].to_dict() == {"eyes": 2, "nose": 1, "ears": 0}
    assert result.photos["n_without_any"].tolist() == [2]
    found = result.found[["image_id", "names", "n_names", "predicted", "flipped_to"]]
    assert found.to_numpy().tolist() == [
        ["a", ("eyes",), 1, 1, 5],
        ["b", ("eyes", "nose"), 2, 1, 4],
    ]


def test_models_and_replacements_are_counted_apart() -> None:
    grey = effects(replace="grey").assign(model="other")
    none = effects(replace="mean")
    none["flipped_to"] = pd.array([None] * len(none), dtype="Int64")
    result = sat.cof_table(pd.concat([effects(), grey, none], ignore_index=True))
    assert result.photos.set_index(["model", "replace"])["n_without_any"].to_dict() == {
        ("net", "blur"): 1,
        ("other", "grey"): 1,
        ("net", "mean"): 4,
    }
    with pytest.warns(UserWarning, match="no photo has any counterfactual.*Try another replac"):
        sat.cof_table(none)


def test_tables_that_cannot_be_counted_are_refused() -> None:
    with pytest.raises(sat.InvalidInput, match=r"rows of the measure 'counterfactual', got "):
        sat.cof_table(effects(), sets="minimal")
    with pytest.raises(sat.InvalidInput, match=r"intervene\(..., measures='without'\)"):
        sat.cof_table(sat.build(*toy(2)))
    with pytest.raises(sat.InvalidInput, match="sets: unknown name 'pairs'.*'single', 'minimal'"):
        sat.cof_table(effects(), sets="pairs")
    mixed = effects()
    mixed["label"] = pd.array([1, 1, 1, 1, 2, 2, 2], dtype="Int64")
    with pytest.raises(sat.InvalidInput, match="effects: holds 2 classes"):
        sat.cof_table(mixed)
    assert len(sat.cof_table(mixed, classes="pool").table) == 3
