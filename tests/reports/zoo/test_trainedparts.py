from __future__ import annotations

import pytest

from mathcircuits.detect import Network, certify, hand_derived, tasks
from mathcircuits.models import PRESETS
from mathcircuits.reports.zoo import trainedparts
from mathcircuits.reports.zoo.parts import JUDGED, UNREAD
from mathcircuits.reports.zoo.trainedparts import TrainedKind, _by_architecture, full_kinds, trained_jobs


def test_every_regimen_and_the_tasks_on_the_box_are_among_the_kinds() -> None:
    kinds = full_kinds()
    assert {kind.regimen for kind in kinds} == set(PRESETS)
    assert {"identity", "minimum", "sort-2", "sum-of-3", "clip"} <= {kind.task for kind in kinds}
    # points, another box, and what takes minutes to diagnose
    assert not {"and", "tax", "minimum-of-4", "sort-3"} & {kind.task for kind in kinds}
    assert len(set(kinds)) == len(kinds)


def test_each_architecture_is_a_part() -> None:
    """A regimen that compresses ends in several; each is read alone."""
    wide, narrow = hand_derived("minimum"), Network([[[1.0, -1.0], [0.0, 1.0]], [[1.0, 1.0]]])
    parts = _by_architecture(
        "train", TrainedKind("minimum", 3, "compress"), "trained", [wide, narrow, wide],
        [{"seed": seed} for seed in range(3)], read=True,
    )  # fmt: skip
    assert [part.name for part in parts] == [
        "trained-minimum-2-3-1-compress-from-3",
        "trained-minimum-2-2-1-compress-from-3",
    ]
    assert [[row["seed"] for row in part.networks] for part in parts] == [[0, 2], [1]]
    assert [[row["position"] for row in part.networks] for part in parts] == [[0, 1], [0]]
    assert [len(part.neurons) for part in parts] == [6, 2]
    # the three known features of the hand-derived minimum
    held = [row["feature"] for row in parts[0].neurons]
    assert held[:3] == held[3:] == ["greaterness", "positiveness", "negativeness"]


def test_a_regimen_without_such_steps_has_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainedparts, "SMALL", (TrainedKind("absolute", 3, "lm-restarts"),))
    (job,) = trained_jobs("train", 2, 0, full=False)
    ends, before = job.make()
    assert len(ends) == 2
    assert {row["evidence"] for row in before.neurons} == {UNREAD}
    assert {row["evidence"] for row in ends.neurons} == {JUDGED}
    assert max(row["step"] for row in before.networks) < min(row["step"] for row in ends.networks)


def test_a_formula_is_certified_and_a_failure_has_a_cause() -> None:
    (job, _) = trained_jobs("train", 6, 0, full=False)
    ends, before = job.make()
    assert {row["solved"] for row in ends.networks} == {True, False}
    for k, row in enumerate(ends.networks):
        assert (row["cause"] is None) == row["solved"]
        if row["formula"] is not None:
            assert row["formula"] == str(tasks["minimum"].formula[0])
            assert certify(ends.stack.network(k), "minimum").upper == pytest.approx(row["certified"])
    assert any(row["formula"] for row in ends.networks)
    assert {row["solved"] for row in before.networks} == {None}
