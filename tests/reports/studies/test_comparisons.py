"""Tests of comparisons: conditions side by side, on hand-derived networks whose relations are known."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import Network, hand_derived, tasks
from mathcircuits.reports.studies.comparisons import (
    Sample,
    contrast_table,
    ladder_tables,
    pair_table,
    representatives,
    transplant_table,
)


def scrambled(network: Network, seed: int) -> Network:
    """The same function with its neurons permuted and rescaled."""
    rng = np.random.default_rng(seed)
    first, last = network.weights
    order, scale = rng.permutation(len(first)), rng.uniform(0.5, 2.0, len(first))
    return Network([first[order] * scale[order, None], last[:, order] / scale[order]])


def sample(name: str, hidden: str = "", regimen: str = "adam", solved: int = 20) -> Sample:
    network = hand_derived(name)
    sizes = hidden or "-".join(map(str, network.sizes[1:-1]))
    rng = np.random.default_rng(7)
    nets = {f"{name}/{sizes}/{regimen}/{k}": scrambled(network, k) for k in range(solved)}
    blank = {
        f"{name}/{sizes}/{regimen}/{k}": Network([rng.uniform(-1, 1, w.shape) for w in network.weights])
        for k in range(20)
    }
    losses = {key: 1e-12 * (k + 1) for k, key in enumerate(nets)}
    return Sample(tasks[name], sizes, regimen, solved, nets, losses, blank)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [
        sample("minimum"),
        sample("minimum", regimen="osier", solved=8),
        sample("maximum"),
        sample("addition"),
    ]


def test_one_width_and_regimen_stands_for_all_tasks(samples: list[Sample]) -> None:
    few = [
        sample("minimum", "12", solved=3),
        sample("subtraction", regimen="osier"),
        sample("sum-of-3", solved=1),
    ]
    stand = representatives([*few, *samples])
    # adam at the smallest size has most tasks; subtraction has no other condition than osier, sum-of-3 no pair.
    assert {name: (one.hidden, one.regimen) for name, one in stand.items()} == {
        "minimum": ("3", "adam"),
        "subtraction": ("2", "osier"),
        "maximum": ("3", "adam"),
        "addition": ("2", "adam"),
    }
    # Of equally many tasks, that with the most solved networks; and sizes count as multiples of the smallest.
    wide = [sample("minimum", "6", solved=5), sample("addition", "4", solved=5)]
    alike = [sample("minimum", solved=4), sample("addition", solved=5)]
    assert [one.hidden for one in representatives([*wide, *alike]).values()] == ["6", "4"]
    assert representatives([]) == {}


def test_tasks_are_compared_whatever_the_number_of_inputs(samples: list[Sample]) -> None:
    pairs = pair_table([sample("identity"), sample("absolute"), *samples])
    assert set(pairs["inputs"]) == {1, 2}


def test_ladders_stand_for_seeds_regimens_and_tasks(samples: list[Sample]) -> None:
    table = ladder_tables(samples).ladder
    assert table.groupby("kind")["rung"].count().to_dict() == {"seeds": 20, "regimens": 5, "tasks": 15}
    own = table[(table["task_a"] == "minimum") & (table["regimen_a"] == "adam") & (table["kind"] == "seeds")]
    assert own["verdict"].tolist() == ["same"] * 5
    assert not own["stops"].any()
    other = table[
        (table["kind"] == "tasks") & (table["task_b"] == "addition") & (table["task_a"] == "minimum")
    ]
    assert other["verdict"].tolist()[0] == "different"
    assert other["stops"].tolist() == [True, False, False, False, False]


def test_pairs_are_as_alike_as_their_mechanisms(samples: list[Sample]) -> None:
    pairs = pair_table(samples)
    trained = pairs[(pairs["population"] == "trained") & (pairs["rung"] == "circuit")]
    same = trained["task_a"] == trained["task_b"]
    assert trained["value"][same].min() > 0.999
    # minimum and maximum carry x1 alike, but bend the other way: the kinks decide. Addition shares neither's.
    others = trained[~same].groupby(["task_a", "task_b"])["value"].max().to_dict()
    assert others == pytest.approx(
        {("minimum", "maximum"): 0.0, ("minimum", "addition"): 0.0, ("maximum", "addition"): 0.0}, abs=0.05
    )
    # 18 networks of three tasks, trained and untrained, on three rungs
    assert len(pairs) == 2 * 3 * 18 * 17 // 2


def test_contrasts_find_planted_tasks_and_none_among_the_untrained(samples: list[Sample]) -> None:
    table = contrast_table(pair_table(samples)).set_index(["population", "rung"])
    # 1 within; 0 across
    assert table.loc[("trained", "circuit"), "effect"] == pytest.approx(1.0, abs=0.02)
    assert table.loc[("trained", "circuit"), "p"] < 0.01
    assert abs(table.loc[("untrained", "circuit"), "effect"]) < 0.2


def test_features_go_where_they_are_held(samples: list[Sample]) -> None:
    table = transplant_table(samples)
    tasks_only = table[(table["kind"] == "tasks") & (table["feature"] == "greaterness")]
    known = tasks_only.set_index(["task_a", "task_b"])
    assert known.loc[("minimum", "maximum"), "accuracy"] == pytest.approx(1.0)
    assert known.loc[("minimum", "maximum"), "decoy"] < 0.9
    assert "addition" not in set(known["accuracy"].dropna().index.get_level_values("task_b"))
    assert all(known["reason"][known["accuracy"].isna()] != "")
    seeds = table[(table["kind"] == "seeds") & (table["task_a"] == "minimum")]
    assert (seeds["accuracy"].dropna() > 0.999).all()
    assert set(seeds["feature"]) == {"greaterness", "positiveness", "negativeness"}
