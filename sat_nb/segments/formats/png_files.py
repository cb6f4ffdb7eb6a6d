"""PNGs that hold masks: where they are, and their values, read only after a check of the size.

What is seen counts in a PNG of one mask: black is background, and the one other value or colour is
the mask, whatever the order of a palette. Of two colours without black, the darker is background
if its index is the lower one, too. Where all that is seen has one colour, the mask is what is
opaque. In a label picture the indices of a palette count, because labels.json names those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.arrays import Mask, Size, true_or_false, values_in
from sat_nb.errors import InvalidInput
from sat_nb.files import files_by_id, visible_files
from sat_nb.images import IMAGE_SUFFIXES
from sat_nb.photos.deep import is_deep
from sat_nb.photos.opening import open_picture
from sat_nb.photos.pillow import check_picture
from sat_nb.photos.whole import whole
from sat_nb.reading import open_plain
from sat_nb.segments.formats.json_files import NAMES_FILE
from sat_nb.segments.formats.limits import checked_size
from sat_nb.segments.formats.voc_folders import is_beside_masks


def png_files(root: Path) -> dict[str, Path]:
    """{id: PNG} of a folder, or of a single file; without what lies beside Pascal VOC's masks."""
    if root.is_dir():
        files = files_by_id(root, {".png"})
        return {i: file for i, file in files.items() if not is_beside_masks(file, root)}
    return {root.stem: root} if root.suffix.lower() == ".png" else {}


def pngs_are_masks(root: Path) -> bool:
    """Whether a folder has no JSON or .npz files; PNGs beside those are photos, or part of them."""
    others = visible_files(root, {".json", ".npz"})
    return all(file.name == NAMES_FILE for file in others)


def of_other_pictures(root: Path) -> str:
    """What to say where masks may be in pictures that are no PNGs; "" where there are none."""
    suffixes = IMAGE_SUFFIXES - {".png"}
    files = visible_files(root, suffixes) if root.is_dir() else iter([root])
    first = next((file for file in files if file.suffix.lower() in suffixes), None)
    if first is None:
        return ""
    return (
        f" Masks in pictures are read from PNGs, and {first.name!r} is none. If it is a mask, "
        "convert it, with a threshold, as JPEG blurs edges: "
        "Image.open(file).convert('L').point(lambda v: 255 * (v > 127)).save('name.png')."
    )


@contextmanager
def opened(source: Path | BinaryIO) -> Iterator[Image.Image]:
    """A PNG whose pixels are not read yet.

    Raises InvalidInput (without the file's name) for anything that is not a PNG, and for one that
    costs more than LIMITS allows.
    """
    try:
        with (
            open_plain(source) if isinstance(source, Path) else nullcontext(source) as stream,
            open_picture(stream, formats=("PNG",)) as image,
        ):
            checked_size((image.height, image.width), "the size of the picture")
            check_picture(image, least=1)
            yield image
    except InvalidInput:
        raise
    except Exception as error:  # damaged files make Pillow raise errors of many kinds
        raise InvalidInput(f"not readable as a PNG ({error}); export it again.") from error


def read_size(source: Path | BinaryIO) -> Size:
    """(height, width) of a PNG."""
    with opened(source) as image:
        return image.height, image.width


def read_picture(source: Path | BinaryIO) -> NDArray:
    """The values of a PNG as stored: (H, W) if grey, palette or 1-bit, else (H, W, 2, 3 or 4).

    Of a palette, these are the indices, not the colours. Raises InvalidInput as ``opened``.
    """
    with opened(source) as image:
        return _pixels(image)


def read_labels(source: Path | BinaryIO) -> NDArray:
    """The values (H, W) of a label picture: indices of a palette, or grey levels.

    Grey levels may be saved as a colour picture, or beside an alpha channel that is opaque.
    """
    with opened(source) as image:
        if image.mode in ("RGB", "RGBA", "LA") and is_deep(image):
            raise InvalidInput(
                "a colour picture of 16 bits, of which 8 would be lost; save the labels as a grey "
                "PNG of 16 bits."
            )
        colours, alpha = _parted(_pixels(image))
    if alpha is not None and (alpha != alpha.flat[0]).any():
        raise InvalidInput(
            "its alpha channel is not opaque everywhere, so that it is not told which labels "
            "count; save the labels without an alpha channel."
        )
    return colours[..., 0] if _is_grey(colours) else colours


def read_mask(source: Path | BinaryIO) -> Mask:
    """The mask (H, W) of a picture of one mask, as it is seen; see the module's docstring.

    Raises InvalidInput as ``opened``, and for more than two values, for two values of which none
    is black, and where colours and alpha channel tell different masks.
    """
    with opened(source) as image:
        if image.mode == "P":
            return _of_palette(image)
        if "transparency" in image.info and image.mode in ("1", "L", "RGB"):
            image = whole(image).convert("RGBA")
        return _seen(*_parted(_pixels(image)))


def colour_codes(pixels: NDArray, shifts: tuple[int, int, int]) -> NDArray[np.int32]:
    """(H, W): a number for each colour (H, W, 3 or more), its channels shifted by so many bits.

    >>> colour_codes(np.array([[[1, 2, 3]]], np.uint8), (16, 8, 0)).tolist() == [[0x010203]]
    True
    """
    codes = np.zeros(pixels.shape[:2], dtype=np.int32)
    for channel, shift in enumerate(shifts):
        codes += pixels[..., channel].astype(np.int32) << shift
    return codes


def two_valued(values: NDArray) -> Mask:
    """The (H, W) mask of an array that holds 0 and one other value (or False and True).

    A colour picture is taken if all its channels are equal, as in CelebAMask-HQ.

    >>> two_valued(np.array([[0, 255]], np.uint8))
    array([[False,  True]])
    """
    values = values[..., 0] if _is_grey(values) else values
    if values.ndim != 2 or values.dtype.kind not in "biu":
        raise InvalidInput(
            "expected a mask (H, W) of two whole values, got "
            f"{values.dtype} {values.shape}; save it as a boolean or grey picture or array."
        )
    if values.dtype == bool:
        return true_or_false(values)
    mask = values != 0
    others = values[mask]
    if others.size and (others != others[0]).any():
        raise InvalidInput(_of_more_values(values_in(values)))
    return mask


def _of_more_values(values: list[int]) -> str:
    if len(values) == 2:
        return (
            f"holds the values {values[0]} and {values[1]}, and it is not told which of them is "
            "the mask; save it with 0 outside of the mask."
        )
    return (
        f"expected a mask of two values, got {len(values)}, from {values[0]} to {values[-1]}; "
        "apply a threshold to a mask with soft edges, save several masks one by one, or name "
        "the values of label PNGs in a labels.json."
    )


def _pixels(image: Image.Image) -> NDArray:
    pixels = np.array(whole(image))
    return true_or_false(pixels) if pixels.dtype == bool else pixels


def _parted(pixels: NDArray) -> tuple[NDArray, NDArray | None]:
    """Grey levels (H, W) or colours (H, W, 3), and the alpha channel (H, W), if there is one."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels, None
    return (pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]), pixels[..., -1]


def _is_grey(colours: NDArray) -> bool:
    if colours.ndim != 3 or colours.shape[2] != 3:
        return False
    return bool((colours[..., :1] == colours).all())


def _seen(
    colours: NDArray, alpha: NDArray | None, of_colours: Callable[[NDArray], Mask] = two_valued
) -> Mask:
    if alpha is None or (alpha == alpha.max()).all():
        if alpha is not None and not alpha.any():
            raise InvalidInput(
                "is see-through everywhere; save it without its alpha channel, if the mask is in "
                "its colours."
            )
        return of_colours(colours)
    levels = np.unique(alpha)
    if len(levels) > 2:
        raise InvalidInput(
            f"its alpha channel holds {len(levels)} values; save a mask of two values, without an "
            "alpha channel, or apply a threshold to soft edges."
        )
    opaque = alpha == levels[1]
    shown = opaque if levels[0] == 0 else np.ones_like(opaque)
    if (colours[shown] == colours[shown][0]).all():
        return opaque
    raise InvalidInput(
        "the mask may be in its colours or in its alpha channel. Save the one that is meant alone, "
        "in black and white: Image.open(file).getchannel('A').save(file) keeps the alpha "
        "channel, Image.open(file).convert('L').save(file) the colours."
    )


def _of_palette(image: Image.Image) -> Mask:
    indices, used = np.array(whole(image)), np.flatnonzero(image.histogram())
    image.apply_transparency()  # to the palette
    stored = np.array(image.getpalette("RGBA"), dtype=np.uint8).reshape(-1, 4)
    palette = np.tile(np.array([0, 0, 0, 255], dtype=np.uint8), (256, 1))
    palette[: len(stored)] = stored
    mask = np.zeros(256, dtype=bool)
    mask[used] = _seen(palette[used, :3], palette[used, 3], _coloured)
    return mask[indices]


def _coloured(colours: NDArray) -> Mask:
    """Which of a palette's colours (k, 3), by index, are not the darker one of two."""
    different = np.unique(colours, axis=0)
    if len(different) > 2:
        raise InvalidInput(
            f"expected a mask of two values, got {len(different)} colours; save several masks one "
            "by one, or name the values of label PNGs in a labels.json."
        )
    if len(different) < min(len(colours), 2):
        raise InvalidInput(
            f"its {len(colours)} values have the same colour; save it in white on black."
        )
    light = colours @ _LUMINANCE
    if len(different) == 1:
        return light > 0
    if light.min() > 0 and light[0] == light.max():  # neither sight nor index tells
        raise InvalidInput(
            f"shows the colours {different[0].tolist()} and {different[1].tolist()}, and it is "
            "not told which of them is the mask; save it in white on black."
        )
    return light > light.min()


_LUMINANCE = np.array([299, 587, 114])  # of Pillow's convert("L"), in thousandths
