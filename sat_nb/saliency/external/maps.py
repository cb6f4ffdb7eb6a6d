"""ExternalMaps: the maps of other tools by method and image, and what was declared about them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Map, Size
from sat_nb.by_id import ById, ByMethod, composed
from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.geometry import relation
from sat_nb.registry import Entry, registry
from sat_nb.saliency.external.axes import AXES, as_array, check_axes, checked_class
from sat_nb.sources import Source


@dataclass(frozen=True)
class PhotoFacts:
    """What is declared about one image: its classes, and its photo's size in pixels."""

    target: int | None = None
    predicted: int | None = None
    height: int | None = None
    width: int | None = None
    label: int | None = None

    @property
    def size(self) -> Size | None:
        """The photo's (height, width), if it was declared."""
        return None if self.height is None or self.width is None else (self.height, self.width)

    def agrees(self, other: PhotoFacts) -> bool:
        """Whether both can be true of one photo and target."""
        pairs = [(getattr(self, n), getattr(other, n)) for n in ("predicted", "label", "size")]
        return self.target == other.target and all(a == b or None in (a, b) for a, b in pairs)

    def joined(self, other: PhotoFacts) -> PhotoFacts:
        """What either of them knows."""
        mine = {name: value for name, value in vars(self).items() if value is not None}
        return replace(other, **mine)


NO_FACTS = PhotoFacts()


def swapped_sizes(pairs: Iterable[tuple[Size, Size]]) -> str:
    """What to say first where photo_sizes swaps height and width of all photos; "" otherwise.

    ``pairs`` holds (size of the map or the masks, size in photo_sizes).

    >>> swapped_sizes([((4, 3), (3, 4)), ((4, 3), (4, 3))])
    ''
    """
    oblong = [(size, photo) for size, photo in pairs if photo[0] != photo[1]]
    if not oblong or any(relation(size, photo) != "turned" for size, photo in oblong):
        return ""
    sizes = f"all of its {len(oblong)} sizes seem" if len(oblong) > 1 else "its size seems"
    return (
        f"photo_sizes takes (height, width), and {sizes} to be (width, height): give "
        "{i: (h, w) for i, (w, h) in photo_sizes.items()}. If they are right: "
    )


@dataclass(frozen=True, eq=False, repr=False)
class ExternalMaps(ByMethod[Mapping[str, Map]]):
    """Attribution maps of other tools: {method: {image_id: float (H, W, C)}}.

    Positive values speak for the target. ``build`` takes it as it is; ``a | b`` joins the maps of
    two tools. Maps from files are read when they are asked for.

    Parameters
    ----------
    maps : Mapping[str, Mapping[str, ndarray]]
        {method: {image_id: map}}.
    methods : Mapping[str, Mapping]
        {method: its declaration}: plain data that travels with the table.
    fit : str or None
        How photos were brought to the maps' size: a name in FITS; None where it was not declared.
    model : str
        The name of the explained model.
    facts : Mapping[str, PhotoFacts]
        {image_id: what is declared about the photo}: its classes and its size.

    See Also
    --------
    sat_nb.maps_from_arrays : Adopt maps that are in memory.
    sat_nb.read_maps : Adopt maps that are in files.

    Examples
    --------
    >>> import sat_nb as sat
    >>> maps = sat.maps_from_arrays(
    ...     np.ones((1, 2, 2)), method="shap", layout="NHW", sign="signed", image_ids=["cat"]
    ... )
    >>> maps, maps.settings["methods"]
    (ExternalMaps('shap': 1 images), {'shap': {'layout': 'NHW', 'sign': 'signed', 'target': None}})
    """

    maps: Mapping[str, Mapping[str, Map]]
    methods: Mapping[str, Mapping[str, Any]]
    fit: str | None
    model: str
    facts: Mapping[str, PhotoFacts]

    @property
    def settings(self) -> dict[str, Any]:
        """The declarations, as they travel with the table."""
        methods = {method: dict(declared) for method, declared in self.methods.items()}
        return {
            "source": "external",
            "model": {"name": self.model},
            "fit": self.fit,
            "methods": methods,
        }

    def _keys(self) -> Collection[str]:
        return self.maps

    def _value(self, key: str) -> Mapping[str, Map]:
        return self.maps[key]

    def __or__(self, other: ExternalMaps) -> ExternalMaps:
        """Join the methods of both, which must be about the same model, targets and photos."""
        if not isinstance(other, ExternalMaps):
            return NotImplemented
        self._check_joins(other)
        return ExternalMaps(
            MappingProxyType({**self.maps, **other.maps}),
            MappingProxyType({**self.methods, **other.methods}),
            self.fit,
            self.model,
            self._facts_with(other),
        )

    def __repr__(self) -> str:
        sizes = (f"{method!r}: {len(by_id)} images" for method, by_id in self.maps.items())
        return f"ExternalMaps({', '.join(sizes)})"

    def _check_joins(self, other: ExternalMaps) -> None:
        both = set(self) & set(other)
        if both:
            raise InvalidInput(
                f"maps: both sides of | have a method {sorted(both)[0]!r}; adopt one of them "
                "under another name."
            )
        for name in ("fit", "model"):
            if getattr(self, name) != getattr(other, name):
                raise InvalidInput(
                    f"maps: {name} is {getattr(self, name)!r} on one side of | and "
                    f"{getattr(other, name)!r} on the other; declare the same {name}= for both, "
                    "or build one table each."
                )
        mine, theirs = self._facts_by_id(), other._facts_by_id()
        different = [i for i in set(mine) & set(theirs) if not mine[i].agrees(theirs[i])]
        if different:
            raise InvalidInput(
                f"maps: targets, predictions, labels or sizes of photos differ between the sides "
                f"of | for {shorten(sorted(different))}; declare the same ones, or build one table "
                "each."
            )

    def _facts_with(self, other: ExternalMaps) -> Mapping[str, PhotoFacts]:
        """The facts of both sides; of two about one image, what either of them knows."""
        theirs = other._facts_by_id()
        mine = {i: f.joined(theirs.get(composed(i), f)) for i, f in self.facts.items()}
        return MappingProxyType({**other.facts, **mine})

    def _facts_by_id(self) -> dict[str, PhotoFacts]:
        """The facts of all images under their ids in composed Unicode."""
        ids = {image_id for by_id in self.maps.values() for image_id in by_id}
        return {composed(i): self.facts.get(i, NO_FACTS) for i in ids}


def _unsigned(values: Map) -> Map:
    if values.min() < 0:
        raise InvalidInput(
            f"sign='unsigned' means that no value is below 0, got {values.min():.6g}; declare "
            "sign='signed' if positive values speak for the target."
        )
    return values


@dataclass(frozen=True, kw_only=True)
class Sign(Entry):
    """What positive values of a tool mean.

    ``function(values)`` returns values that are positive where they speak for the target.
    """

    function: Callable[[Map], Map]

    def __call__(self, values: Map) -> Map:
        """The values, positive where they speak for the target."""
        return self.function(values)


SIGNS: dict[str, Sign] = registry(
    Sign(
        name="signed",
        about="Positive values speak for the target, negative ones against it.",
        function=lambda values: values,
    ),
    Sign(
        name="unsigned",
        about="Values are magnitudes, never below 0.",
        function=_unsigned,
    ),
    Sign(
        name="inverted",
        about="Positive values speak against the target, as where a loss was explained.",
        function=np.negative,
    ),
)
"""What positive values of a tool mean; see ``maps_from_arrays``."""


@dataclass(frozen=True)
class Recipe:
    """The declaration of one method's maps; ``layout`` may leave out N, C and K."""

    method: str
    layout: str
    sign: str
    zero: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.method, str) or not self.method:
            raise InvalidInput(f"method: expected a name, got {self.method!r}.")
        if self.sign not in SIGNS:
            raise unknown_name("sign", self.sign, SIGNS)
        if self.zero is not None and not np.isfinite(self.zero):
            raise InvalidInput(f"zero: expected a finite number, got {self.zero!r}.")
        letters = list(self.layout) if isinstance(self.layout, str) else []
        if len(set(letters)) < len(letters) or not {"H", "W"} <= set(letters) <= set(AXES):
            raise InvalidInput(
                "layout: expected H and W and any of N, C and K, each once and in the order of "
                f"the array's axes, such as 'NHWC', got {self.layout!r}."
            )

    def adopt(self, raw: Any, where: str, target: int | None) -> Map:
        """The map (H, W, C) of one image, or InvalidInput that begins with ``where``."""
        values = self._in_order(as_array(raw, where), where, target)
        dtype = values.dtype if values.dtype in (np.float32, np.float64) else np.float64
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused below
            values = np.array(values, dtype=dtype, order="C")
            values -= values.dtype.type(self.zero or 0)
        if not np.isfinite(values).all():
            raise InvalidInput(
                f"{where}: holds NaN or infinite values; explain that image again, or leave it out."
            )
        try:
            values = SIGNS[self.sign](values)
        except InvalidInput as error:
            raise InvalidInput(f"{where}: {error}") from error
        values.flags.writeable = False
        return values

    def _in_order(self, array: NDArray[Any], where: str, target: int | None) -> NDArray[Any]:
        """A view (H, W, C) of the explained class."""
        check_axes(array.shape, self.layout, where)
        layout = self.layout
        if "N" in layout:
            at = layout.index("N")
            if array.shape[at] != 1:
                raise InvalidInput(
                    f"{where}: expected one image, got {array.shape[at]} along N of "
                    f"{layout!r} {array.shape}; give each image its own array."
                )
            array, layout = array.take(0, axis=at), layout.replace("N", "")
        if "K" in layout:
            at = layout.index("K")
            array = np.moveaxis(array, at, 0)[checked_class(target, array.shape[at], where)]
            layout = layout.replace("K", "")
        if "C" not in layout:
            array, layout = array[..., None], layout + "C"
        return array.transpose([layout.index(axis) for axis in "HWC"])


@dataclass(frozen=True, repr=False)
class LazyMaps(ById[Map]):
    """{image_id: float (H, W, C)} of one method, each read and checked when it is asked for."""

    recipe: Recipe
    sources: Mapping[str, Source[Any]]
    targets: Mapping[str, int]

    def _keys(self) -> Collection[str]:
        return self.sources

    def _value(self, key: str) -> Map:
        source = self.sources[key]
        where = f"{source.where} (image {key!r})"
        return self.recipe.adopt(source.value(), where, self.targets.get(key))

    def _missing(self, key: str) -> Exception:
        return IdMismatch(
            f"image {key!r} has no {self.recipe.method!r} map; there are {len(self)}: "
            f"{shorten(self)}."
        )
