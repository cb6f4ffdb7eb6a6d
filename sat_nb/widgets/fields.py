"""Kinds of controls: each is one ipywidget that takes a value and choices, and tells of changes.

Names come from strangers' files, so they stand only where ipywidgets shows plain text: in options
and on buttons. (A checkbox's description is typeset, so that ``$...$`` in it becomes mathematics.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import ipywidgets as W

Choices = Sequence[Any]
Changed = Callable[[Any], None]
WIDE = {"description_width": "104px"}
CHIPS = 40  # names, at most, that get a button each


class Field(Protocol):
    """A control: its widget, and how it takes a value with the choices there are."""

    widget: W.Widget

    def put(self, value: Any, choices: Choices) -> None:
        """Show a value, and offer these choices, without telling of it."""


class Quiet:
    """Keeps what a program sets apart from what a user does."""

    def __init__(self, changed: Changed) -> None:
        self._changed, self._muted = changed, False

    @contextmanager
    def _silence(self) -> Iterator[None]:
        before, self._muted = self._muted, True
        try:
            yield
        finally:
            self._muted = before

    def _tell(self, value: Any) -> None:
        if not self._muted:
            self._changed(value)


class Choice(Quiet):
    """One of several, in a list that drops down."""

    def __init__(
        self, changed: Changed, label: str, tip: str, says: Callable[[Any], str] = str
    ) -> None:
        super().__init__(changed)
        self._says, self._choices = says, ()
        self.widget = W.Dropdown(description=label, tooltip=tip, style=WIDE)
        self.widget.observe(lambda change: self._tell(change["new"]), "value")

    def put(self, value: Any, choices: Choices) -> None:
        with self._silence():
            if tuple(choices) != self._choices:
                self._choices = tuple(choices)
                self.widget.options = [(self._says(choice), choice) for choice in choices]
            self.widget.value = value


class Chips(Quiet):
    """Several of a few names: a button each, with a tick where it is taken."""

    def __init__(
        self, changed: Changed, label: str, tip: str, says: Callable[[Any], str] = str
    ) -> None:
        super().__init__(changed)
        self._label, self._tip, self._says = label, tip, says
        self._chips: dict[Any, W.ToggleButton] = {}
        self._box = W.Box(layout={"flex_flow": "row wrap"})
        self._box.add_class("sat-chips")
        title = W.HTML(value=f'<span title="{tip}">{label}</span>')
        title.add_class("sat-label")
        self.widget = W.VBox([title, self._box])

    def put(self, value: Any, choices: Choices) -> None:
        with self._silence():
            if tuple(choices) != tuple(self._chips):
                self._chips = {choice: self._chip(choice) for choice in choices}
                self._box.children = list(self._chips.values())
            for name, chip in self._chips.items():
                chip.value = name in value
                self._write(name, chip)

    def _chip(self, name: Any) -> W.ToggleButton:
        chip = W.ToggleButton(tooltip=f"{self._says(name)}: {self._tip}", layout={"width": "auto"})
        chip.add_class("sat-chip")
        chip.observe(lambda _: self._pressed(), "value")
        return chip

    def _pressed(self) -> None:
        for name, chip in self._chips.items():
            self._write(name, chip)
        self._tell(tuple(name for name, chip in self._chips.items() if chip.value))

    def _write(self, name: Any, chip: W.ToggleButton) -> None:
        chip.description = ("✓ " if chip.value else "") + self._says(name)


class Numbers(Quiet):
    """A number between two limits, taken when it is typed to its end."""

    def __init__(
        self, changed: Changed, label: str, tip: str, low: float, high: float, step: float
    ) -> None:
        super().__init__(changed)
        kind = W.BoundedIntText if isinstance(step, int) else W.BoundedFloatText
        self.widget = kind(
            description=label, tooltip=tip, style=WIDE, min=low, max=high, step=step, value=low
        )
        self.widget.observe(lambda change: self._tell(change["new"]), "value")

    def put(self, value: Any, choices: Choices) -> None:
        with self._silence():
            self.widget.value = value


class Slide(Quiet):
    """A share from 0 to 1, taken when the slider is let go."""

    def __init__(self, changed: Changed, label: str, tip: str) -> None:
        super().__init__(changed)
        self.widget = W.FloatSlider(
            description=label,
            tooltip=tip,
            style=WIDE,
            min=0.0,
            max=1.0,
            step=0.05,
            continuous_update=False,
            readout_format=".0%",
        )
        self.widget.observe(lambda change: self._tell(change["new"]), "value")

    def put(self, value: Any, choices: Choices) -> None:
        with self._silence():
            self.widget.value = value


class Shown(Chips):
    """Several names, ticked unless they are taken: what is left out of what is shown."""

    def put(self, value: Any, choices: Choices) -> None:
        super().put([name for name in choices if name not in value], choices)

    def _tell(self, value: Any) -> None:
        super()._tell(tuple(name for name in self._chips if name not in value))


class Tick(Quiet):
    """Yes or no."""

    def __init__(self, changed: Changed, label: str, tip: str) -> None:
        super().__init__(changed)
        self._label = label
        self.widget = W.ToggleButton(tooltip=tip, layout={"width": "auto"})
        self.widget.add_class("sat-chip")
        self.widget.observe(lambda change: self._pressed(), "value")

    def put(self, value: Any, choices: Choices) -> None:
        with self._silence():
            self.widget.value = bool(value)
            self._write()

    def _pressed(self) -> None:
        self._write()
        self._tell(self.widget.value)

    def _write(self) -> None:
        self.widget.description = ("✓ " if self.widget.value else "") + self._label


class Words(Quiet):
    """A text, taken when it is typed to its end."""

    def __init__(self, changed: Changed, label: str, tip: str) -> None:
        super().__init__(changed)
        self.widget = W.Text(
            description=label,
            tooltip=tip,
            placeholder="all",
            style=WIDE,
            continuous_update=False,
        )
        self.widget.observe(lambda change: self._tell(change["new"]), "value")

    def put(self, value: Any, choices: Choices) -> None:
        with self._silence():
            self.widget.value = value or ""


class Buttons(Quiet):
    """One of a few, a button each in a row."""

    def __init__(
        self, changed: Changed, label: str, tip: str, says: Callable[[Any], str] = str
    ) -> None:
        super().__init__(changed)
        self._says, self._tip = says, tip
        self._buttons: dict[Any, W.ToggleButton] = {}
        self.widget = W.Box(layout={"flex_flow": "row wrap"})
        self.widget.add_class("sat-tabs")

    def put(self, value: Any, choices: Choices) -> None:
        with self._silence():
            if tuple(choices) != tuple(self._buttons):
                self._buttons = {choice: self._button(choice) for choice in choices}
                self.widget.children = list(self._buttons.values())
            for name, button in self._buttons.items():
                button.value = name == value
