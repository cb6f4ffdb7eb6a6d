"""Damaged, hostile and shared stores: our error with the remedy, or the numbers as they were."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.saliency.store import codec, documents
from sat_nb.saliency.store.chunks import file_name
from sat_nb.saliency.store.codec import HEADER_CRC, Chunk, encode
from sat_nb.saliency.store.runs import ImageFacts, Record, start_run
from tests.fuzz.targets import MAP, SETTINGS, read_store, write_store

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_store(tmp_path)
    return tmp_path / "maps"


def file_of(store: Path, pattern: str) -> Path:
    return sorted(store.glob(pattern))[0]


GRADIENT = "maps/gradient/a-*.map"
DOCUMENTS = ["store.json", "runs/*/settings.json", "runs/*/asked/*.json", "runs/*/images/*.json"]


def read(store: Path) -> Any:
    return sat.AttributionStore.open(store)["gradient"]["a"]


def changed(file: Path, change: Any, *, sealed: bool = False) -> None:
    """Another header, or another document; with ``sealed``, its checksum fits."""
    is_map = file.suffix == ".map"
    raw = file.read_bytes()
    line, newline, payload = raw.partition(b"\n") if is_map else (raw, b"", b"")
    content, key = json.loads(line), HEADER_CRC if is_map else documents.CRC
    content.pop(key, None)
    change(content)
    if sealed:
        content[key] = codec.crc_of(content)
    file.write_bytes(json.dumps(content).encode() + newline + payload)


def error_or(function: Any) -> tuple[Any, str]:
    """What a function returns, or the message of its error."""
    try:
        return function(), ""
    except sat.SatError as error:
        return None, str(error)


# --- maps --------------------------------------------------------------------------------------


def test_flipped_bits_of_headers_are_errors(store: Path) -> None:
    file = file_of(store, GRADIENT)
    raw = file.read_bytes()
    for place in range(0, 8 * raw.index(b"\n"), 3):
        damaged = bytearray(raw)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        kept, said = error_or(lambda: read(store))
        if said:
            assert str(file) in said
            assert "call explain again" in said
        else:  # blanks of JSON
            np.testing.assert_array_equal(kept, MAP)


def test_maps_of_early_versions_are_read(store: Path) -> None:
    for file in store.glob("maps/*/*.map"):
        changed(file, lambda header: None)
    for pattern in DOCUMENTS[:2] + DOCUMENTS[3:]:
        for file in store.glob(pattern):
            content = json.loads(file.read_text())
            del content[documents.CRC]
            file.write_text(json.dumps(content))
    np.testing.assert_array_equal(read(store), MAP)
    assert not any(sat.AttributionStore.open(store).missing.values())
    assert start_run(store, SETTINGS).has("gradient", "a")  # no worker is asked


WRONG = {
    "shape": (lambda h: h["arrays"][0].update(shape=[6, 6, 3]), r"shape is \(6, 6, 3\)"),
    "axes": (lambda h: h["arrays"][0].update(shape=[30, 3]), "shape is"),
    "negative": (lambda h: h["arrays"][0].update(shape=[-6, -5, 3]), "shape is"),
    "no numbers": (lambda h: h["arrays"][0].update(shape=["6", 5, 3]), "shape is"),
    "gigabytes": (lambda h: h["arrays"][0].update(shape=[2**15, 2**15, 3]), "more than 268435456"),
    "endless": (lambda h: h["arrays"][0].update(shape=[10**200, 5, 3]), "more than 268435456"),
    "digits": (lambda h: h["arrays"][0].update(shape=[10**400, 5, 3]), "401 digits"),
    "dtype": (lambda h: h["arrays"][0].update(dtype="<i4"), "dtype is '<i4'"),
    "object": (lambda h: h["arrays"][0].update(dtype="|O"), "dtype is"),
    "name": (lambda h: h["arrays"][0].update(name="x"), "not the map"),
    "scale": (lambda h: h["arrays"][0].update(scale=float("nan")), "scale is nan"),
    "no rounding error": (lambda h: h["arrays"][0].pop("error"), "rounding error is None"),
    "error below zero": (lambda h: h["arrays"][0].update(error=-1.0), "rounding error is -1.0"),
    "length": (lambda h: h["arrays"][0].update(n_bytes=3), "does not fit its content"),
    "no array": (lambda h: h.update(arrays=[]), "not one map"),
    "arrays": (lambda h: h.update(arrays=7), "not the header"),
    "two maps": (lambda h: h.update(arrays=h["arrays"] * 2), "not the map"),
    "facts": (lambda h: h.update(facts=[]), "not both objects"),
    "samples": (lambda h: h["facts"].update(n_samples="many"), "n_samples is 'many'"),
    "error": (lambda h: h["facts"].update(completeness_error=[]), "completeness_error"),
    "batch": (lambda h: h["facts"].update(at_once=3), "at_once is 3"),
    "image": (lambda h: h["about"].update(image_id="b/c"), "it is one of image_id 'b/c'"),
    "method": (lambda h: h["about"].update(method="lrp.z"), "it is one of method 'lrp.z'"),
    "more": (lambda h: h.update(unknown=1), "not the header"),
    "format": (lambda h: h.update(format=[2]), "format \\[2\\], expected 2"),
}


@pytest.mark.parametrize("sealed", [True, False], ids=["checksum fits", "no checksum"])
@pytest.mark.parametrize("wrong", WRONG)
def test_headers_that_say_what_is_not_so_are_refused(wrong: str, sealed: bool, store: Path) -> None:
    change, match = WRONG[wrong]
    changed(file_of(store, GRADIENT), change, sealed=sealed)
    with pytest.raises(sat.InvalidInput, match=rf"{match}.*; delete the file and call explain"):
        read(store)


def test_a_small_file_of_many_zeros_takes_no_memory(store: Path) -> None:
    file = file_of(store, GRADIENT)
    zeros = encode(Chunk(np.zeros((4000, 5000, 3), np.float32)))
    assert len(zeros) < 100_000
    file.write_bytes(zeros)
    with pytest.raises(sat.InvalidInput, match=r"shape is \(4000, 5000, 3\), expected \(6, 5, 3\)"):
        read(store)


def test_replicates_must_fit_their_map(store: Path) -> None:
    file = file_of(store, "maps/smoothgrad/a-*.map")
    changed(file, lambda h: h["arrays"][1].update(shape=[1, 12, 5]), sealed=True)
    with pytest.raises(sat.InvalidInput, match=r"its array 'replicates' is \[1, 12, 5\]"):
        sat.AttributionStore.open(store).chunk("smoothgrad", "a")


def test_values_that_are_not_finite_are_refused(store: Path) -> None:
    file = file_of(store, GRADIENT)
    header, _, _ = file.read_bytes().partition(b"\n")
    wrong = MAP.copy()
    wrong[0, 0, 0] = np.nan
    file.write_bytes(encode(Chunk(wrong), about=json.loads(header)["about"]))
    with pytest.raises(sat.InvalidInput, match="NaN or infinite"):
        read(store)


def test_a_payload_that_zstandard_refuses_is_our_error(store: Path) -> None:
    file = file_of(store, GRADIENT)
    line, _, payload = file.read_bytes().partition(b"\n")
    noise = bytes(len(payload))
    file.write_bytes(line + b"\n" + noise)
    changed(file, lambda header: header.update(crc32=zlib.crc32(noise)), sealed=True)
    with pytest.raises(sat.InvalidInput, match="not readable as the 'gradient' map of image 'a'"):
        read(store)


# --- documents ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", DOCUMENTS)
def test_flipped_bits_of_documents_are_errors(pattern: str, store: Path) -> None:
    expected, file = read_store(store.parent), file_of(store, pattern)
    raw = file.read_bytes()
    for place in range(0, 8 * len(raw), 13):
        damaged = bytearray(raw)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        found, said = error_or(lambda: read_store(store.parent))
        assert file.name in said if said else found == expected


WRONG_DOCUMENTS = [
    b"",
    b"7",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 90_000,
    b'{"format": 2, "latest": []}',
    b'{"methods": {"gradient": 3}, "image_ids": {}}',
    b'{"model": {}, "fit": "stretch", "methods": {}}',
    b'{"model": 3, "fit": [], "methods": []}',
    b'{"image_id": 3, "facts": {"target": 1}, "pixels_sha256": []}',
    b'{"image_id": "a", "facts": {"target": 1e400, "predicted": 0, "height": 1, "width": 1}}',
]


@pytest.mark.parametrize("pattern", DOCUMENTS)
@pytest.mark.parametrize("content", WRONG_DOCUMENTS, ids=range(len(WRONG_DOCUMENTS)))
def test_documents_of_any_content_are_errors(pattern: str, content: bytes, store: Path) -> None:
    file = file_of(store, pattern)
    file.write_bytes(content)
    with pytest.raises(sat.InvalidInput, match=f"{file.name}: ") as caught:
        sat.AttributionStore.open(store)
    assert len(str(caught.value)) < 2000
    with pytest.raises(sat.InvalidInput, match=f"{file.name}: "):
        start_run(store, SETTINGS)


@pytest.mark.parametrize(
    ("pattern", "change"),
    [
        ("runs/*/settings.json", lambda s: s["model"].update(input_shape=[2**20, 2**20, 3])),
        ("runs/*/settings.json", lambda s: s["model"].pop("name")),
        ("runs/*/settings.json", lambda s: s["methods"].update(gradient=[])),
        ("runs/*/settings.json", lambda s: s.update(preprocess={})),
        ("runs/*/images/*.json", lambda s: s["facts"].update(height=0)),
        ("runs/*/images/*.json", lambda s: s["facts"].update(target=True)),
        ("runs/*/images/*.json", lambda s: s.update(image_id="another")),
        ("runs/*/asked/*.json", lambda s: s["image_ids"].append("more")),
    ],
)
def test_documents_with_wrong_parts_are_errors(pattern: str, change: Any, store: Path) -> None:
    file = file_of(store, pattern)
    changed(file, change, sealed=True)
    with pytest.raises(sat.InvalidInput, match=f"{file.name}: not readable as a file of a store"):
        sat.AttributionStore.open(store)


# --- what is no plain file ---------------------------------------------------------------------


@posix
@pytest.mark.parametrize("pattern", [GRADIENT, *DOCUMENTS])
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link out", "loop"])
def test_only_plain_files_within_the_store_are_opened(
    pattern: str, kind: str, store: Path, tmp_path: Path
) -> None:
    file = file_of(store, pattern)
    shutil.move(file, tmp_path / "elsewhere")
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        to = {"device": "/dev/zero", "link out": tmp_path / "elsewhere", "loop": file}[kind]
        file.symlink_to(to)
    with pytest.raises(sat.SatError):
        read(store)


@posix
def test_nothing_is_written_through_a_link_that_leads_out(store: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    shutil.rmtree(store / "maps" / "gradient")
    (store / "maps" / "gradient").symlink_to(tmp_path / "outside")
    run = start_run(store, SETTINGS)
    with pytest.raises(sat.InvalidInput, match="leads out of"):
        run.put("gradient", "a", Chunk(MAP))
    images = file_of(store, "runs/*/images")
    shutil.rmtree(images)
    images.symlink_to(tmp_path / "outside")
    with pytest.raises(sat.InvalidInput, match="leads out of"):
        run.begin("a", run.records["a"])
    assert not list((tmp_path / "outside").iterdir())


def begin(folder: Path) -> None:
    run = start_run(folder, SETTINGS)
    run.asked_for(["gradient"], ["a"])
    run.begin("a", Record(ImageFacts(0, 1, 12, 10), "ef"))


@pytest.mark.parametrize("written", [1, 2, 3])
def test_a_run_that_was_killed_while_it_began_goes_on(
    written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sat_nb.saliency.store import runs

    write, left = runs.write_document, [written]

    def killed(*arguments: Any, **options: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        write(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "write_document", killed)
        with pytest.raises(KeyboardInterrupt):
            begin(tmp_path)
    start_run(tmp_path, SETTINGS).asked_for(["gradient"], ["a"])
    assert sat.AttributionStore.open(tmp_path).missing == {"gradient": ("a",)}
    assert len(sat.AttributionStore.runs(tmp_path)) == 1


def test_a_store_without_its_first_file_gets_one(store: Path) -> None:
    (store / "store.json").unlink()
    start_run(store, SETTINGS).asked_for(["gradient"], ["a"])
    np.testing.assert_array_equal(read(store), MAP)


# --- several processes -------------------------------------------------------------------------

JOIN = """
import json, sys, time
from pathlib import Path
from sat_nb.saliency.store.runs import ImageFacts, Record, start_run

folder, settings, number, n = Path(sys.argv[1]), json.loads(sys.argv[2]), *map(int, sys.argv[3:])
how = {"parameters": {}, "sampling": None}
(folder / f"ready-{number}").touch()
while len(list(folder.glob("ready-*"))) < n:
    time.sleep(0.001)
for step in range(8):
    name = f"method-{number}-{step}"
    run = start_run(folder / "maps", {**settings, "methods": {name: how}})
    run.asked_for([name], [f"image-{number}-{step}"])
"""


@posix
def test_processes_that_join_one_store_lose_no_method(tmp_path: Path) -> None:
    n = 4
    started = [
        subprocess.Popen(
            [sys.executable, "-c", JOIN, str(tmp_path), json.dumps(SETTINGS), str(i), str(n)],
            cwd=ROOT,
        )
        for i in range(n)
    ]
    assert [process.wait(timeout=120) for process in started] == [0] * n
    (settings,) = sat.AttributionStore.runs(tmp_path / "maps").values()
    names = {f"method-{i}-{step}" for i in range(n) for step in range(8)}
    assert set(settings["methods"]) == names
    missing = sat.AttributionStore.open(tmp_path / "maps").missing
    assert missing == {name: (name.replace("method", "image"),) for name in settings["methods"]}


def test_runs_of_other_parameters_stay_apart_however_they_meet(tmp_path: Path) -> None:
    def settings(n_samples: int) -> dict[str, Any]:
        how = {"parameters": {"n_samples": n_samples}, "sampling": "smoothgrad"}
        return {**SETTINGS, "methods": {"smoothgrad": how}}

    start_run(tmp_path, {**SETTINGS, "methods": {"gradient": {}}}).asked_for(["gradient"], ["a"])
    both = [start_run(tmp_path, settings(n)) for n in (8, 16)]  # both would join the first
    for run in both:
        run.asked_for(["smoothgrad"], ["a"])
    found = [one["methods"] for one in sat.AttributionStore.runs(tmp_path).values()]
    kept = [how["smoothgrad"]["parameters"]["n_samples"] for how in found]
    assert kept == [8, 16]
    assert both[0].settings["methods"].keys() == {"gradient", "smoothgrad"}


def test_names_of_documents_are_those_of_their_images(store: Path) -> None:
    names = {file.name for file in store.glob("runs/*/images/*.json")}
    assert names == {f"{file_name(i)}.json" for i in ("a", "b/c")}
