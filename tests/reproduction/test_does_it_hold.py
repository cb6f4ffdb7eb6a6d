"""Deletion, randomised models and their verdicts: by hand, and the whole study very small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import sat_nb as sat
from sat_nb.interventions import deletion
from sat_nb.interventions.deletion import DELETIONS
from sat_nb.interventions.weight_randomisation import weighted_layers
from sat_nb.reproduction import does_it_hold, quickstart
from sat_nb.reproduction import does_it_hold_checks as checks
from sat_nb.reproduction.does_it_hold_checks import NOISE, spearman
from sat_nb.reproduction.studies import run_study


def test_spearman_is_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(-5, 5, (2, 6, 7, 3)).astype(float)
    expected = spearmanr(*(np.abs(m.sum(axis=2)).ravel() for m in (a, b))).statistic
    assert spearman(a, b) == pytest.approx(expected)
    assert spearman(a, -a) == pytest.approx(1)
    assert np.isnan(spearman(a, np.zeros_like(a)))


def test_similarities_are_read_against_noise() -> None:
    values = {"1": [1.0, 0.9, 0.8, 1.0], "3": [0.3, 0.1, 0.2, 0.2], NOISE: [0.1, 0.1, 0.0, 0.2]}
    rows = [
        {"image_id": f"{i}", "method": m, "measure": "map", "against": a, "similarity": v + shift}
        for m, shift in (("b", 0.0), ("a", 0.05))
        for a, found in values.items()
        for i, v in enumerate(found)
    ]
    found = checks.summary_of_similarities(pd.DataFrame(rows), {1: "top", 3: "low"})
    assert found["method"].tolist() == ["b", "b", "a", "a"]
    assert found["layer"].tolist() == ["top", "low"] * 2
    assert found["similarity"].tolist() == pytest.approx([0.925, 0.2, 0.975, 0.25])
    assert found["left"].tolist() == pytest.approx([0.825, 0.1, 0.825, 0.1])
    assert (found["left_low"] <= found["left"]).all()


# --- verdicts -----------------------------------------------------------------------------------


def result(**frames: pd.DataFrame) -> SimpleNamespace:
    """A result on which every claim holds, but for what is given."""
    of_effects = pd.DataFrame(
        [
            {"deletion": d, "measured": e, "method": m, "tau": 0.5, "low": 0.4, "high": 0.6}
            | {"n_images": 9, "gain": 0.4, "gain_low": 0.3, "gain_high": 0.5}
            for d in ("grey", "blur")
            for e in ("whole", "by pixel")
            for m in ("lrp.z", "gradient", "random", "shuffled")
        ]
    )
    alike = pd.DataFrame(
        [
            {"measure": e, "method": m, "depth": 6, "similarity": 0.1, "noise": 0.1, "n_images": 9}
            | {"left": 0.0, "left_low": -0.05, "left_high": 0.05}
            for e in ("map", "ranking")
            for m in ("lrp.z", "gradient")
        ]
    )
    stability = pd.DataFrame(
        {"method": ["lrp.z", "gradient"], "n_images": 50, "tau": 0.95, "low": 0.9}
    )
    frames = {"deletion": of_effects, "randomisation": alike, "stability": stability} | frames
    return SimpleNamespace(data="embedded", **frames)


def changed(frame: str, methods: tuple[str, ...], **values: float) -> list[str]:
    """The five verdicts where one frame's rows of these methods have other values."""
    rows = getattr(result(), frame)
    chosen = rows["method"].isin(methods)
    other = rows.assign(**{column: rows[column].mask(chosen, v) for column, v in values.items()})
    return [claim.verdict for claim in checks.claims(result(**{frame: other}))]


ONE, BOTH = ("lrp.z",), ("lrp.z", "gradient")


def test_all_holds_where_every_method_does() -> None:
    assert [claim.verdict for claim in checks.claims(result())] == ["holds"] * 5


@pytest.mark.parametrize("column", ["low", "gain_low"])
def test_ranks_must_be_above_zero_and_above_noise(column: str) -> None:
    assert changed("deletion", ONE, **{column: -0.1})[:2] == ["holds in part"] * 2
    assert changed("deletion", BOTH, **{column: -0.1})[:2] == ["does not hold"] * 2


def test_what_is_left_of_maps_decides() -> None:
    surely, perhaps = {"left_low": 0.6, "left_high": 0.8}, {"left_low": -0.2, "left_high": 0.8}
    faintly = {"left_low": 0.1, "left_high": 0.3}
    assert changed("randomisation", ONE, **surely)[2:4] == ["holds in part"] * 2
    assert changed("randomisation", BOTH, **surely)[2:4] == ["does not hold"] * 2
    assert changed("randomisation", BOTH, **perhaps)[2:4] == ["cannot tell"] * 2
    assert changed("randomisation", ONE, **perhaps)[2:4] == ["holds in part"] * 2
    assert changed("randomisation", BOTH, **faintly)[2:4] == ["holds in part"] * 2


def test_images_without_a_map_are_left_out_and_counted() -> None:
    """Deep Taylor has no rows where a randomised model's output is not positive."""
    segments = {
        i: sat.SegmentationMap(("a", "b", "c"), np.eye(3, dtype=bool)[:, None]) for i in "xyz"
    }
    maps = {"deep_taylor": {i: np.array([[3.0, 2.0, 1.0]]) for i in "xyz"}}
    own = sat.build(maps, segments, pad_px=0)
    other = own[own["image_id"] != "y"]
    zeros = {"deep_taylor": {**maps["deep_taylor"], "y": np.zeros((1, 3))}}
    found = checks._compared(own, maps, other, zeros, list("xyz"), ["deep_taylor"], "1")
    alike = found.pivot_table(
        index="image_id", columns="measure", values="similarity", dropna=False
    )
    assert alike.loc[["x", "z"]].to_numpy() == pytest.approx(1.0)
    assert alike.loc["y"].isna().all()
    nowhere = checks._compared(own, maps, own[:0], zeros, list("xyz"), ["deep_taylor"], "1")
    assert nowhere.query("measure == 'ranking'")["similarity"].isna().all()
    frame = result().randomisation
    some = frame.assign(n_images=[4, *frame["n_images"][1:]])
    assert "; 4 of 9 images)" in checks.claims(result(randomisation=some))[2].found


def test_too_few_images_to_tell_are_no_failure() -> None:
    assert changed("stability", ONE, tau=0.8)[4] == "holds in part"
    assert changed("stability", BOTH, tau=0.8)[4] == "cannot tell"
    assert changed("stability", BOTH, tau=0.8, n_images=100)[4] == "does not hold"
    assert changed("stability", BOTH, tau=0.95, n_images=200)[4] == "does not hold"


def test_a_method_that_fails_one_deletion_is_not_marked() -> None:
    frame = result().deletion
    worse = (frame["method"] == "lrp.z") & (frame["deletion"] == "blur")
    frame = frame.assign(low=frame["low"].mask(worse, -0.2), tau=frame["tau"].mask(worse, -0.1))
    whole = checks.claims(result(deletion=frame))[0]
    assert whole.verdict == "holds in part"
    assert "lrp.z -0.10 to 0.50, gradient* 0.50 to 0.50; controls: random" in whole.found


# --- the whole study ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smallest() -> Iterator[does_it_hold.Settings]:
    """The study at a size of its own, smaller than the one that notebooks run."""
    settings = does_it_hold.Settings(6, 3, 2, (0,), 10, ("lrp.z", "gradient", "smoothgrad", NOISE))
    main = replace(quickstart.SETTINGS["tiny"], n_train=12, n_test=6, px=48, epochs=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(quickstart.SETTINGS, "tiny", main)
        patch.setitem(does_it_hold.SETTINGS, "tiny", settings)
        yield settings


@pytest.fixture(scope="module")
def written(
    tensorflow: Any, smallest: does_it_hold.Settings, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with what the study has made in ``work`` and written to ``figures``."""
    folder = tmp_path_factory.mktemp("study")
    run_study("does_it_hold", size="tiny", work=folder / "work", out=folder / "figures")
    return folder


def test_the_study_finds_what_its_table_says(
    smallest: does_it_hold.Settings, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quickstart.cnn, "train_cnn", None)
    monkeypatch.setattr(deletion, "_image_effects", None)
    found = does_it_hold.run(written / "work", size="tiny")
    assert found.table["image_id"].nunique() == smallest.n_images
    assert set(found.effects["deletion"]) == set(DELETIONS)
    assert set(found.deletion["method"]) == {*smallest.methods, "smallest first", "shuffled"}
    expected = sat.ranking_stability(found.table, n_repeats=smallest.n_repeats)
    pd.testing.assert_frame_equal(
        found.stability, expected[expected["method"] != NOISE].reset_index(drop=True)
    )
    depths = found.randomisation["depth"].unique().tolist()
    assert depths == [1, len(weighted_layers(found.subject.model))]
    gradients = found.randomisation.query("method == 'gradient' and measure == 'map'")
    assert gradients["similarity"].is_monotonic_decreasing
    files = {file.name for file in (written / "figures").iterdir()}
    what = "three checks as SVG, PNG and CSV, an example without SVG, claims and the record"
    assert len(files) == 13, what
    numbers = pd.read_csv(written / "figures" / "does_it_hold_deletion.csv")
    pd.testing.assert_frame_equal(numbers, found.deletion.round(3), check_dtype=False)


def test_a_run_in_a_fresh_folder_writes_the_same_bytes(
    smallest: does_it_hold.Settings, written: Path, tmp_path: Path
) -> None:
    """The same seeds give the same files: rendered, trained, explained and measured twice."""
    files, _ = run_study("does_it_hold", size="tiny", work=tmp_path / "work", out=tmp_path)
    texts = [file for file in files if file.suffix in (".csv", ".json", ".svg")]
    assert len(texts) == 9
    for file in texts:
        assert file.read_bytes() == (written / "figures" / file.name).read_bytes(), file.name
