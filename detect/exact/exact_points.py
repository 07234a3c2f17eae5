"""The exact check of a certificate on a finite domain: every point again, in fractions, from its JSON alone."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np

from ..errors import InputError
from .exact_vertices import Check, read_side
from .piecewise import difference


def verify_points(text: str) -> Check:
    """Re-verify a certificate with `points`, given its JSON, exactly; points count as cells of one vertex each.

    Raises:
        InputError: where the text is no certificate, or a function is not piecewise linear.
    """
    try:
        data = json.loads(text)
        f = difference(*(read_side(data[side], len(data["box"])) for side in ("network", "specification")))
        lower, upper = Fraction(data["lower"]), Fraction(data["upper"])
        witness = [Fraction(value) for value in data["witness"]]
        points = [[Fraction(value) for value in row] for row in data["points"]]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"no exact check ({error}): give a certificate of ReLU functions") from error
    most = max(abs(value) for row in f(np.array(points, dtype=object)) for value in row)
    reached = max(abs(value) for value in f(np.array([witness], dtype=object))[0])
    return Check(witness in points and reached >= lower, most <= upper, most, len(points), len(points))
