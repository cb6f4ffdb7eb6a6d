"""What the paper says of its watermark study, beside what came of it here."""

from __future__ import annotations

import numpy as np

from sat_nb.studies.claims import Claim
from sat_nb.studies.marked_photos import WATERMARK
from sat_nb.studies.watermark_models import BY_CLEAN, BY_CONTROL, BY_GAP, BY_NULL, Watermark
from sat_nb.studies.watermark_signs import fraction_before, signs

SIGNAL, STABLE = 0.15, 0.25  # the paper's shares
PLATEAU, GAP_GROWTH = 1.0, 0.2  # at most so many ranks, at least so much accuracy


def claims(result: Watermark) -> tuple[Claim, ...]:
    """The paper's claims, with verdicts that the numbers decide; see each function."""
    return (
        signal(result),
        stable_accuracy(result),
        table_first(result),
        plateau(result),
        part_still_used(result),
    )


def signal(result: Watermark) -> Claim:
    """Holds where the rank tells at 15 % already, for all seeds that may be drawn."""
    row = result.earliest().set_index("measure").loc[BY_CONTROL]
    null = result.earliest().set_index("measure").loc[BY_NULL]
    verdict = "holds" if row["high"] <= SIGNAL else "does not hold"
    if row["low"] <= SIGNAL < row["high"]:
        verdict = "holds in part"
    ranks = ", ".join(f"{result.rank(s):.1f} at {s:.0%}" for s in result.settings.shares)
    return _claim(
        result,
        "Figure 5",
        "A clear signal of the watermark in the table from 15 % prevalence on.",
        f"The rank tells from {_spoken(row)} on; against null segments from {_spoken(null)}. "
        f"Mean rank {ranks}.",
        verdict,
    )


def stable_accuracy(result: Watermark) -> Claim:
    """Holds where neither clean accuracy nor the marks' effect on it tells up to 25 %.

    In part where one of the two does not.
    """
    found = result.earliest().set_index("measure")["earliest"]
    quiet = [found[measure] > STABLE for measure in (BY_CLEAN, BY_GAP)]
    share = _nearest(result, STABLE)
    at = result.accuracy.groupby("marked_fraction")[["clean", "marked"]].mean()
    before = ", ".join(
        f"{at['clean'][s]:.1%}/{at['marked'][s]:.1%} at {s:.0%}" for s in (0.0, share)
    )
    return _claim(
        result,
        "Figure 5",
        "Accuracy is stable until 25 % prevalence.",
        f"Clean/all marked {before}; accuracy on clean photos tells from "
        f"{_share(found[BY_CLEAN])} on, marks as in training less marks reversed from "
        f"{_share(found[BY_GAP])}.",
        ("does not hold", "holds in part", "holds")[sum(quiet)],
    )


def table_first(result: Watermark) -> Claim:
    """Holds where the table tells first, in 95 % of all draws of seeds, against two accuracies.

    They are that on clean photos and the sharpest, marks as in training less reversed. In part
    where it is first against one of them; not where the sharpest is first in half of the draws.
    """
    shares, measures = result.settings.shares, result.measures
    table = measures[BY_CONTROL]
    before = [fraction_before(table, measures[m], shares) for m in (BY_CLEAN, BY_GAP)]
    after = fraction_before(measures[BY_GAP], table, shares)
    n_first = sum(share >= 0.95 for share in before)
    verdict = ("cannot tell", "holds in part", "holds")[n_first]
    if after >= 0.5:
        verdict = "does not hold"
    rows = result.earliest().set_index("measure")
    return _claim(
        result,
        "Figure 5",
        "The table shows the shortcut where out-of-distribution accuracy does not yet.",
        f"Earliest share for the table {_spoken(rows.loc[BY_CONTROL])}, for accuracy on clean "
        f"photos {_spoken(rows.loc[BY_CLEAN])}, for marks as in training less reversed "
        f"{_spoken(rows.loc[BY_GAP])}; the table is first in {before[0]:.0%} and {before[1]:.0%} "
        f"of the draws of seeds, the latter before the table in {after:.0%}.",
        verdict,
    )


def plateau(result: Watermark) -> Claim:
    """Holds where past 25 % the rank gains at most 1 while the gap grows by 20 % at least.

    The gap is that of marks as in training to clean photos, which is 50 % at most, as in the
    paper.
    """
    start, end = _nearest(result, STABLE), result.settings.shares[-1]
    ranks = result.rank(start), result.rank(end)
    gaps = result.gap(start), result.gap(end)
    met = [ranks[0] - ranks[1] <= PLATEAU, gaps[1] - gaps[0] >= GAP_GROWTH]
    return _claim(
        result,
        "Figure 5",
        "Past 25 % the rank only goes from 2.3 to 1.5 while the accuracy gap grows from 3.6 % to "
        "50 %.",
        f"From {start:.0%} to {end:.0%} the rank goes from {ranks[0]:.1f} to {ranks[1]:.1f}, the "
        f"gap from {gaps[0]:.1%} to {gaps[1]:.1%}.",
        ("does not hold", "holds in part", "holds")[sum(met)],
    )


def part_still_used(result: Watermark) -> Claim:
    """Holds where the part is above its null segments at the largest share, as at 0 %."""
    part, shares = result.photos.part, result.settings.shares
    found = signs({part: result.part_above_null}, shares)
    first, last = found.iloc[0], found.iloc[-1]
    used = [bool(row["p_value"] <= 0.05 and row["mean"] > 0) for row in (first, last)]
    verdict = "holds" if used[1] else "does not hold" if used[0] else "cannot tell"
    return _claim(
        result,
        "Figure 6",
        f"Models that use the watermark still use {_original(part)}.",
        f"The {part} exceed their null segments by Cliff's delta {first['mean']:.2f} "
        f"(p = {first['p_value']:.1g}) at 0 % and {last['mean']:.2f} (p = {last['p_value']:.1g}) "
        f"at {shares[-1]:.0%}; mean rank {result.rank(0.0, part):.1f} and "
        f"{result.rank(shares[-1], part):.1f}, the watermark's "
        f"{result.rank(0.0):.1f} and {result.rank(shares[-1], WATERMARK):.1f}.",
        verdict,
    )


def _claim(result: Watermark, where: str, paper: str, found: str, verdict: str) -> Claim:
    return Claim(where, paper, result.photos.name, found, verdict)


def _original(part: str) -> str:
    return "the eyes" if part == "eyes" else f"the eyes (here: the {part})"


def _nearest(result: Watermark, share: float) -> float:
    return min(result.settings.shares[1:], key=lambda s: abs(s - share))


def _spoken(row: object) -> str:
    """An earliest share with its interval."""
    found = {name: _share(row[name]) for name in ("earliest", "low", "high")}  # type: ignore[index]
    return f"{found['earliest']} [{found['low']}, {found['high']}]"


def _share(value: float) -> str:
    return "no share" if np.isinf(value) else f"{value:.0%}"
