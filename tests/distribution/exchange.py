"""What one Python writes and another reads.

``python -m tests.distribution.exchange write A read B ...``: ``write`` makes every kind of file
from fixed inputs. ``read`` prints, as JSON, what it finds in such a folder: numbers as their bytes,
and what is computed from them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import sat_nb as sat
from sat_nb.csv_files import csv_of
from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.saliency.store.codec import DTYPES
from sat_nb.toy import toy
from tests.saliency import linear_engine

N_IMAGES = 8
NAMES = {"image_00": "fötö/näme 1", "image_01": '=1+1,"x"', "image_02": "NA"}
STORED = {"methods": ["gradient", "smoothgrad"], "preprocess": "signed", "progress": False}
BY = ("model", "method")


# --- write ---------------------------------------------------------------------------------------


def inputs() -> tuple[dict[str, dict[str, Any]], dict[str, sat.SegmentationMap]]:
    """Maps and masks under names that files have trouble with, one image without any mask."""
    maps, segments = toy(N_IMAGES)
    maps = {m: {NAMES.get(i, i): a for i, a in arrays.items()} for m, arrays in maps.items()}
    masks = {NAMES.get(i, i): segmentation for i, segmentation in segments.items()}
    masks["image_03"] = sat.SegmentationMap((), np.zeros((0, 20, 16), bool))
    return maps, masks


def the_table() -> pd.DataFrame:
    """Two models, missing classes and scores, and columns of the user's own."""
    maps, segments = inputs()
    one = sat.build(maps, segments, labels={i: n % 2 for n, i in enumerate(segments)})
    two = one.assign(model="wörld", label=pd.NA).astype({"label": "Int64"})
    table = pd.concat([one, two], ignore_index=True)
    table.attrs = one.attrs
    return table.assign(
        seed=np.arange(len(table), dtype=np.uint8),
        odd=table.index % 2 == 1,
        day=pd.Timestamp("2026-01-31").as_unit("ns"),
        noted=[None, "é"] * (len(table) // 2) + [None] * (len(table) % 2),
    )


def write(folder: Path) -> None:
    """All files, into an empty folder."""
    table = the_table()
    sat.write_table(table, folder / "table.parquet")
    sat.write_table(table, folder / "shards", partition_by=BY)
    sat.write_table(table, folder / "classes", partition_by=("label",))
    _add_shards(folder, last=False)
    (folder / "table.csv").write_bytes(csv_of(table))
    for name, frame in frames(table):
        (folder / f"{name}.csv").write_bytes(csv_of(frame))
    _write_maps(folder)
    _write_segments(folder)
    for dtype in DTYPES:
        _explain(folder, dtype)


def _add_shards(folder: Path, *, last: bool) -> None:
    """A half of the images, with a time in the unit that the installed pandas chooses."""
    table = the_table().assign(begun=pd.Timestamp("2026-01-31 10:00"))
    rows = table[(table["image_id"] > "image_04") == last]
    rows.attrs = table.attrs
    sat.write_table(rows, folder / "continued", partition_by=BY)


def _write_maps(folder: Path) -> None:
    import zarr

    maps = {f"{n:02d}": a for n, a in enumerate(inputs()[0]["noisy"].values())}
    (folder / "npy").mkdir()
    for name, array in maps.items():
        np.save(folder / "npy" / f"{name}.npy", array.astype(np.float64))
    np.savez_compressed(folder / "maps.npz", **maps)
    group = zarr.open_group(folder / "maps.zarr", mode="w")
    for name, array in maps.items():
        group.create_array(name, data=array)


def _write_segments(folder: Path) -> None:
    segments = toy(N_IMAGES)[1]
    sat.write_coco(folder / "coco.json", segments)
    for n, (image_id, segmentation) in enumerate(segments.items()):
        codec = ("coco_rle", "dds_rle")[n % 2]
        sat.write_dinox(folder / "dinox" / f"{image_id}.json", segmentation, codec=codec)
        (folder / "boolean").mkdir(exist_ok=True)
        masks = dict(zip(segmentation.names, segmentation.masks, strict=True))
        np.savez_compressed(folder / "boolean" / f"{image_id}.npz", **masks)


def _explain(folder: Path, dtype: str) -> sat.AttributionStore:
    """Maps of the engine that is a few lines of NumPy; what the folder holds is not made again."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(int(np.prod(linear_engine.SHAPE)), 3)).astype(np.float32)
    if not (folder / "kernel.npy").exists():
        np.save(folder / "kernel.npy", kernel)
    photos = rng.integers(0, 256, (3, *linear_engine.SHAPE), dtype=np.uint8)
    return sat.explain(
        folder / "kernel.npy",
        dict(zip("abc", photos, strict=True)),
        out=folder / dtype,
        dtype=dtype,
        **STORED,
    )


# --- read ----------------------------------------------------------------------------------------


def frames(table: Any) -> Iterator[tuple[str, pd.DataFrame]]:
    """What is computed from a table, or from a folder of shards."""
    for how in ("relative", "absolute"):
        for value in ("rank", "abs_mean_attribution"):
            yield (
                f"{how}_{value}",
                sat.aggregate(table, how=how, value=value, by=BY, classes="pool"),
            )
    if not isinstance(table, pd.DataFrame):
        return
    one = table[table["model"] == "model"]
    yield "intervals", sat.intervals(one, value="rank", n_resamples=200, classes="pool")
    for test in sat.TESTS:
        yield f"pairs_{test}", sat.compare(one, method="sharp", test=test, classes="pool").pairs()
    yield "sizes", sat.size_effect(one, classes="pool")
    yield "ranking", sat.consensus(one, classes="pool").ranking


def read(folder: Path) -> dict[str, Any]:
    """{what: digest} of everything in a folder that ``write`` has filled."""
    tables = {
        name: sat.read_table(folder / name) for name in ("table.parquet", "shards", "classes")
    }
    found: dict[str, Any] = {name: of_frame(table) for name, table in tables.items()}
    continued = sat.read_table(folder / "continued")
    found["continued"] = of_frame(continued.astype({"begun": "datetime64[ns]"}))
    found |= {f"attrs of {name}": table.attrs for name, table in tables.items()}
    for name, rows in {"table": tables["table.parquet"], "shards": folder / "shards"}.items():
        found |= {f"{what} of {name}": of_frame(frame) for what, frame in frames(rows)}
    for file in sorted(folder.glob("*.csv")):
        found[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        found[f"rows of {file.name}"] = of_frame(pd.read_csv(file, float_precision="round_trip"))
    found |= {what: of_maps(sat.read_maps(folder / what, **SHAP)) for what in MAPS}
    for what in SEGMENTS:
        segments = sat.read_segments(folder / what)
        found[what] = {i: [list(s.names), of_array(s.masks)] for i, s in sorted(segments.items())}
    return found | {dtype: of_store(folder, dtype) for dtype in DTYPES}


TABLES = ("table.parquet", "shards", "classes")
MAPS = ("npy", "maps.npz", "maps.zarr")
SEGMENTS = ("coco.json", "dinox", "boolean")
SHAP = {"method": "shap", "layout": "HWC", "sign": "signed"}


def of_array(array: Any) -> list[Any]:
    array = np.ascontiguousarray(array)
    return [array.dtype.str, list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]


def of_frame(frame: pd.DataFrame) -> list[Any]:
    """Columns in their order; text is text, whatever type pandas keeps it in."""
    return [[str(name), *_of_column(frame[name])] for name in frame.columns]


def _of_column(column: pd.Series) -> tuple[Any, ...]:
    missing = column.isna().to_numpy()
    if pd.api.types.is_string_dtype(column.dtype) or column.dtype == object:
        return "text", [None if gone else str(v) for v, gone in zip(column, missing, strict=True)]
    kind, gaps = str(column.dtype), hashlib.sha256(missing.tobytes()).hexdigest()
    if pd.api.types.is_extension_array_dtype(column.dtype):
        column = column.fillna(0).astype(np.int64)
    return kind, gaps, of_array(column.to_numpy())


def of_maps(maps: Any) -> dict[str, Any]:
    return {m: {i: of_array(maps[m][i]) for i in sorted(maps[m])} for m in maps}


def of_store(folder: Path, dtype: str) -> dict[str, Any]:
    """What is kept, and that a run in the folder finds it all made."""
    before = _files(folder / dtype)
    store = sat.AttributionStore.open(folder / dtype)
    chunks = [store.chunk(method, i) for method in store for i in sorted(store[method])]
    again = _explain(folder, dtype)
    return {
        "maps": of_maps(store),
        "again": of_maps(again),
        "beside": [{n: of_array(a) for n, a in sorted(c.arrays.items())} for c in chunks],
        "facts": [dict(chunk.facts) for chunk in chunks],
        "nothing is made again": _files(folder / dtype) == before,
    }


def _files(folder: Path) -> dict[str, int]:
    return {str(f): f.stat().st_mtime_ns for f in sorted(folder.rglob("*.map"))}


COMMANDS: dict[str, Callable[[Path], Any]] = {"write": write, "read": read}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    ENGINES["keras"] = linear_engine.ENTRY
    for command, folder in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        print(json.dumps(COMMANDS[command](Path(folder)), sort_keys=True))
