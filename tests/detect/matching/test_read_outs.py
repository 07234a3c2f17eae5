"""Linear read-outs are ridge regressions, whatever the basis of the layer."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge

from mathcircuits.detect import hand_derived
from mathcircuits.detect.matching.read_outs import held_out_errors, targets_for
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained


def test_read_outs_are_scikit_learns_ridge() -> None:
    targets = targets_for(2)
    X = np.vstack([targets.X_fit, targets.X_test])
    h = untrained(
        Architecture((2, 6, 1), ("relu",), (True, True)), 1, "uniform", np.random.default_rng(2)
    ).forward(X)
    fit, test = h.post[0][:, : len(targets.X_fit)], h.post[0][:, len(targets.X_fit) :]
    errors, weights = held_out_errors(fit, test, targets)
    mean, sd = fit[0].mean(axis=0), fit[0].std(axis=0)
    ridge = Ridge(alpha=1e-9 * len(targets.X_fit)).fit((fit[0] - mean) / sd, targets.fit)
    residual = targets.test - ridge.predict((test[0] - mean) / sd)
    np.testing.assert_allclose(errors[0], (residual**2).mean(axis=0), rtol=1e-6, atol=1e-13)
    np.testing.assert_allclose(weights[0], ridge.coef_.T, rtol=1e-6, atol=1e-9)


def test_rotating_a_layer_linearly_changes_no_read_out() -> None:
    targets = targets_for(2)
    h = hand_derived("minimum").run(np.vstack([targets.X_fit, targets.X_test]))["blocks.0.mlp.hook_post"][
        None
    ]
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    cut = len(targets.X_fit)
    plain, _ = held_out_errors(h[:, :cut], h[:, cut:], targets)
    turned, _ = held_out_errors((h @ rotation)[:, :cut], (h @ rotation)[:, cut:], targets)
    np.testing.assert_allclose(turned, plain, rtol=1e-5, atol=1e-12)
