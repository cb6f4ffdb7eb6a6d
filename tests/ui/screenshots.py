"""Pictures of the explorer for the documentation: `python -m tests.ui.screenshots [--out figures]`.

They show the quickstart's table in JupyterLab, in light and dark, on pages 1,200 and 800 pixels
wide. The quickstart's models and maps are kept in .cache/studies; making them takes minutes.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from sat_nb.files import written_whole
from sat_nb.reproduction.studies import work_folder
from tests.ui.browser import Tab, chromium
from tests.ui.explorer_page import ExplorerPage
from tests.ui.servers import jupyterlab

CELL = """\
import sat_nb as sat
from sat_nb.reproduction import quickstart

study = quickstart.run({work!r})
photos = study.photos
explorer = sat.explore(study.table, photos.marked, study.maps_by_model, photos.segments)
explorer
"""
MARKED = {"model": "half_marked", "segment": "watermark"}
BARS = {"view": "bars", "methods": ("lrp.z", "gradient"), **MARKED}
PHOTOS = {"view": "images", "methods": ("lrp.z",), **MARKED}
SHOTS: dict[str, tuple[dict[str, Any], str, int]] = {
    "explorer_light": (BARS, "JupyterLab Light", 1200),
    "explorer_dark": (BARS, "JupyterLab Dark", 1200),
    "explorer_light_800": (BARS, "JupyterLab Light", 800),
    "explorer_dark_800": (BARS, "JupyterLab Dark", 800),
    "explorer_photos_light_800": (PHOTOS, "JupyterLab Light", 800),
    "explorer_photos_dark": (PHOTOS, "JupyterLab Dark", 1200),
}
"""File's name: (what is shown, theme, width of the page in pixels)."""
TALLEST = 860  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"))
    out = parser.parse_args().out
    program = shutil.which("chromium")
    if program is None:
        sys.exit("no chromium on the PATH (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder:
        for file in take(Path(folder), program, out):
            print(f"wrote {file}")


def take(folder: Path, program: str, out: Path) -> list[Path]:
    """Write every shot; returns the files."""
    (folder / "profile").mkdir()
    files = []
    with jupyterlab(folder) as lab, chromium(program, folder / "profile") as browser:
        tab = Tab(browser.new_page())
        tab.run(lab, "shots.ipynb", CELL.format(work=str(work_folder().resolve())))
        explorer = ExplorerPage(tab)
        for name, (state, theme, width) in SHOTS.items():
            tab.theme(theme)
            tab.page.set_viewport_size({"width": width, "height": 2000})
            explorer.show(**state)
            tab.page.wait_for_timeout(500)
            with written_whole(out / f"{name}.png") as part:
                _picture(explorer).save(part, optimize=True)
            files.append(out / f"{name}.png")
    return files


def _picture(explorer: ExplorerPage) -> Image.Image:
    """The explorer from its top; 256 colours are enough where it shows no photos."""
    shot = Image.open(io.BytesIO(explorer.root.screenshot())).convert("RGB")
    shot = shot.crop((0, 0, shot.width, min(shot.height, TALLEST)))
    if explorer.main.locator("img:visible").count():
        return shot
    return shot.quantize(256, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
