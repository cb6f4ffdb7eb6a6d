"""One call of explain, batch by batch: predict, compute what is missing, keep it.

The last digits of a result depend on the images that go through the model beside it. A batch of
which a killed run kept the first maps is computed again as a whole, so that the others are what
they would have been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sat_nb.arrays import Float32, Masks, Pixels
from sat_nb.errors import InvalidInput, shorten
from sat_nb.geometry import get_fit
from sat_nb.saliency.channels import with_channels
from sat_nb.saliency.job import Job
from sat_nb.saliency.method import OWN, Method
from sat_nb.saliency.own_methods import Explained, own_map
from sat_nb.saliency.preprocess import apply_preprocess, check_range
from sat_nb.saliency.process.pool import ask, ask_with_retry
from sat_nb.saliency.progress import run_batches
from sat_nb.saliency.sampling import points_at_once, random_map
from sat_nb.saliency.sampling_until_settled import SAMPLINGS
from sat_nb.saliency.store.chunks import array_sha256, text_sha256
from sat_nb.saliency.store.codec import Chunk
from sat_nb.saliency.store.runs import ImageFacts, Record

Hashes = tuple[str, str | None]
"""Of an image's pixels, and of the masks whose ranks its sampling settles."""


@dataclass(frozen=True)
class Batch:
    """What is known of the images that are explained together.

    ``inputs`` are the model's (H, W, C), of all of them; ``masks`` (k, H, W) those whose ranks may
    be settled, or none. ``outputs`` are the explained ones (k,) of images that were predicted in
    this call.
    """

    inputs: Mapping[str, Float32]
    masks: Mapping[str, Masks]
    outputs: Mapping[str, Float32]


def batches_of(items: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    """The items in batches of that length."""
    for first in range(0, len(items), max(1, length)):
        yield items[first : first + length]


def explain_batches(job: Job, batches: Iterable[Sequence[str]], bar: Any) -> None:
    """Explain all batches; an error or an interrupt ends all of them, finished maps are kept."""

    def stop(error: BaseException) -> None:
        job.stopping.set()
        if not isinstance(error, Exception):
            job.pool.stop()  # an interrupt does not wait for what is being computed

    run_batches(partial(explain_batch, job), batches, bar, n_threads=job.pool.n_workers, stop=stop)


def explain_batch(job: Job, image_ids: Sequence[str], bar: Any) -> None:
    """Compute and keep the maps that these images lack; ``bar`` shows the progress."""
    pixels = {image_id: job.images[image_id] for image_id in image_ids}
    masks = {image_id: job.masks(image_id) for image_id in image_ids} if job.masks else {}
    for image_id in image_ids:
        has_window = job.images.has_window(image_id)
        check_range(job.preprocess, image_id, pixels[image_id], has_window)
    hashes = {i: (_photo_sha256(job, pixels[i]), _sha256_of(masks, i)) for i in image_ids}
    new = [i for i in image_ids if not _is_current(job, i, hashes[i])]
    todo = [i for i in image_ids if i in new or any(job.missing(m, [i]) for m in job.methods)]
    if not todo:
        bar.update(len(image_ids) * len(job.methods))
        return
    with job.lock:
        fitted = _model_inputs(job, list(pixels.values()))
        inputs = dict(zip(image_ids, fitted, strict=True))
        start(job, bar)
    batch = Batch(inputs, masks, _begin(job, new, inputs, pixels, hashes))
    for method in job.methods:
        missing = job.missing(method, image_ids)
        bar.update(len(image_ids) - len(missing))
        _way_of(method)(job, method, missing, batch, bar)


Way = Callable[[Job, Method, Sequence[str], Batch, Any], None]
"""Computes and keeps one method's maps of those images of a batch that lack them."""


def _way_of(method: Method) -> Way:
    if method.engine == OWN:
        return _call_own
    if method.engine == "random":
        return _draw
    return _sample if method.sampling else _analyze


def _to_send(missing: Sequence[str], planned: Sequence[str]) -> Sequence[str]:
    """What to send of a batch: all of it where its end is missing, as after a run was killed."""
    is_end = bool(missing) and list(planned[-len(missing) :]) == list(missing)
    return planned if is_end else missing


def _is_current(job: Job, image_id: str, hashes: Hashes) -> bool:
    """Whether the stored record is that of these pixels, these masks and this target."""
    record = job.run.records.get(image_id)
    if record is None or (record.pixels_sha256, record.masks_sha256) != hashes:
        return False
    return job.targets is None or record.target == job.targets[image_id]


def _model_inputs(job: Job, pixels: Sequence[Pixels]) -> Float32:
    size, channels = job.facts.input_shape[:2], job.facts.input_shape[2]
    fitted = [get_fit(job.fit).image(image, size) for image in pixels]
    batch = np.stack([with_channels(image, channels) for image in fitted])
    return apply_preprocess(job.preprocess, batch, job.facts.input_shape)


def start(job: Job, bar: Any) -> None:
    """Build all graphs first, so that what the model cannot do is known before the work."""
    if job.started.is_set():
        return
    for method in (method for method in job.methods if method.in_worker):
        bar.set_postfix_str(f"building {method.key}")
        ask_with_retry(
            "build",
            f"building {method.key!r}",
            pool=job.pool,
            file=job.file,
            method=method.name,
            parameters=job.parameters[method.key],
            output=job.output,
        )
    job.run.asked_for([method.key for method in job.methods], list(job.images))
    job.started.set()


def _begin(
    job: Job,
    image_ids: Sequence[str],
    inputs: Mapping[str, Float32],
    pixels: Mapping[str, Pixels],
    hashes: Mapping[str, Hashes],
) -> dict[str, Float32]:
    """Predict the images and set their records; their explained outputs (k,).

    ``inputs`` are those of the whole batch.
    """
    explained: dict[str, Float32] = {}

    def predict(some: Sequence[str]) -> None:
        batch = np.stack([inputs[i] for i in some])
        doing = f"predicting {shorten(some)}"
        arguments: dict[str, Any] = {"file": job.file, "batch": batch, "output": job.output}
        outputs, values = ask("predict", doing, pool=job.pool, kind=kind, **arguments)
        explained.update(zip(some, values, strict=True))
        if job.said is not None and job.output == "logit":
            job.said.update((i, (outputs[[n]], values[[n]])) for n, i in enumerate(some))
        for image_id, output in zip(some, outputs, strict=True):
            if image_id not in image_ids:
                continue
            height, width = pixels[image_id].shape[:2]
            facts = ImageFacts(*_target(job, image_id, output), height, width)
            job.run.begin(image_id, Record(facts, *hashes[image_id]))

    kind = ("prediction", job.file.sha256)
    job.sender.in_batches(kind, _to_send(image_ids, list(inputs)), predict)
    return explained


def _target(job: Job, image_id: str, output: Float32) -> tuple[int, int]:
    """The class to explain, and the predicted class."""
    if not np.isfinite(output).all():
        raise InvalidInput(
            f"model: {job.file.path!r} gives NaN or infinite outputs for image {image_id!r}; "
            "check its weights and preprocess."
        )
    predicted = int(np.argmax(output))
    return predicted if job.targets is None else job.targets[image_id], predicted


def _analyze(job: Job, method: Method, image_ids: Sequence[str], batch: Batch, bar: Any) -> None:
    """As :data:`Way`: all images at once, or as many as the method takes."""
    for planned in batches_of(list(batch.inputs), method.images_at_once or len(batch.inputs)):
        missing = [i for i in planned if i in image_ids]
        analyze = partial(_analyze_some, job, method, missing, len(planned), batch, bar)
        job.sender.in_batches(job.kind(method), _to_send(missing, planned), analyze)


def _analyze_some(
    job: Job,
    method: Method,
    missing: Sequence[str],
    n_planned: int,
    batch: Batch,
    bar: Any,
    some: Sequence[str],
) -> None:
    """Compute the maps of some images at once, and keep those that are missing."""
    bar.set_postfix_str(method.key)
    chunks = zip(some, _ask_maps(job, method, some, batch), strict=True)
    wanted = {i: _noted(chunk, len(some), n_planned) for i, chunk in chunks if i in missing}
    _put(job, method, wanted)
    bar.update(len(wanted))


def _noted(chunk: Chunk, n_at_once: int, n_planned: int) -> Chunk:
    """The chunk, with a note where other than the planned inputs went through the model."""
    if n_at_once == n_planned:
        return chunk
    return replace(chunk, facts={**chunk.facts, "at_once": [n_at_once, n_planned]})


def _draw(job: Job, method: Method, image_ids: Sequence[str], _batch: Batch, bar: Any) -> None:
    """As :data:`Way`, for noise, which needs no worker."""
    for image_id in image_ids:
        seed = _seed(job.seed, image_id)
        _put(job, method, {image_id: random_map(job.facts.input_shape, seed=seed)})
        bar.update(1)


def _call_own(job: Job, method: Method, image_ids: Sequence[str], batch: Batch, bar: Any) -> None:
    """As :data:`Way`, for a function of the user's own, image by image."""
    for image_id in image_ids:
        bar.set_postfix_str(method.key)
        explained = Explained(
            job.sender,
            job.file,
            method.key,
            image_id,
            job.facts.input_shape,
            job.run.records[image_id].target,
            job.against,
            job.output,
        )
        chunk = own_map(
            method,
            batch.inputs[image_id],
            explained,
            seed=_seed(job.seed, image_id),
            parameters=job.parameters[method.key],
        )
        _put(job, method, {image_id: chunk})
        bar.update(1)


def _sample(job: Job, method: Method, image_ids: Sequence[str], batch: Batch, bar: Any) -> None:
    """As :data:`Way`, image by image, for a method that sends many points of each."""
    masks = batch.masks if job.is_until_settled(method) else {}

    def sample(image_id: str, n_points: int) -> None:
        bar.set_postfix_str(method.key)
        more: dict[str, Any] = {"n_inputs": n_points, "points_at_once": n_points}
        if masks:
            more["masks"] = [masks[image_id]]
        (chunk,) = _ask_maps(job, method, [image_id], batch, **more)
        _put(job, method, {image_id: _noted(chunk, n_points, limit)})
        bar.update(1)

    fitting = points_at_once(job.facts.input_shape, job.pool.n_workers)
    limit = min(_n_points(job, method), fitting)
    for image_id in image_ids:
        job.sender.points_at_once(job.kind(method), limit, partial(sample, image_id), image_id)


def _n_points(job: Job, method: Method) -> int:
    """How many points of one image there are to send, or to send before a possible stop."""
    parameters = job.parameters[method.key]
    if job.is_until_settled(method):
        return SAMPLINGS[str(method.sampling)].round or int(parameters["max_samples"])
    return int(parameters[str(method.count)])


def _ask_maps(
    job: Job, method: Method, image_ids: Sequence[str], batch: Batch, **extra: Any
) -> list[Chunk]:
    """The maps; what is known of the outputs goes with the images and is not computed again."""
    if all(i in batch.outputs for i in image_ids):
        extra["outputs"] = np.stack([batch.outputs[i] for i in image_ids])
    chunks: list[Chunk] = ask(
        "analyze",
        f"computing {method.key!r} of {shorten(image_ids)}",
        pool=job.pool,
        kind=job.kind(method),
        file=job.file,
        method=method.name,
        parameters=job.parameters[method.key],
        batch=np.stack([batch.inputs[i] for i in image_ids]),
        targets=[job.run.records[i].target for i in image_ids],
        seeds=[_seed(job.seed, i) for i in image_ids],
        against=job.against,
        output=job.output,
        **extra,
    )
    return chunks


def _put(job: Job, method: Method, chunks: Mapping[str, Chunk]) -> None:
    """Store these maps, all or none."""
    for image_id, chunk in chunks.items():
        if not np.isfinite(chunk.attribution).all():
            raise InvalidInput(
                f"methods: {method.key!r} gives NaN or infinite values for image {image_id!r} "
                f"and model {job.file.path!r}; nothing of it is kept. Leave the method or the "
                "image out, or check the model's weights."
            )
    for image_id, chunk in chunks.items():
        job.run.put(method.key, image_id, chunk)


def _seed(seed: int, image_id: str) -> int:
    """A seed for this image, whatever other images are explained beside it."""
    return int(text_sha256(f"{seed}:{image_id}")[:16], 16)


def _photo_sha256(job: Job, pixels: Pixels) -> str:
    """A hash of the photo.

    A function of the user's own is identified by what it does to numbers from 0 to 255, which says
    nothing of what it does to others: for deeper photos, its result is hashed with them.
    """
    found = array_sha256(pixels)
    if pixels.dtype == np.uint8 or isinstance(job.preprocess, str):
        return found
    with job.lock:
        return text_sha256(found + array_sha256(_model_inputs(job, [pixels])))


def _sha256_of(masks: Mapping[str, Masks], image_id: str) -> str | None:
    return array_sha256(masks[image_id]) if image_id in masks else None
