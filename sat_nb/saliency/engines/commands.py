"""The commands that every engine answers: facts, predict, mix, build, analyze, and devices.

What differs between engines is an :class:`Engine`: how it reads a model and makes a method's
explainer. The model in memory, sampling, and what errors say are the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from sat_nb.arrays import Float32, Masks
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.saliency.method import Method
from sat_nb.saliency.methods import METHODS, NEED_POSITIVE
from sat_nb.saliency.mixing import composed
from sat_nb.saliency.mixtures import Mixtures
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.preprocess import preprocessed
from sat_nb.saliency.sampling_until_settled import SAMPLINGS
from sat_nb.saliency.store.codec import Chunk
from sat_nb.saliency.targets import output_weights

Explainer = Callable[..., Float32]
"""(batch (n, H, W, C), weights of the outputs (n, k)) -> maps; for a method that samples, a
``sampling.Gradients``."""


class Classifier(Protocol):
    """A model that an engine has read."""

    facts: ModelFacts
    n_logits: int

    def outputs(self, batch: Float32, output: str) -> tuple[Float32, Float32]:
        """The saved model's outputs (n, n_classes), and what is explained of them (n, k)."""


@dataclass(frozen=True)
class Engine:
    """What an engine does in its own way.

    ``read(file)`` gives a Classifier. ``explainer(classifier, method, parameters, output)`` gives
    an Explainer, and raises whatever it likes where it cannot; ``culprits(error)`` describes the
    layers behind such an error. ``working(classifier)`` names the methods that can explain a model.
    ``clear()`` frees what the last model has taken, and ``devices()`` names what it computes on.
    """

    read: Callable[[ModelFile], Any]
    explainer: Callable[[Any, Method, dict[str, Any], str], Explainer]
    culprits: Callable[[Exception], Sequence[str]]
    working: Callable[[Any], Sequence[str]]
    clear: Callable[[], None]
    devices: Callable[[], Sequence[str]] = lambda: ("cpu",)


@dataclass
class Loaded:
    """The one model in memory, and what was computed from it once."""

    file: ModelFile
    classifier: Any
    explainers: dict[tuple[str, ...], Explainer] = field(default_factory=dict)
    baseline_outputs: dict[tuple[str, str], Float32] = field(default_factory=dict)

    def at_baseline(self, baseline: float | Sequence[float], output: str) -> Float32:
        """(1, k): the outputs for an input of this value, or of one for each channel."""
        key = output, repr(baseline)
        if key not in self.baseline_outputs:
            shape = self.classifier.facts.input_shape
            start = np.full((1, *shape), baseline, dtype=np.float32)
            _, self.baseline_outputs[key] = self.classifier.outputs(start, output)
        return self.baseline_outputs[key]


class Commands:
    """An engine's answers to all commands; methods are called by their names in METHODS."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loaded: Loaded | None = None

    def by_name(self) -> dict[str, Callable[..., Any]]:
        """{command: function}, as the server looks them up."""
        return {
            "facts": self.facts,
            "predict": self.predict,
            "mix": self.mix,
            "build": self.build,
            "analyze": self.analyze,
            "devices": self.devices,
        }

    def facts(self, file: ModelFile) -> ModelFacts:
        """Load the model; its input, outputs, head and what was rewritten."""
        facts: ModelFacts = self._load(file).classifier.facts
        return facts

    def predict(
        self, file: ModelFile, batch: Float32, output: str = "logit"
    ) -> tuple[Float32, Float32]:
        """The saved model's outputs (n, n_classes), and what ``output`` explains of them (n, k)."""
        outputs: tuple[Float32, Float32] = self._load(file).classifier.outputs(batch, output)
        return outputs

    def mix(self, file: ModelFile, mixtures: Mixtures, preprocess: str) -> tuple[Float32, Float32]:
        """As :meth:`predict`, logits, for mixtures of photos and what stands in their place.

        The pictures of which they are made go through a registered ``preprocess`` first.
        """
        channels = self.facts(file).input_shape[2]
        return self.predict(file, composed(mixtures, partial(preprocessed, preprocess, channels)))

    def build(
        self, file: ModelFile, method: str, parameters: Mapping[str, Any], output: str = "logit"
    ) -> None:
        """Build the method's graph, so that what the model cannot do is known before the work."""
        self._explainer(self._load(file), _registered(method), parameters, output)

    def analyze(
        self,
        file: ModelFile,
        method: str,
        parameters: Mapping[str, Any],
        batch: Float32,
        targets: Sequence[int],
        seeds: Sequence[int],
        against: int | None = None,
        output: str = "logit",
        masks: Sequence[Masks] | None = None,
        points_at_once: int = 1,
        outputs: Float32 | None = None,
    ) -> list[Chunk]:
        """The method's maps (H, W, C) of the preprocessed images, one target and seed each.

        With ``against`` the target's output minus that one is explained. ``points_at_once`` is for
        methods that sample; with ``masks`` (k, H, W) they go on until these segments' ranks are
        settled. The facts of some methods need the explained ``outputs`` (n, k): those of
        :meth:`predict`, or they are computed here. They are the completeness error of Integrated
        Gradients, and the value of which Deep Taylor has no map as it is not positive.
        """
        entry, loaded = _registered(method), self._load(file)
        explain = self._explainer(loaded, entry, parameters, output)
        weights = output_weights(targets, loaded.classifier.n_logits, against=against)
        if entry.sampling is None:
            maps = explain(batch, weights)
            values = None
            if entry.name in NEED_POSITIVE and not maps.any(axis=(1, 2, 3)).all():
                if outputs is None:
                    _, outputs = loaded.classifier.outputs(batch, output)
                values = (outputs * weights).sum(axis=1)
            return _with_values(maps, values)
        sampling = SAMPLINGS[entry.sampling]
        function = sampling.function if masks is None else sampling.until_settled
        sample = partial(function, explain, points_at_once=points_at_once, **parameters)
        extra = [{} if masks is None else {"masks": mask} for mask in masks or batch]
        chunks = [
            sample(image, row, seed=seed, **more)
            for image, row, seed, more in zip(batch, weights, seeds, extra, strict=True)
        ]
        if entry.sampling != "integrated_gradients":
            return chunks
        if outputs is None:
            _, outputs = loaded.classifier.outputs(batch, output)
        rises = (outputs - loaded.at_baseline(parameters["baseline"], output)) * weights
        return _with_completeness(chunks, rises.sum(axis=1, dtype=np.float64))

    def devices(self) -> list[str]:
        """What the engine computes on, the default first."""
        return list(self._engine.devices())

    def _explainer(
        self, loaded: Loaded, method: Method, parameters: Mapping[str, Any], output: str
    ) -> Explainer:
        """The method's explainer, built once a model; methods that sample one formula share it."""
        own = {} if method.sampling else dict(parameters)
        sampled = "sampled" if method.sampling else ""
        key = (method.engine, method.analyzer, sampled, output, repr(sorted(own.items())))
        if key not in loaded.explainers:
            try:
                loaded.explainers[key] = self._engine.explainer(
                    loaded.classifier, method, own, output
                )
            except InvalidInput:
                raise
            except Exception as error:  # iNNvestigate has many ways to say that it cannot
                raise self._cannot(loaded, method, error) from error
        return loaded.explainers[key]

    def _cannot(self, loaded: Loaded, method: Method, error: Exception) -> InvalidInput:
        reason = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(": ")
        found = ", ".join(self._engine.culprits(error))
        working = ", ".join(map(repr, self._engine.working(loaded.classifier)))
        return InvalidInput(
            f"methods: {method.name!r} cannot explain {loaded.file.path!r}"
            f"{' at ' if found else ''}{found} ({reason}). Methods that can: {working}."
        )

    def _load(self, file: ModelFile) -> Loaded:
        if self._loaded is None or _identity(self._loaded.file) != _identity(file):
            self._loaded = None
            self._engine.clear()
            self._loaded = Loaded(file, self._engine.read(file))
        return self._loaded


def formula_of(method: Method, formulas: Mapping[str, Any]) -> Any:
    """What an engine's registry holds for the method; never anything else in its place."""
    if method.analyzer not in formulas:
        raise InvalidInput(
            f"methods: {method.name!r} asks for the {method.engine} formula {method.analyzer!r}, "
            f"which this engine does not have; it has {', '.join(map(repr, formulas))}."
        )
    return formulas[method.analyzer]


def _registered(method: str) -> Method:
    if method not in METHODS or not METHODS[method].in_worker:
        raise unknown_name("methods", method, (m.name for m in METHODS.values() if m.in_worker))
    return METHODS[method]


def _identity(file: ModelFile) -> tuple[Any, ...]:
    return file.sha256, file.input_size, file.trusted


def _with_values(maps: Float32, values: Float32 | None) -> list[Chunk]:
    """The maps, and of those without any relevance the explained value where it is not positive."""
    if values is None:
        return [Chunk(attribution) for attribution in maps]
    return [
        Chunk(attribution, facts={"not_positive": float(value)})
        if value <= 0 and not attribution.any()
        else Chunk(attribution)
        for attribution, value in zip(maps, values, strict=True)
    ]


def _with_completeness(chunks: list[Chunk], rises: Any) -> list[Chunk]:
    """Add (sum of the map - rise) / |rise|, where rise is the output minus that at the baseline."""
    sums = np.array([chunk.attribution.sum(dtype=np.float64) for chunk in chunks])
    errors = (sums - rises) / np.maximum(np.abs(rises), 1e-12)
    return [
        replace(chunk, facts={**chunk.facts, "completeness_error": float(error)})
        for chunk, error in zip(chunks, errors, strict=True)
    ]
