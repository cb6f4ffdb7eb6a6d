"""The data set on disk: written once, read back as it was rendered, refused where it differs."""

from __future__ import annotations

import json

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.reproduction import equids

SMALL = {"n_train": 8, "n_test": 2, "size": 32, "seed": 3, "watermark_share": 0.25}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return equids.make(tmp_path_factory.mktemp("equids") / "data", **SMALL)


def test_photos_and_exports_have_the_same_ids(folder):
    images, segments = sat.read_images(folder.images), sat.read_segments(folder.exports)
    ids = set(folder.train) | set(folder.test) | set(folder.test_marked)
    assert set(images) == set(segments) == set(folder.labels) == ids
    assert (len(folder.train), len(folder.test), len(folder.test_marked)) == (16, 4, 4)
    assert folder.labels["train/zebra_0001"] == 1
    assert folder.class_names[folder.labels["test/horse_0002"]] == "horse"


def test_exports_of_both_codecs_read_back_as_rendered(folder):
    images, segments = sat.read_images(folder.images), sat.read_segments(folder.exports)
    codecs = set()
    for image_id in folder.train:
        species, number = image_id.removeprefix("train/").split("_")
        example = equids.render(
            species, 3, index=int(number) - 1, size=32, watermark=image_id in folder.watermarks
        )
        assert np.array_equal(images[image_id], example.pixels)
        assert segments[image_id] == example.segmentation
        export = json.loads((folder.exports / f"{image_id}.json").read_text())
        codecs |= {thing["mask"].get("format", "dds_rle") for thing in export["objects"]}
    assert codecs == {"coco_rle", "dds_rle"}


def test_the_share_of_the_class_is_marked_and_all_of_the_marked_test_photos(folder):
    marked = [i for i in folder.train if i in folder.watermarks]
    assert len(marked) == 2
    assert all(folder.labels[i] == 1 for i in marked)
    assert all(i in folder.watermarks for i in folder.test_marked)
    assert not any(i in folder.watermarks for i in folder.test)
    segments = sat.read_segments(folder.exports)
    assert {i for i in segments if "watermark" in segments[i].names} == set(folder.watermarks)


def test_larger_shares_keep_the_marked_photos(folder, tmp_path):
    more = equids.make(tmp_path / "more", **SMALL | {"watermark_share": 0.5})
    before = {i for i in folder.watermarks if i.startswith("train")}
    after = {i for i in more.watermarks if i.startswith("train")}
    assert before < after
    assert len(after) == 4


def test_a_second_call_uses_the_folder(folder, monkeypatch):
    for name in ("render", "render_pair"):
        monkeypatch.setattr(f"sat_nb.reproduction.equids.rendering.{name}", None)
    assert equids.make(folder.root, **SMALL) == equids.load(folder.root) == folder


def count_renders(monkeypatch, *, breaks_at=None):
    """The calls of both functions that render; the n-th is interrupted."""
    calls = []

    def counted(render):
        def one(*args, **options):
            calls.append((render.__name__, *args))
            if len(calls) == breaks_at:
                raise KeyboardInterrupt
            return render(*args, **options)

        return one

    for function in (equids.render, equids.render_pair):
        name = f"sat_nb.reproduction.equids.rendering.{function.__name__}"
        monkeypatch.setattr(name, counted(function))
    return calls


def test_an_interrupted_call_goes_on(tmp_path, monkeypatch):
    calls = count_renders(monkeypatch, breaks_at=5)
    with pytest.raises(KeyboardInterrupt):
        equids.make(tmp_path / "data", **SMALL)
    with pytest.raises(FileMissing, match=r"no finished data set; call equids.make"):
        equids.load(tmp_path / "data")
    made = equids.make(tmp_path / "data", **SMALL)
    assert len(calls) == 5 + (16 + 4 - 4), "a test photo's two versions are one render"
    assert len(sat.read_images(made.images)) == 24


def test_all_shares_have_their_renders_in_common(folder, tmp_path, monkeypatch):
    renders = tmp_path / "renders"
    calls = count_renders(monkeypatch)
    made = equids.make(tmp_path / "quarter", **SMALL, renders=renders)
    assert len(calls) == 16 + 4
    assert {name for name, species, *_ in calls if species == "zebra"} == {"render_pair"}
    other = equids.make(tmp_path / "all", **SMALL | {"watermark_share": 1.0}, renders=renders)
    assert len(calls) == 16 + 4, "nothing is rendered again"
    assert sum(i.startswith("train") for i in other.watermarks) == 8
    assert (made.images / "test/zebra_0001.png").samefile(other.images / "test/zebra_0001.png")
    alone = sat.read_images(folder.images)
    assert all(np.array_equal(p, alone[i]) for i, p in sat.read_images(made.images).items())
    masks = sat.read_segments(folder.exports)
    assert all(one == masks[i] for i, one in sat.read_segments(made.exports).items())


def test_renders_on_a_disk_without_links_are_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    options = SMALL | {"n_train": 2, "n_test": 1}
    made = equids.make(tmp_path / "data", **options, renders=tmp_path / "renders")
    assert len(sat.read_images(made.images)) == 8


@pytest.mark.parametrize("program", [None, "raise SystemExit(1)"])
def test_other_processes_help_and_may_die(tmp_path, monkeypatch, program):
    monkeypatch.setattr("sat_nb.reproduction.equids.rendering.WORTH_HELP", 4)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    if program:
        monkeypatch.setattr("sat_nb.reproduction.equids.rendering._PROGRAM", program)
    made = equids.make(tmp_path / "data", **SMALL | {"n_train": 2})
    images = sat.read_images(made.images)
    assert len(images) == len(sat.read_segments(made.exports)) == 12
    expected = equids.render("zebra", 3, index=1, size=32)
    assert np.array_equal(images["train/zebra_0002"], expected.pixels)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"n_train": 0}, r"n_train: expected a whole number >= 1, got 0"),
        ({"watermark_share": 15}, r"watermark_share: expected a share from 0 to 1, got 15"),
        ({"watermark_class": "okapi"}, r"watermark_class: unknown name 'okapi'.*'horse', 'zebra'"),
        ({"size": 4}, r"size: expected a whole number of pixels >= 32, got 4"),
    ],
)
def test_wrong_options_name_themselves(tmp_path, option, message):
    with pytest.raises(InvalidInput, match=message):
        equids.make(tmp_path / "data", **SMALL | option)
    assert not (tmp_path / "data").exists()


def test_other_settings_in_the_same_folder_are_refused(folder):
    with pytest.raises(InvalidInput, match=r"watermark_share 0.25 instead of 0.5; give another"):
        equids.make(folder.root, **SMALL | {"watermark_share": 0.5})


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(InvalidInput, match=r"has files but no equids data set"):
        equids.make(tmp_path, **SMALL)
    assert [f.name for f in tmp_path.iterdir()] == ["thesis.tex"]


def test_labels_by_part(folder):
    assert folder.labelled("test") == {
        "test/horse_0001": 0,
        "test/horse_0002": 0,
        "test/zebra_0001": 1,
        "test/zebra_0002": 1,
    }
    with pytest.raises(InvalidInput, match=r"part: unknown name 'tests'.*Did you mean 'test'"):
        folder.labelled("tests")


def test_load_needs_a_folder(tmp_path):
    with pytest.raises(FileMissing, match=r"folder: .*does not exist"):
        equids.load(tmp_path / "none")
