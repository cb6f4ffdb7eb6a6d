"""A table on disk, opened and checked: what each question about it starts from."""

from __future__ import annotations

import json
import os
import re
import warnings
import weakref
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sat_nb.files import existing
from sat_nb.parquet_columns import Described
from sat_nb.reading import readable
from sat_nb.table.classes import Classes, check_known
from sat_nb.table.parquet.claims import checked_claims
from sat_nb.table.parquet.footer import FOOTER_KEY, Footer, read_footer, share_no_image
from sat_nb.table.parquet.shards import in_pandas, open_shards
from sat_nb.table.parquet.sql import (
    FIXED,
    Rows,
    check_names,
    connected,
    key_names,
    partition_rows,
)
from sat_nb.table.parquet.where import Where
from sat_nb.table.schema import COLUMNS, TEXT, check_table
from sat_nb.table.totals import check_by, check_once, check_unmixed

if TYPE_CHECKING:
    import pyarrow.dataset as ds

TEXTS = tuple(column for column, dtype in COLUMNS.items() if dtype == TEXT)
SETTINGS_FILE, REPORTS = "tabulate.json", "reports"
CORRECT = {"correct": ("label", "predicted")}
_SHARD = re.compile(r"(\d{6,})-[0-9a-f]{16}")


class Opened:
    """A file or folder of Parquet whose schema and claims were checked.

    ``empty`` is the table without rows, ``names`` its columns. Texts are read as codes. What was
    found out about the files is kept; with ``keep_connection``, so is DuckDB's memory of them.
    """

    def __init__(
        self,
        path: Path,
        dataset: ds.FileSystemDataset,
        files: tuple[ds.Fragment, ...],
        claims: Mapping[str, Described],
    ) -> None:
        self.path, self.dataset, self.files, self.claims = path, dataset, files, claims
        self.empty = _with_texts(in_pandas(dataset.schema.empty_table(), dataset.schema))
        self.names = list(self.empty.columns)
        self.share_no_image: bool | None = None
        self.is_rearranged = False  # with the footers of other files that have the same rows
        self._connection: Any = None

    def of_files(self, files: Sequence[ds.Fragment]) -> Opened:
        """The table of some of its files."""
        import pyarrow.dataset as ds

        whole = self.dataset
        some = ds.FileSystemDataset(list(files), whole.schema, whole.format, whole.filesystem)
        return Opened(self.path, some, tuple(files), self.claims)

    def keep_connection(self) -> None:
        """Keep one database for all questions, until this object is gone."""
        stack = ExitStack()
        self._connection = stack.enter_context(connected())
        weakref.finalize(self, stack.close)

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Yield a connection for one question."""
        with connected() if self._connection is None else self._connection.cursor() as cursor:
            yield cursor

    def n_rows(self, file: ds.Fragment) -> int:
        """The rows of one of its files."""
        return self.claims[file.path].n_rows

    def notes(self, key: bytes) -> Iterator[bytes | None]:
        """The text that each of its files carries by a key."""
        return (self.claims[file.path].notes.get(key) for file in self.files)

    @cached_property
    def footers(self) -> tuple[Footer, ...]:
        """What ``write_table`` noted of the rows of all files.

        Empty if it did not write all, or if a file's folders name other values.
        """
        import pyarrow.dataset as ds

        footers = []
        for file, text in zip(self.files, self.notes(FOOTER_KEY.encode()), strict=True):
            footer = read_footer(text, self.n_rows(file))
            if footer is None or not footer.fits(ds.get_partition_keys(file.partition_expression)):
                return ()
            footers.append(footer)
        return tuple(footers)

    def files_with(self, ids: Sequence[str]) -> tuple[ds.Fragment, ...]:
        """The files that may have some of these images, whose ids are sorted."""
        if self.is_rearranged or not self.footers:
            return self.files
        ranges = [footer.ids[0] for footer in self.footers]
        after = [bisect_left(ids, first) for first, _ in ranges]
        return tuple(
            file
            for file, (_, last), place in zip(self.files, ranges, after, strict=True)
            if place < len(ids) and ids[place] <= last
        )

    def promised(self, cursor: Any) -> tuple[Footer, ...]:
        """The footers of all files; empty if one has none, or if two files share an image."""
        if self.share_no_image is None:
            parts, parameters = partition_rows(self.files, "rank", (), no_nan=True)
            self.share_no_image = _share_no_image(Rows(cursor, parts, parameters, self.footers))
        return self.footers if self.share_no_image else ()


def open_table(
    path: str | os.PathLike[str], argument: str = "table", *, complete: bool = True
) -> Opened:
    """Open a table on disk; InvalidInput for files that are none, a warning for unfinished ones.

    Unless it has to be ``complete``, columns that no statistic reads may be missing.
    """
    file = existing(path, argument)
    with of_a_table(file):
        dataset = open_shards(file, TEXTS)
        files = tuple(dataset.get_fragments())
        table = Opened(file, dataset, files, checked_claims(files))
        if complete:
            check_table(table.empty)
    _warn_if_unfinished(file, argument)
    return table


def of_a_table(file: Path) -> AbstractContextManager[None]:
    """Turn what libraries raise about the file into errors that name it."""
    what = "a Segment Attribution Table in Parquet, so that it cannot be aggregated"
    return readable(what, "write one with sat_nb.write_table", file=file)


def _with_texts(empty: pd.DataFrame) -> pd.DataFrame:
    """The frame with text in place of codes."""
    texts = {c: TEXT for c in TEXTS if isinstance(empty.dtypes.get(c), pd.CategoricalDtype)}
    return empty.astype(texts)


def _warn_if_unfinished(folder: Path, argument: str) -> None:
    """Warn of a folder of ``tabulate`` in which shards are missing."""
    settings = folder / SETTINGS_FILE
    if not settings.is_file():
        return
    with of_a_table(folder):
        n_shards = json.loads(settings.read_text(encoding="utf-8")).get("n_shards", 0)
        finished = {m[1] for name in _names(folder / REPORTS) if (m := _SHARD.match(name))}
        written = {m[1] for name in _names(folder) if (m := _SHARD.match(name))}
    n_wanted = max([n_shards, *(int(number) + 1 for number in finished | written)])
    n_missing = n_wanted - len(finished)
    if n_missing:
        warnings.warn(
            f"{argument}: {str(folder)!r} is unfinished: {n_missing} of {n_wanted} shards are not "
            "there yet. What follows is about the photos of the others; call tabulate again to "
            "finish it.",
            stacklevel=5,
        )


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


@contextmanager
def asking(
    table: Opened,
    value: str,
    by: Sequence[str],
    *,
    classes: Classes | None = None,
    where: Where | None = None,
) -> Iterator[Rows]:
    """Yield the rows as DuckDB reads them, after the checks that every aggregation needs.

    Facts that ``write_table`` noted in the files' footers are not checked again: that a segment
    counts once in an image, and how many images a model and method have. That two shards share no
    image follows from their first and last ids or, if these ranges overlap, from counting images.
    Files of other programs are checked in full, which takes many times as long.

    That all images have the classes by which they are grouped, ``check_classes`` finds afterwards.
    """
    empty, names, where = table.empty, table.names, where or Where()
    one_label = len(where.wanted.get("labels", ())) == 1
    needs = tuple(dict.fromkeys([*(classes.needs if classes else ()), *where.columns]))
    derived = {}
    if classes and classes.column == "correct":
        empty, derived = empty.assign(correct=np.zeros(0, dtype=bool)), CORRECT
    check_by(empty, list(by))
    check_names([*(column for column in by if column in names), *needs, value, *FIXED], names)
    with of_a_table(table.path), table.cursor() as cursor:
        promised = table.promised(cursor)
        of_rows = partial(partition_rows, table.files, value, by, needs=needs, equal=derived)
        # A footer promises finite values, so that NaN need not be looked for.
        parts, parameters = of_rows(no_nan=bool(table.footers), where=where)
        rows = Rows(cursor, parts, parameters, promised, bool(where))
        check_unmixed(_kinds(rows, by, classes, one_label), by, classes)
        check_once(_repeated(rows, by), list(by))
        yield rows


def check_classes(
    answer: pd.DataFrame, rows: Rows, by: Sequence[str], classes: Classes | None
) -> None:
    """Raise InvalidInput if there are images without the classes that the answer is grouped by."""
    key = dict(zip(by, key_names(by), strict=True)).get(classes.column) if classes else None
    if not classes or not classes.needs or (key and not answer[key].isna().any()):
        return
    names = ", ".join(["image_id", *classes.needs])
    none = " OR ".join(f"{column} IS NULL" for column in classes.needs)
    sql = f"SELECT DISTINCT {names} FROM {rows.sql} WHERE {none} ORDER BY image_id"
    unknown = rows.ask(sql, ["image_id", *classes.needs])
    for column in classes.needs:
        check_known(unknown, column, f"classes={classes.name!r}")


def typed(answer: pd.DataFrame, table: Opened, by: Sequence[str]) -> pd.DataFrame:
    """The answer with the columns of ``by``, and ``segment`` if it is there, as in the table."""
    types = {c: COLUMNS.get(c, table.empty.dtypes.get(c, bool)) for c in [*by, "segment"]}
    return answer.astype({c: types[c] for c in types if c in answer})


def _share_no_image(rows: Rows) -> bool:
    """Whether every image of a model and method is in one file only."""
    if share_no_image(rows.footers) or not rows.footers:
        return bool(rows.footers)
    n_images = sum(n for footer in rows.footers for _, _, n, _ in footer.images)
    images = f"SELECT DISTINCT model, method, image_id FROM {rows.sql}"
    return rows.ask(f"SELECT count(*) FROM ({images})", ["n"])["n"].item() == n_images


def _kinds(rows: Rows, by: Sequence[str], classes: Classes | None, one_label: bool) -> pd.DataFrame:
    """The methods, models and classes that occur, except those that are kept apart."""
    found: dict[str, Any] = {"label": (), "target": ()}
    images = [image for footer in rows.footers for image in footer.images]
    for place, column in enumerate(("model", "method")):
        found[column] = () if column in by else sorted({image[place] for image in images})
        if column not in by and (not images or (rows.is_filtered and len(found[column]) > 1)):
            sql = f"SELECT DISTINCT {column} FROM {rows.sql} WHERE {column} IS NOT NULL ORDER BY 1"
            found[column] = rows.ask(sql, [column])[column]
    if classes is None and "label" not in by and not one_label:
        of_classes = ["label", "target", "predicted"]
        sql = f"SELECT DISTINCT {', '.join(of_classes)} FROM {rows.sql} ORDER BY 1, 2, 3"
        found |= dict(rows.ask(sql, of_classes))
    return pd.DataFrame({c: pd.Series(values, dtype=object) for c, values in found.items()})


def _repeated(rows: Rows, by: Sequence[str]) -> pd.DataFrame:
    """Two equal rows for a segment that occurs twice in an image; empty if there is none."""
    columns = [*by, "image_id", "segment"]
    keys = ", ".join([*key_names(by), "image_id", "segment"])
    if rows.footers:
        return pd.DataFrame(columns=columns)
    # Rows that a filter left without a segment are those of one image.
    there = f"{rows.sql} WHERE segment IS NOT NULL" if rows.is_filtered else rows.sql
    # Hashes need less memory than the keys. Two that collide by chance only cost the second query.
    once = f"SELECT count(*) = count(DISTINCT hash({keys})) FROM {there}"
    if rows.ask(once, ["once"])["once"].item():
        return pd.DataFrame(columns=columns)
    twice = f"GROUP BY {keys} HAVING count(*) > 1 ORDER BY {keys} LIMIT 1"
    one = rows.ask(f"SELECT {keys} FROM {there} {twice}", columns)
    return pd.concat([one, one])
