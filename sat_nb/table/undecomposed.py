"""Images of which a method has no rows, as there was nothing to decompose."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from sat_nb.errors import InvalidInput, shorten
from sat_nb.saliency.methods import NEED_POSITIVE
from sat_nb.table.join import ImageRows, Maps
from sat_nb.table.matching import MAX_NOTED


def note_undecomposed(
    blocks: list[ImageRows], maps: Maps, image_ids: list[str], left_out: dict[str, list[str]]
) -> None:
    """Note, and warn of, images that have no rows of a method."""
    for method, empty in _undecomposed(blocks, maps, image_ids).items():
        left_out[f"images in which {method} has nothing to decompose"] = empty[:MAX_NOTED]
        warnings.warn(_of_undecomposed(method, empty, len(image_ids)), stacklevel=3)


def _undecomposed(
    blocks: list[ImageRows], maps: Maps, image_ids: list[str]
) -> dict[str, list[str]]:
    """{method: the images without its rows}."""
    there: dict[str, set[str]] = {method: set() for method in maps if method in NEED_POSITIVE}
    for block in blocks:
        if block.method in there:
            there[block.method].add(block.image_id)
    absent = {method: [i for i in image_ids if i not in ids] for method, ids in there.items()}
    return {method: empty for method, empty in absent.items() if empty}


def nothing_decomposed(methods: Iterable[str], n_images: int) -> InvalidInput:
    """The error for a table without any row."""
    method = next(method for method in methods if method in NEED_POSITIVE)
    return InvalidInput(
        f"maps: those of {method!r} are zero everywhere, in all {n_images} images: what was "
        "explained is not positive there, so there is nothing to decompose; explain another "
        "target, such as 'predicted', or by another method."
    )


def _of_undecomposed(method: str, empty: list[str], n_images: int) -> str:
    return (
        f"{len(empty)} of {n_images} images have no rows of {method!r} ({shorten(empty)}): what "
        "was explained is not positive there, so its maps are zero and nothing is decomposed."
    )
