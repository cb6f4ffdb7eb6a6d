"""Garbage waits until the picture of a click is on its way, and is then collected again."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest

from sat_nb.widgets import clicks
from sat_nb.widgets.clicks import garbage_later


@pytest.fixture(autouse=True)
def pause(monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    """A short one; after a test garbage is collected."""
    monkeypatch.setattr(clicks, "PAUSE", 0.05)
    _wait()
    gc.enable()
    yield 0.05
    _wait()
    gc.enable()


def _wait() -> None:
    if clicks._soon is not None:
        clicks._soon.join()


def test_it_is_collected_after_a_pause() -> None:
    with garbage_later():
        assert not gc.isenabled()
    assert not gc.isenabled()
    _wait()
    assert gc.isenabled()


def test_a_click_within_the_pause_is_not_disturbed(pause: float) -> None:
    with garbage_later():
        pass
    with garbage_later():
        time.sleep(3 * pause)
        assert not gc.isenabled()
    _wait()
    assert gc.isenabled()


def test_one_within_another_ends_nothing(pause: float) -> None:
    with garbage_later():
        with garbage_later():
            pass
        time.sleep(3 * pause)
        assert not gc.isenabled()
    _wait()
    assert gc.isenabled()


def test_an_error_changes_nothing() -> None:
    with pytest.raises(ZeroDivisionError), garbage_later():
        raise ZeroDivisionError
    _wait()
    assert gc.isenabled()


def test_who_collects_none_goes_on_so(pause: float) -> None:
    gc.disable()
    with garbage_later():
        pass
    time.sleep(3 * pause)
    assert not gc.isenabled()
