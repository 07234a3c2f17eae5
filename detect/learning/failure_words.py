"""The causes of failures in words: a sentence for every record, with the numbers that decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from .failure_records import (
    Affine,
    AffinePartWrong,
    Cause,
    Dead,
    Diverged,
    IsAffine,
    Misplaced,
    MisplacedByExclusion,
    NeedsBiases,
    NotConverged,
    NotPiecewiseLinear,
    SameSide,
    Solved,
    TooLarge,
    TooNarrow,
    WrongSign,
)


def sentence(found: Cause) -> str:
    """A cause in words, without a full stop.

    Examples:
        >>> sentence(TooNarrow(layer=0, task="minimum", width=2, needed=3))
        "layer 0 has 2 neurons, and the smallest network known for 'minimum' has 3"
    """
    match found:
        case Diverged():
            return "its weights or its loss are not finite"
        case Solved():
            return f"its loss is {found.loss:.2g}, below {found.threshold:.2g}"
        case NotConverged():
            return (
                f"local steps from here lead from a loss of {found.loss:.2g} to one below {found.threshold:.2g}: it "
                "was stopped too early, and nothing is lost"
            )
        case NotPiecewiseLinear():
            names = ", ".join(dict.fromkeys(found.activations))
            return f"its activations ({names}) are not piecewise linear, and the causes known are of ReLU networks"
        case TooLarge():
            return (
                f"its {found.parameters} parameters are more than the {found.largest} up to which local steps are "
                "tried, so that it is not known whether more training would help"
            )
        case NeedsBiases():
            return f"the task {found.task!r} needs biases, and this network has none: train it with bias=True"
        case TooNarrow():
            return (
                f"layer {found.layer} has {found.width} neurons, and the smallest network known for {found.task!r} "
                f"has {found.needed}"
            )
        case IsAffine():
            return "it has no layer with an activation, so it is affine"
        case Dead():
            return _dead(found)
        case WrongSign():
            return _wrong_sign(found)
        case SameSide():
            return _same_side(found)
        case Misplaced():
            return _misplaced(found)
        case MisplacedByExclusion():
            return (
                "by exclusion: enough neurons are alive, distinct and of the right sign, but local steps solve "
                "nothing"
            )
        case AffinePartWrong():
            return "a local minimum with every kink in its place; the affine part is what is wrong"
        case _:
            assert_never(found)


def _dead(found: Dead) -> str:
    many = len(found.neurons) > 1
    left = f"{found.distinct} distinct one{'s are' if found.distinct != 1 else ' is'} left"
    short = left if found.needed is None else f"{left} of the {found.needed} that the task needs"
    return (
        f"neuron{'s' if many else ''} {_and(found.neurons)} of layer {found.layer} {'are' if many else 'is'} never "
        f"active on the box, so that no gradient reaches {'them' if many else 'it'}, and {short}"
        f"{_lacking(found.lacking)}"
    )


def _wrong_sign(found: WrongSign) -> str:
    sense = "against that of the others on its side" if found.against else "opposite to what the target wants"
    lock = (
        f": they are longer than its incoming ones ({found.outgoing:.3g} and {found.incoming:.3g}), so that gradient "
        "descent cannot turn them"
        if found.locked
        else ""
    )
    return f"the outgoing weights of neuron {found.neuron} of layer {found.layer} have a sign {sense}{lock}"


def _same_side(found: SameSide) -> str:
    all_of_them = "both" if len(found.neurons) == 2 else "all"
    side = "" if found.ridge is None else f", {all_of_them} on the side of {_ridge(found.ridge)}"
    count = (
        f"so that of the {found.needed} that the task needs {found.distinct} "
        f"{'is' if found.distinct == 1 else 'are'} there"
        if found.needed is not None
        else f"so that {found.distinct} of {found.width} are left"
    )
    return (
        f"neurons {_and(found.neurons)} of layer {found.layer} do the same work{side}, {count}"
        f"{_lacking(found.lacking)}"
    )


def _misplaced(found: Misplaced) -> str:
    parts = []
    if found.extra is not None:
        parts.append(
            f"neuron {found.neuron} bends the function along {_affine(found.extra)} = 0, where the task does not "
            "bend"
        )
    if found.missing is not None:
        parts.append(f"nothing bends along {_affine(found.missing)} = 0, where the task does")
    return "; ".join(parts)


def _lacking(ridges: Sequence[Affine]) -> str:
    return f"; nothing holds {' or '.join(map(_ridge, ridges))}" if ridges else ""


def _ridge(given: Affine) -> str:
    return f"relu({_affine(given)})"


def _affine(given: Affine) -> str:
    """With two digits, and without what they would show as 0.00."""
    terms = [(value, f"x{k + 1}") for k, value in enumerate(given.weights)] + [(given.offset, "")]
    text = ""
    for value, name in terms:
        size = f"{abs(value):.2g}"
        if float(size) < 0.005:
            continue
        body = name if size == "1" and name else f"{size} {name}".strip()
        text += (f" {'-' if value < 0 else '+'} " if text else "-" if value < 0 else "") + body
    return text or "0"


def _and(numbers: Sequence[int]) -> str:
    texts = list(map(str, numbers))
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
