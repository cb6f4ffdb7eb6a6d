"""Label Studio's JSON: a list of tasks, an image each, with regions that people drew.

``[{"data": {"image"}, "annotations": [{"result": [{"type": "polygonlabels", "value": {"points",
"polygonlabels": [name]}, "original_width", "original_height"}]}]}]``, all coordinates in percent of
the photo. Polygons and rectangles are filled by COCO's rule, ellipses where a pixel's centre is
within; brushes are what is painted. A region of several labels is a mask of each. Predictions and
answers to questions are no masks. One task may stand alone, as may one annotation with its task, as
Label Studio stores them.

The image is what ``data`` says: a path, or the ``d`` of ``/data/local-files/?d=path``. Uploads and
addresses need an ``image_id``, because what was uploaded was renamed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import unquote

import numpy as np

from sat_nb.arrays import Mask, Size
from sat_nb.compiled import compiled
from sat_nb.errors import InvalidInput, shorten
from sat_nb.photos.suffixes import image_suffix
from sat_nb.segments.formats.brush import brush_codes, painted
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.file_text import Text, has_member
from sat_nb.segments.formats.json_files import Indexed, JsonSet, RefuseItem
from sat_nb.segments.formats.json_set import SetFile
from sat_nb.segments.formats.json_text import (
    Span,
    elements,
    has_list,
    is_list,
    parse_json,
    utf_8,
)
from sat_nb.segments.formats.limits import (
    brief,
    checked_dict,
    checked_list,
    checked_number,
    checked_size,
)
from sat_nb.segments.formats.polygons import coco_outlines, filled, length_of

VALUES_OF_A_TASK = 4  # times those of other JSON: brushes are lists of bytes, at eight bytes each
LOCAL_FILES = "/data/local-files/?d="

Shape = tuple[Callable[[], Mask], int]
"""The decoder of a region, and what filling its outline costs."""


def is_label_studio(text: Text) -> bool:
    """Whether a JSON text, not parsed yet, looks like Label Studio's tasks."""
    if not has_member(text, "data", "{"):
        return False
    answered = has_list(text, "annotations") or has_list(text, "completions")
    if is_list(text):
        return answered
    alone = answered or has_member(text, "task", "{")
    return alone and has_list(text, "result") and not has_list(text, "images")


def index_label_studio(file: SetFile, text: Text, refuse: RefuseItem) -> Iterator[Indexed]:
    """The images of a file whose text (latin-1) this is."""
    for element, span in _tasks(text):
        try:
            whole = utf_8(element, text, span, VALUES_OF_A_TASK)
            name = _photo_of(_whole_task(whole, f"characters {span[0]} to {span[1]}"))
        except InvalidInput as error:
            refuse(error)
        else:
            yield Indexed(name, partial(_read, file, span), _path_in(name))


def _tasks(text: Text) -> Iterator[tuple[Any, Span]]:
    if is_list(text):
        yield from ((element, span) for _, element, span in elements(text, VALUES_OF_A_TASK))
    else:
        yield parse_json(text[:].encode("latin-1"), VALUES_OF_A_TASK), (0, len(text))


def _whole_task(element: Any, field: str) -> dict[str, Any]:
    """A task with its annotations; storages hold an annotation with its task."""
    element = checked_dict(element, field)
    if "task" not in element:
        return element
    return {**checked_dict(element["task"], f"{field}: task"), "annotations": [element]}


def _path_in(name: str) -> str | None:
    """The path that an address of Label Studio's local files holds."""
    _, is_local, path = name.partition(LOCAL_FILES)
    return unquote(path) if is_local else None


def _read(file: SetFile, span: Span) -> Reading:
    (element,) = file.parts([span], VALUES_OF_A_TASK)
    return parse_task(_whole_task(element, "the task"))


def _photo_of(task: dict[str, Any]) -> str:
    """The photo that a task shows, as it is written."""
    field = f"task {brief(task.get('id'))}"
    data = checked_dict(task.get("data"), f"{field}: data")
    texts = {key: value for key, value in data.items() if isinstance(value, str) and value}
    photos = [value for value in texts.values() if image_suffix(value.partition("?")[0])]
    photos = photos or [value for value in texts.values() if image_suffix(value)]
    paths = [value for value in texts.values() if "/" in value]
    for found in ([texts["image"]] if "image" in texts else [], photos, paths):
        if len(found) == 1:
            return found[0]
    raise InvalidInput(
        f"{field}: data: expected one photo, under 'image', got {shorten(data)}; export tasks that "
        "show one photo each."
    )


def parse_task(task: Any) -> Reading:
    """The segments of one task, in its order, names as written.

    Raises InvalidInput that names the field.
    """
    task = checked_dict(task, "the task")
    field = f"task {brief(task.get('id'))}"
    result = checked_list(_annotation(task, field).get("result"), f"{field}: result")
    regions = [item for item in result if isinstance(item, dict)]
    labelled = {str(item.get("id")) for item in regions if _labels(item)}
    items = (
        (f"{field}, region {brief(item.get('id'))}", item)
        for item in regions
        if _is_region(item) and (_labels(item) or str(item.get("id")) not in labelled)
    )
    return decode_masks(mask for place, item in items for mask in _masks_of(item, place))


def _annotation(task: dict[str, Any], field: str) -> dict[str, Any]:
    """The one annotation that counts: the only one, or the only one that is the ground truth."""
    given = task.get("annotations") or task.get("completions") or []
    listed = [
        checked_dict(item, f"{field}: annotations")
        for item in checked_list(given, f"{field}: annotations")
    ]
    valid = [item for item in listed if not item.get("was_cancelled")]
    true = [item for item in valid if item.get("ground_truth")]
    if len(valid) > 1 and len(true) != 1:
        raise InvalidInput(
            f"{field}: has {len(valid)} annotations, {shorten(item.get('id') for item in valid)}; "
            "star one of them as the ground truth in Label Studio, or delete the others."
        )
    if not valid:
        why = "was skipped by its annotator" if listed else "has no annotation"
        raise InvalidInput(
            f"{field}: {why}; label the photo, or leave it out of the export. Predictions count "
            "once they are accepted as annotations."
        )
    return (true or valid)[0]


def _labels(item: dict[str, Any]) -> list[Any]:
    """The names of a region: those of its own type, or those of a <Labels> tag."""
    value, kind = item.get("value"), item.get("type")
    if not isinstance(value, dict) or not isinstance(kind, str):
        return []
    found = value.get(kind, value.get("labels"))
    return found if isinstance(found, list) else []


def _is_region(item: dict[str, Any]) -> bool:
    """Whether an item has a place in the photo; answers to questions have none."""
    kind = item.get("type")
    return isinstance(kind, str) and (kind.endswith("labels") or kind in _KINDS)


_KINDS = ("polygon", "brush", "rectangle", "ellipse", "keypoint")


def _masks_of(item: dict[str, Any], field: str) -> Iterator[EncodedMask | InvalidInput]:
    """A mask for each label of a region."""
    for whole in encode_each([(field, item)], _encoded):
        if isinstance(whole, InvalidInput):
            yield whole
        else:
            yield from (replace(whole, name=name) for name in _labels(item))


def _encoded(item: dict[str, Any], field: str) -> EncodedMask:
    value = checked_dict(item.get("value"), f"{field}: value")
    if not _labels(item):
        raise InvalidInput(f"{field}: has no label; give it one in Label Studio.")
    size = checked_size(
        [item.get("original_height"), item.get("original_width")],
        f"{field}: [original_height, original_width]",
    )
    turned = item.get("image_rotation") or 0
    if turned:
        raise InvalidInput(
            f"{field}: was drawn on a photo that was turned by {brief(turned)} degrees in Label "
            "Studio; turn it back there, and export again."
        )
    decode, outline_px = _shape_of(value, size, field)
    return EncodedMask(field, "", size, decode, outline_px=outline_px)


def _shape_of(value: dict[str, Any], size: Size, field: str) -> Shape:
    """A region's shape, of the kind that its members tell."""
    for members, read in _SHAPES.items():
        if members <= value.keys():
            return read(value, size, field)
    raise InvalidInput(
        f"{field}: expected a polygon, a brush, a rectangle or an ellipse, got a region of "
        f"{shorten(value)}; redraw it as one of these."
    )


def _brush(value: dict[str, Any], size: Size, field: str) -> Shape:
    field = f"{field}: rle"
    return partial(painted, brush_codes(value["rle"], size, field), size, field), 0


def _polygon(value: dict[str, Any], size: Size, field: str) -> Shape:
    points = value["points"]
    if value.get("closed") is False:
        raise InvalidInput(f"{field}: is a line, which is not closed; close the polygon.")
    if not isinstance(points, list) or not all(isinstance(p, list) and len(p) == 2 for p in points):
        raise InvalidInput(f"{field}: points: expected [[x, y], ...], got {brief(points)}.")
    field_of_points = f"{field}: points"
    percent = [checked_number(x, field_of_points) for point in points for x in point]
    return _filled(np.array(percent).reshape(-1, 2) * _unit(size), size, field)


def _rectangle(value: dict[str, Any], size: Size, field: str) -> Shape:
    x, y, width, height = _numbers(value, ("x", "y", "width", "height"), field)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) * _unit(size)
    turn = _turn(value, field)
    return _filled(np.array([x, y]) * _unit(size) + corners @ turn, size, field)


def _ellipse(value: dict[str, Any], size: Size, field: str) -> Shape:
    """Pixels whose centre is within."""
    centre, radii = np.reshape(_numbers(value, ("x", "y", "radiusX", "radiusY"), field), (2, 2))
    turn = _turn(value, field)
    if min(radii) <= 0:
        return lambda: np.zeros(size, dtype=bool), 0
    with np.errstate(all="ignore"):  # far outside, numbers overflow: no pixel is within
        (x, y), (a, b) = centre * _unit(size), radii * _unit(size)
    return partial(_within_ellipse, size, x, y, a, b, turn), 0


def _within_ellipse(size: Size, x: float, y: float, a: float, b: float, turn: Any) -> Mask:
    mask = np.zeros(size, dtype=np.uint8)
    _fill_ellipse(mask, x, y, a, b, turn)
    return mask.view(bool)


@compiled(nogil=True, error_model="numpy")
def _fill_ellipse(mask, x, y, a, b, turn):  # type: ignore[no-untyped-def]
    for row in range(mask.shape[0]):
        down = row + 0.5 - y
        for column in range(mask.shape[1]):
            right = column + 0.5 - x
            along = (right * turn[0, 0] + down * turn[0, 1]) / a
            across = (right * turn[1, 0] + down * turn[1, 1]) / b
            mask[row, column] = along * along + across * across <= 1


_SHAPES: dict[frozenset[str], Callable[[dict[str, Any], Size, str], Shape]] = {
    frozenset({"rle"}): _brush,
    frozenset({"points"}): _polygon,
    frozenset({"x", "y", "radiusX", "radiusY"}): _ellipse,
    frozenset({"x", "y", "width", "height"}): _rectangle,
}


def _unit(size: Size) -> Any:
    """Pixels (x, y) of one percent."""
    return np.array([size[1], size[0]]) / 100


def _turn(value: dict[str, Any], field: str) -> Any:
    """What turns (x, y) clockwise, as rows, by the shape's rotation in degrees."""
    angle = math.radians(checked_number(value.get("rotation") or 0, f"{field}: rotation"))
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


def _numbers(value: dict[str, Any], members: tuple[str, ...], field: str) -> list[float]:
    return [checked_number(value[member], f"{field}: {member}") for member in members]


def _filled(points: Any, size: Size, field: str) -> Shape:
    outlines = coco_outlines([points.ravel().tolist()], size, f"{field}: points")
    return partial(filled, outlines, size), length_of(outlines)


LABEL_STUDIO = JsonSet(
    name="label_studio",
    title="Label Studio (JSON)",
    about="A list of tasks with polygons, brushes, rectangles and ellipses, as it exports JSON.",
    source="https://labelstud.io/guide/export",
    recognises=is_label_studio,
    index=index_label_studio,
)
