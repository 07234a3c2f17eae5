"""Tests of the regimen tables: what a way of training gave, why networks failed, when features appeared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import Network, hand_derived, tasks
from mathcircuits.detect.universality.orbits import Orbits
from mathcircuits.reports.studies import tables as made
from mathcircuits.reports.studies.regimentables import (
    cause_table,
    emergence_curve_table,
    emergence_table,
    regimen_table,
)
from mathcircuits.reports.studies.schema import empty
from mathcircuits.reports.studies.tables import Condition

WIDE = Network([np.vstack([hand_derived("minimum").weights[0]] * 2), np.full((1, 6), 0.5)])


@pytest.fixture
def condition() -> Condition:
    """Five seeds of minimum: two minimal solutions, one wide one, two failures."""
    minimal = hand_derived("minimum")
    failures = {
        "seed": [3, 4],
        "cause": ["dead neuron", "dead neuron"],
        "diagnosis": ["a", "b"],
        "lost": [10, 40],
    }
    programs = {"seed": [0, 1, 2, 3], "spec_upper": [1e-9, 4e-3, 6e-3, 0.4], "bits": [4.0, 6.0, 20.0, 99.0]}
    emergence = [
        {
            "seed": seed,
            "feature": "greaterness",
            "on": "x1, x2",
            "step": step,
            "unexplained": 0.0,
            "held": held,
        }
        for seed, path in {0: (False, True, True), 1: (True, False, True), 3: (True, True, False)}.items()
        for step, held in zip((0, 10, 100), path, strict=True)
    ]
    blank = pd.DataFrame()
    return Condition(
        task=tasks["minimum"],
        hidden=(6,),
        width="2x",
        regimen="compress",
        threshold=1e-8,
        steps=100,
        derived=False,
        seeds=(0, 1, 2, 3, 4),
        losses=np.array([1e-12, 1e-12, 1e-12, 0.1, np.nan]),
        cells=("cell",) * 5,
        costs=np.array([100.0, 100.0, 300.0, 900.0, 900.0]),
        networks=(minimal, minimal, WIDE, WIDE, None),
        untrained=(WIDE,) * 5,
        neurons=blank,
        directions=blank,
        kinks=pd.DataFrame(columns=["seed"]),
        superposition=blank,
        programs=pd.DataFrame(programs).assign(gauge=None, named=False, share=np.nan),
        circuits=blank,
        failures=pd.DataFrame(failures),
        emergence=pd.DataFrame(emergence),
        taught=blank,
    )


def neurons_of(condition: Condition) -> pd.DataFrame:
    """Of seed 0 both used neurons hold a feature, of seed 1 one of two; a neuron that is not used does not count."""
    frame = empty("neurons").reindex(range(5))
    frame["network"] = [condition.network_id(k) for k in (0, 0, 1, 1, 1)]
    frame["population"] = "trained"
    frame["used"] = [True, True, True, True, False]
    frame["unexplained"] = [0.0, 1e-3, 0.0, 0.5, 0.0]
    frame["feature"], frame["on"] = "greaterness", "x1, x2"
    return frame


def test_a_regimen_is_judged_by_success_width_cost_and_words(condition: Condition) -> None:
    networks = made.network_table(condition, neurons_of(condition), Orbits(tasks["minimum"]))
    row = regimen_table(condition, networks, empty("census")).iloc[0]
    assert (row["n"], row["solved"], row["at_minimum"], row["final"]) == (5, 3, 2, "3")
    # Clopper-Pearson for 3 of 5 and 2 of 5.
    assert row[["value", "low", "high"]].tolist() == pytest.approx([0.6, 0.1466, 0.9473], abs=1e-4)
    assert row[["minimum_value", "minimum_low", "minimum_high"]].tolist() == pytest.approx(
        [0.4, 0.0527, 0.8534], abs=1e-4
    )
    # Of the three solved ones that were read two are within 5e-3 of the task; the failed one does not count.
    assert (row["read"], row["certified"], row["bits"], row["cost"]) == (3, 2, 6.0, 300.0)
    # Seed 0 has 2 of 2, seed 1 has 1 of 2, seed 2 was not read.
    assert row["labelled"] == pytest.approx(0.75)


def test_networks_say_what_they_ended_as_and_why_they_failed(condition: Condition) -> None:
    table = made.network_table(condition, neurons_of(condition), Orbits(tasks["minimum"]))
    trained = table[table["population"] == "trained"]
    assert trained["final"].tolist() == ["3", "3", "6", "6", "6"]
    assert trained["cost"].tolist() == [100.0, 100.0, 300.0, 900.0, 900.0]
    assert trained["cause"].tolist()[3:] == ["dead neuron"] * 2
    assert trained["cause"].isna().tolist()[:3] == [True] * 3
    assert trained["lost"].tolist()[3:] == [10, 40]
    untrained = table[table["population"] == "untrained"]
    assert untrained["cause"].isna().all()
    assert (untrained["cost"] == 0).all()


def test_causes_are_counted_with_intervals(condition: Condition) -> None:
    (row,) = cause_table(condition).to_dict("records")
    assert (row["cause"], row["found"], row["n"], row["lost"]) == ("dead neuron", 2, 2, 10)
    assert (row["value"], row["high"]) == (1.0, 1.0)
    # 0.025 ** (1 / 2), Clopper-Pearson for 2 of 2
    assert row["low"] == pytest.approx(0.1581, abs=1e-4)
    nobody = replace(condition, failures=condition.failures.iloc[:0])
    assert cause_table(nobody).empty


def test_a_feature_emerges_where_it_stays(condition: Condition) -> None:
    table = emergence_table(condition).set_index("seed")
    assert table["step"].tolist()[:2] == [10, 100]  # seed 1 had it, lost it and found it again
    assert table["step"].isna().tolist() == [False, False, True]
    assert table["solved"].tolist() == [True, True, False]


def test_curves_count_the_networks_that_solved_the_task(condition: Condition) -> None:
    table = emergence_curve_table(condition)
    assert table[["step", "held", "n"]].to_numpy().tolist() == [[0, 1, 2], [10, 1, 2], [100, 2, 2]]
    # One more was followed, and failed.
    assert table[["worst_low", "worst_high"]].to_numpy() == pytest.approx(
        np.array([[1, 2], [1, 2], [2, 3]]) / 3
    )
