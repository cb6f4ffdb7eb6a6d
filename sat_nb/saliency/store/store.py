"""Attribution maps by method and image, in memory or in a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sat_nb.arrays import Float32, Size
from sat_nb.by_id import ById, ByMethod
from sat_nb.errors import IdMismatch, shorten, unknown_name
from sat_nb.saliency.store.codec import Chunk
from sat_nb.saliency.store.runs import ImageFacts, Run, is_targeted, open_run, read_runs

if TYPE_CHECKING:
    import pandas as pd


_ERRORS = ["float16_error", "completeness_error"]


class AttributionStore(ByMethod[Mapping[str, Float32]]):
    """Attribution maps {method: {image_id: float32 (H, W, C)}}, each read when asked for.

    ``explain`` returns one, and :meth:`open` reads one from a folder.
    ``store["gradient"]["cats/1"]`` is one map, on the model's input grid. In a folder every map is
    one compressed file, written whole or not at all, so that a killed run leaves a valid store. A
    folder may hold several runs: of other parameters, targets, models or photos. A store shows one
    of them; :meth:`info` tells what it holds and lacks.

    Parameters
    ----------
    run : Run
        The run to show.
    methods : iterable of str, optional
        The methods to show, in this order; by default all of the run.
    image_ids : iterable of str, optional
        The images to show, in this order; by default all that were asked for.

    Examples
    --------
    >>> from sat_nb.saliency.store.chunks import MemoryChunks
    >>> with_nothing = AttributionStore(Run(MemoryChunks(), {"methods": {}, "fit": "stretch"}))
    >>> with_nothing.fit, list(with_nothing)
    ('stretch', [])
    """

    def __init__(
        self,
        run: Run,
        *,
        methods: Iterable[str] | None = None,
        image_ids: Iterable[str] | None = None,
    ) -> None:
        self._run = run
        self._methods = tuple(run.settings["methods"] if methods is None else methods)
        self._image_ids = None if image_ids is None else tuple(dict.fromkeys(image_ids))

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, run: str | None = None) -> AttributionStore:
        """Open the store in a folder that ``explain(..., out=path)`` filled.

        Parameters
        ----------
        path : str or os.PathLike
            The folder.
        run : str, optional
            A name in :meth:`runs`; by default the run that ``explain`` used most recently.

        Returns
        -------
        AttributionStore
            The run's maps.

        Raises
        ------
        FileMissing
            For a folder without a store.
        InvalidInput
            For an unknown run, a store of another format, and settings that are unreadable.
        """
        opened = open_run(path, run)
        return cls(opened, methods=[m for m in opened.settings["methods"] if m in opened.asked])

    @staticmethod
    def runs(path: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
        """List the runs in a folder, the most recently used last.

        Parameters
        ----------
        path : str or os.PathLike
            The folder.

        Returns
        -------
        dict[str, dict[str, Any]]
            {run: its settings}; empty where there is no store.

        Raises
        ------
        InvalidInput
            For a store of another format, and settings that are unreadable.

        Examples
        --------
        >>> AttributionStore.runs("an empty folder")
        {}
        """
        return read_runs(Path(path))

    @property
    def settings(self) -> dict[str, Any]:
        """How the maps were made: model, preprocess, target, fit, seed, methods, versions."""
        methods = {name: self._run.settings["methods"][name] for name in self}
        return json.loads(json.dumps({**self._run.settings, "methods": methods}))

    @property
    def model(self) -> str:
        """The model's name: its file's stem, or a live model's own name."""
        return str(self._run.settings["model"]["name"])

    @property
    def fit(self) -> str:
        """How images were brought to the model's input, so that masks can follow."""
        return str(self._run.settings["fit"])

    @property
    def input_size(self) -> Size:
        """(height, width) of the model's input and of every map, in pixels."""
        height, width, _ = self._run.settings["model"]["input_shape"]
        return height, width

    @property
    def path(self) -> Path | None:
        """The folder, or None for a store in memory."""
        return self._run.path

    @property
    def facts(self) -> Mapping[str, ImageFacts]:
        """{image_id: ImageFacts}: explained and predicted class, the photo's size.

        The explained class is None where the maps of all methods here are those of no class.
        """
        records = self._run.records
        found = {i: records[i].facts for i in self._all_ids() if i in records}
        if not any(self._value(method).targeted for method in self):
            found = {i: replace(facts, target=None) for i, facts in found.items()}
        return FactsById(found)

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """{method: the images that were to be explained and have no map}."""
        return {
            method: tuple(i for i in self._ids(method) if not self._run.has(method, i))
            for method in self
        }

    def chunk(self, method: str, image_id: str) -> Chunk:
        """Read one map with all that is kept beside it.

        Parameters
        ----------
        method : str
            The method's name.
        image_id : str
            The image's id.

        Returns
        -------
        Chunk
            ``attribution`` is the map, ``arrays`` are further arrays by name (such as
            "replicates" of SmoothGrad), ``facts`` plain numbers by name (such as "n_samples").

        Raises
        ------
        InvalidInput
            For an unknown method, and a damaged file.
        IdMismatch
            For an image without a map.
        """
        if method not in self:
            raise self._missing(method)
        return self._value(method).chunk(image_id)

    def info(self) -> pd.DataFrame:
        """Count the maps of each method: there and missing, their size, how they are kept.

        Returns
        -------
        pandas.DataFrame
            One row a method, with the columns ``n_maps``, ``n_missing``, ``n_bytes`` (as kept),
            ``dtype``, and two errors. ``float16_error`` is the largest measured rounding error of
            a map, as a share of that map's largest absolute value; NaN where nothing was rounded.
            ``completeness_error`` is the largest of Integrated Gradients: how far a map's sum is
            from the output's rise, as a share of it; NaN for other methods. ``attrs["elsewhere"]``
            counts the maps in the folder that this store does not show: of other runs, and of
            replaced photos.
        """
        import pandas as pd

        rows = {method: self._info(method) for method in self}
        columns = ["n_maps", "n_missing", "n_bytes", "dtype", *_ERRORS]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        table.index.name = "method"
        table[_ERRORS] = table[_ERRORS].astype(float)
        total = self._run.chunks.total()
        table.attrs["elsewhere"] = {
            "n_maps": total.n_maps - int(table["n_maps"].sum()),
            "n_bytes": total.n_bytes - int(table["n_bytes"].sum()),
        }
        return table

    def _info(self, method: str) -> list[Any]:
        chunks, ids = self._run.chunks, self._ids(method)
        keys = [self._run.key(method, i) for i in ids]
        there = [key for key in keys if key is not None and chunks.has(key)]
        headers = [chunks.header(key) for key in there]
        rounded = [h.float16_error for h in headers if h.float16_error is not None]
        short = [abs(e) for h in headers if (e := h.completeness_error) is not None]
        dtype = str(self._run.settings.get("dtype", "float32"))
        n_bytes = sum(map(chunks.n_bytes, there))
        errors = [max(rounded, default=None), max(short, default=None)]
        return [len(there), len(ids) - len(there), n_bytes, dtype, *errors]

    def __repr__(self) -> str:
        where = f" in {str(self.path)!r}" if self.path else ""
        size = f"{len(self)} methods x {len(self._all_ids())} images"
        return f"AttributionStore({size}{where}: {shorten(self)})"

    def select(
        self, *, methods: Iterable[str] | None = None, image_ids: Iterable[str] | None = None
    ) -> AttributionStore:
        """Show some methods and images only, in the order given.

        Parameters
        ----------
        methods : iterable of str, optional
            Names of methods; by default all.
        image_ids : iterable of str, optional
            Ids of images; by default all.

        Returns
        -------
        AttributionStore
            The same maps, not copied.

        Raises
        ------
        InvalidInput
            For a method that the store lacks.
        """
        names = list(self if methods is None else methods)
        for name in names:
            if name not in self:
                raise unknown_name("methods", name, self)
        ids = self._image_ids if image_ids is None else image_ids
        return AttributionStore(self._run, methods=names, image_ids=ids)

    def _keys(self) -> tuple[str, ...]:
        return self._methods

    def _value(self, method: str) -> MethodMaps:
        return MethodMaps(self._run, method, self._ids(method))

    def _ids(self, method: str) -> tuple[str, ...]:
        if self._image_ids is not None:
            return self._image_ids
        return self._run.asked.get(method, ())

    def _all_ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(i for method in self for i in self._ids(method)))


class MethodMaps(ById[Float32]):
    """{image_id: float32 (H, W, C)} of one method; a run that was stopped leaves gaps."""

    def __init__(self, run: Run, method: str, image_ids: tuple[str, ...]) -> None:
        self._run, self._method = run, method
        self._image_ids = dict.fromkeys(image_ids)

    @property
    def fit(self) -> str:
        """How images were brought to the model's input, as of the store."""
        return str(self._run.settings["fit"])

    @property
    def targeted(self) -> bool:
        """Whether the maps are those of a class."""
        return is_targeted(self._run.settings["methods"][self._method])

    def chunk(self, image_id: str) -> Chunk:
        """Read the map with all that is kept beside it."""
        key = self._run.key(self._method, image_id) if image_id in self else None
        if key is None:
            raise self._missing(image_id)
        return self._run.get(key)

    def _keys(self) -> list[str]:
        return [i for i in self._image_ids if self._run.has(self._method, i)]

    def _value(self, image_id: str) -> Float32:
        return self.chunk(image_id).attribution

    def __contains__(self, image_id: object) -> bool:  # looks for one file, not for all
        return image_id in self._image_ids and self._run.has(self._method, str(image_id))

    def _missing(self, image_id: str) -> IdMismatch:
        return IdMismatch(
            f"image {image_id!r} has no {self._method!r} map; there are {len(self)}: "
            f"{shorten(self)}."
        )


class FactsById(ById[ImageFacts]):
    """{image_id: ImageFacts}."""

    holds = "facts"

    def __init__(self, facts: Mapping[str, ImageFacts]) -> None:
        self._facts = facts

    def _keys(self) -> Mapping[str, ImageFacts]:
        return self._facts

    def _value(self, image_id: str) -> ImageFacts:
        return self._facts[image_id]
