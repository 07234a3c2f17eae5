"""Small graphs: a network as an SVG of a thumbnail's size, for tiles and lists."""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Network

from .drawing import NeuronLabel
from .palette import OTHER

#: Units of the drawing, which are pixels where a tile is as wide as it.
_WIDTH, _HEIGHT, _MARGIN = 240, 124, 20
#: Room above and below for the names of the outermost units.
_NAMES = 8
#: Weights below this share of their layer's largest are left out: at this size they hide those that matter.
LEAST_SHARE = 0.1
#: Of more edges between two layers the strongest are drawn: as a bundle they would show nothing.
_EDGES = 24
#: Of more neurons in a layer the names would overprint each other.
_NAMED = 4
#: A layer of more neurons is drawn without those that the output does not need.
_ALL = 6


def small_graph(network: Network, labels: Mapping[tuple[int, int], NeuronLabel], words: str) -> str:
    """The network from left to right as one `<svg>` element, coloured by the page's variables.

    Weights below a tenth of their layer's largest are left out, and so are neurons that the output does not need
    where a layer has more than six. Of more than 24 weights between two layers the largest are drawn, and the
    largest one of every neuron.

    Args:
        network: its weights.
        labels: (layer, neuron) -> what the neuron holds; layers count those with an activation.
        words: what is drawn, for those who do not see it.

    Examples:
        >>> net = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, 0.01]]])
        >>> text = small_graph(net, {(0, 0): NeuronLabel("greaterness", "x1, x2", "matched")}, "A minimum.")
        >>> text.count("<circle"), text.count("<line"), "greaterness" in text
        (6, 6, True)
    """
    kept = [list(range(size)) for size in network.sizes]
    for layer, block in enumerate(network.architecture.active):
        if network.sizes[block + 1] > _ALL:
            needed = [i for i in kept[block + 1] if labels.get((layer, i), NeuronLabel()).used is not False]
            kept[block + 1] = needed or kept[block + 1]
    step = (_WIDTH - 2 * _MARGIN) / (len(kept) - 1)
    place = {
        (k, i): (_MARGIN + step * k, _HEIGHT * (n + 0.5) / len(units))
        for k, units in enumerate(kept)
        for n, i in enumerate(units)
    }
    parts = []
    for k, matrix in enumerate(network.weights):
        shown = matrix[np.ix_(kept[k + 1], kept[k])]
        shares = np.abs(shown) / (float(np.abs(matrix).max()) or 1.0)
        for to, start in np.argwhere(_drawn(shares)):
            (x1, y1), (x2, y2) = place[k, kept[k][start]], place[k + 1, kept[k + 1][to]]
            sign = "plus" if shown[to, start] > 0 else "minus"
            parts.append(
                f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" class="{sign}" '
                f'stroke-width="{0.7 + 1.8 * shares[to, start]:.1f}"/>'
            )
    active = network.architecture.active
    for (k, i), (x, y) in place.items():
        label = labels.get((active.index(k - 1), i)) if k and k - 1 in active else None
        radius = min(7.0, 0.32 * _HEIGHT / len(kept[k]))
        colour = (label.colour if label else OTHER).css
        inside = 0 < k < len(kept) - 1
        style = f' style="stroke:{colour};fill:{colour}" class="unit"' if inside else ' class="end"'
        title = f"<title>{html.escape(f'v{i}: {label.text}')}</title>" if label else ""
        parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.1f}"{style}>{title}</circle>')
        name, below = (label.feature or "", y > 0.6 * _HEIGHT) if label else ("", False)
        if k == 0 or k == len(kept) - 1:
            name = network.input_names[i] if k == 0 else network.output_labels[i]
        if name and len(kept[k]) <= _NAMED and (not inside or len(kept) == 3):
            # The lower half's names stand below: above, edges that come from the middle would cross them.
            up = y + radius + 10 if below else y - radius - 4
            parts.append(f'<text x="{x:.0f}" y="{up:.0f}" text-anchor="middle">{html.escape(name)}</text>')
    return (
        f'<svg class="small" viewBox="0 {-_NAMES} {_WIDTH} {_HEIGHT + 2 * _NAMES}" role="img" '
        f'aria-label="{html.escape(words)}">{"".join(parts)}</svg>'
    )


def _drawn(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which edges are drawn, by their shares of the largest weight [to, from]."""
    strong = shares >= LEAST_SHARE
    if strong.sum() <= _EDGES:
        return strong
    among = shares >= np.sort(shares, axis=None)[-_EDGES]
    among |= shares == shares.max(axis=0, keepdims=True)
    among |= shares == shares.max(axis=1, keepdims=True)
    return np.asarray(strong & among)
