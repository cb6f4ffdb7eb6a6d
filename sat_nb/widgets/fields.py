"""Kinds of controls: each is one ipywidget that takes a value and choices, and tells of changes.

Names come from strangers' files, so they stand only where ipywidgets shows plain text: in options
and on buttons. (A checkbox's description is typeset, so that ``$...$`` in it turns into
mathematics.) Numbers are typed rather than dragged: a slider has no name for screen readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
import traitlets

Choices = Sequence[Any]
Changed = Callable[[Any], None]
Says = Callable[[Any], str]
WIDE = {"description_width": "88px"}
LONGEST = 40  # letters of a name on a button; its tooltip has all


def shortened(text: str, longest: int = LONGEST) -> str:
    """A name on a button.

    >>> shortened("left front hoof", 8)
    'left fr…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def button(text: str, tip: str, css: str, click: Callable[[], None]) -> widgets.Button:
    """A button of plain text."""
    made = widgets.Button(description=text, tooltip=tip, layout={"width": "auto"})
    made.add_class(css)
    made.on_click(lambda _: click())
    return made


class Tipped(widgets.VBox):
    """A box with a tooltip, around lists and texts, which show none beside a description.

    The page asks any widget with a tooltip for its description; a box must have an empty one.
    """

    description = traitlets.Unicode("").tag(sync=True)


def tipped(widget: Any, tip: str) -> Tipped:
    """The widget in a box that says what it does."""
    return Tipped([widget], tooltip=tip)


class Field:
    """A control: ``widget``, and how it takes a value and the choices there are.

    What a program puts is not told of; what a user does is, by ``changed(value)``.
    """

    widget: Any

    def __init__(self, changed: Changed) -> None:
        self._changed, self._muted = changed, False

    def put(self, value: Any, choices: Choices) -> None:
        """Show a value, and offer these choices."""
        with self._silence():
            self._put(value, choices)

    def _put(self, value: Any, choices: Choices) -> None:
        self.widget.value = value

    def _tell(self, value: Any) -> None:
        if not self._muted:
            self._changed(value)

    def _watch(self, widget: Any) -> None:
        widget.observe(lambda change: self._tell(change["new"]), "value")

    @contextmanager
    def _silence(self) -> Iterator[None]:
        before, self._muted = self._muted, True
        try:
            yield
        finally:
            self._muted = before


class Choice(Field):
    """One of several, in a list that drops down."""

    def __init__(self, changed: Changed, label: str, tip: str, says: Says = str) -> None:
        super().__init__(changed)
        self._says, self._choices = says, tuple[Any, ...]()
        self._list = widgets.Dropdown(description=label, tooltip=tip, style=WIDE)
        self._list.observe(lambda change: self._tell(self._choices[change["new"]]), "value")
        self.widget: Any = tipped(self._list, tip)

    def _put(self, value: Any, choices: Choices) -> None:
        """Options stand for their numbers: None as a value would mean that none is taken."""
        if tuple(choices) != self._choices:
            self._choices = tuple(choices)
            said = [shortened(self._says(choice), 80) for choice in choices]
            self._list.options = [(text, i) for i, text in enumerate(said)]
        self._list.value = self._choices.index(value)


class OneId(Choice):
    """One of many ids: a list that drops down, or, of very many, a text to type."""

    MOST = 1000

    def __init__(self, changed: Changed, label: str, tip: str) -> None:
        super().__init__(changed, label, tip)
        self._text = widgets.Text(
            description=label, tooltip=tip, style=WIDE, continuous_update=False
        )
        self._watch(self._text)

    def _put(self, value: Any, choices: Choices) -> None:
        many = len(choices) > self.MOST
        self.widget.children = [self._text if many else self._list]
        if many:
            self._text.value = value or ""
        else:
            super()._put(choices[0] if value is None else value, choices)


class Chips(Field):
    """Several names: a button each, with a tick where it is taken."""

    def __init__(self, changed: Changed, label: str, tip: str, says: Says = str) -> None:
        super().__init__(changed)
        self._tip, self._says = tip, says
        self._chips: dict[Any, widgets.ToggleButton] = {}
        self._box = widgets.Box()
        self._box.add_class("sat-chips")
        self.widget = widgets.VBox([_title(label, tip), self._box])

    def _put(self, value: Any, choices: Choices) -> None:
        if tuple(choices) != tuple(self._chips):
            self._chips = {choice: self._chip(choice) for choice in choices}
            self._box.children = list(self._chips.values())
        for name, chip in self._chips.items():
            chip.value = name in value
            self._write(name, chip)

    def _chip(self, name: Any) -> widgets.ToggleButton:
        chip = widgets.ToggleButton(
            tooltip=f"{self._says(name)}: {self._tip}", layout={"width": "auto"}
        )
        chip.add_class("sat-chip")
        chip.observe(lambda _: self._press(), "value")
        return chip

    def _press(self) -> None:
        if self._muted:
            return
        for name, chip in self._chips.items():
            self._write(name, chip)
        self._tell(self._taken([name for name, chip in self._chips.items() if chip.value]))

    def _taken(self, ticked: list[Any]) -> tuple[Any, ...]:
        return tuple(ticked)

    def _write(self, name: Any, chip: widgets.ToggleButton) -> None:
        chip.description = ("✓ " if chip.value else "") + shortened(self._says(name))


class Shown(Chips):
    """Several names, ticked unless they are taken: the value is what is left out."""

    def _put(self, value: Any, choices: Choices) -> None:
        super()._put([name for name in choices if name not in value], choices)

    def _taken(self, ticked: list[Any]) -> tuple[Any, ...]:
        return tuple(name for name in self._chips if name not in ticked)


class Number(Field):
    """A number between two limits, taken when it is typed to its end; ``times`` it is shown."""

    def __init__(
        self,
        changed: Changed,
        label: str,
        tip: str,
        low: float,
        high: float,
        step: float,
        times: int = 1,
    ) -> None:
        super().__init__(changed)
        self._times = times
        kind = widgets.BoundedIntText if isinstance(step, int) else widgets.BoundedFloatText
        self._number = kind(
            description=label,
            tooltip=tip,
            style=WIDE,
            min=low,
            max=high,
            step=step,
            value=low,
            continuous_update=False,
        )
        self._number.observe(lambda change: self._tell(self._own(change["new"])), "value")
        self.widget = tipped(self._number, tip)

    def _put(self, value: Any, choices: Choices) -> None:
        self._number.value = round(value * self._times) if self._times > 1 else value

    def _own(self, value: float) -> float:
        return value / self._times if self._times > 1 else value


class Tick(Field):
    """Yes or no."""

    def __init__(self, changed: Changed, label: str, tip: str) -> None:
        super().__init__(changed)
        self._label = label
        self.widget = widgets.ToggleButton(tooltip=tip, layout={"width": "auto"})
        self.widget.add_class("sat-chip")
        self.widget.observe(lambda _: self._write(), "value")
        self._watch(self.widget)
        self._write()

    def _put(self, value: Any, choices: Choices) -> None:
        self.widget.value = bool(value)

    def _write(self) -> None:
        self.widget.description = ("✓ " if self.widget.value else "") + self._label


class Words(Field):
    """A text, taken when it is typed to its end."""

    def __init__(self, changed: Changed, label: str, tip: str) -> None:
        super().__init__(changed)
        self._text = widgets.Text(
            description=label, tooltip=tip, style=WIDE, continuous_update=False
        )
        self._watch(self._text)
        self.widget = tipped(self._text, tip)

    def _put(self, value: Any, choices: Choices) -> None:
        self._text.value = value


class Tabs(Field):
    """One of a few, a button each in a row, the one that is taken pressed."""

    def __init__(
        self, changed: Changed, label: str, tip: str, says: Says, tips: dict[str, str]
    ) -> None:
        super().__init__(changed)
        self._says, self._tips = says, tips
        self.buttons: dict[str, widgets.Button] = {}
        self.widget = widgets.Box()
        self.widget.add_class("sat-tabs")

    def _put(self, value: Any, choices: Choices) -> None:
        if tuple(choices) != tuple(self.buttons):
            self.buttons = {name: self._button(name) for name in choices}
            self.widget.children = list(self.buttons.values())
        for name, tab in self.buttons.items():
            (tab.add_class if name == value else tab.remove_class)("sat-taken")
            tab.tooltip = self._tips[name] + (" (shown now)" if name == value else "")

    def _button(self, name: str) -> widgets.Button:
        tab = button(self._says(name), self._tips[name], "sat-tab", lambda: self._tell(name))
        tab.add_class(f"sat-tab-{name}")
        return tab


def _title(label: str, tip: str) -> widgets.HTML:
    """A heading of the explorer's own words."""
    title = widgets.HTML(value=f'<span title="{tip}">{label}</span>')
    title.add_class("sat-label")
    return title
