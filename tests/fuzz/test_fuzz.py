"""A minute of the fuzzer: no error but ours, in little time and memory. ``make fuzz`` has hours."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from tests.fuzz import cases, hunt
from tests.fuzz.mutations import _fields, change_message, mutated
from tests.fuzz.targets import TARGETS

N_CASES = int(os.environ.get("SAT_NB_FUZZ_CASES", "900"))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")


def test_no_error_but_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAT_NB_FUZZ_LIGHT", "1")
    escapes, n_cases = hunt.hunt("0", 0, N_CASES)
    assert "\n".join(map(str, escapes)) == ""
    assert n_cases == N_CASES


def test_what_escaped_once() -> None:
    n_seeds = len(cases.seeds())
    escapes, n_cases = hunt.hunt(cases.KEPT, 0, n_seeds)
    assert "\n".join(f"{cases.seeds()[e.number].name}: {e}" for e in escapes) == ""
    assert n_cases == n_seeds > 0


# --- the fuzzer itself -------------------------------------------------------------------------


def test_cases_are_the_same_each_time() -> None:
    first = [cases.case("7", number) for number in range(len(TARGETS))]
    assert [cases.case("7", number) for number in range(len(TARGETS))] == first
    assert {name for name, *_ in first} == set(TARGETS)


def test_most_cases_are_damaged() -> None:
    found = [cases.case("7", number) for number in range(200)]
    assert sum(other is None and files == cases.valid(name) for name, files, other in found) < 20


@pytest.mark.parametrize("name", TARGETS)
def test_every_mutation_gives_bytes(name: str) -> None:
    rng = random.Random(0)
    for file, raw in cases.valid(name).items():
        assert isinstance(mutated(rng, file, raw, aware=TARGETS[name].aware), bytes)


def test_a_changed_message_is_still_one() -> None:
    raw = cases.valid("model: SavedModel")["m/saved_model.pb"]
    for number in range(50):
        assert _fields(change_message(random.Random(number), raw))


class Broken:
    """In place of a target's reader."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, folder: Path) -> None:
        raise self.error


def test_foreign_errors_and_long_messages_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import sat_nb as sat

    def of(error: Exception) -> str | None:
        broken = cases.Target(TARGETS["labels"].write, Broken(error))
        monkeypatch.setitem(TARGETS, "labels", broken)
        return cases.verdict("labels", cases.valid("labels"), None)

    class Long(sat.InvalidInput):
        def __str__(self) -> str:
            return "x" * 3000

    assert "KeyError" in (of(KeyError("x")) or "")
    assert "3000 characters" in (of(Long("")) or "")
    assert "too much memory" in (of(sat.InvalidInput("it needs more memory than there is")) or "")
    assert of(sat.InvalidInput("labels.csv: no.")) is None


def test_silent_damage_of_a_store_is_found() -> None:
    files = dict(cases.valid("store"))
    file = next(name for name in files if name.startswith("maps/maps/gradient"))
    files[file] = files[file][:-1] + bytes([files[file][-1] ^ 1])
    assert cases.verdict("store", files, None) is None  # refused
    found = {"gradient a": b"other"}
    assert "without a word" in (cases._of_silence("store", TARGETS["store"], files, found) or "")


def test_a_case_that_hangs_or_kills_is_found_and_the_next_one_runs(tmp_path: Path) -> None:
    """In place of the real program, one whose second case hangs, and whose next two kill it."""
    program = (
        "import os, signal, sys, time\n"
        "for n in range(int(sys.argv[1]), 5):\n"
        "    print('{\"case\": %d}' % n, flush=True)\n"
        "    time.sleep(60 if n == 1 else 0)\n"
        "    n in (2, 3) and os.kill(os.getpid(), 9 if n == 2 else signal.SIGXCPU)\n"
        "print('{\"case\": 5}', flush=True)\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hunt, "MAX_WALL_SECONDS", 0.5)
        patch.setattr(
            hunt, "command", lambda seed, first, last: [sys.executable, "-c", program, first]
        )
        escapes, n_cases = hunt.hunt("0", 0, 5)
    assert [(e.number, e.problem) for e in escapes] == [
        (1, "lasted more than 0.5 s"),
        (2, "the process died (-9)"),
        (3, "took more than 10 s of processor time"),
    ]
    assert n_cases == 5
