"""Simple rationals: the simplest one near a number, how many bits it takes, and when it is an insight.

Every number has a rational nearby, so a rational says something only where it is simpler than a number of
its precision has to be. Rationals p/q are coded by their height h = max(|p|, q): the height with probability
proportional to 1/h^2, then one of the 4 phi(h) fractions of that height (3 of height 1), all alike. A code
that may be decoded is a probability, so k bits saved against a plain decimal happen by chance with
probability at most 2^-k (the no-hypercompression inequality; Gruenwald, The Minimum Description Length
Principle, 2007, section 3.3).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .criteria import PER_DENOMINATOR

Array = npt.NDArray[np.float64]

#: A denominator beyond this is no insight: fractions with denominators up to 24 are 1/276 apart at most near
#: 1/2, so that nearly every number has one within 5e-3 (the tolerance of a formula).
LARGEST_DENOMINATOR = 24
#: In an atom form: each minimum inside another halves the constants again, and two such levels are usual.
LARGEST_IN_FORM = 4 * LARGEST_DENOMINATOR
#: What the denominators of a formula may be, simplest first.
DENOMINATORS = (1, 2, 4, 8, 12, LARGEST_DENOMINATOR)


def simplest_fraction(low: float, high: float) -> Fraction:
    """The fraction in [low, high] of the smallest denominator, and of these the smallest (Stern-Brocot).

    Examples:
        >>> simplest_fraction(0.3, 0.4), simplest_fraction(-1.02, -0.98), simplest_fraction(-0.1, 0.2)
        (Fraction(1, 3), Fraction(-1, 1), Fraction(0, 1))
    """
    if low <= 0 <= high:
        return Fraction(0)
    if high < 0:
        return -simplest_fraction(-high, -low)
    # Continued fractions, in whole numbers: each round leaves an interval between 0 and 1 and turns it over.
    (n, d), (m, e) = low.as_integer_ratio(), high.as_integer_ratio()
    whole: list[int] = []
    while (least := -(-n // d)) * e > m:
        whole.append(least - 1)
        n, d, m, e = e, m - whole[-1] * e, d, n - whole[-1] * d
    p, q = least, 1
    for part in reversed(whole):
        p, q = part * p + q, p
    return Fraction(p, q)


def nearest_fractions(values: Array, most: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Numerators and denominators, at most `most`, of the fractions nearest to values of any shape.

    Examples:
        >>> [part.tolist() for part in nearest_fractions(np.array([0.34, -1.0]), 4)]
        [[1, -1], [3, 1]]
    """
    q = np.arange(1, most + 1)
    p = np.rint(values[..., None] * q)
    # 2/4 must not win over 1/2 by its rounding.
    best = (np.abs(p / q - values[..., None]) + PER_DENOMINATOR * q).argmin(axis=-1)
    return np.take_along_axis(p, best[..., None], -1)[..., 0].astype(np.intp), q[best]


def shortest_decimal(low: float, high: float) -> Fraction:
    """The decimal in [low, high] of the fewest digits, and of these the one nearest to the middle.

    Examples:
        >>> shortest_decimal(2.531, 2.549), shortest_decimal(26.73, 26.87), shortest_decimal(-0.1, 0.2)
        (Fraction(127, 50), Fraction(134, 5), Fraction(0, 1))
        >>> shortest_decimal(36400.0, 37400.0)
        Fraction(37000, 1)
    """
    if low <= 0 <= high:
        return Fraction(0)
    # In whole numbers: fractions would be brought to lowest terms at every step.
    (n, d), (m, e) = low.as_integer_ratio(), high.as_integer_ratio()
    # One digit more than the width shows always fits; fewer may.
    places = -math.floor(math.log10(max(abs(low), abs(high)))) - 1
    while True:
        up, down = 10 ** max(places, 0), 10 ** max(-places, 0)
        first, last = -(-n * up // (d * down)), m * up // (e * down)
        if first <= last:
            middle = _rounded((n * e + m * d) * up, 2 * d * e * down)
            return Fraction(min(max(middle, first), last) * down, up)
        places += 1


def _rounded(p: int, q: int) -> int:
    """p / q to the nearest whole number, of two equally near ones the even one."""
    whole, rest = divmod(p, q)
    return whole + (2 * rest > q or (2 * rest == q and whole % 2 == 1))


def decimal_digits(value: Fraction) -> tuple[int, int] | None:
    """The digits of a number that is a finite decimal, without zeros at either end, and the power of ten of the last.

    Examples:
        >>> decimal_digits(Fraction("2.54")), decimal_digits(Fraction(37000)), decimal_digits(Fraction(1, 3))
        ((3, -2), (2, 3), None)
    """
    if not value:
        return 1, 0
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return None
    places = max(twos, fives)
    mantissa = abs(value.numerator) * 10**places // value.denominator
    while mantissa % 10 == 0:
        mantissa, places = mantissa // 10, places - 1
    return len(str(mantissa)), -places


@lru_cache(maxsize=4096)
def decimal_length(value: Fraction) -> float:
    """The bits of a decimal: sign, number of digits and place of the last one (each by an inverse square), the digits.

    Infinite for a number that is no finite decimal.

    Examples:
        >>> [round(decimal_length(Fraction(text)), 1) for text in ("2.54", "0.1", "1/3")]
        [19.7, 8.8, inf]
    """
    found = decimal_digits(value)
    if found is None:
        return math.inf
    digits, place = found
    # n >= 1 with probability 6 / (pi n)^2; an integer place as its size plus one, and a sign.
    size = math.log2(math.pi**2 / 6)
    return 2 + 2 * size + 2 * math.log2(digits) + 2 * math.log2(abs(place) + 1) + digits * math.log2(10)


@lru_cache(maxsize=4096)
def code_length(value: Fraction) -> float:
    """The bits of a rational: log2(4 phi(h)) + log2(pi^2 h^2 / 6) for the height h = max(|p|, q).

    Examples:
        >>> [round(code_length(Fraction(text)), 1) for text in ("0", "1", "-1/2", "3/4", "7/24")]
        [2.3, 2.3, 4.7, 7.7, 14.9]
    """
    h = max(abs(value.numerator), value.denominator)
    alike = 4 * _totient(h) if h > 1 else 3
    # The logarithms apart: a height may be beyond a float.
    return math.log2(alike) + 2 * math.log2(h) + math.log2(math.pi**2 / 6)


def saved_bits(value: Fraction, precision: float) -> float:
    """Bits that the rational saves against a decimal of that precision (half the width of what would do).

    The decimal is one of `max(1, |value|) / precision` cells. A number may also be an insight as a decimal of few
    digits (2.54, known to ten places); the choice between the two codes costs a bit.

    Examples:
        >>> round(saved_bits(Fraction(1, 2), 1e-3), 1), round(saved_bits(Fraction(7, 24), 5e-3), 1)
        (5.2, -7.2)
        >>> saved_bits(Fraction("2.54"), 5e-3) > 0, saved_bits(Fraction("2.54"), 1e-9) > 0
        (False, True)
    """
    shortest = min(code_length(value), decimal_length(value) + 1)
    return math.log2(max(1.0, abs(float(value))) / precision) - shortest


def _totient(n: int) -> int:
    """Euler's phi, by trial division; beyond a million its size alone will do."""
    if n > 1_000_000:
        return n
    result, rest, p = n, n, 2
    while p * p <= rest:
        if rest % p == 0:
            while rest % p == 0:
                rest //= p
            result -= result // p
        p += 1
    return result - result // rest if rest > 1 else result


def simple(value: float, tolerance: float, most: int = 12) -> float:
    """The simplest fraction with a denominator of at most `most` within the tolerance, else the value itself.

    The tolerance is relative to the value where that is above 1.

    Examples:
        >>> simple(0.50003, 1e-3), simple(0.3332, 1e-3) == 1 / 3, simple(0.5172, 1e-3)
        (0.5, True, 0.5172)
    """
    # Twelfths hold halves, thirds, quarters and sixths, and leave gaps of 1/132 at least between neighbours.
    for denominator in range(1, most + 1):
        near = round(value * denominator) / denominator
        if abs(near - value) <= tolerance * max(1.0, abs(value)):
            return near
    return float(value)
