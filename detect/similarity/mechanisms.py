"""Circuit similarity: whether two one-hidden-layer ReLU networks share a mechanism (docs/understand/similarity.md).

A network is read as signed measures over functions, which permutation, positive rescaling, splitting and dead neurons
do not change: an atom's mass is the standard deviation of what it adds to an output, its shape that function centred
and scaled to length 1. Two measures are compared by a kernel on shapes:

    <mu, mu'> = sum_kl a_k a'_l exp(-|u_k - u'_l|^2 / (2 tau))
    S = max(0, <mu, mu'>) / max(<mu, mu>, <mu', mu'>)

Three levels:

- `"atoms"`: the neurons as they are; always-on ones are summed into one affine atom.
- `"reduced"`: the kinks by their residuals off the affine functions and the sides on which they sit, and the affine
  part of the output. Pairs that carry a linear part (t relu(z) - t relu(-z) = t z) are not kinks (`kink_measures.py`):
  how the affine part is carried does not matter.
- `"canonical"`: the same without sides and pairs: this depends on the network's function only.

At the last two levels kinks and affine part are compared apart, and S is the smaller of the two: a large linear part
that two networks share cannot hide that their kinks differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..exact.hyperplanes import BoxPlanes, affine_basis, group_planes, in_box_units, neurons_on_box
from ..networks.box import Box, BoxLike, as_box, sobol_points
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.criteria import EQUAL, ROUNDING
from .criteria import FAINT_PART, TAU
from .kink_measures import leftover, shape_kernel, sides

if TYPE_CHECKING:
    from ..features.symmetry import Symmetry
    from ..features.task import Task

Array = npt.NDArray[np.float64]
Level = Literal["reduced", "canonical", "atoms"]
LEVELS: tuple[Level, ...] = ("atoms", "reduced", "canonical")


@dataclass(frozen=True, eq=False, repr=False)
class Mechanism:
    """A network as signed measures over shapes, one measure per output.

    Attributes:
        level: `"atoms"`, `"reduced"` or `"canonical"`.
        box: one (low, high) per input.
        masses: per output, [k] signed: the standard deviation of what each atom adds to that output.
        shapes: per output, [k, points + d]: each atom's centred unit-length shape on the quadrature points, then the
            side on which it sits (0 but for the kinks of the reduced level).
        bent: per output, [k] which atoms are kinks; at the level of atoms all of them.

    Examples:
        >>> minimum = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> mechanism(minimum, level="atoms").masses[0].round(3).tolist()
        [-0.471, 0.323, -0.323]
    """

    level: Level
    box: Box
    masses: tuple[Array, ...]
    shapes: tuple[Array, ...]
    bent: tuple[npt.NDArray[np.bool_], ...]

    def __repr__(self) -> str:
        atoms = " + ".join(str(len(masses)) for masses in self.masses)
        return f"Mechanism({self.level}, {atoms} atoms)"

    @property
    def empty(self) -> bool:
        """Whether the network's function is constant on the box."""
        return not any(len(masses) for masses in self.masses)

    def similarity(self, other: Mechanism, tau: float = TAU) -> float:
        """S, in [0, 1]: 1 for equal measures, and where both are empty.

        Raises:
            InputError: where the two were measured at different levels, on different boxes or points.
        """
        if self.level != other.level or self.box != other.box or len(self.masses) != len(other.masses):
            raise InputError(
                f"mechanisms of {len(self.masses)} outputs at level {self.level} on box {self.box} and of "
                f"{len(other.masses)} at level {other.level} on box {other.box}: measure both alike"
            )
        return float(similarity_matrix([self], [other], tau)[0, 0])


def circuit_similarity(
    first: Network | HasNetwork,
    second: Network | HasNetwork,
    *,
    box: BoxLike = (-1.0, 1.0),
    tau: float = TAU,
    level: Level = "reduced",
    symmetries: Sequence[Symmetry | npt.ArrayLike] = (),
) -> float:
    """How much of their mechanism two one-hidden-layer ReLU networks share, in [0, 1].

    The smaller of the similarities of the kinks and of the affine parts (of all neurons alike at the level of atoms). 1
    exactly when the signed measures agree (then the difference is constant); sensitive to scale on purpose,
    S(f, a f) = min(a, 1/a). Read it beside its null, the same number for networks that compute the function with random
    hidden layers: it can reach 0.99 at width 64 without biases. At the reduced level the project calls 0.9 and above
    the same mechanism and 0.3 and below a different one (docs/understand/similarity.md, Circuit similarity). 1 - S is
    no metric.

    Args:
        first, second: networks of the same inputs and outputs, one hidden layer of ReLU (or purely linear) units.
        box: (low, high) for all inputs or one pair each.
        tau: how far shapes may differ and still count as alike: the 1 - r at which the kernel is 1/e.
        level: `"reduced"`, `"canonical"` or `"atoms"`, see the module's text.
        symmetries: of the task (`Task.symmetries`), or matrices M [d, d] with target(M x) = target(x), that
            map the box onto itself; the largest value over the second network and all
            its images second(M x) is returned.

    Raises:
        InputError: for deeper networks, other activations, unequal sizes, tau <= 0, or a symmetry that moves
            the box.

    Examples:
        >>> one = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])    # x1 - relu(x1 - x2)
        >>> two = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])    # x2 - relu(x2 - x1)
        >>> [round(circuit_similarity(one, two, level=level), 3) for level in LEVELS]
        [0.0, 0.0, 1.0]
        >>> round(circuit_similarity(one, two, symmetries=[[[0, 1], [1, 0]]]), 9)
        1.0
    """
    if not tau > 0:
        raise InputError(f"tau {tau}: give a positive deficit (0.02 is about 9 degrees at two inputs)")
    one, other = as_network(first), as_network(second)
    if (one.inputs, one.outputs) != (other.inputs, other.outputs):
        raise InputError(
            f"{one} and {other} have different inputs or outputs: circuits are compared on the same box"
        )
    bounds = as_box(box, one.inputs)
    own = mechanism(one, box=bounds, level=level)
    values = [own.similarity(mechanism(other, box=bounds, level=level), tau)]
    for number, symmetry in enumerate(symmetries):
        M = _symmetry(symmetry, bounds, number)
        moved = Network((other.weights[0] @ M, *other.weights[1:]), other.biases, other.activations)
        values.append(own.similarity(mechanism(moved, box=bounds, level=level), tau))
    return max(values)


def similarity_matrix(first: Sequence[Mechanism], second: Sequence[Mechanism], tau: float = TAU) -> Array:
    """`Mechanism.similarity` of every one of the first with every one of the second [m, k], in one product.

    Args:
        first, second: mechanisms of one level, box and number of outputs.
        tau: as for `circuit_similarity`.

    Raises:
        InputError: where they were measured differently.

    Examples:
        >>> one = mechanism(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]]))
        >>> two = mechanism(Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]]))
        >>> similarity_matrix([one, two], [one]).round(6).tolist()
        [[1.0], [0.0]]
    """
    everyone = (*first, *second)
    kinds = {(m.level, m.box, len(m.masses)) for m in everyone}
    if len(kinds) > 1:
        raise InputError(
            "mechanisms of several levels, boxes or numbers of outputs: measure all of them alike"
        )
    scores = np.ones((len(first), len(second)))
    crossed = {bent: _products(first, second, tau, bent) for bent in (True, False)}
    own = {
        bent: [np.array([_products([m], [m], tau, bent)[0, 0] for m in group]) for group in (first, second)]
        for bent in (True, False)
    }
    whole = np.maximum.outer(*(own[True][side] + own[False][side] for side in (0, 1)))
    for bent in (True, False):
        largest = np.maximum.outer(*own[bent])
        against = np.maximum(largest, FAINT_PART * whole)
        # Two constant networks have no part that could differ.
        missed = np.divide(largest - crossed[bent], against, out=np.zeros_like(against), where=against > 0)
        scores = np.minimum(scores, np.clip(1.0 - missed, 0.0, 1.0))
    return scores


def _products(first: Sequence[Mechanism], second: Sequence[Mechanism], tau: float, bent: bool) -> Array:
    """The kernel inner products [m, k] of the kinks (or else of the affine parts), summed over outputs."""
    values = np.zeros((len(first), len(second)))
    for output in range(len(first[0].masses) if first and second else 0):
        (u, a, i), (v, b, j) = (_joined(group, output, bent) for group in (first, second))
        if len(a) and len(b):
            values += i.T @ (shape_kernel(u, v, tau) * np.outer(a, b)) @ j
    return values


def _joined(group: Sequence[Mechanism], output: int, bent: bool) -> tuple[Array, Array, Array]:
    """The kinks (or affine atoms) of several mechanisms: shapes, masses, and which mechanism each is of [k, group]."""
    chosen = [m.bent[output] == bent for m in group]
    shapes = np.concatenate([m.shapes[output][at] for m, at in zip(group, chosen, strict=True)])
    masses = np.concatenate([m.masses[output][at] for m, at in zip(group, chosen, strict=True)])
    return shapes, masses, np.repeat(np.eye(len(group)), [int(at.sum()) for at in chosen], axis=0)


def lazy_similarities(
    networks: Sequence[Network | HasNetwork],
    *,
    task: Task | str | None = None,
    box: BoxLike | None = None,
    draws: int = 100,
    level: Level = "reduced",
    tau: float = TAU,
    symmetries: Sequence[Symmetry] = (),
    init: str | None = None,
    seed: int = 0,
) -> Array:
    """The null of `circuit_similarity`: with networks that compute the function by no learned mechanism [draws].

    A lazy network has the shape of the one that it is compared with, an untrained hidden layer, and the read-out that
    fits the function best. The same mechanism is 0.9 and above *and* above the 95% quantile of
    this panel, which reaches 0.99 at width 64 without biases.

    Args:
        networks: one hidden layer of ReLU each; draw k is compared with network k (modulo their number).
        task: what the lazy networks are fitted to; by default each network's own outputs.
        box: by default the task's, else (-1, 1).
        draws: number of lazy networks.
        level, tau: as for `circuit_similarity`.
        symmetries: the largest value over these is taken, as in the comparison that this is the null of.
        init: init law of the hidden layers, `"uniform"` or `"normal"`; None takes of both panels the one whose 95%
            quantile is larger. seed: of the draws.

    Raises:
        InputError: as for `mechanism`, and where there is no network or no draw.

    Examples:
        >>> minimum = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> panel = lazy_similarities([minimum], task="minimum", draws=40)
        >>> len(panel), bool(np.quantile(panel, 0.95) < 0.9)
        (40, True)
    """
    from ..features.task import as_task
    from ..networks.initialisation import known_laws

    if not networks or draws < 1:
        raise InputError(f"{len(networks)} networks and {draws} draws: a null needs at least one of each")
    nets = [as_network(network) for network in networks]
    known = None if task is None else as_task(task)
    bounds = as_box(box if box is not None else known.box if known else (-1.0, 1.0), nets[0].inputs)
    panels = [
        _lazy_values(nets, known, bounds, draws, level, tau, symmetries, law, seed)
        for law in known_laws(init)
    ]
    return max(panels, key=lambda values: float(np.quantile(values, 0.95)))


def _lazy_values(
    nets: Sequence[Network],
    task: Task | None,
    box: Box,
    draws: int,
    level: Level,
    tau: float,
    symmetries: Sequence[Symmetry],
    law: str,
    seed: int,
) -> Array:
    """The panel of `lazy_similarities` under one init law."""
    values = np.empty(draws)
    for k in range(min(draws, len(nets))):
        own = mechanism(nets[k], box=box, level=level)
        places = range(k, draws, len(nets))
        panel = lazy_panel(nets[k], len(places), target=task, box=box, init=law, seed=seed + k)
        best = similarity_matrix([own], [mechanism(n, box=box, level=level) for n in panel], tau)[0]
        for number, symmetry in enumerate(symmetries):
            M = _symmetry(symmetry, box, number)
            moved = [Network((n.weights[0] @ M, *n.weights[1:]), n.biases, n.activations) for n in panel]
            others = [mechanism(n, box=box, level=level) for n in moved]
            best = np.maximum(best, similarity_matrix([own], others, tau)[0])
        values[list(places)] = best
    return values


def lazy_panel(
    network: Network | HasNetwork,
    draws: int,
    *,
    target: Task | None = None,
    box: BoxLike = (-1.0, 1.0),
    init: str | None = None,
    seed: int = 0,
) -> list[Network]:
    """Networks of this one's shape with untrained hidden layers and the read-out that fits best (least squares).

    Args:
        network: the shape, and without a target the function.
        draws: how many.
        target: the function; by default the network's own.
        box: the inputs' box.
        init: init law of the hidden layers; None draws from both in turn. seed: of the draws.

    Examples:
        >>> minimum = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> lazy_panel(minimum, 2)
        [Network(2-3-1, relu, no bias), Network(2-3-1, relu, no bias)]
    """
    from ..networks.initialisation import known_laws, lazy_networks
    from ..networks.stacks import Stack

    net = as_network(network)
    X = sobol_points(as_box(box, net.inputs), 9)
    wanted = net(X) if target is None else np.asarray(target(X), dtype=np.float64)
    laws = known_laws(init)
    stacks = [lazy_networks(Stack.of([net]), X, wanted, draws, law, seed) for law in laws]
    return [stacks[k % len(laws)].network(k) for k in range(draws)]


def mechanism(
    network: Network | HasNetwork, *, box: BoxLike = (-1.0, 1.0), level: Level = "reduced"
) -> Mechanism:
    """The signed measures of a one-hidden-layer ReLU network, to be compared with many others.

    Args:
        network: one hidden layer of ReLU, or purely linear.
        box: (low, high) for all inputs or one pair each.
        level: `"reduced"`, `"canonical"` or `"atoms"`.

    Raises:
        InputError: for deeper networks, other activations and unknown levels.

    Examples:
        >>> minimum = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> mechanism(minimum), mechanism(minimum, level="atoms")
        (Mechanism(reduced, 2 atoms), Mechanism(atoms, 3 atoms))
    """
    net = as_network(network)
    if level not in LEVELS:
        raise InputError(f"level {level!r}: give one of {', '.join(LEVELS)}")
    if len(net.weights) > 2 or any(name not in ("relu", "identity") for name in net.activations):
        raise InputError(
            f"{net}: circuit similarity is defined for one hidden layer of ReLU; "
            "compare deeper networks by their recognised features and effective edges"
        )
    bounds = as_box(box, net.inputs)
    X = quadrature(bounds)
    functions, coefficients, planes, flat = _neurons(net, bounds, X)
    basis = affine_basis(X)
    fitted = (functions @ basis) @ basis.T
    atoms = []
    for own, affine in zip(coefficients, flat.T, strict=True):
        bent = np.append(np.full(len(own), True), level == "atoms")
        if level == "atoms":
            table = np.vstack([own[:, None] * functions, affine])
        else:
            table = np.vstack([own[:, None] * (functions - fitted), affine + own @ fitted])
        masses, shapes, kept = _measure(table, np.append(np.where(own < 0, -1.0, 1.0), 1.0))
        facing = np.zeros((len(masses), net.inputs))
        bent = bent[kept]
        if level == "reduced":
            normals = planes.unit[kept[:-1]]
            masses[bent] = leftover(masses[bent], shapes[bent], normals)
            facing[bent] = sides(masses[bent], shapes[bent], normals)
        left = np.abs(masses) > ROUNDING * np.abs(masses).max(initial=0.0)
        atoms.append((masses[left], np.hstack([shapes, facing])[left], bent[left]))
    return Mechanism(level, bounds, *(tuple(part) for part in zip(*atoms, strict=True)))


def _neurons(net: Network, box: Box, X: Array) -> tuple[Array, Array, BoxPlanes, Array]:
    """The neurons that bend in the box, those of one hyperplane and side as one, and the sum of the others.

    Returns: each one's relu of its distance to its hyperplane [m, points], the coefficients [outputs, m], the
        hyperplanes, and what the always-on neurons add [points, outputs].
    """
    if len(net.weights) == 1 or net.activations[0] == "identity":
        none = in_box_units(np.zeros((0, net.inputs)), np.zeros(0), box)
        return np.zeros((0, len(X))), np.zeros((net.outputs, 0)), none, net(X)
    (W, V), (b, _) = net.weights, net.bias_vectors
    bent, middle, _ = neurons_on_box(W, b, box)
    on = ~bent & (middle > 0)
    affine = (X @ W[on].T + b[on]) @ V[:, on].T
    planes = in_box_units(W[bent], b[bent], box)
    same = group_planes(planes.unit, planes.offset, range(int(bent.sum())), tolerance=EQUAL, oriented=True)
    leaders = np.array(same.leaders, dtype=np.intp)
    members = np.eye(len(leaders))[same.group]
    functions = np.maximum(X @ W[bent].T + b[bent], 0.0)[:, leaders] / planes.length[leaders]
    chosen = BoxPlanes(*(part[leaders] for part in planes))
    return functions.T, (V[:, bent] * planes.length) @ members, chosen, affine


def _measure(table: Array, signs: Array) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Signed masses [k] and unit shapes [k, points] of functions in a table [m, points], and which those are [m]."""
    largest = np.abs(table).max(initial=0.0)
    table = table - table.mean(axis=1, keepdims=True)
    deviations = table.std(axis=1)
    # What only rounding leaves is no atom; its shape would be noise.
    kept = deviations > ROUNDING * largest
    lengths = deviations[kept, None] * table.shape[1] ** 0.5
    return deviations[kept] * signs[kept], table[kept] * signs[kept, None] / lengths, kept


@lru_cache(maxsize=16)
def quadrature(box: Box) -> Array:
    """Quadrature points, the same for every network on a box: even grids up to two inputs, else Sobol.

    The grids keep the symmetries of the box, so that swapped inputs give exactly swapped shapes.
    """
    d = len(box)
    if d == 1:
        points = sobol_points(box, 11)
    elif d == 2:
        steps = (np.arange(64) + 0.5) / 64
        unit = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
        low, high = np.array(box).T
        points = np.asarray(low + unit * (high - low))
    else:
        points = sobol_points(box, 12)
    points.setflags(write=False)
    return points


def _symmetry(symmetry: Symmetry | npt.ArrayLike, box: Box, number: int) -> Array:
    """A matrix that permutes the inputs and flips their signs, and maps the box onto itself."""
    d = len(box)
    if callable(symmetry):
        # One row for the image of each basis vector; a wrong arity shows in the shape.
        width = len(symmetry.permutation)
        matrix = np.asarray(symmetry(np.eye(width)), dtype=np.float64).T
    else:
        matrix = np.asarray(symmetry, dtype=np.float64)
    if (
        matrix.shape != (d, d)
        or not np.isin(matrix, (-1, 0, 1)).all()
        or not np.array_equal(matrix @ matrix.T, np.eye(d))
    ):
        raise InputError(
            f"symmetries[{number}] is not a signed permutation: give a [{d}, {d}] matrix of 0, 1, -1"
        )
    low, high = np.array(box).T
    corners = np.stack([matrix @ low, matrix @ high])
    if not (np.allclose(corners.min(axis=0), low) and np.allclose(corners.max(axis=0), high)):
        raise InputError(
            f"symmetries[{number}] moves the box {box}: circuits can be compared on a symmetric box only"
        )
    return matrix
