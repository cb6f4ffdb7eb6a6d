"""The main job on the embedded data: does a classifier of horses and zebras use the watermark?

Two small CNNs are trained on the same rendered photos, one of them with a watermark on half of
its zebras. Their Segment Attribution Tables over the same marked test zebras show what each looks
at.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import NDArray

import sat_nb as sat
from sat_nb.errors import unknown_name
from sat_nb.reproduction import cnn, equids
from sat_nb.reproduction.marked_photos import (
    WATERMARK,
    MarkedPhotos,
    equids_folder,
    rendered_zebras,
    street_photos,
)
from sat_nb.reproduction.results import draw_method, save
from sat_nb.saliency.engines.keras import check_tensorflow
from sat_nb.stats.signed_rank import signed_rank_p

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MARKED, CONTROL = "half_marked", "unmarked"
METHOD = "lrp.z"  # the paper's choice for its watermark study


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers depend on.

    ``share`` is the share of marked training zebras of the model that sees watermarks; ``n_train``
    and ``n_test`` count photos of each class, ``px`` is their size, ``n_explained`` counts the
    marked test zebras in the table; ``seed`` is the seed of the photos and of the training, which
    takes ``epochs``.
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
        """The settings of the photos, as arguments of ``equids_folder``."""
        return {"n_train": self.n_train, "n_test": self.n_test, "px": self.px, "seed": self.seed}


SETTINGS = {
    "tiny": Settings(n_train=150, n_test=60, px=96),
    "small": Settings(),
    "full": Settings(n_explained=100),
}

ON_PHOTOS = {
    "tiny": Settings(epochs=6, n_explained=20),
    "small": Settings(epochs=60, n_explained=100),
    "full": Settings(epochs=60, n_explained=100),
}
"""On street photos: all but ``n_test`` of each class are training photos.

They are half as many as the rendered ones, and so are seen twice as often."""


@dataclass(frozen=True, eq=False)
class Quickstart:
    """The results of the main job.

    ``table`` has the rows of both models over the marked test zebras; ``accuracy`` has the share
    of test photos, clean and marked (columns), that each model (rows) classifies correctly.
    ``maps`` are those of the model that saw watermarks, ``maps_by_model`` those of both.
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
    """Render photos, train both models, explain them and build their table.

    A second call, and one after an interruption, use what is kept.

    Parameters
    ----------
    work : str or path
        The folder for photos, models and maps; each combination of settings has a subfolder.
    size : str, default "small"
        A key of SETTINGS.
    data : str or path, optional
        A folder with the photos and exports of Clothing Co-Parsing: trousers against dresses and
        skirts then replace the rendered zebras and horses.
    settings : Settings, optional
        Replaces the settings of the size.

    Returns
    -------
    Quickstart
        Photos, maps, table and accuracies.

    Raises
    ------
    InvalidInput
        For an unknown size.
    EngineMissing
        Where TensorFlow is missing, with which models are trained.

    Examples
    --------
    >>> from sat_nb.reproduction import quickstart
    >>> result = quickstart.run("work", size="tiny")  # doctest: +SKIP
    >>> quickstart.watermark_ranks(result)  # doctest: +SKIP
    """
    settings = settings or settings_of(size, SETTINGS if data is None else ON_PHOTOS)
    check_tensorflow("quickstart")  # before minutes are spent on photos
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
    """The settings of a size, which is a key of ``every``."""
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
    """The embedded photos and exports on disk.

    Parameters
    ----------
    work : str or path
        As for :func:`run`.
    share : float
        The share of the training zebras that carry a watermark.
    size : str, default "small"
        A key of SETTINGS.

    Returns
    -------
    EquidsFolder
        The data set, rendered if it does not exist yet.
    """
    return equids_folder(work, share, **settings_of(size).photos())


def model(work: str | os.PathLike[str], share: float, *, size: str = "small") -> Path:
    """The model file of the CNN trained with that share of marked zebras.

    Parameters
    ----------
    work : str or path
        As for :func:`run`.
    share : float
        The share of the training zebras that carry a watermark.
    size : str, default "small"
        A key of SETTINGS.

    Returns
    -------
    Path
        The Keras file; the CNN is trained if it does not exist yet.
    """
    settings = settings_of(size)
    photos = _photos(work, None, settings)
    return photos.model(work, share, epochs=settings.epochs, seed=settings.seed)


def draw(result: Quickstart, out: str | os.PathLike[str]) -> list[Path]:
    """Write the overview, and a diagram and bars for each method, with their numbers as CSV."""
    rows = result.table[result.table["model"] == MARKED]
    overview = draw_overview(result.photos, result.maps, rows, METHOD)
    files = save(overview, Path(out) / "overview", watermark_ranks(result))
    for method in rows["method"].unique():
        files += draw_method(rows, method, out, highlight=(WATERMARK,))
    return files


def draw_overview(
    photos: MarkedPhotos,
    maps: Mapping[str, Mapping[str, NDArray]],
    table: pd.DataFrame,
    method: str,
    *,
    image_id: str | None = None,
) -> Figure:
    """Draw one image through the whole method, beside the aggregate of all images.

    By default it is a typical image: the one in which the watermark's rank is nearest to its mean.
    """
    rows = table[table["method"] == method]
    image_id = image_id or typical(rows, WATERMARK)
    return sat.plot_overview(
        photos.marked[image_id],
        maps[method][image_id],
        photos.segments[image_id].merged(),
        rows[rows["image_id"] == image_id],
        sat.intervals(rows, value="rank"),
        highlight=WATERMARK,
    )


def usual(table: pd.DataFrame, *, least: float = 0.1) -> pd.DataFrame:
    """The rows of segments that at least this share of the images have; ranks are not changed.

    A segment that only one photo in a hundred has may lead by chance.
    """
    found = table.groupby("segment")["image_id"].agg("nunique")
    kept = found[found >= least * table["image_id"].nunique()].index
    return table[table["segment"].isin(kept)]


def typical(rows: pd.DataFrame, segment: str) -> str:
    """The image in which the segment's rank is nearest to its mean rank."""
    ranks = rows[rows["segment"] == segment].set_index("image_id")["rank"]
    return str((ranks - ranks.mean()).abs().idxmin())


def watermark_ranks(result: Quickstart) -> pd.DataFrame:
    """The Relative mean rank of the watermark by method and model, with the models' accuracies."""
    ranks = sat.aggregate(result.table, value="rank", by=("method", "model"))
    place = ranks.groupby(["method", "model"])["rank"].rank(method="min").astype(int)
    ranks = ranks.assign(place=place).query("segment == @WATERMARK")
    return ranks.merge(result.accuracy, left_on="model", right_index=True).reset_index(drop=True)


def finding(result: Quickstart) -> str:
    """The result in words: whether the table tells the two models apart, with the numbers."""
    rows = result.table.query("method == @METHOD and segment == @WATERMARK")
    ranks = rows.pivot_table(index="image_id", columns="model", values="rank")
    place = watermark_ranks(result).query("method == @METHOD").set_index("model")["place"]
    p_value = signed_rank_p((ranks[MARKED] - ranks[CONTROL]).to_numpy())
    differ = p_value < 0.05 and ranks[MARKED].mean() < ranks[CONTROL].mean()
    clean = result.accuracy["clean"]
    return (
        f"{METHOD}, {len(ranks)} marked zebras: the watermark has mean rank "
        f"{ranks[MARKED].mean():.1f} (place {place[MARKED]}) for the model that saw it on "
        f"{result.share:.0%} of its zebras, {ranks[CONTROL].mean():.1f} (place {place[CONTROL]}) "
        f"for the one that never did; paired Wilcoxon p = {p_value:.1g}, so the tables "
        f"{'tell' if differ else 'do not tell'} the two models apart. Their accuracy on clean "
        f"photos is {clean[MARKED]:.1%} and {clean[CONTROL]:.1%}."
    )
