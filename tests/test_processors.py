"""Threads of a pool: those that fill all cores do not share one."""

from __future__ import annotations

import os
from threading import Barrier

import pytest

from sat_nb.processors import n_cores, threads_on_cores

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system keeps no thread on a core"
)


def cores_of_threads(n: int) -> list[set[int]]:
    """The cores that each of n threads may run on, asked while all of them are at work."""
    together = Barrier(n)

    def cores(_: int) -> set[int]:
        together.wait(timeout=60)
        return os.sched_getaffinity(0)

    with threads_on_cores(n) as threads:
        return list(threads.map(cores, range(n)))


def test_as_many_threads_as_cores_have_one_each() -> None:
    before = os.sched_getaffinity(0)
    assert sorted(map(list, cores_of_threads(n_cores()))) == [[core] for core in sorted(before)]
    assert os.sched_getaffinity(0) == before


def test_other_numbers_of_threads_run_anywhere() -> None:
    n = n_cores() + 1
    assert cores_of_threads(n) == [os.sched_getaffinity(0)] * n


def test_a_core_that_was_lost_meanwhile_costs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getaffinity(0)

    def refused(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "sched_setaffinity", refused)
    assert cores_of_threads(n_cores()) == [before] * n_cores()
