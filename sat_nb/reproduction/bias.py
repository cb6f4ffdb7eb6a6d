"""Figure 4 and Table 2: does a classifier of actions look at the people, or at the place?

Two CNNs for each seed: a biased one, trained on actions at their usual places; a less biased one,
which also saw half of the photos taken elsewhere, cut and mirrored at random. Their Segment
Attribution Tables over the same photos, which neither has seen, say what each looks at. ``small``
renders actors (see ``sat_nb.reproduction.actors``), ``full`` takes BAR from the user's folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import sat_nb as sat
from sat_nb.files import written_whole
from sat_nb.plots import style
from sat_nb.reproduction.bias_tables import (
    ACTIONS,
    ALPHA,
    METHOD,
    PARTS,
    PERSON,
    SETTINGS,
    Bias,
    above_background,
    accuracy_table,
    difference,
    first,
    leading,
    over_seeds,
    person_ranks,
    run,
    without_parts,
)
from sat_nb.reproduction.biased_models import BIASED, IN_BIAS, KINDS, LESS, OUT_OF_BIAS
from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.figures import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["SETTINGS", "Bias", "claims", "draw", "run"]


def draw(result: Bias, out: str | os.PathLike[str]) -> list[Path]:
    """Write Figure 4's panels, the differences, the accuracies; rendered photos with their maps."""
    files = [
        *save(draw_leading(result), Path(out) / "bias_segments"),
        *save(draw_leading(without_parts(result)), Path(out) / "bias_whole"),
        *save(draw_differences(result), Path(out) / "bias_difference"),
        _write(Path(out) / "bias_accuracy.csv", result.accuracy.round(4)),
        _write(Path(out) / "bias_person.csv", person_ranks(result).round(4)),
    ]
    if result.embedded:
        files += save(draw_maps(result), Path(out) / "bias_maps")
    return files


def _write(file: Path, numbers: pd.DataFrame) -> Path:
    with written_whole(file) as part:
        numbers.to_csv(part, index=False)
    return file


def draw_leading(result: Bias) -> Figure:
    """Figure 4: the leading segments by mean rank; an action a row, a kind of model a column."""
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
    """How the mean ranks move from the biased to the less biased models, an action a row."""
    import matplotlib.pyplot as plt

    found = {action: difference(result, action) for action in ACTIONS}
    heights = [1.0 + style.LINE_INCHES * 1.2 * len(one.table) for one in found.values()]
    figure = plt.figure(figsize=(style.PAGE * 0.7, sum(heights)), layout="constrained")
    axes = figure.subplots(len(ACTIONS), 1, height_ratios=heights)
    for (action, one), ax in zip(found.items(), axes, strict=True):
        sat.plot_difference(one, ax=ax, highlight=PERSON)
        style.keep_numbers(ax, one.table.reset_index().assign(action=action))
        ax.set_title(f"{action}: {ax.get_title(loc='left')}", fontsize=style.SMALL, loc="left")
    return figure


def draw_maps(result: Bias, *, method: str = METHOD) -> Figure:
    """A photo of each action in bias and the maps of both kinds of models of the first seed."""
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
    """What the paper says of BAR, and what came here."""
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
    """The leading segment of each plot."""
    return {(action, kind): first(result, action, kind) for action in ACTIONS for kind in KINDS}


def _higher(result: Bias) -> Claim:
    whole = without_parts(result)
    ranks = person_ranks(whole).query("method == @METHOD and part == @IN_BIAS")
    said, told, raised = [], 0, 0
    for action in ACTIONS:
        row = difference(whole, action).table.loc[PERSON]
        raised += bool(row["rank_shift"] < 0)
        told += bool(row["rank_shift"] < 0 and row["adjusted_p_value"] <= ALPHA)
        seeds = ranks[ranks["action"] == action]
        agree = int((seeds[LESS] < seeds[BIASED]).sum())
        said.append(
            f"{action} {row['rank_a']:.2f} to {row['rank_b']:.2f} (adjusted p = "
            f"{row['adjusted_p_value']:.2g}; higher in {agree} of {len(seeds)} seeds)"
        )
    verdict = "does not hold"
    if told == len(ACTIONS):
        verdict = "holds"
    elif told or raised == len(ACTIONS):
        verdict = "holds in part"
    return Claim(
        "Figure 4",
        HIGHER,
        result.data,
        f"{METHOD}, mean rank of the person: {'; '.join(said)}; {_against_background(result)}",
        verdict,
    )


def _against_background(result: Bias) -> str:
    """In how many photos the person ranks above the background, for each kind of model."""
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
