"""Every view, those of the user's own too: shown everywhere, and the same by its code."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from dataclasses import fields, replace
from typing import Any

import pandas as pd
import pytest

import sat_nb as sat
from sat_nb import ExplorerState, View
from sat_nb.widgets import views
from sat_nb.widgets.choices import checked, choices_of
from sat_nb.widgets.data import Data
from sat_nb.widgets.explorer import Explorer
from sat_nb.widgets.panels import DIVISIONS
from sat_nb.widgets.screens import SCREENS
from sat_nb.widgets.snapshot import Snapshot
from sat_nb.widgets.state import PANEL_FIELDS, ROW_FILTERS
from sat_nb.widgets.views import VIEWS
from tests.entries import OF_ANY_TABLE
from tests.widgets.conftest import shown_html
from tests.widgets.same_result import assert_code_makes_the_same, run

GIVEN = ("images", "maps", "segments")
COMBINATIONS = [given for n in range(len(GIVEN) + 1) for given in itertools.combinations(GIVEN, n)]

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
    "bars of all classes": ExplorerState(label="all", unit="patient"),
    "bars of each class": ExplorerState(label="all", classes="label", versus="two"),
    "diagram": ExplorerState(view="diagram", alpha=0.1),
    "diagram of patients": ExplorerState(view="diagram", label="all", unit="patient"),
    "diagrams complete": ExplorerState(
        view="diagram", methods=("sharp", "noisy"), missing="complete", segment="ears"
    ),
    "diagram of aeon": ExplorerState(view="diagram", methods=("noisy",), test="aeon"),
    "table": ExplorerState(view="table", search="E", sort="rank", descending=True),
    "table sorted by a column that it lacks": ExplorerState(
        view="table", value="mean_attribution", sort="rank"
    ),
    "table of right and wrong": ExplorerState(view="table", label="all", classes="correct"),
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
    "agreement over all classes": ExplorerState(view="agreement", label="all"),
    "difference": ExplorerState(view="difference", methods=("noisy",), hidden=("rest",)),
    "difference of patients": ExplorerState(view="difference", label="all", unit="patient"),
    "size": ExplorerState(view="size", methods=("noisy",), segment="eyes"),
    "size over all classes": ExplorerState(view="size", label="all", versus="two"),
    "one method against another": ExplorerState(view="effects", segment="ears"),
    "effects over all classes": ExplorerState(view="effects", label="all", unit="patient"),
    "photos": ExplorerState(view="images", segment="ears", order="attribution", page=0),
    "photos of two models": ExplorerState(
        view="images", segment="nose", order="size", versus="two", methods=("sharp", "noisy")
    ),
    "all photos": ExplorerState(view="images"),
    "one photo": ExplorerState(view="image", image_id="image_02", segment="eyes"),
    "unusual among all classes": ExplorerState(view="unusual", label="all"),
    "unusual": ExplorerState(view="unusual", methods=("sharp", "noisy"), max_fraction=0.9),
}

pytestmark = pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")


def snapshot_of(data: Data, state: ExplorerState) -> Snapshot:
    return Snapshot(data, checked(state, data.offer))


# The code makes the same.


@pytest.mark.parametrize("name", STATES)
def test_code_makes_the_same(toy_results: Data, name: str) -> None:
    snapshot = snapshot_of(toy_results, STATES[name])
    made = assert_code_makes_the_same(snapshot)
    view, table = snapshot.state.view, snapshot.table()
    if view == "diagram":
        result = snapshot.results()[-1]
        pd.testing.assert_frame_equal(made.variables["result"].pairs(), result.pairs())
        assert made.variables["result"].groups == result.groups
    elif view == "images":
        ids = made.variables["ids"]
        assert ids == list(table["image_id"])[: len(ids)]
    elif view == "image":
        ranked = made.variables["rows"].sort_values("rank")
        assert list(ranked["segment"]) == list(table["segment"])
        assert list(ranked["rank"]) == list(table["rank"])
    elif view == "unusual":
        printed = "".join(map(str, made.printed))
        assert all(name in printed for name in table.query("unusual == 'image'")["name"])
    elif view in ("bars", "table"):
        again = made.variables["summary" if view == "bars" else "shown"].reset_index(drop=True)
        pd.testing.assert_frame_equal(again, table[again.columns], check_dtype=False)


@pytest.mark.parametrize("view", OF_ANY_TABLE)
def test_code_runs_whatever_is_given(data: dict[str, Any], view: str) -> None:
    check_whatever_is_given(data, view)


def check_whatever_is_given(data: dict[str, Any], view: str) -> None:
    """The code of a view runs with each combination of photos, maps and masks, and without."""
    codes = set()
    for given in COMBINATIONS:
        some = Data(data["table"], **{name: data[name] for name in given})
        for segment in (None, "ears") if len(given) in (0, len(GIVEN)) else (None,):
            state = ExplorerState(view=view, segment=segment, image_id="image_02")
            snapshot = snapshot_of(some, state)
            if snapshot.code() not in codes:
                codes.add(snapshot.code())
                assert_code_makes_the_same(snapshot)


def test_code_of_one_method_model_and_class(data: dict[str, Any]) -> None:
    table = data["table"].query("method == 'sharp' and model == 'one'")
    alone = Data(table.assign(label=pd.array([None] * len(table), dtype="Int64")))
    for view in choices_of(ExplorerState(), alone.offer)["view"]:
        assert_code_makes_the_same(snapshot_of(alone, ExplorerState(view=view)))


# Entries are complete.


class Recorder:
    """A state that remembers which of its fields were read."""

    def __init__(self, state: ExplorerState) -> None:
        self._state, self.read = state, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._state, name)


@pytest.mark.parametrize("view", OF_ANY_TABLE)
def test_results_depend_only_on_the_fields_that_the_view_names(
    toy_results: Data, view: str
) -> None:
    check_fields(toy_results, view)


def check_fields(data: Data, view: str) -> None:
    """A view reads no field of the state that it does not name."""
    entry = VIEWS[view]
    for rows in ("segments", "images"):
        state: Any = Recorder(checked(ExplorerState(view=view, rows=rows), data.offer))
        panels = entry.panels_of(state._state)
        results = [entry.result(data, state, panel) for panel in panels]
        assert state.read <= {*entry.uses, *ROW_FILTERS, *PANEL_FIELDS}
        if entry.draw is not None:
            entry.draw(results[0], state, None)
        entry.code(state, data.offer, panels[0])
        entry.table_of(results, state)
        assert state.read <= {*entry.uses, *entry.display, *ROW_FILTERS, *PANEL_FIELDS}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_complete(view: str) -> None:
    check_complete(view)


def check_complete(view: str) -> None:
    """An entry has what the explorer shows of it."""
    entry = VIEWS[view]
    assert entry.name == view
    assert entry.about[0].isupper() or not entry.about[0].isalpha()
    assert entry.about.endswith(".")
    assert entry.screen in SCREENS
    assert entry.draw is not None or "figures" not in entry.screen


def test_explore_lists_the_views() -> None:
    text = " ".join((sat.explore.__doc__ or "").split())
    for view in VIEWS.values():
        assert f'- "{view.name}": {view.about.removesuffix(".")}' in text


@pytest.mark.parametrize("name", DIVISIONS)
def test_every_division_into_panels_is_used_and_covers_everything(name: str) -> None:
    state = ExplorerState(methods=("a", "b"), model="one", versus="two")
    panels = DIVISIONS[name].function(state)
    pairs = [(m, model) for p in panels for m in p.methods for model in p.models]
    assert sorted(pairs) == [(m, model) for m in ("a", "b") for model in ("one", "two")]
    assert name in (view.panels for view in VIEWS.values())


# Views in the explorer.


@pytest.mark.parametrize("view", OF_ANY_TABLE)
def test_each_view_is_shown_and_nothing_else_is_computed(
    data: dict[str, Any], view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    for name, entry in VIEWS.items():
        counted = counting(entry.result, name, computed)
        monkeypatch.setitem(VIEWS, name, replace(entry, result=counted))
    explorer = sat.explore(data["table"])
    computed.clear()
    explorer.fields["view"].buttons[view].click()
    assert set(computed) <= {view}
    assert shown_html(explorer).count('role="alert"') == 0
    assert f"sat-view-{view}" in explorer._main._dom_classes
    assert sum(c.startswith("sat-view-") for c in explorer._main._dom_classes) == 1
    n = len(computed)
    explorer.fields["view"].buttons["bars"].click()
    explorer.fields["view"].buttons[view].click()
    assert computed.count(view) == n, "results are kept"


def counting(function: Any, name: str, calls: list[str]) -> Any:
    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        return function(*arguments, **options)

    return counted


def test_another_method_computes_itself_alone(
    data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sat_nb.widgets.views import bars

    explorer = sat.explore(data["table"])
    computed: list[str] = []
    monkeypatch.setattr(bars, "_summary", counting(bars._summary, "summary", computed))
    explorer.state = replace(explorer.state, methods=("sharp", "noisy"))
    assert len(computed) == 1
    assert set(explorer.table()["method"]) == {"sharp", "noisy"}


def test_figures_are_drawn_once(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    from sat_nb.widgets.screens import figures

    drawn: list[str] = []
    monkeypatch.setattr(figures, "svg_of", counting(figures.svg_of, "svg", drawn))
    for view in ("diagram", "bars", "diagram"):
        explorer.fields["view"].buttons[view].click()
    assert len(drawn) == 1, "the bars were drawn before"


def test_figures_are_not_left_open(toy_results: Data) -> None:
    from matplotlib import pyplot

    state = ExplorerState(view="difference", methods=("sharp", "noisy"))
    figure = snapshot_of(toy_results, state).figure()
    assert not pyplot.get_fignums()
    assert len(figure.axes) == 2


def test_several_panels_are_one_figure(toy_results: Data) -> None:
    heights = []
    for methods in (("sharp",), ("sharp", "noisy")):
        state = ExplorerState(view="diagram", methods=methods)
        heights.append(snapshot_of(toy_results, state).figure().get_figheight())
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.3)


# Views of the user's own.


def largest(name: str = "largest", **changes: Any) -> View:
    def result(data: Data, state: ExplorerState, panel: Any) -> pd.DataFrame:
        return data.rows(state, panel).nlargest(3, "mean_attribution")[
            ["image_id", "segment", "mean_attribution"]
        ]

    def code(state: ExplorerState, offer: Any, panel: Any) -> list[str]:
        return [
            "found = chosen.nlargest(3, 'mean_attribution')",
            "print(found[['image_id', 'segment', 'mean_attribution']])",
        ]

    entry = View(
        name=name,
        title="Largest",
        about="The largest mean attributions.",
        result=result,
        code=code,
        screen="table",
    )
    return replace(entry, **changes)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda view: monkeypatch.setitem(VIEWS, view.name, view)


def test_a_view_of_ones_own_is_shown_everywhere(data: dict[str, Any], register: Any) -> None:
    register(largest())
    check_complete("largest")
    check_fields(Data(**data), "largest")
    check_whatever_is_given(data, "largest")
    explorer = sat.explore(**data)
    tab = explorer.fields["view"].buttons["largest"]
    assert (tab.description, tab.tooltip) == ("Largest", "The largest mean attributions.")
    tab.click()
    assert "sat-view-largest" in explorer._main._dom_classes
    assert list(explorer.table().columns) == ["image_id", "segment", "mean_attribution"]
    assert "The largest mean attributions" in explorer._repr_mimebundle_()["text/html"]
    explorer.state = replace(explorer.state, methods=("sharp", "noisy"))
    assert len(explorer.table()) == 3
    with pytest.raises(sat.InvalidInput, match="'largest' has no figure; expected one of 'bars'"):
        explorer.figure()


def test_a_view_with_a_figure_of_its_own(data: dict[str, Any], register: Any) -> None:
    def draw(result: pd.DataFrame, state: ExplorerState, figure: Any) -> Any:
        return sat.plot_rank_distribution(result, ax=None if figure is None else figure.subplots())

    register(
        largest(
            "shares",
            result=lambda data, state, panel: data.rows(state, panel),
            code=lines("rows = chosen", "sat.plot_rank_distribution(rows)"),
            draw=draw,
            screen="figures",
            panels="by_model_and_method",
        )
    )
    check_complete("shares")
    check_whatever_is_given(data, "shares")
    explorer = sat.explore(**data)
    explorer.state = ExplorerState(view="shares", methods=("sharp", "noisy"))
    assert shown_html(explorer).count("<svg") == 2
    assert len(explorer.figure().axes) == 2


def lines(*code: str) -> Any:
    return lambda state, offer, panel: list(code)


BROKEN = {
    "calls a name that the facade lacks": (
        {"code": lines("found = sat.largest_rows(chosen)", "print(found)")},
        (AttributeError, "largest_rows"),
    ),
    "calls a module behind the facade": (
        {"code": lines("print(sat.stats.unusual.unusual_images(chosen))")},
        (AttributeError, "stats"),
    ),
    "imports something else": (
        {"code": lines("import sat_nb.stats.unusual", "print(chosen)")},
        (ImportError, "only sat_nb"),
    ),
    "uses what was not given": (
        {"code": lines("print(chosen.assign(image=images['image_00'].mean()))")},
        (NameError, "images"),
    ),
    "makes other numbers": (
        {"code": lines("print(chosen.nsmallest(3, 'mean_attribution')['mean_attribution'])")},
        (AssertionError, "other numbers"),
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_view_whose_code_is_wrong_fails(data: dict[str, Any], register: Any, fault: str) -> None:
    changes, (error, match) = BROKEN[fault]
    register(largest(**changes))
    with pytest.raises(error, match=match):
        check_whatever_is_given(data, "largest")


def test_a_view_that_reads_a_field_it_does_not_name_fails(toy_results: Data, register: Any) -> None:
    register(largest(result=lambda data, state, panel: data.rows(state, panel).head(state.page)))
    with pytest.raises(AssertionError):
        check_fields(toy_results, "largest")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"name": "my view"}, "name: expected letters, digits, '-' and '_', got 'my view'"),
        ({"uses": ("hwo",)}, "uses: unknown name 'hwo'. Did you mean 'how'"),
        ({"display": ("colour",)}, "display: unknown name 'colour'"),
        ({"wants": ("masks",)}, "wants: unknown name 'masks'.*'images', 'maps', 'segments'"),
        ({"panels": "by_class"}, "panels: unknown name 'by_class'.*'by_model'"),
    ],
)
def test_what_cannot_be_a_view_is_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(sat.InvalidInput, match=match):
        largest(**changes)


def test_an_unknown_layout_is_shown_as_an_error(data: dict[str, Any], register: Any) -> None:
    register(largest(screen="tabel"))
    explorer = sat.explore(data["table"])
    explorer.state = ExplorerState(view="largest")
    assert "screen: unknown name &#x27;tabel&#x27;" in explorer._message.value


def test_code_has_only_public_names() -> None:
    with pytest.raises(AttributeError):
        run("import sat_nb as sat\nsat.plots", {})
    assert {f.name for f in fields(ExplorerState)} >= {*ROW_FILTERS, *PANEL_FIELDS}


def test_every_file_of_a_view_is_registered() -> None:
    modules = [
        importlib.import_module(f"{views.__name__}.{module.name}")
        for module in pkgutil.iter_modules(views.__path__)
    ]
    written = {module.VIEW.name for module in modules if hasattr(module, "VIEW")}
    assert written == set(VIEWS)


@pytest.mark.parametrize("name", [name for name, view in VIEWS.items() if view.screen == "table"])
def test_a_view_that_is_a_table_sorts(name: str, table: pd.DataFrame) -> None:
    explorer = sat.explore(table)
    explorer.state = ExplorerState(view=name)
    column = explorer.table().select_dtypes("number").columns[0]
    for descending in (False, True):
        explorer.state = replace(explorer.state, sort=column, descending=descending)
        values = explorer.table()[column].dropna()
        assert values.is_monotonic_decreasing if descending else values.is_monotonic_increasing
