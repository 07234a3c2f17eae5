"""Named biases: what the least norm and the smallest width predict."""

from __future__ import annotations

import pytest

from mathcircuits.detect import tasks
from mathcircuits.detect.universality import Orbits
from mathcircuits.reports.studies.selecting.namedbiases import (
    LEAST_NORM,
    SMALLEST_WIDTH,
    predicted_form,
    predicts_feature,
)


@pytest.mark.parametrize("bias", [LEAST_NORM, SMALLEST_WIDTH])
@pytest.mark.parametrize("name", ["minimum", "absolute", "x1-plus-abs-x2"])
def test_the_prediction_is_a_form_of_the_census(name: str, bias: str) -> None:
    form = predicted_form(tasks[name], bias)
    assert form is not None
    assert not form.startswith("unnamed")


def test_tasks_without_a_selected_form_have_no_prediction() -> None:
    assert predicted_form(tasks["minimum-of-4"], LEAST_NORM) is None
    assert predicted_form(tasks["clip"], SMALLEST_WIDTH) is None  # three neurons compute it in several ways


def test_the_biases_may_disagree() -> None:
    """Of the minimum the smallest network is the slide, and the least norm is the half form's: 2 sqrt 2."""
    assert predicted_form(tasks["minimum"], SMALLEST_WIDTH) != predicted_form(tasks["minimum"], LEAST_NORM)


def test_features_of_the_least_norm() -> None:
    """1/2 (x1 + x2) - 1/2 |x1 - x2| is a pair along (1, 1) and a pair along (1, -1); its mirror image is itself."""
    orbits, pair = Orbits(tasks["minimum"]), ("x1", "x2")
    held = {
        name: predicts_feature((name, pair), orbits)
        for name in ("positive-sum", "negative-sum", "greaterness")
    }
    assert held == dict.fromkeys(held, True)
    assert predicts_feature(("greaterness", pair), orbits, oriented=True)
    assert not predicts_feature(("positiveness", ("x1",)), orbits)


def test_nothing_predicts_a_feature_of_a_task_without_a_least_norm() -> None:
    orbits = Orbits(tasks["minimum-of-4"])
    label = ("greaterness", ("x1", "x2"))
    assert not predicts_feature(label, orbits)
    assert not predicts_feature(label, orbits, oriented=True)
