"""How a report was made: settings, versions, the lines that make it again, and what to cite."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

import sat_nb
from sat_nb.reports.findings import Options
from sat_nb.reports.markup import Html, bullets, code, numbers, paragraph
from sat_nb.saliency.methods import METHODS
from sat_nb.stats.bootstrap import INTERVALS
from sat_nb.stats.rank_tests import TESTS
from sat_nb.widgets.data import Data

LONGEST = 300
"""Characters of a setting that are shown."""

PACKAGES = ("numpy", "pandas", "scipy", "matplotlib")
"""What the numbers and pictures of a report depend on."""

PAPER = """@article{hinns2025aggregating,
  title   = {Aggregating Local Saliency Maps for Semi-Global Explainable Image Classification},
  author  = {Hinns, James and Martens, David},
  journal = {arXiv},
  year    = {2025},
  doi     = {10.48550/arXiv.2506.23247},
}"""


def how_made(data: Data, options: Options, call: str) -> Sequence[Html]:
    """Settings, versions, code and citations; ``call`` is the line that made the report."""
    settings = [*_settings(data.table.attrs.get("sat_nb", {}))] or [("table", "holds no settings")]
    sources = list(_sources(data.offer.methods, options))
    return [
        paragraph("Settings of the table, and the versions that this page was made with:"),
        numbers(pd.DataFrame([*settings, *_versions()], columns=["setting", "value"])),
        paragraph("To make it again:"),
        code(f"import sat_nb as sat\n\n{call}"),
        paragraph("What it follows:"),
        bullets(sources),
        paragraph("To cite, in full:"),
        bullets(in_full(sources)),
        code(f"{PAPER}\n\n{_software()}"),
    ]


def _settings(settings: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _settings(value, f"{within}{name}.")
        elif value not in (None, {}, []):
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            yield f"{within}{name}", text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _versions() -> Iterator[tuple[str, str]]:
    yield "sat_nb", sat_nb.__version__
    yield "Python", platform.python_version()
    for name in PACKAGES:
        yield name, importlib.metadata.version(name)


def _sources(methods: Sequence[str], options: Options) -> Iterator[str]:
    """Where the table, the methods and the statistics come from."""
    yield "Segment Attribution Tables: Hinns & Martens 2025 (below)"
    for method in methods:
        if method in METHODS and METHODS[method].source:
            yield f"{method}: {METHODS[method].source}"
    entry = TESTS.get(options.test) if isinstance(options.test, str) else options.test
    source = getattr(entry, "source", "")
    if source:
        yield f"test {options.test_name}: {source}"
    yield f"intervals: {INTERVALS['bca'].source}"


def _software() -> str:
    return (
        "@software{sat_nb,\n"
        "  title   = {sat_nb: Segment Attribution Tables in Jupyter},\n"
        "  author  = {{The sat_nb developers}},\n"
        f"  version = {{{sat_nb.__version__}}},\n"
        "}"
    )


def in_full(sources: Iterable[str]) -> list[str]:
    """The references that the texts name in short, each once.

    >>> [text[:22] for text in in_full(["test: Wilcoxon 1945; Holm 1979", "again: Holm 1979"])]
    ['Holm, S. (1979). A Sim', 'Wilcoxon, F. (1945). I']
    """
    named = "\n".join(sources)
    return [full for short, full in REFERENCES.items() if re.search(rf"\b{short}\b", named)]


REFERENCES: dict[str, str] = {
    "Abnar & Zuidema 2020": "Abnar, S. & Zuidema, W. (2020). Quantifying Attention Flow in "
    "Transformers. Proceedings of the 58th Annual Meeting of the ACL, 4190-4197. "
    "doi:10.18653/v1/2020.acl-main.385",
    "aeon": "Middlehurst, M., Ismail-Fawaz, A., Guillaume, A., Holder, C., Guijo-Rubio, D., "
    "Bulatova, G., Tsaprounis, L., Mentel, L., Walter, M., Schäfer, P. & Bagnall, A. (2024). aeon: "
    "a Python Toolkit for Learning from Time Series. Journal of Machine Learning Research, "
    "25(289), 1-10. https://jmlr.org/papers/v25/23-1444.html",
    "Bach et al. 2015": "Bach, S., Binder, A., Montavon, G., Klauschen, F., Müller, K.-R. & "
    "Samek, W. (2015). On Pixel-Wise Explanations for Non-Linear Classifier Decisions by "
    "Layer-Wise Relevance Propagation. PLOS ONE, 10(7), e0130140. "
    "doi:10.1371/journal.pone.0130140",
    "Chefer, Gur & Wolf 2021": "Chefer, H., Gur, S. & Wolf, L. (2021). Generic Attention-Model "
    "Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers. IEEE/CVF "
    "International Conference on Computer Vision, 397-406. doi:10.1109/ICCV48922.2021.00045",
    "Demsar 2006": "Demšar, J. (2006). Statistical Comparisons of Classifiers over Multiple Data "
    "Sets. Journal of Machine Learning Research, 7, 1-30. "
    "https://jmlr.org/papers/v7/demsar06a.html",
    "Efron 1979": "Efron, B. (1979). Bootstrap Methods: Another Look at the Jackknife. The Annals "
    "of Statistics, 7(1), 1-26. doi:10.1214/aos/1176344552",
    "Efron 1987": "Efron, B. (1987). Better Bootstrap Confidence Intervals. Journal of the "
    "American Statistical Association, 82(397), 171-185. doi:10.1080/01621459.1987.10478410",
    "Hinns & Martens 2025": "Hinns, J. & Martens, D. (2025). Aggregating Local Saliency Maps for "
    "Semi-Global Explainable Image Classification. arXiv. doi:10.48550/arXiv.2506.23247",
    "Holm 1979": "Holm, S. (1979). A Simple Sequentially Rejective Multiple Test Procedure. "
    "Scandinavian Journal of Statistics, 6(2), 65-70. https://www.jstor.org/stable/4615733",
    "Lapuschkin et al. 2019": "Lapuschkin, S., Wäldchen, S., Binder, A., Montavon, G., Samek, W. & "
    "Müller, K.-R. (2019). Unmasking Clever Hans predictors and assessing what machines really "
    "learn. Nature Communications, 10, 1096. doi:10.1038/s41467-019-08987-4",
    "Montavon et al. 2017": "Montavon, G., Lapuschkin, S., Binder, A., Samek, W. & Müller, K.-R. "
    "(2017). Explaining nonlinear classification decisions with deep Taylor decomposition. Pattern "
    "Recognition, 65, 211-222. doi:10.1016/j.patcog.2016.11.008",
    "Selvaraju et al. 2017": "Selvaraju, R. R., Cogswell, M., Das, A., Vedantam, R., Parikh, D. & "
    "Batra, D. (2017). Grad-CAM: Visual Explanations from Deep Networks via Gradient-Based "
    "Localization. IEEE International Conference on Computer Vision, 618-626. "
    "doi:10.1109/ICCV.2017.74",
    "Shrikumar et al. 2016": "Shrikumar, A., Greenside, P., Shcherbina, A. & Kundaje, A. (2016). "
    "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences. "
    "arXiv. doi:10.48550/arXiv.1605.01713",
    "Simonyan, Vedaldi & Zisserman 2014": "Simonyan, K., Vedaldi, A. & Zisserman, A. (2014). Deep "
    "Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps. "
    "ICLR, Workshop Track. doi:10.48550/arXiv.1312.6034",
    "Smilkov et al. 2017": "Smilkov, D., Thorat, N., Kim, B., Viégas, F. & Wattenberg, M. (2017). "
    "SmoothGrad: removing noise by adding noise. arXiv. doi:10.48550/arXiv.1706.03825",
    "Springenberg et al. 2015": "Springenberg, J. T., Dosovitskiy, A., Brox, T. & Riedmiller, M. "
    "(2015). Striving for Simplicity: The All Convolutional Net. ICLR, Workshop Track. "
    "doi:10.48550/arXiv.1412.6806",
    "Sundararajan, Taly & Yan 2017": "Sundararajan, M., Taly, A. & Yan, Q. (2017). Axiomatic "
    "Attribution for Deep Networks. Proceedings of the 34th International Conference on Machine "
    "Learning, PMLR 70, 3319-3328. doi:10.48550/arXiv.1703.01365",
    "Wilcoxon 1945": "Wilcoxon, F. (1945). Individual Comparisons by Ranking Methods. Biometrics "
    "Bulletin, 1(6), 80-83. doi:10.2307/3001968",
    "Zeiler & Fergus 2014": "Zeiler, M. D. & Fergus, R. (2014). Visualizing and Understanding "
    "Convolutional Networks. European Conference on Computer Vision, LNCS 8689, 818-833. "
    "doi:10.1007/978-3-319-10590-1_53",
}
"""References by their short form, in alphabetical order."""
