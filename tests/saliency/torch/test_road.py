"""The page for those who have a PyTorch model, followed where PyTorch is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.docs.folders import made_folder
from tests.docs.follow import follow


def test_the_road_of_pytorch_can_be_followed(
    torch: Any, toy_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made_folder(toy_files, tmp_path))
    follow("docs/roads/pytorch.md")
    assert Path("model.pt2").stat().st_size > 0
