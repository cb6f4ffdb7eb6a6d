"""Comparison, the result of ``compare``."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sat_nb.printable import printable


@dataclass(frozen=True, eq=False)
class Comparison:
    """Mean ranks of segments, and the tests between them.

    Parameters
    ----------
    mean_ranks : pandas.Series
        By segment, best first: those that ``missing`` asks for. Under "absolute" a segment that an
        image lacks counts as n + 1; under "complete" they are the relative ones.
    relative_ranks, absolute_ranks : pandas.Series
        Means over the images that have the segment, and over all images.
    n_images : pandas.Series
        How many images have the segment.
    p_values, adjusted_p_values : pandas.DataFrame
        By pair of segments, in the order of ``mean_ranks``; symmetric, 1 on the diagonal. Under
        "complete" a pair that no image has is not tested: NaN, and 1.
    n_compared : pandas.DataFrame
        By pair, the images it is compared on.
    effect_sizes : pandas.DataFrame
        By pair, the matched-pairs rank-biserial correlation (Kerby 2014) of row and column, from
        -1 to 1; above 0 if the row has more attribution. NaN without a common image.
    leads : pandas.DataFrame
        By pair, by how many ranks the row is ahead of the column on average; sign and NaN as for
        ``effect_sizes``.
    groups : tuple of tuple of str
        Two or more segments each that do not differ.
    friedman_p : float
        The p-value of the test over all segments at once: if it is above alpha nothing differs,
        whatever the pairs' p-values. NaN if there is no such test.
    n_total : int
        The number of images.
    method, test : str
        The arguments of ``compare``; ``test`` is the name of the test, with its version if it has
        one.
    alpha : float
        The argument of ``compare``.
    missing : {"absolute", "complete"}
        The argument of ``compare``.
    friedman_ranks : pandas.Series or None
        The mean ranks that Friedman's, aeon's and Nemenyi's tests compare: 1 to k within each image
        with ties averaged, missing segments included. None for tests without them.
    aeon_ranks : pandas.Series or None
        The same if the test is aeon's.
    critical_difference : float or None
        Nemenyi's, between ``friedman_ranks``.
    driven_by_presence : tuple of pairs of str
        The pairs, better first, that differ under "absolute" and not on the images that have both;
        see ``compare_missing``.
    """

    mean_ranks: pd.Series
    relative_ranks: pd.Series
    absolute_ranks: pd.Series
    n_images: pd.Series
    p_values: pd.DataFrame
    adjusted_p_values: pd.DataFrame
    n_compared: pd.DataFrame
    effect_sizes: pd.DataFrame
    leads: pd.DataFrame
    groups: tuple[tuple[str, ...], ...]
    friedman_p: float
    n_total: int
    method: str
    test: str
    alpha: float
    missing: str
    friedman_ranks: pd.Series | None = None
    aeon_ranks: pd.Series | None = None
    critical_difference: float | None = None
    driven_by_presence: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        first = self.mean_ranks.head(3).items()
        best = ", ".join(f"{printable(name)} {rank:.2f}" for name, rank in first)
        return (
            f"Comparison({printable(self.method)}, {len(self.mean_ranks)} segments, "
            f"{self.n_total} images, {self.test} at alpha {self.alpha:g}: {best}, ...)"
        )

    @property
    def different(self) -> pd.DataFrame:
        """Whether two segments differ: a square, symmetric boolean DataFrame."""
        return (self.adjusted_p_values <= self.alpha) & (not self.friedman_p > self.alpha)

    def pairs(self) -> pd.DataFrame:
        """List the pairs of segments, one row each, in the order of ``mean_ranks``.

        Returns
        -------
        pandas.DataFrame
            ``segment_a``, the better one by ``mean_ranks``, ``segment_b``, ``n_compared``,
            ``lead``, ``effect_size`` (above 0 if a has more attribution than b), ``p_value``,
            ``adjusted_p_value``, ``different``.

        Examples
        --------
        >>> from sat_nb.toy import toy
        >>> pairs = compare(build(*toy()), method="sharp").pairs()
        >>> pairs.loc[0, ["segment_a", "segment_b", "lead", "effect_size", "different"]].tolist()
        ['eyes', 'nose', 1.0, 1.0, True]
        """
        names = self.mean_ranks.index.to_numpy()
        a, b = np.triu_indices(len(names), 1)
        squares = {
            "n_compared": self.n_compared,
            "lead": self.leads,
            "effect_size": self.effect_sizes,
            "p_value": self.p_values,
            "adjusted_p_value": self.adjusted_p_values,
            "different": self.different,
        }
        columns = {column: square.to_numpy()[a, b] for column, square in squares.items()}
        return pd.DataFrame({"segment_a": names[a], "segment_b": names[b], **columns})


class PresenceWarning(UserWarning):
    """Segments differ only because images lack them, which is not a matter of attribution."""


def both_ways(padded: Comparison, complete: Comparison) -> pd.DataFrame:
    """The frame of ``compare_missing``, in the order of ``padded``."""
    one, two = padded.pairs(), complete.pairs()
    # The order of the complete ranks may differ, so that each of its pairs is there both ways.
    swapped = two.rename(columns={"segment_a": "segment_b", "segment_b": "segment_a"})
    swapped = swapped.assign(lead=-two["lead"], effect_size=-two["effect_size"])
    key, suffixes = ["segment_a", "segment_b"], ("_absolute", "_complete")
    pairs = one.merge(pd.concat([two, swapped]), how="left", on=key, suffixes=suffixes)
    pairs = pairs.drop(columns="n_compared_absolute")
    pairs.insert(2, "n_a", padded.n_images[pairs["segment_a"]].to_numpy())
    pairs.insert(3, "n_b", padded.n_images[pairs["segment_b"]].to_numpy())
    pairs.insert(4, "n_both", pairs.pop("n_compared_complete"))
    same_way = np.sign(pairs["effect_size_absolute"]) == np.sign(pairs["effect_size_complete"])
    confirmed = pairs["different_complete"] & same_way
    one_alone = pairs[["n_a", "n_b"]].max(axis=1) > pairs["n_both"]
    driven = pairs["different_absolute"] & one_alone & ~confirmed
    return pairs.assign(driven_by_presence=driven)


def driven_by_presence(padded: Comparison, complete: Comparison) -> tuple[tuple[str, str], ...]:
    """The pairs, better first, that differ in ``padded`` but not in ``complete``."""
    pairs = both_ways(padded, complete)
    driven = pairs.loc[pairs["driven_by_presence"], ["segment_a", "segment_b"]]
    return tuple(driven.itertuples(index=False, name=None))


def warn_about_presence(result: Comparison, test: str) -> None:
    """Warn of the pairs in ``driven_by_presence``, and name the test that checked them."""
    if not result.driven_by_presence:
        return
    n_different = int(np.triu(result.different.to_numpy(), 1).sum())
    first = "; ".join(f"{a!r} and {b!r}" for a, b in result.driven_by_presence[:3])
    names = first + ("; ..." if len(result.driven_by_presence) > 3 else "")
    warnings.warn(
        f"{len(result.driven_by_presence)} of {n_different} differences under method "
        f"{result.method!r} rest on presence: an image that lacks a segment ranks it last, and on "
        f"the images that have both, {test!r} finds no such difference, or they are too few: "
        f"{names}. See driven_by_presence, compare_missing, or compare with missing='complete'.",
        PresenceWarning,
        stacklevel=3,
    )
