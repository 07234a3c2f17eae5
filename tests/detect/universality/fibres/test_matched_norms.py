"""The scale of a norm: the larger the scale, the larger the norms; norms below every fibre's are not reached."""

from __future__ import annotations

import math

import pytest

from mathcircuits.detect import FibreShare, InputError, Network, fibre, scale_of_norm
from mathcircuits.detect.universality.fibres.matched_norms import _next_place

ABSOLUTE = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])


def test_it_is_where_the_fibre_has_that_norm() -> None:
    there = fibre(ABSOLUTE, 4, scale=0.6, particles=200, sweeps=1)
    found = scale_of_norm(ABSOLUTE, 4, there.median_norm, particles=200, sweeps=1)
    assert found.reached
    assert 0.2 < found.scale < 1.8
    assert found.fibre.scale == found.scale
    assert found.norm == found.fibre.median_norm
    assert found.below.value == pytest.approx(0.5, abs=0.1)
    # A fibre that is drawn already is the first one tried.
    assert scale_of_norm(ABSOLUTE, 4, there.median_norm, start=there).fibre is there


def test_the_next_scale_is_where_a_line_of_log_odds_is_zero() -> None:
    def tried(*pairs: tuple[float, float]) -> list[tuple[float, FibreShare]]:
        return [(x, FibreShare(v, 0.0, 1.0, 1e6, (v,), 1.0, 0.95)) for x, v in pairs]

    step = math.log(4)
    assert _next_place(tried((0.0, 0.9))) == pytest.approx(step)  # most norms are smaller: a larger scale
    assert _next_place(tried((0.0, 0.1), (-step, 0.2))) == pytest.approx(-2 * step)
    # Log odds of 2 and -1 at 0 and 3: zero at 2.
    assert _next_place(tried((0.0, 1 / (1 + math.exp(-2))), (3.0, 1 / (1 + math.e)))) == pytest.approx(
        2, abs=1e-4
    )
    assert _next_place(tried((0.0, 0.4), (1.0, 0.6))) == pytest.approx(0.5)  # it rises by chance


def test_a_norm_below_the_least_is_not_reached() -> None:
    # No network of |x| has a norm below 2.
    found = scale_of_norm(ABSOLUTE, 3, 1.5, threshold=1e-4, particles=40, sweeps=1)
    assert not found.reached
    assert found.scale == pytest.approx(found.fibre.init_scale / 8)
    assert found.below.value == 0
    assert found.norm > 1.9


def test_numbers_that_are_no_norm() -> None:
    with pytest.raises(InputError, match="norm 0: give the median path norm"):
        scale_of_norm(ABSOLUTE, 3, 0)
    with pytest.raises(InputError, match="scale: it is what is looked for"):
        scale_of_norm(ABSOLUTE, 3, 2.0, scale=0.1)
