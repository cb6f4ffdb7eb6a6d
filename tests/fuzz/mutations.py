"""Changes of a file: of its bytes, and of what JSON, zip, PNG, maps and documents of stores say."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from sat_nb.saliency.store.codec import HEADER_CRC, crc_of
from sat_nb.saliency.store.documents import CRC

NUMBERS = [0, -1, 1, 2**31 - 1, 2**31, 2**32, 2**63, 10**30, 10**400, -(10**9), 0.5, 1e308, -1e-320]
TEXTS = ["", "../../a", "a\0b", "\ud800", "x" * 300, "e\u0301", "\u202e", "[" * 30, "1e999", "NaN"]
WORDS: list[bytes] = [
    struct.pack(kind, value)
    for kind in ("<I", ">I", "<Q", "<H", ">H")
    for value in (0, 1, 0x7F, 0x7FFF, 0xFFFF)
] + [b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\xff" * 3 + b"\x7f", b"\xff" * 8]
WORDS += [struct.pack(kind, 11_000, 12_000) for kind in ("<HH", ">HH", "<II", ">II")]
"""The last ones are sides of a picture that takes half a gigabyte."""

Mutation = Callable[[random.Random, bytes], bytes]


# --- bytes -------------------------------------------------------------------------------------


def _span(rng: random.Random, raw: bytes) -> tuple[int, int]:
    start = rng.randrange(len(raw) + 1)
    return start, min(len(raw), start + rng.choice([1, 2, 4, 8, 16, 64, 256]))


def flip_bits(rng: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 8]) if raw else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(rng: random.Random, raw: bytes) -> bytes:
    return raw[: rng.randrange(len(raw) + 1)]


def delete_span(rng: random.Random, raw: bytes) -> bytes:
    start, end = _span(rng, raw)
    return raw[:start] + raw[end:]


def repeat_span(rng: random.Random, raw: bytes) -> bytes:
    start, end = _span(rng, raw)
    return raw[:end] + raw[start:end] * rng.choice([1, 2, 100]) + raw[end:]


def put_word(rng: random.Random, raw: bytes) -> bytes:
    start, word = rng.randrange(len(raw) + 1), rng.choice(WORDS)
    return raw[:start] + word + raw[start + len(word) :]


def put_noise(rng: random.Random, raw: bytes) -> bytes:
    start, end = _span(rng, raw)
    return raw[:start] + rng.randbytes(end - start) + raw[end:]


def recode(rng: random.Random, raw: bytes) -> bytes:
    text = raw.decode("utf-8", "replace")
    return text.encode(rng.choice(["utf-8-sig", "utf-16", "utf-32", "latin-1"]), "replace")


def change_lines(rng: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    at = rng.randrange(len(lines))
    nasty = rng.choice(
        [b"a" * 5000, b'"', b"[" * 3000, b"a." * 3000 + b"a = 1", b"\0", b"a = {b = " * 500, b",,,"]
    )
    change = rng.choice(["twice", "gone", "new", "joined", "shuffled"])
    if change == "twice":
        lines.insert(at, lines[at])
    elif change == "gone":
        del lines[at]
    elif change == "new":
        lines.insert(at, nasty)
    elif change == "joined":
        lines[at] += nasty
    else:
        rng.shuffle(lines)
    return b"\n".join(lines)


BYTES: list[Mutation] = [
    *(flip_bits, flip_bits, cut, delete_span, repeat_span, put_word, put_noise, put_noise)
]
TEXT: list[Mutation] = [*BYTES, recode, change_lines, change_lines]


# --- JSON --------------------------------------------------------------------------------------


def _value(rng: random.Random) -> Any:
    kind = rng.randrange(7)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.choice(TEXTS)
    if kind == 2:
        return rng.choice([None, True, False, [], {}, [[]], {"": 1}, [1, [2, [3]]]])
    if kind == 3:
        return rng.choice([float("nan"), float("inf"), -float("inf")])
    if kind == 4:
        return [rng.choice(NUMBERS) for _ in range(rng.choice([1, 3, 1000]))]
    if kind == 5:
        return {rng.choice(TEXTS) or "k": rng.choice(NUMBERS)}
    return "DEEP"


def _places(document: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value."""
    found, left = [], [document]
    while left:
        one = left.pop()
        keys = one if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            found.append((one, key))
            left.append(one[key])
    return found


def changed(rng: random.Random, document: Any) -> Any:
    """The document with one to three values replaced, deleted, doubled or swapped."""
    holder = [document]
    for _ in range(rng.choice([1, 1, 2, 3])):
        places = _places(holder)
        container, key = rng.choice(places)
        other, other_key = rng.choice(places)
        change = rng.randrange(6)
        if change == 0 and container is not holder:
            del container[key]
        elif change == 1 and isinstance(container, list) and container is not holder:
            container.extend([container[key]] * rng.choice([1, 2, 300]))
        elif change == 2 and not isinstance(other[other_key], dict | list):
            container[key] = other[other_key]
        elif change == 3 and type(container[key]) in (int, float, str):
            old = container[key]
            container[key] = str(old) if not isinstance(old, str) else [old]
        else:
            container[key] = _value(rng)
    return holder[0]


def dumped(rng: random.Random, document: Any, *, one_line: bool = False) -> bytes:
    """As JSON text; perhaps with a key twice, and DEEP as what it says."""
    text = json.dumps(document, ensure_ascii=rng.random() < 0.5)
    n_deep = rng.choice([10, 200, 100_000])
    text = text.replace('"DEEP"', "[" * n_deep + "]" * n_deep)
    if rng.random() < 0.1 and text.startswith("{") and len(text) > 2:
        text = text[:-1] + "," + text[1:]
    if rng.random() < 0.02 and text.startswith("{"):
        text = text[:-1] + ', "k": 1' * 20_000 + "}"
    if not one_line and rng.random() < 0.1:
        text = text.replace(",", ",\n\t ").replace("{", "{ ")
    return text.encode("utf-8", "surrogatepass")


def change_json(rng: random.Random, raw: bytes) -> bytes:
    return dumped(rng, changed(rng, json.loads(raw)))


def change_document(rng: random.Random, raw: bytes) -> bytes:
    """A document of a store whose checksum fits what it says now."""
    content = json.loads(raw)
    content.pop(CRC, None)
    content = changed(rng, content)
    if isinstance(content, dict):
        content[CRC] = crc_of(content)
    return dumped(rng, content)


def change_header(rng: random.Random, raw: bytes) -> bytes:
    """A map of a store whose header says something else, with or without checksums that fit."""
    line, _, payload = raw.partition(b"\n")
    content = json.loads(line)
    fits = content.pop(HEADER_CRC, None) is not None and rng.random() < 0.5
    payload = rng.choice(BYTES)(rng, payload) if rng.random() < 0.3 else payload
    content["crc32"] = zlib.crc32(payload)
    content = changed(rng, content)
    if isinstance(content, dict) and fits:
        content[HEADER_CRC] = crc_of(content)
    return dumped(rng, content, one_line=True) + b"\n" + payload


# --- containers --------------------------------------------------------------------------------


def change_member(rng: random.Random, raw: bytes) -> bytes:
    """A zip file with one member changed, packed again."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(stream, "w") as new:
        names = old.namelist()
        chosen = rng.choice(names)
        for name in names:
            content = old.read(name)
            if name == chosen:
                is_json = name.endswith(".json") and rng.random() < 0.7
                content = (change_json if is_json else rng.choice(BYTES))(rng, content)
            packing = zipfile.ZIP_DEFLATED
            new.writestr(zipfile.ZipInfo(name), content, packing)  # without the time of day
    return stream.getvalue()


def change_packed(rng: random.Random, raw: bytes) -> bytes:
    """A gzip file with its JSON changed, packed again."""
    return gzip.compress(change_json(rng, gzip.decompress(raw)), mtime=0)


def change_message(rng: random.Random, raw: bytes) -> bytes:
    """A protocol buffer with one field changed, at any depth, and lengths that fit."""
    fields = _fields(raw)
    i = rng.randrange(len(fields))
    key, value = fields[i]
    if key & 7 == 2:
        inner = rng.random() < 0.9 and len(value) > 2 and _is_message(value)
        value = (change_message if inner else rng.choice(BYTES))(rng, value)
    elif key & 7 == 0:
        value = _varint(rng.choice([number for number in NUMBERS if isinstance(number, int)]))
    else:
        value = rng.randbytes(len(value))
    fields[i : i + 1] = [(key, value)] * rng.choice([0, 1, 1, 1, 1, 2])
    return b"".join(
        _varint(key) + (_varint(len(value)) if key & 7 == 2 else b"") + value
        for key, value in fields
    )


def _is_message(raw: bytes) -> bool:
    try:
        return bool(_fields(raw))
    except (IndexError, KeyError):
        return False


def _fields(raw: bytes) -> list[tuple[int, bytes]]:
    """(number and kind, content) of the fields of a message; IndexError or KeyError otherwise."""
    found, at = [], 0
    while at < len(raw):
        key, at = _number(raw, at)
        start = at
        if key & 7 == 2:
            length, start = _number(raw, at)
            at = start + length
        elif key & 7 == 0:
            _, at = _number(raw, at)
        else:
            at += {1: 8, 5: 4}[key & 7]
        if at > len(raw) or key < 8:
            raise IndexError(at)
        found.append((key, raw[start:at]))
    return found


def _number(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (raw[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if raw[at - 1] < 128:
            return number, at


def _varint(number: int) -> bytes:
    number %= 2**64
    packed = bytearray()
    while number > 127:
        packed.append(number & 127 | 128)
        number >>= 7
    return bytes([*packed, number])


def change_chunk(rng: random.Random, raw: bytes) -> bytes:
    """A PNG with one chunk changed, its checksum right."""
    at, chunks = 8, []
    while at + 8 <= len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        chunks.append((raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]))
        at += 12 + length
    i = rng.randrange(len(chunks))
    kind, data = chunks[i]
    unpack = kind == b"IDAT" and rng.random() < 0.5
    data = rng.choice(BYTES)(rng, zlib.decompress(data) if unpack else data)
    chunks[i] = (kind, zlib.compress(data) if unpack else data)
    if rng.random() < 0.2:
        chunks.insert(rng.randrange(len(chunks)), rng.choice(chunks))
    return raw[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def change_metadata(rng: random.Random, raw: bytes) -> bytes:
    """A Parquet file whose facts and settings say something else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(raw))
    metadata = dict(table.schema.metadata or {})
    key = rng.choice(list(metadata))
    json_keys = [k for k in metadata if metadata[k][:1] in b"{["]
    if json_keys and rng.random() < 0.8:
        key = rng.choice(json_keys)
        metadata[key] = change_json(rng, metadata[key])
    else:
        metadata[key] = rng.choice(BYTES)(rng, metadata[key])
    stream = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), stream)
    return stream.getvalue().to_pybytes()


AWARE: dict[str, Mutation] = {
    ".json": change_json,
    ".zarray": change_json,
    ".zattrs": change_json,
    ".map": change_header,
    ".npz": change_member,
    ".keras": change_member,
    ".pt2": change_member,
    ".pb": change_message,
    ".gz": change_packed,
    ".png": change_chunk,
    ".parquet": change_metadata,
}
TEXT_SUFFIXES = {".json", ".txt", ".csv", ".toml", ".yaml", ".zarray"}


def mutated(rng: random.Random, name: str, raw: bytes, *, aware: Mutation | None = None) -> bytes:
    """The content of the file, changed once or twice."""
    suffix = "." + name.rpartition(".")[2]
    blind = TEXT if suffix in TEXT_SUFFIXES else BYTES
    aware = aware or AWARE.get(suffix)
    for _ in range(rng.choice([1, 1, 1, 2])):
        change = aware if aware and rng.random() < 0.6 else rng.choice(blind)
        try:
            raw = change(rng, raw)
        except Exception:  # it no longer is what the first change took it for
            raw = flip_bits(rng, raw)
    return raw
