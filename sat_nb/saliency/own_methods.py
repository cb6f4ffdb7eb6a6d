"""Methods of the user's own: a function that runs in this process and asks the worker.

Nothing of the function is sent anywhere. It gets the image and an object that answers with values
and gradients of the explained output, each computed by the engine within the memory limit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sat_nb.arrays import Float32, Float64
from sat_nb.errors import InvalidInput, SatError
from sat_nb.saliency.method import Method
from sat_nb.saliency.model_file import ModelFile
from sat_nb.saliency.process.budget import RequestKind
from sat_nb.saliency.process.pool import Sender, ask
from sat_nb.saliency.sampling import points_at_once
from sat_nb.saliency.store.codec import Chunk
from sat_nb.saliency.targets import output_weights

RUNNING = threading.RLock()
"""A function of the user's own need not be safe to call from several threads at once."""


@dataclass(frozen=True)
class Explained:
    """The explained output of the model for one image; see ``method.ExplainedOutput``."""

    sender: Sender
    file: ModelFile
    method: str
    image_id: str
    shape: tuple[int, int, int]
    target: int
    against: int | None
    output: str

    def values(self, batch: Float32) -> Float64:
        """The explained output (n,) for each image of the batch (n, H, W, C)."""
        found: list[Float64] = []

        def predict(batch: Sequence[Float32]) -> None:
            _, outputs = self._ask("predict", "values", batch)
            weights = output_weights([self.target], outputs.shape[1], against=self.against)
            found.append((outputs * weights).sum(axis=1, dtype=np.float64))

        self._in_batches("values", batch, predict)
        return np.concatenate([np.zeros(0), *found])

    def gradients(self, batch: Float32) -> Float32:
        """The gradient (n, H, W, C) of the explained output at each image of the batch."""
        found: list[Float32] = []

        def analyze(batch: Sequence[Float32]) -> None:
            chunks = self._ask(
                "analyze",
                "gradients",
                batch,
                method="gradient",
                parameters={},
                targets=[self.target] * len(batch),
                seeds=[0] * len(batch),
                against=self.against,
            )
            found.extend(chunk.attribution for chunk in chunks)

        self._in_batches("gradients", batch, analyze)
        return np.stack(found) if found else np.zeros((0, *self.shape), np.float32)

    def _in_batches(
        self, asked: str, batch: Any, work: Callable[[Sequence[Float32]], None]
    ) -> None:
        images = np.asarray(batch, dtype=np.float32)
        if images.ndim != 4 or images.shape[1:] != self.shape:
            raise InvalidInput(
                f"methods: {self.method!r} asked explained.{asked} for shape {images.shape}; give "
                f"preprocessed images {('n', *self.shape)}."
            )
        limit = points_at_once(self.shape)
        self.sender.in_batches(
            self._kind(asked), list(images), work, limit=limit, name=lambda _: self.image_id
        )

    def _kind(self, asked: str) -> RequestKind:
        return f"{self.method} ({asked})", self.file.sha256

    def _ask(self, command: str, asked: str, batch: Sequence[Float32], **arguments: Any) -> Any:
        return ask(
            command,
            f"computing {self.method!r} of {self.image_id!r}",
            pool=self.sender.pool,
            kind=self._kind(asked),
            file=self.file,
            batch=np.stack(batch),
            output=self.output,
            **arguments,
        )


def own_map(
    method: Method,
    image: Float32,
    explained: Explained,
    *,
    seed: int,
    parameters: Mapping[str, Any],
) -> Chunk:
    """The map of the user's function, checked: float32 (H, W, C), C being 1 or the model's."""
    assert method.function is not None
    where = f"methods: {method.key!r} of image {explained.image_id!r}"
    try:
        with RUNNING:
            result = method.function(image.copy(), explained, seed=seed, **parameters)
            array = np.array(result, dtype=np.float32)
    except SatError:
        raise
    except Exception as error:
        raise InvalidInput(f"{where}: failed with {type(error).__name__}: {error}") from error
    if array.ndim == 2:
        array = array[..., None]
    height, width, channels = explained.shape
    if array.shape not in ((height, width, 1), (height, width, channels)):
        raise InvalidInput(
            f"{where}: expected a map {(height, width)} or {explained.shape}, got {array.shape}."
        )
    return Chunk(array)
