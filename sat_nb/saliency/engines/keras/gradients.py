"""Formulas on gradients, for any layer that TensorFlow can differentiate.

To add one, write a function and an entry of :data:`FORMULAS`, and an entry of METHODS whose
``analyzer`` has its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.registry import Entry, registry
from sat_nb.saliency.engines.keras.graph import Graph, Node

layers = tf.keras.layers

_NOT_FEATURES = (
    layers.AveragePooling2D,
    layers.Cropping2D,
    layers.MaxPooling2D,
    layers.Reshape,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
)


Head = Callable[[Any], Any]
"""From the logits (n, k) to what is explained."""


@dataclass(frozen=True, kw_only=True)
class Formula(Entry):
    """A map as a formula on gradients.

    ``function(graph, head, tensor, weights, **parameters)`` gives the maps (n, H, W, C) of the
    symbolic input ``tensor`` (n, H, W, C), for the sum of ``head(logits)`` times ``weights``
    (n, k). ``can_be_summed`` says that :func:`gradient_sums` computes it at many points.
    """

    function: Callable[..., Any]
    can_be_summed: bool = False


def gradient(graph: Graph, head: Head, tensor: Any, weights: Any) -> Any:
    """The gradient (n, H, W, C) of the weighted outputs at the model's own input ``tensor``."""
    outputs = head(graph.run(graph.scaled(tensor))[graph.output])
    return tf.gradients(tf.reduce_sum(weights * outputs), tensor)[0]


def gradient_sums(
    graph: Graph, head: Head, origin: Any, directions: Any, steps: Any, shares: Any, weights: Any
) -> Any:
    """Sums (r, H, W, C) by ``shares`` (r, m) of the gradients at several points.

    The points are ``origin`` (H, W, C) + ``steps`` (m,) * ``directions``, (m, H, W, C) or
    (1, H, W, C); ``weights`` (1, k) are of the outputs at all of them. The first layer with weights
    is linear, so sums are taken after it and go back through it once, not once for each point.
    """
    n_values = np.prod(graph.shape)
    way = tf.reshape(steps, (-1, 1)) * tf.reshape(directions, (-1, n_values))
    points = tf.reshape(tf.reshape(origin, (1, n_values)) + way, (-1, *graph.shape))
    first, rest = graph.divided()
    z = first(points)
    slopes = tf.gradients(tf.reduce_sum(weights * head(rest.run(z)[rest.output])), z)[0]
    sums = tf.matmul(shares, tf.reshape(slopes, (-1, np.prod(rest.shape))))
    anywhere = tf.zeros((tf.shape(shares)[0], *graph.shape), origin.dtype)
    return tf.gradients(first(anywhere), anywhere, grad_ys=tf.reshape(sums, (-1, *rest.shape)))[0]


def grad_cam(graph: Graph, head: Head, tensor: Any, weights: Any, layer: str | None = None) -> Any:
    """Grad-CAM (Selvaraju et al. 2017, eq. 1-2), brought to the input's size: (n, H, W, 1).

    ``layer`` is the name of the layer whose feature maps count; by default the last one with
    feature maps of more than one pixel that is not a pooling.
    """
    values = graph.run(graph.scaled(tensor))
    features = values[_features(graph, values, layer).output]
    outputs = head(values[graph.output])
    slopes = tf.gradients(tf.reduce_sum(weights * outputs), features)[0]
    importance = tf.reduce_mean(slopes, axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(importance * features, axis=3, keepdims=True))
    return tf.image.resize(heat, graph.shape[:2], method="bilinear")


FORMULAS: dict[str, Formula] = registry(
    Formula(
        name="gradient",
        about="The gradient of the explained output.",
        source="Simonyan, Vedaldi & Zisserman 2014",
        function=gradient,
        can_be_summed=True,
    ),
    Formula(
        name="grad_cam",
        title="Grad-CAM",
        about="The last feature maps, weighted by their mean gradients, cut off at 0.",
        source="Selvaraju et al. 2017, eq. 1-2",
        function=grad_cam,
    ),
)
"""The formulas by the name that a method's ``analyzer`` gives."""


def _features(graph: Graph, values: dict[int, Any], name: str | None) -> Node:
    having = [
        node
        for node in graph.nodes
        if values[node.output].shape.rank == 4 and node.output != graph.output
    ]
    if name is not None:
        return _named(having, name)
    spread = [
        node
        for node in having
        if not node.moves
        and not isinstance(node.layer, _NOT_FEATURES)
        and max(values[node.output].shape[1:3]) > 1
    ]
    if not spread:
        raise NotImplementedError("the model has no feature maps")
    return spread[-1]


def _named(having: Sequence[Node], name: str) -> Node:
    """The node of this name; of several that share one, "conv:1" is the first to run."""
    names = [node.layer.name for node in having]
    numbered = [
        name if names.count(name) == 1 else f"{name}:{1 + names[:place].count(name)}"
        for place, name in enumerate(names)
    ]
    if name in numbered:
        return having[numbered.index(name)]
    same = [one for one, plain in zip(numbered, names, strict=True) if plain == name]
    if same:
        raise InvalidInput(
            f"parameters['grad_cam']['layer']: {name!r} names {len(same)} layers of the model, or "
            f"{len(same)} calls of one; give {' or '.join(map(repr, same))}, in the order in which "
            "they run."
        )
    raise unknown_name("parameters['grad_cam']['layer']", name, numbered)
