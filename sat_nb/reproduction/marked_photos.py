"""Photos of two classes; any share of the photos of one class carries a watermark."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import sat_nb as sat
from sat_nb.errors import InvalidInput
from sat_nb.reproduction import cnn, equids
from sat_nb.reproduction.equids.watermark import draw_watermark, opacity, stamped
from sat_nb.reproduction.studies import kept_folder
from sat_nb.saliency.store.codec import FORMAT

WATERMARK = "watermark"
TROUSERS, DRESSES = ("pants", "jeans", "leggings"), ("dress", "skirt")
SHAPE = (96, 64)  # height and width of the street photos, in pixels


@dataclass(frozen=True, eq=False)
class MarkedPhotos:
    """The photos that a model is trained, tested and explained on.

    ``train(share)`` are the training photos with that share of the class ``target`` marked; those
    marked at a small share are marked at any larger one, too. ``clean`` and ``marked`` are the same
    test photos of both classes, without and with a watermark. ``segments`` are the masks of the
    marked test photos to explain; ``part`` is the segment that makes the class, or the paper's
    example of one. ``key`` is everything that the photos depend on.
    """

    name: str
    class_names: tuple[str, str]
    target: int
    part: str
    key: Mapping[str, Any]
    labels: Mapping[str, int]
    train: Callable[[float], sat.ImageSet]
    test_labels: Mapping[str, int]
    clean: sat.ImageSet
    marked: sat.ImageSet
    segments: Mapping[str, sat.SegmentationMap]

    def model(self, work: str | os.PathLike[str], share: float, *, epochs: int, seed: int) -> Path:
        """The model file of a small CNN trained at that share; ``work`` keeps it."""
        file = model_file(work, self.key, share, epochs=epochs, seed=seed)
        if not file.exists():
            options: dict[str, Any] = {"epochs": epochs, "seed": seed, "progress": False}
            cnn.train_cnn(self.train(share), self.labels, out=file, **options)
        return file

    def explained(
        self, model: Path, methods: str | Sequence[str], *, progress: bool = False
    ) -> sat.AttributionStore:
        """The maps of the marked photos in ``segments``, kept beside the model."""
        return sat.explain(
            model,
            self.marked.select(list(self.segments)),
            methods=methods,
            preprocess="unit",
            target=self.target,
            out=maps_beside(model),
            progress=progress,
        )


def model_file(
    work: str | os.PathLike[str], key: Mapping[str, Any], share: float, *, epochs: int, seed: int
) -> Path:
    """Where ``work`` keeps the small CNN of photos with that key, trained at that share."""
    decides = {**key, "share": share, "epochs": epochs, "seed": seed}
    return kept_folder(work, f"cnn_{share:.0%}_{seed}".replace("%", ""), decides, cnn) / "cnn.h5"


def maps_beside(model: Path) -> Path:
    """The folder of the maps of a model.

    Parameters
    ----------
    model : Path
        The model file.

    Returns
    -------
    Path
        A folder beside it.
    """
    return model.parent / f"maps_{FORMAT}"


def equids_folder(
    work: str | os.PathLike[str],
    share: float,
    *,
    n_train: int = 500,
    n_test: int = 100,
    px: int = 128,
    seed: int = 0,
) -> equids.EquidsFolder:
    """The embedded data set with that share of marked zebras; all shares have photos in common.

    >>> equids_folder("work", 0.5)  # doctest: +SKIP
    EquidsFolder('work/equids_...': 1000 photos to train, 200 to test, 128 px, ...)
    """
    settings = equids.Settings(n_train, n_test, px, seed, share, "zebra")
    options = {k: v for k, v in asdict(settings).items() if k != "version"}
    folder = kept_folder(work, "equids", asdict(settings))
    return equids.make(folder, **options, renders=Path(work) / "equids_renders")


def key_of(data: equids.EquidsFolder) -> dict[str, Any]:
    """What the embedded photos depend on, whatever share of the zebras is marked."""
    return {k: v for k, v in asdict(data.settings).items() if k != "watermark_share"}


def rendered_zebras(
    work: str | os.PathLike[str], *, n_explained: int, **options: Any
) -> MarkedPhotos:
    """The embedded data, whose zebras are marked; ``options`` as for ``equids_folder``."""
    data = equids_folder(work, 0.0, **options)
    zebra = data.class_names.index("zebra")
    files = {part: data.images / part for part in ("test", "test_marked")}
    labels = {Path(i).name: data.labels[i] for i in data.test}
    photos = {
        part: sat.ImageSet({i: folder / f"{i}.png" for i in labels})
        for part, folder in files.items()
    }
    explained = [i for i, label in labels.items() if label == zebra][:n_explained]
    exports = sat.read_segments(data.exports)

    def train(share: float) -> sat.ImageSet:
        at_share = equids_folder(work, share, **options)
        return sat.read_images(at_share.images).select(list(at_share.train))

    return MarkedPhotos(
        name="embedded",
        class_names=("horse", "zebra"),
        target=zebra,
        part="eyes",
        key=key_of(data),
        labels=data.labelled("train"),
        train=train,
        test_labels=labels,
        clean=photos["test"],
        marked=photos["test_marked"],
        segments={i: exports[f"test_marked/{i}"] for i in explained},
    )


# --- real photos ----------------------------------------------------------------------------------


def street_photos(
    data: str | os.PathLike[str], *, n_test: int, n_explained: int, seed: int = 0
) -> MarkedPhotos:
    """Clothing Co-Parsing: trousers, which are marked, against dresses and skirts.

    ``data`` holds ``images/`` and ``exports/``, in which masks are named after garments. Photos
    with both kinds, or with neither, are left out. Photos and masks are reduced to 96 x 64 pixels
    in memory. There the watermark is drawn as on the embedded photos, in the corner with the least
    of the person, and its pixels belong to no other segment.
    """
    folder = Path(data)
    images, exports = sat.read_images(folder / "images"), sat.read_segments(folder / "exports")
    labels = _by_garment(exports)
    ids = [_shuffled(labels, label, seed) for label in (0, 1)]
    test = [i for one in ids for i in one[:n_test]]
    train = [one[n_test:] for one in ids]
    if not all(train):
        raise InvalidInput(
            f"data: {str(folder)!r} has {len(ids[0])} photos of dresses or skirts and "
            f"{len(ids[1])} of trousers, too few for {n_test} test photos of each class and "
            "others to train on."
        )
    pixels = {i: _small(images[i]) for i in labels}
    masks = {i: _garments(exports[i]) for i in (*train[1], *test)}
    covered = {i: _watermark(i, masks[i], seed) for i in masks}
    marked = {i: stamped(pixels[i], covered[i]) for i in masks}

    def at_share(share: float) -> sat.ImageSet:
        with_mark = set(train[1][: round(share * len(train[1]))])
        return sat.ImageSet(
            {i: marked[i] if i in with_mark else pixels[i] for one in train for i in one}
        )

    explained = [i for i in test if labels[i] == 1][:n_explained]
    return MarkedPhotos(
        name="ccp",
        class_names=("dress or skirt", "trousers"),
        target=1,
        part="trousers",
        key={"data": "ccp", "shape": SHAPE, "n_test": n_test, "seed": seed, "ids": sorted(labels)},
        labels={i: labels[i] for one in train for i in one},
        train=at_share,
        test_labels={i: labels[i] for i in test},
        clean=sat.ImageSet({i: pixels[i] for i in test}),
        marked=sat.ImageSet({i: marked[i] for i in test}),
        segments={i: _with_watermark(masks[i], covered[i] > 0) for i in explained},
    )


def _by_garment(exports: Mapping[str, sat.SegmentationMap]) -> dict[str, int]:
    """{image_id: 1 for trousers, 0 for a dress or a skirt}, for photos with exactly one kind."""
    found = {}
    for image_id, segmentation in exports.items():
        kinds = [not set(names).isdisjoint(segmentation.names) for names in (DRESSES, TROUSERS)]
        if sum(kinds) == 1:
            found[image_id] = kinds.index(True)
    return found


def _shuffled(labels: Mapping[str, int], label: int, seed: int) -> list[str]:
    ids = sorted(i for i in labels if labels[i] == label)
    return [ids[k] for k in np.random.default_rng([seed, label]).permutation(len(ids))]


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = SHAPE
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


def _garments(segmentation: sat.SegmentationMap) -> sat.SegmentationMap:
    same = dict.fromkeys(TROUSERS, "trousers")
    return segmentation.rename(same).merged().resize(SHAPE)


def _watermark(image_id: str, masks: sat.SegmentationMap, seed: int) -> NDArray[np.float32]:
    digest = int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:8], "big")
    person = np.array([name != "background" for name in masks.names])
    mark = draw_watermark(np.random.default_rng([seed, digest]))
    return opacity(mark, SHAPE, masks.masks[person].any(axis=0))


def _with_watermark(masks: sat.SegmentationMap, covered: NDArray[np.bool_]) -> sat.SegmentationMap:
    """Add the watermark's mask, and take its pixels from the others; empty masks are dropped."""
    left = masks.masks & ~covered
    kept = left.any(axis=(1, 2))
    names = [name for name, there in zip(masks.names, kept, strict=True) if there]
    return sat.SegmentationMap((*names, WATERMARK), np.concatenate([left[kept], covered[None]]))
