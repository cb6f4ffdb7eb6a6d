"""Pictures of finished results: each takes a result and axes, draws, and returns the axes.

Pictures of several panels take and return a figure.
"""

from sat_nb.plots.bars import plot_segments
from sat_nb.plots.critical_difference import plot_critical_difference
from sat_nb.plots.difference import plot_difference
from sat_nb.plots.heatmap import plot_heatmap
from sat_nb.plots.image_table import held_fractions, plot_image, plot_image_table
from sat_nb.plots.input_agnostic import plot_input_agnostic
from sat_nb.plots.latex import to_latex
from sat_nb.plots.map_grid import plot_map_grid
from sat_nb.plots.masks import plot_mask_check, plot_mask_edges
from sat_nb.plots.overlay import plot_overlay
from sat_nb.plots.overview import plot_overview
from sat_nb.plots.prevalence import plot_prevalence
from sat_nb.plots.rank_distribution import plot_rank_distribution
from sat_nb.plots.save import save_figure
from sat_nb.plots.sensitivity import plot_mask_sensitivity
from sat_nb.plots.stability import plot_ranking_stability

__all__ = [
    "held_fractions",
    "plot_critical_difference",
    "plot_difference",
    "plot_heatmap",
    "plot_image",
    "plot_image_table",
    "plot_input_agnostic",
    "plot_map_grid",
    "plot_mask_check",
    "plot_mask_edges",
    "plot_mask_sensitivity",
    "plot_overlay",
    "plot_overview",
    "plot_prevalence",
    "plot_rank_distribution",
    "plot_ranking_stability",
    "plot_segments",
    "save_figure",
    "to_latex",
]
