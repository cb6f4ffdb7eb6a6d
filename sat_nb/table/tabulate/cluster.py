"""Shards made on a Dask cluster, a task each, as seen from the caller's process.

Tasks carry ids and paths; workers send back the Parquet file of a shard, and this process writes
it. Only as many tasks are sent ahead as keep the workers busy.
"""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sat_nb import __version__, errors
from sat_nb.errors import FileMissing, InvalidInput, SatError, WorkerFailed, shorten
from sat_nb.files import writing
from sat_nb.images import ImageSet
from sat_nb.reading import reason_of
from sat_nb.saliency.live_model import model_file
from sat_nb.segments.read import SegmentFiles
from sat_nb.segments.renames import RenamedSegments
from sat_nb.table.tabulate.on_worker import Opened, Refused, Unseen, do, open_bench
from sat_nb.table.tabulate.plan import alone
from sat_nb.table.tabulate.recipe import to_bytes
from sat_nb.table.tabulate.run import Run, Task

RETRIES = 2
"""How often Dask tries a task again whose worker raised an error of the system."""

MAX_TRIES = 3
"""How often a task is sent again over which Dask lost several workers."""

AHEAD = 2
"""Tasks a worker: one is being done, one waits."""

SECONDS = 2.0
"""How often workers are counted, which asks the scheduler."""

KEPT = "Finished shards are kept; call again to go on"


def run_on(client: Any, run: Run, model: Any, progress: bool) -> None:
    """Make all shards on the client's cluster."""
    client = checked_client(client)
    if run.recipe.workers != 1:
        raise InvalidInput(
            "workers: with client=, the cluster says how many there are; leave it out."
        )
    _check_files(run.photos.images, run.photos.segments)
    recipe = run.recipe
    with model_file(model, input_size=recipe.input_size, trusted=recipe.trust_model) as file:
        content = to_bytes((file, recipe.sent()))
        _check_workers(client)
        if recipe.keep_maps is not None:
            with writing(Path(recipe.keep_maps), "keep_maps"):  # workers look whether they see it
                Path(recipe.keep_maps).mkdir(parents=True, exist_ok=True)
        tasks = Tasks(client, run, content)
        opened = tasks.open()
        run.photos.check_targets(opened.n_outputs, recipe.request.against)
        run.begin(opened.settings, opened.warnings)
        with run.bar(progress) as bar:
            tasks.work(opened.settings, bar)


class Tasks:
    """The tasks of a run that the cluster does now."""

    def __init__(self, client: Any, run: Run, content: bytes) -> None:
        self.client, self.run, self.content = client, run, content
        self._name = f"tabulate-{uuid.uuid4().hex[:8]}"
        self._n_sent = 0
        self._sent: dict[Any, tuple[Task, int]] = {}
        self._settings: Any = None
        self._workers, self._counted = 0, -SECONDS

    def open(self) -> Opened:
        """The settings of the table, from the first worker that opens the model."""
        for _ in range(MAX_TRIES):
            future = self._submit(open_bench, __version__, self.content)
            with suppress(_Lost):
                return self._answer(future, "loading the model")
        raise self._gone()

    def work(self, settings: Any, bar: Any) -> None:
        """Do all tasks; an error or an interrupt cancels those that are left."""
        from distributed import as_completed

        self._settings = settings
        waiting = self.run.tasks()
        done = as_completed([], loop=self.client.loop, raise_errors=False)
        try:
            self._fill(waiting, done)
            while self._sent:
                future = next(done)
                task, n_tries = self._sent.pop(future)
                self._finish(future, task, n_tries, done, bar)
                future.release()  # so that the cluster forgets its result, whoever holds the future
                self._fill(waiting, done)
        except SatError:
            raise
        except Exception as error:  # what Dask raises, where it is closed meanwhile, is of any kind
            if self.client.status == "running":
                raise
            raise self._gone() from error
        finally:
            with suppress(Exception):
                self.client.cancel(list(self._sent))

    def _finish(self, future: Any, task: Task, n_tries: int, done: Any, bar: Any) -> None:
        """Take what a task has made, and send what must follow."""
        doing = f"making shard {task.number} ({shorten(task.image_ids, 2)})"
        try:
            answer = self._answer(future, doing)
        except _Lost as lost:
            if n_tries >= MAX_TRIES:
                raise WorkerFailed(f"client: {lost} while {doing}. {KEPT}.") from lost
            self._send(task, n_tries + lost.counts, done)
            return
        if isinstance(answer, Unseen):
            self._send(self._without_gone(task, answer), n_tries, done)
            return
        following = self.run.then(task, answer)
        if following is None:
            bar.update(len(task.image_ids))
        else:
            self._send(following, 1, done)

    def _fill(self, waiting: Iterator[Task], done: Any) -> None:
        """Send tasks until every worker has some ahead."""
        room = AHEAD * max(self._n_workers(), 1) + 1 - len(self._sent)
        for task in islice(waiting, max(room, 0)):
            self._send(task, 1, done)

    def _n_workers(self) -> int:
        """How many workers there are, or were a moment ago."""
        if time.monotonic() > self._counted + SECONDS:
            self._wait_for_scheduler()
            try:
                self._workers = len(self.client.scheduler_info(n_workers=-1).get("workers", ()))
            except OSError:
                self._workers = 0  # it is lost just now: the tasks will tell
            self._counted = time.monotonic()
        return self._workers

    def _send(self, task: Task, n_try: int, done: Any) -> None:
        shard = alone(self.run.photos.shard(task.number, task.image_ids, task.gone))
        arguments = (__version__, self.content, self._settings, task.kind, to_bytes(shard))
        future = self._submit(do, *arguments)
        self._sent[future] = (task, n_try)
        done.add(future)

    def _submit(self, function: Any, *arguments: Any) -> Any:
        self._n_sent += 1
        key = f"{self._name}-{self._n_sent}"
        return self.client.submit(function, *arguments, key=key, retries=RETRIES, pure=False)

    def _answer(self, future: Any, doing: str) -> Any:
        """What a worker answers; its error, with its name; _Lost where nobody answers."""
        from distributed import CancelledError, KilledWorker
        from distributed.comm import CommClosedError

        try:
            answer = future.result()
        except CancelledError as error:
            self._wait_for_scheduler()
            raise _Lost("the scheduler was lost", counts=0) from error
        except CommClosedError as error:  # while the answer was on its way
            self._wait_for_scheduler()
            raise _Lost("the connection was lost", counts=1) from error
        except KilledWorker as error:
            raise _Lost("workers died again and again", counts=1) from error
        except Exception as error:
            if self.client.status != "running":
                raise self._gone() from error
            if isinstance(error, ImportError):
                _check_workers(self.client)
            raise WorkerFailed(f"client: {reason_of(error)} while {doing}. {KEPT}.") from error
        if isinstance(answer, Refused):
            raise _error_of(answer)
        return answer

    def _wait_for_scheduler(self) -> None:
        """Wait until the client has found its scheduler again, as long as it tries."""
        while self.client.status == "connecting":
            time.sleep(0.1)
        if self.client.status != "running":
            raise self._gone()

    def _gone(self) -> WorkerFailed:
        where = getattr(getattr(self.client, "scheduler", None), "address", "?")
        return WorkerFailed(
            f"client: it was closed, or its scheduler ({where}) no longer answers. {KEPT}, with a "
            "new client."
        )

    def _without_gone(self, task: Task, unseen: Unseen) -> Task:
        """The task without photos whose files have vanished; an error where they are seen here."""
        seen = {i: file for i, file in unseen.files.items() if Path(file).exists()}
        if seen:
            file = next(iter(seen.values()))
            raise FileMissing(
                f"client: worker {unseen.worker} cannot see {file!r}, which is there for this "
                "process. Photos, masks and the model are read where the workers run: give paths "
                "that all of them see."
            )
        why = {i: f"image: {file!r} does not exist" for i, file in unseen.files.items()}
        if self.run.recipe.errors == "raise":
            raise FileMissing(f"{next(iter(why.values()))}; it was there when it was listed.")
        return replace(task, gone={**task.gone, **why})


class _Lost(Exception):
    """A task has no answer; ``counts`` is 1 where the task itself may be to blame."""

    def __init__(self, text: str, *, counts: int) -> None:
        super().__init__(text)
        self.counts = counts


def checked_client(client: Any) -> Any:
    """The client; InvalidInput for anything that is none, or is closed or asynchronous."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InvalidInput(
            "client: Dask is not installed here; run `pip install 'sat-nb[dask]'`."
        ) from error
    if not isinstance(client, Client):
        raise InvalidInput(
            f"client: expected a distributed.Client, got {type(client).__name__}; "
            "`from distributed import Client; client = Client()` makes a cluster of this machine."
        )
    if client.asynchronous:
        raise InvalidInput("client: it is asynchronous; make one without asynchronous=True.")
    if client.status not in ("running", "connecting"):
        raise InvalidInput(f"client: it is {client.status}; make a new one: Client(address).")
    return client


def _check_files(images: ImageSet, segments: Any) -> None:
    """InvalidInput for photos and masks that are no files which workers could read."""
    arrays = [i for i in images if images.file(i) is None and images.address(i) is None]
    if arrays:
        raise InvalidInput(
            f"images: {len(arrays)} photos are arrays in memory ({shorten(arrays)}), which do not "
            "go to workers; save them, and give read_images(folder)."
        )
    inner = segments
    while isinstance(inner, RenamedSegments):
        inner = inner._segments
    if not isinstance(inner, SegmentFiles):
        raise InvalidInput(
            f"segments: with client=, masks are read from files by the workers; expected what "
            f"read_segments(path) returns, got {type(inner).__name__}. write_coco saves masks."
        )


def _check_workers(client: Any) -> None:
    """InvalidInput that names a worker without sat_nb, or with another version of it."""
    found = client.run(eval, "__import__('sat_nb').__version__", on_error="return")
    if not found:
        warnings.warn(
            "client: the cluster has no workers yet; waiting for the first.", stacklevel=5
        )
    for worker, version in found.items():
        if isinstance(version, ImportError):
            raise InvalidInput(
                f"client: worker {worker} lacks the package ({version}); install sat_nb "
                f"{__version__} with its engine there, or start the workers in an environment that "
                "has them."
            )
        if version != __version__:
            said = reason_of(version) if isinstance(version, Exception) else f"sat_nb {version}"
            raise InvalidInput(
                f"client: worker {worker} has {said}, this process sat_nb {__version__}; install "
                "one version on all."
            )


OF_WORKERS = ("EngineMissing", "FileMissing", "CannotWrite", "WorkerFailed")
"""Errors that may be those of one worker."""


def _error_of(refused: Refused) -> SatError:
    kind = getattr(errors, refused.kind, WorkerFailed)
    of_worker = refused.is_of_worker or refused.kind in OF_WORKERS
    return kind(f"client: worker {refused.worker}: {refused.text}" if of_worker else refused.text)
