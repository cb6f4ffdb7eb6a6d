"""The sections of a report, in the order in which they stand."""

from __future__ import annotations

from sat_nb.registry import registry
from sat_nb.reports.section import Section
from sat_nb.reports.sections import agreement, differences, photos, presence, ranking, words

SECTIONS: dict[str, Section] = registry(
    words.SECTION,
    ranking.SECTION,
    differences.SECTION,
    presence.SECTION,
    agreement.SECTION,
    photos.SECTION,
)
"""Each section by its name."""
