"""The multinomial model: planted shares come out, separation has an answer, and nulls are not rejected too often."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import prevalence
from mathcircuits.reports.studies.factorial import multinomial
from mathcircuits.reports.studies.factorial.multinomial import Crossing, compared, fit

MAINS = [("a",), ("b",)]


def crossing(shares: np.ndarray, each: int, seed: int = 0) -> Crossing:
    """Networks drawn from shares [level of a, level of b, outcome], so many of each combination."""
    rng = np.random.default_rng(seed)
    first, second, kinds = shares.shape
    codes = np.array([(i, j) for i in range(first) for j in range(second) for _ in range(each)])
    outcomes = np.array([rng.choice(kinds, p=shares[i, j]) for i, j in codes])
    return Crossing(("a", "b"), (first, second), codes, outcomes, kinds)


def test_a_saturated_model_gives_the_shares_that_were_counted() -> None:
    shares = np.array([[[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]], [[0.3, 0.3, 0.4], [0.1, 0.2, 0.7]]])
    drawn = crossing(shares, each=2000)
    model = fit(drawn, [*MAINS, ("a", "b")])
    assert model.converged
    for i in (0, 1):
        for j in (0, 1):
            mine = (drawn.codes == (i, j)).all(axis=1)
            counted = np.bincount(drawn.outcomes[mine], minlength=3) / 2000
            found = model.shares({"a": i, "b": j})
            # The prior weighs as one network in a hundred thousand would.
            assert np.abs(found - counted).max() < 0.002
    averaged = (model.shares({"a": 1, "b": 0}) + model.shares({"a": 1, "b": 1})) / 2
    assert np.allclose(model.shares({"a": 1}), averaged)


def test_separated_outcomes_have_a_maximum() -> None:
    """45 of 45 at one level and 3 of 33 at the other: the likelihood alone has no maximum there."""
    codes = np.array([[0, 0]] * 33 + [[1, 0]] * 45)
    outcomes = np.array([1] * 3 + [0] * 30 + [1] * 45)
    drawn = Crossing(("a", "b"), (2, 2), codes, outcomes, 2)
    model = fit(drawn, [("a",)])
    assert model.converged
    assert prevalence(45, 45).low < model.shares({"a": 1})[1] < 1
    assert abs(model.shares({"a": 0})[1] - 3 / 33) < 0.02
    test = compared(model, fit(drawn, []))
    assert test.degrees == 1
    assert test.p < 1e-9
    # Nothing varies in b, so that there is nothing to test.
    assert np.isnan(compared(fit(drawn, MAINS), fit(drawn, [("a",)])).p)


def test_a_planted_interaction_is_found_and_no_other() -> None:
    even, odd = [0.9, 0.1], [0.1, 0.9]
    drawn = crossing(np.array([[even, odd], [odd, even]]), each=40)
    mains = fit(drawn, MAINS)
    assert compared(fit(drawn, [*MAINS, ("a", "b")]), mains).p < 1e-9
    assert all(compared(mains, fit(drawn, [other])).p > 0.001 for other in MAINS)


def test_a_factor_without_effect_is_rejected_as_often_as_it_says() -> None:
    """Exact binomial bounds of 120 tests at 10%: outside 4 to 22 once in a thousand."""
    shares = np.array([[[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]]] * 2)
    rejected = 0
    for seed in range(120):
        drawn = crossing(shares, each=30, seed=seed)
        rejected += compared(fit(drawn, MAINS), fit(drawn, [("b",)])).p < 0.1
    assert 4 <= rejected <= 22


def test_a_fit_that_does_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = crossing(np.array([[[0.9, 0.1]], [[0.2, 0.8]]]), each=50)
    whole = fit(drawn, [("a",)])
    monkeypatch.setattr(multinomial, "STEPS", 1)
    cut = fit(drawn, [("a",)])
    assert whole.converged
    assert not cut.converged
    assert np.isnan(compared(cut, whole).p)
