"""How the layers of a Functional model are linked, checked before Keras calls them.

Keras calls a layer once all that it waits for was called, and would wait for ever where that never
happens. A layer that is called with constants alone computes while the model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sat_nb.models.refused import Refused

Call = tuple[str, int]
"""A layer's name, and which of its calls."""

CONSTANT = "_CONSTANT_VALUE"


def check_links(layers: list[Any]) -> None:
    """Refused unless every call takes what the input, or another call, makes."""
    waiting: dict[Call, set[Call]] = {}
    for layer in (layer for layer in layers if isinstance(layer, dict)):
        name, first = str(layer.get("name")), _first_call(layer)
        calls = layer.get("inbound_nodes")
        calls = calls if isinstance(calls, list) else []
        for number, call in enumerate(calls, first):
            links = set(_links(call))
            if not links:
                raise Refused(f"layer {name[:100]!r} takes no other layer's output, but constants")
            waiting[name, number] = links
        if not calls:
            waiting[name, 0] = set()
    _check_order(waiting)


def _check_order(waiting: dict[Call, set[Call]]) -> None:
    users: dict[Call, list[Call]] = {}
    for call, links in waiting.items():
        for link in links:
            users.setdefault(link, []).append(call)
    left = {call: len(links) for call, links in waiting.items()}
    ready = [call for call, n in left.items() if n == 0]
    while ready:
        call = ready.pop()
        del left[call]
        for user in users.get(call, ()):
            left[user] -= 1
            if left[user] == 0:
                ready.append(user)
    if left:
        name = next(iter(left))[0]
        raise Refused(f"layer {name[:100]!r} waits for a layer that waits for it, or is not there")


def _first_call(layer: dict[str, Any]) -> int:
    """The number of a layer's first call: a model within a model was called when it was made."""
    if layer.get("class_name") in ("Functional", "Model"):
        return 1
    config = layer.get("config")
    inner = config.get("layers") if isinstance(config, dict) else config
    if layer.get("class_name") != "Sequential" or not isinstance(inner, list):
        return 0
    return int(not inner or inner[0].get("class_name") == "InputLayer")


def _links(found: Any) -> Iterator[Call]:
    """The calls whose outputs stand anywhere in what a call takes."""
    if isinstance(found, dict):
        for inside in found.values():
            yield from _links(inside)
    elif isinstance(found, list):
        if len(found) in (3, 4) and isinstance(found[0], str):
            if found[0] != CONSTANT:
                yield found[0], int(found[1]) if isinstance(found[1], int | float) else -1
            found = found[3:]
        for inside in found:
            yield from _links(inside)
