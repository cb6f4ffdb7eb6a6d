"""Figures, tables and numbers of studies, written into the folder of the figures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

import sat_nb as sat
from sat_nb.csv_files import csv_of
from sat_nb.files import plain_name, written_whole

FORMATS = ("svg", "png")
OF_MAPS = ("png",)
"""Of grids of photos and maps: an SVG would hold the same pixels, in far more bytes."""


def draw_method(
    table: pd.DataFrame,
    method: str,
    out: str | os.PathLike[str],
    *,
    highlight: Iterable[str] = (),
) -> list[Path]:
    """Draw the critical difference diagram and the bars of one method; the files written."""
    return draw_results(results_of_method(table, method), out, highlight=highlight)


def results_of_method(
    table: pd.DataFrame,
    method: str,
    *,
    test: str | sat.PairTest = "wilcoxon-holm",
    alpha: float = 0.05,
    missing: str = "absolute",
    value: str = "abs_mean_attribution",
    interval: str | sat.Interval = "bca",
    classes: Literal["pool"] | None = None,
) -> tuple[sat.Comparison, pd.DataFrame]:
    """What ``draw_results`` draws: the comparison of one method, and its means with intervals."""
    options: Any = {"test": test, "alpha": alpha, "missing": missing, "classes": classes}
    result = sat.compare(table, method=method, **options)
    rows = table[table["method"] == method]
    return result, sat.intervals(rows, value=value, interval=interval, classes=classes)


def draw_results(
    results: tuple[sat.Comparison, pd.DataFrame],
    out: str | os.PathLike[str],
    *,
    highlight: Iterable[str] = (),
    formats: Sequence[str] = FORMATS,
    spreadsheet_safe: bool = False,
) -> list[Path]:
    """Write the critical difference diagram and the bars of one method; the files written."""
    (result, summary), marked = results, tuple(highlight)
    name = plain_name(result.method)
    options: dict[str, Any] = {"formats": formats, "spreadsheet_safe": spreadsheet_safe}
    diagram = sat.plot_critical_difference(result, highlight=marked)
    bars = sat.plot_segments(summary, highlight=marked)
    return [
        *save(diagram, Path(out) / f"critical_difference_{name}", **options),
        *save(bars, Path(out) / f"segments_{name}", **options),
    ]


def save_numbers(table: pd.DataFrame, file: Path) -> Path:
    """Write a frame as CSV; the file."""
    with written_whole(file) as part:
        part.write_bytes(csv_of(table))
    return file


def save(
    figure: Any,
    path: Path,
    numbers: pd.DataFrame | None = None,
    *,
    formats: Sequence[str] = FORMATS,
    spreadsheet_safe: bool = False,
) -> list[Path]:
    """Write a figure with its numbers as CSV, and close it; the files written."""
    import matplotlib.pyplot as plt

    options: dict[str, Any] = {"formats": formats, "dpi": 150, "spreadsheet_safe": spreadsheet_safe}
    files = sat.save_figure(figure, path, data=numbers, **options)
    plt.close("all")
    return files
