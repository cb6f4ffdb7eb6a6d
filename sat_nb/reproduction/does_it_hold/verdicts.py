"""What the three checks say of rankings, as claims whose verdicts follow from the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.does_it_hold.randomisation import NOISE
from sat_nb.stats.rank_effects import KEYS, by_size, means, shuffled, taus_with
from sat_nb.stats.stability import images_needed

WHERE = "beyond the paper"
CONTROLS = ("random", "smallest first", "shuffled")
GONE, FAINT = 0.1, 0.5  # similarities above that with noise up to which it has vanished, or nearly
STABLE = 0.9  # Kendall's tau
PAPERS_IMAGES = 100  # of a class


def claims(result: Any) -> tuple[Claim, ...]:
    """Five claims: two on deletion, two on randomised models, one on the number of images."""
    return (
        *(_deletion(result, measured, paper) for measured, paper in DELETED.items()),
        *(_randomised(result, measure, paper) for measure, paper in VANISH.items()),
        _stable(result),
    )


# --- deletion -----------------------------------------------------------------------------------

DELETED = {
    "whole": "The higher a segment ranks, the more the prediction changes without it.",
    "by pixel": "The higher a segment ranks, the more the prediction changes for each of its "
    "pixels that is deleted (ranks are of means over pixels).",
}


def _deletion(result: Any, measured: str, paper: str) -> Claim:
    rows = result.deletion[result.deletion["measured"] == measured]
    methods = rows[~rows["method"].isin(CONTROLS)]
    tells = (methods["low"] > 0) & (methods["gain_low"] > 0)
    able = tells.groupby(methods["method"], sort=False).all()
    deletions = _listed(rows["deletion"].unique())
    found = (
        f"Kendall's tau with the effect, lowest to highest of {deletions}: "
        f"{_ranges(methods, able)}; controls: {_ranges(rows[rows['method'].isin(CONTROLS)])}. "
        "* = above 0 and above noise by 95 % intervals, whatever the deletion "
        f"(n = {rows['n_images'].max()} images)"
    )
    return Claim(WHERE, paper, result.data, found, _share(able))


def _ranges(rows: pd.DataFrame, marked: pd.Series | None = None) -> str:
    """Each method's lowest and highest tau."""
    spans = rows.groupby("method", sort=False)["tau"].agg(["min", "max"])
    return ", ".join(
        f"{method}{'*' if marked is not None and marked[method] else ''} {low:.2f} to {high:.2f}"
        for method, low, high in spans.itertuples()
    )


# --- randomised models --------------------------------------------------------------------------

VANISH = {
    "map": "Maps depend on what the model has learnt: with random weights they vanish "
    "(Adebayo et al. 2018).",
    "ranking": "Rankings of segments depend on what the model has learnt: with random weights "
    "they vanish.",
}


def _randomised(result: Any, measure: str, paper: str) -> Claim:
    rows = result.randomisation[result.randomisation["measure"] == measure]
    rows = rows[rows["depth"] == rows["depth"].max()]
    states = pd.Series(list(map(_state, rows["left_low"], rows["left_high"])), rows["method"])
    rows = rows.round(2)
    told = ", ".join(
        f"{method} {similarity:.2f} (noise {noise + 0.0:.2f}; {state})"
        for method, similarity, noise, state in zip(
            rows["method"], rows["similarity"], rows["noise"], states, strict=True
        )
    )
    found = f"similarity with the trained model's, all layers random: {told}"
    return Claim(WHERE, paper, result.data, found, _vanished(states))


def _state(low: float, high: float) -> str:
    """From the interval of how much more alike than noise it is.

    >>> _state(-0.1, 0.05), _state(0.1, 0.3), _state(0.6, 0.8), _state(-0.2, 0.6)
    ('gone', 'faint', 'left', 'open')
    """
    if high <= GONE:
        return "gone"
    if low <= 0:
        return "open"
    return "faint" if high <= FAINT else "left"


def _vanished(states: pd.Series) -> str:
    """Holds where all are gone; does not where all that can be told is surely left."""
    known = states[states != "open"]
    if known.empty:
        return "cannot tell"
    if (known == "left").all():
        return "does not hold"
    return "holds" if (states == "gone").all() else "holds in part"


# --- images -------------------------------------------------------------------------------------


def _stable(result: Any) -> Claim:
    stability = result.stability
    needed = images_needed(stability, tau=STABLE)
    largest = int(stability["n_images"].max())
    last = stability[stability["n_images"] == largest].set_index("method")["tau"]
    told = ", ".join(
        f"{method} {n}" if pd.notna(n) else f"{method} more than {largest} ({last[method]:.2f})"
        for method, n in needed.items()
    )
    enough = needed.notna() & (needed <= PAPERS_IMAGES).fillna(False)
    verdict = _share(enough)
    if verdict == "does not hold" and largest < PAPERS_IMAGES:
        verdict = "cannot tell"
    return Claim(
        WHERE,
        f"{PAPERS_IMAGES} images of a class, as in the paper, are enough for a ranking that other "
        "images repeat.",
        result.data,
        f"images in each of two separate samples from which on Kendall's tau of their rankings is "
        f"at least {STABLE} on average: {told}",
        verdict,
    )


def _share(able: pd.Series) -> str:
    if able.all():
        return "holds"
    return "holds in part" if able.any() else "does not hold"


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


MEASURED = ("whole", "by pixel")
"""The effect of a deletion: |change of the logit|, or that divided by the segment's pixels."""


def summary_of_effects(table: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """How far ranks agree with effects: the frame ``deletion`` of ``DoesItHold``.

    ``table`` is from ``build``, with NOISE among its methods; ``effects`` from
    ``deletion_effects``. Rankings by size alone and by chance are added as controls.
    """
    rankings = pd.concat([table, by_size(table), shuffled(table)], ignore_index=True)
    parts = []
    for deletion, rows in effects.groupby("deletion", sort=False):
        change = rows.set_index(KEYS)[["effect", "mask_px"]]
        size = change["effect"].abs()
        for measured, values in zip(MEASURED, (size, size / change["mask_px"]), strict=True):
            taus = taus_with(rankings, values)
            found = means(taus).rename(columns={"mean": "tau"})
            gains = means(taus.sub(taus[NOISE], axis=0))
            found[["gain", "gain_low", "gain_high"]] = gains[["mean", "low", "high"]]
            parts.append(_headed(found, deletion=deletion, measured=measured))
    return pd.concat(parts, ignore_index=True)


def summary_of_similarities(found: pd.DataFrame, layers: Mapping[int, str]) -> pd.DataFrame:
    """What is left at each depth: the frame ``randomisation`` of ``DoesItHold``.

    ``found`` is from ``similarities``, ``layers`` {depth: its lowest random layer}.
    """
    methods = list(found["method"].unique())
    parts = []
    for measure, rows in found.groupby("measure", sort=False):
        noise = _by_image(rows, NOISE)[methods]
        for depth, layer in layers.items():
            alike = _by_image(rows, str(depth))[methods]
            part = means(alike).rename(columns={"mean": "similarity"})
            part["noise"] = noise.mean()
            left = means(alike - noise)
            part[["left", "left_low", "left_high"]] = left[["mean", "low", "high"]]
            parts.append(_headed(part, measure=measure, depth=depth, layer=layer))
    every = pd.concat(parts, ignore_index=True)
    order = every.assign(method=every["method"].map(methods.index))
    order = order.sort_values(["measure", "method", "depth"])
    return every.loc[order.index].reset_index(drop=True)


def _by_image(rows: pd.DataFrame, against: str) -> pd.DataFrame:
    """A row an image, a column a method."""
    return rows[rows["against"] == against].pivot_table(
        index="image_id", columns="method", values="similarity", dropna=False
    )


def _headed(found: pd.DataFrame, **head: Any) -> pd.DataFrame:
    """The head's columns first, then the method, then what was found of it."""
    rows = found.rename_axis("method").reset_index().assign(**head)
    columns = [*head, "method"]
    return rows[[*columns, *rows.columns.difference(columns, sort=False)]]
