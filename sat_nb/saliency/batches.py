"""One call's work, batch by batch: predict, compute what is missing, keep it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.errors import InvalidInput, shorten
from sat_nb.images import ImageSet, Pixels, get_fit
from sat_nb.saliency.chunks import Chunks, ImageFacts, Record
from sat_nb.saliency.methods import Method
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.preprocess import Preprocess, apply_preprocess
from sat_nb.saliency.process import shared_worker
from sat_nb.saliency.store import text_sha256

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Job:
    """One call of :func:`explain`, checked."""

    file: ModelFile
    facts: ModelFacts
    methods: tuple[Method, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    images: ImageSet
    targets: Mapping[str, int] | None
    preprocess: str | Preprocess
    fit: str
    seed: int
    chunks: Chunks

    def missing(self, method: Method, image_ids: Iterable[str]) -> list[str]:
        """The images that lack this method's map."""
        return [i for i in image_ids if not self.chunks.has(method.name, i)]


def explain_batch(job: Job, image_ids: Sequence[str], bar: Any) -> None:
    """Compute and keep the maps that these images lack; ``bar`` shows what goes on."""
    pixels = {image_id: job.images[image_id] for image_id in image_ids}
    hashes = {image_id: _pixels_sha256(pixels[image_id]) for image_id in image_ids}
    new = [i for i in image_ids if not _is_current(job, i, hashes[i])]
    todo = [i for i in image_ids if i in new or any(job.missing(m, [i]) for m in job.methods)]
    bar.update((len(image_ids) - len(todo)) * len(job.methods))
    if not todo:
        return
    inputs = dict(zip(todo, _model_inputs(job, [pixels[i] for i in todo]), strict=True))
    _build(job, bar)
    if new:
        _begin(job, new, inputs, pixels, hashes)
    for method in job.methods:
        missing = job.missing(method, todo)
        bar.update(len(todo) - len(missing))
        for some in pieces(missing, method.images_at_once or len(missing)):
            bar.set_postfix_str(method.name)
            _analyze(job, method, some, inputs)
            bar.update(len(some))


def _is_current(job: Job, image_id: str, pixels_sha256: str) -> bool:
    """Whether the record there is of these pixels and this target."""
    record = job.chunks.record(image_id)
    if record is None or record.pixels_sha256 != pixels_sha256:
        return False
    return job.targets is None or record.facts.target == job.targets[image_id]


def _model_inputs(job: Job, pixels: Sequence[Pixels]) -> Floats:
    size, channels = job.facts.input_shape[:2], job.facts.input_shape[2]
    fitted = [get_fit(job.fit).image(image, size) for image in pixels]
    batch = np.stack([_with_channels(image, channels) for image in fitted])
    return apply_preprocess(job.preprocess, batch, job.facts.input_shape)


def _with_channels(image: Pixels, channels: int) -> Floats:
    if channels == 1:
        image = np.asarray(Image.fromarray(image).convert("L"))[..., None]
    return image.astype(np.float32)


def _build(job: Job, bar: Any) -> None:
    """Build all graphs first, so that what the model cannot do is known before the work."""
    for method in job.methods:
        bar.set_postfix_str(f"building {method.name}")
        ask(
            "build",
            f"building {method.name!r}",
            file=job.file,
            method=method,
            parameters=job.parameters[method.name],
        )


def _begin(
    job: Job,
    image_ids: Sequence[str],
    inputs: Mapping[str, Floats],
    pixels: Mapping[str, Pixels],
    hashes: Mapping[str, str],
) -> None:
    """Predict the images and set their records."""
    batch = np.stack([inputs[i] for i in image_ids])
    outputs = ask("predict", f"predicting {shorten(image_ids)}", file=job.file, batch=batch)
    for image_id, output in zip(image_ids, outputs, strict=True):
        if not np.isfinite(output).all():
            raise InvalidInput(
                f"model: {job.file.path!r} gives NaN or infinite outputs for image {image_id!r}; "
                "check its weights and preprocess."
            )
        predicted = int(np.argmax(output))
        target = predicted if job.targets is None else job.targets[image_id]
        height, width = pixels[image_id].shape[:2]
        facts = ImageFacts(target, predicted, height, width)
        job.chunks.begin(image_id, Record(facts, hashes[image_id]))


def _analyze(
    job: Job, method: Method, image_ids: Sequence[str], inputs: Mapping[str, Floats]
) -> None:
    """Compute one method's maps of a few images and keep them, all or none."""
    records = [job.chunks.record(i) for i in image_ids]
    maps = ask(
        "analyze",
        f"computing {method.name!r} of {shorten(image_ids)}",
        file=job.file,
        method=method,
        parameters=job.parameters[method.name],
        batch=np.stack([inputs[i] for i in image_ids]),
        targets=[record.facts.target for record in records if record],
        seeds=[_seed(job.seed, i) for i in image_ids],
    )
    for image_id, attribution in zip(image_ids, maps, strict=True):
        if not np.isfinite(attribution).all():
            raise InvalidInput(
                f"methods: {method.name!r} gives NaN or infinite values for image {image_id!r} "
                f"and model {job.file.path!r}; nothing of it is kept. Leave the method or the "
                "image out, or check the model's weights."
            )
    for image_id, attribution in zip(image_ids, maps, strict=True):
        job.chunks.put(method.name, image_id, np.ascontiguousarray(attribution))


def _seed(seed: int, image_id: str) -> int:
    return int(text_sha256(f"{seed}:{image_id}")[:16], 16)


def _pixels_sha256(pixels: Pixels) -> str:
    shape = repr(pixels.shape).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def pieces(items: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    """The items in pieces of that length."""
    for first in range(0, len(items), max(1, length)):
        yield items[first : first + length]


def ask(command: str, doing: str, **arguments: Any) -> Any:
    """What the worker answers."""
    return shared_worker().request(command, arguments, doing=doing)
