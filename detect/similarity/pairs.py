"""Similarity measures over all pairs of layers or networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from ..errors import InputError, UnknownNameError
from . import alignment
from . import representations as similarity
from .hsic import unbiased_hsic_matrix
from .measures import LayerLike, Measure, Prepared, check_same_inputs

Array = npt.NDArray[np.float64]


def cka_values(a: Sequence[Prepared], b: Sequence[Prepared]) -> Array:
    """Unbiased linear CKA of all pairs, in one product (docs/understand/similarity.md, Representation similarity)."""
    values, whole_a, whole_b = _policy(a, b)
    if not len(whole_a) or not len(whole_b):
        return values
    products = unbiased_hsic_matrix([a[k].rows for k in whole_a], [b[k].rows for k in whole_b])
    own_a, own_b = (
        np.array([side[k].scalars[0] for k in whole]) for side, whole in ((a, whole_a), (b, whole_b))
    )
    values[np.ix_(whole_a, whole_b)] = np.minimum(products / np.outer(own_a, own_b), 1.0)
    return values


def unit_values(a: Sequence[Prepared], b: Sequence[Prepared]) -> Array:
    """Mean correlation of one-to-one matched units, of all pairs."""
    values, whole_a, whole_b = _policy(a, b)
    if not len(whole_a) or not len(whole_b):
        return values
    rows, columns = (
        np.concatenate([side[k].rows[0] for k in whole], axis=1)
        for side, whole in ((a, whole_a), (b, whole_b))
    )
    C = np.clip(rows.T @ columns, -1.0, 1.0)
    starts, ends = (
        np.cumsum([0, *(side[k].rows[0].shape[1] for k in whole)])
        for side, whole in ((a, whole_a), (b, whole_b))
    )
    for p, k in enumerate(whole_a):
        strip = C[starts[p] : starts[p + 1]]
        for q, m in enumerate(whole_b):
            block = strip[:, ends[q] : ends[q + 1]]
            chosen = linear_sum_assignment(block, maximize=True)
            values[k, m] = block[chosen].sum() / min(block.shape)
    return values


def _policy(a: Sequence[Prepared], b: Sequence[Prepared]) -> tuple[Array, list[int], list[int]]:
    """Values where a side has nothing to measure (`measures.py`), and the places of those that have."""
    empty = [np.array([bool(part.empty) for part in side]) for side in (a, b)]
    values = np.logical_and.outer(empty[0], empty[1]).astype(np.float64)
    return values, np.flatnonzero(~empty[0]).tolist(), np.flatnonzero(~empty[1]).tolist()


#: Measures by name; the ones with options take them as keyword arguments of `pairwise`.
MEASURES: Mapping[str, Callable[..., Measure]] = {
    "cka": similarity.cka_measure,
    "rbf_cka": similarity.rbf_cka_measure,
    "procrustes": similarity.procrustes_measure,
    "shape_distance": similarity.shape_measure,
    "cca": similarity.cca_measure,
    "svcca": similarity.svcca_measure,
    "r2": similarity.r2_measure,
    "rsa": similarity.rsa_measure,
    "mutual_knn": similarity.mutual_knn_measure,
    "correlation_matching": lambda: alignment.matching_measure("correlation_matching"),
    "soft_matching": lambda: alignment.matching_measure("soft_matching"),
}


def pairwise(
    layers: Sequence[LayerLike],
    measure: str | Measure = "cka",
    *,
    against: Sequence[LayerLike] | None = None,
    **options: object,
) -> Array:
    """The values of one measure between all pairs of layers.

    Decompositions, norms and centring are done once a layer, so memory is linear in the number of layers:
    their size, and n x n each for `rbf_cka` and `rsa`. The null for such a matrix is the same matrix over
    untrained networks, or rows of it shuffled by the caller.

    Args:
        layers: activations [n, d_i] of m layers, all on the same n inputs; widths may differ. `acts.at(hook)`
            knows its inputs and is checked by identity, a plain array by its number of rows only.
        measure: one of `MEASURES`, or a `Measure`.
        against: k other layers; None compares `layers` with themselves (each unordered pair once, except
            for r2).
        **options: of the measure, e.g. `k=5` for `mutual_knn`.

    Returns:
        values [m, m], or [m, k] with `against`.

    Raises:
        InputError: for unusable arrays, unequal n or other inputs.
        UnknownNameError: for a measure that does not exist.

    Examples:
        >>> X = np.random.default_rng(0).normal(size=(30, 2))
        >>> pairwise([X, X[:, ::-1], X[:, :1]], "cca").round(6).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    if isinstance(measure, str):
        if measure not in MEASURES:
            raise UnknownNameError("measure", measure, MEASURES, f"known: {', '.join(MEASURES)}")
        measure = MEASURES[measure](**options)
    elif options:
        raise InputError(f"options {', '.join(options)} beside a ready Measure: give them when it is made")
    prepared = [measure.ready(layer, f"layers[{k}]") for k, layer in enumerate(layers)]
    others = None if against is None else [measure.ready(x, f"against[{k}]") for k, x in enumerate(against)]
    if not prepared or others == []:
        raise InputError("no layers to compare: give at least one array [n, d]")
    named = {f"layers[{k}]": part.layer for k, part in enumerate(prepared)}
    named |= {f"against[{k}]": part.layer for k, part in enumerate(others or ())}
    counts = {len(layer.values) for layer in named.values()}
    if len(counts) > 1:
        raise InputError(f"layers with {sorted(counts)} rows: record all of them on the same inputs")
    check_same_inputs(named)
    one_way = measure.name.startswith("r2")
    values = np.empty((len(prepared), len(prepared if others is None else others)))
    for i, x in enumerate(prepared):
        for j, y in enumerate(prepared if others is None else others):
            mirrored = others is None and not one_way and j < i
            values[i, j] = values[j, i] if mirrored else measure.value(x, y)
    return values
