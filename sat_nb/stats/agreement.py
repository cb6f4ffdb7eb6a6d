"""agreement: do the segments that attract attribution matter?"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sat_nb.arguments import checked_level
from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.printable import literal, printable
from sat_nb.stats.bootstrap import (
    Interval,
    Levels,
    Unit,
    check_resampling,
    chosen_interval,
    units_of,
)
from sat_nb.stats.difference import difference
from sat_nb.stats.image_taus import mean_taus, taus_of_photos
from sat_nb.stats.paired import images_of_both, ranked_together
from sat_nb.stats.rows import KEY, check_pooled, checked_rows
from sat_nb.table.parquet.files import read_table
from sat_nb.table.schema import N_FORWARD, RANK_EFFECTS_BY, need_columns

REST = "(rest)"
ATTRACTS, MATTERS = "attracts, matters less", "matters, attracts less"
PAIR = ["method", "effect"]


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far attribution and effects rank the segments alike, for each pair of the two.

    Parameters
    ----------
    pairs : pandas.DataFrame
        One row a saliency method and effect: ``method``, ``effect``; ``tau``, Kendall's tau-b
        between the two in a photo, averaged over photos (1 alike, 0 unrelated, -1 reversed), with
        its bootstrap interval ``low`` and ``high``; ``tau_of_means``, between the mean ranks over
        the set, with ``low_of_means`` and ``high_of_means``; ``n_images``, the photos with a tau.
    photos : pandas.DataFrame
        ``method``, ``effect``, ``image_id``, ``n_segments`` (those of both) and ``tau``, NaN where
        a photo has one segment, or one of the two ties all of them.
    segments : pandas.DataFrame
        ``method``, ``effect``, ``segment``, ``n_images``; ``rank_attribution`` and ``rank_effect``,
        mean ranks; ``rank_shift``, the mean of rank_effect - rank_attribution, with ``low`` and
        ``high``; ``p_value`` and ``adjusted_p_value`` as in :class:`Difference`; and ``finding``:
        "attracts, matters less", "matters, attracts less", or "" where the two do not differ.
        Those that attract most beyond what they matter come first.
    value : str
        The column by which both are ranked.
    alpha : float
        The level of the tests, and 1 - that of the intervals.
    left_out : dict
        The photos that only one of the tables has.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> table = build({"lrp.z": maps["sharp"]}, segments)
    >>> effects = build({"without.blur": maps["noisy"]}, segments).assign(n_forward=6)
    >>> found = agreement(table, effects, n_resamples=1000)
    >>> found.pairs[["method", "effect", "n_images"]]
      method        effect  n_images
    0  lrp.z  without.blur        20
    """

    pairs: pd.DataFrame
    photos: pd.DataFrame
    segments: pd.DataFrame
    value: str
    alpha: float
    left_out: dict[str, list] = field(default_factory=dict)

    def __repr__(self) -> str:
        texts = [
            f"{printable(row.method)} and {printable(row.effect)}: tau {row.tau:.2f} "
            f"[{row.low:.2f}, {row.high:.2f}] in {row.n_images} photos"
            for row in self.pairs.head(3).itertuples()
        ]
        more = f"; ... {len(self.pairs)} pairs" if len(self.pairs) > 3 else ""
        return f"Agreement({'; '.join(texts)}{more})"

    def of(self, method: str | None = None, effect: str | None = None) -> Agreement:
        """The result of one pair.

        Parameters
        ----------
        method, effect : str, optional
            Which of them; neither needs to be given where there is one only.

        Returns
        -------
        Agreement
            That pair's rows.

        Raises
        ------
        InvalidInput
            For a name that is not there, and where several pairs are left.
        """
        kept = self.pairs
        for column, name in (("method", method), ("effect", effect)):
            if name is None:
                continue
            if name not in set(self.pairs[column]):
                raise unknown_name(column, name, self.pairs[column].unique())
            kept = kept[kept[column] == name]
        if len(kept) != 1:
            pairs = [f"method={m!r}, effect={e!r}" for m, e in kept[PAIR].to_numpy()[:4]]
            raise InvalidInput(
                f"method, effect: the result holds {len(kept)} pairs; choose one: "
                f"{'; '.join(pairs)}."
            )
        rows, photos, segments = (
            frame.merge(kept[PAIR], on=PAIR) for frame in (self.pairs, self.photos, self.segments)
        )
        return Agreement(rows, photos, segments, self.value, self.alpha, self.left_out)


def agreement(
    table: pd.DataFrame | str | os.PathLike[str],
    effects: pd.DataFrame | str | os.PathLike[str],
    *,
    value: str = "abs_mean_attribution",
    alpha: float = 0.05,
    missing: str = "error",
    classes: str | None = None,
    unit: Unit = "image_id",
    n_resamples: int = 10_000,
    interval: str | Interval | Levels = "bca",
    seed: int = 0,
) -> Agreement:
    """Compare where attribution lies with what matters: ranks of both, photo by photo.

    Segments that both tables have in a photo are ranked among each other, in both by ``value``.
    A segment that attracts attribution and does not matter has a much better rank in the table
    than by its effect.

    Parameters
    ----------
    table : pandas.DataFrame, str or path
        From ``build``, or the path of a table on disk: one model and class, any methods. Rows of
        effects in it are left out.
    effects : pandas.DataFrame, str or path
        From ``intervene``, or the path of a table on disk: of the same model and targets, any
        measures and replacements. The rows of "(rest)", which no map has, are left out. A table
        from ``build`` is compared in the same way, as one method with another.
    value : str, default "abs_mean_attribution"
        What both are ranked by, the largest first: "abs_mean_attribution", the size of attribution
        and effect per pixel, as in a table; "mean_attribution", with their sign; or
        "total_attribution", whole segments with their sign.
    alpha : float, default 0.05
        The level at which the shifts of all segments of a pair are tested together; intervals
        have level 1 - alpha.
    missing : {"error", "skip"}, default "error"
        What to do with photos that only one of the tables has. "skip" leaves them out, with a
        warning and a note in ``left_out``.
    classes : {"pool"}, default None
        "pool" takes photos of all classes together; without it there must be one class.
    unit : str, Mapping or Series, default "image_id"
        What is independent: photos, or a column of ``table`` or {image_id: unit} that groups them,
        as for ``intervals``.
    n_resamples : int, default 10000
        How often the units are resampled for the intervals.
    interval : str, Interval or callable, default "bca"
        The kind of bootstrap interval, as for ``intervals``.
    seed : int, default 0
        The same seed gives the same intervals.

    Returns
    -------
    Agreement
        For each method and effect: rank correlations in photos and over the set, with intervals,
        and the segments whose ranks differ.

    Raises
    ------
    InvalidInput
        For tables of several models or classes, of other models or targets than each other, and
        for fewer than two photos with segments in both.
    IdMismatch
        If the tables do not have the same photos, under ``missing="error"``.

    Warns
    -----
    UserWarning
        Where photos are left out, and where units are few.
    TooFewWarning
        Where so few photos let no segment differ.

    See Also
    --------
    difference : The same test between two models.

    References
    ----------
    Kendall 1945 (tau-b); Efron 1987; Wilcoxon 1945; Holm 1979.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> table = build({"lrp.z": maps["sharp"]}, segments)
    >>> effects = build({"without.blur": maps["noisy"]}, segments).assign(n_forward=6)
    >>> result = agreement(table, effects)
    >>> result
    Agreement(lrp.z and without.blur: tau 0.66 [0.54, 0.75] in 20 photos)
    >>> result.segments[["segment", "rank_attribution", "rank_effect", "finding"]].head(2)
      segment  rank_attribution  rank_effect                 finding
    0    eyes               1.0         1.75  attracts, matters less
    1   mouth               3.0         3.10
    """
    if value not in RANK_EFFECTS_BY:
        raise unknown_name("value", value, RANK_EFFECTS_BY)
    checked_level("alpha", alpha, 0.05)
    check_resampling(1 - alpha, n_resamples)
    check_pooled(classes)
    table, effects = _checked(_in_memory(table), _in_memory(effects), classes)
    _, left_out = _images_of_both(table, effects, missing)
    options: dict[str, Any] = {
        "alpha": alpha,
        "unit": unit,
        "n_resamples": n_resamples,
        "interval": chosen_interval(interval),
        "seed": seed,
    }
    parts = [
        _of_pair(one, other, value, str(method), str(effect), options)
        for method, one in table.groupby("method", sort=False)
        for effect, other in effects.groupby("method", sort=False)
    ]
    pairs, photos, segments = (
        pd.concat(frames, ignore_index=True) for frames in zip(*parts, strict=True)
    )
    return Agreement(pairs, photos, segments, value, alpha, left_out)


def _in_memory(table: pd.DataFrame | str | os.PathLike[str]) -> pd.DataFrame:
    return read_table(table) if isinstance(table, str | os.PathLike) else table


def _checked(
    table: pd.DataFrame, effects: pd.DataFrame, classes: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of maps, and the rows of effects; InvalidInput where they are not of one kind."""
    need_columns(effects, ("method", "segment"), "effects", "the table of sat_nb.intervene")
    need_columns(table, ("method",), "table", "the table of sat_nb.build")
    effects = effects[effects["segment"] != REST]
    if N_FORWARD in effects:
        effects = effects[effects[N_FORWARD].notna()]
    if N_FORWARD in table:
        table = table[table[N_FORWARD].isna()]
    for argument, rows, origin in (("table", table, "build"), ("effects", effects, "intervene")):
        if rows.empty:
            raise InvalidInput(f"{argument}: has no rows of sat_nb.{origin}.")
        checked_rows(rows, ("method",), argument=argument, classes=classes)
    models = [rows["model"].dropna().unique() for rows in (table, effects)]
    if len(models[0]) and len(models[1]) and models[0][0] != models[1][0]:
        raise InvalidInput(
            f"effects: are of model {literal(models[1][0])}, table of {literal(models[0][0])}; "
            "pass tables of one model, or the same name to both as model= and model_name=."
        )
    _check_targets(table, effects)
    return table, effects


def _check_targets(table: pd.DataFrame, effects: pd.DataFrame) -> None:
    of_both = (
        rows[rows["target"].notna()].drop_duplicates("image_id").set_index("image_id")["target"]
        for rows in (table, effects)
    )
    both = pd.concat(of_both, axis=1, join="inner", keys=["table", "effects"])
    other = both.index[(both["table"] != both["effects"]).to_numpy(dtype=bool)]
    if len(other):
        raise InvalidInput(
            f"effects: are on other classes than the table explains in {len(other)} photos: "
            f"{shorten(other)}; give explain and intervene the same target."
        )


def _images_of_both(
    table: pd.DataFrame, effects: pd.DataFrame, missing: str
) -> tuple[list[str], dict[str, list]]:
    try:
        ids, left_out = images_of_both(table, effects, missing)
    except IdMismatch as error:
        raise IdMismatch(_renamed(str(error))) from None
    return ids, {_renamed(side): found for side, found in left_out.items() if found}


def _renamed(text: str) -> str:
    return text.replace("table_a", "table").replace("table_b", "effects")


def _of_pair(
    table: pd.DataFrame,
    effects: pd.DataFrame,
    value: str,
    method: str,
    effect: str,
    options: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    a, b = ranked_together(table, effects, value)
    if a["image_id"].nunique() < 2:
        raise InvalidInput(
            f"table, effects: expected at least 2 photos with segments of both {method!r} and "
            f"{effect!r}, got {a['image_id'].nunique()}; check that the names of segments agree."
        )
    ranks = a[KEY].assign(a=a["rank"]).merge(b[KEY].assign(b=b["rank"]), on=KEY)
    photos = taus_of_photos(ranks)
    shifts = difference(
        a.assign(method="pair"),
        b.assign(method="pair"),
        method="pair",
        classes="pool",
        **{**options, "unit": _units(table, options)},
    )
    named = {"method": method, "effect": effect}
    return (
        pd.DataFrame([{**named, **mean_taus(ranks, photos, _units(table, options), options)}]),
        photos.assign(**named)[[*PAIR, "image_id", "n_segments", "tau"]],
        _findings(shifts.table, options["alpha"]).assign(**named),
    )


def _units(table: pd.DataFrame, options: dict[str, Any]) -> pd.Series:
    """The unit of each photo, by its id: rows of effects may lack the column."""
    units = units_of(table, options["unit"]).set_axis(table["image_id"])
    return units[~units.index.duplicated()]


def _findings(shifts: pd.DataFrame, alpha: float) -> pd.DataFrame:
    differ = (shifts["adjusted_p_value"] <= alpha).to_numpy()
    moved = np.where(shifts["rank_shift"] > 0, ATTRACTS, MATTERS)
    named = shifts.rename(columns={"rank_a": "rank_attribution", "rank_b": "rank_effect"})
    columns = ["segment", "n_images", "rank_attribution", "rank_effect", "rank_shift", "low"]
    columns += ["high", "p_value", "adjusted_p_value", "finding"]
    found = named.assign(finding=np.where(differ, moved, "")).reset_index()
    order = ["rank_shift", "segment"]
    found = found.sort_values(order, ascending=[False, True], ignore_index=True)
    return found.assign(method="", effect="")[[*PAIR, *columns]]
