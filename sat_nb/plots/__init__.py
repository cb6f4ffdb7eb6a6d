"""Pictures of finished results: each takes a result and axes, draws, and returns the axes."""

from sat_nb.plots.bars import plot_segments
from sat_nb.plots.critical_difference import plot_critical_difference
from sat_nb.plots.masks import plot_mask_check, plot_mask_edges
from sat_nb.plots.overlay import plot_overlay
from sat_nb.plots.sensitivity import plot_mask_sensitivity

__all__ = [
    "plot_critical_difference",
    "plot_mask_check",
    "plot_mask_edges",
    "plot_mask_sensitivity",
    "plot_overlay",
    "plot_segments",
]
