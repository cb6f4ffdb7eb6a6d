"""Figure 7: six methods on one class, and how far they agree.

Both models of the main job are compared: methods may agree more on a model with a shortcut than
on one without.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import sat_nb as sat
from sat_nb.plots import style
from sat_nb.reproduction import quickstart
from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.marked_photos import WATERMARK
from sat_nb.reproduction.parity import TWINS
from sat_nb.reproduction.quickstart import CONTROL, MARKED, Quickstart, usual
from sat_nb.reproduction.results import save, save_numbers
from sat_nb.stats.bootstrap import bootstrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SETTINGS, ON_PHOTOS = quickstart.SETTINGS, quickstart.ON_PHOTOS
MODELS = (MARKED, CONTROL)


@dataclass(frozen=True, eq=False)
class Methods:
    """The result of the main job, and the agreement of its methods on each model."""

    main: Quickstart
    agreement: Mapping[str, sat.Consensus]


def run(
    work: str | os.PathLike[str],
    *,
    size: str = "small",
    data: str | os.PathLike[str] | None = None,
    settings: quickstart.Settings | None = None,
) -> Methods:
    """Explain both models of the quickstart by six methods, and compare the rankings.

    Parameters
    ----------
    work : str or path
        The folder for photos, models and maps.
    size : str, default "small"
        A key of SETTINGS.
    data : str or path, optional
        A folder of street photos, as for :func:`quickstart.run`.
    settings : quickstart.Settings, optional
        Replaces the settings of the size.

    Returns
    -------
    sat_nb.reproduction.methods.Methods
        The result of the main job, with the agreement between its methods.
    """
    return agreeing(quickstart.run(work, size=size, data=data, settings=settings))


def agreeing(main: Quickstart) -> Methods:
    """The agreement between the methods of a main job, model by model.

    It is computed from segments that a tenth of the photos have, ranked among themselves.
    """
    table = usual(main.table)
    return Methods(main, {name: sat.consensus(table[table["model"] == name]) for name in MODELS})


def concordance(result: Methods) -> pd.DataFrame:
    """Kendall's coefficient of concordance W of the methods, for each model.

    Parameters
    ----------
    result : Methods
        From :func:`run`.

    Returns
    -------
    DataFrame
        ``w`` of the mean ranks; ``w_in_image``, the mean over photos, with its interval ``low`` to
        ``high``; ``by_chance``, the expected value for random rankings; ``n_images``.
    """
    rows = []
    for name, found in result.agreement.items():
        values = found.w_by_image.dropna().to_numpy()[:, None]
        sums = np.stack([values, np.ones_like(values)], axis=1)
        bounds = bootstrap(sums, lambda sums: sums[:, 0] / sums[:, 1])
        mean, chance = float(values.mean()), 1 / len(found.methods)
        rows.append((name, found.w, mean, bounds.low[0], bounds.high[0], chance, len(values)))
    columns = ["model", "w", "w_in_image", "low", "high", "by_chance", "n_images"]
    return pd.DataFrame(rows, columns=columns).round(4)


def ranks(result: Methods, model: str = MARKED) -> pd.DataFrame:
    """Relative mean ranks by segment.

    Parameters
    ----------
    result : Methods
        From :func:`run`.
    model : str, default MARKED
        MARKED or CONTROL.

    Returns
    -------
    DataFrame
        ``mean_rank`` over all methods, and a column for each method.
    """
    ranking = result.agreement[model].ranking
    methods = list(result.agreement[model].methods)
    return ranking.rename(columns={"rank": "mean_rank"})[["mean_rank", *methods]]


def draw(result: Methods, out: str | os.PathLike[str]) -> list[Path]:
    """Write Figure 7, the taus that it shows, and the concordance for both models."""
    files = save(draw_methods(result), Path(out) / "figure_7_methods", _tidy(result))
    for name, table in {"tau": _taus(result), "concordance": concordance(result)}.items():
        files.append(save_numbers(table, Path(out) / f"figure_7_{name}.csv"))
    return files


def draw_methods(result: Methods, model: str = MARKED) -> Figure:
    """Draw mean ranks by segment and method, and Kendall's tau between methods.

    Parameters
    ----------
    result : Methods
        From :func:`run`.
    model : str, default MARKED
        MARKED or CONTROL.

    Returns
    -------
    Figure
        A heatmap and a matrix.
    """
    found = result.agreement[model]
    n_lines = max(len(found.ranking), len(found.methods) + 2)
    figure = style.figure_or_new(None, style.PAGE, 1.6 + style.LINE_INCHES * 1.2 * n_lines)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    names = {twin: own for own, twin in TWINS.items() if twin in found.methods}
    if names:  # which all begin alike, and leave no room for the numbers
        figure.suptitle("maps by iNNvestigate", fontsize=style.SMALL, color=style.QUIET)
    summary = _tidy(result).query("model == @model").drop(columns="model")
    sat.plot_heatmap(summary.replace({"method": names}), ax=left)
    style.keep_numbers(left, summary)
    tau = found.tau.rename(index=names, columns=names)
    sat.plot_consensus(replace(found, tau=tau), ax=right)
    return figure


def _tidy(result: Methods) -> pd.DataFrame:
    """Mean ranks for both models in long form, segments in the order of all methods together."""
    parts = []
    for model, found in result.agreement.items():
        rows = usual(result.main.table)
        rows = sat.rerank(rows[rows["model"] == model])
        summary = sat.aggregate(rows, value="rank", by=("model", "method"))
        place = {name: k for k, name in enumerate(found.ranking.index)}
        summary = summary.assign(place=summary["segment"].map(place))
        summary["method"] = pd.Categorical(summary["method"], list(found.methods))
        parts.append(summary.sort_values(["method", "place"]).drop(columns="place"))
    tidy = pd.concat(parts, ignore_index=True)
    return tidy.assign(method=tidy["method"].astype(str), rank=tidy["rank"].round(3))


def _taus(result: Methods) -> pd.DataFrame:
    parts = [
        found.tau.rename_axis("method").reset_index().assign(model=model)
        for model, found in result.agreement.items()
    ]
    return pd.concat(parts, ignore_index=True).round(3)


def parts(result: Methods) -> dict[str, pd.DataFrame]:
    """The rows behind the rankings, for each model."""
    table = usual(result.main.table)
    return {name: table[table["model"] == name] for name in MODELS}


def claims(result: Methods) -> tuple[Claim, ...]:
    """The claim holds where all methods put one segment first, in part where they beat chance.

    Parameters
    ----------
    result : Methods
        From :func:`run`.

    Returns
    -------
    tuple of Claim
        One claim.
    """
    found = result.agreement[MARKED]
    table = ranks(result).drop(columns="mean_rank")
    first = table.idxmin()
    w = concordance(result).set_index("model").to_dict("index")
    together = found.ranking.index[0]
    n_first = int((first == together).sum())
    more = w[MARKED]["low"] > w[MARKED]["by_chance"]
    verdict = "holds" if n_first == len(first) else "holds in part" if more else "does not hold"
    watermark = table.loc[WATERMARK].round(1)
    return (
        Claim(
            "Figure 7",
            "Six methods on one class, side by side (the paper gives no number of agreement; here: "
            "do they put the same segment first).",
            result.main.photos.name,
            f"{n_first} of {len(first)} methods put {together} first. Kendall's W in an image "
            f"{w[MARKED]['w_in_image']:.2f} [{w[MARKED]['low']:.2f}, "
            f"{w[MARKED]['high']:.2f}] with the shortcut, {w[CONTROL]['w_in_image']:.2f} "
            f"[{w[CONTROL]['low']:.2f}, {w[CONTROL]['high']:.2f}] without, by chance "
            f"{w[MARKED]['by_chance']:.2f}; the watermark's mean rank is {watermark.min():.1f} "
            f"({watermark.idxmin()}) to {watermark.max():.1f} ({watermark.idxmax()}).",
            verdict,
        ),
    )
