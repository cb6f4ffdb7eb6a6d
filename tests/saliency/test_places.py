"""Engines in another Python: found, asked about themselves, refused with a remedy, and used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner

import sat_nb as sat
from sat_nb.cli import main
from sat_nb.errors import EngineMissing, InvalidInput
from sat_nb.saliency.engines import environments, places
from sat_nb.saliency.engines.entries import ENGINES, Package
from sat_nb.saliency.process import messages, pool
from tests.saliency import linear_engine
from tests.saliency.conftest import saved_kernel

ROOT = Path(__file__).parents[2]
OPTIONS = {"methods": ["gradient", "smoothgrad"], "preprocess": "signed", "progress": False}
MAKE = """
import sys, pathlib, venv
folder, *paths = sys.argv[1:]
venv.create(folder, with_pip=False, symlinks=True)
(own,) = pathlib.Path(folder).glob("lib/python*/site-packages")
(own / "others.pth").write_text("\\n".join(paths))
for name, version in {"tensorflow": "2.14.1", "innvestigate": "2.1.2"}.items():
    about = own / f"{name}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
"""
"""Makes an environment that says it has the Keras engine's packages, and sees those of this one."""
PATHS = [sysconfig.get_path("purelib"), str(ROOT)]


def make(folder: Path, *paths: str) -> str:
    """The Python of such an environment."""
    subprocess.run([sys.executable, "-c", MAKE, str(folder), *paths], check=True)
    return str(folder / "bin" / "python")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another Python in which the engine is."""
    return make(tmp_path_factory.mktemp("other") / "env", *PATHS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_kernel(tmp_path_factory.mktemp("linear"))


@pytest.fixture(autouse=True)
def _small_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The engine of a few lines explains Keras models, and nothing is added or known yet."""
    for name in ENGINES.keys() - {"keras"}:
        monkeypatch.delitem(ENGINES, name)
    monkeypatch.setitem(ENGINES, "keras", linear_engine.ENTRY)
    monkeypatch.setenv(places.FOLDER_VARIABLE, str(tmp_path / "engines"))
    monkeypatch.delenv("SAT_NB_ENGINE_KERAS", raising=False)
    monkeypatch.setattr(places, "_known", {})
    yield
    pool.stop_workers()


@pytest.fixture
def not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's packages are missing in this Python."""
    entry = replace(linear_engine.ENTRY, packages=(Package("no-such-package"),))
    monkeypatch.setitem(ENGINES, "keras", entry)


# --- explaining there --------------------------------------------------------------------------


def test_another_python_gives_the_same_maps_and_continues_a_store(
    other, model, images, tmp_path, monkeypatch
):
    few = images.select(["a", "b"])
    here = sat.explain(model, few, **OPTIONS, out=tmp_path / "maps")
    monkeypatch.setenv("SAT_NB_ENGINE_KERAS", other)
    there = sat.explain(model, few, **OPTIONS)
    for method in OPTIONS["methods"]:
        for image_id in few:
            np.testing.assert_array_equal(there[method][image_id], here[method][image_id])
    pids = pool.shared_pool(places.find(ENGINES["keras"]).program).pids()
    assert [psutil.Process(pid).cmdline()[0] for pid in pids] == [other]
    written = sorted((tmp_path / "maps").rglob("*.map"))
    monkeypatch.setattr(places.Place, "versions", {"sat_nb": sat.__version__})  # ENTRY names none
    sat.explain(model, images, **OPTIONS, out=tmp_path / "maps")
    assert len(list((tmp_path / "maps" / "runs").iterdir())) == 1
    assert set(written) < set((tmp_path / "maps").rglob("*.map"))


def test_an_error_there_is_an_error_here(other, model, images, monkeypatch):
    monkeypatch.setenv("SAT_NB_ENGINE_KERAS", other)
    with pytest.raises(InvalidInput, match=r"'lrp.z' cannot explain .*Methods that can: 'gradien"):
        sat.explain(model, images, methods="lrp.z", preprocess="signed", progress=False)


def test_this_pythons_variables_mean_nothing_there(other, model, images, monkeypatch, tmp_path):
    (tmp_path / "numpy.py").write_text("raise ImportError('of the other Python')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SAT_NB_ENGINE_KERAS", other)
    assert list(sat.explain(model, images.select(["a"]), **OPTIONS)["gradient"]) == ["a"]


# --- what is of no use -------------------------------------------------------------------------


def refused(model: Path, images: sat.ImageSet, match: str) -> None:
    with pytest.raises(EngineMissing, match=match) as caught:
        sat.explain(model, images, **OPTIONS)
    assert "run `sat-nb engines add keras`" in str(caught.value)
    assert isinstance(caught.value, ImportError)


def test_without_an_engine_one_sentence_says_what_to_install(not_here, model, images):
    refused(model, images, r"'keras' .*is not installed: in this Python .* no no-such-package; run")


def test_packages_of_another_version_are_not_taken(monkeypatch, model, images):
    entry = replace(linear_engine.ENTRY, packages=(Package("numpy", "<1"),))
    monkeypatch.setitem(ENGINES, "keras", entry)
    refused(model, images, rf"there is numpy {np.__version__}, not <1")


@pytest.mark.parametrize("python", ["/no/such/python", "/dev/null", str(ROOT)])
def test_a_python_that_cannot_be_started(python, model, images, monkeypatch):
    monkeypatch.setenv("SAT_NB_ENGINE_KERAS", python)
    refused(model, images, f"SAT_NB_ENGINE_KERAS names '{python}', but it cannot be started")


def test_a_python_without_sat_nb(model, images, monkeypatch, tmp_path):
    monkeypatch.setenv("SAT_NB_ENGINE_KERAS", make(tmp_path / "bare"))
    refused(model, images, "its sat_nb cannot be used .*No module named 'sat_nb'")


def test_a_python_without_the_engines_packages(other, model, images, monkeypatch, tmp_path):
    python = make(tmp_path / "lacks", *PATHS)
    (about,) = (tmp_path / "lacks").rglob("tensorflow-2.14.1.dist-info/METADATA")
    about.write_text(about.read_text().replace("2.14.1", "2.99"))
    monkeypatch.setenv("SAT_NB_ENGINE_KERAS", python)
    refused(model, images, r"there is tensorflow 2.99, not ~=2.14.0")


def test_another_protocol_and_other_numbers(other, model, images, monkeypatch):
    monkeypatch.setenv("SAT_NB_ENGINE_KERAS", other)
    entry = replace(linear_engine.ENTRY, numbers=99)
    monkeypatch.setitem(ENGINES, "keras", entry)
    refused(model, images, rf"has protocol and numbers \({messages.PROTOCOL}, 3\), this one .*99")
    monkeypatch.setitem(ENGINES, "keras", linear_engine.ENTRY)
    monkeypatch.setattr(places, "PROTOCOL", messages.PROTOCOL + 1)
    refused(model, images, "has protocol and numbers")


def test_names_and_models_that_no_engine_has(model, images, monkeypatch):
    with pytest.raises(InvalidInput, match="engine: unknown name 'keas'. Did you mean 'keras'"):
        sat.explain(model, images, **OPTIONS, engine="keas")
    with pytest.raises(InvalidInput, match=r"engine: unknown name \['keras'\]"):
        sat.explain(model, images, **OPTIONS, engine=["keras"])
    monkeypatch.setitem(ENGINES, "keras", replace(linear_engine.ENTRY, fits=lambda path: False))
    with pytest.raises(InvalidInput, match="no engine explains .*keras: Keras 2 models"):
        sat.explain(model, images, **OPTIONS)
    with pytest.raises(InvalidInput, match="engine: 'keras' explains Keras 2 .*leave engine out"):
        sat.explain(model, images, **OPTIONS, engine="keras")


# --- listed ------------------------------------------------------------------------------------


def test_engines_are_listed_with_place_versions_and_devices(other, monkeypatch):
    monkeypatch.setenv("SAT_NB_ENGINE_KERAS", other)
    row = sat.list_engines().loc["keras"]
    assert (row["python"], row["devices"], row["missing"]) == (other, "cpu", "")
    assert row["versions"].startswith(f"Python {sys.version.split()[0]}, ")
    shown = CliRunner().invoke(main, ["engines"]).output
    assert other in shown
    assert "devices   cpu" in shown


def test_missing_engines_are_listed_with_the_reason(not_here):
    row = sat.list_engines().loc["keras"]
    assert row["python"] == row["versions"] == row["devices"] == ""
    assert "no no-such-package" in row["missing"]
    shown = CliRunner().invoke(main, ["engines"])
    assert shown.exit_code == 0
    assert "sat-nb engines add keras" in shown.output


# --- added -------------------------------------------------------------------------------------


@pytest.fixture
def without_downloads(monkeypatch):
    """Environments see the packages of this one, so that pip installs sat_nb alone."""

    def maker(entry, python, installer):
        pip = [sys.executable, "-m", "pip", "--python"]
        quick = ["install", "--no-deps", "--no-index", "--no-compile", "--quiet"]
        return environments.Maker(
            create=lambda folder: [sys.executable, "-c", MAKE, str(folder), *PATHS],
            install=lambda own: [*pip, str(own), *quick],
        )

    monkeypatch.setattr(environments, "_maker", maker)


def test_an_added_engine_is_this_very_version_and_explains(
    not_here, without_downloads, model, images, tmp_path
):
    (tmp_path / "engines" / "keras-killed").mkdir(parents=True)
    done = CliRunner().invoke(main, ["engines", "add", "keras"])
    assert done.exit_code == 0, done.output
    assert "keras is ready" in done.output
    (environment,) = (tmp_path / "engines").glob("keras-*")  # the killed run's is gone
    python = places.added_python("keras")
    assert python is not None
    assert python.is_relative_to(environment)
    where = [str(python), "-I", "-c", "import sat_nb; print(sat_nb.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found).is_relative_to(environment)
    same = {p.name: p.read_bytes() for p in Path(sat.__file__).parent.glob("*.py*")}
    assert {p.name: p.read_bytes() for p in Path(found).parent.glob("*.py*")} == same
    assert list(sat.explain(model, images.select(["a"]), **OPTIONS)["gradient"]) == ["a"]
    again = CliRunner().invoke(main, ["engines", "add", "keras"])
    assert again.exit_code == 0, again.output
    (replaced,) = (tmp_path / "engines").glob("keras-*")
    assert replaced != environment
    assert "is removed" in CliRunner().invoke(main, ["engines", "remove", "keras"]).output
    assert not list((tmp_path / "engines").glob("keras*"))
    assert "had no environment" in CliRunner().invoke(main, ["engines", "remove", "keras"]).output


def test_a_failed_installation_names_its_log_and_leaves_nothing(not_here, monkeypatch, tmp_path):
    def maker(entry, python, installer):
        fails = [sys.executable, "-c", "print('no such wheel'); raise SystemExit(3)"]
        return environments.Maker(create=lambda folder: fails, install=lambda own: fails)

    monkeypatch.setattr(environments, "_maker", maker)
    with pytest.raises(EngineMissing, match=r"(?s)exit status 3.*keras\.log.*no such wheel"):
        environments.add_engine("keras")
    assert sorted(p.name for p in (tmp_path / "engines").iterdir()) == [".lock", "keras.log"]


def test_an_installation_that_is_of_no_use_is_not_taken(
    not_here, without_downloads, monkeypatch, tmp_path
):
    monkeypatch.setitem(globals(), "PATHS", [])  # neither numpy nor anything else
    with pytest.raises(EngineMissing, match=r"its environment is .*keras\.log.*No module named"):
        environments.add_engine("keras")
    assert places.added_python("keras") is None
    assert not list((tmp_path / "engines").glob("keras-*"))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"python": 3}', b"\xff"])
def test_a_damaged_note_is_as_none(content, not_here, tmp_path):
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "keras.json").write_bytes(content)
    assert places.added_python("keras") is None


def test_a_broken_environment_names_its_path_and_its_log(not_here, model, images, tmp_path):
    (tmp_path / "engines").mkdir()
    python = tmp_path / "engines" / "keras-1" / "bin" / "python"
    (tmp_path / "engines" / "keras.json").write_text(json.dumps({"python": str(python)}))
    refused(model, images, r"its environment is '.*keras-1' \(log: '.*keras\.log'\), but it canno")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["add", "keas"], "unknown name 'keas'"),
        (["remove", "keas"], "unknown name 'keas'"),
        (["add", "keras", "--from", "no-such.whl"], "'no-such.whl' does not exist"),
        (["add", "keras", "--installer", "conda"], "'conda'.*'uv', 'pip'"),
    ],
)
def test_wrong_commands_change_nothing(arguments, match, tmp_path):
    done = CliRunner().invoke(main, ["engines", *arguments])
    assert done.exit_code == 1
    assert re.search(match, done.output), done.output
    assert not list((tmp_path / "engines").glob("keras*"))


def test_the_python_that_an_engine_needs(monkeypatch):
    entry = replace(ENGINES["keras"], pythons=("2.6",))
    monkeypatch.setattr(environments.shutil, "which", lambda name: None)
    with pytest.raises(EngineMissing, match=r"needs a Python 2\.6, and none was found"):
        environments._maker(entry, None, None)
    with pytest.raises(InvalidInput, match="uv is not on the PATH"):
        environments._maker(entry, None, "uv")
    here = "{}.{}".format(*sys.version_info)
    found = environments._maker(replace(entry, pythons=(here,)), None, None)
    assert found.create(Path("x"))[:3] == [sys.executable, "-m", "venv"]
    monkeypatch.setattr(environments.shutil, "which", lambda name: f"/bin/{name}")
    created = environments._maker(entry, "python9", None).create(Path("x"))
    assert created == ["/bin/uv", "venv", "--python", "python9", "x"]
