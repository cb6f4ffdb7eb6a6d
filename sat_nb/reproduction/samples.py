"""Sample data: rendered photos with exact masks, and models that learnt a shortcut from them.

For those who want to try the package before they have photos, masks and a model of their own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sat_nb as sat
from sat_nb.arguments import checked_whole
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import as_path
from sat_nb.reproduction import cnn, equids, torch_models
from sat_nb.reproduction.marked_photos import equids_folder, key_of, model_file
from sat_nb.reproduction.rendering import MIN_SIZE
from sat_nb.reproduction.studies import kept_folder

SHARE = 0.5
"""The share of the training zebras that carry a watermark."""


@dataclass(frozen=True)
class Kind:
    """A kind of model: what trains it ("keras" or a key of ``torch_models.KINDS``), how long."""

    trainer: str
    epochs: int


KINDS: Mapping[str, Kind] = {
    "keras2": Kind("keras", 28),
    "keras3": Kind("keras3", 24),
    "torch": Kind("cnn", 12),
    "vit": Kind("vit", 24),
}
"""The kinds of models that learn from the sample data."""


@dataclass(frozen=True, eq=False)
class SampleData:
    """Photos, masks and models of horses and zebras, as :func:`sample_data` makes them.

    Parameters
    ----------
    photos : Path
        A folder for ``read_images``. Its subfolders are ``train``, half of whose zebras carry a
        watermark, ``test`` without any, and ``test_marked``, the photos of ``test`` with a
        watermark each, horses too.
    masks : Path
        A folder for ``read_segments``: DINO-X exports with the ids of the photos.
    labels : Mapping
        {image_id: class}, 0 for a horse and 1 for a zebra; of all photos.
    class_names : tuple of str
        The names of the classes.
    folder : Path
        Where models are kept, too.
    settings : Mapping
        {"n_train": photos of each class, "n_test": the same, "px": their size}.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> data = sample_data(mkdtemp(), n_train=2, n_test=1, px=32)
    >>> data.class_names, data.labels["test/zebra_0001"]
    (('horse', 'zebra'), 1)
    """

    photos: Path
    masks: Path
    labels: Mapping[str, int]
    class_names: tuple[str, ...]
    folder: Path
    settings: Mapping[str, int]

    def model(
        self, kind: str = "keras2", *, marked: bool = True, epochs: int | None = None
    ) -> Path:
        """The file of a small classifier of horses and zebras; the first call trains it.

        Its input is RGB from 0 to 1 (``preprocess="unit"``).

        Parameters
        ----------
        kind : str, default "keras2"
            "keras2" is a CNN in a file of Keras 2, "keras3" one of Keras 3, "torch" a CNN and "vit"
            a vision transformer, both exported programs of PyTorch. The last three are trained
            where the torch engine is installed (``sat-nb engines add torch``); photos must then
            have a multiple of 24 pixels.
        marked : bool, default True
            Whether half of the zebras in the training photos carry a watermark; without any, the
            model is a control.
        epochs : int, optional
            Passes over the training photos; by default 28, 24, 12 and 24 for the four kinds.

        Returns
        -------
        Path
            The model file.

        Raises
        ------
        InvalidInput
            For an unknown kind, less than one epoch, and a ``marked`` that is not a truth value.
        EngineMissing
            Where the library that trains the model is missing.

        Examples
        --------
        >>> data.model("vit", marked=False)  # doctest: +SKIP
        PosixPath('samples/vit_0_5bb2.../vit.pt2')
        """
        if not isinstance(kind, str) or kind not in KINDS:
            raise unknown_name("kind", kind, KINDS)
        if not isinstance(marked, bool):
            raise InvalidInput(f"marked: expected True or False, got {marked!r}.")
        n_epochs = KINDS[kind].epochs if epochs is None else checked_whole("epochs", epochs, 1)
        trainer, share = KINDS[kind].trainer, SHARE if marked else 0.0
        data = equids_folder(self.folder, share, **self.settings)
        options: dict[str, Any] = {"epochs": n_epochs, "seed": 0}
        file = _file(self.folder, trainer, data, share, options)
        if not file.exists():
            images = sat.read_images(data.images).select(list(data.train))
            _train(trainer, images, data.labelled("train"), file, options)
        return file

    def __repr__(self) -> str:
        parts = [Path(image_id).parts[0] for image_id in self.labels]
        counts = ", ".join(f"{parts.count(part)} in {part}" for part in dict.fromkeys(parts))
        return f"SampleData({str(self.photos)!r}: {counts})"


def sample_data(
    folder: str | os.PathLike[str], *, n_train: int = 500, n_test: int = 100, px: int = 128
) -> SampleData:
    """Render photos of horses and zebras with exact masks, on which models can be trained.

    Half of the training zebras carry a watermark, as photos of one agency would. A model that is
    trained on them may look at the watermark instead of the zebra, which its accuracy hardly shows.
    A second call with the same folder and settings uses what is there.

    Parameters
    ----------
    folder : str or path
        Keeps photos, masks and models; it may hold several sets.
    n_train : int, default 500
        Training photos of each class.
    n_test : int, default 100
        Test photos of each class.
    px : int, default 128
        Height and width of the photos in pixels, at least 32.

    Returns
    -------
    SampleData
        Where photos and masks are, the labels, and :meth:`SampleData.model`.

    Raises
    ------
    InvalidInput
        For a number of photos or pixels that is too small.

    See Also
    --------
    read_images, read_segments, explain

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> data = sample_data(mkdtemp(), n_train=2, n_test=1, px=32)
    >>> zebras = read_images(data.photos / "test_marked").select(["zebra_0001"])
    >>> zebras["zebra_0001"].shape, zebras["zebra_0001"].dtype
    ((32, 32, 3), dtype('uint8'))
    >>> "watermark" in read_segments(data.masks / "test_marked")["zebra_0001"].names
    True
    """
    folder = as_path(folder, "folder")
    checked_whole("px", px, MIN_SIZE)
    settings = {"n_train": n_train, "n_test": n_test, "px": px}
    data = equids_folder(folder, SHARE, **settings)
    return SampleData(
        data.images, data.exports, dict(data.labels), data.class_names, folder, settings
    )


def _file(
    work: Path, trainer: str, data: equids.EquidsFolder, share: float, options: Mapping[str, Any]
) -> Path:
    """Where the model is kept: everything that decides its weights is in the folder's name."""
    if trainer == "keras":
        return model_file(work, key_of(data), share, **options)
    decides = {**key_of(data), "share": share, **options}
    folder = kept_folder(work, f"{trainer}_{share:g}", decides, torch_models)
    return folder / f"{trainer}{torch_models.KINDS[trainer]}"


def _train(
    trainer: str,
    images: sat.ImageSet,
    labels: Mapping[str, int],
    file: Path,
    options: Mapping[str, Any],
) -> None:
    if trainer == "keras":
        cnn.train_cnn(images, labels, out=file, progress=False, **options)
    else:
        torch_models.train(trainer, images, labels, file, **options)
