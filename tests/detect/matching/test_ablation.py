"""Ablation and substitution on plain weights."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import Network, hand_derived
from mathcircuits.detect.matching.ablation import mean_ablation, one_feature, substitution
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


def split(weights: list[list[float]], read: list[float], copies: int) -> Network:
    """A network of one hidden layer with its first neuron split into as many copies, at scales of their own."""
    scale = np.linspace(0.5, 3, copies)
    first = [[float(s) * w for w in weights[0]] for s in scale]
    return Network([[*first, *weights[1:]], [[*(read[0] / copies / scale), *read[1:]]]])


@pytest.mark.parametrize("copies", [1, 2, 11])
def test_the_copies_of_a_neuron_are_ablated_together(copies: int) -> None:
    """Predicted: any number of copies costs what the one neuron does, where each alone costs 1 / copies^2 of it."""
    whole, parts = hand_derived("minimum"), split([[1, -1], [1, 0], [-1, 0]], [-1, 1, -1], copies)
    found = []
    for net in (whole, parts):
        stack = Stack.of([net])
        forward = stack.forward(X)
        together = one_feature(forward.post[0])
        found.append(mean_ablation(stack, forward, 0, together)[0])
        alone = mean_ablation(stack, forward, 0)[0]
    np.testing.assert_allclose(found[1][:copies], found[0][0], rtol=1e-9)
    np.testing.assert_allclose(found[1][copies:], found[0][1:], rtol=1e-9)
    np.testing.assert_allclose(alone[:copies], found[0][0] / copies**2, rtol=1e-9)


def test_copies_in_a_lower_layer_are_ablated_together() -> None:
    net = hand_derived("minimum-older-form")
    twice = Network(
        [
            np.vstack([net.weights[0], net.weights[0][:1]]),
            np.hstack([net.weights[1] * ([0.5] + [1] * (net.sizes[1] - 1)), net.weights[1][:, :1] * 0.5]),
            net.weights[2],
        ]
    )
    shares = []
    for one in (net, twice):
        stack = Stack.of([one])
        forward = stack.forward(X)
        shares.append(mean_ablation(stack, forward, 0, one_feature(forward.post[0]))[0])
    np.testing.assert_allclose(shares[1], [*shares[0], shares[0][0]], rtol=1e-9)


def test_a_twin_without_effect_is_not_used() -> None:
    """Of three like neurons that carry 0.5, 0.5 and less than 0.1 / 3 of it, the last counts alone."""
    for last, used in ((0.0, False), (0.02, False), (0.05, True)):
        stack = Stack.of([Network([[[1, -1]] * 3, [[0.5, 0.5 - last, last]]])])
        forward = stack.forward(X)
        shares = mean_ablation(stack, forward, 0, one_feature(forward.post[0]))[0]
        assert shares[:2] == pytest.approx(1.0)
        assert shares[2] == pytest.approx(1.0 if used else last**2, abs=1e-12)


def test_one_feature_ends_where_holding_a_feature_does() -> None:
    """1 - r^2 <= 1e-3 on one side: a degree apart is one, five degrees are two, and so are both sides."""
    angles = np.radians([0, 1, 5, 180])
    post = np.maximum(X @ np.stack([np.cos(angles), np.sin(angles)]), 0)[None]
    assert one_feature(post)[0].tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
    ]
