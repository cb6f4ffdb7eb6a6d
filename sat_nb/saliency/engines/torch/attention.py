"""Maps from the attention of transformers: rollout, and attention weighted by gradients.

Both follow the weights A (n, heads, tokens, tokens) of all attention layers from the input to the
tokens that the logits are read from, which are found by where the last layer's gradient is not 0:
the class token, or all that are pooled. What arrives at the patches is brought to the input's size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from sat_nb.arrays import Float32
from sat_nb.registry import Entry, registry
from sat_nb.saliency.engines.torch.gradients import channel_axes
from sat_nb.saliency.engines.torch.graph import Walk, argument, operation
from sat_nb.saliency.engines.torch.load import Classifier
from sat_nb.saliency.engines.torch.operations import ATTENTION, MOVES, SOFTMAX


@dataclass(frozen=True, kw_only=True)
class Flow(Entry):
    """A way to join the attention of all layers.

    ``function(attention, slopes)`` takes what each layer's attention is and its gradient, both
    (n, heads, T, T), and gives how much of each token reaches each other, (n, T, T).
    """

    function: Callable[[list[Any], list[Any]], Any]


def _rollout(attention: list[Any], slopes: list[Any]) -> Any:
    """The product of (A + I) / 2 over all layers, A averaged over its heads."""
    n, _, n_tokens, _ = attention[0].shape
    found = torch.eye(n_tokens).to(attention[0]).expand(n, -1, -1)
    for layer in attention:
        found = (layer.mean(dim=1) + torch.eye(n_tokens).to(layer)) / 2 @ found
    return found


def _gradient_attention(attention: list[Any], slopes: list[Any]) -> Any:
    """R = R + mean over heads of (A * dy/dA)+ R, from R = 1; what a token keeps is left out."""
    n, _, n_tokens, _ = attention[0].shape
    start = torch.eye(n_tokens).to(attention[0])
    found = start.expand(n, -1, -1)
    for layer, slope in zip(attention, slopes, strict=True):
        found = found + (layer * slope).clamp(min=0).mean(dim=1) @ found
    return found - start


FLOWS: dict[str, Flow] = registry(
    Flow(
        name="attention_rollout",
        about="The attention of all layers multiplied, half of each token kept by itself.",
        source="Abnar & Zuidema 2020, eq. 1",
        function=_rollout,
    ),
    Flow(
        name="gradient_attention",
        about="The attention of all layers weighted by its positive gradients.",
        source="Chefer, Gur & Wolf, ICCV 2021, eq. 5-6",
        function=_gradient_attention,
    ),
)
"""The ways by the name that a method's ``analyzer`` gives."""


def attention_map(classifier: Classifier, batch: Float32, weights: Float32, flow: Flow) -> Float32:
    """The maps (n, H, W, 1) of the images (n, H, W, C)."""
    attention, slopes = _attention(classifier, batch, weights)
    height, width = _grid(classifier)
    n_tokens = attention[0].shape[-1]
    n_first = n_tokens - height * width
    if n_first < 0 or any(layer.shape[2:] != (n_tokens, n_tokens) for layer in attention):
        raise NotImplementedError(
            f"its attention is not among all {height * width} patches (windows, or merged patches)"
        )
    flows = flow.function(attention, slopes)
    read = slopes[-1].abs().sum(dim=(1, 3)) > 0
    shares = read.to(flows) / read.sum(dim=1, keepdim=True).clamp(min=1)
    heat = torch.einsum("nt,ntp->np", shares, flows)[:, n_first:].reshape(-1, 1, height, width)
    resized = torch.nn.functional.interpolate(
        heat, classifier.shape[:2], mode="bilinear", align_corners=False
    )
    return resized.permute(0, 2, 3, 1).detach().cpu().numpy().astype("float32")


def _attention(
    classifier: Classifier, batch: Float32, weights: Float32
) -> tuple[list[Any], list[Any]]:
    """The attention of each layer (n, heads, T, T), and the gradient of what is explained."""
    found: list[Any] = []
    layers = _softmaxes(classifier.module.graph)

    def instead(node: fx.Node, args: Any, kwargs: Any) -> Any:
        if operation(node) == ATTENTION:
            weights_, value = _explicit(node, args, kwargs)
            found.append(weights_)
            return weights_ @ value
        if node in layers:
            found.append(node.target(*args, **kwargs))
            return found[-1]
        return NotImplemented

    tensor = classifier.tensor(batch).requires_grad_()
    with torch.enable_grad():
        outputs = classifier.explained(Walk(classifier.module, instead).run(tensor))
    if not found:
        raise NotImplementedError("the model has no attention")
    given = torch.as_tensor(weights).to(outputs).expand_as(outputs)
    slopes = torch.autograd.grad(outputs, found, given)
    n = len(batch)
    parts = [(one.detach().reshape(n, -1, *one.shape[-2:])) for one in (*found, *slopes)]
    return parts[: len(found)], parts[len(found) :]


def _softmaxes(graph: fx.Graph) -> set[fx.Node]:
    """The softmaxes whose values weigh others in a product of matrices."""
    found = set()
    for node in graph.nodes:
        users = list(node.users)
        while len(users) == 1 and operation(users[0]) in MOVES:
            users = list(users[0].users)
        products = any(operation(user) in ("matmul", "bmm") for user in users)
        if operation(node) in SOFTMAX and products:
            found.add(node)
    return found


def _explicit(node: fx.Node, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The weights of an attention in one operation, and the values that they weigh."""
    names = [one.name for one in node.target._schema.arguments]
    given = dict(zip(names, args, strict=False)) | kwargs
    query, key, value = given["query"], given["key"], given["value"]
    if query.shape[-3] != key.shape[-3]:  # grouped queries
        key, value = (
            one.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3) for one in (key, value)
        )
    scale = given.get("scale") or 1 / math.sqrt(query.shape[-1])
    scores = query @ key.transpose(-2, -1) * scale
    mask = given.get("attn_mask")
    if argument(node, "is_causal"):
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        barred = mask.dtype == torch.bool
        scores = scores.masked_fill(~mask, -math.inf) if barred else scores + mask
    return scores.softmax(dim=-1), value


def _grid(classifier: Classifier) -> tuple[int, int]:
    """The rows and columns of patches: of the last value with places before the first attention."""
    axes = channel_axes(classifier)
    layers = _softmaxes(classifier.module.graph)
    last: fx.Node | None = None
    for node in classifier.module.graph.nodes:
        if operation(node) == ATTENTION or node in layers:
            break
        if node in axes and operation(node) in ("conv2d", "convolution"):
            last = node
    if last is None:
        raise NotImplementedError("its patches are not made by a convolution")
    sizes = [s for axis, s in enumerate(classifier.shapes[last]) if axis not in (0, axes[last])]
    return sizes[0], sizes[1]
