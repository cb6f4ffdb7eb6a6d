"""list_engines: which engines there are, where, and why one is missing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sat_nb.errors import EngineMissing, SatError
from sat_nb.saliency.engines.entries import ENGINES, EngineEntry
from sat_nb.saliency.engines.places import Place, find
from sat_nb.saliency.process.pool import ask_with_retry, shared_pool

if TYPE_CHECKING:
    import pandas as pd


def list_engines() -> pd.DataFrame:
    """List what explains models: where it is installed, its versions and devices.

    Every engine that is installed is started once to ask for its devices, which takes some seconds
    the first time.

    Returns
    -------
    pandas.DataFrame
        One row an engine, indexed by its name, in the order in which :func:`explain` tries them.
        ``explains`` says which models; ``python`` is the path of the Python it is installed in, and
        empty where it is missing; ``versions`` names that Python's version and those of the
        engine's packages; ``devices`` what it computes on; ``missing`` says why it cannot be used
        and how to install it, and is empty where it can.

    Examples
    --------
    >>> engines = list_engines()  # doctest: +SKIP
    >>> engines.loc["keras", "versions"]  # doctest: +SKIP
    'Python 3.11.7, innvestigate 2.1.2, tensorflow 2.14.1'
    """
    import pandas as pd

    with ThreadPoolExecutor(len(ENGINES)) as threads:
        rows = list(threads.map(_row, ENGINES.values()))
    return pd.DataFrame(rows, index=pd.Index(list(ENGINES), name="engine"))


def _row(entry: EngineEntry) -> dict[str, str]:
    about = {"about": entry.about, "explains": entry.explains}
    try:
        place = find(entry)
        return {**about, **_installed(place), "missing": ""}
    except EngineMissing as error:
        return {**about, "python": "", "versions": "", "devices": "", "missing": str(error)}


def _installed(place: Place) -> dict[str, str]:
    versions: Mapping[str, Any] = {"Python": place.facts.python, **place.facts.packages}
    return {
        "python": place.python or sys.executable,
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "devices": _devices(place),
    }


def _devices(place: Place) -> str:
    """What the engine computes on; why it says nothing, where it fails."""
    try:
        devices = ask_with_retry("devices", "asking for devices", pool=shared_pool(place.program))
        return ", ".join(devices)
    except SatError as error:
        return f"unknown: {error}"
