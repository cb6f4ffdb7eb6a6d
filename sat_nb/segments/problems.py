"""What a reader left out: messages by file, of which a person reads the first few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

MAX_MESSAGES = 100
"""Messages that are kept of one file; further ones are counted."""

MAX_LENGTH = 2000
"""Characters of one message."""


class Problems(Mapping[str, str]):
    """{file: messages, one a line} of items and files that were left out; ``n_items`` of them.

    >>> problems = Problems()
    >>> problems.note("a.json", "objects[3]: expected a name, got 7.")
    >>> problems, dict(problems)
    (1 item of 1 file, {'a.json': 'a.json: objects[3]: expected a name, got 7.'})
    """

    def __init__(self) -> None:
        self._messages: dict[str, Counter[str]] = {}
        self._n_more: Counter[str] = Counter()

    def note(self, file: str, message: object) -> None:
        """Add what is wrong with an item of a file."""
        messages = self._messages.setdefault(file, Counter())
        line = _line(file, str(message))
        if line in messages or len(messages) < MAX_MESSAGES:
            messages[line] += 1
        else:
            self._n_more[file] += 1

    @property
    def n_items(self) -> int:
        """How many items and files were left out, whether or not their messages were kept."""
        return sum(map(Counter.total, self._messages.values())) + self._n_more.total()

    def __getitem__(self, file: str) -> str:
        return "\n".join(self._lines(file))

    def _lines(self, file: str) -> list[str]:
        lines = [
            line if n == 1 else f"{line} ({n} times)" for line, n in self._messages[file].items()
        ]
        more = self._n_more[file]
        return [*lines, f"{file}: {more} more items."] if more else lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def __repr__(self) -> str:
        n, n_files = self.n_items, len(self)
        return f"{n} item{'s' * (n != 1)} of {n_files} file{'s' * (n_files != 1)}"


def problems_of(segments: object) -> Problems:
    """What was left out when these segments were read; empty where nothing is known of it."""
    problems = getattr(segments, "problems", None)
    return problems if isinstance(problems, Problems) else Problems()


def first_lines(problems: Mapping[str, str], n: int) -> list[str]:
    """The first messages.

    >>> first_lines({"a": "a: one", "b": "b: two", "c": "c: three"}, 2)
    ['a: one', 'b: two']
    """
    lines = (line for messages in problems.values() for line in messages.split("\n"))
    return list(islice(lines, n))


def _line(file: str, message: str) -> str:
    text = " ".join(message.splitlines())
    text = text if text.startswith(f"{file}:") else f"{file}: {text}"
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 4]} ..."
