"""HDF5 files are read once by a process that may be ended, before any other opens them.

On some damaged files the HDF5 library never returns, or takes the process down with it, and no
thread or signal handler of Python can stop it.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sat_nb.models.hdf5 import ALWAYS_ALLOWED, MAX_UNPACKED, objects
from sat_nb.models.refused import Refused, damaged
from sat_nb.reading import read_member

BASE_SECONDS = 2
BYTES_A_SECOND = 2**22  # what the slowest machine reads, packed and in many small arrays
WAITING = 20
"""How many times its processor time the process may last, on slow disks and busy machines."""

MAX_FILE = 2**33  # a larger file has no more time
BASE_MEMORY = 2**30
SLICE_BYTES = 2**24

_PROGRAM = (
    "import sys, json; path, file, member = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from sat_nb.models.hdf5_walk import walk; walk(file, member)"
)
_FAILED = 3
_START_SECONDS = 120


def check_readable(path: Path, member: str | None = None) -> None:
    """Refused for an HDF5 file, or one in a zip archive, that the HDF5 library cannot read."""
    arguments = [[entry or os.getcwd() for entry in sys.path if isinstance(entry, str)], str(path)]
    most = _START_SECONDS + WAITING * _seconds(path.stat().st_size)
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-c", _PROGRAM, json.dumps([*arguments, member])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            timeout=most,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise damaged(f"reading it took more than {most:.0f} s") from error
    if ended.returncode == _FAILED:
        raise damaged(ended.stdout.decode("utf-8", "replace").strip()[:500])
    if ended.returncode < 0:
        raise damaged(_killed(-ended.returncode, path))


def _killed(number: int, path: Path) -> str:
    import signal

    if number == getattr(signal, "SIGXCPU", None):
        seconds = _seconds(path.stat().st_size)
        return f"the HDF5 library is not done with it after {seconds:.0f} s, as with damaged files"
    return f"the HDF5 library crashes on it, with signal {number}"


def _seconds(n_bytes: int) -> float:
    return BASE_SECONDS + min(n_bytes, MAX_FILE) / BYTES_A_SECOND


# --- in the process ------------------------------------------------------------------------------


def walk(file: str, member: str | None) -> None:
    """Read all that Keras may read; what goes wrong is printed, but not what is to be refused."""
    import h5py

    n_bytes = os.stat(file).st_size
    _limit(n_bytes)
    try:
        with h5py.File(_content(file, member), "r") as opened, suppress(Refused):
            _read_attributes(opened)
            for _, found in objects(opened):
                _read_attributes(found)
                if isinstance(found, h5py.Dataset):
                    _read_numbers(found, n_bytes)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
        sys.exit(_FAILED)


def _content(file: str, member: str | None) -> Any:
    if member is None:
        return file
    with zipfile.ZipFile(file) as archive:
        return io.BytesIO(read_member(archive, member))


def _limit(n_bytes: int) -> None:
    """Let this process take no more time and memory than a whole file of this size needs."""
    with suppress(ImportError):  # systems other than POSIX have the timeout of the caller alone
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime + _seconds(n_bytes)) + 1
        memory = _address_space() + BASE_MEMORY + 2 * max(ALWAYS_ALLOWED, MAX_UNPACKED * n_bytes)
        with suppress(ValueError, OSError):  # less is allowed already
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (memory, resource.RLIM_INFINITY))


def _address_space() -> int:
    with suppress(OSError):
        import resource

        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 2**32


def _read_attributes(found: Any) -> None:
    for name in found.attrs:
        found.attrs[name]


def _read_numbers(dataset: Any, n_bytes: int) -> None:
    """Read all numbers that are packed or in pieces, a slice at a time."""
    if dataset.chunks is None or dataset.is_virtual or dataset.external or not dataset.shape:
        return
    total = dataset.size * dataset.dtype.itemsize
    if total > max(ALWAYS_ALLOWED, MAX_UNPACKED * n_bytes):
        return
    for rows in _slices(len(dataset), total):
        dataset[rows]


def _slices(n_rows: int, n_bytes: int) -> Iterator[slice]:
    step = max(1, n_rows * SLICE_BYTES // max(n_bytes, 1))
    yield from (slice(start, start + step) for start in range(0, n_rows, step))
