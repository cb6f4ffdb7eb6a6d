"""Every entry of every registry that a plot can show, and every plot there is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import ttest_rel

import sat_nb as sat
import sat_nb.plots
from sat_nb.agnostic.saliency import InputAgnosticSaliency
from sat_nb.interventions.deletion import DELETIONS
from sat_nb.plots.faithfulness import plot_deletion, plot_randomisation
from sat_nb.toy import toy
from tests.plots import results

TWO = ("gradient", "lrp.z")


def words(text: str) -> str:
    """A text whose lines were broken to fit, on one line."""
    return " ".join(text.split())


def axes() -> Axes:
    """Axes of a figure without a layout, for tests that look at its artists only."""
    return Figure(figsize=(7, 5)).subplots()


def two_classes(table: pd.DataFrame) -> pd.DataFrame:
    classes = (table["image_id"] > "image_05").astype(int)
    return table.assign(label=classes, predicted=classes)


# --- aggregations ---------------------------------------------------------------------------------

SPREAD = sat.Aggregation(
    name="spread",
    about="Standard deviation over the images that have the segment.",
    function=lambda rows, value: rows.groupby("segment")[value].std(),
    column="spread_of_it",
    column_title="spread in $units_",
    small_is_best=True,
)
AGGREGATES = [(how, value) for how in (*sat.AGGREGATIONS.values(), SPREAD) for value in how.takes]


def aggregated(how: sat.Aggregation, value: str) -> pd.DataFrame:
    table = results.table(4, methods=TWO)
    table = two_classes(table) if "label" in how.mixes else table
    given: Any = how if how is SPREAD else how.name
    return sat.aggregate(table, how=given, value=value)


@pytest.mark.parametrize(
    ("how", "value"), AGGREGATES, ids=[f"{how.name} {value}" for how, value in AGGREGATES]
)
def test_every_aggregation_of_every_value_is_drawn_under_its_title(
    how: sat.Aggregation, value: str, tmp_path: Path
) -> None:
    summary = aggregated(how, value)
    column = how.column or value
    title = how.column_title if how.column else sat.VALUES[value].axis_title
    small = how.small_is_best if how.column else sat.VALUES[value].small_is_best
    bars, heat = sat.plot_segments(summary, ax=axes()), sat.plot_heatmap(summary, ax=axes())
    assert words(bars.get_xlabel()) == title
    assert words(heat.get_xlabel()).startswith(title)
    points = [x for c in bars.collections if c.get_gid() == "value" for x, _ in c.get_offsets()]
    drawn = points if small else [bar.get_width() for bar in bars.patches]
    assert sorted(drawn) == sorted(summary[column])
    by_best = summary.sort_values(column, ascending=small)
    best = by_best[by_best["method"] == "lrp.z"].iloc[0]["segment"]
    order = [name.get_text() for name in heat.get_yticklabels()]
    if not column.startswith(("mean_", "total_")):  # of a negative one the size is shown
        shades = heat.collections[0].get_array()[:, 1]
        assert shades[order.index(best)] == shades.max()
    (csv,) = sat.save_figure(bars, tmp_path / "f", formats=())
    again = sat.plot_segments(pd.read_csv(csv), ax=axes())
    assert [name.get_text() for name in again.get_yticklabels()] == order
    if "$" in title:
        bars.figure.canvas.draw()  # signs of mathematics are plain text


@pytest.mark.parametrize("interval", sat.INTERVALS)
def test_every_interval_is_drawn_as_whiskers(interval: str) -> None:
    summary = sat.intervals(results.table(4), value="rank", interval=interval, n_resamples=500)
    (whiskers,) = [
        c for c in sat.plot_segments(summary, ax=axes()).collections if c.get_gid() == "whiskers"
    ]
    ends = np.array([segment[:, 0] for segment in whiskers.get_segments()])
    np.testing.assert_allclose(ends, summary[["low", "high"]])


# --- tests, combinations, changes of masks, deletions ---------------------------------------------

OWN_TEST = sat.PairTest(
    name="t-test",
    about="Paired t-tests of ranks.",
    version="2",
    padded=lambda ranks, alpha, names: np.nan_to_num(
        ttest_rel(ranks[:, :, None], ranks[:, None, :]).pvalue, nan=1.0
    ),
)


@pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")
@pytest.mark.parametrize("test", [*sat.TESTS.values(), OWN_TEST], ids=lambda test: test.name)
def test_every_test_is_named_by_its_diagram(test: sat.PairTest) -> None:
    given: Any = test if test is OWN_TEST else test.name
    result = sat.compare(results.table(4), method="lrp.z", test=given)
    ax = sat.plot_critical_difference(result, ax=axes())
    assert f"{test.key}, α = 0.05" in " ".join(text.get_text() for text in ax.texts)
    assert len([line for line in ax.lines if line.get_gid() == "stem"]) == 4


@pytest.mark.parametrize("combination", sat.COMBINATIONS)
def test_every_combination_is_drawn_like_a_method(combination: str) -> None:
    table = sat.build(*toy(6))
    combined = sat.consensus(table, combination=combination).table
    assert sat.plot_rank_distribution(combined, ax=axes()).get_title(loc="left") == combination
    summary = sat.aggregate(pd.concat([table, combined]), value="rank")
    ax = sat.plot_heatmap(summary, ax=axes())
    assert {name.get_text() for name in ax.get_xticklabels()} == {"sharp", "noisy", combination}


OWN_CHANGE = sat.MaskChange(
    name="missed",
    about="The last masks are missed.",
    function=lambda masks, amount, generator: sat.SegmentationMap(
        masks.names[: -int(amount)], masks.masks[: -int(amount)]
    ),
    amounts=(1,),
    unit="masks",
)


@pytest.mark.parametrize(
    "change", [*sat.MASK_CHANGES.values(), OWN_CHANGE], ids=lambda change: change.name
)
def test_every_change_of_masks_is_drawn_with_its_amounts_and_unit(change: sat.MaskChange) -> None:
    maps, segments = toy(4)
    given: Any = change if change is OWN_CHANGE else [change.name]
    result = sat.mask_sensitivity(
        *({"sharp": maps["sharp"]}, segments),
        changes=given,
        other=segments if change.needs_other else None,
        n_repeats=2,
        n_resamples=200,
        progress=False,
    )
    labels = [text.get_text() for text in sat.plot_mask_sensitivity(result).get_yticklabels()]
    amounts = [
        f"{a:.0%}" if change.unit == "share" else f"{a:g} {change.unit}" for a in change.amounts
    ]
    expected = [change.name] if change.needs_other else [f"{change.key} {a}" for a in amounts]
    assert labels == expected


OWN_DELETION = sat.Deletion(name="white", version="1", function=lambda pixels, mask: pixels)


@pytest.mark.parametrize("deletion", [*DELETIONS.values(), OWN_DELETION], ids=lambda one: one.name)
def test_every_deletion_is_named_by_its_title(deletion: sat.Deletion) -> None:
    rows = results.deletion().query("deletion == 'grey'").assign(deletion=deletion.key)
    title = deletion.key if deletion is OWN_DELETION else deletion.title
    figure = plot_deletion(rows)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [title]


# --- plots ----------------------------------------------------------------------------------------


def plots() -> dict[str, Callable[..., Any]]:
    """Every function ``plot_...`` that a module of ``sat_nb.plots`` defines."""
    found = {}
    for info in pkgutil.iter_modules(sat_nb.plots.__path__, "sat_nb.plots."):
        module = importlib.import_module(info.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("plot_") and function.__module__ == info.name:
                found[name] = function
    return found


PLOTS = plots()


def rows_of_one() -> pd.DataFrame:
    return results.table(3).query("image_id == 'image_03'")


def checked_masks() -> sat.MaskCheck:
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[20:44, 20:44] = 200
    segments = {"a": sat.SegmentationMap(("box",), photo[None, ..., 0] > 0)}
    return sat.check_masks(segments, {"a": photo}, progress=False)


def agnostic() -> InputAgnosticSaliency:
    curve = np.array([0.1, 0.9])
    return InputAgnosticSaliency(0, np.ones((4, 4, 3), np.float32), curve, curve, "steps", {}, {})


def sensitivity() -> pd.DataFrame:
    row = {"change": "pad", "amount": 2.0, "unit": "px", "method": "lrp.z"}
    return pd.DataFrame([{**row, "tau": 0.9, "low": 0.8, "high": 1.0}])


def overview(**options: Any) -> Figure:
    masks = results.masks(3)
    rows = sat.build({"m": {"a": results.heat()}}, {"a": masks})
    given = (results.photo(), results.heat(), masks, rows, sat.aggregate(rows))
    return sat.plot_overview(*given, **options)


def consensus() -> SimpleNamespace:
    return SimpleNamespace(tau=pd.DataFrame([[1, 0.5], [0.5, 1]], TWO, TWO), w=0.75)


def agreement() -> sat.Agreement:
    table = results.table(3, methods=TWO)
    one, other = (table[table["method"] == method] for method in TWO)
    return sat.agreement(one, other.assign(n_forward=6), n_resamples=1000)


def cof_table() -> sat.CofTable:
    rows = sat.build({"without.blur": toy(4)[0]["sharp"]}, toy(4)[1])
    gone = (rows["segment"] == "eyes") & (rows["image_id"] < "image_02")
    rows["flipped_to"] = gone.map({True: 7}).astype("Int64")
    return sat.cof_table(rows.assign(predicted=3, n_forward=6))


EXAMPLES: dict[str, Callable[..., Axes | Figure]] = {
    "plot_agreement": lambda **options: sat.plot_agreement(agreement(), **options),
    "plot_cof_table": lambda **options: sat.plot_cof_table(cof_table(), **options),
    "plot_consensus": lambda **options: sat.plot_consensus(consensus(), **options),
    "plot_critical_difference": lambda **options: sat.plot_critical_difference(
        results.comparison(3), **options
    ),
    "plot_deletion": lambda **options: plot_deletion(results.deletion(), **options),
    "plot_difference": lambda **options: sat.plot_difference(results.difference(3), **options),
    "plot_heatmap": lambda **options: sat.plot_heatmap(sat.aggregate(results.table(3)), **options),
    "plot_image": lambda **options: sat.plot_image(results.photo(), rows_of_one(), **options),
    "plot_image_table": lambda **options: sat.plot_image_table(rows_of_one(), **options),
    "plot_input_agnostic": lambda **options: sat.plot_input_agnostic(agnostic(), **options),
    "plot_map_grid": lambda **options: sat.plot_map_grid(
        {"a": results.photo()}, {"m": {"a": results.heat()}}, **options
    ),
    "plot_mask_check": lambda **options: sat.plot_mask_check(checked_masks(), **options),
    "plot_mask_edges": lambda **options: sat.plot_mask_edges(checked_masks(), **options),
    "plot_mask_sensitivity": lambda **options: sat.plot_mask_sensitivity(sensitivity(), **options),
    "plot_overlay": lambda **options: sat.plot_overlay(results.photo(), **options),
    "plot_overview": overview,
    "plot_prevalence": lambda **options: sat.plot_prevalence(results.prevalence(), **options),
    "plot_randomisation": lambda **options: plot_randomisation(results.randomisation(), **options),
    "plot_rank_distribution": lambda **options: sat.plot_rank_distribution(
        results.table(3), **options
    ),
    "plot_ranking_stability": lambda **options: sat.plot_ranking_stability(
        results.stability(), **options
    ),
    "plot_segments": lambda **options: sat.plot_segments(
        sat.aggregate(results.table(3)), **options
    ),
    "plot_size": lambda **options: sat.plot_size(
        sat.adjust_for_size(sat.build(*toy(4)), method="sharp", effects="image"), **options
    ),
}


def test_every_plot_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(PLOTS)


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_is_public_or_documented_as_the_reproductions_own(name: str) -> None:
    module = inspect.getdoc(importlib.import_module(PLOTS[name].__module__)) or ""
    assert name in sat.__all__ or "belong to ``sat_nb.reproduction``" in words(module)
    sections = ("Parameters\n---", "Returns\n---", "Examples\n---")
    assert all(section in (inspect.getdoc(PLOTS[name]) or "") for section in sections)


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_draws_on_the_given_axes_and_keeps_its_numbers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyplot, "show", partial(pytest.fail, "a plot is not shown"))
    if "ax" in inspect.signature(PLOTS[name]).parameters:
        place: Any = pyplot.subplots(figsize=(4, 4), layout="constrained")[1]
        picture = EXAMPLES[name](ax=place)
    else:
        place = pyplot.figure(figsize=(7, 5), layout="constrained")
        picture = EXAMPLES[name](figure=place)
    assert picture is place
    assert len(pyplot.get_fignums()) == 1
    if name == "plot_overlay":  # its numbers are the photo's and the map's own
        with pytest.raises(sat.InvalidInput, match="data: no plot_ function"):
            sat.save_figure(picture, tmp_path / "f", formats=())
        return
    (csv,) = sat.save_figure(picture, tmp_path / "f", formats=())
    assert len(pd.read_csv(csv)) >= 1
