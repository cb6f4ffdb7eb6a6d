"""What the three checks say of rankings, as claims whose verdicts follow from the numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from sat_nb.stats.stability import images_needed
from sat_nb.studies.claims import Claim

WHERE = "beyond the paper"
CONTROLS = ("random", "smallest first", "shuffled")
GONE, FAINT = 0.1, 0.5  # similarities above that with noise up to which it has vanished, or nearly
STABLE = 0.9  # Kendall's tau
PAPERS_IMAGES = 100  # of a class


def claims(result: Any) -> tuple[Claim, ...]:
    """Five claims: two on deletion, two on randomised models, one on the number of images."""
    return (
        *(_deletion(result, measured, paper) for measured, paper in DELETED.items()),
        *(_randomised(result, measure, paper) for measure, paper in VANISH.items()),
        _stable(result),
    )


# --- deletion -----------------------------------------------------------------------------------

DELETED = {
    "whole": "The higher a segment ranks, the more the prediction changes without it.",
    "by pixel": "The higher a segment ranks, the more the prediction changes for each of its "
    "pixels that is deleted (ranks are of means over pixels).",
}


def _deletion(result: Any, measured: str, paper: str) -> Claim:
    rows = result.deletion[result.deletion["measured"] == measured]
    methods = rows[~rows["method"].isin(CONTROLS)]
    tells = (methods["low"] > 0) & (methods["gain_low"] > 0)
    able = tells.groupby(methods["method"], sort=False).all()
    deletions = _listed(rows["deletion"].unique())
    found = (
        f"Kendall's tau with the effect, lowest to highest of {deletions}: "
        f"{_ranges(methods, able)}; controls: {_ranges(rows[rows['method'].isin(CONTROLS)])}. "
        "* = above 0 and above noise by 95 % intervals, whatever the deletion "
        f"(n = {rows['n_images'].max()} images)"
    )
    return Claim(WHERE, paper, result.data, found, _share(able))


def _ranges(rows: pd.DataFrame, marked: pd.Series | None = None) -> str:
    """Each method's lowest and highest tau."""
    spans = rows.groupby("method", sort=False)["tau"].agg(["min", "max"])
    return ", ".join(
        f"{method}{'*' if marked is not None and marked[method] else ''} {low:.2f} to {high:.2f}"
        for method, low, high in spans.itertuples()
    )


# --- randomised models --------------------------------------------------------------------------

VANISH = {
    "map": "Maps depend on what the model has learnt: with random weights they vanish "
    "(Adebayo et al. 2018).",
    "ranking": "Rankings of segments depend on what the model has learnt: with random weights "
    "they vanish.",
}


def _randomised(result: Any, measure: str, paper: str) -> Claim:
    rows = result.randomisation[result.randomisation["measure"] == measure]
    rows = rows[rows["depth"] == rows["depth"].max()]
    states = pd.Series(list(map(_state, rows["left_low"], rows["left_high"])), rows["method"])
    rows = rows.round(2)
    told = ", ".join(
        f"{method} {similarity:.2f} (noise {noise + 0.0:.2f}; {state})"
        for method, similarity, noise, state in zip(
            rows["method"], rows["similarity"], rows["noise"], states, strict=True
        )
    )
    found = f"similarity with the trained model's, all layers random: {told}"
    return Claim(WHERE, paper, result.data, found, _vanished(states))


def _state(low: float, high: float) -> str:
    """From the interval of how much more alike than noise it is.

    >>> _state(-0.1, 0.05), _state(0.1, 0.3), _state(0.6, 0.8), _state(-0.2, 0.6)
    ('gone', 'faint', 'left', 'open')
    """
    if high <= GONE:
        return "gone"
    if low <= 0:
        return "open"
    return "faint" if high <= FAINT else "left"


def _vanished(states: pd.Series) -> str:
    """Holds where all are gone; does not where all that can be told is surely left."""
    known = states[states != "open"]
    if known.empty:
        return "cannot tell"
    if (known == "left").all():
        return "does not hold"
    return "holds" if (states == "gone").all() else "holds in part"


# --- images -------------------------------------------------------------------------------------


def _stable(result: Any) -> Claim:
    stability = result.stability
    needed = images_needed(stability, tau=STABLE)
    largest = int(stability["n_images"].max())
    last = stability[stability["n_images"] == largest].set_index("method")["tau"]
    told = ", ".join(
        f"{method} {n}" if pd.notna(n) else f"{method} more than {largest} ({last[method]:.2f})"
        for method, n in needed.items()
    )
    enough = needed.notna() & (needed <= PAPERS_IMAGES).fillna(False)
    verdict = _share(enough)
    if verdict == "does not hold" and largest < PAPERS_IMAGES:
        verdict = "cannot tell"
    return Claim(
        WHERE,
        f"{PAPERS_IMAGES} images of a class, as in the paper, are enough for a ranking that other "
        "images repeat.",
        result.data,
        f"images in each of two separate samples from which on Kendall's tau of their rankings is "
        f"at least {STABLE} on average: {told}",
        verdict,
    )


def _share(able: pd.Series) -> str:
    if able.all():
        return "holds"
    return "holds in part" if able.any() else "does not hold"


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
