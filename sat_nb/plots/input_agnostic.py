"""Input-agnostic maps: what a model attributes to labels, a panel for each label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.plots import style
from sat_nb.plots.overlay import AGAINST, FOR, limit_of
from sat_nb.plots.style import ACCENT, PLAIN, SMALL, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_input_agnostic(
    found: Any,
    *,
    names: Mapping[int, str] | None = None,
    box: float | None = None,
    channels: str = "rgb",
    ax: Axes | None = None,
    figure: Figure | None = None,
) -> Axes | Figure:
    """Draw what a model attributes to one label, or to several in a grid.

    A map of three channels is drawn as a picture: grey is nothing, a colour means that more of it
    speaks for the label. In a map of one channel, red means that more light speaks for the label,
    blue that less light does. Each map has its own scale. The fidelity without the map and with
    it is written below.

    Parameters
    ----------
    found : InputAgnosticSaliency or mapping
        The result of ``input_agnostic_saliency``, for one label or as {label: result}.
    names : mapping, optional
        Names of labels, {label: name}; drawn as plain text.
    box : float, optional
        Outline the strongest box that has this share of the height and width.
    channels : str, default "rgb"
        Order of three channels in the model: "rgb", or "bgr" as in Caffe's models.
    ax : Axes, optional
        Axes for one label; a new figure by default.
    figure : Figure, optional
        Figure for a grid; a new one by default, as wide as a page.

    Returns
    -------
    Axes or Figure
        The axes for one label, the figure for several.

    Raises
    ------
    InvalidInput
        For other results, and for an unknown order of channels.

    Examples
    --------
    >>> from sat_nb.agnostic.saliency import InputAgnosticSaliency
    >>> map, curve = np.zeros((4, 4, 1), np.float32), np.array([0.1, 0.9])
    >>> found = InputAgnosticSaliency(3, map, curve, np.array([0.0, 1.0]), "steps", {}, {})
    >>> ax = plot_input_agnostic(found, names={3: "zebra"})
    >>> ax.get_title(), ax.get_xlabel()
    ('zebra', '0.10 → 0.90')
    """
    if channels not in ("rgb", "bgr"):
        raise InvalidInput(f"channels: expected 'rgb' or 'bgr', got {channels!r}.")
    if isinstance(found, Mapping):
        return _grid(_checked(list(found.values())), names, box, channels, figure)
    (result,), ax = _checked([found]), style.axes_or_new(ax, 2.2, 2.6)
    _draw(result, box, channels, ax)
    _write_names([ax], [result], names)
    return ax


def _checked(results: list[Any]) -> list[Any]:
    wrong = [r for r in results if not hasattr(r, "box_fidelity")]
    if wrong or not results:
        raise InvalidInput(
            "found: expected the result of sat_nb.input_agnostic_saliency, for one label or more, "
            f"got {type(wrong[0]).__name__ if wrong else 'none'}."
        )
    return results


def _grid(
    results: list[Any],
    names: Mapping[int, str] | None,
    box: float | None,
    channels: str,
    figure: Figure | None,
) -> Figure:
    n_across = min(5, len(results))
    n_down = -(-len(results) // n_across)
    side = min(2.2, style.PAGE / n_across)
    figure = style.figure_or_new(figure, side * n_across, (side + 0.35) * n_down)
    axes = figure.subplots(n_down, n_across, squeeze=False).ravel()
    for ax, result in zip(axes, results, strict=False):
        _draw(result, box, channels, ax)
    _write_names(list(axes[: len(results)]), results, names)
    for ax in axes[len(results) :]:
        ax.set_axis_off()
    return figure


def _write_names(axes: list[Axes], results: list[Any], names: Mapping[int, str] | None) -> None:
    titles = [str((names or {}).get(r.label, f"label {r.label}")) for r in results]
    texts = style.fitted_together(titles, TEXT, [style.size_of(ax)[0] for ax in axes])
    for ax, text in zip(axes, texts, strict=True):
        ink = style.around(ax).ink
        ax.set_title(text, loc="center", fontsize=TEXT, color=ink, **PLAIN)


def _draw(result: Any, box: float | None, channels: str, ax: Axes) -> None:
    limit = limit_of(result.map)
    picture = _picture(result.map, limit, channels)
    ax.imshow(picture, interpolation="nearest", origin="upper", aspect="equal")
    ax.set_xticks([]), ax.set_yticks([])
    colours = style.around(ax)
    for spine in ax.spines.values():
        spine.set(color=colours.quiet, linewidth=0.4)
    if box is not None:
        _outline(ax, result.box(box))
    fidelity = f"{result.fidelity[0]:.2f} → {result.fidelity[-1]:.2f}"
    ax.set_xlabel(fidelity, fontsize=SMALL, color=colours.quiet, **PLAIN)
    style.keep_numbers(ax, _numbers(result, limit))


def _picture(map: NDArray, limit: float, channels: str) -> NDArray:
    """RGB (H, W, 3) in [0, 1]."""
    shares = np.clip(map / limit, -1, 1)
    if map.shape[2] == 3:
        return 0.5 + 0.5 * (shares[..., ::-1] if channels == "bgr" else shares)
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("for and against", [AGAINST, "white", FOR])
    return colours(0.5 + 0.5 * shares[..., 0])[..., :3]


def _outline(ax: Axes, box: Any) -> None:
    from matplotlib.patches import Rectangle

    corner = (box.left - 0.5, box.top - 0.5)
    ax.add_patch(
        Rectangle(corner, box.width, box.height, fill=False, edgecolor=ACCENT, linewidth=1.3)
    )


def _numbers(result: Any, limit: float) -> pd.DataFrame:
    """The curve of fidelity and norm, and the end of the map's scale."""
    return pd.DataFrame(
        {
            "label": result.label,
            "step": range(len(result.fidelity)),
            "fidelity": result.fidelity,
            "norm": result.norms,
            "end_of_scale": limit,
        }
    )
