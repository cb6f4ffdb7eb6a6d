"""consensus: do saliency methods agree on a ranking, and what do they say together?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput, shorten, unknown_name
from sat_nb.table.aggregate import aggregate
from sat_nb.table.schema import IMAGE_KEY, check_table, local_rank

KEYS = ["image_id", "segment"]


@dataclass(frozen=True, eq=False)
class Consensus:
    """How far saliency methods agree, and their combined ranking.

    ``w`` is Kendall's W of the methods' Relative mean ranks of the segments, ``w_by_image``
    (Series by image) of their local ranks in each image: 1 where all methods rank alike;
    rankings drawn at random give 1 / m on average for m methods, so read it against that.
    ``tau`` is a square DataFrame by method: Kendall's tau-b in an image, averaged over images;
    -1 reversed, 0 unrelated, 1 alike. Where nothing can be said (one segment, everything
    tied) they are NaN, and such images are left out of the average.

    ``ranking`` has a row a segment, best first: ``rank``, the Relative mean of the combined
    local ranks, ``n_images``, and a column a method with its own Relative mean rank.
    ``table`` is a Segment Attribution Table whose one method is the combination, for
    ``aggregate`` and ``compare``; its ``mean_attribution`` is the combination's score.
    """

    w: float
    w_by_image: pd.Series
    tau: pd.DataFrame
    ranking: pd.DataFrame
    table: pd.DataFrame
    methods: tuple[str, ...]
    combination: str
    n_total: int

    def __repr__(self) -> str:
        best = ", ".join(
            f"{name} {rank:.2f}" for name, rank in self.ranking["rank"].head(3).items()
        )
        return (
            f"Consensus({len(self.methods)} methods, {len(self.ranking)} segments, "
            f"{self.n_total} images: W {self.w:.2f}, in an image {self.w_by_image.mean():.2f}; "
            f"{self.combination}: {best}, ...)"
        )


def consensus(table: pd.DataFrame, *, combination: str = "mean_rank") -> Consensus:
    """Agreement between the saliency methods of a table, and the ranking they give together.

    Parameters
    ----------
    table: from ``build``, of two or more methods, one model and one class; every method has
        the same images and segments. Leave out methods that shall have no say, and controls.
        Ranks are those among the segments that the table holds, also where it is filtered.
    combination: a name in COMBINATIONS. Per image: "mean_rank", mean of the methods' local
        ranks; "agg_mean" and "agg_var", mean of the methods' shares of attribution, and that
        mean divided by how far the methods differ.

    Returns a :class:`Consensus`.

    Raises InvalidInput for fewer than two methods, for methods that lack each other's images
    or segments, and for tables that mix models or classes.

    Sources: Kendall & Babington Smith 1939 (W), with Kendall's 1945 correction for ties and
    his tau-b; Rieger & Hansen 2019 (arXiv 1903.00519) for "agg_mean" and "agg_var".

    >>> from sat_nb.toy import toy
    >>> result = consensus(build(*toy()))
    >>> result
    Consensus(2 methods, 5 segments, 20 images: W 0.95, in an image 0.88; mean_rank: eyes 1.38,
    nose 1.70, mouth 3.05, ...)
    >>> result.ranking
             rank  n_images  sharp  noisy
    segment
    eyes    1.375        20   1.00   1.75
    nose    1.700        20   2.00   1.65
    mouth   3.050        20   3.00   3.10
    ears    4.100        15   4.00   4.00
    rest    4.550        20   4.75   4.25
    """
    if combination not in COMBINATIONS:
        raise unknown_name("combination", combination, COMBINATIONS)
    table = _ranked_among_themselves(check_table(table))
    summary = aggregate(table, value="rank")  # refuses tables that mix models or classes
    present = table[table["segment"].notna()]
    methods = tuple(present["method"].unique())
    _check_methods(present, methods)
    ranks = _wide(present, "rank", methods)
    combined = _combined(table, ranks, combination)
    own = summary.set_index(["segment", "method"])["rank"].unstack()[list(methods)]  # noqa: PD010
    ranking = aggregate(combined, value="rank").drop(columns="method").set_index("segment")
    return Consensus(
        w=kendall_w(own.rank().to_numpy().T),
        w_by_image=_by_image(ranks, kendall_w).rename("w"),
        tau=_mean_tau(ranks),
        ranking=ranking.join(own),
        table=combined,
        methods=methods,
        combination=combination,
        n_total=table["image_id"].nunique(),
    )


def kendall_w(ranks: NDArray[np.float64]) -> float:
    """Kendall's coefficient of concordance of m rankings (m, k) of k things, ties averaged.

    W = (12 sum_i R_i^2 - 3 m^2 k (k + 1)^2) / (m^2 k (k^2 - 1) - m sum_j T_j), R_i being the sum
    of the ranks of i and T_j the sum of t^3 - t over the groups of t tied ranks of ranking j.
    NaN for a single thing, and where every ranking ties everything.

    >>> kendall_w(np.array([[1, 2, 3], [1, 2, 3]])), kendall_w(np.array([[1, 2, 3], [3, 2, 1]]))
    (1.0, 0.0)
    """
    m, k = ranks.shape
    ties = sum(int(t**3 - t) for one in ranks for t in np.unique(one, return_counts=True)[1])
    most = m**2 * k * (k**2 - 1) - m * ties
    if most == 0:
        return float("nan")
    return float((12 * np.square(ranks.sum(axis=0)).sum() - 3 * m**2 * k * (k + 1) ** 2) / most)


def kendall_tau_b(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kendall's tau-b (m, m) between m rankings (m, k); NaN for one that ties everything.

    With s_ij = sign(r_i - r_j) over all pairs i < j, it is the cosine of two rankings' s.

    >>> kendall_tau_b(np.array([[1, 2, 3], [3, 2, 1], [1.5, 1.5, 3]])).round(2)
    array([[ 1.  , -1.  ,  0.82],
           [-1.  ,  1.  , -0.82],
           [ 0.82, -0.82,  1.  ]])
    """
    first, second = np.triu_indices(ranks.shape[1], 1)
    signs = np.sign(ranks[:, first] - ranks[:, second])
    products = signs @ signs.T
    untied = np.diag(products)
    norms = np.sqrt(np.outer(untied, untied))
    return products / np.where(norms > 0, norms, np.nan)


# --- the combinations: (ranks, attributions), by image and segment, a column a method -> scores ---


def mean_rank(ranks: pd.DataFrame, attributions: pd.DataFrame) -> pd.Series:
    """Borda's points: n + 1 less the mean of the methods' local ranks, of n segments.

    0 points are what a segment has that is not there.
    """
    n = ranks.iloc[:, 0].groupby(level="image_id").transform("size")
    return n + 1 - ranks.mean(axis=1)


def agg_mean(ranks: pd.DataFrame, attributions: pd.DataFrame) -> pd.Series:
    """AGG-Mean (Rieger & Hansen 2019): the mean of the methods' maps, all on one scale.

    Here of a segment's |mean attribution| as a share: in every image the segments of a method
    add up to 1, since methods differ by powers of ten.
    """
    return _shares(attributions).mean(axis=1)


def agg_var(ranks: pd.DataFrame, attributions: pd.DataFrame) -> pd.Series:
    """AGG-Var (Rieger & Hansen 2019): that mean / (standard deviation over methods + epsilon).

    Segments on which the methods differ lose. epsilon is ten times the mean of the standard
    deviations over the table: a smaller one would let segments lead on which methods agree by
    chance, since a segment nearly without attribution has nearly no deviation either.
    """
    shares = _shares(attributions)
    deviation = shares.std(axis=1, ddof=0)
    epsilon = 10 * deviation.mean()
    return shares.mean(axis=1) / (deviation + epsilon if epsilon > 0 else 1.0)


def _shares(attributions: pd.DataFrame) -> pd.DataFrame:
    """Of each image and method; a map that is zero everywhere gives all segments the same."""
    by_image = attributions.groupby(level="image_id")
    totals = by_image.transform("sum")
    alike = 1 / attributions.iloc[:, 0].groupby(level="image_id").transform("size")
    return (attributions / totals.where(totals > 0)).apply(lambda shares: shares.fillna(alike))


COMBINATIONS: dict[str, Callable[[pd.DataFrame, pd.DataFrame], pd.Series]] = {
    "mean_rank": mean_rank,
    "agg_mean": agg_mean,
    "agg_var": agg_var,
}
"""Name -> function of the local ranks and the |mean attributions|; the largest score is best."""


# --- parts --------------------------------------------------------------------------------------


def _ranked_among_themselves(table: pd.DataFrame) -> pd.DataFrame:
    """Ranks without gaps: W compares rankings of the same k things."""
    groups = table.groupby(IMAGE_KEY, dropna=False, sort=False)
    return table.assign(rank=groups["rank"].rank(), n_segments=groups["segment"].transform("count"))


def _wide(present: pd.DataFrame, value: str, methods: tuple[str, ...]) -> pd.DataFrame:
    """A row an image and segment, a column a method."""
    return present.set_index([*KEYS, "method"])[value].unstack()[list(methods)]  # noqa: PD010


def _by_image(ranks: pd.DataFrame, statistic: Callable[[NDArray], float]) -> pd.Series:
    groups = ranks.groupby(level="image_id")
    return pd.Series({i: statistic(one.to_numpy().T) for i, one in groups}).rename_axis("image_id")


def _mean_tau(ranks: pd.DataFrame) -> pd.DataFrame:
    """Mean over the images in which both methods rank anything; NaN where there is none."""
    taus = np.array([kendall_tau_b(one.to_numpy().T) for _, one in ranks.groupby(level="image_id")])
    counted = np.isfinite(taus).sum(axis=0)
    mean = np.nansum(taus, axis=0) / np.where(counted > 0, counted, np.nan)
    methods = pd.Index(ranks.columns, name="method")
    return pd.DataFrame(mean, index=methods, columns=methods.rename(None))


def _combined(table: pd.DataFrame, ranks: pd.DataFrame, combination: str) -> pd.DataFrame:
    """The first method's rows, which say all of the segments, with the combination's scores."""
    attributions = _wide(
        table[table["segment"].notna()], "abs_mean_attribution", tuple(ranks.columns)
    )
    scores = COMBINATIONS[combination](ranks, attributions)
    rows = table[table["method"] == ranks.columns[0]].reset_index(drop=True)
    score = scores.reindex(pd.MultiIndex.from_frame(rows[KEYS])).to_numpy()
    images = rows.groupby(IMAGE_KEY, dropna=False, sort=False).ngroup()
    settled = pd.Series(score, rows.index).round(12)  # equal means tie, whatever their rounding
    return rows.assign(
        method=combination,
        mean_attribution=score,
        abs_mean_attribution=score,
        rank=local_rank(settled, images),
        total_attribution=score * rows["mask_px"].astype(float),
        se_mean_attribution=np.nan,
        n_samples=pd.array([pd.NA] * len(rows), dtype="Int64"),
    )


def _check_methods(present: pd.DataFrame, methods: tuple[str, ...]) -> None:
    """Every method has the very segments of every other."""
    if len(methods) < 2:
        raise InvalidInput(
            f"table: a consensus needs at least 2 methods with segments, got {len(methods)}; "
            "explain with more methods, or join tables with pandas.concat."
        )
    lacking = present.groupby(KEYS, sort=False)["method"].nunique()
    lacking = lacking[lacking < len(methods)]
    if len(lacking):
        raise InvalidInput(
            f"table: {len(lacking)} segments are not there for every method: "
            f"{shorten(lacking.index)}; build all methods' rows with the same segments, or filter."
        )
