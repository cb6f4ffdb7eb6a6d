"""One call of tabulate: which shards are left to make, and what becomes of each."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from sat_nb.by_id import composed, keys_by_id
from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.images import ImageSet
from sat_nb.saliency.methods import NEED_POSITIVE
from sat_nb.saliency.progress import progress_bar
from sat_nb.saliency.request import opened_model
from sat_nb.saliency.targets import Target, check_targets, read_targets
from sat_nb.table.matching import labels_of
from sat_nb.table.tabulate.bench import Bench, Made
from sat_nb.table.tabulate.folder import Folder, known_facts
from sat_nb.table.tabulate.plan import Plan, Shard
from sat_nb.table.tabulate.recipe import Recipe
from sat_nb.table.tabulate.warned import summed_up
from sat_nb.table.undecomposed import nothing_decomposed


@dataclass(frozen=True)
class Tabulated(os.PathLike[str]):
    """A table in a folder of shards, as ``tabulate`` returns it.

    It is the path of the folder for all that takes one: ``aggregate``, ``read_table``, ``open``.

    Attributes
    ----------
    path : Path
        The folder.
    n_images : int
        How many photos were to be explained.
    n_rows : int
        How many rows the table has.
    failed : Mapping[str, str]
        {image_id: why}: the photos without rows, under ``errors="skip"``.

    Examples
    --------
    >>> found = tabulate(  # doctest: +SKIP
    ...     "model.h5", images, segments, methods="lrp.z", preprocess="unit", out="sat/"
    ... )
    >>> found.n_rows, aggregate(found, value="rank")  # doctest: +SKIP
    """

    path: Path
    n_images: int
    n_rows: int
    failed: Mapping[str, str] = field(default_factory=dict)

    def __fspath__(self) -> str:
        return str(self.path)


class Photos:
    """The photos of a run with all that belongs to them, shard by shard."""

    def __init__(
        self,
        plan: Plan,
        images: ImageSet,
        segments: Mapping[str, Any],
        target: Target,
        labels: Mapping[str, int] | None,
        others: Mapping[str, str] = {},
    ) -> None:
        self._others = others
        self.plan, self.images, self.segments = plan, images, segments
        is_one = isinstance(target, str | tuple) or not hasattr(target, "__iter__")
        self._targets = None if is_one else read_targets(target, list(images))
        self._target = target if is_one else "predicted"
        self._labels = labels
        self._label_keys = {} if labels is None else self._checked_labels(labels)

    def shard(self, number: int, image_ids: list[str], gone: Mapping[str, str] = {}) -> Shard:
        """The shard of these photos."""
        return Shard(
            number=number,
            image_ids=image_ids,
            images=self.images,
            segments=self.segments,
            plan=self.plan,
            targets=self._targets_of(image_ids),
            labels=self._labels_of(image_ids),
            gone=gone,
            others={i: self._others[i] for i in image_ids if i in self._others},
        )

    def check_targets(self, n_outputs: int, against: int | None) -> None:
        """InvalidInput for a target that is no output of the model."""
        some = self._targets_of(self.plan.image_ids[:1]) if self._targets is None else self._targets
        check_targets(some, n_outputs, against=against)

    def _targets_of(self, image_ids: list[str]) -> dict[str, int] | None:
        if self._targets is None:
            return read_targets(self._target, image_ids)
        return {i: self._targets[i] for i in image_ids}

    def _labels_of(self, image_ids: list[str]) -> dict[str, int | None]:
        if self._labels is None:
            return {}
        keys = {i: key for i in image_ids if (key := self._label_keys.get(composed(i))) is not None}
        given = {i: self._labels[key] for i, key in keys.items()}
        if not given:
            return {}
        matches = [self.plan.match(i, ()) for i in given]
        return dict(zip(given, labels_of(given, matches), strict=True))

    def _checked_labels(self, labels: Any) -> dict[str, str]:
        """{composed id: its key}; errors for labels that name none of the photos, or no classes."""
        if not hasattr(labels, "keys"):
            labels_of(labels, [])
        keys = keys_by_id(labels.keys(), "labels")
        self._label_keys = keys
        if len(keys) and not any(composed(i) in keys for i in self.plan.image_ids):
            raise IdMismatch(
                f"labels: name none of the {len(self.plan.image_ids)} photos "
                f"({shorten(islice(self.plan.image_ids, 4))}); they name {shorten(keys)}. Ids are "
                "file paths without extension."
            )
        for _, image_ids in self.plan.lots():
            self._labels_of(image_ids)
        return keys


@dataclass(frozen=True)
class Task:
    """To look whether a shard is that of its photos ("look"), or to make it ("make")."""

    kind: str
    number: int
    image_ids: list[str]
    gone: Mapping[str, str] = field(default_factory=dict)


class Run:
    """A call of ``tabulate`` after its arguments were read."""

    def __init__(self, recipe: Recipe, photos: Photos, out: Path) -> None:
        self.recipe, self.photos, self.out = recipe, photos, out
        self.plan = photos.plan
        self.folder: Folder

    def here(self, model: Any, progress: bool) -> None:
        """Make all shards in this process."""
        recipe = self.recipe
        with opened_model(
            model,
            engine=recipe.engine,
            input_size=recipe.input_size,
            trusted=recipe.trust_model,
            workers=recipe.workers,
            max_memory=recipe.max_memory,
            known=partial(known_facts, self.out),
        ) as opened:
            opened.check(recipe.request)
            self.photos.check_targets(opened.facts.n_outputs, recipe.request.against)
            bench = Bench(recipe, opened)
            self.begin(bench.settings, bench.warnings)
            with self.bar(progress) as bar:
                for task in self.tasks():
                    self._do(bench, task, bar)

    def _do(self, bench: Bench, task: Task, bar: Any) -> None:
        following: Task | None = task
        while following is not None:
            task = following
            shard = self.photos.shard(task.number, task.image_ids)
            done: Any = bench.look(shard) if task.kind == "look" else bench.make(shard, bar)
            following = self.then(task, done)
        if task.kind == "look":
            bar.update(len(task.image_ids))

    def begin(self, settings: Mapping[str, Any], of_model: list[str]) -> None:
        """Take the folder, and say what the user should know of the model."""
        whole = {**settings, "shard_images": self.plan.shard_images}
        self.folder = Folder(self.out, whole, self.plan.n_shards)
        for text in of_model:
            warnings.warn(text, stacklevel=4)
        self.folder.begin()

    def bar(self, progress: bool) -> Any:
        """A bar of photos."""
        return progress_bar(len(self.plan.image_ids), progress, unit="photo", title="tabulate")

    def tasks(self) -> Iterator[Task]:
        """The first task for each shard: to look at one that is finished, to make another."""
        for number, image_ids in self.plan.lots():
            yield Task("look" if self._is_done(number) else "make", number, image_ids)

    def _is_done(self, number: int) -> bool:
        """Whether the shard is finished; with errors="raise", one with failures is not."""
        report = self.folder.report(number)
        return report is not None and (self.recipe.errors == "skip" or not report.failed)

    def then(self, task: Task, done: Any) -> Task | None:
        """Keep what a task has made; the task that must follow, if any."""
        if isinstance(done, Made):
            self.folder.put(task.number, done)
            return None
        if self.folder.is_current(task.number, done):
            return None
        return Task("make", task.number, task.image_ids)

    def result(self) -> Tabulated:
        """What the call returns, once all shards are there; warns of what is said of them."""
        failed: dict[str, str] = {}
        texts: list[tuple[int, str]] = []
        n_rows = 0
        for number in range(self.plan.n_shards):
            report = self.folder.report(number)
            if report is None:
                raise InvalidInput(
                    f"out: shard {number} of {str(self.out)!r} was removed while the others were "
                    "made; call again, which makes it."
                )
            failed |= report.failed
            texts += [(number, text) for text in report.warnings]
            n_rows += report.n_rows
        self.folder.check_alone()
        n_images = len(self.plan.image_ids)
        for text in summed_up(texts, self.plan.n_shards):
            warnings.warn(text, stacklevel=3)
        if failed:
            warnings.warn(_of_failed(failed, n_images), stacklevel=3)
        if not n_rows:
            raise self._no_rows(failed, n_images)
        return Tabulated(self.out, n_images, n_rows, failed)

    def _no_rows(self, failed: Mapping[str, str], n_images: int) -> InvalidInput:
        methods = [key for key in self.recipe.request.keys if key in NEED_POSITIVE]
        if methods and len(failed) < n_images:
            return nothing_decomposed(methods, n_images)
        first, why = next(iter(failed.items()))
        return InvalidInput(f"images: all {n_images} photos failed, the first, {first!r}: {why}")


def _of_failed(failed: Mapping[str, str], n_images: int) -> str:
    named = "; ".join(f"{i!r} ({why})" for i, why in islice(failed.items(), 3))
    more = len(failed) - 3
    return (
        f"{len(failed)} of {n_images} photos failed and have no rows: {named}"
        f"{f' and {more} more' if more > 0 else ''}. `failed` of the result holds all."
    )
