"""explain: saliency maps of many images, its arguments read and checked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sat_nb.arguments import checked_whole
from sat_nb.arrays import Pixels
from sat_nb.errors import InvalidInput, shorten
from sat_nb.files import as_path
from sat_nb.geometry import FITS
from sat_nb.images import ImageSet
from sat_nb.registry import lists
from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.saliency.execute import batches_of, explain_batches
from sat_nb.saliency.method import Method
from sat_nb.saliency.methods import NEED_POSITIVE, is_undefined
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.preprocess import PREPROCESS, Preprocess
from sat_nb.saliency.progress import progress_bar
from sat_nb.saliency.request import facts_in, job_of, opened_model, read_request
from sat_nb.saliency.sampling_until_settled import read_masks
from sat_nb.saliency.store.runs import Run, read_runs, start_run
from sat_nb.saliency.store.store import AttributionStore
from sat_nb.saliency.targets import Target, check_targets, read_targets
from sat_nb.segments.segmentation import SegmentationMap


@lists(preprocess=PREPROCESS, fit=FITS, engine=ENGINES)
def explain(
    model: Any,
    images: ImageSet | Mapping[str, Pixels],
    *,
    methods: str | Method | Iterable[str | Method],
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
    trust_model: bool = False,
    engine: str | None = None,
) -> AttributionStore:
    """Compute saliency maps of every image by every method.

    The maps explain the target's logit: the model's output before a softmax or sigmoid (or, with
    ``output="probability"``, after it). They are computed in a process of its own, which stays
    alive between calls; the caller's TensorFlow is not touched. A process that dies is replaced,
    and its images are tried once more. An interrupt ends the call within seconds and keeps the
    finished maps.

    Parameters
    ----------
    model : str, os.PathLike, keras.Model or torch.nn.Module
        The path of a saved Keras model (.h5, .keras, SavedModel) or of an exported PyTorch program
        (.pt2), or a live model: of Keras, Functional or Sequential, or a ``torch.nn.Module`` in
        evaluation mode. One image in, (n, n_classes) out, softmax, sigmoid or logits. Images are
        (n, H, W, C) here, whatever the layout of the model.
    images : ImageSet or Mapping[str, array]
        An ImageSet, or {image_id: array (H, W, 3) in RGB, or (H, W) in grey}. Photos of more than 8
        bits, or of floats, need a window (see :func:`read_images`) or a ``preprocess`` function.
        A model of one channel, (None, H, W, 1), gets the luma of photos in colour (ITU-R 601, as
        Pillow's "L") under "none", "unit" and "signed", and its maps are (H, W, 1).
    methods : str, Method or iterable of these
        Names in METHODS, for example PAPER_METHODS, or methods of your own: see :class:`Method`.
        With ``out``, a method of your own needs a version.
    preprocess : str or callable
        What turns photos into the model's input. A function takes float32 (n, H, W, 3), RGB,
        0..255 (of deeper photos without a window, the stored numbers), and returns the same
        shape; a name is one of:

        [[preprocess]]
    target : str, int, tuple, sequence or mapping, default "predicted"
        The class to explain: "predicted" (each image's largest output), one index, a list with one
        index for each image in the images' order, or {image_id: index}. A pair (a, b) asks "why a
        and not b": the maps explain logit a minus logit b, and positive values speak for a. A
        model with one output z, as with a sigmoid, has two classes: class 1 is explained by z,
        class 0 by -z, and class 1 is predicted where z > 0. Maps that are the same for all
        classes ("attention_rollout") have no target in tables, and none of a pair.
    fit : str, default "stretch"
        How images are brought to the model's input size, as when it was trained. ``build`` does
        the same to masks. One of:

        [[fit]]
    out : str or os.PathLike, optional
        A folder that keeps the maps. A call with the same settings goes on where the last one
        stopped. With other settings, targets or photos it adds maps and overwrites none;
        ``AttributionStore.runs(out)`` lists what is there. None keeps them in memory.
    batch_size : int, default 8
        How many images go through the model at once, where ``max_memory`` allows. Methods that
        sample take one image at a time, and 32 of its points (at 224 x 224; more of smaller
        inputs), which takes up to 4 GB for VGG16.
    progress : bool, default True
        Whether to show a progress bar.
    seed : int, default 0
        The start of all random numbers; those of an image depend on it and on the image's id alone.
    parameters : Mapping[str, Mapping[str, Any]], optional
        {method: {parameter: value}} in place of a method's defaults, such as
        ``{"smoothgrad": {"n_samples": 16}}``. A method of your own is called ``name@version``.
    input_size : tuple[int, int], optional
        (height, width) in pixels, for a model that leaves them open, as live PyTorch modules do.
    dtype : str, default "float32"
        How maps are kept: "float32" as they are computed; or "float16" in half the space, with
        errors of at most 2.5e-4 of a map's largest |value|, which ``store.info()`` reports.
    max_memory : int or str, optional
        Bytes of main memory that a worker may use, or text such as "4GB": fewer images go through
        the model at once, and a warning says so. None sets no limit.
    workers : int, default 1
        Processes that share the images and the cores; each holds the model. Another number of
        threads adds up in another order, so maps may differ by the rounding of float32.
    output : str, default "logit"
        "logit", or "probability": what softmax or sigmoid make of it, which depends on the other
        classes, too. Methods that need only gradients can explain both; relevance is defined
        on logits.
    samples : int or str, optional
        For methods that sample (smoothgrad and integrated_gradients): the number of gradients to
        average, by default each method's own. "auto" takes as many as are needed until ranks of the
        image's ``segments`` are off by less than 0.15 on average, as far as the standard errors of
        the gaps between segments tell, or until the method's parameter ``max_samples`` is reached.
    segments : Mapping[str, SegmentationMap], optional
        {image_id: SegmentationMap}, used only with ``samples="auto"``; masks are merged, brought
        to the model's input and padded as :func:`build` does.
    pad_px : int, default 2
        The padding of these masks in pixels of the model's input.
    trust_model : bool, default False
        Whether a model file may run code of its own. Model files are data: before one is loaded,
        its layers, functions and operations are checked against those that only compute, its links
        and sizes are bounded, and anything else (a Lambda layer, for one) is an error that says
        what it would run. True loads it unchecked: do that for files whose author you know. Live
        models are your own code, and are not checked.
    engine : str, optional
        What computes the maps, in a process of its own, which may be another Python:
        :func:`list_engines` tells which engines are installed and where. By default the first that
        fits the model and is installed:

        [[engine]]

    Returns
    -------
    AttributionStore
        {method: {image_id: float32 (H, W, C)}} on the model's input grid, channels as the model
        takes them. ``METHODS[name].sign`` says what the sign means.

    Raises
    ------
    InvalidInput
        For arguments, models and layers that cannot be explained, and for NaN or infinite maps.
    FileMissing
        For a model that does not exist.
    IdMismatch
        For images without a target, or without masks under ``samples="auto"``.
    CannotWrite
        For a full disk or a read-only folder. Finished maps stay in ``out``.
    EngineMissing
        If no engine that fits the model is installed; the message says how to install it.
    WorkerFailed
        If a second process dies on the same image, or ``max_memory`` is not enough for one image.
        Finished maps stay in ``out``.

    Warns
    -----
    UserWarning
        If fewer images go through the model at once than ``batch_size``, to save memory; if the
        model scales its input and ``preprocess`` did so before; if layers called with
        ``training=True`` are explained as at inference; and if Deep Taylor has nothing to decompose
        in some images, because what is explained is not positive there.

    Notes
    -----
    Hinns & Martens 2025 use the maps of six methods, PAPER_METHODS; ``list_methods()`` names each
    method's paper.

    Examples
    --------
    >>> maps = explain("model.h5", images, methods="gradient", preprocess="caffe")  # doctest: +SKIP
    >>> maps["gradient"]["chihuahua_1"].shape  # doctest: +SKIP
    (224, 224, 3)
    """
    images = checked_images(images)
    request = read_request(
        methods=methods,
        parameters=parameters,
        samples=samples,
        preprocess=preprocess,
        target=target,
        fit=fit,
        seed=seed,
        dtype=dtype,
        output=output,
        kept=out is not None,
    )
    masks = read_masks(segments, images, samples, pad_px)
    targets = read_targets(target, list(images))
    folder = None if out is None else as_path(out, "out")
    checked_whole("batch_size", batch_size, 1)
    with opened_model(
        model,
        engine=engine,
        input_size=input_size,
        trusted=trust_model,
        workers=workers,
        max_memory=max_memory,
        known=partial(_known_facts, folder),
    ) as opened:
        facts = opened.facts
        check_targets(targets, facts.n_outputs, against=request.against)
        opened.check(request)
        for text in opened.warnings(request):
            warnings.warn(text, stacklevel=2)
        job = job_of(
            request,
            opened,
            images=images,
            targets=targets,
            run=start_run(folder, request.settings(opened)),
            masks=masks and partial(masks, fit=fit, size=facts.input_shape[:2]),
        )
        with progress_bar(len(images) * len(request.methods), progress) as bar:
            explain_batches(job, batches_of(list(images), batch_size), bar)
        job.run.asked_for(request.keys, list(images))  # if nothing was missing
    for text in _undefined(job.run, [key for key in request.keys if key in NEED_POSITIVE], images):
        warnings.warn(text, stacklevel=2)
    return AttributionStore(job.run, methods=request.keys, image_ids=images)


def _undefined(run: Run, methods: Iterable[str], image_ids: Iterable[str]) -> list[str]:
    """A warning for each method that found nothing to decompose in some images."""
    texts, image_ids = [], list(image_ids)
    for method in methods:
        keys = [run.key(method, image_id) for image_id in image_ids]
        headers = {key.image_id: run.chunks.header(key) for key in keys if key is not None}
        empty = [image_id for image_id, header in headers.items() if is_undefined(header.facts)]
        if empty:
            texts.append(
                f"methods: {method!r} decomposes positive outputs only, and what is explained is "
                f"not positive for {len(empty)} of {len(image_ids)} images ({shorten(empty)}): "
                "their maps are zero, and tables have no rows of them."
            )
    return texts


def _known_facts(out: Path | None, file: ModelFile) -> ModelFacts | None:
    """What a store already knows of this very model: a finished run then needs no worker."""
    runs = {} if out is None else read_runs(out)
    found = (facts_in(settings["model"], file) for settings in reversed(runs.values()))
    return next((facts for facts in found if facts is not None), None)


def checked_images(images: Any) -> ImageSet:
    """An ImageSet of at least one image; InvalidInput for anything that cannot be one."""
    if not isinstance(images, ImageSet):
        if not isinstance(images, Mapping):
            raise InvalidInput(
                f"images: expected an ImageSet or {{image_id: array (H, W, 3)}}, got "
                f"{type(images).__name__}; use read_images(folder)."
            )
        images = ImageSet(images)
    if not len(images):
        raise InvalidInput("images: expected at least one image, got none.")
    return images
