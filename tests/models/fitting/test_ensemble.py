"""An Ensemble's unequal widths, checkpoints and costs, under everything that is done to one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_ensembles import GROWN, RESCUED, RUNS, uneven

from mathcircuits.detect import InputError
from mathcircuits.models import as_regimen, train


def test_networks_come_at_their_own_size() -> None:
    runs = uneven()
    assert runs.sizes == ((2, 1, 1), (2, 2, 1), (2, 3, 1))
    assert [net.cfg.sizes for net in runs] == [(2, 1, 1), (2, 2, 1), (2, 3, 1)]
    assert [net.sizes for net in runs.finite.networks()] == [(2, 1, 1), (2, 3, 1)]
    X = [[1.0, 0.5]]
    # k + 1 neurons of relu((k + 1) (x1 + x2)), added up
    assert runs.activations(X)["hook_output"].ravel().tolist() == [1.5, 6.0, 13.5]
    assert runs.seed(20)(X).item() == 6.0
    assert runs.finite.networks()[1](X).item() == 13.5


def test_parts_carry_widths_and_costs() -> None:
    part = uneven().select([30, 10])
    assert part.widths is not None
    assert part.widths.tolist() == [[3], [1]]
    assert part.cost.tolist() == [13, 11]
    assert uneven().finite.cost.tolist() == [11, 13]


def test_what_it_prints() -> None:
    runs = uneven()
    assert repr(runs) == "Ensemble(minimum, 2-3-1, relu, no bias, ending with 1 to 3, compress, 3 seeds)"
    assert "<th>hidden</th><td>ending with 1 to 3</td>" in runs._repr_html_()
    assert "<th>network-steps</th><td>12 (median)</td>" in runs._repr_html_()
    assert "ending" not in repr(RUNS)
    assert "ending" not in repr(runs.take([]))


def test_the_cost_is_the_steps_unless_it_was_counted() -> None:
    assert RUNS.cost.tolist() == [30, 30, 30]
    uncounted: Any = None
    assert replace(uneven(), cost=uncounted).cost.tolist() == [7, 7, 7]


def test_the_first_checkpoint_is_the_initial_ensemble() -> None:
    start = RUNS.at_step(0)
    untrained = train("minimum", hidden=3, seeds=(5, 2, 9), steps=0)
    assert all(np.array_equal(a, b) for a, b in zip(start.weights, untrained.weights, strict=True))
    assert (start.steps, start.seeds, start.logged_steps.tolist()) == (0, RUNS.seeds, [0])
    assert start.cost.tolist() == [0, 0, 0]
    assert start.checkpoints is None


def test_a_checkpoint_is_the_shorter_training() -> None:
    # the learning rate is constant: what came after does not matter
    regimen = as_regimen("adam", schedule="constant", decay_until=1)
    runs = train("minimum", hidden=3, seeds=(5, 2), regimen=regimen, steps=30, checkpoints=[7, 12])
    assert runs.checkpoint_steps is not None
    assert runs.checkpoint_steps.tolist() == [0, 7, 12, 30]
    assert {7, 12} <= set(runs.logged_steps.tolist())
    for step in (7, 12, 30):
        short = train("minimum", hidden=3, seeds=(5, 2), regimen=regimen, steps=step)
        at = runs.at_step(step)
        for mine, theirs in zip(at.weights, short.weights, strict=True):
            assert np.allclose(mine, theirs, atol=1e-6)
        assert np.allclose(at.losses, short.losses, rtol=0.5)  # on a batch, and on the fresh points


def test_checkpoints_leave_the_training_alone() -> None:
    plain = train("minimum", hidden=3, seeds=(5, 2, 9), steps=30)
    assert all(np.array_equal(a, b) for a, b in zip(plain.weights, RUNS.weights, strict=True))
    assert plain.history.equals(RUNS.history)


def test_the_last_checkpoint_is_the_end() -> None:
    for runs in (RUNS, GROWN, RESCUED):
        assert runs.checkpoint_steps is not None
        end = runs.at_step(int(runs.checkpoint_steps[-1]))
        assert all(np.array_equal(a, b) for a, b in zip(end.weights, runs.weights, strict=True))
        assert np.array_equal(end.losses, runs.losses)
        assert runs.checkpoint_steps.tolist() == runs.logged_steps.tolist()


def test_rescue_and_polish_have_checkpoints_of_their_own() -> None:
    assert RESCUED.logged_steps[-4:].tolist() == [20, 30, 40, 41]
    assert RESCUED.at_step(30).config.dtype == "float32"
    assert RESCUED.at_step(41).config.dtype == "float64"
    assert RESCUED.at_step(30).biases[0] is not None
    few = train("clip", hidden=2, seeds=(1, 4), regimen=RESCUED.regimen, checkpoints=[3, 30])
    assert few.checkpoint_steps is not None
    assert few.checkpoint_steps.tolist() == [0, 3, 30, 41]
    for step in (3, 30):
        assert np.array_equal(few.at_step(step).weights[0], RESCUED.at_step(step).weights[0])


def test_what_grew_starts_as_wide_as_it_ends() -> None:
    assert GROWN.widths is not None
    start = GROWN.at_step(0)
    assert start.widths is not None
    assert start.widths.tolist() == GROWN.widths.tolist()
    assert (start.weights[0][GROWN.weights[0] == 0] == 0).all()
    assert all(net.sizes == (2, 3, 1) for net in start.networks())


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"widths": np.ones((3, 2))}, r"widths has shape \(3, 2\), expected \(3, 1\)"),
        ({"cost": np.ones(2)}, r"cost has shape \(2,\), expected \(3,\)"),
        (
            {"checkpoint_steps": np.array([0])},
            "checkpoint_steps, checkpoints and checkpoint_biases: give all",
        ),
        (
            {
                "checkpoint_steps": np.array([0, 7]),
                "checkpoints": (np.zeros((1, 3, 3, 2)), np.zeros((2, 3, 1, 3))),
                "checkpoint_biases": (None, None),
            },
            r"checkpoints\[0\] has shape \(1, 3, 3, 2\), expected \(2, 3, 3, 2\)",
        ),
    ],
)
def test_parts_must_fit(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        replace(uneven(), **fields)


def test_steps_without_a_checkpoint() -> None:
    with pytest.raises(
        InputError, match="step 3: this ensemble has no checkpoints; train with checkpoints='log'"
    ):
        uneven().at_step(3)
    with pytest.raises(InputError, match="no checkpoint at step 7: the near ones are 6 and 8"):
        RUNS.at_step(7)
    with pytest.raises(InputError, match="step 'end': give a whole number, one of checkpoint_steps"):
        RUNS.at_step("end")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "regimen", "text"),
    [
        ("all", "adam", "checkpoints='all': give 'log', a list of steps, or None"),
        ([31], "adam", "checkpoints: step 31: this training comes by no such step; give steps from 0 to 30"),
        ([-1], "adam", "checkpoints: step -1"),
        ([7], "lm-restarts", "step 7: this training comes by no such step; give 0 or 30"),
        ([31], "rescue", "give steps from 0 to 30 or a phase's end"),
    ],
)
def test_checkpoints_that_cannot_be_had(given: Any, regimen: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        train("minimum", hidden=3, seeds=[0], regimen=regimen, steps=30, checkpoints=given)
