"""Reading cells: untrained networks are what training starts from."""

from __future__ import annotations

import numpy as np

from mathcircuits.detect import analyse_many, certify_classes, hand_derived
from mathcircuits.models import Regimen, train
from mathcircuits.reports.studies.cell import Cell
from mathcircuits.reports.studies.reading import (
    NULL_EDGES,
    _with_nulls,
    histogram_text,
    read_cell,
    untrained_networks,
)


def test_untrained_networks_are_what_training_starts_from() -> None:
    start = train("minimum", hidden=(3,), seeds=(0, 5), steps=0)
    trained = train("minimum", hidden=(3,), seeds=(0, 5), steps=3)
    for network, zero, end in zip(
        untrained_networks(trained).values(), start.networks(), trained.networks(), strict=True
    ):
        assert all(np.array_equal(a, b) for a, b in zip(network.weights, zero.weights, strict=True))
        assert not np.array_equal(network.weights[0], end.weights[0])


def test_the_first_trained_networks_keep_the_nulls_of_their_matches() -> None:
    reading = analyse_many([hand_derived("minimum")] * 2, task="minimum", init="uniform")
    frame = _with_nulls(reading, trained=1)
    own, untrained = frame[frame["network"] == 0], frame[frame["network"] == 1]
    assert own["null"].str.len().tolist() == [len(NULL_EDGES) - 1] * 3
    assert own["null"].str.contains("z").all()
    assert (own["unexplained"] < own["needed"]).all()
    assert untrained[["null", "needed"]].isna().all(axis=None)
    # Of one input every untrained neuron matches: all of the null lies in the first bin, and no share would do.
    vacuous = _with_nulls(analyse_many([hand_derived("absolute")], init="uniform"), trained=1)
    assert set(vacuous["null"]) == {"z" + "0" * (len(NULL_EDGES) - 2)}
    assert vacuous["needed"].isna().all()


def test_a_histogram_is_written_so_that_no_draw_is_lost() -> None:
    assert histogram_text(np.array([1e-9, 0.0, 1.0])) == "10z"


def test_classifiers_are_judged_by_their_classes() -> None:
    regimen = Regimen(name="classes", loss="cross-entropy")
    runs = train("larger-of-2", hidden=(3,), seeds=range(4), regimen=regimen, steps=40, checkpoints="log")
    cell = Cell("larger-of-2", (3,), regimen, (0, 1, 2, 3), steps=40)
    wrong = [certify_classes(network, "larger-of-2").wrong for network in runs.networks()]
    assert runs.losses.tolist() == [count / 20 for count in wrong]
    assert 0 < sum(count > 0 for count in wrong) < 4
    assert [loss < cell.threshold for loss in runs.losses] == [not count for count in wrong]
    found = read_cell(cell, runs)
    # Logits are not the task's values: nothing is said of how far they are off.
    assert found["programs"][["spec_lower", "spec_upper", "equals_task"]].isna().all(axis=None)
    failures = found["failures"]
    assert failures["cause"].tolist() == ["unknown"] * sum(count > 0 for count in wrong)
    words = [f"wrong class at {count} of 20 points, such as (" for count in wrong if count]
    assert all(map(str.startswith, failures["diagnosis"], words))
