"""Photos, masks and a model in files, for tests of tables that are made shard by shard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import sat_nb as sat
from tests.saliency.conftest import saved_kernel

SIZE = (14, 10)
OPTIONS: dict[str, Any] = {
    "methods": ["gradient", "smoothgrad"],
    "parameters": {"smoothgrad": {"n_samples": 8}},
    "preprocess": "unit",
    "batch_size": 4,
    "progress": False,
}
JOIN: dict[str, Any] = {"pad_px": 0}


@dataclass(frozen=True)
class Place:
    """A folder with photos, masks and a model."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "linear.npy"

    @property
    def images(self) -> sat.ImageSet:
        return sat.read_images(self.folder / "photos")

    @property
    def segments(self) -> Any:
        return sat.read_segments(self.folder / "masks")

    def add(self, *numbers: int, seed: int = 0) -> None:
        """Write the photos of these numbers, and their masks."""
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            pixels = rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(self.folder / "photos" / f"{number:03d}.png")
            masks = rng.random((3, *SIZE)) < 0.3
            masks[:, 0, 0] = True
            found = sat.SegmentationMap(("eye", "ear", "sky"), masks)
            sat.write_dinox(self.folder / "masks" / f"{number:03d}.json", found)

    def tabulate(self, name: str = "sat", **more: Any) -> sat.Tabulated:
        """Tabulate all, in shards of one batch."""
        options = {"out": self.folder / name, "shard_images": 4, **OPTIONS, **JOIN, **more}
        return sat.tabulate(self.model, self.images, self.segments, **options)

    def in_memory(self, **more: Any) -> Any:
        """The table of explain and build."""
        maps = sat.explain(self.model, self.images, **{**OPTIONS, **more})
        return sat.build(maps, self.segments, **JOIN)

    def files(self, out: str = "sat") -> dict[str, bytes]:
        """The shards of a table."""
        return {file.name: file.read_bytes() for file in (self.folder / out).glob("*.parquet")}


def made(folder: Path, n_photos: int = 10) -> Place:
    """A place with so many photos."""
    place = Place(folder)
    for sub in ("photos", "masks"):
        (folder / sub).mkdir(parents=True)
    place.add(*range(n_photos))
    saved_kernel(folder)
    return place


def counted(monkeypatch: Any, cls: type, name: str, fail_at: int = 0, error: Any = None) -> list:
    """The calls of a method from now on; the one of this number fails."""
    calls: list[Any] = []
    function: Callable[..., Any] = getattr(cls, name)

    def counting(self: Any, *arguments: Any, **more: Any) -> Any:
        calls.append(arguments)
        if len(calls) == fail_at:
            raise error
        return function(self, *arguments, **more)

    monkeypatch.setattr(cls, name, counting)
    return calls
