"""compare: which segments differ in rank, and which cannot be told apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.stats.cliques import maximal_cliques
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.table.aggregate import absolute, relative, segment_totals
from sat_nb.table.schema import check_table


@dataclass(frozen=True, eq=False)
class Comparison:
    """Mean ranks of segments and the tests between them.

    ``mean_ranks`` are the Absolute ones (a missing segment counts as n + 1),
    ``relative_ranks`` the means over the images that have the segment, ``n_images`` how
    many have it: Series by segment, best (smallest mean rank) first. ``p_values`` and
    ``adjusted_p_values`` are square, symmetric DataFrames in that order, 1 on the
    diagonal. ``groups`` are tuples of two or more segments that do not differ.
    ``friedman_p`` is the p-value of the test over all segments at once.
    ``aeon_ranks`` are aeon's own mean ranks (ties averaged, missing segments among them),
    None for other tests.
    """

    mean_ranks: pd.Series
    relative_ranks: pd.Series
    n_images: pd.Series
    p_values: pd.DataFrame
    adjusted_p_values: pd.DataFrame
    groups: tuple[tuple[str, ...], ...]
    friedman_p: float
    n_total: int
    method: str
    test: str
    alpha: float
    missing: str
    aeon_ranks: pd.Series | None = None

    def __repr__(self) -> str:
        best = ", ".join(f"{name} {rank:.2f}" for name, rank in self.mean_ranks.head(3).items())
        return (
            f"Comparison({self.method}, {len(self.mean_ranks)} segments, {self.n_total} images, "
            f"{self.test} at alpha {self.alpha:g}: {best}, ...)"
        )


@dataclass(frozen=True)
class Verdict:
    """What a test says of a rank matrix: arrays (k, k) in the order of its columns."""

    friedman_p: float
    p_values: NDArray[np.float64]
    adjusted_p_values: NDArray[np.float64]
    groups: tuple[tuple[int, ...], ...]
    own_ranks: NDArray[np.float64] | None = None


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
        of segments that do not differ. "aeon": the test behind the paper's diagrams, as
        in aeon 1.3's ``plot_critical_difference``: one-sided Wilcoxon tests that drop
        ties, each at alpha / (k - 1); groups grow from each segment down the ranks and
        stop at the first difference.
    missing: "absolute": an image that lacks a segment ranks it n + 1, as the paper does.
        Segments that few images have are then worse for that reason alone: read
        ``n_images`` and ``relative_ranks`` beside the groups.

    Raises InvalidInput for fewer than two segments (three with "aeon") or two images.

    Sources: Demsar 2006 (JMLR 7) for the diagrams; Holm 1979; Hinns & Martens 2025.

    >>> from sat_nb.datasets.toy import toy
    >>> result = compare(build(*toy()), method="noisy")
    >>> result.groups
    (('nose', 'eyes'), ('ears', 'rest'))
    >>> result.relative_ranks["ears"], result.mean_ranks["ears"], result.n_images["ears"]
    (4.0, 4.25, 15)
    """
    _check_arguments(table, method, alpha, test, missing)
    rows = table[table["method"] == method]
    means = _mean_ranks(rows)
    segments = pd.Index(means.index, name="segment")
    ranks = rank_matrix(rows, segments)
    _check_size(ranks, test)
    verdict = TESTS[test](ranks, alpha, list(segments))
    own = verdict.own_ranks
    return Comparison(
        mean_ranks=means["absolute"].rename("mean_rank"),
        relative_ranks=means["relative"].rename("relative_rank"),
        n_images=means["n_images"],
        p_values=_square(verdict.p_values, segments),
        adjusted_p_values=_square(verdict.adjusted_p_values, segments),
        groups=tuple(tuple(segments[i] for i in group) for group in verdict.groups),
        friedman_p=verdict.friedman_p,
        n_total=len(ranks),
        method=method,
        test=test,
        alpha=alpha,
        missing=missing,
        aeon_ranks=None if own is None else pd.Series(own, segments, name="aeon_rank"),
    )


def rank_matrix(rows: pd.DataFrame, segments: pd.Index) -> NDArray[np.float64]:
    """Local ranks (n_images, k) of one method's rows; a missing segment ranks n + 1."""
    ranks = rows.set_index(["image_id", "segment"])["rank"].unstack()  # noqa: PD010
    last = rows.groupby("image_id")["n_segments"].first() + 1
    ranks = ranks.reindex(columns=segments)
    return np.where(ranks.isna(), last.reindex(ranks.index).to_numpy()[:, None], ranks)


# --- the tests: (ranks (n, k), alpha, names) -> Verdict ---------------------------------------


def wilcoxon_holm(ranks: NDArray[np.float64], alpha: float, names: list[str]) -> Verdict:
    """Friedman, then two-sided Wilcoxon signed-rank tests with step-down Holm.

    Images in which a pair ties are dropped from its test (see ``signed_rank_p``). Where
    Friedman's test does not reject, all segments are one group. Two segments have no
    Friedman test: the one Wilcoxon test decides.
    """
    from statsmodels.stats.multitest import multipletests

    k = ranks.shape[1]
    pairs = zip(*np.triu_indices(k, 1), strict=True)
    raw = np.array([signed_rank_p(ranks[:, i] - ranks[:, j]) for i, j in pairs])
    holm = multipletests(raw, alpha=alpha, method="holm")[1]
    friedman_p = _friedman(ranks)
    p_values, adjusted = _symmetric(raw, k), _symmetric(holm, k)
    alike = adjusted > alpha if k == 2 or friedman_p <= alpha else np.ones((k, k), dtype=bool)
    return Verdict(friedman_p, p_values, adjusted, maximal_cliques(alike))


def aeon(ranks: NDArray[np.float64], alpha: float, names: list[str]) -> Verdict:
    """The verdict of aeon 1.3's ``plot_critical_difference(ranks, lower_better=True)``.

    Its "holm" is the constant level alpha / (k - 1), so ``adjusted_p_values`` are
    p * (k - 1), at most 1. Where its Friedman test does not reject, everything is one
    group and all p-values are 1, as aeon returns them.
    """
    from aeon.benchmarking.stats import check_friedman, wilcoxon_test
    from aeon.visualisation.results._critical_difference import _build_cliques
    from scipy.stats import rankdata

    k = ranks.shape[1]
    own = rankdata(ranks, axis=1)
    order = np.array(sorted(range(k), key=lambda i: (own[:, i].mean(), names[i])))
    friedman_p = float(check_friedman(own)) if np.ptp(own, axis=1).any() else 1.0
    if friedman_p < alpha:
        ordered = wilcoxon_test(ranks[:, order], [names[i] for i in order], lower_better=True)
        cliques = _build_cliques(ordered > alpha / (k - 1))
    else:
        ordered, cliques = np.triu(np.ones((k, k))), np.ones((1, k))
    p_values = np.empty((k, k))
    p_values[np.ix_(order, order)] = _symmetric(ordered[np.triu_indices(k, 1)], k)
    adjusted = np.minimum(p_values * (k - 1), 1.0)
    groups = tuple(tuple(sorted(order[np.flatnonzero(c)].tolist())) for c in cliques)
    return Verdict(friedman_p, p_values, adjusted, groups, own.mean(axis=0))


TESTS: dict[str, Callable[[NDArray[np.float64], float, list[str]], Verdict]] = {
    "wilcoxon-holm": wilcoxon_holm,
    "aeon": aeon,
}

MISSING = ("absolute",)


# --- parts --------------------------------------------------------------------------------------


def _friedman(ranks: NDArray[np.float64]) -> float:
    """Friedman's p-value; 1 where all images rank all segments alike, NaN for two segments."""
    from scipy.stats import friedmanchisquare

    if ranks.shape[1] < 3:
        return float("nan")
    if not np.ptp(ranks, axis=1).any():
        return 1.0
    return float(friedmanchisquare(*ranks.T).pvalue)


def _mean_ranks(rows: pd.DataFrame) -> pd.DataFrame:
    sums = segment_totals(rows, value="rank", by=())
    means = pd.DataFrame(
        {"absolute": absolute(sums), "relative": relative(sums), "n_images": sums["n_images"]}
    )
    return means.reset_index().sort_values(["absolute", "segment"]).set_index("segment")


def _symmetric(upper: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    matrix = np.eye(k)
    matrix[np.triu_indices(k, 1)] = upper
    return np.maximum(matrix, matrix.T)


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
    if not 0 < alpha < 1:
        raise InvalidInput(f"alpha: expected a level between 0 and 1, such as 0.05, got {alpha!r}.")


def _check_size(ranks: NDArray[np.float64], test: str) -> None:
    n, k = ranks.shape
    fewest = 3 if test == "aeon" else 2
    if k < fewest:
        raise InvalidInput(f"table: test={test!r} needs at least {fewest} segments, got {k}.")
    if n < 2:
        raise InvalidInput(
            "table: a test needs at least 2 images, got 1; look at the rows of one image "
            "themselves, or aggregate more images."
        )
