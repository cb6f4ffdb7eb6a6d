"""One call of explain, batch by batch: predict, compute what is missing, keep it."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.arrays import Float32, Masks, Pixels
from sat_nb.errors import InvalidInput, shorten
from sat_nb.geometry import get_fit
from sat_nb.images import ImageSet
from sat_nb.saliency.methods import Method
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.preprocess import Preprocess, apply_preprocess
from sat_nb.saliency.process.budget import What
from sat_nb.saliency.process.pool import Pool
from sat_nb.saliency.process.requests import ask, ask_twice, in_pieces, within_memory
from sat_nb.saliency.sampling import most_at_once, random_map
from sat_nb.saliency.sampling_until_settled import ROUNDS
from sat_nb.saliency.store.chunks import text_sha256
from sat_nb.saliency.store.codec import Chunk
from sat_nb.saliency.store.runs import ImageFacts, Record, Run

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


def explain_batches(job: Job, batches: Iterable[Sequence[str]], bar: Any) -> None:
    """Explain all batches: here, or in one thread for each worker where there are several.

    An error or an interrupt ends all of them; what is done is kept.
    """
    if job.pool.n_workers == 1:
        for batch in batches:
            explain_batch(job, batch, bar)
        return
    relay = Relay()
    with ThreadPoolExecutor(job.pool.n_workers) as threads:
        futures = {threads.submit(explain_batch, job, batch, relay) for batch in batches}
        try:
            _wait(futures, relay, bar)
        except BaseException as error:
            job.stopping.set()
            threads.shutdown(wait=False, cancel_futures=True)
            if not isinstance(error, Exception):
                job.pool.stop()  # an interrupt does not wait for what is being computed
            raise


class Relay:
    """A progress bar for threads: what they tell it, the caller's own thread shows.

    >>> relay = Relay()
    >>> relay.update(3)
    >>> relay.pass_on(Relay())
    """

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def update(self, n: int) -> None:
        """So many more maps are there."""
        self._told.put(("update", n))

    def set_postfix_str(self, text: str) -> None:
        """What goes on."""
        self._told.put(("set_postfix_str", text))

    def pass_on(self, bar: Any) -> None:
        """Show on ``bar`` what was told since."""
        while not self._told.empty():
            name, value = self._told.get()
            getattr(bar, name)(value)


def _wait(futures: set[Future[None]], relay: Relay, bar: Any) -> None:
    """Until all are done, or one failed; interruptible on every system."""
    left = futures
    while left:
        done, left = wait(left, timeout=0.2, return_when=FIRST_EXCEPTION)
        relay.pass_on(bar)
        for future in done:
            future.result()
    relay.pass_on(bar)


def explain_batch(job: Job, image_ids: Sequence[str], bar: Any) -> None:
    """Compute and keep the maps that these images lack; ``bar`` shows what goes on."""
    pixels = {image_id: job.images[image_id] for image_id in image_ids}
    masks = {image_id: job.masks(image_id) for image_id in image_ids} if job.masks else {}
    hashes = {i: (array_sha256(pixels[i]), _sha256_of(masks, i)) for i in image_ids}
    new = [i for i in image_ids if not _is_current(job, i, hashes[i])]
    todo = [i for i in image_ids if i in new or any(job.missing(m, [i]) for m in job.methods)]
    bar.update((len(image_ids) - len(todo)) * len(job.methods))
    if not todo:
        return
    with job.lock:  # preprocess is the caller's own function, and may not be called twice at once
        inputs = dict(zip(todo, _model_inputs(job, [pixels[i] for i in todo]), strict=True))
        _start(job, bar)
    outputs = _begin(job, new, inputs, pixels, hashes)
    for method in job.methods:
        missing = job.missing(method, todo)
        bar.update(len(todo) - len(missing))
        if method.engine == "random":
            _draw(job, method, missing, bar)
        elif method.sampling:
            settled_by = masks if job.settles(method) else {}
            _sample(job, method, missing, inputs, settled_by, outputs, bar)
        else:
            _analyze(job, method, missing, inputs, bar)


def _is_current(job: Job, image_id: str, hashes: Hashes) -> bool:
    """Whether the record there is of these pixels and masks, and this target."""
    record = job.run.records.get(image_id)
    if record is None or (record.pixels_sha256, record.masks_sha256) != hashes:
        return False
    return job.targets is None or record.facts.target == job.targets[image_id]


def _model_inputs(job: Job, pixels: Sequence[Pixels]) -> Float32:
    size, channels = job.facts.input_shape[:2], job.facts.input_shape[2]
    fitted = [get_fit(job.fit).image(image, size) for image in pixels]
    batch = np.stack([_with_channels(image, channels) for image in fitted])
    return apply_preprocess(job.preprocess, batch, job.facts.input_shape)


def _with_channels(image: Pixels, channels: int) -> Float32:
    if channels == 1:
        image = np.asarray(Image.fromarray(image).convert("L"))[..., None]
    return image.astype(np.float32)


def _start(job: Job, bar: Any) -> None:
    """Build all graphs first, so that what the model cannot do is known before the work."""
    if job.started.is_set():
        return
    for method in (method for method in job.methods if method.engine != "random"):
        bar.set_postfix_str(f"building {method.name}")
        ask_twice(
            "build",
            f"building {method.name!r}",
            pool=job.pool,
            file=job.file,
            method=method,
            parameters=job.parameters[method.name],
            output=job.output,
        )
    job.run.asked_for([method.name for method in job.methods], list(job.images))
    job.started.set()


def _begin(
    job: Job,
    image_ids: Sequence[str],
    inputs: Mapping[str, Float32],
    pixels: Mapping[str, Pixels],
    hashes: Mapping[str, Hashes],
) -> dict[str, Float32]:
    """Predict the images and set their records; their explained outputs (k,)."""
    explained: dict[str, Float32] = {}

    def predict(some: Sequence[str]) -> None:
        batch = np.stack([inputs[i] for i in some])
        doing = f"predicting {shorten(some)}"
        arguments: dict[str, Any] = {"file": job.file, "batch": batch, "output": job.output}
        outputs, values = ask("predict", doing, pool=job.pool, what=what, **arguments)
        explained.update(zip(some, values, strict=True))
        for image_id, output in zip(some, outputs, strict=True):
            height, width = pixels[image_id].shape[:2]
            facts = ImageFacts(*_target(job, image_id, output), height, width)
            job.run.begin(image_id, Record(facts, *hashes[image_id]))

    what = ("prediction", job.file.sha256)
    in_pieces(job.pool, job.stopping, what, image_ids, predict)
    return explained


def _target(job: Job, image_id: str, output: Float32) -> tuple[int, int]:
    """The output to explain, and the predicted one."""
    if not np.isfinite(output).all():
        raise InvalidInput(
            f"model: {job.file.path!r} gives NaN or infinite outputs for image {image_id!r}; "
            "check its weights and preprocess."
        )
    predicted = int(np.argmax(output))
    return predicted if job.targets is None else job.targets[image_id], predicted


def _analyze(
    job: Job, method: Method, image_ids: Sequence[str], inputs: Mapping[str, Float32], bar: Any
) -> None:
    """Compute one method's maps of these images and keep them."""

    def analyze(some: Sequence[str]) -> None:
        bar.set_postfix_str(method.name)
        chunks = _ask_maps(job, method, some, inputs)
        _keep(job, method, dict(zip(some, chunks, strict=True)))
        bar.update(len(some))

    most = method.images_at_once
    in_pieces(job.pool, job.stopping, job.what(method), image_ids, analyze, most=most)


def _draw(job: Job, method: Method, image_ids: Sequence[str], bar: Any) -> None:
    """As :func:`_analyze`, for noise that needs no worker."""
    for image_id in image_ids:
        seed = _seed(job.seed, image_id)
        _keep(job, method, {image_id: random_map(job.facts.input_shape, seed=seed)})
        bar.update(1)


def _sample(
    job: Job,
    method: Method,
    image_ids: Sequence[str],
    inputs: Mapping[str, Float32],
    masks: Mapping[str, Masks],
    outputs: Mapping[str, Float32],
    bar: Any,
) -> None:
    """As :func:`_analyze`, image by image, for a method that sends many points of each.

    ``outputs`` are those explained, of images that were predicted just now.
    """

    def sample(image_id: str, n_points: int) -> None:
        bar.set_postfix_str(method.name)
        more: dict[str, Any] = {"n_units": n_points, "points_at_once": n_points}
        if masks:
            more["masks"] = [masks[image_id]]
        if image_id in outputs:
            more["outputs"] = outputs[image_id][None]
        (chunk,) = _ask_maps(job, method, [image_id], inputs, **more)
        _keep(job, method, {image_id: chunk})
        bar.update(1)

    most = min(_n_points(job, method), most_at_once(job.facts.input_shape, job.pool.n_workers))
    for image_id in image_ids:
        within_memory(
            job.pool, job.stopping, job.what(method), most, partial(sample, image_id), image_id
        )


def _n_points(job: Job, method: Method) -> int:
    """How many points of one image the method has to send, or sends together."""
    parameters = job.parameters[method.name]
    if "max_samples" in parameters:
        return ROUNDS.get(str(method.sampling), int(parameters["max_samples"]))
    return int(parameters[str(method.count)])


def _ask_maps(
    job: Job, method: Method, image_ids: Sequence[str], inputs: Mapping[str, Float32], **extra: Any
) -> list[Chunk]:
    chunks: list[Chunk] = ask(
        "analyze",
        f"computing {method.name!r} of {shorten(image_ids)}",
        pool=job.pool,
        what=job.what(method),
        file=job.file,
        method=method,
        parameters=job.parameters[method.name],
        batch=np.stack([inputs[i] for i in image_ids]),
        targets=[job.run.records[i].facts.target for i in image_ids],
        seeds=[_seed(job.seed, i) for i in image_ids],
        against=job.against,
        output=job.output,
        **extra,
    )
    return chunks


def _keep(job: Job, method: Method, chunks: Mapping[str, Chunk]) -> None:
    """Keep these maps, all or none."""
    for image_id, chunk in chunks.items():
        if not np.isfinite(chunk.attribution).all():
            raise InvalidInput(
                f"methods: {method.name!r} gives NaN or infinite values for image {image_id!r} "
                f"and model {job.file.path!r}; nothing of it is kept. Leave the method or the "
                "image out, or check the model's weights."
            )
    for image_id, chunk in chunks.items():
        job.run.put(method.name, image_id, chunk)


def _seed(seed: int, image_id: str) -> int:
    return int(text_sha256(f"{seed}:{image_id}")[:16], 16)


def _sha256_of(masks: Mapping[str, Masks], image_id: str) -> str | None:
    return array_sha256(masks[image_id]) if image_id in masks else None


def array_sha256(array: NDArray[Any]) -> str:
    """A hash of the array's shape and bytes."""
    shape = repr(array.shape).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(array).tobytes()).hexdigest()
