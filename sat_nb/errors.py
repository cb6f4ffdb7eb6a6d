"""What can go wrong, in seven kinds.

Every error is a :class:`SatError` and also the built-in error that fits, so both
``except sat_nb.SatError`` and ``except ValueError`` work. A message names the file
or argument, what was expected, what came, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from sat_nb.printable import literal, printable_lines

LONGEST_MESSAGE = 2000
"""Characters of a message: it may quote a file, which may hold names of any length."""

LONGEST_SHOWN = 200
"""Characters of an unknown name that are shown."""


class SatError(Exception):
    """Anything that sat_nb refuses or cannot finish.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> try:
    ...     aggregate(build(*toy()), how="relativ")
    ... except SatError as error:
    ...     print(type(error).__name__)
    InvalidInput
    """

    longest = LONGEST_MESSAGE

    def __str__(self) -> str:
        said = printable_lines(cut(super().__str__(), self.longest))
        return cut(said, self.longest)  # escapes are longer than what they stand for


class InvalidInput(SatError, ValueError):
    """A value, or the content of a file, is not what it must be.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> try:
    ...     aggregate(build(*toy()), how="relativ")
    ... except InvalidInput as error:
    ...     print(str(error)[:57])
    how: unknown name 'relativ'. Did you mean 'relative'? Val
    """


class FileMissing(SatError, FileNotFoundError):
    """A file or folder that was named does not exist.

    Examples
    --------
    >>> try:
    ...     read_images("nowhere/")
    ... except FileMissing as error:
    ...     print(error)
    path: 'nowhere' does not exist; give an existing file or folder.
    """


class IdMismatch(SatError, LookupError):
    """Images, maps and masks do not name the same images.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy(2)
    >>> try:
    ...     build(maps, {"another": segments["image_00"]})
    ... except IdMismatch as error:
    ...     print(str(error).split(":")[0])
    maps and segments do not name the same images
    """


class CannotWrite(SatError, OSError):
    """A file cannot be written: the disk is full, or writing is not allowed.

    Examples
    --------
    >>> try:  # doctest: +SKIP
    ...     write_table(table, "/full_disk/sat.parquet")
    ... except CannotWrite as error:
    ...     print(error)
    """


class CannotFetch(SatError, ConnectionError):
    """A service does not answer, refuses the token, or has no quota left for it.

    Examples
    --------
    >>> try:  # doctest: +SKIP
    ...     fetch_masks(images, "eyes. nose.", out="exports/")
    ... except CannotFetch as error:
    ...     print(error)
    """


class EngineMissing(SatError, ImportError):
    """What explains a model is not installed, or of no use; the message says what to install.

    Examples
    --------
    >>> try:  # doctest: +SKIP
    ...     explain("model.h5", images, methods="lrp.z", preprocess="unit")
    ... except EngineMissing as error:
    ...     print(error)
    """


class WorkerFailed(SatError, RuntimeError):
    """The process that explains the model died or could not be started.

    Examples
    --------
    >>> try:  # doctest: +SKIP
    ...     explain("model.h5", images, methods="lrp.z", preprocess="unit", max_memory="1 GB")
    ... except WorkerFailed as error:
    ...     print(error)
    """

    longest = 2 * LONGEST_MESSAGE  # with the end of its log


def cut(text: str, longest: int) -> str:
    """The text, or its beginning and its end.

    >>> cut("a" * 10 + "b" * 10, 15)
    'aaaaa ... bbbbb'
    """
    if len(text) <= longest:
        return text
    half = (longest - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def unknown_name(
    argument: str, name: object, valid: Iterable[str], *, others: Iterable[str] = ()
) -> InvalidInput:
    """The error for a name that no registry holds; lists all valid names.

    ``others`` says what else is taken beside a name.

    >>> str(unknown_name("how", "relativ", ["relative", "absolute"]))
    "how: unknown name 'relativ'. Did you mean 'relative'? Valid: 'relative', 'absolute'."
    """
    names, given = list(valid), repr(name)
    close = difflib.get_close_matches(str(name)[:LONGEST_SHOWN], names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    if len(given) > LONGEST_SHOWN:
        given = f"{given[:LONGEST_SHOWN]}..."
    return InvalidInput(
        f"{argument}: unknown name {given}.{hint} Valid: {', '.join([*map(repr, names), *others])}."
    )


def shorten(ids: Iterable[object], n: int = 3) -> str:
    """The first ``n`` ids and how many more there are, for messages.

    >>> shorten(["a", "b", "c", "d", "e"])
    "'a', 'b', 'c' and 2 more"
    """
    ids = list(ids)
    more = f" and {len(ids) - n} more" if len(ids) > n else ""
    return ", ".join(literal(i) for i in ids[:n]) + more
