"""What one process sends the other receives, arrays without copies."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from sat_nb.saliency.process import messages as protocol

ARRAYS = {
    "rows": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "every other": np.arange(10)[::2],
    "empty": np.zeros((0, 3), np.float32),
    "one number": np.array(2.5),
    "large": np.ones(1_000_000, np.float32),
}


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as there, os.fdopen(writing, "wb") as here:
        protocol.widen(here)
        yield here, there


@pytest.mark.parametrize("message", [None, ("name", {"a": 1}), ARRAYS, [ARRAYS["rows"]] * 2])
def test_round_trip(message, pipe):
    here, there = pipe
    sending = threading.Thread(target=protocol.send, args=(here, message))
    sending.start()
    came = protocol.receive(there)
    sending.join()
    if not isinstance(message, dict):
        np.testing.assert_equal(came, message)
        return
    assert list(came) == list(message)
    for name, array in message.items():
        np.testing.assert_array_equal(came[name], array)
        assert came[name].dtype == array.dtype
        came[name][...] = 0  # and it may be written to


@pytest.mark.parametrize("n_bytes", [0, 5, 8, 30])
def test_pipe_that_ends_in_the_middle(n_bytes, pipe, tmp_path):
    with (tmp_path / "frame").open("wb") as file:
        protocol.send(file, ARRAYS["rows"])
    here, there = pipe
    here.write((tmp_path / "frame").read_bytes()[:n_bytes])
    here.close()
    with pytest.raises(EOFError, match="closed the pipe"):
        protocol.receive(there)
