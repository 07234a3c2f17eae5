"""The certified error up to which a network must hold what its task's function forces.

The theorems on kinks are about networks that equal their task. These functions say from which error on they hold for
networks that are only close to it: |f - g| <= e anywhere on the box, as a certificate's `upper` proves
(docs/understand/normalform.md, At what error). All of them are for one hidden layer of ReLUs without biases.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..exact.canonical import canonical_form
from ..exact.criteria import SAME_GAUGE
from ..features.task import Task
from ..matching.criteria import HELD, USED
from ..matching.probes import points_for
from ..statistics.criteria import EQUAL

Array = npt.NDArray[np.float64]

#: Angles up to this (in radians) enter the bound on what a turn changes in a ridge. Those found are half as large.
_WIDEST = 0.05
#: Radii (in radians) that are tried for what counts as near a kink: the best lies between 0.03 and 0.1.
_RADII = np.geomspace(0.01, 0.15, 60)
#: Halvings of an interval of errors: the threshold is then known to 1e-9 of itself.
_HALVINGS = 40


def ray_error(task: Task, side: float) -> float:
    """The error up to which every network with one input holds relu(side x), however wide; 0 where no error is known.

    Without biases a network is P relu(x) + Q relu(-x), each neuron a multiple of one of the two. |f - g| <= e at the
    end of the box gives P within e of f there, and the neurons of one side together have at least 1% of the output's
    variance as long as P sd(relu(x)) >= 0.1 (sd(f) + e).

    Args:
        task: of one input.
        side: 1 or -1.

    Examples:
        >>> from ..features.task import tasks
        >>> [round(ray_error(tasks["relu"], side), 2) for side in (1, -1)]
        [0.69, 0.0]
    """
    end = task.box[0][1] if side > 0 else -task.box[0][0]
    if not (task.box[0][0] < 0 < task.box[0][1]):
        return 0.0
    X = points_for(1, box=task.box).X
    spread, outputs = _spread(task, X)
    sd = float(np.maximum(side * X, 0.0).std()) / end
    largest = float(np.abs(task(np.array([[side * end]]))).max())
    return max(0.0, (largest * sd - math.sqrt(USED) * spread) / (sd + math.sqrt(USED * outputs)))


def kink_error(task: Task, weights: npt.ArrayLike) -> float:
    """The error up to which every network with two inputs holds relu(weights . x) or its other side, however wide.

    Across the hyperplane H of the ridge, at a point R u of it and over t = R tan(alpha) to either side, the second
    difference of g is t times the sum of c cos(theta) (1 - |tan theta| / tan(alpha)) over the neurons whose lines are
    at an angle theta < alpha to H, c = v |w|. It is an average over rho < alpha of the mass S(rho) within rho. So for
    some rho the mass on one side is at least (J - 4 e / t) / 2, with J t the task's own second difference.

    alpha is an angle within which a neuron holds the ridge. The neurons of that side within rho then cost at least
    lambda S / 2 in standard deviations of the output, by a functional that vanishes on what turning them changes.

    Returns:
        The error, in the output's units; 0 where the task does not bend there or none is known.

    Examples:
        >>> from ..features.task import tasks
        >>> 0.005 < kink_error(tasks["minimum"], [1, -1]) < 0.02, kink_error(tasks["minimum"], [1, 0])
        (True, 0.0)
    """
    low, high = np.array(task.box).T
    if task.arity != 2 or not ((low < 0) & (high > 0)).all():
        return 0.0
    n = np.asarray(weights, dtype=np.float64)
    n = n / np.linalg.norm(n)
    along = np.array([-n[1], n[0]])
    X = points_for(2, box=task.box).X
    tangent = math.tan(min(_holding_angle(X, n), _holding_angle(X, -n)))
    force = min(_force(X, n, along, tangent), _force(X, -n, along, tangent))
    spread, outputs = _spread(task, X)
    best = 0.0
    for u in (along, -along):
        corners = np.stack([u + tangent * n, u - tangent * n])
        with np.errstate(divide="ignore"):
            # Just inside the box, for rounding.
            R = (1 - EQUAL) * float((np.where(corners > 0, high, -low) / np.abs(corners)).min())
        t = R * tangent
        values = task(R * np.stack([corners[0], corners[1], u]))
        jump = float(np.abs(values[0] + values[1] - 2 * values[2]).max()) / t
        gain = jump * force / 2 - math.sqrt(USED) * spread
        best = max(best, gain / (2 * force / t + math.sqrt(USED * outputs)))
    return best


def form_error(task: Task) -> float:
    """The error up to which networks of the smallest size have the only form of that size: its neurons and weights.

    For tasks that have one form only (`has_only_form`): sums of inputs with two neurons, and one kink beside a linear
    part that a pair carries, in two inputs with three neurons. The box has to be symmetric about 0, so that the even
    and the odd part of f - g are bounded as well; on a circle in the box the even part is a sum of
    c |sin(phi - theta)|, in which near lines are told from far ones (docs/understand/normalform.md, At what error).

    Returns:
        The error, in the output's units: each neuron is then within the angle that holds its feature, costs 1% of the
        output's variance, and no effective weight is off by more than the recognition of gauges allows. 0 where none
        is known.

    Examples:
        >>> from ..features.task import tasks
        >>> form_error(tasks["addition"]) > form_error(tasks["minimum"]) > 1e-4, form_error(tasks["clip"])
        (True, 0.0)
    """
    network = task.hand_derived
    low, high = np.array(task.box).T
    if network is None or len(network.weights) != 2 or network.outputs != 1 or (low != -high).any():
        return 0.0
    if network.architecture.has_bias or task.needs_bias or set(network.activations) != {"relu"}:
        return 0.0
    form = canonical_form(network, box=task.box)
    neurons, r = len(network.weights[0]), float(high.min())
    X = points_for(task.arity, box=task.box).X
    spread, _ = _spread(task, X)
    A = form.A[0]
    if form.kinks == 0 and neurons == 2:
        return _halved(partial(_sum_holds, _Pair.of(X, A), spread, r))
    if form.kinks == 1 and neurons == 3 and task.arity == 2:
        n, kappa = form.n[0], float(form.kappa[0, 0])
        along = np.array([-n[1], n[0]])
        kink = _Pair.of(X, kappa * n)
        pairs = tuple(_Pair.of(X, A - sign * kappa * n) for sign in (1, -1))
        size = abs(kappa) + abs(float(A @ n))
        conditions = (
            partial(_bend_holds, kink, pairs, size, abs(float(A @ along)), spread, r, float(eta))
            for eta in _RADII
        )
        return max(_halved(condition) for condition in conditions)
    return 0.0


class _Pair(NamedTuple):
    """Two neurons on either side of one hyperplane, relu(n.x) and relu(-n.x).

    Attributes:
        size: the norm of what they carry.
        sine: of an angle within which both hold their ridges; sd: their least standard deviation within it, at |n| = 1.
    """

    size: float
    sine: float
    sd: float

    @classmethod
    def of(cls, X: Array, carried: Array) -> _Pair:
        """For a vector carried by them [d]."""
        size = float(np.linalg.norm(carried))
        sides = [carried / size, -carried / size]
        angles = [_holding_angle(X, n) for n in sides]
        least = [
            float(np.maximum(X @ n, 0.0).std()) - 2 * math.sin(angle / 2) * _reach(X, n)
            for n, angle in zip(sides, angles, strict=True)
        ]
        return cls(size, math.sin(min(angles)), min(least))

    def held(self, turned: float, mass: float, spread: float, e: float) -> bool:
        """Whether they hold their ridges and are used, turned by an angle of this sine, of this mass at least."""
        return turned <= self.sine and mass * self.sd >= math.sqrt(USED) * (spread + e)


def _sum_holds(pair: _Pair, spread: float, r: float, e: float) -> bool:
    """Whether two neurons within e of a sum of inputs are the pair that carries it."""
    off = e / r
    if pair.size <= 3 * off or 5 * off > SAME_GAUGE * pair.size:
        return False
    return pair.held(2 * off / pair.size, pair.size - 3 * off, spread, e)


def _bend_holds(
    kink: _Pair,
    pairs: tuple[_Pair, ...],
    size: float,
    beta: float,
    spread: float,
    r: float,
    eta: float,
    e: float,
) -> bool:
    """Whether three neurons within e of kappa |n.x| + A.x are one kink and a pair (docs/understand/normalform.md, At
    what error, has the steps).

    `size` is |kappa| + |A.n|, beta the part of A along the kink, eta the radius of what counts as near.
    """
    off = e / r
    far = off / math.sin(eta)
    left = 2 * kink.size - 4 * far
    together = (size + 4 * far + off) * math.tan(8 * eta)
    if min(left, beta - 4 * off - 4 * far, beta - 4 * off - 2 * far - together) <= 0 or eta >= math.pi / 32:
        return False
    moved = 6.05 * off + 2 * far
    largest = max(2 * kink.size, *(pair.size for pair in pairs))
    if max(4 * far + 6 * off, moved + 2 * far + 5 * off) > SAME_GAUGE * largest:
        return False
    if not kink.held(6 * off / left, left, spread, e):
        return False
    return all(
        pair.size > moved + 2 * far
        and pair.held(
            moved / pair.size + 5 * off / (2 * pair.size - 2 * moved), pair.size - moved - 2 * far, spread, e
        )
        for pair in pairs
    )


def _holding_angle(X: Array, n: Array) -> float:
    """An angle (radians) within which relu(m.x) leaves at most `HELD` of its variance unexplained by relu(n.x).

    Turning n by that angle moves relu(n.x) by |m - n| times its reach at most, in the root mean square.
    """
    sd, root = float(np.maximum(X @ n, 0.0).std()), math.sqrt(HELD)
    chord = root * sd / (_reach(X, n) * (1 + root))
    return min(_WIDEST, 2 * math.asin(min(1.0, chord / 2)))


def _reach(X: Array, n: Array) -> float:
    """The largest root mean square of d.x over unit vectors d, where a neuron within `_WIDEST` of n may be active."""
    active = X[X @ n > -math.sin(_WIDEST) * np.linalg.norm(X, axis=1)]
    return math.sqrt(float(np.linalg.eigvalsh(active.T @ active / len(X))[-1]))


def _force(X: Array, n: Array, along: Array, tangent: float) -> float:
    """lambda: the least standard deviation of sum c relu(m.x) over m within the angle of n, per sum of c cos.

    The functional lives where all of these neurons are active or none is, and vanishes on `along`.
    """
    z, x = X @ n, X @ along
    on, off = z > tangent * np.abs(x), -z > tangent * np.abs(x)
    w = np.where(on, z - (z * x * on).sum() / (x * x * on).sum() * x, 0.0)
    test = w - np.where(off, w.sum() / off.sum(), 0.0)
    return float((w * z).mean() / math.sqrt((test**2).mean()))


def _spread(task: Task, X: Array) -> tuple[float, int]:
    """Standard deviation of the task's outputs together, and their number."""
    values = np.asarray(task(X), dtype=np.float64).reshape(len(X), -1)
    return math.sqrt(float(values.var(axis=0).sum())), values.shape[1]


def _halved(holds: Callable[[float], bool]) -> float:
    """The largest error at which it holds, where it holds at all smaller ones; rounded down."""
    below, above = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        below, above = (middle, above) if holds(middle) else (below, middle)
    return below
