"""Python lines that make what an explorer shows, by the public functions alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sat_nb.widgets.state import ExplorerState, Facts


def call(name: str, *positional: str, **options: Any) -> str:
    """A call as a line of Python.

    >>> call("sat.compare", "chosen", method="lrp.z", alpha=0.05)
    "sat.compare(chosen, method='lrp.z', alpha=0.05)"
    """
    arguments = [*positional, *(f"{key}={value!r}" for key, value in options.items())]
    return f"{name}({', '.join(arguments)})"


def marked(state: ExplorerState) -> dict[str, Any]:
    """The ``highlight`` of a picture."""
    return {"highlight": state.segment} if state.segment else {}


def maps_name(facts: Facts, model: str | None) -> str:
    """How code calls the maps of a model."""
    return f"maps[{model!r}]" if facts.maps_by_model else "maps"


def filters(state: ExplorerState, facts: Facts) -> dict[str, Any]:
    """The arguments of ``select`` that a state asks for, models and methods aside."""
    wanted: dict[str, Any] = {}
    if state.label is not None:
        wanted["labels"] = state.label
    if state.predicted is not None:
        wanted["predicted"] = state.predicted
    if state.correct is not None:
        wanted["correct"] = state.correct
    if state.hidden:
        wanted["without"] = list(state.hidden)
    if state.positions:
        wanted["positions"] = list(state.positions)
    if state.min_fraction > 0:
        wanted["min_fraction"] = state.min_fraction
    if state.max_fraction < 1:
        wanted["max_fraction"] = state.max_fraction
    if state.min_score > 0:
        wanted["min_score"] = state.min_score
    if state.min_images > 1:
        wanted["min_images"] = state.min_images
    return wanted


def chosen(
    facts: Facts, methods: tuple[str, ...], models: tuple[str | None, ...], **wanted: Any
) -> str:
    """The line that selects what a panel is about."""
    options: dict[str, Any] = {"methods": list(methods)}
    if len(facts.models) > 1:
        options["models"] = list(models)
    return f"chosen = {call('sat.select', 'table', **options, **wanted)}"


FILTERS = (
    *("label", "predicted", "correct", "hidden", "positions", "min_fraction", "max_fraction"),
    *("min_score", "min_images"),
)
"""The fields of the state that choose rows; every view depends on them."""
