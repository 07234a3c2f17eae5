"""Untrained networks of laws that are not the null's: biases of zero, other scales, weights made on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from mathcircuits.detect.networks import Stack, untrained

from .planting import shape

Array = npt.NDArray[np.float64]
#: Levels of the quantised weights, from minus to plus the largest; 4 bits.
_LEVELS = 16
#: Degrees of freedom of Student's t for heavy tails: 1 is Cauchy's law.
_FREEDOM = 1.0


def drawn(population: str, inputs: int, width: int, count: int, rng: np.random.Generator) -> Stack:
    """Untrained networks of one hidden layer with biases, under a law of `LAWS` or `MADE`.

    Examples:
        >>> stack = drawn("zero bias", 2, 8, 5, np.random.default_rng(0))
        >>> len(stack), float(np.abs(stack.biases[0]).max())
        (5, 0.0)
        >>> w = drawn("16 levels", 2, 8, 1, np.random.default_rng(0)).weights[0]
        >>> len(np.unique(np.round(w, 9))) <= 16
        True
    """
    base = untrained(shape(inputs, width, 1, bias=True), count, "uniform", rng)
    weights, biases = {**LAWS, **MADE}[population](base.weights[0], base.biases[0], rng)
    return Stack(base.architecture, (weights, *base.weights[1:]), (biases, *base.biases[1:]))


def _zero_bias(w: Array, b: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.normal(size=w.shape), np.zeros_like(b)


def _zero_bias_cube(w: Array, b: Array, _: np.random.Generator) -> tuple[Array, Array]:
    return w, np.zeros_like(b)


def _ten_times(w: Array, b: Array, _: np.random.Generator) -> tuple[Array, Array]:
    return 10.0 * w, b


def _orthogonal(w: Array, b: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Orthonormal columns (Saxe et al. 2014, arXiv 1312.6120), zero biases."""
    q, r = np.linalg.qr(rng.normal(size=w.shape))
    return q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :], np.zeros_like(b)


def _pruned(w: Array, b: Array, _: np.random.Generator) -> tuple[Array, Array]:
    """The smaller half of each network's weights is zero."""
    size = np.abs(w).reshape(len(w), -1)
    return np.where(np.abs(w) >= np.median(size, axis=1)[:, None, None], w, 0.0), b


def _levels(w: Array, b: Array, _: np.random.Generator) -> tuple[Array, Array]:
    largest = np.abs(w).reshape(len(w), -1).max(axis=1)[:, None, None]
    step = 2.0 * largest / (_LEVELS - 1)
    return np.asarray((np.floor(w / step) + 0.5).clip(-_LEVELS / 2 + 0.5, _LEVELS / 2 - 0.5) * step), b


def _heavy_tails(w: Array, b: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.standard_t(_FREEDOM, size=w.shape), b


_Law = Callable[[Array, Array, np.random.Generator], tuple[Array, Array]]
#: Laws under which nothing points at a feature more often than the null allows for.
LAWS: Mapping[str, _Law] = {
    "zero bias": _zero_bias,
    "zero bias, cube": _zero_bias_cube,
    "weights x 10": _ten_times,
    "orthogonal": _orthogonal,
}
#: Laws whose weights point along the catalogue's directions by how they are made: exact zeros, equal weights, or one
#: weight far above the others.
MADE: Mapping[str, _Law] = {"pruned by half": _pruned, "16 levels": _levels, "heavy tails": _heavy_tails}
