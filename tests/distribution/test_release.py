"""What a release is made of: one version, its workflow, the recipe, citation and papers."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import sat_nb as sat
from tests.distribution.test_dependencies import PACKAGE, declared

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
ON_CONDA = {
    "duckdb": "python-duckdb",
    "matplotlib": "matplotlib-base",
    "seaborn": "seaborn-base",
}
"""{name on PyPI: name on conda-forge}, where they differ: less is installed, or it is Python's."""
WITH_VERSION = ("sat_nb/__init__.py", "CITATION.cff", "recipe/recipe.yaml", "CHANGELOG.md")

pytestmark = pytest.mark.skipif(
    PACKAGE.parent != ROOT or not WORKFLOWS.is_dir(), reason="the package is used without its files"
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def workflow(name: str) -> dict[Any, Any]:
    return yaml.safe_load(read(f".github/workflows/{name}.yml"))


def steps(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for job, content in workflow(name)["jobs"].items():
        for step in content.get("steps", ()):
            yield job, step


def needed(jobs: dict[str, Any], job: str) -> set[str]:
    """The jobs that must end well before this one starts."""
    direct = jobs[job].get("needs", [])
    names = {direct} if isinstance(direct, str) else set(direct)
    return names.union(*(needed(jobs, name) for name in names))


# --- one version -------------------------------------------------------------------------------


def test_the_version_is_written_in_one_module() -> None:
    found = [
        file.relative_to(ROOT).as_posix()
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign) and "__version__" in map(ast.unparse, node.targets)
    ]
    assert found == ["sat_nb/__init__.py"]
    assert "version" in declared()["dynamic"]


def test_citation_and_recipe_have_the_same_version() -> None:
    assert yaml.safe_load(read("CITATION.cff"))["version"] == sat.__version__
    assert yaml.safe_load(read("recipe/recipe.yaml"))["context"]["version"] == sat.__version__


# --- the workflow that publishes ---------------------------------------------------------------


def check_of(folder: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """The script of the step that refuses a tag, as it is run: by bash, in a checkout."""
    (script,) = (step["run"] for _, step in steps("release") if "Refuse" in step.get("name", ""))
    environment = {"TAG": tag, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    command = ["bash", "-e", "-o", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that name the version, which is 1.2.3."""
    texts = {
        "sat_nb/__init__.py": '"""Text."""\n\n__version__ = "1.2.3"\n',
        "CITATION.cff": "cff-version: 1.2.0\nversion: 1.2.3\n",
        "recipe/recipe.yaml": 'context:\n  version: "1.2.3"\n',
        "CHANGELOG.md": "# Changelog\n\n## [1.2.3] - 2026-12-01\n",
    }
    assert texts.keys() == set(WITH_VERSION)
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="the step is run by bash")


@needs_bash
def test_the_tag_of_the_version_is_taken(checkout: Path) -> None:
    done = check_of(checkout, "v1.2.3")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@needs_bash
@pytest.mark.parametrize("tag", ["v1.2.4", "1.2.3", "v1.2", "v1.2.3rc1", "v1x2.3", ""])
def test_a_tag_that_differs_is_refused_with_both(checkout: Path, tag: str) -> None:
    done = check_of(checkout, tag)
    assert done.returncode == 1
    assert f"::error::the tag is {tag}, but __version__ is 1.2.3: tag v1.2.3" in done.stdout


@needs_bash
@pytest.mark.parametrize("name", WITH_VERSION)
def test_a_file_of_an_older_version_is_refused_by_name(checkout: Path, name: str) -> None:
    file = checkout / name
    file.write_text(file.read_text().replace("1.2.3", "1.2.2"))
    done = check_of(checkout, "v1.2.3")
    assert done.returncode == 1
    assert name in done.stdout


@needs_bash
def test_a_version_that_cannot_be_read_is_refused(checkout: Path) -> None:
    (checkout / "sat_nb" / "__init__.py").write_text("__version__ = VERSION\n")
    done = check_of(checkout, "v")
    assert done.returncode == 1
    assert "no line __version__" in done.stdout


@needs_bash
def test_this_version_could_be_tagged() -> None:
    done = check_of(ROOT, f"v{sat.__version__}")
    assert (done.returncode, done.stdout) == (0, "")
    assert check_of(ROOT, "v0.0.0").returncode == 1


def test_what_is_published_was_checked_tested_and_built_before() -> None:
    jobs = workflow("release")["jobs"]
    (publishes,) = {job for job, step in steps("release") if "pypi-publish" in step.get("uses", "")}
    assert needed(jobs, publishes) == {"check", "tests", "build"}
    assert jobs["tests"]["uses"] == "./.github/workflows/tests.yml"
    # YAML reads the bare word "on" as True.
    assert workflow("release")[True] == {"push": {"tags": ["v*"]}}
    assert "workflow_call" in workflow("tests")[True]
    assert [step["run"] for _, step in steps("tests") if "ci" in step.get("run", "")] == [".ci/run"]


def test_publishing_is_trusted_and_nothing_else_has_rights() -> None:
    for name in ("tests", "release"):
        assert workflow(name)["permissions"] == {"contents": "read"}
        jobs = workflow(name)["jobs"]
        rights = {
            job: content["permissions"] for job, content in jobs.items() if "permissions" in content
        }
        assert rights == ({"publish": {"id-token": "write"}} if name == "release" else {})
        assert "secrets." not in read(f".github/workflows/{name}.yml")
    assert workflow("release")["jobs"]["publish"]["environment"] == "pypi"


def test_actions_are_pinned_to_a_commit() -> None:
    used = [
        step["uses"] for name in ("tests", "release") for _, step in steps(name) if "uses" in step
    ]
    assert used
    assert not [use for use in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use)]


# --- metadata, recipe, citation ----------------------------------------------------------------


def test_the_metadata_say_where_it_is_and_that_it_is_typed() -> None:
    project = declared()
    assert {"Repository", "Documentation", "Changelog", "Issues"} <= project["urls"].keys()
    assert "Typing :: Typed" in project["classifiers"]
    assert (PACKAGE / "py.typed").is_file()


def test_the_address_of_the_repository_is_written_in_one_file() -> None:
    """It changes when the project moves."""
    address = declared()["urls"]["Repository"]
    searched = [*ROOT.glob("*.*"), *ROOT.glob(".github/**/*"), *ROOT.glob("recipe/*")]
    for folder in ("docs", "sat_nb"):
        searched += [f for f in (ROOT / folder).rglob("*.[mp][dy]") if "_build" not in f.parts]
    texts = {f.relative_to(ROOT).as_posix(): f.read_bytes() for f in searched if f.is_file()}
    assert [name for name, text in texts.items() if address.encode() in text] == ["pyproject.toml"]


def on_conda(requirement: str) -> str:
    name, bounds = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
    return f"{ON_CONDA.get(name, name)} {bounds}"


def test_the_recipe_needs_what_the_project_needs() -> None:
    recipe = yaml.safe_load(read("recipe/recipe.yaml"))
    python = declared()["requires-python"]
    run = {
        r.replace("${{ python_min }}", recipe["context"]["python_min"])
        for r in recipe["requirements"]["run"]
    }
    assert run == {f"python {python}", *map(on_conda, declared()["dependencies"])}
    assert len(recipe["requirements"]["run"]) == len(run)
    scripts = [f"{name} = {where}" for name, where in declared()["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == scripts
    assert (recipe["package"]["name"], recipe["about"]["license"]) == ("sat-nb", "MIT")


def test_the_paper_of_the_method_is_the_preferred_citation() -> None:
    from sat_nb.reports.made import PAPER

    preferred = yaml.safe_load(read("CITATION.cff"))["preferred-citation"]
    assert [a["family-names"] for a in preferred["authors"]] == ["Hinns", "Martens"]
    assert preferred["title"] in " ".join(PAPER.split())
    assert str(preferred["year"]) in PAPER


def test_every_reference_of_the_paper_is_cited_and_has_an_address() -> None:
    text, bibliography = read("docs/joss/paper.md"), read("docs/joss/paper.bib")
    entries = re.split(r"^@\w+\{", bibliography, flags=re.MULTILINE)[1:]
    keys = [entry.split(",")[0] for entry in entries]
    assert set(re.findall(r"@(\w+)", text.split("---", 2)[2])) == set(keys)
    assert len(keys) == len(set(keys))
    assert not [e for e in entries if not re.search(r"^  (doi|url) +=", e, flags=re.MULTILINE)]
    for section in ("Summary", "Statement of need", "State of the field", "References"):
        assert f"\n# {section}\n" in text


def test_the_supported_versions_are_those_of_the_project() -> None:
    text = read("docs/versions.md")
    bounds = dict(re.findall(r"^\| `([\w-]+)` \| ([\d.]+) \|", text, flags=re.MULTILINE))
    declared_bounds = dict(re.findall(r"([\w-]+)>=([\d.]+)", "\n".join(declared()["dependencies"])))
    assert bounds
    assert bounds == {name: declared_bounds[name] for name in bounds}
    named = {c.rpartition(" ")[2] for c in declared()["classifiers"] if re.search(r":: 3\.\d+$", c)}
    rows = re.findall(r"^\| (3\.[\d., ]+) \|", text, flags=re.MULTILINE)
    assert {version for row in rows for version in row.split(", ")} == named
