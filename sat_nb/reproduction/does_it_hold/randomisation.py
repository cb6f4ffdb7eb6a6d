"""Do maps and rankings vanish when the model forgets what it has learnt?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import sat_nb as sat
from sat_nb.interventions.weight_randomisation import randomise_layers, weighted_layers
from sat_nb.stats.rank_effects import KEYS, taus_with

NOISE = "random"  # the method that knows neither image nor model


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
    """How alike maps and rankings of randomised copies of a model are to the model's own.

    Parameters
    ----------
    model: a saved Keras model; ``maps`` and ``table`` (of ``build``) are its, NOISE among their
        methods, and ``images`` those of them to compare.
    depths: how many layers, from the output down, are random; as in ``randomise_layers``.
    seeds: of the weights; similarities are averaged over them.
    work: folder for the randomised models and their maps; a run that was stopped goes on.

    Returns a DataFrame, one row an image, method, ``measure`` and ``against``: ``similarity``.
    ``measure`` is "map" (Spearman's correlation of the |map|s, channels summed) or "ranking"
    (Kendall's tau-b of the segments' local ranks). ``against`` is the depth as text, or NOISE:
    how alike the model's own map is to a map of noise, which is what masks of unequal sizes
    have in common.
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
    """{depth: the lowest layer that is random there}."""
    names = weighted_layers(model)
    return {depth: names[depth - 1] for depth in depths}


def spearman(a: NDArray, b: NDArray) -> float:
    """Spearman's rank correlation of two maps' absolute values (H, W, C), channels summed first.

    NaN where a map is the same everywhere.

    >>> spearman(np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([[1.0, 4.0], [9.0, 16.0]]))
    1.0
    """
    from scipy.stats import rankdata

    x, y = (rankdata(np.abs(m.sum(axis=2) if m.ndim == 3 else m)) for m in (a, b))
    x, y = x - x.mean(), y - y.mean()
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm > 0 else float("nan")


def _as_all(table: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Noise's rows in the place of each method's."""
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
    """The rows of one randomised model."""
    parts = []
    for method in methods:
        ranks = other[(other["method"] == method) & other["segment"].notna()]
        closeness = -ranks.set_index(KEYS)["rank"]
        taus = taus_with(own[own["method"] == method], closeness)[method]
        alike = pd.Series({i: spearman(maps[method][i], others[method][i]) for i in ids})
        for measure, values in (("map", alike), ("ranking", taus)):
            rows = values.rename_axis("image_id").rename("similarity").reset_index()
            parts.append(rows.assign(measure=measure, method=method, against=against))
    return pd.concat(parts, ignore_index=True)
