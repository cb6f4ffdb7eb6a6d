"""ExternalMaps: the maps of other tools by method and image, and what was declared of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sat_nb.errors import InvalidInput, shorten, unknown_name
from sat_nb.saliency.adoption import Map


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
