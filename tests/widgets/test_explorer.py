"""The explorer without a browser: controls, views, code, errors, drilling down, saving."""

from __future__ import annotations

import asyncio
import itertools
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
from sat_nb.widgets.controls import CONTROLS
from sat_nb.widgets.explorer import Explorer
from sat_nb.widgets.views import VIEWS
from tests.widgets.conftest import (
    HOSTILE,
    LONG,
    MATH,
    shown_html,
    toy_data,
    walk,
    with_class,
)

CHANGES: dict[str, Any] = {
    "methods": ("sharp", "noisy"),
    "model": "two",
    "versus": "two",
    "label": 1,
    "predicted": 0,
    "correct": False,
    "how": "absolute",
    "value": "mean_attribution",
    "intervals": False,
    "test": "nemenyi",
    "alpha": 0.01,
    "missing": "complete",
    "hidden": ("eyes",),
    "positions": ("top-centre", "centre-centre"),
    "min_fraction": 0.1,
    "max_fraction": 0.35,
    "min_score": 0.5,
    "min_images": 10,
    "segment": "ears",
    "image_id": "image_02",
    "order": "against",
    "opacity": 0.4,
    "outlines": "all",
    "rows": "images",
    "search": "ey",
}


def widget_of(explorer: Explorer, name: str) -> Any:
    """The ipywidget of a control that takes a value."""
    return next(w for w in walk(explorer.fields[name].widget) if hasattr(w, "value"))


def use(explorer: Explorer, name: str, value: Any) -> None:
    """What a click or typing does: sets the traits of the control's widgets."""
    field = explorer.fields[name]
    if name in ("methods", "hidden", "positions"):
        for choice, chip in field._chips.items():
            chip.value = (choice in value) != (name == "hidden")
    elif hasattr(field, "_choices"):
        widget = next(w for w in walk(field.widget) if isinstance(w, ipywidgets.Dropdown))
        widget.value = field._choices.index(value)
    else:
        widget_of(explorer, name).value = round(100 * value) if name == "opacity" else value


def click(explorer: Explorer, css: str, i: int = 0) -> None:
    with_class(explorer, css)[i].click()


# --- controls -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in CONTROLS if n != "view"])
def test_each_control_sets_its_field_and_follows_the_state(explorer: Explorer, name: str) -> None:
    views = [v for v, view in VIEWS.items() if name in (*view.uses, *view.marks)] or ["bars"]
    explorer.state = ExplorerState(view=views[0], segment="eyes" if name == "order" else None)
    use(explorer, name, CHANGES[name])
    assert getattr(explorer.state, name) == CHANGES[name]
    explorer.state = ExplorerState(view="bars")
    assert getattr(explorer.state, name) != CHANGES[name]
    explorer.state = replace(explorer.state, view=views[0], **{name: CHANGES[name]})
    assert getattr(explorer.state, name) == CHANGES[name]
    before = explorer.state
    use(explorer, name, CHANGES[name])  # where it stands already: nothing changes
    assert explorer.state == before


def test_every_control_has_a_class_a_label_and_a_tooltip(explorer: Explorer) -> None:
    for name, field in explorer.fields.items():
        assert f"sat-control-{name}" in field.widget._dom_classes
        for w in walk(field.widget):
            if isinstance(w, ipywidgets.Button | ipywidgets.ToggleButton | ipywidgets.Dropdown):
                assert w.tooltip, name
                assert w.description.strip(), name
        if any(isinstance(w, ipywidgets.Dropdown | ipywidgets.Text) for w in walk(field.widget)):
            assert field.widget.tooltip, "lists and texts show none of their own"


def test_the_photo_that_nobody_chose_passes_the_filters(explorer: Explorer) -> None:
    without_ears = explorer.data.table.query("segment != 'ears'")["image_id"].iloc[0]
    everything = set(explorer.data.facts.segments)
    explorer.state = ExplorerState(view="image")
    assert explorer.state.image_id == without_ears
    explorer.state = ExplorerState(view="image", hidden=tuple(everything - {"ears"}))
    assert explorer.state.image_id != without_ears
    assert explorer.table()["segment"].tolist() == ["ears"]


def test_controls_that_do_not_matter_are_not_there(explorer: Explorer) -> None:
    def there(name: str) -> bool:
        return explorer.fields[name].widget.layout.display != "none"

    assert there("how")
    assert not there("test")
    explorer.state = ExplorerState(view="diagram")
    assert there("test")
    assert not there("how")
    explorer.state = ExplorerState(view="images")
    assert there("opacity")
    assert there("outlines")


def test_a_view_that_takes_two_gives_back_the_one(explorer: Explorer) -> None:
    explorer.fields["view"].buttons["agreement"].click()
    assert explorer.state.methods == ("sharp", "noisy")
    explorer.fields["view"].buttons["bars"].click()
    assert explorer.state.methods == ("sharp",)


def test_the_last_method_stays(explorer: Explorer) -> None:
    use(explorer, "methods", ())
    assert explorer.state.methods == ("sharp",)
    assert explorer.fields["methods"]._chips["sharp"].value


def test_filters_fold_and_are_taken_off(explorer: Explorer) -> None:
    fold, clear = with_class(explorer, "sat-filters")[0], with_class(explorer, "sat-clear")[0]
    assert fold.description == "Filters ▸"
    fold.value = True
    use(explorer, "min_score", 0.5)
    use(explorer, "hidden", ("eyes",))
    assert fold.description == "Filters (2) ▾"
    clear.click()
    assert (explorer.state.min_score, explorer.state.hidden) == (0.0, ())
    assert fold.description == "Filters ▾"


# --- views --------------------------------------------------------------------------------------

STATES = {
    "bars": ExplorerState(),
    "bars of two methods and models": ExplorerState(
        methods=("sharp", "noisy"), versus="two", segment="ears", how="absolute"
    ),
    "bars filtered": ExplorerState(
        methods=("noisy",),
        hidden=("eyes",),
        min_score=0.5,
        correct=True,
        label=1,
        value="mean_attribution",
    ),
    "bars of medians": ExplorerState(how="median", intervals=False, positions=("top-centre",)),
    "share among the first": ExplorerState(how="top_k", intervals=False),
    "diagram": ExplorerState(view="diagram", alpha=0.1),
    "diagrams complete": ExplorerState(
        view="diagram", methods=("sharp", "noisy"), missing="complete", segment="ears"
    ),
    "diagram of aeon": ExplorerState(view="diagram", methods=("noisy",), test="aeon"),
    "table": ExplorerState(view="table", search="E", sort="rank", descending=True),
    "table of rows": ExplorerState(
        view="table",
        rows="images",
        search="ear",
        sort="mean_attribution",
        versus="two",
        min_images=3,
    ),
    "distribution": ExplorerState(view="distribution", methods=("noisy",), segment="nose"),
    "agreement": ExplorerState(view="agreement", model="two"),
    "difference": ExplorerState(view="difference", methods=("noisy",), hidden=("rest",)),
    "photos": ExplorerState(view="images", segment="ears", order="attribution", page=0),
    "photos of two models": ExplorerState(
        view="images", segment="nose", order="size", versus="two", methods=("sharp", "noisy")
    ),
    "all photos": ExplorerState(view="images"),
    "one photo": ExplorerState(view="image", image_id="image_02", segment="eyes"),
    "unusual": ExplorerState(view="unusual", methods=("sharp", "noisy"), max_fraction=0.9),
}


def rerun(explorer: Explorer, data: dict[str, Any]) -> dict[str, Any]:
    names: dict[str, Any] = dict(data)
    exec(explorer.code(), names)
    return names


NUMBERS = {
    "bars": lambda names: names["summary"],
    "table": lambda names: names["shown"].reset_index(drop=True),
    "distribution": lambda names: _shares(names["chosen"]),
    "agreement": lambda names: names["agreed"].tau.reset_index(),
}


def _shares(chosen: pd.DataFrame) -> pd.DataFrame:
    from sat_nb.plots.rank_distribution import rank_shares

    return rank_shares(chosen)


@pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")
@pytest.mark.parametrize("name", STATES)
def test_code_gives_the_same_numbers(
    explorer: Explorer, data: dict[str, Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    explorer.state = STATES[name]
    assert shown_html(explorer).count('role="alert"') == 0
    view, table = explorer.state.view, explorer.table()
    names = rerun(explorer, data)
    if view == "diagram":
        result = explorer._results()[-1]
        pd.testing.assert_frame_equal(names["result"].pairs(), result.pairs())
        assert names["result"].groups == result.groups
    elif view == "difference":
        again = names["result"].table.reset_index()
        pd.testing.assert_frame_equal(again, table)
    elif view == "images":
        assert names["ids"] == list(table["image_id"])[: len(names["ids"])]
    elif view == "image":
        ranked = names["rows"].sort_values("rank")
        assert list(ranked["segment"]) == list(table["segment"])
        assert list(ranked["rank"]) == list(table["rank"])
    elif view == "unusual":
        printed = capsys.readouterr().out
        assert all(name in printed for name in table.query("unusual == 'image'")["name"])
    else:
        again = NUMBERS[view](names)
        pd.testing.assert_frame_equal(again, table[again.columns], check_dtype=False)


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_shows_itself_and_nothing_else_is_computed(
    data: dict[str, Any], view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name, entry in VIEWS.items():
        counted = _counting(entry.result, name, asked)
        monkeypatch.setitem(VIEWS, name, replace(entry, result=counted))
    explorer = sat.explore(**data)
    asked.clear()
    explorer.fields["view"].buttons[view].click()
    assert set(asked) <= {view}
    assert f"sat-view-{view}" in explorer._main._dom_classes
    assert sum(c.startswith("sat-view-") for c in explorer._main._dom_classes) == 1
    n = len(asked)
    explorer.fields["view"].buttons["bars"].click()
    explorer.fields["view"].buttons[view].click()
    assert asked.count(view) == n  # kept


def _counting(function: Any, name: str, asked: list[str]) -> Any:
    def counted(*arguments: Any, **options: Any) -> Any:
        asked.append(name)
        return function(*arguments, **options)

    return counted


def test_another_method_computes_itself_alone(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sat_nb.widgets.views import bars

    computed: list[Any] = []
    monkeypatch.setattr(bars, "_summary", _counting(bars._summary, "summary", computed))
    use(explorer, "methods", ("sharp", "noisy"))
    assert len(computed) == 1
    assert set(explorer.table()["method"]) == {"sharp", "noisy"}


def test_pictures_are_drawn_once(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    from sat_nb.widgets.screens import pictures

    drawn: list[Any] = []
    monkeypatch.setattr(pictures, "svg_of", _counting(pictures.svg_of, "svg", drawn))
    for view in ("diagram", "bars", "diagram"):
        explorer.fields["view"].buttons[view].click()
    assert len(drawn) == 1  # bars were drawn before


def test_figures_are_not_left_open(explorer: Explorer) -> None:
    from matplotlib import pyplot

    explorer.state = ExplorerState(view="difference", methods=("sharp", "noisy"))
    figure = explorer.figure()
    assert not pyplot.get_fignums()
    assert len(figure.axes) == 2


def test_views_without_a_picture_say_which_have_one(explorer: Explorer) -> None:
    explorer.state = ExplorerState(view="table")
    with pytest.raises(sat.InvalidInput, match="'table' has no picture.*'bars', 'diagram'"):
        explorer.figure()
    assert with_class(explorer, "sat-save-svg")[0].disabled
    assert not with_class(explorer, "sat-save-csv")[0].disabled


# --- errors and notes ---------------------------------------------------------------------------


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
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    with pytest.raises(sat.InvalidInput, match="table: expected a DataFrame in memory"):
        sat.explore("sat.parquet")


# --- from a segment to its photos to one photo's table --------------------------------------------


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


# --- quick and late -----------------------------------------------------------------------------


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
    monkeypatch.setattr(module, "MANY", 50)
    explorer = sat.explore(**data)
    assert not explorer.state.intervals
    assert "<svg" in shown_html(explorer)
    explorer.fields["view"].buttons["diagram"].click()
    assert "<svg" not in shown_html(explorer)
    click(explorer, "sat-compute")
    assert "<svg" in shown_html(explorer)
    use(explorer, "alpha", 0.01)
    assert with_class(explorer, "sat-compute")


# --- names are text -----------------------------------------------------------------------------


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


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_names_are_text_in_every_view(view: str) -> None:
    data = toy_data({"eyes": HOSTILE, "nose": LONG, "mouth": MATH}, method=HOSTILE)
    explorer = sat.explore(**data)
    explorer.state = ExplorerState(view=view, methods=(HOSTILE, "noisy"), segment=HOSTILE)
    everything = shown_html(explorer) + explorer._repr_mimebundle_()["text/html"]
    explorer._foot._code.value = True
    everything += shown_html(explorer)
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


# --- without a kernel, and in files -------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
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
    assert "cannot be written" in with_class(explorer, "sat-saved")[0].value


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


def test_several_pictures_are_one_figure(explorer: Explorer) -> None:
    heights = []
    for methods in itertools.accumulate([("sharp",), ("noisy",)]):
        explorer.state = ExplorerState(view="diagram", methods=methods)
        heights.append(explorer.figure().get_figheight())
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.3)


def test_nothing_explains_anything(explorer: Explorer) -> None:
    import sys

    explorer.state = ExplorerState(view="images")
    assert "sat_nb.saliency.engines.keras.commands" not in sys.modules
