"""Readable weights: the same function with the choices that it leaves made so that a person can read them.

Every hidden ReLU layer hands the next one

    A x + c + sum_j kappa_j |n_j . x + d_j|

and A, c and the kinks are all that matters (docs/understand/normalform.md, The normal form). relu(z) = z + relu(-z)
lets each kink's neuron sit on either side, as long as the remainder of A can still be carried; what no kink carries is
passed through by pairs relu(z), relu(-z), and those may use any basis of the space that is needed. Here sides and basis
are chosen so that the weights take the fewest bits: directions along the axes, simple fractions; then incoming weights
are scaled to a largest entry of 1, layer after layer, and numbers near a simple fraction are set to it, the others
being fitted again. Nothing here decides: whoever calls checks the loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice, product

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import Network
from mathcircuits.detect.features import code_length, saved_bits, simplest_fraction
from mathcircuits.detect.networks import Box, hook_pre
from mathcircuits.detect.statistics import EQUAL

from ..fitting.gradients import residuals_and_jacobian
from ..fitting.levenberg import DAMPING, LARGEST, REFUSED, TAKEN
from ..fitting.vectors import config_of, network_of, vector_of
from .criteria import CLOSE, EXACT_FIT, PRECISIONS

Array = npt.NDArray[np.float64]

#: Kinks whose sides are all tried: 3^7 = 2187 choices. Beyond, the network's own.
ALL_SIDES = 7
#: Bases tried for what is passed through.
BASES = 64


def readable_forms(network: Network, box: Box, x: Tensor, y: Tensor) -> Iterator[Network]:
    """Networks of nearly the same function, the most readable first.

    Args:
        network: of ReLU layers alone.
        box: (low, high) per input.
        x: inputs [1, d, point] to which what was not set is fitted again.
        y: targets [1, outputs, point].

    Examples:
        >>> c, s = 0.6, 0.8  # a sum passed through along two crooked directions
        >>> net = Network([[[c, s], [-c, -s], [-s, c], [s, -c]], [[1.4, -1.4, -0.2, 0.2]]])
        >>> x = torch.rand(1, 2, 50, dtype=torch.float64) * 2 - 1
        >>> y = x.sum(dim=1, keepdim=True)
        >>> next(readable_forms(net, ((-1, 1), (-1, 1)), x, y)).weights[0].tolist()
        [[1.0, 1.0], [-1.0, -1.0]]
    """
    if set(network.activations) != {"relu"}:
        return
    points = x[0].T.numpy()
    standard = in_standard_gauge(network, box, points)
    if snapped(standard, CLOSE)[1].any():
        sparse = in_standard_gauge(sparsified(standard, x, y), box, points)
        forms = [sparse, standard, scaled(network)]
    else:
        forms = [standard, scaled(network)]
    for form in forms:
        for precision in PRECISIONS:
            rounded, free = snapped(form, precision)
            if free.any():
                yield refitted(rounded, free, x, y)
            else:
                yield rounded
        yield refitted(form, np.ones(form.architecture.parameters, dtype=bool), x, y)


def bits_of(values: Array) -> float:
    """The bits of weights: none for a zero, else a fraction's code or a decimal of precision `CLOSE`.

    Examples:
        >>> [round(bits_of(np.array(v)), 1) for v in ([0.0], [1.0, -0.5], [0.637])]
        [0.0, 7.0, 9.0]
    """
    return sum(_bits(float(value)) for value in np.ravel(values))


def _bits(value: float) -> float:
    if abs(value) <= CLOSE:
        return 0.0
    fraction = simplest_fraction(value - CLOSE, value + CLOSE)
    return min(code_length(fraction), math.log2(max(1.0, abs(value)) / CLOSE))


def in_standard_gauge(network: Network, box: Box, X: Array) -> Network:
    """Every layer with the sides and the basis that take the fewest bits, scaled; the last layer first.

    A later layer's choices decide what an earlier one has to carry, and an earlier one's in which coordinates
    a later one is written; so it goes twice.

    Args:
        network: of ReLU layers.
        box: (low, high) per input.
        X: inputs [n, d] on which neurons of deeper layers are seen to be always on or dead.
    """
    has = network.architecture.bias
    for _ in range(2):
        network = scaled(network)
        weights = [np.array(w) for w in network.weights]
        biases = [np.array(b) for b in network.bias_vectors]
        run = network.run(X)
        for layer in reversed(range(len(weights) - 1)):
            if has[layer] and not has[layer + 1]:
                continue  # a shifted kink's linear part has a constant that the next layer could not take
            last = layer == len(weights) - 2
            if layer == 0:
                low, high = np.array(box).T
                if not has[0]:
                    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
            else:
                low = np.zeros(weights[layer].shape[1])
                high = np.full(len(low), np.inf)
            pre = run[hook_pre(layer)]
            reach = CLOSE * np.abs(pre).max()
            on, dead = (pre >= -reach).all(axis=0), (pre <= reach).all(axis=0)
            domain = _Domain(low, high, has[layer], on & ~dead, dead)
            found = _best_layer(
                weights[layer], biases[layer], weights[layer + 1], biases[layer + 1], domain, last
            )
            if found is not None:
                weights[layer], biases[layer], weights[layer + 1], biases[layer + 1] = found
        given = [b if own else None for b, own in zip(biases, has, strict=True)]
        network = Network(weights, given)
    return scaled(network)


@dataclass(frozen=True)
class _Domain:
    """Where a layer's inputs lie, and what is seen there.

    Attributes:
        low, high: [d] bounds of its inputs.
        bias: whether the layer has biases.
        on, dead: [unit] which neurons are always on there, or never.
    """

    low: Array
    high: Array
    bias: bool
    on: npt.NDArray[np.bool_]
    dead: npt.NDArray[np.bool_]

    def lift(self, q: Array) -> float | None:
        """The bias at which one neuron passes q . x through, or None where there is none."""
        with np.errstate(invalid="ignore"):
            low = np.where(q == 0, 0.0, np.minimum(q * self.low, q * self.high)).sum()
        if low >= 0:
            return 0.0
        return -float(low) if self.bias and np.isfinite(low) else None


@dataclass(frozen=True)
class _Layer:
    """What a layer hands to the next: A x + c + sum_j kappa_j |n_j . x + d_j|."""

    A: Array
    c: Array
    n: Array
    d: Array
    kappa: Array
    sides: Array


def _read(w: Array, b: Array, v: Array, c: Array, domain: _Domain) -> _Layer:
    """The form of a layer, planes that nearly coincide being one."""
    A, constant = np.zeros((len(v), w.shape[1])), c.copy()
    length = np.linalg.norm(w, axis=1)
    planes: list[list[int]] = []
    heads: list[Array] = []
    order = np.argsort(-length * np.linalg.norm(v, axis=0), kind="stable")
    for i in order:
        if length[i] == 0:
            constant = constant + v[:, i] * max(b[i], 0.0)
            continue
        if domain.dead[i]:
            continue
        if domain.on[i]:  # part of the affine map
            A, constant = A + np.outer(v[:, i], w[i]), constant + v[:, i] * b[i]
            continue
        plane = np.append(w[i], b[i]) / length[i]
        for own, head in zip(planes, heads, strict=True):
            if min(np.abs(plane - head).max(), np.abs(plane + head).max()) <= CLOSE:
                own.append(int(i))
                break
        else:
            planes.append([int(i)])
            heads.append(plane)
    kept_n, kept_d, kept_kappa, kept_sides = [], [], [], []
    for own, head in zip(planes, heads, strict=True):
        n, d = head[:-1], float(head[-1])
        mass = v[:, own] * length[own]
        side = np.sign(w[own] @ n)
        kappa = mass.sum(axis=1) / 2
        slope = (mass * side).sum(axis=1) / 2
        A, constant = A + np.outer(slope, n), constant + slope * d
        if np.abs(kappa).max() <= CLOSE * np.abs(mass).max():
            continue
        kept_n.append(n)
        kept_d.append(d)
        kept_kappa.append(kappa)
        kept_sides.append(side[0] if (side == side[0]).all() else 0.0)
    K = len(kept_n)
    return _Layer(
        A,
        constant,
        np.array(kept_n).reshape(K, w.shape[1]),
        np.array(kept_d),
        np.array(kept_kappa).reshape(K, len(v)),
        np.array(kept_sides),
    )


Weights = tuple[Array, Array, Array, Array]


def _best_layer(w: Array, b: Array, v: Array, c: Array, domain: _Domain, last: bool) -> Weights | None:
    """The layer and its outgoing weights in the form of fewest bits that takes no more neurons."""
    form = _read(w, b, v, c, domain)
    best: Weights | None = None
    fewest = np.inf
    for sides in _sides(form, len(w)):
        for built in _built(form, sides, domain):
            if len(built[0]) > len(w):
                continue
            bits = _layer_bits(*built, last)
            if bits < fewest - EQUAL:
                best, fewest = built, bits
    return best


def _layer_bits(w: Array, b: Array, v: Array, c: Array, last: bool) -> float:
    rows = v if last else v / np.maximum(np.abs(v).max(axis=1, keepdims=True), np.finfo(float).tiny)
    return bits_of(w) + bits_of(b) + bits_of(rows) + (bits_of(c) if last else 0.0)


def _sides(form: _Layer, most: int) -> Iterator[Array]:
    """Choices of sides (0 where a kink has a neuron on either) that may do with so many neurons, own first."""
    K = len(form.d)
    yield form.sides
    if not K or K > ALL_SIDES:
        return
    choices = np.array(list(product((1.0, -1.0, 0.0), repeat=K)))
    choices = choices[K + (choices == 0).sum(axis=1) <= most]
    U = form.kappa[:, :, None] * form.n[:, None, :]
    rest = form.A - np.tensordot(choices, U, 1)
    scale = max(float(np.abs(form.A).max(initial=0.0)), float(np.abs(U).max(initial=0.0)))
    for sides, left in zip(choices, rest, strict=True):
        doubled = sides == 0
        if doubled.any():
            basis = np.linalg.qr(form.n[doubled].T)[0]
            left = left - left @ basis @ basis.T
        rank = int((np.linalg.svd(left, compute_uv=False) > CLOSE * scale).sum())
        if K + int(doubled.sum()) + rank <= most:
            yield sides


def _built(form: _Layer, sides: Array, domain: _Domain) -> Iterator[Weights]:
    """The layer with these sides, for every basis of what is passed through."""
    outputs = len(form.c)
    U = form.kappa[:, :, None] * form.n[:, None, :]
    scale = max(float(np.abs(form.A).max(initial=0.0)), float(np.abs(U).max(initial=0.0)))
    rest: Array = form.A - np.tensordot(sides, U, 1)
    constant = form.c - (sides * form.d) @ form.kappa
    doubled = np.flatnonzero(sides == 0)
    carried = np.zeros((len(doubled), outputs))
    if len(doubled):
        carried = np.asarray(np.linalg.lstsq(form.n[doubled].T, rest.T, rcond=None)[0], dtype=float)
        rest = rest - carried.T @ form.n[doubled]
        constant = constant - carried.T @ form.d[doubled]
    rows: list[tuple[Array, float, Array]] = []
    for j, side in enumerate(sides):
        n, d, kappa = form.n[j], float(form.d[j]), form.kappa[j]
        g = float(np.abs(n).max())
        if side:
            rows.append((side * n / g, side * d / g, 2 * g * kappa))
            continue
        u = carried[int(np.flatnonzero(doubled == j)[0])]
        for sign in (1.0, -1.0):
            out = g * (kappa + sign * u)
            if np.abs(out).max() > CLOSE * scale:
                rows.append((sign * n / g, sign * d / g, out))
    rank = int((np.linalg.svd(rest, compute_uv=False) > CLOSE * scale).sum())
    for basis, out in _bases(rest, rank, scale):
        passed, shift = list(rows), constant
        for q, p in zip(basis, out.T, strict=True):
            g = float(np.abs(q).max())
            q, p = q / g, p * g
            lift = domain.lift(q)
            if lift is None and (back := domain.lift(-q)) is not None:
                q, p, lift = -q, -p, back
            if lift is None:
                passed += [(q, 0.0, p), (-q, 0.0, -p)]
            else:
                passed.append((q, lift, p))
                shift = shift - lift * p
        if not passed:
            passed = [(np.zeros(form.A.shape[1]), 0.0, np.zeros(outputs))]
        w, b, v = (np.array([row[k] for row in passed], dtype=float) for k in range(3))
        yield w, b, v.T, shift


def _bases(rest: Array, rank: int, scale: float) -> Iterator[tuple[Array, Array]]:
    """Bases [rank, d] of the rows of `rest`, each the identity on some inputs, and `rest`'s coordinates."""
    if not rank:
        yield np.zeros((0, rest.shape[1])), np.zeros((len(rest), 0))
        return
    for columns in islice(combinations(range(rest.shape[1]), rank), BASES):
        out = rest[:, columns]
        if np.linalg.svd(out, compute_uv=False)[-1] > CLOSE * scale:
            basis = np.asarray(np.linalg.lstsq(out, rest, rcond=None)[0], dtype=float)
            basis[np.abs(basis) <= CLOSE * np.abs(basis).max()] = 0.0
            # Beside inputs that weigh hundreds of times more a row's own 1 counts as nothing: no basis to read by.
            if basis.any(axis=1).all():
                yield basis, out


def scaled(network: Network) -> Network:
    """The same function with every neuron's largest incoming weight at 1, its scale sent on.

    Examples:
        >>> net = scaled(Network([[[2.0, -4.0]], [[0.5]]]))
        >>> net.weights[0].tolist(), net.weights[1].tolist()
        ([[0.5, -1.0]], [[2.0]])
    """
    weights = [np.array(w) for w in network.weights]
    biases = [np.array(b) for b in network.bias_vectors]
    for layer in range(len(weights) - 1):
        size = np.abs(weights[layer]).max(axis=1)
        size[size == 0] = 1.0
        weights[layer] /= size[:, None]
        biases[layer] /= size
        weights[layer + 1] *= size
    given = [b if own else None for b, own in zip(biases, network.architecture.bias, strict=True)]
    return Network(weights, given, network.activations)


def snapped(network: Network, precision: float) -> tuple[Network, npt.NDArray[np.bool_]]:
    """Weights that are near a fraction set to it where that is no accident, and which ones are not.

    A fraction counts where it saves bits against a decimal of that precision (`detect.snapping`).

    Returns:
        The network and the mask [size] of the parameters that were left, laid out as `Layout` says.
    """
    vector = vector_of(network).numpy()
    free = np.ones(len(vector), dtype=bool)
    for k, value in enumerate(vector):
        fraction = simplest_fraction(value - precision, value + precision)
        if fraction == 0 or saved_bits(fraction, precision) > 0:
            vector[k], free[k] = float(fraction), False
    # A neuron's scale is free: its largest incoming weight stays at 1.
    return network_of(config_of(network), torch.from_numpy(vector)), free


def sparsified(network: Network, x: Tensor, y: Tensor) -> Network:
    """Weights set to 0 one at a time, the others fitted again, wherever that leaves the fit exact.

    What two neurons share can be carried by either, to any share; with one weight at 0 the others are settled.
    """
    allowed = 100 * _loss(network, x, y) + EXACT_FIT * float(y.square().mean())
    tried: set[int] = set()
    while True:
        vector = vector_of(network).numpy()
        rough = snapped(network, CLOSE)[1]
        if not rough.any():
            return network
        # Weights that are no fraction are the ones that slide, the smallest first; then those they slide along.
        left = [int(k) for k in np.flatnonzero(vector) if int(k) not in tried]
        for k in sorted(left, key=lambda k: (not rough[k], abs(vector[k]))):
            tried.add(k)
            trial = vector.copy()
            trial[k] = 0.0
            found = refitted(network_of(config_of(network), torch.from_numpy(trial)), trial != 0, x, y)
            if _loss(found, x, y) <= allowed:
                network = scaled(found)
                break
        else:
            return network


def _loss(network: Network, x: Tensor, y: Tensor) -> float:
    return float(((network(x[0].T.numpy()) - y[0].T.numpy()) ** 2).mean())


def refitted(
    network: Network, free: npt.NDArray[np.bool_], x: Tensor, y: Tensor, iterations: int = 30
) -> Network:
    """Levenberg-Marquardt on some of the parameters alone (see `levenberg`, whose damping this is)."""
    config = config_of(network)
    vector = vector_of(network)
    at = torch.from_numpy(np.flatnonzero(free & ~_scales(network)))
    if not len(at):
        return network
    damping = DAMPING
    with torch.no_grad():
        residual, jacobian = (t[0] for t in residuals_and_jacobian(vector[None], x, y, config))
        for _ in range(iterations):
            J = jacobian[at]
            squares = J @ J.T
            squares.diagonal().add_(damping * squares.diagonal().mean())
            factor, failed = torch.linalg.cholesky_ex(squares)
            if failed or damping > LARGEST:
                break
            trial = vector.clone()
            trial[at] -= torch.cholesky_solve((J @ residual)[:, None], factor)[:, 0]
            new, slopes = (t[0] for t in residuals_and_jacobian(trial[None], x, y, config))
            if new.square().sum() < residual.square().sum():
                vector, residual, jacobian, damping = trial, new, slopes, damping * TAKEN
            else:
                damping *= REFUSED
    return network_of(config, vector)


def _scales(network: Network) -> npt.NDArray[np.bool_]:
    """The parameters that fix the scales of the hidden neurons: one incoming weight each, the largest."""
    fixed = np.zeros(network.architecture.parameters, dtype=bool)
    for start, w in zip(network.architecture.offsets, network.weights[:-1], strict=False):
        for unit, largest in enumerate(np.abs(w).argmax(axis=1)):
            fixed[start + unit * w.shape[1] + largest] = True
    return fixed
