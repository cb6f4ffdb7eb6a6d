"""This project's engine beside iNNvestigate: ranks and decisions on cases made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.reproduction import methods, parity, quickstart
from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.parity import TWINS, as_in_paper, compared, parity_claim
from sat_nb.reproduction.studies import STUDIES, run_study, work_folder


def table(method: str, orders: list[str]) -> pd.DataFrame:
    """An image for each order of segments, each of one letter: the first has rank 1."""
    names = sorted(orders[0])
    values = [[1.0 + len(order) - order.index(name) for name in names] for order in orders]
    maps = {f"{i:02d}": np.array([row]) for i, row in enumerate(values)}
    masks = sat.SegmentationMap(names, np.eye(len(names), dtype=bool)[:, None, :])
    return sat.build({method: maps}, dict.fromkeys(maps, masks), pad_px=0)


def both(own: list[str], innvestigate: list[str], method: str = "smoothgrad") -> parity.Parity:
    return compared({"a": table(method, own)}, {"a": table(TWINS[method], innvestigate)})


def test_differences_are_of_mean_ranks_segment_by_segment() -> None:
    """Means by hand: a 1, b 2, c 3; and a 1.5, b 1.5, c 3."""
    found = both(["abc"] * 10, ["abc", "bac"] * 5)
    ranks = found.ranks.set_index("segment")
    assert ranks["rank"].to_dict() == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert ranks["rank_innvestigate"].to_dict() == {"a": 1.5, "b": 1.5, "c": 3.0}
    assert ranks["difference"].to_dict() == {"a": 0.5, "b": -0.5, "c": 0.0}
    assert set(found.ranks["n_images"]) == set(found.ranks["n_images_innvestigate"]) == {10}
    summary = found.summary().loc["smoothgrad"]
    assert summary["largest"] == 0.5
    assert summary["mean"] == pytest.approx(1 / 3)


def test_a_pair_is_decided_differently_where_one_is_open_or_turned() -> None:
    """ab is decided by one of them only; then all three pairs are turned round."""
    assert both(["abc"] * 10, ["abc", "bac"] * 5).summary().loc["smoothgrad", "n_different"] == 1
    turned = both(["abc"] * 10, ["cba"] * 10).summary().loc["smoothgrad"]
    assert (turned["n_different"], turned["n_pairs"]) == (3, 3)
    same = both(["abc"] * 10, ["abc"] * 10).summary().loc["smoothgrad"]
    assert (same["n_different"], same["largest"]) == (0, 0)


def test_one_image_decides_nothing() -> None:
    found = both(["abc"], ["bac"])
    assert found.summary().loc["smoothgrad", "n_pairs"] == 0
    assert parity_claim("Figure 9", "embedded", found, ()).verdict == "cannot tell"


def test_parts_and_methods_are_counted_together() -> None:
    own = pd.concat([table("lrp.z", ["abc"] * 10), table("gradient", ["abc"] * 10)])
    twins = pd.concat([table(TWINS["lrp.z"], ["abc"] * 10), table(TWINS["gradient"], ["cba"] * 10)])
    found = compared({"x": own, "y": own}, {"x": twins, "y": twins})
    summary = found.summary()
    assert summary["n_pairs"].to_dict() == {"lrp.z": 6, "gradient": 6}
    assert summary["n_different"].to_dict() == {"lrp.z": 0, "gradient": 6}
    claim = parity_claim("Figure 9", "embedded", found, ())
    assert claim.verdict == "holds in part"
    assert "lrp.z 0.00 (0.00), 0 of 6; gradient 2.00 (1.33), 6 of 6" in claim.found


def test_what_innvestigate_refuses_is_said_and_not_compared() -> None:
    own = pd.concat([table("lrp.z", ["abc"] * 10), table("gradient", ["abc"] * 10)])
    found = compared({"a": own}, {"a": table(TWINS["gradient"], ["abc"] * 10)})
    assert found.refused == ("lrp.z",)
    assert found.summary().index.tolist() == ["gradient"]
    claim = parity_claim("Figure 9", "embedded", found, ())
    assert "iNNvestigate refuses this model for lrp.z" in claim.found


@pytest.mark.parametrize(
    ("innvestigate", "changed", "verdict", "said"),
    [
        (["abc"] * 10, (), "holds", "no verdict changes"),
        (["abc"] * 10, ("it fails",), "holds in part", "it fails"),
        (["cba"] * 10, (), "does not hold", "sigma is 1 in input units"),
    ],
)
def test_verdicts_follow_from_the_numbers(
    innvestigate: list[str], changed: tuple[str, ...], verdict: str, said: str
) -> None:
    claim = parity_claim("Figure 9", "embedded", both(["abc"] * 10, innvestigate), changed)
    assert claim.verdict == verdict
    assert said in claim.found
    assert ("sigma" in claim.found) == (innvestigate[0] == "cba"), "reasons only where they differ"


def test_changed_verdicts_are_those_of_the_same_claim() -> None:
    one = Claim("Figure 9", "It leads.", "embedded", "1", "holds")
    other = Claim("Figure 9", "It leads.", "embedded", "2", "does not hold")
    assert parity.changed_verdicts([one, one], [one, other]) == (
        '"It leads." (Figure 9): does not hold instead of holds',
    )


@dataclass(frozen=True)
class Settings:
    methods: tuple[str, ...]


def test_settings_as_in_the_paper_name_the_twins() -> None:
    assert as_in_paper(Settings(sat.PAPER_METHODS)).methods == sat.PARITY_METHODS
    assert set(TWINS) == set(sat.PAPER_METHODS)
    twice = [study for study in STUDIES.values() if study.explained_twice]
    assert [study.explained_twice for study in twice] == [
        *("Table 1", "Figure 6", "Figure 3", "Figure 7")
    ]
    for study in twice:
        for settings in study.load().SETTINGS.values():
            assert set(as_in_paper(settings).methods) <= set(sat.PARITY_METHODS)


def test_a_study_is_run_twice_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two methods whose formula is the same: whatever the engine, ranks are equal."""
    small: Any = quickstart.Settings(
        n_train=12, n_test=6, px=48, epochs=1, n_explained=4, methods=("lrp.z", "gradient")
    )
    monkeypatch.setitem(methods.SETTINGS, "tiny", small)
    files, found = run_study("methods", size="tiny", work=work_folder(), out=tmp_path)
    names = {file.relative_to(tmp_path).as_posix() for file in files}
    assert {"figure_7_methods.csv", "innvestigate/figure_7_methods.csv"} < names
    pairs = pd.read_csv(tmp_path / "parity_methods_pairs.csv")
    assert pairs["n_different"].tolist() == [0] * 4
    ranks = pd.read_csv(tmp_path / "parity_methods_ranks.csv")
    assert np.allclose(ranks["difference"], 0)
    twin = pd.read_csv(tmp_path / "innvestigate" / "figure_7_methods.csv")
    assert set(twin["method"]) == {"innvestigate.lrp.z", "innvestigate.gradient"}
    assert (found[-1].where, found[-1].verdict) == ("Figure 7", "holds")
