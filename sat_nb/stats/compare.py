"""compare: which segments differ in rank, and which cannot be told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_level
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.stats.comparison import Comparison, driven_by_presence, side_by_side, warn_of
from sat_nb.stats.rank_tests import TESTS, Verdict
from sat_nb.stats.signed_rank import rank_biserial
from sat_nb.table.aggregations import absolute, relative
from sat_nb.table.schema import check_table
from sat_nb.table.totals import segment_totals

MISSING = ("absolute", "complete")


def compare(
    table: pd.DataFrame,
    *,
    method: str,
    alpha: float = 0.05,
    test: str = "wilcoxon-holm",
    missing: str = "absolute",
) -> Comparison:
    """Test which segments differ in local rank under one saliency method.

    Parameters
    ----------
    table: from ``build``, of one model and one class.
    method: the saliency method whose rows are compared.
    alpha: level at which the differences of all pairs together are tested.
    test: "wilcoxon-holm": Friedman's test and, where it rejects, two-sided Wilcoxon
        signed-rank tests of all pairs with step-down Holm; groups are all maximal sets
        of segments that do not differ. "nemenyi": Friedman's test and, where it rejects,
        Nemenyi's critical difference between mean ranks. "aeon": the test behind the
        paper's diagrams, as in aeon 1.3's ``plot_critical_difference``: one-sided Wilcoxon
        tests that drop ties, each at alpha / (k - 1); groups grow from each segment down
        the ranks and stop at the first difference.
    missing: "absolute": an image that lacks a segment ranks it n + 1, as the paper does.
        Segments that few images have are then worse for that reason alone: pairs of which
        only that makes a difference are in ``driven_by_presence``, with a PresenceWarning.
        "complete": each pair is compared on the images that have both, by Wilcoxon and
        Holm without Friedman's test, which takes no gaps; ``mean_ranks`` are the relative
        ones. Pairs then rest on different images, so that a may be ahead of b, b of c, and
        c of a. A pair that no image has is not tested and counts as not different.

    The tests take each image as one independent draw. What they call no difference is that
    the two segments could change places in any image; under "complete", in the images that
    have both. Where a segment is missing just because its attribution is small, those images
    show its strong side, and it seems better than it is. Segments of equal mean but unequal
    spread can differ in rank, and be found. benchmarks/README.md has the error rates.

    Raises InvalidInput for fewer than two segments (three with "aeon"), fewer than two
    images, or "complete" with a test other than "wilcoxon-holm".

    Sources: Demsar 2006 (JMLR 7) for the diagrams and Nemenyi's test; Holm 1979; Hinns &
    Martens 2025.

    >>> from sat_nb.toy import toy
    >>> result = compare(build(*toy()), method="noisy")
    >>> result.groups
    (('nose', 'eyes'), ('ears', 'rest'))
    >>> result.relative_ranks["ears"], result.mean_ranks["ears"], result.n_images["ears"]
    (4.0, 4.25, 15)
    """
    _check_arguments(table, method, alpha, test, missing)
    rows = table[table["method"] == method]
    result = _compared(rows, method, alpha, test, missing)
    if missing == "absolute" and (result.n_images < result.n_total).any():
        complete = _compared(rows, method, alpha, "wilcoxon-holm", "complete")
        driven = driven_by_presence(result, complete)
        result = replace(result, driven_by_presence=driven)
        warn_of(result)
    return result


def compare_missing(
    table: pd.DataFrame, *, method: str, alpha: float = 0.05, test: str = "wilcoxon-holm"
) -> pd.DataFrame:
    """The comparison under "absolute" and under "complete" side by side, one row a pair.

    Parameters
    ----------
    table, method, alpha: as for ``compare``.
    test: under "absolute"; "complete" is always Wilcoxon and Holm.

    Returns a DataFrame in the order of the Absolute mean ranks: ``segment_a``,
    ``segment_b``, ``n_a``, ``n_b`` and ``n_both`` (images that have each and both), then
    ``lead``, ``effect_size``, ``p_value``, ``adjusted_p_value`` and ``different`` of
    ``Comparison.pairs`` twice, with ``_absolute`` and ``_complete`` behind their names, and
    ``driven_by_presence``: some image has one of the two alone, and they differ under
    "absolute" but not, or not in that direction, on the images that have both. Few common
    images also leave a difference unproven.

    >>> from sat_nb.toy import toy
    >>> table = compare_missing(build(*toy()), method="noisy")
    >>> columns = ["segment_a", "segment_b", "n_both", "lead_absolute", "lead_complete"]
    >>> table.loc[[7], columns].round(2)
      segment_a segment_b  n_both  lead_absolute  lead_complete
    7     mouth      ears      15           1.15            0.8
    """
    _check_arguments(table, method, alpha, test, "absolute")
    rows = table[table["method"] == method]
    padded = _compared(rows, method, alpha, test, "absolute")
    complete = _compared(rows, method, alpha, "wilcoxon-holm", "complete")
    return side_by_side(padded, complete)


def rank_matrix(
    rows: pd.DataFrame, segments: pd.Index, missing: str = "absolute"
) -> NDArray[np.float64]:
    """Local ranks (n_images, k) of one method's rows; where a segment is missing, n + 1.

    Under ``missing="complete"`` it is NaN there.
    """
    ranks = rows.set_index(["image_id", "segment"])["rank"].unstack()  # noqa: PD010
    ranks = ranks.reindex(columns=segments)
    if missing == "complete":
        return ranks.to_numpy(dtype=float)
    last = rows.groupby("image_id")["n_segments"].first() + 1
    return np.where(ranks.isna(), last.reindex(ranks.index).to_numpy()[:, None], ranks)


# --- parts --------------------------------------------------------------------------------------


def _compared(rows: pd.DataFrame, method: str, alpha: float, test: str, missing: str) -> Comparison:
    means = _mean_ranks(rows, missing)
    segments = pd.Index(means.index, name="segment")
    ranks = rank_matrix(rows, segments, missing)
    _check_size(ranks, test)
    verdict = _verdict(test, missing, ranks, alpha, segments)
    n_compared, effect_sizes, leads = _effects(ranks, segments)
    own = verdict.friedman_ranks
    friedman_ranks = None if own is None else pd.Series(own, segments, name="friedman_rank")
    return Comparison(
        mean_ranks=means[missing].rename("mean_rank"),
        relative_ranks=means["complete"].rename("relative_rank"),
        absolute_ranks=means["absolute"].rename("absolute_rank"),
        n_images=means["n_images"],
        p_values=_square(verdict.p_values, segments),
        adjusted_p_values=_square(verdict.adjusted_p_values, segments),
        n_compared=n_compared,
        effect_sizes=effect_sizes,
        leads=leads,
        groups=tuple(tuple(segments[i] for i in group) for group in verdict.groups),
        friedman_p=verdict.friedman_p,
        n_total=len(ranks),
        method=method,
        test=test,
        alpha=alpha,
        missing=missing,
        friedman_ranks=friedman_ranks,
        aeon_ranks=friedman_ranks if test == "aeon" else None,
        critical_difference=verdict.critical_difference,
    )


def _verdict(
    test: str, missing: str, ranks: NDArray[np.float64], alpha: float, segments: pd.Index
) -> Verdict:
    asked = TESTS[test].complete if missing == "complete" else TESTS[test].padded
    if asked is None:
        able = [name for name, entry in TESTS.items() if entry.complete is not None]
        raise InvalidInput(
            f"missing: 'complete' compares each pair on images of its own, and test={test!r} "
            f"needs every segment in every image; take test={' or '.join(map(repr, able))}, or "
            "missing='absolute'."
        )
    return asked(ranks, alpha, list(segments))


def _effects(ranks: NDArray[np.float64], segments: pd.Index) -> tuple[pd.DataFrame, ...]:
    """By pair: images compared, rank-biserial correlation, and ranks ahead on average."""
    k = ranks.shape[1]
    i, j = np.triu_indices(k, 1)
    ahead = ranks[:, j] - ranks[:, i]
    n_pair = np.count_nonzero(~np.isnan(ahead), axis=0)
    n_all = np.diag(np.count_nonzero(~np.isnan(ranks), axis=0))
    n_all[i, j] = n_all[j, i] = n_pair
    nothing = np.where(n_pair > 0, 0.0, np.nan)
    effects = [n_all]
    for upper in (rank_biserial(ahead), np.nansum(ahead, axis=0) / np.maximum(n_pair, 1)):
        square = np.zeros((k, k))
        square[i, j], square[j, i] = upper + nothing, -upper + nothing
        effects.append(square)
    return tuple(_square(effect, segments) for effect in effects)


def _mean_ranks(rows: pd.DataFrame, missing: str) -> pd.DataFrame:
    sums = segment_totals(rows, value="rank", by=())
    means = pd.DataFrame(
        {"absolute": absolute(sums), "complete": relative(sums), "n_images": sums["n_images"]}
    )
    return means.reset_index().sort_values([missing, "segment"]).set_index("segment")


def _square(matrix: NDArray[np.float64], segments: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(matrix, index=segments, columns=segments.rename(None))


def _check_arguments(
    table: pd.DataFrame, method: str, alpha: float, test: str, missing: str
) -> None:
    methods = check_table(table)["method"].unique()
    if method not in methods:
        raise unknown_name("method", method, methods)
    if test not in TESTS:
        raise unknown_name("test", test, TESTS)
    if missing not in MISSING:
        raise unknown_name("missing", missing, MISSING)
    checked_level("alpha", alpha, 0.05)


def _check_size(ranks: NDArray[np.float64], test: str) -> None:
    n, k = ranks.shape
    fewest = TESTS[test].fewest
    if k < fewest:
        raise InvalidInput(f"table: test={test!r} needs at least {fewest} segments, got {k}.")
    if n < 2:
        raise InvalidInput(
            "table: a test needs at least 2 images, got 1; look at the rows of one image "
            "themselves, or aggregate more images."
        )
