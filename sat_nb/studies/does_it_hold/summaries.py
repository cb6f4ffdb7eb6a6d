"""Means and intervals over images, of what the checks measured on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sat_nb.stats.rank_effects import KEYS, by_size, means, shuffled, taus_with
from sat_nb.studies.does_it_hold.randomisation import NOISE

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
