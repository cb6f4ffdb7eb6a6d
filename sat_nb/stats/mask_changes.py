"""Changes of masks for ``mask_sensitivity``: a registry."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import is_number
from sat_nb.arrays import Size
from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, registry
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.stats.outlines import Trial, outlined, padded, steps_of
from sat_nb.stats.rejoined import (
    NEEDED,
    Advance,
    Changed,
    Original,
    Segments,
    in_blocks,
    join_on_map,
)
from sat_nb.stats.seeds import image_generator
from sat_nb.table.build import build
from sat_nb.table.filtered import with_images_left
from sat_nb.table.schema import rerank

if TYPE_CHECKING:
    from sat_nb.table.join import Maps


MaskFunction = Callable[[SegmentationMap, float, np.random.Generator], SegmentationMap]
Tables = Callable[[Original, Sequence[Trial], Advance], list[pd.DataFrame]]


@dataclass(frozen=True, kw_only=True)
class MaskChange(Entry):
    """A way to change masks, for ``mask_sensitivity(changes=...)``.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry.
    parameters : Mapping
        Not used.
    function : callable, default None
        ``(masks, amount, generator) -> masks``: the SegmentationMap of one image, one of the
        ``amounts``, and a random generator that is the same for all amounts; returns the changed
        masks, which are joined with the maps like the original ones.
    amounts : tuple of float, default (1,)
        The amounts that are tried if none are given.
    unit : str, default ""
        The unit of the amounts: "px", "share" (a number from 0 to 1), or your own.
    accepts : callable, default any number
        ``amount -> bool``, whether it is a possible amount.
    expected : str, default "a number"
        The amounts that are accepted, for the error message.
    is_random : bool, default False
        Whether to repeat it with other seeds.
    needs_other : bool, default False
        Whether it compares with the masks of another source, ``mask_sensitivity(other=...)``.
    tables : callable, default None
        A faster form in place of ``function``: ``(original, trials, advance) -> tables``, one
        DataFrame with the columns of ``NEEDED`` for each trial. All trials come together, so that
        an image's masks are read only once.

    Examples
    --------
    >>> def smallest_missed(masks, amount, generator):
    ...     sizes = masks.masks.sum(axis=(1, 2))
    ...     kept = np.argsort(sizes)[int(amount):]
    ...     return sat.SegmentationMap([masks.names[i] for i in kept], masks.masks[kept])
    >>> mine = MaskChange(
    ...     name="smallest_missed", about="The smallest masks are missed.",
    ...     function=smallest_missed, amounts=(1, 2), unit="masks",
    ... )
    >>> from sat_nb.toy import toy
    >>> found = mask_sensitivity(*toy(), changes=mine, progress=False)
    >>> found.query("method == 'noisy'")[["change", "amount", "unit", "tau"]].round(2)
                change  amount   unit  tau
    1  smallest_missed     1.0  masks  1.0
    3  smallest_missed     2.0  masks  1.0
    """

    function: MaskFunction | None = None
    amounts: tuple[float, ...] = (1.0,)
    unit: str = ""
    accepts: Callable[[Any], bool] = is_number
    expected: str = "a number"
    is_random: bool = False
    needs_other: bool = False
    tables: Tables | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.function is None) == (self.tables is None):
            raise InvalidInput(
                f"MaskChange {self.name!r}: give either function or tables, not both or neither."
            )

    def tables_of(
        self, original: Original, trials: Sequence[Trial], advance: Advance
    ) -> list[pd.DataFrame]:
        """The table of each trial.

        Parameters
        ----------
        original : Original
            The maps, the masks and the table without a change.
        trials : sequence of Trial
            The amounts and seeds of the change.
        advance : callable
            Called with the number of joins (one image in one trial) that are done.

        Returns
        -------
        list of pandas.DataFrame
            One table for each trial, with at least the columns ``NEEDED``.
        """
        if self.tables is not None:
            return self.tables(original, trials, advance)
        assert self.function is not None
        return _joined_anew(self.function, original, trials, advance)


def _checked_masks(changed: Any) -> SegmentationMap:
    if not isinstance(changed, SegmentationMap):
        raise InvalidInput(
            "changes: the function of a MaskChange must return a SegmentationMap; it returned "
            f"{type(changed).__name__}."
        )
    return changed


def _joined_anew(
    function: MaskFunction, original: Original, trials: Sequence[Trial], advance: Advance
) -> list[pd.DataFrame]:
    """Tables of changed masks that are joined like the original ones."""
    options = {**original.options, "fit": original.fit}

    def join(maps: Maps, masks: Segments) -> Iterator[pd.DataFrame]:
        for trial in trials:
            changed = {
                i: _checked_masks(function(of, trial.amount, image_generator(trial.seed, i)))
                for i, of in masks.items()
            }
            with warnings.catch_warnings():  # the join of the original masks has warned
                warnings.simplefilter("ignore", UserWarning)
                table = build(maps, changed, **options)
            yield table

    return in_blocks(original, join, len(trials), advance)


def _padded(original: Original, trials: Sequence[Trial], advance: Advance) -> list[pd.DataFrame]:
    pads = [int(trial.amount) for trial in trials]

    def change(image_id: str, masks: SegmentationMap, size: Size, first: Size) -> Changed:
        return padded(masks, pads, original.on_map(image_id, size))

    return join_on_map(original, change, len(trials), advance)


def _outlined(original: Original, trials: Sequence[Trial], advance: Advance) -> list[pd.DataFrame]:
    def change(image_id: str, masks: SegmentationMap, size: Size, first: Size) -> Changed:
        steps = steps_of(image_id, masks, first, original.fit, trials)
        return outlined(masks, steps, original.on_map(image_id, size))

    return join_on_map(original, change, len(trials), advance)


def _from_other(
    original: Original, trials: Sequence[Trial], advance: Advance
) -> list[pd.DataFrame]:
    table = build(original.maps, original.other or {}, **original.options)
    advance(len(trials) * table["image_id"].nunique())
    return [table[NEEDED]] * len(trials)


def _of_rows(change: Callable[[Original, float, int], pd.DataFrame]) -> Tables:
    """The tables of a change that needs no masks, only the joined table."""

    def tables(original: Original, trials: Sequence[Trial], advance: Advance) -> list[pd.DataFrame]:
        results = []
        for trial in trials:
            results.append(change(original, trial.amount, trial.seed))
            advance(original.table["image_id"].nunique())
        return results

    return tables


def dropped(original: Original, amount: float, seed: int) -> pd.DataFrame:
    """The table without a random share of its segments, the same ones for all methods."""
    table = original.table
    kept = table["segment"].notna().to_numpy(copy=True)
    for places, rng in _images(table, seed):
        kept[places] &= rng.random(len(places)) >= amount
    rank_by = original.options.get("rank_by", "abs_mean_attribution")
    return rerank(with_images_left(table, np.flatnonzero(kept)), by=rank_by)


def swapped(original: Original, amount: float, seed: int) -> pd.DataFrame:
    """The table in which a random share of the segments swap names within their images."""
    names = original.table["segment"].to_numpy(copy=True)
    for places, rng in _images(original.table, seed):
        n = len(places)
        # Half the share is drawn, as a swap renames two segments.
        for one in np.flatnonzero(rng.random(n) < amount / 2) if n > 1 else ():
            pair = places[[one, (one + rng.integers(1, n)) % n]]
            names[pair] = names[pair[::-1]]
    return original.table.assign(segment=names)


def _images(
    table: pd.DataFrame, seed: int
) -> Iterator[tuple[NDArray[np.intp], np.random.Generator]]:
    """The rows of each image and method, and a generator that is the same for all methods."""
    images = table["image_id"].to_numpy()
    for places in table.groupby(["image_id", "method"], sort=False).indices.values():
        rows = np.asarray(places)
        yield rows, image_generator(seed, images[rows[0]])


def _is_whole_px(amount: Any) -> bool:
    return is_number(amount) and 0 <= amount < math.inf and int(amount) == amount


def _is_share(amount: Any) -> bool:
    return is_number(amount) and 0 <= amount <= 1


MASK_CHANGES: dict[str, MaskChange] = registry(
    MaskChange(
        name="pad",
        about="Masks are padded by that many pixels in place of ``pad_px``: of the map, or as "
        "``pad_unit`` says.",
        tables=_padded,
        amounts=(0, 1, 2, 4, 8),
        unit="px",
        accepts=_is_whole_px,
        expected="whole pixels >= 0",
    ),
    MaskChange(
        name="outline",
        about="Each mask grows or shrinks by a random whole number of pixels of the map, up to "
        "that many; a mask that would vanish keeps its innermost pixels.",
        tables=_outlined,
        amounts=(1, 2, 4),
        unit="px",
        accepts=_is_whole_px,
        expected="whole pixels >= 0",
        is_random=True,
    ),
    MaskChange(
        name="dropped",
        about="That share of the segments of all images is missed; an image may lose all.",
        tables=_of_rows(dropped),
        amounts=(0.05, 0.1, 0.2),
        unit="share",
        accepts=_is_share,
        expected="shares from 0 to 1",
        is_random=True,
    ),
    MaskChange(
        name="swapped",
        about="That share of the segments of all images has the name of another one in its image.",
        tables=_of_rows(swapped),
        amounts=(0.05, 0.1, 0.2),
        unit="share",
        accepts=_is_share,
        expected="shares from 0 to 1",
        is_random=True,
    ),
    MaskChange(
        name="source",
        about="The masks of another source, ``other``, for the same images.",
        tables=_from_other,
        amounts=(float("nan"),),
        accepts=lambda amount: True,
        needs_other=True,
    ),
)
"""The changes of masks that ``mask_sensitivity`` can try."""
