"""Saliency maps of many images: the loop over batches and methods."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import sat_nb
from sat_nb.arguments import checked_whole
from sat_nb.arrays import Pixels
from sat_nb.errors import InvalidInput
from sat_nb.geometry import get_fit
from sat_nb.images import ImageSet
from sat_nb.saliency.execute import Job, explain_batches, pieces
from sat_nb.saliency.methods import read_methods
from sat_nb.saliency.model_file import ModelFacts, ModelFile, model_file
from sat_nb.saliency.parameters import read_parameters
from sat_nb.saliency.preprocess import Preprocess, get_preprocess, preprocess_settings
from sat_nb.saliency.process.budget import read_bytes
from sat_nb.saliency.process.pool import Pool, shared_pool
from sat_nb.saliency.process.requests import ask_twice
from sat_nb.saliency.sampling_until_settled import read_masks
from sat_nb.saliency.store.codec import checked_dtype
from sat_nb.saliency.store.runs import read_runs, start_run
from sat_nb.saliency.store.store import AttributionStore
from sat_nb.saliency.targets import (
    Target,
    check_output,
    check_targets,
    read_against,
    read_targets,
    target_settings,
)
from sat_nb.segments.segmentation import SegmentationMap


def explain(
    model: Any,
    images: ImageSet | Mapping[str, Pixels],
    *,
    methods: str | Iterable[str],
    preprocess: str | Preprocess,
    target: Target = "predicted",
    fit: str = "stretch",
    out: str | os.PathLike[str] | None = None,
    batch_size: int = 8,
    progress: bool = True,
    seed: int = 0,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    input_size: tuple[int, int] | None = None,
    dtype: str = "float32",
    max_memory: int | str | None = None,
    workers: int = 1,
    output: str = "logit",
    samples: int | str | None = None,
    segments: Mapping[str, SegmentationMap] | None = None,
    pad_px: int = 2,
) -> AttributionStore:
    """Saliency maps of every image by every method, as {method: {image_id: (H, W, C)}}.

    The maps explain the logit of the target, the model's output before a softmax or sigmoid
    (or, with ``output="probability"``, after it). They are
    computed in a process of its own, which stays alive between calls; the caller's TensorFlow
    is not touched. A process that dies is replaced, and its images are tried once more. An
    interrupt ends the call within seconds and keeps what is done.

    Parameters
    ----------
    model
        The path of a saved Keras model (.h5, .keras, SavedModel) or a live Keras model:
        Functional or Sequential, one image in, (None, n_classes) out, softmax or logits.
    images
        An ImageSet, or {image_id: uint8 (H, W, 3) in RGB}.
    methods
        Names of METHODS, for example PAPER_METHODS.
    preprocess
        A name of PREPROCESS ("none", "unit", "signed", "caffe", "torch"), or a function from
        float32 (n, H, W, 3), RGB, 0..255, to what the model was trained on, same shape.
    target
        The output to explain: "predicted" (each image's largest), one index, a list with one
        index an image in the images' order, or {image_id: index}. A pair (a, b) asks "why a and
        not b": the maps explain logit a minus logit b, and positive values speak for a. A model
        with one output has two classes, 1 and 0.
    fit
        How images are brought to the model's input size, as when it was trained; a name in
        FITS: "stretch", "crop", "crop_224_of_256" or "letterbox". ``build`` brings the masks there
        in the same way.
    out
        A folder: maps are kept there, and a call with the same settings goes on where the last
        one stopped. With other settings, targets or photos it adds maps and overwrites none;
        ``AttributionStore.runs(out)`` lists what is there. None keeps them in memory.
    batch_size
        Images that go through the model at once, where ``max_memory`` allows. Methods that
        sample take one image at a time, and of its points 32 (at 224 x 224; smaller inputs,
        more), which is up to 4 GB for the README's models.
    progress
        Show a progress bar.
    seed
        Where smoothgrad's noise starts; each image's noise depends on it and on its id alone.
    parameters
        {method: {parameter: value}} in place of a method's own, e.g. {"smoothgrad":
        {"n_samples": 16}}.
    input_size
        (height, width) in pixels for a model that leaves them open.
    dtype
        How maps are kept: "float32" as they are computed, "float16" in half the space, off by
        at most 2.5e-4 of a map's largest |value|; ``store.info()`` tells the measured error.
    max_memory
        Bytes of main memory that a worker may use, or text like "4GB": fewer images go through
        the model at once, and a warning says so. None sets no limit.
    workers
        Processes that share the images and the cores; each holds the model. Another number of
        threads adds up in another order, so maps may differ by the rounding of float32.
    output
        "logit", or "probability": what softmax or sigmoid make of it, which other classes move
        too. For methods that need the gradient alone; relevance is defined on logits.
    samples
        For the methods that sample, smoothgrad and integrated_gradients: how many gradients they
        average (None for each method's own number), or "auto": as many as it takes until, by the
        standard errors of the gaps between the means of the image's ``segments``, a rank is
        off by less than 0.15 on average, or the method's parameter ``max_samples`` is spent.
    segments
        {image_id: SegmentationMap}, for ``samples="auto"``; merged, brought to the model's input
        and padded by ``pad_px`` as :func:`build` does.

    Returns
    -------
    AttributionStore
        float32 maps (H, W, C) on the model's input grid, channels as the model takes them.
        What the sign means is in ``METHODS[name].sign``; ``.info()`` tells sizes and gaps.

    Raises
    ------
    InvalidInput
        For arguments, models and layers that cannot be explained, and NaN or infinite maps.
    CannotWrite
        For a full disk or a read-only folder. What was done stays in ``out``.
    WorkerFailed
        Where a second process died of an image, and where ``max_memory`` does not do for one
        image. What was done stays in ``out``.

    Notes
    -----
    Hinns & Martens 2025 take the maps of six methods; see each method's ``citation``.

    Examples
    --------
    >>> maps = explain("model.h5", images, methods="gradient", preprocess="caffe")  # doctest: +SKIP
    >>> maps["gradient"]["chihuahua_1"].shape  # doctest: +SKIP
    (224, 224, 3)
    """
    images = _checked_images(images)
    chosen = read_methods(methods)
    values = read_parameters(chosen, parameters, samples=samples)
    masks = read_masks(segments, images, samples, pad_px)
    targets = read_targets(target, list(images))
    get_fit(fit), get_preprocess(preprocess), checked_dtype(dtype)
    checked_whole("batch_size", batch_size, 1), checked_whole("seed", seed)
    pool = shared_pool(checked_whole("workers", workers, 1), max_memory=read_bytes(max_memory))
    with model_file(model, input_size=input_size) as file:
        facts = _known_facts(out, file) or _ask_facts(file, pool)
        check_targets(targets, facts.n_outputs, against=read_against(target))
        check_output(output, chosen, facts.head)
        settings = {
            "model": _model_settings(file, facts),
            "preprocess": preprocess_settings(preprocess, facts.input_shape),
            "target": target_settings(target),
            "output": output,
            "fit": fit,
            "seed": seed,
            "dtype": dtype,
            "methods": {m.name: m.settings(values[m.name]) for m in chosen},
            "versions": _versions(),
        }
        job = Job(
            file=file,
            facts=facts,
            methods=chosen,
            parameters=values,
            images=images,
            targets=targets,
            preprocess=preprocess,
            fit=fit,
            seed=seed,
            run=start_run(out, settings),
            pool=pool,
            against=read_against(target),
            output=output,
            masks=masks and partial(masks, fit=fit, size=facts.input_shape[:2]),
        )
        with _progress_bar(len(images) * len(chosen), progress) as bar:
            explain_batches(job, pieces(list(images), batch_size), bar)
        job.run.asked_for([m.name for m in chosen], list(images))  # where nothing was to be done
    return AttributionStore(job.run, methods=[m.name for m in chosen], image_ids=images)


def _ask_facts(file: ModelFile, pool: Pool) -> ModelFacts:
    facts: ModelFacts = ask_twice("facts", f"loading {file.path!r}", pool=pool, file=file)
    return facts


def _known_facts(out: str | os.PathLike[str] | None, file: ModelFile) -> ModelFacts | None:
    """What a store already says of this very model: a finished run needs no worker."""
    runs = {} if out is None else read_runs(Path(out))
    for model in (settings["model"] for settings in reversed(runs.values())):
        size = tuple(model["input_shape"][:2])
        if model["sha256"] == file.sha256 and file.input_size in (None, size):
            known: list[Any] = [model[field.name] for field in fields(ModelFacts)]
            values: list[Any] = [tuple(v) if isinstance(v, list) else v for v in known]
            return ModelFacts(*values)
    return None


def _model_settings(file: ModelFile, facts: ModelFacts) -> dict[str, Any]:
    return {"name": file.name, "sha256": file.sha256, **asdict(facts)}


def _versions() -> dict[str, str]:
    return {
        "sat_nb": sat_nb.__version__,
        "innvestigate": _version("innvestigate"),
        "tensorflow": _version("tensorflow", "tensorflow-cpu", "tensorflow-macos"),
    }


def _version(*names: str) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"


def _checked_images(images: Any) -> ImageSet:
    if not isinstance(images, ImageSet):
        if not isinstance(images, Mapping):
            raise InvalidInput(
                f"images: expected an ImageSet or {{image_id: uint8 (H, W, 3)}}, got "
                f"{type(images).__name__}; use read_images(folder)."
            )
        images = ImageSet(images)
    if not len(images):
        raise InvalidInput("images: expected at least one image, got none.")
    return images


class _Silent:
    """A progress bar that shows nothing."""

    update: Callable[..., None] = staticmethod(lambda n: None)
    set_postfix_str: Callable[..., None] = staticmethod(lambda text: None)


@contextmanager
def _progress_bar(total: int, progress: bool) -> Iterator[Any]:
    if not progress:
        yield _Silent()
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit="map", desc="explain") as bar:
        yield bar
