"""The explorer without a browser: errors, notes, drilling down, debouncing, names, and files."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb import ExplorerState
from sat_nb.widgets import explorer as module
from sat_nb.widgets.explorer import Explorer
from sat_nb.widgets.views import VIEWS
from tests.entries import OF_ANY_TABLE
from tests.widgets.conftest import (
    HOSTILE,
    LONG,
    MATH,
    click,
    shown_html,
    toy_data,
    use,
    walk,
    with_class,
)

# Errors and notes.


def test_errors_of_the_public_functions_are_text_in_the_explorer(explorer: Explorer) -> None:
    use(explorer, "min_images", 10_000)
    assert "no segment is left" in explorer._message.value
    assert 'role="alert"' in explorer._message.value
    use(explorer, "min_images", 1)
    assert explorer._message.value == ""


def test_warnings_are_notes_each_time(explorer: Explorer) -> None:
    for _ in range(2):
        explorer.state = ExplorerState(view="diagram", methods=("noisy",))
        assert "rest on presence" in explorer._notes.value
        explorer.state = ExplorerState(view="bars")
        assert "rest on presence" not in explorer._notes.value


def test_views_say_what_to_pass(data: dict[str, Any]) -> None:
    alone = sat.explore(data["table"])
    for view in ("images", "image"):
        alone.state = ExplorerState(view=view)
        assert "sat.explore(table, images=..., maps=..., segments=...)" in alone._notes.value
        assert alone._message.value == ""
        assert len(alone.table())
    exec(alone.code(), {"table": data["table"]})


def test_maps_of_another_model_are_not_shown_for_this_one(data: dict[str, Any]) -> None:
    maps = sat.maps_from_arrays(
        data["maps"]["one"]["sharp"], method="sharp", layout="HWC", sign="signed", model="one"
    )
    explorer = sat.explore(data["table"], images=data["images"], maps=maps)
    explorer.state = ExplorerState(view="images")
    assert explorer._message.value == ""
    use(explorer, "model", "two")
    assert "are of model &#x27;one&#x27;, not of &#x27;two&#x27;" in explorer._message.value


@pytest.mark.parametrize("argument", ["images", "maps", "segments"])
def test_what_one_image_lacks_is_said_in_the_explorer(data: dict[str, Any], argument: str) -> None:
    fewer: Any = {k: v for k, v in data[argument].items() if k != "image_00"}
    if argument == "maps":
        fewer = {"one": {"sharp": {}, "noisy": {}}, "two": data["maps"]["two"]}
    explorer = sat.explore(**{**data, argument: fewer})
    for view in ("images", "image"):
        explorer.state = ExplorerState(view=view, outlines="all", image_id="image_00")
        assert "none of image &#x27;image_00&#x27;" in shown_html(explorer)
        assert bool(explorer._message.value) == (view == "image")


def test_a_fault_is_seen_in_the_explorer_and_in_the_log(
    data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = sat.explore(data["table"])

    def broken(*arguments: Any) -> None:
        raise ZeroDivisionError("<b>")

    monkeypatch.setitem(VIEWS, "diagram", replace(VIEWS["diagram"], result=broken))
    with pytest.raises(ZeroDivisionError):
        explorer.state = ExplorerState(view="diagram")
    assert "ZeroDivisionError: &lt;b&gt;" in explorer._message.value
    assert explorer._message in explorer._main.children


def test_what_is_no_mapping_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(sat.InvalidInput, match="images: expected a mapping.*got str"):
        sat.explore(data["table"], images="photos/")
    with pytest.raises(sat.FileMissing, match="table: 'sat.parquet' does not exist"):
        sat.explore("sat.parquet")


# From a segment to its photos to one photo's table.


def test_from_a_segment_to_its_photos_to_one_photo_in_a_click_each(explorer: Explorer) -> None:
    chip = next(b for b in with_class(explorer, "sat-drill-segment") if b.description == "ears")
    chip.click()
    assert (explorer.state.view, explorer.state.segment) == ("images", "ears")
    cards = [c for c in with_class(explorer, "sat-card") if c.layout.display != "none"]
    assert len(cards) == 5  # ten images are of class 0, and every second of them lacks ears
    click(explorer, "sat-drill-image", 1)
    assert explorer.state.view == "image"
    assert explorer.state.image_id == "image_06"  # all are third in rank: by name
    click(explorer, "sat-drill-segment")
    assert explorer.state.view == "images"


def test_one_photo_and_one_segment_are_singular(data: dict[str, Any]) -> None:
    table = data["table"].query(
        "image_id == 'image_01' and method == 'sharp' and model == 'one' and segment == 'eyes'"
    )
    explorer = sat.explore(table)
    assert repr(explorer) == "Explorer(1 image, 1 method, 1 segment: bars)"
    explorer.state = ExplorerState(view="images", segment="eyes")
    assert "<strong>1 photo with <bdi>eyes</bdi></strong>" in shown_html(explorer)


def test_photos_come_in_the_order_asked_for(explorer: Explorer) -> None:
    table = explorer.data.table.query("method == 'sharp' and model == 'one' and label == 0")
    ears = table[table["segment"] == "ears"]
    for order, column, ascending in (
        ("rank", "rank", True),
        ("attribution", "mean_attribution", False),
        ("against", "mean_attribution", True),
        ("size", "mask_fraction", False),
    ):
        explorer.state = ExplorerState(view="images", segment="ears", order=order)
        expected = ears.sort_values([column, "image_id"], ascending=[ascending, True])
        assert list(explorer.table()["image_id"]) == list(expected["image_id"])


def test_pages_of_photos(data: dict[str, Any]) -> None:
    table = data["table"].assign(label=pd.array([None] * len(data["table"]), dtype="Int64"))
    explorer = sat.explore(**{**data, "table": table})
    explorer.state = ExplorerState(view="images")
    back, on = with_class(explorer, "sat-previous")[0], with_class(explorer, "sat-next")[0]
    assert back.disabled
    first = [b.description for b in with_class(explorer, "sat-drill-image")]
    on.click()
    assert explorer.state.page == 1
    assert on.disabled
    assert first != [b.description for b in with_class(explorer, "sat-drill-image")]
    explorer.state = replace(explorer.state, page=99)  # past the end: the last page
    assert "of 20 photos" in shown_html(explorer)


def test_table_sorts_by_its_heads_and_searches(explorer: Explorer) -> None:
    explorer.state = ExplorerState(view="table", methods=("noisy",))
    head = next(b for b in with_class(explorer, "sat-sort") if b.description == "segment")
    for sort, down in (("segment", False), ("segment", True), ("", False)):
        head.click()
        assert (explorer.state.sort, explorer.state.descending) == (sort, down)
        names = list(explorer.table()["segment"])
        expected = sorted(names, reverse=down) if sort else names
        assert names == expected
    use(explorer, "search", "OS")
    assert list(explorer.table()["segment"]) == ["nose"]


def test_the_unusual_leads_there(explorer: Explorer) -> None:
    explorer.state = ExplorerState(view="unusual", methods=("sharp", "noisy"))
    first = explorer.table().iloc[0]
    assert first["unusual"] == "image"
    click(explorer, "sat-drill-image")
    assert (explorer.state.view, explorer.state.image_id) == ("image", first["name"])
    explorer.state = ExplorerState(view="unusual", methods=("sharp", "noisy"))
    click(explorer, "sat-drill-segment")
    assert explorer.state.view == "images"


# Quick and late.


def test_what_is_typed_in_quick_succession_is_drawn_once(data: dict[str, Any]) -> None:
    async def typing() -> tuple[int, Explorer]:
        explorer = sat.explore(**data)
        shown = 0
        show = explorer._show

        def counted() -> None:
            nonlocal shown
            shown += 1
            show()

        explorer._show = counted  # type: ignore[method-assign]
        for value in (0.1, 0.2, 0.3, 0.4):
            use(explorer, "alpha", value)
        assert explorer.state.alpha == 0.4  # the state follows at once, the picture waits
        assert shown == 0
        await asyncio.sleep(0.2)
        return shown, explorer

    shown, explorer = asyncio.run(typing())
    assert shown == 1
    assert explorer.state.alpha == 0.4


def test_a_program_that_sets_a_state_waits_for_nothing_and_stale_work_is_dropped(
    data: dict[str, Any],
) -> None:
    async def setting() -> Explorer:
        explorer = sat.explore(**data)
        explorer.fields["view"].buttons["diagram"].click()  # waits
        explorer.state = ExplorerState(view="table")
        assert "sat-view-table" in explorer._main._dom_classes
        await asyncio.sleep(0.1)
        return explorer

    explorer = asyncio.run(setting())
    assert explorer.state.view == "table"
    assert "sat-view-table" in explorer._main._dom_classes


def test_slow_results_of_many_rows_wait_for_a_click(
    data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY_ROWS", 50)
    explorer = sat.explore(**data)
    assert not explorer.state.intervals
    assert "<svg" in shown_html(explorer)
    explorer.fields["view"].buttons["diagram"].click()
    assert "<svg" not in shown_html(explorer)
    click(explorer, "sat-compute")
    assert "<svg" in shown_html(explorer)
    use(explorer, "alpha", 0.01)
    assert with_class(explorer, "sat-compute")


# Names are text.


class Tags(HTMLParser):
    """Tags and attributes that the explorer itself never writes."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        data = (given.get("src") or "").startswith("data:image/")
        acts = any(name.startswith("on") for name in given)
        if tag == "script" or acts or (tag == "img" and not data):
            self.strange.append((tag, attrs))


@pytest.fixture(scope="module")
def hostile() -> Explorer:
    """An explorer whose names are written to do harm."""
    data = toy_data({"eyes": HOSTILE, "nose": LONG, "mouth": MATH}, method=HOSTILE)
    return sat.explore(**data)


@pytest.mark.parametrize("view", OF_ANY_TABLE)
def test_hostile_names_are_text_in_every_view(hostile: Explorer, view: str) -> None:
    explorer = hostile
    explorer.state = ExplorerState(view=view, methods=(HOSTILE, "noisy"), segment=HOSTILE)
    everything = shown_html(explorer) + explorer._repr_mimebundle_()["text/html"]
    explorer._export._show.value = True
    everything += shown_html(explorer)
    explorer._export._show.value = False
    tags = Tags()
    tags.feed(everything)
    assert not tags.strange
    assert HOSTILE not in everything
    if view != "images":
        assert "&lt;img src=x onerror=alert(1)&gt;" in everything
    for widget in walk(explorer.widget):
        assert not getattr(widget, "description_allow_html", False)
        assert not isinstance(widget, ipywidgets.HTMLMath | ipywidgets.Checkbox | ipywidgets.Label)
    options = explorer.fields["segment"].widget.children[0]._options_labels
    assert HOSTILE in options
    assert any(len(label) == 80 and label.endswith("…") for label in options)


# Without a kernel, and in files.


@pytest.mark.parametrize("view", OF_ANY_TABLE)
def test_without_a_kernel_there_is_a_picture_and_a_table(explorer: Explorer, view: str) -> None:
    explorer.state = ExplorerState(view=view)
    bundle = explorer._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert bundle["text/plain"] == f"Explorer(20 images, 2 methods, 5 segments: {view})"
    static = bundle["text/html"]
    assert "<table" in static
    assert ('src="data:image/png;base64,' in static) == (VIEWS[view].draw is not None)
    assert ("image/png" in bundle) == (VIEWS[view].draw is not None)
    assert "<script" not in static


def test_save_buttons_write_files_and_say_where(
    explorer: Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("svg", "png", "csv", "csv"):
        click(explorer, f"sat-save-{kind}")
    files = sorted(p.name for p in (tmp_path / "explorer").iterdir())
    assert files == ["bars-2.csv", "bars.csv", "bars.png", "bars.svg"]
    said = with_class(explorer, "sat-saved")[0].value
    assert "bars-2.csv" in said
    assert 'download="bars-2.csv" href="data:text/csv;base64,' in said
    again = pd.read_csv(tmp_path / "explorer" / "bars.csv")
    np.testing.assert_allclose(again["rank"], explorer.table()["rank"])


def test_a_folder_that_cannot_be_written_is_said(explorer: Explorer, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    explorer.folder = str(tmp_path / "taken")
    click(explorer, "sat-save-csv")
    assert "folder: cannot write" in with_class(explorer, "sat-saved")[0].value


def test_pictures_follow_the_theme(explorer: Explorer) -> None:
    svg = re.search(r"<svg.*</svg>", shown_html(explorer), re.DOTALL)
    assert svg is not None
    assert "var(--sat-ink, #222222)" in svg[0]
    assert "<style" not in svg[0]  # nothing that would leak into the page
    assert 'role="img" aria-label="Bars, sharp' in svg[0]


@pytest.mark.parametrize("view", ["bars", "distribution", "diagram", "difference"])
def test_pictures_have_room_for_all_their_text(explorer: Explorer, view: str) -> None:
    explorer.state = ExplorerState(view=view, methods=("noisy",), segment="ears")
    svg = re.findall(r"<svg role.*?</svg>", shown_html(explorer), re.DOTALL)[0]
    left, top, width, height = map(float, re.findall(r'viewBox="(.*?)"', svg)[0].split())
    places = re.findall(r'<text[^>]* x="([-\d.]+)" y="([-\d.]+)"', svg)
    places += re.findall(r"<text[^>]*translate\(([-\d.]+) ([-\d.]+)\)", svg)
    assert len(places) == svg.count("<text") > 10
    for x, y in ((float(x), float(y)) for x, y in places):
        assert left < x < left + width
        assert top + 4 < y < top + height - 1


def test_a_legend_keeps_its_markers(explorer: Explorer) -> None:
    explorer.state = ExplorerState(methods=("sharp", "noisy"))
    svg = re.findall(r"<svg role.*?</svg>", shown_html(explorer), re.DOTALL)[0]
    legend = svg[svg.index('id="legend_1"') :]
    assert legend.count("<use ") == 2


def test_nothing_explains_anything(explorer: Explorer) -> None:
    import sys

    explorer.state = ExplorerState(view="images")
    assert "sat_nb.saliency.engines.keras.commands" not in sys.modules


@pytest.mark.parametrize("column", ["method", "model", "segment"])
def test_names_that_are_no_texts_are_refused_with_the_way_out(
    table: pd.DataFrame, column: str
) -> None:
    numbered = table.assign(**{column: 1})
    with pytest.raises(sat.InvalidInput, match=f"table: the column '{column}' holds .*1.*texts"):
        sat.explore(numbered)
    explorer = sat.explore(numbered.assign(**{column: numbered[column].astype(str)}))
    assert explorer.state.view == "bars"
