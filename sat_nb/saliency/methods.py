"""The saliency methods by name. To add a method, add an entry to :data:`METHODS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sat_nb.arguments import checked_whole
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.registry import Parameter, chosen, completed, registry
from sat_nb.saliency.innvestigate_methods import (
    ANY_LAYER,
    BACH,
    INNVESTIGATE_METHODS,
    MONTAVON,
    NOTHING,
    POSITIVE,
    SENSITIVITY,
    SIGNED,
    SIMONYAN,
    SMILKOV,
    SUNDARARAJAN,
)
from sat_nb.saliency.method import (
    Method,
    MethodParameter,
    at_least_zero,
    number_a_channel,
    one_of,
    whole,
)
from sat_nb.saliency.sampling import QUADRATURES
from sat_nb.saliency.sampling_until_settled import MIN_SAMPLES

if TYPE_CHECKING:
    import pandas as pd

LINEAR_LAYERS = (
    "Conv2D (grouped, too), DepthwiseConv2D, SeparableConv2D, Dense, BatchNormalization, poolings, "
    "Add, Average, Subtract, Concatenate, scaling by numbers, and whatever only moves values "
    "(padding, cropping, slicing, reversing, reshaping); every activation"
)
RELU_LAYERS = f"{LINEAR_LAYERS.split(';')[0]}; ReLU and ReLU6"
TRANSFORMERS = "transformers whose layers attend to all patches of the photo; the torch engine"

_OWN = (
    Method(
        name="gradient",
        title="Gradient",
        about="The gradient of the explained output at the input.",
        source=SIMONYAN,
        engine="gradient",
        analyzer="gradient",
        sign=SENSITIVITY,
        layers=ANY_LAYER,
    ),
    Method(
        name="smoothgrad",
        title="SmoothGrad",
        about="The mean gradient at noisy copies of the input.",
        source=SMILKOV,
        engine="gradient",
        analyzer="gradient",
        sign=SENSITIVITY,
        layers=ANY_LAYER,
        parameters={"n_samples": whole(64), "noise": at_least_zero(0.15)},
        sampling="smoothgrad",
        count="n_samples",
        max_samples=256,
    ),
    Method(
        name="integrated_gradients",
        title="Integrated Gradients",
        about="The input's way from a baseline times the mean gradient along it.",
        source=SUNDARARAJAN,
        engine="gradient",
        analyzer="gradient",
        sign=SIGNED,
        layers=ANY_LAYER,
        parameters={
            "n_nodes": whole(36),
            "baseline": number_a_channel(0.0),
            "rule": one_of("midpoint", QUADRATURES),
        },
        sampling="integrated_gradients",
        count="n_nodes",
        max_samples=108,
    ),
    Method(
        name="deep_taylor",
        title="Deep Taylor",
        about="Relevance by a Taylor expansion of every neuron, passed on by positive products.",
        source=MONTAVON,
        engine="relevance",
        analyzer="deep_taylor",
        sign=POSITIVE,
        layers=RELU_LAYERS,
    ),
    Method(
        name="lrp.epsilon",
        title="LRP-epsilon",
        about="LRP-Z with every sum moved away from 0 by epsilon.",
        source=BACH,
        engine="relevance",
        analyzer="lrp.epsilon",
        sign=SIGNED,
        layers=LINEAR_LAYERS,
        parameters={"epsilon": at_least_zero(1e-7)},
    ),
    Method(
        name="lrp.z",
        title="LRP-Z",
        about="Relevance in proportion to what each input adds to a sum.",
        source=BACH,
        engine="relevance",
        analyzer="lrp.z",
        sign=SIGNED,
        layers=LINEAR_LAYERS,
    ),
    Method(
        name="grad_cam",
        title="Grad-CAM",
        about="The last feature maps, weighted by their mean gradients, where they speak for it.",
        source="Selvaraju et al. 2017",
        engine="grad_cam",  # a formula on gradients, too; stores are known by this name
        analyzer="grad_cam",
        sign="never negative: where the last feature maps speak for the target",
        layers=ANY_LAYER,
        parameters={
            "layer": Parameter(
                None, lambda v: v is None or isinstance(v, str), "a layer's name, or None"
            )
        },
    ),
    Method(
        name="attention_rollout",
        title="Attention rollout",
        about="The attention of all layers multiplied, half of each token kept by itself.",
        source="Abnar & Zuidema 2020",
        engine="attention",
        analyzer="attention_rollout",
        sign="never negative: how much of a patch reaches the logits, whatever the class",
        layers=TRANSFORMERS,
        targeted=False,
    ),
    Method(
        name="gradient_attention",
        title="Gradient-weighted attention",
        about="The attention of all layers weighted by its positive gradients.",
        source="Chefer, Gur & Wolf 2021",
        engine="attention",
        analyzer="gradient_attention",
        sign="never negative: where attention speaks for the target",
        layers=TRANSFORMERS,
    ),
    Method(
        name="random",
        title="Random",
        about="Gaussian noise that depends on the seed and the image's id alone.",
        source="a control",
        engine="random",
        analyzer="random",
        sign=NOTHING,
        layers=ANY_LAYER,
        sampling="random",
    ),
)

METHODS: dict[str, Method] = registry(*_OWN, *INNVESTIGATE_METHODS)
"""All methods by name: this project's own, then each of iNNvestigate 2.1's analyzers."""

NEED_POSITIVE: tuple[str, ...] = ("deep_taylor",)
"""Methods that decompose a positive value, and have nothing to decompose in any other."""


def is_undefined(facts: Mapping[str, Any]) -> bool:
    """Whether these facts of a map say that there was nothing to decompose."""
    return "not_positive" in facts


PAPER_METHODS: tuple[str, ...] = (
    "deep_taylor",
    "lrp.epsilon",
    "lrp.z",
    "integrated_gradients",
    "gradient",
    "smoothgrad",
)
"""The six methods of the paper (Hinns & Martens 2025) as this project computes them."""

PARITY_METHODS: tuple[str, ...] = tuple(f"innvestigate.{name}" for name in PAPER_METHODS)
"""The same six exactly as iNNvestigate computes them."""


def list_methods() -> pd.DataFrame:
    """List all methods with their parameters, layers, sign and citation.

    Returns
    -------
    pandas.DataFrame
        One row a method, indexed by its name. ``parameters`` is {name: default}; ``sign`` says
        what positive and negative values mean, ``layers`` which layers the method supports, and
        ``citation`` names the paper.

    Examples
    --------
    >>> list_methods().loc["grad_cam", "citation"]
    'Selvaraju et al. 2017'
    """
    import pandas as pd

    rows = {
        name: {
            "parameters": {key: p.default for key, p in method.parameters.items()},
            "sign": method.sign,
            "layers": method.layers,
            "citation": method.citation,
        }
        for name, method in METHODS.items()
    }
    return pd.DataFrame(list(rows.values()), index=pd.Index(rows, name="method"))


def read_methods(
    methods: str | Method | Iterable[str | Method], *, kept: bool = False
) -> tuple[Method, ...]:
    """The entries with these names, and the user's own, in this order.

    ``kept`` says whether maps are kept in a folder, for which methods of the user's own need a
    version. Raises InvalidInput for an unknown name, for one given twice, and for none at all.

    >>> [method.name for method in read_methods("gradient")]
    ['gradient']
    """
    if isinstance(methods, str | Method):
        methods = [methods]
    if not isinstance(methods, Iterable):
        raise InvalidInput(
            f"methods: expected names, got {type(methods).__name__}; give PAPER_METHODS."
        )
    found = [chosen("methods", one, METHODS, own=Method, kept=kept) for one in methods]
    if not found:
        raise InvalidInput("methods: expected at least one name, got none; give PAPER_METHODS.")
    keys = [method.key for method in found]
    for key in keys:
        if keys.count(key) > 1:
            raise InvalidInput(f"methods: {key!r} is given {keys.count(key)} times; give it once.")
    return tuple(found)


def read_parameters(
    methods: Iterable[Method],
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    samples: int | str | None = None,
) -> dict[str, dict[str, Any]]:
    """{method: its parameters}: the registered ones, replaced by those that are given.

    ``samples`` counts the samples of all methods that sample; "auto" gives these a budget,
    ``max_samples``, in place of a count. Raises InvalidInput for a method that is not computed,
    an unknown parameter, and values that the method does not accept.

    >>> read_parameters(read_methods("smoothgrad"), samples="auto")
    {'smoothgrad': {'noise': 0.15, 'max_samples': 256}}
    """
    if isinstance(samples, str) and samples != "auto":
        raise InvalidInput(f"samples: expected a whole number or 'auto', got {samples!r}.")
    if not isinstance(samples, str | None):
        samples = checked_whole("samples", samples, 1)
    given = {} if parameters is None else parameters
    if not isinstance(given, Mapping):
        raise InvalidInput(
            "parameters: expected {method: {parameter: value}}, got "
            f"{type(given).__name__} {given!r}."
        )
    adjusted = {method.key: _adjusted(method, samples) for method in methods}
    for key in given:
        if key not in adjusted:
            raise unknown_name("parameters", key, adjusted)
    return {key: _read(method, given.get(key, {})) for key, method in adjusted.items()}


def _adjusted(method: Method, samples: int | str | None) -> Method:
    """The method with ``samples`` as the default of its count, or with a budget for "auto"."""
    own = dict(method.parameters)
    if method.count is None or samples is None:
        return method
    if samples != "auto":
        return replace(
            method, parameters={**own, method.count: replace(own[method.count], default=samples)}
        )
    if method.max_samples is None:
        return method
    kept = {name: own[name] for name in own if name in ("noise", "baseline")}
    return replace(
        method, parameters={**kept, "max_samples": whole(method.max_samples, MIN_SAMPLES)}
    )


def _read(method: Method, changes: Any) -> dict[str, Any]:
    if changes is None:
        raise InvalidInput(
            f"parameters[{method.key!r}]: expected {{parameter: value}}, got NoneType."
        )
    read = completed(method, changes, f"parameters[{method.key!r}]")
    for name, parameter in method.parameters.items():
        if isinstance(parameter, MethodParameter):
            read[name] = parameter.stored(read[name])
    return read
