"""Run ``sat-nb`` within the process of the tests, with a model or without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import sat_nb as sat
from sat_nb.cli import main
from sat_nb.toy import toy


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


class Explained:
    """The arguments of ``explain``, which returns toy maps instead of explaining a model."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.maps, _ = toy(2)
        self.out, self.folder = folder / "sat.parquet", folder
        for sub in ("photos", "exports"):
            (folder / sub).mkdir()
        for image_id, segmentation in toy(2)[1].items():
            pixels = np.zeros((20, 16, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / f"{image_id}.png")
            twins = segmentation.rename({"nose": "eyes"})  # two masks of one name
            sat.write_dinox(folder / "exports" / f"{image_id}.json", twins)
        (folder / "model.h5").touch()
        monkeypatch.setattr(sat, "explain", self)

    def __call__(self, model: Path, photos: Any, **options: Any) -> dict[str, Any]:
        self.options, self.photos = options, photos
        return {str(method): self.maps["sharp"] for method in options["methods"]}

    def run(self, *arguments: str) -> pd.DataFrame:
        folder, given = self.folder, " ".join(arguments)
        done = run(
            *("build", "--model", folder / "model.h5", "--images", folder / "photos"),
            *("--segments", folder / "exports", "--out", self.out),
            *(() if "--preprocess" in given else ("--preprocess", "unit")),
            *(() if "--methods" in given else ("--methods", "gradient")),
            *arguments,
        )
        assert done.exit_code == 0, done.output
        return sat.read_table(self.out)
