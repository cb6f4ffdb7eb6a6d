"""A store of maps that live only as long as their rows need them."""

from __future__ import annotations

from collections.abc import Sequence

from sat_nb.saliency.store.chunks import Key, MemoryChunks
from sat_nb.saliency.store.codec import Chunk


class PassingChunks(MemoryChunks):
    """Maps in memory as they were computed: those of one batch, which are read once."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: dict[Key, Chunk] = {}

    def has(self, key: Key) -> bool:
        """Whether the chunk is there."""
        return key in self._chunks or super().has(key)

    def get(self, key: Key, *, shape: Sequence[int] | None = None) -> Chunk:
        """The chunk."""
        return self._chunks[key] if key in self._chunks else super().get(key, shape=shape)

    def put(self, key: Key, chunk: Chunk, *, dtype: str = "float32") -> None:
        """Keep the chunk; one whose values are rounded goes the way of files."""
        if dtype == "float32":
            self._chunks[key] = chunk
        else:
            super().put(key, chunk, dtype=dtype)
