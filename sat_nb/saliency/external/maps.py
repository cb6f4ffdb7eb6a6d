"""ExternalMaps: the maps of other tools by method and image, and what was declared of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Map
from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.saliency.external.formats import MapSource


class _AnySize:
    """Equals every height and width: the photo's size was not declared."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "any"


ANY_SIZE = _AnySize()


@dataclass(frozen=True)
class PhotoFacts:
    """What is declared of one image: the class explained, and its photo's size in pixels."""

    target: int | None = None
    predicted: int | None = None
    height: int | _AnySize = ANY_SIZE
    width: int | _AnySize = ANY_SIZE


NO_FACTS = PhotoFacts()


@dataclass(frozen=True, eq=False)
class ExternalMaps(Mapping[str, Mapping[str, Map]]):
    """Adopted maps: {method: {image_id: float (H, W, C)}}, positive for the target.

    ``build`` takes it as it is. Maps of several tools are joined by ``|``.

    Parameters
    ----------
    maps: {method: {image_id: map}}; maps from files are read when asked for.
    methods: {method: how it was declared}, plain data.
    fit: how photos were brought to the maps' grids; a name in FITS.
    model: name of the model that was explained.
    facts: {image_id: PhotoFacts}.
    """

    maps: Mapping[str, Mapping[str, Map]]
    methods: Mapping[str, Mapping[str, Any]]
    fit: str
    model: str
    facts: Mapping[str, PhotoFacts]

    @property
    def settings(self) -> dict[str, Any]:
        """What was declared, as it travels with the table."""
        methods = {method: dict(declared) for method, declared in self.methods.items()}
        return {
            "source": "external",
            "model": {"name": self.model},
            "fit": self.fit,
            "methods": methods,
        }

    def __getitem__(self, method: str) -> Mapping[str, Map]:
        if method not in self.maps:
            raise unknown_name("method", method, self.maps)
        return self.maps[method]

    def __contains__(self, method: object) -> bool:
        return method in self.maps

    def __iter__(self) -> Iterator[str]:
        return iter(self.maps)

    def __len__(self) -> int:
        return len(self.maps)

    def get(self, method: str, default: Any = None) -> Any:
        """The method's maps, or ``default``."""
        return self.maps.get(method, default)

    def __or__(self, other: ExternalMaps) -> ExternalMaps:
        """The methods of both, which must have explained the same model, targets and photos."""
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
                    f"{getattr(other, name)!r} on the other; build a table of each."
                )
        unlike = [
            i
            for i in self._ids() & other._ids()
            if self.facts.get(i, NO_FACTS) != other.facts.get(i, NO_FACTS)
        ]
        if unlike:
            raise InvalidInput(
                f"maps: targets or sizes of photos differ between the sides of | for "
                f"{shorten(sorted(unlike))}; declare the same ones, or build a table of each."
            )

    def _facts_with(self, other: ExternalMaps) -> Mapping[str, PhotoFacts]:
        """Those of both sides; of two that are equal the one that knows the photo's size."""
        known = {i: facts for i, facts in self.facts.items() if facts.height is not ANY_SIZE}
        return MappingProxyType({**self.facts, **other.facts, **known})

    def _ids(self) -> set[str]:
        return {image_id for by_id in self.maps.values() for image_id in by_id}


AXES = {"N": "images", "H": "rows", "W": "columns", "C": "channels", "K": "classes"}
"""The letters of a layout."""

FEW = 4  # photos have up to four channels


def _unsigned(values: Map) -> Map:
    if values.min() < 0:
        raise InvalidInput(
            f"sign='unsigned' means that no value is below 0, got {values.min():.6g}; declare "
            "sign='signed' if positive values speak for the target."
        )
    return values


SIGNS: dict[str, Callable[[Map], Map]] = {
    "signed": lambda values: values,
    "unsigned": _unsigned,
    "inverted": np.negative,
}
"""What positive values of a tool mean, as the function that makes them speak for the target.

signed: they speak for the target, negative ones against it. unsigned: a magnitude, never below
0. inverted: they speak against the target, as where a loss was explained.
"""


@dataclass(frozen=True)
class Recipe:
    """How one method's maps are declared; ``layout`` may leave out N, C and K."""

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
        with np.errstate(over="ignore"):  # infinite then, which is said below
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
        """A view (H, W, C) of the class explained."""
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
            array = np.moveaxis(array, at, 0)[_checked_class(target, array.shape[at], where)]
            layout = layout.replace("K", "")
        if "C" not in layout:
            array, layout = array[..., None], layout + "C"
        return array.transpose([layout.index(axis) for axis in "HWC"])


@dataclass(frozen=True)
class LazyMaps(Mapping[str, Map]):
    """{image_id: float (H, W, C)} of one method, each read and checked when asked for."""

    recipe: Recipe
    sources: Mapping[str, MapSource]
    targets: Mapping[str, int]

    def __getitem__(self, image_id: str) -> Map:
        if image_id not in self.sources:
            raise IdMismatch(
                f"image {image_id!r} has no {self.recipe.method!r} map; there are {len(self)}: "
                f"{shorten(self)}."
            )
        source = self.sources[image_id]
        where = f"{source.where} (image {image_id!r})"
        return self.recipe.adopt(source.read(), where, self.targets.get(image_id))

    def __contains__(self, image_id: object) -> bool:
        return image_id in self.sources

    def __iter__(self) -> Iterator[str]:
        return iter(self.sources)

    def __len__(self) -> int:
        return len(self.sources)

    def __repr__(self) -> str:
        return f"LazyMaps({self.recipe.method!r}, {len(self)} images: {shorten(self)})"

    def get(self, image_id: str, default: Any = None) -> Any:
        """The image's map, or ``default``."""
        return self[image_id] if image_id in self.sources else default


def as_array(value: Any, where: str) -> NDArray[Any]:
    """Real numbers as an array: of NumPy, PyTorch or TensorFlow, or a list of such arrays."""
    try:
        if isinstance(value, list | tuple) and any(hasattr(part, "__array__") for part in value):
            array = np.stack([as_array(part, where) for part in value])
        else:
            for step in ("detach", "cpu", "numpy"):  # PyTorch's, and the last one TensorFlow's
                value = getattr(value, step, lambda same=value: same)()
            array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"{where}: expected an array of numbers ({error}).") from error
    if array.dtype.kind not in "fiu":
        raise InvalidInput(
            f"{where}: expected real numbers, got {array.dtype} {array.shape} from "
            f"{type(value).__name__}; give the arrays themselves."
        )
    return array


def check_axes(shape: tuple[int, ...], layout: str, where: str) -> None:
    """InvalidInput where ``layout`` cannot be, or hardly is, what this shape means."""
    came = f"got shape {shape}"
    if len(shape) != len(layout):
        axes = ", ".join(AXES[letter] for letter in layout)
        raise InvalidInput(
            f"{where}: layout {layout!r} ({axes}) has {len(layout)} axes, {came}; declare the "
            "layout of this array."
        )
    if 0 in shape:
        raise InvalidInput(f"{where}: expected pixels, {came}, which is empty.")
    sizes = dict(zip(layout, shape, strict=True))
    if sizes.get("C", 0) > FEW and min(sizes["H"], sizes["W"]) <= FEW:
        said = ", ".join(f"{AXES[letter]} {sizes[letter]}" for letter in layout)
        raise InvalidInput(
            f"{where}: shape {shape} cannot be {layout!r} ({said}): the channels seem to be "
            "another axis; declare the other order ('NHWC' or 'NCHW', 'HWC' or 'CHW')."
        )


def _checked_class(target: int | None, n_classes: int, where: str) -> int:
    if target is None or not 0 <= target < n_classes:
        raise InvalidInput(
            f"{where}: holds {n_classes} classes along K, target is {target}; give "
            f"target=0..{n_classes - 1}."
        )
    return target
