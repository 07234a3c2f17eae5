"""Unfolding: the same function with one feature a neuron.

*Zoom In* hopes that polysemantic neurons can be resolved: that a network has an equivalent in which each neuron
holds a single feature (Olah et al. 2020, section "Circuits"). For a small ReLU network that is checkable: where
its outputs are circuits of the catalogue the templates are such an equivalent, and behind one hidden layer the
normal form is, if all of its kinks lie where a feature of the catalogue has its own. How far the equivalent is
from the network is certified; where there is none, it says why.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..exact.canonical import CanonicalForm, canonical_form
from ..exact.certificates import Certificate, certify
from ..exact.piecewise import is_piecewise_linear
from ..features.printing import linear_text
from ..networks.box import Box, BoxLike, as_box
from ..networks.composition import side_by_side
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.criteria import ROUNDING
from .criteria import UNFOLDED
from .found import FoundCircuit
from .neuron_names import neuron_features
from .search import recognise
from .templates import Circuits, circuits

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Unfolding:
    """An equivalent network with one feature a neuron, or why there is none.

    Attributes:
        network: the equivalent, or None.
        certificate: the largest difference to the original on the box; also of an equivalent that was refused
            because it is too far off; None where none was found.
        neurons: per hidden layer, each neuron's label and feature.
        method: `template` or `normal form`; empty where there is none.
        reason: why there is no equivalent; empty where there is one.

    Examples:
        >>> scaled = Network([[[3.0, -3.0], [0.0, -0.5], [0.0, 2.0]], [[1 / 3, -2.0, 0.5]]])
        >>> found = unfold(scaled)  # max(x1, x2)
        >>> found.neurons, bool(found)
        (((('relu(x2 - x1)', 'greaterness'), ('relu(x1)', 'positiveness'), ('relu(-x1)', 'negativeness')),), True)
    """

    network: Network | None
    certificate: Certificate | None
    neurons: tuple[tuple[tuple[str, str | None], ...], ...]
    method: str
    reason: str

    def __bool__(self) -> bool:
        return self.network is not None

    def __repr__(self) -> str:
        if self.network is None or self.certificate is None:
            return f"Unfolding(none: {self.reason})"
        labels = ", ".join(label for layer in self.neurons for label, _ in layer)
        return f"Unfolding({labels}; off by at most {self.certificate.upper:.2g}, by {self.method})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{k}</td><td>{html.escape(label)}</td><td>{html.escape(feature or '')}</td></tr>"
            for k, layer in enumerate(self.neurons)
            for label, feature in layer
        )
        head = "<tr><th>layer</th><th>neuron</th><th>feature</th></tr>"
        table = f"<table><thead>{head}</thead>{rows}</table>" if rows else ""
        return f"<div><p>{html.escape(repr(self))}</p>{table}</div>"


def unfold(
    network: Network | HasNetwork,
    *,
    box: BoxLike = (-1.0, 1.0),
    tolerance: float = UNFOLDED,
    catalogue: Circuits | None = None,
) -> Unfolding:
    """The equivalent network whose neurons each hold a single feature of the catalogue.

    Tried in order: the templates of the circuits that the outputs are; the network's own normal form, with one
    neuron for each side of a kink and pairs for what is left.

    Args:
        network: a Network or anything with `to_network()`, of ReLU or purely linear layers.
        box: (low, high), or one pair per input.
        tolerance: the largest difference, in units of the output, that may be certified.
        catalogue: circuits; by default the installed ones.

    Raises:
        InputError: for a tolerance below 0.

    Examples:
        >>> oblique = Network([[[1, -1], [3, 1], [-3, -1], [0, 1], [0, -1]], [[-3, 1, -1, -1, 1]]])
        >>> unfold(oblique)
        Unfolding(relu(x1 - x2), relu(x1), relu(-x1); off by at most ..., by template)
        >>> unfold(Network([[[1.0, -0.3]], [[1.0]]]))
        Unfolding(none: no feature of the catalogue has its kink at x1 - 0.3*x2 = 0)
    """
    if not tolerance >= 0:
        raise InputError(f"tolerance {tolerance!r}: give a number of the output's units, 0 or more")
    net = as_network(network)
    bounds = as_box(box, net.inputs)
    if not is_piecewise_linear(net) or any(name not in ("relu", "identity") for name in net.activations):
        names = ", ".join(sorted(set(net.activations) - {"relu", "identity"}))
        return _none(f"its layers of {names} are not sums of the catalogue's ReLU features")
    entries = circuits if catalogue is None else catalogue
    reasons, refused = [], None
    for build in (_from_templates, _from_normal_form):
        made = build(net, bounds, entries)
        if isinstance(made, str):
            reasons += [made] if made else []
            continue
        neurons = neuron_features(made, box=bounds)
        mixed = [label for layer in neurons for label, feature in layer if feature is None]
        if mixed:
            reasons.append(f"the {_METHODS[build.__name__]} has {mixed[0]}, which is not a single feature")
            continue
        proof = certify(net, made, box=bounds)
        if proof.upper <= tolerance:
            return Unfolding(made, proof, neurons, _METHODS[build.__name__], "")
        refused = proof if refused is None or proof.upper < refused.upper else refused
        reasons.append(
            f"the {_METHODS[build.__name__]} is off by up to {proof.upper:.3g}, more than the tolerance {tolerance:g}"
        )
    return replace(_none("; ".join(reasons)), certificate=refused)


_METHODS = {"_from_templates": "template", "_from_normal_form": "normal form"}


def _none(reason: str) -> Unfolding:
    return Unfolding(None, None, (), "", reason)


def _from_templates(network: Network, box: Box, known: Circuits) -> Network | str:
    """The templates of all outputs side by side, or why there are none."""
    found = [f for f in recognise(network, box, known, None) if f.final and f.whole]
    joint = [f for f in found if f.circuit.outputs == network.outputs > 1]
    if joint and np.array_equal(joint[0].units, np.eye(network.outputs)):
        return _bare(joint[0].to_network(network.inputs))
    chosen: list[FoundCircuit] = []
    for k in range(network.outputs):
        own = [
            f for f in found if f.circuit.outputs == 1 and f.units[k] == 1 and np.count_nonzero(f.units) == 1
        ]
        if not own:
            # One hidden layer has the normal form to say what is in the way.
            deep = len(network.architecture.active) > 1
            return f"no circuit of the catalogue is output y{k + 1}" if deep else ""
        chosen.append(own[0])
    return _bare(side_by_side([f.to_network(network.inputs) for f in chosen]))


def _bare(network: Network) -> Network:
    """Without biases where all are 0."""
    if network.biases is not None and not any(b.any() for b in network.biases):
        return Network(network.weights)
    return network


def _from_normal_form(network: Network, box: Box, known: Circuits) -> Network | str:
    """One neuron a kink, on a side that is a feature, and pairs along the axes or one known direction."""
    del known
    if len(network.architecture.active) > 1:
        return "the normal form is of one hidden layer"
    form = canonical_form(network, box=box)
    rows: list[tuple[Array, float, Array]] = []
    affine, constant = form.A.copy(), form.c.copy()
    for n, d, kappa, own in zip(form.n, form.d, form.kappa, form.sides, strict=True):
        top = float(np.abs(n).max())
        sides = (1.0, -1.0) if own >= 0 else (-1.0, 1.0)
        side = next((s for s in sides if _is_feature(s * n / top, s * float(d) / top, box)), None)
        if side is None:
            plane = linear_text(n / top, _names(form), float(d) / top)
            return f"no feature of the catalogue has its kink at {plane} = 0"
        rows.append((side * n / top, side * float(d) / top, 2 * top * kappa))
        affine = affine - side * np.outer(kappa, n)
        constant = constant - side * kappa * d
    floor = 8 * max(form.rounding, ROUNDING * form.scale)
    for direction in _directions(np.where(np.abs(affine) <= floor, 0.0, affine), box):
        out = affine @ direction / float(direction @ direction)
        rows += [(direction, 0.0, out), (-direction, 0.0, -out)]
    if not rows:
        return Network([np.zeros((form.outputs, form.inputs))], [constant])
    W, b, V = (np.array([row[k] for row in rows]) for k in range(3))
    flat = np.abs(constant).max() <= floor and not b.any()
    return Network([W, V.T], None if flat else [b, constant])


def _directions(affine: Array, box: Box) -> list[Array]:
    """Orthogonal directions whose pairs carry an affine part [out, d]: one known one, else the axes."""
    used = np.flatnonzero(np.abs(affine).max(axis=0, initial=0.0))
    if len(used) > 1 and np.linalg.matrix_rank(affine) == 1:
        row = affine[int(np.abs(affine).max(axis=1).argmax())]
        row = row / np.abs(row).max()
        if _is_feature(row, 0.0, box) and _is_feature(-row, 0.0, box):
            return [row]
    return [np.eye(affine.shape[1])[k] for k in used]


def _is_feature(weights: Array, bias: float, box: Box) -> bool:
    ((_, feature),) = neuron_features(Network([weights[None], [[1.0]]], [[bias], [0.0]]), box=box)[0]
    return feature is not None


def _names(form: CanonicalForm) -> Sequence[str]:
    return [f"x{k + 1}" for k in range(form.inputs)]
