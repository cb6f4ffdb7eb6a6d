"""The bases of lazy mappings: by image id, and by saliency method."""

from __future__ import annotations

import unicodedata
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name

Value = TypeVar("Value", covariant=True)


def composed(image_id: str) -> str:
    """An image id in composed Unicode (NFC): macOS decomposes names of files, others do not."""
    return image_id if image_id.isascii() else unicodedata.normalize("NFC", image_id)


def keys_by_id(keys: Iterable[Any], argument: str) -> dict[str, str]:
    r"""{image id in composed Unicode: key}, to join mappings whose keys are composed or not.

    Raises InvalidInput for keys that are no text, and for two keys of one id.

    >>> keys_by_id(["cat", "Ma\u0308hne"], "labels") == {"cat": "cat", "M\xe4hne": "Ma\u0308hne"}
    True
    """
    found: dict[str, str] = {}
    for key in keys:
        if not isinstance(key, str):
            raise InvalidInput(
                f"{argument}: image ids are text, got {type(key).__name__} {key!r}; name each "
                "image by the id that read_images gives it, or by str(...) on all sides."
            )
        image_id = composed(key)
        if image_id in found:
            raise InvalidInput(
                f"{argument}: {found[image_id]!a} and {key!a} are one id in two Unicode "
                "forms; rename one of them, or leave it out."
            )
        found[image_id] = key
    return found


class Lazy(Mapping[str, Value]):
    """A mapping that knows its keys and makes a value each time one is requested.

    A subclass defines the keys (:meth:`_keys`) and how one value is made (:meth:`_value`). ``in``,
    ``len`` and iteration use the keys only, whereas the ``in`` and ``get`` of ``Mapping`` would
    make a value, which may mean reading a file.
    """

    @abstractmethod
    def _keys(self) -> Collection[str]:
        """All keys, in order."""

    @abstractmethod
    def _value(self, key: str) -> Value:
        """Make the value of a key that exists."""

    @abstractmethod
    def _missing(self, key: str) -> Exception:
        """The error for a key that does not exist."""

    def __getitem__(self, key: str) -> Value:
        if key not in self:
            raise self._missing(key)
        return self._value(key)

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: views of dicts, which cannot, as dicts."""
        state = vars(self).items()
        return {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in state}

    def __contains__(self, key: object) -> bool:
        return key in self._keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or a default if there is no such key.

        Parameters
        ----------
        key : str
            An image id, or a method.
        default : object, default None
            What is returned for a key that is not there.

        Returns
        -------
        object
            The value, or ``default``.
        """
        return self._value(key) if key in self else default


class ById(Lazy[Value]):
    """A lazy Mapping {image_id: value}.

    >>> class Squares(ById[int]):
    ...     holds = "square"
    ...     def _keys(self):
    ...         return ("2", "3")
    ...     def _value(self, key):
    ...         return int(key) ** 2
    >>> Squares()["3"], "4" in Squares(), Squares()
    (9, False, Squares(2 images: '2', '3'))
    >>> Squares()["4"]
    Traceback (most recent call last):
    sat_nb.errors.IdMismatch: image '4' has no square; there are 2: '2', '3'.
    """

    holds: ClassVar[str] = "value"
    """The word for a value in messages."""

    def _missing(self, key: str) -> Exception:
        return IdMismatch(
            f"image {key!r} has no {self.holds}; there are {len(self)}: {shorten(self)}."
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} images: {shorten(self)})"


class ByMethod(Lazy[Value]):
    """A lazy Mapping {method: value}; an unknown method is an error that lists all."""

    def _missing(self, key: str) -> Exception:
        return unknown_name("method", key, self)
