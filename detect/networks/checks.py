"""What callers give several of, checked: networks, training steps."""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

from ..errors import InputError
from .network import HasNetwork

Item = TypeVar("Item")


def several(networks: Iterable[Item]) -> list[Item]:
    """The networks as a list; what each of them is, is not looked at.

    Raises:
        InputError: for one network by itself, or something that cannot be gone through.

    Examples:
        >>> several(iter("ab"))
        ['a', 'b']
        >>> several(5)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: one int: give a list of networks, such as [network]
    """
    if isinstance(networks, HasNetwork) or not isinstance(networks, Iterable):
        raise InputError(f"one {type(networks).__name__}: give a list of networks, such as [network]")
    return list(networks)


def training_steps(steps: Iterable[int]) -> list[int]:
    """The steps of checkpoints, as plain integers.

    Raises:
        InputError: where there are none, they do not increase, or are not whole numbers.

    Examples:
        >>> training_steps(range(0, 30, 10))
        [0, 10, 20]
    """
    try:
        marks = [operator.index(step) for step in steps]
    except TypeError:
        marks = []
    if not marks or any(later <= earlier for earlier, later in pairwise(marks)):
        raise InputError(
            f"steps {reprlib.repr(steps)}: give increasing training steps, at least one, such as [0, 10, 100]"
        )
    return marks
