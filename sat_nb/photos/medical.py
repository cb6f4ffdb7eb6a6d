"""Slices of DICOM and NIfTI files, through pydicom and nibabel: the extra [medical]."""

from __future__ import annotations

import math
import mmap
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.photos.photo import Photo, Range, check_size, in_colour, range_of, stored
from sat_nb.reading import open_plain

MAX_READS = 2**20  # two an element, in seconds
BYTES_OF_A_FRAME = 16  # at least, with its header: more frames than that are not in a file


def dicom_parts(file: Path) -> int | None:
    """The number of frames; None for a single photo."""
    data = _header(file)
    if "Rows" not in data or "Columns" not in data:
        raise InvalidInput("a DICOM file without a picture")
    if data.get("BitsAllocated") == 1:
        raise InvalidInput("a DICOM file of masks (1 bit), which is no photo")
    n_frames = int(data.get("NumberOfFrames") or 1)
    if not 1 <= n_frames <= max(1, file.stat().st_size // BYTES_OF_A_FRAME):
        raise InvalidInput(f"a damaged DICOM file: it claims {n_frames} frames")
    return n_frames if n_frames > 1 else None


def read_dicom(file: Path, part: int | None = None) -> Photo:
    """One frame in the units of the modality (CT: Hounsfield), as it is stored, not turned."""
    from pydicom.pixels import apply_color_lut, pixel_array

    data = _header(file)
    n_bytes = int(data.get("BitsAllocated") or 8) / 8
    check_size(
        int(data.Rows), int(data.Columns), max(int(data.get("SamplesPerPixel") or 1), 3), n_bytes
    )
    frame = part or 0
    try:
        with _mapped(file) as content:
            pixels = pixel_array(_readable(content, data), index=frame)
    except RuntimeError as error:
        if "missing dependencies" not in str(error):
            raise
        name = data.file_meta.TransferSyntaxUID.name
        raise InvalidInput(
            f"is compressed as {name}; run `pip install pylibjpeg pylibjpeg-libjpeg "
            "pylibjpeg-openjpeg`, or save it without compression."
        ) from error
    kind = data.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
        return Photo(stored(pixels), range_of(pixels.dtype))
    if not kind.startswith("MONOCHROME"):
        return Photo(stored(pixels), range_of(pixels.dtype))
    pixels, full = _rescaled(pixels, data, frame)
    is_inverted = kind == "MONOCHROME1"
    if is_inverted and pixels.dtype == np.uint8:
        pixels = pixels.astype(np.uint16)  # as uint8, 0 would be taken for black
    return Photo(in_colour(stored(pixels)), full, _own_window(data, frame), is_inverted)


def _header(file: Path) -> Any:
    from pydicom import dcmread

    with _mapped(file) as content:
        _check_deflated(content)
        content.seek(0)
        return dcmread(content, stop_before_pixels=True, force=True)


class _Mapped(mmap.mmap):
    """A file of which no more can be read than there is, whatever a damaged element claims."""

    left = MAX_READS

    def read(self, n_bytes: int | None = None) -> bytes:
        """As of any file; InvalidInput for a file of too many elements, each read by itself."""
        self.left -= 1
        if self.left < 0:
            raise InvalidInput("a DICOM file of more elements than a photo has; save it again.")
        return super().read(n_bytes)


def _mapped(file: Path) -> Any:
    with open_plain(file) as stream:
        return _Mapped(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _check_deflated(stream: Any) -> None:
    """InvalidInput for a DICOM file that is packed as a whole, and too large when unpacked."""
    from pydicom.filereader import _read_file_meta_info, read_preamble
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    if read_preamble(stream, force=True) is None:
        return
    meta = _read_file_meta_info(stream)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        _check_unpacked(zlib.decompressobj(-zlib.MAX_WBITS), stream)


def _check_unpacked(unpacker: Any, stream: Any) -> None:
    n_bytes = 0
    while packed := unpacker.unconsumed_tail or stream.read(2**20):
        n_bytes += len(unpacker.decompress(packed, 2**24))
        if n_bytes > LIMITS["volume_bytes"]:
            raise InvalidInput(
                f"takes more than {n_bytes} bytes when it is unpacked; "
                f"{beyond('volume_bytes', 2 * n_bytes)}."
            )


def _readable(content: Any, data: Any) -> Any:
    """What pydicom decodes: the file, or for old files without a preamble, the data set itself."""
    from pydicom import dcmread, uid

    if "TransferSyntaxUID" in data.file_meta:
        return content
    data = dcmread(content, force=True)
    is_implicit, is_little = data.original_encoding
    explicit = uid.ExplicitVRLittleEndian if is_little else uid.ExplicitVRBigEndian
    data.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if is_implicit else explicit
    return data


def _rescaled(pixels: NDArray[Any], data: Any, frame: int) -> tuple[NDArray[Any], Range | None]:
    """Stored numbers in the modality's units, and the range that they can have."""
    if "ModalityLUTSequence" in data:
        from pydicom.pixels import apply_modality_lut

        return apply_modality_lut(pixels, data), None
    where = _of_frame(data, frame, "PixelValueTransformationSequence", "RescaleSlope")
    slope = float(where.get("RescaleSlope") or 1)
    intercept = float(where.get("RescaleIntercept") or 0)
    bits = int(data.get("BitsStored") or 8 * pixels.dtype.itemsize)
    low, high = (
        (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if pixels.dtype.kind == "i"
        else (
            0,
            2**bits - 1,
        )
    )
    if (slope, intercept) == (1, 0):
        return pixels, (float(low), float(high))
    ends = sorted((low * slope + intercept, high * slope + intercept))
    return pixels * slope + intercept, (ends[0], ends[1])


def _own_window(data: Any, frame: int) -> Range | None:
    """The first window of a frame, (low, high) as DICOM PS3.3 C.11.2.1.2 defines them."""
    where = _of_frame(data, frame, "FrameVOILUTSequence", "WindowCenter")
    center, width = (where.get(name) for name in ("WindowCenter", "WindowWidth"))
    center, width = (v[0] if hasattr(v, "__len__") and len(v) else v for v in (center, width))
    how = where.get("VOILUTFunction") or "LINEAR"
    if center in (None, "") or width in (None, "") or how not in ("LINEAR", "LINEAR_EXACT"):
        return None
    center, width = float(center), float(width)
    if how == "LINEAR":
        center, width = center - 0.5, width - 1
    return (center - width / 2, center + width / 2) if width > 0 else None


def _of_frame(data: Any, frame: int, sequence: str, name: str) -> Any:
    """The data set that holds a value: that of the frame, of all frames, or of the file."""
    groups = data.get("PerFrameFunctionalGroupsSequence") or []
    of_frame = [groups[frame]] if frame < len(groups) else []
    for group in (*of_frame, *(data.get("SharedFunctionalGroupsSequence") or [])):
        for item in group.get(sequence) or []:
            if name in item:
                return item
    return data


def nifti_parts(file: Path) -> int | None:
    """The number of slices along the third axis; None for a single one."""
    shape = _slices_shape(_nifti(file))
    return int(shape[2]) if len(shape) == 3 else None


def read_nifti(file: Path, part: int | None = None) -> Photo:
    """A slice: rows along the first axis, columns along the second, as nibabel gives them.

    Nothing is turned, so that masks made from the same array fit. Numbers are scaled as the header
    says.
    """
    image = _nifti(file)
    shape = _slices_shape(image)
    n_bytes = np.dtype(image.get_data_dtype()).itemsize
    check_size(int(shape[0]), int(shape[1]), n_bytes=n_bytes)
    index = (slice(None), slice(None), *[0] * (image.ndim - 2))
    if part is not None:
        index = (*index[:2], part, *index[3:])
    numbers = np.asanyarray(image.dataobj[index])
    if numbers.dtype.names:  # RGB24 and RGBA32
        numbers = np.stack([numbers[name] for name in numbers.dtype.names[:3]], axis=2)
    low, high = (float(image.header[name]) for name in ("cal_min", "cal_max"))
    own = (low, high) if low < high else None
    pixels = np.ascontiguousarray(stored(numbers))
    return Photo(in_colour(pixels), range_of(numbers.dtype), own)


def _nifti(file: Path) -> Any:
    import nibabel

    _check_offset(file)
    image: Any = nibabel.load(file)
    n_bytes = math.prod(image.shape) * np.dtype(image.get_data_dtype()).itemsize
    if file.suffix.lower() == ".gz" and n_bytes > LIMITS["volume_bytes"]:
        raise InvalidInput(
            f"a compressed volume of {n_bytes} bytes, which is unpacked up to the slice that is "
            f"read; save it as .nii; {beyond('volume_bytes', n_bytes)}."
        )
    return image


def _check_offset(file: Path) -> None:
    """InvalidInput where a header says that the numbers begin far behind it."""
    from nibabel.openers import ImageOpener

    with ImageOpener(str(file)) as stream:
        head = stream.read(HEADER_BYTES)
    for order in "<>":
        places = {348: ("f4", 108), 540: ("i8", 168)}  # of NIfTI 1 and 2
        kind, at = places.get(int.from_bytes(head[:4], ORDERS[order], signed=True), ("", 0))
        if kind and len(head) >= at + 8:
            (offset,) = np.frombuffer(head[at : at + int(kind[1])], order + kind)
            if not 0 <= offset <= MAX_OFFSET:
                raise InvalidInput(f"its numbers begin at byte {offset:g}; save it again.")


HEADER_BYTES = 540
ORDERS: dict[str, Literal["little", "big"]] = {"<": "little", ">": "big"}
MAX_OFFSET = 2**24
"""Bytes of a header with its extensions."""


def _slices_shape(image: Any) -> tuple[int, ...]:
    """(rows, columns), or (rows, columns, slices)."""
    shape = list(image.shape)
    while len(shape) > 2 and shape[-1] == 1:
        shape.pop()
    if len(shape) not in (2, 3):
        raise InvalidInput(
            f"an array of the shape {tuple(image.shape)}; save one volume (x, y, z), such as "
            "nibabel.save(image.slicer[..., 0], name)."
        )
    if np.dtype(image.get_data_dtype()).kind == "c":
        raise InvalidInput("complex numbers; save their magnitude.")
    return tuple(shape)
