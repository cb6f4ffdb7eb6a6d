"""The report: its sentences against definitions, its page as a file from strangers' names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.errors import IdMismatch, InvalidInput
from sat_nb.reports.findings import Findings, Options
from sat_nb.reports.sentences import said
from sat_nb.toy import toy
from sat_nb.widgets.data import Data
from sat_nb.widgets.markup import cell
from tests.cli.running import run
from tests.entries import is_described

ROWS = 4
"""Pixels of each stripe of the photos."""


def table_of(
    values: Mapping[str, Mapping[str, float]], method: str = "lrp.z", model: str = "model"
) -> pd.DataFrame:
    """A table in which each segment of an image has that mean attribution."""
    maps, segments = {}, {}
    for image_id, means in values.items():
        heights = np.repeat([*means.values()], ROWS).astype(np.float32)
        maps[image_id] = np.repeat(heights[:, None], ROWS, axis=1)
        masks = np.repeat(np.eye(len(means), dtype=bool), ROWS, axis=1)
        segments[image_id] = sat.SegmentationMap((*means,), np.repeat(masks[:, :, None], ROWS, 2))
    return sat.build({method: maps}, segments, pad_px=0, model=model)


def in_words(table: pd.DataFrame, **options: Any) -> str:
    """All sentences about the one model of a table."""
    return "\n".join(said(Findings(Data(table), table["model"].iloc[0], Options(**options))))


def with_rare(n: int = 30, rare: int = 4) -> pd.DataFrame:
    """Eyes lead nose in every photo; a few have a watermark that leads both."""
    rng = np.random.default_rng(0)
    values: dict[str, dict[str, float]] = {}
    for i in range(n):
        noise = rng.uniform(0, 0.1, 3)
        values[f"{i:02d}"] = {"eyes": 2 + noise[0], "nose": 1 + noise[1]}
        if i < rare:
            values[f"{i:02d}"]["watermark"] = 3 + noise[2]
    return table_of(values)


class Read(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the toy, with photos, maps and masks."""
    maps, segments = toy()
    images = {image_id: np.full((20, 16, 3), 90, np.uint8) for image_id in segments}
    out = tmp_path_factory.mktemp("report") / "a.html"
    table = sat.build(maps, segments)
    file = sat.report(table, images=images, maps=maps, segments=segments, out=out)
    assert file == out
    again = sat.report(
        table, images=images, maps=maps, segments=segments, out=out.with_name("a.html")
    )
    assert again.read_bytes() == file.read_bytes()
    return out.read_text(encoding="utf-8")


def test_the_first_segment_and_its_numbers_are_those_of_the_table(page: str) -> None:
    table = sat.build(*toy())
    text = Read(page).text
    for method, first in (("sharp", "eyes"), ("noisy", "nose")):
        ranks = table[(table["method"] == method) & (table["segment"] == first)]["rank"]
        assert (
            f"'{first}' has the best mean rank under {method}: {ranks.mean():.2f} over 20 photos, "
            "all of which have it."
        ) in text
        others = table[(table["method"] == method) & (table["segment"] != first)]
        assert ranks.mean() < others.groupby("segment")["rank"].mean().min()


def test_every_section_stands_on_the_page_in_order(page: str) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    titles = [section.title for section in sat.SECTIONS.values()]
    without = [title for title in titles if title != "What presence drives"]
    assert headings in ([*titles, headings[-1]], [*without, headings[-1]])
    assert headings[-1] == "How this page was made"


def test_the_page_needs_nothing_else(page: str) -> None:
    read = Read(page)
    assert not read.tags & {"script", "link", "iframe", "object", "base", "form"}
    links = [v for k, v in read.attributes if k in ("src", "href", "xlink:href") and v]
    assert all(
        link.startswith(("data:image/jpeg;base64,", "data:image/png;base64,", "#"))
        for link in links
    )
    assert "@import" not in page
    assert "url(http" not in page


def test_photos_of_the_first_segment_are_those_in_which_it_leads_most() -> None:
    from sat_nb.reports.sections.photos import _of_segment

    table = with_rare()
    found = _of_segment(Findings(Data(table), "model", Options()), "lrp.z", "eyes")
    rows = table.dropna(subset="segment")
    share = rows["abs_mean_attribution"] / rows.groupby("image_id")[
        "abs_mean_attribution"
    ].transform("sum")
    eyes = rows.assign(share=share)[rows["segment"] == "eyes"]
    best = eyes[eyes["rank"] == 1].sort_values("share")["image_id"].iloc[-1]
    assert found["image_id"].iloc[0] == best
    assert found["rank"].is_monotonic_increasing


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a'\"&b", "\u202eevil\x1b[2J", "$x^2$"]
)
def test_names_are_text(name: str, tmp_path: Path) -> None:
    maps, segments = toy(6)
    renamed = {i: s.rename({"eyes": name}) for i, s in segments.items()}
    table = sat.build({name: maps["sharp"]}, renamed, model=name)
    images = {i: np.zeros((20, 16, 3), np.uint8) for i in segments}
    out = sat.report(
        table,
        images=images,
        segments=renamed,
        question=name,
        out=tmp_path / "a.html",
        n_resamples=200,
    )
    content = out.read_text(encoding="utf-8")
    assert "script" not in Read(content).tags
    assert not re.search("[\u202e\x1b]", content)
    assert not any(key.startswith("on") for key, _ in Read(content).attributes)


def test_a_lead_that_few_photos_have_is_told() -> None:
    text = in_words(with_rare())
    assert "'eyes' has the best mean rank under lrp.z: " in text
    assert (
        "Where it is present, 'watermark' ranks before 'eyes' under lrp.z (under lrp.z: 1.00 "
        "against 1.13), but only 4 of 30 photos have it"
    ) in text
    assert "Where it is present" not in in_words(with_rare(rare=0))


def test_a_lead_that_is_not_significant_is_no_lead() -> None:
    rng = np.random.default_rng(1)
    noise = {f"{i}": dict(zip("abc", rng.uniform(1, 2, 3), strict=True)) for i in range(12)}
    text = in_words(table_of(noise))
    assert "The first differs from every other" not in text
    assert "the segments as a whole do not differ" in text or "is not told apart from" in text
    assert "The first differs from every other segment" in in_words(with_rare(rare=0))


def test_too_few_photos_are_told() -> None:
    text = in_words(with_rare(3, 0))
    assert "can come out different with so few photos; at least" in text
    assert "The first differs" not in text


def test_segments_against_the_target_are_told_for_signed_methods_alone() -> None:
    values = {f"{i:02d}": {"eyes": 2.0 + i / 100, "mane": -1.0 - i / 50} for i in range(12)}
    expected = "Against the target more often than for it under lrp.z: 'mane' (100% of its photos)"
    assert expected in in_words(table_of(values))
    assert "Against" not in in_words(table_of(values, "gradient"))


def test_presence_that_decides_is_told() -> None:
    values: dict[str, dict[str, float]] = {}
    for i in range(24):
        values[f"{i:02d}"] = {"eyes": 2.0 + i / 100, "nose": 1.0 + i / 90, "rest": 0.2}
        if i % 3 == 0:
            values[f"{i:02d}"]["hat"] = 1.5
    table = table_of(values)
    found = sat.compare(table, method="lrp.z")
    text = in_words(table)
    assert found.driven_by_presence or found.hidden_by_presence
    assert ("rest on presence" in text) == bool(found.driven_by_presence)
    assert ("presence hides" in text) == bool(found.hidden_by_presence)


def test_sampled_ranks_that_are_open_are_told() -> None:
    table = with_rare().assign(n_samples=16, se_mean_attribution=0.5)
    share = 1 - sat.settled_ranks(table).mean()
    assert f"not settled: {share:.0%} under lrp.z" in in_words(table)
    assert "not settled" not in in_words(table.assign(se_mean_attribution=0.0))


def test_photos_without_segments_are_told() -> None:
    maps, segments = toy(6)
    none = sat.SegmentationMap((), np.zeros((0, 20, 16), bool))
    table = sat.build({"sharp": maps["sharp"]}, {**segments, "image_00": none})
    assert "1 photo of 6 have none of the segments" in in_words(table)


def test_units_are_those_of_the_statistics(tmp_path: Path) -> None:
    table = with_rare().assign(patient=lambda t: t["image_id"].astype(int) // 3)
    out = sat.report(table, unit="patient", out=tmp_path / "a.html", n_resamples=200)
    ranks = sat.intervals(table, value="rank", unit="patient", n_resamples=200)
    high = ranks.loc[ranks["segment"] == "eyes", "high"].item()
    expected = f'<td class="sat-number">{cell(high)}</td>'
    content = out.read_text(encoding="utf-8")
    assert "bootstrap intervals over patient" in content
    assert expected in content
    by_image = dict(zip(table["image_id"], table["patient"], strict=True))
    mapped = sat.report(table, unit=by_image, out=tmp_path / "b.html", n_resamples=200)
    assert expected in mapped.read_text(encoding="utf-8")


def test_each_model_has_a_chapter_and_two_are_compared(tmp_path: Path) -> None:
    seen = {f"{i:02d}": {"eyes": 1.0 + i / 99, "mark": 2.0 + i / 50} for i in range(12)}
    unseen = {f"{i:02d}": {"eyes": 2.0 + i / 99, "mark": 1.0 + i / 50} for i in range(12)}
    both = pd.concat([table_of(seen, model="shortcut"), table_of(unseen, model="control")])
    out = sat.report(both.reset_index(drop=True), out=tmp_path / "a.html", n_resamples=200)
    text = Read(out.read_text(encoding="utf-8")).text
    assert "What do the 2 models look at?" in text
    assert (
        "Under lrp.z, from shortcut to control: earlier in rank: 'eyes'; later in rank: 'mark'."
        in text
    )


def test_a_file_and_a_frame_give_the_same_page(tmp_path: Path) -> None:
    table = with_rare()
    file = sat.write_table(table, tmp_path / "sat.parquet")
    a = sat.report(table, out=tmp_path / "a" / "r.html", n_resamples=200)
    b = sat.report(file, out=tmp_path / "b" / "r.html", n_resamples=200)
    assert a.read_bytes() == b.read_bytes()


def test_the_command_writes_the_same_page(toy_files: dict[str, Path], tmp_path: Path) -> None:
    folder = toy_files["table"].parent
    done = run(
        *("report", toy_files["table"], "--images", toy_files["images"]),
        *("--segments", toy_files["segments"], "--out", folder / "r.html", "--question", "Why?"),
        *("--photos", 2, "--sections", "words,photos"),
    )
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(folder / "r.html")
    expected = sat.report(
        toy_files["table"],
        images=sat.read_images(toy_files["images"]),
        segments=sat.read_segments(toy_files["segments"]),
        question="Why?",
        n_photos=2,
        sections=["words", "photos"],
        out=tmp_path / "r.html",
    )
    assert (folder / "r.html").read_bytes() == expected.read_bytes()


@pytest.fixture
def toy_files(tmp_path: Path) -> dict[str, Path]:
    """A table, photos and exports on disk."""
    from PIL import Image

    maps, segments = toy(6)
    found = {name: tmp_path / "files" / name for name in ("table", "images", "segments")}
    for name in ("images", "segments"):
        found[name].mkdir(parents=True)
    for image_id, one in segments.items():
        Image.fromarray(np.full((20, 16, 3), 120, np.uint8)).save(
            found["images"] / f"{image_id}.png"
        )
        sat.write_dinox(found["segments"] / f"{image_id}.json", one)
    sat.write_table(sat.build(maps, segments), found["table"])
    return found


def test_a_section_of_ones_own_is_an_entry(tmp_path: Path) -> None:
    from sat_nb.reports.markup import paragraph

    mine = sat.Section(
        name="mine",
        title="Photos & more",
        about="How many photos.",
        function=lambda findings: [paragraph(f"{findings.n_images} <photos>")],
    )
    out = sat.report(sat.build(*toy(6)), sections=["words", mine], out=tmp_path / "a.html")
    content = out.read_text(encoding="utf-8")
    assert "<h2>Photos &amp; more</h2><p>6 &lt;photos&gt;</p>" in content
    alone = sat.report(sat.build(*toy(6)), sections=mine, out=tmp_path / "b.html")
    assert alone.read_text(encoding="utf-8").count("<h2>") == 2


def test_entries_are_described() -> None:
    for section in sat.SECTIONS.values():
        is_described(section, sourced=False)


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        (
            {"sections": ["wrods"]},
            InvalidInput,
            "sections: unknown name 'wrods'. Did you mean 'words'",
        ),
        ({"images": {"other": np.zeros((9, 9, 3), np.uint8)}}, IdMismatch, "images: none of image"),
        ({"question": 3}, InvalidInput, "question: expected text, got int"),
        ({"classes": "label"}, InvalidInput, "classes: expected 'pool'"),
        ({"n_photos": 0}, InvalidInput, "n_photos"),
        ({"test": "t-test"}, InvalidInput, "test: unknown name 't-test'"),
        ({"unit": "patient"}, InvalidInput, "unit"),
        ({"images": ["a.png"]}, InvalidInput, "images: expected a mapping by image id"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    given: dict[str, Any], error: type[Exception], match: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.html"
    file.write_text("old")
    with pytest.raises(error, match=match):
        sat.report(sat.build(*toy(6)), out=file, **given)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_several_classes_are_not_mixed_in_silence(tmp_path: Path) -> None:
    table = sat.build(*toy(6), labels={f"image_{i:02d}": i % 2 for i in range(6)})
    with pytest.raises(InvalidInput, match="class"):
        sat.report(table, out=tmp_path / "a.html")
    sat.report(table, classes="pool", out=tmp_path / "a.html", n_resamples=200)
    assert "classes='pool'" in Read((tmp_path / "a.html").read_text(encoding="utf-8")).text


def test_a_table_of_photos_without_segments_is_refused(tmp_path: Path) -> None:
    maps, segments = toy(2)
    none = sat.SegmentationMap((), np.zeros((0, 20, 16), bool))
    table = sat.build({"sharp": maps["sharp"]}, dict.fromkeys(segments, none))
    with pytest.raises(InvalidInput, match="segment"):
        sat.report(table, out=tmp_path / "a.html")
