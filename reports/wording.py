"""Wording: how numbers, features and cells are written, the same in figures, tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mathcircuits.detect import MathCircuitsError
from mathcircuits.detect.errors import did_you_mean, near_names

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import ValidationError

    from mathcircuits.detect import Network


def joined(parts: Iterable[str], last: str = "and") -> str:
    """The parts as a list in a sentence.

    Examples:
        >>> joined(["a", "b", "c"]), joined(["a"]), joined([])
        ('a, b and c', 'a', '')
    """
    *first, end = [*parts] or [""]
    return f"{', '.join(first)} {last} {end}" if first else end


def shortened(text: str, most: int) -> str:
    """A text of at most `most` characters, cut in its middle: of a path its beginning and its file stay.

    Examples:
        >>> shortened("networks/of/fifty/seeds/7.pt", 16), shortened("7.pt", 16)
        ('network…ds/7.pt', '7.pt')
    """
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def counted(n: int, noun: str, plural: str = "") -> str:
    """A count with its noun; thousands are set apart by a thin space.

    Examples:
        >>> counted(1, "network"), counted(0, "task"), counted(2, "entry", "entries")
        ('1 network', '0 tasks', '2 entries')
    """
    return f"{thousands(n)} {noun if n == 1 else plural or noun + 's'}"


def thousands(n: int) -> str:
    """A whole number, its thousands set apart by a narrow no-break space from 10 000 on.

    Examples:
        >>> thousands(1050), thousands(12345) == "12\u202f345"
        ('1050', True)
    """
    return f"{n:,}".replace(",", "\u202f") if abs(n) >= 10_000 else str(n)


def percent(value: float) -> str:
    """A share in per cent; 0 and 100 are written only for exactly 0 and 1.

    Examples:
        >>> percent(0.5), percent(0.9996), percent(1), percent(0.0004), percent(float("nan"))
        ('50%', '99.96%', '100%', '0.04%', '–')
    """
    if math.isnan(value):
        return "–"
    for digits in (0, 1, 2):
        text = f"{100 * value:.{digits}f}"
        if value in (0, 1) or float(text) not in (0, 100):
            return f"{text}%"
    return "< 0.01%" if value < 0.5 else "> 99.99%"


def points(change: float) -> str:
    """A change of a share in percentage points, with its sign.

    Examples:
        >>> points(0.934), points(-0.5), points(0.0), points(-0.001), points(float("nan"))
        ('+93', '−50', '0', '0', '–')
    """
    if math.isnan(change):
        return "–"
    return f"{round(100 * change):+d}".replace("-", "−").replace("+0", "0")


def number(value: float | None) -> str:
    """A number to three significant digits; a missing one as a dash.

    Examples:
        >>> number(0.12345), number(3.2e-9), number(1.0), number(0), number(float("nan")), number(-0.5)
        ('0.123', '3.2e-09', '1', '0', '–', '−0.5')
    """
    if value is None or value != value:
        return "–"
    text = f"{value:.3g}"
    return "−" + text[1:] if value < 0 else text


def at_most(value: float | None) -> str:
    """An upper bound to two significant digits, rounded up: what is written still bounds it.

    Examples:
        >>> at_most(5.012e-05), at_most(0.0031), at_most(0.0), at_most(1.0), at_most(float("nan"))
        ('5.1e-05', '0.0031', '0', '1', '–')
    """
    if value is None or value != value:
        return "–"
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    # A thousandth of the last digit is the rounding of this division, not of the bound.
    return f"{math.ceil(value / unit - 1e-3) * unit:.2g}"


def weight(value: float) -> str:
    """A weight as it is written on an edge: signed, two decimals.

    Examples:
        >>> weight(1), weight(-0.984), weight(0.001)
        ('+1.00', '−0.98', '+0.00')
    """
    return f"{value:+.2f}".replace("-", "−")


def labelled(feature: object, on: object = "") -> str:
    """A feature with its arguments; a dash where there is none.

    Examples:
        >>> labelled("greaterness", "x1, x2"), labelled("constant", ""), labelled(None)
        ('greaterness(x1, x2)', 'constant', '–')
    """
    if not isinstance(feature, str) or not feature:
        return "–"
    return f"{feature}({on})" if isinstance(on, str) and on else feature


def cell_name(hidden: object, width: object, regimen: object) -> str:
    """A cell of the grid in a few words.

    Examples:
        >>> cell_name("6-3", "1x", "adam"), cell_name("5", "", "osier")
        ('6-3 (1x), adam', '5, osier')
    """
    return f"{hidden} ({width}), {regimen}" if isinstance(width, str) and width else f"{hidden}, {regimen}"


def several_readings(readings: pd.DataFrame) -> str:
    """Which variables of a network have more than one reading, and what that means; empty where none has.

    Args:
        readings: as `find_readings` gives them.

    Examples:
        >>> from mathcircuits.detect import Network, find_readings
        >>> half = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
        >>> several_readings(find_readings(half))
        'y1 has 2 readings that meet the criteria: one function by different circuits. The network does not decide
        between them.'
        >>> several_readings(find_readings(Network([[[1.0], [-1.0]], [[1.0, 1.0]]])))
        ''
    """
    sentences = []
    for output, own in readings.groupby("output", sort=False):
        if len(own) == 1:
            continue
        near = int((own["function"] == "near").sum())
        kinds = ["one function by different circuits"] if near < len(own) - 1 else []
        if near:
            kinds.append(f"{counted(near, 'other function')} within what the criteria tell apart")
        number_of = counted(len(own), "reading")
        sentences.append(f"{output} has {number_of} that meet the criteria: {joined(kinds)}.")
    if sentences:
        sentences.append("The network does not decide between them.")
    left_out = readings.attrs.get("left_out", {})
    sentences += [f"Not listed of {output}: {reason}." for output, reason in left_out.items()]
    return " ".join(sentences)


def told(network: Network) -> dict[str, str]:
    """What the header says of a network beside its shape: what was assumed in reading it, and its link.

    Examples:
        >>> from mathcircuits.detect import About, Network
        >>> told(Network([[[1.0]]], about=About(("the activation is relu",), "sigmoid")))
        {'assumed': 'the activation is relu', 'link': 'sigmoid of the outputs, which are read without it (logits)'}
    """
    lines = {}
    if network.assumptions:
        lines["assumed"] = "; ".join(network.assumptions)
    if network.link is not None:
        lines["link"] = f"{network.link} of the outputs, which are read without it (logits)"
    return lines


def refused_fields(error: ValidationError, keys: Iterable[str]) -> str:
    """What pydantic found in a configuration, on one line, with the near name of an unknown key.

    Examples:
        >>> from pydantic import BaseModel, ValidationError
        >>> class Size(BaseModel, extra="forbid"):
        ...     width: int = 1
        >>> try:
        ...     Size(widht=3)
        ... except ValidationError as error:
        ...     print(refused_fields(error, Size.model_fields))
        unknown key 'widht': did you mean 'width'? (keys: width)
    """
    known, parts = list(keys), []
    for found in error.errors():
        place = ".".join(map(str, found["loc"]))
        cause = found.get("ctx", {}).get("error")
        if isinstance(cause, MathCircuitsError):
            parts.append(str(cause))
        elif found["type"] == "extra_forbidden":
            near = did_you_mean(near_names(place, known))
            parts.append(f"unknown key {place!r}{near} (keys: {', '.join(known)})")
        else:
            parts.append(f"{place} = {found['input']!r}: {found['msg']}")
    return "; ".join(parts)
