"""The unbiased HSIC that linear CKA is made of: of two layers, and of all pairs of many.

Song et al. 2012, equation 5, with kernels K = X X' and L = Y Y', whose diagonals are left out, from cross products
(docs/understand/similarity.md, Representation similarity):

    n (n - 3) HSIC = sum_ij K_ij L_ij + (sum_ij K_ij) (sum_ij L_ij) / ((n - 1) (n - 2)) - 2 / (n - 2) sum_i k_i l_i

with k_i, l_i the sums over row i. The two functions add the three terms up in orders of their own, and agree to
rounding: each keeps to the last digit what tables of earlier studies say.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
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
    n = len(X)
    total = np.linalg.norm(X.T @ Y) ** 2 - float((dx * dy).sum())
    total += float(rx.sum() * ry.sum()) / ((n - 1) * (n - 2)) - 2 * float((rx * ry).sum()) / (n - 2)
    return float(total / (n * (n - 3)))


def unbiased_hsic_matrix(a: Sequence[Rows], b: Sequence[Rows]) -> Array:
    """The same of all pairs [a, b] of layers with the same n inputs, from one matrix product."""
    (X, dx, rx), (Y, dy, ry) = (
        [np.concatenate(part, axis=1) for part in zip(*s, strict=True)] for s in (a, b)
    )
    # Which layer each column is of.
    i, j = (np.repeat(np.eye(len(s)), [rows[0].shape[1] for rows in s], axis=0) for s in (a, b))
    n = len(X)
    total = i.T @ ((X.T @ Y) ** 2) @ j - dx.T @ dy - 2 * (rx.T @ ry) / (n - 2)
    total += np.outer(rx.sum(axis=0), ry.sum(axis=0)) / ((n - 1) * (n - 2))
    return np.asarray(total / (n * (n - 3)))
