"""Files from anywhere: each gives masks or an error that names it, in little memory."""

from __future__ import annotations

import base64
import copy
import io
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sat_nb import LIMITS, FileMissing, InvalidInput, read_segments
from tests.segments import formats as made
from tests.segments.formats import write

MEGABYTES = 2**20


def read_all(folder: Path) -> None:
    """Reads what can be read; anything but the two errors that are promised goes on."""
    try:
        read = read_segments(folder)
    except (InvalidInput, FileMissing):
        return
    for image_id in read:
        message = ""
        try:
            assert read[image_id].masks.dtype == bool
        except (InvalidInput, FileMissing) as error:
            message = str(error)
        assert not message or str(folder) in message


# --- mutated files ---------------------------------------------------------------------------

DOCUMENTS = {
    "dinox": made.DINOX,
    "grounded_sam_2": made.GROUNDED_SAM_2,
    "labelme": made.LABELME,
    "labelme, mask": made.labelme_mask(),
    "coco": made.coco(made.EYE_POLYGON),
    "coco, counts": made.coco(made.EYE_RUNS),
    "coco_panoptic": made.PANOPTIC,
    "cityscapes": made.CITYSCAPES,
    "label_studio": made.LABEL_STUDIO,
    "sam": made.SAM,
}
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 20)
    | st.sampled_from([2**31, 2**40, 10**30, -(10**9), 1e300, float("nan"), float("inf")])
    | st.sampled_from(["", "../a.png", "a\x00b", "\ud800", "52207", "o" * 30, "x" * 300])
    | st.text(max_size=4)
)
VALUES = LEAVES | st.lists(LEAVES, max_size=4) | st.dictionaries(st.text(max_size=3), LEAVES)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a document."""
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    return [path] + [place for key in keys for place in places(node[key], (*path, key))]


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    document = copy.deepcopy(document)
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return document


@pytest.mark.parametrize("case", DOCUMENTS)
@settings(max_examples=50)
@given(data=st.data())
def test_changed_values(case: str, data: st.DataObject) -> None:
    document = DOCUMENTS[case]
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(document)))
        document = replaced(document, path, data.draw(VALUES))
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "val" / "a.png", made.png(made.panoptic_pixels()))
        write(Path(folder) / "val.json", document)
        write(Path(folder) / "labels.json", {"val": {"1": "eye", "2": "mane"}})
        read_all(Path(folder))


@pytest.mark.parametrize("case", made.WRITERS)
@settings(max_examples=15)
@given(data=st.data())
def test_changed_bytes(case: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made.WRITERS[case](folder)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        file = data.draw(st.sampled_from(files))
        raw = bytearray(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(raw) - 1))
            raw[at] = data.draw(st.integers(0, 255))
        file.write_bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))])
        read_all(folder)


@settings(max_examples=60)
@given(
    st.binary(max_size=60),
    st.sampled_from(["a.json", "a.npz", "a/eye.png", "labels.json", "labels/a.txt", "a.xml"]),
)
@example(b'\xff\xfe{"objects": []}', "a.json")
@example(b'"images":["annotations":[', "a.json")
@example(b'{"images":[],"annotations":[],"images":[]}', "a.json")
@example(b'{"images":[],"annotations":[' + b"[" * 9000, "a.json")
@example(b'{"images":[{"id":NaN}],"annotations":[]}', "a.json")
def test_any_bytes(raw: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name, raw)
        write(Path(folder) / "b.png", made.png(made.MASKS[0]))
        read_all(Path(folder))


# --- attacks ---------------------------------------------------------------------------------


def labelled(**changes: Any) -> dict[str, Any]:
    return {"objects": [{**made.DINOX["objects"][0], **changes}]}


def claims(size: list[int], counts: Any, **changes: Any) -> dict[str, Any]:
    return labelled(mask={"size": size, "counts": counts, "format": "coco_rle"}, **changes)


def polygon(points: list[float], side: int) -> dict[str, Any]:
    document = made.coco([points])
    document["images"] = [{**made.IMAGES[0], "height": side, "width": side}]
    document["annotations"] = document["annotations"][:1]
    return document


def bomb_png(side: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        chunk(b"IDAT", zlib.compress(bytes(9999))),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bomb_npz(shape: tuple[int, ...], descr: str = "|b1", n_zeros: int = 0) -> bytes:
    stream, header = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("eye.npy", header.getvalue() + bytes(n_zeros))
    return stream.getvalue()


def embedded(raw: bytes) -> dict[str, Any]:
    return {
        **made.LABELME,
        "shapes": [{"label": "x", "points": [[0, 0], [2, 2]], "shape_type": "mask",
                    "mask": base64.b64encode(raw).decode()}],
    }  # fmt: skip


SMALL = {"category": "x", "mask": {"size": [1, 1], "counts": "01"}}
HUGE = {"category": "x", "mask": {"size": [2**14, 2**14], "counts": "01"}}

ATTACKS: dict[str, tuple[str, Callable[[], Any], str]] = {
    "huge image": ("a.json", lambda: claims([10**9, 10**9], "01"), "at most 268435456 pixels"),
    "size of 4,000 digits": ("a.json", lambda: claims([10**4000, 1], "01"), "pixels, got"),
    "counts past the image": ("a.json", lambda: claims([9, 9], "09"), "counts: expected runs"),
    "counts that overflow": ("a.json", lambda: claims([9, 9], "oooooooo0"), "more than 40 bits"),
    "long runs": ("a.json", lambda: claims([9, 9], "ooooooo0" * 99), "run of more than 268435456"),
    "negative counts": ("a.json", lambda: claims([9, 9], "5O"), "negative length"),
    "too many objects": ("a.json", lambda: {"objects": [SMALL] * 10_001}, "at most 10000 masks"),
    "millions of objects": ("a.json", lambda: b'{"objects":[' + b"{}," * 3_000_000, "values; exp"),
    "too many pixels": ("a.json", lambda: {"objects": [HUGE] * 5}, "5 masks of 16384 x 16384"),
    "deep": ("a.json", lambda: b'{"objects":' + b"[" * 100_000, "not readable as JSON"),
    "long name": ("a.json", lambda: labelled(category="x" * 10_000), "at most 200 characters, got"),
    "control character": ("a.json", lambda: labelled(category="a\x1b[31m"), "control character"),
    "half a character": ("a.json", lambda: labelled(category="\ud800"), "control character"),
    "NaN": ("a.json", lambda: labelled(score=float("nan")), "finite number, got nan"),
    "Infinity": ("a.json", lambda: labelled(score=float("inf")), "finite number, got inf"),
    "infinite": ("a.json", lambda: b'{"objects":[{"category":"x","score":1e999}]}', "finite"),
    "keys twice": ("a.json", lambda: b'{"objects":[],"objects":[1]}', "'objects' occurs twice"),
    "long outline": ("a.json", lambda: polygon([0, 0, 2999, 0] * 2999, 2999), "outline is 1799"),
    "far point": ("a.json", lambda: polygon([0, 0, 1e300, 0, 9, 9], 9), "far outside"),
    "PNG bomb": ("a/x.png", lambda: bomb_png(100_000), "not readable as a PNG|268435456 pixels"),
    "PNG without an end": ("a/x.png", lambda: bomb_png(10_000), "pixels are missing"),
    "PNG bomb in JSON": ("a.json", lambda: embedded(bomb_png(100_000)), r"shapes\[0\]\.mask"),
    "npz bomb": ("a.npz", lambda: bomb_npz((10**6, 10**6)), "masks need 1000000000000 bytes"),
    "npz of minus one": ("a.npz", lambda: bomb_npz((-1, 3)), "not an array of booleans"),
    "npz of pickles": ("a.npz", lambda: bomb_npz((3,), "|O"), "not an array of booleans"),
    "npz of floats": ("a.npz", lambda: bomb_npz((1, 1), "<f8", 8), "mask .* of two whole values"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_named_in_little_memory(tmp_path: Path, attack: str) -> None:
    name, content, message = ATTACKS[attack]
    write(tmp_path / name, content())
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=rf"(?s)/a\b.*({message})") as raised:
            read_segments(tmp_path)["a"]
        assert tracemalloc.get_traced_memory()[1] < 40 * MEGABYTES
    finally:
        tracemalloc.stop()
    assert len(str(raised.value)) < 600 + len(str(tmp_path)), "what is huge is not quoted whole"


def test_names_are_text_whatever_they_spell(tmp_path: Path) -> None:
    hostile = ["<script>alert(1)</script>", "../../etc/passwd", "a/b\\c", "$x^2$", "{eye}", "'; --"]
    objects = [{**made.DINOX["objects"][0], "category": name} for name in hostile]
    write(tmp_path / "a.json", {"objects": objects})
    assert read_segments(tmp_path, normalize_names=False)["a"].names == tuple(hostile)


def test_large_files_are_not_loaded(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", made.DINOX)
    with file.open("r+b") as stream:
        stream.truncate(LIMITS["set_bytes"] + 1)  # sparse: no disk is used
    with pytest.raises(
        InvalidInput, match=r"a\.json: has 68719476737 bytes.*LIMITS\['set_bytes'\] = 68719476737 "
    ):
        read_segments(tmp_path)
    with file.open("r+b") as stream:
        stream.truncate(LIMITS["json_bytes"] + 1)
    with pytest.raises(
        InvalidInput, match=r"a\.json: has 67108865 bytes.*LIMITS\['json_bytes'\] = 67108865 "
    ):
        read_segments(tmp_path, format="dinox")["a"]


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "secret.json", made.DINOX)
    folder = tmp_path / "exports"
    write(folder / "a.json", made.DINOX)
    (folder / "inside.json").symlink_to(folder / "a.json")
    (folder / "out.json").symlink_to(tmp_path / "elsewhere" / "secret.json")
    (folder / "loop.json").symlink_to(folder / "loop.json")
    with pytest.raises(InvalidInput, match=r"out\.json.* leads out of .*copy the file"):
        read_segments(folder)
    read = read_segments(folder, errors="skip")
    assert list(read) == ["a", "inside"]
    assert list(read.problems) == [str(folder / "out.json")]


def test_parts_stay_in_their_folder(tmp_path: Path) -> None:
    write(tmp_path / "secret.png", made.png(made.MASKS[0]))
    made.write_celebamask(tmp_path / "exports")
    (tmp_path / "exports" / "0" / "00008_hat.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(InvalidInput, match=r"00008_hat\.png' leads out of"):
        read_segments(tmp_path / "exports")["0/00008"]
    read = read_segments(tmp_path / "exports", errors="skip")
    assert list(read) == ["0/00007", "0/00008"]
    assert read["0/00008"].names == read["0/00007"].names, "without the hat"
    assert len(read.problems) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../secret.png", "leads out of"),
        ("link.png", "leads out of"),
        ("/etc/passwd", "the PNG 'passwd' is neither in 'val' nor beside the JSON"),
    ],
)
def test_panoptic_pngs_stay_in_the_folder(tmp_path: Path, name: str, message: str) -> None:
    write(tmp_path / "secret.png", made.png(made.panoptic_pixels()))
    document = copy.deepcopy(made.PANOPTIC)
    document["annotations"][0]["file_name"] = name
    write(tmp_path / "exports" / "val.json", document)
    (tmp_path / "exports" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises((InvalidInput, FileMissing), match=rf"val\.json: .*{message}"):
        read_segments(tmp_path / "exports")["a"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 300, "expected a PNG's name"),
        ("\ud800", "followed"),
        ("loop.png", "followed|beside the JSON"),  # Python 3.13 takes a loop for no file
    ],
)
def test_panoptic_pngs_that_no_file_can_be(tmp_path: Path, name: str, message: str) -> None:
    document = copy.deepcopy(made.PANOPTIC)
    document["annotations"][0]["file_name"] = name
    write(tmp_path / "val.json", document)
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises((InvalidInput, FileMissing), match=rf"val\.json: .*{message}"):
        read_segments(tmp_path)["a"]


# --- the others are read ---------------------------------------------------------------------


def test_skip_reports_and_reads_the_others(tmp_path: Path) -> None:
    write(tmp_path / "good.json", made.DINOX)
    write(tmp_path / "bad.json", labelled(category=3))
    no_names = {**made.coco(made.EYE), "categories": [{"id": 1}]}
    no_names["images"] = [{**no_names["images"][0], "file_name": "nameless.jpg"}]
    write(tmp_path / "broken_set.json", no_names)
    spoilt = copy.deepcopy(made.coco([]))
    spoilt["images"][1] = {**spoilt["images"][1], "file_name": "b.jpg"}
    spoilt["annotations"].append({**spoilt["annotations"][0], "image_id": 9, "category_id": 5})
    spoilt["images"] = [*spoilt["images"], {**made.IMAGES[0], "id": 1, "file_name": "empty.jpg"}]
    write(tmp_path / "set.json", spoilt)
    read = read_segments(tmp_path, errors="skip", image_id=str.upper)
    assert sorted(read) == ["A", "EMPTY", "GOOD"]
    assert read["GOOD"].names == made.NAMES
    assert read["A"].names == ("mane",), "a mask that cannot be read does not cost the others"
    assert set(read.problems) == {
        str(tmp_path / name) for name in ("bad.json", "broken_set.json", "set.json")
    }
    assert (
        "bad.json: objects[0].category: expected a name"
        in read.problems[str(tmp_path / "bad.json")]
    )
    both = read.problems[str(tmp_path / "set.json")]
    assert "annotation 1.segmentation: expected the mask of 'eye', got none" in both
    assert "no category has the id 5" in both
    assert dict(read_segments(tmp_path / "good.json").problems) == {}


def test_errors_is_checked(tmp_path: Path) -> None:
    write(tmp_path / "a.json", made.DINOX)
    with pytest.raises(InvalidInput, match="errors: unknown name 'ignore'.*'raise', 'skip'"):
        read_segments(tmp_path, errors="ignore")


def test_skip_with_nothing_left_says_why(tmp_path: Path) -> None:
    write(tmp_path / "a.json", b"{")
    read = read_segments(tmp_path, errors="skip")
    assert len(read) == 0
    assert "not readable as JSON" in read.problems[str(tmp_path / "a.json")]
