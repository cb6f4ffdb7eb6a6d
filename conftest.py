"""What all tests share, and what every docstring example may use without importing it."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# Runs in a process of its own only: it switches TensorFlow to graph mode.
collect_ignore = ["sat_nb/saliency/engines"]

# A bar in a notebook sends some thirty messages a second, which nbval reads only when the cell
# has ended; ZeroMQ drops them from the thousandth on, the one that says "idle" among them.
os.environ.setdefault("TQDM_MININTERVAL", "5")

# Studies, in notebooks too, run at their smallest, in a folder of this run: what one has trained
# the others use, and nothing is left from an earlier run.
os.environ.setdefault("SAT_NB_SIZE", "tiny")
_WORK = None if "SAT_NB_WORK" in os.environ else tempfile.TemporaryDirectory(prefix="sat_nb-")
if _WORK is not None:
    os.environ["SAT_NB_WORK"] = _WORK.name

# A shell ignores Ctrl-C in its background jobs, and programs that tests start inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What tests write need not outlive a power cut, and waiting for the disk adds up to minutes. The
# programs and notebooks that tests start do wait.
os.fsync = lambda handle: None

# What explains models of Keras 2 is not there on every Python. A test says that it needs it by the
# marker "keras" or by the fixture `tensorflow`; notebooks and examples cannot, and stand here.
HAS_KERAS = all(map(find_spec, ("tensorflow", "innvestigate")))
NO_KERAS = pytest.mark.skip(
    reason="needs TensorFlow and iNNvestigate (pip install 'sat-nb[keras]')"
)
NEED_KERAS = (
    *("notebooks/00", "notebooks/01", "notebooks/02", "notebooks/03", "notebooks/04"),
    *("notebooks/06", "notebooks/07", "notebooks/09", "notebooks/10"),
    "notebooks/figure",
)

# And what explains models of PyTorch, which has a Python of its own.
NO_TORCH = pytest.mark.skip(
    reason="no Python with PyTorch: `make torch`, or name one in SAT_NB_ENGINE_TORCH"
)
NEED_TORCH = ("notebooks/04",)

settings.register_profile("sat_nb", deadline=None)  # machines are shared and noisy
settings.load_profile("sat_nb")

# Files whose tests share costly things, by the beginnings of their names: one process runs all of a
# group. Elsewhere the tests of a file stay together. (pytest-xdist's own "loadgroup" does nothing
# under pytest 9.2.) Of the studies, two processes at a time would render the same photos and train
# the same models twice; one after the other, what one has made the others use.
TOGETHER = {
    "real": ("tests/real/",),
    "ui": ("tests/ui/",),
    "studies": (
        *("tests/reproduction/test_bias", "tests/reproduction/test_methods"),
        *("tests/reproduction/test_pretrained", "tests/reproduction/test_watermark"),
        *("notebooks/00", "notebooks/01", "notebooks/03", "notebooks/06", "notebooks/10"),
        "notebooks/figure",
    ),
}


# The longest first, so that no process is left alone with one of them at the end.
LONGEST = ("studies", "ui", "tests/saliency/", "notebooks/", "real", "tests/agnostic/")


def _group(nodeid: str) -> str:
    """The tests that one process runs together: those of a file, or of a group of files."""
    file = nodeid.split("::")[0]
    return next((group for group, starts in TOGETHER.items() if file.startswith(starts)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Which tests pytest-xdist hands to one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    config.option.loadscopereorder = False  # the items' own order counts, see below
    return ByGroup(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In processes of pytest-xdist, long groups come first. What cannot run is skipped."""

    def place(item: pytest.Item) -> int:
        group = _group(item.nodeid)
        return next((n for n, start in enumerate(LONGEST) if group.startswith(start)), len(LONGEST))

    if hasattr(config, "workerinput"):
        items.sort(key=place)
    for item in [] if HAS_KERAS else filter(_needs_keras, items):
        item.add_marker(NO_KERAS)
    for item in items:
        if item.nodeid.startswith(NEED_TORCH) and _torch_python() is None:
            item.add_marker(NO_TORCH)


def _torch_python() -> str | None:
    from tests.saliency.torch.python import TORCH_PYTHON

    return TORCH_PYTHON


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """The kernel of a notebook that needs PyTorch is started with the Python of `make torch`."""
    with pytest.MonkeyPatch.context() as patch:
        if item.nodeid.startswith(NEED_TORCH) and _torch_python() is not None:
            patch.setenv("SAT_NB_ENGINE_TORCH", str(_torch_python()))
        return (yield)


def _needs_keras(item: pytest.Item) -> bool:
    asked = item.get_closest_marker("keras") or "tensorflow" in getattr(item, "fixturenames", ())
    return bool(asked) or item.nodeid.startswith(NEED_KERAS)


@pytest.fixture(autouse=True)
def _names_in_examples(
    request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]
) -> Iterator[None]:
    import sat_nb

    doctest_namespace.update({name: getattr(sat_nb, name) for name in sat_nb.__all__})
    doctest_namespace.update(np=np, sat=sat_nb)
    # Examples show numbers, whether they are Python's or numpy's, which numpy 2 tells apart.
    shown = isinstance(request.node, pytest.DoctestItem) and np.lib.NumpyVersion(np.__version__)
    with np.printoptions(legacy="1.25") if shown and shown >= "2.0.0" else nullcontext():
        yield
