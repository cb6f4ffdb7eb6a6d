"""Claims of the paper beside what a study found: in CSV files, as text and as Markdown."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from sat_nb.csv_files import csv_of
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import existing, written_whole
from sat_nb.printable import printable

VERDICTS = ("holds", "holds in part", "does not hold", "cannot tell")


@dataclass(frozen=True)
class Claim:
    """One claim of Hinns & Martens 2025, and what was found here.

    ``where`` is its figure, table or section; ``paper`` states it in one sentence with the paper's
    numbers; ``data`` names the data it was tested on ("embedded", "ccp"); ``found`` is the result
    with its numbers; ``verdict`` is one of VERDICTS and follows from the numbers by a rule in code.
    """

    where: str
    paper: str
    data: str
    found: str
    verdict: str

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise unknown_name("verdict", self.verdict, VERDICTS)


COLUMNS = tuple(field.name for field in fields(Claim))
KINDS = ("Figure", "Table", "Section")


def write_claims(out: str | os.PathLike[str], study: str, claims: Iterable[Claim]) -> Path:
    """Write ``out/claims_STUDY.csv`` with a row for each claim."""
    file = Path(out) / f"claims_{study}.csv"
    rows = pd.DataFrame([asdict(claim) for claim in claims], columns=list(COLUMNS))
    with written_whole(file) as part:
        part.write_bytes(csv_of(rows))
    return file


def read_claims(out: str | os.PathLike[str]) -> pd.DataFrame:
    """All ``claims_*.csv`` of a folder in one frame: figures, tables, sections, then the rest.

    The last column, ``study``, is a name in STUDIES, from the name of the file.
    """
    files = sorted(existing(out, "out").glob("claims_*.csv"))
    if not files:
        raise InvalidInput(f"out: {str(out)!r} holds no claims_*.csv; run a study first.")
    return in_order(pd.concat([_read(file) for file in files], ignore_index=True))


def in_order(claims: pd.DataFrame) -> pd.DataFrame:
    """Claims in the order of the paper; claims of one place keep their order."""
    places = claims["where"].map(place)
    return claims.loc[places.sort_values(kind="stable").index].reset_index(drop=True)


def place(where: str) -> tuple[int, int]:
    """A key that sorts places in the order of the paper; what is not in the paper comes last.

    >>> sorted(["Table 2", "beyond the paper", "Figures 5 and 6", "Figure 2"], key=place)
    ['Figure 2', 'Figures 5 and 6', 'Table 2', 'beyond the paper']
    """
    found = re.match(r"(Figure|Table|Section)s?\s+(\d+)", where)
    return (KINDS.index(found[1]), int(found[2])) if found else (len(KINDS), 0)


def _read(file: Path) -> pd.DataFrame:
    rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    return rows.assign(study=file.stem.removeprefix("claims_"))


BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"
EMBEDDED = "embedded"
_KEY = ["where", "paper", "study"]
_WIDTHS = {
    "where": 10,
    "data": 10,
    "verdict": 14,
}  # when printed; the others share the rest


def as_text(claims: pd.DataFrame, width: int | None = None) -> str:
    """Claims as a table for a terminal of ``width`` letters, by default the current one.

    >>> found = pd.DataFrame([["Figure 2", "eyes first", "embedded", "rank 1.2", "holds", "a"]],
    ...     columns=["where", "paper", "data", "found", "verdict", "study"])
    >>> print(as_text(found, width=80))
    where       data        verdict         paper                found
    ----------  ----------  --------------  -------------------  -------------------
    Figure 2    embedded    holds           eyes first           rank 1.2
    <BLANKLINE>
    1 claim: 1 holds
    """
    width = width or shutil.get_terminal_size((140, 24)).columns
    room = max(width - sum(_WIDTHS.values()) - 2 * (len(_WIDTHS) + 1), 32)
    widths = {**_WIDTHS, "paper": room // 2, "found": room // 2}
    rows = claims[list(widths)].astype(str).itertuples(index=False)
    lines = [_line(list(widths), widths.values()), _line(["-" * w for w in widths.values()], ())]
    for row in rows:
        lines += _wrapped(row, list(widths.values()))
    counts = claims["verdict"].value_counts()
    total = "1 claim" if len(claims) == 1 else f"{len(claims)} claims"
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    return "\n".join([*lines, "", f"{total}: {verdicts}"])


def as_markdown(claims: pd.DataFrame) -> str:
    """Claims as a Markdown table, a row a claim: on embedded data, on real data, how to run it."""
    lines = [
        "| where | the paper | on embedded data | on real photos | how to run it |",
        "| --- | --- | --- | --- | --- |",
    ]
    keys = list(dict.fromkeys(claims[_KEY].itertuples(index=False, name=None)))
    for where, paper, study in sorted(keys, key=lambda key: place(key[0])):
        rows = claims[(claims[_KEY] == (where, paper, study)).all(axis=1)]
        embedded = rows["data"] == EMBEDDED
        cells = [
            _cell(where),
            _cell(paper),
            _found(rows[embedded], name_data=False),
            _found(rows[~embedded], name_data=True),
            f"`sat-nb study {study}`",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def all_claims(figures: str | os.PathLike[str]) -> pd.DataFrame:
    """The claims of ``figures`` and, where it exists, of ``figures/real``."""
    real = Path(figures) / "real"
    folders = [Path(figures), *([real] if any(real.glob("claims_*.csv")) else [])]
    return in_order(pd.concat([read_claims(folder) for folder in folders], ignore_index=True))


def update_report(file: str | os.PathLike[str], figures: str | os.PathLike[str]) -> Path:
    """Write the table of claims between the two markers of a Markdown file."""
    text = _read_report(existing(file, "report"))
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InvalidInput(
            f"report: {str(file)!r} lacks the lines {BEGIN!r} and {END!r}; add them where the "
            "table belongs."
        )
    table = as_markdown(all_claims(figures))
    with written_whole(file, "report") as part:
        part.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
    return Path(file)


def _read_report(file: Path) -> str:
    if not file.is_file():
        raise InvalidInput(f"report: expected a Markdown file, {str(file)!r} is none.")
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"report: {str(file)!r} is not readable as UTF-8 ({error}); save it as such."
        ) from error


def _found(rows: pd.DataFrame, *, name_data: bool) -> str:
    """Verdict and numbers, with a line for each data set."""
    parts = [
        f"**{verdict}**{f' ({_cell(data)})' if name_data else ''}: {_cell(found)}"
        for verdict, data, found in zip(rows["verdict"], rows["data"], rows["found"], strict=True)
    ]
    return "<br>".join(parts) or "not tried"


def _cell(text: str) -> str:
    r"""Text with everything escaped that would be markup or end a cell.

    >>> print(_cell("a | b <d> *e* lrp_z"))
    a \| b &lt;d&gt; \*e\* lrp\_z
    """
    line = printable(" ".join(str(text).split())).replace("\\", "\\\\")
    for letter, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        line = line.replace(letter, name)
    for letter in "|*_`[]$~#":
        line = line.replace(letter, f"\\{letter}")
    return line


def _wrapped(cells: Iterable[str], widths: Sequence[int]) -> list[str]:
    """The lines of one row, whose cells are wrapped."""
    columns = [textwrap.wrap(cell, w) or [""] for cell, w in zip(cells, widths, strict=True)]
    height = max(map(len, columns))
    padded = [column + [""] * (height - len(column)) for column in columns]
    return [_line(line, widths) for line in zip(*padded, strict=True)]


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    widths = list(widths)
    parts = [cell.ljust(widths[i]) if widths else cell for i, cell in enumerate(cells)]
    return "  ".join(parts).rstrip()
