"""Moves leave the law as it is: a walk's statistics are those of draws from the init law, weighted by evidence."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mathcircuits.detect import Network, canonical_form
from mathcircuits.detect.universality.fibres.moves import Walk, _log_mixture
from mathcircuits.detect.universality.fibres.particles import Layers, Problem
from mathcircuits.detect.universality.fibres.targets import target_of

RELU = Network([[[1.0, 0.0]], [[1.0]]])
SHIFTED = Network([[[1.0]], [[1.0]]], [[-0.3], None])
CASES = [
    (RELU, 2, False, 0.02),
    (SHIFTED, 2, True, 0.02),
    (Network([[[1.0], [-1.0]], [[1.0, 1.0]]]), 2, False, 0.05),
]
MOVES = ["_relocate", "_turn_one", "_turn_group", "_exchange_radii", "sweep"]


def statistics(layers: Layers, width: int) -> np.ndarray:
    """[N, 6]: the neurons' direction, squared; their radii; how near two of them are."""
    W = layers.W[:, :width]
    radius = np.linalg.norm(W, axis=2)
    unit = W / radius[..., None]
    columns = [
        unit[:, 0, 0],
        unit[:, 0, 0] ** 2,
        np.log(radius[:, 0]),
        radius.max(axis=1),
        radius.min(axis=1),
    ]
    return np.column_stack([*columns, np.abs((unit[:, 0] * unit[:, 1]).sum(axis=1))])


@cache
def weighted(case: int) -> tuple[Problem, Layers, np.ndarray]:
    """Draws from the init law and their evidence."""
    network, width, bias, temperature = CASES[case]
    problem = Problem(target_of(canonical_form(network), bias), width, np.array([0.8] * width + [0.5] * bias))
    start = problem.start(12_000, np.random.default_rng(8))
    return problem, start, problem.evidence(start, temperature)


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("move", MOVES)
def test_a_move_leaves_the_law(move: str, case: int) -> None:
    problem, start, evidence = weighted(case)
    width, temperature = problem.width, CASES[case][3]
    if move == "_turn_group" and problem.size == 1:
        move = "sweep"  # one weight has no angle to turn by, and a sweep leaves it out
    rng = np.random.default_rng(9)
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    expected = weights @ statistics(start, width)
    count = 1500
    at = rng.choice(len(weights), size=count, p=weights)
    walk = Walk(problem, start.take(at), temperature, evidence[at], rng)
    for _ in range(2 if move == "sweep" else 8):
        getattr(walk, move)()
    values = statistics(walk.layers, width)
    # Drawn from weighted particles: their own error adds to that of the walk.
    own = np.sqrt(weights**2 @ (statistics(start, width) - expected) ** 2)
    error = np.hypot(values.std(axis=0) / np.sqrt(count), own)
    assert (np.abs(values.mean(axis=0) - expected) < 4.5 * error + 1e-9).all()
    assert walk.evidence == pytest.approx(
        problem.evidence(problem.layers(walk.layers.W), temperature), abs=1e-6
    )


def test_proposals_have_the_density_that_is_corrected_for() -> None:
    # Draws about two lines in the plane, in a histogram of angles, against the density.
    rng = np.random.default_rng(9)
    target = target_of(canonical_form(RELU), False)
    walk = Walk(
        Problem(target, 2, np.ones(2)), Layers(*(np.zeros((1, 1, 1)),) * 3), 1.0, np.zeros(60_000), rng
    )
    line = np.array([[0.6, 0.8]])
    drawn = walk._around(np.broadcast_to(line, (60_000, 2)), np.full(60_000, 0.3))
    bins = np.linspace(-np.pi, np.pi, 41)
    counts = np.histogram(np.arctan2(drawn[:, 1], drawn[:, 0]), bins)[0]
    middles = (bins[1:] + bins[:-1]) / 2
    u = np.column_stack([np.cos(middles), np.sin(middles)])
    centres, usable = np.broadcast_to(line, (40, 1, 2)), np.ones((40, 1), dtype=bool)
    mixture = np.exp(_log_mixture(u, centres, usable, np.array([0.3])))  # the uniform law and this one
    expected = (mixture - 1) / (mixture - 1).sum() * 60_000
    assert np.abs(counts - expected).max() < 0.1 * expected.max()
