"""What a user of the core does, with a model's library nowhere near: run in an empty folder."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import numpy as np

import sat_nb as sat
from sat_nb.reproduction import quickstart
from sat_nb.toy import toy

assert Path(sat.__file__).is_relative_to(sys.prefix), sat.__file__
for name in sys.argv[1:]:
    assert importlib.util.find_spec(name) is None, name

for name in sat.__all__:
    getattr(sat, name)
assert len(sat.prompts("zebra")) == 12

maps, segments = toy(12)
for image_id, segmentation in segments.items():
    sat.write_dinox(f"exports/{image_id}.json", segmentation)
segments = sat.read_segments("exports")
np.savez("maps.npz", **maps["sharp"])
adopted = sat.read_maps("maps.npz", method="shap", layout="HWC", sign="signed")
table = sat.build(adopted, segments)
sat.write_table(table, "shards", partition_by=("model", "method"))
assert sat.read_table("shards").equals(table[sat.read_table("shards").columns])
summary = sat.aggregate("shards", how="relative", value="rank")
assert summary["segment"].tolist()[0] == "eyes"
results = [sat.compare(table, method="shap", test=test) for test in sat.TESTS]
assert all(result.mean_ranks.index[0] == "eyes" for result in results)
sat.size_effect(table)
sat.save_figure(sat.plot_critical_difference(results[0]), "diagram.svg")
sat.save_figure(sat.plot_segments(summary), "bars.png")
explorer = sat.explore(table, segments=segments)
assert explorer.code()
explorer.save("svg")
explorer.save("csv")


def refused(function: Callable[[], object]) -> None:
    """Print what an error of ours says, one that is raised before anything takes long."""
    try:
        function()
    except sat.SatError as error:
        print(error)
    else:
        raise AssertionError("what this needs is missing, and it does not say so")


Path("model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
Path("group.zarr").mkdir()
Path("group.zarr", "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
photo = np.zeros((8, 8, 3), np.uint8)
options = {"methods": "gradient", "preprocess": "unit", "progress": False}
refused(lambda: sat.explain("model.h5", {"a": photo}, **options))
refused(lambda: sat.input_agnostic_saliency("model.h5", [0, 1], bounds=(0, 1)))
refused(lambda: sat.DELETIONS["inpaint"](photo, np.eye(8, dtype=bool)))
refused(lambda: sat.read_maps("group.zarr", method="shap", layout="HWC", sign="signed"))
refused(lambda: quickstart.run("work"))
