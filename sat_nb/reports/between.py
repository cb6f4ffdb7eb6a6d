"""How the models of a table differ, segment by segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from sat_nb.errors import InvalidInput
from sat_nb.plots.difference import plot_difference
from sat_nb.reports.findings import Options
from sat_nb.reports.markup import Html, bullets, drawn, paragraph, side_by_side
from sat_nb.reports.sentences import listed
from sat_nb.stats.difference import Difference, difference
from sat_nb.widgets.data import Data


def between_models(data: Data, options: Options) -> Sequence[Html]:
    """The first model against each other one, in words and pictures; nothing for one model."""
    found, refused = [], []
    for method, a, b in _pairs(data):
        try:
            found.append(_difference(data, options, method, a, b))
        except InvalidInput as error:
            refused.append(f"{a} and {b} under {method}: {error}")
    if not found and not refused:
        return []
    pictures = [drawn(partial(plot_difference, one), _said(one)) for one in found]
    return [
        paragraph("Local ranks of the same segments of the same photos, in pairs."),
        bullets([*map(_said, found), *refused]),
        side_by_side(pictures),
    ]


def _pairs(data: Data) -> Iterator[tuple[str, str, str]]:
    """Every method for two models; the first method for more."""
    first, *others = data.offer.models or ("",)
    methods = data.offer.methods if len(others) == 1 else data.offer.methods[:1]
    return ((method, first, other) for other in others for method in methods)


def _difference(data: Data, options: Options, method: str, a: str, b: str) -> Difference:
    rows = data.table[data.table["method"] == method]
    return difference(
        rows[rows["model"] == a],
        rows[rows["model"] == b],
        method=method,
        alpha=options.alpha,
        missing="skip",
        n_resamples=options.n_resamples,
        seed=options.seed,
        **options.units,
        **options.pooling,
    )


def _said(found: Difference) -> str:
    """Which segments gain ranks and which lose them from model a to model b."""
    moved = found.table[found.table["adjusted_p_value"] <= found.alpha]
    models = f"{found.model_a} to {found.model_b}"
    if moved.empty:
        return f"Under {found.method} no segment differs in rank from {models}."
    kinds = {"earlier": moved["rank_shift"] < 0, "later": moved["rank_shift"] > 0}
    parts = [
        f"{what} in rank: {listed(list(moved.index[rows]))}"
        for what, rows in kinds.items()
        if rows.any()
    ]
    return f"Under {found.method}, from {models}: {'; '.join(parts)}."
