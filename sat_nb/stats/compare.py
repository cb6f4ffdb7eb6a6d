"""compare: which segments differ in local rank, and which do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_level
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.registry import Entry, chosen, lists, registry
from sat_nb.stats.comparison import Comparison, both_ways, driven_by_presence, warn_about_presence
from sat_nb.stats.rank_tests import TESTS, PairTest, TestFunction, run_test
from sat_nb.stats.rows import rows_of_method
from sat_nb.stats.signed_rank import rank_biserial
from sat_nb.table.aggregations import absolute, relative
from sat_nb.table.totals import segment_totals

MISSING: dict[str, Entry] = registry(
    Entry(name="absolute", about="An image that lacks a segment ranks it last, at n + 1."),
    Entry(name="complete", about="Each pair is compared on the images that have both segments."),
)
"""What a segment that an image lacks counts for."""

PRESENCE_TEST = TESTS["wilcoxon-holm"]
"""What tests pairs on the images that have both, where the test asked for cannot."""


@lists(test=TESTS)
def compare(
    table: pd.DataFrame,
    *,
    method: str,
    alpha: float = 0.05,
    test: str | PairTest | TestFunction = "wilcoxon-holm",
    missing: str = "absolute",
) -> Comparison:
    """Test which segments differ in local rank under one saliency method.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``build``, of one model and one class.
    method : str
        The saliency method whose rows are compared.
    alpha : float, default 0.05
        The level at which the differences of all pairs together are tested.
    test : str, PairTest or callable, default "wilcoxon-holm"
        A name in ``TESTS``, an entry of your own, or a function ``(ranks, alpha, names) ->
        p_values`` as described in :class:`PairTest`:

        [[test]]
    missing : {"absolute", "complete"}, default "absolute"
        What a segment that an image lacks counts for.

        - "absolute": it has rank n + 1, as in the paper. Segments that few images have are then
          worse for that reason alone: pairs that differ for no other reason are listed in
          ``driven_by_presence``, with a warning.
        - "complete": each pair is compared on the images that have both, with a test that takes
          gaps; ``mean_ranks`` are the relative ones. Pairs then rest on different images, so that
          a may be ahead of b, b of c, and c of a. A pair that no image has is not tested and
          counts as not different.

    Returns
    -------
    Comparison
        Mean ranks, p-values, effect sizes and groups of segments that do not differ.

    Raises
    ------
    InvalidInput
        For fewer than two images; for fewer segments than the test needs; for "complete" with a
        test that needs every segment in every image; for tables of several models or classes.

    Warns
    -----
    PresenceWarning
        If pairs differ under "absolute" and not on the images that have both. They are tested
        there with the test that was asked for if it takes gaps, else with "wilcoxon-holm"; the
        warning says which.

    See Also
    --------
    compare_missing : Both ways to count missing segments, side by side.

    Notes
    -----
    The tests take each image as one independent draw. The null hypothesis of a pair is that the
    two segments could change places in any image; under "complete", in the images that have both.
    If a segment is missing because its attribution is small, the remaining images show its strong
    side, and it seems better than it is. Segments of equal mean but unequal spread can differ in
    rank, and be found. ``benchmarks/README.md`` has the error rates.

    References
    ----------
    Demsar 2006 (JMLR 7) for critical-difference diagrams; Hinns & Martens 2025.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> result = compare(build(*toy()), method="noisy")
    >>> result.groups
    (('nose', 'eyes'), ('ears', 'rest'))
    >>> result.relative_ranks["ears"], result.mean_ranks["ears"], result.n_images["ears"]
    (4.0, 4.25, 15)
    """
    entry = _chosen_test(test)
    rows = _checked(table, method, alpha, missing)
    result = _compared(rows, method, alpha, entry, missing)
    if missing == "absolute" and (result.n_images < result.n_total).any():
        checked_by = _takes_gaps(entry)
        complete = _compared(rows, method, alpha, checked_by, "complete")
        result = replace(result, driven_by_presence=driven_by_presence(result, complete))
        warn_about_presence(result, checked_by.key)
    return result


def compare_missing(
    table: pd.DataFrame,
    *,
    method: str,
    alpha: float = 0.05,
    test: str | PairTest | TestFunction = "wilcoxon-holm",
) -> pd.DataFrame:
    """Compare under "absolute" and under "complete", side by side, one row a pair.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``build``, of one model and one class.
    method : str
        The saliency method whose rows are compared.
    alpha : float, default 0.05
        The level at which the differences of all pairs together are tested.
    test : str, PairTest or callable, default "wilcoxon-holm"
        As for ``compare``. Under "complete" it is used if it takes gaps, else "wilcoxon-holm".

    Returns
    -------
    pandas.DataFrame
        In the order of the Absolute mean ranks: ``segment_a``, ``segment_b``, ``n_a``, ``n_b`` and
        ``n_both`` (images that have each and both), then ``lead``, ``effect_size``, ``p_value``,
        ``adjusted_p_value`` and ``different`` of ``Comparison.pairs`` twice, with the suffixes
        ``_absolute`` and ``_complete``, and ``driven_by_presence``: some image has one of the two
        alone, and they differ under "absolute" but not, or not in that direction, on the images
        that have both. Few common images also leave a difference unproven.

    Raises
    ------
    InvalidInput
        As ``compare`` does.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = compare_missing(build(*toy()), method="noisy")
    >>> columns = ["segment_a", "segment_b", "n_both", "lead_absolute", "lead_complete"]
    >>> table.loc[[7], columns].round(2)
      segment_a segment_b  n_both  lead_absolute  lead_complete
    7     mouth      ears      15           1.15            0.8
    """
    entry = _chosen_test(test)
    rows = _checked(table, method, alpha, "absolute")
    padded = _compared(rows, method, alpha, entry, "absolute")
    complete = _compared(rows, method, alpha, _takes_gaps(entry), "complete")
    return both_ways(padded, complete)


def rank_matrix(
    rows: pd.DataFrame, segments: pd.Index, missing: str = "absolute"
) -> NDArray[np.float64]:
    """Local ranks (n_images, k) of one method's rows.

    A segment that an image lacks has rank n + 1, or NaN under ``missing="complete"``.
    """
    ranks = rows.set_index(["image_id", "segment"])["rank"].unstack()  # noqa: PD010
    ranks = ranks.reindex(columns=segments)
    if missing == "complete":
        return ranks.to_numpy(dtype=float)
    last = rows.groupby("image_id")["n_segments"].first() + 1
    return np.where(ranks.isna(), last.reindex(ranks.index).to_numpy()[:, None], ranks)


def _chosen_test(test: str | PairTest | TestFunction) -> PairTest:
    return chosen("test", test, TESTS, own=PairTest, from_function=_as_pair_test)


def _as_pair_test(function: TestFunction) -> PairTest:
    return PairTest(name=getattr(function, "__name__", "own test"), padded=function)


def _takes_gaps(test: PairTest) -> PairTest:
    return test if test.complete is not None else PRESENCE_TEST


def _compared(
    rows: pd.DataFrame, method: str, alpha: float, test: PairTest, missing: str
) -> Comparison:
    means = _mean_ranks(rows, missing)
    segments = pd.Index(means.index, name="segment")
    ranks = rank_matrix(rows, segments, missing)
    _check_size(ranks, test)
    result = run_test(_function(test, missing), ranks, alpha, list(segments))
    n_compared, effect_sizes, leads = _effects(ranks, segments)
    means_of_test = result.friedman_ranks
    friedman_ranks = (
        None if means_of_test is None else pd.Series(means_of_test, segments, name="friedman_rank")
    )
    return Comparison(
        mean_ranks=means[missing].rename("mean_rank"),
        relative_ranks=means["complete"].rename("relative_rank"),
        absolute_ranks=means["absolute"].rename("absolute_rank"),
        n_images=means["n_images"],
        p_values=_square(result.p_values, segments),
        adjusted_p_values=_square(result.adjusted_p_values, segments),
        n_compared=n_compared,
        effect_sizes=effect_sizes,
        leads=leads,
        groups=tuple(tuple(segments[i] for i in group) for group in result.groups),
        friedman_p=result.friedman_p,
        n_total=len(ranks),
        method=method,
        test=test.key,
        alpha=alpha,
        missing=missing,
        friedman_ranks=friedman_ranks,
        aeon_ranks=friedman_ranks if test.key == "aeon" else None,
        critical_difference=result.critical_difference,
    )


def _function(test: PairTest, missing: str) -> TestFunction:
    if missing == "absolute":
        return test.padded
    if test.complete is None:
        able = [name for name, entry in TESTS.items() if entry.complete is not None]
        raise InvalidInput(
            f"missing: 'complete' compares each pair on images of its own, and test={test.key!r} "
            f"needs every segment in every image; take test={' or '.join(map(repr, able))}, or "
            "missing='absolute'."
        )
    return test.complete


def _effects(ranks: NDArray[np.float64], segments: pd.Index) -> tuple[pd.DataFrame, ...]:
    """By pair: the images compared, the rank-biserial correlation, and the mean lead in ranks."""
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


def _checked(table: pd.DataFrame, method: str, alpha: float, missing: str) -> pd.DataFrame:
    """The rows of the method; InvalidInput for arguments that make no sense."""
    rows = rows_of_method(table, method)
    if missing not in MISSING:
        raise unknown_name("missing", missing, MISSING)
    checked_level("alpha", alpha, 0.05)
    return rows


def _check_size(ranks: NDArray[np.float64], test: PairTest) -> None:
    n, k = ranks.shape
    if k < test.fewest:
        raise InvalidInput(
            f"table: test={test.key!r} needs at least {test.fewest} segments, got {k}."
        )
    if n < 2:
        raise InvalidInput(
            "table: a test needs at least 2 images, got 1; read the rows of that image themselves, "
            "or use more images."
        )
