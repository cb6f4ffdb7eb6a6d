"""The models of the watermark study: trained, tested, explained, and measured."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm.auto import tqdm

import sat_nb as sat
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import written_whole
from sat_nb.reproduction import cnn
from sat_nb.reproduction.marked_photos import (
    WATERMARK,
    MarkedPhotos,
    rendered_zebras,
    street_photos,
)
from sat_nb.reproduction.watermark_signs import above_null, earliest, signs
from sat_nb.stats.bootstrap import bootstrap

METHOD = "lrp.z"  # the paper's choice
ALL_SHARES = (0.0, 0.05, 0.10, 0.15, 0.20, 0.25, 0.35, 0.50, 0.75, 1.0)
BY_CONTROL = "SAT, against models without watermarks"
BY_NULL = "SAT, against null segments"
BY_GAP = "accuracy, marks as in training less marks reversed"
BY_MARKED = "accuracy, clean less all marked"
BY_CLEAN = "accuracy on clean photos"
ACCURACIES = ("clean", "marked", "as_trained", "reversed")


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers depend on.

    ``n_train`` and ``n_test`` count photos by class; ``n_placements`` is the number of random
    placements of each mask, which are its null segments. ``methods`` has the one that explains.
    """

    shares: tuple[float, ...]
    seeds: tuple[int, ...]
    epochs: int = 28
    n_train: int = 500
    n_test: int = 100
    n_explained: int = 60
    px: int = 128
    n_placements: int = 20
    photos_seed: int = 0
    methods: tuple[str, ...] = (METHOD,)

    def __post_init__(self) -> None:
        if list(self.shares) != sorted(set(self.shares)) or self.shares[0] != 0:
            raise InvalidInput(
                f"shares: expected increasing shares that begin with 0, got {self.shares}; all "
                "models are compared with those without watermarks."
            )


SETTINGS = {
    "tiny": Settings((0.0, 0.5, 1.0), (0, 1), n_train=150, n_test=60, px=96),
    "small": Settings((0.0, 0.05, 0.10, 0.15, 0.25, 0.50, 0.75, 1.0), (0, 1, 2)),
    "full": Settings(ALL_SHARES, (0, 1, 2, 3, 4)),
}
"""On embedded data; "full" has the shares of the paper."""

ON_PHOTOS = {
    "tiny": Settings((0.0, 1.0), (0, 1), epochs=6, n_explained=20),
    "small": Settings((0.0, 0.05, 0.15, 0.25, 0.5, 1.0), (0, 1, 2), epochs=60, n_explained=100),
    "full": Settings(ALL_SHARES, (0, 1, 2), epochs=60, n_explained=100),
}
"""On street photos: all but ``n_test`` of each class are training photos.

They are half as many as the rendered ones, and so are seen twice as often."""


@dataclass(frozen=True, eq=False)
class Watermark:
    """The results of the study.

    ``table`` has the rows of all models, with the columns ``marked_fraction`` and ``seed``.
    ``accuracy`` has a row for each model: ``marked_fraction``, ``seed``, and the shares of test
    photos classified correctly when they are ``clean``, all ``marked``, marked ``as_trained`` (the
    marked class only) and ``reversed`` (the other class only). ``ranks`` has mean local ranks by
    ``marked_fraction`` and ``segment``, with intervals over seeds. ``measures`` is {measure: array
    (shares, seeds, photos)}, above 0 where a model uses the watermark; ``part_above_null`` is the
    same for ``photos.part`` against null segments. ``maps`` are those of the first seed, by share.
    """

    photos: MarkedPhotos
    settings: Settings
    table: pd.DataFrame
    accuracy: pd.DataFrame
    ranks: pd.DataFrame
    measures: Mapping[str, NDArray[np.float64]]
    part_above_null: NDArray[np.float64]
    maps: Mapping[float, Mapping[str, NDArray]]

    def signs(self) -> pd.DataFrame:
        """The test of each measure at each share; see ``watermark_signs.signs``."""
        return signs(self.measures, self.settings.shares)

    def earliest(self) -> pd.DataFrame:
        """The smallest share from which on each measure tells; see ``watermark_signs.earliest``."""
        return earliest(self.measures, self.settings.shares)

    def rank(self, share: float, segment: str = WATERMARK) -> float:
        """The mean local rank of a segment at a share, over seeds and photos."""
        at = self.ranks[self.ranks["marked_fraction"] == share].set_index("segment")["rank"]
        return float(at[segment])

    def gap(self, share: float) -> float:
        """Mean accuracy with marks as in training minus that on clean photos, -1 to 1.

        A model that recognises the class by its mark alone has 100 % and 50 %. Photos that are all
        marked also give it 50 %, so that clean minus all marked does not reveal it.
        """
        at = self.accuracy[self.accuracy["marked_fraction"] == share]
        return float((at["as_trained"] - at["clean"]).mean())


def run(
    work: str | os.PathLike[str],
    *,
    size: str = "small",
    data: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
) -> Watermark:
    """Train, test and explain the models of all shares and seeds.

    Parameters
    ----------
    work : str or path
        The folder that keeps photos, models and maps; an interrupted run continues there.
    size : str, default "small"
        A key of SETTINGS.
    data : str or path, optional
        A folder with the photos and exports of Clothing Co-Parsing: trousers against dresses and
        skirts then replace the rendered zebras and horses.
    settings : Settings, optional
        Replaces the settings of the size.

    Returns
    -------
    Watermark
        Tables, accuracies, measures and maps.

    Raises
    ------
    InvalidInput
        For an unknown size.
    """
    every = SETTINGS if data is None else ON_PHOTOS
    if size not in every:
        raise unknown_name("size", size, every)
    settings = settings or every[size]
    photos = _photos(work, data, settings)
    models = [(share, seed) for share in settings.shares for seed in settings.seeds]
    found = [
        _one_model(Path(work), photos, share, seed, settings)
        for share, seed in tqdm(models, desc="watermark", unit="model")
    ]
    table = pd.concat([one.table for one in found], ignore_index=True)
    return Watermark(
        photos=photos,
        settings=settings,
        table=table,
        accuracy=pd.DataFrame([one.accuracy for one in found]),
        ranks=_ranks(table),
        measures=_measures(found, settings),
        part_above_null=_by_share([one.above_null[photos.part] for one in found], settings),
        maps={one.share: one.maps for one in found if one.seed == settings.seeds[0]},
    )


def _photos(
    work: str | os.PathLike[str], data: str | os.PathLike[str] | None, settings: Settings
) -> MarkedPhotos:
    counts = {"n_test": settings.n_test, "n_explained": settings.n_explained}
    if data is not None:
        return street_photos(data, **counts, seed=settings.photos_seed)
    options = {"n_train": settings.n_train, "px": settings.px, "seed": settings.photos_seed}
    return rendered_zebras(work, **counts, **options)


# --- one model ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _OneModel:
    share: float
    seed: int
    maps: Mapping[str, NDArray]
    table: pd.DataFrame
    right: pd.DataFrame  # whether each test photo is classified correctly; columns: ACCURACIES
    above_null: Mapping[str, pd.Series]  # by segment and image

    @property
    def accuracy(self) -> dict[str, float]:
        shares = {name: float(self.right[name].mean()) for name in ACCURACIES}
        return {"marked_fraction": self.share, "seed": self.seed, **shares}


def _one_model(
    work: Path, photos: MarkedPhotos, share: float, seed: int, settings: Settings
) -> _OneModel:
    model = photos.model(work, share, epochs=settings.epochs, seed=seed)
    (method,) = settings.methods
    maps = photos.explained(model, method)
    table = sat.build(maps, photos.segments, model=f"seed {seed}", labels=photos.test_labels)
    watched = (WATERMARK, photos.part)
    null = sat.null_segments(_only(photos.segments, watched), n=settings.n_placements)
    null_table = sat.build(maps, null, model=f"seed {seed}")
    return _OneModel(
        share,
        seed,
        maps[method],
        table.assign(marked_fraction=share, seed=seed),
        _right(model, photos),
        {segment: above_null(table, null_table, segment) for segment in watched},
    )


def _only(
    segments: Mapping[str, sat.SegmentationMap], names: Iterable[str]
) -> dict[str, sat.SegmentationMap]:
    kept = {}
    for image_id, segmentation in segments.items():
        chosen = np.isin(segmentation.names, list(names))
        there = tuple(np.array(segmentation.names, dtype=object)[chosen])
        kept[image_id] = sat.SegmentationMap(there, segmentation.masks[chosen])
    return kept


def _right(model: Path, photos: MarkedPhotos) -> pd.DataFrame:
    """Whether each test photo is classified correctly; predictions are kept beside the model."""
    file = model.with_name("predicted.json")
    if not file.exists():
        sets = {"clean": photos.clean, "marked": photos.marked}
        found = {name: cnn.predicted(model, s, photos.test_labels) for name, s in sets.items()}
        with written_whole(file) as part:
            part.write_text(json.dumps(found))
    labels = pd.Series(photos.test_labels)
    right = pd.DataFrame(json.loads(file.read_text())).eq(labels, axis=0)
    is_target = labels.reindex(right.index) == photos.target
    right["as_trained"] = right["marked"].where(is_target, right["clean"])
    right["reversed"] = right["clean"].where(is_target, right["marked"])
    return right


# --- all models -----------------------------------------------------------------------------------


def _ranks(table: pd.DataFrame) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*units .* are few")  # the figures tell it
        return sat.intervals(table, value="rank", by="marked_fraction", unit="model")


def _measures(found: list[_OneModel], settings: Settings) -> dict[str, NDArray[np.float64]]:
    watermark = [one.table[one.table["segment"] == WATERMARK] for one in found]
    ranks = _by_share([rows.set_index("image_id")["rank"] for rows in watermark], settings)
    right = {
        name: _by_share([one.right[name].astype(float) for one in found], settings)
        for name in ACCURACIES
    }
    gap, effect = right["as_trained"] - right["reversed"], right["clean"] - right["marked"]
    return {
        BY_CONTROL: ranks[:1] - ranks,  # in pairs of equal seeds
        BY_NULL: _by_share([one.above_null[WATERMARK] for one in found], settings),
        BY_GAP: gap - gap[:1],
        BY_MARKED: effect - effect[:1],
        BY_CLEAN: right["clean"][:1] - right["clean"],
    }


def _by_share(series: list[pd.Series], settings: Settings) -> NDArray[np.float64]:
    """Series by photo, one for each model, as an array (shares, seeds, photos)."""
    rows = pd.concat(series, axis=1).sort_index().to_numpy().T
    return rows.reshape(len(settings.shares), len(settings.seeds), -1)


def accuracy_intervals(result: Watermark) -> pd.DataFrame:
    """Mean accuracy by ``marked_fraction`` and kind of ``photos``, with intervals over seeds."""
    rows = []
    for share, models in result.accuracy.groupby("marked_fraction"):
        values = models[list(ACCURACIES)].to_numpy()
        sums = np.stack([values, np.ones_like(values)], axis=1)
        bounds = bootstrap(sums, lambda sums: sums[:, 0] / sums[:, 1])
        for k, photos in enumerate(ACCURACIES):
            rows.append((share, photos, values[:, k].mean(), bounds.low[k], bounds.high[k]))
    return pd.DataFrame(rows, columns=["marked_fraction", "photos", "accuracy", "low", "high"])
