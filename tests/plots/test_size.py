"""Size against rank: dots where the numbers are, and names beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

import sat_nb as sat
from sat_nb.toy import toy


@pytest.fixture(scope="module")
def adjusted() -> pd.DataFrame:
    table = sat.build(*toy())
    table["mask_fraction"] = np.where(table["segment"] == "rest", 0.4, 0.1)
    return sat.adjust_for_size(table, method="sharp", effects="image")


def test_dots_are_the_numbers_of_the_adjustment(adjusted: pd.DataFrame) -> None:
    ax = sat.plot_size(adjusted, highlight="eyes")
    for column in ("rank", "adjusted_rank"):
        (dots,) = [c for c in ax.collections if c.get_gid() == column]
        expected = np.column_stack([100 * adjusted["mask_fraction"], adjusted[column]])
        np.testing.assert_allclose(np.asarray(dots.get_offsets()), expected)
    shifts = [np.asarray(line.get_ydata()) for line in ax.lines if line.get_gid() == "shift"]
    np.testing.assert_allclose(shifts, adjusted[["rank", "adjusted_rank"]])
    first, last = ax.get_ylim()
    assert first > last, "rank 1 is at the top"
    assert {t.get_text() for t in ax.texts} == set(adjusted["segment"])


def test_names_cover_no_dot_and_no_other_name() -> None:
    rng = np.random.default_rng(0)
    n = 14
    adjusted = pd.DataFrame(
        {
            "segment": [f"segment {i}" for i in range(n)],
            "n_images": 9,
            "mask_fraction": rng.uniform(0.01, 0.05, n),
            "rank": rng.uniform(3, 9, n),
            "adjusted_rank": rng.uniform(3, 9, n),
        }
    )
    ax = sat.plot_size(adjusted)
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    (dots,) = [c for c in ax.collections if c.get_gid() == "rank"]
    at = ax.transData.transform(np.asarray(dots.get_offsets()))
    assert not any(box.contains(*place) for box in boxes for place in at)
    pyplot.close("all")


def test_another_table_is_refused() -> None:
    with pytest.raises(sat.InvalidInput, match="adjusted: .*adjust_for_size"):
        sat.plot_size(sat.aggregate(sat.build(*toy())))
