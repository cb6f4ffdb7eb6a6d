"""What ``fetch_masks`` sends of photos, and the exports that it writes."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sat_nb.arguments import is_number
from sat_nb.errors import InvalidInput, shorten
from sat_nb.photos.folder import find_photos
from sat_nb.photos.formats import PhotoFile
from sat_nb.photos.opening import open_picture
from sat_nb.photos.pillow import is_shown_as_stored
from sat_nb.photos.window import shown
from sat_nb.segments.dinox_api.client import PhotoFailed
from sat_nb.segments.formats.dinox import parse_dinox
from sat_nb.segments.formats.encoded import NoPixel
from sat_nb.segments.formats.json_text import read_bytes, read_json
from sat_nb.segments.formats.limits import brief, checked_name, whole_number

SENT_UNCHANGED = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}
SEPARATOR = " . "  # between prompts


def detection_request(
    prompts: Sequence[str], bbox_threshold: float, iou_threshold: float, model: str
) -> dict[str, Any]:
    """The request's JSON without the photo."""
    if isinstance(prompts, str) or not prompts:
        raise InvalidInput(f"prompts: expected a list of names, got {prompts!r}.")
    names = [" ".join(checked_name(name, "prompts").split()) for name in prompts]
    wrong = [name for name in names if "." in name]
    if wrong:
        raise InvalidInput(
            f"prompts: {wrong[0]!r} holds a full stop, which separates prompts; remove it."
        )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InvalidInput(f"prompts: {shorten(sorted(twice))} occurs twice; keep one of them.")
    for argument, value in (("bbox_threshold", bbox_threshold), ("iou_threshold", iou_threshold)):
        if not is_number(value) or not 0 <= value <= 1:
            raise InvalidInput(f"{argument}: expected a number from 0 to 1, got {value!r}.")
    return {
        "model": checked_name(model, "model"),
        "prompt": {"type": "text", "text": SEPARATOR.join(names)},
        "targets": ["bbox", "mask"],
        "bbox_threshold": float(bbox_threshold),
        "iou_threshold": float(iou_threshold),
        "mask_format": "coco_rle",
    }


def photo_files(photos: str | os.PathLike[str]) -> dict[str, PhotoFile]:
    """{image_id: photo} of a folder of photos, or of one."""
    found = find_photos(photos, "photos").photos
    files = {image_id: one for image_id, one in found.items() if isinstance(one, PhotoFile)}
    if len(files) < len(found):
        raise InvalidInput(
            "photos: those at an address are not sent; copy them to a folder, and give that."
        )
    return files


def encoded(photo: PhotoFile, max_bytes: int) -> tuple[str, tuple[int, int]]:
    """A photo as a data URL, and its (height, width) after EXIF orientation."""
    raw = read_bytes(photo.file, 16 * max_bytes)  # a PNG of other formats is smaller
    kind, size = _sent_unchanged(photo, raw)
    if not kind:
        from PIL import Image

        pixels, stream, kind = shown(photo.content().pixels), io.BytesIO(), "png"
        Image.fromarray(pixels).save(stream, "PNG")
        raw, size = stream.getvalue(), (pixels.shape[0], pixels.shape[1])
    if len(raw) > max_bytes:
        raise InvalidInput(
            f"has {len(raw)} bytes, the limit is {max_bytes}; shrink the photo, or raise "
            "max_photo_bytes."
        )
    return f"data:image/{kind};base64,{base64.b64encode(raw).decode('ascii')}", size


def _sent_unchanged(photo: PhotoFile, raw: bytes) -> tuple[str, tuple[int, int]]:
    """The kind of a file that every viewer shows as it is stored, "" for others; and its size."""
    try:
        with open_picture(io.BytesIO(raw)) as image:
            kind = SENT_UNCHANGED.get(image.format or "", "")
            return kind if is_shown_as_stored(image) else "", (image.height, image.width)
    except Exception:  # DICOM and others; of what cannot be read at all, the reader says why
        return "", (0, 0)


def split_by_export(
    files: Mapping[str, PhotoFile], out: Path, request: Mapping[str, Any]
) -> tuple[list[str], dict[str, PhotoFile]]:
    """The ids that have a valid export, and {image_id: photo} of the others."""
    if out.exists() and not out.is_dir():
        raise InvalidInput(f"out: {str(out)!r} is a file; give a folder.")
    kept, left, others = [], {}, []
    for image_id, file in files.items():
        answered = _answered(export_file(out, image_id))
        if answered is None:
            left[image_id] = file
            continue
        kept.append(image_id)
        if answered and answered != request:
            others.append(image_id)
    if others:
        raise InvalidInput(
            f"out: {str(out)!r} holds {len(others)} exports of another request (prompts, "
            f"thresholds or model): {shorten(others)}; give another folder, or remove them."
        )
    return kept, left


def _answered(export: Path) -> dict[str, Any] | None:
    """The request that a valid export answers, {} if it does not tell; None for any other file."""
    if not os.path.isfile(export):  # Path.is_file raises where no file can have the name
        return None
    try:
        document = read_json(export)
        parse_dinox(document).whole()
    except InvalidInput:
        return None
    request = document.get("request") if isinstance(document, dict) else None
    return request if isinstance(request, dict) else {}


def checked_export(result: Any, size: tuple[int, int], request: Mapping[str, Any]) -> str:
    """The text of the export file; PhotoFailed unless its masks are readable and of this size."""
    objects = result.get("objects") if isinstance(result, dict) else None
    if not isinstance(objects, list):
        raise PhotoFailed("expected a result with a list `objects`, got none.")
    _check_sizes(objects, size)  # before they are decoded
    found = parse_dinox({"objects": objects})
    empty = {error.field for error in found.refused if isinstance(error, NoPixel)}
    wrong = [error for error in found.refused if not isinstance(error, NoPixel)]
    if wrong:
        raise wrong[0]
    kept = [item for i, item in enumerate(objects) if f"objects[{i}].mask" not in empty]
    return json.dumps({"objects": kept, "request": dict(request)})


def _check_sizes(objects: list[Any], size: tuple[int, int]) -> None:
    """PhotoFailed for a mask that states another size; one that states none is refused later."""
    for item in objects:
        mask = item.get("mask") if isinstance(item, dict) else None
        stated = mask.get("size") if isinstance(mask, dict) else None
        if isinstance(stated, list) and tuple(map(whole_number, stated)) != size:
            raise PhotoFailed(
                f"the masks are {brief(tuple(stated))} (height, width), the photo is {size}."
            )


def export_file(out: Path, image_id: str) -> Path:
    """Where the export of an image is."""
    return out / f"{image_id}.json"
