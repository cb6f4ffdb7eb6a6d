"""fetch_masks: get masks of photos from the DINO-X detection API.

One export file a photo is written, whole or not at all. Exports that exist are kept, so that an
interrupted run can be continued. Needs httpx and tenacity: ``pip install 'sat-nb[fetch]'``.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
import tomllib
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sat_nb.arguments import checked_whole
from sat_nb.errors import CannotFetch, CannotWrite, InvalidInput, unknown_name
from sat_nb.files import as_path, check_target, written_whole
from sat_nb.photos.formats import PhotoFile
from sat_nb.segments.dinox_api.client import (
    BASE_URL,
    TOKEN_VARIABLE,
    DinoxApi,
    PhotoFailed,
    Stop,
    TryAgain,
    checked_base_url,
)
from sat_nb.segments.dinox_api.exports import (
    checked_export,
    detection_request,
    encoded,
    export_file,
    photo_files,
    split_by_export,
)
from sat_nb.segments.dinox_api.token import Token
from sat_nb.segments.names import normalize

if TYPE_CHECKING:
    from tqdm import tqdm


MODEL = "DINO-X-1.0"
MAX_PHOTO_BYTES = 10 * 2**20  # as sent, before base64 adds a third
MAX_UNANSWERED = 3  # photos in a row without an answer: the service is down


@dataclass(frozen=True)
class Fetched:
    """The result of ``fetch_masks``.

    Parameters
    ----------
    new : tuple of str
        The image ids of exports that were written.
    kept : tuple of str
        The image ids of exports that existed before.
    problems : Mapping[str, str]
        {image_id: message} of photos for which there are no masks.

    Examples
    --------
    >>> Fetched(("zebra/1",), ())
    Fetched(1 new, 0 kept, 0 problems)
    """

    new: tuple[str, ...]
    kept: tuple[str, ...]
    problems: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __repr__(self) -> str:
        return f"Fetched({len(self.new)} new, {len(self.kept)} kept, {len(self.problems)} problems)"


def fetch_masks(
    photos: str | os.PathLike[str],
    prompts: Sequence[str],
    out: str | os.PathLike[str],
    *,
    bbox_threshold: float = 0.25,
    iou_threshold: float = 0.8,
    model: str = MODEL,
    in_flight: int = 4,
    max_photo_bytes: int = MAX_PHOTO_BYTES,
    base_url: str = BASE_URL,
    progress: bool = True,
) -> Fetched:
    """Get masks of the things that ``prompts`` name from the DINO-X API, for a folder of photos.

    Parameters
    ----------
    photos : str or PathLike
        A folder (its subfolders included), or one photo. Photos are sent as files; those that EXIF
        turns, see-through ones, those of more than 8 bits, and those that are not JPEG, PNG or
        WebP, are sent as a PNG of 8 bits of what ``read_images`` gives, from its lowest value to
        its highest.
    prompts : sequence of str
        Names of what to find, such as ``sat_nb.prompts("zebra")``, without full stops.
    out : str or PathLike
        The folder of exports: ``out/zebra/3.json`` for ``photos/zebra/3.jpg``, which
        ``read_segments(out)`` reads. Valid exports that exist are kept, damaged ones are fetched
        again.
    bbox_threshold : float, default 0.25
        The least score of a detection, from 0 to 1.
    iou_threshold : float, default 0.8
        The overlap from which two detections are one, from 0 to 1.
    model : str, default "DINO-X-1.0"
        The name of the detector.
    in_flight : int, default 4
        The number of photos that are worked on at once.
    max_photo_bytes : int, default 10485760
        A larger photo is not sent, and is a problem.
    base_url : str, default "https://api.deepdataspace.com"
        The address of the API: https, or this machine.
    progress : bool, default True
        Show a bar.

    Returns
    -------
    Fetched
        What is new, what existed, and the problems. A second call tries the problems again.

    Raises
    ------
    CannotFetch
        If the token is refused, its quota is spent, or the service does not answer. Exports that
        are written stay.
    InvalidInput
        For wrong arguments, without a token, and if ``out`` has exports of another request.
    FileMissing
        If ``photos`` does not exist.
    CannotWrite
        If an export cannot be written.

    Notes
    -----
    The API's token is read from the environment variable DINOX_API_TOKEN. It is sent to
    ``base_url`` in a header of each request, and is never written, shown or logged.

    Requests that fail for the moment (too many requests, server errors, no connection) are
    tried up to eight times, after growing waits, or when the server says. All requests
    together are at most 10 a second. A photo that the API refuses is a problem, and the others go
    on. Each export also holds the request that it answers; detections whose mask covers no pixel
    are left out. What an answer may cost, in bytes and in seconds, is bounded by ``sat_nb.LIMITS``.

    References
    ----------
    https://cloud.deepdataspace.com/docs (DINO-X, detection, version 2).

    Examples
    --------
    >>> fetched = fetch_masks("photos/", prompts("zebra"), "exports/")  # doctest: +SKIP
    >>> segments = read_segments("exports/")  # doctest: +SKIP
    """
    _check_installed()
    request = detection_request(prompts, bbox_threshold, iou_threshold, model)
    checked_whole("in_flight", in_flight, 1), checked_whole("max_photo_bytes", max_photo_bytes, 1)
    base_url, token = checked_base_url(base_url), _token()
    folder, files = as_path(out, "out"), photo_files(photos)
    kept, missing = split_by_export(files, folder, request)
    from tqdm.auto import tqdm

    with tqdm(
        total=len(files), initial=len(kept), desc="masks", unit="photo", disable=not progress
    ) as bar:
        run = _Run(missing, folder, request, max_photo_bytes, bar)
        if missing:
            _in_own_loop(run.fetch(base_url, token, in_flight))
    if run.stopped:
        raise CannotFetch(
            f"{run.stopped} {len(kept) + len(run.new)} of {len(files)} photos have their export; "
            "run again for the others."
        )
    return Fetched(tuple(run.new), tuple(kept), MappingProxyType(run.problems))


@dataclass
class _Run:
    """The photos without an export, and what became of them."""

    files: Mapping[str, PhotoFile]
    out: Path
    request: Mapping[str, Any]
    max_photo_bytes: int
    bar: tqdm
    new: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    unanswered: int = 0

    async def fetch(self, base_url: str, token: Token, in_flight: int) -> None:
        """Work on ``in_flight`` photos at once until none is left, or nothing can succeed."""
        waiting = iter(self.files.items())
        async with DinoxApi(base_url, token) as api:
            workers = [asyncio.create_task(self._work(api, waiting)) for _ in range(in_flight)]
            try:
                await asyncio.gather(*workers)
            except Stop as error:
                self.stopped = str(error)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, api: DinoxApi, waiting: Iterator[tuple[str, PhotoFile]]) -> None:
        for image_id, photo in waiting:
            try:
                await self._fetch_one(api, image_id, photo)
                self.unanswered = 0
            except TryAgain as error:
                self.unanswered += 1
                if self.unanswered >= MAX_UNANSWERED:
                    raise Stop(f"{error}.") from None
                self.problems[image_id] = f"{photo.file}: {error}."
            except (PhotoFailed, InvalidInput) as error:
                self.problems[image_id] = f"{photo.file}: {error}"
                self.unanswered = 0
            self.bar.update()

    async def _fetch_one(self, api: DinoxApi, image_id: str, photo: PhotoFile) -> None:
        target = _target(self.out, image_id)
        picture, size = encoded(photo, self.max_photo_bytes)
        result = await api.detect({**self.request, "image": picture})
        export = checked_export(result, size, self.request)
        with written_whole(target, "out") as part:
            part.write_text(export, encoding="utf-8")
        self.new.append(image_id)


def _target(out: Path, image_id: str) -> Path:
    """The export's file; PhotoFailed where none can have its name, before the photo is sent."""
    target = export_file(out, image_id)
    try:
        check_target(target, "out")
    except CannotWrite as error:
        raise PhotoFailed(str(error)) from None
    return target


def _in_own_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread with an event loop of its own: notebooks have a running one already.

    An interrupt cancels the work, waits until it has ended, and is raised again.
    """
    loop, ended = asyncio.new_event_loop(), threading.Event()
    task = loop.create_task(work)

    def run() -> None:
        loop.run_until_complete(_wait_for(task))
        ended.set()

    thread = threading.Thread(target=run)
    try:  # from the start on: the thread may run long before an interrupted start() returns
        thread.start()
        while not ended.wait(0.1):  # short waits, so that an interrupt is noticed between them
            pass
    finally:
        loop.call_soon_threadsafe(task.cancel)
        ended.wait()
        thread.join()
        loop.close()
    task.result()


async def _wait_for(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


def _check_installed() -> None:
    try:
        import httpx  # noqa: F401
        import tenacity  # noqa: F401
    except ImportError as error:
        raise CannotFetch(
            f"fetching masks needs httpx and tenacity ({error}); install them with "
            "pip install 'sat-nb[fetch]'."
        ) from error


def _token() -> Token:
    found = Token(os.environ.get(TOKEN_VARIABLE, "").strip())
    if not re.fullmatch(r"[!-~]{8,500}", found.text):
        came = "something else" if found.text else "none"
        raise InvalidInput(
            f"{TOKEN_VARIABLE}: expected the DINO-X API's token in this environment variable, at "
            f"least 8 visible ASCII characters, got {came}; cloud.deepdataspace.com gives tokens."
        )
    return found


def prompts(class_name: str) -> tuple[str, ...]:
    """Twelve named regions to look for in photos of a class, as ``fetch_masks`` takes them.

    Parameters
    ----------
    class_name : str
        "chihuahua", "fire truck", "zebra" or "horse"; or an action of BAR: "climbing", "diving",
        "fishing", "racing", "throwing", "vaulting".

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    InvalidInput
        For another class.

    Notes
    -----
    The file ``segments/dinox_api/prompts.toml`` tells how they were made. Any list of names will
    do as well.

    References
    ----------
    Hinns and Martens 2025, who have twelve prompts a class.

    Examples
    --------
    >>> prompts("Zebra")[:4]
    ('eye', 'ear', 'muzzle', 'mane')
    """
    known = tomllib.loads(
        files("sat_nb.segments.dinox_api").joinpath("prompts.toml").read_text("utf-8")
    )
    name = normalize(class_name) if isinstance(class_name, str) else class_name
    if name not in known:
        raise unknown_name("class_name", class_name, known)
    return tuple(known[name])
