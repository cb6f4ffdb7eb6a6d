"""The methods that iNNvestigate 2.1 computes by its own code, one for each of its analyzers."""

from __future__ import annotations

from typing import Any

from sat_nb.arguments import is_number, is_whole
from sat_nb.registry import Parameter
from sat_nb.saliency.method import Method, at_least_zero, finite

SIGNED = "positive raises the target's logit, negative lowers it"
SENSITIVITY = "the logit's change for a unit more of that input value"
POSITIVE = "not negative where the target's logit is positive: relevance for it"
SHOWN = "no evidence for or against: strong values show where the network's own signals went"
NOTHING = "none: noise that knows neither image nor model"

ANY_LAYER = "all that the engine differentiates"
REWRITTEN_LAYERS = "iNNvestigate's own, after rewriting; no layer that multiplies two inputs"
REWRITTEN_RELU_LAYERS = "iNNvestigate's own, after rewriting; ReLU only"

SIMONYAN = "Simonyan, Vedaldi & Zisserman 2014"
SMILKOV = "Smilkov et al. 2017"
SUNDARARAJAN = "Sundararajan, Taly & Yan 2017"
BACH = "Bach et al. 2015"
MONTAVON = "Montavon et al. 2017"
LAPUSCHKIN = "Lapuschkin et al. 2019"

TAKEN = (
    *("gradient", "smoothgrad", "integrated_gradients", "deep_taylor"),
    *("lrp.epsilon", "lrp.z", "random"),
)
"""Names that this project's own methods have, so that these get the prefix "innvestigate."."""

REVISED = (
    *("lrp.sequential_preset_a_flat", "lrp.sequential_preset_b_flat"),
    *("lrp.sequential_preset_b_flat_until_idx", "deep_taylor.bounded"),
)
"""Rules of their own for the first layer, which were lost after certain other analyzers."""


def _entry(analyzer: str, title: str, about: str, sign: str, source: str, **options: Any) -> Method:
    return Method(
        name=f"innvestigate.{analyzer}" if analyzer in TAKEN else analyzer,
        title=f"{title} (iNNvestigate)" if analyzer in TAKEN else title,
        about=about,
        sign=sign,
        source=source,
        engine="innvestigate",
        analyzer=analyzer,
        revision=int(analyzer in REVISED),
        **{"layers": ANY_LAYER, **options},
    )


def _lrp(analyzer: str, title: str, about: str, source: str, **parameters: Parameter) -> Method:
    return _entry(
        analyzer, title, about, SIGNED, source, layers=REWRITTEN_LAYERS, parameters=parameters
    )


def _rule(default: str | None) -> Parameter:
    """A rule's name, a list of them, or the bounds of the input; iNNvestigate checks the rest."""

    def accepts(value: Any) -> bool:
        several = value if isinstance(value, list | tuple) else [value]
        return (value is None and default is None) or (
            len(several) > 0 and all(isinstance(v, str) or is_number(v) for v in several)
        )

    return Parameter(default, accepts, "a rule of iNNvestigate by name, or a list of them")


def _count(default: int) -> Parameter:
    return Parameter(default, lambda v: is_whole(v) and v >= 1, "a whole number >= 1")


def _layer_index(default: int) -> Parameter:
    return Parameter(
        default, lambda v: v is None or is_whole(v), "a layer's index, a whole number, or None"
    )


INNVESTIGATE_METHODS: tuple[Method, ...] = (
    _entry(
        "input",
        "Input",
        "The preprocessed input, whatever the model makes of it.",
        "the preprocessed input itself",
        "a control",
    ),
    _entry(
        "random",
        "Random",
        "Gaussian noise that is drawn anew at every call.",
        NOTHING,
        "a control, without a seed",
    ),
    _entry(
        "gradient",
        "Gradient",
        "The gradient of the target's logit at the input.",
        SENSITIVITY,
        SIMONYAN,
    ),
    _entry(
        "gradient.baseline",
        "Gradient by Keras",
        "The gradient of the target's logit at the input, by Keras alone.",
        SENSITIVITY,
        f"{SIMONYAN}, by Keras alone",
    ),
    _entry(
        "input_t_gradient",
        "Input x gradient",
        "The gradient of the target's logit times the input.",
        SIGNED,
        "Shrikumar et al. 2016",
    ),
    _entry(
        "deconvnet",
        "Deconvnet",
        "The logit sent back with a ReLU on every signal that goes back.",
        SHOWN,
        "Zeiler & Fergus 2014",
        layers=REWRITTEN_RELU_LAYERS,
    ),
    _entry(
        "guided_backprop",
        "Guided backpropagation",
        "The gradient with what is negative on its way back set to 0 at every ReLU.",
        SHOWN,
        "Springenberg et al. 2015",
        layers=REWRITTEN_RELU_LAYERS,
    ),
    _entry(
        "integrated_gradients",
        "Integrated Gradients",
        "The input times the mean gradient on the straight path from a black baseline.",
        SIGNED,
        f"{SUNDARARAJAN}, with a left Riemann sum from a black baseline",
        parameters={"steps": _count(64)},
        images_at_once=1,
    ),
    _entry(
        "smoothgrad",
        "SmoothGrad",
        "The mean gradient at noisy copies of the input.",
        SENSITIVITY,
        f"{SMILKOV}, with sigma 1 in input units and without a seed",
        parameters={"augment_by_n": _count(64)},
        images_at_once=1,
    ),
    _lrp(
        "lrp",
        "LRP",
        "Layer-wise relevance propagation by any rule, or by one for each layer.",
        f"{BACH}, with any rule",
        rule=_rule("Z"),
        input_layer_rule=_rule(None),
    ),
    _lrp("lrp.z", "LRP-Z", "Relevance in proportion to what each input adds to a sum.", BACH),
    _lrp(
        "lrp.epsilon",
        "LRP-epsilon",
        "LRP-Z with every sum moved away from 0 by epsilon.",
        BACH,
        epsilon=at_least_zero(1e-7),
    ),
    _lrp(
        "lrp.w_square",
        "LRP-w2",
        "Relevance in proportion to the squared weights.",
        MONTAVON,
    ),
    _lrp("lrp.flat", "LRP-flat", "Relevance spread evenly over all inputs.", LAPUSCHKIN),
    _lrp(
        "lrp.alpha_beta",
        "LRP-alpha-beta",
        "Positive parts weighted by alpha, negative parts by beta.",
        BACH,
        alpha=finite(2.0),
        beta=finite(1.0),
    ),
    _lrp(
        "lrp.alpha_2_beta_1",
        "LRP-alpha2-beta1",
        "Positive parts weighted by 2, negative parts by 1.",
        BACH,
    ),
    _lrp(
        "lrp.alpha_2_beta_1_IB",
        "LRP-alpha2-beta1, no biases",
        "Positive parts weighted by 2, negative parts by 1, biases ignored.",
        f"{BACH}, biases ignored",
    ),
    _lrp(
        "lrp.alpha_1_beta_0",
        "LRP-alpha1-beta0",
        "Relevance in proportion to the positive parts alone.",
        BACH,
    ),
    _lrp(
        "lrp.alpha_1_beta_0_IB",
        "LRP-alpha1-beta0, no biases",
        "Relevance in proportion to the positive parts alone, biases ignored.",
        f"{BACH}, biases ignored",
    ),
    _lrp("lrp.z_plus", "LRP-z+", "Relevance by positive weights alone.", MONTAVON),
    _lrp(
        "lrp.z_plus_fast",
        "LRP-z+, fast",
        "Relevance by positive weights alone, for inputs above 0.",
        f"{MONTAVON}, for inputs above zero",
    ),
    _lrp(
        "lrp.sequential_preset_a",
        "LRP preset A",
        "LRP-epsilon in dense layers, alpha1-beta0 in convolutions.",
        LAPUSCHKIN,
        epsilon=at_least_zero(0.1),
    ),
    _lrp(
        "lrp.sequential_preset_b",
        "LRP preset B",
        "LRP-epsilon in dense layers, alpha2-beta1 in convolutions.",
        LAPUSCHKIN,
        epsilon=at_least_zero(0.1),
    ),
    _lrp(
        "lrp.sequential_preset_a_flat",
        "LRP preset A, flat",
        "Preset A with relevance spread evenly in the first layer.",
        LAPUSCHKIN,
        epsilon=at_least_zero(0.1),
    ),
    _lrp(
        "lrp.sequential_preset_b_flat",
        "LRP preset B, flat",
        "Preset B with relevance spread evenly in the first layer.",
        LAPUSCHKIN,
        epsilon=at_least_zero(0.1),
    ),
    _lrp(
        "lrp.sequential_preset_b_flat_until_idx",
        "LRP preset B, flat up to a layer",
        "Preset B with relevance spread evenly up to a layer.",
        f"{LAPUSCHKIN}, flat up to that layer",
        epsilon=at_least_zero(0.1),
        until_layer_idx=_layer_index(0),
    ),
    _entry(
        "deep_taylor",
        "Deep Taylor",
        "Relevance by a Taylor expansion of every neuron, for inputs of any sign.",
        POSITIVE,
        MONTAVON,
        layers=REWRITTEN_RELU_LAYERS,
    ),
    _entry(
        "deep_taylor.bounded",
        "Deep Taylor, bounded",
        "Deep Taylor for inputs between low and high.",
        POSITIVE,
        f"{MONTAVON}, inputs between low and high",
        parameters={"low": finite(-1.0), "high": finite(1.0)},
        layers=REWRITTEN_RELU_LAYERS,
    ),
)
