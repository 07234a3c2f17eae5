"""Class certificates: at which points of a task a classifier is right, and by how much, in exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.task import Task, as_task
from ..networks.network import HasNetwork, Network, as_network
from .float_error import float_error
from .piecewise import from_network, is_piecewise_linear

Array = npt.NDArray[np.float64]

#: Points of a box at which a class is looked at: a share of 1e-4 is told from none.
SAMPLED = 10_000


@dataclass(frozen=True)
class ClassCertificate:
    """What a classifier decides at every point of a task: the class of the largest output.

    Attributes:
        points: how many points there are, all of them visited.
        wrong: at how many another output is as large as that of the right class.
        margin: the least lead of the right class's output over all others; not above 0 where a point is wrong.
        witness: the point of the least lead.

    Examples:
        >>> ClassCertificate(20, 0, 0.25, (0.0, 0.25))
        ClassCertificate(right at all 20 points, by 0.25 or more)
    """

    points: int
    wrong: int
    margin: float
    witness: tuple[float, ...]

    @property
    def certified(self) -> bool:
        """Whether the class is right at every point."""
        return not self.wrong

    def __repr__(self) -> str:
        if self.certified:
            return f"ClassCertificate(right at all {self.points} points, by {self.margin:.4g} or more)"
        return f"ClassCertificate(wrong at {self.wrong} of {self.points} points, such as {self.witness})"


def certify_classes(network: Network | HasNetwork, task: Task | str) -> ClassCertificate:
    """Decide at every point of a task whether a classifier's largest output is that of the right class.

    The outputs are those of the stored weights in rational arithmetic, so that a lead is a lead, however small.

    Args:
        network: with an output for each class, piecewise linear.
        task: on points, with an output for each class (`classes_of`).

    Raises:
        InputError: for a task on a box or without classes, and for a network of another shape or with smooth
            activations.

    Examples:
        >>> certify_classes(Network([[[1.0, -1.0], [-1.0, 1.0]]]), "larger-of-2")
        ClassCertificate(right at all 20 points, by 0.5 or more)
        >>> certify_classes(Network([[[1.0, 0.0], [0.0, 0.0]]]), "larger-of-2")
        ClassCertificate(wrong at 10 of 20 points, such as (0.75, 1.0))
    """
    net, known = as_network(network), as_task(task)
    if not known.points:
        raise InputError(
            f"task {known.name!r} is about a box: classes are certified at points, give Task(points=)"
        )
    if (net.inputs, net.outputs) != (known.arity, known.outputs):
        raise InputError(
            f"{net!r} has {net.inputs} inputs and {net.outputs} outputs, task {known.name!r} {known.arity} and "
            f"{known.outputs}: give a network with an output for each class"
        )
    if not is_piecewise_linear(net):
        raise InputError(f"{net!r}: is not piecewise linear, so that its outputs have no exact values")
    X = known.sample(0)
    right = classes_of(known, X)
    with np.errstate(over="ignore", invalid="ignore"):
        rough = _leads(net(X), right)
    bound = float_error(net, known.box)
    # A difference of two outputs is off by twice as much, and its own rounding is less than that again.
    off = np.inf if bound is None else 4 * bound.float64
    # Rational arithmetic is for the points that rounding leaves open: about 0, and about the least lead.
    sure = np.isfinite(rough) & (np.abs(rough) > off) & (rough > rough.min() + 2 * off)
    open_at = np.flatnonzero(~sure)
    exact = np.array([[Fraction(value) for value in row] for row in X[open_at].tolist()], dtype=object)
    leads = [
        min(row[c] - other for k, other in enumerate(row) if k != c)
        for row, c in zip(from_network(net, exact=True)(exact), right[open_at].tolist(), strict=True)
    ]
    at = min(range(len(leads)), key=lambda k: leads[k])
    wrong = int((rough[sure] <= 0).sum()) + sum(lead <= 0 for lead in leads)
    return ClassCertificate(len(X), wrong, float(leads[at]), tuple(X[open_at[at]].tolist()))


def wrong_share(networks: Sequence[Network], task: Task) -> Array:
    """The share [network] of a task's points (of a box, of a sample) with a wrong class; NaN for values not finite.

    Of a piecewise linear network on points `certify_classes` decides, else the outputs in floating point.

    Args:
        networks: with an output for each class; task: with classes.

    Examples:
        >>> nets = [Network([[[1.0, -1.0], [-1.0, 1.0]]]), Network([[[1.0, 0.0], [0.0, 0.0]]])]
        >>> wrong_share(nets, as_task("larger-of-2")).tolist()
        [0.0, 0.5]
    """
    X = task.sample(SAMPLED)
    right = classes_of(task, X)
    shares = []
    for network in networks:
        with np.errstate(over="ignore", invalid="ignore"):
            leads = _leads(network(X), right)
        if not np.isfinite(leads).all():
            shares.append(np.nan)
        elif task.points and is_piecewise_linear(network):
            shares.append(certify_classes(network, task).wrong / len(X))
        else:
            shares.append(float((leads <= 0).mean()))
    return np.array(shares, dtype=float)


def _leads(values: Array, right: npt.NDArray[np.intp]) -> Array:
    """How far the right class's output is above all others [n]."""
    own = np.arange(len(values)), right
    others = values.copy()
    others[own] = -np.inf
    return np.asarray(values[own] - others.max(axis=1))


def classes_of(task: Task, X: Array) -> npt.NDArray[np.intp]:
    """The class of each input [n]: which of the task's outputs is 1, the others being 0.

    Args:
        task: with an output for each class; X: inputs [n, arity].

    Raises:
        InputError: where the outputs are anything else.

    Examples:
        >>> classes_of(as_task("larger-of-2"), np.array([[0.0, 1.0], [0.5, 0.25]])).tolist()
        [1, 0]
    """
    Y = np.asarray(task(X), dtype=float)
    if task.outputs < 2 or not (np.isin(Y, (0.0, 1.0)).all() and (Y.sum(axis=1) == 1).all()):
        raise InputError(
            f"task {task.name!r} has no classes: give one with an output for each class, 1 for the right one and 0 "
            "for the others, such as 'larger-of-2'"
        )
    return np.asarray(Y.argmax(axis=1))
