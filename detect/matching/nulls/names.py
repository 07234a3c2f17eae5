"""The nulls of a match by name, and in words."""

from __future__ import annotations

from typing import Literal

from ...errors import UnknownNameError

#: What a null keeps of a network: its neurons' own offsets, or its shape alone.
NullName = Literal["conditional", "unconditional"]
NULLS: tuple[NullName, ...] = ("conditional", "unconditional")
#: What each compares with.
IN_WORDS = {
    "conditional": "neurons that keep their own offset |b|/|w| and point in a direction drawn anew",
    "unconditional": "neurons of untrained networks of this shape, biases included",
}


def known_null(null: str) -> NullName:
    """The name of a null, checked.

    Raises:
        UnknownNameError: for another name.

    Examples:
        >>> known_null("conditional")
        'conditional'
    """
    for name in NULLS:
        if null == name:
            return name
    raise UnknownNameError("null", null, NULLS, f"known: {', '.join(NULLS)}")
