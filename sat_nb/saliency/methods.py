"""The saliency methods by name. A method more is one entry more in :data:`METHODS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sat_nb.errors import InvalidInput, unknown_name

SIGNED = "positive raises the target's logit, negative lowers it"
SENSITIVITY = "the logit's change for a unit more of that input value"
POSITIVE = "not negative where the target's logit is positive: relevance for it"


@dataclass(frozen=True)
class Method:
    """One saliency method: which analyzer of iNNvestigate it drives, and how.

    ``parameters`` go to the analyzer, or to the function ``sampling`` (a name in
    ``sat_nb.saliency.sampling.SAMPLINGS``) where there is one. ``sign`` says what the sign
    of a map means. ``images_at_once`` caps the images of one request; None means no cap.
    """

    name: str
    analyzer: str
    sign: str
    citation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sampling: str | None = None
    images_at_once: int | None = None

    def settings(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What decides this method's maps, as plain data."""
        return {
            "analyzer": self.analyzer,
            "sampling": self.sampling,
            "parameters": dict(parameters),
        }


_SIMONYAN = "Simonyan, Vedaldi & Zisserman 2014"
_SMILKOV = "Smilkov et al. 2017"
_SUNDARARAJAN = "Sundararajan, Taly & Yan 2017"
_BACH = "Bach et al. 2015"
_MONTAVON = "Montavon et al. 2017"

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("gradient", "gradient", SENSITIVITY, _SIMONYAN),
        Method(
            "smoothgrad",
            "gradient",
            SENSITIVITY,
            _SMILKOV,
            parameters={"n_samples": 64, "noise": 0.15},
            sampling="smoothgrad",
            images_at_once=1,
        ),
        Method(
            "integrated_gradients",
            "gradient",
            SIGNED,
            _SUNDARARAJAN,
            parameters={"n_nodes": 32, "baseline": 0.0},
            sampling="integrated_gradients",
            images_at_once=1,
        ),
        Method("deep_taylor", "deep_taylor", POSITIVE, _MONTAVON),
        Method("lrp.epsilon", "lrp.epsilon", SIGNED, _BACH, parameters={"epsilon": 1e-7}),
        Method("lrp.z", "lrp.z", SIGNED, _BACH),
        Method(
            "innvestigate.smoothgrad",
            "smoothgrad",
            SENSITIVITY,
            f"{_SMILKOV}, as iNNvestigate 2.1 computes it: sigma 1 in input units, no seed",
            parameters={"augment_by_n": 64},
            images_at_once=1,
        ),
        Method(
            "innvestigate.integrated_gradients",
            "integrated_gradients",
            SIGNED,
            f"{_SUNDARARAJAN}, as iNNvestigate 2.1 computes it: left Riemann sum, zero baseline",
            parameters={"steps": 64},
            images_at_once=1,
        ),
    )
}

PAPER_METHODS: tuple[str, ...] = (
    "deep_taylor",
    "lrp.epsilon",
    "lrp.z",
    "integrated_gradients",
    "gradient",
    "smoothgrad",
)
"""The six methods of the paper (Hinns & Martens 2025) as this project computes them."""

PARITY_METHODS: tuple[str, ...] = tuple(
    f"innvestigate.{name}" if f"innvestigate.{name}" in METHODS else name for name in PAPER_METHODS
)
"""The same six exactly as iNNvestigate computes them."""


def read_methods(methods: str | Iterable[str]) -> tuple[Method, ...]:
    """The entries of :data:`METHODS` with these names, in this order.

    Raises InvalidInput for an unknown name, for a name given twice, and for none at all.

    >>> [method.name for method in read_methods("gradient")]
    ['gradient']
    """
    names = [methods] if isinstance(methods, str) else list(methods)
    if not names:
        raise InvalidInput("methods: expected at least one name, got none; give PAPER_METHODS.")
    for name in names:
        if name not in METHODS:
            raise unknown_name("methods", name, METHODS)
        if names.count(name) > 1:
            raise InvalidInput(
                f"methods: {name!r} is given {names.count(name)} times; give it once."
            )
    return tuple(METHODS[name] for name in names)


def read_parameters(
    methods: Iterable[Method], parameters: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, dict[str, Any]]:
    """{method: its parameters}: the registered ones, replaced by those that are given.

    Raises InvalidInput for a method that is not computed and for an unknown parameter.
    """
    chosen = {method.name: dict(method.parameters) for method in methods}
    for name, changes in (parameters or {}).items():
        if name not in chosen:
            raise unknown_name("parameters", name, chosen)
        for parameter in changes:
            if parameter not in chosen[name]:
                raise unknown_name(f"parameters[{name!r}]", parameter, chosen[name])
        chosen[name].update(changes)
    return chosen
