"""What the paper claims, beside what a study found."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import existing, written_whole

VERDICTS = ("holds", "holds in part", "does not hold", "cannot tell")


@dataclass(frozen=True)
class Claim:
    """One claim of Hinns & Martens 2025 and what came of it here.

    ``where`` is its figure, table or section; ``paper`` says it in one sentence of ours with the
    paper's numbers; ``data`` names what it was tried on ("embedded", "ccp"); ``found`` says with
    numbers what came; ``verdict`` is one of VERDICTS, decided by the numbers in code.
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
    """Write ``out/claims_<study>.csv``, a row a claim."""
    file = Path(out) / f"claims_{study}.csv"
    rows = pd.DataFrame([asdict(claim) for claim in claims], columns=list(COLUMNS))
    with written_whole(file) as part:
        rows.to_csv(part, index=False)
    return file


def read_claims(out: str | os.PathLike[str]) -> pd.DataFrame:
    """All ``claims_*.csv`` of a folder, one below the other: figures, tables, sections, the rest.

    The column ``study``, the last, is the name in ``STUDIES`` that the file's name tells.
    """
    files = sorted(existing(out, "out").glob("claims_*.csv"))
    if not files:
        raise InvalidInput(f"out: {str(out)!r} holds no claims_*.csv; run a study first.")
    return in_order(pd.concat([_read(file) for file in files], ignore_index=True))


def in_order(claims: pd.DataFrame) -> pd.DataFrame:
    """Claims in the order of the paper; those of one place stay as they are."""
    places = claims["where"].map(place)
    return claims.loc[places.sort_values(kind="stable").index].reset_index(drop=True)


def place(where: str) -> tuple[int, int]:
    """Where a claim stands in the order of the paper; what is not in it comes last.

    >>> sorted(["Table 2", "beyond the paper", "Figures 5 and 6", "Figure 2"], key=place)
    ['Figure 2', 'Figures 5 and 6', 'Table 2', 'beyond the paper']
    """
    found = re.match(r"(Figure|Table|Section)s?\s+(\d+)", where)
    return (KINDS.index(found[1]), int(found[2])) if found else (len(KINDS), 0)


def _read(file: Path) -> pd.DataFrame:
    rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    return rows.assign(study=file.stem.removeprefix("claims_"))
