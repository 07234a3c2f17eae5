"""Fourier power and phases over the residues modulo p."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError

if TYPE_CHECKING:
    pass

Array = npt.NDArray[np.float64]


def spectrum(tables: npt.ArrayLike) -> Array:
    """The power of tables over Z_p at each frequency: [..., p] -> [..., (p - 1) / 2].

    The power at k is the sum of squares of the table's part in the span of cos and sin of `2 pi k x / p`; over all k
    they add up to the sum of squares of the table without its mean (Parseval).

    Raises:
        InputError: where the last axis is no odd length of at least 3.

    Examples:
        >>> x = np.arange(7)
        >>> spectrum(np.cos(2 * np.pi * 2 * x / 7) + 5).round(9).tolist()  # p / 2 at frequency 2
        [0.0, 3.5, 0.0]
    """
    values = np.asarray(tables, dtype=np.float64)
    p = values.shape[-1] if values.ndim else 0
    if p < 3 or p % 2 == 0:
        raise InputError(f"tables of shape {values.shape}: the last axis must have an odd length, at least 3")
    return np.asarray(2.0 / p * np.abs(np.fft.rfft(values, axis=-1)[..., 1:]) ** 2)


def phases(tables: npt.ArrayLike, frequency: npt.ArrayLike) -> Array:
    """The phase phi of `cos(2 pi k x / p + phi)` in each table, at its frequency k; radians in (-pi, pi].

    Args:
        tables: [..., p].
        frequency: k for each table [...], or one for all.

    Examples:
        >>> x = np.arange(7)
        >>> phases(3 * np.cos(2 * np.pi * 2 * x / 7 + 0.5), 2).round(6).item()
        0.5
    """
    values = np.asarray(tables, dtype=np.float64)
    k = np.asarray(frequency)
    p = values.shape[-1]
    waves = np.exp(-2j * np.pi * np.multiply.outer(k, np.arange(p)) / p)
    return np.asarray(np.angle((values * waves).sum(axis=-1)))
