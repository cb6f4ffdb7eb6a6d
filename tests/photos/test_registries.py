"""Every format of photos shows wherever formats do, and is read from a folder and alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sat_nb import ImageSet, InvalidInput, read_images
from sat_nb.photos.formats import PHOTO_FORMATS
from sat_nb.photos.suffixes import IMAGE_SUFFIXES
from tests.entries import is_described
from tests.photos.test_medical import write_dicom, write_nifti

PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4)

WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "pictures": (".png", lambda file: Image.fromarray(PIXELS).save(file)),
    "dicom": (".dcm", lambda file: write_dicom(file, PIXELS)),
    "nifti": (".nii.gz", lambda file: write_nifti(file, PIXELS)),
}


@pytest.mark.parametrize("name", PHOTO_FORMATS)
def test_every_format_shows_everywhere(tmp_path: Path, name: str) -> None:
    known, (suffix, write) = PHOTO_FORMATS[name], WRITERS[name]
    is_described(known, sourced=False)
    assert f'- "{name}": ' in (read_images.__doc__ or "")
    assert suffix in known.suffixes()
    assert suffix in IMAGE_SUFFIXES
    file = tmp_path / f"a.b{suffix}"
    write(file)
    for images in (read_images(tmp_path), read_images(file), ImageSet({"a.b": file})):
        assert list(images) == ["a.b"]
        np.testing.assert_array_equal(images["a.b"], np.repeat(PIXELS[..., None], 3, axis=2))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InvalidInput, match=str(file)) as caught:
        read_images(file)["a.b"]
    assert str(caught.value).count(file.name) == 1
