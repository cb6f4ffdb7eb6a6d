"""Colours that read on the background there is: on white, and on that of any other style."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import FigureBase

Colour = tuple[float, float, float]

INK = "#222222"
QUIET = "#666666"
STEM = "#9a9a9a"
FAINT = "#dddddd"
ACCENT = "#c24a00"
SHADE = "#fbeee4"
# The colours of Okabe and Ito without yellow, ordered so that neighbours differ in lightness;
# hatches and markers repeat the distinction for prints in grey.
BARS = ("#0072b2", "#e69f00", "#009e73", "#56b4e9", "#d55e00", "#cc79a7", "#555555")

ENOUGH = 3.0  # the contrast of large text and of graphics in WCAG 2.1
ENOUGH_OF_BARS = 2.0  # of bars, lines and dots, which are told apart by more than their colour
FAINTEST = 1.2  # of what only guides the eye, such as the frame of axes
FAINTEST_GRID = 1.1
_STEPS = 64
_ALIKE = 0.5  # distance in RGB, each from 0 to 1
_WHITE: Colour = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Palette:
    """The colours of the plots on one background, ``paper``."""

    paper: str = "white"
    ink: str = INK
    quiet: str = QUIET
    stem: str = STEM
    faint: str = FAINT
    accent: str = ACCENT
    shade: str = SHADE
    bars: tuple[str, ...] = BARS
    behind: Colour = _WHITE

    @property
    def is_dark(self) -> bool:
        """Whether white reads better than black."""
        return _far_from(self.behind) == _WHITE

    @property
    def shades(self) -> Colormap:
        """Shades of grey from the background, for 0, to what has most contrast with it.

        On white, texts have to change from dark to white on the way; on a dark background the ink
        reads on all shades.
        """
        import matplotlib as mpl
        from matplotlib.colors import LinearSegmentedColormap, to_rgb

        if not self.is_dark:
            return mpl.colormaps["Greys"]
        strongest = _mixed(self.behind, to_rgb(self.ink), 0.5)
        return LinearSegmentedColormap.from_list("shades", [self.behind, strongest])

    def legible(self, colour: Any, least: float = ENOUGH, instead: str | None = None) -> Any:
        """A colour of the user's own settings; where it does not read, another one, or the ink."""
        from matplotlib.colors import to_rgba

        *_, alpha = to_rgba(colour)
        seen = contrast(_over(colour, self.behind), self.behind)
        return colour if not alpha or seen >= least else instead or self.ink


ON_WHITE = Palette()


def inside(ax: Axes) -> Palette:
    """The colours for what is drawn within the axes."""
    return on(_behind_data(ax), users_bars())


def around(place: Axes | FigureBase) -> Palette:
    """The colours for what is drawn around axes, or anywhere on a figure."""
    behind = _behind_axes(place.get_figure(root=False) if hasattr(place, "xaxis") else place)
    return on(behind, users_bars())


def users_bars() -> tuple[str, ...]:
    """The colours that the user has set, as ``seaborn.set_palette`` does; else ``BARS``."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    cycle = mpl.rcParams["axes.prop_cycle"]
    if cycle == mpl.rcParamsDefault["axes.prop_cycle"]:
        return BARS
    return tuple(dict.fromkeys(map(to_hex, cycle.by_key().get("color", ())))) or BARS


@lru_cache(maxsize=64)
def on(behind: Colour, bars: tuple[str, ...] = BARS) -> Palette:
    """The colours on a background, an RGB triple; each has the contrast that it has on white.

    Bars of the user's own have at least ``ENOUGH_OF_BARS``.

    >>> on((1.0, 1.0, 1.0)).ink, on((0.0, 0.0, 0.0)).ink
    ('#222222', '#e3e3e3')
    """
    from matplotlib.colors import to_hex, to_rgb

    is_white = min(behind) >= 0.995
    if is_white and bars == BARS:
        return ON_WHITE
    own = tuple(to_hex(_hue_like(to_rgb(bar), behind, ENOUGH_OF_BARS)) for bar in bars)
    accent = _hue_like(to_rgb(_unlike(own[0])), behind)
    if is_white:
        return replace(ON_WHITE, bars=own, accent=to_hex(accent))
    greys = {
        name: to_hex(_grey_like(to_rgb(getattr(ON_WHITE, name)), behind))
        for name in ("ink", "quiet", "stem", "faint")
    }
    return Palette(
        paper=to_hex(behind),
        behind=behind,
        accent=to_hex(accent),
        shade=to_hex(_mixed(behind, accent, 0.2)),
        bars=own,
        **greys,
    )


def best_on(colour: Any) -> str:
    """The ink or white, whichever reads better on a colour.

    >>> best_on("yellow"), best_on("navy")
    ('#222222', '#ffffff')
    """
    from matplotlib.colors import to_rgb

    below = to_rgb(colour)
    return max((INK, "#ffffff"), key=lambda ink: contrast(to_rgb(ink), below))


def contrast(one: Colour, other: Colour) -> float:
    """The contrast of two colours as in WCAG 2.1, from 1 to 21.

    >>> contrast((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    21.0
    """
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


# --- backgrounds ----------------------------------------------------------------------------------


def _behind_data(ax: Axes) -> Colour:
    below = _behind_axes(ax.get_figure(root=False))
    drawn = ax.axison and ax.get_frame_on() and ax.patch.get_visible()
    return _over(ax.patch.get_facecolor(), below) if drawn else below


def _behind_axes(figure: Any) -> Colour:
    """The background of a figure, or of a part of one, above that of the whole."""
    parent = figure.get_figure(root=False)
    below = _page() if parent is figure else _behind_axes(parent)
    return _over(figure.patch.get_facecolor(), below) if figure.patch.get_visible() else below


def _page() -> Colour:
    """What is behind a transparent figure: black, if the user's style writes in a light colour."""
    import matplotlib as mpl
    from matplotlib.colors import to_rgb

    is_light = _luminance(to_rgb(mpl.rcParams["text.color"])) > 0.4
    return (0.0, 0.0, 0.0) if is_light else (1.0, 1.0, 1.0)


def _over(colour: Any, below: Colour) -> Colour:
    from matplotlib.colors import to_rgba

    *rgb, alpha = to_rgba(colour)
    return _mixed(below, (rgb[0], rgb[1], rgb[2]), alpha)


# --- colours --------------------------------------------------------------------------------------


def _luminance(colour: Colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def _far_from(behind: Colour) -> Colour:
    """White or black, whichever has more contrast."""
    return max(((0.0, 0.0, 0.0), _WHITE), key=lambda end: contrast(end, behind))


def _grey_like(colour: Colour, behind: Colour) -> Colour:
    """The shade between the background and its far end with the contrast of a grey on white."""
    return _first(behind, behind, contrast(colour, (1.0, 1.0, 1.0)))


def _hue_like(colour: Colour, behind: Colour, least: float = 1.0) -> Colour:
    """The colour, or as little lighter or darker as it takes to read as well as on white."""
    return _first(colour, behind, max(min(contrast(colour, _WHITE), ENOUGH), least))


def _unlike(first: str) -> str:
    """The accent, or the blue of ``BARS`` where the colour of single bars is too much like it."""
    from matplotlib.colors import to_rgb

    apart = sum((a - b) ** 2 for a, b in zip(to_rgb(first), to_rgb(ACCENT), strict=True))
    return ACCENT if apart > _ALIKE**2 else BARS[0]


def _first(start: Colour, behind: Colour, wanted: float) -> Colour:
    far = _far_from(behind)
    steps = (_mixed(start, far, i / _STEPS) for i in range(_STEPS + 1))
    return next((step for step in steps if contrast(step, behind) >= wanted - 1e-9), far)
