"""The saliency methods by name. A method more is one entry more in :data:`METHODS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sat_nb.errors import InvalidInput, unknown_name

if TYPE_CHECKING:
    import pandas as pd

SIGNED = "positive raises the target's logit, negative lowers it"
SENSITIVITY = "the logit's change for a unit more of that input value"
POSITIVE = "not negative where the target's logit is positive: relevance for it"
SHOWN = "no evidence for or against: what is strong is where the network's own signals went"
NOTHING = "none: noise that knows neither image nor model"

ANY_LAYER = "all that TensorFlow differentiates"
LINEAR_LAYERS = (
    "Conv2D, DepthwiseConv2D, SeparableConv2D, Dense, BatchNormalization, poolings, Add, "
    "Concatenate, padding and reshaping; every activation"
)
RELU_LAYERS = f"{LINEAR_LAYERS.split(';')[0]}; ReLU and ReLU6"
PARITY_LAYERS = "iNNvestigate's own, after rewriting; no layer that multiplies two inputs"
PARITY_RELU_LAYERS = "iNNvestigate's own, after rewriting; ReLU only"

OUTPUTS = ("logit", "probability")
"""What of the target is explained: its logit, or what softmax or sigmoid make of it."""


@dataclass(frozen=True)
class Method:
    """One saliency method.

    ``engine`` is what computes it in the worker ("gradient", "grad_cam", "relevance", or
    "innvestigate" for that package's own code), ``analyzer`` the name there; "random" needs no
    worker. ``parameters`` go to the analyzer, or to the function ``sampling`` (a name in
    ``sat_nb.saliency.sampling.SAMPLINGS``) where there is one; where it is set, the seed decides
    the maps. ``count`` names the parameter that counts its samples, and ``max_samples`` is the
    budget where it is "auto". ``sign`` says what the sign of a map means, ``layers`` which layers
    the method knows. ``images_at_once`` caps the images of one request; None means no cap.
    """

    name: str
    engine: str
    analyzer: str
    sign: str
    layers: str
    citation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sampling: str | None = None
    count: str | None = None
    max_samples: int | None = None
    images_at_once: int | None = None

    @property
    def explains(self) -> tuple[str, ...]:
        """Which outputs it can explain: names of OUTPUTS."""
        by_gradient = self.engine in ("gradient", "grad_cam", "random")
        return OUTPUTS if by_gradient else OUTPUTS[:1]

    def settings(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What decides this method's maps, as plain data."""
        return {
            "engine": self.engine,
            "analyzer": self.analyzer,
            "sampling": self.sampling,
            "parameters": dict(parameters),
        }


_SIMONYAN = "Simonyan, Vedaldi & Zisserman 2014"
_SMILKOV = "Smilkov et al. 2017"
_SUNDARARAJAN = "Sundararajan, Taly & Yan 2017"
_BACH = "Bach et al. 2015"
_MONTAVON = "Montavon et al. 2017"
_LAPUSCHKIN = "Lapuschkin et al. 2019"
_SHRIKUMAR = "Shrikumar et al. 2016"

_OWN = (
    Method("gradient", "gradient", "gradient", SENSITIVITY, ANY_LAYER, _SIMONYAN),
    Method(
        "smoothgrad",
        "gradient",
        "gradient",
        SENSITIVITY,
        ANY_LAYER,
        _SMILKOV,
        parameters={"n_samples": 64, "noise": 0.15},
        sampling="smoothgrad",
        count="n_samples",
        max_samples=256,
    ),
    Method(
        "integrated_gradients",
        "gradient",
        "gradient",
        SIGNED,
        ANY_LAYER,
        _SUNDARARAJAN,
        parameters={"n_nodes": 36, "baseline": 0.0, "rule": "midpoint"},
        sampling="integrated_gradients",
        count="n_nodes",
        max_samples=108,
    ),
    Method("deep_taylor", "relevance", "deep_taylor", POSITIVE, RELU_LAYERS, _MONTAVON),
    Method(
        "lrp.epsilon",
        "relevance",
        "lrp.epsilon",
        SIGNED,
        LINEAR_LAYERS,
        _BACH,
        parameters={"epsilon": 1e-7},
    ),
    Method("lrp.z", "relevance", "lrp.z", SIGNED, LINEAR_LAYERS, _BACH),
    Method(
        "grad_cam",
        "grad_cam",
        "grad_cam",
        "never negative: where the last feature maps speak for the target",
        ANY_LAYER,
        "Selvaraju et al. 2017",
        parameters={"layer": None},
    ),
    Method("random", "random", "random", NOTHING, ANY_LAYER, "a control", sampling="random"),
)


def _parity(
    analyzer: str,
    sign: str,
    citation: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    layers: str = PARITY_LAYERS,
    images_at_once: int | None = None,
) -> Method:
    """iNNvestigate's analyzer under its own name, or with a prefix where that is taken."""
    taken = analyzer in {method.name for method in _OWN}
    return Method(
        f"innvestigate.{analyzer}" if taken else analyzer,
        "innvestigate",
        analyzer,
        sign,
        layers,
        citation,
        parameters=parameters or {},
        images_at_once=images_at_once,
    )


_PARITY = (
    _parity("input", "the preprocessed input itself", "a control", layers=ANY_LAYER),
    _parity("random", NOTHING, "a control, without a seed", layers=ANY_LAYER),
    _parity("gradient", SENSITIVITY, _SIMONYAN, layers=ANY_LAYER),
    _parity("gradient.baseline", SENSITIVITY, f"{_SIMONYAN}, by Keras alone", layers=ANY_LAYER),
    _parity("input_t_gradient", SIGNED, _SHRIKUMAR, layers=ANY_LAYER),
    _parity("deconvnet", SHOWN, "Zeiler & Fergus 2014", layers=PARITY_RELU_LAYERS),
    _parity("guided_backprop", SHOWN, "Springenberg et al. 2015", layers=PARITY_RELU_LAYERS),
    _parity(
        "integrated_gradients",
        SIGNED,
        f"{_SUNDARARAJAN}, with a left Riemann sum from a black baseline",
        {"steps": 64},
        layers=ANY_LAYER,
        images_at_once=1,
    ),
    _parity(
        "smoothgrad",
        SENSITIVITY,
        f"{_SMILKOV}, with sigma 1 in input units and without a seed",
        {"augment_by_n": 64},
        layers=ANY_LAYER,
        images_at_once=1,
    ),
    _parity("lrp", SIGNED, f"{_BACH}, with any rule", {"rule": "Z", "input_layer_rule": None}),
    _parity("lrp.z", SIGNED, _BACH),
    _parity("lrp.epsilon", SIGNED, _BACH, {"epsilon": 1e-7}),
    _parity("lrp.w_square", SIGNED, _MONTAVON),
    _parity("lrp.flat", SIGNED, _LAPUSCHKIN),
    _parity("lrp.alpha_beta", SIGNED, _BACH, {"alpha": 2.0, "beta": 1.0}),
    _parity("lrp.alpha_2_beta_1", SIGNED, _BACH),
    _parity("lrp.alpha_2_beta_1_IB", SIGNED, f"{_BACH}, biases ignored"),
    _parity("lrp.alpha_1_beta_0", SIGNED, _BACH),
    _parity("lrp.alpha_1_beta_0_IB", SIGNED, f"{_BACH}, biases ignored"),
    _parity("lrp.z_plus", SIGNED, _MONTAVON),
    _parity("lrp.z_plus_fast", SIGNED, f"{_MONTAVON}, for inputs above zero"),
    _parity("lrp.sequential_preset_a", SIGNED, _LAPUSCHKIN, {"epsilon": 0.1}),
    _parity("lrp.sequential_preset_b", SIGNED, _LAPUSCHKIN, {"epsilon": 0.1}),
    _parity("lrp.sequential_preset_a_flat", SIGNED, _LAPUSCHKIN, {"epsilon": 0.1}),
    _parity("lrp.sequential_preset_b_flat", SIGNED, _LAPUSCHKIN, {"epsilon": 0.1}),
    _parity(
        "lrp.sequential_preset_b_flat_until_idx",
        SIGNED,
        f"{_LAPUSCHKIN}, flat up to that layer",
        {"epsilon": 0.1, "until_layer_idx": 0},
    ),
    _parity("deep_taylor", POSITIVE, _MONTAVON, layers=PARITY_RELU_LAYERS),
    _parity(
        "deep_taylor.bounded",
        POSITIVE,
        f"{_MONTAVON}, inputs between low and high",
        {"low": -1.0, "high": 1.0},
        layers=PARITY_RELU_LAYERS,
    ),
)

METHODS: dict[str, Method] = {method.name: method for method in (*_OWN, *_PARITY)}
"""All methods by name: this project's own, then each of iNNvestigate 2.1's analyzers."""

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
    """All methods as a table: parameters with their defaults, layers, sign and citation.

    >>> list_methods().loc["grad_cam", "citation"]
    'Selvaraju et al. 2017'
    """
    import pandas as pd

    columns = ("parameters", "sign", "layers", "citation")
    rows = [[getattr(method, column) for column in columns] for method in METHODS.values()]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(METHODS, name="method"))


def read_methods(methods: str | Iterable[str]) -> tuple[Method, ...]:
    """The entries of :data:`METHODS` with these names, in this order.

    Raises InvalidInput for an unknown name, for a name given twice, and for none at all.

    >>> [method.name for method in read_methods("gradient")]
    ['gradient']
    """
    if not isinstance(methods, Iterable):
        raise InvalidInput(
            f"methods: expected names, got {type(methods).__name__}; give PAPER_METHODS."
        )
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
