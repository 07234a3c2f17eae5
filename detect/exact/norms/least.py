"""The least path norm of a function: what weight decay selects among the networks that compute it, with its proof."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np
import numpy.typing as npt

from ...networks.box import Box
from ...networks.network import Network
from ...statistics.criteria import EQUAL
from ..canonical import CanonicalForm
from .bounds import always_on, lower_bound, upper_bound
from .faces import Member, face_of
from .problem import Biases, Problem, problem_of
from .program import solve

Array = npt.NDArray[np.float64]

_WORDS: dict[Biases, str] = {
    "none": "without biases",
    "free": "with free biases",
    "penalised": "with penalised biases",
}


@dataclass(frozen=True, eq=False, repr=False)
class LeastNorm:
    """The least path norm of a one-hidden-layer function, and the gauges that have it.

    Attributes:
        form: the function.
        biases: which biases the networks have, see `least_norm`.
        lower, upper: proved bounds on the least norm; `network` has `upper`, up to rounding.
        shares: [K, out] lambda of one gauge that attains it, the share of each kink's mass on its positive side, in
            the order of the form's kinks; NaN where an output does not bend. With several outputs they need not lie in
            [0, 1].
        low, high: [K, out] the least and the greatest share among all gauges that attain it.
        dimension: of the set of those gauges: 0 where one is selected, more where a face is free.
        carriers_free: whether the affine part that the kinks leave has rank 2 or more: then it can be carried along
            many directions at one cost, whatever `dimension` is.
        network: a network of least norm, of that one gauge.

    Examples:
        >>> from ..canonical import canonical_form
        >>> least_norm(canonical_form(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])))
        LeastNorm(2.828427 without biases, one gauge)
    """

    form: CanonicalForm
    biases: Biases
    lower: float
    upper: float
    shares: Array
    low: Array
    high: Array
    dimension: int
    carriers_free: bool
    network: Network
    _problem: Problem
    _ends: tuple[Member, ...]

    @cached_property
    def ends(self) -> tuple[Network, ...]:
        """Networks at which some share is least or greatest; both ends of the set where its dimension is 1."""
        members = (_on_the_box(self._problem, end) for end in self._ends)
        return tuple(_network(self.form, self._problem, member, self.biases) for member in members)

    @property
    def gap(self) -> float:
        """`upper - lower`."""
        return self.upper - self.lower

    @property
    def unique(self) -> bool:
        """Whether one gauge alone attains it, up to order, scales and splits of neurons."""
        return not self.dimension and not self.carriers_free

    def excess(self, path_norm: float) -> float:
        """By which share of the least norm a path norm exceeds it; NaN for the function 0.

        It is 0 or more, up to rounding, for a network that computes the form; one that only comes close may have less.

        Examples:
            >>> from ..canonical import canonical_form
            >>> round(least_norm(canonical_form(Network([[[1.0], [-1.0]], [[1.0, -1.0]]]))).excess(3.0), 9)
            0.5
        """
        return float(path_norm) / self.upper - 1 if self.upper > 0 else math.nan

    def __repr__(self) -> str:
        which = "one gauge" if self.unique else f"a face of dimension {self.dimension}"
        if self.carriers_free:
            which += ", any carriers"
        return f"LeastNorm({self.upper:.7g} {_WORDS[self.biases]}, {which})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}, proved to be at least {self.lower!r}</p>"


def least_norm(form: CanonicalForm, *, biases: Biases = "none") -> LeastNorm:
    """The least path norm among all ReLU networks with one hidden layer that compute a form, at any width.

    A convex problem (docs/understand/normalform.md, The least norm), solved by clarabel and proved afterwards in
    rational arithmetic: `lower` is the value of an exactly feasible dual point, `upper` that of a network.

    Args:
        form: a `canonical_form`, for instance that of a hand-derived network, or a trained one's after `simplify`.
        biases: "none" for networks without biases; "free" where biases cost nothing; "penalised" where each neuron's
            bias counts as one more incoming weight, and the output's as half its square.

    Raises:
        InputError: for an unknown `biases`, for a form with an offset or a constant and `biases="none"`, and for
            several outputs with penalised biases, or without biases on a box that does not have 0 inside: there
            neurons are always on in some directions only, and the problem is not known to be convex.

    Examples:
        >>> from ...features.task import hand_derived
        >>> from ..canonical import canonical_form
        >>> found = least_norm(canonical_form(hand_derived("minimum")))
        >>> round(found.upper, 9) == round(8**0.5, 9), found.gap < 1e-9, found.shares.round(6).tolist()
        (True, True, [[0.5]])
        >>> clip = least_norm(canonical_form(hand_derived("clip")), biases="free")
        >>> clip, clip.low.round(3).ravel().tolist(), clip.high.round(3).ravel().tolist()
        (LeastNorm(2 with free biases, a face of dimension 1), [0.0, 0.0], [1.0, 1.0])
    """
    problem = problem_of(form, biases)
    solution = solve(problem)
    bias = float(solution.Y[0, -1]) if problem.lifted else 0.0
    face = face_of(problem, solution)
    # The face's member is the cleaner one; its rays are as exact as the solver's point, its masses need not be.
    members = [_on_the_box(problem, one) for one in (face.member, Member(solution.s, solution.on))]
    uppers = [upper_bound(problem, *member, bias) for member in members]
    upper = min(uppers)
    member = members[uppers.index(upper)]
    rest = problem.T - member.s.T @ problem.N
    rank = int((np.linalg.svd(rest, compute_uv=False) > EQUAL * problem.size).sum())
    shares, low, high = (_shares(problem, s) for s in (member.s, face.low, face.high))
    # Of a negative coefficient the least s is the greatest share.
    low, high = np.fmin(low, high), np.fmax(low, high)
    return LeastNorm(
        form, biases, lower_bound(problem, solution), upper, shares, low, high, face.dimension,
        form.outputs > 1 and rank > 1, _network(form, problem, member, biases), problem, face.ends,
    )  # fmt: skip


def _on_the_box(problem: Problem, member: Member) -> Member:
    return Member(member.s, always_on(problem, member.on))


def _shares(problem: Problem, s: Array) -> Array:
    """(kappa + s) / 2 kappa; NaN where kappa is 0."""
    bent = problem.kappa != 0
    return np.asarray(np.where(bent, (1 + s / np.where(bent, problem.kappa, 1.0)) / 2, np.nan))


def _network(form: CanonicalForm, problem: Problem, member: Member, biases: Biases) -> Network:
    """The network of a gauge: a neuron for each side of a kink that has any mass, and the carriers."""
    d, tiny = form.inputs, EQUAL * problem.size
    neurons: list[tuple[Array, float, Array]] = []
    signs, masses = (1.0, -1.0), np.stack([form.kappa + member.s, form.kappa - member.s], axis=1)
    for k, side in np.argwhere(np.linalg.norm(masses, axis=2) > tiny).tolist():
        neurons.append((signs[side] * form.n[k], signs[side] * float(form.d[k]), masses[k, side]))
    rest = problem.T - member.s.T @ problem.N
    for sign, w in zip((1.0, -1.0), member.on, strict=True):
        if np.linalg.norm(w) > tiny:
            neurons.append((w[:d], float(w[d]) if problem.lifted else 0.0, np.array([sign])))
            rest = rest - sign * w
    left = rest[:, :d]
    U, S, V = np.linalg.svd(left, full_matrices=False)
    for u, size, w in zip(U.T, S, V, strict=True):
        if size > tiny and biases == "free":
            neurons.append((w, _least_bias(w, form.box), u * size))
        elif size > tiny:
            neurons += [(w, 0.0, u * size), (-w, 0.0, -u * size)]
    if not neurons:
        # No network is without a neuron.
        neurons = [(np.zeros(d), 0.0, np.zeros(form.outputs))]
    W, b, readout = (np.array(part) for part in zip(*neurons, strict=True))
    if biases == "none":
        return Network([W, readout.T])
    bare = Network([W, readout.T], [b, np.zeros(form.outputs)])
    middle = np.array(form.box).mean(axis=1)[None]
    return Network([W, readout.T], [b, (form(middle) - bare(middle))[0]])


def _least_bias(w: Array, box: Box) -> float:
    """The bias from which on a neuron is always on."""
    low, high = np.array(box).T
    return float(-np.minimum(w * low, w * high).sum())
