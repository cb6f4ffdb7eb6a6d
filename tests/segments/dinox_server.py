"""A server on this machine that speaks the DINO-X detection API as it is documented, and fails."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

from sat_nb.segments.formats.rle import encode_coco

SECRET = "s3cret-t0ken-of-nobody"

Reply = tuple[int, Any, dict[str, str]]


def ok(data: Any) -> Reply:
    return 200, {"code": 0, "msg": "ok", "data": data}, {}


def error(message: str, *, status: int = 200, code: int = 10001, **headers: str) -> Reply:
    return (
        status,
        {"code": code, "msg": message},
        {k.replace("_", "-"): headers[k] for k in headers},
    )


@dataclass
class Dinox:
    """The server's mind: what it was asked, and which replies it gives before it behaves.

    ``before[path]`` are the replies to the next requests to "detection" or "status"; None behaves.
    """

    asked: list[tuple[float, str, dict[str, str], Any]] = field(default_factory=list)
    before: dict[str, list[Reply | None]] = field(default_factory=dict)
    n_looks: int = 1  # at a task before it is done
    n_finish: int = 10**9  # so many tasks are ever done
    tasks: dict[str, list[Any]] = field(default_factory=dict)
    n_done: int = 0
    most_open: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, method: str, path: str, headers: dict[str, str], body: Any) -> Reply:
        with self.lock:
            self.asked.append((time.monotonic(), path, headers, body))
            kind = "detection" if path == "/v2/task/dinox/detection" else "status"
            planned = self.before.get(kind, [])
            scripted = planned.pop(0) if planned else None
            if scripted is not None:
                return scripted
            if headers.get("token") != SECRET:
                return error("Invalid token", status=401)
            if method == "POST" and kind == "detection":
                uuid = f"task-{len(self.tasks)}"
                self.tasks[uuid] = [self.n_looks, detected(body)]
                self.most_open = max(self.most_open, len(self.tasks) - self.n_done)
                return ok({"task_uuid": uuid})
            task = self.tasks.get(path.removeprefix("/v2/task_status/"))
            if method != "GET" or task is None:
                return error("no such task", status=404)
            task[0] -= 1
            if task[0] > 0 or self.n_done >= self.n_finish:
                return ok({"status": "waiting" if task[0] > 1 else "running", "error": ""})
            self.n_done += 1
            return ok({"status": "success", "error": "", "result": task[1]})

    def n_asked(self, part: str) -> int:
        return sum(part in path for _, path, _, _ in self.asked)


def detected(body: Any) -> dict[str, Any]:
    """An object for each prompt: the i-th row of the photo, which is looked at for its size."""
    picture = base64.b64decode(body["image"].split(",", 1)[1])
    with Image.open(io.BytesIO(picture)) as image:
        size = (image.height, image.width)
    objects = []
    for i, name in enumerate(body["prompt"]["text"].split(" . ")):
        mask = np.zeros(size, bool)
        mask[i % size[0]] = True
        code = {"counts": encode_coco(mask), "size": list(size), "format": "coco_rle"}
        box = [0.0, float(i), float(size[1]), float(i + 1)]
        objects.append({"category": name, "score": 0.5, "bbox": box, "mask": code})
    return {"objects": objects}


@contextmanager
def running(dinox: Dinox) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(dinox.reply))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    dinox.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield dinox.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(reply: Callable[..., Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body go together

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {key.lower(): value for key, value in self.headers.items()}
            status, content, extra = reply(self.command, self.path, headers, body)
            if status == 0:  # hangs up without a word
                self.close_connection = True
                self.connection.close()
                return
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for key, value in {**extra, "content-length": str(len(raw))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler
