"""Several features in one neuron: the strict rule for `polysemantic` (docs/understand/evidence.md, Mixtures).

A neuron behind another non-linearity may hold a non-negative combination of features,

    z = sum_k a_k phi_k + b,   a_k > 0,

where phi_k are the ridges of the catalogue (`relu(x1)`, `relu(x1 - x2)`, ...). Absolute
values, minima and maxima are no atoms of their own: |x| = relu(x) + relu(-x).

*Pre*-activations are decomposed. The neuron's threshold is then part of the offset b, which is free, and its
positive scale part of the a_k; so relu(phi_1 + phi_2 - t) is the same mixture for every t. On its
post-activation 1 - R^2 grows with t (0, 0.004, 0.03 at t = 0, 0.1, 0.3; docs/results/measurements.md, Mixtures) and
features are invented to fill the corner that the threshold cut. The price: where a threshold silences a neuron almost
everywhere, the mixture describes what it adds up, not what little of it is seen. So a single feature that
fits the post-activation excludes a mixture as well.

The variables of the layer below are no atoms either: every pre-activation is a linear combination of them,
whatever the network learned. And a neuron of the first non-linear layer is one ridge itself and is never
decomposed.

The dictionary has linear relations, since relu(u) - relu(-u) = u:

    relu(x1) + relu(x2) + relu(-x1 - x2) = relu(-x1) + relu(-x2) + relu(x1 + x2).

So every decomposition states how many others are as good, and only a unique one counts. For the same reason
it ends at three: more ridges in two inputs, where the dictionary of 8 has rank 6, are seldom unique.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import BoundFeature
from ..networks.architecture import Architecture
from ..networks.initialisation import untrained
from ..networks.nonlinearities import apply_nonlinearity
from ..statistics.criteria import EQUAL, FLOOR
from ..statistics.multiple_testing import benjamini_hochberg
from ..statistics.null_cache import Unkeyed, kept_draws, side_by_side
from ..statistics.tails import Tail
from .correlations import class_scores, live_and_bent, unit_vectors
from .criteria import ALPHA, DEPENDENT, EFFECTIVE, GATE, SMALLEST_SHARE, UNEXPLAINED
from .probes import Probes

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
#: The largest combination that is tried (docs/understand/evidence.md, Mixtures).
MAX_FEATURES = 3
#: How many kinks the screen keeps: three that count, and two by which it may err. Of 4 000 planted mixtures
#: of three in 3 and 4 inputs, with 5% of noise, it lost none.
_KINKS = 5
#: More ridges than half of the probes would fit anything: beyond 8 inputs the neurons are not decomposed.
_MAX_ATOMS = 256
#: Untrained neurons per null: eight candidates need p below 0.05 / 8, which 25 of 4 000 draws reach.
_DRAWS, _LEAST_NETWORKS = 4_000, 50
#: Multiply-adds of the null's forward passes. Wide networks are drawn fewer times, with more neurons each:
#: their layers hardly differ in law from network to network.
_BUDGET = 1e11
#: Least-squares problems of three unknowns solved at once: about 60 MB.
_BATCH = 400_000
#: With fewer draws that hold several features there is no tail to model.
_TAIL_DRAWS = 50
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Mixture:
    """A pre-activation as a non-negative combination of up to three ridges.

    Attributes:
        features: the ridges on their arguments, largest share first; empty where none correlates positively.
        coefficients: a_k > 0 of `sum_k a_k phi_k + offset`.
        shares: a_k sd(phi_k) over their sum; they add up to 1.
        effective: the effective number of features 1 / sum_k shares_k^2, between 1 and 3 (0 without
            features).
        unexplained: 1 - R^2 of the combination, in [1e-15, 1].
        single: 1 - r^2 of the one catalogue feature, of any class, that fits best.
        alternatives: how many sets of up to three ridges reach R^2 >= 0.999, a set that contains another such
            set left out: 1 is a unique decomposition, 0 is none.
        p: against untrained neurons of the same shape; None where no null was asked for.

    Examples:
        >>> from .probes import probes_for
        >>> probes = probes_for(2)
        >>> x1, x2 = probes.X.T
        >>> decompose(np.maximum(x1, 0) + 2 * np.maximum(x1 - x2, 0) - 0.5, probes)
        Mixture(2 greaterness(x1, x2) + 1 positiveness(x1) - 0.5; 1.61 effective, unexplained 1e-15, 1 way)
    """

    features: tuple[BoundFeature, ...]
    coefficients: tuple[float, ...]
    offset: float
    shares: tuple[float, ...]
    effective: float
    unexplained: float
    single: float
    alternatives: int
    p: float | None = None

    @property
    def strict(self) -> bool:
        """Whether every rule but the p-value holds: exact, several features, no single one, unique."""
        return (
            self.unexplained <= UNEXPLAINED
            and self.effective >= EFFECTIVE
            and self.single > GATE
            and self.alternatives == 1
        )

    def values(self, X: Array) -> Array:
        """The combination's values [n] at inputs X [n, d]."""
        pairs = zip(self.coefficients, self.features, strict=True)
        return np.asarray(
            sum((a * f.values(X) for a, f in pairs), np.full(len(X), self.offset)), dtype=np.float64
        )

    def __repr__(self) -> str:
        pairs = zip(self.coefficients, self.features, strict=True)
        terms = " + ".join(f"{a:.3g} {f.label}" for a, f in pairs)
        offset = (
            f" {'-' if self.offset < 0 else '+'} {abs(self.offset):.3g}" if abs(self.offset) > EQUAL else ""
        )
        ways = f"{self.alternatives} way{'' if self.alternatives == 1 else 's'}"
        p = "" if self.p is None else f", p={self.p:.2g}"
        fit = f"{self.effective:.2f} effective, unexplained {self.unexplained:.2g}, {ways}{p}"
        return f"Mixture({(terms or 'nothing') + offset}; {fit})"


def decompose(values: npt.ArrayLike, probes: Probes, *, null: Tail | None = None) -> Mixture:
    """The best non-negative combination of up to three ridges.

    Args:
        values: a pre-activation [n] on the probes.
        probes: the inputs and features.
        null: `mixture_null` of the neuron's shape; without it the mixture has no p.

    Raises:
        InputError: where the lengths differ, a value is not finite, or the probes hold too many ridges.

    Examples:
        The identity above: two decompositions, so that neither counts.

        >>> from .probes import probes_for
        >>> probes = probes_for(2)
        >>> x1, x2 = probes.X.T
        >>> z = np.maximum(x1, 0) + np.maximum(x2, 0) + np.maximum(-x1 - x2, 0)
        >>> found = decompose(z, probes)
        >>> found.alternatives, found.strict
        (2, False)
    """
    z = np.asarray(values, dtype=np.float64)
    if z.ndim != 1 or len(z) != len(probes.X):
        raise InputError(f"values of shape {z.shape} on {len(probes.X)} probes: give one value per probe")
    if not np.isfinite(z).all():
        raise InputError(
            f"{int((~np.isfinite(z)).sum())} of {len(z)} values are NaN or infinite: give finite values"
        )
    fits = _fit(z[:, None], (z[:, None],), probes)
    return fits.mixture(0, None if null is None else float(null.p(fits.statistic())[0]))


def decompose_block(
    pre: Array, architecture: Architecture, block: int, probes: Probes, laws: Sequence[str], candidates: Bools
) -> npt.NDArray[np.object_]:
    """Decompose the neurons of one block of stacked networks, beside untrained ones.

    Cost on one core: 0.15 ms a neuron for two inputs, 0.5 for six, 2 for eight; the null of a shape and law,
    drawn once, as much as 4 000 neurons. Beyond eight inputs nothing is decomposed, see `skipped`.

    Args:
        pre: pre-activations [networks, n, width] on the probes.
        architecture: the networks' shape; block: index of the hidden layer, behind another non-linear one.
        probes: the inputs and features (of depth 2, so that composed features count as single ones).
        laws: init laws of the untrained networks; the largest p counts.
        candidates: which neurons to decompose [networks, width]: those that are live, bent and unmatched.

    Returns:
        A Mixture, or None where the neuron is no candidate, [networks, width].

    Raises:
        InputError: for a block that no other non-linear layer precedes, or where shapes do not fit.

    Examples:
        >>> from ..networks.network import Network
        >>> from .probes import probes_for
        >>> from ..networks.stacks import Stack
        >>> stack = Stack.of([Network([[[1, 0], [1, -1], [0, 1]], [[1, 1, 0], [1, -1, 0]], [[1, 1]]])])
        >>> probes = probes_for(2, depth=2)
        >>> pre = stack.forward(probes.X).pre[1]
        >>> grid = decompose_block(pre, stack.architecture, 1, probes, ("uniform",), np.full((1, 2), True))
        >>> [f.label for f in grid[0, 0].features], polysemantic([grid])[0].tolist()
        (['greaterness(x1, x2)', 'positiveness(x1)'], [[True, False]])
    """
    _check_block(architecture, block)
    networks, n, width = pre.shape
    if n != len(probes.X) or candidates.shape != (networks, width):
        raise InputError(
            f"pre-activations {pre.shape} and candidates {candidates.shape} on {len(probes.X)} probes: "
            "give [networks, probes, width] and [networks, width]"
        )
    grid = np.full((networks, width), None, dtype=object)
    if not candidates.any() or skipped(probes):
        return grid
    where = np.argwhere(candidates)
    z = pre.transpose(0, 2, 1)[candidates].T
    # Applied before units are picked: a PReLU has a slope each.
    post = apply_nonlinearity(architecture.activations[block], pre).transpose(0, 2, 1)[candidates].T
    fits = _fit(z, (z, post), probes)
    nulls = side_by_side([partial(mixture_null, architecture, block, law, probes) for law in laws])
    p = np.max([null.p(fits.statistic()) for null in nulls], axis=0)
    # A neuron that fails the rule on any other ground is no discovery, whatever its fit.
    p = np.where(fits.strict(), p, 1.0)
    for m, (network, neuron) in enumerate(where):
        grid[network, neuron] = fits.mixture(m, float(p[m]))
    return grid


def polysemantic(grids: Sequence[npt.NDArray[np.object_]]) -> list[Bools]:
    """Which neurons are polysemantic: Benjamini-Hochberg at 0.05 per network, over all that were decomposed.

    For one neuron p <= 0.05 would do; over the unmatched neurons of a wide layer that would let
    one false call in twenty pass, so the false discovery rate is controlled as it is for matches.

    Args:
        grids: what `decompose_block` gave for the deep blocks of the same networks, each [networks, width].

    Returns:
        One mask [networks, width] per grid.
    """
    if not grids:
        return []
    everything = np.concatenate(grids, axis=1)
    p = np.array([[np.nan if m is None else m.p for m in row] for row in everything], dtype=np.float64)
    q = np.stack([benjamini_hochberg(row) for row in p.reshape(everything.shape)])
    strict = np.array([[m is not None and m.strict for m in row] for row in everything], dtype=bool)
    called = (q <= ALPHA) & strict.reshape(everything.shape)
    return np.split(called, np.cumsum([grid.shape[1] for grid in grids])[:-1], axis=1)


def skipped(probes: Probes) -> str:
    """Why neurons are not decomposed on these probes; empty where they are.

    Examples:
        >>> from .probes import probes_for
        >>> skipped(probes_for(2)), skipped(probes_for(10))
        ('', 'mixtures (440 ridges, more than 256)')
    """
    ridges = sum(f.competes_as == "ridge" for f in probes.features)
    limit = min(_MAX_ATOMS, len(probes.X) // 2)
    return f"mixtures ({ridges} ridges, more than {limit})" if ridges > limit else ""


# The search


@dataclass(frozen=True, eq=False)
class _Fits:
    """The best combinations of M neurons: atoms (-1 for none), shares, coefficients [M, 3]; the rest [M]."""

    probes: Probes
    atoms: npt.NDArray[np.intp]
    shares: Array
    coefficients: Array
    offset: Array
    unexplained: Array
    single: Array
    alternatives: npt.NDArray[np.intp]

    def effective(self) -> Array:
        total = (self.shares**2).sum(axis=1)
        return np.where(total > 0, 1.0 / np.where(total > 0, total, 1.0), 0.0)

    def statistic(self) -> Array:
        """1 - R^2 where there are several features and no single one, else 1 [M]: small where a mixture is.

        Uniqueness is left out: it could only make the null's mass smaller.
        """
        several = (self.effective() >= EFFECTIVE) & (self.single > GATE)
        return np.where(several, self.unexplained, 1.0)

    def strict(self) -> Bools:
        return np.asarray((self.statistic() <= UNEXPLAINED) & (self.alternatives == 1))

    def mixture(self, m: int, p: float | None) -> Mixture:
        present = np.flatnonzero(self.atoms[m] >= 0)
        order = present[np.argsort(-self.shares[m, present], kind="stable")]
        return Mixture(
            tuple(self.probes.features[k] for k in self.atoms[m, order]),
            tuple(float(a) for a in self.coefficients[m, order]),
            float(self.offset[m]),
            tuple(float(s) for s in self.shares[m, order]),
            float(self.effective()[m]),
            float(self.unexplained[m]),
            float(self.single[m]),
            int(self.alternatives[m]),
            p,
        )


@dataclass(frozen=True, eq=False)
class _Dictionary:
    """The ridges among the probes' features, grouped by kink.

    Attributes:
        atoms: their indices among the features [K].
        unit: centred unit columns [n, K]; gram: their cosines [K, K].
        kink: the number of the hyperplane that each bends on [K]: relu(u) and relu(-u) share one.
    """

    atoms: npt.NDArray[np.intp]
    unit: Array
    gram: Array
    kink: npt.NDArray[np.intp]


@lru_cache(maxsize=4)
def _dictionary(probes: Probes) -> _Dictionary:
    chosen: list[int] = []
    for k, feature in enumerate(probes.features):
        if feature.competes_as != "ridge":
            continue
        # A feature of somebody's own catalogue may be another one, scaled.
        if not chosen or float((probes.unit[:, chosen].T @ probes.unit[:, k]).max()) < 1.0 - EQUAL:
            chosen.append(k)
    if not chosen:
        nothing = np.empty(0, dtype=np.intp)
        return _Dictionary(nothing, np.empty((len(probes.X), 0)), np.empty((0, 0)), nothing)
    unit = probes.unit[:, chosen]
    # relu(u) = u / 2 + |u| / 2: off the affine functions the two sides of a kink are one function.
    affine = np.column_stack([np.ones(len(probes.X)), probes.X])
    _, _, bend = unit_vectors(unit - affine @ np.linalg.lstsq(affine, unit, rcond=None)[0])
    same = bend.T @ bend > 1.0 - EQUAL
    first = same.argmax(axis=1)
    kink = np.unique(first, return_inverse=True)[1]
    return _Dictionary(np.array(chosen, dtype=np.intp), unit, unit.T @ unit, kink.astype(np.intp))


@lru_cache(maxsize=32)
def _subsets(candidates: int) -> tuple[npt.NDArray[np.intp], ...]:
    """All choices of one, two and three of the candidates: [C, 1], [C (C - 1) / 2, 2], ..."""
    sizes = range(1, MAX_FEATURES + 1)
    return tuple(
        np.array(list(itertools.combinations(range(candidates), size)), dtype=np.intp).reshape(-1, size)
        for size in sizes
    )


def _fit(z: Array, shown: Sequence[Array], probes: Probes) -> _Fits:
    """The best combinations for pre-activations z [n, M]; a single feature may fit any of `shown` [n, M]."""
    reason = skipped(probes)
    if reason:
        raise InputError(f"too many ridges to decompose over: {reason}; give more probes or fewer inputs")
    single = np.min(
        [class_scores(unit_vectors(values)[2], probes)[0].min(axis=1) for values in shown], axis=0
    )
    mean, sd, unit = unit_vectors(z)
    dictionary = _dictionary(probes)
    chosen = _screen(unit, dictionary)
    step = max(1, _BATCH // max(1, sum(len(s) for s in _subsets(chosen.shape[1]))))
    parts = [
        _best_subsets(unit[:, k : k + step], chosen[k : k + step], dictionary)
        for k in range(0, len(chosen), step)
    ]
    local, weights, unexplained, alternatives = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    present = local >= 0
    atoms = np.where(present, dictionary.atoms[local] if len(dictionary.atoms) else -1, -1)
    total = weights.sum(axis=1, keepdims=True)
    coefficients = np.where(present, weights * sd[:, None] / probes.sd[atoms], 0.0)
    offset = mean - (coefficients * probes.mean[atoms]).sum(axis=1)
    shares = weights / np.where(total > 0, total, 1.0)
    return _Fits(probes, atoms, shares, coefficients, offset, unexplained, single, alternatives)


def _screen(unit: Array, dictionary: _Dictionary) -> npt.NDArray[np.intp]:
    """The atoms worth trying for each neuron [M, C], -1 where there are fewer.

    Non-negative least squares over the whole dictionary is not unique, but the weight that it puts on a
    *kink*, on both
    sides together, is: functions |u| of different hyperplanes and the affine ones are independent. So the
    kinks of largest weight are kept, with both their sides.
    """
    neurons, kinks = unit.shape[1], int(dictionary.kink.max(initial=-1)) + 1
    if kinks <= _KINKS:
        return np.broadcast_to(
            np.arange(len(dictionary.kink), dtype=np.intp), (neurons, len(dictionary.kink))
        )
    from scipy.optimize import nnls

    sides = [np.flatnonzero(dictionary.kink == kink) for kink in range(kinks)]
    width = max(len(side) for side in sides)
    table = np.array([[*side, *[-1] * (width - len(side))] for side in sides], dtype=np.intp)
    # The orthogonal factor shortens the problem from n rows to K.
    q, r = np.linalg.qr(dictionary.unit)
    targets = q.T @ unit
    chosen = np.empty((neurons, _KINKS * width), dtype=np.intp)
    for m in range(neurons):
        weights, _ = nnls(r, targets[:, m], maxiter=30 * len(dictionary.kink))
        per_kink = np.bincount(dictionary.kink, weights, kinks)
        chosen[m] = table[np.sort(np.argsort(-per_kink, kind="stable")[:_KINKS])].ravel()
    return chosen


def _best_subsets(
    unit: Array, chosen: npt.NDArray[np.intp], dictionary: _Dictionary
) -> tuple[npt.NDArray[np.intp], Array, Array, npt.NDArray[np.intp]]:
    """Exhaustive search among the chosen atoms [M, C] for unit vectors [n, M].

    Returns:
        Atoms [M, 3] (-1 for none), their weights on unit columns [M, 3], 1 - R^2 [M], and the number of
        minimal sets that reach R^2 >= 0.999 [M].
    """
    neurons, count = chosen.shape
    present = chosen >= 0
    correlation = np.take_along_axis(unit.T @ dictionary.unit, np.maximum(chosen, 0), axis=1)
    gram = dictionary.gram[chosen[:, :, None], chosen[:, None, :]]
    best = np.ones(neurons)
    atoms = np.full((neurons, MAX_FEATURES), -1, dtype=np.intp)
    weights = np.zeros((neurons, MAX_FEATURES))
    alternatives = np.zeros(neurons, dtype=np.intp)
    # Which sets already reach the bar, as a mask over the candidates, so that larger ones containing them
    # are left out.
    reached: list[tuple[npt.NDArray[np.intp], Bools]] = []
    for subsets in _subsets(count):
        if not len(subsets):
            break
        size = subsets.shape[1]
        c = correlation[:, subsets]
        g = gram[:, subsets[:, :, None], subsets[:, None, :]]
        usable = present[:, subsets].all(axis=2) & (np.linalg.det(g) > DEPENDENT)
        g = np.where(usable[:, :, None, None], g, np.eye(size))
        a = np.linalg.solve(g, c[..., None])[..., 0]
        # Where a weight of the unconstrained solution is negative, the constrained optimum is a smaller set.
        usable &= (a > 0.0).all(axis=2)
        u = np.where(usable, np.clip(1.0 - (a * c).sum(axis=2), FLOOR, 1.0), 1.0)
        reach = u <= UNEXPLAINED
        minimal = reach.copy()
        for smaller, hit in reached:
            inside = (subsets[:, None, :, None] == smaller[None, :, None, :]).any(axis=2).all(axis=2)
            minimal &= ~(hit[:, None, :] & inside[None]).any(axis=2)
        alternatives += minimal.sum(axis=1)
        reached.append((subsets, reach))
        # Rounded, so that of equally good sets the catalogue's first is given; 1e-12 is above their rounding.
        kept = np.where(usable & (a.min(axis=2) >= SMALLEST_SHARE * a.sum(axis=2)), np.round(u, 12), 1.0)
        at = kept.argmin(axis=1)
        rows = np.arange(neurons)
        better = kept[rows, at] < np.round(best, 12)
        best = np.where(better, u[rows, at], best)
        padding = ((0, 0), (0, MAX_FEATURES - size))
        found = np.take_along_axis(chosen, subsets[at], axis=1)
        atoms = np.where(better[:, None], np.pad(found, padding, constant_values=-1), atoms)
        weights = np.where(better[:, None], np.pad(a[rows, at], padding), weights)
    return atoms, weights, best, alternatives


# The null


def mixture_null(architecture: Architecture, block: int, law: str, probes: Probes) -> Tail:
    """The null law of 1 - R^2, taken as 1 where there are not several features, or one alone fits.

    4 000 untrained neurons of the block (the dead and the affine ones then left out) are decomposed in the
    same way, once per shape, and kept in memory and on disk. Below them the tail is modelled (`tails.Tail`);
    where fewer than 50 hold several features there is nothing to model, and p ends at one draw in all.

    Raises:
        InputError: for a block that no other non-linear layer precedes.
    """
    _check_block(architecture, block)
    last = block + 1
    # What lies above the block does not matter, nor how many neurons it has: given those below they are
    # independent.
    prefix = Architecture(
        (*architecture.sizes[:last], 1, 1),
        architecture.null_activations[:last],
        (*architecture.bias[:last], False),
    )
    return _cached_null(prefix, block, law, probes.key, Unkeyed(probes))


@lru_cache(maxsize=64)
def _cached_null(prefix: Architecture, block: int, law: str, key: str, carried: Unkeyed) -> Tail:
    def draw(seed: int) -> Array:
        return untrained_statistics(prefix, block, law, carried.value, seed)

    return fit_statistics(kept_draws(f"mixtures{_VERSION}|{prefix!r}|{block}|{law}|{key}", draw))


def fit_statistics(statistics: Array) -> Tail:
    """The law of null statistics [draws], each 1 - R^2 or 1 (no mixture).

    Examples:
        >>> round(float(fit_statistics(np.ones(999)).p(1e-12)), 6)
        0.001
    """
    n = len(statistics)
    below = np.sort(np.maximum(statistics[statistics < 1.0], FLOOR))
    if len(below) >= _TAIL_DRAWS and n >= 100:
        return Tail.fit(statistics)
    # The observed value counts as one draw, so that p is never too small.
    share = np.arange(1, len(below) + 2) / (n + 1.0)
    return Tail(np.array([FLOOR / 2, *below, 1.0]), np.array([*share, 1.0]), 0.0, 0.0, 0.0, 1.0, 0.0)


def untrained_statistics(
    architecture: Architecture, block: int, law: str, probes: Probes, seed: int, draws: int = _DRAWS
) -> Array:
    """The statistic of untrained neurons of one block, without the dead and the affine ones among them.

    Args:
        architecture: sizes up to and with the block's, whose own width does not matter.
        draws: how many neurons to draw.
    """
    rng = np.random.default_rng(seed)
    n = len(probes.X)
    below = architecture.sizes[: block + 1]
    cost = n * sum(a * b for a, b in itertools.pairwise(below)) + 1
    # At most one network per two neurons: their common layer below makes them alike.
    networks = int(np.clip(_BUDGET / cost, min(_LEAST_NETWORKS, draws), max(1, draws // 2)))
    per_network = -(-draws // networks)
    shape = Architecture(
        (*below, per_network, 1),
        architecture.null_activations[: block + 1],
        (*architecture.bias[: block + 1], False),
    )
    step = max(1, int(2e6 / (n * max(shape.sizes))))
    parts = []
    for start in range(0, networks, step):
        forward = untrained(shape, min(step, networks - start), law, rng).forward(probes.X)
        pre, post = forward.pre[block], forward.post[block]
        live, bent = live_and_bent(pre, post, shape.activations[block])
        kept = live & bent
        if kept.any():
            z, h = pre.transpose(0, 2, 1)[kept].T, post.transpose(0, 2, 1)[kept].T
            parts.append(_fit(z, (z, h), probes).statistic())
    return np.concatenate(parts) if parts else np.empty(0)


def _check_block(architecture: Architecture, block: int) -> None:
    if block not in architecture.active[1:]:
        raise InputError(
            f"block {block} of {architecture} lies behind no other non-linear layer: a neuron there is one "
            f"ridge, no mixture; decompose blocks {list(architecture.active[1:]) or 'of a deeper network'}"
        )
