"""The API's token, and how it stays out of everything that a server may send it back in."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
LOGGERS = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)
"""Which log what servers answer: their headers, and words of theirs."""


class Token:
    """A secret whose text does not show where it, or a frame that holds it, is printed.

    >>> Token("secret")
    Token(***)
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Token({HIDDEN})"

    def hidden_in(self, text: str) -> str:
        """The text with ``***`` in place of the token, as it is or encoded.

        >>> Token("s3cret/t0ken").hidden_in("refused: s3cret%2Ft0ken")
        'refused: ***'
        """
        for form in self._forms():
            text = text.replace(form, HIDDEN)
        return text

    def hidden_in_answer(self, answer: Any) -> Any:
        """Parsed JSON without the token, in no name and no value; it is changed in place.

        >>> Token("s3cret").hidden_in_answer({"s3cret": [{"id": "a s3cret"}], "n": 1})
        {'n': 1, '***': [{'id': 'a ***'}]}
        """
        whole = [answer]
        waiting: list[Any] = [whole]
        while waiting:
            node = waiting.pop()
            for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
                if isinstance(value, str):
                    node[key] = self.hidden_in(value)
                elif isinstance(value, dict | list):
                    waiting.append(value)
                if isinstance(key, str) and self.hidden_in(key) != key:
                    node[self.hidden_in(key)] = node.pop(key)
        return whole[0]

    @contextmanager
    def hidden_in_logs(self) -> Iterator[None]:
        """Log records of the HTTP client do not hold the token while the block runs."""

        def hide(record: logging.LogRecord) -> bool:
            said = record.getMessage()
            if self.hidden_in(said) != said:
                record.msg, record.args = self.hidden_in(said), ()
            return True

        loggers = [logging.getLogger(name) for name in LOGGERS]
        for logger in loggers:
            logger.addFilter(hide)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(hide)

    def _forms(self) -> tuple[str, ...]:
        """The token as it may be written in an answer, an address, or a message about bytes."""
        encoded = base64.b64encode(self.text.encode()).decode()
        forms = (self.text, quote(self.text, safe=""), repr(self.text)[1:-1], encoded.rstrip("="))
        return tuple(dict.fromkeys(forms))
