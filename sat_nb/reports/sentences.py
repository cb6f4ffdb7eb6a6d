"""The findings in words: each rule says one thing, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from sat_nb.reports.findings import Findings
from sat_nb.stats.comparison import Comparison
from sat_nb.widgets.markup import count

MAX_NAMED = 3
"""Names in a row; a sentence says how many more there are."""

LOUD = 0.3
"""The mean correlation of rank with size from which it is told."""


def said(findings: Findings) -> list[str]:
    """What all rules say, in their order."""
    return [text for rule in RULES for text in rule(findings)]


def listed(names: Sequence[object]) -> str:
    """Names as a text.

    >>> listed(["eyes"]), listed(["eyes", "nose"]), listed(list("abcde"))
    ("'eyes'", "'eyes' and 'nose'", "'a', 'b', 'c' and 2 more")
    """
    return joined([f"'{name}'" for name in names])


def joined(texts: Sequence[str]) -> str:
    """Texts in a row, the first few of many; nothing for none."""
    if len(texts) > MAX_NAMED:
        texts = [*texts[:MAX_NAMED], f"{len(texts) - MAX_NAMED} more"]
    return " and ".join([", ".join(texts[:-1]), *texts[-1:]] if len(texts) > 1 else texts)


def leaders(findings: Findings) -> Iterator[str]:
    """Which segment has the best mean rank, and under how many methods."""
    by_segment: dict[str, list[str]] = {}
    for method, found in findings.comparisons.items():
        for segment in first_of(found):
            by_segment.setdefault(segment, []).append(method)
    for segment, methods in sorted(by_segment.items(), key=lambda item: -len(item[1])):
        ranks = [findings.comparisons[method].mean_ranks[segment] for method in methods]
        yield (
            f"'{segment}' has the best mean rank under {_share(methods, findings)}: "
            f"{_span(ranks)} over {count(findings.n_images, 'photo')}, {_having(findings, segment)}"
        )


def first_of(found: Comparison) -> list[str]:
    """The segments with the best mean rank; several if they tie."""
    ranks = found.mean_ranks
    return list(ranks.index[ranks <= ranks.min() + 1e-9])


def not_told_apart(found: Comparison) -> list[str]:
    """The segments that the test does not tell from the first."""
    first = found.mean_ranks.index[0]
    return [name for name in found.mean_ranks.index[1:] if not found.different.loc[first, name]]


def significance(findings: Findings) -> Iterator[str]:
    """Under which methods the first segment differs from all others."""
    able = {m: c for m, c in findings.comparisons.items() if not c.n_needed}
    able = {m: c for m, c in able.items() if len(c.mean_ranks) > 1}
    clear = [method for method, found in able.items() if not not_told_apart(found)]
    what = f"({findings.options.test_name}, alpha {findings.options.alpha:g})"
    if clear:
        yield (
            f"The first differs from every other segment {what} under {_share(clear, findings)}."
        )
    for method, found in able.items():
        others = not_told_apart(found)
        if found.friedman_p > found.alpha:
            yield (
                f"Under {method} the segments as a whole do not differ: Friedman's "
                f"p = {found.friedman_p:.2g}."
            )
        elif others:
            yield (
                f"Under {method}, '{found.mean_ranks.index[0]}' is first and is not told apart "
                f"from {listed(others)}. That is no proof that they are equal."
            )


def too_few(findings: Findings) -> Iterator[str]:
    """That nothing could differ, however clear it is."""
    for method, found in findings.comparisons.items():
        if found.n_needed is not None:
            things = "photos" if found.unit is None else "units"
            yield (
                f"Under {method} no pair of {count(len(found.mean_ranks), 'segment')} can come out "
                f"different with so few {things}; at least {found.n_needed:,} are needed."
            )


def hidden_leads(findings: Findings) -> Iterator[str]:
    """Segments that lead where they are present, and that few photos have."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for method, found in findings.comparisons.items():
        rare, first = str(found.relative_ranks.idxmin()), found.mean_ranks.index[0]
        if rare not in first_of(found) and found.n_images[rare] < found.n_total:
            pairs.setdefault((rare, first), []).append(method)
    for (rare, first), methods in pairs.items():
        found = findings.comparisons[methods[0]]
        here, there = found.relative_ranks[rare], found.relative_ranks[first]
        yield (
            f"Where it is present, '{rare}' ranks before '{first}' under "
            f"{_share(methods, findings)} (under {methods[0]}: {here:.2f} against "
            f"{there:.2f}), but only {_n_having(findings, rare):,} of "
            f"{count(findings.n_images, 'photo')} have it: such a lead, of a shortcut for "
            "instance, shows neither in a mean over all photos nor in the accuracy."
        )


def presence(findings: Findings) -> Iterator[str]:
    """How many differences an image that lacks a segment makes, turns or hides."""
    for method, found in findings.comparisons.items():
        n, driven = _n_different(found), len(found.driven_by_presence)
        if driven:
            a, b = found.driven_by_presence[0]
            yield (
                f"Under {method}, {driven} of {count(n, 'difference')} rest on presence, as a "
                f"photo that lacks a segment ranks it last: '{a}' before '{b}', for instance, is "
                "not found on the photos that have both."
            )
        hidden = found.hidden_by_presence
        if hidden:
            a, b = hidden[0]
            yield (
                f"Under {method}, presence hides {count(len(hidden), 'difference')}: on the photos "
                f"that have both, '{a}' is before '{b}'."
            )


def against(findings: Findings) -> Iterator[str]:
    """Segments that speak against the target more often than for it."""
    shares: dict[str, dict[str, float]] = {}
    for method, found in findings.signs.items():
        sure = found["adjusted_p_value"] <= findings.options.alpha
        mostly = found[sure & (found["share_against"] > 0.5)]
        for segment, share in zip(mostly["segment"], mostly["share_against"], strict=True):
            shares.setdefault(segment, {})[method] = share
    together: dict[tuple[str, ...], list[str]] = {}
    for segment, by_method in sorted(shares.items(), key=lambda item: -max(item[1].values())):
        text = f"'{segment}' ({_span([*by_method.values()], '.0%')} of its photos)"
        together.setdefault(tuple(by_method), []).append(text)
    for methods, texts in together.items():
        yield (
            f"Against the target more often than for it under {_share(methods, findings)}: "
            f"{joined(texts)}. Ranks follow the absolute value, not the sign."
        )


def agreement(findings: Findings) -> Iterator[str]:
    """How far the methods agree, and which two agree least."""
    agreed = findings.agreed
    if agreed is None:
        return
    yield (
        f"Agreement of the {len(agreed.methods)} methods on mean ranks: Kendall's W {agreed.w:.2f} "
        f"(1: the same order; {1 / len(agreed.methods):.2f}: by chance); within a photo "
        f"{agreed.w_by_image.mean():.2f}."
    )
    tau = np.where(np.eye(len(agreed.methods)), np.inf, agreed.tau.fillna(np.inf))
    if len(agreed.methods) > 2 and np.isfinite(tau.min()):
        a, b = (agreed.methods[i] for i in divmod(int(tau.argmin()), len(tau)))
        yield f"Within a photo, {a} and {b} agree least: Kendall's tau {tau.min():.2f}."


def sizes(findings: Findings) -> Iterator[str]:
    """Where small segments, or large ones, rank early."""
    found = findings.sizes[findings.sizes["p_value"] <= findings.options.alpha]
    for which, rows in (
        ("Small", found[found["correlation"] >= LOUD]),
        ("Large", found[found["correlation"] <= -LOUD]),
    ):
        if len(rows):
            yield (
                f"{which} segments rank early under {_share([*rows['method']], findings)}: rank "
                f"and size correlate by {_span([*rows['correlation']])} within a photo. Size alone "
                "may make a lead; see adjust_for_size."
            )


def sampling(findings: Findings) -> Iterator[str]:
    """Ranks that the noise of a sampling method may explain."""
    still_open = {method: 1 - share for method, share in findings.settled.items() if share < 1}
    if still_open:
        each = ", ".join(f"{share:.0%} under {method}" for method, share in still_open.items())
        yield (
            f"Ranks within photos that are not settled: {each}. The gap to a neighbour is within "
            "two standard errors of the method's own sampling."
        )


def left_out(findings: Findings) -> Iterator[str]:
    """Photos without any segment, and photos that a method does not explain."""
    rows = findings.rows
    empty = rows.loc[rows["segment"].isna(), "image_id"].nunique()
    if empty:
        yield (
            f"{count(empty, 'photo')} of {findings.n_images:,} have none of the segments; mean "
            "ranks over all photos count them, those of photos with the segment do not."
        )
    for method in findings.methods:
        mine = rows[rows["method"] == method]
        missing = findings.n_images - mine["image_id"].nunique()
        undecomposed = int((mine["rank"].isna() & mine["segment"].notna()).sum())
        if missing or undecomposed:
            yield (
                f"{method} has no rows of {count(missing, 'photo')} and no values in "
                f"{count(undecomposed, 'row')}; they are left out of its means."
            )


RULES: tuple[Callable[[Findings], Iterable[str]], ...] = (
    leaders,
    significance,
    too_few,
    hidden_leads,
    presence,
    against,
    agreement,
    sizes,
    sampling,
    left_out,
)
"""What is told, in this order."""


def _share(methods: Sequence[str], findings: Findings) -> str:
    """Methods among all."""
    of = len(findings.methods)
    if len(methods) == 1:
        return methods[0]
    if len(methods) == of:
        return "both methods" if of == 2 else f"all {of} methods"
    return f"{len(methods)} of {of} methods ({', '.join(methods)})"


def _span(values: Sequence[float], spec: str = ".2f") -> str:
    """A value, or the least and the largest.

    >>> _span([1.5]), _span([1.5, 1.25, 1.4])
    ('1.50', '1.25 to 1.50')
    """
    low, high = format(min(values), spec), format(max(values), spec)
    return low if low == high else f"{low} to {high}"


def _n_having(findings: Findings, segment: str) -> int:
    rows = findings.rows
    return int(rows.loc[rows["segment"] == segment, "image_id"].nunique())


def _having(findings: Findings, segment: str) -> str:
    n = _n_having(findings, segment)
    if n == findings.n_images:
        return "all of which have it."
    return f"of which {n:,} have it; the others count as ranking it last."


def _n_different(found: Comparison) -> int:
    return int(found.pairs()["different"].sum())
