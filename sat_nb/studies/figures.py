"""Figures on disk, each with the numbers behind it as CSV."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

import sat_nb as sat
from sat_nb.files import written_whole


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
    rows = table[table["method"] == method]
    summary = sat.aggregate(rows, how="relative", value="abs_mean_attribution")
    name = re.sub(r"[^\w.-]", "_", method)
    diagram = sat.plot_critical_difference(result, highlight=marked)
    bars = sat.plot_segments(summary, highlight=marked)
    return [
        *save_figure(
            diagram.get_figure(), Path(out) / f"critical_difference_{name}", ranks_of(result)
        ),
        *save_figure(bars.get_figure(), Path(out) / f"segments_{name}", summary),
    ]


def ranks_of(result: sat.Comparison) -> pd.DataFrame:
    """The numbers of a diagram: mean ranks, images, and the groups each segment is in."""
    groups = {
        name: " ".join(str(i) for i, group in enumerate(result.groups, 1) if name in group)
        for name in result.mean_ranks.index
    }
    columns = [result.mean_ranks, result.relative_ranks, result.n_images]
    return pd.concat(columns, axis=1).assign(groups=pd.Series(groups)).reset_index()


def save_figure(figure: Any, stem: Path, numbers: pd.DataFrame) -> list[Path]:
    """Write ``stem``.png and ``stem``.csv, each whole, and close the figure."""
    import matplotlib.pyplot as plt

    picture, values = Path(f"{stem}.png"), Path(f"{stem}.csv")
    with written_whole(picture) as part:
        figure.savefig(part, dpi=150, metadata={"Software": None})
    with written_whole(values) as part:
        numbers.to_csv(part, index=False, float_format="%.6g")
    plt.close(figure)
    return [picture, values]
