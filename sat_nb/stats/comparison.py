"""Comparison, the result of ``compare``."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

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
        The pairs, better first, that differ under "absolute" and not, or not in that direction, on
        the images that have both; see ``compare_missing``.
    created_by_presence, reversed_by_presence, hidden_by_presence : tuple of pairs of str
        Under "absolute": the pairs, better first, that differ there alone; that differ the other
        way round on the images that have both; and that differ on these images alone.
    unit : str or None
        The column of ``unit`` in ``compare``, or "unit" for a mapping; None where every image
        counts as independent.
    n_units : int or None
        The number of units.
    driven_by_size : tuple of pairs of str
        With ``unit``: the pairs that differ, but not if each unit has one vote.
    n_needed : int or None
        How many images (with ``unit``: units) the test needs before any pair of so many segments
        can differ, where there are too few; None otherwise.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> result = compare(build(*toy()), method="sharp")
    >>> result.mean_ranks["eyes"], result.groups, result.n_total
    (1.0, (), 20)
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
    created_by_presence: tuple[tuple[str, str], ...] = ()
    reversed_by_presence: tuple[tuple[str, str], ...] = ()
    hidden_by_presence: tuple[tuple[str, str], ...] = ()
    unit: str | None = None
    n_units: int | None = None
    driven_by_size: tuple[tuple[str, str], ...] = ()
    n_needed: int | None = None

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
    """Padding creates, reverses or hides differences, as segments are missing from images.

    Examples
    --------
    >>> import warnings
    >>> warnings.simplefilter("error", PresenceWarning)  # doctest: +SKIP
    """


class TooFewWarning(UserWarning):
    """So few images, or units, that nothing can come out different, however clear it is.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as found:
    ...     warnings.simplefilter("always")
    ...     result = compare(build(*toy(3)), method="sharp")
    >>> [warning.category.__name__ for warning in found]
    ['TooFewWarning']
    """


class UnitSizeWarning(UserWarning):
    """Differences rest on the units with many images.

    Examples
    --------
    >>> import warnings
    >>> warnings.simplefilter("ignore", UnitSizeWarning)  # doctest: +SKIP
    """


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
    one_alone = pairs[["n_a", "n_b"]].max(axis=1) > pairs["n_both"]
    here, there = pairs["different_absolute"] & one_alone, pairs["different_complete"] & one_alone
    kinds = {
        "created": here & ~there,
        "reversed": here & there & ~same_way,
        "hidden": there & ~here,
    }
    presence = np.select(list(kinds.values()), list(kinds), "")
    driven = kinds["created"] | kinds["reversed"]
    return pairs.assign(driven_by_presence=driven, presence=presence)


def with_presence(padded: Comparison, complete: Comparison) -> Comparison:
    """The padded comparison, with the pairs whose differences presence makes, turns or hides."""
    pairs = both_ways(padded, complete)
    ahead = np.where(pairs["presence"] == "hidden", pairs["lead_complete"], 1.0) >= 0
    a, b = pairs["segment_a"], pairs["segment_b"]
    pairs = pairs.assign(first=a.where(ahead, b), second=b.where(ahead, a))
    return replace(
        padded,
        driven_by_presence=_named(pairs[pairs["driven_by_presence"]]),
        created_by_presence=_named(pairs[pairs["presence"] == "created"]),
        reversed_by_presence=_named(pairs[pairs["presence"] == "reversed"]),
        hidden_by_presence=_named(pairs[pairs["presence"] == "hidden"]),
    )


def _named(pairs: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    return tuple(pairs[["first", "second"]].itertuples(index=False, name=None))


def warn_about_presence(result: Comparison, test: str, where: str, stacklevel: int) -> None:
    """Warn of the pairs that presence decides, and name the test that checked them."""
    created, hidden = result.created_by_presence, result.hidden_by_presence
    turned = result.reversed_by_presence
    n_different = int(np.triu(result.different.to_numpy(), 1).sum())
    parts = []
    if created:
        parts.append(
            f"{len(created)} of {n_different} differences under method {result.method!r}{where} "
            f"rest on presence: on the images that have both, {test!r} finds no such difference, "
            f"or they are too few: {_first(created)}"
        )
    if turned:
        parts.append(
            f"{len(turned)} of {n_different} differences under method {result.method!r}{where} "
            f"are reversed: on the images that have both, {test!r} finds the second ahead: "
            f"{_first(turned)}"
        )
    if hidden:
        parts.append(
            f"{len(hidden)} differences under method {result.method!r}{where} are hidden: {test!r} "
            f"finds them on the images that have both, the first ahead: {_first(hidden)}"
        )
    if parts:
        warnings.warn(
            f"{'. '.join(parts)}. An image that lacks a segment ranks it last. See "
            "created_by_presence, reversed_by_presence, hidden_by_presence, compare_missing, or "
            "compare with missing='complete'.",
            PresenceWarning,
            stacklevel=stacklevel,
        )


def _first(pairs: tuple[tuple[str, str], ...]) -> str:
    more = "; ..." if len(pairs) > 3 else ""
    return "; ".join(f"{a!r} and {b!r}" for a, b in pairs[:3]) + more


def warn_about_size(result: Comparison, where: str, stacklevel: int) -> None:
    """Warn of the pairs in ``driven_by_size``."""
    if result.driven_by_size:
        n_different = int(np.triu(result.different.to_numpy(), 1).sum())
        warnings.warn(
            f"{len(result.driven_by_size)} of {n_different} differences under method "
            f"{result.method!r}{where} rest on units with many images: with one vote a unit they "
            f"are not found, or the other way round: {_first(result.driven_by_size)}. If large "
            "units are special, say what the result is about: the typical image (as here) or the "
            "typical unit; one image a unit tests the latter.",
            UnitSizeWarning,
            stacklevel=stacklevel,
        )


def warn_about_few(result: Comparison, n: int, where: str, stacklevel: int) -> None:
    """Warn that no pair could have come out different; ``n`` images, or units, were compared."""
    k = len(result.mean_ranks)
    things = "images" if result.unit is None else f"units ({result.unit})"
    needed = (
        f"at least {result.n_needed} are needed"
        if result.n_needed
        else f"so many pairs cannot be told apart by any number of {things}"
    )
    warnings.warn(
        f"{k} segments make {k * (k - 1) // 2} pairs: with test={result.test!r} and alpha="
        f"{result.alpha:g} none of them can differ in {n} {things}{where}, however clear the "
        f"ranks are; {needed}. Compare fewer segments, or more images.",
        TooFewWarning,
        stacklevel=stacklevel,
    )
