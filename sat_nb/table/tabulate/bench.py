"""One shard: its photos explained and joined batch by batch, so that a map lives for its row only.

A bench holds one open model. It is used by the caller's process, or by each worker of a cluster.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sat_nb import __version__
from sat_nb.arrays import Masks
from sat_nb.errors import CannotWrite, EngineMissing, SatError, WorkerFailed
from sat_nb.images import ImageSet
from sat_nb.saliency.execute import batches_of, explain_batch, start
from sat_nb.saliency.job import Job
from sat_nb.saliency.process.budget import Budget
from sat_nb.saliency.process.pool import Stopped
from sat_nb.saliency.progress import run_batches
from sat_nb.saliency.request import OpenModel, job_of
from sat_nb.saliency.store.chunks import PassingChunks
from sat_nb.saliency.store.runs import Run, plain, start_run
from sat_nb.saliency.store.store import AttributionStore
from sat_nb.table.build import join
from sat_nb.table.frame import table_of
from sat_nb.table.join import ImageRows
from sat_nb.table.matching import MAX_NOTED, labels_of
from sat_nb.table.parquet.files import write_rows
from sat_nb.table.tabulate.digests import ShardMasks, digest_of, photo_digest
from sat_nb.table.tabulate.plan import Shard
from sat_nb.table.tabulate.recipe import Recipe
from sat_nb.table.tabulate.warned import noted_warnings
from sat_nb.table.undecomposed import note_undecomposed

if TYPE_CHECKING:
    import pandas as pd

NOT_OF_A_PHOTO = (CannotWrite, EngineMissing, Stopped)
"""Errors that end the run even where photos that fail are skipped."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A finished shard: the content of its Parquet file, None where it has no rows.

    ``photos`` is {image_id: hash of all that decides its rows}; ``failed`` is {image_id: why}.
    """

    photos: Mapping[str, str]
    content: bytes | None
    n_rows: int
    failed: Mapping[str, str]
    warnings: list[str]


class Bench:
    """An open model that makes shards by a recipe.

    ``settings`` identify the table; two benches with equal ones make the same rows.
    """

    def __init__(self, recipe: Recipe, opened: OpenModel) -> None:
        self.recipe, self.opened = recipe, opened
        request, of_maps = recipe.request, recipe.request.settings(opened)
        self.settings = _settings(recipe, of_maps)
        kept = recipe.keep_maps
        self._kept = None if kept is None else start_run(Path(kept), of_maps)
        self._of_maps = plain(of_maps)
        self._job = job_of(
            request, opened, images=ImageSet({}), targets=None, run=self._passing(), masks=None
        )

    @property
    def warnings(self) -> list[str]:
        """What the user should know of the model."""
        measured = self.recipe.measured
        more = [] if measured is None else measured.warnings(self.opened.facts)
        return [*self.opened.warnings(self.recipe.request), *more]

    def start(self, bar: Any) -> None:
        """Build all graphs, so that what the model cannot do is known before the work."""
        with self._job.lock:
            start(self._job, bar)

    def look(self, shard: Shard) -> dict[str, str]:
        """{image_id: hash of all that decides its rows}; photos and masks are read."""
        masks = ShardMasks(shard)
        for image_id in shard.image_ids:
            masks.note(image_id)
        return self._hashes(shard, masks)

    def make(self, shard: Shard, bar: Any) -> Made:
        """Explain and join the photos of the shard."""
        masks = ShardMasks(shard)
        work = _Work(self, shard, masks)
        with noted_warnings() as texts:
            self.start(bar)
            if self._kept is not None:
                self._kept.asked_for(self.recipe.request.keys, shard.image_ids)
            there = [i for i in shard.image_ids if i not in shard.gone]
            run_batches(
                work,
                batches_of(there, self.recipe.batch_size),
                bar,
                n_threads=self.opened.pool.n_workers,
                stop=self._stop,
            )
            table = self._table(shard, work)
            for text in () if work.notes is None else work.notes.texts():
                warnings.warn(text, stacklevel=2)
        for image_id in work.failed:
            masks.note(image_id)
        return Made(
            photos=self._hashes(shard, masks),
            content=None if table is None else _parquet(table),
            n_rows=0 if table is None else len(table),
            failed=work.failed,
            warnings=texts,
        )

    def job(self, shard: Shard, masks: ShardMasks) -> Job:
        """The work of explaining photos of the shard, into maps that are kept or pass by."""
        run = self._passing() if self._kept is None else self._kept
        settling = partial(self._settling, masks) if self.recipe.settles else None
        return replace(
            self._job,
            images=shard.images,
            targets=shard.targets,
            run=run,
            masks=settling,
            said=None if self.recipe.measured is None else {},
        )

    def after_a_crash(self) -> None:
        """Forget that batches were made smaller: a photo is to blame, and it was left out."""
        self.opened.pool.budget = Budget(self.opened.pool.max_memory)

    def _passing(self) -> Run:
        return Run(PassingChunks(), self._of_maps)

    def _stop(self, error: BaseException) -> None:
        self._job.stopping.set()
        if not isinstance(error, Exception):
            self.opened.pool.stop()

    def _settling(self, masks: ShardMasks, image_id: str) -> Masks:
        """The masks whose ranks sampling settles: padded as the join does it."""
        fitting, size = self.recipe.joining.fitting, self.opened.facts.input_shape[:2]
        merged, pad_px = masks[image_id].merged(), fitting.pad_px
        if fitting.pad_unit == "photo":
            merged, pad_px = merged.pad(pad_px), 0
        return merged.resize(size, fit=fitting.fit, pad_px=pad_px).masks

    def _table(self, shard: Shard, work: _Work) -> pd.DataFrame | None:
        """The rows of the shard's photos; None where there are none."""
        keys, plan = self.recipe.request.keys, shard.plan
        done = [i for i in shard.image_ids if i not in work.failed]
        images = [plan.match(i, keys) for i in done]
        labels = labels_of(shard.labels, images)
        classes = dict(zip((image.image_id for image in images), labels, strict=True))
        left_out = {reason: list(ids) for reason, ids in plan.left_out.items()}
        if self.recipe.of_segments:
            left_out["what read_segments left out"] = list(self.recipe.of_segments)
        if work.failed:
            lines = [f"{image_id}: {why}" for image_id, why in work.failed.items()]
            left_out["photos that failed"] = lines[:MAX_NOTED]
        blocks = [rows for i in done for rows in work.rows.get(i, ())]
        maps = AttributionStore(self._passing(), methods=keys, image_ids=())
        note_undecomposed(blocks, maps, list(classes), left_out)
        if not blocks:
            return None
        name, rank_by = self.recipe.model_name or self.opened.file.name, self.recipe.rank_by
        return table_of(
            blocks,
            maps,
            classes,
            self.recipe.joining,
            model=name,
            rank_by=rank_by,
            left_out=left_out,
        )

    def _hashes(self, shard: Shard, masks: ShardMasks) -> dict[str, str]:
        targets, found = shard.targets or {}, {}
        for image_id in shard.image_ids:
            photo = photo_digest(shard.images, image_id)
            given: list[Any] = [targets.get(image_id), shard.labels.get(image_id)]
            if image_id in shard.others:
                given.append(photo_digest(shard.images, shard.others[image_id]))
            found[image_id] = digest_of([photo, masks.sha256.get(image_id), given])[:16]
        return found


def _parquet(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    write_rows(table, stream)
    return stream.getvalue()


class _Work:
    """What :func:`run_batches` does with each batch of a shard; ``rows`` by image id."""

    def __init__(self, bench: Bench, shard: Shard, masks: ShardMasks) -> None:
        self.bench, self.shard, self.masks = bench, shard, masks
        self.rows: dict[str, list[ImageRows]] = {}
        self.failed: dict[str, str] = dict(shard.gone)
        measured = bench.recipe.measured
        self.notes = None if measured is None else measured.notes()

    def __call__(self, image_ids: Sequence[str], bar: Any) -> None:
        bar.set_postfix_str("")
        try:
            self.rows |= self._rows(image_ids, bar)
        except (SatError, OSError) as error:
            if self.bench.recipe.errors == "raise" or isinstance(error, NOT_OF_A_PHOTO):
                raise
            self._without_failing(image_ids, error, bar)
        bar.update(len(image_ids))

    def _without_failing(self, image_ids: Sequence[str], error: Exception, bar: Any) -> None:
        """The rows of the photos that do not fail when each goes alone."""
        failing = {i: why for i in image_ids if (why := self._why_not(i, bar)) is not None}
        if not failing:
            raise error
        if any(isinstance(why, WorkerFailed) for why in failing.values()):
            self.bench.after_a_crash()
        self.failed |= {image_id: str(why) for image_id, why in failing.items()}
        rest = [i for i in image_ids if i not in failing]
        if rest:
            self.rows |= self._rows(rest, bar)

    def _why_not(self, image_id: str, bar: Any) -> Exception | None:
        try:
            self._rows([image_id], bar)
        except NOT_OF_A_PHOTO:
            raise
        except (SatError, OSError) as error:
            return error
        return None

    def _rows(self, image_ids: Sequence[str], bar: Any) -> dict[str, list[ImageRows]]:
        job = self.bench.job(self.shard, self.masks)
        found = self._of_maps(job, image_ids, bar) if job.methods else {i: [] for i in image_ids}
        if self.bench.recipe.measured is not None:
            for image_id, rows in self._measured(job, image_ids).items():
                found[image_id] += rows
        return found

    def _measured(self, job: Job, image_ids: Sequence[str]) -> dict[str, list[ImageRows]]:
        recipe, shard = self.bench.recipe, self.shard
        assert recipe.measured is not None
        return recipe.measured.rows(
            self.bench.opened,
            recipe.request,
            recipe.joining,
            shard.images,
            shard.others,
            image_ids,
            self.masks.__getitem__,
            shard.targets,
            job.said or {},
            {i: shard.plan.match(i, ()).image_id for i in image_ids},
            self.notes,
        )

    def _of_maps(self, job: Job, image_ids: Sequence[str], bar: Any) -> dict[str, list[ImageRows]]:
        keys = self.bench.recipe.request.keys
        explain_batch(job, image_ids, _Maps(bar))
        maps = AttributionStore(job.run, methods=keys, image_ids=image_ids)
        matches = [self.shard.plan.match(i, keys) for i in image_ids]
        facts = [job.run.records[i].facts for i in image_ids]
        rows = join(maps, self.masks, matches, facts, self.bench.recipe.joining)
        key_of = {match.image_id: i for match, i in zip(matches, image_ids, strict=True)}
        found: dict[str, list[ImageRows]] = {i: [] for i in image_ids}
        for one in rows:
            found[key_of[one.image_id]].append(one)
        return found


class _Maps:
    """Passes on what is being computed, and counts no maps: the bar counts photos."""

    def __init__(self, bar: Any) -> None:
        self.set_postfix_str = bar.set_postfix_str

    def update(self, n: int) -> None:
        """Nothing: a photo counts once its rows are there."""


# --- what identifies a table -------------------------------------------------------------------


def _settings(recipe: Recipe, of_maps: Mapping[str, Any]) -> dict[str, Any]:
    """What decides rows, as plain data: options, names and versions of functions, the model."""
    joining = recipe.joining
    fitting = joining.fitting
    found = {
        "version": __version__,
        "maps": of_maps,
        "model_name": recipe.model_name,
        "pool": joining.pool.key,
        "merge": joining.merge.key,
        "pad_px": fitting.pad_px,
        "pad_unit": fitting.pad_unit,
        "rank_by": recipe.rank_by,
        "batch_size": recipe.batch_size,
    }
    if recipe.measured is not None:
        found["interventions"] = recipe.measured.settings()
    return plain(found)
