"""The paper's engine beside this project's: how far do ranks and verdicts differ?

The paper explains with iNNvestigate. A study that is explained twice runs again with settings in
which each method is replaced by its twin, ``innvestigate.NAME``; photos and models are shared.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

import sat_nb as sat
from sat_nb.reproduction.claims import Claim

Settings = TypeVar("Settings")
Tables = Mapping[str, pd.DataFrame]
"""{part of a figure: the rows behind it, of one model, under any number of methods}."""

TWINS: dict[str, str] = dict(zip(sat.PAPER_METHODS, sat.PARITY_METHODS, strict=True))
"""{method as this project computes it: the same as iNNvestigate does}."""

REASONS = {
    "deep_taylor": "iNNvestigate gives each branch of a sum all of its relevance, and decomposes "
    "outputs that are not positive, too",
    "integrated_gradients": "iNNvestigate takes a left Riemann sum of 64 steps, this project the "
    "midpoint rule with 36",
    "smoothgrad": "iNNvestigate ignores its noise scale: its sigma is 1 in input units, here it "
    "is 15 % of the photo's range, and its noise has no seed",
}
"""{method: why the two may differ}; the other methods are the same formula."""

PAPER = (
    "The paper explains with iNNvestigate, these figures with this project's own engine (here: do "
    "both decide the same pairs of segments)."
)
RANK_COLUMNS = (
    *("part", "method", "segment", "rank", "rank_innvestigate", "difference"),
    *("n_images", "n_images_innvestigate"),
)
UNSEEN = 0.005  # a difference of mean ranks that is 0.00 when printed


def as_in_paper(settings: Settings) -> Settings:
    """The settings with each of their ``methods`` as iNNvestigate computes it."""
    there: Any = settings
    return replace(there, methods=tuple(TWINS[name] for name in there.methods))


def computed(method: str, methods: Iterable[str]) -> str:
    """The method, or its twin where only that one is among ``methods``.

    >>> computed("lrp.z", ["innvestigate.lrp.z"])
    'innvestigate.lrp.z'
    """
    return method if method in set(methods) else TWINS[method]


@dataclass(frozen=True, eq=False)
class Parity:
    """What changes when iNNvestigate computes the maps.

    ``ranks`` has a row for each part, method and segment: ``rank``, ``rank_innvestigate``, their
    ``difference``, and how many images each is a mean over. ``pairs`` has a row for each part and
    method: ``n_pairs`` and ``n_different``, the pairs of segments that are decided differently.
    ``refused`` are the methods by which iNNvestigate does not explain this model.
    """

    ranks: pd.DataFrame
    pairs: pd.DataFrame
    refused: tuple[str, ...] = ()

    def summary(self) -> pd.DataFrame:
        """By method: ``largest`` and ``mean`` |difference|, ``n_pairs`` and ``n_different``."""
        sizes = self.ranks["difference"].abs().groupby(self.ranks["method"], sort=False)
        counts = self.pairs.groupby("method", sort=False)[["n_pairs", "n_different"]].sum()
        largest, mean = sizes.max().rename("largest"), sizes.mean().rename("mean")
        return pd.concat([largest, mean, counts], axis=1)


def compared(own: Tables, innvestigate: Tables, *, alpha: float = 0.05) -> Parity:
    """Compare ranks and decisions, part by part, method by method, segment by segment.

    Parameters
    ----------
    own : Mapping
        {part: Segment Attribution Table} under this project's methods.
    innvestigate : Mapping
        The same parts under the twins of these methods.
    alpha : float, default 0.05
        The level of the tests of pairs.

    Returns
    -------
    Parity
        Differences of ranks, and pairs that are decided differently.
    """
    ranks, pairs, refused = [], [], {}
    for part, rows in own.items():
        for method, mine in rows.groupby("method", sort=False):
            there = innvestigate[part]
            twin = there[there["method"] == TWINS[str(method)]]
            if twin.empty:
                refused[str(method)] = True
                continue
            key = {"part": part, "method": method}
            ranks.append(_ranks(mine, twin).assign(**key))
            pairs.append({**key, **_pairs(mine, twin, alpha=alpha)})
    return Parity(
        pd.concat(ranks, ignore_index=True)[[*RANK_COLUMNS]], pd.DataFrame(pairs), tuple(refused)
    )


def _ranks(own: pd.DataFrame, twin: pd.DataFrame) -> pd.DataFrame:
    """Relative mean ranks of the segments, by both."""
    sides = [sat.aggregate(rows, value="rank").set_index("segment") for rows in (own, twin)]
    columns = ["rank", "n_images"]
    both = sides[0][columns].join(sides[1][columns], rsuffix="_innvestigate")
    both = both.assign(difference=both["rank_innvestigate"] - both["rank"])
    return both.rename_axis("segment").reset_index()


def _pairs(own: pd.DataFrame, twin: pd.DataFrame, *, alpha: float) -> dict[str, int]:
    """How many pairs are tested, and how many of them are decided differently."""
    if own["image_id"].nunique() < 2:
        return {"n_pairs": 0, "n_different": 0}
    first, second = (_decisions(rows, alpha) for rows in (own, twin))
    second = second.reindex(index=first.index, columns=first.columns)
    upper = np.triu_indices(len(first), 1)
    return {
        "n_pairs": len(upper[0]),
        "n_different": int((first.to_numpy() != second.to_numpy())[upper].sum()),
    }


def _decisions(rows: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """1 where the row's segment is significantly ahead of the column's, -1 behind, else 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # said where the study itself compares
        result = sat.compare(rows, method=str(rows["method"].iloc[0]), alpha=alpha)
    names = sorted(result.mean_ranks.index)
    ranks = result.mean_ranks[names].to_numpy()
    ahead = np.sign(ranks[None, :] - ranks[:, None])
    return result.different.loc[names, names] * ahead


def changed_verdicts(own: Sequence[Claim], innvestigate: Sequence[Claim]) -> tuple[str, ...]:
    """A line for each claim whose verdict changes.

    >>> one = Claim("Figure 9", "The eyes lead.", "embedded", "rank 1.2", "holds")
    >>> changed_verdicts([one], [replace(one, verdict="does not hold")])
    ('"The eyes lead." (Figure 9): does not hold instead of holds',)
    """
    return tuple(
        f'"{a.paper}" ({a.where}): {b.verdict} instead of {a.verdict}'
        for a, b in zip(own, innvestigate, strict=True)
        if a.verdict != b.verdict
    )


def parity_claim(where: str, data: str, parity: Parity, changed: Sequence[str]) -> Claim:
    """The comparison as a row of the table of claims; ``changed`` are the verdicts that change.

    It holds where no pair is decided differently under any method and no verdict changes, in part
    where that is so of some methods, and cannot be told where no pair is tested.
    """
    table = parity.summary()
    alike = table["n_different"] == 0
    verdict = "holds in part" if alike.any() else "does not hold"
    if alike.all() and not changed:
        verdict = "holds"
    if not table["n_pairs"].sum():
        verdict = "cannot tell"
    tested = ", pairs decided differently" if table["n_pairs"].sum() else ""
    sentences = [
        f"Largest (mean) difference of mean ranks{tested}: {_counted(table)}",
        *(f"{name}: {REASONS[name]}" for name in _differing(table) if name in REASONS),
    ]
    if parity.refused:
        sentences.append(f"iNNvestigate refuses this model for {', '.join(parity.refused)}")
    sentences.append("With iNNvestigate's maps " + ("; ".join(changed) or "no verdict changes"))
    return Claim(where, PAPER, data, ". ".join(sentences), verdict)


def _counted(table: pd.DataFrame) -> str:
    """The numbers of each method, in words."""
    said = []
    for name, row in table.to_dict("index").items():
        pairs = f", {row['n_different']} of {row['n_pairs']}" if row["n_pairs"] else ""
        said.append(f"{name} {row['largest']:.2f} ({row['mean']:.2f}){pairs}")
    return "; ".join(said)


def _differing(table: pd.DataFrame) -> pd.Index:
    return table.index[(table["largest"] >= UNSEEN) | (table["n_different"] > 0)]
