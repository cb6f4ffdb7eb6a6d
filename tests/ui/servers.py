"""JupyterLab and the explorer's page as programs of their own, on the loopback address.

Each has a token, ignores the user's own settings, and ends together with its kernels.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
SETTINGS = {
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
    # Cells that are scrolled out of the window would leave the page.
    "notebook-extension/tracker": {"windowingMode": "none"},
}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, its token and the folder of its notebooks."""

    url: str
    token: str
    folder: Path

    def address(self, notebook: str) -> str:
        """Where a notebook of the folder is shown alone, without file browser."""
        return f"{self.url}/doc/tree/{notebook}?token={self.token}"


@contextmanager
def jupyterlab(folder: Path) -> Iterator[Lab]:
    """JupyterLab with notebooks in ``folder / "notebooks"``; its other files are in ``folder``."""
    notebooks = folder / "notebooks"
    notebooks.mkdir(exist_ok=True)
    lab = Lab(f"http://{LOOPBACK}:{free_port()}", secrets.token_hex(16), notebooks)
    for name, values in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"),
        f"--ServerApp.ip={LOOPBACK}",
        f"--ServerApp.port={lab.url.rpartition(':')[2]}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={notebooks}",
        "--ServerApp.allow_root=True",
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=None",
    ]
    with program(command, folder, JUPYTER_TOKEN=lab.token) as process:
        wait_for(f"{lab.url}/api", process, folder)
        yield lab


@contextmanager
def program(
    command: list[str], folder: Path, *, cwd: Path | None = None, **variables: str
) -> Iterator[subprocess.Popen]:
    """A program in a session of its own, which writes to ``folder/log.txt``; at the end it is
    stopped with everything that it has started."""
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(folder, **variables),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """The environment of a program whose settings, state and caches lie in ``folder``."""
    own = {
        name: str(folder / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
    return {
        **os.environ,
        **own,
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        **variables,
    }


def end(process: subprocess.Popen, patience: float = 10) -> None:
    """Terminate the program, and kill it after ``patience`` seconds; then kill its kernels."""
    children = kernels_of(process)
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()


def kernels_of(process: subprocess.Popen) -> list:
    import psutil

    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def wait_for(url: str, process: subprocess.Popen, folder: Path, patience: float = 60) -> None:
    """Wait until ``url`` can be opened."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit and process.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"no answer at {url}:\n{(folder / 'log.txt').read_text()[-4000:]}")


def free_port() -> int:
    """A port of the loopback address that is free now."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return listener.getsockname()[1]


def interrupt(process: subprocess.Popen) -> None:
    """Send what Ctrl-C sends."""
    process.send_signal(signal.SIGINT)
