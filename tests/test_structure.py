"""The house: rooms import rooms below, nothing imports in a circle, helpers live with users."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import networkx
import pytest

import sat_nb

ROOT = Path(sat_nb.__file__).parent
FLOORS = (
    *("segments", "models", "saliency", "agnostic", "table", "interventions", "stats", "plots"),
    *("widgets", "reports", "reproduction", "cli"),
)
"""The rooms, from the ground up; every other file of the package is the ground itself."""
GROUND = {"photos"}
"""Folders of the ground."""

SUBJECTS = {
    "agnostic.loop": "an optimiser: gradients of samples, their scaling, projections",
    "interventions.counterfactual": "the search for sets whose replacement changes the class",
    "interventions.in_memory": "the table of one call; tabulate keeps the same rows in a folder",
    "interventions.inquiry": "photos on their way to the model, in requests that fit into memory",
    "interventions.rows": "what was found in a photo, as rows of a table and as warnings",
    "interventions.shapley": "the algorithm: exact over coalitions, or sampled permutations",
    "models.efficientnet": "a network of its own: its layers, and its weights from PyTorch's names",
    "models.keras_links": "the check of links between layers, before Keras follows them",
    "models.saved_model": "a format: the check of SavedModels",
    "models.torch_file": "a format: what torch.save writes, read without running any of it",
    "models.torch_operations": "the list of operations that a program may hold; here one is added",
    "photos.medical": "two formats: DICOM and NIfTI",
    "photos.tiff": "a format: the TIFF files that Pillow reads wrongly",
    "plots.faithfulness": "a family of pictures; plots are drawn in this room, whoever asks",
    "reports.made": "the chapter on how the page was made, and the references",
    "reproduction.actors.body": "a person: proportions and poses",
    "reproduction.actors.places": "the places around a person, in layers",
    "reproduction.biased_models": "the models of the study of bias: photos, training, maps",
    "reproduction.does_it_hold_checks": "the numbers of that study, and the claims they support",
    "reproduction.equids.coat": "the colours of breeds",
    "reproduction.equids.rendering": "photos rendered to disk by several processes",
    "reproduction.equids.scene": "the backgrounds, the same for all species",
    "reproduction.torch_models": "a program: it runs in the Python of the torch engine",
    "reproduction.watermark_models": "the models of the study of watermarks, trained and measured",
    "saliency.engines.environments": "environments of engines on disk: made whole, or not at all",
    "saliency.engines.keras.combined": "Deep Taylor of a difference of logits, as one neuron",
    "saliency.engines.keras.equal": "whether a rewritten model has the logits and slopes it had",
    "saliency.engines.keras.gradients": "the registry of formulas on gradients",
    "saliency.engines.keras.inference": "what acts in training alone, found and switched off",
    "saliency.engines.keras.load": "how a model file becomes a classifier; commands answer with it",
    "saliency.engines.keras.operators": "operators between layers, recognised by their numbers",
    "saliency.engines.keras.precision": "models of 16 bits in float32",
    "saliency.engines.torch.attention": "two methods of transformers: rollout and its gradients",
    "saliency.engines.torch.classifier": "what makes a program a classifier: input, logits, head",
    "saliency.engines.torch.combined": "Deep Taylor of a difference of logits, as one neuron",
    "saliency.engines.torch.keras3": "models of Keras 3, exported as programs",
    "saliency.engines.torch.keras_config": "descriptions that Keras 3 does not read as they are",
    "saliency.engines.torch.photo_layer": "a derivative of the first layer that costs half",
    "saliency.engines.torch.program": "a format: exported programs, read as graphs",
    "saliency.engines.torch.rewrite": "the registry of rewritings of graphs",
    "saliency.engines.wheel": "a wheel of this package, as its format asks",
    "saliency.external.declared": "classes and sizes that users declare, in all forms they have",
    "saliency.external.zarr_claims": "what chunks of zarr unpack to, codec by codec",
    "saliency.own_methods": "methods of the user's own: the contract with their function",
    "segments.dinox_api.exports": "what is sent of a photo, and the export that is written",
    "segments.dinox_api.unpack": "answers unpacked up to a limit, whatever they claim",
    "segments.formats.brush": "a code: the brush strokes of Label Studio",
    "segments.formats.foreign": "the registry of tools whose files are told by name",
    "segments.formats.labelme_sizes": "the photo that tells the size that LabelMe did not state",
    "segments.formats.parquet_file": "row groups of a file, here or at an address",
    "segments.formats.yolo_layout": "where YOLO has labels and photos",
    "segments.quality.findings": "the registry of suspicions",
    "table.parquet.by_method": "a copy of all rows in another order, made while others answer",
    "table.parquet.totals_on_disk": "the queries for sums, exact in any order, and for counts",
    "table.tabulate.cluster": "the caller's side of a cluster: tasks, their loss, their answers",
    "table.tabulate.on_worker": "the workers' side of a cluster: it runs in their processes",
    "widgets.clicks": "when the work of a click runs: the last one alone, garbage after it",
    "widgets.control_panel": "the panel of all controls, as widgets",
    "widgets.controls": "the registry of controls",
    "widgets.data_on_disk": "the data of an explorer, answered by DuckDB",
    "widgets.export": "what leaves the explorer: files and pages",
    "widgets.head_bar": "the bar beside the tabs: undo, the state as text, help",
    "widgets.link": "a format: the state of an explorer as text",
    "widgets.regions": "a photo cut into numbered regions, without any widget",
    "widgets.serve": "the server of `sat-nb explore`: ports, kernels, Voilà",
}
"""Modules with one user, and why each is a subject of its own. Other helpers live in its file."""


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(ROOT.rglob("*.py"))}


def imported_by(module: str) -> Iterator[str]:
    """The modules that a module imports: anywhere in it, for types only, and as text to be run."""
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module}: imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in FILES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


IMPORTS: dict[str, set[str]] = {
    module: {name for name in imported_by(module) if name in FILES} - {module, "sat_nb"}
    for module in FILES
}


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    graph = networkx.DiGraph([(a, b) for a, others in imports.items() for b in others])
    return [
        sorted(found) for found in networkx.strongly_connected_components(graph) if len(found) > 1
    ]


def within(folder: str) -> dict[str, set[str]]:
    """What the files and folders in a folder import of each other, a folder being one thing."""
    depth = folder.count(".") + 2

    def part(module: str) -> str | None:
        inside = module.startswith(f"{folder}.")
        return ".".join(module.split(".")[:depth]) if inside else None

    found: dict[str, set[str]] = {}
    for module, others in IMPORTS.items():
        here = part(module)
        if here is not None:
            parts = {part(other) for other in others} - {None, here}
            found.setdefault(here, set()).update(parts)  # type: ignore[arg-type]
    return found


def test_no_file_is_in_an_import_circle() -> None:
    assert circles(IMPORTS) == []


@pytest.mark.parametrize(
    "folder", sorted({m.rpartition(".")[0] for m in FILES if "." in m}), ids=str
)
def test_no_folder_is_in_an_import_circle(folder: str) -> None:
    assert circles(within(folder)) == []


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


@pytest.mark.parametrize("module", sorted(FILES), ids=str)
def test_a_room_imports_only_rooms_below_it(module: str) -> None:
    def floor(name: str) -> int:
        room = name.split(".")[1] if "." in name else ""
        return FLOORS.index(room) if room in FLOORS else -1

    above = {other for other in IMPORTS[module] if floor(other) > floor(module)}
    assert above == set() or module == "sat_nb.toy"


def test_every_folder_has_a_floor() -> None:
    rooms = {folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists()}
    assert rooms == set(FLOORS) | GROUND


def test_only_the_command_line_imports_the_reproduction_and_only_when_asked() -> None:
    users = {
        module
        for module, others in IMPORTS.items()
        if any(other.startswith("sat_nb.reproduction") for other in others)
    }
    assert all(user.startswith(("sat_nb.reproduction", "sat_nb.cli")) for user in users)
    for user in (user for user in users if user.startswith("sat_nb.cli")):
        tree = ast.parse(FILES[user].read_text(encoding="utf-8"))
        at_top = [n.module or "" for n in tree.body if isinstance(n, ast.ImportFrom)]
        assert not any(name.startswith("sat_nb.reproduction") for name in at_top)


def public_modules() -> set[str]:
    """The modules that the names of the facade come from."""
    stub = ast.parse((ROOT / "__init__.pyi").read_text(encoding="utf-8"))
    return {f"sat_nb.{n.module}" for n in ast.walk(stub) if isinstance(n, ast.ImportFrom)}


def with_one_user(imports: Mapping[str, set[str]]) -> dict[str, str]:
    """{module: the only one that imports it}, but for what the ``__init__`` of its folder lists.

    Those are entries of registries, commands, and what a folder shows of itself.
    """
    users: dict[str, list[str]] = {}
    for user, others in imports.items():
        for module in others:
            users.setdefault(module, []).append(user)
    alone = {module: found[0] for module, found in users.items() if len(found) == 1}
    return {m: user for m, user in alone.items() if user != m.rpartition(".")[0]}


def test_helpers_with_one_user_live_with_that_user() -> None:
    folders = {m for m, file in FILES.items() if file.name == "__init__.py"}
    found = {
        module.removeprefix("sat_nb."): user
        for module, user in with_one_user(IMPORTS).items()
        if module not in public_modules() | folders
    }
    helpers = {module: user for module, user in found.items() if module not in SUBJECTS}
    assert helpers == {}, "move each into the file of its user, or say in SUBJECTS why not"
    assert SUBJECTS.keys() - found.keys() == set(), "gone, or used by several: strike it"


def test_single_users_are_found() -> None:
    imports = {"a.b": {"a.c", "a.d"}, "a.e": {"a.d"}, "a": {"a.f"}, "g": {"a.b", "a.e"}}
    assert with_one_user(imports) == {"a.c": "a.b", "a.b": "g", "a.e": "g"}
