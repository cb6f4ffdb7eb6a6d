"""What absence alone does to a comparison: "absolute" and "complete" side by side."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from sat_nb.stats.comparison import Comparison


class PresenceWarning(UserWarning):
    """Segments differ because images lack them; their attribution does not show it."""


def side_by_side(padded: Comparison, complete: Comparison) -> pd.DataFrame:
    """One row a pair, in the order of ``padded``; see ``compare_missing`` for the columns."""
    one, two = padded.pairs(), complete.pairs()
    swapped = two.rename(columns={"segment_a": "segment_b", "segment_b": "segment_a"})
    swapped = swapped.assign(lead=-two["lead"], effect_size=-two["effect_size"])
    key, suffixes = ["segment_a", "segment_b"], ("_absolute", "_complete")
    pairs = one.merge(pd.concat([two, swapped]), how="left", on=key, suffixes=suffixes)
    pairs = pairs.drop(columns="n_compared_absolute")
    pairs.insert(2, "n_a", padded.n_images[pairs["segment_a"]].to_numpy())
    pairs.insert(3, "n_b", padded.n_images[pairs["segment_b"]].to_numpy())
    pairs.insert(4, "n_both", pairs.pop("n_compared_complete"))
    same_way = np.sign(pairs["effect_size_absolute"]) == np.sign(pairs["effect_size_complete"])
    shown = pairs["different_complete"] & same_way
    apart = pairs[["n_a", "n_b"]].max(axis=1) > pairs["n_both"]  # one is there without the other
    return pairs.assign(driven_by_presence=pairs["different_absolute"] & apart & ~shown)


def driven_by_presence(padded: Comparison, complete: Comparison) -> tuple[tuple[str, str], ...]:
    """The pairs, better first, that differ in ``padded`` and not so on their own images."""
    pairs = side_by_side(padded, complete)
    driven = pairs.loc[pairs["driven_by_presence"], ["segment_a", "segment_b"]]
    return tuple(driven.itertuples(index=False, name=None))


def warn_of(result: Comparison) -> None:
    """Name the pairs of ``driven_by_presence``, for the caller of the public function."""
    if not result.driven_by_presence:
        return
    n_different = int(np.triu(result.different.to_numpy(), 1).sum())
    first = "; ".join(f"{a!r} and {b!r}" for a, b in result.driven_by_presence[:3])
    names = first + ("; ..." if len(result.driven_by_presence) > 3 else "")
    warnings.warn(
        f"{len(result.driven_by_presence)} of {n_different} differences under method "
        f"{result.method!r} rest on presence: an image that lacks a segment ranks it last, and on "
        f"the images that have both, these do not differ or are too few: {names}. See "
        "driven_by_presence, compare_missing, or compare with missing='complete'.",
        PresenceWarning,
        stacklevel=3,
    )
