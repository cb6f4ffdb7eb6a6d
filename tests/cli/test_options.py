"""Every entry that an option can name appears in its help and works in a run of the command."""

from __future__ import annotations

import html
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.cli import main
from sat_nb.cli.options import LONGEST_CHOICES, Named
from sat_nb.reproduction.results import results_of_method
from sat_nb.saliency.engines.environments import add_engine
from sat_nb.table.aggregate import result_of
from sat_nb.toy import toy
from sat_nb.widgets.serve import serve
from tests.cli.running import Explained, run
from tests.plots import results

HEAVY = ("numba", "pandas", "scipy", "matplotlib", "tensorflow", "ipywidgets", "pyarrow")
Key = tuple[str, ...]


def commands(group: click.Group, path: Key = ()) -> Iterator[tuple[Key, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def spelled(param: click.Parameter, value: str) -> tuple[str, ...]:
    return (param.opts[0], value) if isinstance(param, click.Option) else (value,)


NAMED = {
    (*path, str(param.name)): param
    for path, command in commands(main)
    for param in command.params
    if isinstance(param.type, Named)
}
ENTRIES = [(key, entry) for key, param in NAMED.items() for entry in param.type.entries()]
NAMES = [" ".join(key) for key in NAMED]


TAKEN_BY_NAME = ("how", "value", "test", "pool", "merge", "fit", "preprocess", "interval")


def test_what_python_takes_by_name_is_an_option_with_names() -> None:
    options = [(path, param) for path, command in commands(main) for param in command.params]
    options = [(path, param) for path, param in options if param.name in TAKEN_BY_NAME]
    assert {param.name for _, param in options} == set(TAKEN_BY_NAME)
    assert [path for path, param in options if not isinstance(param.type, Named)] == []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom sat_nb.cli import main\n"
        "for command in ([], ['masks']):\n"
        "    try: main([*command, '--help'])\n"
        "    except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(HEAVY).isdisjoint(done.stdout.split())


@pytest.mark.parametrize("key", NAMED, ids=NAMES)
def test_help_lists_every_entry_with_its_sentence(key: Key) -> None:
    output = " ".join(run(*key[:-1], "--help").output.split())
    for name, text in NAMED[key].type.entries().items():
        assert " ".join(f"{name} {text}".split()) in output


@pytest.mark.parametrize("key", NAMED, ids=NAMES)
def test_choices_stand_beside_the_option_where_a_line_holds_them(key: Key) -> None:
    param, output = NAMED[key], run(*key[:-1], "--help").output
    line = "|".join([*param.type.entries(), *(["module:name"] if param.type.own else [])])
    if isinstance(param, click.Option):
        assert (f"{param.opts[0]} [{line}]" in output) == (len(line) <= LONGEST_CHOICES)


# --- the same defaults as in Python ---------------------------------------------------------------

PYTHON: dict[str, list[Callable[..., Any]]] = {
    "build": [sat.build, sat.explain, sat.read_maps, sat.read_segments, sat.read_images],
    "intervene": [sat.intervene, sat.read_segments, sat.read_images],
    "aggregate": [sat.aggregate, sat.intervals],
    "intervals": [sat.intervals],
    "compare": [sat.compare],
    "difference": [sat.difference],
    "select": [sat.select],
    "figures": [results_of_method, sat.save_figure, sat.plot_segments],
    "explore": [serve],
    "report": [sat.report],
    "fetch": [sat.fetch_masks],
    "check": [sat.read_segments],
    "names": [sat.read_segments],
    "pack": [sat.read_segments],
    "add": [add_engine],
    "remove": [],
    "quickstart": [],
    "study": [],
}
OTHERWISE = {
    ("build", "fit"): "explain's, or read_maps'",
    ("build", "maps"): "the folder is explain(out=)",
    ("aggregate", "interval"): "none unless it is asked for",
    ("figures", "methods"): "all in the table",
    ("fetch", "base_url"): "fetch_masks' own unless another is given",
}


def default_of(param: click.Parameter) -> Any:
    """The default as the function of the command gets it."""
    default = param.to_info_dict()["default"]
    if isinstance(default, str):
        default = param.type.convert(default, param, None)
    empty = default is None or default == () or default == []
    return None if empty or "UNSET" in str(default) else default


def plain(default: Any) -> Any:
    several = isinstance(default, list | tuple)
    return (list(default) or None) if several else default


@pytest.mark.parametrize("path", [path for path, _ in commands(main)], ids=" ".join)
def test_options_have_the_defaults_of_python(path: Key) -> None:
    command = dict(commands(main))[path]
    compared = 0
    for param in command.get_params(click.Context(command)):
        for function in PYTHON[path[-1]]:
            known = inspect.signature(function).parameters.get(str(param.name))
            if known is None or known.default is inspect.Parameter.empty:
                continue
            if (path[-1], param.name) not in OTHERWISE:
                assert plain(default_of(param)) == plain(known.default), (param.name, function)
                compared += 1
                break
    assert compared or not PYTHON[path[-1]]


@pytest.mark.parametrize("key", NAMED, ids=NAMES)
def test_an_unknown_name_is_refused_before_anything_runs(key: Key) -> None:
    param = NAMED[key]
    refused = run(*key[:-1], *spelled(param, "nonesuch"))
    assert refused.exit_code == 1
    spelled_as = param.opts[0] if isinstance(param, click.Option) else param.name
    assert f"Error: {spelled_as}: unknown name 'nonesuch'" in refused.output
    assert all(repr(name) in refused.output for name in param.type.entries())


# --- what is yours --------------------------------------------------------------------------------

SPREAD = sat.Aggregation(
    name="spread",
    about="Standard deviation over the images.",
    function=lambda rows, value: rows.groupby("segment")[value].std(),
    column="spread",
)


def test_an_entry_of_ones_own_is_named_by_its_module(table_file: Path) -> None:
    done = run("aggregate", table_file, "--how", f"{__name__}:SPREAD")
    assert done.output.split()[:4] == ["method", "segment", "spread", "n_images"]
    refused = run("aggregate", table_file, "--how", f"{__name__}:NARROW")
    assert refused.exit_code == 1
    assert "--how: 'tests.cli.test_options:NARROW' cannot be imported" in refused.output


def test_ranks_settle_on_masks_that_are_padded_as_they_are_joined(explained: Explained) -> None:
    for unit, px in (("map", 3), ("photo", 3)):
        explained.run("--samples", "auto", "--pad-px", str(px), "--pad-unit", unit)
        settling = explained.options["segments"]["image_00"]
        masks = sat.read_segments(explained.folder / "exports")["image_00"]
        assert settling == (masks.pad(px) if unit == "photo" else masks)
        assert explained.options["pad_px"] == (0 if unit == "photo" else px)


# --- runs of each command with each entry ---------------------------------------------------------


@pytest.fixture(scope="module")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("options") / "sat.parquet"
    sat.write_table(results.table(4), file)
    return file


@pytest.fixture
def two_classes(tmp_path: Path) -> Path:
    table = results.table(4)
    classes = (table["image_id"] > "image_05").astype(int)
    sat.write_table(table.assign(label=classes, predicted=classes, target=classes), tmp_path / "t")
    return tmp_path / "t"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """What ``sat-nb figures`` draws, and the options with which it would be saved."""
    kept: list[tuple[Any, dict[str, Any]]] = []

    def save(picture: Any, path: Path, numbers: Any = None, **options: Any) -> list[Path]:
        kept.append((picture, options))
        return [path]

    monkeypatch.setattr("sat_nb.reproduction.results.save", save)
    return kept


@pytest.fixture
def explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Explained:
    return Explained(tmp_path, monkeypatch)


def printed(*arguments: object) -> list[str]:
    """The columns that ``sat-nb aggregate`` prints."""
    done = run("aggregate", *arguments)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()[0].split()


def runs_how(name: str, request: pytest.FixtureRequest) -> None:
    entry = sat.AGGREGATIONS[name]
    by = "method" if "label" in entry.mixes else "method,label"
    columns = printed(request.getfixturevalue("two_classes"), "--how", name, "--by", by)
    assert (entry.column or "mean_attribution") in columns


def runs_value(name: str, request: pytest.FixtureRequest) -> None:
    assert name in printed(request.getfixturevalue("table_file"), "--value", name)


def runs_interval(name: str, request: pytest.FixtureRequest) -> None:
    columns = printed(request.getfixturevalue("table_file"), "--interval", name, "--level", "0.9")
    assert {"low", "high"} <= set(columns)


def figures(request: pytest.FixtureRequest, *arguments: str) -> tuple[Any, Any]:
    """The diagram and the bars that ``sat-nb figures`` draws."""
    drawn = request.getfixturevalue("drawn")
    done = run("figures", request.getfixturevalue("table_file"), *arguments)
    assert done.exit_code == 0, done.output
    (diagram, _), (bars, _) = drawn
    return diagram, bars


def draws_test(name: str, request: pytest.FixtureRequest) -> None:
    diagram, _ = figures(request, "--test", name)
    assert f"{name}, α = 0.05" in " ".join(text.get_text() for text in diagram.texts)


def draws_missing(name: str, request: pytest.FixtureRequest) -> None:
    diagram, _ = figures(request, "--missing", name)
    expected = sat.compare(results.table(4), method="lrp.z", missing=name).mean_ranks
    stems = [line.get_xdata()[0] for line in diagram.lines if line.get_gid() == "stem"]
    assert sorted(stems) == sorted(expected)


def draws_classes(name: str, request: pytest.FixtureRequest) -> None:
    """One diagram a method is that of all classes together."""
    drawn, table = request.getfixturevalue("drawn"), request.getfixturevalue("two_classes")
    done = run("figures", table, "--classes", name)
    if name == "pool":
        assert len(drawn) == 2
    else:
        assert "--classes: figures draws one group of images" in done.output


def draws_value(name: str, request: pytest.FixtureRequest) -> None:
    _, bars = figures(request, "--value", name)
    title = result_of(sat.aggregate(results.table(4), value=name)).title
    assert " ".join(bars.get_xlabel().split()) == title


def draws_interval(name: str, request: pytest.FixtureRequest) -> None:
    _, bars = figures(request, "--interval", name)
    expected = sat.intervals(results.table(4), value="abs_mean_attribution", interval=name)
    (whiskers,) = [c for c in bars.collections if c.get_gid() == "whiskers"]
    ends = np.array([segment[:, 0] for segment in whiskers.get_segments()])
    np.testing.assert_allclose(ends, expected[["low", "high"]])


def draws_format(name: str, request: pytest.FixtureRequest) -> None:
    figures(request, "--formats", name)
    assert [options["formats"] for _, options in request.getfixturevalue("drawn")] == [[name]] * 2


def is_explained(option: str, argument: str | None = None) -> Callable[..., None]:
    """A run of ``sat-nb build`` in which ``explain`` gets the name."""

    def runs(name: str, request: pytest.FixtureRequest) -> None:
        explained = request.getfixturevalue("explained")
        explained.run(f"--{option}", name)
        got = explained.options[argument or option]
        assert got in (name, [name])

    return runs


def test_a_model_is_trusted_on_the_users_word(explained: Explained) -> None:
    explained.run()
    assert explained.options["trust_model"] is False
    explained.run("--trust-model")
    assert explained.options["trust_model"] is True


def is_joined(option: str) -> Callable[..., None]:
    """A run of ``sat-nb build`` that writes the table that Python builds with the name."""

    def runs(name: str, request: pytest.FixtureRequest) -> None:
        explained = request.getfixturevalue("explained")
        table = explained.run(f"--{option}", name)
        maps = {"gradient": explained.maps["sharp"]}
        options: Any = {option.replace("-", "_"): name}
        expected = sat.build(maps, sat.read_segments(explained.folder / "exports"), **options)
        pd.testing.assert_frame_equal(table, expected, check_dtype=False)

    return runs


def reads_with(option: str) -> Callable[..., None]:
    """``read_segments`` gets the name; what it makes of it, its own tests say."""

    def runs(name: str, request: pytest.FixtureRequest) -> None:
        monkeypatch, asked = request.getfixturevalue("monkeypatch"), []

        def read(path: str, **options: Any) -> Any:
            asked.append(options[option])
            return toy(2)[1]

        monkeypatch.setattr(sat, "read_segments", read)
        command = request.node.callspec.params["key"][:-1]
        if command == ("build",):
            request.getfixturevalue("explained").run(f"--{option}", name)
        else:
            packed = request.getfixturevalue("tmp_path") / "masks.parquet"
            out = ("--out", packed) if "pack" in command else ()
            assert run(*command, "exports", *out, f"--{option}", name).exit_code == 0
        assert asked == [name]

    return runs


def runs_study(option: str) -> Callable[..., None]:
    def runs(name: str, request: pytest.FixtureRequest) -> None:
        monkeypatch, asked = request.getfixturevalue("monkeypatch"), {}

        def run_study(study: str, **options: Any) -> tuple[list[Path], tuple[()]]:
            asked.update(name=study, **options)
            return [], ()

        monkeypatch.setattr("sat_nb.reproduction.studies.run_study", run_study)
        arguments = (name,) if option == "name" else ("method", "--size", name)
        assert run("study", *arguments).exit_code == 0
        assert asked[option] == name

    return runs


def gets(option: str) -> Callable[..., None]:
    """The function of the command's name gets the name; what it makes of it, its own tests say."""

    def runs(name: str, request: pytest.FixtureRequest) -> None:
        monkeypatch, asked = request.getfixturevalue("monkeypatch"), []
        (command, _) = request.node.callspec.params["key"]

        def function(*tables: pd.DataFrame, **options: Any) -> None:
            asked.append(options[option])
            raise sat.InvalidInput("that is all")

        monkeypatch.setattr(sat, command, function)
        file = request.getfixturevalue("table_file")
        tables = (file, file) if command == "difference" else (file,)
        assert "that is all" in run(command, *tables, f"--{option}", name).output
        assert asked == [name]

    return runs


def intervenes(request: pytest.FixtureRequest, *arguments: str) -> dict[str, Any]:
    """The options with which a run of ``sat-nb intervene`` calls the function."""
    folder, asked = request.getfixturevalue("explained").folder, {}
    monkeypatch = request.getfixturevalue("monkeypatch")

    def function(*given: Any, **options: Any) -> pd.DataFrame:
        asked.update(options, masks=given[2])
        return sat.build(*toy(2)).assign(n_forward=6)

    monkeypatch.setattr(sat, "intervene", function)
    done = run(
        *("intervene", "--model", folder / "model.h5", "--images", folder / "photos"),
        *("--segments", folder / "exports", "--out", folder / "effects.parquet"),
        *(() if "--preprocess" in arguments else ("--preprocess", "unit")),
        *arguments,
    )
    assert done.exit_code == 0, done.output
    assert "rows, 2 images, 2 measures" in done.output
    assert len(sat.read_table(folder / "effects.parquet"))
    return asked


def intervenes_with(option: str) -> Callable[..., None]:
    def runs(name: str, request: pytest.FixtureRequest) -> None:
        found = intervenes(request, f"--{option}", name)[option.replace("-", "_")]
        assert found in (name, [name])

    return runs


def reads_masks_with(option: str, argument: str) -> Callable[..., None]:
    def runs(name: str, request: pytest.FixtureRequest) -> None:
        asked: dict[str, Any] = {}

        def read(path: str, **options: Any) -> Any:
            asked.update(options)
            return toy(2)[1]

        request.getfixturevalue("monkeypatch").setattr(sat, "read_segments", read)
        intervenes(request, option, name)
        assert asked[argument] == name

    return runs


def test_parameters_of_measures_reach_intervene(request: pytest.FixtureRequest) -> None:
    given = ("--parameter", "shapley.max_exact=8", "--target", "1,0", "--keep", "kept")
    asked = intervenes(request, *given)
    assert asked["parameters"] == {"shapley": {"max_exact": 8}}
    assert asked["target"] == (1, 0)
    assert asked["out"] == "kept"
    assert list(asked["masks"]) == ["image_00", "image_01"]


def reads_heatmaps(option: str, argument: str) -> Callable[..., None]:
    """``read_maps`` gets the name."""

    def runs(name: str, request: pytest.FixtureRequest) -> None:
        monkeypatch, asked = request.getfixturevalue("monkeypatch"), []
        explained = request.getfixturevalue("explained")

        def read(path: str, **options: Any) -> Any:
            asked.append(options[argument])
            return {"shap": toy(2)[0]["sharp"]}

        monkeypatch.setattr(sat, "read_maps", read)
        rest = () if option == "--sign" else ("--sign", "signed")
        folder = explained.folder
        done = run(
            *("build", "--heatmaps", folder, "--segments", folder / "exports", "--method", "shap"),
            *("--out", folder / "t.parquet", option, name, *rest),
        )
        assert done.exit_code == 0, done.output
        assert asked == [name]

    return runs


def writes_section(name: str, request: pytest.FixtureRequest) -> None:
    out = request.getfixturevalue("tmp_path") / "report.html"
    table = request.getfixturevalue("table_file")
    done = run("report", table, "--out", out, "--sections", name)
    assert done.exit_code == 0, done.output
    others = {html.escape(section.title) for section in sat.SECTIONS.values()}
    found = others & set(re.findall("<h2>(.*?)</h2>", out.read_text(encoding="utf-8")))
    assert found <= {html.escape(sat.SECTIONS[name].title)}
    if name in ("words", "ranking", "differences"):  # the others need more than this table
        assert found


def serves_theme(name: str, request: pytest.FixtureRequest) -> None:
    monkeypatch, asked = request.getfixturevalue("monkeypatch"), {}
    monkeypatch.setattr("sat_nb.widgets.serve.serve", lambda table, **given: asked.update(given))
    assert run("explore", "sat.parquet", "--theme", name).exit_code == 0
    assert asked["theme"] == name


def adds_engine(name: str, request: pytest.FixtureRequest) -> None:
    """``add_engine`` gets the name."""
    asked: dict[str, Any] = {}

    def add(engine: str, **options: Any) -> None:
        asked.update(options)
        raise sat.EngineMissing("that is all")

    monkeypatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setattr("sat_nb.saliency.engines.environments.add_engine", add)
    assert "that is all" in run("engines", "add", "keras", "--installer", name).output
    assert asked["installer"] == name


RUNS: dict[Key, Callable[[str, pytest.FixtureRequest], None]] = {
    ("engines", "add", "installer"): adds_engine,
    ("build", "engine"): is_explained("engine"),
    ("aggregate", "how"): runs_how,
    ("aggregate", "value"): runs_value,
    ("aggregate", "interval"): runs_interval,
    ("aggregate", "classes"): gets("classes"),
    ("intervals", "how"): gets("how"),
    ("intervals", "value"): gets("value"),
    ("intervals", "interval"): gets("interval"),
    ("intervals", "classes"): gets("classes"),
    ("compare", "test"): gets("test"),
    ("compare", "missing"): gets("missing"),
    ("compare", "classes"): gets("classes"),
    ("difference", "missing"): gets("missing"),
    ("difference", "interval"): gets("interval"),
    ("difference", "classes"): gets("classes"),
    ("figures", "test"): draws_test,
    ("figures", "missing"): draws_missing,
    ("figures", "classes"): draws_classes,
    ("figures", "value"): draws_value,
    ("figures", "interval"): draws_interval,
    ("figures", "formats"): draws_format,
    ("build", "mask_format"): reads_with("format"),
    ("build", "preprocess"): is_explained("preprocess"),
    ("build", "fit"): is_explained("fit"),
    ("build", "methods"): is_explained("methods"),
    ("build", "output"): is_explained("output"),
    ("build", "dtype"): is_explained("dtype"),
    ("build", "pad_unit"): is_joined("pad-unit"),
    ("build", "pool"): is_joined("pool"),
    ("build", "merge"): is_joined("merge"),
    ("build", "rank_by"): is_joined("rank-by"),
    ("build", "missing"): is_joined("missing"),
    ("build", "errors"): reads_with("errors"),
    ("build", "sign"): reads_heatmaps("--sign", "sign"),
    ("build", "heatmap_format"): reads_heatmaps("--heatmap-format", "format"),
    ("masks", "check", "errors"): reads_with("errors"),
    ("masks", "names", "errors"): reads_with("errors"),
    ("masks", "pack", "errors"): reads_with("errors"),
    ("masks", "check", "mask_format"): reads_with("format"),
    ("masks", "names", "mask_format"): reads_with("format"),
    ("masks", "pack", "mask_format"): reads_with("format"),
    **{
        ("intervene", option.replace("-", "_")): intervenes_with(option)
        for option in (
            *("preprocess", "measures", "replace", "also", "score", "overlap", "rank-by", "fit"),
            *("pad-unit", "merge", "missing", "engine"),
        )
    },
    ("intervene", "errors"): reads_masks_with("--errors", "errors"),
    ("intervene", "mask_format"): reads_masks_with("--format", "format"),
    ("study", "name"): runs_study("name"),
    ("study", "size"): runs_study("size"),
    ("report", "sections"): writes_section,
    ("report", "classes"): gets("classes"),
    ("report", "test"): gets("test"),
    ("explore", "theme"): serves_theme,
}


def test_every_option_that_names_an_entry_is_run_here() -> None:
    assert set(RUNS) == set(NAMED)


@pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")
@pytest.mark.parametrize(
    ("key", "entry"), ENTRIES, ids=[f"{' '.join(key)} {entry}" for key, entry in ENTRIES]
)
def test_every_entry_runs(key: Key, entry: str, request: pytest.FixtureRequest) -> None:
    RUNS[key](entry, request)


# --- other options --------------------------------------------------------------------------------


def test_targets_and_parameters_reach_explain(explained: Explained) -> None:
    explained.run("--target", "1,0", "--parameter", "smoothgrad.n_samples=4", "--seed", "3")
    assert explained.options["target"] == (1, 0)
    assert explained.options["parameters"] == {"smoothgrad": {"n_samples": 4}}
    assert explained.options["seed"] == 3
    explained.run("--input-size", "20", "16")
    assert explained.options["input_size"] == (20, 16)
    with pytest.raises(AssertionError, match="--parameter: expected METHOD.NAME=VALUE"):
        explained.run("--parameter", "n_samples=4")


def test_a_window_reaches_the_photos(explained: Explained) -> None:
    explained.run()
    assert not any(map(explained.photos.has_window, explained.photos))
    for text in ("0,255", "dtype", "file"):
        explained.run("--window", text)
        assert all(map(explained.photos.has_window, explained.photos))
    for wrong in ("auto", "1,x", "5"):
        with pytest.raises(AssertionError, match=r"window: expected \(low, high\)"):
            explained.run("--window", wrong)


def test_intervals_take_no_parameters(table_file: Path) -> None:
    refused = run("aggregate", table_file, "--interval", "bca", "--parameter", "k=1")
    assert "--parameter cannot be combined with --interval" in refused.output


def test_what_is_left_out_stays_known(explained: Explained) -> None:
    file = explained.folder / "exports" / "image_00.json"
    document = json.loads(file.read_text())
    document["objects"].append({"category": "", "mask": None})
    file.write_text(json.dumps(document))
    table = explained.run("--errors", "skip")
    (line,) = table.attrs["sat_nb"]["left_out"]["what read_segments left out"]
    assert "image_00.json: objects[" in line
    with pytest.raises(AssertionError, match="Pass --errors skip to leave such items out"):
        explained.run()
