"""The kink criterion separates networks that bend where the catalogue says from those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, hand_derived
from mathcircuits.detect.features.task import tasks
from mathcircuits.detect.matching.kinks import _beside, kink_criterion, kink_criterion_many
from mathcircuits.detect.matching.probes import probes_for
from mathcircuits.detect.networks.initialisation import lazy_networks
from mathcircuits.detect.networks.stacks import Stack


@pytest.mark.parametrize(
    "name", ["minimum", "maximum", "absolute-difference", "absolute", "x1-plus-abs-x2", "sort-2"]
)
def test_hand_derived_networks_pass(name: str) -> None:
    result = kink_criterion(hand_derived(name), task=name)
    assert result.value == pytest.approx(1.0, abs=1e-9)
    # With one input every untrained neuron bends at 0: the lazy panel passes too, and nothing is proved.
    assert result.passed is (tasks[name].arity > 1)


def test_a_lazy_network_computes_the_function_by_another_mechanism_and_fails() -> None:
    probes = probes_for(2)
    shape = Stack.of([Network([np.zeros((16, 2)), np.zeros((1, 16))])])
    lazy = lazy_networks(shape, probes.X, tasks["minimum"](probes.X), 20, "uniform", seed=3)
    nets = [lazy.network(k) for k in range(20)]
    worst = max(float(((net(probes.X) - tasks["minimum"](probes.X)) ** 2).mean()) for net in nets)
    assert worst < 2e-2  # it does compute something like the minimum
    results = kink_criterion_many(nets, task="minimum")
    assert sum(r.passed for r in results) <= 2


def test_the_linear_part_may_be_carried_by_any_pair_of_neurons() -> None:
    # x1 - relu(x1 - x2), the x1 passed through an oblique pair each half.
    w = [[1, -1], [0.8, 0.3], [-0.8, -0.3], [0.2, -0.3], [-0.2, 0.3]]
    net = Network([w, [[-1, 1, -1, 1, -1]]])
    np.testing.assert_allclose(net(probes_for(2).X), tasks["minimum"](probes_for(2).X), atol=1e-12)
    assert kink_criterion(net, task="minimum").passed


def test_a_tilted_kink_is_no_match() -> None:
    base = hand_derived("minimum").weights
    tilted = base[0].copy()
    tilted[0] = (1.0, -0.7)
    result = kink_criterion(Network([tilted, base[1]]), task="minimum")
    assert result.value < 0.5
    assert not result.passed


def test_an_affine_output_has_no_kink_to_explain() -> None:
    result = kink_criterion(hand_derived("addition"), task="addition")
    assert np.isnan(result.value)
    assert not result.passed


def test_deep_networks_are_judged_on_their_last_layers_variables() -> None:
    assert kink_criterion(hand_derived("minimum-of-4"), task="minimum-of-4").value == pytest.approx(
        1.0, abs=1e-9
    )


def test_dead_neurons_below_do_not_break_it() -> None:
    base = hand_derived("minimum-of-4").weights
    first = np.vstack([base[0], np.zeros((1, 4))])
    net = Network([first, np.hstack([base[1], np.ones((3, 1))]), base[2]])
    assert kink_criterion(net, task="minimum-of-4").value == pytest.approx(1.0, abs=1e-9)


def test_a_last_layer_that_only_passes_a_number_on_has_no_kink() -> None:
    # The older form's second layer is relu(m) - relu(-m) = m: all the bending is done below it.
    assert np.isnan(kink_criterion(hand_derived("minimum-older-form"), task="minimum").value)


def test_the_tolerance_is_the_first_that_few_lazy_networks_meet() -> None:
    narrow, wide = (np.ones((h, 2)) for h in (4, 32))
    first = kink_criterion(Network([narrow, np.ones((1, 4))]), task="minimum")
    second = kink_criterion(Network([wide, np.ones((1, 32))]), task="minimum")
    assert first.max_unexplained == 1e-3
    assert second.max_unexplained < 1e-4
    assert (
        kink_criterion(Network([wide, np.ones((1, 32))]), task="minimum", max_unexplained=1e-3).lazy
        > 0.99
        > second.lazy
    )


def test_where_the_init_law_is_unknown_the_higher_lazy_quantile_counts() -> None:
    net = hand_derived("minimum")
    uniform, normal, both = (
        kink_criterion(net, task="minimum", max_unexplained=1e-2, init=init).lazy
        for init in ("uniform", "normal", None)
    )
    assert uniform != normal
    assert both == max(uniform, normal)


def test_at_most_one_lazy_network_in_twenty_passes_at_any_width() -> None:
    probes = probes_for(2)
    for width in (8, 32):
        shape = Stack.of([Network([np.zeros((width, 2)), np.zeros((1, width))])])
        lazy = lazy_networks(shape, probes.X, tasks["minimum"](probes.X), 300, "uniform", seed=11)
        passed = sum(
            r.passed for r in kink_criterion_many([lazy.network(k) for k in range(300)], task="minimum")
        )
        # Binomial(300, 0.05) is at most 25 with probability 0.997.
        assert passed <= 25


def test_a_linear_last_layer_is_refused() -> None:
    net = Network([[[1.0, 0.0]], [[1.0]], [[1.0]]], activation=("relu", "identity"))
    with pytest.raises(InputError, match="the last hidden layer has no activation"):
        kink_criterion(net)


def test_a_kept_panel_is_that_of_its_own_task_and_shape() -> None:
    asked = [(width, name) for width in (3, 6) for name in ("minimum", "absolute-difference")]
    found = {}
    for order in (asked, asked[::-1]):
        _beside.cache_clear()
        for width, name in order:
            net = Network([np.eye(width, 2), np.ones((1, width))])
            found.setdefault((width, name), set()).add(kink_criterion(net, task=name).lazy)
    assert all(len(values) == 1 for values in found.values())
    assert len(set.union(*found.values())) == len(asked)
