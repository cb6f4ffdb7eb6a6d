"""DICOM and NIfTI, written by pydicom and nibabel: the values of the modality, slice by slice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sat_nb import InvalidInput, read_images
from sat_nb.photos import medical

STORED = np.arange(12, dtype=np.uint16).reshape(3, 4) * 300
CT = {"BitsStored": 12, "HighBit": 11, "RescaleSlope": "2", "RescaleIntercept": "-1024"}


def data_set(array: np.ndarray, **tags: Any) -> Any:
    pydicom = pytest.importorskip("pydicom", reason="needs sat-nb[medical]")
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.SOPClassUID, data.SOPInstanceUID = pydicom.uid.CTImageStorage, "1.2.3"
    data.SamplesPerPixel = tags.pop("SamplesPerPixel", 1)
    if data.SamplesPerPixel == 1 and array.ndim == 3:
        data.NumberOfFrames = len(array)
    rows_columns = array.shape[:2] if data.SamplesPerPixel == 3 else array.shape[-2:]
    data.Rows, data.Columns = rows_columns
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * array.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(array.dtype.kind == "i")
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = array.tobytes()
    return data


def write_dicom(file: Path, array: np.ndarray, **tags: Any) -> None:
    data_set(array, **tags).save_as(file, enforce_file_format=True)


def write_nifti(file: Path, array: np.ndarray, **header: float) -> None:
    nibabel = pytest.importorskip("nibabel", reason="needs sat-nb[medical]")
    image = nibabel.Nifti1Image(array, np.eye(4))
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, file)


def test_dicom_has_the_units_of_the_modality(tmp_path: Path) -> None:
    write_dicom(tmp_path / "ct.dcm", STORED, **CT)
    write_dicom(tmp_path / "1.2.840.7", STORED)
    write_dicom(tmp_path / "signed.DCM", STORED.astype(np.int16) - 1000)
    images = read_images(tmp_path)
    assert list(images) == ["1.2.840.7", "ct", "signed"]
    for image_id, expected in (
        ("ct", STORED * 2.0 - 1024),
        ("1.2.840.7", STORED),
        ("signed", STORED - 1000.0),
    ):
        np.testing.assert_array_equal(images[image_id][..., 1], expected)
    assert images["ct"].dtype == np.float32
    assert images["1.2.840.7"].dtype == np.uint16


@pytest.mark.parametrize(
    ("tags", "low", "high"),
    [
        ({"WindowCenter": 40, "WindowWidth": 400}, -160, 239),
        ({"WindowCenter": [40, 300], "WindowWidth": [400, 9]}, -160, 239),
        (
            {"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "LINEAR_EXACT"},
            -160,
            240,
        ),
    ],
)
def test_the_window_of_the_file(tmp_path: Path, tags: dict, low: float, high: float) -> None:
    write_dicom(tmp_path / "ct.dcm", STORED, **CT, **tags)
    found = read_images(tmp_path, window="file")["ct"][..., 0]
    expected = np.interp(STORED * 2.0 - 1024, [low, high], [0, 255])
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_files_without_a_window_that_can_be_used(tmp_path: Path) -> None:
    write_dicom(tmp_path / "ct.dcm", STORED, **CT)
    tags = {"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "SIGMOID"}
    write_dicom(tmp_path / "curve.dcm", STORED, **CT, **tags)
    images = read_images(tmp_path, window="file")
    for image_id in images:
        with pytest.raises(InvalidInput, match=r"names no window; give \(low, high\), of values"):
            images[image_id]


def test_the_range_of_the_stored_bits(tmp_path: Path) -> None:
    write_dicom(tmp_path / "ct.dcm", STORED, **CT)
    found = read_images(tmp_path, window="dtype")["ct"][..., 0]
    np.testing.assert_allclose(found, STORED / 4095 * 255, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_low_numbers_may_be_bright(tmp_path: Path, dtype: type) -> None:
    stored = (STORED // 15).astype(dtype)
    write_dicom(tmp_path / "a.dcm", stored, PhotometricInterpretation="MONOCHROME1")
    images = read_images(tmp_path)
    np.testing.assert_array_equal(images["a"][..., 0], stored)
    assert images["a"].dtype == np.uint16, "never taken for 0 as black"
    shown = read_images(tmp_path, window=(0, 220))["a"][..., 0]
    np.testing.assert_allclose(shown, 255 - stored / 220 * 255, atol=1e-3)


def test_an_id_for_each_frame(tmp_path: Path) -> None:
    frames = np.stack([STORED + i for i in range(12)])
    write_dicom(tmp_path / "cine.dcm", frames)
    images = read_images(tmp_path)
    assert list(images) == [f"cine/{i:03d}" for i in range(12)]
    np.testing.assert_array_equal(images["cine/010"][..., 0], frames[10])
    assert list(read_images(tmp_path / "cine.dcm")) == list(images)


def test_values_of_single_frames(tmp_path: Path) -> None:
    """Enhanced files scale and show each frame in its own way."""
    pydicom = pytest.importorskip("pydicom", reason="needs sat-nb[medical]")

    def group(slope: float, center: float) -> Any:
        scaling, shown, both = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        scaling.RescaleSlope, scaling.RescaleIntercept = slope, 1
        shown.WindowCenter, shown.WindowWidth = center, 2
        both.PixelValueTransformationSequence = [scaling]
        both.FrameVOILUTSequence = [shown]
        return both

    tags = {"PerFrameFunctionalGroupsSequence": [group(2, 1.5), group(3, 4.5)]}
    write_dicom(tmp_path / "mr.dcm", np.stack([STORED, STORED]), **tags)
    images = read_images(tmp_path)
    for image_id, slope in (("mr/000", 2), ("mr/001", 3)):
        np.testing.assert_array_equal(images[image_id][..., 0], STORED * slope + 1.0)
    shown = read_images(tmp_path, window="file")
    for image_id, cut in (("mr/000", 1.5), ("mr/001", 4.5)):
        expected = np.interp(images[image_id], [cut - 1, cut], [0, 255])
        np.testing.assert_allclose(shown[image_id], expected, atol=1e-3)


def test_colours_of_dicom(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    tags = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "RGB"}
    write_dicom(tmp_path / "rgb.dcm", pixels, **tags)
    np.testing.assert_array_equal(read_images(tmp_path)["rgb"], pixels)


def test_compressed_and_old_dicom(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom", reason="needs sat-nb[medical]")
    packed = data_set(STORED)
    packed.compress(pydicom.uid.RLELossless)
    packed.save_as(tmp_path / "rle.dcm", enforce_file_format=True)
    old = data_set(STORED)
    old.file_meta = pydicom.dataset.FileMetaDataset()
    pydicom.dcmwrite(tmp_path / "old.dcm", old, implicit_vr=True, little_endian=True)
    images = read_images(tmp_path)
    for image_id in ("rle", "old"):
        np.testing.assert_array_equal(images[image_id][..., 0], STORED)


def test_a_compression_without_a_decoder(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom", reason="needs sat-nb[medical]")
    if pydicom.pixels.get_decoder("1.2.840.10008.1.2.4.70").is_available:
        pytest.skip("a decoder of JPEG Lossless is installed")
    data = data_set(STORED)
    data.PixelData = pydicom.encaps.encapsulate([b"xx" * 40])
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.70"
    data["PixelData"].VR = "OB"
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InvalidInput, match=r"a\.dcm: is compressed as JPEG Lossless.*pip install"):
        read_images(tmp_path)["a"]


def test_dicom_that_is_no_photo_is_left_out(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a.dcm", STORED)
    (tmp_path / "rubbish.dcm").write_bytes(b"rubbish" * 99)
    many = data_set(STORED)
    many.NumberOfFrames = 2**30
    many.save_as(tmp_path / "many.dcm", enforce_file_format=True)
    mask = data_set(np.zeros((1, 4), np.uint8), BitsAllocated=1, BitsStored=1, HighBit=0)
    mask.save_as(tmp_path / "mask.dcm", enforce_file_format=True)
    with pytest.warns(UserWarning, match="3 files that look like photos were left out"):
        images = read_images(tmp_path)
    assert list(images) == ["a"]
    assert "claims 1073741824 frames" in images.left_out["many.dcm"]
    assert "without a picture" in images.left_out["rubbish.dcm"]
    assert "masks" in images.left_out["mask.dcm"]
    with pytest.raises(InvalidInput, match=r"rubbish\.dcm: a DICOM file without a picture\.$"):
        read_images(tmp_path / "rubbish.dcm")


def test_a_cut_dicom_costs_only_itself(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a.dcm", STORED)
    raw = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "b.dcm").write_bytes(raw[:-5])
    images = read_images(tmp_path)
    np.testing.assert_array_equal(images["a"][..., 0], STORED)
    with pytest.raises(InvalidInput, match=r"b\.dcm: not readable as a photo") as caught:
        images["b"]
    assert str(caught.value).count("b.dcm") == 1


# --- NIfTI ---------------------------------------------------------------------------------------


VOLUME = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 4)).astype(np.int16)


def test_elements_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a preamble, zeros are read as elements of no length, for minutes."""
    pytest.importorskip("pydicom", reason="needs sat-nb[medical]")
    monkeypatch.setattr(medical._Mapped, "left", 1000)
    with (tmp_path / "zeros.dcm").open("wb") as stream:
        stream.truncate(10**9)
    write_dicom(tmp_path / "ct.dcm", STORED, **CT)
    with pytest.warns(UserWarning, match="zeros.dcm' .* more elements than a photo has"):
        images = read_images(tmp_path)
    np.testing.assert_array_equal(images["ct"].shape, (3, 4, 3))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_slices_as_nibabel_gives_them(tmp_path: Path, suffix: str) -> None:
    write_nifti(tmp_path / f"scan{suffix}", VOLUME)
    images = read_images(tmp_path)
    assert list(images) == ["scan/000", "scan/001", "scan/002", "scan/003"]
    for k, image_id in enumerate(images):
        assert images[image_id].shape == (5, 6, 3)
        np.testing.assert_array_equal(images[image_id][..., 0], VOLUME[:, :, k])


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 1, 1)])
def test_one_slice_has_the_id_of_its_file(tmp_path: Path, shape: tuple[int, ...]) -> None:
    slice_ = VOLUME[:, :, 0].astype(np.float64) / 7
    write_nifti(tmp_path / "scan.nii.gz", slice_.reshape(shape))
    images = read_images(tmp_path)
    assert list(images) == ["scan"]
    np.testing.assert_array_equal(images["scan"][..., 2], slice_.astype(np.float32))


def test_the_header_scales_and_names_a_window(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel", reason="needs sat-nb[medical]")
    image = nibabel.Nifti1Image(VOLUME, np.eye(4))
    image.header["cal_min"], image.header["cal_max"] = -100, 300
    image.header.set_slope_inter(2, 10)
    nibabel.save(image, tmp_path / "a.nii")
    expected = np.asarray(nibabel.load(tmp_path / "a.nii").dataobj)[:, :, 3]
    np.testing.assert_array_equal(read_images(tmp_path)["a/003"][..., 0], expected)
    shown = read_images(tmp_path, window="file")["a/003"][..., 0]
    np.testing.assert_allclose(shown, np.interp(expected, [-100, 300], [0, 255]), atol=1e-3)


def test_nifti_that_is_left_out(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", VOLUME)
    write_nifti(tmp_path / "time.nii", np.zeros((3, 3, 3, 2), np.float32))
    write_nifti(tmp_path / "complex.nii", np.zeros((3, 3), np.complex64))
    (tmp_path / "bad.nii.gz").write_bytes(b"x" * 500)
    with pytest.warns(UserWarning, match="3 files that look like photos"):
        images = read_images(tmp_path)
    assert len(images) == 4
    assert "save one volume (x, y, z)" in images.left_out["time.nii"]
    assert "complex numbers" in images.left_out["complex.nii"]


def test_a_file_of_several_photos_is_no_single_one(tmp_path: Path) -> None:
    from sat_nb import ImageSet

    write_nifti(tmp_path / "a.nii", VOLUME)
    with pytest.raises(InvalidInput, match=r"a\.nii: holds 4 photos; read_images\(file\)"):
        ImageSet({"a": tmp_path / "a.nii"})["a"]


@pytest.mark.parametrize(
    ("name", "package"), [("a.dcm", "pydicom"), ("a.nii.gz", "nibabel"), ("IM01", "pydicom")]
)
def test_without_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "photo.png")
    (tmp_path / name).write_bytes(bytes(128) + b"DICM" + bytes(100))
    monkeypatch.setattr(
        "sat_nb.photos.formats.find_spec", lambda wanted: None if wanted == package else True
    )
    with pytest.warns(UserWarning, match=rf"{package}: run `pip install 'sat-nb\[medical\]'`"):
        assert list(read_images(tmp_path)) == ["photo"]
    with pytest.raises(InvalidInput, match=rf"{name}: .* needs {package}: run `pip install"):
        read_images(tmp_path / name)
