"""Relevance methods: LRP-Z, LRP-epsilon and Deep Taylor, as rules for going back through layers.

A rule passes what a layer's output has received on to the layer's inputs. A method is an entry of
:data:`RULES`, with a rule (one function) for each kind of layer.

Notation: a layer with weights computes z_j = sum_i w_ij x_i + b_j and y_j = activation(z_j);
R_i is the relevance of input i, R_j that of output j.

Deep Taylor's rules pass on relevance R itself. Those of LRP pass on the share c of R = x c: with
R_i = x_i sum_j w_ij R_j / z_j (Bach et al. 2015, eq. 56) and R_j = y_j c_j follows
c_i = sum_j w_ij c_j y_j / z_j, in which no value is divided by x_i. After a ReLU y_j / z_j is 1 or
0, so there LRP-Z is the gradient times the input (Ancona et al. 2018, prop. 1) and costs no more.
Values that are only moved, chosen or added keep their share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from sat_nb.registry import Entry, registry
from sat_nb.saliency.engines.keras.linear import Linear


@dataclass(frozen=True)
class Flow:
    """What a rule is told about one layer's call.

    ``xs`` are its inputs; ``given`` is the relevance of its output, or the share of it (see above);
    ``positive`` says that no input can be negative; ``parameters`` are the method's own.
    """

    call: Call
    xs: Sequence[Any]
    given: Any
    positive: bool
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One layer's call on its inputs.

    ``y`` is the output and ``z`` the output before the activation, whose name is ``activation`` (or
    None). ``back`` takes a gradient of the output (for a layer with weights: of ``z``) back to the
    inputs, once. ``map`` is the linear map of a layer with weights, or None.
    """

    y: Any
    z: Any
    activation: str | None
    back: Callable[[Any], list[Any]]
    map: Linear | None = None


Rule = Callable[[Flow], list[Any]]


@dataclass(frozen=True, kw_only=True)
class Rules(Entry):
    """A method's rules: for layers with weights (``kernel``), averages, sums and activations.

    ``start(logits, weights)`` is what the walk begins with; ``end(input, received)`` turns what
    arrives at the input into the map. ``names`` are the supported activations; None means all.
    ``positive`` says that only a positive value can be explained, and that it must be one neuron's.
    """

    kernel: Rule
    average: Rule
    add: Rule
    activation: Rule
    start: Callable[[Any, Any], Any]
    end: Callable[[Any, Any], Any]
    names: tuple[str, ...] | None = None
    positive: bool = False


def _z(flow: Flow) -> list[Any]:
    """c_i = sum_j w_ij c_j y_j / z_j, z_j with its bias (Bach et al. 2015, eq. 56)."""
    call = flow.call
    if call.activation in (None, "linear"):
        return call.back(flow.given)
    if call.activation == "relu":  # y / z is 1 or 0, and TensorFlow has a kernel for that
        return call.back(tf.raw_ops.ReluGrad(gradients=flow.given, features=call.y))
    return call.back(flow.given * tf.math.divide_no_nan(call.y, call.z))


def _epsilon(flow: Flow) -> list[Any]:
    """As :func:`_z`, with z_j moved away from zero by epsilon (Bach et al. 2015, eq. 58)."""
    epsilon, call = flow.parameters["epsilon"], flow.call
    if call.activation in (None, "linear", "relu"):  # y is 0, or z
        size = call.y if call.activation == "relu" else tf.abs(call.z)
        return call.back(flow.given * tf.math.divide_no_nan(size, size + epsilon))
    away = tf.where(call.z >= 0, epsilon, -epsilon)  # sign(0) counts as +1, or 0 would divide
    return call.back(flow.given * tf.math.divide_no_nan(call.y, call.z + away))


def _kept(flow: Flow) -> list[Any]:
    """An activation keeps relevance: y c = x (c y / x), so its input x has the share c y / x."""
    if flow.call.activation == "relu":
        return [tf.raw_ops.ReluGrad(gradients=flow.given, features=flow.call.y)]
    return [flow.given * tf.math.divide_no_nan(flow.call.y, x) for x in flow.xs]


def _z_plus(flow: Flow) -> list[Any]:
    """R_i = sum_j (x_i w_ij)+ R_j / sum_i (x_i w_ij)+ (Montavon et al. 2017, eq. 13).

    Negative inputs meet negative weights, so their products count as well.
    """
    (x,), map_ = flow.xs, flow.call.map
    assert map_ is not None
    parts, kernels = [x], [tf.nn.relu(map_.kernel)]
    # (x w)+ = x+ w+ + x- w-; where no input is negative the second product is 0.
    if not flow.positive:
        parts = [tf.nn.relu(x), tf.minimum(x, 0)]
        kernels.append(tf.minimum(map_.kernel, 0))
    if len(parts) > 1 and map_.adds_up:  # one convolution is faster than two
        parts, kernels = [tf.concat(parts, -1)], [tf.concat(kernels, -2)]
    calls = [applied(map_, part, kernel) for part, kernel in zip(parts, kernels, strict=True)]
    share = tf.math.divide_no_nan(flow.given, sum(z for z, _ in calls))
    found = [part * back(share)[0] for part, (_, back) in zip(parts, calls, strict=True)]
    return [sum(half for both in found for half in _halves(both, x))]


def _halves(both: Any, like: Any) -> list[Any]:
    """Two tensors that were concatenated, separated again; anything else unchanged."""
    return [both] if both.shape[-1] == like.shape[-1] else tf.split(both, 2, axis=-1)


def _in_proportion_above_zero(flow: Flow) -> list[Any]:
    """Add passes relevance on by the summands' positive parts: R_i = x_i+ R_j / sum_i x_i+.

    The z+ rule (Montavon et al. 2017, eq. 13) of a layer whose weights are all alike; what is
    subtracted has the opposite sign.
    """
    signs = flow.call.back(tf.ones_like(flow.given))
    above = [tf.nn.relu(x * tf.sign(sign)) for x, sign in zip(flow.xs, signs, strict=True)]
    share = tf.math.divide_no_nan(flow.given, tf.add_n(above))
    return [part * share for part in above]


def by_gradient(flow: Flow) -> list[Any]:
    """To where the values came from: for layers that move, repeat, choose or average values."""
    return flow.call.back(flow.given)


def _unchanged(flow: Flow) -> list[Any]:
    return [flow.given]


def _lrp(name: str, kernel: Rule, **about: str) -> Rules:
    """Rules that pass on shares."""
    return Rules(
        name=name,
        **about,  # type: ignore[arg-type]
        kernel=kernel,
        average=by_gradient,
        add=by_gradient,
        activation=_kept,
        start=lambda logits, weights: weights + tf.zeros_like(logits),
        end=lambda x, share: x * share,
    )


RULES: dict[str, Rules] = registry(
    _lrp(
        "lrp.z",
        _z,
        title="LRP-Z",
        about="Relevance in proportion to what each input adds to a sum.",
        source="Bach et al. 2015, eq. 56",
    ),
    _lrp(
        "lrp.epsilon",
        _epsilon,
        title="LRP-epsilon",
        about="LRP-Z with every sum moved away from 0 by epsilon.",
        source="Bach et al. 2015, eq. 58",
    ),
    Rules(
        name="deep_taylor",
        title="Deep Taylor",
        about="Relevance in proportion to the positive products of inputs and weights.",
        source="Montavon et al. 2017, eq. 13",
        kernel=_z_plus,
        # Evenly, as iNNvestigate does: what falls where nothing was active is lost further down.
        average=by_gradient,
        add=_in_proportion_above_zero,
        activation=_unchanged,
        # Deep Taylor is defined for what speaks for the target: a negative logit starts as 0.
        start=lambda logits, weights: tf.nn.relu(logits) * weights,
        end=lambda x, relevance: relevance,
        names=("relu", "relu6", "linear"),
        positive=True,
    ),
)
"""The relevance methods' rules by the name that a method's ``analyzer`` gives."""


def applied(map_: Linear, x: Any, kernel: Any) -> tuple[Any, Callable[..., Any]]:
    """As :func:`recorded`, of a linear map with this kernel."""
    if map_.back is None:
        return recorded(partial(map_.apply, kernel=kernel), [x])
    back = partial(map_.back, kernel=kernel, x=x)
    return map_.apply(x, kernel), lambda share: [back(share)]


def recorded(function: Callable[..., Any], xs: Sequence[Any]) -> tuple[Any, Callable[..., Any]]:
    """The function's value at ``xs``, and what takes a gradient of it back to them, once.

    Every call has its own tape: ``tf.gradients`` would search the whole graph each time.
    """
    own = [tf.identity(x) for x in xs]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(own)
        y = function(*own)
    return y, lambda share: tape.gradient(y, own, output_gradients=share)
