"""Every plot under the settings that users have: all of it reads, and every name is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import pairwise, zip_longest
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
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.texmanager import TexManager
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

import sat_nb as sat
from sat_nb.plots.faithfulness import plot_deletion, plot_randomisation
from sat_nb.plots.palette import BARS, FAINT, on
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


def theme(**options: Any) -> Callable[[], None]:
    """As users call it; the import of seaborn waits until then."""

    def apply() -> None:
        import seaborn as sns

        sns.set_theme(**options)

    return apply


def settings(**given: Any) -> Callable[[], None]:
    return lambda: mpl.rcParams.update({name.replace("__", "."): v for name, v in given.items()})


ON_BLACK = {"figure.facecolor": "black", "axes.facecolor": "0.1", "axes.edgecolor": "0.1"}
STYLES: dict[str, Callable[[], None]] = {
    "default": settings(),
    "dark": lambda: mpl.style.use("dark_background"),
    "black axes on grey": settings(figure__facecolor="0.75", axes__facecolor="black"),
    "seaborn": theme(),
    "seaborn, pale and large": theme(style="whitegrid", palette="pastel", context="poster"),
    "seaborn on black, but for its text": theme(style="dark", palette="husl", rc=ON_BLACK),
    "nothing behind": theme(
        style="ticks",
        palette="colorblind",
        rc={
            "figure.facecolor": "none",
            "axes.titlelocation": "right",
            "axes.unicode_minus": False,
        },
    ),
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


def sizes() -> pd.DataFrame:
    """A result of ``adjust_for_size`` with invented numbers."""
    n = len(NAMES)
    ranks = {"rank": np.linspace(1, n, n), "adjusted_rank": np.linspace(n / 2, n / 3, n)}
    ranks["n_images"] = np.full(n, 40)
    return pd.DataFrame({"segment": NAMES, **ranks, "mask_fraction": np.geomspace(0.001, 0.5, n)})


def consensus() -> SimpleNamespace:
    """From unlike to alike, so that numbers stand on every shade."""
    tau = pd.DataFrame([[1, 0.6, -0.1], [0.6, 1, 0.3], [-0.1, 0.3, np.nan]], METHODS, METHODS)
    return SimpleNamespace(tau=tau, w=0.75)


PICTURES: dict[str, tuple[Callable[[], Axes | Figure], tuple[str, ...]]] = {
    "plot_agreement": (lambda: sat.plot_agreement(results.effects(NAMES, METHODS[0])), NAMES),
    "plot_cof_table": (lambda: sat.plot_cof_table(results.flips(NAMES, METHODS)), NAMES + METHODS),
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
    "plot_size": (lambda: sat.plot_size(sizes()), NAMES),
    "plot_segments": (
        lambda: sat.plot_segments(results.intervals(table(), "rank")),
        NAMES + METHODS,
    ),
}


def test_every_plot_is_here() -> None:
    assert set(PICTURES) == set(PLOTS)


@contextmanager
def drawn(name: str, style: Callable[[], None]) -> Iterator[Figure]:
    with mpl.rc_context({"figure.dpi": 100}):
        style()
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


def check_marks(ax: Axes, canvas: np.ndarray) -> None:
    """Of every bar, dot and whisker, what is filled or its edge stands out."""
    own = ax.axison and ax.patch.get_visible() and ax.patch.get_facecolor()[3] == 1
    paper = ax.patch.get_facecolor() if own else canvas[0, 0] / 255
    bars = [(bar.get_facecolor(),) for bar in ax.patches if bar.get_gid() != "highlight"]
    marks = [
        pair
        for collection in ax.collections
        if collection.get_gid() != "foot"
        for pair in zip_longest(collection.get_facecolor(), collection.get_edgecolor())
    ]
    seen = [max(contrast(c, paper) for c in pair if c is not None) for pair in (*bars, *marks)]
    assert [found for found in seen if found < 1.9] == []


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("name", PICTURES)
def test_everything_reads_and_every_name_has_a_text(name: str, style: Callable[[], None]) -> None:
    with drawn(name, style) as figure:
        canvas = canvas_of(figure)
        check_texts(figure, canvas)
        for ax in figure.axes:
            if ax.axison and not has_shades(ax):
                check_lines(ax, canvas)
                check_marks(ax, canvas)
        check_names(figure, PICTURES[name][1])


def test_the_grid_is_the_users_or_a_faint_one() -> None:
    def grid() -> set[Any]:
        ax = sat.plot_segments(sat.aggregate(results.table(3), value="rank"))
        return {line.get_color() for line in ax.get_ygridlines() if line.get_visible()}

    with mpl.rc_context({"axes.grid": True, "grid.color": "#7799aa"}):
        assert grid() == {"#7799aa"}
    with mpl.rc_context({"axes.grid": True, "grid.color": "white"}):
        assert grid() == {FAINT}
    with mpl.rc_context({"axes.grid": False, "grid.color": "#7799aa"}):
        assert grid() == {FAINT}


# --- colours are the user's, and apart for everybody ----------------------------------------------


def series_of(n: int) -> tuple[list[str], list[str]]:
    """The colours and markers of n groups."""
    methods = tuple(f"m{i:02d}" for i in range(n))
    summary = sat.aggregate(results.table(2, methods=methods), value="rank")
    ax = sat.plot_segments(summary)
    legend = ax.get_legend().legend_handles
    return [to_hex(key.get_color()) for key in legend], [str(key.get_marker()) for key in legend]


def test_colours_are_those_that_the_user_has_set() -> None:
    import seaborn as sns

    for palette in ("deep", "dark", ["#123456", "#654321"]):
        with mpl.rc_context():
            sns.set_palette(palette)
            own = [to_hex(colour) for colour in sns.color_palette()]
            assert series_of(2)[0] == own[:2]
    assert series_of(7)[0] == list(BARS)


def test_a_highlighted_segment_is_unlike_the_users_first_colour() -> None:
    for first in ("#c24a00", "#d55e00", "#0072b2", "#4c72b0"):
        with mpl.rc_context({"axes.prop_cycle": cycler(color=[first, "#999999"])}):
            summary = sat.aggregate(results.table(3), value="rank")
            ax = sat.plot_segments(summary, highlight="ears")
            (dots,) = [c for c in ax.collections if c.get_gid() == "value"]
            own = np.unique(dots.get_facecolors()[:, :3], axis=0)
        assert len(own) == 2
        assert np.linalg.norm(own[0] - own[1]) > 0.5


@pytest.mark.parametrize("n_colours", [1, 2, 6, 7, 10])
def test_no_two_series_look_alike(n_colours: int) -> None:
    colours = [f"#{i:02x}5080" for i in range(n_colours)]
    with mpl.rc_context({"axes.prop_cycle": cycler(color=colours)}):
        pairs = list(zip(*series_of(2 * n_colours + 5 if n_colours > 1 else 7), strict=True))
    assert len(set(pairs)) == len(pairs)


# What people see who lack one kind of cone: Machado, Oliveira & Fernandes 2009, severity 1.
WITHOUT_A_CONE = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(linear: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ linear / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("kind", WITHOUT_A_CONE)
@pytest.mark.parametrize("behind", [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0)], ids=["white", "black"])
def test_bars_that_are_neighbours_differ_without_a_cone(kind: str, behind: Any) -> None:
    """A difference of 2 is just visible between neighbours, 10 at a glance."""
    palette = on(behind)
    seen = []
    for colour in (*palette.bars, palette.accent):
        c = np.array(to_rgb(colour))
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        seen.append(lab(np.clip(np.array(WITHOUT_A_CONE[kind]) @ linear, 0, 1)))
    *bars, accent = seen
    apart = [np.linalg.norm(a - b) for a, b in pairwise(bars)]
    assert min(apart) > 15
    assert np.linalg.norm(bars[0] - accent) > 20


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
    with drawn(name, settings(text__usetex=True)) as figure:
        texts = [text.get_text() for text in texts_of(figure) if text.get_usetex()]
    of_numbers = re.compile(r"\$\\mathdefault\{[−\-\d.]*\}\$|[\d.]+(\\%)?")
    assert [text for text in texts if not of_numbers.fullmatch(text)] == []


@pytest.mark.parametrize("name", ["plot_overlay", "plot_mask_edges", "plot_input_agnostic"])
def test_pictures_stay_upright_whatever_the_settings(name: str) -> None:
    with drawn(name, lambda: mpl.rcParams.update(OWN_WAYS)) as figure:
        for ax in figure.axes:
            for image in ax.images:
                bottom, top = image.get_extent()[2:]
                assert (image.origin, bottom > top) == ("upper", True)
                assert ax.get_aspect() == 1
                assert ax.yaxis_inverted()


@pytest.mark.parametrize("name", ["plot_critical_difference", "plot_difference"])
def test_lines_have_no_markers_of_the_users_cycle(name: str) -> None:
    with drawn(name, lambda: mpl.rcParams.update(OWN_WAYS)) as figure:
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
