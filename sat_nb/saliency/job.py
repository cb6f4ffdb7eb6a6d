"""One call of ``explain``, checked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sat_nb.arrays import Float32, Masks
from sat_nb.images import ImageSet
from sat_nb.saliency.method import Method
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.preprocess import Preprocess
from sat_nb.saliency.process.budget import RequestKind
from sat_nb.saliency.process.pool import Sender, WorkerPool
from sat_nb.saliency.store.runs import Run


@dataclass(frozen=True)
class Job:
    """One call of :func:`explain`, checked. Several threads may work on it.

    Where ``said`` is a dict, it gets what the model says to photos: outputs and logits (1, k).

    ``lock`` guards what must happen once or one at a time: preprocessing, which is the caller's
    own function, and the building of graphs. Each image's record is written by one thread.
    """

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
    pool: WorkerPool
    against: int | None = None
    output: str = "logit"
    masks: Callable[[str], Masks] | None = None
    said: dict[str, tuple[Float32, Float32]] | None = None
    started: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def missing(self, method: Method, image_ids: Iterable[str]) -> list[str]:
        """The images that lack this method's map."""
        return [i for i in image_ids if not self.run.has(method.key, i)]

    def kind(self, method: Method) -> RequestKind:
        """What this method's requests have in common, as far as memory is concerned."""
        return method.key, self.file.sha256, repr(self.parameters[method.key])

    def is_until_settled(self, method: Method) -> bool:
        """Whether it goes on until the segments' ranks are settled."""
        return method.sampling is not None and "max_samples" in self.parameters[method.key]

    @property
    def sender(self) -> Sender:
        """What sends requests that fit into memory."""
        return Sender(self.pool, self.stopping)
