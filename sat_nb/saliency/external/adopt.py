"""Adopt attribution maps of other tools: maps_from_arrays and read_maps.

An array does not tell what its axes are or what its sign means, so both are declared. The
declaration is checked as far as the numbers allow, and travels with the table.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from sat_nb.arguments import is_whole
from sat_nb.by_id import keys_by_id
from sat_nb.errors import InvalidInput, shorten
from sat_nb.files import existing
from sat_nb.geometry import FITS, get_fit
from sat_nb.registry import lists
from sat_nb.saliency.external.axes import as_array, check_axes
from sat_nb.saliency.external.declared import ClassIndex, facts_of
from sat_nb.saliency.external.formats import MAP_FORMATS, find_format
from sat_nb.saliency.external.maps import SIGNS, ExternalMaps, LazyMaps, Recipe
from sat_nb.sources import Format, ImageId, Source, by_image_id


@lists(sign=SIGNS, fit=FITS)
def maps_from_arrays(
    arrays: Any,
    *,
    method: str,
    layout: str,
    sign: str,
    image_ids: Iterable[str] | None = None,
    target: ClassIndex | None = None,
    predicted: ClassIndex | None = None,
    labels: ClassIndex | None = None,
    fit: str | None = None,
    model: str = "model",
    photo_sizes: Mapping[str, tuple[int, int]] | None = None,
) -> ExternalMaps:
    """Adopt attribution maps of another tool, in the shape in which the tool returns them.

    Parameters
    ----------
    arrays : array_like, list or Mapping
        Real numbers (NumPy, PyTorch, TensorFlow): one array of all images, a list with one array a
        class or an image, or {image_id: array}.
    method : str
        The name of the method in tables.
    layout : str
        The axes of ``arrays``, one letter each, in order: N images, H rows, W columns, C channels,
        K classes. SHAP returns "NHWCK" or, as a list, "KNHWC"; Captum "NCHW". A list or
        {image_id: array} of single maps has no N: "HW", "HWC", "CHW".
    sign : str
        What positive values mean, a name in SIGNS:

        [[sign]]
    image_ids : iterable of str, default None
        One id an image, in order. For {image_id: array} they are the keys.
    target : int, sequence of int or Mapping[str, int], default None
        The explained class: one for all, one an image, or {image_id: index}; it selects along K.
        A model with one output has two classes, as for ``explain``: its output speaks for class 1.
        Where a tool returns an axis K of length 1 for it, take ``array[..., 0]``, leave K out of
        ``layout`` and declare 1; for a map that explains class 0, declare 0.
    predicted : int, sequence of int or Mapping[str, int], default None
        The class that the model gives to each image, in the same forms: the column ``predicted``
        of the table. Of a model with one output, 1 where its probability is above 0.5.
    labels : int, sequence of int or Mapping[str, int], default None
        The true class of each image, in the same forms: the column ``label``. Labels of a part of
        the images go into ``build(labels=)``.
    fit : str, default None
        How the tool brought photos to the size of the maps, a name in FITS:

        [[fit]]

        ``build`` needs it where maps have another shape than their photos; where the shapes agree
        but for rounding, the default means "stretch". A margin that was cropped from square photos
        cannot be seen in sizes: declare "crop_224_of_256" then.
    model : str, default "model"
        The name of the model, for the table.
    photo_sizes : Mapping[str, tuple of int], default None
        {image_id: (height, width)} in pixels. ``build`` then compares sizes of maps and masks with
        those of the photos, and masks may be of another scale; by default photos have the size of
        their masks.

    Returns
    -------
    ExternalMaps
        {method: {image_id: float32 or float64 (H, W, C)}}; nothing is scaled.

    Raises
    ------
    InvalidInput
        For values that are not finite, and for a layout or sign that the numbers contradict.
    IdMismatch
        If ``photo_sizes``, ``target``, ``predicted`` or ``labels`` lacks an image.

    Examples
    --------
    >>> shap_values = np.zeros((2, 8, 6, 3, 10))  # two photos, ten classes
    >>> shap_values[1, :, :, 0, 7] = 1.0
    >>> maps = maps_from_arrays(shap_values, method="shap", layout="NHWCK", sign="signed",
    ...                         image_ids=["cat", "dog"], target=7)
    >>> maps, maps["shap"]["dog"].shape, maps["shap"]["dog"].sum()
    (ExternalMaps('shap': 2 images), (8, 6, 3), 48.0)
    """
    recipe = Recipe(method, layout, sign)
    named = _by_id(arrays, recipe, image_ids)
    if not isinstance(arrays, Mapping):
        recipe = replace(recipe, layout=layout.replace("N", ""))
    sources = {i: Source("arrays", partial(named.__getitem__, i)) for i in named}
    classes = {"target": target, "predicted": predicted, "label": labels}
    lazy = _adopt(sources, recipe, {"layout": layout}, classes, fit, model, photo_sizes)
    checked = MappingProxyType(dict(lazy[method]))  # adopted now, so that errors come now
    return replace(lazy, maps=MappingProxyType({method: checked}))


@lists(format=MAP_FORMATS)
def read_maps(
    path: str | os.PathLike[str],
    *,
    method: str,
    sign: str,
    layout: str = "HW",
    format: str | Format | None = None,
    zero: float | None = None,
    image_id: ImageId | None = None,
    target: ClassIndex | None = None,
    predicted: ClassIndex | None = None,
    labels: ClassIndex | None = None,
    fit: str | None = None,
    model: str = "model",
    photo_sizes: Mapping[str, tuple[int, int]] | None = None,
) -> ExternalMaps:
    """Adopt attribution maps from files: .npy, .npz, zarr, or grey pictures.

    Parameters
    ----------
    path : str or PathLike
        A folder with one file an image, one .npz file, or a zarr group. Ids are paths within.
    method : str
        The name of the method in tables.
    sign : str
        What positive values mean, a name in SIGNS, as for ``maps_from_arrays``.
    layout : str, default "HW"
        The axes of one image's array, as for ``maps_from_arrays``; an N must have length 1.
    format : str or Format, default None
        By default the content of ``path`` tells the format. Otherwise a :class:`sat_nb.Format` of
        your own, or a name in MAP_FORMATS:

        [[format]]
    zero : float, default None
        The stored number that means "no attribution"; it is subtracted from all. Signed pictures
        need it (128 or 32768 for most tools). Where a tool stretched each picture to the full
        range, ranks within an image are right, and means over images are not.
    image_id : callable, default None
        Turns a file's id, ``image_id(id)`` or ``image_id(id, file)``, into the image's.
    target : int, sequence of int or Mapping[str, int], default None
        The explained class, as for ``maps_from_arrays``.
    predicted : int, sequence of int or Mapping[str, int], default None
        The class that the model gives to each image, as for ``maps_from_arrays``.
    labels : int, sequence of int or Mapping[str, int], default None
        The true class of each image, as for ``maps_from_arrays``.
    fit : str, default None
        The geometry from photo to map, as for ``maps_from_arrays``: ``build`` needs it where maps
        have another shape than their photos.
    model : str, default "model"
        The name of the model, for the table.
    photo_sizes : Mapping[str, tuple of int], default None
        {image_id: (height, width)} in pixels, as for ``maps_from_arrays``.

    Returns
    -------
    ExternalMaps
        Each map is read, and checked, when it is asked for. Nothing is unpickled.

    Raises
    ------
    FileMissing
        If ``path`` does not exist.
    InvalidInput
        For a file that is damaged, too large, of another layout or not finite; for equal ids.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/cat.npy", np.full((2, 3), 0.5))
    ...     read_maps(folder, method="mine", sign="signed")["mine"]["cat"].shape
    (2, 3, 1)
    """
    root = existing(path)
    stored_as = find_format(root, format)
    recipe = Recipe(method, layout, sign, zero)
    if not stored_as.has_negatives and zero is None and sign != "unsigned":
        raise InvalidInput(
            f"zero: {stored_as.title} with sign={sign!r} needs the grey level that means 0 "
            "(zero=128, or 32768 with 16 bits); declare sign='unsigned' for magnitudes."
        )
    sources = by_image_id(stored_as.open(root).items(), image_id)
    if not sources:
        raise InvalidInput(f"path: {str(root)!r} holds no map; expected {stored_as.title}.")
    declared = {"layout": layout, "zero": zero, "file": root.resolve().name}
    classes = {"target": target, "predicted": predicted, "label": labels}
    return _adopt(sources, recipe, declared, classes, fit, model, photo_sizes)


def _adopt(
    sources: Mapping[str, Source[Any]],
    recipe: Recipe,
    declared: dict[str, Any],
    classes: Mapping[str, ClassIndex | None],
    fit: str | None,
    model: str,
    photo_sizes: Mapping[str, tuple[int, int]] | None,
) -> ExternalMaps:
    if fit is not None:
        get_fit(fit)
    target, ids = classes["target"], list(sources)
    if target is None and "K" in recipe.layout:
        raise InvalidInput(
            f"target: layout {recipe.layout!r} holds a map for each class; give the index of the "
            "explained class, one for all or one an image."
        )
    facts = facts_of(ids, classes, photo_sizes)
    targets = {i: f.target for i, f in facts.items() if f.target is not None}
    settings = {**declared, "sign": recipe.sign, "target": _noted(target)}
    lazy = LazyMaps(recipe, MappingProxyType(sources), MappingProxyType(targets))
    return ExternalMaps(
        MappingProxyType({recipe.method: lazy}),
        MappingProxyType({recipe.method: settings}),
        fit,
        str(model),
        facts,
    )


def _by_id(arrays: Any, recipe: Recipe, image_ids: Iterable[str] | None) -> dict[str, Any]:
    """{image_id: array of one image}, from a mapping, a list or one array."""
    if isinstance(arrays, Mapping):
        if image_ids is not None:
            raise InvalidInput("image_ids: the arrays have ids already; leave image_ids out.")
        return dict(zip(_checked_ids(arrays), arrays.values(), strict=True))
    if "N" in recipe.layout:
        stack = as_array(arrays, "arrays")
        check_axes(stack.shape, recipe.layout, "arrays")
        parts = list(np.moveaxis(stack, recipe.layout.index("N"), 0))
    elif isinstance(arrays, list | tuple):
        parts = list(arrays)
    else:
        raise InvalidInput(
            f"arrays: layout {recipe.layout!r} is that of one image, so expected a list of arrays "
            f"or {{image_id: array}}, got {type(arrays).__name__} {np.shape(arrays)}; for one "
            "array of all images say where N is, such as 'NHWC'."
        )
    ids = _checked_ids(() if image_ids is None else image_ids)
    if len(ids) != len(parts):
        raise InvalidInput(
            f"image_ids: expected one for each of the {len(parts)} images of the arrays, got "
            f"{len(ids)}; give the ids of read_images, in the order of the arrays."
        )
    return dict(zip(ids, parts, strict=True))


def _checked_ids(image_ids: Iterable[str]) -> list[str]:
    ids = [image_ids] if isinstance(image_ids, str) else list(image_ids)
    wrong = [i for i in ids if not isinstance(i, str)]
    if wrong:
        raise InvalidInput(
            f"image_ids: expected str, got {shorten(wrong)}; ids are file paths: give those of "
            "read_images, or str(...) of yours."
        )
    twice = [i for i, n in Counter(ids).items() if n > 1]
    if twice:
        raise InvalidInput(
            f"image_ids: given twice: {shorten(twice)}; every image needs an id of its own."
        )
    keys_by_id(ids, "image_ids")
    return ids


def _noted(target: Any) -> int | str | None:
    """What the settings hold: one class for all, or that each image has its own."""
    return int(target) if is_whole(target) else None if target is None else "given"
