"""Do two one-hidden-layer ReLU networks use the same mechanism? Circuit similarity (docs/mathematics.md).

A network is read as a signed measure over the functions that its neurons contribute: each atom is a neuron's
contribution `g = c relu(n.x + d)` (c = v |w|, n = w / |w|), centred over the box, with mass `sign(c) sd(g)`
at the unit shape `u = relu(n.x + d)` centred and scaled to length 1. Permutation, positive rescaling,
splitting and dead neurons change nothing in the measure, since it adds up. Two measures are compared by a
kernel on shapes:

    <mu, mu'> = sum_kl a_k a'_l exp(-(1 - <u_k, u'_l>) / tau)
    S = max(0, <mu, mu'>) / max(<mu, mu>, <mu', mu'>)

Three levels:

- `"atoms"`: the neurons as they are; always-on ones are summed into one affine atom.
- `"reduced"`: two neurons on the same hyperplane with opposite sides and opposite signs turn into the
  linear part that they carry (t relu(z) - t relu(-z) = t z), and all linear parts are summed: how the
  affine part is carried no longer matters, on which side a kink sits still does.
- `"canonical"`: every kink by its residual off the affine functions, and the whole affine part as one atom:
  this depends on the network's function only (relu(z) and relu(-z) + z are the same).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..exact.hyperplanes import affine_basis, group_planes, in_box_units, nearly_affine, neurons_on_box
from ..networks.box import Box, BoxLike, as_box, sobol_points
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.criteria import EQUAL, ROUNDING
from .criteria import TAU

if TYPE_CHECKING:
    from ..features.symmetry import Symmetry
    from ..features.task import Task

Array = npt.NDArray[np.float64]
Level = Literal["reduced", "canonical", "atoms"]
LEVELS: tuple[Level, ...] = ("atoms", "reduced", "canonical")


@dataclass(frozen=True, eq=False, repr=False)
class Mechanism:
    """A network as signed measures over unit shapes, one measure per output.

    Attributes:
        level: `"atoms"`, `"reduced"` or `"canonical"`.
        box: one (low, high) per input.
        masses: per output, [k] signed: the standard deviation of what each atom adds to that output.
        shapes: per output, [k, points]: each atom's centred unit-length shape on the quadrature points.

    Examples:
        >>> minimum = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> mechanism(minimum, level="atoms").masses[0].round(3).tolist()
        [-0.471, 0.323, -0.323]
    """

    level: Level
    box: Box
    masses: tuple[Array, ...]
    shapes: tuple[Array, ...]

    def product(self, other: Mechanism, tau: float = TAU) -> float:
        """The kernel inner product of the two signed measures, summed over outputs."""
        total = 0.0
        for a, u, b, v in zip(self.masses, self.shapes, other.masses, other.shapes, strict=True):
            if len(a) and len(b):
                total += float(a @ np.exp((np.minimum(u @ v.T, 1.0) - 1.0) / tau) @ b)
        return total

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
        if self.empty or other.empty:
            return float(self.empty and other.empty)
        largest = max(self.product(self, tau), other.product(other, tau))
        return min(1.0, max(0.0, self.product(other, tau)) / largest)


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

    1 exactly when the signed measures agree (then the difference is constant); sensitive to scale on purpose,
    S(f, a f) = min(a, 1/a). Read it beside its null, the same number for networks that compute the function with random
    hidden layers: it can reach 0.91 at width 64 without biases. At the reduced level the project calls 0.9 and above
    the same mechanism and 0.3 and below a different one (docs/mathematics.md, Circuit similarity). 1 - S is no metric.

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
        >>> similarity_matrix([one, two], [one]).round(9).tolist()
        [[1.0], [0.0]]
    """
    everyone = (*first, *second)
    kinds = {(m.level, m.box, len(m.masses)) for m in everyone}
    if len(kinds) > 1:
        raise InputError(
            "mechanisms of several levels, boxes or numbers of outputs: measure all of them alike"
        )
    values = np.zeros((len(first), len(second)))
    outputs = len(everyone[0].masses) if everyone else 0
    for output in range(outputs):
        (u, a, i), (v, b, j) = (_joined(group, output) for group in (first, second))
        if len(a) and len(b):
            weighted = np.exp((np.minimum(u @ v.T, 1.0) - 1.0) / tau) * np.outer(a, b)
            values += i.T @ weighted @ j
    own = [np.array([m.product(m, tau) for m in group]) for group in (first, second)]
    empty = [np.array([m.empty for m in group], dtype=bool) for group in (first, second)]
    largest = np.maximum.outer(*own)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = np.clip(values / largest, 0.0, 1.0)
    scores = np.where(np.logical_or.outer(*empty), 0.0, scores)
    return np.asarray(np.where(np.logical_and.outer(*empty), 1.0, scores))


def _joined(group: Sequence[Mechanism], output: int) -> tuple[Array, Array, Array]:
    """The atoms of several mechanisms for one output: shapes, masses, and which mechanism each is of [k, group]."""
    shapes = np.concatenate([m.shapes[output] for m in group])
    masses = np.concatenate([m.masses[output] for m in group])
    return shapes, masses, np.repeat(np.eye(len(group)), [len(m.masses[output]) for m in group], axis=0)


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
    this panel, which reaches 0.91 at width 64 without biases.

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
    if len(net.weights) == 1 or net.activations[0] == "identity":
        return _measure(level, bounds, [_Parts(net(X)[:, k], ()) for k in range(net.outputs)])
    (W, V), (b, _) = net.weights, net.bias_vectors
    bent, middle, _ = neurons_on_box(W, b, bounds)
    on = ~bent & (middle > 0)
    affine = (X @ W[on].T + b[on]) @ V[:, on].T
    planes = in_box_units(W[bent], b[bent], bounds)
    rows = np.column_stack([planes.unit, planes.offset])
    shapes = (np.maximum(X @ W[bent].T + b[bent], 0.0) / planes.length).T
    parts = []
    for k in range(net.outputs):
        atoms = zip(rows, V[k, bent] * planes.length, shapes, strict=True)
        parts.append(_Parts(affine[:, k], tuple(_Atom(*atom) for atom in atoms)))
    if level != "atoms":
        flat = affine_basis(X)
        parts = [(_reduced if level == "reduced" else _canonical)(part, flat) for part in parts]
    return _measure(level, bounds, parts)


@dataclass(frozen=True, eq=False)
class _Atom:
    """One neuron's contribution to one output, or several neurons' of one hyperplane and side.

    Attributes:
        plane: [d + 1] normal and offset, in the units of the box; coefficient: what is multiplied.
        function: [points] by what.
    """

    plane: Array
    coefficient: float
    function: Array

    @property
    def values(self) -> Array:
        """[points] what it adds to the output."""
        return self.coefficient * self.function


@dataclass(frozen=True, eq=False)
class _Parts:
    """One output: an affine function [points], and atoms."""

    affine: Array
    atoms: tuple[_Atom, ...]


def _measure(level: Level, box: Box, outputs: Sequence[_Parts]) -> Mechanism:
    """Masses and unit shapes of every output's atoms and of its affine part."""
    masses, shapes = [], []
    for part in outputs:
        signs = np.array([1.0, *(math.copysign(1.0, atom.coefficient) for atom in part.atoms)])
        table = np.array([part.affine, *(atom.values for atom in part.atoms)])
        largest = np.abs(table).max(initial=0.0)
        table = table - table.mean(axis=1, keepdims=True)
        deviations = table.std(axis=1)
        # What only rounding leaves is no atom; its shape would be noise.
        kept = deviations > ROUNDING * largest
        masses.append(deviations[kept] * signs[kept])
        lengths = deviations[kept, None] * math.sqrt(table.shape[1])
        shapes.append(table[kept] * signs[kept, None] / lengths)
    return Mechanism(level, box, tuple(masses), tuple(shapes))


def _canonical(part: _Parts, flat: Array) -> _Parts:
    """Kinks by their residuals off the affine functions (orthonormal basis `flat`); the rest in one."""
    if not part.atoms:
        return part
    functions = np.array([atom.function for atom in part.atoms])
    fitted = (functions @ flat) @ flat.T
    coefficients = np.array([atom.coefficient for atom in part.atoms])
    bent = zip(part.atoms, functions - fitted, strict=True)
    atoms = tuple(replace(atom, function=function) for atom, function in bent)
    return _Parts(part.affine + coefficients @ fitted, atoms)


def _reduced(part: _Parts, flat: Array) -> _Parts:
    """Antiparallel pairs of opposite sign, and kinks too faint to see, moved to the affine part.

    The neurons of a hyperplane (within 5 degrees of its strongest one) add up on either side; where the sides have
    opposite signs, the weaker one and as much of the stronger go to the affine part. Nothing is approximated: affine
    part and atoms still sum to the output.
    """
    affine = part.affine.copy()
    atoms: list[_Atom] = []
    for plane in _hyperplanes(part):
        strong, weak = sorted((plane.front, plane.back), key=lambda side: -abs(side.coefficient))
        if strong.coefficient * weak.coefficient < 0:
            share = abs(weak.coefficient / strong.coefficient)
            affine += weak.values + share * strong.values
            kept = [_Sum((1.0 - share) * strong.coefficient, (1.0 - share) * strong.values)]
        else:
            kept = [strong, weak]
        for side in kept:
            faint = abs(side.coefficient) <= ROUNDING * abs(strong.coefficient)
            if faint or nearly_affine(side.values, flat):
                affine += side.values
            else:
                atoms.append(_Atom(plane.leader, side.coefficient, side.values / side.coefficient))
    return _Parts(affine, tuple(atoms))


class _Sum(NamedTuple):
    """Several neurons of one hyperplane and side: their coefficients and values [points], each added up."""

    coefficient: float
    values: Array

    @classmethod
    def of(cls, terms: Sequence[tuple[float, Array]]) -> _Sum:
        return cls(float(sum(c for c, _ in terms)), np.sum([values for _, values in terms], axis=0))


@dataclass(frozen=True, eq=False)
class _Hyperplane:
    """The neurons of one hyperplane: its strongest one's plane [d + 1], and either side's sum."""

    leader: Array
    front: _Sum
    back: _Sum


def _hyperplanes(part: _Parts) -> list[_Hyperplane]:
    """Neurons by hyperplane."""
    if not part.atoms:
        return []
    planes = np.array([atom.plane for atom in part.atoms])
    same = group_planes(planes[:, :-1], planes[:, -1], range(len(planes)), tolerance=EQUAL, oriented=True)
    seeds = []
    for number, leader in enumerate(same.leaders):
        members = [part.atoms[k] for k in np.flatnonzero(same.group == number)]
        seeds.append((planes[leader], _Sum.of([(atom.coefficient, atom.values) for atom in members])))
    # Strongest first, ties by position: the groups depend on the measure, not on the order of the neurons.
    seeds.sort(key=lambda seed: (-round(float(np.std(seed[1].values)), 9), tuple(np.round(seed[0], 6))))
    planes = np.array([plane for plane, _ in seeds])
    near = group_planes(planes[:, :-1], planes[:, -1], range(len(planes)))
    blank = _Sum(0.0, np.zeros_like(part.affine))
    return [
        _Hyperplane(
            planes[leader],
            *(
                _Sum.of([blank, *(seeds[k][1] for k in np.flatnonzero((near.group == g) & (near.sign == s)))])
                for s in (1, -1)
            ),
        )
        for g, leader in enumerate(near.leaders)
    ]


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
            f"symmetries[{number}] is no signed permutation: give a [{d}, {d}] matrix of 0, 1, -1"
        )
    low, high = np.array(box).T
    corners = np.stack([matrix @ low, matrix @ high])
    if not (np.allclose(corners.min(axis=0), low) and np.allclose(corners.max(axis=0), high)):
        raise InputError(
            f"symmetries[{number}] moves the box {box}: circuits can be compared on a symmetric box only"
        )
    return matrix
