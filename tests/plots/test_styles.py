"""Every plot under the settings that users have: all of it reads, and every name is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from cycler import cycler
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.texmanager import TexManager
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

import sat_nb as sat
from sat_nb.plots.faithfulness import plot_deletion, plot_randomisation
from tests.plots import results
from tests.plots.test_labels import texts_of
from tests.plots.test_registries import PLOTS, agnostic, sensitivity

LONG = "the left {} hoof with its coronet and the shadow that it casts, number {}"
NAMES = (
    *("_background_", "$x_1$ & co", "50% {off} #1", "\\alpha^~", "a b", "a  b"),
    *(LONG.format(which, 1) for which in ("front", "hind")),
    *(LONG.format("front", n) for n in (2, 12)),
)
METHODS = ("_own_$z$", LONG.format("lrp", 1), LONG.format("taylor", 1))
IDS = tuple(f"hospital_12/study_of_2026/{part}/slice_of_the_scan_001" for part in "ab")

STYLES: dict[str, dict[str, Any]] = {
    "default": {},
    "dark": mpl.style.library["dark_background"],
    "black axes on grey": {"figure.facecolor": "0.75", "axes.facecolor": "black"},
    "black, but for its text": {"figure.facecolor": "black", "font.size": 18},
    "nothing behind": {
        **mpl.style.library["seaborn-v0_8-dark"],
        "figure.facecolor": "none",
        "axes.titlelocation": "right",
        "axes.unicode_minus": False,
    },
}
OWN_WAYS: dict[str, Any] = {
    "axes.prop_cycle": cycler(linestyle=["--", ":"], marker=["x", "*"]),
    "image.origin": "lower",
    "image.aspect": "auto",
    "axes.grid": True,
}


# --- pictures -------------------------------------------------------------------------------------


def named(frame: pd.DataFrame, **names: tuple[str, ...]) -> pd.DataFrame:
    """The frame with its first names in some columns replaced."""
    for column, new in names.items():
        old = dict.fromkeys(frame[column])
        frame = frame.assign(**{column: frame[column].map(dict(zip(old, new, strict=False)))})
    return frame


@cache
def table() -> pd.DataFrame:
    made = results.table(len(NAMES), methods=("a", "b", "c"))
    return named(made, segment=NAMES, method=METHODS)


def one_method() -> pd.DataFrame:
    return table()[table()["method"] == METHODS[1]]


def rows() -> pd.DataFrame:
    return one_method()[one_method()["image_id"] == "image_00"]


@cache
def comparison() -> sat.Comparison:
    return sat.compare(one_method(), method=METHODS[1])


def difference() -> Any:
    result = results.difference(len(NAMES))
    result.table.index = pd.Index(NAMES, name="segment")
    result.model_a, result.model_b = METHODS[1:]
    return result


def masks(names: tuple[str, ...] = NAMES) -> sat.SegmentationMap:
    return sat.SegmentationMap(names, results.masks(len(names)).masks)


def checked() -> sat.MaskCheck:
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[20:44, 20:44] = 200
    squares = np.zeros((len(NAMES), 64, 64), bool)
    squares[:, 20:44, 20:44] = True
    segments = {"a": sat.SegmentationMap(NAMES, squares)}
    return sat.check_masks(segments, {"a": photo}, progress=False)


def overview() -> Figure:
    segmentation = masks()
    given = sat.build({"m": {"a": results.heat()}}, {"a": segmentation})
    summary = sat.aggregate(given)
    return sat.plot_overview(results.photo(), results.heat(), segmentation, given, summary)


def consensus() -> SimpleNamespace:
    """From unlike to alike, so that numbers stand on every shade."""
    tau = pd.DataFrame([[1, 0.6, -0.1], [0.6, 1, 0.3], [-0.1, 0.3, np.nan]], METHODS, METHODS)
    return SimpleNamespace(tau=tau, w=0.75)


PICTURES: dict[str, tuple[Callable[[], Axes | Figure], tuple[str, ...]]] = {
    "plot_consensus": (lambda: sat.plot_consensus(consensus()), METHODS),
    "plot_critical_difference": (lambda: sat.plot_critical_difference(comparison()), NAMES),
    "plot_deletion": (
        lambda: plot_deletion(named(results.deletion(), method=METHODS, deletion=METHODS).dropna()),
        METHODS,
    ),
    "plot_difference": (lambda: sat.plot_difference(difference()), NAMES),
    "plot_heatmap": (lambda: sat.plot_heatmap(sat.aggregate(table())), NAMES + METHODS),
    "plot_image": (
        lambda: sat.plot_image(
            results.photo(), rows(), attribution=results.heat(), segmentation=masks()
        ),
        tuple(rows()["segment"]),
    ),
    "plot_image_table": (lambda: sat.plot_image_table(rows()), tuple(rows()["segment"])),
    "plot_input_agnostic": (
        lambda: sat.plot_input_agnostic(
            {n: replace(agnostic(), label=n) for n in range(3)}, names=dict(enumerate(METHODS))
        ),
        METHODS,
    ),
    "plot_map_grid": (
        lambda: sat.plot_map_grid(
            dict.fromkeys(IDS, results.photo()),
            {method: dict.fromkeys(IDS, results.heat()) for method in METHODS},
        ),
        METHODS + IDS,
    ),
    "plot_mask_check": (lambda: sat.plot_mask_check(checked()), NAMES),
    "plot_mask_edges": (lambda: sat.plot_mask_edges(checked()), ()),
    "plot_mask_sensitivity": (
        lambda: sat.plot_mask_sensitivity(
            pd.concat([sensitivity().assign(method=method) for method in METHODS])
        ),
        METHODS,
    ),
    "plot_overlay": (
        lambda: sat.plot_overlay(results.photo(), results.heat(), masks()),
        NAMES,
    ),
    "plot_overview": (overview, NAMES),
    "plot_prevalence": (
        lambda: sat.plot_prevalence(named(results.prevalence(), series=(*METHODS, "marked"))),
        METHODS,
    ),
    "plot_randomisation": (
        lambda: plot_randomisation(named(results.randomisation(), method=METHODS).dropna()),
        METHODS,
    ),
    "plot_rank_distribution": (lambda: sat.plot_rank_distribution(one_method()), NAMES),
    "plot_ranking_stability": (
        lambda: sat.plot_ranking_stability(named(results.stability(), method=METHODS).dropna()),
        METHODS,
    ),
    "plot_segments": (
        lambda: sat.plot_segments(results.intervals(table(), "rank")),
        NAMES + METHODS,
    ),
}


def test_every_plot_is_here() -> None:
    assert set(PICTURES) == set(PLOTS)


@contextmanager
def drawn(name: str, style: dict[str, Any]) -> Iterator[Figure]:
    with mpl.rc_context({"figure.dpi": 100, **style}):
        picture = PICTURES[name][0]()
        yield picture.get_figure(root=True) if isinstance(picture, Axes) else picture


# --- all of it reads ------------------------------------------------------------------------------


def luminance(colour: Any) -> float:
    c = np.array(to_rgb(colour))
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: Any, other: Any) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def canvas_of(figure: Figure) -> np.ndarray:
    """The drawn figure, (H, W, 3); where it is transparent, the page behind it is white."""
    figure.canvas.draw()
    drawn = np.asarray(figure.canvas.buffer_rgba()).astype(int)
    opaque = drawn[..., 3:]
    return (drawn[..., :3] * opaque + 255 * (255 - opaque)) // 255


def behind(canvas: np.ndarray, box: Any) -> Any:
    """The most frequent colour in a box: the background, as letters and lines are thin."""
    left, bottom, right, top = np.round(box.extents).astype(int)
    part = canvas[max(len(canvas) - top, 0) : len(canvas) - bottom, max(left, 0) : right]
    colours, counts = np.unique(part @ [1, 256, 65536], return_counts=True)
    packed = int(colours[counts.argmax()]) if counts.size else 0xFFFFFF
    return packed % 256 / 255, packed // 256 % 256 / 255, packed // 65536 / 255


def check_texts(figure: Figure, canvas: np.ndarray) -> None:
    renderer, seen = figure.canvas.get_renderer(), {}
    for text in (text for text in texts_of(figure) if text.get_text().strip()):
        box = text.get_bbox_patch()
        paper = box.get_facecolor() if box else behind(canvas, text.get_window_extent(renderer))
        seen[text.get_text()] = contrast(text.get_color(), paper)
    assert {text: found for text, found in seen.items() if found < 3} == {}


def has_shades(ax: Axes) -> bool:
    """Whether lines stand on a picture, so that there is no one colour behind them."""
    return bool(ax.images) or any(isinstance(cells, QuadMesh) for cells in ax.collections)


def check_lines(ax: Axes, canvas: np.ndarray) -> None:
    paper = behind(canvas, ax.get_window_extent())
    beside = canvas[0, 0] / 255  # brackets stand there
    lines = {line: beside if line.get_gid() == "unsettled" else paper for line in ax.lines}
    grid = [line for line in ax.get_ygridlines() if line.get_visible()]
    assert [str(line) for line, on in lines.items() if contrast(line.get_color(), on) < 2] == []
    assert [str(line) for line in grid if contrast(line.get_color(), paper) < 1.1] == []


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("name", PICTURES)
def test_everything_reads_and_every_name_has_a_text(name: str, style: dict[str, Any]) -> None:
    with drawn(name, style) as figure:
        canvas = canvas_of(figure)
        check_texts(figure, canvas)
        for ax in figure.axes:
            if ax.lines and not has_shades(ax):
                check_lines(ax, canvas)
        check_names(figure, PICTURES[name][1])


# --- every name is there --------------------------------------------------------------------------


def denotes(text: str, name: str) -> bool:
    """Whether a text is the name or what a cut has left of it, with numbers around it."""
    text = re.sub(r"  \S+ \(\d+\)( †)?$", "", text.strip())  # the ranks of a diagram
    text = re.sub(r" \(\d\)$", "", text)
    pieces = re.sub(r"^\d+ (?=\S)", "", text).split("…")
    line, at = " ".join(name.split()), 0
    for piece in pieces:
        at = line.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(pieces) > 1 or len(pieces[0]) == len(line)


def check_names(figure: Figure, names: tuple[str, ...]) -> None:
    """Each name needs a text for itself alone."""
    texts = sorted({text.get_text() for text in texts_of(figure)})
    matrix = csr_matrix([[denotes(text, one) for text in texts] for one in names] or [[0]])
    match = maximum_bipartite_matching(matrix, perm_type="column")
    assert [one for one, found in zip(names, match, strict=False) if found < 0] == []


def test_cut_names_show_where_they_differ() -> None:
    ax = sat.plot_segments(results.intervals(table(), "rank"))
    texts = [text.get_text() for text in ax.get_yticklabels()]
    assert sum("front" in text for text in texts) == 3 or sum("…" in text for text in texts) == 4
    assert len(set(texts)) == len(NAMES)


def test_groups_whose_titles_read_alike_stay_apart() -> None:
    """("a · b", "c") and ("a", "b · c") are two groups."""
    one = results.table(3)
    both = pd.concat([one.assign(model="a · b", method="c"), one.assign(model="a", method="b · c")])
    ax = sat.plot_segments(sat.aggregate(both, value="rank", by=("model", "method")))
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["a · b · c", "a · b · c (2)"]


# --- settings that change what a picture says -----------------------------------------------------


@pytest.mark.parametrize("name", PICTURES)
def test_tex_reads_numbers_only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TeX may not be installed where tests run: the sizes of its texts are made up."""
    size = classmethod(lambda cls, tex, fontsize, renderer=None: (len(tex), fontsize, 1.0))
    monkeypatch.setattr(TexManager, "get_text_width_height_descent", size)
    with drawn(name, {"text.usetex": True}) as figure:
        texts = [text.get_text() for text in texts_of(figure) if text.get_usetex()]
    of_numbers = re.compile(r"\$\\mathdefault\{[−\-\d.]*\}\$|[\d.]+\\%")
    assert [text for text in texts if not of_numbers.fullmatch(text)] == []


@pytest.mark.parametrize("name", ["plot_overlay", "plot_mask_edges", "plot_input_agnostic"])
def test_pictures_stay_upright_whatever_the_settings(name: str) -> None:
    with drawn(name, OWN_WAYS) as figure:
        for ax in figure.axes:
            for image in ax.images:
                bottom, top = image.get_extent()[2:]
                assert (image.origin, bottom > top) == ("upper", True)
                assert ax.get_aspect() == 1
                assert ax.yaxis_inverted()


@pytest.mark.parametrize("name", ["plot_critical_difference", "plot_difference"])
def test_lines_have_no_markers_of_the_users_cycle(name: str) -> None:
    with drawn(name, OWN_WAYS) as figure:
        lines = [line for line in figure.findobj(Line2D) if line.axes is not None]
        markers = {str(line.get_marker()) for line in lines if line.get_gid()}
    assert markers <= {"None", "o"}


def test_a_font_without_the_sign_for_minus() -> None:
    summary = sat.aggregate(results.table(4))
    for unicode in (True, False):
        with mpl.rc_context({"axes.unicode_minus": unicode}):
            cells = [text.get_text() for text in sat.plot_heatmap(summary).texts]
        assert any("−" in cell for cell in cells) is unicode
        assert any("-" in cell for cell in cells) is not unicode
    pyplot.close("all")
