"""How far a ranking moves when the masks do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots.style import BARS, PLAIN, QUIET, axes_or_new, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("change", "amount", "unit", "method", "tau", "low", "high")


def plot_mask_sensitivity(result: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw Kendall's tau with its interval, one line a change and amount, one colour a method.

    Parameters
    ----------
    result: from ``mask_sensitivity``: ``change``, ``amount``, ``unit``, ``method``, ``tau``,
        ``low``, ``high``.
    ax: axes to draw on; a new figure by default.
    """
    missing = [c for c in COLUMNS if c not in getattr(result, "columns", ())]
    if missing:
        raise InvalidInput(
            f"result: expected what sat_nb.mask_sensitivity returns; the columns {missing} are "
            "missing."
        )
    labels = [
        _label(*key) for key in zip(result["change"], result["amount"], result["unit"], strict=True)
    ]
    lines = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    methods = list(dict.fromkeys(result["method"]))
    ax = axes_or_new(ax, 6.5, 1.0 + 0.3 * len(lines) * max(1.0, 0.5 * len(methods)))
    step = 0.7 / len(methods) if methods else 0.0
    for m, method in enumerate(methods):
        rows = result[result["method"] == method]
        own = [label for label, of in zip(labels, result["method"], strict=True) if of == method]
        heights = [lines[label] + step * (m - (len(methods) - 1) / 2) for label in own]
        colour = BARS[m % len(BARS)]
        ax.hlines(heights, rows["low"], rows["high"], color=colour, linewidth=1.6)
        ax.plot(rows["tau"], heights, "o", color=colour, markersize=5, label=short(str(method)))
    ax.axvline(1.0, color=QUIET, linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(lines)), list(lines), **PLAIN)
    ax.invert_yaxis()
    ax.set_xlabel("Kendall's tau with the ranking of the unchanged masks")
    ax.spines[["top", "right"]].set_visible(False)
    legend = ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, frameon=False, fontsize=9
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return ax


def _label(change: str, amount: float, unit: str) -> str:
    """What was done and how much: "pad 4 px", "dropped 10 %"."""
    if pd.isna(amount):
        return change
    return f"{change} {amount:.0%}" if unit == "share" else f"{change} {amount:g} {unit}"
