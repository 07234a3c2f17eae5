"""The null of a mechanism given its function: two fibres, or the reason why there is none."""

from __future__ import annotations

import math

import pytest

from mathcircuits.detect import Network, canonical_form, hand_derived
from mathcircuits.detect.universality import FibreNull, fibre_null

MINIMUM = canonical_form(hand_derived("minimum"))


def test_both_scales_are_drawn_and_say_how_well() -> None:
    null = fibre_null(MINIMUM, (4,), 3.0, threshold=1e-3, particles=150)
    first, second = null.fibres
    assert first.scale == pytest.approx(first.init_scale)
    assert abs(second.median_norm - 3.0) < abs(first.median_norm - 3.0) + 0.05
    alone = FibreNull((first,), "")
    assert alone.reliable
    assert alone.text.endswith("; the chains agree")
    assert null.reliable == FibreNull((second,), "").reliable
    assert null.text.startswith("scales 0.118 and ")


def test_at_the_least_norm_the_scale_of_the_init_stands_alone() -> None:
    """At 2 sqrt 2 every network is half and half: a fibre of that norm would be the prediction and not its null."""
    assert len(fibre_null(MINIMUM, (4,), 2.84, threshold=1e-3, particles=40).fibres) == 1


def test_few_particles_are_no_null() -> None:
    null = fibre_null(MINIMUM, (4,), math.nan, threshold=1e-3, particles=12)
    assert len(null.fibres) == 1
    assert not null.reliable
    assert null.text.endswith("no verdict rests on it, take more particles")


@pytest.mark.parametrize(
    ("form", "hidden", "words"),
    [
        (None, (3,), "functions of one hidden layer"),
        (MINIMUM, (3, 2), "networks of one hidden layer"),
        (MINIMUM, (17,), "up to 3 inputs and 16 neurons"),
        (canonical_form(Network([[[1.0] * 4], [[1.0]]])), (4,), "4 inputs"),
        (MINIMUM, (2,), "no network of fewer than 3"),
    ],
)
def test_where_there_is_none_the_reason_is_given(form: object, hidden: tuple[int, ...], words: str) -> None:
    null = fibre_null(form, hidden, 3.0)  # type: ignore[arg-type]  # object: a form or None
    assert null.fibres == ()
    assert not null.reliable
    assert null.text.startswith("none: ")
    assert words in null.text
