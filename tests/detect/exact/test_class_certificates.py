"""Class certificates: every point in rational arithmetic, ties against the network."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, Task, certify_classes, tasks
from mathcircuits.detect.exact import classes_of

#: x1 - x2 and x2 - x1: the nearest points differ by a quarter, so that the lead is a half.
LARGER = Network([[[1.0, -1.0], [-1.0, 1.0]], [[1.0, -1.0], [-1.0, 1.0]]])


def test_a_classifier_that_is_right() -> None:
    found = certify_classes(LARGER, "larger-of-2")
    assert (found.points, found.wrong, found.margin, found.certified) == (20, 0, 0.5, True)
    assert abs(found.witness[0] - found.witness[1]) == 0.25


def test_a_tie_is_wrong() -> None:
    """Where x2 is the larger both outputs are 0: ten points, and none of those with x1 the larger."""
    found = certify_classes(Network([[[1.0, -1.0]], [[1.0], [0.0]]]), "larger-of-2")
    assert (found.wrong, found.margin, found.certified) == (10, 0.0, False)
    assert found.witness[0] < found.witness[1]


def test_a_lead_below_the_rounding_of_floats_is_a_lead() -> None:
    """The outputs 1 + d and 1 at |d| = 2^-60 are one float; their difference is exact."""
    tiny = 2.0**-60
    net = Network([[[tiny, -tiny], [0.0, 0.0]]], [[1.0, 1.0]])
    assert float(net(np.array([[1.0, 0.0]]))[0, 0]) == 1.0
    found = certify_classes(net, "larger-of-2")
    assert (found.wrong, found.margin) == (0, tiny / 4)


def test_what_cannot_be_certified() -> None:
    with pytest.raises(InputError, match="is about a box: classes are certified at points"):
        certify_classes(LARGER, "sort-2")
    with pytest.raises(InputError, match=r"2 inputs and 2 outputs, task 'argmin-of-3' 3 and 3"):
        certify_classes(LARGER, "argmin-of-3")
    with pytest.raises(InputError, match="is not piecewise linear"):
        certify_classes(Network(LARGER.weights, activation="tanh"), "larger-of-2")


def test_classes_are_one_output_of_several() -> None:
    argmin = tasks["argmin-of-3"]
    X = argmin.sample(0)
    assert classes_of(argmin, X).tolist() == X.argmin(axis=1).tolist()
    for task in ("greater-than", "sort-2"):
        with pytest.raises(InputError, match=f"task {task!r} has no classes"):
            classes_of(tasks[task], tasks[task].sample(9))
    both = Task("both", 1, ("step(x1)", "1"), points=((-1.0,), (1.0,)))
    with pytest.raises(InputError, match="no classes"):
        classes_of(both, both.sample(0))
