"""The watermark study: when does the table show a shortcut, and when does the accuracy?

Figures 2, 5 and 6 of Hinns & Martens 2025. One class carries a watermark on a growing share of
its training photos. At each share, models of several seeds are trained, tried on test photos
without any watermark and on the same photos with one each, and explained on marked photos of
that class by LRP-Z. The unit of every interval is the model seed.
"""

from sat_nb.studies.watermark_claims import claims
from sat_nb.studies.watermark_figures import draw, draw_maps, draw_prevalence, draw_segments
from sat_nb.studies.watermark_models import (
    ACCURACIES,
    BY_CLEAN,
    BY_CONTROL,
    BY_GAP,
    BY_MARKED,
    BY_NULL,
    ON_PHOTOS,
    SETTINGS,
    Settings,
    Watermark,
    run,
)

__all__ = [
    "ACCURACIES",
    "BY_CLEAN",
    "BY_CONTROL",
    "BY_GAP",
    "BY_MARKED",
    "BY_NULL",
    "ON_PHOTOS",
    "SETTINGS",
    "Settings",
    "Watermark",
    "claims",
    "draw",
    "draw_maps",
    "draw_prevalence",
    "draw_segments",
    "run",
]
