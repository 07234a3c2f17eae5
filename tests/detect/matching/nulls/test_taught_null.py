"""The null of neurons that were taught something else: a rank test, exact among exchangeable neurons."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.matching.nulls.taught_null import TaughtNull

CLASSES = np.array(["ridge", "upstream", "threshold", None], dtype=object)


def drawn(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes of unequal frequency and strength, and p with ties; a neuron without a match has p = 1."""
    kind = rng.choice(4, size=count, p=[0.2, 0.3, 0.05, 0.45])
    p = np.round(rng.uniform(size=count) ** (1 + 3 * (kind == 1)), 3)
    return CLASSES[kind], np.where(kind == 3, 1.0, np.minimum(p, 0.999))


@pytest.mark.parametrize("draws", [20, 300])
def test_p_of_an_exchangeable_neuron_is_at_most_its_level(draws: int) -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        names, p = drawn(rng, draws + 10)
        null = TaughtNull.of(names[10:], p[10:], np.full(draws, 0.5))
        found.append(null.p(names[:10], p[:10]))
    values = np.concatenate(found)
    for level in (0.01, 0.05, 0.2, 0.5):
        # 4000 neurons, ten to a null: three standard errors of a share of independent ones, doubled.
        assert (values <= level).mean() <= level + 6 * np.sqrt(level / len(values))
    assert (values <= 0.2).mean() > 0.1


def test_a_class_that_learning_always_gives_hides_no_other() -> None:
    # Half of the neurons read one variable of the layer below, at any p; two resemble a ridge, by chance.
    names = np.array(["upstream"] * 50 + ["ridge"] * 2 + [None] * 48, dtype=object)
    p = np.concatenate([np.full(50, 1e-12), [1e-3, 1e-2], np.ones(48)])
    null = TaughtNull.of(names, p, np.full(100, 1e-9))
    ridge, upstream = null.p(np.array(["ridge", "upstream"], dtype=object), np.array([1e-4, 1e-12]))
    # It is the best of its class, and all upstream neurons tie at the worst of theirs: itself alone, of 101.
    assert ridge == pytest.approx(1 / 101)
    assert upstream > 0.5


def test_a_class_matched_exactly_by_what_learned_something_else_is_vacuous() -> None:
    names = np.array(["threshold"] * 10 + ["ridge"] * 90, dtype=object)
    null = TaughtNull.of(names, np.full(100, 0.5), np.where(names == "threshold", 1e-9, 1e-3))
    asked = np.array(["threshold", "ridge", None], dtype=object)
    assert null.vacuous(asked).tolist() == [True, False, False]


def test_what_was_not_tested_stays_so_and_what_matches_nothing_has_one() -> None:
    names, p = drawn(np.random.default_rng(1), 50)
    null = TaughtNull.of(names, p, np.full(50, 0.5))
    found = null.p(np.array(["ridge", None], dtype=object), np.array([np.nan, 1.0]))
    assert np.isnan(found[0])
    assert found[1] == 1.0


def test_the_smallest_p_is_one_in_the_draws_and_itself() -> None:
    null = TaughtNull.of(np.full(99, None, dtype=object), np.ones(99), np.ones(99))
    assert null.attainable("ridge") == pytest.approx(0.01)
