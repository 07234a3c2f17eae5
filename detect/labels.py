"""What a neuron is called: its pre-activation as a text, and the catalogue's feature that it holds exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .binding import bind
from .box import Box, as_box
from .entries import catalogue
from .joining import scaled_downstream
from .network import Network

Array = npt.NDArray[np.float64]

#: Points at which functions are compared: 512 tell any two of a few hundred apart.
PROBES = 512
#: Relative size of what a few hundred roundings leave.
ROUNDING = 1e-9
#: Fractions are written as such up to this denominator; with a large one any number is a fraction.
_DENOMINATOR = 100


def neuron_features(
    network: Network, box: Box | None = None
) -> tuple[tuple[tuple[str, str | None], ...], ...]:
    """Per hidden layer, each neuron's label and the catalogue's feature that it holds exactly, or None.

    A neuron holds a feature if its activation is a positive multiple of it, as a function of the inputs
    (positive parts of minima and maxima included), or else of at most two neurons of the layer below.

    Examples:
        >>> neuron_features(Network([[[2.0, -2.0], [0.3, 1.0]], [[1.0, 1.0]]]))[0]
        (('relu(x1 - x2)', 'greaterness'), ('relu(0.3*x1 + x2)', None))
    """
    d = network.inputs
    bounds = as_box((-1.0, 1.0), d) if box is None else box
    X, table, labels = _feature_table(d, bounds, len(network.activations) > 1)
    weights, biases = scaled_downstream(network)
    h, below, layers = X, [f"x{k + 1}" for k in range(d)], []
    for k, (W, b) in enumerate(zip(weights[:-1], biases[:-1], strict=True)):
        h = np.maximum(h @ W.T + b, 0.0) if network.activations[k] == "relu" else h @ W.T + b
        scores = standardised(h).T @ table
        layer: list[tuple[str, str | None]] = []
        for j in range(len(W)):
            best = int(scores[j].argmax()) if table.shape[1] else 0
            text = f"relu({linear_text(W[j], below, float(b[j]))})"
            if table.shape[1] and scores[j, best] > 1 - ROUNDING:
                layer.append((text if k == 0 else labels[best][0], labels[best][1]))
                continue
            used = np.flatnonzero(W[j])
            kind = {(1.0,): "positiveness", (-1.0,): "negativeness", (-1.0, 1.0): "greaterness"}
            shape = tuple(sorted(float(v) for v in W[j, used])) if k and not b[j] else ()
            layer.append((text, kind.get(shape)))
        layers.append(tuple(layer))
        # As in every table, upstream variables bear the number of their neuron, from 0.
        below = [f"v{j}" for j in range(len(W))]
    return tuple(layers)


@lru_cache(maxsize=16)
def _feature_table(d: int, box: Box, deep: bool) -> tuple[Array, Array, tuple[tuple[str, str], ...]]:
    low, high = np.array(box).T
    X = np.random.default_rng(2).uniform(low, high, (PROBES, d))
    bound = bind(tuple(catalogue.values()), d, box, depth=2 if deep else 1).features
    # The plain ridges first: with one input relu(x) is also a maximum, a threshold, ...
    ordered = sorted(bound, key=lambda b: b.competes_as != "ridge")
    table = np.column_stack([b.values(X) for b in ordered]) if ordered else np.zeros((PROBES, 0))
    return X, standardised(table), tuple((b.formula.text, b.feature.name) for b in ordered)


def standardised(values: Array) -> Array:
    """Columns centred and of unit length; zeros where a column is constant up to rounding.

    Examples:
        >>> standardised(np.array([[1.0, 5.0], [3.0, 5.0]])).round(3).tolist()
        [[-0.707, 0.0], [0.707, 0.0]]
    """
    centred = values - values.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    flat = length <= 1e-12 * np.sqrt(len(values)) * np.maximum(
        np.abs(values).max(axis=0, initial=0.0), 1e-300
    )
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, length))


def linear_text(
    coefficients: Sequence[float] | Array,
    names: Sequence[str],
    constant: float = 0.0,
    *,
    exact: bool = False,
) -> str:
    """A linear combination in the closed grammar, such as `0.5*x1 - x2 + 1`; a positive term first.

    Args:
        coefficients: one per name.
        names: what they multiply.
        constant: what is added.
        exact: whether numbers are written in full, as small fractions where they are (for an entry whose weights
            are held against its formula); else to four digits.

    Examples:
        >>> linear_text([-1, 0.5, 0], ["x1", "x2", "x3"]), linear_text([0], ["x1"], -2), linear_text([], [])
        ('0.5*x2 - x1', '-2', '0')
        >>> linear_text([1 / 3, 0.1234567], ["x1", "x2"]), linear_text([1 / 3, 0.1234567], ["x1", "x2"], exact=True)
        ('0.3333*x1 + 0.1235*x2', '1/3*x1 + 0.1234567*x2')
    """
    terms = [(float(v), name) for v, name in zip(coefficients, names, strict=True)] + [(float(constant), "")]
    first = next((k for k, (value, name) in enumerate(terms) if value > 0 and name), 0)
    terms.insert(0, terms.pop(first))
    text = ""
    for value, name in terms:
        size = _in_full(abs(value)) if exact else f"{abs(value):.4g}"
        if size == "0":
            continue
        body = name if size == "1" and name else f"{size}*{name}" if name else size
        text += (f" {'-' if value < 0 else '+'} " if text else "-" if value < 0 else "") + body
    return text or "0"


def _in_full(value: float) -> str:
    """A number in all its digits: as a small fraction where it is one up to rounding and its digits do not end soon."""
    text = f"{value:.7g}"
    if float(text) == value:
        return text
    near = Fraction(value).limit_denominator(_DENOMINATOR)
    return str(near) if abs(float(near) - value) <= 1e-14 * value else repr(value)
