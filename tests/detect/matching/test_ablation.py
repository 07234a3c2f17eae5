"""Ablation and substitution on plain weights."""

from __future__ import annotations

import numpy as np

from mathcircuits.detect import Network, hand_derived
from mathcircuits.detect.matching.ablation import mean_ablation, substitution
from mathcircuits.detect.matching.probes import probes_for
from mathcircuits.detect.networks.stacks import Stack

X = probes_for(2).X


def by_hand(network: Network, block: int, neuron: int, values: np.ndarray) -> np.ndarray:
    def replaced(h: np.ndarray) -> np.ndarray:
        h[:, neuron] = values
        return h

    return network.run(X, {f"blocks.{block}.mlp.hook_post": replaced}).outputs


def test_mean_ablation_is_the_intervention_it_claims_to_be() -> None:
    net = hand_derived("minimum-older-form")
    stack = Stack.of([net])
    forward = stack.forward(X)
    for block in (0, 1):
        shares = mean_ablation(stack, forward, block)[0]
        for j, share in enumerate(shares):
            mean = forward.post[block][0, :, j].mean()
            changed = by_hand(net, block, j, np.full(len(X), mean))
            error = ((changed - net(X)) ** 2).mean() / net(X).var()
            np.testing.assert_allclose(share, error, rtol=1e-9)


def test_several_outputs_are_summed() -> None:
    net = hand_derived("sort-2")
    stack = Stack.of([net])
    forward = stack.forward(X)
    shares = mean_ablation(stack, forward, 0)[0]
    h = forward.post[0][0, :, 2]
    expected = h.var() * (0.5**2 + 0.5**2) / net(X).var(axis=0).sum()
    np.testing.assert_allclose(shares[2], expected, rtol=1e-9)


def test_substitution_in_the_last_layer_would_be_an_identity_and_is_missing() -> None:
    """1 - MSE(f, f_sub) / MSE(f, f_abl) = r^2 there, whatever the network: that is why it is left out."""
    net = hand_derived("minimum")
    stack = Stack.of([net])
    forward = stack.forward(X)
    assert np.isnan(substitution(stack, forward, 0, forward.post[0])).all()
    h = forward.post[0][0]
    wrong = np.maximum(X[:, 0] - 0.8 * X[:, 1], 0)
    r = np.corrcoef(wrong, h[:, 0])[0, 1]
    fitted = h[:, 0].mean() + r * h[:, 0].std() / wrong.std() * (wrong - wrong.mean())
    error = ((by_hand(net, 0, 0, fitted) - net(X)) ** 2).mean()
    ablated = ((by_hand(net, 0, 0, np.full(len(X), h[:, 0].mean())) - net(X)) ** 2).mean()
    np.testing.assert_allclose(1 - error / ablated, r**2, rtol=1e-9)


def test_substituting_a_neuron_by_itself_recovers_everything_and_by_its_mean_nothing() -> None:
    net = hand_derived("minimum-older-form")
    stack = Stack.of([net])
    forward = stack.forward(X)
    np.testing.assert_allclose(substitution(stack, forward, 0, forward.post[0]), 1.0)
    means = np.broadcast_to(forward.post[0].mean(axis=1, keepdims=True), forward.post[0].shape)
    np.testing.assert_allclose(substitution(stack, forward, 0, means), 0.0, atol=1e-12)


def test_a_network_with_a_constant_output_has_no_shares() -> None:
    stack = Stack.of([Network([[[1.0, 0.0]], [[0.0]]])])
    assert np.isnan(mean_ablation(stack, stack.forward(X), 0)).all()
