"""Figure 4 and Table 2: does a classifier of actions look at the people, or at the place?

A biased and a less biased CNN are trained for each seed; their Segment Attribution Tables over the
same photos, which neither has seen, show what each looks at. ``small`` renders actors (see
``sat_nb.reproduction.actors``), ``full`` takes BAR from the user's folder.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import sat_nb as sat
from sat_nb.plots import style
from sat_nb.reproduction.bar import BIASED, IN_BIAS, KINDS, LESS, OUT_OF_BIAS
from sat_nb.reproduction.biased_models import (
    ACTIONS,
    METHOD,
    SETTINGS,
    Bias,
    accuracy_table,
    over_seeds,
    run,
)
from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.results import OF_MAPS, save, save_numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["SETTINGS", "Bias", "accuracy_table", "claims", "draw", "run"]

PERSON, BACKGROUND = "person", "background"
PARTS = ("head", "torso", "arms", "legs")
ALPHA = 0.05
COMMON = 0.2  # the share of an action's photos that must have a segment for it to lead


def without_parts(result: Bias) -> Bias:
    """The result with whole persons only, ranked again.

    The mean over a whole lies between the means over its parts, so a person never leads where its
    parts have masks of their own; the paper's plots have the person alone. For the same reason the
    background is left out where the parts of the place have masks.

    Parameters
    ----------
    result : Bias
        From :func:`run`.

    Returns
    -------
    Bias
        The result with fewer segments.
    """
    others = set(result.table["segment"]) - {PERSON, BACKGROUND, *PARTS}
    left_out = (*PARTS, BACKGROUND) if others else PARTS
    return replace(result, table=sat.rerank(sat.select(result.table, without=left_out)))


def leading(
    result: Bias, action: str, kind: str, *, most: int = 7, method: str = METHOD
) -> pd.DataFrame:
    """The seven segments with the smallest mean rank (Relative), with bootstrap intervals.

    Segments that fewer than a fifth of the photos have are left out.
    """
    rows = _common(over_seeds(result, action, method=method), kind)
    summary = sat.intervals(rows, value="rank")
    return summary.sort_values(["rank", "segment"], ignore_index=True).head(most)


def first(result: Bias, action: str, kind: str, *, method: str = METHOD) -> str:
    """The first segment of :func:`leading`."""
    rows = _common(over_seeds(result, action, method=method), kind)
    return str(rows.groupby("segment")["rank"].mean().sort_index().idxmin())


def _common(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The rows of one kind, of the segments that at least a fifth of its photos have."""
    rows = rows[rows["kind"] == kind]
    in_photos = rows.groupby("segment")["image_id"].transform("nunique")
    return rows.loc[in_photos >= COMMON * rows["image_id"].nunique()]


def difference(
    result: Bias, action: str, *, method: str = METHOD, part: str = IN_BIAS
) -> sat.Difference:
    """How the ranks of one action differ between the biased and the less biased models."""
    rows = over_seeds(result, action, method=method, part=part)
    biased, less = (rows[rows["kind"] == kind] for kind in KINDS)
    return sat.difference(biased, less, method=method, alpha=ALPHA)


def person_ranks(result: Bias) -> pd.DataFrame:
    """The mean rank of the person.

    Parameters
    ----------
    result : Bias
        From :func:`run`.

    Returns
    -------
    DataFrame
        ``method``, ``part``, ``action``, ``seed``, and a column for each kind of model.
    """
    rows = result.table[result.table["segment"] == PERSON]
    keys = ["method", "part", "action", "seed"]
    return rows.pivot_table(index=keys, columns="kind", values="rank")[[*KINDS]].reset_index()


def above_background(
    result: Bias, action: str, *, method: str = METHOD, part: str = IN_BIAS
) -> dict[str, pd.Series]:
    """Whether the person ranks above the background, photo by photo, ranks averaged over seeds.

    Parameters
    ----------
    result : Bias
        From :func:`run`.
    action : str
        One of ACTIONS.
    method : str, default "lrp.z"
        The saliency method.
    part : str, default "in bias"
        "in bias" or "out of bias".

    Returns
    -------
    dict
        {kind: Series of bool by image id}.
    """
    ranks = over_seeds(result, action, method=method, part=part).pivot_table(
        index=["kind", "image_id"], columns="segment", values="rank"
    )
    above = ranks[PERSON] < ranks[BACKGROUND]
    return {kind: above.xs(kind, level="kind") for kind in KINDS}


# --- figures -------------------------------------------------------------------------------------


def draw(result: Bias, out: str | os.PathLike[str]) -> list[Path]:
    """Write the panels of Figure 4, differences, accuracies and, of rendered photos, the maps."""
    files = [
        *save(draw_leading(result), Path(out) / "bias_segments"),
        *save(draw_leading(without_parts(result)), Path(out) / "bias_whole"),
        *save(draw_differences(result), Path(out) / "bias_difference"),
        save_numbers(result.accuracy.round(4), Path(out) / "bias_accuracy.csv"),
        save_numbers(person_ranks(result).round(4), Path(out) / "bias_person.csv"),
    ]
    if result.embedded:
        files += save(draw_maps(result), Path(out) / "bias_maps", formats=OF_MAPS)
    return files


def draw_leading(result: Bias) -> Figure:
    """Draw Figure 4: the leading segments by mean rank.

    Parameters
    ----------
    result : Bias
        From :func:`run`, or from :func:`without_parts`.

    Returns
    -------
    Figure
        A row of panels for each action, a column for each kind of model.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(ACTIONS), 2, figsize=(style.PAGE, 2.1 * len(ACTIONS)), layout="constrained"
    )
    for action, row in zip(ACTIONS, axes, strict=True):
        for kind, ax in zip(KINDS, row, strict=True):
            found = leading(result, action, kind)
            sat.plot_segments(found, ax=ax, highlight=PERSON)
            style.keep_numbers(ax, found.assign(action=action, kind=kind))
            title = f"{action}, {kind}"
            if PERSON not in set(found["segment"]):
                title += f" (person: {_mean_rank(result, action, kind):.1f})"
            ax.set_title(title, fontsize=style.TEXT, loc="left", **style.PLAIN)
    return figure


def _mean_rank(result: Bias, action: str, kind: str, segment: str = PERSON) -> float:
    rows = over_seeds(result, action)
    return float(rows[(rows["kind"] == kind) & (rows["segment"] == segment)]["rank"].mean())


def draw_differences(result: Bias) -> Figure:
    """Draw how the mean ranks differ between the kinds of models.

    Parameters
    ----------
    result : Bias
        From :func:`run`.

    Returns
    -------
    Figure
        A panel for each action.
    """
    import matplotlib.pyplot as plt

    found = {action: difference(result, action) for action in ACTIONS}
    heights = [1.0 + style.LINE_INCHES * 1.2 * len(one.table) for one in found.values()]
    figure = plt.figure(figsize=(style.SHARED, sum(heights)), layout="constrained")
    axes = figure.subplots(len(ACTIONS), 1, height_ratios=heights)
    for (action, one), ax in zip(found.items(), axes, strict=True):
        sat.plot_difference(one, ax=ax, highlight=PERSON)
        style.keep_numbers(ax, one.table.reset_index().assign(action=action))
        ax.set_title(f"{action}: {ax.get_title(loc='left')}", fontsize=style.SMALL, loc="left")
    return figure


def draw_maps(result: Bias, *, method: str = METHOD) -> Figure:
    """Draw a photo of each action in bias, and its maps by both models of the first seed.

    Parameters
    ----------
    result : Bias
        From :func:`run`.
    method : str, default "lrp.z"
        The saliency method.

    Returns
    -------
    Figure
        A row for each action.
    """
    seed = result.settings.seeds[0]
    rows = result.table[result.table["part"] == IN_BIAS].drop_duplicates("action")
    ids = rows.set_index("action")["image_id"].reindex(ACTIONS).tolist()
    maps = {kind: result.maps[kind, seed][method] for kind in KINDS}
    return sat.plot_map_grid(result.photos.images, maps, image_ids=ids)


# --- claims --------------------------------------------------------------------------------------

ON_TOP = "The person is the leading segment in one of six plots (three actions, two models)."
HIGHER = "The person ranks higher in the less biased model, for climbing, diving and fishing."
GAP = "The less biased model is more accurate out of bias than the biased one."


def claims(result: Bias) -> tuple[Claim, ...]:
    """The paper's claims about BAR, with what was found.

    Parameters
    ----------
    result : Bias
        From :func:`run`.

    Returns
    -------
    tuple of Claim
        Two about the person's rank, one about accuracy.
    """
    return _on_top(result), _higher(result), _accuracy(result)


def _on_top(result: Bias) -> Claim:
    found = _firsts(without_parts(result))
    where = [f"{action} ({kind})" for (action, kind), name in found.items() if name == PERSON]
    others = sorted({name for name in found.values() if name != PERSON})
    own = sum(name in (PERSON, *PARTS) for name in _firsts(result).values())
    return Claim(
        "Figure 4",
        ON_TOP,
        result.data,
        f"{METHOD}: the person leads in {len(where)} of 6 plots"
        f"{': ' + ', '.join(where) if where else ''}"
        f"{'; elsewhere ' + ', '.join(others) + ' lead' if others else ''}. With masks of its "
        f"parts beside it, the person or a part leads in {own} of 6",
        "holds" if len(where) == 1 else "does not hold",
    )


def _firsts(result: Bias) -> dict[tuple[str, str], str]:
    """The leading segment of each panel."""
    return {(action, kind): first(result, action, kind) for action in ACTIONS for kind in KINDS}


def _higher(result: Bias) -> Claim:
    whole = without_parts(result)
    ranks = person_ranks(whole).query("method == @METHOD and part == @IN_BIAS")
    shifts, significant, raised = [], 0, 0
    for action in ACTIONS:
        row = difference(whole, action).table.loc[PERSON]
        raised += bool(row["rank_shift"] < 0)
        significant += bool(row["rank_shift"] < 0 and row["adjusted_p_value"] <= ALPHA)
        seeds = ranks[ranks["action"] == action]
        agree = int((seeds[LESS] < seeds[BIASED]).sum())
        shifts.append(
            f"{action} {row['rank_a']:.2f} to {row['rank_b']:.2f} (adjusted p = "
            f"{row['adjusted_p_value']:.2g}; higher in {agree} of {len(seeds)} seeds)"
        )
    verdict = "does not hold"
    if significant == len(ACTIONS):
        verdict = "holds"
    elif significant or raised == len(ACTIONS):
        verdict = "holds in part"
    return Claim(
        "Figure 4",
        HIGHER,
        result.data,
        f"{METHOD}, mean rank of the person: {'; '.join(shifts)}; {_against_background(result)}",
        verdict,
    )


def _against_background(result: Bias) -> str:
    """The share of photos in which the person ranks above the background, for each kind."""
    shares = []
    for kind in KINDS:
        above = pd.concat([above_background(result, action)[kind] for action in ACTIONS])
        shares.append(f"{above.mean():.0%} ({kind})")
    return f"above the background in {' and '.join(shares)} of the photos"


def _accuracy(result: Bias) -> Claim:
    table = accuracy_table(result)
    out = {kind: table[kind, OUT_OF_BIAS] for kind in KINDS}
    better = int((out[LESS][[*ACTIONS]] > out[BIASED][[*ACTIONS]]).sum())
    overall = out[LESS]["all"] > out[BIASED]["all"]
    verdict = "does not hold"
    if overall:
        verdict = "holds" if better == len(ACTIONS) else "holds in part"
    return Claim(
        "Table 2",
        GAP,
        result.data,
        "accuracy in bias / out of bias: "
        + "; ".join(
            f"{kind} {table[kind, IN_BIAS]['all']:.2f} / {out[kind]['all']:.2f}" for kind in KINDS
        )
        + f"; better out of bias for {better} of {len(ACTIONS)} actions",
        verdict,
    )
