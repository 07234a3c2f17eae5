"""Rewriting: words are the form."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mathcircuits.detect.programs import rewriting
from mathcircuits.detect.programs.atom_form import Atoms, Row, draw_sample
from mathcircuits.detect.programs.lengths import complexity
from mathcircuits.detect.programs.rewriting import Phraser

# --- words ------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_words_are_the_form(seed: int) -> None:
    """Random forms with nested atoms: the formula's values are the row's."""
    rng = np.random.default_rng(seed)
    d, choices = int(rng.integers(1, 4)), [Fraction(v) for v in ("0", "0", "1", "-1", "1/2", "-1/2", "-2/3")]
    table = Atoms(d, draw_sample(((-1.0, 1.0),) * d))

    def row(keys: list[int]) -> Row:
        drawn = {
            key: choices[k] for key, k in zip(keys, rng.integers(len(choices), size=len(keys)), strict=True)
        }
        return {key: value for key, value in drawn.items() if value}

    for _ in range(int(rng.integers(1, 4))):
        table.add(row([-1, *range(d), *(d + j for j in range(len(table.rows)))]))
    output = row([-1, *range(d), *(d + j for j in range(len(table.rows)))])
    formula = Phraser(table.rows, d).formula(output)
    np.testing.assert_allclose(formula(table.sample), table.evaluate(output), atol=1e-9)


def test_what_is_kept_changes_no_formula() -> None:
    half, third = Fraction(1, 2), Fraction(1, 3)
    atoms = [{0: Fraction(1), 1: Fraction(-1)}, {0: Fraction(1), -1: third}, {1: Fraction(1), 2: -third}]
    rows = [
        {0: half, 1: half, 2: -half},
        {0: Fraction(1), 3: third},
        {1: half, 2: third, 4: -half},
        {4: half},
    ]

    def phrased(order: list[int], *, kept: bool) -> dict[int, str]:
        words = Phraser(atoms, 2)
        texts = {}
        for k in order:
            if not kept:
                rewriting._KEPT.clear()
            texts[k] = words.formula(rows[k]).text
        return texts

    fresh = phrased([0, 1, 2, 3], kept=False)
    assert len(set(fresh.values())) == len(rows)
    # The second row is new to what is kept, and is phrased after one that is not.
    rewriting._KEPT.clear()
    Phraser(atoms, 2).formula(rows[0])
    assert phrased([0, 1, 2, 3], kept=True) == fresh
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        assert phrased(order, kept=True) == fresh


def test_one_form_is_kept_once_whatever_other_atoms_stand_beside_it() -> None:
    rewriting._KEPT.clear()
    slide = {0: Fraction(1), 1: Fraction(-1)}
    half = Fraction(1, 2)
    first = Phraser([slide], 2).formula({0: half, 1: half, 2: -half})
    other = Phraser([{0: Fraction(1), 1: Fraction(3)}, slide], 2).formula({0: half, 1: half, 3: -half})
    assert first.text == other.text == "min(x1, x2)"
    assert len(rewriting._KEPT) == 1
    # The same row over another atom is another form.
    assert (
        Phraser([{0: Fraction(1), 1: Fraction(3)}], 2).formula({0: half, 1: half, 2: -half}).text
        != "min(x1, x2)"
    )


@settings(max_examples=300)
@given(
    st.dictionaries(st.integers(-1, 3), st.fractions(-30, 30, max_denominator=200).filter(bool), min_size=1)
)
def test_turning_the_signs_of_a_row_with_a_positive_term_makes_it_no_shorter(row: Row) -> None:
    # What lets a phraser leave the mirrored form of a minimum or maximum out.
    words = Phraser([], 4)
    turned = {key: -value for key, value in row.items()}
    own, other = (complexity(words.formula(r).root) for r in (row, turned))
    if max(row.values()) > 0:
        assert own <= other
    if min(row.values()) < 0 < max(row.values()):
        assert own == other
