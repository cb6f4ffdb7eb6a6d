"""Names of segments: renamed by a list of the user's, and near-duplicates found for that list."""

from __future__ import annotations

import json
import os
import re
import tomllib
import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sat_nb.by_id import ById
from sat_nb.errors import InvalidInput, shorten
from sat_nb.files import existing
from sat_nb.limits import LIMITS, beyond
from sat_nb.printable import printable
from sat_nb.reading import read_plain, readable
from sat_nb.registry import Entry, lists, registry
from sat_nb.segments.problems import problems_of
from sat_nb.segments.segmentation import SegmentationMap

if TYPE_CHECKING:
    import pandas as pd

    Renames = Mapping[str, str] | str | os.PathLike[str] | pd.DataFrame


def normalize(name: str) -> str:
    """Lower case, composed Unicode, without blanks at the ends, with single blanks within.

    >>> normalize("  Left   EYE ")
    'left eye'
    """
    return " ".join(unicodedata.normalize("NFC", name).lower().split())


TYPO_RATIO = 0.85  # similarity from which one name may be a misspelling of the other
TYPO_LETTERS = 4  # shorter names are similar too often: "ear", "car"
TYPO_SHARE = 0.2  # a misspelling is rarer: at most that share of the right name's images


class RenamedSegments(ById[SegmentationMap]):
    """Segments under other names, renamed when they are asked for; see ``rename_segments``."""

    holds = "segmentation map"

    def __init__(self, segments: Mapping[str, SegmentationMap], renames: Mapping[str, str]) -> None:
        self._segments = segments
        self._renames = MappingProxyType(dict(renames))

    @property
    def problems(self) -> Mapping[str, str]:
        """What ``read_segments(..., errors="skip")`` left out: {file: messages, one a line}."""
        return problems_of(self._segments)

    def _keys(self) -> Collection[str]:
        return self._segments.keys()

    def _value(self, key: str) -> SegmentationMap:
        segmentation = self._segments[key]
        found = {name: self._renames.get(normalize(name), name) for name in segmentation.names}
        return segmentation.rename(found)

    def __repr__(self) -> str:
        return f"RenamedSegments({len(self)} images, {len(self._renames)} renames)"


def rename_segments(segments: Mapping[str, SegmentationMap], renames: Renames) -> RenamedSegments:
    """Rename segments.

    Parameters
    ----------
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}, as from ``read_segments``.
    renames : Mapping, DataFrame, str or PathLike
        {old name: new name}; what ``suggest_renames`` returns; or a TOML file with the tables ::

            [rename]
            "eyes" = "eye"

            [synonyms]
            watermark = ["watermark left", "logo"]

    Returns
    -------
    RenamedSegments
        A lazy Mapping {image_id: SegmentationMap}.

    Raises
    ------
    InvalidInput
        For empty names, for an old name with two new ones, and for a file that is not such TOML.
    FileMissing
        If the file does not exist.

    Notes
    -----
    Case and blanks of old names do not matter. Each name is replaced once: a new name is not
    replaced again. ``build`` merges the masks of one image that get the same name.

    Examples
    --------
    >>> eyes = SegmentationMap(("left eye", "eyes"), np.eye(2, dtype=bool)[:, None])
    >>> rename_segments({"a": eyes}, {"left eye": "eye", "eyes": "eye"})["a"].names
    ('eye', 'eye')
    """
    return RenamedSegments(segments, folded_renames(renames))


def folded_renames(renames: Renames) -> dict[str, str]:
    """{normalized old name: new name} of what ``rename_segments`` takes."""
    folded: dict[str, str] = {}
    for old, new in _pairs(renames):
        if not all(isinstance(name, str) and name.strip() for name in (old, new)):
            raise InvalidInput(f"renames: expected names, got {old!r} -> {new!r}.")
        if folded.setdefault(normalize(old), new) != new:
            raise InvalidInput(
                f"renames: {normalize(old)!r} is to become both {folded[normalize(old)]!r} and "
                f"{new!r}; keep one of them."
            )
    return folded


def _pairs(renames: Any) -> list[tuple[Any, Any]]:
    """Pairs (old, new) of a mapping, of suggestions or of a TOML file."""
    if isinstance(renames, str | os.PathLike):
        return _read_toml(renames)
    if isinstance(renames, Mapping):
        return list(renames.items())
    if {"segment", "proposal"} <= set(getattr(renames, "columns", ())):
        return list(zip(renames["segment"], renames["proposal"], strict=True))
    raise InvalidInput(
        "renames: expected {old name: new name}, the result of suggest_renames or a TOML file, "
        f"got {type(renames).__name__}."
    )


MAX_TOML_BYTES = 2**21  # a list of 100,000 names
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}\.[ \t]*+){{50}}")


def _read_toml(path: str | os.PathLike[str]) -> list[tuple[Any, Any]]:
    file = existing(path, "renames")
    with readable("TOML", "write it again, in UTF-8", file=file):
        text = read_plain(file, MAX_TOML_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
        if _LONG_KEY.search(text):  # takes the square of its parts
            raise InvalidInput("a key has more than 50 parts; put names with dots in quotes.")
        document = tomllib.loads(text)
    rename, synonyms = document.get("rename", {}), document.get("synonyms", {})
    whole = isinstance(rename, dict) and isinstance(synonyms, dict)
    if not document or document.keys() - {"rename", "synonyms"} or not whole:
        raise InvalidInput(
            f'{file}: expected the tables [rename] (old = "new") and [synonyms] '
            f'(new = ["old", ...]), got {shorten(document) or "nothing"}.'
        )
    lists = [new for new, olds in synonyms.items() if not isinstance(olds, list)]
    if lists:
        raise InvalidInput(f"{file}: synonyms.{lists[0]}: expected a list of names.")
    return [*rename.items(), *((old, new) for new, olds in synonyms.items() for old in olds)]


_IRREGULAR = {
    "teeth": "tooth", "feet": "foot", "leaves": "leaf", "hooves": "hoof", "men": "man",
    "women": "woman", "people": "person", "children": "child", "calves": "calf",
}  # fmt: skip
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"))
_SIDE = re.compile(r"\b(?:(?:top|bottom|upper|lower|front|rear|back|hind) )?(?:left|right)\b")


def _spelling(name: str) -> str:
    """The name without differences of case, blanks, hyphens and underscores."""
    return normalize(re.sub(r"[-_./]", " ", name)) or name


def _singular(name: str) -> str:
    head, _, word = _spelling(name).rpartition(" ")
    if word in _IRREGULAR:
        word = _IRREGULAR[word]
    elif any(word.endswith(ending) for ending, _ in _ENDINGS):
        ending, one = next(pair for pair in _ENDINGS if word.endswith(pair[0]))
        word = word[: -len(ending)] + one
    elif len(word) > 3 and word.endswith("s") and word[-2] not in "sui":
        word = word[:-1]
    return f"{head} {word}".strip()


def _without_side(name: str) -> str:
    return _singular(normalize(_SIDE.sub(" ", _spelling(name))) or name)


def _without_number(name: str) -> str:
    bare = re.sub(r"[ #]*\d+$", "", _spelling(name)).strip()
    return _without_side(bare or name)


@dataclass(frozen=True, kw_only=True)
class NameRule(Entry):
    """A rule by which names may mean one thing: those that ``function`` turns into one text."""

    function: Callable[[str], str]

    def __call__(self, name: str) -> str:
        """The text that names of one thing share."""
        return self.function(name)


NAME_RULES: dict[str, NameRule] = registry(
    NameRule(
        name="spelling",
        about="Case, blanks, hyphens and underscores do not count.",
        function=_spelling,
    ),
    NameRule(name="plural", about="A plural means its singular.", function=_singular),
    NameRule(name="side", about="Left, right, top and so on are dropped.", function=_without_side),
    NameRule(name="number", about="A number at the end is dropped.", function=_without_number),
)
"""Which names may mean one thing, the finest rule first; each includes those before it."""


@lists(rules=NAME_RULES)
def suggest_renames(
    segments: Mapping[str, SegmentationMap], *, progress: bool = True
) -> pd.DataFrame:
    """Suggest renames for names that may mean the same thing, for a person to edit.

    Parameters
    ----------
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}, as from ``read_segments``. Every image is read once.
    progress : bool, default True
        Show a bar.

    Returns
    -------
    DataFrame
        ``segment``, ``proposal``, ``reason``, ``n_images`` and ``n_images_proposal`` (images that
        have either name), ``n_both`` (images that have both: they may be two things after all).
        ``rename_segments`` takes it as it is; ``renames_as_toml`` writes it down for editing.

    Notes
    -----
    Names that are equal under a rule of NAME_RULES belong together:

    [[rules]]

    They are proposed the one of them that most images have. Names with sides or numbers
    ("watermark-left", "eye 2") are proposed the bare name, if at least two names share it. Of the
    names that are left, one that is much rarer than a similar name is taken for a typing error:
    letters that both have in the same order make up 0.85 of their letters or more (the Indel
    similarity of RapidFuzz; of several such names the most similar, of these the commonest).

    Examples
    --------
    >>> one = np.ones((3, 2, 2), bool)
    >>> segments = {"a": SegmentationMap(("eyes", "mark-left", "nose"), one),
    ...             "b": SegmentationMap(("eye", "mark right", "nose"), one),
    ...             "c": SegmentationMap(("eye", "mark right", "nose"), one)}
    >>> suggest_renames(segments, progress=False)[["segment", "proposal", "reason", "n_images"]]
          segment proposal  reason  n_images
    0        eyes      eye  plural         1
    1  mark right     mark    side         2
    2   mark-left     mark    side         1
    """
    import pandas as pd
    from tqdm.auto import tqdm

    bar = tqdm(segments, desc="names", unit="image", disable=not progress)
    images_of: dict[str, set[str]] = {}
    for image_id in bar:
        for name in segments[image_id].names:
            images_of.setdefault(name, set()).add(image_id)
    counts = Counter({name: len(ids) for name, ids in images_of.items()})
    rows = []
    for name, (proposal, reason) in _proposals(counts).items():
        both = images_of[name] & images_of.get(proposal, set())
        rows.append((name, proposal, reason, counts[name], counts[proposal], len(both)))
    rows.sort(key=lambda row: (row[1], row[0]))
    columns = ["segment", "proposal", "reason", "n_images", "n_images_proposal", "n_both"]
    return pd.DataFrame(rows, columns=columns)


def renames_as_toml(suggestions: pd.DataFrame) -> str:
    """Write suggestions as the TOML that ``rename_segments`` reads, each with its reason.

    Parameters
    ----------
    suggestions : DataFrame
        As from ``suggest_renames``.

    Returns
    -------
    str
        The content of a TOML file, to be edited.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"segment": "eyes", "proposal": "eye", "reason": "plural", "n_images": 1,
    ...        "n_images_proposal": 2, "n_both": 0}
    >>> print(renames_as_toml(pd.DataFrame([row])))
    [rename]
    "eyes" = "eye"  # plural; 1 image, 2 of the other, 0 of both
    <BLANKLINE>
    """
    lines = [
        f"{_quoted(row.segment)} = {_quoted(row.proposal)}  # {row.reason}; {row.n_images} "
        f"image{'s' * (row.n_images != 1)}, {row.n_images_proposal} of the other, "
        f"{row.n_both} of both"
        for row in suggestions.itertuples()
    ]
    return "\n".join(["[rename]", *lines, ""])


def _quoted(name: Any) -> str:
    """A basic string of TOML: JSON's, with escapes for all that is invisible or not allowed."""
    text = json.dumps(name, ensure_ascii=False)
    return "".join(c if printable(c) == c else f"\\U{ord(c):08x}" for c in text)


def _proposals(counts: Mapping[str, int]) -> dict[str, tuple[str, str]]:
    """{name: (proposal, reason)}; ``counts`` is {name: number of images}."""
    groups: dict[str, list[str]] = {}
    for name in sorted(counts):
        groups.setdefault(_without_number(name), []).append(name)
    found: dict[str, tuple[str, str]] = {}
    for bare, names in groups.items():
        best = _best_name(bare, names, counts)
        found |= {name: (best, _reason(name, best)) for name in names if name != best}
    return _with_typos(found, counts)


def _best_name(bare: str, names: list[str], counts: Mapping[str, int]) -> str:
    """The commonest name of a group without side or number; else the bare text."""
    plain = [name for name in names if _singular(name) == bare]
    things = {_singular(name) for name in names}
    if not plain and len(things) > 1:
        return bare
    return max(plain or names, key=lambda name: counts[name])


def _reason(name: str, best: str) -> str:
    return next(reason for reason, rule in NAME_RULES.items() if rule(name) == rule(best))


def _with_typos(
    found: dict[str, tuple[str, str]], counts: Mapping[str, int]
) -> dict[str, tuple[str, str]]:
    """What was found, and the rare names that are left with their likely right name."""
    from rapidfuzz.distance.Indel import normalized_similarity
    from rapidfuzz.process import extractOne

    _check_cost(counts)
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    shares = [-TYPO_SHARE * counts[name] for name in ordered]
    for name in [n for n in counts if n not in found and len(n) >= TYPO_LETTERS]:
        n_common = bisect(shares, -counts[name])
        close = extractOne(
            name, ordered[:n_common], scorer=normalized_similarity, score_cutoff=TYPO_RATIO
        )
        proposal = name if close is None else _final(close[0], found)
        if proposal != name:
            found[name] = proposal, "typing error"
    return {name: (_final(name, found), reason) for name, (_, reason) in found.items()}


CHARACTERS_OF_A_NAME = 50
"""That are compared as quickly as one."""


def _check_cost(names: Collection[str]) -> None:
    """InvalidInput for more names than can be compared, each with each, in a short time."""
    needed = sum(-(-len(name) // CHARACTERS_OF_A_NAME) for name in names)
    if needed > LIMITS["names"]:
        raise InvalidInput(
            f"segments: {len(names)} different names, which count as {needed} with "
            f"{CHARACTERS_OF_A_NAME} characters for one; suggest renames for some of the images; "
            f"{beyond('names', needed)}."
        )


def _final(name: str, found: Mapping[str, tuple[str, str]]) -> str:
    """The end of a chain of proposals: what is proposed may have a proposal itself."""
    while name in found:
        name = found[name][0]
    return name
