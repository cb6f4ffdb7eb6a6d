"""Pictures of finished results: each takes a result and axes, draws, and returns the axes."""

from sat_nb.plots.bars import plot_segments
from sat_nb.plots.critical_difference import plot_critical_difference
from sat_nb.plots.masks import plot_mask_check, plot_mask_edges
from sat_nb.plots.overlay import plot_overlay

__all__ = [
    "plot_critical_difference",
    "plot_mask_check",
    "plot_mask_edges",
    "plot_overlay",
    "plot_segments",
]
