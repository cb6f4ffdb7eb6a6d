"""One call of explain, checked: what all its threads share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.images import ImageSet
from sat_nb.saliency.budget import What
from sat_nb.saliency.methods import Method
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.pool import Pool
from sat_nb.saliency.preprocess import Preprocess
from sat_nb.saliency.runs import Run

Floats = NDArray[np.float32]
Masks = NDArray[np.bool_]
Hashes = tuple[str, str | None]
"""Of an image's pixels, and of the masks that its sampling goes by."""


@dataclass(frozen=True)
class Job:
    """One call of :func:`explain`, checked. Several threads may work on it."""

    file: ModelFile
    facts: ModelFacts
    methods: tuple[Method, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    images: ImageSet
    targets: Mapping[str, int] | None
    preprocess: str | Preprocess
    fit: str
    seed: int
    run: Run
    pool: Pool
    against: int | None = None
    output: str = "logit"
    masks: Callable[[str], Masks] | None = None
    started: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def missing(self, method: Method, image_ids: Iterable[str]) -> list[str]:
        """The images that lack this method's map."""
        return [i for i in image_ids if not self.run.has(method.name, i)]

    def what(self, method: Method) -> What:
        """What tells this method's requests from others, for their memory."""
        return method.name, self.file.sha256, repr(self.parameters[method.name])

    def settles(self, method: Method) -> bool:
        """Whether it goes on until the segments' ranks are settled."""
        return "max_samples" in self.parameters[method.name]


def pieces(items: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    """The items in pieces of that length."""
    for first in range(0, len(items), max(1, length)):
        yield items[first : first + length]
