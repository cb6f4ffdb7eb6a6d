"""consensus: how far saliency methods agree on a ranking, and their combined ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput, shorten
from sat_nb.printable import printable
from sat_nb.registry import chosen, lists
from sat_nb.stats.combinations import COMBINATIONS, Combination, Scores
from sat_nb.stats.kendall import kendall_tau_b_of_blocks, kendall_w, kendall_w_of_blocks
from sat_nb.stats.rows import KEY, check_pooled, of_all_methods
from sat_nb.table.aggregate import aggregate
from sat_nb.table.schema import IMAGE_KEY, TEXT
from sat_nb.table.source import Frame, Source, Table, source_of
from sat_nb.table.ties import local_rank

AT_ONCE = 2**22  # numbers in memory: ranks of pairs of segments
EQUAL = 1e-12  # of the largest score of an image: scores that differ by less are equal


@dataclass(frozen=True, eq=False)
class Consensus:
    """How far saliency methods agree, and the ranking that they give together.

    Parameters
    ----------
    w : float
        Kendall's W of the methods' Relative mean ranks of the segments: 1 if all methods rank
        alike. Rankings drawn at random give 1 / m on average for m methods.
    w_by_image : pandas.Series
        W of the methods' local ranks in each image.
    tau : pandas.DataFrame
        Kendall's tau-b between two methods in an image, averaged over images; square, by method.
        -1 reversed, 0 unrelated, 1 alike.
    ranking : pandas.DataFrame
        One row a segment, best first: ``rank``, the Relative mean of the combined local ranks,
        ``n_images``, and for each method a column of its own Relative mean ranks.
    table : pandas.DataFrame
        A Segment Attribution Table of one method, the combination, for ``aggregate`` and
        ``compare``; its ``mean_attribution`` is the combination's score.
    methods : tuple of str
        The methods that were combined.
    combination : str
        How they were combined.
    n_total : int
        The number of images.

    Notes
    -----
    W and tau are NaN if an image has one segment or a method ties all of them; such images are
    left out of the averages.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> found = consensus(build(*toy()))
    >>> round(found.w, 2), list(found.ranking.index)
    (0.95, ['eyes', 'nose', 'mouth', 'ears', 'rest'])
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
            f"{printable(name)} {rank:.2f}" for name, rank in self.ranking["rank"].head(3).items()
        )
        return (
            f"Consensus({len(self.methods)} methods, {len(self.ranking)} segments, "
            f"{self.n_total} images: W {self.w:.2f}, in an image {self.w_by_image.mean():.2f}; "
            f"{self.combination}: {best}, ...)"
        )


@lists(combination=COMBINATIONS)
def consensus(
    table: Table,
    *,
    combination: str | Combination | Scores = "mean_rank",
    classes: str | None = None,
) -> Consensus:
    """Measure the agreement of a table's saliency methods, and combine their rankings.

    Parameters
    ----------
    table : pandas.DataFrame, str or path
        From ``build``, or the path of a table on disk, of two or more methods, one model and one
        class. Images without rows of
        some method are left out; in the others every method has the same segments. Leave out
        controls and methods that should have no say. The ranks are those among the segments in
        the table, also if it is filtered.
    combination : str, Combination or callable, default "mean_rank"
        How the methods' scores in an image are combined: a name in ``COMBINATIONS``, an entry of
        your own, or a function ``(ranks, attributions) -> scores`` as described in
        :class:`Combination`:

        [[combination]]

    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.

    Returns
    -------
    Consensus
        The agreement, the combined ranking and its table.

    Raises
    ------
    InvalidInput
        For fewer than two methods, for methods that share no image or lack each other's segments,
        and for tables of several models or classes.

    Warns
    -----
    UserWarning
        If images are left out because some method has no rows of them.

    References
    ----------
    Kendall & Babington Smith 1939 (W) and Kendall 1945 (its correction for ties; tau-b).

    Examples
    --------
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
    entry = chosen(
        "combination", combination, COMBINATIONS, own=Combination, from_function=_as_combination
    )
    source = source_of(table)
    rows = of_all_methods(_ranked_among_themselves(source.rows(["rank", "abs_mean_attribution"])))
    check_pooled(classes)
    # It refuses tables that mix models or classes.
    summary = aggregate(Frame(rows), value="rank", classes=classes)
    present = rows[rows["segment"].notna()]
    methods = tuple(present["method"].unique())
    _check_methods(present, methods)
    ranks = _wide(present, "rank", methods)
    scores = _scores(present, ranks, entry)
    combined = _combined(_first_method(source, rows, methods[0]), scores, entry)
    by_method = summary.set_index(["segment", "method"])["rank"].unstack()[list(methods)]
    ranking = (
        aggregate(combined, value="rank", classes=classes)
        .drop(columns="method")
        .set_index("segment")
    )
    w_by_image, taus = _by_image(ranks)
    return Consensus(
        w=kendall_w(by_method.rank().to_numpy().T),
        w_by_image=w_by_image,
        tau=_mean_tau(taus, methods),
        ranking=ranking.join(by_method),
        table=combined,
        methods=methods,
        combination=entry.key,
        n_total=rows["image_id"].nunique(),
    )


def _as_combination(function: Scores) -> Combination:
    return Combination(name=getattr(function, "__name__", "own combination"), function=function)


def _ranked_among_themselves(table: pd.DataFrame) -> pd.DataFrame:
    """Ranks without gaps: W compares rankings of the same k things."""
    groups = table.groupby(IMAGE_KEY, dropna=False, sort=False, observed=True)
    return table.assign(rank=groups["rank"].rank(), n_segments=groups["segment"].transform("count"))


def _first_method(source: Source, rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """All columns of the rows of a method, of those images that every method has."""
    of_method = source.rows(method=method)
    narrow = rows[rows["method"] == method]
    kept = of_method["image_id"].isin(narrow["image_id"].unique())
    n_segments = narrow["n_segments"].to_numpy()
    return of_method[kept].assign(n_segments=n_segments).reset_index(drop=True)


def _wide(present: pd.DataFrame, value: str, methods: tuple[str, ...]) -> pd.DataFrame:
    """One row an image and segment, sorted, one column a method."""
    (images, ids), (segments, names) = (pd.factorize(present[key], sort=True) for key in KEY)
    cells, places = np.unique(images * len(names) + segments, return_inverse=True)
    columns = pd.Index(methods, name="method")
    values = np.full((len(cells), len(methods)), np.nan)
    values[places, columns.get_indexer(pd.Index(present["method"]))] = present[value]
    codes = [cells // len(names), cells % len(names)]
    levels: Any = [pd.Index(of, dtype=TEXT) for of in (ids, names)]
    return pd.DataFrame(values, pd.MultiIndex(levels, codes, names=KEY), columns)


def _by_image(ranks: pd.DataFrame) -> tuple[pd.Series, NDArray[np.float64]]:
    """W of the rankings of each image, and tau-b between each two of them: (n_images, m, m)."""
    keys: Any = ranks.index
    codes, n_methods = keys.codes[0], ranks.shape[1]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    sizes = np.diff(starts, append=len(codes))
    w, taus = np.empty(len(starts)), np.empty((len(starts), n_methods, n_methods))
    values = ranks.to_numpy()
    for size in np.unique(sizes):
        images = np.flatnonzero(sizes == size)
        step = max(1, AT_ONCE // (n_methods * int(size) ** 2))
        for some in (images[i : i + step] for i in range(0, len(images), step)):
            block = values[starts[some][:, None] + np.arange(size)].transpose(0, 2, 1)
            w[some], taus[some] = kendall_w_of_blocks(block), kendall_tau_b_of_blocks(block)
    ids = pd.Index(keys.levels[0][codes[starts]], name="image_id")
    return pd.Series(w, ids, name="w"), taus


def _mean_tau(taus: NDArray[np.float64], methods: tuple[str, ...]) -> pd.DataFrame:
    """The mean over the images in which both methods have an order; NaN if there is none."""
    counted = np.isfinite(taus).sum(axis=0)
    mean = np.nansum(taus, axis=0) / np.where(counted > 0, counted, np.nan)
    names = pd.Index(methods, name="method")
    return pd.DataFrame(mean, index=names, columns=names.rename(None))


def _scores(present: pd.DataFrame, ranks: pd.DataFrame, combination: Combination) -> pd.Series:
    """The combination's scores, by image and segment."""
    attributions = _wide(present, "abs_mean_attribution", tuple(ranks.columns))
    scores = combination(ranks, attributions)
    if not isinstance(scores, pd.Series) or not scores.index.equals(ranks.index):
        raise InvalidInput(
            f"combination: the function of {combination.name!r} must return a Series of scores "
            f"with the index of the ranks; it returned {type(scores).__name__}."
        )
    return scores


def _combined(rows: pd.DataFrame, scores: pd.Series, combination: Combination) -> pd.DataFrame:
    """The rows of one method, with the combination's scores in place of its own."""
    score = scores.reindex(pd.MultiIndex.from_frame(rows[KEY])).to_numpy()
    images = rows.groupby(IMAGE_KEY, dropna=False, sort=False).ngroup()
    scored = pd.Series(score, rows.index)
    near = EQUAL * scored.abs().groupby(images).transform("max")
    return rows.assign(
        method=combination.key,
        mean_attribution=score,
        abs_mean_attribution=score,
        rank=local_rank(scored, images, near),
        total_attribution=score * rows["mask_px"].astype(float),
        se_mean_attribution=np.nan,
        tie_tolerance=near,
        n_samples=pd.array([pd.NA] * len(rows), dtype="Int64"),
    )


def _check_methods(present: pd.DataFrame, methods: tuple[str, ...]) -> None:
    """Raise InvalidInput unless all methods have the same segments."""
    if len(methods) < 2:
        raise InvalidInput(
            f"table: a consensus needs at least 2 methods with segments, got {len(methods)}; "
            "explain with more methods, or join tables with pandas.concat."
        )
    lacking = present.groupby(KEY, sort=False, observed=True)["method"].nunique()
    lacking = lacking[lacking < len(methods)]
    if len(lacking):
        raise InvalidInput(
            f"table: {len(lacking)} segments lack rows of some methods: "
            f"{shorten(lacking.index)}; build all methods' rows with the same segments, or filter."
        )
