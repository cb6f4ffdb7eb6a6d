"""The endings of photos' names, known without opening a file or loading a plug-in."""

from __future__ import annotations


def endings(text: str) -> frozenset[str]:
    """The words of a text.

    >>> sorted(endings(".png .jpg"))
    ['.jpg', '.png']
    """
    return frozenset(text.split())


PICTURES = endings(
    ".apng .avif .avifs .bmp .cur .dcx .dds .dib .flc .fli .gif .icns .ico .j2c .j2k .jfif .jp2 "
    ".jpc .jpe .jpeg .jpf .jpg .jpx .mpo .pbm .pcx .pfm .pgm .png .pnm .ppm .psd .qoi .ras .sgi "
    ".tga .tif .tiff .webp .xbm .xpm"
)
"""What Pillow reads by itself; ``photos.formats`` asks the Pillow that is installed."""

PLUG_INS = {
    ".heic": "pillow-heif",
    ".heif": "pillow-heif",
    ".hif": "pillow-heif",
    ".jxl": "pillow-jxl-plugin",
}
"""What Pillow reads with a plug-in, and the package that holds it."""

DICOM = frozenset({".dcm", ".dicom", ".ima"})
NIFTI = frozenset({".nii", ".nii.gz"})

RAW = endings(
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .rw2 .rwl "
    ".sr2 .srf .srw .x3f"
)
"""What cameras write before it is developed to a picture."""

NOT_READ = frozenset({".exr", ".fit", ".fits", ".hdr", ".jxr", ".mha", ".mhd", ".nrrd", ".wdp"})
"""Pictures of formats for which there is no reader here."""

IMAGE_SUFFIXES = PICTURES | PLUG_INS.keys() | DICOM | NIFTI | RAW | NOT_READ
"""All endings of photos, whether or not they can be read here; for cutting them from names."""

_ANY = tuple(IMAGE_SUFFIXES)


def image_suffix(name: str) -> str:
    """The ending of a photo's name as it is written, or "" where it has none that is known.

    >>> image_suffix("scan.NII.gz"), image_suffix("1.2.840.JPG"), image_suffix("v1.2")
    ('.NII.gz', '.JPG', '')
    """
    lower = name.lower()
    if not lower.endswith(_ANY):
        return ""
    ends = (s for s in IMAGE_SUFFIXES if lower.endswith(s) and len(name) > len(s))
    return name[len(name) - max(map(len, ends), default=0) :] if name else ""
