"""The committed figures read in print, where a column is 85 mm wide and a page 170."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sat_nb.plots.style import SHARED

FIGURES = Path(__file__).parents[2] / "figures"
SVGS = sorted(FIGURES.rglob("*.svg"))
COLUMN, PAGE = 85 / 25.4, 170 / 25.4  # inches
SMALLEST = 5.0  # points, which is what journals ask for


def printed_sizes(svg: str) -> list[float]:
    """The sizes of all texts in points, when the figure is as wide as its place in print."""
    (width,) = re.findall(r'<svg [^>]*width="([\d.]+)pt"', svg)
    inches = float(width) / 72
    scale = (COLUMN if inches <= SHARED + 0.01 else PAGE) / inches
    return [float(size) * scale for size in re.findall(r"font(?:-size)?: ([\d.]+)px", svg)]


@pytest.mark.skipif(not SVGS, reason="the source distribution has the figures' numbers only")
@pytest.mark.parametrize("file", SVGS, ids=lambda file: str(file.relative_to(FIGURES)))
def test_every_text_is_large_enough_in_print(file: Path) -> None:
    sizes = printed_sizes(file.read_text(encoding="utf-8"))
    assert sizes
    assert min(sizes) >= SMALLEST


def test_a_text_that_is_too_small_in_print() -> None:
    svg = '<svg width="352.8pt"><text style="font-size: 5px"/></svg>'
    assert min(printed_sizes(svg)) == pytest.approx(6.83, abs=0.01)
    assert min(printed_sizes(svg.replace("352.8", "300"))) == pytest.approx(4.02, abs=0.01)


def test_grids_of_maps_have_no_svg() -> None:
    names = {file.stem for file in SVGS}
    assert names.isdisjoint(
        {"figure_2_maps", "pretrained_maps", "bias_maps", "does_it_hold_example"}
    )
