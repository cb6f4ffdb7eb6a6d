"""Formulas on gradients, for any operation that PyTorch can differentiate.

To add one, write a function and an entry of :data:`FORMULAS`, and an entry of METHODS whose
``analyzer`` has its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import fx

from sat_nb.arrays import Float32
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.registry import Entry, registry
from sat_nb.saliency.engines.torch.graph import Walk, argument, operation, places
from sat_nb.saliency.engines.torch.load import Classifier
from sat_nb.saliency.engines.torch.operations import NOT_FEATURES
from sat_nb.saliency.sampling import Points


@dataclass(frozen=True, kw_only=True)
class Formula(Entry):
    """A map as a formula on gradients.

    ``function(classifier, batch, weights, **parameters)`` gives the maps (n, H, W, C) of the images
    (n, H, W, C), for the sum of what is explained times ``weights`` (n, k). ``can_be_summed`` says
    that :func:`gradient_sums` computes it at many points.
    """

    function: Callable[..., Float32]
    can_be_summed: bool = False


def gradient(classifier: Classifier, batch: Float32, weights: Float32) -> Float32:
    """The gradient (n, H, W, C) of the weighted outputs at the model's own input."""
    return classifier.maps(_slopes(classifier, classifier.tensor(batch), weights))


def _slopes(classifier: Classifier, tensor: Any, weights: Any) -> Any:
    x = tensor.detach().requires_grad_()
    with torch.enable_grad():
        outputs = classifier.explained(classifier.module(x))
    given = torch.as_tensor(weights).to(outputs).expand_as(outputs)
    return torch.autograd.grad(outputs, x, given)[0]


def gradient_sums(
    classifier: Classifier, points: Points, weights: Float32, shares: Float32
) -> Float32:
    """Sums (r, H, W, C) by ``shares`` (r, m) of the gradients at several points."""
    like = {"device": classifier.device, "dtype": classifier.dtype}
    origin, directions, steps, shares_ = (
        torch.from_numpy(np.ascontiguousarray(one)).to(**like)
        for one in (points.origin, points.directions, points.steps, shares)
    )
    images = torch.addcmul(origin, steps[:, None, None, None], directions)
    slopes = _slopes(classifier, classifier.turned(images), weights[None])
    turned = slopes.permute(0, 2, 3, 1) if classifier.channels_first else slopes
    sums = shares_ @ turned.reshape(len(images), -1)
    return sums.reshape(-1, *classifier.shape).cpu().numpy()


def grad_cam(
    classifier: Classifier, batch: Float32, weights: Float32, layer: str | None = None
) -> Float32:
    """Grad-CAM (Selvaraju et al. 2017, eq. 1-2), brought to the input's size: (n, H, W, 1).

    ``layer`` is the name of the layer whose feature maps count; by default the last one with
    feature maps of more than one pixel that is not a pooling.
    """
    node, axis = _features(classifier, layer)
    kept: list[Any] = []

    def seen(one: fx.Node, value: Any) -> Any:
        if one is not node:
            return None
        kept.append(value.detach().requires_grad_())
        return kept[0]

    with torch.enable_grad():
        outputs = classifier.explained(
            Walk(classifier.module, seen=seen).run(classifier.tensor(batch))
        )
    given = torch.as_tensor(weights).to(outputs)
    (slopes,) = torch.autograd.grad(outputs, kept, given)
    features = kept[0].detach().movedim(axis, 1)
    importance = slopes.movedim(axis, 1).mean(dim=(2, 3), keepdim=True)
    heat = (importance * features).sum(dim=1, keepdim=True).clamp(min=0)
    resized = torch.nn.functional.interpolate(
        heat, classifier.shape[:2], mode="bilinear", align_corners=False
    )
    return resized.permute(0, 2, 3, 1).cpu().numpy().astype(np.float32)


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


# --- layers with feature maps ------------------------------------------------------------------


def channel_axes(classifier: Classifier) -> dict[fx.Node, int]:
    """{node: axis of the channels} of the values (n, C, h, w) or (n, h, w, C)."""
    found: dict[fx.Node, int] = {}
    for node in classifier.module.graph.nodes:
        if len(classifier.shapes.get(node, ())) != 4:
            continue
        before = [found[one] for one in node.all_input_nodes if one in found]
        name = operation(node)
        if node.op == "placeholder":
            found[node] = 1 if classifier.channels_first else 3
        elif name in _CHANNELS_FIRST:
            found[node] = 1
        elif name in ("permute", "transpose") and before:
            moved = _axes(node).index(before[0])
            found.update({node: moved} if moved in (1, 3) else {})
        elif before and name not in ("reshape", "view", "unflatten"):
            found[node] = before[0]
    return found


_CHANNELS_FIRST = (
    *("conv2d", "convolution", "conv_transpose2d", "batch_norm", "max_pool2d", "avg_pool2d"),
    *("adaptive_avg_pool2d", "adaptive_max_pool2d", "group_norm", "instance_norm"),
)


def _axes(node: fx.Node) -> list[int]:
    """The order of axes that a permutation gives."""
    if operation(node) == "permute":
        return [axis % 4 for axis in argument(node, "dims")]
    order = list(range(4))
    first, second = argument(node, "dim0") % 4, argument(node, "dim1") % 4
    order[first], order[second] = order[second], order[first]
    return order


def _features(classifier: Classifier, name: str | None) -> tuple[fx.Node, int]:
    axes = channel_axes(classifier)
    nodes = [one for one in axes if one.op == "call_function" and one.meta.get("input") is None]
    if name is not None:
        node = _named(classifier, nodes, name)
        return node, axes[node]

    def spread(node: fx.Node) -> bool:
        sizes = [s for axis, s in enumerate(classifier.shapes[node]) if axis not in (0, axes[node])]
        return operation(node) not in NOT_FEATURES and max(sizes) > 1

    scaled = _before(classifier)
    having = [node for node in nodes if spread(node) and node not in scaled]
    if not having:
        raise NotImplementedError("the model has no feature maps")
    return having[-1], axes[having[-1]]


def _before(classifier: Classifier) -> set[fx.Node]:
    """The nodes that only scale the input."""
    found = set()
    for node in classifier.module.graph.nodes:
        found.add(node)
        if node is classifier.scaling.end:
            break
    return found


def _named(classifier: Classifier, nodes: Sequence[fx.Node], name: str) -> fx.Node:
    """The last node in the layer of this name; of several calls, "conv:1" is the first to run."""
    calls: dict[str, dict[str, fx.Node]] = {}
    for node in nodes:
        for place in places(node):
            if place.path:
                calls.setdefault(place.path.partition("@")[0], {})[place.key] = node
    names = {
        path if len(keys) == 1 else f"{path}:{number}": node
        for path, keys in calls.items()
        for number, node in enumerate(keys.values(), start=1)
    }
    if name in names:
        return names[name]
    same = [one for one in names if one.rpartition(":")[0] == name]
    if same:
        raise InvalidInput(
            f"parameters['grad_cam']['layer']: {name!r} names {len(same)} calls of a layer; give "
            f"{' or '.join(map(repr, same))}, in the order in which they run."
        )
    raise unknown_name("parameters['grad_cam']['layer']", name, names)
