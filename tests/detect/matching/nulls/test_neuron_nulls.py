"""The null of untrained neurons: its p-values are uniform, its cache is safe, its tail is conservative."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mathcircuits.detect.matching.nulls.neuron_nulls import (
    NeuronNull,
    draw_nulls,
    fit_null,
    largest_p,
    neuron_null,
)
from mathcircuits.detect.matching.nulls.simulated import simulate
from mathcircuits.detect.matching.probes import probes_for
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.statistics import null_cache
from mathcircuits.detect.statistics.null_cache import null_folder


def fresh(architecture: Architecture, block: int, law: str, neurons: int):
    probes = probes_for(architecture.sizes[0], depth=1 if block == 0 else 2)
    return np.concatenate(list(simulate(architecture, block, law, probes, seed=99, neurons=neurons)))


@pytest.mark.parametrize(("inputs", "bias"), [(2, False), (2, True), (3, False)])
@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_p_is_calibrated_on_draws_that_fitted_nothing(inputs: int, bias: bool, law: str) -> None:
    architecture = Architecture((inputs, 1, 1), ("relu",), (bias, False))
    null = neuron_null(architecture, 0, law, probes_for(inputs))
    p, _ = null.p(fresh(architecture, 0, law, 40_000))
    for level in (0.05, 0.01, 0.001):
        below = int((p <= level).sum())
        # At most the level, up to what 40 000 draws and the null's own 3% leave open.
        limit = stats.binom.ppf(0.9999, len(p), 1.05 * level)
        assert below <= limit, (level, below, limit)
    # ... and not so conservative that nothing could ever be found.
    assert (p <= 0.01).mean() > 0.003


def test_each_class_p_is_uniform_before_the_gate() -> None:
    architecture = Architecture((2, 1, 1), ("relu",), (False, False))
    null = neuron_null(architecture, 0, "uniform", probes_for(2))
    u = fresh(architecture, 0, "uniform", 20_000)
    p = null.class_p(u)[:, null.classes.index("ridge")]
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_the_closed_form_of_the_first_layer_agrees_with_the_simulation() -> None:
    """P(U <= u) = sum_k rho_k V_D u^(D/2) / sqrt(det Q_k), D = d - 1 without bias (docs/results/measurements.md).

    For d = 2 the uniform square puts density 1 / (8 max|m|^2) on the unit direction m; Q is the variance of the
    tangent function t.x 1[m.x > 0] off span{1, relu(m.x)}, over Var relu(m.x).
    """
    probes = probes_for(2)
    X = np.random.default_rng(0).uniform(-1, 1, (400_000, 2))
    total = 0.0
    ridges = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1), (1, 1), (-1, -1)]
    for ridge in ridges:
        m = np.array(ridge) / np.linalg.norm(ridge)
        density = 1.0 / (8.0 * np.abs(m).max() ** 2)
        on = X @ m > 0
        tangent = (X @ np.array([-m[1], m[0]])) * on
        basis = np.column_stack([np.ones(len(X)), np.maximum(X @ m, 0)])
        residual = tangent - basis @ np.linalg.lstsq(basis, tangent, rcond=None)[0]
        total += density * 2.0 / np.sqrt(residual.var() / np.maximum(X @ m, 0).var())
    null = neuron_null(Architecture((2, 1, 1), ("relu",), (False, False)), 0, "uniform", probes)
    tail = null.tails[null.classes.index("ridge")]
    for u in (1e-3, 1e-4, 1e-5):
        assert tail.p(np.array([u]))[0] == pytest.approx(total * np.sqrt(u), rel=0.12)


def test_the_first_layers_null_is_the_same_at_every_width() -> None:
    probes = probes_for(2)
    nulls = [
        neuron_null(Architecture((2, h, 1), ("relu",), (False, False)), 0, "uniform", probes) for h in (3, 64)
    ]
    assert nulls[0] is nulls[1]


def test_the_null_is_kept_on_disk_and_a_damaged_file_is_simulated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mathcircuits.detect.matching.nulls import neuron_nulls as nulls
    from mathcircuits.detect.matching.nulls import simulated

    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    monkeypatch.setattr(simulated, "_FIRST_LAYER_DRAWS", 2000)
    architecture, probes = Architecture((3, 1, 1), ("relu",), (True, False)), probes_for(3)
    u = np.full((1, len(probes.classes)), 1e-3)

    def read_anew() -> float:
        nulls._cached_null.cache_clear()
        return float(neuron_null(architecture, 0, "uniform", probes).p(u)[0][0])

    first = read_anew()
    (file,) = null_folder().glob("*.npz")
    written = file.stat().st_mtime_ns
    assert read_anew() == first
    assert file.stat().st_mtime_ns == written
    file.write_bytes(file.read_bytes()[:100])
    assert read_anew() == first
    assert file.stat().st_size > 100
    nulls._cached_null.cache_clear()


def test_nulls_that_are_drawn_side_by_side_are_those_that_are_drawn_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mathcircuits.detect.matching.nulls import neuron_nulls as nulls
    from mathcircuits.detect.matching.nulls import simulated

    monkeypatch.setattr(simulated, "_FIRST_LAYER_DRAWS", 2000)
    monkeypatch.setattr(simulated, "_DEEP_DRAWS", 2000)
    monkeypatch.setattr(null_cache.os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    architecture = Architecture((2, 3, 2, 1), ("relu", "relu"), (True, True, True))
    probes, laws = {0: probes_for(2), 1: probes_for(2, depth=2)}, ("uniform", "normal")

    def kept(home: str) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in (tmp_path / home).rglob("*.npz")}

    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path / "together"))
    nulls._cached_null.cache_clear()
    draw_nulls(architecture, probes, laws)
    assert len(kept("together")) == 4
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path / "alone"))
    nulls._cached_null.cache_clear()
    for block in probes:
        for law in laws:
            neuron_null(architecture, block, law, probes[block])
    assert kept("alone") == kept("together")
    nulls._cached_null.cache_clear()


def test_where_hardly_an_untrained_neuron_bends_nothing_is_significant() -> None:
    architecture, probes = Architecture((2, 1, 1), ("relu",), (False, False)), probes_for(2)
    null = fit_null(
        iter(list(simulate(architecture, 0, "uniform", probes, 0, neurons=50))), architecture, 0, probes
    )
    p, _ = null.p(np.full((1, len(null.classes)), 1e-15))
    assert p[0] == 1.0


def test_p_falls_with_the_statistic_and_attainability_says_how_far() -> None:
    null = neuron_null(Architecture((2, 1, 1), ("relu",), (False, False)), 0, "uniform", probes_for(2))
    ridge = null.classes.index("ridge")
    u = np.ones((6, len(null.classes)))
    u[:, ridge] = [1e-12, 1e-8, 1e-6, 1e-4, 9e-3, 2e-2]
    p, winner = null.p(u)
    assert (np.diff(p) >= 0).all()
    assert p[-1] == 1.0  # beyond the gate nothing competes
    assert (winner[:-1] == ridge).all()
    assert null.attainable()[ridge] == pytest.approx(p[2])


def test_the_largest_p_over_laws_is_taken() -> None:
    probes = probes_for(2)
    shape = Architecture((2, 1, 1), ("relu",), (False, False))
    nulls: list[NeuronNull] = [neuron_null(shape, 0, law, probes) for law in ("uniform", "normal")]
    u = fresh(shape, 0, "uniform", 500)
    p, _ = largest_p(nulls, u)
    np.testing.assert_allclose(p, np.maximum(nulls[0].p(u)[0], nulls[1].p(u)[0]))
