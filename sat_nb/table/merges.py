"""The registry of merges: what becomes of several masks of one name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, registry
from sat_nb.segments.segmentation import SegmentationMap


@dataclass(frozen=True, kw_only=True)
class Merge(Entry):
    """What becomes of several masks of one name in one image.

    Pass one of your own, with a version, to ``build(merge=...)``; its name and version go into
    the table's settings.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every :class:`~sat_nb.registry.Entry`.
    parameters : Mapping[str, Parameter]
        As for every entry.
    function : callable
        From a ``SegmentationMap`` to one in which every name occurs once.

    Examples
    --------
    >>> def drop_repeats(segmentation):
    ...     first = [segmentation.names.index(name) for name in dict.fromkeys(segmentation.names)]
    ...     names = tuple(segmentation.names[i] for i in first)
    ...     return SegmentationMap(names, segmentation.masks[first])
    >>> first_only = Merge(name="first", version="1", function=drop_repeats)
    >>> first_only(SegmentationMap(("eye", "eye"), np.eye(2, dtype=bool)[:, None])).names
    ('eye',)
    """

    function: Callable[[SegmentationMap], SegmentationMap]

    def __call__(self, segmentation: SegmentationMap) -> SegmentationMap:
        """Merge the masks of one image."""
        merged = self.function(segmentation)
        names = getattr(merged, "names", None)
        if names is None or len(set(names)) < len(names):
            raise InvalidInput(
                f"merge: the function of {self.name!r} must return a SegmentationMap in which "
                f"every name occurs once, got {type(merged).__name__} with the names {names}."
            )
        return merged


def _numbered(segmentation: SegmentationMap) -> SegmentationMap:
    names: list[str] = []
    taken = set(segmentation.names)
    for name in segmentation.names:
        if name in names:
            name = next(new for n in count(2) if (new := f"{name} {n}") not in taken)
            taken.add(name)
        names.append(name)
    return SegmentationMap(tuple(names), segmentation.masks, segmentation.scores)


MERGES: dict[str, Merge] = registry(
    Merge(
        name="union",
        about="Their union is one segment.",
        function=SegmentationMap.merged,
    ),
    Merge(
        name="numbered",
        about='Each is a segment of its own, such as "eye" and "eye 2".',
        function=_numbered,
    ),
)
"""What ``build`` takes as ``merge``, by name."""
