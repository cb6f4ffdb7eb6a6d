"""The main job on the embedded data: does a classifier of horses and zebras use the watermark?

Two small CNNs are trained on the same rendered photos; one of them sees a watermark on half of
its zebras. Their Segment Attribution Tables over the same marked test zebras say what each
looks at.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

import sat_nb as sat
from sat_nb.datasets import equids
from sat_nb.datasets.equids.folder import Settings
from sat_nb.saliency.codec import FORMAT
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.studies import cnn
from sat_nb.studies.figures import draw_method, save
from sat_nb.studies.overview import draw_overview
from sat_nb.studies.run import kept_folder

MARKED, CONTROL = "half_marked", "unmarked"
SEGMENT = "watermark"
METHOD = "lrp.z"  # the paper's choice for its watermark study
ZEBRA = equids.CLASS_NAMES.index("zebra")

SIZES: dict[str, dict[str, int]] = {
    "tiny": {"n_train": 120, "n_test": 30, "size": 64, "epochs": 40, "n_explained": 24},
    "small": {},
}
"""Arguments of ``run`` for each size of a study; notebooks that take the same share its results."""


@dataclass(frozen=True)
class Quickstart:
    """What the main job found.

    ``table`` holds both models' rows over the marked test zebras, ``accuracy`` the share of
    test photos that each model (rows) classifies rightly, clean and marked (columns).
    ``data`` and ``maps`` are those of the model that saw watermarks; ``maps_by_model`` has the
    maps of both.
    """

    data: equids.EquidsFolder
    maps: sat.AttributionStore
    table: pd.DataFrame
    accuracy: pd.DataFrame
    share: float
    maps_by_model: Mapping[str, sat.AttributionStore] = field(default_factory=dict)


def run(
    work: str | os.PathLike[str],
    *,
    share: float = 0.5,
    n_train: int = 500,
    n_test: int = 100,
    size: int = 128,
    epochs: int = 28,
    seed: int = 0,
    methods: Sequence[str] = sat.PAPER_METHODS,
    n_explained: int = 60,
) -> Quickstart:
    """Render, train, explain and join; ``work`` keeps all of it, and a second call uses it again.

    Parameters
    ----------
    work: folder for photos, models and maps; every setting has a subfolder of its own.
    share: of the training zebras that carry a watermark, for the model that sees any.
    n_train, n_test: photos of each class.
    size: of the photos, in pixels.
    epochs, seed: of the training; the seed also draws the photos.
    methods: the saliency methods.
    n_explained: marked test zebras in the table.
    """
    parts = []
    for name, marked in ((MARKED, share), (CONTROL, 0.0)):
        settings = Settings(n_train, n_test, size, seed, marked, "zebra")
        parts.append(_one_model(Path(work), name, settings, epochs, methods, n_explained))
    data, maps, _, _ = parts[0]
    table = pd.concat([table for _, _, table, _ in parts], ignore_index=True)
    accuracy = pd.DataFrame({MARKED: parts[0][3], CONTROL: parts[1][3]}).T
    by_model = {MARKED: maps, CONTROL: parts[1][1]}
    return Quickstart(data, maps, table, accuracy, share, by_model)


def draw(result: Quickstart, out: str | os.PathLike[str]) -> list[Path]:
    """Write the overview, and diagram and bars of each method, each with its numbers as CSV."""
    rows = result.table[result.table["model"] == MARKED]
    overview = draw_overview(result.data, result.maps, rows, METHOD, highlight=SEGMENT)
    files = save(overview, Path(out) / "overview", watermark_ranks(result))
    for method in rows["method"].unique():
        files += draw_method(rows, method, out, highlight=(SEGMENT,))
    return files


def watermark_ranks(result: Quickstart) -> pd.DataFrame:
    """The Relative mean rank of the watermark by method and model, with the models' accuracy."""
    ranks = sat.aggregate(result.table, value="rank", by=("method", "model"))
    place = ranks.groupby(["method", "model"])["rank"].rank(method="min").astype(int)
    ranks = ranks.assign(place=place).query("segment == @SEGMENT")
    return ranks.merge(result.accuracy, left_on="model", right_index=True).reset_index(drop=True)


def finding(result: Quickstart) -> str:
    """What the numbers say about the watermark, in words; nothing is said that they do not."""
    rows = result.table.query("method == @METHOD and segment == @SEGMENT")
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


def _one_model(
    work: Path,
    name: str,
    settings: Settings,
    epochs: int,
    methods: Sequence[str],
    n_explained: int,
) -> tuple[equids.EquidsFolder, sat.AttributionStore, pd.DataFrame, dict[str, float]]:
    """Photos, training, maps and table of one model, in a folder named by all that decides them."""
    folder = kept_folder(work, name, {**asdict(settings), "epochs": epochs}, cnn)
    options = {k: v for k, v in asdict(settings).items() if k != "version"}
    data = equids.make(folder / "equids", **options)
    images, model = sat.read_images(data.images), folder / f"{name}.h5"
    if not model.exists():
        labels = {i: data.labels[i] for i in data.train}
        cnn.train_cnn(images, labels, out=model, epochs=epochs, seed=settings.seed)
    zebras = [i for i in data.test_marked if data.labels[i] == ZEBRA][:n_explained]
    maps = sat.explain(
        model,
        images.select(zebras),
        methods=methods,
        preprocess="unit",
        target=ZEBRA,
        out=folder / f"maps_{FORMAT}",
    )
    exports = sat.read_segments(data.exports)
    table = sat.build(maps, {i: exports[i] for i in zebras}, labels=data.labels)
    parts = {"clean": data.test, "marked": data.test_marked}
    accuracy = {
        part: cnn.accuracy(model, images, {i: data.labels[i] for i in ids})
        for part, ids in parts.items()
    }
    return data, maps, table, accuracy
