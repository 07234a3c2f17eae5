"""Compression: planted redundancy goes, what is needed stays, tolerances hold, and the weights can be read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_networks import inflated, points

from mathcircuits.detect import InputError, Network, UnknownTask, tasks
from mathcircuits.models import Compression, compress, compress_many, hand_derived, train
from mathcircuits.models.compression.elimination import Limits, State, deletions, eliminated, kicked, without
from mathcircuits.models.fitting.levenberg import levenberg
from mathcircuits.models.fitting.regimens import Regimen

#: The form of a minimum that wide networks prefer: half the sum less half the distance, with four neurons.
HALF_SUM = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])


def columns(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.T.copy())[None]


# Planted redundancy


@pytest.mark.parametrize("name", ["identity", "absolute", "subtraction", "minimum", "x1-plus-abs-x2", "clip"])
def test_planted_redundancy_goes(name: str) -> None:
    small = hand_derived(name).to_network()
    wide = inflated(small, 3) if small.biases is None else _split(small)
    X, y = points(small)
    assert np.abs(wide(X) - y).max() < 1e-12
    done = compress(wide, name)
    assert done.verified
    assert sum(done.after[1:-1]) <= sum(small.sizes[1:-1])
    assert np.abs(done.network(X) - tasks[name](X)).max() < 1e-6
    assert done.difference is not None
    assert done.difference.upper < 1e-6
    assert len(done.removed) == len(set(done.removed)) == sum(done.before[1:-1]) - sum(done.after[1:-1])


def _split(network: Network) -> Network:
    """Every neuron of a network with biases split in three, and one that is always on."""
    w, v = network.weights
    b, c = network.bias_vectors
    d = network.inputs
    return Network(
        [
            np.concatenate([w, 2 * w, 3 * w, np.full((1, d), 0.5)]),
            np.concatenate([v / 2, v / 8, v / 12, np.full((1, 1), 0.0)], axis=1),
        ],
        [np.concatenate([b, 2 * b, 3 * b, [2.0]]), c],
    )


@pytest.mark.parametrize("target", [None, "minimum-of-4"])
def test_a_deep_network_of_a_foreign_shape_ends_in_the_circuit(target: str | None) -> None:
    wide = inflated(hand_derived("minimum-of-4").to_network(), 5)
    assert wide.sizes == (4, 15, 8, 1)
    done = compress(wide, target)
    assert done.verified
    assert done.after == (4, 6, 3, 1)
    assert {len(np.flatnonzero(row)) for row in done.network.weights[0]} == {1, 2}
    assert set(np.unique(np.abs(np.concatenate([w.ravel() for w in done.network.weights])))) == {0.0, 1.0}


@pytest.mark.parametrize("name", ["minimum", "absolute", "median-of-3"])
def test_what_cannot_go_stays(name: str) -> None:
    smallest = hand_derived(name).to_network()
    done = compress(smallest, name)
    assert (done.verified, done.after, done.removed) == (True, smallest.sizes, ())
    assert done.held_out < 1e-9


def test_a_function_of_nobodys_keeps_its_size() -> None:
    rng = np.random.default_rng(0)
    network = Network([rng.normal(size=(4, 2)), rng.normal(size=(1, 4))])
    done = compress(network)
    assert (done.after, done.verified, done.target) == ((2, 4, 1), True, "itself")
    assert done.held_out < 1e-4


def test_several_outputs() -> None:
    small = hand_derived("sort-2").to_network()
    done = compress(inflated(small, 1), "sort-2")
    assert (done.verified, done.after[1] <= small.sizes[1]) == (True, True)


def test_a_smooth_network_loses_its_copies() -> None:
    w, v = np.array([[1.0, -0.7], [0.4, 1.3]]), np.array([[0.6, -1.1]])
    wide = Network([np.concatenate([w, w, -w]), np.concatenate([v, v / 2, v / 4], axis=1)], activation="tanh")
    done = compress(wide)
    assert (done.after, done.verified, done.readable, done.difference) == ((2, 2, 1), True, False, None)
    assert done.held_out < 1e-6


@pytest.mark.parametrize("network", [Network([[[1.0, 2.0]]]), Network([[[0.0, 0.0]] * 3, [[1.0, 2.0, 3.0]]])])
def test_nothing_to_go_on(network: Network) -> None:
    done = compress(network)
    assert done.verified
    assert sum(done.after[1:-1]) <= 1
    assert done.held_out == 0.0


def test_trained_networks_end_at_the_smallest_width() -> None:
    wide = Regimen(
        lr=0.02, schedule="cosine", steps=1000, batch=128, decay=1e-3, name="wide", stream="per-seed"
    )
    runs = train("minimum", hidden=12, seeds=range(6), regimen=wide)
    done = compress_many(runs.networks(), "minimum", seeds=runs.seeds)
    assert [one.after for one in done] == [(2, 3, 1)] * 6
    assert all(one.verified for one in done)
    assert all(set(np.unique(np.abs(one.network.weights[0]))) == {0.0, 1.0} for one in done)


def test_a_large_network_loses_neurons_before_it_is_fitted() -> None:
    rng = np.random.default_rng(2)
    small = hand_derived("minimum-older-form").to_network()
    w, v, out = small.weights
    spread = rng.dirichlet(np.ones(20), len(w))
    wide = Network(
        [
            np.repeat(w, 20, axis=0) + 1e-6 * rng.normal(size=(60, 2)),
            np.repeat(np.repeat(v, 20, axis=0) + 0.0, 20, axis=1) * spread.ravel(),
            np.repeat(out, 20, axis=1) / 20,
        ]
    )
    assert wide.sizes == (2, 60, 40, 1)
    done = compress(wide, "minimum")
    assert done.verified
    assert sum(done.after[1:-1]) <= 5


# Tolerances


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-8])
def test_no_tolerance_is_broken(tolerance: float) -> None:
    rng = np.random.default_rng(7)
    network = Network([rng.normal(size=(8, 2)), rng.normal(size=(1, 8))], [rng.normal(size=8) / 2, [0.1]])
    done = compress(network, tolerance=tolerance)
    assert done.verified
    assert done.loss < tolerance
    X, y = points(network, 20_000)
    # another sample of the same error
    assert ((done.network(X) - y) ** 2).mean() < 1.3 * tolerance
    assert done.held_out**2 >= done.loss


def test_more_tolerance_makes_smaller() -> None:
    rng = np.random.default_rng(7)
    network = Network([rng.normal(size=(8, 2)), rng.normal(size=(1, 8))])
    widths = [compress(network, tolerance=tolerance).after[1] for tolerance in (3e-2, 1e-3, 1e-8)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_a_network_that_has_not_learned_is_not_verified() -> None:
    constant = Network([[[0.3, 0.1]], [[0.2]]])
    done = compress(constant, "minimum")
    assert not done.verified
    assert done.loss > 1e-3
    assert done.after == (2, 1, 1)


def test_data() -> None:
    X = np.random.default_rng(0).uniform(-1, 2, (800, 2))
    y = X.min(axis=1)
    done = compress(HALF_SUM, (X, y))
    assert (done.after, done.verified, done.target) == ((2, 3, 1), True, "data")
    assert done.box[0] == (X[:, 0].min(), X[:, 0].max())
    noisy = y + 0.1 * np.random.default_rng(1).normal(size=800)
    assert not compress(HALF_SUM, (X, noisy)).verified
    loose = compress(HALF_SUM, (X, noisy), tolerance=0.02)
    assert loose.verified
    assert 0.005 < loose.loss < 0.02  # the noise's own 0.01, on rows held out


def test_a_box_of_ones_own() -> None:
    # |x| = x where x > 0, which takes one neuron
    wide = Network([[[1.0], [-1.0], [2.0]], [[0.5, 1.0, 0.25]]])
    assert compress(wide, "absolute", box=(0.0, 1.0)).after == (1, 1, 1)
    assert compress(wide, "absolute").after == (1, 2, 1)


def test_deleting_a_neuron_deletes_its_weights() -> None:
    rng = np.random.default_rng(4)
    w, v, out = rng.normal(size=(3, 2)), rng.normal(size=(4, 3)), rng.normal(size=(2, 4))
    v[:, 1] = 0.0
    out[:, 2] = 0.0
    network = Network([w, v, out], [rng.normal(size=3), rng.normal(size=4), None])
    X, y = points(network)
    state = State.of(network, ((0, 1, 2), (0, 1, 2, 3)))
    for neuron, sizes, gone in ((1, (2, 2, 4, 2), (0, 1)), (3 + 2, (2, 3, 3, 2), (1, 2))):
        config, parameters = without(state.config, state.parameters[None], torch.tensor([neuron]))
        assert config.sizes == sizes
        less = state.less(neuron, config, parameters[0], 0.0)
        assert less.gone == (gone,)
        assert np.allclose(less.network()(X), y)


def test_deletions_cost_what_the_best_compensation_leaves() -> None:
    # With the read-out alone fitted the loss is quadratic; here the incoming weights hardly help.
    rng = np.random.default_rng(0)
    w, v = 1e3 * rng.normal(size=(4, 2)), 1e-3 * rng.normal(size=(1, 4))
    network = Network([w, v])
    X, y = points(network, 500)
    state = State.of(network, (tuple(range(4)),))
    costs, steps = deletions(state.parameters[None], columns(X), columns(y), state.config)
    assert costs.shape == (1, 4)
    for neuron in range(4):
        moved = state.parameters[None] + steps[:, neuron]
        assert float(moved[0, 8 + neuron].abs()) < 1e-12  # its outgoing weight goes to 0
        config, parameters = without(state.config, moved, torch.tensor([neuron]))
        plain = without(state.config, state.parameters[None], torch.tensor([neuron]))[1]
        helped, bare = (levenberg(p, columns(X), columns(y), config, 0)[1] for p in (parameters, plain))
        assert helped < bare


def limits(count: int = 1) -> Limits:
    ones = torch.ones(count, dtype=torch.float64)
    return Limits(256, 8, 15, 1e-6 * ones, 1e-10 * ones, 1e-28 * ones)


def test_a_kick_finds_what_elimination_is_not_let_to() -> None:
    state = State.of(HALF_SUM, (tuple(range(4)),))

    def draw(_purpose: str, _rows: object, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        X, y = points(HALF_SUM, count)
        return columns(X), columns(y)

    cost = torch.zeros(1, dtype=torch.int64)
    (found,) = kicked([state], [0], draw, limits(), cost, [0])
    assert found
    assert {option.config.sizes for option in found} == {(2, 3, 1)}
    assert all(option.loss < 1e-10 for option in found)
    assert int(cost[0]) > 0
    (way,) = eliminated([state], [0], draw, limits(), cost)
    assert [len(one.gone) for one in way] == [0, 1]
    (none,) = kicked([way[-1]], [0], draw, limits(), cost, [0])
    assert none == []


# Readable weights


def test_minimum_is_readable_whatever_its_scales() -> None:
    form = Network([[[0.37, -0.37], [2.9, 0], [-1.7, 0]], [[-1 / 0.37, 1 / 2.9, -1 / 1.7]]])
    done = compress(form, "minimum")
    assert done.readable
    assert sorted(done.network.weights[0].tolist()) in (
        [[-1.0, 0.0], [1.0, -1.0], [1.0, 0.0]],
        [[-1.0, 1.0], [0.0, -1.0], [0.0, 1.0]],
    )
    assert np.unique(np.abs(done.network.weights[1])).tolist() == [1.0]


def test_reading_can_be_left_out() -> None:
    form = Network([[[2.9], [-1.7]], [[1 / 2.9, 1 / 1.7]]])
    done = compress(form, "absolute", settings=Compression(readable=False))
    assert not done.readable
    assert done.network.weights[0].ravel().tolist() == [2.9, -1.7]


# Many at once


def test_none_depends_on_the_others() -> None:
    rng = np.random.default_rng(11)
    nets = [inflated(hand_derived("minimum").to_network(), seed) for seed in range(3)]
    nets.append(Network([rng.normal(size=(9, 2)), rng.normal(size=(1, 9))]))
    nets.append(Network([rng.normal(size=(5, 2)), rng.normal(size=(3, 5)), rng.normal(size=(1, 3))]))
    together = compress_many(nets, "minimum", settings=Compression(kick=False), seeds=range(5))
    for k in (0, 3, 4):
        (alone,) = compress_many([nets[k]], "minimum", settings=Compression(kick=False), seeds=[k])
        assert alone.after == together[k].after
        assert alone.removed == together[k].removed
        for one, other in zip(alone.network.weights, together[k].network.weights, strict=True):
            assert np.allclose(one, other, atol=1e-6)


def test_no_networks() -> None:
    assert compress_many([], "minimum") == []


# What is said


def test_a_result_says_what_it_is() -> None:
    done = compress(HALF_SUM, "minimum")
    assert repr(done).startswith("Compressed(2-4-1 -> 2-3-1, minimum, verified: mse ")
    page = done._repr_html_()
    assert "2-4-1 to 2-3-1" in page
    assert "below 1e-08" in page
    assert done.to_network() is done.network
    assert done.sizes == done.after == (2, 3, 1)
    assert compress(done, "minimum").after == (2, 3, 1)


def test_settings_by_depth() -> None:
    shallow, deep = (Compression().for_depth(depth) for depth in (1, 2))
    assert (shallow.points, shallow.kick, deep.points, deep.kick) == (256, False, 768, True)
    assert Compression(points=99, kick=True).for_depth(1).points == 99
    with pytest.raises(InputError, match="unknown key 'treis': did you mean 'tries'"):
        Compression(treis=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "subtraction", "network": Network([[[1.0]]])}, "it needs 2 inputs and 1 outputs"),
        ({"target": 3}, "a target of type int: give a task"),
        ({"target": ([[1.0, 2.0]] * 20, [1.0] * 19)}, r"shape \(19, 1\), expected \[20, 1\]"),
        ({"target": ([[1.0, 2.0]] * 20, ["a"] * 20)}, "no numeric array"),
        ({"target": ([[1.0, 2.0]] * 20, [np.nan] * 20)}, "targets hold 20 values"),
        ({"target": ([[1.0, 2.0]] * 9, [1.0] * 9)}, "data of 9 rows: give at least 10"),
        ({"tolerance": 0.0}, "tolerance 0.0: give a positive"),
        ({"tolerance": "small"}, "tolerance 'small'"),
        ({"tolerance": float("inf")}, "tolerance inf"),
        ({"seed": -1}, "seed -1"),
        ({"settings": {"tries": 3}}, "settings of type dict: give a Compression"),
        ({"network": "net.pt"}, "a str is no network"),
        ({"box": (1.0, -1.0)}, "every low must be finite and below its high"),
        ({"network": Network([[[1e200, 0.0], [0.0, 1.0]], [[1e200, 1.0]]])}, "overflow on the box"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"network": HALF_SUM, "target": None, **arguments}
    with pytest.raises(InputError, match=message), np.errstate(over="ignore", invalid="ignore"):
        compress(given.pop("network"), given.pop("target"), **given)  # type: ignore[arg-type]


def test_unknown_tasks_and_missing_seeds() -> None:
    with pytest.raises(UnknownTask):
        compress(HALF_SUM, "minimun")
    with pytest.raises(InputError, match="one Network: give a list of networks"):
        compress_many(HALF_SUM, "minimum")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="2 seeds for 1 networks"):
        compress_many([HALF_SUM], "minimum", seeds=[1, 2])
    with pytest.raises(InputError, match="it needs 1 inputs"):
        compress_many([HALF_SUM], "absolute")
