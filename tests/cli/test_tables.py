"""``sat-nb build``, ``aggregate`` and ``figures`` on files, with a model that is explained."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.toy import toy
from tests.cli.running import run


def build_arguments(folder: Path, out: Path, **changes: object) -> list[object]:
    options = {
        "model": folder / "model.h5",
        "images": folder / "photos",
        "segments": folder / "exports",
        "preprocess": "unit",
        "methods": "gradient,lrp.z",
        "out": out,
        **changes,
    }
    return ["build"] + [x for name, value in options.items() for x in (f"--{name}", value)]


@pytest.fixture(scope="module")
def table_file(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "sat.parquet"
    labels = out.with_suffix(".csv")
    labels.write_text("image_id,label\nimage_00,1\nimage_01,1\n")
    result = run(*build_arguments(toy_folder, out, labels=labels, target=1))
    assert result.exit_code == 0, result.output
    assert "12 images, 2 methods" in result.output
    return out


def test_build_writes_the_same_table_as_python(toy_folder: Path, table_file: Path) -> None:
    maps = sat.explain(
        toy_folder / "model.h5",
        sat.read_images(toy_folder / "photos"),
        methods=["gradient", "lrp.z"],
        preprocess="unit",
        target=1,
        progress=False,
    )
    segments = sat.read_segments(toy_folder / "exports")
    expected = sat.build(maps, segments, labels={"image_00": 1, "image_01": 1})
    pd.testing.assert_frame_equal(sat.read_table(table_file), expected)
    assert sat.read_table(table_file)["target"].unique().tolist() == [1]


def test_geometry_and_names_reach_the_table(toy_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "names.toml").write_text('[synonyms]\nhead = ["eyes", "nose"]\n')
    out = tmp_path / "sat.parquet"
    changes = {"fit": "letterbox", "rename": tmp_path / "names.toml", "methods": "gradient"}
    result = run(*build_arguments(toy_folder, out, **changes))
    assert result.exit_code == 0, result.output
    table = sat.read_table(out)
    assert set(table["segment"]) == {"head", "mouth", "ears", "rest"}
    assert table.attrs["sat_nb"]["fit"] == "letterbox"


def test_aggregate_prints_and_writes(table_file: Path, tmp_path: Path) -> None:
    printed = run("aggregate", table_file, "--value", "rank")
    assert printed.output.split()[:4] == ["method", "segment", "rank", "n_images"]
    out = tmp_path / "summary.csv"
    assert run("aggregate", table_file, "--by", "method,model", "--out", out).exit_code == 0
    columns = ["method", "model", "segment", "mean_attribution", "n_images"]
    assert list(pd.read_csv(out)) == columns


@pytest.fixture(scope="module")
def hostile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose names steer terminals and spreadsheets, or differ in punctuation alone."""
    maps, segments = toy()
    name = {"eyes": "=1+1", "nose": "nose\x1b[2J\u202e"}
    methods = dict(zip(("lrp.z", "lrp z", "lrp_z", "LRP.z"), [*maps.values()] * 2, strict=True))
    table = sat.build(methods, {i: s.rename(name) for i, s in segments.items()})
    return sat.write_table(table, tmp_path_factory.mktemp("hostile") / "t.parquet")


def test_names_are_text_on_the_terminal_and_in_spreadsheets(
    hostile_file: Path, tmp_path: Path
) -> None:
    printed = run("aggregate", hostile_file).output
    assert r"nose\x1b[2J\u202e" in printed
    assert "\x1b" not in printed
    out = tmp_path / "a.csv"
    for options, expected in (((), "=1+1"), (("--spreadsheet-safe",), "'=1+1")):
        assert run("aggregate", hostile_file, "--out", out, *options).exit_code == 0
        names = set(pd.read_csv(out)["segment"])
        assert {expected, "nose\x1b[2J\u202e"} <= names


def test_what_cannot_be_written_is_one_line(hostile_file: Path, tmp_path: Path) -> None:
    for out, why in (
        (tmp_path, "it is a folder"),
        ("/dev/null", "it is a device"),
        ("n" * 300, "300 bytes"),
    ):
        refused = run("aggregate", hostile_file, "--out", out)
        assert refused.exit_code == 1
        assert refused.output.startswith("Error: --out: cannot write ")
        assert why in refused.output
        assert refused.output.count("\n") == 1


@pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")
def test_methods_that_differ_in_punctuation_alone_have_figures_of_their_own(
    hostile_file: Path, tmp_path: Path
) -> None:
    result = run("figures", hostile_file, "--out", tmp_path, "--formats", "svg")
    assert result.exit_code == 0, result.output
    told = result.output.splitlines()
    assert len(told) == len({path.lower() for path in told}) == 16
    assert sorted(told) == sorted(map(str, tmp_path.iterdir()))
    for file in tmp_path.glob("*.svg"):
        ElementTree.parse(file)


def test_other_aggregations_and_their_parameters(table_file: Path) -> None:
    printed = run("aggregate", table_file, "--how", "top_k", "--parameter", "k=1")
    assert printed.output.split()[:4] == ["method", "segment", "top_k_fraction", "n_images"]
    wrong = run("aggregate", table_file, "--how", "top_k", "--parameter", "k=few")
    assert wrong.exit_code == 1
    assert "k: expected a whole number >= 1, got 'few'" in wrong.output


@pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")
def test_figures_come_with_their_numbers(table_file: Path, tmp_path: Path) -> None:
    options = ("--methods", "lrp.z", "--formats", "svg")
    result = run("figures", table_file, "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [
        "critical_difference_lrp.z.csv",
        "critical_difference_lrp.z.svg",
        "segments_lrp.z.csv",
        "segments_lrp.z.svg",
    ]
    numbers = pd.read_csv(tmp_path / names[0])
    expected = sat.compare(sat.read_table(table_file), method="lrp.z")
    assert numbers["segment"].tolist() == list(expected.mean_ranks.index)
    assert numbers["mean_rank"].tolist() == pytest.approx(expected.mean_ranks.tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "nowhere.h5"}, "model: 'nowhere.h5' does not exist"),
        ({"images": "nowhere"}, "'nowhere' does not exist"),
        ({"methods": "lrp.zz"}, "methods: unknown name 'lrp.zz'. Did you mean 'lrp.z'?"),
        ({"preprocess": "cafe"}, "preprocess: unknown name 'cafe'"),
        ({"preprocess": "no.module:function"}, "'no.module:function' cannot be imported"),
        ({"target": "best"}, "target: expected 'predicted' or indices"),
        ({"target": "7"}, "target: 7 for image 'image_00' is out of range"),
        ({"missing": "drop"}, "missing: unknown name 'drop'"),
        ({"labels": "nowhere.csv"}, "--labels: 'nowhere.csv' does not exist"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(
    toy_folder: Path, tmp_path: Path, changes: dict, message: str
) -> None:
    out = tmp_path / "sat.parquet"
    result = run(*build_arguments(toy_folder, out, **changes))
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_labels_that_are_none(toy_folder: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("id,class\na,zebra\n")
    result = run(*build_arguments(toy_folder, tmp_path / "sat.parquet", labels=labels))
    assert result.exit_code == 1
    assert "expected CSV with the columns image_id and label" in result.output


def test_ids_that_do_not_match(toy_folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for file in sorted((toy_folder / "photos").iterdir())[:3]:
        (photos / file.name).symlink_to(file)
    arguments = build_arguments(toy_folder, tmp_path / "sat.parquet", images=photos)
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert "9 masks without maps" in refused.output
    assert "pass --missing skip to join what matches" in refused.output
    joined = run(*arguments, "--missing", "skip")
    assert joined.exit_code == 0
    (told,) = [line for line in joined.stderr.splitlines() if line.startswith("Warning")]
    assert told.startswith("Warning: left out: 9 masks without maps: 'image_03'")


def test_a_run_that_was_stopped_goes_on(toy_folder: Path, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    arguments = build_arguments(toy_folder, tmp_path / "sat.parquet", maps=maps)
    assert run(*arguments).exit_code == 0
    chunks = {file: file.stat().st_mtime_ns for file in maps.rglob("*.map")}
    assert len(chunks) == 24
    gone = next(iter(chunks))
    gone.unlink()
    assert run(*arguments).exit_code == 0
    after = {file: file.stat().st_mtime_ns for file in maps.rglob("*.map")}
    assert set(after) == set(chunks)
    assert sum(after[file] != chunks[file] for file in chunks) == 1


def test_help_and_version() -> None:
    for command in ((), ("build",), ("aggregate",), ("figures",), ("quickstart",), ("study",)):
        assert run(*command, "--help").exit_code == 0
    assert sat.__version__ in run("--version").output
