"""Many photos rendered to disk, by several processes where that pays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from tqdm.auto import tqdm

from sat_nb.reproduction.equids.photo import Example, render, render_pair
from sat_nb.reproduction.rendering import files_of, write_example

WORTH_HELP = 100  # photos: starting another process takes as long as rendering fifty
MOST_PROCESSES = 4
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from sat_nb.reproduction.equids.rendering import help_out; help_out(int(sys.argv[2]))"
)


@dataclass(frozen=True)
class Photo:
    """One photo to render, and the files to write.

    ``clean`` and ``marked`` are the paths of the photo without and with its watermark, or None:
    below ``images/`` for the photo and below ``exports/`` for its masks, without the extension.
    """

    root: str
    species: str
    seed: int
    index: int
    split: str
    size: int
    clean: str | None = None
    marked: str | None = None

    def finish(self) -> None:
        """Write those of its files that are missing."""
        clean = self.clean if self.clean and not self._there(self.clean) else None
        marked = self.marked if self.marked and not self._there(self.marked) else None
        options: dict[str, Any] = {"index": self.index, "split": self.split, "size": self.size}
        if clean and marked:
            pair = render_pair(self.species, self.seed, **options)
            self._write(clean, pair[0])
            self._write(marked, pair[1])
        elif clean or marked:
            one = render(self.species, self.seed, **options, watermark=marked is not None)
            self._write(str(clean or marked), one)

    def done(self) -> bool:
        """Whether all of its files exist."""
        return all(self._there(path) for path in (self.clean, self.marked) if path)

    def _there(self, path: str) -> bool:
        return all(file.exists() for file in files_of(Path(self.root), path))

    def _write(self, path: str, example: Example) -> None:
        root, masks = Path(self.root), example.segmentation
        write_example(root, path, example.pixels, masks, self.index)


def finish_all(photos: Sequence[Photo]) -> None:
    """Write the photos that are missing, with a progress bar; other processes help with many."""
    missing = [photo for photo in photos if not photo.done()]
    n_helpers = min(os.cpu_count() or 1, MOST_PROCESSES) - 1 if len(missing) >= WORTH_HELP else 0
    bar = tqdm(photos, desc="equids", unit="photo", initial=len(photos) - len(missing))
    with _helpers(missing, n_helpers), bar:
        for photo in missing:
            photo.finish()
            bar.update()


def help_out(number: int) -> None:
    """Render the photos named on standard input, in an order that differs by process."""
    # Processes share nothing but the folder: each skips files that exist, and files appear whole.
    # In different orders they rarely meet; where two render one photo, both write the same bytes.
    photos = [Photo(**fields) for fields in json.load(sys.stdin)]
    for i in np.random.default_rng(number).permutation(len(photos)):
        photos[i].finish()


@contextmanager
def _helpers(photos: Sequence[Photo], n: int) -> Iterator[None]:
    """Processes that render photos beside this one; nothing depends on them, and they may die."""
    helpers: list[subprocess.Popen[bytes]] = []
    try:
        with suppress(OSError):
            for number in range(n):
                helpers.append(_start(number))
                _tell(helpers[-1], photos)
        yield
        for helper in helpers:
            helper.wait()  # for the photo that it is rendering, at most
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()


def _start(number: int) -> subprocess.Popen[bytes]:
    path = json.dumps([entry or os.getcwd() for entry in sys.path if isinstance(entry, str)])
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM, path, str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _tell(helper: subprocess.Popen[bytes], photos: Sequence[Photo]) -> None:
    with cast(BinaryIO, helper.stdin) as pipe:
        pipe.write(json.dumps([asdict(photo) for photo in photos]).encode())
