"""cof_table: how often replacing segments changes the predicted class."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.printable import printable
from sat_nb.registry import Entry, lists, registry
from sat_nb.stats.rows import check_pooled, checked_rows
from sat_nb.table.parquet.files import read_table
from sat_nb.table.schema import need_columns

ORIGIN = "the table of sat_nb.intervene"
GROUP = ["model", "replace"]


@dataclass(frozen=True, kw_only=True)
class Sets(Entry):
    """Which sets of segments count: ``measure`` is that of ``intervene`` whose rows hold them."""

    measure: str


SETS: dict[str, Sets] = registry(
    Sets(
        name="single",
        title="each name alone",
        about="A name counts in a photo where replacing it alone changes the predicted class.",
        source="Hinns & Martens 2024",
        measure="without",
    ),
    Sets(
        name="minimal",
        title="all minimal sets",
        about="A name counts once in a photo where it is in any minimal set that changes the "
        "predicted class; of rows of the measure 'counterfactual'.",
        source="Vermeire & Martens 2020",
        measure="counterfactual",
    ),
)
"""Which sets of segments ``cof_table`` counts, by name."""


@dataclass(frozen=True, eq=False)
class CofTable:
    """How often replacing segments changes the predicted class.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a model, replacement and segment, the most frequent first: ``model``, ``replace``,
        ``segment``, ``n_flipped``, the photos in which it counts; ``n_images``, the photos that
        have it, and ``of_present``, n_flipped / n_images, with ``low`` and ``high``, its 95 %
        interval (Wilson 1927); ``n_all``, all photos, and ``of_all``; ``flipped_to``, the class
        most often flipped to, and ``n_flipped_to``, how often.
    flips : pandas.DataFrame
        ``model``, ``replace``, ``segment``, ``predicted``, ``flipped_to`` and ``n_flipped``: from
        which class to which.
    found : pandas.DataFrame
        Every set in every photo: ``model``, ``replace``, ``image_id``, ``names`` (a tuple),
        ``n_names``, ``predicted`` and ``flipped_to``.
    photos : pandas.DataFrame
        ``model``, ``replace``, ``n_all``, all photos, and ``n_without_any``, those in which no set
        changes the class.
    sets : str
        "single" or "minimal".

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> rows = build({"without.blur": toy(8)[0]["sharp"]}, toy(8)[1])
    >>> gone = (rows["segment"] == "eyes") & (rows["image_id"] < "image_04")
    >>> rows["flipped_to"] = gone.map({True: 7}).astype("Int64")
    >>> cof_table(rows.assign(predicted=3, n_forward=6))
    CofTable(single; blur: eyes 4/8, ears 0/6, mouth 0/8, ...; 4 of 8 photos without any)
    """

    table: pd.DataFrame
    flips: pd.DataFrame
    found: pd.DataFrame
    photos: pd.DataFrame
    sets: str

    def __repr__(self) -> str:
        texts = []
        for row in self.photos.itertuples():
            own = self.table[(self.table[GROUP] == [row.model, row.replace]).all(axis=1)]
            first = ", ".join(
                f"{printable(one.segment)} {one.n_flipped}/{one.n_images}"
                for one in own.head(3).itertuples()
            )
            texts.append(
                f"{printable(str(row.replace))}: {first}{', ...' if len(own) > 3 else ''}; "
                f"{row.n_without_any} of {row.n_all} photos without any"
            )
        return f"CofTable({self.sets}; {'; '.join(texts)})"


@lists(sets=SETS)
def cof_table(
    effects: pd.DataFrame | str | os.PathLike[str],
    *,
    sets: str = "single",
    classes: str | None = None,
) -> CofTable:
    """Count how often replacing segments changes the predicted class: a counterfactual frequency.

    Parameters
    ----------
    effects : pandas.DataFrame, str or path
        From ``intervene``, or the path of a table on disk, with rows of the measure that ``sets``
        needs, of one class. Models and replacements are counted apart; other rows are not looked
        at.
    sets : str, default "single"
        What counts:

        [[sets]]
    classes : {"pool"}, default None
        "pool" takes photos of all classes together; without it there must be one class.

    Returns
    -------
    CofTable
        Counts by segment, over the photos that have it and over all photos; the classes flipped to;
        every set; and the photos without any.

    Raises
    ------
    InvalidInput
        For tables without rows of the measure, of several classes, and for an unknown ``sets``.

    Warns
    -----
    UserWarning
        Where nothing changes the class of any photo.

    References
    ----------
    Hinns & Martens 2024, Counterfactual frequency tables.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> rows = build({"without.blur": toy(8)[0]["sharp"]}, toy(8)[1])
    >>> gone = (rows["segment"] == "eyes") & (rows["image_id"] < "image_04")
    >>> rows["flipped_to"] = gone.map({True: 7}).astype("Int64")
    >>> counted = cof_table(rows.assign(predicted=3, n_forward=6))
    >>> counted.table[["segment", "n_flipped", "n_images", "of_present", "flipped_to"]].head(2)
      segment  n_flipped  n_images  of_present  flipped_to
    0    eyes          4         8         0.5           7
    1    ears          0         6         0.0        <NA>
    """
    if not isinstance(sets, str) or sets not in SETS:
        raise unknown_name("sets", sets, SETS)
    check_pooled(classes)
    if isinstance(effects, str | os.PathLike):
        effects = read_table(effects)
    rows = _rows_of(effects, SETS[sets])
    checked_rows(rows, ("method", "model"), argument="effects", classes=classes)
    rows = rows.assign(replace=rows["method"].str.partition(".")[2])
    keys = ["image_id", *GROUP]
    photos = rows.groupby(GROUP, dropna=False, sort=False)["image_id"].nunique().rename("n_all")
    flipped = rows[rows["flipped_to"].notna() & rows["segment"].notna()]
    with_any = flipped.drop_duplicates(keys).groupby(GROUP, dropna=False).size()
    by_group = photos.reset_index()
    n_any = [int(with_any.get(tuple(k), 0)) for k in by_group[GROUP].itertuples(index=False)]
    by_group["n_without_any"] = by_group["n_all"] - n_any
    if flipped.empty:
        warnings.warn(
            "effects: no photo has any counterfactual: replacing segments never changes the "
            "predicted class. Try another replacement (models see through blur), sets='minimal', "
            "or effects on the score, which are not all or nothing.",
            stacklevel=2,
        )
    return CofTable(
        table=_counted(rows, flipped, photos),
        flips=_flips(flipped),
        found=_found(flipped, sets),
        photos=by_group,
        sets=sets,
    )


def _rows_of(effects: Any, sets: Sets) -> pd.DataFrame:
    """The rows of the measure; InvalidInput where there are none."""
    need_columns(effects, ("method", "segment", "predicted"), "effects", ORIGIN)
    rows = effects[effects["method"].str.startswith(f"{sets.measure}.")]
    if rows.empty or "flipped_to" not in effects:
        found = ", ".join(map(repr, effects["method"].unique()[:5]))
        raise InvalidInput(
            f"effects: sets={sets.name!r} counts rows of the measure {sets.measure!r}, got "
            f"{found}; call intervene(..., measures={sets.measure!r})."
        )
    return rows


def _counted(rows: pd.DataFrame, flipped: pd.DataFrame, photos: pd.Series) -> pd.DataFrame:
    keys = [*GROUP, "segment"]
    present = rows[rows["segment"].notna()]
    table = present.groupby(keys, dropna=False, sort=False).size().rename("n_images").reset_index()
    counts = flipped.groupby(keys, dropna=False).size().rename("n_flipped").reset_index()
    table = table.merge(counts, on=keys, how="left").merge(photos.reset_index(), on=GROUP)
    table["n_flipped"] = table["n_flipped"].fillna(0).astype("int64")
    table["of_present"] = table["n_flipped"] / table["n_images"]
    table["of_all"] = table["n_flipped"] / table["n_all"]
    table[["low", "high"]] = [
        _wilson(k, n) for k, n in zip(table["n_flipped"], table["n_images"], strict=True)
    ]
    table = table.merge(_most_frequent(flipped), on=keys, how="left")
    table["n_flipped_to"] = table["n_flipped_to"].fillna(0).astype("int64")
    table["_group"] = table.groupby(GROUP, dropna=False, sort=False).ngroup()
    order = ["_group", "of_present", "n_flipped", "segment"]
    table = table.sort_values(order, ascending=[True, False, False, True], ignore_index=True)
    columns = ["n_flipped", "n_images", "of_present", "low", "high", "n_all", "of_all"]
    return table[[*keys, *columns, "flipped_to", "n_flipped_to"]]


def _wilson(n_flipped: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    from scipy.stats import binomtest

    low, high = binomtest(int(n_flipped), int(n)).proportion_ci(0.95, method="wilson")
    return float(low), float(high)


def _most_frequent(flipped: pd.DataFrame) -> pd.DataFrame:
    """The class that is flipped to most often, the smallest of several."""
    keys = [*GROUP, "segment"]
    counts = flipped.groupby([*keys, "flipped_to"], dropna=False).size().rename("n_flipped_to")
    order = [*keys, "n_flipped_to", "flipped_to"]
    ascending = [*(True for _ in keys), False, True]
    most = counts.reset_index().sort_values(order, ascending=ascending).drop_duplicates(keys)
    return most.astype({"flipped_to": "Int64"})


def _flips(flipped: pd.DataFrame) -> pd.DataFrame:
    by = [*GROUP, "segment", "predicted", "flipped_to"]
    return flipped.groupby(by, dropna=False).size().rename("n_flipped").reset_index()


def _found(flipped: pd.DataFrame, sets: str) -> pd.DataFrame:
    columns = [*GROUP, "image_id", "names", "n_names", "predicted", "flipped_to"]
    rows = {
        (row.model, row.replace, row.image_id, names, len(names), row.predicted, to): None
        for row in flipped.itertuples()
        for names, to in _sets_in(row, sets)
    }
    return pd.DataFrame(list(rows), columns=columns).astype({"flipped_to": "Int64"})


def _sets_in(row: Any, sets: str) -> Iterator[tuple[tuple[str, ...], int]]:
    if sets == "single":
        yield (row.segment,), int(row.flipped_to)
        return
    for names, to in json.loads(row.counterfactuals):
        yield tuple(names), int(to)
