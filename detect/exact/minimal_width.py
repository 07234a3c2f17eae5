"""The smallest ReLU network of a normal form: which side each kink's neuron sits on, what carries the rest.

A neuron v relu(s (n.x + d)) with v = 2 kappa makes the kink and carries the affine part s kappa (n.x + d)
along, so the choice of sides s decides what is left of A. With U_j = kappa_j n_j' (docs/understand/normalform.md, The
fewest neurons):

- with biases, `K + min_s rank(A - sum s_j U_j)`: always-on neurons carry one rank each, and a second neuron
  on a kink would carry no more than that;
- without biases, on a box around 0, there are no always-on neurons. A second neuron on kink j carries any u
  n_j', a pair relu(z), relu(-z) off the kinks any matrix of rank one: `K + min over s, T of |T| + 2 rank` of
  what is left of A - sum s_j U_j off the normals of the doubled kinks T. For one output that is K, K + 1 or K
  + 2.

Choosing sides is a partition problem (weakly NP-hard), met in the middle (Horowitz and Sahni 1974).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.box import Box
from ..networks.network import Network
from ..statistics.criteria import ROUNDING

Array = npt.NDArray[np.float64]

#: Signs are tried in two halves of up to 2^20 sums each (8 MB): 40 kinks.
_MEET_IN_THE_MIDDLE = 40
#: Where ranks or doubled kinks matter as well, all choices are tried: at most 3^12 small matrices.
_ALL_SIGNS = 12


class Form(Protocol):
    """What is asked of a normal form `A x + c + sum_j kappa_j |n_j x + d_j|` (see `canonical.CanonicalForm`)."""

    @property
    def A(self) -> Array:
        """[outputs, inputs], the affine part."""
        ...

    @property
    def c(self) -> Array:
        """[outputs], the constant."""
        ...

    @property
    def kappa(self) -> Array:
        """[kinks, outputs], how strongly each kink bends each output."""
        ...

    @property
    def n(self) -> Array:
        """[kinks, inputs], the unit normals."""
        ...

    @property
    def d(self) -> Array:
        """[kinks], the offsets."""
        ...

    @property
    def sides(self) -> Array:
        """[kinks], the share of each kink's mass on its positive side, from -1 to 1."""
        ...

    @property
    def box(self) -> Box:
        """One (low, high) pair per input."""
        ...

    @property
    def rounding(self) -> float:
        """What rounding may have added to a coefficient."""
        ...

    @property
    def scale(self) -> float:
        """The size of the largest coefficient."""
        ...

    @property
    def kinks(self) -> int:
        """How many kinks there are."""
        ...

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        ...

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        ...


@dataclass(frozen=True)
class Plan:
    """Which neurons a network of a form takes.

    Attributes:
        signs: [K], the side of each kink's neuron; 0 where both sides have one.
        rank: what is then left of the affine part.
        count: hidden neurons.
        proved: whether no network of the form has fewer.

    Examples:
        >>> Plan(np.array([1.0]), 1, 2, True).count
        2
    """

    signs: Array
    rank: int
    count: int
    proved: bool


def ranks_of(M: Array, tolerance: float) -> npt.NDArray[np.intp]:
    """The ranks of matrices [..., out, d], singular values up to the tolerance being 0."""
    return np.asarray((np.linalg.svd(M, compute_uv=False) > tolerance).sum(axis=-1))


def smallest_plan(form: Form, bias: bool) -> Plan:
    """The cheapest choice of sides: K + rank with biases, K + doubled + 2 rank without.

    Raises:
        InputError: where `bias=False` and the form has an offset or a constant.

    Examples:
        >>> from .canonical import canonical_form
        >>> plan = smallest_plan(canonical_form(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])), bias=False)
        >>> plan.signs.tolist(), plan.rank, plan.count
        ([1.0], 1, 3)
    """
    reach = float(np.abs(np.array(form.box)).max())
    tolerance = 8 * max(form.rounding, ROUNDING * form.scale) / reach
    if not bias:
        heights = np.abs(form.d)[:, None] * np.abs(form.kappa)
        height = max(float(np.abs(form.c).max()), float(heights.max(initial=0.0)))
        if height > tolerance * reach:
            raise InputError(
                f"a network without biases is 0 at 0 and bends only through 0; this form has offsets of size "
                f"{height:.3g}: use bias=True"
            )
    K, U = form.kinks, form.kappa[:, :, None] * form.n[:, None, :]
    price = 1 if bias else 2
    own = np.where(form.sides < 0, -1.0, 1.0)
    rank = int(ranks_of(form.A - np.tensordot(own, U, 1), tolerance))
    best = Plan(own, rank, K + price * rank, rank == 0)
    if best.proved:
        return best
    # Without biases a form on a box away from 0 may use always-on neurons, which this count leaves out.
    certain = bias or all(low < 0 < high for low, high in form.box)
    # From here on K + 1 is the least unless some choice of sides carries all of A.
    searched = K <= _MEET_IN_THE_MIDDLE
    if searched:
        exact = _signs_to(form.A.ravel(), U.reshape(K, form.A.size), tolerance)
        if exact is not None:
            return Plan(exact, 0, K, True)
    if best.count == K + 1:
        return replace(best, proved=certain and searched)
    if not bias and form.outputs == 1:
        # One kink with both sides: the rest must vanish off its normal.
        for j in range(K if searched else 0):
            rest = np.arange(K) != j
            off = np.eye(form.inputs) - np.outer(form.n[j], form.n[j])
            terms = (U[rest] @ off).reshape(K - 1, form.A.size)
            found = _signs_to((form.A @ off).ravel(), terms, tolerance)
            if found is not None:
                return Plan(np.insert(found, j, 0.0), 0, K + 1, certain)
        return replace(best, proved=certain and searched)
    if K > _ALL_SIGNS:
        return best
    # Several outputs: every choice of sides, and without biases of kinks with both.
    for doubled in range(K + 1):
        if bias and doubled:
            break
        for chosen in combinations(range(K), doubled):
            if K + doubled >= best.count:
                break
            free = [j for j in range(K) if j not in chosen]
            signs = np.zeros((2 ** len(free), K))
            signs[:, free] = list(product((1.0, -1.0), repeat=len(free)))
            left = form.A - np.tensordot(signs, U, 1)
            if chosen:
                basis = np.linalg.qr(form.n[list(chosen)].T)[0]
                left = left - left @ basis @ basis.T
            ranks = ranks_of(left, tolerance)
            least = int(ranks.argmin())
            count = K + doubled + price * int(ranks[least])
            if count < best.count:
                best = Plan(signs[least], int(ranks[least]), count, False)
    return replace(best, proved=certain)


def _signs_to(target: Array, terms: Array, tolerance: float) -> Array | None:
    """Signs s [K] with |sum s_j terms_j - target| within the tolerance, or None where there are none.

    A partition problem (weakly NP-hard): all sums of either half, projected on one direction, are sorted and
    met.
    """
    K = len(terms)
    if (np.abs(target) > np.abs(terms).sum(axis=0) + tolerance).any():
        return None
    if K == 0:
        return np.zeros(0)
    # A fixed generic direction: entries of A are often equal or opposite, square roots of primes are not.
    direction = np.sqrt(np.array(_primes(terms.shape[1]), dtype=float))
    direction /= np.linalg.norm(direction)
    line, goal = terms @ direction, float(target @ direction)
    half = K // 2

    def sums(values: Array) -> Array:
        total: Array = np.zeros(1)
        for value in values:
            total = np.concatenate([total + value, total - value])
        return total

    left, right = sums(line[:half]), sums(line[half:])
    order = np.argsort(right)
    ranked = right[order]
    reach = tolerance * np.sqrt(len(target))
    low = np.searchsorted(ranked, goal - left - reach, "left")
    high = np.searchsorted(ranked, goal - left + reach, "right")
    for i in np.flatnonzero(high > low):
        for place in range(low[i], high[i]):
            signs = np.concatenate([_signs_of(int(i), half), _signs_of(int(order[place]), K - half)])
            if (np.abs(signs @ terms - target) <= tolerance).all():
                return signs
    return None


def _signs_of(index: int, count: int) -> Array:
    """The signs behind entry `index` of the sums, whose last term changes sign slowest."""
    return np.array([-1.0 if index >> k & 1 else 1.0 for k in range(count)])


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % p for p in found):
            found.append(candidate)
        candidate += 1
    return found


def build_network(form: Form, plan: Plan, bias: bool) -> Network:
    """The ReLU network that a plan describes.

    Examples:
        >>> from .canonical import canonical_form
        >>> form = canonical_form(Network([[[1.0], [-1.0]], [[1.0, 1.0]]]))
        >>> build_network(form, smallest_plan(form, bias=False), bias=False)([[-0.5]]).tolist()
        [[0.5]]
    """
    U = form.kappa[:, :, None] * form.n[:, None, :]
    remainder: Array = form.A - np.tensordot(plan.signs, U, 1)
    constant = form.c - (plan.signs * form.d) @ form.kappa
    rows: list[tuple[Array, float, Array]] = []  # incoming weights, bias, outgoing weights
    doubled = np.flatnonzero(plan.signs == 0)
    extra: Array = np.zeros((len(doubled), form.outputs))
    if len(doubled):
        extra = np.asarray(np.linalg.lstsq(form.n[doubled].T, remainder.T, rcond=None)[0])
        remainder -= extra.T @ form.n[doubled]
    for j, (n, d, kappa, s) in enumerate(zip(form.n, form.d, form.kappa, plan.signs, strict=True)):
        # Incoming weights with a largest entry of 1 read best.
        g = float(np.abs(n).max())
        if s:
            rows.append((s * n / g, s * d / g, 2 * g * kappa))
        else:
            u = extra[int(np.flatnonzero(doubled == j)[0])]
            rows += [(n / g, d / g, g * (kappa + u)), (-n / g, -d / g, g * (kappa - u))]
    if plan.rank:
        for q, p in _factors(remainder, plan.rank):
            if bias:
                low, high = np.array(form.box).T
                lift = -float(np.minimum(q * low, q * high).sum())
                rows.append((q, lift, p))
                constant = constant - lift * p
            else:
                rows += [(q, 0.0, p), (-q, 0.0, -p)]
    if not rows:
        return Network([np.zeros((form.outputs, form.inputs))], [constant] if bias else None)
    W, b, V = (np.array([row[k] for row in rows]) for k in range(3))
    return Network([W, V.T], [b, constant] if bias else None)


def _factors(R: Array, rank: int) -> list[tuple[Array, Array]]:
    """Pairs (q [d], p [out]) with R = sum p q': rows of R itself, by pivoting, so that they read well."""
    from scipy.linalg import qr

    pivots = np.asarray(qr(R.T, pivoting=True, mode="r")[-1])[:rank]
    Q = R[pivots]
    P = np.linalg.lstsq(Q.T, R.T, rcond=None)[0].T
    P[np.abs(P) < ROUNDING] = 0.0
    P[pivots] = np.eye(rank)
    pairs = []
    for q, p in zip(Q, P.T, strict=True):
        g = float(np.abs(q).max())
        pairs.append((q / g, p * g))
    return pairs
