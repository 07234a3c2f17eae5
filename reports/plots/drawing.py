"""Drawing: a network as a layered graph after Osier's slides: inputs, neurons, output, signed weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from mathcircuits.detect import Network

from ..wording import labelled, weight
from .palette import FAINT, GROUND, INK, MUTED, NEGATIVE, PANEL, POSITIVE, Colour, colour_of
from .rendering import on_hover, only_under_pointer

# Sizes in the graph's own units: neurons of a layer are 1 apart, layers are 3 apart.
_LAYER_GAP = 3.0
#: Inches per unit: a neuron's box then holds three lines of type.
_INCH = 0.76
_BOX = (1.7, 0.72)
_RADIUS = 0.26
_LABEL = (0.46, 0.2)
#: More labels than this between two layers cannot be told apart; the strongest are written.
LABELS_PER_LAYER = 14
#: A weight below this share of its layer's largest is drawn as a hair: it moves nothing that one could see.
_HAIR = 0.005
#: More weights between two layers than those of 4 x 6 are a hairball: then neurons that the output does not need are
#: left out, and weights below this share of their layer's largest are seen while the pointer rests on the figure.
_CROWDED, _WEAK = 24, 0.1


@dataclass(frozen=True)
class NeuronLabel:
    """What the graph writes into a neuron's box.

    Attributes:
        feature: the catalogue's name, or None.
        on: its arguments as a text.
        status: as in the neurons table, or "".
        used: whether the output needs the neuron; None where not known.
        expected: whether the hand-derived network has this feature; None where not known.

    Examples:
        >>> NeuronLabel("greaterness", "x1, x2", "matched").text
        'greaterness(x1, x2), matched'
    """

    feature: str | None = None
    on: str = ""
    status: str = ""
    used: bool | None = None
    expected: bool | None = None

    @property
    def text(self) -> str:
        """The label as one text."""
        parts = (labelled(self.feature, self.on), self.status, "not used" if self.used is False else "")
        return ", ".join(part for part in parts if part)

    @property
    def colour(self) -> Colour:
        """The colour of the feature's family."""
        return colour_of(self.feature)


Point = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Labels = Mapping[tuple[int, int], NeuronLabel]


@dataclass(frozen=True)
class Shown:
    """What a graph shows of a network: the units of every layer, and whether weak weights are left out.

    Attributes:
        units: the rows of every layer that are drawn.
        crowded: whether some are not, and weak weights neither.

    Examples:
        >>> shown_of(Network([[[1.0], [-1.0]], [[1.0, 1.0]]]), {})
        Shown(units=((0,), (0, 1), (0,)), crowded=False)
    """

    units: tuple[tuple[int, ...], ...]
    crowded: bool

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many units of every layer are drawn."""
        return tuple(map(len, self.units))


def shown_of(network: Network, labels: Labels) -> Shown:
    """What the graph shows: everything, or of a crowded network the neurons that the output needs.

    Args:
        network: its weights.
        labels: what its neurons hold, and whether they are used.

    Examples:
        >>> wide = Network([np.ones((30, 1)), np.ones((1, 30))])
        >>> unused = {(0, k): NeuronLabel(used=k < 2) for k in range(30)}
        >>> shown_of(wide, unused).sizes
        (1, 2, 1)
    """
    crowded = any(matrix.size > _CROWDED for matrix in network.weights)
    active = network.architecture.active
    units = [tuple(range(size)) for size in network.sizes]
    for layer, block in enumerate(active if crowded else ()):
        units[block + 1] = tuple(
            i for i in units[block + 1] if labels.get((layer, i), NeuronLabel()).used is not False
        )
    return Shown(tuple(units), crowded)


def graph_size(network: Network, labels: Labels | None = None) -> tuple[float, float]:
    """Width and height in inches that suit `network_graph` of the same labels.

    Examples:
        >>> graph_size(Network(weights=[[[1.0], [-1.0]], [[1.0, 1.0]]]))
        (5.2, 1.6)
    """
    (left, right), (low, high) = _extent(_places(shown_of(network, labels or {}).sizes))
    return round(_INCH * (right - left), 1), round(_INCH * (high - low), 1)


def network_graph(network: Network, labels: Labels, ax: Axes) -> Axes:
    """Draw the network from left to right; a neuron is named by its feature, an edge by its signed weight.

    Positive weights are solid, negative ones dashed; an edge is as thick as its weight is large within its
    layer; weights near zero are hairs. Biases stand under their neuron. A solid frame is a matched neuron, a
    dashed one a label that proves nothing, a pale one a neuron that the output does not need. A network with more than
    24 weights between two layers is drawn without such neurons, and without weights below a tenth of the layer's
    largest.

    Args:
        network: its weights.
        labels: (layer, neuron) -> what to write; layers count those with an activation, as the tables do.
        ax: the axes, which lose their frame and scales.

    Examples:
        >>> from .rendering import blank
        >>> net = Network(weights=[[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> _, (ax,) = blank(*graph_size(net))
        >>> _ = network_graph(net, {(0, 0): NeuronLabel("greaterness", "x1, x2", "matched")}, ax)
        >>> {"greaterness", "x1, x2", "+1.00", "−1.00"} <= {text.get_text() for text in ax.texts}
        True
    """
    shown = shown_of(network, labels)
    sizes, places = shown.sizes, _places(shown.sizes)
    for k, matrix in enumerate(network.weights):
        drawn = matrix[np.ix_(shown.units[k + 1], shown.units[k])]
        _edges(drawn, places[k], places[k + 1], _reach(k, sizes), ax, crowded=shown.crowded)
    for i, (x, y) in enumerate(places[0]):
        _disc(x, y, network.input_names[i], ax)
    active = network.architecture.active
    for block in range(len(network.activations)):
        layer = active.index(block) if block in active else None
        for i, (x, y) in zip(shown.units[block + 1], places[block + 1], strict=True):
            label = labels.get((layer, i)) if layer is not None else None
            _neuron(x, y, f"v{i}", label or NeuronLabel(), network.bias_vectors[block][i], ax)
    for i, (x, y) in enumerate(places[-1]):
        _disc(x, y, network.output_labels[i], ax)
        _bias(x, y - _RADIUS - 0.13, network.bias_vectors[-1][i], ax)
    width, height = _extent(places)
    ax.set(xlim=width, ylim=height, aspect="equal")
    ax.set_axis_off()
    return ax


def in_words(network: Network, labels: Labels) -> str:
    """The graph for those who do not see it: its shape and its neurons' names, layer by layer.

    Examples:
        >>> net = Network(weights=[[[1.0], [-1.0]], [[1.0, 1.0]]])
        >>> in_words(net, {(0, 0): NeuronLabel("positiveness", "x1", "vacuous")})
        'Network 1-2-1. Hidden layer 0: v0 positiveness(x1), vacuous; v1 –. Read-out y: +1.00 v0, +1.00 v1.'
    """
    parts = [f"Network {'-'.join(map(str, network.sizes))}."]
    for layer, block in enumerate(network.architecture.active):
        width = network.sizes[block + 1]
        names = (f"v{i} {labels.get((layer, i), NeuronLabel()).text}" for i in range(width))
        parts.append(f"Hidden layer {layer}: {'; '.join(names)}.")
    for name, row in zip(network.output_labels, network.weights[-1], strict=True):
        sources = [f"v{j}" for j in range(len(row))] if len(network.weights) > 1 else network.input_names
        terms = ", ".join(f"{weight(w)} {source}" for w, source in zip(row, sources, strict=True))
        parts.append(f"Read-out {name}: {terms}.")
    return " ".join(parts)


def _places(sizes: Sequence[int]) -> list[list[tuple[float, float]]]:
    """The centre of every unit, layer by layer, from the top."""
    spread = max(sizes)
    columns = []
    for k, size in enumerate(sizes):
        # A short layer beside a tall one is drawn apart, so that its edges do not run into one bundle.
        stretch = min(1.7, (spread - 1) / (size - 1)) if size > 1 else 1.0
        columns.append([(_LAYER_GAP * k, ((size - 1) / 2 - i) * stretch) for i in range(size)])
    return columns


def _extent(
    places: Sequence[Sequence[tuple[float, float]]],
) -> tuple[tuple[float, float], tuple[float, float]]:
    """What the drawing spans, across and up, its margins included."""
    top = max(abs(y) for column in places for _, y in column) + 0.55
    return (-0.4, places[-1][0][0] + 0.4), (-top, top)


def _reach(k: int, sizes: Sequence[int]) -> tuple[float, float]:
    """How far the shapes at both ends of the edges of linear layer k reach from their centres."""
    left = _RADIUS if k == 0 else _BOX[0] / 2
    right = _RADIUS if k == len(sizes) - 2 else _BOX[0] / 2
    return left, right


def _edges(
    matrix: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    sources: Sequence[tuple[float, float]],
    targets: Sequence[tuple[float, float]],
    reach: tuple[float, float],
    ax: Axes,
    *,
    crowded: bool,
) -> None:
    """All edges between two layers, the strong ones with their weights where there is room."""
    if not matrix.size:
        return
    largest = float(abs(matrix).max()) or 1.0
    strong = int((abs(matrix) >= _WEAK * largest).sum())
    # In a crowd of edges their weights are read from a pointer alone.
    written = 0 if crowded and strong > LABELS_PER_LAYER else LABELS_PER_LAYER
    order = np.argsort(-abs(matrix), axis=None, kind="stable")
    placed: list[tuple[float, float]] = []
    for rank, flat in enumerate(order):
        j, i = (int(index) for index in np.unravel_index(flat, matrix.shape))
        value = float(matrix[j, i])
        start = np.array([sources[i][0] + reach[0], sources[i][1]])
        end = np.array([targets[j][0] - reach[1], targets[j][1]])
        share = abs(value) / largest
        hair = share < _HAIR
        colour = FAINT if hair else POSITIVE if value > 0 else NEGATIVE
        weak = crowded and share < _WEAK
        where = _free_place(start, end, placed) if not (hair or weak) and rank < written else None
        (line,) = ax.plot(
            *_parted(start, end, where),
            color=colour.light,
            linewidth=0.5 if hair else 0.8 + 2.2 * share,
            linestyle="-" if hair or value > 0 else (0, (3.2, 1.6)),
            solid_capstyle="butt",
            zorder=1 if hair else 2,
        )
        on_hover(line, f"weight {value:+.6g}")
        if weak:
            only_under_pointer(line, f"weight {value:+.6g}")
        if where is not None:
            placed.append(where)
            ax.text(
                *where,
                weight(value),
                color=colour.light,
                fontsize=7.5,
                ha="center",
                va="center_baseline",
                zorder=4,
                bbox={"boxstyle": "round,pad=0.12", "facecolor": GROUND.light, "edgecolor": "none"},
            )


def _parted(start: Point, end: Point, label: tuple[float, float] | None) -> tuple[list[float], list[float]]:
    """The edge's coordinates, with a gap where its label stands: a dash that begins under it would peep out."""
    points = [start, end]
    if label is not None:
        along = (end - start) / np.linalg.norm(end - start)
        gap = min(_LABEL[0] / 2 / max(abs(along[0]), 1e-9), 0.7 * _LABEL[1] / max(abs(along[1]), 1e-9))
        points[1:1] = [np.array(label) - gap * along, np.full(2, np.nan), np.array(label) + gap * along]
    return [float(x) for x, _ in points], [float(y) for _, y in points]


def _free_place(
    start: Point,
    end: Point,
    placed: Sequence[tuple[float, float]],
) -> tuple[float, float]:
    """The point of the edge that is farthest from the labels there, near its middle if all are free."""
    options = [start + t * (end - start) for t in np.linspace(0.16, 0.84, 18)]

    def crowding(point: Point) -> tuple[float, float]:
        gaps = [max(abs(point[0] - x) / _LABEL[0], abs(point[1] - y) / _LABEL[1]) for x, y in placed]
        middle = abs(float(point[0]) - float(start[0] + end[0]) / 2)
        return -min([1.0, *gaps]), middle

    best = min(options, key=crowding)
    return float(best[0]), float(best[1])


def _disc(x: float, y: float, name: str, ax: Axes) -> None:
    ax.add_patch(Circle((x, y), _RADIUS, facecolor=PANEL.light, edgecolor=INK.light, linewidth=1.1, zorder=5))
    # Four letters are as wide as the disc; longer names are set smaller, and beyond a dozen letters cut.
    text = name if len(name) <= 12 else f"{name[:11]}…"
    size = max(5.0, 9 * min(1.0, 4 / len(text)))
    written = ax.text(x, y, text, fontsize=size, color=INK.light, ha="center", va="center_baseline", zorder=6)
    if text != name:
        on_hover(written, name)


def _neuron(x: float, y: float, name: str, label: NeuronLabel, bias: float, ax: Axes) -> None:
    """A hidden neuron's box: its number, feature, arguments and status."""
    width, height = _BOX
    pale = label.used is False
    box = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.12",
        facecolor=GROUND.light,
        edgecolor="none",
        zorder=5,
    )
    ax.add_patch(box)
    proven = label.status in {"matched", "polysemantic", ""}
    frame = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.12",
        facecolor=(*_rgb(label.colour), 0.06 if pale else 0.2),
        edgecolor=(*_rgb(label.colour), 0.5 if pale else 1.0),
        linewidth=1.4,
        linestyle="-" if proven else (0, (2.5, 1.5)),
        zorder=6,
    )
    on_hover(frame, f"{name}: {label.text}")
    ax.add_patch(frame)
    lines = [(label.feature or name, 8.0, INK), (label.on, 7.5, INK), (_third_line(label), 6.5, MUTED)]
    shown = [line for line in lines if line[0]]
    for k, (text, size, colour) in enumerate(shown):
        dy = 0.205 * ((len(shown) - 1) / 2 - k)
        ax.text(
            x,
            y + dy,
            text,
            # 23 characters fill the box; longer texts are set smaller rather than cut.
            fontsize=size * min(1.0, 23 / len(text)),
            color=colour.light,
            ha="center",
            va="center_baseline",
            zorder=7,
            alpha=0.75 if pale else 1.0,
        )
    if label.feature:
        ax.text(
            x - width / 2 + 0.06,
            y + height / 2 + 0.02,
            name,
            fontsize=6.8,
            color=MUTED.light,
            ha="left",
            va="bottom",
            zorder=7,
        )
    _bias(x, y - height / 2 - 0.1, bias, ax)


def _third_line(label: NeuronLabel) -> str:
    words = [label.status, "not used" if label.used is False else ""]
    return ", ".join(word for word in words if word)


def _bias(x: float, y: float, bias: float, ax: Axes) -> None:
    if bias:
        ax.text(
            x, y, f"bias {weight(bias)}", fontsize=6.8, color=MUTED.light, ha="center", va="center", zorder=7
        )


def _rgb(colour: Colour) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour.light)
    return red, green, blue
