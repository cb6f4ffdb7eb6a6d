"""Labels in CSV as people save them, and errors that name the line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sat_nb import FileMissing, InvalidInput
from sat_nb.cli.labels import read_labels

EXPECTED = {"a": 3, "b/c": 0, "Mähne": 1}
TEXT = "image_id,label\na,3\nb/c,0\nMähne,1\n"


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        "\ufeff".encode("utf-16-be") + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace("a,3", '"a",3.0').encode(),
        TEXT.replace("ä", "a\u0308").encode(),
        (TEXT + "\n,\n").encode(),
        "label,more,image_id\n3,x,a\n0,,b/c\n1.0,,Mähne\n".encode(),
        (TEXT + "a,3\n").encode(),
    ],
)
def test_labels_are_read(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(raw)
    assert read_labels(str(tmp_path / "labels.csv")) == EXPECTED


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (TEXT.encode("latin-1"), r"UnicodeDecodeError.*in UTF-8 \(in Excel: Save As, CSV UTF-8"),
        (b"", "the column 'image_id' is missing in"),
        (b"id,label\na,1\n", r"the column 'image_id' is missing in \['id', 'label'\]"),
        (b"image_id,class\na,1\n", "the column 'label' is missing"),
        (b"image_id,label\na,zebra\n", "line 2: expected a class number from 0.*'zebra'"),
        (b"image_id,label\na,3\nb,1.5\n", "line 3: expected a class number.*'1.5'"),
        (b"image_id,label\na,-1\n", "line 2: expected a class number"),
        (b"image_id,label\na,\n", "line 2: expected a class number.*leave images without one out"),
        (b"image_id,label\na,1e999\n", "line 2: expected a class number"),
        (b"image_id,label\na,nan\n", "line 2: expected a class number"),
        (b"image_id,label\na\n", r"line 2: expected CSV.*got \['a'\]"),
        (b"image_id,label\n,3\n", "line 2: expected CSV"),
        (b"image_id,label\na,1\na,2\n", "line 3: the image 'a' has the label 1 and the label 2"),
        (b'image_id,label\n"a,1\n', "not readable as a CSV file"),
        (b"image_id,label\n" + b"a" * 200_000 + b",1\n", "field larger than field limit"),
        (b"image_id,label\n\0\xff,1\n", "not readable as a CSV file"),
    ],
)
def test_what_is_wrong_is_said(raw: bytes, match: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(raw)
    with pytest.raises(InvalidInput, match=match) as caught:
        read_labels(str(tmp_path / "labels.csv"))
    assert str(caught.value).startswith(str(tmp_path / "labels.csv"))


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_only_plain_files_are_opened(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="--labels: 'nowhere.csv' does not exist"):
        read_labels("nowhere.csv")
    with pytest.raises(InvalidInput, match="got a folder"):
        read_labels(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="a pipe or a device"):
        read_labels(str(tmp_path / "pipe"))
    with pytest.raises(InvalidInput, match="a pipe or a device"):
        read_labels("/dev/zero")
