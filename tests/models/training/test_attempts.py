"""Attempts: what a seed starts from, when it stops, what it costs, and that it is the same in any company."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, tasks
from mathcircuits.models import MLP, MLPConfig, as_regimen, train
from mathcircuits.models.fitting.regimens import PRESETS
from mathcircuits.models.fitting.steps import started
from mathcircuits.models.fitting.vectors import Layout
from mathcircuits.models.training.attempts import derived_seed, growing, padded_vector, unpadded_network
from mathcircuits.models.training.training import untrained

IMPOSSIBLE = 1e-40  # a loss that no network verifies at


def short(preset: str, **changes: Any) -> Any:
    return as_regimen(preset, **{"steps": 40, **changes})


def test_attempt_0_is_plain_training() -> None:
    plain = train("minimum", hidden=3, seeds=range(4), regimen=short("adam"))
    again = train(
        "minimum", hidden=3, seeds=range(4), regimen=short("adam", threshold=IMPOSSIBLE, restarts=2)
    )
    kept = again.cost == 3 * 40
    assert kept.all()  # nobody verified: three attempts each
    better = again.losses < plain.losses
    for k in np.flatnonzero(~better):
        assert all((a[k] == b[k]).all() for a, b in zip(plain.weights, again.weights, strict=True))
    assert (again.losses <= plain.losses * 1.5).all()  # chosen by other points than measured
    verified = train("minimum", hidden=3, seeds=range(4), regimen=short("adam", threshold=1e3, restarts=2))
    assert verified.cost.tolist() == [40] * 4
    assert (verified.weights[0] == plain.weights[0]).all()


def test_restarts_start_from_other_weights_of_their_own() -> None:
    assert derived_seed(5, 0) == 5
    drawn = [
        derived_seed(seed, attempt, member)
        for seed in range(5)
        for attempt in range(3)
        for member in range(3)
    ]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= seed < 2**32 for seed in drawn)


def test_only_seeds_that_do_not_verify_start_anew() -> None:
    regimen = as_regimen("adam", steps=400, batch=64, threshold=1e-5, restarts=2)
    runs = train("absolute", hidden=2, seeds=range(12), regimen=regimen)
    plain = train("absolute", hidden=2, seeds=range(12), regimen=as_regimen(regimen, restarts=0))
    once = runs.cost == 400
    assert 0 < once.sum() < 12
    assert np.array_equal(once, plain.losses < 1e-5)
    assert set(runs.cost.tolist()) <= {400, 800, 1200}
    assert (runs.losses < 1e-5).sum() > (plain.losses < 1e-5).sum()


@pytest.mark.parametrize(
    "regimen",
    [
        short("adam", pool=3),
        short("adam", init="balanced", decay=1e-3, polish=10),
        short("adam", threshold=IMPOSSIBLE, restarts=2, stream="per-seed"),
        short("lm-restarts", steps=15, restarts=1),
    ],
)
def test_a_network_is_the_same_in_any_company(regimen: Any) -> None:
    many = train("minimum", hidden=3, seeds=range(5), regimen=regimen)
    one = train("minimum", hidden=3, seeds=[3], regimen=regimen)
    assert np.allclose(many.losses[3], one.losses[0], rtol=1e-3, atol=1e-12)
    assert many.cost[3] == one.cost[0]
    for mine, own in zip(many.weights, one.weights, strict=True):
        assert np.allclose(mine[3], own[0], atol=1e-4)


def test_of_a_pool_the_best_stays() -> None:
    seeds = range(4)
    members = [derived_seed(seed, 0, member) for seed in seeds for member in range(3)]
    runs = train(
        "minimum", hidden=3, seeds=seeds, regimen=short("adam", steps=200, pool=3), checkpoints="log"
    )
    each = train("minimum", hidden=3, seeds=members, regimen=short("adam", steps=200))
    best = each.losses.reshape(4, 3).min(axis=1)
    assert np.allclose(runs.losses, best, rtol=0.2)  # the points that choose are others
    assert runs.cost.tolist() == [600] * 4
    place = [int(np.abs(each.weights[0] - w).max(axis=(1, 2)).argmin()) for w in runs.weights[0]]
    assert [p // 3 for p in place] == [0, 1, 2, 3]
    start = runs.at_step(0)
    for k, p in enumerate(place):
        assert np.array_equal(
            start.weights[0][k], MLP(MLPConfig((2, 3, 1)), seed=members[p]).to_network().weights[0]
        )


def test_a_balanced_network_starts_linear() -> None:
    runs = train("identity", hidden=4, seeds=range(3), regimen="balanced-init", steps=0)
    values = runs.activations([[-1.0], [0.5], [1.0]])["hook_output"][:, :, 0]
    assert np.allclose(values[:, 0], -values[:, 2], atol=1e-7)
    assert np.allclose(values[:, 1], values[:, 2] / 2, atol=1e-7)


def test_balanced_networks_always_find_the_identity() -> None:
    runs = train("identity", hidden=2, seeds=range(20), regimen="balanced-init", steps=1500)
    assert (runs.losses < 1e-8).all()  # 52% of seeds from torch's own weights


def test_growth_stops_at_the_first_width_that_verifies() -> None:
    runs = train("addition", hidden=8, seeds=range(12), regimen="lm-restarts")
    assert runs.widths is not None
    assert runs.widths.tolist() == [[2]] * 12  # one neuron cannot, two can
    assert (runs.losses < 1e-8).all()
    assert runs.config.sizes == (2, 8, 1)
    assert [net.cfg.sizes for net in runs] == [(2, 2, 1)] * 12
    assert (runs.weights[0][:, 2:] == 0).all()
    assert (runs.cost > 8).all()  # eight starts of width 1 first
    assert (runs.cost < 16 * 100).all()


def test_growing_shapes() -> None:
    assert [c.hidden for c in growing(MLPConfig((2, 3, 1)))] == [(1,), (2,), (3,)]
    assert [c.hidden for c in growing(MLPConfig((2, 3, 6, 1)))][:3] == [(1, 1), (1, 2), (2, 3)]
    assert growing(MLPConfig((2, 3, 6, 1)))[-1] == MLPConfig((2, 3, 6, 1))
    assert growing(MLPConfig((2, 1))) == [MLPConfig((2, 1))]


def test_a_polish_brings_the_last_digits() -> None:
    regimen = as_regimen("adam", steps=600)
    plain = train("absolute", hidden=2, seeds=range(8), regimen=regimen)
    runs = train("absolute", hidden=2, seeds=range(8), regimen=as_regimen(regimen, polish=30))
    near = plain.losses < 1e-4
    assert near.any()
    assert (runs.losses[near] < 1e-20).all()
    assert runs.config.dtype == "float64"
    assert (runs.cost > 600).all()
    assert (runs.cost <= 630).all()
    assert runs.logged_steps[-2:].tolist() == [600, 601]


def test_the_width_factor() -> None:
    runs = train("minimum", hidden=3, seeds=[0], regimen=short("adam", width_factor=4))
    assert runs.config.sizes == (2, 12, 1)


def test_a_wide_network_is_compressed() -> None:
    runs = train(
        "absolute", hidden=8, seeds=range(3), regimen=as_regimen("compress", steps=600), checkpoints=[100]
    )
    assert runs.widths is not None
    assert runs.widths.tolist() == [[2]] * 3
    assert (runs.losses < 1e-8).all()
    assert repr(runs).startswith(
        "Ensemble(absolute, 1-8-1, relu, no bias, ending with 2, compress, steps=600"
    )
    assert runs.checkpoint_steps is not None
    assert runs.checkpoint_steps.tolist() == [0, 100, 601]
    assert runs.at_step(100).widths is None
    assert [net.sizes for net in runs.at_step(100).networks()] == [(1, 8, 1)] * 3
    assert [net.sizes for net in runs.at_step(601).networks()] == [(1, 2, 1)] * 3


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_without_steps_every_preset_gives_the_initial_weights(preset: str) -> None:
    runs = train("minimum", hidden=4, seeds=[2], regimen=preset, steps=0)
    assert runs.widths is None
    assert runs.cost.tolist() == [0]
    start, _ = started(MLPConfig((2, 4, 1)), untrained(as_regimen(preset)), tasks["minimum"], [2])
    assert np.allclose(runs.weights[0].ravel(), start[0, :8])


def test_networks_at_their_own_size_and_back() -> None:
    config = MLPConfig((2, 4, 3, 1), True, dtype="float64")
    small = Network([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]], [[7.0]]], [[1.0, 2.0], [3.0], [4.0]])
    row = padded_vector(config, small)
    assert row.shape == (Layout(config).size,)
    back = unpadded_network(config, row, np.array([2, 1]))
    X = np.random.default_rng(0).uniform(-1, 1, (9, 2))
    assert back.sizes == small.sizes
    assert np.array_equal(back(X), small(X))


def test_a_compression_that_adds_neurons_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        network, cost = Network([np.ones((9, 1)), np.ones((1, 9))]), 1

    monkeypatch.setattr(
        "mathcircuits.models.training.attempts.compress_many", lambda given, *_, **__: [Wrong()] * len(given)
    )
    with pytest.raises(InputError, match=r"compression made \(1, 9, 1\) .* it may only take neurons away"):
        train("absolute", hidden=4, seeds=[0], regimen=as_regimen("compress", steps=5, restarts=0))
