"""Names of segments, and near-duplicates among them, found for a list of renames."""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.printable import printable
from sat_nb.registry import Entry, lists, registry
from sat_nb.segments.segmentation import SegmentationMap

if TYPE_CHECKING:
    import pandas as pd


def normalize(name: str) -> str:
    """Lower case, composed Unicode, without blanks at the ends, with single blanks within.

    >>> normalize("  Left   EYE ")
    'left eye'
    """
    return " ".join(unicodedata.normalize("NFC", name).lower().split())


TYPO_RATIO = 0.85  # similarity from which one name may be a misspelling of the other
TYPO_LETTERS = 4  # shorter names are similar too often: "ear", "car"
TYPO_SHARE = 0.2  # a misspelling is rarer: at most that share of the right name's images


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
