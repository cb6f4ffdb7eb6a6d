from __future__ import annotations

from pathlib import Path

import pytest

from sat_nb.files import written_whole


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, error: type) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")

    def fails() -> None:
        with written_whole(file) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        fails()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_block_that_ends_well_replaces_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.txt"
    with written_whole(file) as part:
        part.write_text("whole")
        assert not file.exists()
        assert part.suffix == ".txt"
    assert file.read_text() == "whole"
    assert list(file.parent.iterdir()) == [file]
