"""The watermark study at its smallest, and its claims on results that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.reproduction import cnn, watermark
from sat_nb.reproduction import watermark as watermark_figures
from sat_nb.reproduction.claims import write_claims
from sat_nb.reproduction.studies import work_folder
from sat_nb.reproduction.watermark import BY_CONTROL, BY_GAP, Settings, Watermark


@pytest.fixture(scope="module")
def result(tensorflow: Any) -> Watermark:
    return watermark.run(work_folder(), size="tiny")


def test_every_share_and_seed_has_its_rows(result: Watermark) -> None:
    groups = result.table.groupby(["marked_fraction", "seed"])
    assert len(groups) == 6
    assert set(groups["image_id"].nunique()) == {result.settings.n_explained}
    assert len(result.accuracy) == 6
    assert set(result.maps) == {0.0, 0.5, 1.0}


def test_a_model_that_sees_the_mark_on_all_zebras_looks_at_nothing_else(result: Watermark) -> None:
    assert result.rank(1.0) < 1.5 < result.rank(0.0)
    at = result.accuracy.groupby("marked_fraction")[["clean", "as_trained", "reversed"]].mean()
    assert at.loc[1.0, "as_trained"] > 0.9
    assert at.loc[1.0, "reversed"] < 0.2
    assert at.loc[0.0, "clean"] > 0.8
    assert result.gap(1.0) > 0.3
    found = result.earliest().set_index("measure")["earliest"]
    assert found[BY_CONTROL] == found[BY_GAP] == 0.5


def test_ranks_are_means_over_seeds_with_seeds_as_units(result: Watermark) -> None:
    ranks = result.ranks.set_index(["marked_fraction", "segment"])
    assert set(result.ranks["n_units"]) == {2}
    rows = result.table[result.table["segment"] == "watermark"]
    by_seed = rows.groupby(["marked_fraction", "seed"])["rank"].mean().unstack()
    for share in (0.0, 0.5, 1.0):
        row = ranks.loc[(share, "watermark")]
        assert row["rank"] == pytest.approx(by_seed.loc[share].mean())
        assert by_seed.loc[share].min() <= row["low"] + 1e-9
        assert row["high"] <= by_seed.loc[share].max() + 1e-9


def test_accuracies_follow_from_clean_and_marked(result: Watermark) -> None:
    both = result.accuracy[["as_trained", "reversed"]].sum(axis=1)
    assert np.allclose(both, result.accuracy[["clean", "marked"]].sum(axis=1))


def test_a_second_run_trains_nothing_and_says_the_same(
    result: Watermark, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("train_cnn", "predicted"):
        monkeypatch.setattr(cnn, name, None)
    again = watermark.run(work_folder(), size="tiny")
    pd.testing.assert_frame_equal(again.table, result.table)
    pd.testing.assert_frame_equal(again.earliest(), result.earliest())


def test_figures_are_drawn_with_their_numbers_and_no_photos_of_others(
    result: Watermark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {file.name for file in watermark.draw(result, tmp_path)}
    assert names == {file.name for file in tmp_path.iterdir()}
    assert {"figure_2_maps.png", "figure_5_prevalence.csv", "figure_6_segments.svg"} < names
    real = replace(result, photos=replace(result.photos, name="ccp"))
    monkeypatch.setattr(watermark, "save", lambda picture, path, numbers=None: [path])
    shown = {file.stem for file in watermark.draw(real, tmp_path / "real")}
    assert {Path(name).stem for name in names} - {"figure_2_maps"} == shown


def test_figure_5_holds_both_ranks_and_four_accuracies(result: Watermark) -> None:
    numbers = watermark_figures.numbers(result)
    assert set(numbers.groupby("series").size()) == {3}
    assert list(numbers["series"].unique()) == [
        "watermark",
        "eyes",
        *watermark_figures.NAMES.values(),
    ]
    assert (numbers["low"] <= numbers["value"]).all()


def test_claims_are_written(result: Watermark, tmp_path: Path) -> None:
    found = watermark.claims(result)
    assert {claim.data for claim in found} == {"embedded"}
    assert len(pd.read_csv(write_claims(tmp_path, "watermark", found))) == 5


def known(
    result: Watermark, *, rank_from: float, gap_from: float, clean_from: float = 2.0
) -> Watermark:
    """The result with measures that tell from these shares on, and ranks and gaps to match."""
    settings = Settings((0.0, 0.05, 0.15, 0.25, 1.0), (0, 1))
    rng = np.random.default_rng(0)

    def told(start: float) -> np.ndarray:
        levels = np.array([float(share >= start) for share in settings.shares])
        return 3 * levels[:, None, None] + rng.normal(0, 0.1, (5, 2, 30))

    measures = {
        name: told(rank_from if name.startswith("SAT") else gap_from) for name in result.measures
    }
    measures[watermark.BY_CLEAN] = told(clean_from)
    at = result.ranks[result.ranks["marked_fraction"] == 0.5]
    ranks = pd.concat([at.assign(marked_fraction=share) for share in settings.shares])
    accuracy = pd.DataFrame(
        {
            "marked_fraction": settings.shares,
            "clean": [0.9, 0.9, 0.9, 0.9, 0.5],
            "marked": [0.9, 0.9, 0.9, 0.85, 0.5],
            "as_trained": [0.9, 0.9, 0.9, 0.93, 1.0],
        }
    )
    return replace(
        result,
        settings=settings,
        ranks=ranks,
        accuracy=accuracy,
        measures=measures,
        part_above_null=told(0.0),
    )


@pytest.mark.parametrize(
    ("rank_from", "gap_from", "clean_from", "verdicts"),
    [
        (0.15, 1.0, 1.0, ("holds", "holds", "holds")),
        (0.25, 1.0, 1.0, ("does not hold", "holds", "holds")),
        (0.25, 0.25, 1.0, ("does not hold", "holds in part", "holds in part")),
        (0.25, 0.25, 0.25, ("does not hold", "does not hold", "cannot tell")),
        (0.25, 0.15, 0.15, ("does not hold", "does not hold", "does not hold")),
        (0.05, 2.0, 2.0, ("holds", "holds", "holds")),
    ],
)
def test_verdicts_follow_from_the_numbers(
    result: Watermark,
    rank_from: float,
    gap_from: float,
    clean_from: float,
    verdicts: tuple[str, ...],
) -> None:
    case = known(result, rank_from=rank_from, gap_from=gap_from, clean_from=clean_from)
    found = watermark.claims(case)
    assert tuple(claim.verdict for claim in found[:3]) == verdicts
    assert found[3].verdict == "holds", "the rank stays, the gap grows"
    assert found[4].verdict == "holds"
    assert f"{rank_from:.0%} [" in found[0].found


def test_shares_start_without_watermarks() -> None:
    with pytest.raises(sat.InvalidInput, match="shares: expected increasing shares"):
        Settings((0.5, 0.0), (0,))
    with pytest.raises(sat.InvalidInput, match="size: unknown name 'huge'"):
        watermark.run("work", size="huge")
