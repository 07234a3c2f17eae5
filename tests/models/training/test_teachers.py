"""Teachers: as many kinks as the task's function, of any direction, in the task's range."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from mathcircuits.detect import Network, Task, canonical_form, hand_derived, tasks
from mathcircuits.detect.networks import Stack, comparison_points
from mathcircuits.models.training.teachers import Targets, draw_teachers, pattern_for, pattern_of


def teachers_of(task: Task, count: int, hidden: tuple[int, ...] = (4,), spread: float = 1.0) -> Stack:
    pattern = pattern_for(task, hidden)
    return draw_teachers(pattern, box=task.box, spread=[spread] * task.outputs, count=count, seed=0)


@pytest.mark.parametrize(
    ("name", "kinks"),
    [
        ("identity", (0,)), ("absolute", (1,)), ("addition", (0,)), ("minimum", (1,)), ("relu", (1,)),
        ("x1-plus-abs-x2", (1,)), ("clip", (2,)), ("sort-2", (1,)), ("minimum-of-4", (2, 1)), ("sum-of-3", (0,)),
    ],
)  # fmt: skip
def test_a_pattern_has_the_kinks_of_the_tasks_function(name: str, kinks: tuple[int, ...]) -> None:
    """Counted by hand: |x| has one, min(x1, x2) one, clip two, a sum none; min of four two, then one."""
    assert pattern_for(tasks[name], (9,)).kinks == kinks


@pytest.mark.parametrize("name", ["minimum", "sort-2", "clip", "addition"])
def test_a_teacher_has_as_many_kinks_as_the_task(name: str) -> None:
    task = tasks[name]
    own = task.hand_derived
    assert own is not None
    wanted = canonical_form(own, box=task.box).kinks
    drawn = teachers_of(task, 20)
    assert [canonical_form(drawn.network(k), box=task.box).kinks for k in range(20)] == [wanted] * 20


def test_directions_are_isotropic_and_sides_are_even() -> None:
    drawn = teachers_of(tasks["minimum"], 600)
    # The neuron of the kink, by its row.
    kink = drawn.weights[0][:, 0, :]
    angle = np.arctan2(kink[:, 1], kink[:, 0])
    assert stats.kstest((angle + np.pi) / (2 * np.pi), "uniform").pvalue > 1e-3
    sign = np.sign(drawn.weights[1][:, 0, 0])
    assert 0.42 < (sign > 0).mean() < 0.58


def test_outputs_have_the_spread_that_is_asked_for() -> None:
    drawn = teachers_of(tasks["sort-2"], 5, spread=0.3)
    values = drawn.forward(comparison_points(tasks["sort-2"].box, 512)).outputs
    assert np.allclose(values.std(axis=1), 0.3)


def test_kinks_cross_a_box_that_lacks_the_origin() -> None:
    """Of the lines through the origin half miss the box [0, 1]^2; a teacher whose kink did would be affine there."""
    task = Task("least", 2, "min(x1, x2)", box=((0.0, 1.0), (0.0, 1.0)), derived="minimum")
    drawn = teachers_of(task, 40)
    X = comparison_points(task.box, 512)
    pre = drawn.forward(X).pre[0][:, :, 0]
    assert ((pre > 0).any(axis=1) & (pre < 0).any(axis=1)).all()


def test_an_affine_task_without_a_derivation_has_affine_teachers() -> None:
    plain = Task("weighted", 3, "2*x1 - 3*x3")
    pattern = pattern_for(plain, (9,))
    assert pattern.kinks == (0,)
    assert not pattern.offset
    assert pattern_for(Task("moved", 2, "x1 + 1"), (9,)).offset
    teacher = teachers_of(plain, 1).network(0)
    X = comparison_points(plain.box, 64)
    assert np.allclose(teacher(X), -teacher(-X))


def test_any_other_task_has_a_kink_for_each_neuron_and_offsets_as_its_function_needs() -> None:
    wave = pattern_for(Task("wave", 1, "sin(x1)"), (5,))
    assert wave.kinks == (5,)
    assert wave.offset
    assert all(n.offset for n in wave.layers[0])
    straight = pattern_for(Task("middle", 3, "median(x1, x2, x3)"), (5, 3))
    assert straight.kinks == (5, 3)
    assert not straight.offset
    assert not straight.layers[0][0].offset


def test_two_read_outs_of_one_hyperplane_that_are_no_multiples_keep_their_own() -> None:
    # relu(x) goes to the first output alone, relu(-x) to the second.
    pattern = pattern_of(Network([[[1.0], [-1.0]], [[1.0, 0.0], [0.0, 1.0]]]))
    first, second = pattern.layers[0]
    assert first.line == second.line
    assert (first.shared, second.shared) == (0, 1)
    assert pattern.kinks == (1,)
    assert pattern.ranks == (2,)


def test_equal_patterns_have_equal_teachers_and_other_seeds_others() -> None:
    assert pattern_of(hand_derived("minimum")) == pattern_of(hand_derived("maximum"))
    pattern = pattern_of(hand_derived("minimum"))
    box = tasks["minimum"].box
    one, same, other = (
        draw_teachers(pattern, box=box, spread=[1.0], count=2, seed=seed).weights[0] for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_targets_are_the_teachers_values() -> None:
    drawn = teachers_of(tasks["minimum-of-4"], 3)
    X = comparison_points(tasks["minimum-of-4"].box, 50)
    x = torch.tensor(X.T, dtype=torch.float64)[None, None]
    assert np.allclose(Targets(drawn)(x)[0, :, 0].numpy(), drawn.forward(X).outputs[:, :, 0], atol=1e-5)
