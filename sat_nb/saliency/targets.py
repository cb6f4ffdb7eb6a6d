"""Which output of the model is explained, for each image."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sat_nb.arrays import Float32
from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.saliency.method import OUTPUTS, Method
from sat_nb.saliency.methods import METHODS

Target = str | int | tuple[int, int] | Sequence[int] | Mapping[str, int]


def read_targets(target: Target, image_ids: Sequence[str]) -> dict[str, int] | None:
    """{image_id: index of the output}, or None for "predicted": each image's largest output.

    ``target`` is "predicted", one index for all, a pair of indices (the first is meant, see
    :func:`read_against`), a list or array with one index an image in the images' order, or
    {image_id: index}. Raises InvalidInput for anything else, IdMismatch for missing ids.

    >>> read_targets([3, 5], ["a", "b"])
    {'a': 3, 'b': 5}
    """
    if isinstance(target, str):
        if target != "predicted":
            raise InvalidInput(f"target: expected 'predicted' or indices, got {target!r}.")
        return None
    if isinstance(target, Mapping) or hasattr(target, "keys"):
        return _by_id(target, image_ids)
    if isinstance(target, tuple):
        return dict.fromkeys(image_ids, _pair(target)[0])
    if isinstance(target, Iterable):
        return _in_order(list(target), image_ids)
    return dict.fromkeys(image_ids, _index(target))


def read_against(target: Target) -> int | None:
    """The output that counts against the target: the second of a pair, or None.

    >>> read_against((340, 339))  # why a zebra, and not a sorrel horse?
    339
    """
    return _pair(target)[1] if isinstance(target, tuple) else None


def target_settings(target: Target) -> str | int | list[int]:
    """What a store remembers: "predicted", the index or the pair, or "given" (one an image)."""
    if isinstance(target, tuple):
        return list(_pair(target))
    if isinstance(target, str):
        return target
    return "given" if isinstance(target, Iterable) else _index(target)


def check_targets(
    targets: Mapping[str, int] | None, n_outputs: int, *, against: int | None = None
) -> None:
    """InvalidInput where an index is not one of the model's outputs."""
    if against is not None and not 0 <= against < n_outputs:
        raise InvalidInput(
            f"target: {against} is out of range; the model has {n_outputs} outputs, so give "
            f"0..{n_outputs - 1}."
        )
    for image_id, index in (targets or {}).items():
        if not 0 <= index < n_outputs:
            raise InvalidInput(
                f"target: {index} for image {image_id!r} is out of range; the model has "
                f"{n_outputs} outputs, so give 0..{n_outputs - 1}."
            )


def output_weights(targets: Sequence[int], n_logits: int, *, against: int | None = None) -> Float32:
    """(n, n_logits): one row an image; times the outputs, it gives what is explained.

    A model with one output has two classes: 1, for which a positive logit speaks, and 0.

    >>> output_weights([1, 2], 3, against=0).tolist()
    [[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]
    >>> output_weights([0, 1], 1).tolist()
    [[-1.0], [1.0]]
    """

    def rows(classes: Sequence[int]) -> Float32:
        if n_logits == 1:
            return np.array([[2 * target - 1] for target in classes], dtype=np.float32)
        return np.eye(n_logits, dtype=np.float32)[np.asarray(classes, dtype=int)]

    weights = rows(targets)
    return weights if against is None else weights - rows([against])


def check_pair(against: int | None, methods: Iterable[Method]) -> None:
    """InvalidInput where a pair is given, and the maps of a method are those of no class."""
    without = [method.key for method in methods if not method.targeted]
    if against is not None and without:
        raise InvalidInput(
            f"target: the maps of {without[0]!r} are the same for all classes, so that there is "
            "nothing between two; give one class, or leave the method out."
        )


def check_output(output: str, methods: Iterable[Method], head: str) -> None:
    """InvalidInput where ``output`` is not one of the model's, or a method cannot explain it."""
    if output not in OUTPUTS:
        raise unknown_name("output", output, OUTPUTS)
    if output == "probability" and head == "logits":
        raise InvalidInput(
            "output: the model ends in logits, so it has no probabilities; expected a softmax or "
            "sigmoid at its end. Save it with one, or explain the logit."
        )
    cannot = [method.key for method in methods if output not in method.explains]
    if cannot:
        can = ", ".join(repr(m.name) for m in METHODS.values() if output in m.explains)
        raise InvalidInput(
            f"output: {cannot[0]!r} explains logits only, got {output!r}. Methods that can: {can}."
        )


def _pair(target: Sequence[int]) -> tuple[int, int]:
    if len(target) != 2 or _index(target[0]) == _index(target[1]):
        raise InvalidInput(
            f"target: expected two different classes (a, b) for 'why a and not b', got the tuple "
            f"{target!r}; give one index an image as a list."
        )
    return _index(target[0]), _index(target[1])


def _by_id(target: Any, image_ids: Sequence[str]) -> dict[str, int]:
    missing = [image_id for image_id in image_ids if image_id not in target]
    if missing:
        raise IdMismatch(
            f"target: no index for {len(missing)} of {len(image_ids)} images: {shorten(missing)}; "
            f"it has {shorten(target.keys())}."
        )
    return {image_id: _index(target[image_id]) for image_id in image_ids}


def _in_order(indices: list[int], image_ids: Sequence[str]) -> dict[str, int]:
    if len(indices) != len(image_ids):
        raise InvalidInput(
            f"target: expected one index for each of the {len(image_ids)} images, got "
            f"{len(indices)}; give as many, or {{image_id: index}}."
        )
    return {i: _index(index) for i, index in zip(image_ids, indices, strict=True)}


def _index(value: object) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidInput(
            f"target: expected 'predicted' or whole numbers, got {type(value).__name__} {value!r}."
        ) from None
