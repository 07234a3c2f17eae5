"""Why a network failed: planted causes, a rule known exactly, the step at which it was lost, what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import (
    InputError,
    Network,
    UnknownTask,
    diagnose,
    diagnose_many,
    hand_derived,
    lost_at,
    lost_at_many,
    tasks,
)
from mathcircuits.detect.learning.diagnosis import CAUSES, LARGEST
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.reports.benchmark.regimens.failures import (
    SURGERIES,
    PlantedFailure,
    confusion,
    gradient_descent,
    plant_failures,
)


def one_d(*neurons: tuple[float, float]) -> Network:
    """A network of one input and no biases from (incoming, outgoing) weights."""
    w, v = zip(*neurons, strict=True)
    return Network([[[x] for x in w], [list(v)]])


# Planted causes


@pytest.fixture(scope="module")
def planted() -> list[PlantedFailure]:
    return plant_failures(2, seed=11)


def test_planted_causes_are_found(planted: list[PlantedFailure]) -> None:
    table = confusion(planted)
    assert table.to_numpy().sum() == len(planted) == 10
    assert np.trace(table.to_numpy()) >= 9


def test_every_plant_is_a_failure(planted: list[PlantedFailure]) -> None:
    assert [f.cause for f in planted] == [cause for cause in (*SURGERIES, "not converged") for _ in range(2)]
    for failure in planted:
        X = np.random.default_rng(5).uniform(-1, 1, (500, failure.network.inputs))
        assert ((failure.network(X) - tasks[failure.task](X)) ** 2).mean() > 1e-4
        assert bool(failure.neurons) == (failure.cause != "not converged")


def test_plants_repeat_by_seed() -> None:
    rng = [np.random.default_rng(0) for _ in range(2)]
    net = one_d((1.0, 0.5), (-0.7, 0.2))
    one, two = (gradient_descent([net], [tasks["absolute"]], 40, r)[0][0] for r in rng)
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, two.weights, strict=True))


def test_each_cause_by_hand() -> None:
    biased = Network([[[1.0], [-1.0]], [[1.0, 1.0]]], [[0.0, -1.5], [0.0]])
    cases = {
        "solved": one_d((2.0, 0.5), (-1.0, 1.0)),
        "not converged": one_d((2.0, 0.4), (-1.0, 1.2)),
        "out of reach": one_d((1.0, 1.0)),
        "dead neuron": biased,
        "wrong-signed neuron": one_d((1.0, 1.0), (-0.4, -0.9)),
        "same side": one_d((1.0, 0.6), (0.5, 0.8)),
    }
    found = {cause: diagnose(net, "absolute") for cause, net in cases.items()}
    assert {cause: d.cause for cause, d in found.items()} == {cause: cause for cause in cases}
    assert (found["dead neuron"].layer, found["dead neuron"].neuron) == (0, 1)
    assert (found["wrong-signed neuron"].layer, found["wrong-signed neuron"].neuron) == (0, 1)
    # the one of the two that does less
    assert found["same side"].neuron == 1
    assert "relu(-x1)" in found["same side"].sentence
    assert all(d.cause in CAUSES and d.cause in repr(d) for d in found.values())


def test_a_kink_in_the_wrong_place_is_named() -> None:
    # Seed 46 of the notebook's training ends so: two neurons share what three do, the third has found no place.
    w, v = [[0.201, -0.946], [-0.163, -0.451], [-0.953, 0.201]], [[-0.861, -0.035, -0.868]]
    found = diagnose(Network([w, v]), "minimum")
    assert (found.cause, found.layer) == ("kink in the wrong place", 0)
    assert "nothing bends along x1 - x2 = 0, where the task does" in found.sentence


# The rule of |x| is known: each side of 0 needs a neuron with v > 0 or |w| > |v|


def test_the_rule_of_the_absolute_value() -> None:
    rng = np.random.default_rng(3)
    w, v = rng.uniform(-1, 1, (60, 2)), rng.uniform(-0.7, 0.7, (60, 2))
    # the rule is of the sign of |w| - |v|: near 0 only rounding decides
    clear = np.abs(np.abs(w) - np.abs(v)).min(axis=1) > 0.05
    nets = [one_d(*zip(a, b, strict=True)) for a, b in zip(w[clear], v[clear], strict=True)]
    found = diagnose_many(nets, "absolute")
    expected = []
    for a, b in zip(w[clear], v[clear], strict=True):
        good = (b > 0) | (np.abs(a) > np.abs(b))
        done = (good & (a > 0)).any() and (good & (a < 0)).any()
        expected.append("not converged" if done else "same side" if good.all() else "wrong-signed neuron")
    told = [d.cause == "not converged" for d in found]
    assert told == [cause == "not converged" for cause in expected]
    assert {"not converged", "same side", "wrong-signed neuron"} == set(expected)


def test_the_answer_does_not_depend_on_scale_order_or_company() -> None:
    net = one_d((1.0, 0.6), (0.5, 0.8), (0.3, 0.3))
    other = one_d((0.9, 1 / 3), (0.5, 0.8), (1.0, 0.6))
    alone = [diagnose(n, "absolute") for n in (net, other)]
    assert [d.cause for d in alone] == ["same side", "same side"]
    together = diagnose_many([net, other, one_d((1.0, 1.0), (-1.0, 1.0))], "absolute")
    assert [d.sentence for d in together[:2]] == [d.sentence for d in alone]


# Deeper networks, leaky ones, biases


def test_a_dead_neuron_of_the_second_layer() -> None:
    whole = hand_derived("minimum-of-4")
    second = whole.weights[1].copy()
    second[0] = -np.abs(second[0])
    found = diagnose(Network([whole.weights[0], second, whole.weights[2]]), "minimum-of-4")
    assert (found.cause, found.layer, found.neuron) == ("dead neuron", 1, 0)
    assert "3 that the task needs" in found.sentence
    nearly = Network([w * 1.01 for w in whole.weights])
    assert diagnose(nearly, "minimum-of-4").cause == "not converged"
    assert diagnose(whole, "minimum-of-4").cause == "solved"


def test_two_hidden_layers_where_one_would_do() -> None:
    older = hand_derived("minimum-older-form")
    assert diagnose(older, "minimum").cause == "solved"
    dead = Network([older.weights[0], -np.abs(older.weights[1]), older.weights[2]])
    assert diagnose(dead, "minimum").cause == "dead neuron"


def test_leaky_networks_are_followed_and_have_no_dead_neurons() -> None:
    def leaky(w: float) -> Network:
        return Network([[[1.0], [w]], [[0.5, 0.5]]], activation="leaky_relu(0.1)")

    assert diagnose(leaky(-0.5), "absolute").cause == "not converged"
    assert diagnose(leaky(0.5), "absolute").cause == "same side"
    assert diagnose(
        Network([[[0.0], [1.0]], [[1.0, 1.0]]], activation="leaky_relu(0.1)"), "absolute"
    ).cause != ("dead neuron")


def test_what_cannot_be_told_is_said() -> None:
    smooth = diagnose(Network([[[1.0], [-1.0]], [[1.0, 1.0]]], activation="tanh"), "absolute")
    assert smooth.cause == "unknown"
    assert "tanh" in smooth.sentence
    large = untrained(
        Architecture((1, 40, 40, 1), ("relu", "relu"), (True,) * 3), 1, "uniform", np.random.default_rng(0)
    )
    found = diagnose(large.network(0), "absolute")
    assert found.cause == "unknown"
    assert str(LARGEST) in found.sentence
    affine = diagnose(Network([[[1.0]]]), "absolute")
    assert affine.cause == "out of reach"


def test_a_task_that_needs_biases() -> None:
    found = diagnose(one_d((1.0, 1.0), (-1.0, 1.0)), "clip")
    assert found.cause == "out of reach"
    assert "biases" in found.sentence
    # first of all: on few points, and however large, such a network may come near; and of any formula
    wide = untrained(
        Architecture((1, 2000, 1), ("relu",), (False,) * 2), 1, "uniform", np.random.default_rng(0)
    ).network(0)
    for net in (one_d((1.0, 1.0), (-1.0, 1.0)), wide):
        assert diagnose(net, "relu(x1 - 0.3) + abs(x1)").sentence == (
            "the task 'relu(x1 - 0.3) + abs(x1)' needs biases, and this network has none: train it with bias=True"
        )


def test_a_loss_that_is_given_is_believed() -> None:
    net = one_d((1.0, 1.0), (-1.0, 0.9))
    assert diagnose(net, "absolute", loss=1e-9).cause == "solved"
    assert diagnose(net, "absolute", threshold=1.0).cause == "solved"
    diverged = diagnose_many([net, net, None], "absolute", losses=[float("nan"), float("inf"), 0.0])
    assert [d.cause for d in diverged] == ["diverged"] * 3
    assert diagnose(None, "absolute").cause == "diverged"


# The step at which it was lost


def test_the_step_at_which_a_network_was_lost() -> None:
    fine, lost, solved = (
        one_d((1.0, 0.5), (-0.2, 0.6)),
        one_d((1.0, 0.5), (0.2, 0.6)),
        one_d((1.0, 1.0), (-1.0, 1.0)),
    )
    steps = [0, 1, 10, 100]
    assert lost_at(steps, [fine, fine, lost, lost], "absolute") == 10
    assert lost_at(steps, [lost] * 4, "absolute") == 0
    assert lost_at(steps, [lost, fine, fine, lost], "absolute") == 100
    assert lost_at(steps, [lost, lost, fine, solved], "absolute") is None
    assert lost_at(steps, [fine, fine, None, None], "absolute") == 10
    assert lost_at_many([0, 5], [[fine, lost], [lost, fine], [lost, lost]], "absolute") == [5, None, 0]
    smooth = Network([[[1.0]], [[1.0]]], activation="tanh")
    assert lost_at([0], [smooth], "absolute") is None


# Errors


def test_errors_say_what_to_do() -> None:
    net = one_d((1.0, 1.0))
    with pytest.raises(UnknownTask, match="absolute"):
        diagnose(net, "absolut")
    with pytest.raises(InputError, match="2 inputs and 1 outputs; diagnose a network of its own task"):
        diagnose(net, "minimum")
    with pytest.raises(InputError, match=r"threshold -1\.0: give a mean squared error above 0"):
        diagnose(net, "absolute", threshold=-1.0)
    with pytest.raises(InputError, match="1 losses for 2 networks: give one each"):
        diagnose_many([net, net], "absolute", losses=[1.0])
    with pytest.raises(InputError, match="run 0 has 1 networks at 2 steps: give one network per step"):
        lost_at([0, 1], [net], "absolute")
    with pytest.raises(InputError, match=r"steps \[\]: give increasing training steps, at least one"):
        lost_at([], [], "absolute")
    with pytest.raises(InputError, match=r"steps \[5, 1\]: give increasing training steps"):
        lost_at([5, 1], [net, net], "absolute")
    with pytest.raises(InputError, match=r"steps \['end'\]: give increasing training steps"):
        lost_at(["end"], [net], "absolute")  # type: ignore[list-item]
    with pytest.raises(InputError, match="one Network: give a list of networks"):
        diagnose_many(net, "absolute")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"losses \['low'\]: give one mean squared error per network"):
        diagnose(net, "absolute", loss="low")  # type: ignore[arg-type]
    assert diagnose_many([], "absolute") == []
