"""Relevance methods: LRP-Z, LRP-epsilon and Deep Taylor, as rules for going back through a graph.

A rule puts something else in the place of an operation's derivative; ``relevance`` goes the way.
A method is an entry of :data:`RULES`, with a rule for each kind of operation; what the notation
and the shares c of R = x c are says ``engines/keras/rules.py``, whose meaning these rules have.

On transformers LRP follows Ali et al. 2022 ("XAI for Transformers: Better Explanations through
Conservative Propagation"): attention weights (eq. 7) and the deviation by which LayerNorm divides
(eq. 10) count as constant, and so does a factor that only gates another (Arras et al. 2017). What
biases, position embeddings and class tokens take is not in the map. AttnLRP (Achtibat et al. 2024),
which also sends relevance through the softmax, is patented and not among these rules.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import fx

from sat_nb.registry import Entry, registry
from sat_nb.saliency.engines.torch.graph import argument, operation
from sat_nb.saliency.engines.torch.linear import Linear


@dataclass(frozen=True)
class Step:
    """One operation that relevance goes through.

    ``kind`` is a key of a method's rules; ``sources`` the inputs that it goes on to; ``map`` the
    operation as a linear map, for the kind "kernel"; ``positive`` says that no input can be
    negative.
    """

    node: fx.Node
    kind: str
    sources: tuple[fx.Node, ...]
    map: Linear | None
    positive: bool


Rule = Callable[[Step, Any, Any, dict[str, Any]], Any]
"""(step, args, kwargs, the method's parameters) -> the operation's value, whose derivative is the
rule's; NotImplemented for the operation's own."""


@dataclass(frozen=True, kw_only=True)
class Rules(Entry):
    """A method's rules by the kind of operation; a kind that is not there is not supported.

    ``start(logits, weights)`` is what the walk begins with; ``end(input, received)`` turns what
    arrives at the input into the map. ``names`` are the supported activations; None means all.
    ``positive`` says that only a positive value can be explained, and that it must be one neuron's.
    """

    rules: dict[str, Rule]
    start: Callable[[Any, Any], Any]
    end: Callable[[Any, Any], Any]
    names: tuple[str, ...] | None = None
    positive: bool = False


class _Ruled(torch.autograd.Function):
    """``run(*xs)``, whose derivative is ``back(given, xs, y)``: a list with one for each x."""

    @staticmethod
    def forward(ctx: Any, run: Any, back: Any, *xs: Any) -> Any:
        y = run(*xs)
        ctx.back = back
        ctx.save_for_backward(*xs, y)
        return y

    @staticmethod
    def backward(ctx: Any, given: Any) -> Any:
        *xs, y = ctx.saved_tensors
        return None, None, *ctx.back(given, xs, y)


def _over(share: Any, by: Any) -> Any:
    """share / by, and 0 where ``by`` is 0."""
    return (share / by).masked_fill_(by == 0, 0)


def _total(parts: Iterable[Any]) -> Any:
    """Their sum; Python's own adds 0 first, which is one more pass through memory."""
    return reduce(operator.add, parts)


# --- rules -------------------------------------------------------------------------------------


def _by_gradient(step: Step, args: Any, kwargs: Any, parameters: Any) -> Any:
    """c_i = sum_j dy_j/dx_i c_j: eq. 56 of Bach et al. 2015, where y is linear in x."""
    return NotImplemented


def _epsilon(step: Step, args: Any, kwargs: Any, parameters: Any) -> Any:
    """Every sum moved away from zero by epsilon (Bach et al. 2015, eq. 58)."""
    epsilon = parameters["epsilon"]
    z = step.node.target(*args, **kwargs)

    def back(given: Any, zs: Any, _: Any) -> list[Any]:
        size = zs[0].abs()
        if epsilon == 0:
            return [_over(given * size, size)]
        return [size.div_(size + epsilon).mul_(given)]

    return _Ruled.apply(_same, back, z)


def _same(x: Any) -> Any:
    return x.view_as(x)


def _kept(step: Step, args: Any, kwargs: Any, parameters: Any) -> Any:
    """An activation keeps relevance: y c = x (c y / x), so its input x has the share c y / x."""
    if operation(step.node) in ("relu", "leaky_relu"):
        return NotImplemented
    run, x = _of_first(step, args, kwargs)
    return _Ruled.apply(run, lambda given, xs, y: [given * _over(y, xs[0])], x)


def _of_first(step: Step, args: Any, kwargs: Any) -> tuple[Callable[[Any], Any], Any]:
    """The operation as a function of its first argument."""
    x, *rest = args
    return lambda x: step.node.target(x, *rest, **kwargs), x


def _others_held(step: Step, args: Any, kwargs: Any, parameters: Any) -> Any:
    """What weighs, gates or places the rest counts as constant."""
    if len(step.sources) == len(step.node.all_input_nodes):
        return NotImplemented
    given = [
        value.detach()
        if isinstance(value, torch.Tensor) and isinstance(arg, fx.Node) and arg not in step.sources
        else value
        for arg, value in zip(step.node.args, args, strict=True)
    ]
    return step.node.target(*given, **kwargs)


def _held(step: Step, args: Any, kwargs: Any, parameters: Any) -> Any:
    with torch.no_grad():
        return step.node.target(*args, **kwargs)


def _deviation_held(step: Step, args: Any, kwargs: Any, parameters: Any) -> Any:
    """y = (x - mean) / deviation, with a deviation that counts as constant."""
    x = args[0]
    named = {name: argument(step.node, name) for name in ("weight", "bias", "eps")}
    places = [one.name for one in step.node.target._schema.arguments]
    values = dict(zip(places, args, strict=False)) | kwargs
    weight, bias, eps = (values.get(name, named[name]) for name in ("weight", "bias", "eps"))
    grouped, axes = _groups(operation(step.node), x, values)
    centre = 0 if operation(step.node) == "rms_norm" else grouped.mean(axes, keepdim=True)
    centred = grouped - centre
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    deviation = (centred.detach().square().mean(axes, keepdim=True) + eps).rsqrt()
    y = (centred * deviation).reshape(x.shape)
    channels = (1, -1, *[1] * (x.dim() - 2))
    per_channel = operation(step.node) in ("group_norm", "instance_norm")
    if weight is not None:
        y = y * (weight.reshape(channels) if per_channel else weight)
    if bias is not None:
        y = y + (bias.reshape(channels) if per_channel else bias)
    return y


def _groups(name: str, x: Any, values: dict[str, Any]) -> tuple[Any, tuple[int, ...]]:
    """The tensor and the axes over which a norm takes its statistics."""
    if name in ("layer_norm", "rms_norm"):
        return x, tuple(range(-len(values["normalized_shape"]), 0))
    n_groups = x.shape[1] if name == "instance_norm" else values["num_groups"]
    return x.reshape(x.shape[0], n_groups, -1), (2,)


def _z_plus(step: Step, args: Any, kwargs: Any, parameters: Any) -> Any:
    """R_i = sum_j (x_i w_ij)+ R_j / sum_i (x_i w_ij)+ (Montavon et al. 2017, eq. 13).

    Negative inputs meet negative weights, so their products count as well.
    """
    place = step.node.args.index(step.sources[0])
    map_ = step.map
    assert map_ is not None

    def run(x: Any) -> Any:
        return step.node.target(*args[:place], x, *args[place + 1 :], **kwargs)

    def back(given: Any, xs: Any, _: Any) -> list[Any]:
        return [_positive_shares(map_, xs[0], given, positive=step.positive)]

    return _Ruled.apply(run, back, args[place])


def _positive_shares(map_: Linear, x: Any, given: Any, *, positive: bool) -> Any:
    if positive:  # (x w)+ = x w+
        return _shares(given, [(map_, x, map_.above)])[0]
    above, below = x.clamp(min=0), x.clamp(max=0)
    if map_.joins is None:
        return _total(_shares(given, [(map_, above, map_.above), (map_, below, map_.below)]))
    axis = map_.joins[0]
    (found,) = _shares(given, [(map_, torch.cat([above, below], axis), map_.both)])
    return _total(found.chunk(2, axis))


def _shares(given: Any, parts: Sequence[tuple[Linear, Any, Any]]) -> list[Any]:
    """What each x of the (map, x, kernel) gets of ``given``, in proportion to its product."""
    with torch.enable_grad():
        xs = [x.detach().requires_grad_() for _, x, _ in parts]
        zs = [map_.apply(x, kernel) for x, (map_, _, kernel) in zip(xs, parts, strict=True)]
    share = _over(given, _total(z.detach() for z in zs))
    slopes = torch.autograd.grad(zs, xs, [share.expand_as(z) for z in zs])
    return [x.detach() * slope for x, slope in zip(xs, slopes, strict=True)]


def _in_proportion_above_zero(step: Step, args: Any, kwargs: Any, parameters: Any) -> Any:
    """Add passes relevance on by the summands' positive parts: R_i = x_i+ R_j / sum_i x_i+.

    The z+ rule (Montavon et al. 2017, eq. 13) of a layer whose weights are all alike; what is
    subtracted has the opposite sign.
    """
    alpha = argument(step.node, "alpha", 1)
    signs = {"add": (1, alpha), "rsub": (-alpha, 1)}.get(operation(step.node), (1, -alpha))

    def run(*xs: Any) -> Any:
        return step.node.target(*xs, **kwargs)

    def back(given: Any, xs: Any, _: Any) -> list[Any]:
        above = [
            (x if sign == 1 else x * sign).clamp(min=0) for x, sign in zip(xs, signs, strict=True)
        ]
        share = _over(given, _total(above))
        return [part.mul_(share) for part in above]

    return _Ruled.apply(run, back, *torch.broadcast_tensors(*args[:2]))


def _unchanged(step: Step, args: Any, kwargs: Any, parameters: Any) -> Any:
    run, x = _of_first(step, args, kwargs)
    return _Ruled.apply(run, lambda given, xs, y: [given], x)


def _lrp(name: str, kernel: Rule, **about: str) -> Rules:
    """Rules that pass on shares."""
    return Rules(
        name=name,
        **about,  # type: ignore[arg-type]
        rules={
            "kernel": kernel,
            "move": _others_held,
            "average": _by_gradient,
            "sum": _by_gradient,
            "activation": _kept,
            "product": _others_held,
            "matrix": _others_held,
            "attention": _others_held,
            "softmax": _held,
            "norm": _deviation_held,
        },
        start=lambda logits, weights: weights.expand_as(logits),
        end=lambda x, share: x * share,
    )


RULES: dict[str, Rules] = registry(
    _lrp(
        "lrp.z",
        _by_gradient,
        title="LRP-Z",
        about="Relevance in proportion to what each input adds to a sum.",
        source="Bach et al. 2015, eq. 56; Ali et al. 2022",
    ),
    _lrp(
        "lrp.epsilon",
        _epsilon,
        title="LRP-epsilon",
        about="LRP-Z with every sum moved away from 0 by epsilon.",
        source="Bach et al. 2015, eq. 58; Ali et al. 2022",
    ),
    Rules(
        name="deep_taylor",
        title="Deep Taylor",
        about="Relevance in proportion to the positive products of inputs and weights.",
        source="Montavon et al. 2017, eq. 13",
        rules={
            "kernel": _z_plus,
            "move": _others_held,
            "average": _by_gradient,
            "sum": _in_proportion_above_zero,
            "activation": _unchanged,
        },
        start=lambda logits, weights: logits.clamp(min=0) * weights,
        end=lambda x, relevance: relevance,
        names=("relu", "relu6"),
        positive=True,
    ),
)
"""The relevance methods' rules by the name that a method's ``analyzer`` gives."""
