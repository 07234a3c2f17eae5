"""Scrambled Sobol points of few dimensions, equal to SciPy's bit for bit and without the second that it loads for.

Directions: Joe and Kuo 2008 (SIAM J. Sci. Comput. 30, 2635), file new-joe-kuo-6.21201. Scrambling: a random
lower triangular matrix and a digital shift (Matousek 1998, J. Complexity 14, 527), drawn as `scipy.stats.qmc` does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Binary digits of a point: 2^30 points are distinct.
_BITS = 30
#: A primitive polynomial over GF(2), its coefficients as bits, and the first direction numbers, for each dimension.
_DIRECTIONS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (1, ()), (3, (1,)), (7, (1, 3)), (11, (1, 3, 1)), (13, (1, 1, 1)), (19, (1, 1, 3, 3)), (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)), (41, (1, 1, 5, 5, 5)), (47, (1, 1, 7, 11, 19)),
)  # fmt: skip
#: Dimensions that the table has; SciPy's reaches to 21 201.
MOST_DIMENSIONS = len(_DIRECTIONS)


def scrambled_sobol(dimensions: int, log2_points: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The first 2**log2_points scrambled Sobol points of the unit cube, [n, d].

    Args:
        dimensions: at most `MOST_DIMENSIONS`; log2_points: at most 30.
        rng: which scrambling.

    Examples:
        >>> scrambled_sobol(2, 2, np.random.default_rng(0)).round(3).tolist()
        [[0.41, 0.964], [0.722, 0.108], [0.905, 0.529], [0.217, 0.414]]
    """
    # SciPy draws from a child of the generator that it is given.
    (rng,) = rng.spawn(1)
    digits = np.arange(_BITS)
    places = np.uint32(1) << digits.astype(np.uint32)
    numbers = _direction_numbers(dimensions)
    shift = rng.integers(2, size=(dimensions, _BITS), dtype=np.uint32) @ places
    lower = np.tril(rng.integers(2, size=(dimensions, _BITS, _BITS), dtype=np.uint32))
    lower[:, digits, digits] = 1
    # Digits from the highest on: [dimension, number, digit].
    bits = (numbers[:, :, None] >> digits[::-1].astype(np.uint32)) & 1
    mixed = np.einsum("dpk,djk->djp", lower, bits) & 1
    numbers = (mixed @ places[::-1]).astype(np.uint32)
    # In Gray code one digit changes from point to point: the lowest that is 0 in the number of the point before.
    before = np.arange(2**log2_points - 1)
    changed = np.round(np.log2((before + 1) & ~before)).astype(int)
    steps = np.concatenate([shift[None].astype(np.uint32), numbers[:, changed].T])
    return np.asarray(np.bitwise_xor.accumulate(steps, axis=0) * 2.0**-_BITS)


def _direction_numbers(dimensions: int) -> npt.NDArray[np.uint32]:
    """[dimensions, bits], each shifted to the highest digits."""
    numbers = np.ones((dimensions, _BITS), dtype=np.uint32)
    for row, (polynomial, first) in zip(numbers[1:], _DIRECTIONS[1:dimensions], strict=True):
        degree = len(first)
        row[:degree] = first
        for j in range(degree, _BITS):
            value = int(row[j - degree])
            for k in range(1, degree + 1):
                if polynomial >> (degree - k) & 1:
                    value ^= int(row[j - k]) << k
            row[j] = value
    return np.asarray(numbers << np.arange(_BITS - 1, -1, -1, dtype=np.uint32))
