"""What a Dask worker does: it opens the model once, and looks at shards or makes them."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sat_nb import __version__
from sat_nb.errors import SatError
from sat_nb.saliency.model_file import ModelFile, content_sha256
from sat_nb.saliency.progress import progress_bar
from sat_nb.saliency.request import opened_model
from sat_nb.segments.read import SegmentFiles
from sat_nb.segments.renames import RenamedSegments
from sat_nb.table.tabulate.bench import Bench
from sat_nb.table.tabulate.folder import differences
from sat_nb.table.tabulate.plan import Shard
from sat_nb.table.tabulate.recipe import Recipe, from_bytes


@dataclass(frozen=True)
class Opened:
    """What a worker found in the model."""

    settings: Mapping[str, Any]
    warnings: list[str]
    n_outputs: int


@dataclass(frozen=True)
class Refused:
    """An error of ours, as data: its class, its text, and whether it is of this worker alone."""

    worker: str
    kind: str
    text: str
    is_of_worker: bool = False


@dataclass(frozen=True)
class Unseen:
    """Files of photos and masks that are not there for this worker, by image id."""

    worker: str
    files: Mapping[str, str]


class Unfit(SatError):
    """The worker cannot do the task."""


_one = threading.Lock()
"""A worker of several threads makes one shard at a time: the threads are the engine's."""

_open: dict[bytes, tuple[Bench, ExitStack]] = {}


def open_bench(version: str, content: bytes) -> Opened | Refused:
    """Open the model; the settings of the table."""
    try:
        with _one:
            bench = _bench(version, content)
            return Opened(bench.settings, bench.warnings, bench.opened.facts.n_outputs)
    except SatError as error:
        return _refused(error)


def do(version: str, content: bytes, settings: Any, kind: str, shard: bytes) -> Any:
    """Look at a shard, or make it: hashes or a Made; Unseen or Refused where that fails."""
    try:
        with _one:
            bench = _bench(version, content)
            _check_settings(bench, settings)
            found: Shard = _read(shard)
            unseen = _unseen(found)
            if unseen:
                return Unseen(_address(), unseen)
            if kind == "look":
                return bench.look(found)
            with progress_bar(0, progress=False) as silent:
                return bench.make(found, silent)
    except SatError as error:
        return _refused(error)


def _bench(version: str, content: bytes) -> Bench:
    """The open model of this recipe; the one that was open before is left."""
    if version != __version__:
        raise Unfit(f"it has sat_nb {__version__}, and the caller {version}; install one version.")
    if content not in _open:
        for bench, stack in _open.values():
            bench.opened.pool.stop_idle()
            stack.close()
        _open.clear()
        _open[content] = _opened(*_read(content))
    return _open[content][0]


def _opened(file: ModelFile, recipe: Recipe) -> tuple[Bench, ExitStack]:
    if not Path(file.path).exists():
        raise Unfit(
            f"it cannot see the model {file.path!r}; give a path that all workers see (a live "
            "model is saved to a temporary folder: save it yourself)."
        )
    if content_sha256(Path(file.path)) != file.sha256:
        raise Unfit(f"{file.path!r} is another file there than for the caller.")
    if recipe.keep_maps is not None and not Path(recipe.keep_maps).exists():
        raise Unfit(
            f"it cannot see the folder {recipe.keep_maps!r} of keep_maps; give one that all "
            "workers see."
        )
    n_threads = _n_threads()
    _allow_threads(n_threads)
    stack = ExitStack()
    opened = stack.enter_context(
        opened_model(
            file,
            engine=recipe.engine,
            input_size=recipe.input_size,
            trusted=recipe.trust_model,
            workers=1,
            max_memory=recipe.max_memory,
            n_threads=n_threads,
        )
    )
    opened.check(recipe.request)
    return Bench(replace(recipe, n_threads=n_threads), opened), stack


def _check_settings(bench: Bench, settings: Any) -> None:
    """Unfit where this worker would make other rows than the others."""
    different = list(differences(bench.settings, settings))
    if different:
        raise Unfit(
            f"it would make other numbers than the first worker: {'; '.join(different[:3])}; "
            "install the same versions on all workers."
        )


def _read(content: bytes) -> Any:
    try:
        return from_bytes(content)
    except (ImportError, AttributeError) as error:
        raise Unfit(
            f"it cannot import a function of yours ({error}); put its module on the Python path of "
            "the workers, or send it with client.upload_file('module.py')."
        ) from error


def _unseen(shard: Shard) -> dict[str, str]:
    """{image_id: the first of its files that is not there}, but for photos that are gone anyway."""
    found = {}
    for image_id in shard.image_ids:
        photo = shard.images.file(image_id)
        masks = _files(shard.segments, shard.plan.masks.get(image_id, image_id))
        missing = [str(f) for f in (photo, *masks) if f is not None and not Path(f).exists()]
        if missing and image_id not in shard.gone:
            found[image_id] = missing[0]
    return found


def _files(segments: Any, key: str) -> tuple[Path, ...]:
    while isinstance(segments, RenamedSegments):
        segments = segments._segments
    return segments.files(key) if isinstance(segments, SegmentFiles) else ()


def _refused(error: SatError) -> Refused:
    """The error as data; of the worker alone where it is unfit."""
    kind, is_unfit = type(error), isinstance(error, Unfit)
    public = next(c.__name__ for c in kind.__mro__ if c.__module__ == "sat_nb.errors")
    name = "InvalidInput" if is_unfit else public
    return Refused(_address(), name, str(error), is_of_worker=is_unfit)


def _address() -> str:
    from distributed import get_worker

    return str(get_worker().address)


def _n_threads() -> int:
    from distributed import get_worker

    return int(get_worker().state.nthreads)


def _allow_threads(n_threads: int) -> None:
    """Let the engine use the worker's threads: Dask limits libraries to one in its processes."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        if os.environ.get(name) == "1":
            os.environ[name] = str(n_threads)
