"""The folder of a user, in which the pages are followed from their first line to their last."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sat_nb as sat
from tests.docs.folders import (
    OF_NUMPY,
    PREPARED,
    engine_of_numpy,
    is_of_keras,
    made_folder,
)


@pytest.fixture
def user_folder(
    page: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """What the page takes for granted: photos, masks, heatmaps, a table; a model where named."""
    given = request.getfixturevalue("toy_folder" if is_of_keras(page) else "toy_files")
    folder = made_folder(given, tmp_path)
    monkeypatch.chdir(folder)
    PREPARED.get(page, lambda _: None)(folder)
    before = dict(os.environ)
    with engine_of_numpy() if page in OF_NUMPY else nullcontext():
        yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pages that would be served until Ctrl-C are only counted."""
    started: list[str] = []
    server = SimpleNamespace(start=lambda: started.append("the explorer"))
    monkeypatch.setattr("sat_nb.widgets.serve._page", lambda *_: server)
    return started


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The DINO-X API, on this machine."""
    from functools import partial

    from tests.segments.dinox_server import SECRET, Dinox, running

    monkeypatch.setenv("DINOX_API_TOKEN", SECRET)
    server = Dinox()
    with running(server):
        monkeypatch.setattr(sat, "fetch_masks", partial(sat.fetch_masks, base_url=server.url))
        yield server
