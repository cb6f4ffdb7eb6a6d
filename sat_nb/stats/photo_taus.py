"""Rank correlations of two rankings, photo by photo and over the set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sat_nb.arrays import Float64
from sat_nb.stats.bootstrap import bootstrap, cell_sums
from sat_nb.stats.kendall import tau_of_rows


def taus_of_photos(ranks: pd.DataFrame) -> pd.DataFrame:
    """Kendall's tau-b between the columns ``a`` and ``b`` of each photo.

    >>> ranks = pd.DataFrame({"image_id": ["p"] * 3, "a": [1.0, 2, 3], "b": [1.0, 3, 2]})
    >>> taus_of_photos(ranks)
      image_id  n_segments       tau
    0        p           3  0.333333
    """
    found = [
        (image_id, len(rows), float(tau_of_rows(*(rows[s].to_numpy()[None] for s in "ab"))[0]))
        for image_id, rows in ranks.groupby("image_id", sort=False)
    ]
    return pd.DataFrame(found, columns=["image_id", "n_segments", "tau"])


def mean_taus(
    ranks: pd.DataFrame, photos: pd.DataFrame, units: pd.Series, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The mean of the photos' correlations, and that of the mean ranks, with intervals.

    ``units`` holds the unit of each photo, by its id.
    """
    codes, names = pd.factorize(units.reindex(photos["image_id"]), sort=True)
    by_image = dict(zip(photos["image_id"], codes, strict=True))
    known = photos["tau"].notna().to_numpy()
    of_photos = np.stack(
        [
            np.bincount(codes[known], values, minlength=len(names))[:, None]
            for values in (photos["tau"].to_numpy()[known], np.ones(known.sum()))
        ],
        axis=1,
    )
    segments, found = pd.factorize(ranks["segment"], sort=True)
    rows, shape = ranks["image_id"].map(by_image).to_numpy(), (len(names), len(found))
    sums = (ranks["a"].to_numpy(), ranks["b"].to_numpy(), np.ones(len(ranks)))
    of_set = np.stack([cell_sums(rows, segments, one, shape) for one in sums], axis=1)
    settings = {
        "level": 1 - options["alpha"],
        **{name: options[name] for name in ("n_resamples", "interval", "seed")},
    }
    first = bootstrap(of_photos, _mean, **settings)
    second = bootstrap(of_set, _tau_of_means, **settings)
    return {
        "tau": float(_mean(of_photos.sum(axis=0)[None])[0, 0]),
        "low": first.low[0],
        "high": first.high[0],
        "tau_of_means": float(_tau_of_means(of_set.sum(axis=0)[None])[0, 0]),
        "low_of_means": second.low[0],
        "high_of_means": second.high[0],
        "n_images": int(known.sum()),
    }


def _mean(sums: Float64) -> Float64:
    with np.errstate(invalid="ignore"):
        return sums[:, 0] / sums[:, 1]


def _tau_of_means(sums: Float64) -> Float64:
    with np.errstate(invalid="ignore"):
        return tau_of_rows(sums[:, 0] / sums[:, 2], sums[:, 1] / sums[:, 2])[:, None]
