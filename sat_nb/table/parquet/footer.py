"""Facts about the rows of a Parquet file, which ``write_table`` notes in the file's footer.

To find out whether a segment counts once in each image, and how many images there are, costs far
more than the sums of millions of rows. ``write_table`` checks it while the rows are in memory.
Programs that change rows and write them again do not copy the note, or copy it with another number
of rows; a file without a valid note is checked in full.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pandas as pd

FOOTER_KEY = "sat_nb.seal"
"""The key in the file's metadata; files written since the first version have it."""

IMAGE = ["model", "method", "image_id"]
CLASSES = ["target", "label", "predicted"]


def natural(image_id: str) -> list[Any]:
    """A key by which numbers within names are sorted as numbers.

    >>> sorted(["photo 10", "photo 9"], key=natural)
    ['photo 9', 'photo 10']
    """
    parts = re.split("([0-9]+)", image_id)
    # Digits are compared by length and then as text: int() refuses more than 4300 of them.
    digits = [part.lstrip("0") for part in parts[1::2]]
    return [*chain(*zip(parts[::2], [(len(d), d) for d in digits], strict=False)), parts[-1]]


ORDERS: tuple[Callable[[str], Any], ...] = (str, natural)
"""Orders in which images may have been divided into batches."""


@dataclass(frozen=True)
class Footer:
    """Facts about rows in which a segment occurs once for each model, method and image.

    ``images`` holds (model, method, number of images, sum of their ``n_segments``); ``ids`` holds
    the first and the last ``image_id`` in each of ``ORDERS``; ``largest`` holds the largest
    absolute value of each attribution, all of which are finite. ``complete`` says that every image
    has a row for each of its ``n_segments``, and one target, label and prediction.
    """

    n_rows: int
    images: tuple[tuple[str, str, int, int], ...]
    ids: tuple[tuple[str, str], ...]
    largest: dict[str, float]
    complete: bool = False

    def fits(self, named: Mapping[str, Any]) -> bool:
        """Whether the values that the file's folders name are those of its rows."""
        return all(
            (named.get("model", model), named.get("method", method)) == (model, method)
            for model, method, *_ in self.images
        )

    def to_json(self) -> str:
        """The footer as text, for the metadata of a file."""
        return json.dumps(asdict(self))


def footer_of(rows: pd.DataFrame) -> Footer | None:
    """The footer of rows as ``build`` makes them, filtered or not; None for all others."""
    if not len(rows) or rows[IMAGE].isna().any(axis=None):
        return None
    if rows.duplicated([*IMAGE, "segment"]).any():
        return None
    images = rows.groupby(IMAGE, observed=True, sort=False)
    n_segments = images["n_segments"].agg(["min", "max"])
    values = {v: rows[v].to_numpy(np.float64) for v in ("mean_attribution", "abs_mean_attribution")}
    if (n_segments["min"] != n_segments["max"]).any():
        return None
    if any(np.isinf(value).any() for value in values.values()):
        return None
    ids = rows["image_id"].unique()
    counts = n_segments["min"].groupby(level=[0, 1], observed=True).agg(["size", "sum"])
    return Footer(
        n_rows=len(rows),
        images=tuple((*key, int(n), int(s)) for key, n, s in counts.itertuples()),
        ids=tuple((min(ids, key=order), max(ids, key=order)) for order in ORDERS),
        largest={v: float(np.fmax.reduce(np.abs(x), initial=0.0)) for v, x in values.items()},
        complete=bool((images["segment"].count() == n_segments["min"]).all())
        and not rows.drop_duplicates([*IMAGE, *CLASSES]).duplicated(IMAGE).any(),
    )


def read_footer(text: bytes | None, n_rows: int) -> Footer | None:
    """The footer in a file's metadata; None where there is none that fits ``n_rows`` rows."""
    if text is None:
        return None
    try:
        found = json.loads(text)
        tuples = {name: tuple(map(tuple, found[name])) for name in ("images", "ids")}
        footer = Footer(**found | tuples)
    except (ValueError, TypeError, KeyError):  # not ours, or of a version with other facts
        return None
    return footer if footer.n_rows == n_rows else None


def share_no_image(footers: Sequence[Footer]) -> bool:
    """Whether the files' ranges of ids prove that no two files share an image.

    Rows of different models or methods are of different images. False means unknown.
    """
    return any(_ranges_apart(footers, order) for order in range(len(ORDERS)))


def _ranges_apart(footers: Sequence[Footer], order: int) -> bool:
    key, ranges = ORDERS[order], defaultdict(list)
    for footer in footers:
        first, last = map(key, footer.ids[order])
        for model, method, *_ in footer.images:
            ranges[model, method].append((first, last))
    return all(
        before[1] < after[0]
        for found in ranges.values()
        for before, after in pairwise(sorted(found))
    )
