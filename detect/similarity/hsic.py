"""The unbiased HSIC that linear CKA is made of: of two layers, and of all pairs of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
#: Of one pair of layers, or of all pairs [a, b].
_Values = TypeVar("_Values", float, Array)
#: What the estimator needs of one layer, by row: its values X [n, d], their squared norms [n, 1], and the sums
#: [n, 1] of each row's products with all other rows.
Rows = tuple[Array, ...]


def hsic_rows(X: Array) -> Rows:
    """What the estimator needs of a centred layer [n, d]."""
    squares = (X**2).sum(axis=1)
    others = X @ X.sum(axis=0) - squares
    return X, squares[:, None], others[:, None]


def unbiased_hsic(x: Rows, y: Rows) -> float:
    """The unbiased HSIC of two layers with linear kernels, as of `hsic_rows`; n >= 4.

    Examples:
        >>> X = hsic_rows(np.array([[-1.0], [0.0], [1.0], [0.0]]))
        >>> round(unbiased_hsic(X, X), 9), unbiased_hsic_matrix([X], [X]).round(9).tolist()
        (0.166666667, [[0.166666667]])
    """
    (X, dx, rx), (Y, dy, ry) = x, y
    return _estimator(
        float(np.linalg.norm(X.T @ Y) ** 2),
        float((dx * dy).sum()),
        float((rx * ry).sum()),
        float(rx.sum() * ry.sum()),
        len(X),
    )


def unbiased_hsic_matrix(a: Sequence[Rows], b: Sequence[Rows]) -> Array:
    """The same of all pairs [a, b] of layers with the same n inputs, from one matrix product."""
    (X, dx, rx), (Y, dy, ry) = (
        [np.concatenate(part, axis=1) for part in zip(*s, strict=True)] for s in (a, b)
    )
    # Which layer each column is of.
    i, j = (np.repeat(np.eye(len(s)), [rows[0].shape[1] for rows in s], axis=0) for s in (a, b))
    return _estimator(
        i.T @ ((X.T @ Y) ** 2) @ j, dx.T @ dy, rx.T @ ry, np.outer(rx.sum(axis=0), ry.sum(axis=0)), len(X)
    )


def _estimator(products: _Values, diagonal: _Values, rows: _Values, whole: _Values, n: int) -> _Values:
    """Song et al. 2012, equation 5, with kernels K = X X' and L = Y Y' (docs/mathematics.md).

    Args:
        products: sum of K_ij L_ij; diagonal: of its terms i = j.
        rows: sum over i of the products of both kernels' row sums without their diagonals.
        whole: the product of both kernels' sums without their diagonals.
        n: rows.
    """
    off = products - diagonal + (whole / ((n - 1) * (n - 2)) - 2 * rows / (n - 2))
    return off / (n * (n - 3))
