"""Answers of the detection API that are fuzzed: a client asks, and nothing is sent."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import sat_nb as sat
from sat_nb.errors import LONGEST_MESSAGE
from sat_nb.limits import LIMITS
from sat_nb.reading import read_plain, readable
from sat_nb.segments.dinox_api import client
from sat_nb.segments.dinox_api.client import DinoxApi, PhotoFailed, RateLimit, Stop, TryAgain
from sat_nb.segments.dinox_api.exports import checked_export
from sat_nb.segments.dinox_api.token import Token
from sat_nb.segments.formats.dinox import parse_dinox
from sat_nb.segments.formats.rle import encode_coco

SIZE = 12, 10
ADDRESS = "http://127.0.0.1:1"
AT_ONCE: dict[str, Any] = {"N_ATTEMPTS": 1, "POLL_WAITS": (0.0, 0.0), "TASK_SECONDS": 0.05}
"""A client that does not wait."""


def write_answers(folder: Path) -> None:
    counts = encode_coco(np.eye(*SIZE, dtype=bool))
    found = {
        "category": "eye",
        "score": 0.5,
        "bbox": [0, 0, 10.0, 12],
        "mask": {"format": "coco_rle", "size": list(SIZE), "counts": counts},
    }
    result = {"objects": [found, {**found, "category": "ear"}]}
    task = {"status": "success", "error": "", "result": result}
    (folder / "detection.json").write_bytes(_answer({"task_uuid": "a-1"}))
    (folder / "status.json.gz").write_bytes(gzip.compress(_answer(task), mtime=0))


def _answer(data: Any) -> bytes:
    return json.dumps({"code": 0, "msg": "ok", "data": data}).encode()


def read_answers(folder: Path) -> None:
    """What a client makes of the answers; an export that it takes is read without an error."""
    with readable("an answer", "ask again"):
        detection, status = (
            read_plain(folder / name, LIMITS["answer_bytes"])
            for name in ("detection.json", "status.json.gz")
        )
    with patch.multiple(client, **AT_ONCE):
        try:
            result = asyncio.run(_detected(detection, status))
            export = checked_export(result, SIZE, {"prompts": ["eye"]})
        except (PhotoFailed, Stop, TryAgain) as error:
            if len(str(error)) > LONGEST_MESSAGE:  # a problem of a photo, which nothing cuts
                raise RuntimeError(f"{len(str(error))} characters") from error
            raise sat.InvalidInput(str(error)) from error
    parse_dinox(json.loads(export)).whole()


async def _detected(detection: bytes, status: bytes) -> Any:
    import httpx

    packed = {"content-encoding": "gzip"}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, stream=httpx.ByteStream(detection))
        return httpx.Response(200, stream=httpx.ByteStream(status), headers=packed)

    api = DinoxApi(ADDRESS, Token("secret-token"))
    await api._client.aclose()
    api._client = httpx.AsyncClient(base_url=ADDRESS, transport=httpx.MockTransport(answer))
    api._rate_limit = RateLimit(10**6)
    async with api:
        return await api.detect({"image": ""})
