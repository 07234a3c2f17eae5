"""Only forms: where the smallest network leaves a choice, and where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import Network, Task, hand_derived, tasks
from mathcircuits.detect.exact.criteria import SAME_GAUGE
from mathcircuits.detect.exact.reduced import reduce_network
from mathcircuits.detect.exact.uniqueness import _only_form, has_only_form
from mathcircuits.detect.features.symmetry import mirrored

BOX = ((-1.0, 1.0), (-1.0, 1.0))


@pytest.mark.parametrize("name", [name for name in tasks if len(tasks[name].smallest or ()) == 1])
def test_shallow_tasks_have_one_smallest_form_but_for_a_few(name: str) -> None:
    several = name in ("clip", "sort-2", "tax", "clamp", "sum-of-absolutes")
    # Of a task on points it is not known.
    assert has_only_form(name) == (not several and not tasks[name].points)


def test_two_ways_of_three_neurons_are_two_forms_without_the_symmetry() -> None:
    minimum = hand_derived("minimum")
    assert _only_form(minimum, BOX, tasks["minimum"].symmetries, False)
    assert not _only_form(minimum, BOX, (), False)


def test_clip_has_a_second_form_of_two_neurons() -> None:
    X = np.linspace(-1, 1, 81)[:, None]
    left = Network([[[-1.0], [-1.0]], [[1.0, -1.0]]], [[-0.5, 0.5], [0.5]])
    assert left(X) == pytest.approx(tasks["clip"](X), abs=1e-12)
    box = tasks["clip"].box
    assert reduce_network(left, box=box).distance(reduce_network(hand_derived("clip"), box=box)) > SAME_GAUGE


def test_sort_2_has_a_form_for_every_direction_of_its_pair() -> None:
    # Both sides of x1 - x2 are there already, and take up what the pair carries beside the sum.
    X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    own = reduce_network(hand_derived("sort-2"))
    for lean in (0.5, 1.0):
        q, n = np.array([1 + lean, 1 - lean]), np.array([1.0, -1.0])
        read = [[0.5, -0.5, -(1 + lean) / 2, -(1 - lean) / 2], [0.5, -0.5, (1 - lean) / 2, (1 + lean) / 2]]
        net = Network([[q, -q, n, -n], read])
        assert net(X) == pytest.approx(np.sort(X, axis=1), abs=1e-12)
        images = [net, *(mirrored(net, symmetry) for symmetry in tasks["sort-2"].symmetries)]
        assert min(reduce_network(image).distance(own) for image in images) > SAME_GAUGE


def test_a_function_that_needs_a_pair_of_pairs_is_never_the_only_form() -> None:
    # (x1, x2) -> (x1, x2): the two pairs may stand in any basis.
    both = Network([[[1, 0], [-1, 0], [0, 1], [0, -1]], [[1, -1, 0, 0], [0, 0, 1, -1]]])
    assert not _only_form(both, BOX, (), False)


def test_larger_than_the_smallest_is_never_forced() -> None:
    twice = Network([[[1, -1], [1, -1], [1, 0], [-1, 0]], [[-0.5, -0.5, 1, -1]]])
    assert not _only_form(twice, BOX, tasks["minimum"].symmetries, False)


def test_trained_networks_of_the_smallest_size_have_it() -> None:
    """What is called forced is so in networks that found it themselves."""
    from mathcircuits.models import train

    runs = train("minimum", hidden=3, seeds=range(40), regimen="rescue")
    task = tasks["minimum"]
    own = reduce_network(hand_derived("minimum"), box=task.box)
    solved = [net for net, loss in zip(runs.networks(), runs.losses, strict=True) if loss < 1e-8]
    assert len(solved) > 30
    for net in solved:
        images = [net, *(mirrored(net, symmetry) for symmetry in task.symmetries)]
        assert min(reduce_network(image, box=task.box).distance(own) for image in images) <= SAME_GAUGE


def test_tasks_without_a_hand_derived_network_force_nothing() -> None:
    assert not has_only_form(Task("one", 1, "x1**2"))  # type: ignore[arg-type]
    assert not has_only_form("minimum-of-4")
