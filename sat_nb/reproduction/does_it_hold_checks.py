"""The checks of rankings: similarities with randomised models, summaries, and what they claim.

The verdict of every claim follows from the numbers by a rule.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import sat_nb as sat
from sat_nb.interventions.weight_randomisation import randomise_layers, weighted_layers
from sat_nb.reproduction.claims import Claim
from sat_nb.stats.image_taus import by_size, means, shuffled, taus_with
from sat_nb.stats.rows import KEY
from sat_nb.stats.stability import images_needed

NOISE = "random"  # the method that depends on neither image nor model
WHERE = "beyond the paper"
CONTROLS = (NOISE, "smallest first", "shuffled")
GONE, FAINT = 0.1, 0.5  # similarities above that with noise up to which a map is gone, or faint
STABLE = 0.9  # Kendall's tau
PAPERS_IMAGES = 100  # of a class


# --- randomised models ---------------------------------------------------------------------------


def similarities(
    model: str | os.PathLike[str],
    maps: sat.AttributionStore,
    table: pd.DataFrame,
    images: sat.ImageSet,
    segments: Mapping[str, sat.SegmentationMap],
    *,
    depths: Sequence[int],
    seeds: Sequence[int],
    preprocess: Any,
    work: str | os.PathLike[str],
) -> pd.DataFrame:
    """The similarity of a model's maps and rankings with those of randomised copies of it.

    ``model`` is a saved Keras model, ``maps`` are its maps, with NOISE among the methods, ``table``
    is built from them, and ``images`` are those to compare. ``depths`` are the numbers of layers
    that are random, from the output down, as in ``randomise_layers``. Similarities are averaged
    over the ``seeds`` of the weights. ``work`` keeps the randomised models and their maps.

    Returns a DataFrame with a row for each image, method, ``measure`` and ``against``:
    ``similarity``. ``measure`` is "map" (Spearman's correlation of the absolute maps, channels
    summed) or "ranking" (Kendall's tau-b of the segments' local ranks). ``against`` is the depth as
    text, or NOISE for the similarity of the model's own map with a map of noise: that is the part
    which masks of unequal sizes cause by themselves.
    """
    ids = list(images)
    own = table[table["image_id"].isin(ids)]
    targets = own.drop_duplicates("image_id").set_index("image_id")["target"].astype(int).to_dict()
    methods = [method for method in maps if method != NOISE]
    noise = dict.fromkeys(methods, maps[NOISE])
    parts = [_compared(own, maps, _as_all(own, methods), noise, ids, methods, NOISE)]
    for depth in depths:
        for seed in seeds:
            name = f"{Path(model).stem}_random_{depth}_seed_{seed}"
            file = randomise_layers(model, depth, out=Path(work) / f"{name}.h5", seed=seed)
            found = sat.explain(
                file,
                images,
                methods=methods,
                preprocess=preprocess,
                target={i: targets[i] for i in ids},
                out=Path(work) / f"{name}_maps",
            )
            other = sat.build(found, {i: segments[i] for i in ids})
            parts.append(_compared(own, maps, other, found, ids, methods, str(depth)))
    keys = ["against", "measure", "method", "image_id"]
    every = pd.concat(parts, ignore_index=True)
    return every.groupby(keys, sort=False)["similarity"].mean().reset_index()


def layer_names(model: str | os.PathLike[str], depths: Sequence[int]) -> dict[int, str]:
    """{depth: its lowest random layer}."""
    names = weighted_layers(model)
    return {depth: names[depth - 1] for depth in depths}


def spearman(a: NDArray, b: NDArray) -> float:
    """Spearman's rank correlation of the absolute values of two maps (H, W, C), channels summed.

    NaN where a map is constant.

    >>> spearman(np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([[1.0, 4.0], [9.0, 16.0]]))
    1.0
    """
    from scipy.stats import rankdata

    x, y = (rankdata(np.abs(m.sum(axis=2) if m.ndim == 3 else m)) for m in (a, b))
    x, y = x - x.mean(), y - y.mean()
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm > 0 else float("nan")


def _as_all(table: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """The rows of the map of noise, once under the name of each method."""
    rows = table[table["method"] == NOISE]
    return pd.concat([rows.assign(method=method) for method in methods], ignore_index=True)


def _compared(
    own: pd.DataFrame,
    maps: Mapping[str, Mapping[str, NDArray]],
    other: pd.DataFrame,
    others: Mapping[str, Mapping[str, NDArray]],
    ids: Sequence[str],
    methods: Sequence[str],
    against: str,
) -> pd.DataFrame:
    """The similarities with one randomised model."""
    parts = []
    for method in methods:
        mine, theirs = (rows[rows["method"] == method] for rows in (own, other))
        taus = _rank_taus(mine, theirs, ids)
        alike = pd.Series({i: spearman(maps[method][i], others[method][i]) for i in ids})
        for measure, values in (("map", alike), ("ranking", taus)):
            rows = values.rename_axis("image_id").rename("similarity").reset_index()
            parts.append(rows.assign(measure=measure, method=method, against=against))
    return pd.concat(parts, ignore_index=True)


def _rank_taus(own: pd.DataFrame, other: pd.DataFrame, ids: Sequence[str]) -> pd.Series:
    """Kendall's tau of the ranks in both, by image; NaN where one of them has no rows."""
    ranks = other[other["segment"].notna()].set_index(KEY)["rank"]
    there = own[own["image_id"].isin(ranks.index.get_level_values("image_id"))]
    if there.empty:
        return pd.Series(np.nan, index=list(ids))
    return taus_with(there, -ranks).iloc[:, 0].reindex(list(ids))


# --- summaries -----------------------------------------------------------------------------------

MEASURED = ("whole", "by pixel")
"""The effect of a deletion: |change of the logit|, or this divided by the segment's pixels."""


def summary_of_effects(table: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """How far ranks agree with effects: the frame ``deletion`` of ``DoesItHold``.

    ``table`` is from ``build``, with NOISE among its methods; ``effects`` are from
    ``deletion_effects``. A ranking by size and a random one are added as controls.
    """
    rankings = pd.concat([table, by_size(table), shuffled(table)], ignore_index=True)
    parts = []
    for deletion, rows in effects.groupby("deletion", sort=False):
        change = rows.set_index(KEY)[["effect", "mask_px"]]
        size = change["effect"].abs()
        for measured, values in zip(MEASURED, (size, size / change["mask_px"]), strict=True):
            taus = taus_with(rankings, values)
            found = means(taus).rename(columns={"mean": "tau"})
            gains = means(taus.sub(taus[NOISE], axis=0))
            found[["gain", "gain_low", "gain_high"]] = gains[["mean", "low", "high"]]
            parts.append(_headed(found, deletion=deletion, measured=measured))
    return pd.concat(parts, ignore_index=True)


def summary_of_similarities(found: pd.DataFrame, layers: Mapping[int, str]) -> pd.DataFrame:
    """The similarity that is left at each depth: the frame ``randomisation`` of ``DoesItHold``.

    ``found`` is from ``similarities``, ``layers`` is {depth: its lowest random layer}.
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
    """A row for each image, a column for each method."""
    return rows[rows["against"] == against].pivot_table(
        index="image_id", columns="method", values="similarity", dropna=False
    )


def _headed(found: pd.DataFrame, **head: Any) -> pd.DataFrame:
    """The frame with the columns of ``head`` first, then the method, then the numbers."""
    rows = found.rename_axis("method").reset_index().assign(**head)
    columns = [*head, "method"]
    return rows[[*columns, *rows.columns.difference(columns, sort=False)]]


# --- claims --------------------------------------------------------------------------------------


def claims(result: Any) -> tuple[Claim, ...]:
    """What rankings are worth, as claims with verdicts that follow from the numbers.

    Parameters
    ----------
    result : DoesItHold
        From :func:`run`.

    Returns
    -------
    tuple of Claim
        Two about deletion, two about randomised models, one about the images needed.
    """
    return (
        *(_deletion(result, measured, paper) for measured, paper in DELETED.items()),
        *(_randomised(result, measure, paper) for measure, paper in VANISH.items()),
        _stable(result),
    )


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
    """The lowest and highest tau of each method."""
    spans = rows.groupby("method", sort=False)["tau"].agg(["min", "max"])
    return ", ".join(
        f"{method}{'*' if marked is not None and marked[method] else ''} {low:.2f} to {high:.2f}"
        for method, low, high in spans.itertuples()
    )


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
    most = rows["n_images"].max()
    rows = rows.round(2)
    listed = ", ".join(
        f"{method} {similarity:.2f} (noise {noise + 0.0:.2f}; {state}"
        + (f"; {n} of {most} images)" if n < most else ")")
        for method, similarity, noise, n, state in zip(
            *(rows[name] for name in ("method", "similarity", "noise", "n_images")),
            states,
            strict=True,
        )
    )
    found = f"similarity with the trained model's, all layers random: {listed}"
    return Claim(WHERE, paper, result.data, found, _vanished(states))


def _state(low: float, high: float) -> str:
    """What the interval of the similarity above that with noise tells.

    >>> _state(-0.1, 0.05), _state(0.1, 0.3), _state(0.6, 0.8), _state(-0.2, 0.6)
    ('gone', 'faint', 'left', 'open')
    >>> _state(np.nan, np.nan)  # no image has a map
    'open'
    """
    if high <= GONE:
        return "gone"
    if not low > 0:
        return "open"
    return "faint" if high <= FAINT else "left"


def _vanished(states: pd.Series) -> str:
    """Holds where all are gone; does not hold where all that can be told are left."""
    known = states[states != "open"]
    if known.empty:
        return "cannot tell"
    if (known == "left").all():
        return "does not hold"
    return "holds" if (states == "gone").all() else "holds in part"


def _stable(result: Any) -> Claim:
    stability = result.stability
    needed = images_needed(stability, tau=STABLE)
    largest = int(stability["n_images"].max())
    last = stability[stability["n_images"] == largest].set_index("method")["tau"]
    listed = ", ".join(
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
        f"at least {STABLE} on average: {listed}",
        verdict,
    )


def _share(able: pd.Series) -> str:
    if able.all():
        return "holds"
    return "holds in part" if able.any() else "does not hold"


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
