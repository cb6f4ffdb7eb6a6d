"""Section: a part of a report about one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sat_nb.registry import Entry
from sat_nb.reports.findings import Findings
from sat_nb.reports.markup import Html


@dataclass(frozen=True, kw_only=True)
class Section(Entry):
    """A part of a report: a heading and what stands below it.

    Use one of your own in ``report(sections=[...])``, or register it: ``sat.SECTIONS[section.name]
    = section``.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry; the title is the heading.
    parameters : Mapping
        Not used.
    function : callable
        ``function(findings)``: the parts of the section, made by ``sat_nb.reports.markup``, which
        escapes their texts; none if there is nothing to tell, and the heading is left out, too.
        ``findings`` has the ``rows`` of one model, its ``methods``, ``comparisons``, ``ranks`` and
        more; see ``sat_nb.reports.findings.Findings``.

    Examples
    --------
    >>> from sat_nb.reports.markup import paragraph
    >>> section = Section(
    ...     name="count",
    ...     title="How many",
    ...     about="The number of photos.",
    ...     function=lambda findings: [paragraph(f"{findings.n_images} photos")],
    ... )
    >>> import tempfile
    >>> from sat_nb.toy import toy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = report(build(*toy(6)), sections=[section], out=f"{folder}/report.html")
    ...     page = file.read_text()
    >>> "<p>6 photos</p>" in page
    True
    """

    function: Callable[[Findings], Sequence[Html]]
