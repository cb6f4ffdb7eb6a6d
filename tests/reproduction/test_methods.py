"""Figures 1 and 7: one image through the method, and six methods beside each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sat_nb.reproduction import method, methods
from sat_nb.reproduction.quickstart import MARKED, Quickstart
from sat_nb.reproduction.studies import work_folder


@pytest.fixture(scope="module")
def main(tensorflow: Any) -> Quickstart:
    return method.run(work_folder(), size="tiny")


@pytest.fixture(scope="module")
def six(main: Quickstart) -> methods.Methods:
    """The agreement of two methods, the second one the first with its ranks reversed."""
    table = main.table
    reversed_ranks = table.assign(method="other", rank=table["n_segments"] + 1 - table["rank"])
    both = pd.concat([table, reversed_ranks], ignore_index=True)
    return methods.agreeing(replace(main, table=both))


def test_table_1_is_the_relative_aggregate_of_the_marked_model(main: Quickstart) -> None:
    found = method.table_1(main).set_index("segment")["abs_mean_attribution"]
    rows = main.table[main.table["model"] == MARKED]
    expected = rows.groupby("segment")["mean_attribution"].apply(lambda v: v.abs().mean())
    assert np.allclose(found.sort_index(), expected.sort_index(), atol=1e-6)
    assert found.idxmax() == "watermark"


def test_the_typical_image_is_near_the_mean(main: Quickstart) -> None:
    rows = method.one_image(main)
    assert rows["image_id"].nunique() == 1
    assert len(rows) == 12
    ranks = main.table.query("model == @MARKED and segment == 'watermark'")["rank"]
    own = rows.set_index("segment").loc["watermark", "rank"]
    assert abs(own - ranks.mean()) == (ranks - ranks.mean()).abs().min()


def test_figures_are_written_with_numbers(main: Quickstart, tmp_path: Path) -> None:
    files = {file.name for file in method.draw(main, tmp_path)}
    assert files == {
        f"{name}.{suffix}"
        for name in ("figure_1_method", "table_1")
        for suffix in ("svg", "png", "csv")
    }


def test_the_claim_follows_from_the_order(main: Quickstart) -> None:
    scale = {"watermark": 9.0, "mane": 3.0, "hooves": 2.0}
    even = main.table.assign(mean_attribution=1.0, abs_mean_attribution=1.0)
    for names, verdict in (
        (("watermark", "mane", "hooves"), "holds"),
        (("watermark", "hooves", "mane"), "holds in part"),
        (("mane", "watermark", "hooves"), "does not hold"),
    ):
        factors = dict(zip(names, scale.values(), strict=True))
        values = even["segment"].map(factors).fillna(1.0)
        case = replace(main, table=even.assign(abs_mean_attribution=values))
        assert method.claims(case)[0].verdict == verdict


def test_opposite_methods_do_not_agree(six: methods.Methods, tmp_path: Path) -> None:
    found = methods.concordance(six)
    assert found["w"].max() < 0.01
    assert (found["by_chance"] == 0.5).all()
    claim = methods.claims(six)[0]
    assert claim.verdict == "does not hold"
    assert "other" in claim.found
    names = {file.name for file in methods.draw(six, tmp_path)}
    assert {"figure_7_methods.png", "figure_7_tau.csv", "figure_7_concordance.csv"} < names
    tau = pd.read_csv(tmp_path / "figure_7_tau.csv")
    assert tau.loc[0, "other"] == -1.0


def test_equal_methods_agree(main: Quickstart) -> None:
    table = pd.concat([main.table, main.table.assign(method="other")], ignore_index=True)
    result = methods.agreeing(replace(main, table=table))
    assert methods.concordance(result)["w_in_image"].tolist() == [1.0, 1.0]
    assert methods.claims(result)[0].verdict == "holds"


def test_rare_segments_lead_nothing(main: Quickstart) -> None:
    table = main.table
    rare = table["segment"].eq("tail") & ~table["image_id"].isin(list(main.photos.segments)[:5])
    table = table[~rare].copy()
    table.loc[table["segment"] == "tail", ["abs_mean_attribution", "rank"]] = [99.0, 1.0]
    case = replace(main, table=table)
    assert "tail" not in set(method.table_1(case)["segment"])
    assert method.claims(case)[0].verdict == method.claims(main)[0].verdict
    both = pd.concat([table, table.assign(method="other")], ignore_index=True)
    result = methods.agreeing(replace(main, table=both))
    assert "tail" not in result.agreement[MARKED].ranking.index
