"""fetch_masks against a server that speaks the documented protocol, its errors included."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import gzip
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import sat_nb as sat
from sat_nb import CannotFetch, InvalidInput
from sat_nb.cli import main
from sat_nb.segments.dinox_api import client as dinox_api
from sat_nb.segments.dinox_api import exports as exports_
from sat_nb.segments.dinox_api import fetch
from sat_nb.segments.dinox_api.client import DinoxApi, RateLimit, checked_base_url
from sat_nb.segments.dinox_api.token import Token
from sat_nb.segments.formats.rle import encode_coco
from tests.segments.dinox_server import SECRET, Dinox, detected, error, ok, running

QUOTA, RATE = "Token out of Quota", "Token exceeds Rate Limit"
NAMES = ("eye", "mane", "hoof")
PACKAGE = Path(sat.__file__).parent


@pytest.fixture
def dinox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dinox]:
    """The server, with a client that does not wait for anything."""
    monkeypatch.setenv("DINOX_API_TOKEN", SECRET)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # would be sent the token
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(dinox_api, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(dinox_api, "LONGEST_WAIT", 0.005)
    monkeypatch.setattr(dinox_api, "POLL_WAITS", (0.001, 0.005))
    monkeypatch.setattr(RateLimit.__init__, "__defaults__", (10_000,))
    server = Dinox()
    with running(server):
        yield server


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos", 5)


def make_photos(folder: Path, n: int) -> Path:
    (folder / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(n):
        name = f"sub/{i}.png" if i == n - 1 else f"{i}.jpg"
        pixels = rng.integers(0, 255, (6 + i, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def fetched(dinox: Dinox, photos: Path, **options: Any) -> fetch.Fetched:
    settings = {"base_url": dinox.url, "progress": False, **options}
    prompts = settings.pop("prompts", NAMES)
    return sat.fetch_masks(photos, prompts, photos.parent / "exports", **settings)


def exports(photos: Path) -> dict[str, bytes]:
    folder = photos.parent / "exports"
    return {
        f.relative_to(folder).with_suffix("").as_posix(): f.read_bytes()
        for f in sorted(folder.rglob("*"))
        if f.is_file()
    }


# --- what goes well -----------------------------------------------------------------------------


def test_what_is_fetched_is_read(dinox: Dinox, photos: Path) -> None:
    dinox.n_looks = 3
    found = fetched(dinox, photos)
    assert (sorted(found.new), found.kept, dict(found.problems)) == (
        ["0", "1", "2", "3", "sub/4"], (), {},
    )  # fmt: skip
    assert repr(found) == "Fetched(5 new, 0 kept, 0 problems)"
    segments = sat.read_segments(photos.parent / "exports")
    images = sat.read_images(photos)
    assert set(segments) == set(images)
    for image_id, read in segments.items():
        assert read.names == NAMES
        assert read.size == images.size(image_id)
        assert [np.flatnonzero(m.any(axis=1)).tolist() for m in read.masks] == [[0], [1], [2]]
    assert sat.check_masks(segments, images, progress=False).errors == ()


def test_requests_are_as_documented(dinox: Dinox, photos: Path) -> None:
    fetched(dinox, photos, bbox_threshold=0.3, prompts=["Left  eye", "mane"])
    posts = [(headers, body) for _, path, headers, body in dinox.asked if "detection" in path]
    assert len(posts) == 5
    for headers, body in posts:
        assert headers["token"] == SECRET
        kind, picture = body.pop("image").split(";base64,")
        assert kind in ("data:image/jpeg", "data:image/png")
        assert picture
        assert body == {
            "model": "DINO-X-1.0",
            "prompt": {"type": "text", "text": "Left eye . mane"},
            "targets": ["bbox", "mask"],
            "bbox_threshold": 0.3,
            "iou_threshold": 0.8,
            "mask_format": "coco_rle",
        }


def test_a_notebook_has_a_loop_of_its_own_running(dinox: Dinox, photos: Path) -> None:
    async def cell() -> fetch.Fetched:
        return fetched(dinox, photos)

    assert len(asyncio.run(cell()).new) == 5


def test_photos_are_sent_as_they_are_shown(dinox: Dinox, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    pixels = np.zeros((6, 9, 3), np.uint8)
    Image.fromarray(pixels).save(photos / "turned.jpg", exif=turned)
    Image.fromarray(pixels).save(photos / "rare.bmp")
    fetched(dinox, photos)
    segments, images = sat.read_segments(tmp_path / "exports"), sat.read_images(photos)
    assert {i: segments[i].size for i in segments} == {"turned": (9, 6), "rare": (6, 9)}
    assert all(images.size(i) == segments[i].size for i in images)


def test_never_more_than_ten_requests_a_second(
    dinox: Dinox, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RateLimit.__init__, "__defaults__", (dinox_api.PER_SECOND,))
    gone: list[float] = []
    send = DinoxApi._send

    async def noted(*args: Any) -> Any:
        gone.append(time.monotonic())
        return await send(*args)

    monkeypatch.setattr(DinoxApi, "_send", noted)
    dinox.n_looks = 4
    fetched(dinox, photos, in_flight=5)
    assert len(gone) == len(dinox.asked) == 25, "polls count as well"
    assert min(b - a for a, b in zip(gone, gone[10:], strict=False)) > 1.0
    assert gone[-1] - gone[0] < 15.0, "and they are not much slower than that"


@pytest.mark.parametrize("in_flight", [1, 3])
def test_few_photos_are_in_flight(dinox: Dinox, photos: Path, in_flight: int) -> None:
    dinox.n_looks = 5
    fetched(dinox, photos, in_flight=in_flight)
    assert dinox.most_open == in_flight


# --- resuming -----------------------------------------------------------------------------------


def test_a_second_run_keeps_what_is_there(dinox: Dinox, photos: Path) -> None:
    fetched(dinox, photos)
    before = exports(photos)
    (photos.parent / "exports" / "1.json").write_bytes(before["1"][:-20])
    (photos.parent / "exports" / "sub" / "4.json").unlink()
    dinox.asked.clear()
    found = fetched(dinox, photos)
    assert (sorted(found.new), list(found.kept)) == (["1", "sub/4"], ["0", "2", "3"])
    assert dinox.n_asked("detection") == 2
    assert exports(photos) == before
    dinox.asked.clear()
    assert fetched(dinox, photos).new == ()
    assert dinox.asked == []


def test_exports_of_other_prompts_are_not_mixed(dinox: Dinox, photos: Path) -> None:
    fetched(dinox, photos)
    with pytest.raises(InvalidInput, match="5 exports of another request .*: '0', '1', '2' and 2"):
        fetched(dinox, photos, prompts=["eye"])
    export = photos.parent / "exports" / "0.json"
    export.write_text(json.dumps({"objects": json.loads(export.read_text())["objects"]}))
    assert "0" in fetched(dinox, photos).kept, "an export that does not say is taken as it is"


def test_a_killed_run_is_resumed(dinox: Dinox, tmp_path: Path) -> None:
    """Killed with no chance to tidy up: nothing half-written is taken for an export."""
    photos = make_photos(tmp_path / "photos", 12)
    dinox.n_finish = 3
    code = (
        "import sat_nb as sat\n"
        f"sat.fetch_masks({str(photos)!r}, {NAMES!r}, {str(tmp_path / 'exports')!r}, "
        f"base_url={dinox.url!r}, progress=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ})
    try:
        _wait_until(lambda: len(list((tmp_path / "exports").rglob("[!.]*.json"))) == 3)
    finally:
        process.kill()
        process.wait()
    before = {i: raw for i, raw in exports(photos).items() if not Path(i).name.startswith(".")}
    assert len(before) == 3
    dinox.n_finish = 10**9
    found = fetched(dinox, photos)
    assert not [i for i in exports(photos) if ".part-" in i]
    assert set(found.kept) == set(before)
    assert len(found.kept) + len(found.new) == 12
    assert {i: exports(photos)[i] for i in before} == before
    assert len(sat.read_segments(tmp_path / "exports")) == 12


def test_an_interrupt_ends_it_at_once(dinox: Dinox, photos: Path) -> None:
    dinox.n_looks = 10**9
    code = (
        "import sat_nb as sat\ntry:\n"
        f"    sat.fetch_masks({str(photos)!r}, ['eye'], 'nowhere', base_url={dinox.url!r})\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=photos,
    )  # fmt: skip
    _wait_until(lambda: dinox.n_asked("status") > 2)
    process.send_signal(signal.SIGINT)
    out, message = process.communicate(timeout=60)
    assert out == "interrupted\n", message
    assert "Traceback" not in message
    assert "masks:" in message, "the bar"
    assert SECRET not in out + message


def test_an_interrupt_while_the_thread_starts_ends_it_too(
    dinox: Dinox, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dinox.n_looks = 10**9
    start, before = threading.Thread.start, set(threading.enumerate())

    def interrupted_start(thread: threading.Thread) -> None:
        start(thread)
        if thread.name.endswith("(run)"):
            _wait_until(lambda: dinox.n_asked("status") > 2)
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted_start)
    with pytest.raises(KeyboardInterrupt):
        fetched(dinox, photos)
    left = [t for t in set(threading.enumerate()) - before if t.name.endswith("(run)")]
    dinox.before["status"] = [error(QUOTA)] * 99  # which ends a thread that was left
    assert left == [], "nothing goes on asking"


def _wait_until(done: Any) -> None:
    give_up = time.monotonic() + 60
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.02)


# --- what passes --------------------------------------------------------------------------------

GARBLED = (200, b'{"code": 0, "data": {"task_uu', {})
PASSING = {
    "rate limit": error(RATE),
    "429": error("slow down", status=429),
    "500": (500, b"<html>oops</html>", {}),
    "503": (503, b"", {}),
    "hangs up": (0, b"", {}),
    "garbled": GARBLED,
    "no data": (200, {"code": 0, "msg": "ok"}, {}),
    "not JSON": (200, b"welcome to this hotel's network", {}),
}


@pytest.mark.parametrize("kind", ["detection", "status"])
@pytest.mark.parametrize("trouble", PASSING)
def test_what_passes_is_tried_again(dinox: Dinox, photos: Path, kind: str, trouble: str) -> None:
    dinox.before[kind] = [PASSING[trouble], None, PASSING[trouble], PASSING[trouble]]
    found = fetched(dinox, photos)
    assert (len(found.new), dict(found.problems)) == (5, {})
    assert dinox.n_asked("detection") == 5 + 3 * (kind == "detection"), "a task is made once"


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_server_says_when(dinox: Dinox, photos: Path, form: str) -> None:
    when = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    dinox.before["detection"] = [error(RATE, status=429, Retry_After=when)]
    fetched(dinox, photos, in_flight=1)
    first, second, *_ = [at for at, *_ in dinox.asked]
    assert 0.9 < second - first < 15.0


def test_what_goes_on_failing_is_a_problem_and_then_the_end(dinox: Dinox, photos: Path) -> None:
    dinox.before["detection"] = [error("oops", status=500)] * 8  # as documented
    found = fetched(dinox, photos, in_flight=1)
    assert list(found.problems) == ["0"]
    assert "0.jpg: the server is too busy, or in trouble (oops)" in found.problems["0"]
    assert len(found.new) == 4
    assert fetched(dinox, photos).new == ("0",), "the next run tries again"
    dinox.before["detection"] = [error("oops", status=502)] * 1000
    dinox.asked.clear()
    with pytest.raises(CannotFetch, match=r"trouble \(oops\)\. 0 of 5 photos have their export"):
        sat.fetch_masks(photos, NAMES, photos.parent / "b", base_url=dinox.url, progress=False,
                        in_flight=1)  # fmt: skip
    assert len(dinox.asked) == fetch.MAX_UNANSWERED * 8


def test_nobody_there(dinox: Dinox, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dinox_api, "N_ATTEMPTS", 2)
    with pytest.raises(CannotFetch, match=r"no answer from http://127\.0\.0\.1:9 \(ConnectError"):
        fetched(dinox, photos, base_url="http://127.0.0.1:9")


# --- what does not pass -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["detection", "status"])
@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (error(QUOTA), "quota is spent .*Token out of Quota.* run again when there is more"),
        (error(QUOTA, status=429), "quota is spent"),
        (
            error("Invalid token", status=401),
            "refused .*environment variable DINOX_API_TOKEN",
        ),
        (error("The token does not exist"), "token is refused"),
        (error("", status=401), r"token is refused \(HTTP status 401\)"),
        (error("", status=403), r"token is refused \(HTTP status 403\)"),
        (error("x", status=503, Retry_After="86400"), "come back in 86400 seconds"),
    ],
)
def test_what_does_not_pass_ends_it(
    dinox: Dinox, photos: Path, kind: str, refusal: Any, message: str
) -> None:
    fetched(dinox, photos, in_flight=1)
    for image_id in ("1", "2", "3"):
        (photos.parent / "exports" / f"{image_id}.json").unlink()
    dinox.asked.clear()
    dinox.before[kind] = [None, *[refusal] * 99]
    with pytest.raises(CannotFetch, match=message) as raised:
        fetched(dinox, photos, in_flight=1)
    assert "3 of 5 photos have their export; run again for the others" in str(raised.value)
    assert sorted(exports(photos)) == ["0", "1", "sub/4"]
    assert len(dinox.asked) == 3 + (kind == "status"), "it stops at the first refusal"


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ({"status": [ok({"status": "failed", "error": "bad image"})]}, r"failed \(bad image\)"),
        ({"status": [ok({"status": "lost"})]}, r"failed \(lost\)"),
        ({"status": [ok({"status": "success"})]}, "a list `objects`, got none"),
        ({"status": [ok({"status": "success", "result": {"objects": [{}]}})]}, "category: exp"),
        ({"detection": [error("image too large", status=413)]}, r"refuses .*\(image too large\)"),
        ({"detection": [error("prompt: too many tokens")]}, "refuses the request"),
        ({"detection": [ok({"task_uuid": "../../v1/keys"})]}, "expected a task_uuid, got ../"),
        ({"detection": [ok({"task_uuid": "unknown"})]}, r"refuses the request \(no such task\)"),
    ],
)
def test_a_photo_that_fails_is_reported_and_the_others_go_on(
    dinox: Dinox, photos: Path, replies: dict[str, Any], message: str
) -> None:
    dinox.before.update({kind: list(planned) for kind, planned in replies.items()})
    found = fetched(dinox, photos, in_flight=1)
    assert list(found.problems) == ["0"]
    assert len(found.new) == 4
    with pytest.raises(InvalidInput, match=message):
        raise InvalidInput(found.problems["0"])
    assert "0" not in exports(photos)


def test_masks_of_another_size_are_not_kept(dinox: Dinox, photos: Path) -> None:
    other = {"category": "eye", "mask": {"size": [2, 2], "counts": "112", "format": "coco_rle"}}
    dinox.before["status"] = [ok({"status": "success", "result": {"objects": [other]}})]
    found = fetched(dinox, photos, in_flight=1)
    assert "the masks are (2, 2) (height, width), the photo is (6, 9)" in found.problems["0"]


def test_detections_of_nothing_are_left_out(dinox: Dinox, photos: Path) -> None:
    """Here "hoof" was found, and its mask is empty: 6 x 9 pixels of background."""
    found = detected({"image": f",{one_photo(photos)}", "prompt": {"text": "eye . hoof"}})
    found["objects"][1]["mask"]["counts"] = encode_coco(np.zeros((6, 9), bool))
    dinox.before["status"] = [ok({"status": "success", "result": found})]
    assert dict(fetched(dinox, photos, in_flight=1).problems) == {}
    assert sat.read_segments(photos.parent / "exports")["0"].names == ("eye",)


def one_photo(photos: Path) -> str:
    return base64.b64encode((photos / "0.jpg").read_bytes()).decode()


def test_a_task_that_is_never_done(
    dinox: Dinox, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dinox_api, "TASK_SECONDS", 0.1)
    dinox.n_looks = 10**9
    found = fetched(dinox, photos)
    assert len(found.problems) == 5
    assert "was not done after 0.1 seconds" in found.problems["0"]


def test_what_cannot_be_sent_is_a_problem(dinox: Dinox, photos: Path) -> None:
    (photos / "0.jpg").write_bytes(b"no photo")
    Image.fromarray(np.zeros((200, 200, 3), np.uint8)).save(photos / "1.jpg", quality=100)
    most = (photos / "1.jpg").stat().st_size - 1
    found = fetched(dinox, photos, max_photo_bytes=most)
    assert sorted(found.problems) == ["0", "1"]
    assert "0.jpg: not readable as a photo" in found.problems["0"]
    assert f"the limit is {most}; shrink the photo" in found.problems["1"]
    assert dinox.n_asked("detection") == 3


# --- the token ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "planned",
    [
        [error(f"Invalid token {SECRET}", status=401)],
        [error(f"bad request with {'x' * 190}{SECRET}")],
        [(500, f"trace: {SECRET}".encode(), {})] * 99,
        [(0, b"", {})] * 99,
        [(302, b"", {"location": "http://127.0.0.1:9/"})],
        [ok({"task_uuid": f"../{SECRET}"})],
        [ok({"task_uuid": SECRET})],
        [(200, b"nothing", {"x-you-sent": SECRET})] * 99,
    ],
)
def test_the_token_is_nowhere(
    dinox: Dinox,
    photos: Path,
    planned: list[Any],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    dinox.before["detection"] = planned
    stopped, told = None, []
    try:
        told.append(repr(fetched(dinox, photos).problems))
    except CannotFetch as error_:
        stopped = error_
    if stopped is not None:
        assert stopped.__context__ is None
        frames = [frame for frame, _ in traceback.walk_tb(stopped.__traceback__)]
        own = [f for f in frames if Path(f.f_code.co_filename).is_relative_to(PACKAGE)]
        assert own
        told += [str(stopped), *(repr(frame.f_locals) for frame in own)]
    told += [*capfd.readouterr(), caplog.text, *(repr(vars(r)) for r in caplog.records)]
    assert not [text for text in told if SECRET in text or SECRET[:8] in text]
    assert caplog.records, "httpx logs its requests"
    assert not [name for name, raw in exports(photos).items() if SECRET.encode() in raw]


def test_a_token_that_is_sent_back_is_not_kept(dinox: Dinox, photos: Path) -> None:
    mask = {"counts": encode_coco(np.ones((6, 9), bool)), "size": [6, 9], "format": "coco_rle"}
    coded = base64.b64encode(SECRET.encode()).decode()
    thing = {"category": f"eye {SECRET}", "score": 0.5, "mask": mask, "request": {SECRET: [coded]}}
    escaped = "".join(f"\\u{ord(c):04x}" for c in SECRET)
    body = json.dumps(
        {"code": 0, "data": {"status": "success", "result": {"objects": [thing], "x": "ECHO"}}}
    ).replace("ECHO", escaped)
    dinox.before["status"] = [(200, body.encode(), {})] * 9
    result = fetched(dinox, photos)
    assert result.new == ("0",), "photos of other sizes are problems"
    written = exports(photos)
    assert written
    for raw in written.values():
        assert SECRET.encode() not in raw
        assert coded.rstrip("=").encode() not in raw
        assert b"eye ***" in raw


def test_redirections_are_not_followed(dinox: Dinox, photos: Path) -> None:
    elsewhere = Dinox()
    with running(elsewhere) as url:
        dinox.before["detection"] = [(307, b"", {"location": f"{url}/v2/task/dinox/detection"})]
        with pytest.raises(CannotFetch, match="answers with a redirection, which is not followed"):
            fetched(dinox, photos)
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://api.deepdataspace.com", "http://127.0.0.1.evil.org", "http://localhost.evil.org",
        "http://127.0.0.1@evil.org", "https://user:word@api.deepdataspace.com", "ftp://localhost",
        "api.deepdataspace.com", "https://", "https://a.org?x=1", "http://0.0.0.0", "", None,
        "http://[::1", "http://2130706433.evil.org",
    ],
)  # fmt: skip
def test_addresses_that_would_tell_the_token(dinox: Dinox, photos: Path, url: Any) -> None:
    with pytest.raises(InvalidInput, match="base_url: expected https"):
        fetched(dinox, photos, base_url=url)
    assert dinox.asked == []


def test_addresses_that_will_do() -> None:
    for url in ("https://api.deepdataspace.com", "http://localhost:80", "http://[::1]:8000"):
        assert checked_base_url(f"{url}/").startswith(url.rsplit(":80", 1)[0])
    assert SECRET not in repr(DinoxApi("https://a.org", Token(SECRET)))


@pytest.mark.parametrize("token", ["", "  ", "short", "with a blank in it", "ünicode-token-1"])
def test_a_token_is_needed(
    dinox: Dinox, photos: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("DINOX_API_TOKEN", token)
    with pytest.raises(InvalidInput, match="DINOX_API_TOKEN: expected the DINO-X API's token") as e:
        fetched(dinox, photos)
    assert not token.strip() or token not in str(e.value)
    assert dinox.asked == []


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompts": []}, "prompts: expected a list of names"),
        ({"prompts": "eye"}, "prompts: expected a list of names, got 'eye'"),
        ({"prompts": ["eye", " "]}, "prompts: expected a name"),
        ({"prompts": ["eye. mane"]}, "'eye. mane' holds a full stop"),
        ({"prompts": ["eye", "eye"]}, "'eye' occurs twice"),
        ({"bbox_threshold": 25}, "bbox_threshold: expected a number from 0 to 1, got 25"),
        ({"iou_threshold": None}, "iou_threshold: expected a number"),
        ({"in_flight": 0}, "in_flight: expected a whole number >= 1"),
        ({"max_photo_bytes": 0}, "max_photo_bytes: expected a whole number >= 1"),
        ({"model": ""}, "model: expected a name"),
    ],
)
def test_what_it_refuses(dinox: Dinox, photos: Path, options: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fetched(dinox, photos, **options)
    assert dinox.asked == []


def test_folders_that_do_not_serve(dinox: Dinox, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(sat.FileMissing, match="photos: .* does not exist"):
        fetched(dinox, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="photos: no photo in"):
        fetched(dinox, tmp_path / "empty")
    (tmp_path / "exports").write_text("a file")
    with pytest.raises(InvalidInput, match="out: .* is a file"):
        fetched(dinox, photos)


def test_names_that_no_export_can_have_are_problems(dinox: Dinox, photos: Path) -> None:
    (photos.parent / "exports" / "1.json").mkdir(parents=True)
    long = "n" * 251
    (photos / "2.jpg").rename(photos / f"{long}.jpg")
    found = fetched(dinox, photos)
    assert "1.json' (it is a folder); give another name" in found.problems["1"]
    assert "256 bytes, file systems take 255" in found.problems[long]
    assert {"1", long} == set(found.problems)
    assert len(found.new) == dinox.n_asked("detection") == 3


def test_what_cannot_be_written_ends_it(
    dinox: Dinox, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(sat.CannotWrite, match=r"out: cannot write .*\.json. .*disk is full"):
        fetched(dinox, photos, in_flight=1)
    assert exports(photos) == {}, "and nothing half-written"


def test_what_is_missing_is_named(
    dinox: Dinox, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    with pytest.raises(CannotFetch, match=r"pip install 'sat-nb\[fetch\]'"):
        fetched(dinox, photos)


def test_the_command_line(dinox: Dinox, photos: Path) -> None:
    out = photos.parent / "exports"
    arguments = ["masks", "fetch", str(photos), "--out", str(out), "--base-url", dinox.url]
    for more, text in ((["--prompts", "eye, mane"], "give either"), ([], "give either")):
        both = ["--class", "zebra"] if more else []
        result = CliRunner().invoke(main, [*arguments, *more, *both])
        assert result.exit_code == 1
        assert text in result.output
    (photos / "2.jpg").write_bytes(b"no photo")
    result = CliRunner().invoke(main, [*arguments, "--prompts", "eye, mane"])
    assert result.exit_code == 1
    assert "4 new, 0 kept, 1 problems" in result.output
    assert "2.jpg: not readable as a photo" in result.output
    (photos / "2.jpg").unlink()
    result = CliRunner().invoke(main, [*arguments, "--prompts", "eye, mane"])
    assert (result.exit_code, "0 new, 4 kept" in result.output) == (0, True)
    assert sat.read_segments(out)["0"].names == ("eye", "mane")
    dinox.before["detection"] = [error(QUOTA)]
    result = CliRunner().invoke(main, [*arguments[:-4], "--out", str(photos.parent / "b"),
                                       "--base-url", dinox.url, "--class", "zebra"])  # fmt: skip
    assert result.exit_code == 1
    assert "quota is spent" in result.output
    assert SECRET not in result.output


# --- prompts ------------------------------------------------------------------------------------

CLASSES = (
    "chihuahua", "fire truck", "zebra", "horse",
    "climbing", "diving", "fishing", "racing", "throwing", "vaulting",
)  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_has_twelve_prompts(name: str) -> None:
    found = sat.prompts(f" {name.upper()} ")
    assert len(set(found)) == len(found) == 12
    exports_.detection_request(found, 0.25, 0.8, "x")
    segments = {"a": sat.SegmentationMap(found, np.ones((12, 1, 1), bool))}
    assert len(sat.suggest_renames(segments, progress=False)) == 0, "no two names mean one thing"


def test_the_papers_own_names_are_among_them() -> None:
    assert {"eye", "ear", "head"} <= set(sat.prompts("chihuahua"))
    assert {"mane", "hoof", "watermark"} <= set(sat.prompts("zebra")) & set(sat.prompts("horse"))
    assert all("person" in sat.prompts(action) for action in CLASSES[4:])
    with pytest.raises(InvalidInput, match=r"class_name: unknown name 'zebras'\. Did you mean"):
        sat.prompts("zebras")


# --- answers that cost more than they say ---------------------------------------------------------


def answers(content: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    return 200, content, {key.replace("_", "-"): value for key, value in headers.items()}


@pytest.mark.parametrize("times", [1, 2])
def test_packed_answers_are_bounded(
    dinox: Dinox, photos: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setitem(sat.LIMITS, "answer_bytes", 2**20)
    packed = b"[" * 2**28
    for _ in range(times):
        packed = gzip.compress(packed, 1)
    encoding = ", ".join(["gzip"] * times)
    dinox.before["detection"] = [answers(packed, content_encoding=encoding)]
    tracemalloc.start()
    try:
        found = fetched(dinox, photos, in_flight=1)
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()
    (problem,) = found.problems.values()
    assert ("packed as 'gzip, gzip'" if times == 2 else "more than 1048576 bytes") in problem
    assert ("sat_nb.LIMITS['answer_bytes']" in problem) is (times == 1)  # no limit unpacks it twice


def test_packed_answers_are_read(dinox: Dinox, photos: Path) -> None:
    packed = gzip.compress(json.dumps({"code": 1, "msg": "no such thing"}).encode())
    dinox.before["detection"] = [answers(packed, content_encoding="gzip")]
    (problem,) = fetched(dinox, photos, in_flight=1).problems.values()
    assert "no such thing" in problem


def test_masks_are_counted_before_they_are_decoded(dinox: Dinox, photos: Path) -> None:
    size = [16_384, 16_384]
    mask = {"counts": "01", "size": size, "format": "coco_rle"}
    objects = [{"category": "eye", "score": 0.5, "mask": mask}] * 60
    dinox.before["status"] = [ok({"status": "success", "result": {"objects": objects}})]
    begun = time.monotonic()
    (problem,) = fetched(dinox, photos, in_flight=1).problems.values()
    assert "the masks are (16384, 16384) (height, width), the photo is (6, 9)" in problem
    assert time.monotonic() - begun < 10


def test_answers_that_drip_have_an_end(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINOX_API_TOKEN", SECRET)
    monkeypatch.setitem(sat.LIMITS, "answer_seconds", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(
            CannotFetch, match=r"not complete after 1 seconds.*\['answer_seconds'\]"
        ):
            sat.fetch_masks(photos, NAMES, photos.parent / "out", base_url=url, progress=False)
        assert time.monotonic() - begun < 10


def drip(server: socket.socket) -> None:
    """Answer every request with a byte at a time."""
    connections = []
    server.settimeout(0.1)
    while True:
        with contextlib.suppress(TimeoutError):
            try:
                connections.append(server.accept()[0])
            except OSError as error:
                if not isinstance(error, TimeoutError):
                    return
                raise
            connections[-1].sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(b" ")
