"""HDF5 files that the HDF5 library does not come back from, or takes the process down with."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.models import hdf5_walk
from sat_nb.models.hdf5_walk import check_readable
from sat_nb.models.keras_file import load_keras
from sat_nb.models.refused import Unreadable

h5py = pytest.importorskip("h5py", reason="needs h5py, which Keras brings")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["keras_version"] = "2.14.0"
        rows = np.arange(300, dtype=np.float32).reshape(100, 3)
        file.create_dataset("weights/packed", data=rows, chunks=(7, 3), compression="gzip")
        file.create_dataset("weights/empty", shape=(0, 3), maxshape=(None, 3), dtype="f4")
        file["weights/number"] = 3.0
    return tmp_path / "m.h5"


def test_a_whole_file_passes(file: Path, tmp_path: Path) -> None:
    check_readable(file)
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.write(file, "model.weights.h5")
    check_readable(tmp_path / "m.keras", "model.weights.h5")


def test_all_of_a_file_is_read(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    with h5py.File(file) as opened:
        place = opened["weights/packed"].id.get_chunk_info(5).byte_offset
    raw[place : place + 4] = b"\xff" * 4
    file.write_bytes(raw)
    with pytest.raises(Unreadable, match="OSError"):
        check_readable(file)


@pytest.mark.parametrize(
    ("program", "match"),
    [
        ("hdf5_walk._limit(0)\nwhile True: pass", "is not done with it after 0 s"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            "crashes on it, with signal 11",
        ),
        ("hdf5_walk._limit(0); bytearray(2**32)", "^cannot be read .*MemoryError"),
    ],
)
def test_its_end_is_an_error_of_ours(
    program: str, match: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught = f"""import sys, json; sys.path[:] = json.loads(sys.argv[1])[0]
from sat_nb.models import hdf5_walk
hdf5_walk.BASE_SECONDS = 0
try:
    exec({program!r})
except MemoryError:
    print("MemoryError")
    sys.exit(hdf5_walk._FAILED)
"""
    monkeypatch.setattr(hdf5_walk, "_PROGRAM", caught)
    monkeypatch.setattr(hdf5_walk, "BASE_SECONDS", 0)
    with pytest.raises(Unreadable, match=match):
        check_readable(file)


def test_a_process_that_waits_is_ended(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_walk, "_PROGRAM", "import time; time.sleep(60)")
    monkeypatch.setattr(hdf5_walk, "_START_SECONDS", 0.2)
    monkeypatch.setattr(hdf5_walk, "BASE_SECONDS", 0)
    with pytest.raises(Unreadable, match="reading it took more than 0 s"):
        check_readable(file)


@pytest.mark.parametrize("trusted", [True, False])
def test_the_gate_asks_first(
    trusted: bool, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def of(path: Path, member: Any = None) -> None:
        raise Unreadable("is not read further", "leave it")

    monkeypatch.setattr("sat_nb.models.keras_file.check_readable", of)
    with pytest.raises(InvalidInput, match="m.h5' is not read further; leave it"):
        load_keras(file, trusted=trusted)
