"""The parts of the site's build that are the project's own, each on a small example."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import sat_nb as sat

pytest.importorskip("myst_nb", reason="the site is built with the extra 'docs'")

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS / "_ext"))
import folders  # noqa: E402
import gallery  # noqa: E402
import links  # noqa: E402
import names  # noqa: E402
import reference  # noqa: E402


def test_every_public_name_has_a_place_in_the_reference() -> None:
    listed = [name for subject in reference.subjects() for name in subject.names]
    assert sorted(listed) == sorted(sat.__all__)
    pages = reference.pages()
    for subject in reference.subjects():
        for name in subject.names:
            assert re.search(rf"^\.\. \S+:: sat_nb\.{name}$", pages[subject.page], re.MULTILINE)


def test_pages_of_the_reference_have_different_names_on_every_disk() -> None:
    lowered = [page.lower() for page in reference.pages()]
    assert len(set(lowered)) == len(lowered)


def test_a_registry_is_shown_with_all_its_entries() -> None:
    page = reference.pages()["table/aggregations"]
    for name, entry in sat.AGGREGATIONS.items():
        assert f"``{name}``" in page
        assert reference.without_substitutions(entry.about) in page


def test_bars_of_absolute_values_are_kept_and_those_in_code_left() -> None:
    assert reference.without_substitutions("|A| and ``|B|``") == r"\|A\| and ``|B|``"


def test_pages_that_are_no_longer_there_are_removed(tmp_path: Path) -> None:
    old = tmp_path / "stats" / "of_long_ago.rst"
    old.parent.mkdir()
    old.write_text("Old\n===\n")
    reference.write(tmp_path)
    assert not old.exists()
    assert (tmp_path / "stats" / "compare.rst").is_file()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("sat.build", "sat_nb.build"),
        ("sat.build(maps, segments)", "sat_nb.build"),
        ("read_images", "sat_nb.read_images"),
        ("SegmentationMap.pad", "sat_nb.SegmentationMap.pad"),
        ("sat.intervals", "sat_nb.intervals"),
        ("progress", None),
        ("sat-nb build", None),
        ("buildings", None),
    ],
)
def test_code_font_means_a_public_name(text: str, meant: str | None) -> None:
    assert names.meant(text) == meant


def test_the_name_of_an_argument_means_a_function_only_with_the_package() -> None:
    shared = names.arguments() & set(sat.__all__)
    assert shared
    for name in shared:
        assert names.meant(name) is None
        assert names.meant(f"sat.{name}") == f"sat_nb.{name}"


def site_of(tmp_path: Path, **pages: str) -> Path:
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text)
    return tmp_path


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    one = '<a href="two.html#here">x</a><a href="two.html#gone">x</a><img src="no.png">'
    site = site_of(tmp_path, one=one, two='<p id="here"><a href="#here">x</a><a href="..">x</a>')
    assert links.dead_links(site) == [
        "one.html: two.html#gone",
        "one.html: no.png",
        "two.html: ..",
    ]


def test_the_list_of_links_must_be_complete_and_hold_no_more(tmp_path: Path) -> None:
    text = '<a href="https://a.example/">x</a><script src="//cdn.example/x.js"></script>'
    site = site_of(tmp_path, one=text + '<img src="data:image/png;base64,AAAA">')
    listed = tmp_path / "links.txt"
    listed.write_text("# a comment\nhttps://a.example/\nhttps://old.example/\n")
    assert list(links.problems(site, listed)) == [
        "not in links.txt: //cdn.example/x.js",
        "in links.txt, but on no page: https://old.example/",
    ]


def test_folders_that_are_linked_have_a_page(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a.csv").write_text("")
    (tmp_path / "README.md").write_text("[all](figures/), [one](figures/a.csv), [web](https://x/)")
    folders.write(tmp_path)
    page = (tmp_path / "docs" / "files" / "figures.md").read_text()
    assert "[a.csv](../../figures/a.csv)" in page
    assert folders.linked_folders(tmp_path, [tmp_path / "README.md"]) == {"figures"}


@pytest.fixture(scope="module")
def scripts() -> dict[str, gallery.Script]:
    return {script.file.stem: script for script in gallery.scripts(DOCS / "gallery")}


def test_every_plot_is_in_the_gallery(scripts: dict[str, gallery.Script]) -> None:
    shown = {name for script in scripts.values() for name in script.uses}
    assert {name for name in sat.__all__ if name.startswith("plot_")} <= shown


def test_every_script_stands_on_the_page_of_the_gallery_once(
    scripts: dict[str, gallery.Script],
) -> None:
    text = (DOCS / "gallery" / "index.md").read_text()
    cards = re.findall(r"^```\{gallery\}\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    assert sorted(" ".join(cards).split()) == sorted(scripts)


def test_scripts_are_short_and_say_what_they_answer(scripts: dict[str, gallery.Script]) -> None:
    for name, script in scripts.items():
        lines = script.file.read_text().splitlines()[script.first - 1 :]
        assert script.title, name
        assert script.text, name
        assert len(lines) <= 25, name


def test_a_script_that_fails_or_draws_nothing_stops_the_build(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.py"
    nothing.write_text('"""Nothing."""\nx = 1\n')
    with pytest.raises(gallery.SphinxError, match="one open figure at its end, got 0"):
        gallery.draw([nothing], tmp_path)


def test_a_picture_is_drawn_by_its_script(tmp_path: Path) -> None:
    gallery.draw([DOCS / "gallery" / "prevalence.py"], tmp_path)
    assert (tmp_path / "prevalence.png").read_bytes().startswith(b"\x89PNG")
