"""About: what is known of a network beside its weights: assumptions made in reading it, its link, its names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError

#: The closing functions that a network may have had when it was read; its outputs are their arguments.
LINKS = ("sigmoid", "softmax", "log_softmax", "argmax")


@dataclass(frozen=True)
class About:
    """What is known of a network beside its weights.

    Attributes:
        assumptions: one plain sentence for each thing that its source does not say and a reader took to be so.
        link: the closing function of the model that it was read from (`LINKS`), or None. The network's outputs
            are the arguments of the link (logits).
        input_names, output_names: one name per input and output, or None.

    Raises:
        InputError: for an unknown link, or names that are empty, no text, or the same twice.

    Examples:
        >>> About(assumptions=["the activation is relu"], link="sigmoid")
        About(assumptions=('the activation is relu',), link='sigmoid', input_names=None, output_names=None)
    """

    assumptions: tuple[str, ...] = ()
    link: str | None = None
    input_names: tuple[str, ...] | None = None
    output_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "assumptions", _texts(self.assumptions, "assumptions"))
        if self.link is not None and self.link not in LINKS:
            raise InputError(f"link {self.link!r}: give None or one of {', '.join(LINKS)}")
        for what in ("input_names", "output_names"):
            names = getattr(self, what)
            if names is None:
                continue
            object.__setattr__(self, what, _texts(names, what))
            if len(set(names)) < len(names):
                raise InputError(f"{what} {tuple(names)}: give each another name")

    def check(self, inputs: int, outputs: int) -> None:
        """Refuse names whose number is not the network's.

        Raises:
            InputError: with both numbers.

        Examples:
            >>> About(input_names=("a",)).check(2, 1)
            Traceback (most recent call last):
            ...
            mathcircuits.detect.errors.InputError: 1 input_names for 2 inputs: give one name each
        """
        for what, names, count in (
            ("input", self.input_names, inputs),
            ("output", self.output_names, outputs),
        ):
            if names is not None and len(names) != count:
                raise InputError(f"{len(names)} {what}_names for {count} {what}s: give one name each")

    def to_dict(self) -> dict[str, Any]:
        """Plain data of what is set; `About(**data)` gives the record back.

        Examples:
            >>> About(link="softmax").to_dict(), About().to_dict()
            ({'link': 'softmax'}, {})
        """
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if value not in ((), None)
        }


def renumbered(text: str, letter: str, names: Sequence[str]) -> str:
    """A text with the names of inputs or outputs in place of their letter and number, x1 or y2.

    Examples:
        >>> renumbered("x1 + x2 + x3 - max1", "x", ("price", "x1"))
        'price + x1 + x3 - max1'
    """
    return re.sub(
        rf"\b{letter}([1-9][0-9]*)\b",
        lambda m: names[int(m[1]) - 1] if int(m[1]) <= len(names) else m[0],
        text,
    )


def _texts(values: Any, what: str) -> tuple[str, ...]:
    texts = () if isinstance(values, str) else tuple(values)
    if isinstance(values, str) or not all(isinstance(text, str) and text for text in texts):
        raise InputError(f"{what} {values!r}: give a sequence of texts that are not empty")
    return texts
