"""``sat-nb compare`` and ``difference``: which segments differ, and between which models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import click

import sat_nb as sat
from sat_nb.cli.inputs import Listed, checked_names
from sat_nb.cli.options import Command, named, readable_errors, say
from sat_nb.cli.output import output_options, show
from sat_nb.cli.summaries import CLASSES, RESAMPLES, SEED, known
from sat_nb.cli.units import UNIT, read_unit
from sat_nb.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

METHODS = click.option(
    "--methods", type=Listed(), help="Saliency methods; by default all in the table."
)
ALPHA = click.option("--alpha", default=0.05, show_default=True, help="Level of the tests.")
TEST = named(
    "--test", "sat_nb:TESTS", "Test of the differences between segments.", default="wilcoxon-holm"
)
MISSING = named(
    "--missing",
    "sat_nb.stats.compare:MISSING",
    "How the tests count segments that an image lacks.",
    default="absolute",
    own=False,
)


@click.command(cls=Command)
@click.argument("table")
@METHODS
@click.option(
    "--segments",
    type=Listed(),
    help="Segments that you ask about, such as eyes,nose: the answer in a sentence, and their "
    "pairs first. The tests are those of all segments.",
)
@click.option("--by", type=Listed(), help="Columns whose values are compared apart, as model.")
@CLASSES
@UNIT
@ALPHA
@TEST
@MISSING
@output_options
@readable_errors
def compare(
    table: str,
    methods: list[str] | None,
    segments: list[str] | None,
    by: list[str] | None,
    classes: str | None,
    unit: str,
    out: str | None,
    latex: bool,
    spreadsheet_safe: bool,
    **options: Any,
) -> None:
    """Test which segments differ in rank: all pairs, with p-values and effect sizes.

    `sat-nb compare sat.parquet --segments eyes,nose` says whether the eyes are ahead of the nose.
    """
    rows = sat.read_table(table)
    asked = _asked(segments, rows)
    options |= known(classes=classes) | _units(unit, rows)
    parts = []
    for group, result in _results(rows, methods_of(methods, rows), by or [], options):
        for a, b in combinations(asked, 2):
            answer = _answer(result, a, b)
            say(f"{', '.join(map(str, group.values()))}: {answer}", err=latex and out is None)
        parts.append(_asked_first(result.pairs(), asked).assign(**group)[[*group, *PAIR_COLUMNS]])
    show(_joined(parts), out=out, latex=latex, spreadsheet_safe=spreadsheet_safe)


PAIR_COLUMNS = (
    *("segment_a", "segment_b", "n_compared", "lead", "effect_size"),
    *("p_value", "adjusted_p_value", "different"),
)


def methods_of(given: Sequence[str] | None, table: pd.DataFrame) -> list[str]:
    """The methods that are asked for, in that order, all of which the table has."""
    held = list(table["method"].unique())
    return checked_names("--methods", given, held) if given is not None else held


def _asked(segments: list[str] | None, table: pd.DataFrame) -> list[str]:
    if segments is None:
        return []
    names = checked_names("--segments", segments, list(table["segment"].dropna().unique()))
    if len(names) < 2:
        raise InvalidInput(
            f"--segments: expected two names or more, with commas, got {segments}; such as "
            "--segments eyes,nose."
        )
    return names


def _units(unit: str, table: pd.DataFrame) -> dict[str, Any]:
    return {} if unit == "image_id" else {"unit": read_unit(unit, table)}


def _results(
    table: pd.DataFrame, methods: list[str], by: list[str], options: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], Any]]:
    """({column: value} of a group, its comparison), method by method."""
    by = checked_names("--by", [column for column in by if column != "method"], table.columns)
    groups = table.groupby(by, dropna=False, sort=True) if by else [((), table)]
    for values, rows in groups:
        group = dict(zip(by, values, strict=True))
        for method in methods:
            yield {"method": method, **group}, sat.compare(rows, method=method, **options)


def _asked_first(pairs: pd.DataFrame, asked: Sequence[str]) -> pd.DataFrame:
    both = pairs["segment_a"].isin(asked) & pairs["segment_b"].isin(asked)
    return pairs.loc[[*pairs.index[both], *pairs.index[~both]]]


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(parts, ignore_index=True)


def _answer(result: Any, a: str, b: str) -> str:
    """Whether one of two segments is ahead of the other, in a sentence."""
    if not {a, b} <= set(result.mean_ranks.index):
        lacking = a if a not in result.mean_ranks.index else b
        return f"{lacking} is in none of these images."
    p, effect = result.adjusted_p_values.loc[a, b], result.effect_sizes.loc[a, b]
    first, second = (b, a) if effect < 0 else (a, b)
    lead, k = result.leads.loc[first, second], len(result.mean_ranks)
    numbers = (
        f"{abs(lead):.2f} ranks {'ahead' if lead >= 0 else 'behind'} on average over "
        f"{result.n_compared.loc[a, b]} images, effect size {abs(effect):.2f}, "
        f"p = {p:.2g} adjusted over {k * (k - 1) // 2} pairs"
    )
    if not result.n_compared.loc[a, b]:
        return f"no image has both {a} and {b}, so they cannot be compared."
    if not result.different.loc[a, b]:
        return f"no difference was found between {a} and {b} ({first} is {numbers})."
    driven = {first, second} in map(set, result.driven_by_presence)
    caution = " This rests on presence: see --missing complete." if driven else ""
    return f"{first} is ahead of {second} ({numbers}).{caution}"


@click.command(cls=Command)
@click.argument("table_a")
@click.argument("table_b", required=False)
@click.option(
    "--models",
    type=Listed(),
    help="Two models of one table, such as before,after: instead of a second table.",
)
@METHODS
@CLASSES
@ALPHA
@named(
    "--missing",
    "sat_nb.stats.difference:MISSING",
    "What to do with images and segments that only one table has; 'skip' leaves them out.",
    default="error",
    own=False,
)
@UNIT
@RESAMPLES
@named("--interval", "sat_nb:INTERVALS", "The kind of interval.", default="bca")
@SEED
@output_options
@readable_errors
def difference(
    table_a: str,
    table_b: str | None,
    models: list[str] | None,
    methods: list[str] | None,
    classes: str | None,
    unit: str,
    out: str | None,
    latex: bool,
    spreadsheet_safe: bool,
    **options: Any,
) -> None:
    """Compare two models on the same images: how far each segment moved in rank from a to b."""
    a, b = _two_tables(table_a, table_b, models)
    options |= known(classes=classes) | _units(unit, a)
    parts = []
    for method in methods_of(methods, a):
        found = sat.difference(a, b, method=method, **options)
        say(repr(found), err=latex and out is None)
        moved = found.table.reset_index()
        moved.insert(0, "method", method)
        parts.append(moved)
    show(_joined(parts), out=out, latex=latex, spreadsheet_safe=spreadsheet_safe)


def _two_tables(
    table_a: str, table_b: str | None, models: list[str] | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the two models."""
    if (table_b is None) == (models is None):
        raise InvalidInput(
            "give two tables, one a model, or one table and --models a,b: two of its models."
        )
    a = sat.read_table(table_a)
    if models is None:
        return a, sat.read_table(str(table_b))
    names = checked_names("--models", models, list(a["model"].unique()))
    if len(names) != 2:
        raise InvalidInput(f"--models: expected two models, with a comma, got {models}.")
    return a[a["model"] == names[0]], a[a["model"] == names[1]]
