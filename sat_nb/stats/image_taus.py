"""Rank correlations of a ranking with another one, or with measured effects, image by image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.errors import IdMismatch, shorten
from sat_nb.stats.bootstrap import bootstrap, cell_sums
from sat_nb.stats.kendall import tau_of_rows
from sat_nb.stats.rows import KEY
from sat_nb.stats.seeds import image_generator


def taus_with(table: pd.DataFrame, effects: pd.Series) -> pd.DataFrame:
    """Kendall's tau-b between local ranks and effects, one row an image, one column a method.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``build``: ``image_id``, ``segment``, ``method``, ``rank``.
    effects : pandas.Series
        How much each segment matters by another measure, by (``image_id``, ``segment``); large
        effects matter most.

    Returns
    -------
    pandas.DataFrame
        1 if the effects fall with rank, 0 unrelated, -1 reversed; NaN if an image has fewer than
        two segments, or all of them tie.

    Raises
    ------
    IdMismatch
        For segments without an effect.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = build(*toy(3))
    >>> size = table.query("method == 'sharp'").set_index(["image_id", "segment"])
    >>> taus_with(table, size["abs_mean_attribution"]).round(2)
    method    sharp  noisy
    image_id
    image_00    1.0   0.33
    image_01    1.0   0.60
    image_02    1.0   1.00
    """
    present = table[table["segment"].notna()]
    wanted = pd.MultiIndex.from_frame(present[KEY]).unique()
    lacking = wanted[~wanted.isin(effects.index)]
    if len(lacking):
        raise IdMismatch(
            f"effects: {len(lacking)} segments of the table have none (image, segment): "
            f"{shorten(lacking)}; measure all of them, or filter the table."
        )
    by_image = effects.loc[wanted].unstack()
    values = by_image.to_numpy(float)
    largest = np.nanmax(np.abs(values), axis=1, keepdims=True, initial=0.0)
    sizes = values / np.where(largest > 0, largest, 1.0)  # equal means tie on any scale
    taus = {}
    for method, rows in present.groupby("method", sort=False):
        ranks = rows.set_index(KEY)["rank"].unstack()
        ranks = ranks.reindex(index=by_image.index, columns=by_image.columns)
        taus[method] = tau_of_rows(-ranks.to_numpy(float), sizes)
    return pd.DataFrame(taus, index=by_image.index).rename_axis(columns="method")


def means(by_image: pd.DataFrame, *, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """The mean of each column over the images (rows) that have a value, with a BCa interval.

    Returns
    -------
    pandas.DataFrame
        One row for each column: ``mean``, ``low``, ``high``, ``n_images``.

    Examples
    --------
    >>> means(pd.DataFrame({"lrp.z": [0.2, 0.4, 0.3, np.nan, 0.5, 0.4]})).round(2)
           mean   low  high  n_images
    lrp.z  0.36  0.26  0.45         5
    """
    values = by_image.to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    sums = np.stack([np.where(known, values, 0.0), known.astype(np.float64)], axis=1)

    def mean_of(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            return totals[:, 0] / totals[:, 1]

    bounds = bootstrap(sums, mean_of, level=level, seed=seed)
    return pd.DataFrame(
        {
            "mean": mean_of(sums.sum(axis=0)[None])[0],
            "low": bounds.low,
            "high": bounds.high,
            "n_images": known.sum(axis=0),
        },
        index=by_image.columns,
    )


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """A control that ignores the map: the table with the smallest segment of an image first.

    A method's ranks that only reflect the sizes of segments agree with it. ``method`` is "smallest
    first".
    """
    first = table.drop_duplicates(KEY)  # some methods lack rows of some images
    ranks = first.groupby("image_id", sort=False)["mask_px"].rank()
    return first.assign(method="smallest first", rank=ranks.astype(float))


def shuffled(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """A control without information: the table with each image's ranks in random order.

    ``method`` is "shuffled"; its expected tau with anything is 0.
    """
    first = table.drop_duplicates(KEY)  # some methods lack rows of some images
    ranks = [
        pd.Series(image_generator(seed, str(image_id)).permutation(rows["rank"]), rows.index)
        for image_id, rows in first.groupby("image_id", sort=False)
    ]
    return first.assign(method="shuffled", rank=pd.concat(ranks))


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
