"""Claims keep their words on their way through a file."""

from __future__ import annotations

from pathlib import Path

import pytest

import sat_nb as sat
from sat_nb.reproduction.claims import Claim, read_claims, write_claims


def test_claims_come_back_in_the_order_of_their_figures(tmp_path: Path) -> None:
    late = Claim("Figure 6", "signal from 15 %", "embedded", "from 25 %, clearly", "does not hold")
    early = Claim("Figure 2", "rank 1", "ccp", 'said "1.3"', "holds")
    write_claims(tmp_path, "a", [late])
    write_claims(tmp_path, "b", [early])
    claims = read_claims(tmp_path)
    assert claims.iloc[0].tolist() == ["Figure 2", "rank 1", "ccp", 'said "1.3"', "holds", "b"]
    assert claims["where"].tolist() == ["Figure 2", "Figure 6"]


def test_a_verdict_is_one_of_four(tmp_path: Path) -> None:
    with pytest.raises(sat.InvalidInput, match="verdict: unknown name 'maybe'"):
        Claim("Figure 2", "", "", "", "maybe")
    with pytest.raises(sat.InvalidInput, match="holds no claims"):
        read_claims(tmp_path)
