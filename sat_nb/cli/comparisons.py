"""``sat-nb compare`` and ``difference``: which segments differ, and between which models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import click

import sat_nb as sat
from sat_nb.cli.inputs import Listed, checked_names, opened
from sat_nb.cli.labels import UNIT, UNIT_HELP, read_unit
from sat_nb.cli.options import Command, named, readable_errors, say
from sat_nb.cli.output import output_options, show
from sat_nb.cli.summaries import CLASSES, RESAMPLES, SEED, known
from sat_nb.errors import InvalidInput
from sat_nb.printable import printable

if TYPE_CHECKING:
    import pandas as pd

    from sat_nb.table.source import Source

METHODS = click.option(
    "--methods", type=Listed(), help="Saliency methods; by default all in the table."
)
ALPHA = click.option("--alpha", default=0.05, show_default=True, help="Level of the tests.")
TEST = named(
    "--test", "sat_nb:TESTS", "Test of the differences between segments.", default="wilcoxon-holm"
)
MISSING = named(
    "--missing",
    "sat_nb.stats.plan:MISSING",
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
@click.option("--unit", help=f"{UNIT_HELP} By default every image.")
@ALPHA
@TEST
@MISSING
@click.option("--seed", default=0, show_default=True, help="Of the random flips with --unit.")
@output_options
@readable_errors
def compare(
    table: str,
    methods: list[str] | None,
    segments: list[str] | None,
    by: list[str] | None,
    classes: str | None,
    unit: str | None,
    out: str | None,
    latex: bool,
    spreadsheet_safe: bool,
    **options: Any,
) -> None:
    """Test which segments differ in rank: all pairs, with p-values and effect sizes.

    `sat-nb compare sat.parquet --segments eyes,nose` says whether the eyes are ahead of the nose.
    """
    source = opened(table)
    asked = _asked(segments, source)
    options |= known(classes=classes) | read_unit(unit, source.empty)
    parts = []
    for group, result in _results(source, methods_of(methods, source), by or [], options):
        for a, b in combinations(asked, 2):
            answer = _answer(result, a, b)
            where = ", ".join(map(printable, group.values()))
            say(f"{where}: {answer}", err=latex and out is None)
        pairs = _asked_first(result.pairs(), asked)
        parts.append(pairs.assign(**group)[[*group, *pairs.columns]])
    show(_joined(parts), out=out, latex=latex, spreadsheet_safe=spreadsheet_safe)


def methods_of(given: Sequence[str] | None, table: Source) -> list[str]:
    """The methods that are asked for, in that order, all of which the table has."""
    held = table.names("method")
    if given == []:
        raise InvalidInput("--methods: expected names with commas, got none; leave it out for all.")
    return checked_names("--methods", given, held) if given is not None else held


def _asked(segments: list[str] | None, table: Source) -> list[str]:
    if segments is None:
        return []
    names = checked_names("--segments", segments, table.names("segment"))
    if len(names) < 2:
        raise InvalidInput(
            f"--segments: expected two names or more, with commas, got {segments}; such as "
            "--segments eyes,nose."
        )
    return names


def _results(
    table: Source, methods: list[str], by: list[str], options: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], Any]]:
    """({column: value} of a group, its comparison), method by method."""
    by = checked_names("--by", [column for column in by if column != "method"], table.empty.columns)
    groups = table.rows().groupby(by, dropna=False, sort=True) if by else [((), table)]
    for values, rows in groups:
        group = dict(zip(by, values, strict=True))
        for method in methods:
            result = sat.compare(rows, method=method, **options)
            for of_class, one in by_class(result, options.get("classes")):
                yield {"method": method, **group, **of_class}, one


def by_class(result: Any, classes: str | None) -> Iterator[tuple[dict[str, Any], Any]]:
    """({column: class}, its result) where classes are apart; else the one result there is."""
    if isinstance(result, Mapping):
        yield from (({_column(classes): c}, one) for c, one in result.items())
    else:
        yield {}, result


def _column(classes: str | None) -> str:
    from sat_nb.table.classes import CLASSES as ENTRIES

    return ENTRIES[str(classes)].column


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
        return f"{printable(lacking)} is in none of these images."
    names = f"{printable(a)} and {printable(b)}"
    if not result.n_compared.loc[a, b]:
        return f"no image has both {names}, so they cannot be compared."
    first, second = (b, a) if result.effect_sizes.loc[a, b] < 0 else (a, b)
    found = result.different.loc[a, b]
    answer = (
        f"{first} is ahead of {second}" if found else f"no difference found between {a} and {b}"
    )
    return f"{answer}: {_numbers(result, first, second)}.{_cautions(result, first, second)}"


def _numbers(result: Any, first: str, second: str) -> str:
    p, k = result.adjusted_p_values.loc[first, second], len(result.mean_ranks)
    lead = result.leads.loc[first, second]
    side = "ahead" if lead >= 0 else "behind"
    return (
        f"{printable(first)} is {abs(lead):.2f} ranks {side} on average over "
        f"{result.n_compared.loc[first, second]} images, effect size "
        f"{result.effect_sizes.loc[first, second]:.2f}, p = {p:.2g} adjusted over "
        f"{k * (k - 1) // 2} pairs"
    )


CAUTIONS = {
    "created_by_presence": "On the images that have both, no such difference is found",
    "reversed_by_presence": "On the images that have both, it is the other way round",
    "hidden_by_presence": "On the images that have both, a difference is found",
}
"""What to add to an answer, by the field of a comparison that names its pair."""


def _cautions(result: Any, first: str, second: str) -> str:
    cautions = [
        f" {caution} (see --missing complete)."
        for field, caution in CAUTIONS.items()
        if {first, second} in map(set, getattr(result, field))
    ]
    if result.n_needed:
        cautions.append(f" At least {result.n_needed} images or units are needed to find any.")
    lacking = [
        f"{n - here} lack {printable(name)}"
        for name in (first, second)
        if (here := result.n_images[name]) < (n := result.n_total)
    ]
    if lacking and result.missing == "absolute":
        cautions.append(f" Of the images, {' and '.join(lacking)}, which ranks it last there.")
    return "".join(cautions)


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
    "sat_nb.stats.paired:MISSING",
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
    unit: str | None,
    out: str | None,
    latex: bool,
    spreadsheet_safe: bool,
    **options: Any,
) -> None:
    """Compare two models on the same images: how far each segment moved in rank from a to b."""
    a, b = _two_tables(table_a, table_b, models)
    options |= known(classes=classes) | read_unit(unit, a.empty)
    parts = []
    for method in methods_of(methods, a):
        result = sat.difference(a, b, method=method, **options)
        for of_class, found in by_class(result, classes):
            say(repr(found), err=latex and out is None)
            moved, group = found.table.reset_index(), {"method": method, **of_class}
            parts.append(moved.assign(**group)[[*group, *moved.columns]])
    show(_joined(parts), out=out, latex=latex, spreadsheet_safe=spreadsheet_safe)


def _two_tables(
    table_a: str, table_b: str | None, models: list[str] | None
) -> tuple[Source, Source]:
    """The rows of the two models."""
    if (table_b is None) == (models is None):
        raise InvalidInput(
            "give two tables, one a model, or one table and --models a,b: two of its models."
        )
    a = opened(table_a)
    if models is None:
        return a, opened(str(table_b))
    names = checked_names("--models", models, a.names("model"))
    if len(names) != 2:
        raise InvalidInput(f"--models: expected two models, with a comma, got {models}.")
    rows = a.rows()
    first, second = (rows[rows["model"] == name] for name in names)
    return opened(first), opened(second)
