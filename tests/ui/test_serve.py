"""`sat-nb explore`: what it refuses before it starts, and the page that it serves."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest
from click.testing import CliRunner

import sat_nb as sat
from sat_nb.cli import main
from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.toy import toy
from sat_nb.widgets.serve import serve
from tests.ui.browser import Tab
from tests.ui.explorer_page import ExplorerPage
from tests.ui.servers import LOOPBACK, interrupt, kernels_of, program

HOSTILE = "a 'table' \"of\" $(touch ${x}) {0} \\n é"


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    return sat.write_table(sat.build(*toy()), tmp_path / "sat.parquet")


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(app: Any) -> None:
        raise AssertionError("the server was started")

    monkeypatch.setattr("voila.app.Voila.start", start)


# Refusals.


def test_without_voila_the_extra_is_named(
    table_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "voila.app", None)
    with pytest.raises(InvalidInput, match=r"Voilà, which is not installed.*sat-nb\[serve\]"):
        serve(table_file)


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"table": "nowhere.parquet"}, FileMissing, "table: .*nowhere.parquet' does not exist"),
        ({"table": __file__}, InvalidInput, "not readable as a Segment Attribution Table"),
        ({"images": "nowhere"}, FileMissing, "--images: .*nowhere' does not exist"),
        ({"maps": "nowhere"}, FileMissing, "--maps: .*nowhere' does not exist"),
        ({"maps": Path(__file__).parent}, FileMissing, "ui"),
        ({"segments": "nowhere"}, FileMissing, "--segments: .*nowhere' does not exist"),
        ({"port": 0}, InvalidInput, "port: expected a number from 1 to 65535, got 0"),
        ({"theme": "darc"}, InvalidInput, "theme: unknown name 'darc'. Did you mean 'dark'?"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    table_file: Path, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        serve(**{"table": table_file, "browser": False, **options})


@pytest.mark.usefixtures("nothing_starts")
def test_a_port_in_use_is_named(table_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"port: {port} is in use"):
            serve(table_file, port=port, browser=False)


def test_errors_are_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["explore", str(tmp_path / "nowhere.parquet")])
    assert result.exit_code == 1
    assert result.output.startswith("Error: table: ")
    assert "Traceback" not in result.output


# The page.


@pytest.fixture(scope="module")
def fake_browser(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A program, and the file into which it writes what it is started with."""
    program = tmp_path_factory.mktemp("fake") / "browser"
    seen = program.with_name("seen")
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}.part; mv {seen}.part {seen}\n')
    program.chmod(0o700)
    return program, seen


@pytest.fixture(scope="module")
def served(
    browser: Any,
    explored: Path,
    fake_browser: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address of a page on data whose folder has a name that was made to do harm."""
    folder = tmp_path_factory.mktemp("served")
    data = folder / HOSTILE
    data.symlink_to(explored)
    own = folder / "working folder"
    own.mkdir()
    (own / "voila.py").write_text("raise SystemExit('settings of the working folder')")
    (own / "secret.png").write_text("not to be served")
    options = {"images": data / "photos", "segments": data / "exports"}
    command = explore(data / "sat.parquet")
    command += [str(part) for name, path in options.items() for part in (f"--{name}", path)]
    with program(command, folder, cwd=own, BROWSER=f"{fake_browser[0]} %s") as process:
        yield _address(process, folder), process


def explore(table_file: Path, *options: str, before: str = "") -> list[str]:
    """The command line of `sat-nb explore`, which runs some code before."""
    code = f"{before}\nfrom sat_nb.cli import main\nmain()"
    return [sys.executable, "-P", "-c", code, "explore", str(table_file), *options]


def _address(process: subprocess.Popen, folder: Path) -> str:
    limit = time.monotonic() + 60
    while time.monotonic() < limit and process.poll() is None:
        said = (folder / "log.txt").read_text()
        if "(Ctrl-C ends it)\n" in said:
            return said.split()[4]
        time.sleep(0.05)
    raise RuntimeError((folder / "log.txt").read_text())


def test_the_page_shows_the_explorer_and_nothing_of_its_address(
    served: tuple[str, subprocess.Popen], open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab()
    harm = "%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E"
    tab.page.goto(f"{served[0]}&theme={harm}&template={harm}")
    explorer = ExplorerPage(tab)
    assert tab.page.locator("img[src=x]").count() == 0
    assert explorer.main.locator(".sat-picture svg").is_visible()
    explorer.click(".sat-tab-table")
    names = {row[1] for row in explorer.rows()[1:]}
    assert {"watermark", "eyes"} <= names
    explorer.act("methods", "press", "gradient")
    assert {row[0] for row in explorer.rows()[1:]} == {"deep_taylor", "gradient"}
    explorer.control("how").locator("select").focus()
    explorer.does(lambda: tab.page.keyboard.press("ArrowDown"))
    assert explorer.control("how").locator("select").input_value() == "absolute"
    explorer.click(".sat-main .sat-drill-segment", "watermark")
    photo = explorer.texts(".sat-card:visible button")[0]
    explorer.click(".sat-main .sat-drill-image:visible")
    assert photo in explorer.text()
    assert (tab.errors, tab.dialogs, tab.abroad) == ([], [], [])


def test_nobody_else_can_open_it(served: tuple[str, subprocess.Popen]) -> None:
    address, process = served
    kernels = psutil.Process(process.pid).children(recursive=True)
    assert kernels, "of the page that the test above has opened"
    for each in (psutil.Process(process.pid), *kernels):
        for connection in each.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip == LOOPBACK
    page, _, token = address.partition("?")
    for wrong in (page, f"{page}?token=", f"{page}?token=x{token[-5:]}"):
        with urlopen(wrong) as answer:
            assert answer.url.startswith(f"{page}login"), wrong


@pytest.mark.parametrize(
    "path",
    [
        "voila/files/secret.png",
        "voila/files/explorer.ipynb",
        "files/explorer.ipynb",
        "api/contents/explorer.ipynb",
        "explorer.ipynb",
        "voila/tree/",
        "voila/files/..%2f..%2fetc%2fpasswd",
        "voila/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    ],
)
def test_no_file_is_served_beside_it(path: str, served: tuple[str, subprocess.Popen]) -> None:
    page, _, token = served[0].partition("?")
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{page}{path}?{token}")
    assert refused.value.code in (403, 404)


def test_the_token_is_on_no_command_line(
    served: tuple[str, subprocess.Popen],
    fake_browser: tuple[Path, Path],
    open_tab: Callable[..., Tab],
) -> None:
    """All users of a machine see command lines: the browser's has a file of this user alone."""
    address, process = served
    limit = time.monotonic() + 20
    while not fake_browser[1].exists() and time.monotonic() < limit:
        time.sleep(0.05)
    given, token = fake_browser[1].read_text().strip(), address.partition("token=")[2]
    file = Path(given.removeprefix("file://"))
    assert token not in given
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    everyone = psutil.Process(process.pid).children(recursive=True)
    assert not [p for p in everyone if token in " ".join(p.cmdline())]
    tab = open_tab()
    tab.page.goto(given)
    tab.page.wait_for_url(address)


def test_control_c_ends_it_and_its_kernels(served: tuple[str, subprocess.Popen]) -> None:
    _, process = served
    kernels = psutil.Process(process.pid).children(recursive=True)
    assert kernels
    interrupt(process)
    assert process.wait(20) == 0
    _, alive = psutil.wait_procs(kernels, timeout=10)
    assert not alive


NOTICED_NOWHERE = """
import signal, weakref
from tornado.ioloop import IOLoop

class Referred: ...

def interrupt():
    referred = Referred()
    kept = weakref.ref(referred, lambda _: signal.raise_signal(signal.SIGINT))
    del referred

IOLoop.current().call_later(0.5, interrupt)
"""


def test_control_c_is_noticed_where_exceptions_are_ignored(
    table_file: Path, tmp_path: Path
) -> None:
    command = explore(table_file, "--no-browser", before=NOTICED_NOWHERE)
    with program(command, tmp_path) as process:
        assert process.wait(30) == 0
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


@pytest.mark.parametrize("end", [interrupt, subprocess.Popen.terminate])
def test_a_kernel_that_is_being_started_ends_too(
    end: Callable[[subprocess.Popen], None], table_file: Path, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = explore(table_file, "--no-browser")
    with program(command, tmp_path, TMPDIR=str(temporary)) as process:
        address = _address(process, tmp_path)
        threading.Thread(target=_open, args=[address], daemon=True).start()
        while not (kernels := kernels_of(process)):
            assert process.poll() is None
            time.sleep(0.01)
        end(process)
        assert process.wait(20) == 0
        _, alive = psutil.wait_procs(kernels, timeout=10)
        assert not alive
    assert list(temporary.iterdir()) == []


def _open(address: str) -> None:
    with suppress(OSError):
        urlopen(address).read()


def test_a_port_that_somebody_takes_first_is_left_to_them(table_file: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        late = f"from sat_nb.widgets import serve\nserve._free_port = lambda: {port}"
        command = explore(table_file, "--no-browser", before=late)
        with program(command, tmp_path) as process:
            address = _address(process, tmp_path)
            assert f":{port}/" not in address
            with urlopen(address) as answer:
                assert answer.status == 200
