"""Columns brought to mean 0 and norm 1, so that products are correlations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .criteria import ROUNDING, TINY

Array = npt.NDArray[np.float64]


def standardised(values: Array) -> Array:
    """Columns centred and of unit length; zeros where a column is constant up to rounding.

    Examples:
        >>> standardised(np.array([[1.0, 5.0], [3.0, 5.0]])).round(3).tolist()
        [[-0.707, 0.0], [0.707, 0.0]]
    """
    centred = values - values.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    flat = length <= ROUNDING * np.sqrt(len(values)) * np.maximum(
        np.abs(values).max(axis=0, initial=0.0), TINY
    )
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, length))
