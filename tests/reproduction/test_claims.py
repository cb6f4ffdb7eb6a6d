"""Claims: in their files, as text, as Markdown, and in the page that shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sat_nb as sat
from sat_nb.reproduction.claims import (
    BEGIN,
    END,
    Claim,
    all_claims,
    as_markdown,
    as_text,
    read_claims,
    update_report,
    write_claims,
)
from sat_nb.reproduction.studies import STUDIES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reproduction.md"


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    later = Claim("Figure 10", "late", "embedded", "found | this", "holds in part")
    both = [
        Claim("Figure 2", "signal from 15 %", data, f"from {n} %", verdict)
        for data, n, verdict in (("embedded", 25, "does not hold"), ("ccp", 15, "holds"))
    ]
    write_claims(tmp_path, "marks", [later, both[0]])
    write_claims(tmp_path / "real", "marks", [both[1]])
    return tmp_path


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


def test_both_data_sets_stand_in_one_row(figures: Path) -> None:
    rows = as_markdown(all_claims(figures)).splitlines()[2:]
    assert rows == [
        "| Figure 2 | signal from 15 % | **does not hold**: from 25 % | "
        "**holds** (ccp): from 15 % | `sat-nb study marks` |",
        "| Figure 10 | late | **holds in part**: found \\| this | not tried | "
        "`sat-nb study marks` |",
    ]


def test_every_claim_is_printed_whole_at_any_width(figures: Path) -> None:
    claims = all_claims(figures)
    for width in (60, 100, 200):
        printed = as_text(claims, width)
        assert all(len(line) <= max(width, 76) for line in printed.splitlines())
        words = printed.split()
        for text in claims["found"]:
            assert set(text.split()) <= set(words)
    assert printed.endswith("3 claims: 1 does not hold, 1 holds, 1 holds in part")


def test_only_the_part_between_the_markers_changes(figures: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n{BEGIN}\nold\n{END}\nafter\n")
    update_report(page, figures)
    table = as_markdown(all_claims(figures))
    assert page.read_text() == f"# Before\n{BEGIN}\n{table}\n{END}\nafter\n"
    before = page.read_bytes()
    assert update_report(page, figures).read_bytes() == before
    page.write_text("# No markers\n")
    with pytest.raises(sat.InvalidInput, match="report: .* lacks the lines"):
        update_report(page, figures)
    assert page.read_text() == "# No markers\n"


def test_the_page_says_what_the_committed_numbers_say() -> None:
    claims = all_claims(ROOT / "figures")
    table = PAGE.read_text(encoding="utf-8").partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]
    assert table == as_markdown(claims)
    assert set(claims["study"]) == set(STUDIES)


def test_what_the_page_links_exists() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (PAGE.parent / link).exists(), link
