"""The ladder: copies, mirror images, other gauges, tasks, widths, random networks; intervals; error texts."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import Network, hand_derived
from mathcircuits.detect.errors import InputError
from mathcircuits.detect.similarity.mechanisms import (
    lazy_panel,
    lazy_similarities,
)
from mathcircuits.detect.universality.criteria import MAJORITY
from mathcircuits.detect.universality.ladder import (
    COLUMNS,
    Ladder,
    ladder_of,
    ladder_of_many,
    ladder_table,
    share_interval,
)
from mathcircuits.detect.universality.population import Population
from mathcircuits.detect.universality.readings import Read, Settings
from mathcircuits.detect.universality.rungs import RUNGS, Measured

MINIMUM = hand_derived("minimum")
MIRRORED = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])
HALF_SUM = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])


def scrambled(network: Network, rng: np.random.Generator) -> Network:
    """The same function with its units permuted and rescaled, and a dead one added to its last hidden layer."""
    weights = [w.copy() for w in network.weights]
    biases = [b.copy() for b in network.bias_vectors]
    for k in range(len(weights) - 1):
        order, scale = rng.permutation(len(weights[k])), rng.uniform(0.2, 5, len(weights[k]))
        weights[k], biases[k] = weights[k][order] * scale[:, None], biases[k][order] * scale
        weights[k + 1] = weights[k + 1][:, order] / scale
    return Network(weights, None if network.biases is None else biases)


def copies(network: Network, count: int = 20, seed: int = 0) -> list[Network]:
    rng = np.random.default_rng(seed)
    return [scrambled(network, rng) for _ in range(count)]


def random_networks(count: int, seed: int, width: int = 8) -> list[Network]:
    rng = np.random.default_rng(seed)
    bound = 1 / math.sqrt(2), 1 / math.sqrt(width)
    return [
        Network([rng.uniform(-bound[0], bound[0], (width, 2)), rng.uniform(-bound[1], bound[1], (1, width))])
        for _ in range(count)
    ]


def verdicts(found: Ladder) -> dict[str, str]:
    return {rung.name: rung.verdict for rung in found.rungs}


# --- planted truths ---


@pytest.mark.parametrize("name", ["minimum", "addition", "sort-2"])
def test_permuted_and_rescaled_copies_are_the_same_on_every_rung(name: str) -> None:
    found = ladder_of(copies(hand_derived(name)), task=name)
    assert verdicts(found) == dict.fromkeys(RUNGS, "same")
    assert found.stops_at == "circuit"
    assert found.sentence.startswith("The seeds of a are the same up to the circuit.")
    for rung in found.rungs:
        assert (rung.share, rung.pairs, rung.effective) == (1.0, 190, 10)
        assert rung.low == pytest.approx(0.6915, abs=1e-4)


def test_what_follows_from_the_function_says_so() -> None:
    """Three neurons compute the minimum in one way; four, biases, or a task with several ways leave a choice."""
    found = ladder_of(copies(MINIMUM, 10) + copies(MIRRORED, 10), task="minimum")
    assert found.one_form == "networks of 3 neurons compute minimum in one way only"
    assert [rung.follows for rung in found.rungs] == ["", *["function"] * 4]
    assert found["circuit"].reason.endswith(f"follows from the function, since {found.one_form}")
    assert found.sentence == (
        "The seeds of a are the same up to the circuit. From the subspace on that follows from the function: "
        "networks of 3 neurons compute minimum in one way only."
    )
    assert found.at(0.9)["circuit"].follows == "function"
    table = ladder_table([found])
    assert table["follows"].tolist() == ["", *["function"] * 4]
    free = Network(MINIMUM.weights, [[0, 0, 0], [0]])
    spare = Network([[*MINIMUM.weights[0], [1, 1]], [[*MINIMUM.weights[1][0], 0]]])
    wide = Population("wide", copies(MINIMUM), task="minimum", box=(-2, 2))
    for other in (
        ladder_of(copies(spare), task="minimum"),
        ladder_of(copies(MINIMUM), copies(spare), task="minimum"),
        ladder_of(copies(free), task="minimum"),
        ladder_of(copies(MINIMUM)),
        ladder_of(wide),
        ladder_of(copies(hand_derived("sort-2")), task="sort-2"),
    ):
        assert other["circuit"].verdict == "same"
        assert other.one_form == ""
        assert {rung.follows for rung in other.rungs} == {""}
    # No other rung follows from functions that differ, and none that is not the same follows.
    vacuous = ladder_of(copies(hand_derived("identity")), task="identity")
    assert {rung.follows for rung in vacuous.rungs} == {""}


def test_mirror_images_are_one_condition_and_without_the_symmetry_two() -> None:
    mixed = copies(MINIMUM, 10) + copies(MIRRORED, 10)
    assert ladder_of(mixed, task="minimum").stops_at == "circuit"
    plain = ladder_of(mixed)
    assert plain["function"].verdict == "same"
    # Pairs within either half are the same, pairs across it are not: 90 of 190.
    assert plain["circuit"].share == pytest.approx(90 / 190)
    assert plain["circuit"].different == pytest.approx(100 / 190)
    assert plain["circuit"].verdict in ("partial", "inconclusive")
    assert plain.stops_at == "function" or plain["subspace"].verdict == "same"


def test_the_slide_form_and_the_half_sum_form_part_at_the_circuit() -> None:
    found = ladder_of(copies(MINIMUM), copies(HALF_SUM), task="minimum")
    assert found["function"].verdict == "same"
    assert found["circuit"].verdict == "different"
    assert found["circuit"].median == pytest.approx(math.exp(-4), abs=1e-3)
    assert found["features"].share == 0.0
    assert found["features"].median == pytest.approx(1 / 6)
    assert found.stops_at in ("function", "subspace")


def test_another_task_with_the_same_features() -> None:
    a = Population("difference", copies(hand_derived("subtraction")), task="subtraction")
    b = Population("distance", copies(hand_derived("absolute-difference")), task="absolute-difference")
    found = ladder_of(a, b)
    assert verdicts(found) == {
        "function": "different",
        "subspace": "same",
        "units": "same",
        "features": "same",
        "circuit": "different",
    }
    assert found.stops_at is None
    assert found.sentence.startswith("difference and distance differ from the start: the function rung is")
    assert not (found.features["q"] <= 0.05).any()


def test_networks_that_learned_nothing_are_vacuous() -> None:
    given = Population("nothing", random_networks(100, 0, 4), untrained=random_networks(100, 1, 4))
    found = ladder_of(given, max_networks=100)
    assert found["function"].verdict == "different"
    assert found["subspace"].verdict == "vacuous"
    assert found["units"].verdict == "vacuous"
    assert found["circuit"].verdict == "different"
    assert found["features"].verdict != "same"
    assert found.stops_at is None


def test_what_could_not_fail_is_vacuous() -> None:
    # One input without biases: every live network holds both signs, and all hidden layers span the same.
    found = ladder_of(copies(hand_derived("identity")), task="identity")
    assert verdicts(found) == {"function": "same"} | dict.fromkeys(RUNGS[1:], "vacuous")
    assert found.stops_at == "function"
    assert found.sentence.startswith(
        "The seeds of a are the same up to the function: the subspace rung is vacuous"
    )


def test_other_widths_of_one_mechanism() -> None:
    split = Network([[[1, -1], [1, -1], [1, 0], [-1, 0], [0, 0]], [[-0.5, -0.5, 1, -1, 0]]])
    found = ladder_of(copies(MINIMUM), copies(split), task="minimum")
    assert [found[name].verdict for name in ("function", "features", "circuit")] == ["same"] * 3
    assert found["circuit"].median == pytest.approx(1)
    uneven = ladder_of(copies(MINIMUM, 10) + copies(split, 10), task="minimum")
    assert uneven["circuit"].verdict == "same"


def test_other_numbers_of_inputs_are_not_compared_but_by_name() -> None:
    a = Population("absolute", copies(hand_derived("absolute")), task="absolute")
    b = Population("minimum", copies(MINIMUM), task="minimum")
    found = ladder_of(a, b)
    for name in ("function", "subspace", "units", "circuit"):
        assert found[name].verdict == "not comparable"
        assert found[name].reason == "absolute has 1 inputs and minimum 2: there is no input that both see"
        assert found[name].share is None
    assert found["features"].median == pytest.approx(2 / 3)
    assert found["features"].reason.endswith("by the features' names alone, since the inputs are others")
    assert found.stops_at is None
    assert "are not shown to be the same" in found.sentence


def test_other_boxes_and_other_outputs_are_not_compared() -> None:
    wide = Population("wide", copies(MINIMUM, 4), box=(-2, 2))
    found = ladder_of(Population("narrow", copies(MINIMUM, 4)), wide)
    assert "give both one box to compare them on" in found["subspace"].reason
    two = Population("sort", copies(hand_derived("sort-2"), 4), task="sort-2")
    other = ladder_of(Population("minimum", copies(MINIMUM, 4), task="minimum"), two)
    assert other["function"].reason == other["circuit"].reason == "minimum has 1 outputs and sort 2"
    assert other["subspace"].verdict != "not comparable"


def test_few_networks_settle_nothing() -> None:
    found = ladder_of(copies(MINIMUM, 4), task="minimum")
    assert set(verdicts(found).values()) == {"inconclusive"}
    assert found["function"].reason.startswith(
        "same in 6, different in 0, vacuous in 0 of 6 pairs, which 2 disj"
    )
    alone = ladder_of([MINIMUM], task="minimum")
    assert {rung.reason for rung in alone.rungs} == {"one network makes no pair"}
    assert ladder_of(copies(MINIMUM, 20), task="minimum", majority=0.9)["function"].verdict == "inconclusive"


def test_where_the_init_law_is_unknown_both_are_drawn() -> None:
    uniform, normal, both = (lazy_panel(MINIMUM, 4, init=init) for init in ("uniform", "normal", None))
    assert [[np.array_equal(n.weights[0], m.weights[0]) for m in both] for n in (*uniform, *normal)] == [
        [n % 2 == law and n == m for m in range(4)] for law in range(2) for n in range(4)
    ]
    panels = [lazy_similarities([MINIMUM], draws=60, init=init) for init in ("uniform", "normal", None)]
    # The panel that is harder to exceed.
    q95 = [float(np.quantile(panel, 0.95)) for panel in panels]
    assert q95[0] != q95[1]
    assert q95[2] == max(q95)
    settings = Settings(1e-8, 0.5, 1e-3, 30, 0, None)
    uniform, normal, both = (
        Read(Population("p", [MINIMUM], init=init), settings).untrained
        for init in ("uniform", "normal", None)
    )
    first = [n.weights[0].max() for n in both]
    # Bounded by 1 / sqrt(2) in the uniform law alone.
    assert max(n.weights[0].max() for n in uniform) < 0.5**0.5 < max(first[1::2])
    assert max(first[::2]) < 0.5**0.5 < max(n.weights[0].max() for n in normal)


@pytest.mark.parametrize(
    ("share", "n", "low", "high"), [(1, 20, 0.8316, 1), (0.5, 10, 0.1871, 0.8129), (0, 10, 0, 0.3085)]
)
def test_the_interval_of_a_share(share: float, n: int, low: float, high: float) -> None:
    assert share_interval(share, n) == pytest.approx((low, high), abs=1e-4)


def test_a_share_between_two_counts_is_wider() -> None:
    assert share_interval(0.55, 10) == (share_interval(0.5, 10)[0], share_interval(0.6, 10)[1])


@pytest.mark.parametrize("q", [0.75, 0.9])
def test_the_interval_covers_the_share_of_pairs(q: float) -> None:
    """Two classes of seeds, a share q in one of them: all pairs' share of equal pairs is q^2 + (1 - q)^2."""
    rng = np.random.default_rng(0)
    truth, hits, wrong = q**2 + (1 - q) ** 2, 0, 0
    for _ in range(400):
        k = rng.binomial(20, q)
        share = (k * (k - 1) + (20 - k) * (19 - k)) / (20 * 19)
        low, high = share_interval(share, 10)
        hits += low <= truth <= high
        wrong += truth < MAJORITY < low
    assert hits / 400 >= 0.95
    assert wrong / 400 <= 0.025


# --- many conditions, tables ---


def test_all_pairs_of_conditions() -> None:
    names = ["minimum", "maximum", "absolute"]
    populations = [Population(name, copies(hand_derived(name), 6), task=name) for name in names]
    found = ladder_of_many(populations)
    assert [(one.first, one.second) for one in found] == [
        (names[i], names[j]) for i in range(3) for j in range(i, 3)
    ]
    alone = ladder_of(populations[0], populations[1])
    for rung, other in zip(found[1].rungs, alone.rungs, strict=True):
        assert rung == other
    assert len(ladder_of_many(populations, within=False)) == 3
    table = ladder_table(found)
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 6 * 5
    assert ladder_table([]).columns.tolist() == list(COLUMNS)
    assert table["share"].dtype == np.float64


def ladder_with(same: int, different: int = 0, pairs: int = 15, name: str = "circuit") -> Ladder:
    """A ladder of one rung whose disjoint pairs came out so."""
    rung = Measured(name, "planted", pairs=pairs, effective=pairs, same=same, different=different)  # type: ignore[arg-type]
    return Ladder("a", "b", (), pd.DataFrame(), (rung,)).at(0.95)


def test_a_table_controls_false_discoveries() -> None:
    """Nine in ten conditions are the same in exactly the majority of pairs, which is not more; one in ten in all."""
    rng = np.random.default_rng(0)
    truth = np.where(np.arange(150) < 15, 1.0, MAJORITY)
    alone, together, found = [], [], []
    for _ in range(16):
        drawn = [ladder_with(int(k)) for k in rng.binomial(15, truth)]
        table = ladder_table(drawn)
        for claims, said in (
            (alone, [one["circuit"].verdict for one in drawn]),
            (together, table["verdict"].tolist()),
        ):
            same = np.array(said) == "same"
            claims.append((same & (truth == MAJORITY)).sum() / max(same.sum(), 1))
        found.append((table["verdict"] == "same")[truth == 1].mean())
        claimed = table["verdict"].isin(["same", "different", "vacuous", "partial"])
        assert claimed.tolist() == (table["q"] <= 0.05).tolist()
    assert np.mean(together) <= 0.05
    assert np.mean(found) == 1.0
    # Alone, 15 of 15 by chance is 0.2% of 135, beside 15 that are true.
    assert np.mean(alone) > 0.08


def test_the_feature_table_counts_and_tests() -> None:
    found = ladder_of(copies(MINIMUM, 20), copies(MIRRORED, 20), task="minimum").features
    assert found[["found_a", "found_b"]].to_numpy().tolist() == [[20, 20]] * len(found)
    plain = ladder_of(copies(MINIMUM, 20), copies(MIRRORED, 20)).features
    (row,) = plain[(plain["feature"] == "greaterness") & (plain["on"] == "x1, x2")].to_dict("records")
    assert (row["found_a"], row["found_b"], row["n_a"]) == (20, 0, 20)
    assert row["q"] < 1e-6
    within = ladder_of(copies(MINIMUM, 4), task="minimum").features
    assert within["p"].isna().all()


def test_it_prints() -> None:
    found = ladder_of(copies(MINIMUM, 20), task="minimum")
    assert repr(found) == "Ladder(a: same up to circuit)"
    assert "<td>same</td>" in found._repr_html_()
    assert str(found["units"]).startswith(
        "units: same; same in 190 of 190 pairs, interval 0.69 to 1.00; median"
    )
    assert isinstance(found.to_frame(), pd.DataFrame)
    assert repr(Population("p", [MINIMUM])) == "Population(p: 1 networks of 2 -> 1)"


def test_error_texts() -> None:
    with pytest.raises(InputError, match="one Network: give a list of networks"):
        ladder_of(hand_derived("minimum"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="population 'p' has no network"):
        Population("p", [])
    with pytest.raises(InputError, match="population 'p' holds 1 -> 1 and 2 -> 1"):
        Population("p", [MINIMUM], task="absolute")
    with pytest.raises(InputError, match=r"majority 0.2: give a share of the pairs from 1/2"):
        ladder_of([MINIMUM], majority=0.2)
    with pytest.raises(InputError, match="confidence 1: give a number between 0 and 1"):
        ladder_of([MINIMUM], confidence=1)
    with pytest.raises(InputError, match=r"threshold=0, max_unexplained=0.001: give a positive loss"):
        ladder_of([MINIMUM], threshold=0)
    with pytest.raises(InputError, match="max_networks=1: comparing takes at least 2 networks"):
        ladder_of([MINIMUM], max_networks=1)
    with pytest.raises(InputError, match="populations p, p: give each a name of its own"):
        ladder_of_many([Population("p", [MINIMUM])] * 2)
    with pytest.raises(InputError, match="no rung named 'neurons': this ladder has function, subspace"):
        ladder_of([MINIMUM])["neurons"]


def test_the_deep_ladder() -> None:
    found = ladder_of(copies(hand_derived("median-of-3")), task="median-of-3")
    assert found.stops_at == "circuit"
    assert "effective edges" in found["circuit"].reason
    mixed = ladder_of(copies(MINIMUM, 4), copies(hand_derived("minimum-older-form"), 4), task="minimum")
    assert mixed["circuit"].reason.startswith(
        "networks of one and of two hidden layers have no edges in common"
    )
    assert mixed["subspace"].reason.endswith("last hidden layers compared, since the depths differ")
    three = Network([[[1.0, 1.0]], [[1.0]], [[1.0]], [[1.0]]])
    assert "defined for one or two hidden layers" in ladder_of([three] * 4)["circuit"].reason
