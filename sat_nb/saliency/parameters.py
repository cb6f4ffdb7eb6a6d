"""What a call of explain says of its methods' parameters, read and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from sat_nb.arguments import checked_whole, is_number
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.saliency.methods import Method

FEWEST = 16
"""The smallest budget of samples with which "auto" can tell that ranks are settled."""


def read_parameters(
    methods: Iterable[Method],
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    samples: int | str | None = None,
) -> dict[str, dict[str, Any]]:
    """{method: its parameters}: the registered ones, replaced by those that are given.

    ``samples`` counts the samples of all methods that sample; "auto" gives these a budget,
    ``max_samples``, in place of a count. Raises InvalidInput for a method that is not computed,
    an unknown parameter, counts that are no whole numbers from 1, and other values than numbers
    where numbers are needed.

    >>> from sat_nb.saliency.methods import read_methods
    >>> read_parameters(read_methods("smoothgrad"), samples="auto")
    {'smoothgrad': {'noise': 0.15, 'max_samples': 256}}
    """
    if isinstance(samples, str) and samples != "auto":
        raise InvalidInput(f"samples: expected a whole number or 'auto', got {samples!r}.")
    if not isinstance(parameters or {}, Mapping):
        raise _no_mapping("parameters", "{method: {parameter: value}}", parameters)
    methods = tuple(methods)
    chosen = {method.name: _registered(method, samples) for method in methods}
    for name, changes in (parameters or {}).items():
        if name not in chosen:
            raise unknown_name("parameters", name, chosen)
        if not isinstance(changes, Mapping):
            raise _no_mapping(f"parameters[{name!r}]", "{parameter: value}", changes)
        for parameter in changes:
            if parameter not in chosen[name]:
                raise unknown_name(f"parameters[{name!r}]", parameter, chosen[name])
        chosen[name].update(changes)
    for method in methods:
        chosen[method.name] = _checked(method, chosen[method.name])
    return chosen


def _registered(method: Method, samples: int | str | None) -> dict[str, Any]:
    """The method's own parameters, its count replaced by ``samples``."""
    parameters = dict(method.parameters)
    if method.count is None or samples is None:
        return parameters
    if samples != "auto":
        return {**parameters, method.count: samples}
    kept = {name: parameters[name] for name in parameters if name in ("noise", "baseline")}
    return {**kept, "max_samples": method.max_samples}


def _checked(method: Method, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, those that are known here checked and as plain numbers."""
    least = {method.count: 1, "max_samples": FEWEST}
    checked = dict(parameters)
    for name, value in parameters.items():
        argument = f"parameters[{method.name!r}][{name!r}]"
        if name in least:
            checked[name] = checked_whole(argument, value, least[name])
        elif name in _NUMBERS:
            checked[name] = _NUMBERS[name](argument, value)
    return checked


def _from_zero(argument: str, value: Any) -> float:
    if not is_number(value) or not 0 <= value < math.inf:
        raise InvalidInput(f"{argument}: expected a number >= 0, got {value!r}.")
    return float(value)


def _for_each_channel(argument: str, value: Any) -> float | list[float]:
    """A number, or a list of one a channel."""
    if is_number(value) and math.isfinite(value):
        return float(value)
    several = list(value) if isinstance(value, list | tuple | np.ndarray) else []
    if len(several) not in (1, 3) or not all(is_number(v) and math.isfinite(v) for v in several):
        raise InvalidInput(
            f"{argument}: expected a finite number, or a list of one a channel, got {value!r}."
        )
    return [float(v) for v in several]


_NUMBERS: dict[str, Callable[[str, Any], Any]] = {
    "noise": _from_zero,
    "epsilon": _from_zero,
    "baseline": _for_each_channel,
}
"""Parameters that are numbers, by their name in whatever method."""


def _no_mapping(argument: str, expected: str, came: Any) -> InvalidInput:
    return InvalidInput(f"{argument}: expected {expected}, got {type(came).__name__}.")
