"""Functions: networks of one function are found to be of one, whatever their form, and failures fail."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import Domain, InputError, Network, Task, hand_derived, tasks
from mathcircuits.detect.features import mirrored
from mathcircuits.reports.studies.populations.functions import (
    ONE_FUNCTION,
    allowed,
    group_functions,
    largest_difference,
    of_task,
    points_of,
)

SQUARE = Domain.of(None, 2)


def tilted(slope: float, shift: float = 0.0) -> Network:
    """|x1 - slope x2| + shift."""
    return Network([[[1.0, -slope], [-1.0, slope]], [[1.0, 1.0]]], [None, [shift]])


def test_forms_of_one_function_are_one_function() -> None:
    networks = [hand_derived("minimum"), hand_derived("minimum-older-form")] * 2
    (found,) = group_functions(networks, SQUARE)
    assert found.task is tasks["minimum"]
    assert max(found.losses.values()) < 1e-20


def test_an_unknown_function_gets_its_formula_and_symmetries() -> None:
    (found,) = group_functions([tilted(3.0)] * 3, SQUARE)
    assert found.task.text == "abs(x1 - 3 * x2)"
    assert [s.images for s in found.task.symmetries] == [("-x1", "-x2")]
    assert not found.task.needs_bias
    (shifted,) = group_functions([tilted(3.0, 0.5)] * 3, SQUARE)
    assert shifted.task.needs_bias


def test_networks_are_turned_where_the_domain_allows_it() -> None:
    """|x1 - 3 x2| with its inputs swapped is the same function on a square, and another on a rectangle."""
    swap = next(s for s in allowed(SQUARE) if s.images == ("x2", "x1"))
    networks = [tilted(3.0)] * 3 + [mirrored(tilted(3.0), swap)] * 2
    (found,) = group_functions(networks, SQUARE)
    for k in found.members:
        assert of_task([mirrored(networks[k], found.turned[k])], found.task).losses[0] < 1e-20
    # Of symmetries that do the same the first, the identity where it does.
    assert found.turned[0].images == ("x1", "x2")
    assert found.turned[4].images == ("x2", "x1")
    rectangle = Domain.of([(-1, 1), (-2, 2)], 2)
    assert [f.members for f in group_functions(networks, rectangle)] == [(0, 1, 2), (3, 4)]


@pytest.mark.parametrize("size", [2, 3])
def test_a_turn_undoes_what_was_done(size: int) -> None:
    """Every signed permutation of a network without symmetries is turned back, also those that are no involutions."""
    rows = np.array([[1.0, -2.0, 0.0], [0.0, 0.0, 1.0]])[: size - 1, :size]
    net = Network([rows, [[1.0, 3.0][: size - 1]]])
    domain = Domain.of(None, size)
    group = allowed(domain)
    turned = [mirrored(net, s) for s in group]
    (found,) = group_functions(turned, domain)
    X = points_of(domain)
    for k, network in enumerate(turned):
        assert np.allclose(mirrored(network, found.turned[k])(X), mirrored(net, found.turned[0])(X))


def test_failures_count_with_the_nearest_function() -> None:
    dead = Network([[[0.0, 0.0]], [[1.0]]])
    networks = [tilted(3.0)] * 3 + [dead, dead, tilted(3.3), tilted(-0.1), tilted(-0.1)]
    first, second = group_functions(networks, SQUARE)
    solved = [[k for k, loss in f.losses.items() if loss < f.threshold] for f in (first, second)]
    assert solved == [[0, 1, 2], [6, 7]]
    assert 5 in first.members
    # Two dead networks compute no function of their own.
    assert sorted(first.members + second.members) == list(range(8))


def test_what_is_nearly_a_function_fails_it() -> None:
    networks = [tilted(3.0)] * 3 + [tilted(3.1)] * 2
    (found,) = group_functions(networks, SQUARE)
    assert [loss < found.threshold for loss in found.losses.values()] == [True] * 3 + [False] * 2
    assert len(group_functions([*networks[:3], *[tilted(4.0)] * 2], SQUARE)) == 2


def test_the_threshold_decides() -> None:
    networks = [tilted(3.0), tilted(3.01), tilted(3.02)]
    with pytest.raises(InputError, match=r"no two of 2 networks compute the same function.*threshold"):
        group_functions([tilted(3.0), tilted(3.5)], SQUARE)
    assert len(group_functions([tilted(3.0), tilted(3.5)], SQUARE, threshold=1.0)) == 1
    (found,) = group_functions(networks, SQUARE)
    assert found.threshold == pytest.approx(ONE_FUNCTION * float(found.task(points_of(SQUARE)).var()))


def test_a_function_without_a_formula_is_its_network() -> None:
    rng = np.random.default_rng(3)
    net = Network([rng.normal(size=(12, 2)), rng.normal(size=(1, 12))], [rng.normal(size=12), None], "tanh")
    (found,) = group_functions([net] * 3, SQUARE)
    assert found.task.formula == ()
    assert found.task.name.startswith("function ")
    assert np.array_equal(found.task(points_of(SQUARE)), net(points_of(SQUARE)))


def test_domains_of_points() -> None:
    domain = Domain.finite(Domain.cube(2, (0, 1)))
    assert [s.images for s in allowed(domain)] == [("x1", "x2"), ("x2", "x1")]
    # At the corners x1 x2 is relu(x1 + x2 - 1).
    (found,) = group_functions([Network([[[1.0, 1.0]], [[1.0]]], [[-1.0], None])] * 2, domain)
    assert found.task is tasks["and"]


def test_dead_networks_alone() -> None:
    dead = Network([[[0.0]], [[1.0]]])
    with pytest.raises(InputError, match="all 2 networks are constant"):
        group_functions([dead, dead], Domain.of(None, 1))


def test_the_largest_difference_is_proved_where_the_network_is_small() -> None:
    off = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]], [None, [0.25]])
    bound, proved = largest_difference(off, tasks["minimum"])
    assert (round(bound, 9), proved) == (0.25, True)
    # A kink between the points: the proof sees what they do not.
    step = 1e4
    spike = Network(
        [[[step], [step], [step]], [[1.0, -2.0, 1.0]]], [[-step / 3 + 1, -step / 3, -step / 3 - 1], None]
    )
    flat = Task.of_formula("0 * x1", name="flat", arity=1, box=((-1.0, 1.0),))
    seen = float(np.abs(spike(points_of(flat.domain))).max())
    assert (largest_difference(spike, flat)[0], seen < 0.9) == (pytest.approx(1.0), True)
    # Of curves the points alone are looked at.
    curve = Network([[[1.0, -2.0]], [[1.0]]], activation="tanh")
    X = points_of(tasks["minimum"].domain)
    seen = float(np.abs(curve(X) - tasks["minimum"](X)).max())
    assert largest_difference(curve, tasks["minimum"]) == (seen, False)


def test_networks_that_are_somewhat_off_have_the_formula_of_their_function() -> None:
    rng = np.random.default_rng(0)
    spoilt = [
        Network([tilted(2.0).weights[0] + 0.02 * rng.normal(size=(2, 2)), *tilted(2.0).weights[1:]])
        for _ in range(3)
    ]
    (found,) = group_functions(spoilt, SQUARE, threshold=0.002)
    assert found.task.name == "abs(x1 - 2 * x2)"
    assert all(0 < loss < 0.002 for loss in found.losses.values())
