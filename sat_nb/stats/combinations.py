"""The registry of combinations: how the ranks of several methods become one score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from sat_nb.registry import Entry, registry


def mean_rank(ranks: pd.DataFrame, attributions: pd.DataFrame) -> pd.Series:
    """n + 1 less the mean of the methods' local ranks, for the n segments of an image."""
    # Like Borda's points: the last of n has 1, so that 0 is left for a segment that is missing.
    n = ranks.iloc[:, 0].groupby(level="image_id").transform("size")
    return n + 1 - ranks.mean(axis=1)


def agg_mean(ranks: pd.DataFrame, attributions: pd.DataFrame) -> pd.Series:
    """AGG-Mean: the mean over methods of a segment's share of |mean attribution| in its image."""
    return _shares(attributions).mean(axis=1)


def agg_var(ranks: pd.DataFrame, attributions: pd.DataFrame) -> pd.Series:
    """AGG-Var: AGG-Mean / (standard deviation over methods + epsilon)."""
    shares = _shares(attributions)
    deviation = shares.std(axis=1, ddof=0)
    deviation = deviation.where(deviation > 1e-12, 0.0)  # shares that differ by rounding are equal
    # A smaller epsilon would let segments lead on which methods agree by chance: a segment with
    # nearly no attribution has nearly no deviation either.
    epsilon = 10 * deviation.mean()
    return shares.mean(axis=1) / (deviation + epsilon if epsilon > 0 else 1.0)


def _shares(attributions: pd.DataFrame) -> pd.DataFrame:
    """Each segment's share of its image, method by method; all the same if a map is zero."""
    # The scales of methods differ by powers of ten, so that their values cannot be averaged.
    by_image = attributions.groupby(level="image_id")
    totals = by_image.transform("sum")
    equal = 1 / attributions.iloc[:, 0].groupby(level="image_id").transform("size")
    return (attributions / totals.where(totals > 0)).apply(lambda shares: shares.fillna(equal))


Scores = Callable[[pd.DataFrame, pd.DataFrame], pd.Series]


@dataclass(frozen=True, kw_only=True)
class Combination(Entry):
    """A way to combine what several saliency methods say of the segments of an image.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry.
    parameters : Mapping
        Not used.
    function : callable
        ``(ranks, attributions) -> scores``: local ranks and |mean attributions|, each a DataFrame
        indexed by (``image_id``, ``segment``) with a column for each method; returns a Series with
        the same index. The largest score of an image has rank 1.

    Examples
    --------
    >>> best = Combination(
    ...     name="best_rank",
    ...     about="The best rank that any method gives.",
    ...     function=lambda ranks, attributions: -ranks.min(axis=1),
    ... )
    >>> from sat_nb.toy import toy
    >>> consensus(build(*toy()), combination=best).ranking["rank"].round(2).head(2).to_dict()
    {'eyes': 1.25, 'nose': 1.88}
    """

    function: Scores

    def __call__(self, ranks: pd.DataFrame, attributions: pd.DataFrame) -> pd.Series:
        """The combined scores, by image and segment."""
        return self.function(ranks, attributions)


COMBINATIONS: dict[str, Combination] = registry(
    Combination(
        name="mean_rank",
        about="The mean of the methods' local ranks.",
        source="Borda 1784",
        function=mean_rank,
    ),
    Combination(
        name="agg_mean",
        title="mean share (AGG-Mean)",
        about="The mean of the methods' shares of attribution.",
        source="Rieger & Hansen 2019, arXiv 1903.00519",
        function=agg_mean,
    ),
    Combination(
        name="agg_var",
        title="mean share over spread (AGG-Var)",
        about="The mean of the methods' shares of attribution, divided by how far they differ.",
        source="Rieger & Hansen 2019, arXiv 1903.00519",
        function=agg_var,
    ),
)
"""How ``consensus`` can combine methods."""
