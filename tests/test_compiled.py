"""Compiled loops where nothing can be kept; and the package where nothing can be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from numba.core import caching

import sat_nb
from sat_nb import temporary

ROOT = Path(sat_nb.__file__).parents[1]
SOURCE = """
from sat_nb.compiled import compiled
@compiled(nogil=True)
def double(x):
    return 2 * x
"""


def run(folder: Path, times: int = 3) -> str:
    """Import a module with a loop and call it, in this process; what its cache did."""
    namespace: dict = {"__name__": "loops"}
    exec(compile(SOURCE, str(folder / "loops.py"), "exec"), namespace)
    assert namespace["double"](times) == 2 * times
    return f"{namespace['double'].stats.cache_hits}"


@pytest.fixture
def loops(tmp_path: Path) -> Path:
    (tmp_path / "loops.py").write_text(SOURCE)
    return tmp_path


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "__pycache__").glob("*.nb*"))


def test_machine_code_is_kept(loops: Path) -> None:
    assert "1" not in run(loops)
    assert len(kept(loops)) == 2
    assert ": 1" in run(loops)


def test_there_is_no_place_to_keep_it(loops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    run(loops)
    assert kept(loops) == []


@pytest.mark.parametrize("content", [b"", b"half", b"\x80\x04K\x01."])
def test_what_is_kept_is_damaged(loops: Path, content: bytes) -> None:
    run(loops)
    for file in kept(loops):
        file.write_bytes(content)
    run(loops)
    assert ": 1" in run(loops), "it is kept anew"


def test_the_disk_is_full(loops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_data", full)
    run(loops)


def test_every_loop_of_the_package_is_compiled_so() -> None:
    sources = [f.read_text() for f in (ROOT / "sat_nb").rglob("*.py") if f.name != "compiled.py"]
    assert not [source for source in sources if "njit" in source or "numba.jit" in source]
    assert sum(source.count("@compiled(") for source in sources) > 5


PROGRAM = """
import sat_nb as sat
from sat_nb.plots.export import drawn
from sat_nb.toy import toy
table = sat.build(*toy())
print(sat.compare(table, method="sharp").mean_ranks.index[0])
figure = sat.plot_segments(sat.aggregate(table)).figure
print(len(drawn(figure, "svg", 100)) > 1000)
try:
    sat.write_table(table, "/tmp/table.parquet")
except sat.CannotWrite as error:
    print(error)
"""


def test_nothing_can_be_written(tmp_path: Path) -> None:
    """The root, and with it home, package, /tmp and working folder, is read-only."""
    command = ["unshare", "-m", "sh", "-c", 'mount -o remount,bind,ro / && exec "$@"', "sh"]
    allowed = shutil.which("unshare") and not subprocess.run([*command, "true"]).returncode
    if not allowed:
        pytest.skip("no right to make the disk read-only for a process")
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("Matplotlib needs some folder")
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT)}
    environment["NUMBA_OPT"] = "0"  # compile quickly
    program = [*command, sys.executable, "-c", PROGRAM]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    best, drawn, refused = ended.stdout.splitlines()
    assert (best, drawn) == ("eyes", "True")
    assert "the disk is read-only: give another folder" in refused


def test_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    refused = pytest.raises(sat_nb.CannotWrite, match="TMPDIR: no folder .* set the environment")
    with refused, temporary.temporary_folder():
        pass
    with temporary.temporary_file() as file:
        file.write(b"in memory")
        file.seek(0)
        assert file.read() == b"in memory"


def test_memory_takes_the_place_of_disks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_default_tempdir", nowhere)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    with temporary.temporary_folder() as folder:
        assert folder.parent == tmp_path
    assert os.environ["TMPDIR"] == str(tmp_path), "for the processes that are started"
    assert list(tmp_path.iterdir()) == []
