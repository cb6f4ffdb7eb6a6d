"""The main job on the embedded data: does a classifier of horses and zebras use the watermark?

Two small CNNs are trained on the same rendered photos; one of them sees a watermark on half of
its zebras. Their Segment Attribution Tables over the same marked test zebras say what each
looks at.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import sat_nb as sat
from sat_nb.errors import unknown_name
from sat_nb.reproduction import cnn, equids
from sat_nb.reproduction.figures import draw_method, save
from sat_nb.reproduction.marked_photos import (
    WATERMARK,
    MarkedPhotos,
    equids_folder,
    rendered_zebras,
    street_photos,
)
from sat_nb.reproduction.overview import draw_overview
from sat_nb.stats.signed_rank import signed_rank_p

MARKED, CONTROL = "half_marked", "unmarked"
METHOD = "lrp.z"  # the paper's choice for its watermark study


@dataclass(frozen=True)
class Settings:
    """What decides the numbers.

    ``share`` of the training zebras carry a watermark, for the model that sees any; ``n_train``
    and ``n_test`` are photos of each class, ``px`` their size, ``n_explained`` the marked test
    zebras in the table; ``seed`` draws the photos and starts the training of ``epochs``.
    """

    share: float = 0.5
    n_train: int = 500
    n_test: int = 100
    px: int = 128
    epochs: int = 28
    seed: int = 0
    n_explained: int = 60
    methods: tuple[str, ...] = sat.PAPER_METHODS

    def photos(self) -> dict[str, int]:
        """What decides the photos, as ``equids_folder`` takes it."""
        return {"n_train": self.n_train, "n_test": self.n_test, "px": self.px, "seed": self.seed}


SETTINGS = {
    "tiny": Settings(n_train=200, n_test=60, epochs=20),
    "small": Settings(),
    "full": Settings(n_explained=100),
}

ON_PHOTOS = {
    "tiny": Settings(epochs=6, n_explained=20),
    "small": Settings(epochs=60, n_explained=100),
    "full": Settings(epochs=60, n_explained=100),
}
"""On street photos: all there are train, but the ``n_test`` of each class.

They are half as many as the rendered ones, and seen twice as often."""


@dataclass(frozen=True, eq=False)
class Quickstart:
    """What the main job found.

    ``table`` holds both models' rows over the marked test zebras, ``accuracy`` the share of
    test photos that each model (rows) classifies rightly, clean and marked (columns).
    ``maps`` are those of the model that saw watermarks; ``maps_by_model`` has those of both.
    """

    photos: MarkedPhotos
    maps: Mapping[str, Mapping[str, Any]]
    table: pd.DataFrame
    accuracy: pd.DataFrame
    share: float
    maps_by_model: Mapping[str, sat.AttributionStore]


def run(
    work: str | os.PathLike[str],
    *,
    size: str = "small",
    data: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
) -> Quickstart:
    """Render, train, explain and join; ``work`` keeps all of it, and a second call uses it again.

    Parameters
    ----------
    work: folder for photos, models and maps; every setting has a subfolder of its own.
    size: a key of SETTINGS.
    data: a folder with the photos and exports of Clothing Co-Parsing, for trousers against
        dresses and skirts in place of the rendered zebras against horses.
    settings: in place of those of the size.
    """
    settings = settings or settings_of(size, SETTINGS if data is None else ON_PHOTOS)
    photos = _photos(work, data, settings)
    maps, tables, accuracy = {}, [], {}
    for name, share in ((MARKED, settings.share), (CONTROL, 0.0)):
        file = photos.model(work, share, epochs=settings.epochs, seed=settings.seed)
        maps[name] = photos.explained(file, settings.methods, progress=True)
        tables.append(sat.build(maps[name], photos.segments, labels=photos.test_labels, model=name))
        accuracy[name] = {
            part: cnn.accuracy(file, images, photos.test_labels)
            for part, images in (("clean", photos.clean), ("marked", photos.marked))
        }
    table = pd.concat(tables, ignore_index=True)
    shares = pd.DataFrame(accuracy).T
    return Quickstart(photos, maps[MARKED], table, shares, settings.share, maps)


def settings_of(size: str, every: Mapping[str, Settings] = SETTINGS) -> Settings:
    """The settings of a size, a key of ``every``."""
    if size not in every:
        raise unknown_name("size", size, every)
    return every[size]


def _photos(
    work: str | os.PathLike[str], data: str | os.PathLike[str] | None, settings: Settings
) -> MarkedPhotos:
    if data is None:
        return rendered_zebras(work, n_explained=settings.n_explained, **settings.photos())
    counts = {"n_test": settings.n_test, "n_explained": settings.n_explained}
    return street_photos(data, **counts, seed=settings.seed)


def folder(
    work: str | os.PathLike[str], share: float, *, size: str = "small"
) -> equids.EquidsFolder:
    """The photos and exports on disk, with that share of the training zebras marked."""
    return equids_folder(work, share, **settings_of(size).photos())


def model(work: str | os.PathLike[str], share: float, *, size: str = "small") -> Path:
    """The file of the CNN that was trained on them, or is now."""
    settings = settings_of(size)
    photos = _photos(work, None, settings)
    return photos.model(work, share, epochs=settings.epochs, seed=settings.seed)


def draw(result: Quickstart, out: str | os.PathLike[str]) -> list[Path]:
    """Write the overview, and diagram and bars of each method, each with its numbers as CSV."""
    rows = result.table[result.table["model"] == MARKED]
    overview = draw_overview(result.photos, result.maps, rows, METHOD)
    files = save(overview, Path(out) / "overview", watermark_ranks(result))
    for method in rows["method"].unique():
        files += draw_method(rows, method, out, highlight=(WATERMARK,))
    return files


def watermark_ranks(result: Quickstart) -> pd.DataFrame:
    """The Relative mean rank of the watermark by method and model, with the models' accuracy."""
    ranks = sat.aggregate(result.table, value="rank", by=("method", "model"))
    place = ranks.groupby(["method", "model"])["rank"].rank(method="min").astype(int)
    ranks = ranks.assign(place=place).query("segment == @WATERMARK")
    return ranks.merge(result.accuracy, left_on="model", right_index=True).reset_index(drop=True)


def finding(result: Quickstart) -> str:
    """What the numbers say about the watermark, in words; nothing is said that they do not."""
    rows = result.table.query("method == @METHOD and segment == @WATERMARK")
    ranks = rows.pivot_table(index="image_id", columns="model", values="rank")
    place = watermark_ranks(result).query("method == @METHOD").set_index("model")["place"]
    p_value = signed_rank_p((ranks[MARKED] - ranks[CONTROL]).to_numpy())
    told = p_value < 0.05 and ranks[MARKED].mean() < ranks[CONTROL].mean()
    clean = result.accuracy["clean"]
    return (
        f"{METHOD}, {len(ranks)} marked zebras: the watermark has mean rank "
        f"{ranks[MARKED].mean():.1f} (place {place[MARKED]}) for the model that saw it on "
        f"{result.share:.0%} of its zebras, {ranks[CONTROL].mean():.1f} (place {place[CONTROL]}) "
        f"for the one that never did; paired Wilcoxon p = {p_value:.1g}, so the tables "
        f"{'tell' if told else 'do not tell'} the two models apart. Their accuracy on clean "
        f"photos is {clean[MARKED]:.1%} and {clean[CONTROL]:.1%}."
    )
