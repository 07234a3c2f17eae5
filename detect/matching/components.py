"""Directions found without the catalogue, and matched against it afterwards.

`directions.py` asks of every known feature whether the layer holds it. Here the layer is asked first: its
principal, independent or non-negative components are found from the activations alone, and each is then
matched like a neuron (`neuron_nulls.py`): the correlation r with every feature on the probes, per class the null
law of 1 - r^2 from the components of untrained networks of the same shape, the gated minimum over classes,
and Benjamini-Hochberg over the components of a network. So a feature that lies across neurons can be found,
and a high correlation that any untrained layer's components would reach counts for nothing.

Each neuron is divided by its standard deviation first, since rescaling a ReLU neuron changes nothing in the
function. Principal and independent components have no sign, so each is matched with both and turned to the
better one, in the test as in the null; non-negative components have one.

A component is a statistic of the inputs' law as much as of the network: principal components of an even layer
are features of the covariance. The null holds that law fixed; it does not test whether the network uses the
component.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from ..errors import InputError, UnknownNameError
from ..features.catalogues import Catalogue
from ..networks.architecture import Architecture, hook_post
from ..networks.box import BoxLike, box_of
from ..networks.initialisation import known_laws, untrained
from ..networks.network import Activations
from ..networks.stacks import Stack
from ..statistics.multiple_testing import benjamini_hochberg
from ..statistics.null_cache import Unkeyed, kept_draws
from .correlations import class_scores, unit_vectors
from .criteria import GATE, TRAINED_RANK
from .nulls.neuron_nulls import NeuronNull, fit_null, largest_p
from .probes import Probes, probes_for

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
#: Principal components, FastICA, non-negative matrix factorisation.
Method = Literal["pca", "ica", "nmf"]
METHODS: tuple[str, ...] = get_args(Method)
#: At most so many components of a layer, the largest: each more costs power (q is over all) and a longer
#: null.
MAX_COMPONENTS = 8
#: Wider layers are left out, as read-outs are (`directions.MAX_WIDTH`).
MAX_WIDTH = 1024
#: Rows beyond this are thinned evenly: the null fits components of hundreds of layers on as many.
_MAX_ROWS = 1024
#: scikit-learn's own default limits. Where there is nothing independent to find FastICA seldom converges; the
#: components where it stops are compared with untrained ones where it stopped as well.
_ITERATIONS, _TOLERANCE = 200, 1e-4
#: Untrained components per null: a layer's cost 0.5 ms by PCA, 5 to 50 by the others.
_DRAWS = {"pca": 6_000, "ica": 1_000, "nmf": 1_000}
#: Multiply-adds of the null; wide layers are drawn fewer times, at least so often.
_BUDGET, _LEAST_NETWORKS = 2e10, 60
_VERSION = 1
COMPONENT_COLUMNS = (
    "layer", "method", "component", "feature", "on", "r", "unexplained", "p", "q", "share", "converged",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Components:
    """The components of one layer, largest share first.

    Attributes:
        values: on the samples [n, k], of unit variance (principal and independent ones centred).
        share: of the layer's variance, neurons standardised [k]; they add up to at most 1 for principal and
            independent components, while non-negative ones overlap.
        converged: whether the method came to rest within its iterations.
    """

    values: Array
    share: Array
    converged: bool


def find_components(
    activations: npt.ArrayLike, method: Method = "pca", *, max_components: int = MAX_COMPONENTS
) -> Components:
    """The components of activations [n, units], without any catalogue; the same at every call.

    Args:
        activations: one row per sample; neurons without spread are left out.
        method: `"pca"`, `"ica"` (FastICA) or `"nmf"` (non-negative activations only).
        max_components: at most so many; never more than the layer's rank.

    Raises:
        InputError: for values that are not finite, fewer than two rows, or negative ones with `"nmf"`.
        UnknownNameError: for another method.

    Examples:
        Two neurons that hold the two sides of x: their principal components are x and |x|.

        >>> x = np.linspace(-1, 1, 101)
        >>> found = find_components(np.column_stack([np.maximum(x, 0), np.maximum(-x, 0)]))
        >>> np.abs(np.corrcoef(found.values.T, [x, np.abs(x)]))[:2, 2:].round(6).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS, f"known: {', '.join(METHODS)}")
    h = np.asarray(activations, dtype=np.float64)
    if h.ndim != 2 or len(h) < 2 or not np.isfinite(h).all():
        raise InputError(
            f"activations of shape {h.shape}: give finite values [n, units] on at least two samples"
        )
    if method == "nmf" and h.min(initial=0.0) < 0.0:
        raise InputError(
            "non-negative components of activations that are negative somewhere: use method='pca' or 'ica'"
        )
    _, sd, unit = unit_vectors(h)
    keep = sd > 0.0
    n, varying = len(h), int(keep.sum())
    centred = unit[:, keep] * np.sqrt(n)
    if not varying:
        return Components(np.empty((n, 0)), np.empty(0), True)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    count = min(max_components, int((singular > TRAINED_RANK * singular[0]).sum()))
    if method == "pca":
        # What sklearn.decomposition.PCA gives, up to sign, without a second singular value decomposition.
        values, share, converged = left[:, :count] * singular[:count], singular[:count] ** 2 / n, True
    else:
        values, share, converged = _iterate(
            centred if method == "ica" else h[:, keep] / sd[keep], method, count
        )
    share = share / varying
    spread = values.std(axis=0)
    # A non-negative component may come out empty; it holds nothing.
    kept = np.flatnonzero((share > 0.0) & (spread > 0.0))
    order = kept[np.argsort(-share[kept], kind="stable")]
    return Components(values[:, order] / spread[order], share[order], converged)


def _iterate(z: Array, method: str, count: int) -> tuple[Array, Array, bool]:
    """Components [n, k], the variance of each over all neurons [k], and whether the method converged."""
    from sklearn.decomposition import NMF, FastICA
    from sklearn.exceptions import ConvergenceWarning

    model = (
        FastICA(
            count,
            whiten="unit-variance",
            whiten_solver="svd",
            random_state=0,
            max_iter=_ITERATIONS,
            tol=_TOLERANCE,
        )
        if method == "ica"
        else NMF(count, init="nndsvd", random_state=0, max_iter=_ITERATIONS, tol=_TOLERANCE)
    )
    with warnings.catch_warnings():
        # The column `converged` says it instead.
        warnings.simplefilter("ignore", ConvergenceWarning)
        values = np.asarray(model.fit_transform(z))
    loadings = model.mixing_.T if method == "ica" else model.components_
    return values, values.var(axis=0) * (loadings**2).sum(axis=1), bool(model.n_iter_ < _ITERATIONS)


def match_components(
    source: Activations | Stack,
    method: Method = "pca",
    *,
    init: str | None = None,
    box: BoxLike | None = None,
    inputs: npt.ArrayLike | None = None,
    catalogue: Catalogue | None = None,
) -> pd.DataFrame:
    """Match the components of every non-linear layer with the catalogue, beside those of untrained networks.

    Args:
        source: recorded activations with their architecture, or stacked networks.
        method: `"pca"`, `"ica"` or `"nmf"`, see `find_components`.
        init: init law of the untrained networks; None takes the larger p of both.
        box: the inputs' box, which thresholds depend on; by default the range of the recorded inputs, or
            (-1, 1) for stacked networks.
        inputs: [n, d], instead of uniform points of the box; for stacked networks only.
        catalogue: by default the installed one.

    Returns:
        One row per layer and component, largest share first, columns `COMPONENT_COLUMNS` (for a stack
        `network`, the position, first). `r` is positive: a component without a sign is turned so. p is
        against untrained components, q per network over the components of all layers (those that a layer of
        low rank lacks count too). Layers of more than 1024 neurons are left out, see `skipped`. A null costs
        seconds, once per shape; it is kept in memory and on disk.

    Raises:
        InputError: where the architecture is not known, or `"nmf"` meets a layer with negative activations.
        UnknownNameError: for another method.

    Examples:
        The two sides of x1 are two neurons; x1 and |x1| lie across them.

        >>> from ..networks.network import Network
        >>> net = Network(weights=[[[1, 0], [-1, 0]], [[1, 1]]])
        >>> X = np.random.default_rng(0).uniform(-1, 1, (600, 2))
        >>> frame = match_components(net.run(X), init="uniform")
        >>> frame[["feature", "on"]].values.tolist()
        [['identity', ('x1',)], ['absolute', ('x1',)]]
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS, f"known: {', '.join(METHODS)}")
    laws = known_laws(init)
    if isinstance(source, Stack):
        return _match_stack(source, method, laws, (-1.0, 1.0) if box is None else box, inputs, catalogue)
    if inputs is not None:
        raise InputError("recorded activations have their inputs: give `inputs` for stacked networks only")
    architecture = source.shape()
    X = source.inputs
    bounds = box_of(X) if box is None else box
    rows = _thinned(len(X))
    matched = [
        _match_layer(
            source[hook_post(block)][rows],
            architecture,
            block,
            probes_for(
                X.shape[1], box=bounds, X=X[rows], depth=_depth(architecture, block), catalogue=catalogue
            ),
            method,
            laws,
        )
        for block in _readable_blocks(architecture)
    ]
    return _frame([matched], architecture, method).drop(columns="network")


def skipped(architecture: Architecture) -> tuple[str, ...]:
    """The layers whose components are not looked for, by name.

    Examples:
        >>> skipped(Architecture((2, 4096, 1), ("relu",), (True, True)))
        ('layer 0: components (4096 neurons, more than 1024)',)
    """
    left = set(architecture.active) - set(_readable_blocks(architecture))
    return tuple(
        f"layer {layer}: components ({architecture.sizes[block + 1]} neurons, more than {MAX_WIDTH})"
        for layer, block in enumerate(architecture.active)
        if block in left
    )


def _readable_blocks(architecture: Architecture) -> tuple[int, ...]:
    return tuple(block for block in architecture.active if architecture.sizes[block + 1] <= MAX_WIDTH)


def _depth(architecture: Architecture, block: int) -> int:
    """As for neurons: features of the inputs in the first non-linear layer, composed ones too behind it."""
    return 1 if block == architecture.active[0] else 2


def _thinned(rows: int) -> npt.NDArray[np.intp]:
    return np.linspace(0, rows - 1, min(rows, _MAX_ROWS)).astype(np.intp)


def _match_stack(
    stack: Stack,
    method: Method,
    laws: Sequence[str],
    box: BoxLike,
    inputs: npt.ArrayLike | None,
    known: Catalogue | None,
) -> pd.DataFrame:
    architecture = stack.architecture
    d = architecture.sizes[0]
    X = None if inputs is None else np.asarray(inputs, dtype=np.float64)
    if X is not None:
        X = X[_thinned(len(X))]
    blocks = _readable_blocks(architecture)
    probes = {
        block: probes_for(d, box=box, X=X, depth=_depth(architecture, block), catalogue=known)
        for block in blocks
    }
    matched = []
    for k in range(len(stack)):
        post = stack[k : k + 1].forward(probes[blocks[0]].X).post if blocks else ()
        matched.append([_match_layer(post[b][0], architecture, b, probes[b], method, laws) for b in blocks])
    return _frame(matched, architecture, method)


# One layer


@dataclass(frozen=True, eq=False)
class _Matched:
    """What was found about one layer's components, each array [k]."""

    block: int
    probes: Probes
    label: npt.NDArray[np.intp]
    unexplained: Array
    p: Array
    share: Array
    converged: bool


def _match_layer(
    h: Array, architecture: Architecture, block: int, probes: Probes, method: Method, laws: Sequence[str]
) -> _Matched:
    found = find_components(h, method)
    if not len(found.share):
        nothing = np.empty(0)
        return _Matched(block, probes, np.empty(0, dtype=np.intp), nothing, nothing, nothing, found.converged)
    unexplained, best = _scores(found, method, probes)
    nulls = [component_null(architecture, block, law, probes, method) for law in laws]
    p, winner = largest_p(nulls, unexplained)
    # Where no class passes the gate the label is the best of all, with p = 1.
    chosen = np.where((unexplained <= GATE).any(axis=1) & (p < 1.0), winner, unexplained.argmin(axis=1))
    rows = np.arange(len(chosen))
    return _Matched(
        block, probes, best[rows, chosen], unexplained[rows, chosen], p, found.share, found.converged
    )


def _scores(found: Components, method: str, probes: Probes) -> tuple[Array, npt.NDArray[np.intp]]:
    """1 - r^2 of every class's best feature and its index, [k, C] each; over both signs where none is given."""
    _, _, unit = unit_vectors(found.values)
    unexplained, best = class_scores(unit, probes)
    if method == "nmf":
        return unexplained, best
    turned, other = class_scores(-unit, probes)
    # x and -x are the same direction: of equally good signs (to rounding) the one that the catalogue lists
    # first.
    gain = np.round(unexplained - turned, 12)
    better = (gain > 0.0) | ((gain == 0.0) & (other < best))
    return np.where(better, turned, unexplained), np.where(better, other, best)


def _frame(matched: Sequence[Sequence[_Matched]], architecture: Architecture, method: str) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for network, layers in enumerate(matched):
        # A layer of lower rank than untrained ones has fewer components to test, and what made it so makes
        # them simple. So those that it lacks count as tested and not matched; else q would be too small
        # there.
        widths = [min(architecture.sizes[m.block + 1], MAX_COMPONENTS) for m in layers]
        lacking = sum(widths) - sum(len(m.p) for m in layers)
        q = benjamini_hochberg(np.concatenate([*(m.p for m in layers), np.ones(lacking)]))
        at = 0
        for m in layers:
            for k in range(len(m.p)):
                feature = m.probes.features[m.label[k]]
                r = float(np.sqrt(1.0 - m.unexplained[k]))
                rows.append(
                    (
                        network, architecture.active.index(m.block), method, k, feature.feature.name,
                        feature.on, r, float(m.unexplained[k]), float(m.p[k]), float(q[at]),
                        float(m.share[k]), m.converged,
                    )
                )  # fmt: skip
                at += 1
    return pd.DataFrame(rows, columns=["network", *COMPONENT_COLUMNS])


# The null


def component_null(
    architecture: Architecture, block: int, law: str, probes: Probes, method: Method = "pca"
) -> NeuronNull:
    """The null law of one layer's components: those of untrained networks of the shape, of any rank order."""
    last = block + 1
    prefix = Architecture(
        (*architecture.sizes[: last + 1], 1),
        architecture.null_activations[:last],
        (*architecture.bias[:last], False),
    )
    return _cached_null(prefix, block, law, method, probes.key, Unkeyed(probes))


@lru_cache(maxsize=64)
def _cached_null(
    prefix: Architecture, block: int, law: str, method: Method, key: str, carried: Unkeyed
) -> NeuronNull:
    probes: Probes = carried.value

    def draw(seed: int) -> Array:
        return untrained_components(prefix, block, law, probes, method, seed)

    unexplained = kept_draws(f"components{_VERSION}|{prefix!r}|{block}|{law}|{method}|{key}", draw)
    # Components compete over the probes' classes alone, so the shape that is named here has no layer below,
    # whose variables would be a class more, and no bias, with which single neurons of one input are all
    # thresholds.
    plain = Architecture((probes.inputs, 1, 1), ("relu",), (False, False))
    return fit_null(iter([unexplained]), plain, 0, probes)


def untrained_components(
    architecture: Architecture,
    block: int,
    law: str,
    probes: Probes,
    method: Method,
    seed: int,
    draws: int | None = None,
) -> Array:
    """1 - r^2 per class [draws, C] of the components of one layer of untrained networks.

    Args:
        architecture: sizes up to and with the block's.
        draws: how many components, about; by default 6 000 principal ones, or 1 000 of the costlier kinds.
    """
    rng = np.random.default_rng(seed)
    n, width = len(probes.X), architecture.sizes[block + 1]
    below = architecture.sizes[: block + 2]
    cost = n * (width * min(n, width) + sum(a * b for a, b in itertools.pairwise(below)))
    wanted = -(-(_DRAWS[method] if draws is None else draws) // min(width, MAX_COMPONENTS))
    networks = min(wanted, max(_LEAST_NETWORKS, int(_BUDGET / cost)))
    step = max(1, int(2e6 / (n * max(architecture.sizes))))
    parts = [np.empty((0, len(probes.classes)))]
    for start in range(0, networks, step):
        for h in untrained(architecture, min(step, networks - start), law, rng).forward(probes.X).post[block]:
            found = find_components(h, method)
            if len(found.share):
                parts.append(_scores(found, method, probes)[0])
    return np.concatenate(parts)
