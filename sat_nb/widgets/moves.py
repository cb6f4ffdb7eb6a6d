"""What moved: the order of segments before and after a control was used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sat_nb.printable import as_html, escaped
from sat_nb.widgets.snapshot import Snapshot

Orders = Mapping[str, Sequence[str]]
"""The segments of each group, such as a method, from the first to the last."""

MOST = 5
"""Moves that are named, the widest first."""


def orders_of(snapshot: Snapshot) -> Orders | None:
    """The orders that a view shows; None for a view without one."""
    order = snapshot.view.order
    if order is None:
        return None
    panels = snapshot.panels
    return {
        group if len(panels) == 1 and group else panel.title: names
        for panel, result in zip(panels, snapshot.results(), strict=True)
        for group, names in order(result).items()
    }


def moves(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, int, int]]:
    """(name, place before, place after) of those in both that moved, the widest move first.

    >>> moves(["eyes", "nose", "tail"], ["nose", "eyes", "mane"])
    [('eyes', 1, 2), ('nose', 2, 1)]
    """
    there = [name for name in before if name in set(after)]
    here = [name for name in after if name in set(before)]
    places = {name: i for i, name in enumerate(there, 1)}
    moved = [(n, places[n], i) for i, n in enumerate(here, 1) if places[n] != i]
    return sorted(moved, key=lambda move: (-abs(move[1] - move[2]), move[1]))


def moves_html(before: Orders, after: Orders) -> str:
    """What moved in each group that is there before and after, as HTML."""
    lines = []
    for title, old, new in _pairs(before, after):
        moved = moves(old, new)
        if not moved:
            lines.append(f"{escaped(title)}: the same order as before")
            continue
        texts = [_text(*move) for move in moved[:MOST]]
        more = f" and {len(moved) - MOST} more" if len(moved) > MOST else ""
        lines.append(f"{escaped(title)}: {', '.join(texts)}{more}")
    items = "".join(f"<div>{line}</div>" for line in lines)
    return f'<div class="sat-moves" role="status">{items}</div>' if items else ""


def _pairs(before: Orders, after: Orders) -> list[tuple[str, Sequence[str], Sequence[str]]]:
    """Groups of one name; a group that stands alone is compared with the one that it replaces."""
    if len(before) == len(after) == 1:
        ((old_title, old),), ((title, new),) = before.items(), after.items()
        whole = title if title == old_title else f"{old_title} → {title}"
        return [(whole, old, new)]
    return [(title, before[title], names) for title, names in after.items() if title in before]


def _text(name: Any, old: int, new: int) -> str:
    arrow = "▲" if new < old else "▼"
    return f"{arrow} {as_html(name)} {old} → {new}"
