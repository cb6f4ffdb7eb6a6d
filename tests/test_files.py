from __future__ import annotations

import errno
import functools
import inspect
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

import sat_nb as sat
from sat_nb import files, temporary
from sat_nb.errors import CannotWrite
from sat_nb.files import written_whole
from sat_nb.plots.export import save_figure
from sat_nb.toy import toy

LONG = "n" * 260
EYE = sat.SegmentationMap(("eye",), np.eye(3, dtype=bool)[None])
TABLE = sat.build(*toy())


@functools.cache
def bars() -> Axes:
    return sat.plot_segments(sat.aggregate(TABLE))


def write_text(path: Path) -> None:
    with written_whole(path) as part:
        part.write_text("x" * 5000)


WRITERS = {
    "written_whole": write_text,
    "write_dinox": lambda path: sat.write_dinox(path, EYE),
    "write_coco": lambda path: sat.write_coco(path, {"a": EYE}),
    "write_table": lambda path: sat.write_table(TABLE, path),
    "save_figure": lambda path: save_figure(bars(), path.with_suffix(""), formats=["svg"]),
}
"""What writes one file, whose name ends with .svg."""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing may change."""
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "file").write_text("kept")
    before = sorted(tmp_path.rglob("*"))
    yield tmp_path
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, error: type) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")

    def fails() -> None:
        with written_whole(file) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        fails()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_block_that_ends_well_replaces_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.txt"
    with written_whole(file) as part:
        part.write_text("whole")
        assert not file.exists()
        assert part.suffix == ".txt"
    assert file.read_text() == "whole"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    ("name", "match"),
    [
        (f"{LONG}.svg", "264 bytes, file systems take 255.*shorter name"),
        ("folder.svg", "it is a folder.*another name"),
        ("file/a.svg", "Not a directory|File exists"),
        (f"{'é' * 126}.svg", "256 bytes"),
        ("\0.svg", "no file can have this name"),
        ("\ud800.svg", "no file can have this name"),
        ("/".join(["d" * 200] * 25) + ".svg", "File name too long"),
    ],
    ids=["long", "folder", "below a file", "long in bytes", "NUL", "surrogate", "long path"],
)
def test_no_file_can_be_there(writer: str, name: str, match: str, tree: Path) -> None:
    with pytest.raises(CannotWrite, match=match) as caught:
        WRITERS[writer](tree / name)
    text = str(caught.value)
    assert text.count(repr(str(tree / name))[1:60]) == 1, "the file is named once"
    assert len(text) < 1000


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_is_never_replaced(device: str) -> None:
    with pytest.raises(CannotWrite, match="it is a device or a pipe"):
        write_text(Path(device))
    assert not Path(device).is_file()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def opened(folder: Path) -> list[str]:
    """The files below a folder that this process holds open."""
    links = [Path("/proc/self/fd", number) for number in os.listdir("/proc/self/fd")]
    files = [os.readlink(link) for link in links if link.is_symlink()]
    return [file for file in files if file.startswith(str(folder))]


def test_a_full_and_a_read_only_disk(small_disk: Path) -> None:
    (small_disk / "old.svg").write_text("old")
    (small_disk / "filling").write_bytes(bytes(60_000))
    for writer, write in WRITERS.items():
        if writer in ("write_dinox", "write_coco"):  # small enough for what is left
            continue
        with pytest.raises(CannotWrite, match="the disk is full: free some space") as caught:
            write(small_disk / "old.svg")
        assert not opened(small_disk), "a file that could not be written is closed"
        assert caught  # which holds all that a cycle of references would
    big = sat.SegmentationMap(("a",), np.random.default_rng(0).random((1, 300, 300)) < 0.5)
    with pytest.raises(CannotWrite, match="the disk is full"):
        sat.write_dinox(small_disk / "old.svg", big)
    with pytest.raises(CannotWrite, match="the disk is full"):
        sat.write_coco(small_disk / "old.svg", {"a": big})
    assert sorted(os.listdir(small_disk)) == ["filling", "old.svg"]
    assert (small_disk / "old.svg").read_text() == "old"
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for write in WRITERS.values():
        with pytest.raises(CannotWrite, match="the disk is read-only: give another folder"):
            write(small_disk / "old.svg")


def test_a_limit_of_the_size_of_files(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(CannotWrite, match="File too large.*ulimit -f"):
            write_text(tmp_path / "a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_the_errors_of_what_is_read_stay_their_own(tmp_path: Path) -> None:
    elsewhere = str(tmp_path.parent / "elsewhere.png")

    def reads() -> None:
        with written_whole(tmp_path / "a"):
            raise PermissionError(errno.EACCES, "Permission denied", elsewhere)

    with pytest.raises(PermissionError, match="elsewhere.png"):
        reads()
    assert list(tmp_path.iterdir()) == []


def test_content_is_on_the_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("flush"), fsync(handle))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("move"), replace(a, b))[1])
    for name, write in WRITERS.items():
        done.clear()
        files._flushed.clear()
        write(tmp_path / name / "a.svg")
        n_files = len(list((tmp_path / name).iterdir()))
        assert done.count("move") == n_files, name
        assert done[0] == "flush", name
        assert "flush" in done[done.index("move") :], f"{name}: names are flushed as well"
    done.clear()
    sat.write_table(TABLE, tmp_path / "shards", partition_by=["method"])
    assert done == ["flush", "flush", "move", "flush"]


# --- what killed runs leave ---------------------------------------------------------------------

KILLED = """
import sys, time
from pathlib import Path
from sat_nb.files import written_whole
from sat_nb.temporary import new_part_folder
folder = Path(sys.argv[1])
stage = new_part_folder(folder)
(stage / "shard.parquet").write_text("half")
with written_whole(folder / "a.txt") as part:
    part.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that is writing a file and a folder."""
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def left(folder: Path) -> list[Path]:
    return list(folder.glob(".part-*"))


def test_a_killed_run_is_cleaned_up_by_the_next(
    writing: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    mine = tmp_path / ".part-of-a-cake"
    mine.write_text("of the user")
    write_text(tmp_path / "b.txt")
    assert len(left(tmp_path)) == 3, "a running process keeps what it writes"
    temporary._next_look.clear()
    writing.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, writing.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    write_text(tmp_path / "b.txt")
    assert left(tmp_path) == [mine]


def test_what_other_machines_write_is_left_alone_for_a_day(tmp_path: Path) -> None:
    for name in (".part-00000000-1-abcdefgh.json", ".part-abcd_fgh.parquet"):
        file = tmp_path / name
        file.write_text("half")
        write_text(tmp_path / "b.txt")
        assert file.exists()
        os.utime(file, (0, time.time() - 25 * 3600))
        temporary._next_look.clear()
        write_text(tmp_path / "b.txt")
        assert not file.exists()


def test_of_two_writers_both_end_well(writing: subprocess.Popen[bytes], tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "x" * 5000
    assert len(left(tmp_path)) == 2


def test_a_table_goes_into_a_folder_that_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    stale = tmp_path / "t" / ".part-abcdefgh"
    stale.mkdir()
    os.utime(stale, (0, 0))
    sat.write_table(TABLE, tmp_path / "t", partition_by=["method"])
    assert left(tmp_path / "t") == []
    assert len(sat.read_table(tmp_path / "t")) == len(TABLE)


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["n" * 300, "d/" * 3000, "a\0b", "\ud800"])
def test_what_no_file_can_be_called_is_missing(path: str) -> None:
    with pytest.raises(sat.FileMissing, match="does not exist"):
        files.existing(path)


def test_names_that_differ_in_anything_have_files_of_their_own() -> None:
    names = [
        "lrp.z",
        "lrp-z",
        "lrp z",
        "lrp_z",
        "LRP.z",
        "lrp/z",
        "lrp\u00e9",
        "lrpe\u0301",
        "\ud800",
    ]
    names += ["x" * 300, "x" * 301, "", "..", "lrp:z"]
    made = [files.plain_name(name) for name in names]
    assert len({name.casefold() for name in made}) == len(names)
    assert made[0] == "lrp.z"
    assert all(name.isascii() and "/" not in name and len(name) < 100 for name in made)


def test_exports_whose_names_are_no_text_are_refused(tmp_path: Path) -> None:
    sat.write_dinox(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.json")), EYE)
    with pytest.raises(sat.InvalidInput, match=r"caf.udce9.*not valid UTF-8.*convmv"):
        sat.read_segments(tmp_path)


PHOTO = np.zeros((3, 3, 3), np.uint8)
HOW = {"methods": "gradient", "preprocess": "unit"}
WITH_PATHS = {
    "edit_masks": ("folder", lambda path: sat.edit_masks({"a": PHOTO}, folder=path)),
    "explain": ("out", lambda path: sat.explain("m.h5", {"a": PHOTO}, **HOW, out=path)),
    "fetch_masks": ("photos", lambda path: sat.fetch_masks(path, ["eye"], out="masks")),
    "intervene": (
        "out",
        lambda path: sat.intervene("m.h5", {"a": PHOTO}, {"a": EYE}, preprocess="unit", out=path),
    ),
    "read_images": ("path", sat.read_images),
    "read_maps": ("path", lambda path: sat.read_maps(path, method="own", sign="signed")),
    "read_segments": ("path", sat.read_segments),
    "read_table": ("path", sat.read_table),
    "report": ("out", lambda path: sat.report(TABLE, out=path)),
    "sample_data": ("folder", sat.sample_data),
    "save_figure": ("path", lambda path: sat.save_figure(bars(), path)),
    "tabulate": (
        "out",
        lambda path: sat.tabulate("m.h5", {"a": PHOTO}, {"a": EYE}, **HOW, out=path),
    ),
    "write_coco": ("path", lambda path: sat.write_coco(path, {"a": EYE})),
    "write_dinox": ("path", lambda path: sat.write_dinox(path, EYE)),
    "write_segments": ("path", lambda path: sat.write_segments(path, {"a": EYE})),
    "write_table": ("path", lambda path: sat.write_table(TABLE, path)),
}
"""{name: (an argument that is a path, the function of it)}."""
OF_SEVERAL_KINDS = {"agreement", "cof_table", "explore", "ImageSet"}


def test_all_paths_are_here() -> None:
    found = {name for name in sat.__all__ if "PathLike" in str(_annotations(getattr(sat, name)))}
    assert found - OF_SEVERAL_KINDS == {*WITH_PATHS}


def _annotations(value: object) -> list[object]:
    try:
        return [one.annotation for one in inspect.signature(value).parameters.values()]
    except (TypeError, ValueError):  # what cannot be called, such as a registry
        return []


@pytest.mark.parametrize("path", [None, 3, "", b"bytes", True])
@pytest.mark.parametrize("name", WITH_PATHS)
def test_what_is_no_path_is_named(
    name: str, path: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DINOX_API_TOKEN", 8 * "t")
    argument, function = WITH_PATHS[name]
    if path is None and name in ("explain", "intervene"):
        pytest.skip("None keeps it in memory")
    with pytest.raises(
        sat.InvalidInput, match=f"{argument}: expected the path of a file or folder"
    ):
        function(path)
    assert not list(tmp_path.iterdir())
