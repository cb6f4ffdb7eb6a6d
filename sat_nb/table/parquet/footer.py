"""What is known of a file's rows since they were written, so that nobody needs to find it again.

Whether a segment counts once in each image, and how many images there are, costs far more to
find out from millions of rows than their sums. ``write_table`` looks at it while the rows are
in memory and seals the file with what it found. The seal is in the file's footer, where programs
that change the rows and write them again do not take it along; a file without a seal is
looked at in full.
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

SEAL = "sat_nb.seal"
BLOCK = ["model", "method", "image_id"]


def natural(image_id: str) -> list[Any]:
    """A key by which numbers within names count as numbers.

    >>> sorted(["photo 10", "photo 9"], key=natural)
    ['photo 9', 'photo 10']
    """
    parts = re.split("([0-9]+)", image_id)
    digits = [part.lstrip("0") for part in parts[1::2]]
    return [*chain(*zip(parts[::2], [(len(d), d) for d in digits], strict=False)), parts[-1]]


ORDERS: tuple[Callable[[str], Any], ...] = (str, natural)
"""In which batches of images may have been put together."""


@dataclass(frozen=True)
class Seal:
    """Of rows in which a segment occurs once for each model, method and image.

    ``images`` holds (model, method, number of images, sum of their ``n_segments``); ``ids``
    the first and the last ``image_id`` in each of ``ORDERS``; ``largest`` the largest absolute
    value of each attribution, all of which are finite.
    """

    n_rows: int
    images: tuple[tuple[str, str, int, int], ...]
    ids: tuple[tuple[str, str], ...]
    largest: dict[str, float]

    def fits(self, named: Mapping[str, Any]) -> bool:
        """Whether these values, of the folders that the file is in, are those of its rows."""
        return all(
            (named.get("model", model), named.get("method", method)) == (model, method)
            for model, method, *_ in self.images
        )

    def to_json(self) -> str:
        """For the metadata of a file."""
        return json.dumps(asdict(self))


def seal(rows: pd.DataFrame) -> Seal | None:
    """The seal of rows as ``build`` makes them, filtered or not; None for all others."""
    if not len(rows) or rows[BLOCK].isna().any(axis=None):
        return None
    if rows.duplicated([*BLOCK, "segment"]).any():
        return None
    n_segments = rows.groupby(BLOCK, observed=True, sort=False)["n_segments"].agg(["min", "max"])
    values = {v: rows[v].to_numpy(np.float64) for v in ("mean_attribution", "abs_mean_attribution")}
    if (n_segments["min"] != n_segments["max"]).any():
        return None
    if any(np.isinf(value).any() for value in values.values()):
        return None
    ids = rows["image_id"].unique()
    counts = n_segments["min"].groupby(level=[0, 1], observed=True).agg(["size", "sum"])
    return Seal(
        n_rows=len(rows),
        images=tuple((*key, int(n), int(s)) for key, n, s in counts.itertuples()),
        ids=tuple((min(ids, key=order), max(ids, key=order)) for order in ORDERS),
        largest={v: float(np.fmax.reduce(np.abs(x), initial=0.0)) for v, x in values.items()},
    )


def read_seal(text: bytes | None, n_rows: int) -> Seal | None:
    """The seal in a file's metadata, if there is one and the file has as many rows as it says."""
    if text is None:
        return None
    found = json.loads(text)
    checked = Seal(**found | {name: tuple(map(tuple, found[name])) for name in ("images", "ids")})
    return checked if checked.n_rows == n_rows else None


def apart(seals: Sequence[Seal]) -> bool:
    """Whether the ids' ranges, in one of the orders, tell that no two files share an image.

    Files of different models or methods do not.
    """
    return any(_ranges_apart(seals, order) for order in range(len(ORDERS)))


def _ranges_apart(seals: Sequence[Seal], order: int) -> bool:
    key, ranges = ORDERS[order], defaultdict(list)
    for one in seals:
        first, last = map(key, one.ids[order])
        for model, method, *_ in one.images:
            ranges[model, method].append((first, last))
    return all(
        before[1] < after[0]
        for found in ranges.values()
        for before, after in pairwise(sorted(found))
    )
