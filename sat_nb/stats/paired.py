"""The images and segments that two tables share, side by side."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.stats.rows import KEY
from sat_nb.table.classes import Classes, with_classes
from sat_nb.table.schema import ranked_again, rerank
from sat_nb.table.source import with_text

MISSING = ("error", "skip")
REMEDY = "; missing='skip' compares what both have."


@dataclass(frozen=True, eq=False)
class Pairs:
    """The ranks that both tables have, side by side.

    ``ranks`` has the columns image_id, segment, rank_a and rank_b, one row for each segment of an
    image. ``image_ids`` are the images of both tables, ``left_out`` those of only one.
    """

    ranks: pd.DataFrame
    image_ids: list[str]
    left_out: dict[str, list]


def paired(a: pd.DataFrame, b: pd.DataFrame, *, missing: str) -> Pairs:
    """Join the rows of two models by image and segment; see ``difference`` for ``missing``."""
    if missing not in MISSING:
        raise unknown_name("missing", missing, MISSING)
    rank_by = _rank_by(a, b)
    if _are_even(a, b):
        return _side_by_side(a, b)
    a, b = (with_text(rows, *KEY) for rows in (a, b))
    image_ids, left_out = images_of_both(a, b, missing)
    a, b = (rows[rows["image_id"].isin(image_ids)] for rows in (a, b))
    joined = a[[*KEY, "n_segments"]].merge(
        b[[*KEY, "n_segments"]], on=KEY, how="outer", suffixes=("_a", "_b"), indicator=True
    )
    uneven = _uneven_images(joined)
    if uneven and missing == "error":
        raise InvalidInput(_uneven_text(joined, uneven) + REMEDY)
    if uneven:
        warnings.warn(f"{_uneven_text(joined, uneven)}; they are ranked again.", stacklevel=4)
        left_out |= {"segments ranked again in": uneven}
        for side, where in (("a", "left_only"), ("b", "right_only")):
            alone = joined.loc[joined["_merge"] == where, KEY].dropna()
            left_out[f"segments in table_{side} only"] = list(alone.itertuples(False, None))
    common = joined.loc[joined["_merge"] == "both", KEY].dropna()
    ranks = [_ranks_on(common, rows, uneven, rank_by) for rows in (a, b)]
    both = ranks[0].merge(ranks[1], on=KEY, suffixes=("_a", "_b"))
    return Pairs(both, image_ids, {side: names for side, names in left_out.items() if names})


def _are_even(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Whether both have the same images and segments in the same rows, ranked among as many."""
    if len(a) != len(b) or (a["n_segments"].to_numpy() != b["n_segments"].to_numpy()).any():
        return False
    return all(_same(a[column], b[column]) for column in KEY)


def _same(a: pd.Series, b: pd.Series) -> bool:
    coded = [isinstance(names.dtype, pd.CategoricalDtype) for names in (a, b)]
    if all(coded) and a.cat.categories.equals(b.cat.categories):
        return bool((a.cat.codes.to_numpy() == b.cat.codes.to_numpy()).all())
    left, right = a.to_numpy(dtype=object), b.to_numpy(dtype=object)
    return bool(((left == right) | (pd.isna(left) & pd.isna(right))).all())


def _side_by_side(a: pd.DataFrame, b: pd.DataFrame) -> Pairs:
    """The ranks of tables that are even."""
    image_ids = with_text(a[["image_id"]].drop_duplicates(), "image_id")["image_id"].tolist()
    ranks = a[KEY].assign(rank_a=a["rank"].to_numpy(), rank_b=b["rank"].to_numpy())
    return Pairs(ranks.dropna(subset=KEY).reset_index(drop=True), image_ids, {})


def _ranks_on(
    common: pd.DataFrame, rows: pd.DataFrame, uneven: list[str], rank_by: str
) -> pd.DataFrame:
    """Ranks of the common segments; in uneven images, new ranks among these alone."""
    kept = rows.merge(common, on=KEY)
    new = ranked_again(kept, rank_by)["rank"]
    is_uneven = kept["image_id"].isin(uneven)
    return kept[KEY].assign(rank=kept["rank"].where(~is_uneven, new))


def ranked_together(
    a: pd.DataFrame, b: pd.DataFrame, value: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that both have, ranked among each other."""
    keys = a[KEY].dropna().merge(b[KEY].dropna(), on=KEY)
    both = [rerank(rows.merge(keys, on=KEY), by=value) for rows in (a, b)]
    for rows in both:
        rows.attrs = {}
    return both[0], both[1]


def images_of_both(
    a: pd.DataFrame, b: pd.DataFrame, missing: str, stacklevel: int = 5
) -> tuple[list[str], dict[str, list]]:
    """The images of both tables, and those of only one, by the table's name."""
    ids_a, ids_b = a["image_id"].unique(), b["image_id"].unique()
    in_a, in_b = set(ids_a), set(ids_b)
    both = [i for i in ids_a if i in in_b]
    only = {
        "images in table_a only": [i for i in ids_a if i not in in_b],
        "images in table_b only": [i for i in ids_b if i not in in_a],
    }
    if not any(only.values()):
        return both, only
    sides = "; ".join(f"{len(ids)} {side}: {shorten(ids)}" for side, ids in only.items() if ids)
    if missing == "error" or not both:
        raise IdMismatch(f"table_a, table_b: expected the same images, got {sides}{REMEDY}")
    warnings.warn(f"table_a, table_b: left out {sides}.", stacklevel=stacklevel)
    return both, only


def by_class(
    a: pd.DataFrame, b: pd.DataFrame, classes: Classes, missing: str
) -> dict[Any, tuple[pd.DataFrame, pd.DataFrame]]:
    """{class: the rows of a and b}, for each class of two images or more."""
    ids, _ = images_of_both(a, b, missing, 4)
    a, b = (with_classes(rows[rows["image_id"].isin(ids)], classes) for rows in (a, b))
    of_a, of_b = (
        rows.drop_duplicates("image_id").set_index("image_id")[classes.column] for rows in (a, b)
    )
    of_b = of_b[of_a.index]
    keys = pd.Series(list(zip(of_a, of_b, strict=True)), of_a.index, dtype=object)
    if classes.column == "label":
        other = of_a.index[(of_a != of_b).to_numpy(dtype=bool)]
        if len(other):
            raise InvalidInput(
                f"table_a, table_b: {len(other)} images have another label in each: "
                f"{shorten(other)}; build both with the same labels."
            )
        keys = of_a.astype(object)
    images = {key: keys.index[[one == key for one in keys]] for key in sorted(set(keys))}
    few = [key for key, found in images.items() if len(found) < 2]
    if few:
        warnings.warn(
            f"classes: left out {len(few)} of {len(images)} ({classes.column} {shorten(few)}), "
            "which have one image in both tables.",
            stacklevel=3,
        )
    return {
        key: (a[a["image_id"].isin(found)], b[b["image_id"].isin(found)])
        for key, found in images.items()
        if key not in few
    }


def _uneven_images(joined: pd.DataFrame) -> list[str]:
    """Images whose ranks are not among the same segments: other names, or another n_segments."""
    # The names alone would miss a table that was ranked again after the same filter.
    uneven = (joined["_merge"] != "both") | (joined["n_segments_a"] != joined["n_segments_b"])
    return joined.loc[uneven, "image_id"].drop_duplicates().tolist()


def _uneven_text(joined: pd.DataFrame, uneven: list[str]) -> str:
    first = joined[joined["image_id"] == uneven[0]]
    sides = {
        side: first.loc[first["_merge"] == where, "segment"].dropna().tolist()
        for side, where in (("table_a", "left_only"), ("table_b", "right_only"))
    }
    parts = [f"{shorten(names)} in {side} only" for side, names in sides.items() if names]
    counts = (first["n_segments_a"].max(), first["n_segments_b"].max())
    parts = parts or ["ranks among {:.0f} and {:.0f} segments".format(*counts)]
    return (
        f"table_a, table_b: {len(uneven)} images are not ranked among the same segments in both: "
        f"{shorten(uneven)} ({uneven[0]!r} has {' and '.join(parts)})"
    )


def _rank_by(a: pd.DataFrame, b: pd.DataFrame) -> str:
    """The column that the tables were ranked by, as noted when they were built."""
    noted = [rows.attrs.get("sat_nb", {}).get("rank_by") for rows in (a, b)]
    if None not in noted and noted[0] != noted[1]:
        raise InvalidInput(
            f"table_a is ranked by {noted[0]!r} and table_b by {noted[1]!r}; build both with the "
            "same rank_by, or use sat_nb.rerank on one."
        )
    return str(noted[0] or noted[1] or "abs_mean_attribution")
