"""Statistics of a table on disk are those of the same table in memory, to the bit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import sat_nb as sat

BY = ("model", "method")
WAYS = ("file", "by method", "batches", "another program's")


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Two methods and models; images of some of four segments, one with none; ids not in order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(3, 7))
    names = [f"i{i}" for i in rng.permutation(20)[:n]]
    segments, maps = {}, {method: {} for method in ("m2", "m1")}
    for place, name in enumerate(names):
        least = 0 if place == 1 else 1
        here = rng.permutation(4)[: rng.integers(least, 5)] if place else np.arange(4)
        masks = np.eye(4, dtype=bool)[here][:, None, :]
        scores = rng.uniform(0, 1, len(here)).round(2)
        segments[name] = sat.SegmentationMap(tuple("dbca"[k] for k in here), masks, scores)
        for of in maps.values():
            of[name] = rng.integers(-3, 4, (1, 4)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = sat.build(maps, segments, pad_px=0, labels=dict.fromkeys(names, 3))
    patient = {name: f"p{place % 3}" for place, name in enumerate(names)}
    return table.assign(
        patient=table["image_id"].map(patient),
        predicted=pd.array(
            rng.integers(3, 5, len(names))[pd.factorize(table["image_id"])[0]]
        ).astype("Int64"),
        se_mean_attribution=0.3,
        n_samples=pd.array([8] * len(table), dtype="Int64"),
    )


def written(way: str, table: pd.DataFrame, folder: Path) -> Path:
    """The table on disk, in one of several ways; rows stay in their order within a method."""
    path = folder / way.replace(" ", "_")
    if way == "file":
        return sat.write_table(table, path)
    if way == "by method":
        return sat.write_table(table, path, partition_by=("method",))
    if way == "batches":
        for part in np.array_split(table["image_id"].unique(), 2):
            sat.write_table(table[table["image_id"].isin(part)], path, partition_by=BY)
        return path
    table.to_parquet(path)
    return path


ASKED: dict[str, Callable[[Any], Any]] = {
    **{
        f"aggregate {how} {value}": lambda t, how=how, value=value: sat.aggregate(
            t, how=how, value=value, by=("method", "patient"), classes="pool"
        )
        for how, entry in sat.AGGREGATIONS.items()
        if not entry.mixes
        for value in entry.takes
    },
    **{
        f"intervals {how} {value} {unit}": lambda t, how=how, value=value, unit=unit: sat.intervals(
            t, how=how, value=value, unit=unit, classes="pool", n_resamples=250, level=0.9
        )
        for how in ("relative", "absolute")
        for value in ("rank", "mean_attribution")
        for unit in ("image_id", "patient")
    },
    "intervals of classes": lambda t: sat.intervals(
        t, value="rank", classes="correct", n_resamples=250, level=0.9
    ),
    "compare": lambda t: sat.compare(t, method="m1"),
    "compare, complete": lambda t: sat.compare(t, method="m2", missing="complete"),
    "compare, by unit": lambda t: sat.compare(t, method="m1", unit="patient"),
    "compare_missing": lambda t: sat.compare_missing(t, method="m1"),
    "consensus": sat.consensus,
    "consensus agg_var": lambda t: sat.consensus(t, combination="agg_var"),
    "evidence": lambda t: sat.evidence(t, method="m1"),
    "settled_ranks": sat.settled_ranks,
    "settled_ranks, signed": lambda t: sat.settled_ranks(t, by="mean_attribution", times=1),
    "unusual_images": sat.unusual_images,
    "varying_segments": sat.varying_segments,
    "disagreeing_methods": sat.disagreeing_methods,
    "select all": sat.select,
    "select some": lambda t: sat.select(t, methods="m1", min_score=0.3, without="a"),
    "select few": lambda t: sat.select(t, correct=True, min_images=2, max_fraction=0.5),
}


def outcome(ask: Callable[[Any], Any], table: Any) -> Any:
    """The answer, or the text of the error, without the name of the path; and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = ask(table)
        except sat.SatError as error:
            found = str(error)
    return found, sorted({str(w.message) for w in caught})


def assert_same(one: Any, two: Any) -> None:
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, two, check_exact=True)
        assert one.attrs == two.attrs
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, two, check_exact=True)
    elif is_dataclass(one):
        for f in fields(one):
            assert_same(getattr(one, f.name), getattr(two, f.name))
    elif isinstance(one, dict):
        assert list(one) == list(two)
        for key in one:
            assert_same(one[key], two[key])
    elif isinstance(one, float):
        np.testing.assert_array_equal(one, two)
    else:
        assert one == two


@settings(max_examples=3)
@given(table=tables(), way=st.sampled_from(WAYS))
def test_answers_are_those_in_memory(
    tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame, way: str
) -> None:
    path = written(way, table, tmp_path_factory.mktemp("ways"))
    in_memory = sat.read_table(path)
    for name, ask in ASKED.items():
        found, expected = outcome(ask, path), outcome(ask, in_memory)
        note(name)
        assert_same(found[0], expected[0])
        assert found[1] == expected[1]
