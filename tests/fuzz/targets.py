"""What is fuzzed: small valid files of every kind, and what reads all of them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import sat_nb as sat
from sat_nb.cli.labels import read_labels
from sat_nb.saliency.store.codec import Chunk
from sat_nb.saliency.store.runs import ImageFacts, Record, start_run
from sat_nb.toy import toy
from tests.fuzz import models
from tests.fuzz.answers import read_answers, write_answers
from tests.fuzz.mutations import Mutation, change_document
from tests.segments import formats as segment_files

HEAVY = "tensorflow"
"""A package that takes seconds to import: the tests leave it to the hunts."""

MAP = np.random.default_rng(0).normal(size=(6, 5, 3)).astype(np.float32)


@dataclass(frozen=True)
class Target:
    """``write(folder)`` makes valid files; ``read(folder)`` reads all of them.

    What ``read`` returns must not change by damage to bytes, where ``sealed`` says so. ``needs`` is
    a package without which its cases are passed over.
    """

    write: Callable[[Path], Any]
    read: Callable[[Path], Any]
    aware: Mutation | None = None
    sealed: bool = False
    needs: str = ""


# --- masks, maps and photos --------------------------------------------------------------------


def read_masks(folder: Path, name: str | None = None) -> None:
    masks = sat.read_segments(folder, format=name)
    failed = None
    for image_id in masks:
        try:
            assert masks[image_id].masks.dtype == bool
        except sat.SatError as error:
            failed = error
    list(sat.read_segments(folder, format=name, errors="skip").values())
    if failed:
        raise failed


def read_maps(folder: Path, inside: str = "") -> None:
    maps = sat.read_maps(folder / inside, method="m", sign="signed")["m"]
    each(maps)


def each(by_id: Any) -> None:
    """Read the first items; the last error, after all of them."""
    failed = None
    for key in islice(by_id, 50):
        try:
            _ = by_id[key]
        except sat.SatError as error:
            failed = error
    if failed:
        raise failed


def write_npy(folder: Path) -> None:
    np.save(folder / "a.npy", MAP)


def write_npz(folder: Path) -> None:
    np.savez_compressed(folder / "m.npz", a=MAP, b=MAP)


def write_zarr(folder: Path, version: int, **options: Any) -> None:
    import zarr

    group = zarr.open_group(folder / "m.zarr", mode="w", zarr_format=version)
    array = group.create_array("a", shape=MAP.shape, dtype="f4", **options)
    array[...] = MAP


SUFFIXES = {"JPEG2000": "jp2"}


def write_picture(folder: Path, form: str, kind: str = "RGB", **options: Any) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (7, 9, 4)).astype(np.uint8)
    picture = {
        "RGB": lambda: Image.fromarray(pixels[..., :3]),
        "RGBA": lambda: Image.fromarray(pixels),
        "L": lambda: Image.fromarray(pixels[..., 0]),
        "P": lambda: Image.fromarray(pixels[..., :3]).quantize(16),
        "I;16": lambda: Image.fromarray(pixels[..., 0].astype(np.uint16) * 200),
        "F": lambda: Image.fromarray(pixels[..., 0].astype(np.float32)),
    }[kind]()
    if form == "ICNS":  # which has none of 9 x 7, and would grow to a megabyte
        write_icns(folder, picture)
        return
    tags = Image.Exif()
    tags[0x0112] = 6
    exif = {"exif": tags.tobytes()} if form in ("JPEG", "PNG", "WEBP") else {}
    picture.save(folder / f"a.{SUFFIXES.get(form, form.lower())}", form, **exif, **options)


def write_icns(folder: Path, picture: Image.Image) -> None:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    block = b"ic07" + struct.pack(">I", 8 + len(stream.getvalue())) + stream.getvalue()
    (folder / "a.icns").write_bytes(b"icns" + struct.pack(">I", 8 + len(block)) + block)


def write_dicom(folder: Path) -> None:
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=["a"])
    found = FileDataset("a.dcm", {}, file_meta=meta, preamble=bytes(128))
    found.Rows, found.Columns, found.SamplesPerPixel = 4, 5, 1
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 12, 11, 0
    found.PhotometricInterpretation, found.RescaleSlope = "MONOCHROME2", "1"
    found.RescaleIntercept, found.WindowCenter, found.WindowWidth = "-1024", "40", "400"
    found.PixelData = np.arange(20, dtype=np.uint16).tobytes()
    stream = io.BytesIO()
    found.save_as(stream, enforce_file_format=True)
    (folder / "a.dcm").write_bytes(stream.getvalue())


def write_nifti(folder: Path) -> None:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.ones((3, 4, 2), np.int16), np.eye(4)), folder / "a.nii")


def read_photos(folder: Path) -> None:
    each(sat.read_images(folder))


# --- stores and tables -------------------------------------------------------------------------

SETTINGS = {
    "model": {
        **{"name": "model", "sha256": "ab", "input_shape": [6, 5, 3], "n_outputs": 2},
        **{"head": "softmax", "rewritten": []},
    },
    "preprocess": {"function": "f", "fingerprint": "cd"},
    "target": [0, 1],
    "output": "logit",
    "fit": "stretch",
    "seed": 0,
    "dtype": "float32",
    "methods": {
        "gradient": {"parameters": {}, "sampling": None},
        "smoothgrad": {"parameters": {"n_samples": 4}, "sampling": "smoothgrad"},
    },
    "versions": {"sat_nb": "1"},
}


def write_store(folder: Path, dtype: str = "float32") -> None:
    run = start_run(folder / "maps", {**SETTINGS, "dtype": dtype})
    run.asked_for(["gradient", "smoothgrad"], ["a", "b/c"])
    for image_id in ("a", "b/c"):
        run.begin(image_id, Record(ImageFacts(0, 1, 12, 10), "ef"))
        facts = {"n_samples": 4, "completeness_error": 0.1}
        replicates = np.random.default_rng(2).normal(size=(2, 6, 5)).astype(np.float32)
        run.put("gradient", image_id, Chunk(MAP))
        run.put("smoothgrad", image_id, Chunk(MAP, {"replicates": replicates}, facts))


def read_store(folder: Path) -> dict[str, Any]:
    """What the store gives: maps and facts, of which damage may take but not change any."""
    start_run(folder / "maps", SETTINGS)
    store = sat.AttributionStore.open(folder / "maps")
    found: dict[str, Any] = {f"facts {i}": facts for i, facts in store.facts.items()}
    failed = None
    for method in store:
        for image_id in store[method]:
            try:
                chunk = store.chunk(method, image_id)
                found[f"{method} {image_id}"] = chunk.attribution.tobytes(), str(chunk.facts)
            except sat.SatError as error:
                failed = error
    str(store), store.missing, store.settings, store.model, store.input_size
    if failed:
        try:
            store.info()
        finally:
            raise failed
    store.info()
    masks = sat.SegmentationMap(("eye",), np.eye(12, 10, dtype=bool)[None])
    sat.build(store, {"a": masks, "b/c": masks}, missing="skip", pad_px=0)
    return found


def write_table(folder: Path, **options: Any) -> None:
    sat.write_table(sat.build(*toy(3)), folder / "t.parquet", **options)


def read_table(folder: Path) -> None:
    path = folder / "t.parquet"
    failed = None
    try:
        sat.aggregate(path, how="absolute", value="rank")
    except sat.SatError as error:
        failed = error
    table = sat.read_table(path)
    sat.aggregate(table, how="relative", value="mean_attribution")
    sat.select(table)
    if failed:
        raise failed


# --- text --------------------------------------------------------------------------------------

LABELS = 'image_id,label\na,3\n"b,c",1.0\nd,0\n'
RENAMES = '[rename]\n"eyes" = "eye"\nears = "ear"\n\n[synonyms]\nmark = ["logo", "left \\"x\\""]\n'


def write_text(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def read_csv(folder: Path) -> None:
    read_labels(str(folder / "labels.csv"))


def read_toml(folder: Path) -> None:
    sat.rename_segments({}, folder / "renames.toml")


# --- all of them -------------------------------------------------------------------------------

PICTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "png": ("PNG", "RGB", {}),
    "png, 16 bits": ("PNG", "I;16", {}),
    "png, palette": ("PNG", "P", {}),
    "png, see-through": ("PNG", "RGBA", {}),
    "jpeg": ("JPEG", "RGB", {}),
    "jpeg, progressive": ("JPEG", "RGB", {"progressive": True}),
    "gif": ("GIF", "P", {}),
    "tiff": ("TIFF", "RGB", {}),
    "tiff, 16 bits": ("TIFF", "I;16", {}),
    "tiff, packed": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "tiff, tiles": ("TIFF", "RGB", {"compression": "packbits", "tiffinfo": {322: 16, 323: 16}}),
    "bmp": ("BMP", "RGB", {}),
    "webp": ("WEBP", "RGB", {}),
    "ppm": ("PPM", "RGB", {}),
    "tga": ("TGA", "RGB", {"compression": "tga_rle"}),
    "pcx": ("PCX", "RGB", {}),
    "sgi": ("SGI", "RGB", {}),
    "ico": ("ICO", "RGBA", {}),
    "ico, bitmap": ("ICO", "RGBA", {"bitmap_format": "bmp"}),
    "icns": ("ICNS", "RGB", {}),
    "jpeg 2000": ("JPEG2000", "RGB", {}),
    "dds": ("DDS", "RGB", {}),
    "dds, packed": ("DDS", "RGBA", {"pixel_format": "DXT5"}),
    "qoi": ("QOI", "RGB", {}),
    "avif": ("AVIF", "RGB", {}),
    "blp": ("BLP", "P", {}),
    "blp 1": ("BLP", "P", {"blp_version": "BLP1"}),
    "im": ("IM", "RGB", {}),
}
"""The format, what a pixel is, and how Pillow is to write it."""

TARGETS: dict[str, Target] = {
    **{
        f"masks: {name}": Target(
            write, partial(read_masks, name="sam_numbered" if name == "sam_numbered" else None)
        )
        for name, write in segment_files.WRITERS.items()
    },
    **{
        f"photos: {name}": Target(partial(write_picture, form=form, kind=kind, **how), read_photos)
        for name, (form, kind, how) in PICTURES.items()
    },
    "photos: dicom": Target(write_dicom, read_photos),
    "photos: nifti": Target(write_nifti, read_photos),
    "maps: npy": Target(write_npy, read_maps),
    "maps: npz": Target(write_npz, partial(read_maps, inside="m.npz")),
    "maps: zarr 2": Target(partial(write_zarr, version=2), partial(read_maps, inside="m.zarr")),
    "maps: zarr 3": Target(
        partial(write_zarr, version=3, chunks=(3, 5, 3)), partial(read_maps, inside="m.zarr")
    ),
    "maps: zarr, shards": Target(
        partial(write_zarr, version=3, chunks=(3, 5, 3), shards=(6, 5, 3)),
        partial(read_maps, inside="m.zarr"),
    ),
    "maps: pictures": Target(
        lambda folder: write_picture(folder, "TIFF", "F"),
        lambda folder: each(sat.read_maps(folder, method="m", sign="unsigned")["m"]),
    ),
    "store": Target(write_store, read_store, sealed=True),
    "store, float16": Target(partial(write_store, dtype="float16"), read_store, sealed=True),
    "store, documents": Target(write_store, read_store, aware=change_document),
    "table": Target(write_table, read_table),
    "table, shards": Target(partial(write_table, partition_by=("model", "method")), read_table),
    "labels": Target(lambda folder: write_text(folder, "labels.csv", LABELS), read_csv),
    "renames": Target(lambda folder: write_text(folder, "renames.toml", RENAMES), read_toml),
    "answers": Target(write_answers, read_answers, needs="httpx"),
    "model: h5": Target(models.write_h5, partial(models.read_keras, name="m.h5")),
    "model: keras": Target(models.write_keras, partial(models.read_keras, name="m.keras")),
    "model: pt2": Target(models.write_pt2, models.read_pt2),
    "model: SavedModel": Target(
        models.write_saved_model, partial(models.read_keras, name="m"), needs=HEAVY
    ),
}
