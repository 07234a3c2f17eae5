"""Pair drawing: the units of two networks side by side, and which of them are matched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mathcircuits.detect import Network
from mathcircuits.detect.universality import Pairing

from .palette import FAINT, GROUND, INK, MUTED, POSITIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Terms that are written of what a unit adds up, the largest.
_TERMS = 3
#: A term below this share of the largest is left out, as is what rounding makes of a zero.
_LEAST_TERM = 0.005
#: Inches that a row of units takes, and between the two columns.
ROW, ACROSS = 0.32, 7.0


def unit_words(network: Network, layer: int, unit: int) -> str:
    """What a hidden unit adds up, on the scale of its largest weight, for a label.

    Examples:
        >>> net = Network([[[2, -1], [0.001, 1]], [[1, 1]]], [[1, 0], None])
        >>> unit_words(net, 0, 0), unit_words(net, 0, 1)
        ('x1 − 0.5 x2 + 0.5', 'x2')
    """
    weights, bias = network.weights[layer][unit], network.bias_vectors[layer][unit]
    names = network.input_names if layer == 0 else [f"v{k}" for k in range(len(weights))]
    size = float(np.abs(weights).max())
    if size == 0:
        return f"{bias:.3g}".replace("-", "−")
    order = [k for k in np.argsort(-np.abs(weights), kind="stable") if abs(weights[k]) >= _LEAST_TERM * size]
    shown = sorted(order[:_TERMS])
    terms = [(float(weights[k] / size), names[k]) for k in shown]
    if abs(bias) >= _LEAST_TERM * size:
        terms.append((float(bias / size), ""))
    text = ""
    for value, name in terms:
        number = "" if name and f"{abs(value):.3g}" == "1" else f"{abs(value):.3g}"
        sign = ("−" if value < 0 else "") if not text else (" − " if value < 0 else " + ")
        text += f"{sign}{number}{' ' if number and name else ''}{name}"
    return text + (" + …" if len(order) > _TERMS else "")


def pair_rows(found: Pairing) -> list[tuple[int, int, list[int], list[int]]]:
    """The layers that are compared, and their units in an order in which matched ones face each other.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> from mathcircuits.detect.universality import pair_up
        >>> net = hand_derived("minimum")
        >>> turned = Network([net.weights[0][::-1], net.weights[1][:, ::-1]])
        >>> pair_rows(pair_up(net, turned, task="minimum"))
        [(0, 0, [0, 1, 2], [2, 1, 0])]
    """
    first, second = found.networks
    depths = len(first.activations), len(second.activations)
    layers = (
        [(k, k) for k in range(depths[0])] if depths[0] == depths[1] else [(depths[0] - 1, depths[1] - 1)]
    )
    rows = []
    for layer, other in layers:
        pairs = [u for u in found.units if u.layer == layer]
        pairs.sort(key=lambda u: (not u.counterparts, u.unit))
        left, right = [u.unit for u in pairs], [u.second_unit for u in pairs]
        left += [k for k in range(first.sizes[layer + 1]) if k not in left]
        right += [k for k in range(second.sizes[other + 1]) if k not in right]
        rows.append((layer, other, left, right))
    return rows


def matched_units(found: Pairing, ax: Axes) -> Axes:
    """Draw the units of both networks in two columns, lines between matched ones.

    A solid line joins counterparts (each leaves at most 1% of the other's variance unexplained), a dashed one units
    that are matched for want of better; their correlation is written on it.

    Args:
        found: two networks side by side.
        ax: the axes, which lose their frame and scales.

    Examples:
        >>> from .rendering import blank
        >>> from mathcircuits.detect import hand_derived
        >>> from mathcircuits.detect.universality import pair_up
        >>> _, (ax,) = blank(4, 2)
        >>> _ = matched_units(pair_up(hand_derived("minimum"), hand_derived("minimum")), ax)
        >>> [text.get_text() for text in ax.texts][:3]
        ['a, hidden layer 1', 'b, hidden layer 1', 'v0: x1 − x2']
    """
    top = 0.0
    for layer, other, left, right in pair_rows(found):
        for at, (name, k) in enumerate(((found.first, layer), (found.second, other))):
            ax.text(at, top, f"{name}, hidden layer {k + 1}", ha="right" if not at else "left", va="center",
                    color=MUTED.light, fontsize=8)  # fmt: skip
        top -= 1
        place = ({u: top - k for k, u in enumerate(left)}, {u: top - k for k, u in enumerate(right)})
        pairs = {u.unit: u for u in found.units if u.layer == layer}
        held = set(pairs), {u.second_unit for u in pairs.values()}
        for at, (network, k) in enumerate(zip(found.networks, (layer, other), strict=True)):
            for unit, y in place[at].items():
                _unit(at, y, f"v{unit}: {unit_words(network, k, unit)}", unit in held[at], ax)
        for pair in pairs.values():
            ends = place[0][pair.unit], place[1][pair.second_unit]
            strong = pair.counterparts
            ax.plot(
                [0.02, 0.98], ends, color=(POSITIVE if strong else MUTED).light,
                linewidth=1.6 if strong else 0.8, linestyle="-" if strong else (0, (4, 3)),
            )  # fmt: skip
            text = f"{pair.correlation:.2f}".replace("-", "−")
            ax.text(0.5, sum(ends) / 2, text, ha="center", va="center", fontsize=7, color=MUTED.light,
                    bbox={"facecolor": GROUND.light, "edgecolor": "none", "pad": 0.5})  # fmt: skip
        top -= max(len(left), len(right)) + 0.5
    ax.set(xlim=(-0.9, 1.9), ylim=(top + 0.5, 0.6))
    ax.set_axis_off()
    return ax


def pair_in_words(found: Pairing) -> str:
    """The drawing for those who do not see it.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> from mathcircuits.detect.universality import pair_up
        >>> pair_in_words(pair_up(hand_derived("absolute"), hand_derived("absolute")))
        'Matched units of a and b: v0 (x1) with v0 (x1), 1.00; v1 (−x1) with v1 (−x1), 1.00.'
    """
    first, second = found.networks
    parts: Sequence[str] = [
        f"v{u.unit} ({unit_words(first, u.layer, u.unit)}) with v{u.second_unit} "
        f"({unit_words(second, u.second_layer, u.second_unit)}), {u.correlation:.2f}"
        for u in found.units
    ]
    return f"Matched units of {found.first} and {found.second}: {'; '.join(parts) or 'none'}."


def _unit(at: int, y: float, text: str, matched: bool, ax: Axes) -> None:
    ax.plot([at], [y], marker="o", markersize=5, color=(INK if matched else FAINT).light)
    ax.text(
        -0.05 if at == 0 else 1.05, y, text, ha="right" if at == 0 else "left", va="center", fontsize=8,
        color=(INK if matched else MUTED).light,
    )  # fmt: skip
