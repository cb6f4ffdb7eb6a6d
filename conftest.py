"""What all tests share, and what every docstring example may use without importing it."""

from __future__ import annotations

import os
import tempfile
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

settings.register_profile("sat_nb", deadline=None)  # machines are shared and noisy
settings.load_profile("sat_nb")

# Folders whose tests share costly things: one process runs all of them. Elsewhere a file's tests
# stay together. (pytest-xdist's own "loadgroup" does nothing under pytest 9.2.)
TOGETHER = ("tests/real/", "tests/ui/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Which tests pytest-xdist hands to one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return next((folder for folder in TOGETHER if file.startswith(folder)), file)

    return ByFile(config, log)


@pytest.fixture(autouse=True)
def _names_in_examples(doctest_namespace: dict[str, Any]) -> None:
    import sat_nb

    doctest_namespace.update({name: getattr(sat_nb, name) for name in sat_nb.__all__})
    doctest_namespace.update(np=np, sat=sat_nb)
