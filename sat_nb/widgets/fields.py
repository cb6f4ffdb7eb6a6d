"""Kinds of controls: ipywidgets that take a value and its choices, and notify of changes.

Names come from other people's files, so they appear only where ipywidgets shows plain text: in
options and on buttons. (The description of a checkbox is typeset: ``$...$`` in it would become
mathematics.) Numbers are typed, as a slider has no name for screen readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
import traitlets

from sat_nb.printable import escaped, printable

Choices = Sequence[Any]
OnChange = Callable[[Any], None]
Wording = Callable[[Any], str]
"""The text that a choice is shown as."""

LABEL_STYLE = {"description_width": "88px"}
BUTTON_LETTERS = 40  # of a name; the tooltip has all of it
OPTION_LETTERS = 80

MANY_NAMES = 24
"""Names from which a list is searched rather than read."""

MOST_SUGGESTIONS = 500  # that a page is sent; a search goes through all names
MOST_SAID = 6


def shortened(text: str, longest: int = BUTTON_LETTERS) -> str:
    """A name cut to a number of letters.

    >>> shortened("left front hoof", 8)
    'left fr…'
    """
    text = printable(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def button(text: str, tip: str, css: str, on_click: Callable[[], None]) -> widgets.Button:
    """A button with plain text."""
    made = widgets.Button(description=text, tooltip=printable(tip), layout={"width": "auto"})
    made.add_class(css)
    made.on_click(lambda _: on_click())
    return made


class Tipped(widgets.VBox):
    """A box with a tooltip, around lists and texts, which do not show their own.

    The page asks every widget with a tooltip for its description; that of a box must be empty.
    """

    description = traitlets.Unicode("").tag(sync=True)


def tipped(widget: Any, tip: str) -> Tipped:
    """The widget in a box with a tooltip."""
    return Tipped([widget], tooltip=tip)


class Field:
    """A control: ``widget``, and how it takes a value and the choices there are.

    What a user changes is passed to ``on_change(value)``; what ``put`` sets is not.
    """

    widget: Any

    def __init__(self, on_change: OnChange) -> None:
        self._on_change, self._muted = on_change, False

    def put(self, value: Any, choices: Choices) -> None:
        """Show a value, and offer these choices."""
        with self._mute():
            self._put(value, choices)

    def _put(self, value: Any, choices: Choices) -> None:
        self.widget.value = value

    def _notify(self, value: Any) -> None:
        if not self._muted:
            self._on_change(value)

    def _observe(self, widget: Any) -> None:
        widget.observe(lambda change: self._notify(change["new"]), "value")

    @contextmanager
    def _mute(self) -> Iterator[None]:
        before, self._muted = self._muted, True
        try:
            yield
        finally:
            self._muted = before


class Choice(Field):
    """One of several, in a drop-down list."""

    def __init__(self, on_change: OnChange, label: str, tip: str, wording: Wording = str) -> None:
        super().__init__(on_change)
        self._wording, self._choices = wording, tuple[Any, ...]()
        self._list = widgets.Dropdown(description=label, tooltip=tip, style=LABEL_STYLE)
        self._list.observe(lambda change: self._notify(self._choices[change["new"]]), "value")
        self.widget: Any = tipped(self._list, tip)

    def _put(self, value: Any, choices: Choices) -> None:
        # Options are numbered: an option whose value is None would mean that none is selected.
        if tuple(choices) != self._choices:
            self._choices = tuple(choices)
            texts = [shortened(self._wording(choice), OPTION_LETTERS) for choice in choices]
            self._list.options = [(text, i) for i, text in enumerate(texts)]
        self._list.value = self._choices.index(value)


class SearchChoice(Choice):
    """One of many names: a drop-down list or, for more than a screen holds, a text to search.

    A part of a name is enough, in any case, where one name alone has it; else the names that have
    it are listed.
    """

    def __init__(self, on_change: OnChange, label: str, tip: str, wording: Wording = str) -> None:
        super().__init__(on_change, label, tip, wording)
        self._text = widgets.Combobox(
            description=label,
            tooltip=tip,
            style=LABEL_STYLE,
            placeholder="a part of the name",
            continuous_update=False,
        )
        self._text.observe(lambda change: self._search(change["new"]), "value")
        self._said, self._texts = widgets.HTML(), list[str]()

    def _put(self, value: Any, choices: Choices) -> None:
        many = len(choices) > MANY_NAMES
        self.widget.children = [self._text, self._said] if many else [self._list]
        if not many:
            super()._put(choices[0] if value is None and None not in choices else value, choices)
            return
        if tuple(choices) != self._choices:
            self._choices, self._texts = tuple(choices), []
            self._text.options = [*map(self._worded, choices[:MOST_SUGGESTIONS])]
        self._text.value = "" if value is None else self._worded(value)
        self._said.value = ""

    def _worded(self, choice: Any) -> str:
        return printable(self._wording(choice))

    def _search(self, text: str) -> None:
        if self._muted:
            return
        self._texts = self._texts or [*map(self._worded, self._choices)]  # of a million names
        found = found_by(text, self._texts) if text else []
        if len(found) == 1:
            self._notify(self._choices[found[0]])
        elif not text and None in self._choices:
            self._notify(None)
        else:
            names = ", ".join(escaped(shortened(self._texts[i])) for i in found[:MOST_SAID])
            more = f" and {len(found) - MOST_SAID} more" if len(found) > MOST_SAID else ""
            which = f"which one? {names}{more}" if found else "no name has that part"
            self._said.value = f'<span role="status">{which}</span>'


def found_by(text: str, names: Sequence[str]) -> list[int]:
    """The places of the name that is the text or, if there is none, of those that contain it.

    >>> found_by("eye", ["eyes", "left eye", "eye"]), found_by("EY", ["eyes", "nose", "left eye"])
    ([2], [0, 2])
    """
    same = [i for i, name in enumerate(names) if name == text]
    return same or [i for i, name in enumerate(names) if text.casefold() in name.casefold()]


class Chips(Field):
    """Several names, each a button that has a tick if the name is chosen."""

    def __init__(self, on_change: OnChange, label: str, tip: str, wording: Wording = str) -> None:
        super().__init__(on_change)
        self._tip, self._wording = tip, wording
        self._chips: dict[Any, widgets.ToggleButton] = {}
        self._box = widgets.Box()
        self._box.add_class("sat-chips")
        self._part = widgets.Text(
            placeholder="a part of the name", tooltip=f"{label}: search", continuous_update=False
        )
        self._part.observe(lambda _: self._narrow(), "value")
        self.widget = Tipped([_heading(label, tip), self._part, self._box], tooltip=tip)

    def _put(self, value: Any, choices: Choices) -> None:
        if tuple(choices) != tuple(self._chips):
            self._chips = {choice: self._chip(choice) for choice in choices}
            self._part.layout.display = None if len(choices) > MANY_NAMES else "none"
            self._narrow()
        for name, chip in self._chips.items():
            chip.value = name in value
            self._describe(name, chip)

    def _narrow(self) -> None:
        """Show the names that contain the text that is searched, in any case."""
        part = self._part.value.casefold()
        self._box.children = [
            chip for name, chip in self._chips.items() if part in self._wording(name).casefold()
        ]

    def _chip(self, name: Any) -> widgets.ToggleButton:
        tip = f"{self._wording(name)}: {self._tip}"
        chip = widgets.ToggleButton(tooltip=printable(tip), layout={"width": "auto"})
        chip.add_class("sat-chip")
        chip.observe(lambda _: self._press(), "value")
        return chip

    def _press(self) -> None:
        if self._muted:
            return
        for name, chip in self._chips.items():
            self._describe(name, chip)
        self._notify(self._value([name for name, chip in self._chips.items() if chip.value]))

    def _value(self, ticked: list[Any]) -> tuple[Any, ...]:
        return tuple(ticked)

    def _describe(self, name: Any, chip: widgets.ToggleButton) -> None:
        chip.description = ("✓ " if chip.value else "") + shortened(self._wording(name))


class HidingChips(Chips):
    """Several names, ticked if they are shown: the value is those that are hidden."""

    def _put(self, value: Any, choices: Choices) -> None:
        super()._put([name for name in choices if name not in value], choices)

    def _value(self, ticked: list[Any]) -> tuple[Any, ...]:
        return tuple(name for name in self._chips if name not in ticked)


class Number(Field):
    """A number between two limits, shown multiplied by ``scale``; taken on Enter."""

    def __init__(
        self,
        on_change: OnChange,
        label: str,
        tip: str,
        *,
        low: float,
        high: float,
        step: float,
        scale: int = 1,
    ) -> None:
        super().__init__(on_change)
        self._scale = scale
        kind = widgets.BoundedIntText if isinstance(step, int) else widgets.BoundedFloatText
        self._number = kind(
            description=label,
            tooltip=tip,
            style=LABEL_STYLE,
            min=low,
            max=high,
            step=step,
            value=low,
            continuous_update=False,
        )
        self._number.observe(lambda change: self._notify(self._unscaled(change["new"])), "value")
        self.widget = tipped(self._number, tip)

    def _put(self, value: Any, choices: Choices) -> None:
        self._number.value = round(value * self._scale) if self._scale > 1 else value

    def _unscaled(self, value: float) -> float:
        return value / self._scale if self._scale > 1 else value


class Toggle(Field):
    """Yes or no."""

    def __init__(self, on_change: OnChange, label: str, tip: str) -> None:
        super().__init__(on_change)
        self._label = label
        self.widget = widgets.ToggleButton(tooltip=printable(tip), layout={"width": "auto"})
        self.widget.add_class("sat-chip")
        self.widget.observe(lambda _: self._describe(), "value")
        self._observe(self.widget)
        self._describe()

    def _put(self, value: Any, choices: Choices) -> None:
        self.widget.value = bool(value)

    def _describe(self) -> None:
        self.widget.description = ("✓ " if self.widget.value else "") + self._label


class TextField(Field):
    """A text, taken on Enter."""

    def __init__(self, on_change: OnChange, label: str, tip: str) -> None:
        super().__init__(on_change)
        self._text = widgets.Text(
            description=label, tooltip=tip, style=LABEL_STYLE, continuous_update=False
        )
        self._observe(self._text)
        self.widget = tipped(self._text, tip)

    def _put(self, value: Any, choices: Choices) -> None:
        self._text.value = value


class Tabs(Field):
    """One of a few, each a button in a row; ``tip_of`` gives the tooltip of each."""

    def __init__(
        self, on_change: OnChange, label: str, tip: str, wording: Wording, tip_of: Wording
    ) -> None:
        super().__init__(on_change)
        self._wording, self._tip_of = wording, tip_of
        self.buttons: dict[str, widgets.Button] = {}
        self.widget = widgets.Box()
        self.widget.add_class("sat-tabs")

    def _put(self, value: Any, choices: Choices) -> None:
        if tuple(choices) != tuple(self.buttons):
            self.buttons = {name: self._button(name) for name in choices}
            self.widget.children = list(self.buttons.values())
        for name, tab in self.buttons.items():
            (tab.add_class if name == value else tab.remove_class)("sat-taken")
            tab.tooltip = self._tip_of(name) + (" (shown now)" if name == value else "")

    def _button(self, name: str) -> widgets.Button:
        tab = button(self._wording(name), self._tip_of(name), "sat-tab", lambda: self._notify(name))
        tab.add_class(f"sat-tab-{name}")
        return tab


def _heading(label: str, tip: str) -> widgets.HTML:
    title = widgets.HTML(value=f'<span title="{escaped(tip)}">{escaped(label)}</span>')
    title.add_class("sat-label")
    return title
