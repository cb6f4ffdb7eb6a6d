"""check_masks: what is measured, and what is found; planted faults are named, sound masks pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.axes import Axes

import sat_nb as sat
from sat_nb import InvalidInput, SegmentationMap
from sat_nb.plots.style import ACCENT, INK
from sat_nb.segments.quality.findings import FINDINGS
from sat_nb.segments.quality.measures import (
    BLUR,
    CRUMB_FRACTION,
    REACH,
    best_move,
    edge_profile,
    measure_pairs,
    n_fragments,
)
from sat_nb.segments.read import SegmentFiles
from sat_nb.toy import toy
from tests.entries import is_described
from tests.oracles import checks as oracle
from tests.segments import formats as made

Photos = dict[str, np.ndarray]
Segments = dict[str, SegmentationMap]


def photographed(n: int = 12, *, side: int = 64, seed: int = 0) -> tuple[Photos, Segments]:
    """Noisy photos of a bright square ("box") with a dark one in it ("hole"), at random places."""
    rng = np.random.default_rng(seed)
    photos, segments = {}, {}
    for i in range(n):
        row, column = rng.integers(10, side - 36, 2)
        box, hole = np.zeros((2, side, side), bool)
        box[row : row + 24, column : column + 24] = True
        hole[row + 6 : row + 12, column + 5 : column + 15] = True
        grey = 90 + 90 * box - 120 * hole + rng.normal(0, 12, (side, side))
        photos[f"p{i:02d}"] = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 2)
        segments[f"p{i:02d}"] = SegmentationMap(("box", "hole"), np.stack([box, hole]), [0.9, 0.8])
    return photos, segments


def kinds(result: sat.MaskCheck) -> set[tuple[str, str]]:
    return set(zip(result.findings["level"], result.findings["kind"], strict=True))


def changed(segments: Segments, change: Callable[[np.ndarray], np.ndarray]) -> Segments:
    return {
        i: SegmentationMap(s.names, np.array([change(m) for m in s.masks]), s.scores)
        for i, s in segments.items()
    }


# --- measures ------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_fragments_are_what_flooding_finds(mask: np.ndarray) -> None:
    mask[0, 0] = True
    assert n_fragments(mask) == oracle.n_fragments(mask, CRUMB_FRACTION)


def test_crumbs_are_no_fragments() -> None:
    mask = np.zeros((30, 30), bool)
    mask[:20, :20] = mask[25, 25] = True
    assert n_fragments(mask) == 1
    mask[25, 21:25] = True
    assert n_fragments(mask) == 2


@settings(max_examples=50)
@given(arrays(bool, st.tuples(st.just(3), st.integers(1, 6), st.integers(1, 6))))
def test_pairs_are_counted_pixel_by_pixel(masks: np.ndarray) -> None:
    masks[:, 0, 0] |= ~masks.any(axis=(1, 2))
    found = measure_pairs(SegmentationMap(tuple("abc"), masks))
    by_names = {(p["segment"], p["other"]): (p["shared"], p["iou"]) for p in found}
    expected = {}
    for i, a in enumerate("abc"):
        for j, b in enumerate("abc"):
            both = (masks[i] & masks[j]).sum()
            if i != j and both:
                expected[a, b] = both / masks[i].sum(), both / (masks[i] | masks[j]).sum()
    assert by_names == expected


@settings(max_examples=3)
@given(st.integers(0, 100))
def test_edges_are_what_moving_outlines_one_by_one_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = rng.integers(0, 255, (22, 25)).astype(np.uint8)
    masks = rng.random((2, 22, 25)) < 0.2
    masks[:, 0, 0] = True
    found = edge_profile(np.repeat(grey[..., None], 3, axis=2), masks)
    np.testing.assert_allclose(found, oracle.edge_profile(grey, masks, REACH, BLUR), rtol=1e-4)


@pytest.mark.parametrize("move", [(0, 0), (3, 0), (-2, 4)])
def test_moved_masks_are_found_out(move: tuple[int, int]) -> None:
    photos, segments = photographed(1)
    masks = np.roll(segments["p00"].masks, move, axis=(1, 2))
    assert best_move(edge_profile(photos["p00"], masks)) == (-move[0], -move[1])


def test_large_photos_are_looked_at_small() -> None:
    photos, segments = photographed(1)
    large = photos["p00"].repeat(16, axis=0).repeat(16, axis=1)
    masks = segments["p00"].masks.repeat(16, axis=1).repeat(16, axis=2)
    masks = np.roll(masks, (8, -6), axis=(1, 2))
    assert best_move(edge_profile(large, masks)) == (-4, 3)


def test_photos_without_an_edge_and_masks_without_an_outline_tell_nothing() -> None:
    flat = np.full((64, 64, 3), 7, np.uint8)
    photos, segments = photographed(1)
    assert np.isnan(edge_profile(flat, segments["p00"].masks)).all()
    assert np.isnan(edge_profile(photos["p00"], np.ones((1, 64, 64), bool))).all()
    dot = np.zeros((1, 64, 64), bool)
    dot[0, 30:40, 30:39] = True  # 38 places
    assert np.isnan(edge_profile(photos["p00"], dot)).all()
    dot[0, 30:40, 39] = True
    assert np.isfinite(edge_profile(photos["p00"], dot)).all()
    assert np.isnan(edge_profile(flat[:5, :5], np.ones((1, 5, 5), bool))).all()


# --- the whole ------------------------------------------------------------------------------------


def test_the_table_of_names() -> None:
    masks = np.zeros((3, 10, 10), bool)
    masks[0, 0, :4] = masks[1, 0, 6:8] = masks[2, :5] = True
    segments = {
        "a": SegmentationMap(("eye", "eye", "face"), masks, [0.5, 0.7, 0.9]),
        "b": SegmentationMap(("face",), masks[2:], [0.7]),
    }
    names = sat.check_masks(segments, progress=False).names
    assert list(names.index) == ["face", "eye"]
    assert names.loc["eye"].drop(["n_tiny", "n_huge"]).to_dict() == {
        "n_images": 1,
        "detection_rate": 0.5,
        "n_instances": 2,
        "coverage": 0.06,
        "fragments": 1.0,
        "mean_score": 0.7,
        "overlaps_with": "face",
        "overlap": 1.0,
    }
    assert names.loc["face", "overlap"] == pytest.approx(6 / 50 / 2)
    assert names.loc["face", "mean_score"] == pytest.approx(0.8)


def test_sound_masks_pass() -> None:
    photos, segments = photographed()
    result = sat.check_masks(segments, photos, progress=False)
    assert kinds(result) == set()
    assert result.edges is not None
    assert best_move(result.edges) == (0, 0)
    assert "12 images, 2 names, 0 errors, 0 warnings" in str(result)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (lambda s: changed(s, lambda m: np.roll(m, 3, axis=1)), "shifted"),
        (lambda s: changed(s, lambda m: m[::-1, ::-1]), "unrelated"),
        (lambda s: dict(zip(s, [*list(s.values())[1:], s["p00"]], strict=True)), "unrelated"),
    ],
)
def test_masks_that_are_beside_the_edges(fault: Callable, kind: str) -> None:
    photos, segments = photographed(20)
    result = sat.check_masks(fault(segments), photos, progress=False)
    assert ("warning", kind) in kinds(result)
    if kind == "shifted":
        assert "moved by 0 px down and -3 px right" in result.warnings[0]


def one_unlike() -> tuple[Photos, Segments]:
    """One image whose masks are shifted, and one whose masks are elsewhere."""
    photos, segments = photographed()
    segments["p03"] = changed({"p03": segments["p03"]}, lambda m: np.roll(m, 4, axis=0))["p03"]
    segments["p05"] = changed({"p05": segments["p05"]}, lambda m: np.roll(m, 33, axis=1))["p05"]
    return photos, segments


def test_one_image_that_is_unlike_the_others() -> None:
    photos, segments = one_unlike()
    found = sat.check_masks(segments, photos, progress=False).findings
    named = dict(zip(found["kind"], found["image_ids"], strict=True))
    assert named["shifted"] == ("p03",)
    assert {i for ids in found["image_ids"] for i in ids} == {"p03", "p05"}


def damaged() -> tuple[Photos, Segments]:
    """Files that cannot be read, sizes that differ, ids that do not match, an empty export."""

    class Exports(dict):
        def __getitem__(self, key: str) -> SegmentationMap:
            if key == "torn":
                raise InvalidInput("torn.json: not readable as JSON")
            return super().__getitem__(key)

    photos, segments = photographed(8)
    photos["p01"] = photos["p01"][:40]
    photos["p02"], photos["p03"] = photos["p02"][:40], photos["p03"][:, :40]
    segments["p02"] = changed({"p02": segments["p02"]}, lambda m: m[:, :40])["p02"]
    photos["other"] = photos.pop("p04")
    return photos, Exports(segments, torn=None)


def test_sizes_ids_and_files_are_errors() -> None:
    photos, segments = damaged()
    result = sat.check_masks(segments, photos, progress=False)
    assert kinds(result) >= {("error", "unreadable"), ("error", "size"), ("warning", "unmatched")}
    errors = "\n".join(result.errors)
    assert "torn.json: not readable" in errors
    assert "masks of 'p01' are 64 x 64 px (height x width), its photo is 40 x 64: export" in errors
    assert "masks of 'p02' are 64 x 40 px (height x width), its photo is 40 x 64: the" in errors
    assert "2 exports have no photo of their id: 'p04', 'torn'" in str(result)
    assert "1 photos have no export of their id: 'other'" in str(result)
    apart = sat.check_masks(photographed(1)[1], {"x": photos["p05"]}, progress=False)
    assert ("error", "unmatched") in kinds(apart)


def test_masks_of_another_scale_are_one_warning_and_meet_the_same_edges() -> None:
    """Open Images' masks have up to 1600 px where the photos have 1024."""
    photos, segments = photographed(8)
    large = {
        i: SegmentationMap(one.names, one.masks.repeat(2, axis=1).repeat(2, axis=2), one.scores)
        for i, one in segments.items()
    }
    found = sat.check_masks(large, photos, progress=False)
    plain = sat.check_masks(segments, photos, progress=False)
    assert found.errors == ()
    (scale,) = found.findings[found.findings["kind"] == "scale"].itertuples()
    assert scale.level == "warning"
    assert scale.image_ids == tuple(segments)
    assert "masks of another scale, same shape, in 8 of 8 images" in scale.message
    assert "masks of 'p00' are 128 x 128 px (height x width), its photo is 64 x 64" in scale.message
    assert len(found.findings) == len(plain.findings) + 1
    np.testing.assert_array_equal(found.edges, plain.edges)


def test_turned_masks_of_any_scale_are_errors_that_say_what_to_do() -> None:
    photos, segments = photographed(1)
    photos["p05"] = photos.pop("p00")[:40]
    masks = segments.pop("p00").masks[:, :, :40]
    for times in (1, 2):
        large = SegmentationMap(("a",), masks[:1].repeat(times, axis=1).repeat(times, axis=2))
        (error,) = sat.check_masks({"p05": large}, photos, progress=False).errors
        assert "EXIF" in error
        assert "SegmentationMap.turn(orientation)" in error


def test_empty_exports() -> None:
    nothing = SegmentationMap((), np.zeros((0, 0, 0), bool))
    _, segments = photographed(8)
    some = sat.check_masks({**segments, "none": nothing}, progress=False)
    assert some.warnings == ("1 of 9 exports hold no mask: 'none'.",)
    assert some.names.loc["box", "detection_rate"] == pytest.approx(8 / 9)
    photo = {"a": np.zeros((4, 4, 3), np.uint8)}
    assert kinds(sat.check_masks({"a": nothing}, photo, progress=False)) == {("error", "empty")}


def suspicious() -> Segments:
    """Duplicates, a rare name, tiny, huge and torn masks, low scores."""
    rng = np.random.default_rng(0)
    segments = {}
    for i in range(10):
        masks = np.zeros((6, 200, 200), bool)
        masks[0, 20:60, 20:60] = masks[1, 20:60, 20:59] = masks[2, :, :] = True
        masks[3, 100, 100:102] = True
        masks[4] = rng.random((200, 200)) < 0.001
        masks[5, 150:180] = True
        names = ("logo", "mark", "all", "dot", "noise", "once" if i else "never")
        segments[f"{i}"] = SegmentationMap(names, masks, [0.9, 0.9, 0.9, 0.9, 0.9, 0.3])
    return segments


def test_duplicates_rare_torn_tiny_huge_and_unsure_masks() -> None:
    found = sat.check_masks(suspicious(), progress=False).findings
    pairs = set(zip(found["kind"], found["segment"], strict=True))
    assert pairs == {
        ("duplicate", "logo"),
        ("huge", "all"),
        ("tiny", "dot"),
        ("fragments", "noise"),
        ("score", "once"),
        ("score", "never"),
        ("rare", "never"),
    }
    duplicate = found.loc[found["kind"] == "duplicate", "message"].item()
    assert "'logo' and 'mark' are nearly the same mask (IoU > 0.9) in 10 of 10 images" in duplicate
    listed = found[found["segment"].isin(["noise", "once"])].set_index("kind")["image_ids"]
    assert listed.map(len).to_dict() == {"fragments": 3, "score": 3}


def test_one_image_is_in_memory_at_a_time() -> None:
    import weakref

    class Lazy(dict):
        alive: list[weakref.ref] = []  # noqa: RUF012

        def __getitem__(self, key: str) -> SegmentationMap:
            assert sum(ref() is not None for ref in self.alive) <= 1
            made = SegmentationMap(("a",), np.ones((1, 8, 8), bool))
            self.alive.append(weakref.ref(made))
            return made

    assert sat.check_masks(Lazy.fromkeys("abcdefgh"), progress=False).n_images == 8


def test_errors_come_first_and_names_are_text() -> None:
    hostile = "<b>\n$x$\x1b[2J"
    _, segments = photographed(8)
    segments["p00"] = SegmentationMap((hostile,), segments["p00"].masks[:1])
    photos = {i: np.zeros((10, 10, 3), np.uint8) for i in segments}
    result = sat.check_masks(segments, photos, progress=False)
    assert result.findings["level"].is_monotonic_increasing
    assert repr(hostile) in "\n".join(result.warnings)
    assert "\x1b" not in str(result)


def test_the_depth_of_photos_is_said_and_changes_nothing_else() -> None:
    photos, segments = photographed(8)
    deep = {i: one.astype(np.uint16) * 16 for i, one in photos.items()}
    signed = {i: one.astype(np.float32) * 7.5 - 1000 for i, one in photos.items()}
    plain = sat.check_masks(segments, photos, progress=False)
    for images, kind in ((deep, "uint16"), (signed, "float32")):
        found = sat.check_masks(segments, images, progress=False)
        (row,) = found.findings[found.findings["kind"] == "depth"].itertuples()
        assert f"8 of 8 photos are not of 8 bits, but hold {kind} from" in row.message
        assert row.image_ids == tuple(segments)
        assert len(found.findings) == len(plain.findings) + 1
        np.testing.assert_allclose(found.edges, plain.edges, rtol=1e-2)
    mixed = sat.check_masks(segments, {**photos, "p00": deep["p00"]}, progress=False)
    assert mixed.findings.query("kind == 'depth'").image_ids.tolist() == [("p00",)]
    windowed = sat.ImageSet(deep, window=(0, 4080))
    assert list(sat.check_masks(segments, windowed, progress=False).findings["kind"]) == list(
        plain.findings["kind"]
    )


@pytest.mark.parametrize("wrong", [{}, 3])
def test_what_it_refuses(wrong: object) -> None:
    with pytest.raises(InvalidInput, match=r"segments: expected \{image_id: SegmentationMap\}"):
        sat.check_masks(wrong)  # type: ignore[arg-type]


def test_sound_masks_raise_no_suspicion() -> None:
    assert len(sat.check_masks(toy()[1], progress=False).findings) == 0


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> list[sat.MaskCheck]:
    """Checks of masks that together have every fault there is a finding for."""
    unlike, broken, deep = one_unlike(), damaged(), photographed(2)
    empty = {"none": SegmentationMap((), np.zeros((0, 0, 0), bool)), **photographed(2)[1]}
    return [
        sat.check_masks(unlike[1], unlike[0], progress=False),
        sat.check_masks(broken[1], broken[0], progress=False),
        sat.check_masks(suspicious(), progress=False),
        sat.check_masks(empty, progress=False),
        sat.check_masks(deep[1], {i: one[::2, ::2] for i, one in deep[0].items()}),
        sat.check_masks(deep[1], {i: one.astype(np.uint16) for i, one in deep[0].items()}),
        sat.check_masks(with_a_box(tmp_path_factory.mktemp("a"), 4), progress=False),
    ]


def with_a_box(folder: Path, n_boxes: int) -> SegmentFiles:
    """A mask, and boxes that are left out."""
    document = made.coco(made.EYE)
    boxes = [{"id": i, "image_id": 7, "category_id": 1} for i in range(10, 10 + n_boxes)]
    document["annotations"] = [*document["annotations"], *boxes]
    return sat.read_segments(made.write(folder / "set.json", document), errors="skip")


def test_what_was_left_out_is_counted(tmp_path: Path) -> None:
    segments = with_a_box(tmp_path, 4)
    assert segments["a"].names == made.NAMES
    assert segments.problems.n_items == 4
    for read in (segments, sat.rename_segments(segments, {"eye": "iris"})):
        checked = sat.check_masks(read, progress=False)
        (finding,) = checked.findings.query("kind == 'left_out'").itertuples()
        assert finding.level == "warning"
        assert finding.message.startswith("left out were 4 items of 1 file: ")
        assert finding.message.count("expected the mask of 'mane', got none, as of a box") == 3
        assert checked.errors == ()


def test_where_all_was_left_out_the_error_says_why(tmp_path: Path) -> None:
    file = made.write(tmp_path / "a.json", b"{")
    with pytest.raises(InvalidInput, match=r"got an empty one\. .*a\.json: not readable as JSON"):
        sat.check_masks(sat.read_segments(file, errors="skip"))


@pytest.mark.parametrize("name", FINDINGS)
def test_every_finding_shows_everywhere(name: str, faulty: list[sat.MaskCheck]) -> None:
    entry = FINDINGS[name]
    is_described(entry, sourced=False)
    assert f'- "{name}": {entry.about[:20]}' in sat.check_masks.__doc__
    seen = set()
    for check in faulty:
        found = check.findings[check.findings["kind"].isin(entry.kinds)]
        seen |= set(found["kind"])
        for level, message in zip(found["level"], found["message"], strict=True):
            assert f"{level}: {message}" in str(check)
    assert seen == set(entry.kinds), "a fault of this kind in `faulty`"


# --- pictures ------------------------------------------------------------------------------------


def test_the_picture_shows_the_table() -> None:
    _, segments = photographed(8)
    segments["p00"] = SegmentationMap(("box", "rare $x"), segments["p00"].masks)
    ax = sat.plot_mask_check(sat.check_masks(segments, progress=False))
    assert [bar.get_width() for bar in ax.patches] == [1.0, 7 / 8, 1 / 8]
    labels = ax.get_yticklabels()
    assert [text.get_text() for text in labels] == ["box", "hole", "rare $x"]
    assert [text.get_color() for text in labels] == [INK, INK, ACCENT]
    ax.figure.canvas.draw()


def moved_by(ax: Axes, label: str) -> tuple[float, float]:
    """Where the ticks of that label stand."""
    ticks = zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
    rows = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    ((x, _),) = [tick for tick in ticks if tick[1].get_text() == label]
    ((y, _),) = [tick for tick in rows if tick[1].get_text() == label]
    return x, y


def test_the_picture_of_the_edges_marks_the_best_move() -> None:
    photos, segments = photographed(8)
    moved = changed(segments, lambda m: np.roll(m, (2, -3), axis=(0, 1)))
    ax = sat.plot_mask_edges(sat.check_masks(moved, photos, progress=False))
    ring = ax.lines[-1]
    middle = moved_by(ax, "0")
    assert (ring.get_xdata()[0] - middle[0], ring.get_ydata()[0] - middle[1]) == (3, -2)
    with pytest.raises(InvalidInput, match="give check_masks the photos"):
        sat.plot_mask_edges(sat.check_masks(segments, progress=False))
