"""The Dask client of a command's ``--cluster``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.processors import n_cores
from sat_nb.reading import reason_of


@contextmanager
def dask_client(cluster: str | None) -> Iterator[Any]:
    """A client of the cluster, None where there is none; workers of this machine end with it."""
    if cluster is None:
        yield None
        return
    kind, _, number = cluster.partition(":")
    is_local = kind == "local"
    if is_local and not (number.isdigit() and int(number)):
        raise InvalidInput(f"--cluster: expected local:N, such as local:4, got {cluster!r}.")
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InvalidInput(
            "--cluster: Dask is not installed; run `pip install 'sat-nb[dask]'`."
        ) from error
    with ExitStack() as stack:
        if is_local:
            n_threads = max(1, n_cores() // int(number))
            options = {"n_workers": int(number), "threads_per_worker": n_threads}
            address: Any = stack.enter_context(LocalCluster(**options, dashboard_address=":0"))
        else:
            address = cluster
        try:
            client = stack.enter_context(Client(address))
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"--cluster: no scheduler answers at {cluster!r} ({reason_of(error)}); start one "
                "with `dask scheduler`, and give its address."
            ) from error
        yield client
