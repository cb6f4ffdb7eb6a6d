"""What write_table notes in the footer of a file, and when the note is believed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import sat_nb as sat
from sat_nb.table.parquet.footer import Footer, footer_of, read_footer, share_no_image
from sat_nb.toy import toy

TABLE = sat.build(*toy(12))
TEXT = (
    '{"n_rows": 114, "images": [["model", "noisy", 12, 57], ["model", "sharp", 12, 57]], '
    '"ids": [["image_00", "image_11"], ["image_00", "image_11"]], "largest": '
)
"""As files have held it since the first version; only the largest values are left out."""


def test_the_facts() -> None:
    footer = footer_of(TABLE)
    assert footer is not None
    assert footer.to_json().startswith(TEXT)
    assert footer.largest == {
        "mean_attribution": TABLE["mean_attribution"].abs().max(),
        "abs_mean_attribution": TABLE["abs_mean_attribution"].max(),
    }


def test_the_key_on_disk_stays(tmp_path: Path) -> None:
    """Files that earlier versions wrote are read, and earlier versions read these."""
    metadata = pq.read_metadata(sat.write_table(TABLE, tmp_path / "t")).metadata
    assert metadata[b"sat_nb.seal"].decode().startswith(TEXT)
    assert read_footer(metadata[b"sat_nb.seal"], len(TABLE)) == footer_of(TABLE)


def test_missing_values_do_not_count_as_the_largest() -> None:
    some = TABLE.assign(mean_attribution=TABLE["mean_attribution"].mask(TABLE["rank"] > 1))
    footer = footer_of(some)
    assert footer is not None
    assert footer.largest["mean_attribution"] == some["mean_attribution"].abs().max()
    none = footer_of(TABLE.assign(mean_attribution=np.nan))
    assert none is not None
    assert none.largest["mean_attribution"] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.iloc[:0],
        lambda t: t.assign(image_id=t["image_id"].where(t.index > 0)),
        lambda t: t.assign(model=None),
        lambda t: t.assign(method=t["method"].where(t.index < 100)),
        lambda t: pd.concat([t, t.iloc[:1]]),
        lambda t: t.assign(n_segments=t["n_segments"] + (t.index == 3)),
        lambda t: t.assign(mean_attribution=t["mean_attribution"].where(t.index > 0, np.inf)),
        lambda t: t.assign(abs_mean_attribution=t["rank"].where(t.index > 0, np.inf)),
    ],
)
def test_rows_without_a_footer(change: object) -> None:
    assert footer_of(change(TABLE)) is None  # type: ignore[operator]


@pytest.mark.parametrize(
    "text",
    [
        None,
        b"no JSON",
        b"[]",
        b'"text"',
        b"{}",
        b'{"n_rows": 114, "images": 3, "ids": [], "largest": {}}',
        b'{"n_rows": 114, "images": [], "ids": [], "largest": {}, "of a later version": 1}',
        b'{"n_rows": 114, "images": [], "ids": []}',
    ],
)
def test_footers_that_cannot_be_read_are_none(text: bytes | None) -> None:
    assert read_footer(text, 114) is None


def test_a_footer_of_other_rows_is_none() -> None:
    text = f"{TEXT}{{}}}}".encode()
    assert read_footer(text, 114) is not None
    assert read_footer(text, 113) is None


def test_a_file_with_a_footer_of_a_later_version_is_checked_in_full(tmp_path: Path) -> None:
    written = pq.read_table(sat.write_table(TABLE, tmp_path / "t"))
    facts = {"sat_nb.seal": json.dumps({"n_rows": 114, "later": 1})}
    pq.write_table(written.replace_schema_metadata(written.schema.metadata | facts), tmp_path / "u")
    options = {"how": "absolute", "value": "rank"}
    pd.testing.assert_frame_equal(
        sat.aggregate(tmp_path / "u", **options), sat.aggregate(TABLE, **options)
    )


def of(*ids: str, method: str = "a", model: str = "m") -> Footer:
    """The footer of a file that holds images from the first to the last of these ids."""
    in_order = [(min(ids), max(ids)), (ids[0], ids[-1])]
    return Footer(1, ((model, method, 1, 1),), tuple(in_order), {})


@pytest.mark.parametrize(
    ("footers", "apart"),
    [
        ([of("a", "b")], True),
        ([of("a", "b"), of("c", "d")], True),
        ([of("c", "d"), of("a", "b")], True),
        ([of("a", "b"), of("b", "c")], False),
        ([of("a", "c"), of("b", "b")], False),
        ([of("a", "b"), of("c", "d"), of("d", "e")], False),
        ([of("a", "b"), of("a", "b", method="b")], True),
        ([of("a", "b"), of("a", "b", model="n")], True),
        ([of("1", "10"), of("11", "100")], True),
        ([of("7", "10"), of("11", "60")], True),  # as numbers, but not as text
        ([of("7", "10"), of("10", "60")], False),
        ([of("007", "010"), of("8", "9")], True),  # as text, but not as numbers
        ([of("7", "90"), of("8", "9")], False),
    ],
)
def test_files_share_no_image_if_their_ranges_do_not_meet(
    footers: list[Footer], apart: bool
) -> None:
    assert share_no_image(footers) is apart


def test_folders_fit_if_they_name_what_the_rows_hold() -> None:
    footer = of("a", "b")
    assert footer.fits({})
    assert footer.fits({"model": "m", "method": "a", "label": 3})
    assert not footer.fits({"model": "n"})
    assert not footer.fits({"model": "m", "method": "b"})
    both = replace(footer, images=(*footer.images, ("m", "b", 1, 1)))
    assert not both.fits({"method": "a"})
