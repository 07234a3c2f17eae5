"""Rewriting: words are the form."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mathcircuits.detect.programs.atom_form import Atoms, Row, draw_sample
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
