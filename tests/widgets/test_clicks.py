"""The last of quick clicks alone is worked on; garbage waits until its picture is on its way."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator

import pytest

from sat_nb.widgets import clicks
from sat_nb.widgets.clicks import Debouncer, garbage_later


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


# --- several clicks -----------------------------------------------------------------------------

A_WHILE = 60.0  # seconds: a test that waits for it never ends in time


def test_a_single_click_does_not_wait() -> None:
    async def clicked() -> list[str]:
        done: list[str] = []
        Debouncer(A_WHILE)(lambda: done.append("only"))
        await asyncio.sleep(0.01)
        return done

    assert asyncio.run(clicked()) == ["only"]


def test_of_clicks_that_came_meanwhile_the_last_is_worked_on() -> None:
    async def clicked() -> list[str]:
        done: list[str] = []
        debounced = Debouncer(0.05)
        debounced(lambda: done.append("first"))
        await asyncio.sleep(0.01)
        for name in ("second", "third", "last"):  # messages that waited for the first one's work
            debounced(lambda name=name: done.append(name))  # type: ignore[misc]
            await asyncio.sleep(0)
        assert done == ["first"]
        await asyncio.sleep(0.5)
        return done

    assert asyncio.run(clicked()) == ["first", "last"]


def test_clicks_of_one_message_are_one() -> None:
    async def clicked() -> list[str]:
        done: list[str] = []
        debounced = Debouncer(0.05)
        for name in ("first", "last"):
            debounced(lambda name=name: done.append(name))  # type: ignore[misc]
        await asyncio.sleep(0.5)
        return done

    assert asyncio.run(clicked()) == ["last"]


def test_after_an_error_the_next_click_works() -> None:
    async def clicked() -> list[str]:
        done: list[str] = []
        debounced = Debouncer(0.01)
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        debounced(lambda: done.append(str(1 / 0)))
        await asyncio.sleep(0.1)
        debounced(lambda: done.append("next"))
        await asyncio.sleep(0.1)
        return done

    assert asyncio.run(clicked()) == ["next"]


def test_what_is_cancelled_is_not_worked_on() -> None:
    async def clicked() -> list[str]:
        done: list[str] = []
        debounced = Debouncer(0.01)
        debounced(lambda: done.append("never"))
        debounced.cancel()
        await asyncio.sleep(0.1)
        return done

    assert asyncio.run(clicked()) == []
