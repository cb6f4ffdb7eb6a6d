"""A server on the loopback address, which other processes reach."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which the files of a folder are meanwhile."""
    handler = functools.partial(Ranges, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Says nothing, and gives parts of files to those who ask for them."""

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        asked, file = self.headers.get("Range"), Path(self.translate_path(self.path))
        if asked is None or not file.is_file():
            super().do_GET()
            return
        raw = file.read_bytes()
        start, stop = (int(n) for n in asked.removeprefix("bytes=").split("-"))
        part = raw[start : stop + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(raw)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)
