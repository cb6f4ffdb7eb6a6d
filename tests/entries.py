"""What every entry of a registry must say about itself."""

from __future__ import annotations

from sat_nb.registry import Entry
from sat_nb.widgets.views import VIEWS

OF_ANY_TABLE = [name for name, view in VIEWS.items() if not view.measures]
"""The views that need no effects of interventions in the table."""


def is_described(entry: Entry, *, sourced: bool = True) -> None:
    """A title, one sentence, where it comes from, and no version, which is for users' entries."""
    assert entry.title
    assert entry.about[0].isupper()
    assert entry.about.endswith(".")
    assert ". " not in entry.about, "one sentence"
    assert entry.source or not sourced
    assert not entry.version
