"""Operators and functions between layers, recognised by what they do to numbers.

``x + y``, ``tf.add``, ``x[..., ::-1]``, ``x / 127.5`` or a Lambda are functions to Keras. Each is
run on test values: what gives the same as a layer (a sum, a ReLU, a mean of all pixels) becomes
that layer, what maps every channel linearly a BatchNormalization, and what only moves values is
marked as such. So every way of writing it is recognised; what is none of these stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from sat_nb.arrays import Float32
from sat_nb.saliency.engines.keras.graph import INPUT, Graph, Node, describe

layers, backend = tf.keras.layers, tf.keras.backend

MAX_VALUES = 2**24
"""Of a layer's inputs: larger whole numbers are no longer exact in float32."""

_FUNCTIONS = ("TFOpLambda", "SlicingOpLambda", "Lambda")
_RESAMPLING = (
    layers.CenterCrop,
    layers.RandomCrop,
    layers.RepeatVector,
    layers.Resizing,
)
_SCALING = (layers.Normalization, layers.Rescaling)
_FAILURES = (ValueError, TypeError, NotImplementedError, tf.errors.OpError)

Run = Callable[..., Float32]


def recognised(graph: Graph) -> Graph:
    """Sums and scalings as layers, and what only moves values marked."""
    shapes = _shapes(graph)
    for node in graph.nodes:
        given, shape = [shapes[value] for value in node.inputs], shapes[node.output]
        if not _is_unknown(node) or any(None in one for one in (*given, shape)):
            continue
        new = _known(node, given, shape, between=1 + max(one.output for one in graph.nodes))
        nodes = tuple(one for n in graph.nodes for one in (new if n is node else [n]))
        graph = replace(graph, nodes=nodes)
        if new and not new[-1].moves and _class(new[-1].layer) != _class(node.layer):
            change = f"{describe(node.layer)} is run as {_class(new[-1].layer)}"
            graph = graph.changed(change)
    return graph


def scaling_before_moving(graph: Graph) -> Graph:
    """Scaling of an input that was only moved, as in ``x[..., ::-1] - means``, goes before that."""
    while (pair := _swappable(graph)) is not None:
        shapes = _shapes(graph)
        changed = _swapped(*pair, shapes)
        if changed is None:
            return graph
        nodes = tuple(changed.get(node.output, node) for node in graph.nodes)
        graph = replace(graph, nodes=nodes)
    return graph


def _swappable(graph: Graph) -> tuple[Node, Node] | None:
    """The last of the layers that only move the input, and the scaling after it."""
    value, moving = INPUT, None
    while len(after := graph.consumers(value)) == 1 and after[0].output != graph.output:
        (node,) = after
        if isinstance(node.layer, layers.BatchNormalization) and moving is not None:
            return moving, node
        if not node.moves or node.inputs != (value,):
            return None
        value, moving = node.output, node
    return None


def _swapped(moving: Node, scaling: Node, shapes: Any) -> dict[int, Node] | None:
    """{value: its new node}: the scaling, then the moving; None where that is not the same."""
    given, shape = shapes[moving.inputs[0]], shapes[moving.output]
    run = _runner(moving, [given])
    sources = _sources(lambda array: np.rint(2 * run(array)) / 2, [given])  # it is known to move
    channels = None if sources is None else _channels(sources, shape, given[-1])
    found = _channel_map(_runner(scaling, [shape]), shape)
    if channels is None or found is None:
        return None
    scale, offset = np.ones(given[-1], np.float32), np.zeros(given[-1], np.float32)
    scale[channels], offset[channels] = found
    layer = _scaling_layer(scale, offset, scaling.layer.name, given)
    ahead = replace(scaling, layer=layer, inputs=moving.inputs, output=moving.output)
    behind = replace(moving, inputs=(moving.output,), output=scaling.output)
    return {moving.output: ahead, scaling.output: behind}


def _is_unknown(node: Node) -> bool:
    return not node.moves and (
        _class(node.layer) in _FUNCTIONS or isinstance(node.layer, (*_RESAMPLING, *_SCALING))
    )


def _class(layer: Any) -> str:
    return type(layer).__name__


def _shapes(graph: Graph) -> dict[int, tuple[int | None, ...]]:
    """{value: its shape without the batch}; run only where there is something to recognise."""
    if not any(_is_unknown(node) or node.moves for node in graph.nodes):
        return dict.fromkeys((INPUT, *(node.output for node in graph.nodes)), (None,))
    values = graph.run(backend.placeholder((None, *graph.shape)))
    return {
        number: tuple((v.shape.as_list() if v.shape.rank else [None, None])[1:])
        for number, v in values.items()
    }


def _known(node: Node, given: Sequence[Any], shape: Any, *, between: int) -> list[Node]:
    """The node as layers that all methods know, or marked as moving; as it is if it is neither.

    ``between`` is the number of a value that may come between two layers.
    """
    if not node.inputs or sum(int(np.prod(one)) for one in given) >= MAX_VALUES:
        return [node]
    try:
        run = _runner(node, given)
        found = _scaled(node, run, given, shape) or _as_layer(node, run, given)
        if found is not None:
            return [found]
        if _sources(run, given) is not None:
            return [replace(node, moves=True)]
        return _moved_and_scaled(node, run, given, shape, between) or [node]
    except _FAILURES:
        return [node]


def _moved_and_scaled(
    node: Node, run: Run, given: Sequence[Any], shape: Any, between: int
) -> list[Node] | None:
    """Moving, then scaling, where the node does both, as a Lambda of ``x[..., ::-1] - means``."""
    if len(given) != 1:
        return None
    zero, one = (run(np.full(given[0], value, np.float32)) for value in (0, 1))
    corner = (0,) * (len(shape) - 1)
    offset, scale = zero[corner], one[corner] - zero[corner]
    if not scale.all() or not np.isfinite(zero).all() or (zero != offset).any():
        return None

    def plain(array: Float32) -> Float32:
        return np.rint(2 * (run(array) - offset) / scale) / 2  # labels are whole, or halves

    sources = _sources(plain, given)
    if sources is None or sources.min() < 1:
        return None
    trial = np.random.default_rng(0).uniform(-300, 300, given[0]).astype(np.float32)
    expected = trial.reshape(-1)[sources - 1].reshape(shape) * scale + offset
    if (np.abs(run(trial) - expected) > 1e-5 * (300 * np.abs(scale) + np.abs(offset))).any():
        return None
    moving = replace(node, output=between, call=partial(_unscaled, node, scale, offset), moves=True)
    layer = _scaling_layer(scale, offset, f"{_name(node.layer)}_scaling", shape)
    return [moving, Node(layer, (between,), node.output)]


def _unscaled(node: Node, scale: Float32, offset: Float32, _: Any, tensors: Sequence[Any]) -> Any:
    """What the node does to its input but for the scaling."""
    return (node(*tensors) - tf.constant(offset)) / tf.constant(scale)


def _scaled(node: Node, run: Run, given: Sequence[Any], shape: Any) -> Node | None:
    """A BatchNormalization with the same factor and offset for each channel, if there is one."""
    found = _channel_map(run, shape) if list(given) == [shape] else None
    if found is None or ((found[0] == 1).all() and not found[1].any()):
        return None  # what changes nothing is recognised as moving
    return replace(node, layer=_scaling_layer(*found, _name(node.layer), shape), call=None)


def _as_layer(node: Node, run: Run, given: Sequence[Any]) -> Node | None:
    """The first of the candidates that gives the same values."""
    random = np.random.default_rng(0)
    trial = [random.uniform(-9, 9, shape).astype(np.float32) for shape in given]
    came, name = run(*trial), _name(node.layer)
    if came.dtype != np.float32:
        return None
    for make in _candidates(given):
        layer = make(name=name)
        layer.build([(None, *shape) for shape in given] if len(given) > 1 else (None, *given[0]))
        known = replace(node, layer=layer, call=None)
        other = _runner(known, given)(*trial)
        if came.shape == other.shape and np.abs(came - other).max() < 1e-5:
            return known
    return None


def _candidates(given: Sequence[Any]) -> list[Callable[..., Any]]:
    """Layers that take inputs of these shapes."""
    if len(given) > 1:
        sums = [layers.Add, layers.Average, layers.Maximum]
        same = len(set(given)) == 1
        return (sums + [layers.Subtract][: len(given) == 2]) if same else []
    found: list[Callable[..., Any]] = [layers.ReLU, partial(layers.ReLU, 6.0)]
    if len(given[0]) == 3:
        pools = layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D
        found += [partial(pool, keepdims=keeps) for pool in pools for keeps in (False, True)]
    return found


def _runner(node: Node, given: Sequence[Any]) -> Run:
    """The node as a function of one array for each input, without the batch."""
    tensors = [backend.placeholder((1, *shape)) for shape in given]
    function = backend.function(tensors, [node(*tensors)])
    return lambda *arrays: function([array[None] for array in arrays])[0][0]


def _channel_map(run: Run, shape: tuple[int, ...]) -> tuple[Float32, Float32] | None:
    """(factor, offset), each (C,), where every channel is mapped so; None else."""
    random = np.random.default_rng(0)
    trial = random.uniform(-300, 300, shape).astype(np.float32)
    zero, one, came = run(0 * trial), run(np.ones_like(trial)), run(trial)
    if came.dtype != np.float32 or came.shape != shape or not np.isfinite(came).all():
        return None
    corner = (0,) * (len(shape) - 1)
    offset, scale = zero[corner], one[corner] - zero[corner]
    size = np.abs(scale) * 300 + np.abs(offset)
    if not scale.all() or (np.abs(came - (trial * scale + offset)) > 1e-5 * size).any():
        return None
    return scale, offset


_EPSILON = 2.0**-9  # 1 - epsilon + epsilon is exactly 1


def _scaling_layer(scale: Float32, offset: Float32, name: str, shape: Sequence[int]) -> Any:
    layer = layers.BatchNormalization(epsilon=_EPSILON, name=name)
    layer.build((None, *shape))
    values = [scale, offset, np.zeros_like(scale), np.full_like(scale, 1 - _EPSILON)]
    backend.batch_set_value(list(zip(layer.weights, values, strict=True)))
    return layer


def _name(layer: Any) -> str:
    """The function's name as one that Keras accepts for a layer."""
    return str(layer.name).replace("/", "_")


def _sources(run: Run, given: Sequence[Any]) -> np.ndarray[Any, Any] | None:
    """For each value that comes out the number of the one that went in, from 1; 0 for a zero.

    None where anything else comes out.
    """
    sizes = [int(np.prod(shape)) for shape in given]
    n, ends = sum(sizes), np.cumsum(sizes)[:-1]

    def of(labels: Float32) -> Float32:
        parts = np.split(labels, ends)
        return run(*(part.reshape(shape) for part, shape in zip(parts, given, strict=True)))

    first = of(np.arange(1, n + 1, dtype=np.float32))
    whole = np.rint(first).astype(np.int64)
    if not np.isfinite(first).all() or (whole != first).any():
        return None
    if whole.min(initial=0) < 0 or whole.max(initial=0) > n:
        return None
    labels = np.random.default_rng(0).permutation(n).astype(np.float32) - n // 2 - 0.5
    expected = np.concatenate([[0], labels])[whole]
    return whole if np.array_equal(of(labels), expected) else None


def _channels(sources: Any, shape: Any, n_channels: int) -> list[int] | None:
    """For each channel that comes out the one that went in, where it is one and no other's."""
    if len(shape) != 3 or sources.min() < 1:
        return None
    channels = (sources - 1).reshape(-1, shape[-1]) % n_channels
    if (channels != channels[0]).any() or len(set(channels[0])) < len(channels[0]):
        return None
    return [int(c) for c in channels[0]]
