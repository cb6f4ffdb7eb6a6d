"""Null controls: random placements of masks, and whether a segment exceeds its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_whole
from sat_nb.by_id import ById
from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.registry import chosen
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.stats.pair_test import holm
from sat_nb.stats.rows import check_pooled, checked_rows
from sat_nb.stats.seeds import image_generator
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.table.merges import MERGES, Merge
from sat_nb.table.schema import TOLERANCE
from sat_nb.table.values import ATTRIBUTIONS

_NAME = re.compile(r"null: (.+) \d+", re.DOTALL)
_KEYS = ["method", "segment", "image_id"]
_ROUNDING = 1e-9  # means that differ by less, relatively, are equal


class NullSegments(ById[SegmentationMap]):
    """Random placements of each image's masks, made on access; see :func:`null_segments`."""

    holds = "mask"

    def __init__(
        self, segments: Mapping[str, SegmentationMap], n: int, merge: Merge, seed: int
    ) -> None:
        self._segments = segments
        self._n = n
        self._merge = merge
        self._seed = seed

    def _keys(self) -> Collection[str]:
        return self._segments.keys()

    def _value(self, key: str) -> SegmentationMap:
        segmentation = self._merge(self._segments[key])
        names: list[str] = []
        masks = [np.zeros((0, *segmentation.size), dtype=bool)]
        for name, mask in zip(segmentation.names, segmentation.masks, strict=True):
            placed = placements(mask, self._n, image_generator(self._seed, key, name))
            names += [f"null: {name} {i + 1}" for i in range(len(placed))]
            masks.append(placed)
        return SegmentationMap(tuple(names), np.concatenate(masks))

    def __repr__(self) -> str:
        return (
            f"NullSegments({len(self)} images, {self._n} placements a segment, seed {self._seed})"
        )


def null_segments(
    segments: Mapping[str, SegmentationMap],
    *,
    n: int = 20,
    merge: str | Merge = "union",
    seed: int = 0,
) -> NullSegments:
    """Move every mask to ``n`` random places that are equally far from the image's edge.

    A segment may lead because it is small, or because it lies where maps are bright anyway
    (models and photographers like the centre). Its placements share both properties;
    ``excess_over_null`` compares the segment with them.

    Parameters
    ----------
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}, as from ``read_segments``.
    n : int, default 20
        Placements for each segment, drawn without replacement; all of them if there are fewer.
        p-values depend on the places drawn, less so if ``n`` is larger.
    merge : str or Merge, default "union"
        As for ``build``: what becomes of several masks of one name. Two eyes move as one.
    seed : int, default 0
        The same seed gives the same placements, in any order of images.

    Returns
    -------
    NullSegments
        A lazy Mapping {image_id: SegmentationMap} for ``build``. The placements of "eyes" are named
        "null: eyes 1", "null: eyes 2", ... An image takes n_segments x n x H x W bytes while it is
        in use.

    Raises
    ------
    InvalidInput
        If an argument has a wrong type or value.

    Notes
    -----
    A placement is the mask itself, neither turned nor mirrored (photos have an up), at another
    place with the same distance to the edge: the number of pixels between the mask and the nearest
    side of the image. A mask that touches the edge slides along the edges; one that touches two
    opposite sides moves between the other two. A mask that touches all four sides has no other
    place, and so no placement. Large masks overlap with their placements: the test remains valid,
    but has little power.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> null = null_segments(segments, n=2)
    >>> null["image_00"]
    SegmentationMap(20 x 16 px: null: eyes 1, null: eyes 2, null: nose 1, null: nose 2,
    null: mouth 1, null: mouth 2, null: rest 1, null: rest 2)
    """
    if not isinstance(segments, Mapping):
        raise InvalidInput(
            "segments: expected {image_id: SegmentationMap}, as from read_segments, got "
            f"{type(segments).__name__}."
        )
    n, seed = checked_whole("n", n, 1), checked_whole("seed", seed)
    return NullSegments(segments, n, chosen("merge", merge, MERGES, own=Merge), seed)


def placements(
    mask: NDArray[np.bool_], n: int, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """A mask (H, W) at up to ``n`` random other places: (m, H, W), m <= n."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    shape = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = shape.shape
    own = int(rows[0]), int(columns[0])
    places = _equally_far(own, (mask.shape[0] - height, mask.shape[1] - width))
    drawn = generator.choice(len(places), size=min(n, len(places)), replace=False)
    placed = np.zeros((len(drawn), *mask.shape), dtype=bool)
    for one, place in zip(placed, drawn, strict=True):
        row, column = places[place]
        one[row : row + height, column : column + width] = shape
    return placed


def _equally_far(own: tuple[int, int], last: tuple[int, int]) -> list[tuple[int, int]]:
    """The other places (row, column) at the same distance to the edge, up to ``last``."""
    # The places at one distance form the outline of a rectangle.
    distance = min(*own, last[0] - own[0], last[1] - own[1])
    rows = range(distance, last[0] - distance + 1)
    columns = range(distance, last[1] - distance + 1)
    ring = {(row, column) for row in (rows[0], rows[-1]) for column in columns}
    ring |= {(row, column) for row in rows for column in (columns[0], columns[-1])}
    return sorted(ring - {own})


def excess_over_null(
    table: pd.DataFrame,
    null_table: pd.DataFrame,
    *,
    value: str = "abs_mean_attribution",
    classes: str | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Test whether segments get more attribution than their own masks get at other places.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``build(maps, segments)``, of one model and one class.
    null_table : pandas.DataFrame
        From ``build(maps, null_segments(segments))``, with the same options.
    value : {"abs_mean_attribution", "mean_attribution"}, default "abs_mean_attribution"
        What is compared: the size of the mean attribution, or the signed mean.
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.
    seed : int, default 0
        Of the coin that breaks ties.

    Returns
    -------
    pandas.DataFrame
        One row a method and segment, by method and falling ``effect``. Over the images in which the
        segment has placements: the mean of the value, the mean of its placements' (``null_mean``),
        and their difference ``excess``; ``above_fraction``, the share of images in which the
        segment is above the median of its placements (half an image if it is equal);
        ``effect``, Cliff's delta averaged over images: the share of placements that the segment
        exceeds less the share that exceed it, from -1 to 1; ``n_images``; ``n_placements`` in all;
        the two-sided ``p_value`` and, with Holm's correction over the segments of a method,
        ``adjusted_p_value``. A segment without placements has ``n_images`` 0 and NaN.

    Raises
    ------
    InvalidInput
        For tables that do not belong together.
    IdMismatch
        If the null table lacks images.

    Notes
    -----
    The null hypothesis: the map does not depend on where the segment is, and all places at the
    mask's distance to the edge are alike. Then, in an image with r placements, each of the r + 1
    ranks of the segment among them is equally probable, whatever the map: smooth, noisy, skewed,
    brighter towards the centre. So with b placements below it, (2 b - r) / r is symmetric about
    0, and the images are independent: Wilcoxon's signed-rank test of these numbers holds its
    level. The differences of the means themselves would not do: maps are skewed, so that a patch
    gets less than the mean patch in most images, and a signed-rank test takes that for an effect.
    Ties with placements (where a map is zero or uniform, within ``tie_tolerance``) are broken by a
    coin.

    The test cannot exclude that something else lies at the segment's places and not at the others,
    nor does it know the difference between the middle of a side and a corner.

    References
    ----------
    Wilcoxon 1945; Holm 1979; Cliff 1993 (Psychological Bulletin 114).

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> found = excess_over_null(build(maps, segments), build(maps, null_segments(segments)))
    >>> found.loc[found.method == "sharp", ["segment", "effect", "adjusted_p_value"]].round(3)
      segment  effect  adjusted_p_value
    5    eyes   1.000               0.0
    6    nose   0.500               0.0
    7   mouth   0.000               1.0
    8    ears  -0.500               0.0
    9    rest  -0.994               0.0
    """
    if value not in ATTRIBUTIONS:
        raise unknown_name("value", value, ATTRIBUTIONS)
    check_pooled(classes)
    table = checked_rows(table, ["method"], classes=classes)
    null_table = checked_rows(null_table, ["method"], argument="null_table", classes=classes)
    _check_pair(table, null_table)
    ranked = _among_placements(table, null_table, value)
    coin = np.random.default_rng(seed).integers(0, ranked["equal"] + 1)
    return _with_every_segment(_tested(ranked, coin, value), table)


def _tested(ranked: pd.DataFrame, coin: NDArray[np.int64], value: str) -> pd.DataFrame:
    """Effects and p-values by method and segment; ``coin`` ties count as below."""
    n = ranked["n_placements"]
    effect = (ranked["below"] - ranked["above"]) / n
    groups = ranked.assign(
        effect=effect,
        is_above=(np.sign(effect) + 1) / 2,
        score=(2 * (ranked["below"] + coin) - n) / n,  # rounded once, so that equal ranks tie
    ).groupby(level=["method", "segment"])
    return pd.DataFrame(
        {
            value: groups[value].mean(),
            "null_mean": groups["null_mean"].mean(),
            "excess": groups[value].mean() - groups["null_mean"].mean(),
            "above_fraction": groups["is_above"].mean(),
            "effect": groups["effect"].mean(),
            "n_images": groups.size(),
            "n_placements": groups["n_placements"].sum(),
            "p_value": groups["score"].agg(lambda scores: signed_rank_p(scores.to_numpy())),
        }
    )


def _among_placements(table: pd.DataFrame, null_table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Numbers of placements below, equal and above, by method, segment and image."""
    tolerance = [TOLERANCE] if TOLERANCE in table else []
    null = null_table.loc[null_table["segment"].notna(), [*_KEYS, value]]
    null = null.assign(segment=_placed_segment(null["segment"]))
    both = null.merge(table[[*_KEYS, value, *tolerance]], on=_KEYS, suffixes=("_null", ""))
    near = _ROUNDING * np.maximum(both[value].abs(), both[f"{value}_null"].abs())
    if tolerance:
        near = np.fmax(near, both[TOLERANCE])
    difference = both[value] - both[f"{value}_null"]
    both = both.assign(below=difference > near, above=difference < -near)
    ranked = both.groupby(_KEYS, sort=True).agg(
        **{value: (value, "first")},
        null_mean=(f"{value}_null", "mean"),
        below=("below", "sum"),
        above=("above", "sum"),
        n_placements=("below", "size"),
    )
    return ranked.assign(equal=ranked["n_placements"] - ranked["below"] - ranked["above"])


def _placed_segment(names: pd.Series) -> pd.Series:
    """The segment that each placement belongs to."""
    segments = {name: _NAME.fullmatch(name) for name in names.unique()}
    strange = [name for name, match in segments.items() if match is None]
    if strange:
        raise InvalidInput(
            f"null_table: {shorten(strange)} are not names of placements; expected names such as "
            "'null: eyes 1', from build(maps, null_segments(segments))."
        )
    return names.map({name: match[1] for name, match in segments.items() if match})


def _with_every_segment(tests: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """With rows for segments that have no placements, and with Holm's correction."""
    every = table.loc[table["segment"].notna(), ["method", "segment"]].drop_duplicates()
    tests = tests.reindex(pd.MultiIndex.from_frame(every)).reset_index()
    for column in ("n_images", "n_placements"):
        tests[column] = tests[column].fillna(0).astype(int)
    tests["adjusted_p_value"] = tests["p_value"]
    in_images = tests[tests["n_images"] > 0]
    for _, rows in in_images.groupby("method"):
        tests.loc[rows.index, "adjusted_p_value"] = holm(rows["p_value"].to_numpy())
    order = ["method", "effect", "segment"]
    return tests.sort_values(order, ascending=[True, False, True], ignore_index=True)


def _check_pair(table: pd.DataFrame, null_table: pd.DataFrame) -> None:
    """Raise an error unless both tables are of the same maps, built with the same options."""
    first, second = table.attrs.get("sat_nb", {}), null_table.attrs.get("sat_nb", {})
    for option, usual in (("pad_px", None), ("pad_unit", "map"), ("pool", None), ("fit", None)):
        one, other = first.get(option, usual), second.get(option, usual)
        if None not in (one, other) and one != other:
            raise InvalidInput(
                f"null_table: built with {option}={other!r}, table with {one!r}; build both with "
                "the same options."
            )
    keys = [pd.MultiIndex.from_frame(t[["method", "image_id"]]) for t in (table, null_table)]
    lacking = keys[0].difference(keys[1])
    if len(lacking):
        raise IdMismatch(
            f"null_table: lacks {len(lacking)} maps of table (method, image): "
            f"{shorten(lacking)}; build both from the same maps."
        )
