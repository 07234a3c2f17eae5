"""All pairs of prepared layers at once: CKA from one matrix product, and matched correlation.

What `pairs.py` does measure by measure and pair by pair, for the two measures that the ladder takes
of every mirror image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from .measures import Prepared

Array = npt.NDArray[np.float64]


def cka_values(a: Sequence[Prepared], b: Sequence[Prepared]) -> Array:
    """Unbiased linear CKA of all pairs, from one matrix product (docs/mathematics.md, Representation similarity)."""
    values, whole_a, whole_b = _policy(a, b)
    if not len(whole_a) or not len(whole_b):
        return values
    (X, dx, rx, own_x, i), (Y, dy, ry, own_y, j) = (
        (
            np.concatenate([side[k].rows[0] for k in whole], axis=1),
            np.concatenate([side[k].rows[1] for k in whole], axis=1),
            np.concatenate([side[k].rows[2] for k in whole], axis=1),
            np.array([side[k].scalars[0] for k in whole]),
            _owners([side[k].rows[0].shape[1] for k in whole]),
        )
        for side, whole in ((a, whole_a), (b, whole_b))
    )
    n = len(X)
    total = i.T @ ((X.T @ Y) ** 2) @ j - dx.T @ dy - 2 * (rx.T @ ry) / (n - 2)
    total += np.outer(rx.sum(axis=0), ry.sum(axis=0)) / ((n - 1) * (n - 2))
    scores = total / (n * (n - 3)) / np.outer(own_x, own_y)
    values[np.ix_(whole_a, whole_b)] = np.minimum(scores, 1.0)
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


def _owners(widths: Sequence[int]) -> Array:
    """Which network each unit is of [units, networks]."""
    return np.repeat(np.eye(len(widths)), widths, axis=0)
