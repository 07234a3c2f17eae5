"""Failures in words: a sentence for every record, singular and plural, with and without what is not known."""

from __future__ import annotations

from typing import get_args

import pytest

from mathcircuits.detect.learning.diagnosis import CAUSES
from mathcircuits.detect.learning.failure_records import (
    Affine,
    Cause,
    Dead,
    Failure,
    Misplaced,
    SameSide,
    WrongSign,
)
from mathcircuits.detect.learning.failure_words import sentence

RIDGE = Affine((1.0, -0.5), 0.25)


def test_every_record_is_of_a_known_cause() -> None:
    assert set(get_args(Cause)) == set(Failure.__subclasses__())
    assert {record.cause for record in get_args(Cause)} == set(CAUSES)


@pytest.mark.parametrize(
    ("neurons", "distinct", "needed", "expected"),
    [
        ((2,), 1, 3, "neuron 2 of layer 0 is never active on the box, so that no gradient reaches it, and 1 distinct "
         "one is left of the 3 that the task needs; nothing holds relu(x1 - 0.5 x2 + 0.25)"),
        ((0, 1, 2), 2, None, "neurons 0, 1 and 2 of layer 0 are never active on the box, so that no gradient reaches "
         "them, and 2 distinct ones are left; nothing holds relu(x1 - 0.5 x2 + 0.25)"),
    ],
)  # fmt: skip
def test_dead_neurons(neurons: tuple[int, ...], distinct: int, needed: int | None, expected: str) -> None:
    found = Dead(
        layer=0, neuron=neurons[0], neurons=neurons, distinct=distinct, needed=needed, lacking=(RIDGE,)
    )
    assert sentence(found) == expected


def test_a_sign() -> None:
    found = WrongSign(layer=1, neuron=4, against=True, locked=True, outgoing=2.0, incoming=0.5)
    assert sentence(found) == (
        "the outgoing weights of neuron 4 of layer 1 have a sign against that of the others on its side: they are "
        "longer than its incoming ones (2 and 0.5), so that gradient descent cannot turn them"
    )
    free = WrongSign(layer=1, neuron=4, against=False, locked=False, outgoing=2.0, incoming=0.5)
    assert sentence(free) == (
        "the outgoing weights of neuron 4 of layer 1 have a sign opposite to what the target wants"
    )


def test_one_side() -> None:
    def said(neurons: tuple[int, ...], ridge: Affine | None, needed: int | None) -> str:
        return sentence(
            SameSide(
                layer=0,
                neuron=0,
                neurons=neurons,
                ridge=ridge,
                width=4,
                distinct=2,
                needed=needed,
                lacking=(),
            )
        )

    assert said((0, 3), RIDGE, 3) == (
        "neurons 0 and 3 of layer 0 do the same work, both on the side of relu(x1 - 0.5 x2 + 0.25), so that of the 3 "
        "that the task needs 2 are there"
    )
    assert said((0, 1, 3), None, None) == (
        "neurons 0, 1 and 3 of layer 0 do the same work, so that 2 of 4 are left"
    )
    assert "all on the side of" in said((0, 1, 3), RIDGE, None)


def test_a_kink() -> None:
    # A weight that two digits would show as 0.00 is left out; one of -1 is a sign alone.
    found = Misplaced(layer=0, neuron=1, extra=RIDGE, missing=Affine((-1.0, 0.004), 0.0))
    assert sentence(found) == (
        "neuron 1 bends the function along x1 - 0.5 x2 + 0.25 = 0, where the task does not bend; nothing bends along "
        "-x1 = 0, where the task does"
    )
    assert sentence(Misplaced(extra=None, missing=Affine((0.0,), 0.0))) == (
        "nothing bends along 0 = 0, where the task does"
    )
