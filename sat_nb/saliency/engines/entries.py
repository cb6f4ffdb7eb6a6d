"""The engines by name. To add an engine, add an entry to :data:`ENGINES`.

An engine is a folder beside this file. What it answers is in ``commands``; where it is installed,
in this Python or another one, in ``places``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sat_nb.models.keras_zip import is_keras_3
from sat_nb.models.torch_program import is_torch_file
from sat_nb.registry import Entry, registry


@dataclass(frozen=True)
class Package:
    """A package that an engine needs: in which versions, and as which distributions."""

    name: str
    versions: str = ""
    distributions: tuple[str, ...] = ()

    def installed(self) -> str | None:
        """The version of it that is installed in this Python, be it one of use or not."""
        for name in self.distributions or (self.name,):
            try:
                return version(name)
            except PackageNotFoundError:
                continue
        return None

    def problem(self) -> str | None:
        """What is wrong with it in this Python, after "there is"; None where nothing is."""
        from packaging.specifiers import SpecifierSet

        found = self.installed()
        if found is None:
            return f"no {self.name}"
        if not SpecifierSet(self.versions).contains(found, prereleases=True):
            return f"{self.name} {found}, not {self.versions}"
        return None


@dataclass(frozen=True, kw_only=True)
class EngineEntry(Entry):
    """An engine as the caller knows it, without importing it.

    ``module`` holds its COMMANDS. ``packages`` are those it cannot do without; ``extra`` is the one
    of sat_nb that installs them, on the ``pythons`` that it runs on. ``fits(path)`` says whether it
    may explain a model file, by what can be seen from outside. ``numbers`` is counted up whenever
    its values change, even by rounding: older maps are not reused then.
    """

    module: str
    extra: str
    packages: tuple[Package, ...]
    pythons: tuple[str, ...]
    explains: str
    fits: Callable[[Path], bool]
    numbers: int

    @property
    def variable(self) -> str:
        """The environment variable that names the Python it is installed in."""
        return f"SAT_NB_ENGINE_{self.name.upper()}"

    @property
    def remedy(self) -> str:
        """How to install it, in one sentence without its full stop."""
        return (
            f"run `sat-nb engines add {self.name}`, which makes an environment for it, or "
            f"`pip install 'sat-nb[{self.extra}]'` in Python {' or '.join(self.pythons)}"
        )


ENGINES: dict[str, EngineEntry] = registry(
    EngineEntry(
        name="keras",
        title="Keras 2 on TensorFlow",
        about="The paper's: TensorFlow 2.14, with every analyzer of iNNvestigate.",
        module="sat_nb.saliency.engines.keras.commands",
        extra="keras",
        packages=(
            Package("innvestigate", "==2.1.2"),
            Package("tensorflow", "~=2.14.0", ("tensorflow", "tensorflow-cpu", "tensorflow-macos")),
        ),
        pythons=("3.11",),
        explains="Keras 2 models: .h5, .keras, SavedModel, or live",
        fits=lambda path: not is_torch_file(path) and not is_keras_3(path),
        numbers=3,
    ),
    EngineEntry(
        name="torch",
        title="PyTorch, and Keras 3 on it",
        about="PyTorch programs and Keras 3 models, transformers among them.",
        module="sat_nb.saliency.engines.torch.commands",
        extra="torch",
        packages=(Package("torch", ">=2.8"), Package("keras", ">=3.12")),
        pythons=("3.13", "3.12", "3.11"),
        explains="live torch.nn.Module and .pt2 programs; Keras 3 models and files (.keras, .h5)",
        fits=lambda path: not path.is_dir(),  # HDF5 files go by any name
        numbers=1,
    ),
)
"""All engines by name; where several fit a model, the first that is installed explains it."""
