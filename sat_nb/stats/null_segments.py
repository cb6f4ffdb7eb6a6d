"""Null controls: does a segment get more attribution than any patch of its kind would?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_whole
from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.stats.rank_tests import holm
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.table.aggregations import ATTRIBUTIONS
from sat_nb.table.join import MERGES
from sat_nb.table.totals import segment_totals

_NAME = re.compile(r"null: (.+) \d+", re.DOTALL)
_KEYS = ["method", "segment", "image_id"]
_ROUNDING = 1e-9  # means that differ by less, relatively, are equal


class NullSegments(Mapping[str, SegmentationMap]):
    """Random placements of each image's masks, made when asked for; see ``null_segments``."""

    def __init__(
        self, segments: Mapping[str, SegmentationMap], n: int, merge: str, seed: int
    ) -> None:
        self._segments = segments
        self._n = n
        self._merge = merge
        self._seed = seed

    def __getitem__(self, image_id: str) -> SegmentationMap:
        segmentation = MERGES[self._merge](self._segments[image_id])
        names: list[str] = []
        masks = [np.zeros((0, *segmentation.size), dtype=bool)]
        for name, mask in zip(segmentation.names, segmentation.masks, strict=True):
            placed = placements(mask, self._n, _generator(self._seed, image_id, name))
            names += [f"null: {name} {i + 1}" for i in range(len(placed))]
            masks.append(placed)
        return SegmentationMap(tuple(names), np.concatenate(masks))

    def __iter__(self) -> Iterator[str]:
        return iter(self._segments)

    def __len__(self) -> int:
        return len(self._segments)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._segments

    def __repr__(self) -> str:
        return (
            f"NullSegments({len(self)} images, {self._n} placements a segment, seed {self._seed})"
        )


def null_segments(
    segments: Mapping[str, SegmentationMap], *, n: int = 20, merge: str = "union", seed: int = 0
) -> NullSegments:
    """Every mask, moved to ``n`` random places that are as far from the image's edge.

    A segment may lead because it is small, or because it lies where maps are bright anyway
    (models and photographers like the centre). Its placements share both: each is the very
    mask, neither turned nor mirrored (photos have an up), at a place whose distance to the
    edge is the mask's own, to the pixel. That distance is the number of pixels between the
    mask and the nearest side of the image. ``excess_over_null`` compares the two.

    Parameters
    ----------
    segments: {image_id: SegmentationMap}, as from ``read_segments``.
    n: placements a segment. They are drawn without replacement from all places at that
        distance but the mask's own; where there are fewer, all are taken. A mask that touches
        the edge slides along the edges; one that touches two opposite sides moves between the
        other two. A mask that reaches from side to side both ways has no other place, and so
        no placement. Large masks overlap with their placements: the test stays valid, and
        sees little. p-values move with the places drawn, the less the larger ``n``.
    merge: as for ``build``: what becomes of several masks of one name. Two eyes move as one.
    seed: the same seed gives the same placements, whatever the order of images.

    Returns a lazy Mapping {image_id: SegmentationMap} for ``build``, which names the placements
    of "eyes" "null: eyes 1", "null: eyes 2", ... An image takes n_segments x n x H x W bytes
    while it is in use.

    Raises InvalidInput for values that make no sense.

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
    if merge not in MERGES:
        raise unknown_name("merge", merge, MERGES)
    return NullSegments(segments, n, merge, seed)


def placements(
    mask: NDArray[np.bool_], n: int, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """At most ``n`` of the other places of a boolean mask (H, W): (m, H, W), m <= n."""
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
    """The other corners (row, column) as far from the edge, of all from (0, 0) to ``last``."""
    distance = min(*own, last[0] - own[0], last[1] - own[1])
    rows = range(distance, last[0] - distance + 1)
    columns = range(distance, last[1] - distance + 1)
    ring = {(row, column) for row in (rows[0], rows[-1]) for column in columns}
    ring |= {(row, column) for row in rows for column in (columns[0], columns[-1])}
    return sorted(ring - {own})


def _generator(seed: int, image_id: str, name: str) -> np.random.Generator:
    """Of its own for each mask, so that no mask's places depend on the others."""
    digest = hashlib.sha256(f"{image_id}\0{name}".encode(errors="surrogatepass")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "big")])


# --- the test -----------------------------------------------------------------------------------


def excess_over_null(
    table: pd.DataFrame,
    null_table: pd.DataFrame,
    *,
    value: str = "abs_mean_attribution",
    seed: int = 0,
) -> pd.DataFrame:
    """Whether segments get more attribution than their own mask gets at other places.

    The null hypothesis: the map does not know where the segment is; all places at the mask's
    distance to the edge are alike. Then, in an image with r placements, each of the r + 1 ranks
    of the segment among them is equally probable, whatever the map: smooth, noisy, skewed,
    brighter towards the centre. So with b placements below it, (2 b - r) / r is symmetric about
    0, and the images are independent: Wilcoxon's signed-rank test of these numbers holds its
    level. The differences of the means themselves would not do: maps are skewed, a patch gets
    less than the mean patch in most images, and a signed-rank test takes that for a finding.
    Ties with placements (a map that is zero there) are broken by a coin.

    What the test cannot exclude: that something else lies at the segment's places that those
    elsewhere on the ring lack, and what differs between the middle of a side and a corner.

    Parameters
    ----------
    table: from ``build(maps, segments)``, of one model and one class.
    null_table: ``build(maps, null_segments(segments))``, with the same options.
    value: "abs_mean_attribution", or "mean_attribution" for the signed mean.
    seed: of the coin.

    Returns a DataFrame, one row a method and segment, by method and falling ``effect``. Over the
    images in which the segment has placements: the mean of the value, the mean of its
    placements' (``null_mean``), and their difference ``excess``; ``above_fraction``, the share
    of images in which the segment is above the median of its placements (at it: half; by chance
    half in all); ``effect``, Cliff's delta averaged over images: the share of placements that
    the segment exceeds less the share that exceed it, from -1 to 1; ``n_images``;
    ``n_placements`` in all; the two-sided ``p_value`` and, with Holm's correction over the
    segments of a method, ``adjusted_p_value``. The sign of ``effect`` says whether it is more
    or less. A segment without any placement has ``n_images`` 0 and NaN.

    Raises InvalidInput for tables that do not belong together, IdMismatch where the null
    table lacks images.

    Sources: Wilcoxon 1945; Holm 1979; Cliff 1993 (Psychological Bulletin 114).

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
    segment_totals(table, value=value, by=["method"])  # refuses what mixes models or classes
    segment_totals(null_table, value=value, by=["method"])
    _check_pair(table, null_table)
    ranked = _among_placements(table, null_table, value)
    coin = np.random.default_rng(seed).integers(0, ranked["equal"] + 1)
    return _with_every_segment(_tested(ranked, coin, value), table)


def _tested(ranked: pd.DataFrame, coin: NDArray[np.int64], value: str) -> pd.DataFrame:
    """Effects and p-values by method and segment; ``coin`` is how many ties count as below."""
    n = ranked["n_placements"]
    effect = (ranked["below"] - ranked["above"]) / n
    groups = ranked.assign(
        effect=effect,
        is_above=(np.sign(effect) + 1) / 2,
        score=(2 * (ranked["below"] + coin) - n) / n,  # one rounding: equal ranks tie
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
    """By method, segment and image: how many placements are below, equal and above."""
    null = null_table.loc[null_table["segment"].notna(), [*_KEYS, value]]
    null = null.assign(segment=_placed_segment(null["segment"]))
    both = null.merge(table[[*_KEYS, value]], on=_KEYS, suffixes=("_null", ""))
    near = _ROUNDING * np.maximum(both[value].abs(), both[f"{value}_null"].abs())
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
    """The segment that each placement is one of."""
    segments = {name: _NAME.fullmatch(name) for name in names.unique()}
    strange = [name for name, match in segments.items() if match is None]
    if strange:
        raise InvalidInput(
            f"null_table: {shorten(strange)} are no placements; expected names such as "
            "'null: eyes 1', from build(maps, null_segments(segments))."
        )
    return names.map({name: match[1] for name, match in segments.items() if match})


def _with_every_segment(found: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Rows also for segments without placements, and Holm's correction."""
    every = table.loc[table["segment"].notna(), ["method", "segment"]].drop_duplicates()
    found = found.reindex(pd.MultiIndex.from_frame(every)).reset_index()
    for column in ("n_images", "n_placements"):
        found[column] = found[column].fillna(0).astype(int)
    found["adjusted_p_value"] = found["p_value"]
    tested = found[found["n_images"] > 0]
    for _, rows in tested.groupby("method"):
        found.loc[rows.index, "adjusted_p_value"] = holm(rows["p_value"].to_numpy())
    order = ["method", "effect", "segment"]
    return found.sort_values(order, ascending=[True, False, True], ignore_index=True)


def _check_pair(table: pd.DataFrame, null_table: pd.DataFrame) -> None:
    """Both tables are of the same maps, built alike."""
    ones, others = table.attrs.get("sat_nb", {}), null_table.attrs.get("sat_nb", {})
    for option in ("pad_px", "pool", "fit"):
        if option in ones and option in others and ones[option] != others[option]:
            raise InvalidInput(
                f"null_table: was built with {option}={others[option]!r}, table with "
                f"{ones[option]!r}; build both alike."
            )
    pairs = [pd.MultiIndex.from_frame(t[["method", "image_id"]]) for t in (table, null_table)]
    lacking = pairs[0].difference(pairs[1])
    if len(lacking):
        raise IdMismatch(
            f"null_table: lacks {len(lacking)} maps of table (method, image): "
            f"{shorten(lacking)}; build both from the same maps."
        )
