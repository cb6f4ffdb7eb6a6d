"""One call's work, batch by batch: predict, compute what is missing, keep it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.errors import InvalidInput, WorkerFailed, shorten
from sat_nb.images import ImageSet, Pixels, get_fit
from sat_nb.saliency.budget import What
from sat_nb.saliency.chunks import text_sha256
from sat_nb.saliency.codec import Chunk
from sat_nb.saliency.methods import Method
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.pool import Pool, Stopped
from sat_nb.saliency.preprocess import Preprocess, apply_preprocess
from sat_nb.saliency.process import WorkerDied, WorkerOutOfMemory
from sat_nb.saliency.runs import ImageFacts, Record, Run

Floats = NDArray[np.float32]


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
    started: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def missing(self, method: Method, image_ids: Iterable[str]) -> list[str]:
        """The images that lack this method's map."""
        return [i for i in image_ids if not self.run.has(method.name, i)]

    def what(self, method: Method) -> What:
        """What tells this method's requests from others, for their memory."""
        return method.name, self.file.sha256, repr(self.parameters[method.name])


def explain_batch(job: Job, image_ids: Sequence[str], bar: Any) -> None:
    """Compute and keep the maps that these images lack; ``bar`` shows what goes on."""
    pixels = {image_id: job.images[image_id] for image_id in image_ids}
    hashes = {image_id: _pixels_sha256(pixels[image_id]) for image_id in image_ids}
    new = [i for i in image_ids if not _is_current(job, i, hashes[i])]
    todo = [i for i in image_ids if i in new or any(job.missing(m, [i]) for m in job.methods)]
    bar.update((len(image_ids) - len(todo)) * len(job.methods))
    if not todo:
        return
    with job.lock:  # preprocess is the caller's own function, and may not be called twice at once
        inputs = dict(zip(todo, _model_inputs(job, [pixels[i] for i in todo]), strict=True))
        _start(job, bar)
    _begin(job, new, inputs, pixels, hashes)
    for method in job.methods:
        missing = job.missing(method, todo)
        bar.update(len(todo) - len(missing))
        _analyze(job, method, missing, inputs, bar)


def _is_current(job: Job, image_id: str, pixels_sha256: str) -> bool:
    """Whether the record there is of these pixels and this target."""
    record = job.run.records.get(image_id)
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


def _start(job: Job, bar: Any) -> None:
    """Build all graphs first, so that what the model cannot do is known before the work."""
    if job.started.is_set():
        return
    for method in job.methods:
        bar.set_postfix_str(f"building {method.name}")
        ask_twice(
            "build",
            f"building {method.name!r}",
            pool=job.pool,
            file=job.file,
            method=method,
            parameters=job.parameters[method.name],
        )
    job.run.asked_for([method.name for method in job.methods], list(job.images))
    job.started.set()


def _begin(
    job: Job,
    image_ids: Sequence[str],
    inputs: Mapping[str, Floats],
    pixels: Mapping[str, Pixels],
    hashes: Mapping[str, str],
) -> None:
    """Predict the images and set their records."""

    def predict(some: Sequence[str]) -> None:
        batch = np.stack([inputs[i] for i in some])
        doing = f"predicting {shorten(some)}"
        outputs = ask("predict", doing, pool=job.pool, what=what, file=job.file, batch=batch)
        for image_id, output in zip(some, outputs, strict=True):
            height, width = pixels[image_id].shape[:2]
            facts = ImageFacts(*_target(job, image_id, output), height, width)
            job.run.begin(image_id, Record(facts, hashes[image_id]))

    what = ("prediction", job.file.sha256)
    _in_pieces(job, what, image_ids, predict)


def _target(job: Job, image_id: str, output: Floats) -> tuple[int, int]:
    """The output to explain, and the predicted one."""
    if not np.isfinite(output).all():
        raise InvalidInput(
            f"model: {job.file.path!r} gives NaN or infinite outputs for image {image_id!r}; "
            "check its weights and preprocess."
        )
    predicted = int(np.argmax(output))
    return predicted if job.targets is None else job.targets[image_id], predicted


def _analyze(
    job: Job, method: Method, image_ids: Sequence[str], inputs: Mapping[str, Floats], bar: Any
) -> None:
    """Compute one method's maps of these images and keep them."""

    def analyze(some: Sequence[str]) -> None:
        bar.set_postfix_str(method.name)
        maps = ask(
            "analyze",
            f"computing {method.name!r} of {shorten(some)}",
            pool=job.pool,
            what=job.what(method),
            file=job.file,
            method=method,
            parameters=job.parameters[method.name],
            batch=np.stack([inputs[i] for i in some]),
            targets=[job.run.records[i].facts.target for i in some],
            seeds=[_seed(job.seed, i) for i in some],
            against=job.against,
        )
        _keep(job, method, dict(zip(some, maps, strict=True)))
        bar.update(len(some))

    _in_pieces(job, job.what(method), image_ids, analyze, most=method.images_at_once)


def _keep(job: Job, method: Method, maps: Mapping[str, Floats | Chunk]) -> None:
    """Keep these maps, all or none."""
    chunks = {i: m if isinstance(m, Chunk) else Chunk(m) for i, m in maps.items()}
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


def _pixels_sha256(pixels: Pixels) -> str:
    shape = repr(pixels.shape).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def pieces(items: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    """The items in pieces of that length."""
    for first in range(0, len(items), max(1, length)):
        yield items[first : first + length]


# --- asking the workers ------------------------------------------------------------------------


def ask(command: str, doing: str, *, pool: Pool, what: What | None = None, **arguments: Any) -> Any:
    """What a worker answers; of a ``batch`` of ``what``, the memory it took is remembered."""
    answer = pool.request(command, arguments, doing=doing)
    if what is not None:
        n_images = len(arguments["batch"])
        pool.budget.measured(what, n_images, before=answer.before, peak=answer.peak)
    return answer.value


def ask_twice(command: str, doing: str, **arguments: Any) -> Any:
    """What a worker answers; where it dies, what the one in its place does."""
    try:
        return ask(command, doing, **arguments)
    except WorkerDied:
        return ask(command, doing, **arguments)


def _in_pieces(
    job: Job,
    what: What,
    image_ids: Sequence[str],
    work: Callable[[Sequence[str]], None],
    *,
    most: int | None = None,
) -> None:
    """Do the work for as many images at once as memory allows, one by one where it failed."""
    left, most = list(image_ids), min(len(image_ids), most or len(image_ids))
    while left:
        if job.stopping.is_set():
            raise Stopped("explain was stopped.")
        n_images = job.pool.budget.at_once(what, most)
        some, left = left[:n_images], left[n_images:]
        try:
            work(some)
        except WorkerOutOfMemory:
            if len(some) == 1:
                raise
            job.pool.budget.shrink(what, len(some))
            left = some + left
        except WorkerDied:
            job.pool.budget.shrink(what, len(some))
            for image_id in some:
                _once_more(work, image_id)


def _once_more(work: Callable[[Sequence[str]], None], image_id: str) -> None:
    """The work for one image of those with which a worker died."""
    try:
        work([image_id])
    except WorkerDied as second:
        raise WorkerFailed(
            f"image {image_id!r}: two workers died of it, the second one alone with it. Leave it "
            f"out, or make it smaller if memory was short. {second}"
        ) from second
