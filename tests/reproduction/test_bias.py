"""Figure 4 at its smallest: who is trained on what, what is averaged, and what the claims say."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.reproduction import bar, bias, biased_models
from sat_nb.reproduction.bar import BIASED, IN_BIAS, KINDS, LESS, OUT_OF_BIAS
from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.studies import work_folder


@pytest.fixture(scope="module")
def result(tensorflow: Any) -> bias.Bias:
    return bias.run(work_folder(), size="tiny")


def test_nobody_has_seen_the_photos_that_are_held_out(result: bias.Bias) -> None:
    split = bar.split(result.photos)
    train, test = set(result.photos.train), set(result.photos.test)
    held = {part: set(ids) for part, ids in split.held.items()}
    assert held[IN_BIAS] < train
    assert held[OUT_OF_BIAS] < test
    assert set(split.train[BIASED]) == train - held[IN_BIAS]
    assert set(split.train[LESS]) == (train | test) - held[IN_BIAS] - held[OUT_OF_BIAS]
    counts = pd.Series([result.photos.labels[i] for i in held[OUT_OF_BIAS]]).value_counts()
    assert counts.tolist() == [10, 10, 10], "half of the 20 test photos of each action"


def test_all_models_answer_one_question_on_the_same_photos(result: bias.Bias) -> None:
    table = result.table
    held = bar.split(result.photos).held
    for (_, _, method), rows in table.groupby(["kind", "seed", "method"]):
        explained, photos = set(rows["image_id"]), {*held[IN_BIAS], *held[OUT_OF_BIAS]}
        if method == "deep_taylor":  # which explains positive logits only
            assert len(photos) / 2 < len(explained)
            assert explained <= photos
        else:
            assert explained == photos
    assert (table["target"] == table["label"]).all()
    assert (table["target"] == table["image_id"].map(result.photos.labels)).all()
    assert set(table["model"]) == {"biased_0", "less_biased_0"}
    parts = table.groupby("part")["image_id"].unique()
    assert set(parts[IN_BIAS]) == set(held[IN_BIAS])


def test_accuracy_is_of_held_out_photos(result: bias.Bias) -> None:
    found = result.accuracy
    assert len(found) == 2 * 2 * 3
    assert found["n_images"].unique().tolist() == [10]
    overall = bias.accuracy_table(result).loc["all"]
    mean = found.groupby(["kind", "part"])["accuracy"].mean()
    for key, value in overall.items():
        assert value == pytest.approx(mean[key])


def test_a_second_call_uses_all_of_the_first(
    result: bias.Bias, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(biased_models.cnn, "train_cnn", None)
    again = bias.run(work_folder(), size="tiny")
    pd.testing.assert_frame_equal(again.table, result.table)
    pd.testing.assert_frame_equal(again.accuracy, result.accuracy)


def test_ranks_are_averaged_over_seeds_photo_by_photo(result: bias.Bias) -> None:
    shifted = result.table.assign(seed=1, rank=result.table["rank"] + 3)
    both = replace(result, table=pd.concat([result.table, shifted], ignore_index=True))
    one, two = (
        biased_models.over_seeds(r, "fishing").set_index(["kind", "image_id", "segment"])
        for r in (result, both)
    )
    assert len(one) == len(two)
    np.testing.assert_allclose(two["rank"] - one["rank"], 1.5)
    assert set(two["model"]) == set(KINDS)


def test_leading_segments_are_the_first_seven_that_are_common(result: bias.Bias) -> None:
    rows = biased_models.over_seeds(result, "climbing")
    rows = rows[rows["kind"] == BIASED]
    counts = rows.groupby("segment")["image_id"].nunique()
    means = rows.groupby("segment")["rank"].mean()[counts >= 2].sort_values()
    found = bias.leading(result, "climbing", BIASED)
    assert len(found) == 7
    assert found["rank"].tolist() == pytest.approx(means.head(7).tolist())


def test_the_difference_is_of_the_persons_mean_ranks(result: bias.Bias) -> None:
    row = bias.difference(result, "diving").table.loc["person"]
    person = bias.person_ranks(result).query(
        "method == @bias.METHOD and part == @IN_BIAS and action == 'diving'"
    )
    assert row["rank_a"] == pytest.approx(person[BIASED].mean())
    assert row["rank_b"] == pytest.approx(person[LESS].mean())
    assert row["n_images"] == 10


def test_what_is_not_there_is_named(result: bias.Bias, tmp_path: Path) -> None:
    with pytest.raises(sat.InvalidInput, match="no rows of 'racing' under 'lrp.z' in bias"):
        bias.leading(result, "racing", BIASED)
    with pytest.raises(sat.InvalidInput, match="size: unknown name 'big'"):
        bias.run(tmp_path, size="big")
    with pytest.raises(sat.FileMissing, match="folder: .*bar' does not exist"):
        bias.run(tmp_path, size="tiny", data=tmp_path)


def test_the_users_folder_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAT_NB_PAPER_DATA", raising=False)
    with pytest.raises(sat.FileMissing, match=r"SAT_NB_PAPER_DATA.*'bar'.*github.com/alinlab/BAR"):
        bias.run(tmp_path, size="full")


def test_figures_are_drawn_with_their_numbers(
    result: bias.Bias, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        files = bias.draw(result, tmp_path)
    assert sorted(files) == sorted(tmp_path.iterdir())
    assert {f.stem for f in files} == {
        f"bias_{n}" for n in ("segments", "whole", "difference", "accuracy", "person", "maps")
    }
    moved = pd.read_csv(tmp_path / "bias_difference.csv").set_index(["action", "segment"])
    person = bias.difference(result, "fishing").table.loc["person"]
    assert moved.loc[("fishing", "person"), "rank_shift"] == pytest.approx(person["rank_shift"])
    monkeypatch.setattr(bias, "save", lambda picture, path: [path])
    real = bias.draw(replace(result, data="BAR"), tmp_path / "real")
    assert {f.stem for f in real} == {f.stem for f in files} - {"bias_maps"}, "no real photo"


def claimed(result: bias.Bias, leads: set[tuple[str, str]]) -> dict[str, Claim]:
    """The claims where the person leads in the plots named (action, kind), last elsewhere."""
    table = result.table.copy()
    person = table["segment"] == "person"
    table.loc[person, "abs_mean_attribution"] = 0.0
    for action, kind in leads:
        rows = person & (table["action"] == action) & (table["kind"] == kind)
        table.loc[rows, "abs_mean_attribution"] = 1e9
    return {claim.paper: claim for claim in bias.claims(replace(result, table=table))}


def test_verdicts_follow_the_attribution_of_the_person(result: bias.Bias) -> None:
    never = claimed(result, set())
    assert never[bias.HIGHER].verdict == "does not hold"
    assert never[bias.ON_TOP].verdict == "does not hold"
    once = claimed(result, {("diving", LESS)})
    assert once[bias.HIGHER].verdict == "holds in part"
    assert once[bias.ON_TOP].verdict == "holds"
    assert "in 1 of 6 plots: diving (less biased); elsewhere" in once[bias.ON_TOP].found
    always = claimed(result, {(action, LESS) for action in bias.ACTIONS})
    assert always[bias.HIGHER].verdict == "holds"
    assert "to 1.00" in always[bias.HIGHER].found
    assert "above the background in" in always[bias.HIGHER].found
    assert always[bias.ON_TOP].verdict == "does not hold"


def test_without_parts_the_rest_is_ranked_again(result: bias.Bias) -> None:
    whole = bias.without_parts(result).table
    assert not set(whole["segment"]) & {*bias.PARTS, "background"}
    ranks = whole.groupby(["model", "method", "image_id"])["rank"].agg(["sum", "size"])
    assert (ranks["sum"] == ranks["size"] * (ranks["size"] + 1) / 2).all()


def test_the_background_stays_where_it_is_all_that_is_known_of_the_place(
    result: bias.Bias,
) -> None:
    table = sat.select(result.table, segments=["person", "background", *bias.PARTS])
    known = bias.without_parts(replace(result, table=table)).table
    assert set(known["segment"]) == {"person", "background"}


def test_above_the_background_is_by_photo(result: bias.Bias) -> None:
    above = bias.above_background(result, "fishing")
    rows = biased_models.over_seeds(result, "fishing").query("kind == @LESS")
    ranks = rows.pivot_table(index="image_id", columns="segment", values="rank")
    assert above[LESS].to_dict() == (ranks["person"] < ranks["background"]).to_dict()


def test_accuracy_out_of_bias_decides(result: bias.Bias) -> None:
    worse = result.accuracy.assign(accuracy=lambda a: np.where(a["kind"] == LESS, 0.2, 0.6))
    better = result.accuracy.assign(accuracy=lambda a: np.where(a["kind"] == LESS, 0.8, 0.6))
    for accuracy, verdict in ((worse, "does not hold"), (better, "holds")):
        found = {c.paper: c for c in bias.claims(replace(result, accuracy=accuracy))}
        assert found[bias.GAP].verdict == verdict
