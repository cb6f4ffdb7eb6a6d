"""Figures on disk, each with the numbers behind it as CSV."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

import sat_nb as sat

FORMATS = ("svg", "png")


def draw_method(
    table: pd.DataFrame,
    method: str,
    out: str | os.PathLike[str],
    *,
    test: str = "wilcoxon-holm",
    alpha: float = 0.05,
    highlight: Iterable[str] = (),
) -> list[Path]:
    """Diagram and bars of one saliency method; returns the files written."""
    marked = tuple(highlight)
    result = sat.compare(table, method=method, test=test, alpha=alpha)
    summary = sat.intervals(table[table["method"] == method], value="abs_mean_attribution")
    name = re.sub(r"[^\w.-]", "_", method)
    diagram = sat.plot_critical_difference(result, highlight=marked)
    bars = sat.plot_segments(summary, highlight=marked)
    return [
        *save(diagram, Path(out) / f"critical_difference_{name}"),
        *save(bars, Path(out) / f"segments_{name}"),
    ]


def save(picture: Any, path: Path, numbers: pd.DataFrame | None = None) -> list[Path]:
    """Write the picture and its numbers, and close it."""
    import matplotlib.pyplot as plt

    files = sat.save_figure(picture, path, data=numbers, formats=FORMATS, dpi=150)
    plt.close("all")
    return files
