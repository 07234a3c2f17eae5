"""Allowance: the power that the null itself leaves, by the closed form of its first layer.

The directions of first-layer neurons follow a known law, so the chance that one falls within a given distance of a
ridge is a volume. No procedure that keeps its level can tell a planted neuron from chance where that volume is large:
with two inputs a ring of eight directions is so full that one degree off is no evidence. Given its offset, a neuron
with a bias is no better off than one without.
"""

from __future__ import annotations

from functools import lru_cache
from math import factorial, gamma, pi

import numpy as np
import numpy.typing as npt

from mathcircuits.detect.matching import ALPHA, GATE, neuron_null, probes_for
from mathcircuits.detect.networks import as_box, sobol_points

from .declaring import q_values
from .planting import ridges, shape

Array = npt.NDArray[np.float64]
#: 2**13 Sobol points integrate the tangent functions' products to about 0.1%.
_LOG2_POINTS = 13


@lru_cache(maxsize=32)
def density(inputs: int, bias: bool) -> tuple[float, int]:
    """(A, D) of the closed form P(U <= u) = A u^(D/2), U being the smallest 1 - r^2 to any ridge, uniform init law.

    Near a ridge relu(m.x) U is a quadratic form of the neuron's way from it, in the tangent functions
    t.x 1[m.x > 0] for t orthogonal to m, and 1[m.x > 0] with biases, less what a constant and relu(m.x) itself
    explain, over the variance of relu(m.x). So P(U <= u) is the volume of an ellipsoid in D dimensions times the
    density of directions at m, summed over ridges:

        A = sum_k rho_k V_D / sqrt(det Q_k) / P(bent),   V_D = pi^(D/2) / Gamma(D/2 + 1)

    rho_k = 1 / (2^n n |m|_inf^n) with n weights drawn from a cube (d, and one more with biases), D = n - 1, and
    P(bent) = 1 - 1 / (d + 1)! with biases, else 1 (docs/results/measurements.md, A neuron's null in closed form).

    Examples:
        >>> A, D = density(2, bias=False)
        >>> round(A, 2), D
        (2.42, 1)
    """
    n = inputs + bias
    D = n - 1
    total = 0.0
    for m, gram in _forms(inputs):
        rho = 1.0 / (2.0**n * n * np.abs(m).max() ** n)
        total += rho / float(np.sqrt(np.linalg.det(gram[:D, :D]))) if D else rho
    bent = 1.0 - 1.0 / factorial(inputs + 1) if bias else 1.0
    return float(total * pi ** (D / 2) / gamma(D / 2 + 1) / bent), D


@lru_cache(maxsize=16)
def _forms(inputs: int) -> list[tuple[Array, Array]]:
    """Each ridge's unit direction [d] and U's quadratic form [d, d]: its d - 1 tangents, then the offset."""
    X = sobol_points(as_box((-1.0, 1.0), inputs), _LOG2_POINTS)
    found = []
    for m in ridges(inputs)[1]:
        z = X @ m
        on = (z > 0).astype(float)
        columns = np.column_stack([*(X @ t * on for t in np.linalg.svd(m[None])[2][1:]), on])
        ridge = np.maximum(z, 0.0)
        basis = np.column_stack([np.ones(len(X)), ridge])
        rest = columns - basis @ np.linalg.lstsq(basis, columns, rcond=None)[0]
        found.append((m, rest.T @ rest / len(X) / ridge.var()))
    return found


def closed_p_given(unexplained: npt.ArrayLike, offset: npt.ArrayLike, inputs: int) -> Array:
    """P(a direction drawn anew comes this close to a ridge | the neuron's offset b / |w|), weights of a cube.

    At offset c the form is (x + c Q_t^-1 q)' Q_t (x + c Q_t^-1 q) + s c^2, with Q_t its part in the tangents, q that
    between them and the offset, and s what is left of the offset's own (the Schur complement): an ellipsoid of radius
    sqrt(u - s c^2) in d - 1 dimensions.

    Examples:
        >>> closed_p_given([1e-2, 1e-3], 0.0, 3).round(5).tolist()
        [0.04364, 0.00436]
        >>> closed_p_given(1e-4, 0.1, 2).tolist()
        0.0
    """
    u, c = np.broadcast_arrays(np.asarray(unexplained, dtype=float), np.asarray(offset, dtype=float))
    D = inputs - 1
    if not D:
        return np.ones(u.shape)
    total = np.zeros(u.shape)
    for m, gram in _forms(inputs):
        rho = 1.0 / (2.0**inputs * inputs * np.abs(m).max() ** inputs)
        tangents, mixed = gram[:D, :D], gram[:D, D]
        left = gram[D, D] - mixed @ np.linalg.solve(tangents, mixed)
        radius = np.maximum(u - left * c**2, 0.0)
        total += rho / np.sqrt(np.linalg.det(tangents)) * radius ** (D / 2)
    return np.asarray(np.minimum(total * pi ** (D / 2) / gamma(D / 2 + 1), 1.0))


def closed_p(unexplained: npt.ArrayLike, inputs: int, bias: bool) -> Array:
    """P(an untrained first-layer neuron comes this close to a ridge), uniform init law, at most 1.

    With one input and no bias every neuron is a ridge, and p is 1.

    Examples:
        >>> closed_p([1e-2, 1e-3], 3, bias=False).round(5).tolist()
        [0.04364, 0.00436]
        >>> closed_p([0.0], 1, bias=False).tolist()
        [1.0]
    """
    A, D = density(inputs, bias)
    u = np.asarray(unexplained, dtype=float)
    return np.minimum(A * u ** (D / 2), 1.0)


def gated_p(unexplained: npt.ArrayLike, inputs: int, bias: bool) -> Array:
    """The p that the gated minimum over classes would have if every class's law were known exactly.

    P(T <= t) is at most the sum over classes of P(p_c <= t, U_c <= gate) = min(t, P(U_c <= gate)), with equality where
    no neuron passes the gate of two classes; t is the closed form, the gates' masses are the null's own. A class
    that untrained neurons match exactly with probability above t never gives a p as small as t.

    Examples:
        >>> gated_p([0.5], 2, bias=False).tolist()
        [1.0]
    """
    u = np.asarray(unexplained, dtype=float)
    t = closed_p(u, inputs, bias)
    null = neuron_null(shape(inputs, 1, 1, bias), 0, "uniform", probes_for(inputs))
    small = np.where(t[..., None] >= null.atoms(), np.minimum(t[..., None], null.at_gate), 0.0)
    competing = small[..., null.competes].sum(axis=-1)
    return np.where(u <= GATE, np.minimum(np.maximum(competing, t), 1.0), 1.0)


def allowed(
    unexplained: Array,
    offsets: Array,
    width: int,
    inputs: int,
    bias: bool,
    rng: np.random.Generator,
    alpha: float = ALPHA,
) -> Array:
    """The planted neurons [networks, planted] that Benjamini-Hochberg declares when every p is exact.

    The layer's other neurons are given p by chance: uniform below the gate's mass, 1 above it. With biases only those
    whose offset is near a feature's can pass the gate at all.

    Args:
        unexplained: 1 - r^2 of the planted neurons [networks, planted].
        offsets: b / |w| of theirs, of that shape.
        width: neurons that are tested in each network.
    """
    networks, planted = unexplained.shape
    null = neuron_null(shape(inputs, 1, 1, bias), 0, "uniform", probes_for(inputs))
    by_chance = rng.uniform(size=(networks, width - planted))
    if bias:
        own = np.where(unexplained <= GATE, closed_p_given(unexplained, offsets, inputs), 1.0)
        reached = float(closed_p_given(GATE, 0.0, inputs))
        near = rng.uniform(size=by_chance.shape) <= null.gate_mass / max(reached, null.gate_mass)
        others = np.where(near & (by_chance <= reached), by_chance, 1.0)
    else:
        own = gated_p(unexplained, inputs, bias)
        others = np.where(by_chance <= null.gate_mass, by_chance, 1.0)
    q = q_values(np.hstack([own, others]))
    return np.asarray((q[:, :planted] <= alpha).astype(float))
