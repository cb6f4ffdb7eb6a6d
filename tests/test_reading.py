"""One form of error for whatever libraries raise, and only plain files are opened."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from sat_nb.errors import LONGEST_MESSAGE, CannotWrite, InvalidInput, WorkerFailed
from sat_nb.reading import (
    check_plain,
    open_plain,
    plain_json,
    read_member,
    read_plain,
    readable,
)

posix = pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError("a\n  b."), "ValueError: a b"),
        (AttributeError(), "AttributeError"),
        (MemoryError("malloc"), "it needs more memory than there is"),
        (RecursionError("maximum"), "it is nested too deeply"),
        (SystemError("bad"), "SystemError: bad"),
        (PermissionError(13, "Permission denied", "x"), "Permission denied"),
    ],
)
def test_reasons(error: Exception, why: str) -> None:
    with pytest.raises(InvalidInput) as caught, readable("a thing", "mend it", file="f.x"):
        raise error
    assert str(caught.value) == f"f.x: not readable as a thing ({why}); mend it."


def test_messages_are_bounded() -> None:
    with pytest.raises(InvalidInput) as caught, readable("a", "mend it", file="f" * 10**5):
        raise ValueError("x" * 10**6)
    assert len(str(caught.value)) <= LONGEST_MESSAGE
    assert str(caught.value).endswith("mend it.")


@pytest.mark.parametrize("letter", ["x", "\x1b", "\U000e0001"])
def test_every_error_is_bounded(letter: str) -> None:
    said = str(InvalidInput(f"names: {letter * 10**6} is too long; shorten it."))
    assert len(said) <= LONGEST_MESSAGE
    assert said.startswith("names: ")
    assert said.endswith("; shorten it.")
    assert len(str(WorkerFailed("x" * 10**6))) <= 2 * LONGEST_MESSAGE


def test_errors_of_ours_pass_and_get_the_name_of_the_file() -> None:
    with pytest.raises(CannotWrite, match="^full$"), readable("a", "b", file="f"):
        raise CannotWrite("full")
    with pytest.raises(InvalidInput, match="^f.x: wrong$"), readable("a", "b", file="f.x"):
        raise InvalidInput("wrong")
    with pytest.raises(InvalidInput, match="^f.x is wrong$"), readable("a", "b", file="f.x"):
        raise InvalidInput("f.x is wrong")


def test_an_interrupt_is_none_of_it() -> None:
    with pytest.raises(KeyboardInterrupt), readable("a", "b"):
        raise KeyboardInterrupt


def test_plain_files_are_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_plain(tmp_path / "a", 3) == b"abc"
    with pytest.raises(InvalidInput, match="has more than 2 bytes, which is the limit"):
        read_plain(tmp_path / "a", 2)


@posix
@pytest.mark.parametrize("opened", [check_plain, open_plain])
def test_pipes_devices_and_folders_are_not_opened(opened: object, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(InvalidInput, match="got a pipe or a device"):
            opened(path)  # type: ignore[operator]
    with pytest.raises(InvalidInput, match="got a folder"):
        opened(tmp_path)  # type: ignore[operator]
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="got a pipe or a device"):
        opened(tmp_path / "link")  # type: ignore[operator]


@posix
def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr("sat_nb.reading.check_plain", lambda path: path)  # it was a file then
    with pytest.raises(InvalidInput, match="got a pipe or a device"):
        open_plain(tmp_path / "pipe")


@pytest.mark.parametrize(
    "raw", [b"[" * 10**6, b"[" * 150 + b"]" * 150, b'{"a":' * 150 + b"1" + b"}" * 150]
)
def test_deep_json_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        plain_json(raw)


def test_json_of_many_values_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 2097152 values"):
        plain_json(b"[" + b"[]," * 2**21 + b"1]")


@pytest.mark.parametrize("digits", ["1" + "0" * 400, "-" + "9" * 400])
def test_numbers_beyond_floating_point_are_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="a number of 40[01] digits"):
        plain_json(f'{{"a": [{digits}]}}')
    assert plain_json(f'{{"a": {10**299}, "b": -7}}') == {"a": 10**299, "b": -7}


def test_no_memory_is_taken_for_what_a_file_does_not_have(tmp_path: Path) -> None:
    """A petabyte is more than any process may ask for."""
    (tmp_path / "a").write_bytes(b"abcdef")
    with open_plain(tmp_path / "a") as stream:
        assert stream.read(2) == b"ab"
        assert stream.read(2**50) == b"cdef"
        assert stream.read(2**50) == b""
        stream.seek(9)
        assert stream.read(2**50) == b""
        stream.seek(0)
        assert stream.read() == b"abcdef"


def test_a_member_is_unpacked_no_further_than_it_says() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(2**24))
    raw = bytearray(stream.getvalue())
    size = struct.pack("<I", 2**24)
    lying = bytes(raw).replace(size, struct.pack("<I", 9))
    assert lying != bytes(raw)
    tracemalloc.start()
    try:
        with zipfile.ZipFile(io.BytesIO(lying)) as archive, pytest.raises(zipfile.BadZipFile):
            read_member(archive, "a")
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()
    with zipfile.ZipFile(stream) as archive:
        assert read_member(archive, "a") == bytes(2**24)
