"""Annealed particles against plain rejection, at thresholds where rejection still finds something."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, canonical_form
from mathcircuits.detect.universality.fibres.annealing import _systematic, run_chain
from mathcircuits.detect.universality.fibres.fibre_shares import share_of_chains
from mathcircuits.detect.universality.fibres.particles import Problem
from mathcircuits.detect.universality.fibres.targets import target_of

MINIMUM = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
RELU = Network([[[1.0, 0.0]], [[1.0]]])


def problem(network: Network, width: int, scale: float) -> Problem:
    return Problem(target_of(canonical_form(network), False), width, np.full(width, scale))


def statistics(problem: Problem, W: np.ndarray, v: np.ndarray) -> dict[str, np.ndarray]:
    """What the function does not fix: the norm, where mass lies, how many neurons there are."""
    length = np.linalg.norm(W, axis=2)
    mass = length * np.abs(v[..., 0])
    norm = mass.sum(axis=1)
    kink = (W @ problem.target.kinks[0]) / length
    near = np.abs(kink) > np.cos(0.5)
    share = np.where(near.any(axis=1), (mass * near).sum(axis=1) / norm, 0.0)
    return {
        "norm": (norm > 2.5).astype(float),
        "long": (norm > 4.0).astype(float),
        "near the kink": share,
        "on its positive side": (mass * (kink > 0)).sum(axis=1) / norm,
        "one neuron": mass.max(axis=1) / norm,
    }


@cache
def rejected(name: str) -> tuple[dict[str, np.ndarray], int]:
    network, width, threshold = CASES[name]
    chosen = problem(network, width, 0.7)
    rng = np.random.default_rng(3)
    found: list[dict[str, np.ndarray]] = []
    for _ in range(30):
        layers = chosen.start(10_000, rng)
        readouts = 0.7 * rng.normal(size=(10_000, width, 1))
        good = chosen.errors(layers, readouts) < threshold
        found.append(statistics(chosen, layers.W[good], readouts[good]))
    joined = {key: np.concatenate([part[key] for part in found]) for key in found[0]}
    return joined, len(joined["norm"])


CASES = {"relu": (RELU, 3, 0.01), "minimum": (MINIMUM, 3, 0.07)}


@pytest.mark.parametrize("name", CASES)
def test_at_a_loose_threshold_the_shares_are_those_of_rejection(name: str) -> None:
    network, width, threshold = CASES[name]
    plain, count = rejected(name)
    assert count > 200
    chosen = problem(network, width, 0.7)
    run = run_chain(chosen, threshold, 1500, 2, np.random.default_rng(0))
    assert run.errors.max() < threshold
    for key, values in statistics(chosen, run.W, run.readouts).items():
        share = share_of_chains(values, run.weights, np.zeros(len(values), dtype=np.intp), run.family)
        spread = plain[key].std()
        error = spread * np.hypot(count**-0.5, share.effective**-0.5)
        assert abs(share.value - plain[key].mean()) < 3.5 * error, key
        # The comparison is sharp: a tenth of the range would be seen.
        assert 3.5 * error < 0.16, key


def test_errors_below_the_threshold_are_as_frequent_as_in_rejection() -> None:
    network, width, threshold = CASES["relu"]
    run = run_chain(problem(network, width, 0.7), threshold, 1500, 2, np.random.default_rng(1))
    half = float(run.weights @ (run.errors < threshold / 2))
    chosen, rng = problem(network, width, 0.7), np.random.default_rng(4)
    layers = chosen.start(100_000, rng)
    errors = chosen.errors(layers, 0.7 * rng.normal(size=(100_000, width, 1)))
    plain = (errors < threshold / 2).sum() / (errors < threshold).sum()
    assert half == pytest.approx(plain, abs=0.1)


def test_temperatures_fall_and_families_die_out() -> None:
    run = run_chain(problem(RELU, 2, 0.5), 1e-6, 200, 1, np.random.default_rng(2))
    temperatures = [level.temperature for level in run.levels]
    ancestors = [level.ancestors for level in run.levels]
    assert temperatures == sorted(temperatures, reverse=True)
    assert ancestors == sorted(ancestors, reverse=True)
    assert run.weights.sum() == pytest.approx(1)
    assert run.errors.max() < 1e-6


def test_systematic_draws_take_each_by_its_weight() -> None:
    at = _systematic(np.array([0.5, 0.0, 0.25, 0.25]), np.random.default_rng(0))
    assert np.bincount(at, minlength=4).tolist() == [2, 0, 1, 1]


def test_a_threshold_that_is_never_reached() -> None:
    # One neuron cannot be the minimum.
    with pytest.raises(InputError, match="no network of 1 neurons got below a mean squared error of 1e-08"):
        run_chain(problem(MINIMUM, 1, 0.5), 1e-8, 20, 1, np.random.default_rng(0))
