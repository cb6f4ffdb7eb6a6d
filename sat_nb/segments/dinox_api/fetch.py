"""fetch_masks: photos to mask exports, by the DINO-X detection API.

One export file a photo, written whole; what is there already is kept, so that a run that was
stopped goes on where it was. Needs httpx and tenacity: ``pip install 'sat-nb[fetch]'``.
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

from sat_nb.arguments import checked_whole, is_number
from sat_nb.errors import CannotFetch, CannotWrite, InvalidInput, shorten, unknown_name
from sat_nb.files import written_whole
from sat_nb.segments.dinox_api.client import (
    BASE_URL,
    TOKEN_VARIABLE,
    Again,
    DinoxApi,
    PhotoFailed,
    Stop,
    Token,
    checked_base_url,
)
from sat_nb.segments.dinox_api.exports import (
    checked_export,
    encoded,
    export_file,
    photo_files,
    sorted_out,
)
from sat_nb.segments.formats.limits import checked_name
from sat_nb.segments.names import normalize

if TYPE_CHECKING:
    from tqdm import tqdm


MODEL = "DINO-X-1.0"
MAX_PHOTO_BYTES = 10 * 2**20  # as sent, before base64 makes a third more of it
UNANSWERED = 3  # photos in a row for which no attempt got an answer: the service is away
SEPARATOR = " . "  # of the prompts


@dataclass(frozen=True)
class Fetched:
    """What ``fetch_masks`` did: ids of the exports that are new and that were there before.

    ``problems`` is {image_id: message} of the photos that no masks were got for.
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
    """Masks of the things that ``prompts`` name, for a folder of photos, from the DINO-X API.

    The API's token is read from the environment variable DINOX_API_TOKEN. It is sent to
    ``base_url`` in the header of each request, and nowhere written, shown or logged.

    Parameters
    ----------
    photos: a folder (and its subfolders), or one photo. They are sent as files; those that EXIF
        turns, and those that are no JPEG, PNG or WebP, as a PNG of what ``read_images`` shows.
    prompts: names of what to find, such as ``sat_nb.prompts("zebra")``; no full stops in them.
    out: the folder of exports: ``out/zebra/3.json`` for ``photos/zebra/3.jpg``. Exports that are
        there and can be read are kept, damaged ones are fetched again. ``read_segments(out)``
        reads them.
    bbox_threshold, iou_threshold: of the detector, from 0 to 1: the least score of a detection,
        and the overlap from which two detections are one.
    model: the detector's name.
    in_flight: photos that are worked on at once; all requests together go at most 10 a second.
    max_photo_bytes: a larger photo is a problem, and not sent.
    base_url: the API's address: https, or this very machine.
    progress: show a bar.

    Requests that fail for a while (too many, server errors, no connection) are repeated up to
    eight times, later each time, or when the server says. A photo that the API does not take
    is a problem, and the others go on. Each export also holds the request that it answers;
    detections whose mask covers nothing are left out of it.

    Returns a :class:`Fetched`; calling again tries the problems again.

    Raises CannotFetch where the token is refused, its quota is spent, or the service does not
    answer: exports that are written stay. InvalidInput for arguments, no token, and a folder
    ``out`` with exports of another request; FileMissing; CannotWrite.

    Source: https://cloud.deepdataspace.com/docs (DINO-X, detection, version 2).
    """
    _check_installed()
    ask = _request(prompts, bbox_threshold, iou_threshold, model)
    checked_whole("in_flight", in_flight, 1), checked_whole("max_photo_bytes", max_photo_bytes, 1)
    base_url, token = checked_base_url(base_url), _token()
    files = photo_files(photos)
    kept, left = sorted_out(files, Path(out), ask)
    from tqdm.auto import tqdm

    with tqdm(
        total=len(files), initial=len(kept), desc="masks", unit="photo", disable=not progress
    ) as bar:
        run = _Run(left, Path(out), ask, max_photo_bytes, bar)
        if left:
            _in_own_loop(run.all(base_url, token, in_flight))
    if run.stopped:
        raise CannotFetch(
            f"{run.stopped} {len(kept) + len(run.new)} of {len(files)} photos have their export; "
            "run again for the others."
        )
    return Fetched(tuple(run.new), tuple(kept), MappingProxyType(run.problems))


# --- the run ------------------------------------------------------------------------------------


@dataclass
class _Run:
    """The photos that are left, and what has become of them."""

    files: Mapping[str, Path]
    out: Path
    ask: Mapping[str, Any]
    max_photo_bytes: int
    bar: tqdm
    new: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    unanswered: int = 0

    async def all(self, base_url: str, token: Token, in_flight: int) -> None:
        """Work on ``in_flight`` photos at once until none is left, or nothing goes any more."""
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

    async def _work(self, api: DinoxApi, waiting: Iterator[tuple[str, Path]]) -> None:
        for image_id, file in waiting:
            try:
                await self._one(api, image_id, file)
                self.unanswered = 0
            except Again as error:
                self.unanswered += 1
                if self.unanswered >= UNANSWERED:
                    raise Stop(f"{error}.") from None
                self.problems[image_id] = f"{file}: {error}."
            except (PhotoFailed, InvalidInput) as error:
                self.problems[image_id] = f"{file}: {error}"
                self.unanswered = 0
            self.bar.update()

    async def _one(self, api: DinoxApi, image_id: str, file: Path) -> None:
        picture, size = encoded(file, self.max_photo_bytes)
        result = await api.detect({**self.ask, "image": picture})
        export, target = checked_export(result, size, self.ask), export_file(self.out, image_id)
        try:
            with written_whole(target) as part:
                part.write_text(export, encoding="utf-8")
        except OSError as error:
            raise CannotWrite(f"out: {target} cannot be written ({error}).") from error
        self.new.append(image_id)


def _in_own_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread with an event loop of its own: notebooks have one running already.

    An interrupt cancels the work, waits for its end, and goes on its way.
    """
    loop, ended = asyncio.new_event_loop(), threading.Event()
    task = loop.create_task(work)

    def run() -> None:
        loop.run_until_complete(_settled(task))
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        while not ended.wait(0.1):  # in short turns, between which an interrupt arrives
            pass
    finally:
        loop.call_soon_threadsafe(task.cancel)
        ended.wait()
        thread.join()
        loop.close()
    task.result()


async def _settled(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


# --- what is sent -------------------------------------------------------------------------------


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


def _request(
    prompts: Sequence[str], bbox_threshold: float, iou_threshold: float, model: str
) -> dict[str, Any]:
    """What each request says beside its photo."""
    if isinstance(prompts, str) or not prompts:
        raise InvalidInput(f"prompts: expected a list of names, got {prompts!r}.")
    names = [" ".join(checked_name(name, "prompts").split()) for name in prompts]
    wrong = [name for name in names if "." in name]
    if wrong:
        raise InvalidInput(
            f"prompts: {wrong[0]!r} holds a full stop, which separates prompts; take it out."
        )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InvalidInput(f"prompts: {shorten(sorted(twice))} occurs twice; keep one.")
    for argument, value in (("bbox_threshold", bbox_threshold), ("iou_threshold", iou_threshold)):
        if not is_number(value) or not 0 <= value <= 1:
            raise InvalidInput(f"{argument}: expected a number from 0 to 1, got {value!r}.")
    return {
        "model": checked_name(model, "model"),
        "prompt": {"type": "text", "text": SEPARATOR.join(names)},
        "targets": ["bbox", "mask"],
        "bbox_threshold": float(bbox_threshold),
        "iou_threshold": float(iou_threshold),
        "mask_format": "coco_rle",
    }


def prompts(class_name: str) -> tuple[str, ...]:
    """Twelve named regions to look for in photos of a class, as ``fetch_masks`` takes them.

    There are some for "chihuahua", "fire truck", "zebra" and "horse", and for the actions of
    BAR: "climbing", "diving", "fishing", "racing", "throwing", "vaulting". The file
    ``segments/dinox_api/prompts.toml`` says how they were made; any list of names will do as well.

    Raises InvalidInput for another class.

    Source: Hinns & Martens 2025, who have twelve prompts a class.

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
