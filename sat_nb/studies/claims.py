"""What the paper claims, beside what a study found."""

from __future__ import annotations

import os
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


def write_claims(out: str | os.PathLike[str], study: str, claims: Iterable[Claim]) -> Path:
    """Write ``out/claims_<study>.csv``, a row a claim."""
    file = Path(out) / f"claims_{study}.csv"
    rows = pd.DataFrame([asdict(claim) for claim in claims], columns=list(COLUMNS))
    with written_whole(file) as part:
        rows.to_csv(part, index=False)
    return file


def read_claims(out: str | os.PathLike[str]) -> pd.DataFrame:
    """All ``claims_*.csv`` of a folder, one below the other, in the order of their figures."""
    files = sorted(existing(out, "out").glob("claims_*.csv"))
    if not files:
        raise InvalidInput(f"out: {str(out)!r} holds no claims_*.csv; run a study first.")
    claims = pd.concat([pd.read_csv(file, dtype=str) for file in files], ignore_index=True)
    return claims.sort_values("where", kind="stable", ignore_index=True)
