"""The scale of a norm: the larger the scale, the larger the norms; norms below every fibre's are not reached."""

from __future__ import annotations

import pytest

from mathcircuits.detect import InputError, Network, fibre, scale_of_norm

ABSOLUTE = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])


def test_it_is_where_the_fibre_has_that_norm() -> None:
    there = fibre(ABSOLUTE, 4, scale=0.6, particles=200, sweeps=1)
    found = scale_of_norm(ABSOLUTE, 4, there.median_norm, particles=200, sweeps=1)
    assert found.reached
    assert 0.3 < found.scale < 1.2  # a norm of 1% more or less is that of a scale 30% larger or smaller
    assert found.fibre.scale == found.scale
    assert found.norm == found.fibre.median_norm == pytest.approx(there.median_norm, rel=0.01)


def test_a_norm_below_the_least_is_not_reached() -> None:
    # No network of |x| has a norm below 2.
    found = scale_of_norm(ABSOLUTE, 3, 1.5, threshold=1e-4, particles=40, sweeps=1)
    assert not found.reached
    assert found.scale < 0.2 * found.fibre.init_scale
    assert found.norm > 1.9


def test_numbers_that_are_no_norm() -> None:
    with pytest.raises(InputError, match="norm 0: give the median path norm"):
        scale_of_norm(ABSOLUTE, 3, 0)
    with pytest.raises(InputError, match="scale: it is what is looked for"):
        scale_of_norm(ABSOLUTE, 3, 2.0, scale=0.1)
