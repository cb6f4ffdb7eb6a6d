"""Two tables of the same images and segments, side by side."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pandas as pd

from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.table.schema import check_table, rerank

MISSING = ("error", "skip")
KEY = ["image_id", "segment"]
REMEDY = "; pass missing='skip' to compare what both have."


@dataclass(frozen=True, eq=False)
class Pairs:
    """``ranks``: image_id, segment, rank_a, rank_b, a row a segment of an image that both
    tables have. ``image_ids`` are the images of both, ``left_out`` what only one has.
    """

    ranks: pd.DataFrame
    image_ids: list[str]
    left_out: dict[str, list]


def rows_of_one_model(table: pd.DataFrame, argument: str, method: str) -> pd.DataFrame:
    """The rows of a method; InvalidInput where they are of several models or classes."""
    try:
        methods = check_table(table)["method"].unique()
    except InvalidInput as error:
        raise InvalidInput(str(error).replace("table", argument, 1)) from None
    if method not in methods:
        raise unknown_name(f"method (in {argument})", method, methods)
    rows = table[table["method"] == method]
    for column, plural in (("model", "models"), ("label", "classes")):
        values = rows[column].dropna().unique()
        if len(values) > 1:
            raise InvalidInput(
                f"{argument}: holds {len(values)} {plural} ({', '.join(map(str, values[:5]))}); "
                f"filter it first: {argument}[{argument}.{column} == {values[0]!r}]."
            )
    twice = rows.duplicated(KEY)
    if twice.any():
        raise InvalidInput(
            f"{argument}: several rows for {rows[twice].iloc[0][KEY].to_dict()}; a segment counts "
            "once an image. Filter it to one target."
        )
    return rows


def pair(a: pd.DataFrame, b: pd.DataFrame, *, missing: str) -> Pairs:
    """Join the rows of two models by image and segment; see ``difference`` for ``missing``."""
    if missing not in MISSING:
        raise unknown_name("missing", missing, MISSING)
    rank_by = _rank_by(a, b)
    image_ids, left_out = _images_of_both(a, b, missing)
    a, b = (rows[rows["image_id"].isin(image_ids)] for rows in (a, b))
    joined = a[[*KEY, "n_segments"]].merge(
        b[[*KEY, "n_segments"]], on=KEY, how="outer", suffixes=("_a", "_b"), indicator=True
    )
    uneven = _uneven_images(joined)
    if uneven and missing == "error":
        raise InvalidInput(_said(joined, uneven) + REMEDY)
    if uneven:
        warnings.warn(f"{_said(joined, uneven)}: ranked again.", stacklevel=3)
        left_out |= {"segments ranked again in": uneven}
        for side, where in (("a", "left_only"), ("b", "right_only")):
            alone = joined.loc[joined["_merge"] == where, KEY].dropna()
            left_out[f"segments in table_{side} only"] = list(alone.itertuples(False, None))
    common = joined.loc[joined["_merge"] == "both", KEY].dropna()
    ranks = [_ranks_on(common, rows, uneven, rank_by) for rows in (a, b)]
    both = ranks[0].merge(ranks[1], on=KEY, suffixes=("_a", "_b"))
    return Pairs(both, image_ids, {side: found for side, found in left_out.items() if found})


def _ranks_on(
    common: pd.DataFrame, rows: pd.DataFrame, uneven: list[str], rank_by: str
) -> pd.DataFrame:
    """Ranks of the common segments; in uneven images anew, among these alone."""
    kept = rows.merge(common, on=KEY)
    anew = rerank(kept, by=rank_by)["rank"]
    again = kept["image_id"].isin(uneven)
    return kept[KEY].assign(rank=kept["rank"].where(~again, anew))


def _images_of_both(
    a: pd.DataFrame, b: pd.DataFrame, missing: str
) -> tuple[list[str], dict[str, list]]:
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
        raise IdMismatch(f"the tables do not hold the same images: {sides}{REMEDY}")
    warnings.warn(f"left out: {sides}.", stacklevel=4)
    return both, only


def _uneven_images(joined: pd.DataFrame) -> list[str]:
    """Images whose ranks are not over the same segments: other names, or another n_segments.

    The second finds tables of which one was ranked again after the same filter.
    """
    uneven = (joined["_merge"] != "both") | (joined["n_segments_a"] != joined["n_segments_b"])
    return joined.loc[uneven, "image_id"].drop_duplicates().tolist()


def _said(joined: pd.DataFrame, uneven: list[str]) -> str:
    first = joined[joined["image_id"] == uneven[0]]
    sides = {
        side: first.loc[first["_merge"] == where, "segment"].dropna().tolist()
        for side, where in (("table_a", "left_only"), ("table_b", "right_only"))
    }
    told = [f"{shorten(names)} in {side} only" for side, names in sides.items() if names]
    counts = (first["n_segments_a"].max(), first["n_segments_b"].max())
    told = told or ["ranks among {:.0f} and {:.0f} segments".format(*counts)]
    return (
        f"{len(uneven)} images are not ranked over the same segments in both tables: "
        f"{shorten(uneven)} ({uneven[0]!r} has {' and '.join(told)})"
    )


def _rank_by(a: pd.DataFrame, b: pd.DataFrame) -> str:
    """What the ranks are of, as the tables remember it."""
    said = [rows.attrs.get("sat_nb", {}).get("rank_by") for rows in (a, b)]
    if None not in said and said[0] != said[1]:
        raise InvalidInput(
            f"table_a is ranked by {said[0]!r} and table_b by {said[1]!r}; build both with the "
            "same rank_by, or use sat_nb.rerank on one."
        )
    return str(said[0] or said[1] or "abs_mean_attribution")
