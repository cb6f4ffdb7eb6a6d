"""The watermark study: when does the table show a shortcut, and when does the accuracy?

Figures 2, 5 and 6 of Hinns & Martens 2025. One class carries a watermark on a growing share of
its training photos. At each share, models of several seeds are trained, tested on photos without
and with watermarks, and explained by LRP-Z on marked photos of that class. The unit of every
interval is the seed of the model.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import sat_nb as sat
from sat_nb.plots import style
from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.marked_photos import WATERMARK
from sat_nb.reproduction.quickstart import usual
from sat_nb.reproduction.results import OF_MAPS, save, save_numbers
from sat_nb.reproduction.watermark_models import (
    ACCURACIES,
    BY_CLEAN,
    BY_CONTROL,
    BY_GAP,
    BY_MARKED,
    BY_NULL,
    ON_PHOTOS,
    SETTINGS,
    Settings,
    Watermark,
    accuracy_intervals,
    run,
)
from sat_nb.reproduction.watermark_signs import fraction_before, signs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = [
    "ACCURACIES",
    "BY_CLEAN",
    "BY_CONTROL",
    "BY_GAP",
    "BY_MARKED",
    "BY_NULL",
    "ON_PHOTOS",
    "SETTINGS",
    "Settings",
    "Watermark",
    "claims",
    "draw",
    "draw_maps",
    "draw_prevalence",
    "draw_segments",
    "parts",
    "run",
]

SIGNAL, STABLE = 0.15, 0.25  # the paper's shares
PLATEAU, GAP_GROWTH = 1.0, 0.2  # ranks at most, accuracy at least


def claims(result: Watermark) -> tuple[Claim, ...]:
    """The paper's claims, with verdicts that follow from the numbers; see each function.

    Parameters
    ----------
    result : Watermark
        From :func:`run`.

    Returns
    -------
    tuple of Claim
        Five claims.
    """
    return (
        signal(result),
        stable_accuracy(result),
        table_first(result),
        plateau(result),
        part_still_used(result),
    )


def signal(result: Watermark) -> Claim:
    """The claim holds where the rank tells at 15 % already, by the whole interval over seeds."""
    row = result.earliest().set_index("measure").loc[BY_CONTROL]
    null = result.earliest().set_index("measure").loc[BY_NULL]
    verdict = "holds" if row["high"] <= SIGNAL else "does not hold"
    if row["low"] <= SIGNAL < row["high"]:
        verdict = "holds in part"
    ranks = ", ".join(f"{result.rank(s):.1f} at {s:.0%}" for s in result.settings.shares)
    return _claim(
        result,
        "Figure 5",
        "A clear signal of the watermark in the table from 15 % prevalence on.",
        f"The rank tells from {_spoken(row)} on; against null segments from {_spoken(null)}. "
        f"Mean rank {ranks}.",
        verdict,
    )


def stable_accuracy(result: Watermark) -> Claim:
    """The claim holds where up to 25 % neither clean accuracy nor the effect of marks tells.

    It holds in part where only one of the two tells.
    """
    found = result.earliest().set_index("measure")["earliest"]
    quiet = [found[measure] > STABLE for measure in (BY_CLEAN, BY_GAP)]
    share = _nearest(result, STABLE)
    at = result.accuracy.groupby("marked_fraction")[["clean", "marked"]].mean()
    before = ", ".join(
        f"{at['clean'][s]:.1%}/{at['marked'][s]:.1%} at {s:.0%}" for s in (0.0, share)
    )
    return _claim(
        result,
        "Figure 5",
        "Accuracy is stable until 25 % prevalence.",
        f"Clean/all marked {before}; accuracy on clean photos tells from "
        f"{_share(found[BY_CLEAN])} on, marks as in training less marks reversed from "
        f"{_share(found[BY_GAP])}.",
        ("does not hold", "holds in part", "holds")[sum(quiet)],
    )


def table_first(result: Watermark) -> Claim:
    """The claim holds where the table tells before both accuracies in 95 % of draws of seeds.

    They are the accuracy on clean photos, and the most sensitive one: with marks as in training
    minus with marks reversed. The claim holds in part where the table tells before one of them, and
    does not hold where the most sensitive one is first in half of the draws.
    """
    shares, measures = result.settings.shares, result.measures
    table = measures[BY_CONTROL]
    before = [fraction_before(table, measures[m], shares) for m in (BY_CLEAN, BY_GAP)]
    after = fraction_before(measures[BY_GAP], table, shares)
    n_first = sum(share >= 0.95 for share in before)
    verdict = ("cannot tell", "holds in part", "holds")[n_first]
    if after >= 0.5:
        verdict = "does not hold"
    rows = result.earliest().set_index("measure")
    return _claim(
        result,
        "Figure 5",
        "The table shows the shortcut where out-of-distribution accuracy does not yet.",
        f"Earliest share for the table {_spoken(rows.loc[BY_CONTROL])}, for accuracy on clean "
        f"photos {_spoken(rows.loc[BY_CLEAN])}, for marks as in training less reversed "
        f"{_spoken(rows.loc[BY_GAP])}; the table is first in {before[0]:.0%} and {before[1]:.0%} "
        f"of the draws of seeds, the latter before the table in {after:.0%}.",
        verdict,
    )


def plateau(result: Watermark) -> Claim:
    """The claim holds where past 25 % the rank gains at most 1 while the gap grows by 20 % or more.

    The gap is the accuracy with marks as in training minus that on clean photos; its maximum is
    50 %, as in the paper.
    """
    start, end = _nearest(result, STABLE), result.settings.shares[-1]
    ranks = result.rank(start), result.rank(end)
    gaps = result.gap(start), result.gap(end)
    met = [ranks[0] - ranks[1] <= PLATEAU, gaps[1] - gaps[0] >= GAP_GROWTH]
    return _claim(
        result,
        "Figure 5",
        "Past 25 % the rank only goes from 2.3 to 1.5 while the accuracy gap grows from 3.6 % to "
        "50 %.",
        f"From {start:.0%} to {end:.0%} the rank goes from {ranks[0]:.1f} to {ranks[1]:.1f}, the "
        f"gap from {gaps[0]:.1%} to {gaps[1]:.1%}.",
        ("does not hold", "holds in part", "holds")[sum(met)],
    )


def part_still_used(result: Watermark) -> Claim:
    """The claim holds where at the largest share the part still exceeds its null segments."""
    part, shares = result.photos.part, result.settings.shares
    found = signs({part: result.part_above_null}, shares)
    first, last = found.iloc[0], found.iloc[-1]
    used = [bool(row["p_value"] <= 0.05 and row["mean"] > 0) for row in (first, last)]
    verdict = "holds" if used[1] else "does not hold" if used[0] else "cannot tell"
    return _claim(
        result,
        "Figure 6",
        f"Models that use the watermark still use {_original(part)}.",
        f"The {part} exceed their null segments by Cliff's delta {first['mean']:.2f} "
        f"(p = {first['p_value']:.1g}) at 0 % and {last['mean']:.2f} (p = {last['p_value']:.1g}) "
        f"at {shares[-1]:.0%}; mean rank {result.rank(0.0, part):.1f} and "
        f"{result.rank(shares[-1], part):.1f}, the watermark's "
        f"{result.rank(0.0):.1f} and {result.rank(shares[-1], WATERMARK):.1f}.",
        verdict,
    )


def parts(result: Watermark) -> dict[str, pd.DataFrame]:
    """The rows behind Figure 6, for each model at the shares that it shows."""
    shown = result.table[result.table["marked_fraction"].isin(panels(result.settings.shares))]
    return {
        f"{share:.0%} marked, seed {seed}": usual(rows)
        for (share, seed), rows in shown.groupby(["marked_fraction", "seed"])
    }


def _claim(result: Watermark, where: str, paper: str, found: str, verdict: str) -> Claim:
    return Claim(where, paper, result.photos.name, found, verdict)


def _original(part: str) -> str:
    return "the eyes" if part == "eyes" else f"the eyes (here: the {part})"


def _nearest(result: Watermark, share: float) -> float:
    return min(result.settings.shares[1:], key=lambda s: abs(s - share))


def _spoken(row: object) -> str:
    """An earliest share with its interval, as text."""
    found = {name: _share(row[name]) for name in ("earliest", "low", "high")}  # type: ignore[index]
    return f"{found['earliest']} [{found['low']}, {found['high']}]"


def _share(value: float) -> str:
    return "no share" if np.isinf(value) else f"{value:.0%}"


N_PHOTOS = 3
NAMES = {
    "clean": "clean",
    "marked": "all marked",
    "as_trained": "marks as in training",
    "reversed": "marks reversed",
}


def draw(result: Watermark, out: str | os.PathLike[str]) -> list[Path]:
    """Write the figures and tables of the study; Figure 2 for rendered photos only.

    Real photos may not be published.
    """
    folder = Path(out)
    files = []
    if result.photos.name == "embedded":
        files += save(draw_maps(result), folder / "figure_2_maps", formats=OF_MAPS)
    files += save(draw_prevalence(result), folder / "figure_5_prevalence", numbers(result))
    files += save(draw_segments(result), folder / "figure_6_segments", _rounded(result.ranks))
    for name, table in {"signs": result.signs(), "earliest": result.earliest()}.items():
        files.append(save_numbers(_rounded(table), folder / f"figure_5_{name}.csv"))
    return files


def draw_maps(result: Watermark) -> Figure:
    """Draw Figure 2: marked photos and their maps, by models that saw more and more watermarks.

    Parameters
    ----------
    result : Watermark
        From :func:`run`.

    Returns
    -------
    Figure
        A row for each photo, a column for each of five shares.
    """
    shares = panels(result.settings.shares, (0.05, 0.15, 0.25))
    maps = {f"{share:.0%} marked": result.maps[share] for share in shares}
    ids = list(result.photos.segments)[:N_PHOTOS]
    return sat.plot_map_grid(result.photos.marked, maps, image_ids=ids)


def draw_prevalence(result: Watermark) -> Figure:
    """Draw Figure 5: the watermark's rank and the accuracy, and where each of them first tells.

    Parameters
    ----------
    result : Watermark
        From :func:`run`.

    Returns
    -------
    Figure
        Two panels over the share of marked photos.
    """
    figure = sat.plot_prevalence(
        numbers(result), figure=style.figure_or_new(None, style.SHARED, 4.2)
    )
    found = result.earliest().set_index("measure")["earliest"]
    measures = {BY_CONTROL: "the table", BY_GAP: "accuracy"}
    for ax, (measure, what) in zip(figure.axes, measures.items(), strict=True):
        share = found[measure]
        if share <= 1:
            ax.axvline(share, color=style.ACCENT, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=0)
            text = f"{what} tells from {share:.0%} on"
        else:
            text = f"{what} does not tell"
        place: dict[str, Any] = {"transform": ax.transAxes, "ha": "right", "va": "bottom"}
        ax.text(0.99, 1.02, text, fontsize=style.SMALL, color=style.ACCENT, **place)
    return figure


def draw_segments(result: Watermark) -> Axes:
    """Draw Figure 6: mean ranks at a few shares, of segments that a tenth of the photos have.

    Parameters
    ----------
    result : Watermark
        From :func:`run`.

    Returns
    -------
    Axes
        Points with intervals over seeds.
    """
    # Segments are sorted by their rank in the first panel, which is that of the largest share.
    shares = panels(result.settings.shares)[::-1]
    n_maps = result.settings.n_explained * len(result.settings.seeds)
    usual = result.ranks[result.ranks["n_images"] >= n_maps / 10]
    parts = [usual[usual["marked_fraction"] == share] for share in shares]
    names = {share: f"{share:.0%} marked" for share in shares}
    summary = pd.concat(parts).replace({"marked_fraction": names})
    return sat.plot_segments(summary, highlight=WATERMARK, most=12)


def panels(shares: tuple[float, ...], between: tuple[float, ...] = (0.25,)) -> tuple[float, ...]:
    """The smallest share, those nearest to the ones ``between``, and the largest.

    >>> panels((0.0, 0.05, 0.25, 0.5, 1.0))
    (0.0, 0.25, 1.0)
    """
    inner = shares[1:-1]
    near = {min(inner, key=lambda share: abs(share - one)) for one in between if inner}
    return tuple(sorted({shares[0], *near, shares[-1]}))


def numbers(result: Watermark) -> pd.DataFrame:
    """The numbers of Figure 5: ranks of the watermark and of ``photos.part``, and accuracies."""
    shown = result.ranks[result.ranks["segment"].isin([WATERMARK, result.photos.part])]
    ranks = shown.rename(columns={"segment": "series", "rank": "value"}).assign(measure="rank")
    accuracies = accuracy_intervals(result).assign(measure="accuracy")
    accuracies = accuracies.rename(columns={"photos": "series", "accuracy": "value"})
    accuracies = accuracies.replace({"series": NAMES})
    columns = ["marked_fraction", "measure", "series", "value", "low", "high"]
    both = pd.concat([ranks[columns], accuracies[columns]])
    order = [WATERMARK, result.photos.part, *NAMES.values()]
    place = both["series"].map({name: k for k, name in enumerate(order)})
    ordered = both.assign(place=place).sort_values(["place", "marked_fraction"])
    return _rounded(ordered[columns].reset_index(drop=True))


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers with the digits that a second run reproduces."""
    return table.round(4)
