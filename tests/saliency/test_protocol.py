"""What one process sends the other receives, arrays without copies."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.process import messages as protocol
from sat_nb.saliency.store.codec import Chunk

ARRAYS = {
    "rows": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "every other": np.arange(10)[::2],
    "empty": np.zeros((0, 3), np.float32),
    "one number": np.array(2.5),
    "large": np.ones(1_000_000, np.float32),
    "masks": np.eye(3, dtype=bool),
}
MESSAGES = [
    None,
    ("name", {"a": 1, "of": [1.5, True, "ü\udce9", {"b": (2, [])}]}),
    ARRAYS,
    [ARRAYS["rows"]] * 2,
    [2**64 - 1, float("inf"), -0.0],
    {"file": ModelFile("m.h5", "m", "1f", (2, 3)), "facts": ModelFacts((2, 3, 1), 2, "softmax")},
]


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as there, os.fdopen(writing, "wb") as here:
        protocol.widen(here)
        yield here, there


@pytest.mark.parametrize("message", MESSAGES)
def test_round_trip(message, pipe):
    here, there = pipe
    sending = threading.Thread(target=protocol.send, args=(here, message))
    sending.start()
    came = protocol.receive(there)
    sending.join()
    if message is not ARRAYS:
        np.testing.assert_equal(came, message)
        return
    assert list(came) == list(message)
    for name, array in message.items():
        np.testing.assert_array_equal(came[name], array)
        assert came[name].dtype == array.dtype
        came[name][...] = 0  # and it may be written to


@pytest.mark.parametrize("has_writev", [True, False])
def test_more_arrays_than_one_call_writes(has_writev, pipe, monkeypatch):
    if not has_writev:
        monkeypatch.delattr(os, "writev", raising=False)
    here, there = pipe
    message = [np.full(k % 7, k) for k in range(2500)] + [ARRAYS["large"]]
    sending = threading.Thread(target=protocol.send, args=(here, message))
    sending.start()
    came = protocol.receive(there)
    sending.join()
    for array, expected in zip(came, message, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_what_one_call_leaves_the_next_ones_write(pipe, monkeypatch):
    write = os.writev
    monkeypatch.setattr(os, "writev", lambda file, parts: write(file, [parts[0][:3]]))
    protocol.send(pipe[0], ("name", np.arange(9)))
    name, numbers = protocol.receive(pipe[1])
    assert (name, numbers.tolist()) == ("name", list(range(9)))


@pytest.mark.parametrize("n_bytes", [0, 5, 8, 30])
def test_pipe_that_ends_in_the_middle(n_bytes, pipe, tmp_path):
    with (tmp_path / "frame").open("wb") as file:
        protocol.send(file, ARRAYS["rows"])
    here, there = pipe
    here.write((tmp_path / "frame").read_bytes()[:n_bytes])
    here.close()
    with pytest.raises(EOFError, match="closed the pipe"):
        protocol.receive(there)


def sent_and_received(message, pipe):
    here, there = pipe
    sending = threading.Thread(target=protocol.send, args=(here, message))
    sending.start()
    came = protocol.receive(there)
    sending.join()
    return came


def test_maps_with_what_is_kept_beside_them(pipe):
    chunk = Chunk(ARRAYS["rows"], {"coarser": np.ones((3, 4))}, {"n_samples": np.int64(3)})
    (came,) = sent_and_received([chunk], pipe)
    assert isinstance(came, Chunk)
    np.testing.assert_array_equal(came.attribution, chunk.attribution)
    np.testing.assert_array_equal(came.arrays["coarser"], chunk.arrays["coarser"])
    assert came.facts == {"n_samples": 3}


def test_bytes_the_other_way_round_are_turned(pipe):
    came = sent_and_received(np.arange(3, dtype=">f8"), pipe)
    np.testing.assert_array_equal(came, [0, 1, 2])
    assert came.dtype == np.dtype("<f8")


@pytest.mark.parametrize(
    "message", [{1, 2}, {1: "a"}, {"$": "array"}, np.array([object()]), np.array(["text"]), print]
)
def test_what_is_no_data_is_not_sent(message, pipe):
    with pytest.raises(TypeError, match="cannot be sent to another process"):
        protocol.send(pipe[0], message)


def test_frames_of_another_protocol_are_told_apart(pipe, monkeypatch):
    here, there = pipe
    with monkeypatch.context() as later:
        later.setattr(protocol, "PROTOCOL", protocol.PROTOCOL + 1)
        protocol.send(here, "hello")
    with pytest.raises(protocol.OtherProtocol, match="expected protocol"):
        protocol.receive(there)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(protocol.OtherProtocol, match="8 bytes are no array"):
        protocol._read_array("<f4", [3], memoryview(bytes(8)))
    with pytest.raises(protocol.OtherProtocol, match="are no array"):
        protocol._read_array("|O8", [1], memoryview(bytes(8)))
