"""Figure 3: what does a pretrained classifier look at?

The paper explains VGG16 on classes of ImageNet: that is ``size="full"``, on photos of the user's
own. The other sizes explain EfficientNet-Lite0 on four photos that scikit-image ships; one photo a
class is enough for tables of single images, but not for a diagram. With ``data``, a folder of
chihuahuas with masks and a SqueezeNet, there are enough photos for diagrams.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

import sat_nb as sat
from sat_nb.errors import unknown_name
from sat_nb.reproduction import imagenet, photos
from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.imagenet import Classifier, Photos
from sat_nb.reproduction.parity import computed
from sat_nb.reproduction.results import FORMATS, OF_MAPS, save
from sat_nb.reproduction.studies import kept_folder
from sat_nb.saliency.store.codec import FORMAT

METHOD = "deep_taylor"  # the paper's choice for Figure 3
ALPHA = 0.05
PREDICTED = {
    "astronaut": "bobsled",
    "chelsea": "Egyptian cat",
    "coffee": "espresso",
    "rocket": "drilling platform",
}
"""ImageNet's names of the classes EfficientNet-Lite0 predicts; its package has no names."""


@dataclass(frozen=True)
class Settings:
    """``methods`` explain all photos; ``image_ids`` are those of the four photos to explain."""

    methods: tuple[str, ...]
    image_ids: tuple[str, ...]
    seed: int = 0


SETTINGS = {
    "tiny": Settings(("deep_taylor", "lrp.z", "gradient"), ("chelsea", "coffee")),
    "small": Settings(sat.PAPER_METHODS, tuple(photos.FILES)),
    "full": Settings(sat.PAPER_METHODS, ()),
}


@dataclass(frozen=True)
class Pretrained:
    """What a classifier looks at, photo by photo.

    ``table`` has the rows of all classes; ``classes`` is {class: its photos}, where the four single
    photos are one class; ``maps`` is {class: store}; ``model`` is the name of the classifier.
    """

    size: str
    table: pd.DataFrame
    classes: dict[str, Photos]
    maps: dict[str, sat.AttributionStore]
    model: str
    settings: Settings

    @property
    def single(self) -> bool:
        """Whether the photos are single ones, for which no diagram can be drawn."""
        return "photos" in self.classes

    @property
    def method(self) -> str:
        """The method of the figure, or its twin where iNNvestigate explains."""
        return computed(METHOD, self.settings.methods)

    def rows(self, name: str, method: str | None = None) -> pd.DataFrame:
        """The rows of one class, of one method or of all."""
        if name not in self.classes:
            raise unknown_name("name", name, self.classes)
        rows = self.table[self.table["image_id"].isin(list(self.classes[name].images))]
        return rows if method is None else rows[rows["method"] == method]


def run(
    work: str | os.PathLike[str],
    *,
    size: str = "small",
    data: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
) -> Pretrained:
    """Explain the photos and join the maps with their masks.

    Parameters
    ----------
    work : str or path
        The folder that keeps models and maps.
    size : str, default "small"
        "tiny" and "small" take scikit-image's photos and EfficientNet-Lite0 from its package;
        "full" takes VGG16 and the photos below $SAT_NB_PAPER_DATA, see ``imagenet.user_classes``.
    data : str or path, optional
        A folder with ``chihuahua/`` and ``weights/``, which replace photos and classifier at any
        size.
    settings : Settings, optional
        Replaces the settings of the size.

    Returns
    -------
    Pretrained
        The table, the photos and the maps.

    Raises
    ------
    InvalidInput
        For an unknown size, and for unsuitable files of the user's.
    FileMissing
        Where files are absent.
    """
    if size not in SETTINGS:
        raise unknown_name("size", size, SETTINGS)
    settings = settings or SETTINGS[size]
    if data is not None:
        classifier, classes = imagenet.squeezenet(data), imagenet.chihuahuas(data)
    elif size == "full":
        classifier, classes = imagenet.vgg16(work), imagenet.user_classes()
    else:
        classifier, classes = imagenet.lite0(work), imagenet.shipped(settings.image_ids)
    able = tuple(name for name in settings.methods if name not in classifier.refused)
    settings = replace(settings, methods=able)
    parts = {
        name: _explained(Path(work), name, classifier, part, settings)
        for name, part in classes.items()
    }
    table = pd.concat([table for _, table in parts.values()], ignore_index=True)
    maps = {name: store for name, (store, _) in parts.items()}
    return Pretrained(size, table, classes, maps, classifier.name, settings)


def _explained(
    work: Path, name: str, classifier: Classifier, part: Photos, settings: Settings
) -> tuple[sat.AttributionStore, pd.DataFrame]:
    folder = kept_folder(
        work, f"pretrained_{classifier.name}", {"class": name, **asdict(settings)}, imagenet
    )
    maps = sat.explain(
        classifier.file,
        part.images,
        methods=settings.methods,
        preprocess=classifier.preprocess,
        seed=settings.seed,
        out=folder / f"maps_{FORMAT}",
    )
    return maps, sat.build(maps, part.segments)


# --- figures -----------------------------------------------------------------------------------


def draw(result: Pretrained, out: str | os.PathLike[str]) -> list[Path]:
    """Write the figures: of single photos their tables, else the diagrams of each class.

    Photos of ``data`` and of the user's are not drawn; the four of scikit-image are free.
    """
    files: list[Path] = []
    for stem, figure in _singles(result) if result.single else _diagrams(result):
        formats = OF_MAPS if stem == "maps" else FORMATS
        files += save(figure, Path(out) / f"pretrained_{stem}", formats=formats)
    return files


def draw_single(result: Pretrained, image_id: str, method: str | None = None) -> object:
    """Draw one photo with its map, its masks and its table.

    Parameters
    ----------
    result : Pretrained
        From :func:`run`.
    image_id : str
        One of the single photos.
    method : str, optional
        The saliency method, by default that of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    part, method = result.classes["photos"], method or result.method
    rows = result.rows("photos", method)
    return sat.plot_image(
        part.images[image_id],
        rows[rows["image_id"] == image_id],
        attribution=result.maps["photos"][method][image_id],
        segmentation=part.segments[image_id].merged(),
    )


def draw_ranks(result: Pretrained, name: str) -> object:
    """Draw the Relative mean rank of each segment under each method as a heatmap."""
    return sat.plot_heatmap(sat.aggregate(result.rows(name), value="rank"))


def draw_diagram(result: Pretrained, name: str, method: str | None = None) -> object:
    """Draw the critical difference diagram of one class."""
    return sat.plot_critical_difference(compared(result, name, method))


def compared(result: Pretrained, name: str, method: str | None = None) -> sat.Comparison:
    """The tests between the segments of one class."""
    return sat.compare(result.rows(name), method=method or result.method, alpha=ALPHA)


def parts(result: Pretrained) -> dict[str, pd.DataFrame]:
    """The rows behind the figure: of each single photo, or of each class."""
    if not result.single:
        return {name: result.rows(name) for name in result.classes}
    return dict(iter(result.rows("photos").groupby("image_id")))


Drawn = Iterator[tuple[str, object]]


def _singles(result: Pretrained) -> Drawn:
    ids = list(result.classes["photos"].images)
    for image_id in ids:
        yield image_id, draw_single(result, image_id)
    yield "maps", _map_grid(result, ids)


def _map_grid(result: Pretrained, ids: list[str]) -> object:
    """Draw photos and all their maps."""
    return sat.plot_map_grid(result.classes["photos"].images, result.maps["photos"], image_ids=ids)


def _diagrams(result: Pretrained) -> Drawn:
    for name in result.classes:
        stem = name.replace("/", "_")
        for method in result.settings.methods:
            yield f"{stem}_{method}", draw_diagram(result, name, method)
        yield f"{stem}_ranks", draw_ranks(result, name)


# --- claims ------------------------------------------------------------------------------------


def leaders(result: Pretrained, n: int = 3) -> pd.DataFrame:
    """The first segments of each single photo under each method.

    Parameters
    ----------
    result : Pretrained
        From :func:`run`.
    n : int, default 3
        How many segments.

    Returns
    -------
    DataFrame
        A row for each photo, a column for each method: names separated by commas.
    """
    rows = result.rows("photos").sort_values(["image_id", "method", "rank"], kind="stable")
    return rows.pivot_table(
        index="image_id",
        columns="method",
        values="segment",
        aggfunc=lambda names: ", ".join(names.head(n)),
    )[list(result.settings.methods)]


def claims(result: Pretrained) -> tuple[Claim, ...]:
    """The paper's claims about chihuahuas, with what was found.

    Parameters
    ----------
    result : Pretrained
        From :func:`run`.

    Returns
    -------
    tuple of Claim
        None for photos without a cat or a chihuahua.
    """
    if result.single:
        return (_eyes_of_one(result),) if "chelsea" in result.classes["photos"].images else ()
    found = [name for name in result.classes if "chihuahua" in name.lower()]
    pairs = [(_eyes_first(result, name), _ears_and_head(result, name)) for name in found]
    return tuple(claim for pair in pairs for claim in pair)


EYES = "In photos of chihuahuas the eyes have the highest attribution of all segments."
EARS = "In photos of chihuahuas, ears and head do not differ."


def _eyes_of_one(result: Pretrained) -> Claim:
    rows = result.rows("photos")
    eyes = rows[(rows["image_id"] == "chelsea") & (rows["segment"] == "eyes")]
    ranks = eyes.set_index("method")["rank"].reindex(result.settings.methods)
    listed = ", ".join(f"{method} {rank:.0f}" for method, rank in ranks.items())
    return Claim(
        "Figure 3",
        EYES,
        "embedded",
        f"{result.model} on one cat: rank of the eyes under {listed}; one photo tests nothing",
        "cannot tell",
    )


def _eyes_first(result: Pretrained, name: str) -> Claim:
    leads = {m: _is_first(compared(result, name, m), "eyes") for m in result.settings.methods}
    main = compared(result, name)
    alone = not any("eyes" in group for group in main.groups)
    first = [method for method, leading in leads.items() if leading]
    verdict = "does not hold"
    if result.method in first and alone:
        verdict = "holds" if len(first) == len(leads) else "holds in part"
    elif first:
        verdict = "holds in part"
    return Claim(
        "Figure 3",
        EYES,
        name,
        f"{result.model}, {main.n_total} photos, {result.method}: mean rank "
        f"{main.relative_ranks['eyes']:.2f}, "
        f"{'differs from every other segment' if alone else 'not told from all others'}; "
        f"first under {len(first)} of {len(leads)} methods ({', '.join(first) or 'none'})",
        verdict,
    )


def _is_first(result: sat.Comparison, segment: str) -> bool:
    return bool(result.mean_ranks.index[0] == segment)


def _ears_and_head(result: Pretrained, name: str) -> Claim:
    """Where masks have no "head", the "face" replaces it, and the claim mentions it."""
    main = compared(result, name)
    head = "head" if "head" in main.mean_ranks else "face"
    if not {"ears", head} <= set(main.mean_ranks.index):
        return Claim("Figure 3", EARS, name, "no masks of ears and head", "cannot tell")
    alike = [
        method
        for method in result.settings.methods
        if _pair(compared(result, name, method), "ears", head) > ALPHA
    ]
    aside = "" if head == "head" else " (these masks know the face, not the head)"
    verdict = "holds" if result.method in alike else "holds in part" if alike else "does not hold"
    return Claim(
        "Figure 3",
        EARS,
        name,
        f"{result.model}, {main.n_total} photos, {result.method}: ears "
        f"{main.relative_ranks['ears']:.2f}, {head} {main.relative_ranks[head]:.2f}{aside}, "
        f"adjusted p = {_pair(main, 'ears', head):.2g}; alike under {len(alike)} of "
        f"{len(result.settings.methods)} methods ({', '.join(alike) or 'none'})",
        verdict,
    )


def _pair(result: sat.Comparison, a: str, b: str) -> float:
    """The adjusted p-value of two segments."""
    return float(result.adjusted_p_values[b][a])
