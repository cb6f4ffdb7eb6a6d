"""What a saliency method is: the class Method, and the parameters that methods take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sat_nb.arguments import is_number, is_whole
from sat_nb.arrays import Float32, Float64
from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, Parameter

OUTPUTS = ("logit", "probability")
"""What of the target is explained: its logit, or what softmax or sigmoid make of it."""

OWN = "function"
"""The engine of a method of the user's own: its function, in the caller's process."""

_BY_GRADIENT = ("gradient", "grad_cam", "random", OWN)


class ExplainedOutput(Protocol):
    """The explained output of the model, as a method of the user's own may ask for it.

    Batches are preprocessed images (n, H, W, C), as the model takes them, of any length.
    """

    def values(self, batch: Float32) -> Float64:
        """The explained output (n,) for each image of the batch."""

    def gradients(self, batch: Float32) -> Float32:
        """The gradient (n, H, W, C) of the explained output at each image of the batch."""


@dataclass(frozen=True, kw_only=True)
class Method(Entry):
    """A saliency method: an entry of METHODS, or one of your own for ``explain``.

    A method of your own needs ``name``, ``sign`` and ``function``, and ``version`` where its maps
    are kept in a folder. It runs in your own process, one image at a time.

    Parameters
    ----------
    name : str
        What ``explain(methods=...)`` takes, and what tables hold.
    title : str, default the name with blanks
        A few words for plots and lists.
    about : str, default ""
        One sentence: what the method computes.
    source : str, default ""
        The paper that it follows.
    version : str, default ""
        For a method of your own: change it whenever the function changes. Stores and tables then
        call the method ``name@version``, so that older maps are never taken for new ones.
    parameters : Mapping[str, Parameter], default {}
        What the function can be told, by name.
    sign : str
        What positive and negative values mean.
    layers : str, default "all that the engine differentiates"
        The layers that the method supports.
    function : callable, optional
        For a method of your own: ``function(image, explained, *, seed, **parameters)`` returns
        the map (H, W) or (H, W, C). ``image`` is one preprocessed image, float32 (H, W, C);
        ``explained.values(batch)`` gives the explained output (n,) of preprocessed images
        (n, H, W, C), and ``explained.gradients(batch)`` its gradients (n, H, W, C); ``seed`` is a
        whole number that depends on ``explain``'s seed and the image's id.
    engine : str, default "function"
        For the package's entries: what computes the maps in the worker ("gradient", "grad_cam",
        "relevance", "attention", or "innvestigate" for that package's own code), or "random".
    analyzer : str, default ""
        For the package's entries: the name of the formula in that engine.
    sampling : str, optional
        For the package's entries: a name in SAMPLINGS, for methods that average gradients.
    count : str, optional
        The parameter that counts the samples; ``explain(samples=...)`` sets it.
    max_samples : int, optional
        The largest number of samples under ``samples="auto"``.
    images_at_once : int, optional
        The most images in one request; None for no limit.
    targeted : bool, default True
        Whether the maps are those of a class. Those of a method that is not are the same for all
        classes: tables leave its target empty, and a pair of classes is refused.
    revision : int, default 0
        For the package's entries: counted up when a mended fault changes the method's maps, so
        that those which are kept are computed again.

    Raises
    ------
    InvalidInput
        For a function that cannot be called, parameters that are not ``Parameter`` objects, and a
        missing sign.

    Examples
    --------
    >>> def gradient_x_input(image, explained, *, seed):
    ...     return image * explained.gradients(image[None])[0]
    >>> Method(
    ...     name="mine", version="1", sign="positive speaks for it", function=gradient_x_input
    ... ).key
    'mine@1'
    """

    sign: str
    layers: str = "all that the engine differentiates"
    function: Callable[..., Any] | None = None
    engine: str = OWN
    analyzer: str = ""
    sampling: str | None = None
    count: str | None = None
    max_samples: int | None = None
    images_at_once: int | None = None
    targeted: bool = True
    revision: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.engine == OWN) != callable(self.function):
            raise InvalidInput(
                f"function: method {self.name!r} needs function(image, explained, *, seed, "
                f"**parameters), got {self.function!r}."
            )
        if not isinstance(self.sign, str) or not self.sign:
            raise InvalidInput(
                f"sign: method {self.name!r} must say what positive and negative values mean, "
                f"got {self.sign!r}."
            )
        for name, parameter in self.parameters.items():
            if not isinstance(parameter, Parameter):
                raise InvalidInput(
                    f"parameters[{name!r}]: expected a Parameter(default, accepts, expected), got "
                    f"{parameter!r}."
                )

    @property
    def citation(self) -> str:
        """The paper that the method follows; the same as ``source``."""
        return self.source

    @property
    def explains(self) -> tuple[str, ...]:
        """Which outputs the method can explain: names of OUTPUTS."""
        return OUTPUTS if self.engine in _BY_GRADIENT else OUTPUTS[:1]

    @property
    def in_worker(self) -> bool:
        """Whether an engine computes the maps; noise and functions of the user's need none."""
        return self.engine not in ("random", OWN)

    def settings(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Everything about the method that determines its maps, as plain data.

        Parameters
        ----------
        parameters : Mapping
            {name: value} of all parameters of the method.

        Returns
        -------
        dict
            What goes into the settings of a store and the fingerprints of its maps.
        """
        plain = {
            "engine": self.engine,
            "analyzer": self.analyzer,
            "sampling": self.sampling,
            "parameters": dict(parameters),
            **({} if self.targeted else {"targeted": False}),
        }
        if self.engine != OWN:
            return {**plain, "revision": self.revision} if self.revision else plain
        # "sampling" is what makes the seed a part of a map's fingerprint.
        return {**plain, "analyzer": self.name, "sampling": OWN, "version": self.version}


# --- parameters --------------------------------------------------------------------------------


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class MethodParameter(Parameter):
    """A parameter whose accepted values are stored in one form, so that equal settings are equal.

    ``0`` and ``0.0``, or a tuple and a list, would otherwise have different fingerprints.
    """

    stored: Callable[[Any], Any] = _unchanged


def whole(default: int | None, least: int = 1) -> MethodParameter:
    """A parameter that is a whole number of at least ``least``."""
    return MethodParameter(
        default, lambda v: is_whole(v) and v >= least, f"a whole number >= {least}", stored=int
    )


def at_least_zero(default: float) -> MethodParameter:
    """A parameter that is a finite number from 0 up."""
    return MethodParameter(
        default, lambda v: is_number(v) and 0 <= v < math.inf, "a number >= 0", stored=float
    )


def number_a_channel(default: float) -> MethodParameter:
    """A parameter that is a finite number, or one for each channel."""
    return MethodParameter(
        default,
        lambda v: _is_finite(v) or (_length(v) in (1, 3) and all(map(_is_finite, v))),
        "a finite number, or a list with one for each channel",
        stored=lambda v: float(v) if is_number(v) else [float(one) for one in v],
    )


def finite(default: float) -> Parameter:
    """A parameter that is a finite number, stored as it is given."""
    return Parameter(default, _is_finite, "a finite number")


def one_of(default: str, names: Mapping[str, Any]) -> Parameter:
    """A parameter that is a name in a registry."""
    return Parameter(
        default,
        lambda v: isinstance(v, str) and v in names,
        f"one of {', '.join(map(repr, names))}",
    )


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list | tuple | np.ndarray) else 0
