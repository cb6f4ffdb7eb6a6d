"""The explorer as a page of its own, served by Voilà to this computer only: `sat-nb explore`."""

from __future__ import annotations

import asyncio
import html
import json
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sat_nb as sat
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.temporary import temporary_folder
from sat_nb.widgets.opened import AnyPath, opened

if TYPE_CHECKING:
    from sat_nb.widgets.explorer import Explorer

LOOPBACK = "127.0.0.1"
FIRST_PORT = 8866
THEMES = ("light", "dark")
VARIABLE = "SAT_NB_EXPLORE"
"""The environment variable that passes the paths to the page's kernel, as JSON."""

CELL = "from sat_nb.widgets.serve import explorer_from_environment\nexplorer_from_environment()"
IDLE_SECONDS = 60  # until a kernel ends whose page was closed without notice


def serve(
    table: AnyPath,
    *,
    images: AnyPath | None = None,
    maps: AnyPath | Sequence[AnyPath] | None = None,
    segments: AnyPath | None = None,
    port: int | None = None,
    browser: bool = True,
    theme: str = "light",
    announce: Callable[[str], None] = print,
) -> None:
    """Serve the explorer as a page on this computer until Ctrl-C.

    Nobody else can open the page: it is bound to the loopback address, its address contains a
    token, and no other file is served. The browser is given a file that only this user can read,
    which leads to that address: what a program is started with, all users of the machine see.
    Every window has a state of its own.

    Parameters
    ----------
    table : str or path
        Parquet file, or folder of shards.
    images : str or path, default None
        Folder of photos.
    maps : str, path or sequence of them, default None
        Folder of maps, as ``explain(..., out=...)`` writes it; several if each model of the table
        has a folder.
    segments : str or path, default None
        Folder of mask exports. Views that show more with data that was not given name it.
    port : int, default None
        Port of the loopback address; by default the first free one from 8866.
    browser : bool, default True
        Whether to open the page in the web browser.
    theme : {"light", "dark"}, default "light"
        Theme of the page.
    announce : callable, default print
        Called with a line that contains the address, once the page can be opened. A browser that
        may not read temporary files is given that address by hand.

    Raises
    ------
    InvalidInput
        If Voilà is not installed, the port is in use, or the table cannot be explored.
    FileMissing
        If a file or folder does not exist. Both are raised before anything is started.
    """
    if theme not in THEMES:
        raise unknown_name("theme", theme, THEMES)
    voila = _voila()
    given: dict[str, Any] = {
        "table": os.path.abspath(table),
        "images": None if images is None else os.path.abspath(images),
        "maps": [os.path.abspath(path) for path in _as_list(maps)],
        "segments": None if segments is None else os.path.abspath(segments),
    }
    sat.explore(**opened(**given))  # what is wrong is said before anything starts
    if port is not None:
        _check_port(port)
    with temporary_folder() as folder:
        os.environ[VARIABLE] = json.dumps(given)
        _keep_state_in(folder / "state")
        app = _page(voila, folder / "page", port, theme)
        _when_running(app, folder if browser else None, announce)
        with _signals_end(app):
            app.start()


def explorer_from_environment() -> Explorer:
    """The explorer of the paths that ``serve`` was given; called in the page's kernel."""
    return sat.explore(**opened(**json.loads(os.environ[VARIABLE])))


def _as_list(paths: Any) -> list[Any]:
    if paths is None:
        return []
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


def _voila() -> Any:
    try:
        from voila.app import Voila
    except ImportError as error:
        raise InvalidInput(
            "sat-nb explore: the page is served by Voilà, which is not installed; run "
            "`pip install 'sat-nb[serve]'`, or call sat_nb.explore(table) in a notebook."
        ) from error
    return Voila


def _page(voila: Any, folder: Path, port: int | None, theme: str) -> Any:
    """Voilà with a notebook of one cell, the only file of the folder."""
    from traitlets.config import Config

    settings = {
        "allow_template_override": "NO",  # Voilà takes both from the address, unescaped
        "allow_theme_override": "NO",
        "file_allowlist": [],
        "kernel_spec_manager_class": _this_python(),
        "multi_kernel_manager_class": _kernels(),
        "prelaunch_hook": _page_may_end_its_kernel,
        "show_tracebacks": True,
        "theme": theme,
    }
    kernels = {"cull_idle_timeout": IDLE_SECONDS, "cull_interval": IDLE_SECONDS // 2}
    config = Config(VoilaConfiguration=settings, MappingKernelManager=kernels)
    if os.name == "posix":  # sockets in a folder of this user, in place of open ports
        config.KernelManager.transport = "ipc"
    app = voila(
        config=config,
        config_file_paths=[],  # by default, a voila.py in the working folder would be run
        ip=LOOPBACK,
        log_level=logging.ERROR,
        notebook_path=str(_notebook(folder)),
        open_browser=False,
        port=_free_port() if port is None else port,
        port_retries=50 if port is None else 0,  # somebody else may take it first
        token=secrets.token_urlsafe(24),
    )
    app.initialize([])
    logging.getLogger("tornado").setLevel(logging.ERROR)
    app.template_paths.insert(0, str(Path(__file__).parent / "page"))
    return app


def _notebook(folder: Path) -> Path:
    from nbformat import v4, write

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"title": "Segment Attribution Table", "kernelspec": kernel}
    folder.mkdir()
    file = folder / "explorer.ipynb"
    write(v4.new_notebook(cells=[v4.new_code_cell(CELL)], metadata=metadata), file)
    return file


def _this_python() -> type:
    """Kernel specs with this Python alone, whatever kernel is registered under its name."""
    from jupyter_client.kernelspec import KernelSpecManager

    class ThisPython(KernelSpecManager):
        def _kernel_dirs_default(self) -> list[str]:
            return []

    return ThisPython


def _kernels() -> type:
    """Kernels that all end, one that is just being started for a page, too."""
    from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
    from tornado.web import HTTPError

    class Kernels(AsyncMappingKernelManager):
        starting = 0
        ending = False

        async def start_kernel(self, **options: Any) -> str:  # type: ignore[override]
            if self.ending:
                raise HTTPError(503)
            self.starting += 1
            try:
                return await super().start_kernel(**options)
            finally:
                self.starting -= 1

        async def shutdown_all(self, now: bool = False) -> None:  # type: ignore[override]
            self.ending = True
            while self.starting:
                await asyncio.sleep(0.02)
            each = [self.shutdown_kernel(kernel, now=now) for kernel in self.list_kernel_ids()]
            await asyncio.gather(*each, return_exceptions=True)  # one may be ending already

    return Kernels


def _page_may_end_its_kernel(request: Any, notebook: Any, cwd: str) -> None:
    """Set the cookie that a page repeats when it is closed, so that its kernel ends, too."""
    _ = request.xsrf_token


def _keep_state_in(folder: Path) -> None:
    """Let Jupyter and IPython write there, as the home may be read-only: sockets, history, ..."""
    from jupyter_core.paths import jupyter_data_dir

    installed = [jupyter_data_dir(), os.environ.get("JUPYTER_PATH", "")]  # widgets, templates
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, installed))
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        own = folder / name.lower()
        own.mkdir(parents=True, mode=0o700)
        os.environ[name] = str(own)


def _redirection(folder: Path, address: str) -> str:
    """The address of a file of this user alone that leads a browser to ``address``."""
    file = folder / "open.html"
    file.touch(mode=0o600)
    leads = html.escape(address)
    file.write_text(
        '<!DOCTYPE html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={leads}"><title>sat-nb explore</title>'
        f'<a href="{leads}">The explorer</a>',
        encoding="utf-8",
    )
    return file.as_uri()


def _when_running(app: Any, folder: Path | None, announce: Callable[[str], None]) -> None:
    """Announce the address once the page can be opened; with a folder, let a browser open it."""
    from tornado.ioloop import IOLoop

    def ready() -> None:
        address = f"http://{LOOPBACK}:{app.port}/?token={app.token}"
        announce(f"The explorer is at {address} (Ctrl-C ends it)")
        if folder is not None:
            file = _redirection(folder, address)
            threading.Thread(target=webbrowser.open, args=[file], daemon=True).start()

    IOLoop.current().add_callback(ready)


@contextmanager
def _signals_end(app: Any) -> Iterator[None]:
    """Let Ctrl-C, or a request to terminate, end the kernels and then the server.

    Ctrl-C as an exception would be lost where Python ignores exceptions, as in callbacks of weak
    references, or be raised while a page is made. A second Ctrl-C does what it does elsewhere.
    """
    from tornado.ioloop import IOLoop

    loop = IOLoop.current()
    before: dict[signal.Signals, Any] = {}

    def end(number: int, frame: Any) -> None:
        restore()
        loop.add_callback_from_signal(stop)

    def restore() -> None:
        while before:
            signal.signal(*before.popitem())

    async def stop() -> None:
        logging.disable()  # pages that are being made fail now, and nobody is there to read it
        try:
            await app.kernel_manager.shutdown_all()
        finally:
            loop.stop()

    if threading.current_thread() is threading.main_thread():  # others receive no signals
        before |= {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        restore()
        logging.disable(logging.NOTSET)


def _check_port(port: int) -> None:
    if not 0 < port < 2**16:
        raise InvalidInput(f"port: expected a number from 1 to 65535, got {port}.")
    if not _is_free(port):
        raise InvalidInput(
            f"port: {port} is in use; choose another, or leave it out for a free one."
        )


def _free_port() -> int:
    return next(port for port in range(FIRST_PORT, 2**16) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        if sys.platform != "win32":  # as the server does: a port closed just now is free
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
