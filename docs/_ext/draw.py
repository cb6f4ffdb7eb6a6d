"""``draw.py FOLDER SCRIPT...``: run scripts of the gallery; write the figure of each as PNG."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import matplotlib

DPI = 160


def draw(script: Path, folder: Path) -> None:
    """Run a script and write its figure."""
    from matplotlib import pyplot

    runpy.run_path(str(script))
    figures = pyplot.get_fignums()
    if len(figures) != 1:
        raise SystemExit(f"{script}: expected one open figure at its end, got {len(figures)}")
    pyplot.savefig(folder / f"{script.stem}.png", dpi=DPI, bbox_inches="tight", facecolor="white")
    pyplot.close("all")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    matplotlib.use("Agg")
    sys.path.insert(0, str(Path(sys.argv[2]).parent))
    for name in sys.argv[2:]:
        draw(Path(name), Path(sys.argv[1]))
