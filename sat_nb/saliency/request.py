"""What explain is asked for: its arguments checked, the model opened by an engine, the settings.

``explain`` does it for one call; ``tabulate`` opens a model once for all of its shards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sat_nb.arguments import checked_whole
from sat_nb.arrays import Masks
from sat_nb.geometry import get_fit
from sat_nb.images import ImageSet
from sat_nb.saliency.engines.places import Place, engine_of
from sat_nb.saliency.job import Job
from sat_nb.saliency.live_model import model_file
from sat_nb.saliency.method import Method
from sat_nb.saliency.methods import read_methods, read_parameters
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.preprocess import (
    Preprocess,
    get_preprocess,
    preprocess_settings,
    scaled_twice,
)
from sat_nb.saliency.process.budget import read_bytes
from sat_nb.saliency.process.pool import WorkerPool, ask_with_retry, shared_pool
from sat_nb.saliency.store.codec import checked_dtype
from sat_nb.saliency.store.runs import UNNAMED_ENGINE, Run
from sat_nb.saliency.targets import Target, check_output, check_pair, read_against, target_settings

Fitted = Callable[..., Masks]
"""``read_masks`` returns it: (image_id, size=, fit=) -> masks (k, H, W)."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments of ``explain`` that are neither the model nor the images.

    ``target`` is what a store remembers of it: "predicted", an index, a pair [a, b], or "given".
    """

    methods: tuple[Method, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    preprocess: str | Preprocess
    target: str | int | Sequence[int]
    against: int | None
    fit: str
    seed: int
    dtype: str
    output: str

    @property
    def keys(self) -> list[str]:
        """The names of the methods in stores and tables."""
        return [method.key for method in self.methods]

    def settings(self, opened: OpenModel) -> dict[str, Any]:
        """What identifies the maps, beside the photos and a target for each of them."""
        return {
            "model": _model_settings(opened.file, opened.facts),
            "preprocess": preprocess_settings(self.preprocess, opened.facts.input_shape),
            "target": self.target,
            "output": self.output,
            "fit": self.fit,
            "seed": self.seed,
            "dtype": self.dtype,
            "methods": {m.key: m.settings(self.parameters[m.key]) for m in self.methods},
            "versions": opened.place.versions,
            **_engine_settings(opened.place),
        }


def read_request(
    *,
    methods: str | Method | Iterable[str | Method],
    parameters: Mapping[str, Mapping[str, Any]] | None,
    samples: int | str | None,
    preprocess: str | Preprocess,
    target: Target,
    fit: str,
    seed: int,
    dtype: str,
    output: str,
    kept: bool,
) -> Request:
    """The arguments of ``explain``, checked as far as no model is needed.

    ``kept`` says that results are kept on disk, so that methods of the user's own need a version.
    """
    chosen = read_methods(methods, kept=kept)
    values = read_parameters(chosen, parameters, samples=samples)
    get_fit(fit), get_preprocess(preprocess), checked_dtype(dtype)
    checked_whole("seed", seed)
    check_pair(against := read_against(target), chosen)
    return Request(
        methods=chosen,
        parameters=values,
        preprocess=preprocess,
        target=target_settings(target),
        against=against,
        fit=fit,
        seed=seed,
        dtype=dtype,
        output=output,
    )


def request_without_methods(
    *, preprocess: str | Preprocess, target: Target, fit: str, seed: int
) -> Request:
    """What is asked where photos go through the model and no map is made, checked."""
    get_fit(fit), get_preprocess(preprocess), checked_whole("seed", seed)
    return Request(
        methods=(),
        parameters={},
        preprocess=preprocess,
        target=target_settings(target),
        against=read_against(target),
        fit=fit,
        seed=seed,
        dtype="float32",
        output="logit",
    )


@dataclass(frozen=True)
class OpenModel:
    """A model's file, the engine that explains it, its workers, and what they found in it."""

    file: ModelFile
    place: Place
    pool: WorkerPool
    facts: ModelFacts

    def check(self, request: Request) -> None:
        """InvalidInput where the model has no such output, or a method cannot explain it."""
        check_output(request.output, request.methods, self.facts.head)

    def warnings(self, request: Request) -> list[str]:
        """What the user should know of the model before its maps are used."""
        notes = [
            f"model: {note}: the maps and predictions are those at inference."
            for note in self.facts.notes
        ]
        shape, scaling = self.facts.input_shape, self.facts.scaling
        twice = scaled_twice(request.preprocess, shape, scaling)
        return notes if twice is None else [*notes, twice]


@contextmanager
def opened_model(
    model: Any,
    *,
    engine: str | None,
    input_size: tuple[int, int] | None,
    trusted: bool,
    workers: int,
    max_memory: int | str | None,
    n_threads: int | None = None,
    known: Callable[[ModelFile], ModelFacts | None] = lambda file: None,
) -> Iterator[OpenModel]:
    """``model``, a path or a live model, with its engine, for as long as the block runs.

    ``known(file)`` may tell the facts, so that no worker is started for them. ``n_threads`` are
    the cores of each worker, by default its share of all.
    """
    n_workers, max_bytes = checked_whole("workers", workers, 1), read_bytes(max_memory)
    with model_file(model, input_size=input_size, trusted=trusted) as file:
        place = engine_of(Path(file.path), engine)
        pool = shared_pool(place.program, n_workers, max_memory=max_bytes, n_threads=n_threads)
        yield OpenModel(file, place, pool, known(file) or _ask_facts(file, pool))


def job_of(
    request: Request,
    opened: OpenModel,
    *,
    images: ImageSet,
    targets: Mapping[str, int] | None,
    run: Run,
    masks: Callable[[str], Masks] | None,
) -> Job:
    """The work of explaining these images."""
    return Job(
        file=opened.file,
        facts=opened.facts,
        methods=request.methods,
        parameters=request.parameters,
        images=images,
        targets=targets,
        preprocess=request.preprocess,
        fit=request.fit,
        seed=request.seed,
        run=run,
        pool=opened.pool,
        against=request.against,
        output=request.output,
        masks=masks,
    )


def _ask_facts(file: ModelFile, pool: WorkerPool) -> ModelFacts:
    facts: ModelFacts = ask_with_retry("facts", f"loading {file.path!r}", pool=pool, file=file)
    return facts


def facts_in(model: Mapping[str, Any], file: ModelFile) -> ModelFacts | None:
    """What settings tell of this very model; None where they are those of another one."""
    if model["sha256"] != file.sha256:
        return None
    if file.input_size not in (None, tuple(model["input_shape"][:2])):
        return None
    known = {f.name: model[f.name] for f in fields(ModelFacts) if f.name in model}
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in known.items()}
    return ModelFacts(**plain)


def _model_settings(file: ModelFile, facts: ModelFacts) -> dict[str, Any]:
    """Notes and scaling only where there are some: settings of before they were known have none."""
    known = {key: value for key, value in asdict(facts).items() if value or key not in _RECENT}
    return {"name": file.name, "sha256": file.sha256, **known}


_RECENT = ("notes", "scaling")


def _engine_settings(place: Place) -> dict[str, Any]:
    """The engine and the version of its numbers; nothing for what stores mean that name none."""
    numbers = [place.entry.name, place.entry.numbers]
    return {} if numbers == ["keras", UNNAMED_ENGINE] else {"engine": numbers}
