"""rename_segments: names of segments replaced by a list of the user's, when they are asked for."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sat_nb.by_id import ById
from sat_nb.errors import InvalidInput, shorten
from sat_nb.files import existing
from sat_nb.reading import read_plain, readable
from sat_nb.segments.names import normalize
from sat_nb.segments.problems import problems_of
from sat_nb.segments.segmentation import SegmentationMap

if TYPE_CHECKING:
    import pandas as pd

    Renames = Mapping[str, str] | str | os.PathLike[str] | pd.DataFrame


class RenamedSegments(ById[SegmentationMap]):
    """Segments under other names, renamed when they are asked for; see ``rename_segments``."""

    holds = "segmentation map"

    def __init__(self, segments: Mapping[str, SegmentationMap], renames: Mapping[str, str]) -> None:
        self._segments = segments
        self._renames = MappingProxyType(dict(renames))

    @property
    def problems(self) -> Mapping[str, str]:
        """What ``read_segments(..., errors="skip")`` left out: {file: messages, one a line}."""
        return problems_of(self._segments)

    def _keys(self) -> Collection[str]:
        return self._segments.keys()

    def _value(self, key: str) -> SegmentationMap:
        segmentation = self._segments[key]
        found = {name: self._renames.get(normalize(name), name) for name in segmentation.names}
        return segmentation.rename(found)

    def __repr__(self) -> str:
        return f"RenamedSegments({len(self)} images, {len(self._renames)} renames)"


def rename_segments(segments: Mapping[str, SegmentationMap], renames: Renames) -> RenamedSegments:
    """Rename segments.

    Parameters
    ----------
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}, as from ``read_segments``.
    renames : Mapping, DataFrame, str or PathLike
        {old name: new name}; what ``suggest_renames`` returns; or a TOML file with the tables ::

            [rename]
            "eyes" = "eye"

            [synonyms]
            watermark = ["watermark left", "logo"]

    Returns
    -------
    RenamedSegments
        A lazy Mapping {image_id: SegmentationMap}.

    Raises
    ------
    InvalidInput
        For empty names, for an old name with two new ones, and for a file that is not such TOML.
    FileMissing
        If the file does not exist.

    Notes
    -----
    Case and blanks of old names do not matter. Each name is replaced once: a new name is not
    replaced again. ``build`` merges the masks of one image that get the same name.

    Examples
    --------
    >>> eyes = SegmentationMap(("left eye", "eyes"), np.eye(2, dtype=bool)[:, None])
    >>> rename_segments({"a": eyes}, {"left eye": "eye", "eyes": "eye"})["a"].names
    ('eye', 'eye')
    """
    return RenamedSegments(segments, folded_renames(renames))


def folded_renames(renames: Renames) -> dict[str, str]:
    """{normalized old name: new name} of what ``rename_segments`` takes."""
    folded: dict[str, str] = {}
    for old, new in _pairs(renames):
        if not all(isinstance(name, str) and name.strip() for name in (old, new)):
            raise InvalidInput(f"renames: expected names, got {old!r} -> {new!r}.")
        if folded.setdefault(normalize(old), new) != new:
            raise InvalidInput(
                f"renames: {normalize(old)!r} is to become both {folded[normalize(old)]!r} and "
                f"{new!r}; keep one of them."
            )
    return folded


def _pairs(renames: Any) -> list[tuple[Any, Any]]:
    """Pairs (old, new) of a mapping, of suggestions or of a TOML file."""
    if isinstance(renames, str | os.PathLike):
        return _read_toml(renames)
    if isinstance(renames, Mapping):
        return list(renames.items())
    if {"segment", "proposal"} <= set(getattr(renames, "columns", ())):
        return list(zip(renames["segment"], renames["proposal"], strict=True))
    raise InvalidInput(
        "renames: expected {old name: new name}, the result of suggest_renames or a TOML file, "
        f"got {type(renames).__name__}."
    )


MAX_TOML_BYTES = 2**21  # a list of 100,000 names
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}\.[ \t]*+){{50}}")


def _read_toml(path: str | os.PathLike[str]) -> list[tuple[Any, Any]]:
    file = existing(path, "renames")
    with readable("TOML", "write it again, in UTF-8", file=file):
        text = read_plain(file, MAX_TOML_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
        if _LONG_KEY.search(text):  # takes the square of its parts
            raise InvalidInput("a key has more than 50 parts; put names with dots in quotes.")
        document = tomllib.loads(text)
    rename, synonyms = document.get("rename", {}), document.get("synonyms", {})
    whole = isinstance(rename, dict) and isinstance(synonyms, dict)
    if not document or document.keys() - {"rename", "synonyms"} or not whole:
        raise InvalidInput(
            f'{file}: expected the tables [rename] (old = "new") and [synonyms] '
            f'(new = ["old", ...]), got {shorten(document) or "nothing"}.'
        )
    lists = [new for new, olds in synonyms.items() if not isinstance(olds, list)]
    if lists:
        raise InvalidInput(f"{file}: synonyms.{lists[0]}: expected a list of names.")
    return [*rename.items(), *((old, new) for new, olds in synonyms.items() for old in olds)]
