"""Tables from planted conditions: networks with weights known by hand, readings written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import Network, circuits, hand_derived, tasks
from mathcircuits.detect.recognition.templates import parse_circuits
from mathcircuits.detect.universality.orbits import Orbits
from mathcircuits.reports.studies import comparisons, regimentables
from mathcircuits.reports.studies import tables as made
from mathcircuits.reports.studies.circuitry import (
    CIRCUIT_COLUMNS,
    KINK_COLUMNS,
    PROGRAM_COLUMNS,
    circuit_frame,
    program_frame,
    read_circuitry,
)
from mathcircuits.reports.studies.evidence import held_labels
from mathcircuits.reports.studies.factorial.normshares import norm_share_table
from mathcircuits.reports.studies.schema import COLUMNS, arrow_schema, empty
from mathcircuits.reports.studies.selecting.candidaterows import (
    _ready,
    candidate_table,
    candidates_toml,
)
from mathcircuits.reports.studies.selecting.mechanisms import mechanism_table
from mathcircuits.reports.studies.tables import Condition

Weights = list[list[list[float]]]
READ = ("layer", "neuron", "status", "feature", "on", "scope", "r", "unexplained", "scale", "offset")
MINIMUM = [("greaterness", "x1, x2"), ("positiveness", "x1"), ("negativeness", "x1")]
MIRROR = [("greaterness", "x2, x1"), ("positiveness", "x2"), ("negativeness", "x2")]


def reading(
    labels: dict[tuple[int, str], list[tuple[str, str]]],
    unexplained: float = 1e-6,
    contribution: float = 0.5,
) -> pd.DataFrame:
    """Neurons as an Analysis gives them: (seed, population) -> one (feature, on) per neuron."""
    rows = [
        {
            "seed": seed,
            "population": population,
            "layer": 0,
            "neuron": k,
            "status": "matched",
            "feature": feature,
            "on": on,
            "scope": "input",
            "r": np.sqrt(1 - unexplained),
            "unexplained": unexplained,
            "scale": 1.0,
            "offset": 0.0,
            "p": 1e-5,
            "q": 1e-5,
            "p_taught": 1e-2,
            "q_taught": 2e-2,
            "causal": np.nan,
            "contribution": contribution,
            "duplicate_of": pd.NA,
            "needed": 4e-4,
            "null": "0z",
        }
        for (seed, population), found in labels.items()
        for k, (feature, on) in enumerate(found)
    ]
    columns = [
        "seed",
        "population",
        *READ,
        "p",
        "q",
        "p_taught",
        "q_taught",
        "causal",
        "contribution",
        "duplicate_of",
        "needed",
        "null",
    ]
    return pd.DataFrame(rows, columns=columns)


def planted(losses: list[float], neurons: pd.DataFrame, name: str = "minimum") -> Condition:
    """A condition of hand-derived networks with these losses; untrained ones are drawn."""
    task = tasks[name]
    network = hand_derived(name)
    certified = pd.DataFrame(columns=["seed", *PROGRAM_COLUMNS]).assign(
        seed=range(len(losses)), spec_upper=1e-9
    )
    rng = np.random.default_rng(0)
    seeds = tuple(range(len(losses)))
    return Condition(
        task=task,
        hidden=network.sizes[1:-1],
        width="1x",
        regimen="adam",
        threshold=1e-8,
        steps=10,
        derived=False,
        seeds=seeds,
        losses=np.array(losses),
        cells=("a-cell",) * len(losses),
        costs=np.full(len(losses), 10.0),
        networks=tuple(network if np.isfinite(loss) else None for loss in losses),
        untrained=tuple(Network([rng.uniform(-1, 1, w.shape) for w in network.weights]) for _ in seeds),
        neurons=neurons,
        directions=pd.DataFrame(columns=list(COLUMNS["directions"])),
        programs=certified.assign(spec_upper=1e-9, named=False, share=np.nan),
        **{
            name: pd.DataFrame(columns=["seed", *columns])
            for name, columns in (
                ("kinks", KINK_COLUMNS),
                ("superposition", ("layer", "live", "number", "rank", "independent", "interference")),
                ("circuits", CIRCUIT_COLUMNS),
                ("failures", ("cause", "diagnosis", "lost")),
                ("emergence", ("feature", "on", "step", "unexplained", "held")),
                ("taught", ("hidden", "network", "feature", "on")),
            )
        },
    )


@pytest.fixture
def orbits() -> Orbits:
    return Orbits(tasks["minimum"])


def counts_of(condition: Condition, orbits: Orbits) -> pd.DataFrame:
    neurons = made.neuron_table(condition, orbits)
    return made.prevalence_counts(condition, held_labels(neurons, orbits), orbits)


def row_of(table: pd.DataFrame, feature: str, on: str, oriented: bool) -> pd.Series:
    found = table[
        (table["feature"] == feature) & (table["on"] == on) & (table["oriented"].astype(bool) == oriented)
    ]
    assert len(found) == 1
    return found.iloc[0]


# Neurons and networks


def test_solved_networks_have_the_form_that_the_census_counts(orbits: Orbits) -> None:
    condition = planted([0.0, 0.5, 0.0], reading({}))
    read = [
        (seed, read_circuitry(network, condition.task))
        for seed, network in enumerate(condition.networks)
        if network
    ]
    condition = replace(condition, programs=program_frame(read))
    table = made.network_table(condition, made.neuron_table(condition, orbits), orbits)
    forms = table["form"].astype(object).where(table["form"].notna(), None).tolist()
    assert forms == ["x1 - relu(x1 - x2)", None, "x1 - relu(x1 - x2)", None, None, None]


def test_a_neuron_is_expected_in_every_mirror_image(orbits: Orbits) -> None:
    labels = {(0, "trained"): [*MINIMUM, *MIRROR, ("positive-sum", "x1, x2"), ("greaterness", "v1, v0")]}
    table = made.neuron_table(planted([0.0], reading(labels)), orbits)
    assert table["expected"].tolist()[:7] == [True] * 6 + [False]
    # A label on the network's own variables says nothing about the inputs.
    assert table["expected"].isna().tolist() == [False] * 7 + [True]
    assert table["network"].unique().tolist() == ["minimum/3/adam/0"]


def test_a_neuron_is_used_from_one_percent_on(orbits: Orbits) -> None:
    for contribution, used in ((0.01, True), (0.0099, False)):
        neurons = reading({(0, "trained"): MINIMUM}, contribution=contribution)
        table = made.neuron_table(planted([0.0], neurons), orbits)
        assert table["used"].tolist() == [used] * 3
        missing = made.network_table(planted([0.0], neurons), table, orbits)["missing"]
        assert missing.iloc[0].count(";") == (0 if used else 2)


def test_a_failed_network_says_what_it_lacks(orbits: Orbits) -> None:
    condition = planted([0.0, 1e-2, np.nan], reading({(0, "trained"): MIRROR, (1, "trained"): MINIMUM[:2]}))
    table = made.network_table(condition, made.neuron_table(condition, orbits), orbits)
    trained = table[table["population"] == "trained"]
    assert trained["solved"].tolist() == [True, False, False]
    assert trained["missing"].tolist()[:2] == ["", "negativeness(x1)"]
    # One that diverged holds nothing.
    assert trained["missing"].iloc[2].split("; ") == [f"{f}({on})" for f, on in MINIMUM]
    assert trained["loss"].isna().tolist() == [False, False, True]
    assert table["parameters"].unique().tolist() == [9]
    untrained = table[table["population"] == "untrained"]
    assert untrained["steps"].tolist() == [0, 0, 0]
    assert (untrained["loss"] > 1e-4).all()
    assert not untrained["solved"].any()


def test_the_threshold_decides() -> None:
    condition = planted([5e-9, 5e-5], reading({(0, "trained"): MINIMUM}))
    assert condition.solved.tolist() == [True, False]
    assert replace(condition, threshold=1e-4).solved.tolist() == [True, True]
    (row,) = made.success_table(condition).to_dict("records")
    assert (row["n"], row["solved"], row["value"]) == (2, 1, 0.5)
    # Clopper-Pearson: with 1 of 2 the low end solves (1 - p)^2 = 0.975.
    assert row["low"] == pytest.approx(1 - np.sqrt(0.975))
    assert row["high"] == pytest.approx(np.sqrt(0.975))


# Prevalence


def test_prevalence_counts_modulo_the_symmetries_and_by_orientation(orbits: Orbits) -> None:
    neurons = reading(
        {
            (0, "trained"): MINIMUM,
            (1, "trained"): MIRROR,
            (2, "trained"): MINIMUM[1:],
            (3, "trained"): MINIMUM,
            (0, "untrained"): [("greaterness", "x2, x1")],
        }
    )
    # The fourth did not solve its task, so it does not count.
    condition = planted([0.0, 0.0, 0.0, 1.0], neurons)
    without = Network([[[1.0, 1], [1, 0], [-1, 0]], [[-1.0, 1, -1]]])
    table = counts_of(replace(condition, networks=(*condition.networks[:2], without, None)), orbits)
    either = row_of(table, "greaterness", "x1, x2", False)
    assert (either["found"], either["n"]) == (2, 3)
    assert (either["untrained_found"], either["untrained_n"], either["untrained_value"]) == (1, 4, 0.25)
    assert row_of(table, "greaterness", "x1, x2", True)["found"] == 1
    assert row_of(table, "greaterness", "x2, x1", True)["found"] == 1
    assert row_of(table, "positiveness", "x1", False)["found"] == 3
    # Osier's other features are listed although nobody holds them.
    assert row_of(table, "positive-sum", "x1, x2", False)["found"] == 0


def test_a_feature_that_is_only_near_is_not_held(orbits: Orbits) -> None:
    neurons = reading({(0, "trained"): MINIMUM}, unexplained=1.1e-3)
    table = counts_of(planted([0.0], neurons), orbits)
    # What is forced is looked for in the weights, too.
    assert table["found"][~table["forced"]].sum() == 0
    neurons = reading({(0, "trained"): MINIMUM}, unexplained=1e-3)
    assert row_of(counts_of(planted([0.0], neurons), orbits), "greaterness", "x1, x2", True)["found"] == 1


def test_a_kink_of_the_function_is_forced_up_to_its_side(orbits: Orbits) -> None:
    table = counts_of(planted([0.0], reading({(0, "trained"): MINIMUM})), orbits)
    assert row_of(table, "greaterness", "x1, x2", False)["forced"]
    assert not row_of(table, "greaterness", "x1, x2", True)["forced"]
    # Three neurons leave no other way; which input it is they do leave open.
    assert row_of(table, "positiveness", "x1", False)["forced"]
    assert not row_of(table, "positiveness", "x1", True)["forced"]
    assert not row_of(table, "positive-sum", "x1, x2", False)["forced"]


def test_forced_is_decided_at_each_network_s_final_sizes(orbits: Orbits) -> None:
    """Compressed from 16 neurons to the smallest size, where no other form is left: forced, not universal."""
    labels = {(seed, "trained"): MINIMUM for seed in range(80)}
    compressed = replace(planted([0.0] * 80, reading(labels)), hidden=(16,))
    table = made.verdicts(counts_of(compressed, orbits))
    assert row_of(table, "positiveness", "x1", False)["verdict"] == "forced"
    # Those that ended larger are the evidence: the others had no choice.
    larger = tuple(Network(HALF) if seed < 8 else net for seed, net in enumerate(compressed.networks))
    row = row_of(counts_of(replace(compressed, networks=larger), orbits), "positiveness", "x1", False)
    assert (row["found"], row["n"], row["forced"]) == (8, 8, False)
    # What the function forces at any size stays forced.
    kink = row_of(counts_of(replace(compressed, networks=larger), orbits), "greaterness", "x1, x2", False)
    assert (kink["found"], kink["n"], kink["forced"]) == (80, 80, True)


def test_networks_that_are_not_certified_to_be_near_enough_are_counted_apart(orbits: Orbits) -> None:
    """Of 80, ten are 0.002 off: near enough for the kink, too far for the only form; one has no certificate."""
    condition = planted([0.0] * 80, reading({(seed, "trained"): MINIMUM for seed in range(80)}))
    upper = np.array([0.002] * 10 + [np.nan] + [1e-9] * 69)
    condition = replace(condition, programs=condition.programs.assign(spec_upper=upper))
    table = made.verdicts(counts_of(condition, orbits))
    kink, sign = (
        row_of(table, name, on, False) for name, on in (("greaterness", "x1, x2"), ("positiveness", "x1"))
    )
    counts = ["found", "n", "apart", "uncertified", "verdict"]
    assert kink[counts].tolist() == [79, 79, 0, 1, "forced"]
    assert sign[counts].tolist() == [69, 69, 10, 1, "forced"]
    assert sign["forced_below"] < 0.002 < kink["forced_below"]
    apart = "; 10 not certified to be within 0.00077 of the task and 1 without a certificate, from which it follows"
    assert sign["reason"].endswith(f"{apart}: these count neither way")
    # What nothing forces is counted in all of them.
    oriented = row_of(table, "positiveness", "x1", True)
    assert (oriented["n"], oriented["apart"], bool(oriented["forced"])) == (80, 0, False)
    # Without any that counts there is no verdict.
    far = replace(condition, programs=condition.programs.assign(spec_upper=0.02))
    none = row_of(made.verdicts(counts_of(far, orbits)), "greaterness", "x1, x2", False)
    assert none[counts].tolist() == [0, 0, 80, 0, "inconclusive"]
    assert none["reason"].startswith("80 not certified to be within 0.009 of the task")


def test_a_forced_feature_is_also_held_by_a_group_of_neurons(orbits: Orbits) -> None:
    """The neurons of the table lack greaterness; the network's own weights have it."""
    lacking = planted([0.0], reading({(0, "trained"): MINIMUM[1:]}))
    row = row_of(counts_of(lacking, orbits), "greaterness", "x1, x2", False)
    assert (row["found"], row["n"], row["forced"]) == (1, 1, True)
    without = Network([[[1.0, 1], [1, 0], [-1, 0]], [[-1.0, 1, -1]]])
    row = row_of(counts_of(replace(lacking, networks=(without,)), orbits), "greaterness", "x1, x2", False)
    assert (row["found"], row["n"]) == (0, 1)


def test_verdicts_judge_all_conditions_together(orbits: Orbits) -> None:
    seeds = range(80)
    labels = {(seed, "trained"): MIRROR if seed % 3 else MINIMUM for seed in seeds}
    table = made.verdicts(counts_of(planted([0.0] * 80, reading(labels)), orbits))
    assert list(table.columns) == list(COLUMNS["prevalence"])
    assert row_of(table, "greaterness", "x1, x2", False)["verdict"] == "forced"
    assert row_of(table, "positiveness", "x1", False)["verdict"] == "forced"
    assert row_of(table, "positiveness", "x1", True)["verdict"] == "partial"
    assert row_of(table, "positive-sum", "x1, x2", False)["verdict"] == "absent"
    few = made.verdicts(counts_of(planted([0.0] * 3, reading({(0, "trained"): MINIMUM})), orbits))
    assert row_of(few, "positiveness", "x1", True)["verdict"] == "inconclusive"
    assert made.verdicts(pd.DataFrame()).empty


def taught_to(held: dict[str, list[str | None]]) -> pd.DataFrame:
    """What networks hold that were taught something else: hidden sizes -> the feature of each (on x1, x2), or None."""
    rows = [
        {"hidden": hidden, "network": k, "feature": feature, "on": "x1, x2" if feature else ""}
        for hidden, features in held.items()
        for k, feature in enumerate(features)
    ]
    return pd.DataFrame(rows, columns=["hidden", "network", "feature", "on"])


def test_networks_that_were_taught_something_else_are_counted_beside(orbits: Orbits) -> None:
    labels = {(seed, "trained"): MINIMUM for seed in range(4)}
    condition = planted([1e-10] * 4, reading(labels))
    assert counts_of(condition, orbits)["taught_n"].isna().all()
    # Both halves of the symmetry count, and networks that hold nothing.
    frame = taught_to({"3": ["greaterness", None, "sum", None]})
    frame.loc[len(frame)] = {"hidden": "3", "network": 4, "feature": "greaterness", "on": "x2, x1"}
    counts = counts_of(replace(condition, taught=frame), orbits)
    row = counts[(counts["feature"] == "greaterness") & ~counts["oriented"]].iloc[0]
    assert (row["taught_found"], row["taught_n"], row["taught_value"]) == (2, 5, 0.4)


def test_networks_of_other_final_sizes_stand_beside_their_own(orbits: Orbits) -> None:
    """Three of four networks ended with three neurons: of twenty networks of each size, fifteen and five count."""
    labels = {(seed, "trained"): MINIMUM for seed in range(4)}
    condition = planted([1e-10] * 4, reading(labels))
    wide = Network([np.vstack([condition.networks[0].weights[0]] * 2), np.ones((1, 6))])  # type: ignore[union-attr]
    frame = taught_to({"3": ["greaterness"] * 20, "6": [None] * 20, "5": ["greaterness"] * 20})
    mixed = replace(condition, networks=(*condition.networks[:3], wide), taught=frame)
    counts = counts_of(mixed, orbits)
    row = counts[(counts["feature"] == "greaterness") & ~counts["oriented"]].iloc[0]
    assert (row["taught_found"], row["taught_n"]) == (15, 20)


def test_verdicts_of_a_sequential_study_hold_at_every_look(orbits: Orbits) -> None:
    """100 of 100 are universal where 100 was decided in advance; whoever added networks needs more of them."""
    signs = reading({(seed, "trained"): [("positive-sum", "x1, x2")] for seed in range(100)})
    counts = counts_of(planted([0.0] * 100, signs), orbits)
    decided, looked = (
        row_of(made.verdicts(counts, sequential=sequential), "positive-sum", "x1, x2", False)
        for sequential in (False, True)
    )
    assert (decided["verdict"], looked["verdict"]) == ("universal", "inconclusive")
    assert looked["reason"].startswith("100 solved, needs ")
    assert looked["low"] == looked["anytime_low"] < decided["low"]
    assert decided["q"] <= decided["q_yekutieli"]


def test_the_halves_of_a_pair_in_the_same_networks_are_one_finding(orbits: Orbits) -> None:
    labels = {(0, "trained"): MINIMUM, (1, "trained"): MIRROR, (2, "trained"): MINIMUM}
    table = counts_of(planted([0.0] * 3, reading(labels)), orbits)
    for on in ("x1", "x2"):
        halves = [row_of(table, feature, on, True)["finding"] for feature in ("positiveness", "negativeness")]
        assert halves[0] == halves[1] is not None
    assert (
        row_of(table, "positiveness", "x1", True)["finding"]
        != row_of(table, "positiveness", "x2", True)["finding"]
    )
    # Both sides of a kink in different networks are two findings, and so are features that nobody holds.
    assert pd.isna(row_of(table, "greaterness", "x1, x2", True)["finding"])
    assert pd.isna(row_of(table, "positive-sum", "x1, x2", False)["finding"])
    lacking = {**labels, (2, "trained"): MINIMUM[:2]}
    table = counts_of(planted([0.0] * 3, reading(lacking)), orbits)
    assert pd.isna(row_of(table, "positiveness", "x1", True)["finding"])


def test_unsolved_networks_bound_every_share(orbits: Orbits) -> None:
    labels = {(seed, "trained"): MINIMUM for seed in range(4)}
    table = made.verdicts(counts_of(planted([0.0, 0.0, 0.0, 1.0], reading(labels)), orbits))
    row = row_of(table, "positiveness", "x1", True)
    assert (row["found"], row["n"], row["trained"], row["worst_low"], row["worst_high"]) == (
        3,
        3,
        4,
        0.75,
        1.0,
    )
    assert row["anytime_low"] < row["low"]


def test_nobody_solved() -> None:
    orbits = Orbits(tasks["minimum"])
    condition = planted([1.0, np.nan], reading({}))
    table = made.verdicts(counts_of(condition, orbits))
    assert table["n"].unique().tolist() == [0]
    assert table["value"].isna().all()
    assert made.ensemble_table(condition).empty
    similarity = made.similarity_table(condition)
    assert similarity["population"].unique().tolist() == ["untrained"]


# Similarity and ensembles


def test_equal_networks_are_alike_beyond_untrained_ones() -> None:
    condition = planted([0.0] * 25 + [1.0], reading({}))
    table = made.similarity_table(condition)
    trained = table[table["population"] == "trained"]
    assert trained.groupby("measure").size().tolist() == [190, 190]
    assert np.allclose(trained["value"], 1.0)
    assert (trained["p"] <= 1 / 191 + 1e-12).all()
    assert (trained["null_mean"] < trained["null_q95"]).all()
    assert (trained["null_q95"] < 1.0).all()
    untrained = table[table["population"] == "untrained"]
    assert untrained["p"].isna().all()
    for measure in made.MEASURES:
        values = untrained.loc[untrained["measure"] == measure, "value"]
        beside = trained.loc[trained["measure"] == measure, "null_mean"]
        assert np.allclose(beside, values.mean())


def test_one_network_has_no_pairs() -> None:
    assert made.similarity_table(planted([0.0], reading({}))).empty


def test_the_ensemble_test_finds_what_was_planted() -> None:
    table = made.ensemble_table(planted([0.0] * 5 + [1.0] * 5, reading({})))
    assert set(zip(table["feature"], table["on"], strict=True)) == set(MINIMUM)
    assert (table["q"] < 1e-3).all()
    assert table["found"].tolist() == [5, 5, 5]
    assert table[["worst_low", "worst_high"]].values.tolist() == [[0.5, 1.0]] * 3


def test_the_ensemble_test_takes_the_size_that_most_networks_ended_with() -> None:
    condition = planted([0.0] * 6, reading({}))
    wider = Network([np.vstack([hand_derived("minimum").weights[0]] * 2), np.ones((1, 6))])
    table = made.ensemble_table(replace(condition, networks=(*condition.networks[:5], wider)))
    row = table[table["feature"] == "greaterness"].iloc[0]
    assert (row["n"], row["found"], row["worst_low"], row["worst_high"]) == (5, 5, 5 / 6, 1.0)


# Shape


def test_every_table_has_its_columns_and_kinds(orbits: Orbits) -> None:
    condition = planted([0.0], reading({(0, "trained"): MINIMUM}))
    neurons = made.neuron_table(condition, orbits)
    frames = {
        "neurons": neurons,
        "networks": made.network_table(condition, neurons, orbits),
        "directions": made.direction_table(condition),
        "success": made.success_table(condition),
        "similarity": made.similarity_table(condition),
        "ensembles": made.ensemble_table(condition),
        "prevalence": made.verdicts(counts_of(condition, orbits)),
        "programs": made.program_table(condition),
        "circuits": made.circuit_table(condition),
        "superposition": made.superposition_table(condition),
        "census": made.census_table(condition, made.program_table(condition)),
        "candidates": candidate_table(condition.task, [], 0),
        "regimens": regimentables.regimen_table(
            condition,
            made.network_table(condition, neurons, orbits),
            made.census_table(condition, made.program_table(condition)),
        ),
        "causes": regimentables.cause_table(condition),
        "emergence": regimentables.emergence_table(condition),
        "emergence_curves": regimentables.emergence_curve_table(condition),
        "ladder": comparisons.ladder_tables([]).ladder,
        "sweep": comparisons.ladder_tables([]).sweep,
        "pairs": comparisons.pair_table([]),
        "contrasts": comparisons.contrast_table(empty("pairs")),
        "transplants": comparisons.transplant_table([]),
        # Made of all conditions of a study with factors.
        "effects": empty("effects"),
        "mechanisms": mechanism_table([], empty("networks"), None, print),
        "norm_shares": norm_share_table(made.network_table(condition, neurons, orbits)),
    }
    assert set(frames) == set(COLUMNS)
    for name, frame in frames.items():
        assert list(frame.columns) == list(COLUMNS[name])
        assert dict(frame.dtypes) == dict(empty(name).dtypes)
        assert arrow_schema(name).names == list(COLUMNS[name])


# Programs, census, candidates


def in_words(condition: Condition) -> Condition:
    """The condition with its networks put into words."""
    found = [(seed, read_circuitry(net, condition.task)) for seed, net in condition.solutions]
    return replace(condition, programs=program_frame(found), circuits=circuit_frame(found))


def minima(*weights: Weights) -> Condition:
    """A condition of minimum networks with these weights, all solved."""
    condition = planted([1e-12] * len(weights), reading({}))
    return in_words(replace(condition, networks=tuple(Network(w) for w in weights)))


SLIDE: Weights = [[[1.0, -1], [1, 0], [-1, 0]], [[-1.0, 1, -1]]]
OTHER_SIDE: Weights = [[[-1.0, 1], [0, 1], [0, -1]], [[-1.0, 1, -1]]]
HALF: Weights = [[[1.0, -1], [-1, 1], [1, 1], [-1, -1]], [[-0.5, -0.5, 0.5, -0.5]]]
QUARTER: Weights = [[[1.0, -1], [-1, 1], [0.75, 0.25], [-0.75, -0.25]], [[-0.75, -0.25, 1.0, -1]]]


def test_programs_of_planted_minima() -> None:
    condition = minima(SLIDE, OTHER_SIDE, HALF, QUARTER)
    table = made.program_table(condition)
    assert list(table.columns) == list(COLUMNS["programs"])
    assert set(table["formula"]) == set(table["class"]) == {"min(x1, x2)"}
    assert table["equals_task"].all()
    assert (table["spec_upper"] < 1e-12).all()
    assert (table["error"] < 1e-12).all()
    assert table["share"].round(12).tolist() == [1.0, 0.0, 0.5, 0.75]
    # Swapping the inputs makes the second of the first; the last is in no catalogue.
    assert table["gauge"].tolist()[:3] == ["x1 - relu(x1 - x2)"] * 2 + ["1/2 (x1 + x2) - 1/2 |x1 - x2|"]
    assert table["named"].tolist() == [True, True, True, False]
    circuits = made.circuit_table(condition)
    assert circuits[["circuit", "on", "output"]].drop_duplicates().values.tolist() == [
        ["minimum", "x1, x2", "y1"]
    ]


def test_the_census_counts_solved_networks() -> None:
    condition = minima(SLIDE, OTHER_SIDE, HALF, QUARTER)
    condition = replace(condition, losses=np.array([1e-12, 1e-12, 1e-12, 1.0]))
    table = made.census_table(condition, made.program_table(condition))
    assert table["n"].unique().tolist() == [3]
    # The fourth failed, and might have computed it in any way.
    assert table["trained"].unique().tolist() == [4]
    assert table[["worst_low", "worst_high"]].iloc[0].tolist() == [0.75, 1.0]
    rows = {(row.level, row.name_): row for row in table.rename(columns={"name": "name_"}).itertuples()}
    assert {key: row.found for key, row in rows.items()} == {
        ("class", "min(x1, x2)"): 3,
        ("gauge", "x1 - relu(x1 - x2)"): 2,
        ("gauge", "1/2 (x1 + x2) - 1/2 |x1 - x2|"): 1,
    }
    # Clopper-Pearson for 3 of 3: 0.025 ** (1 / 3).
    assert rows["class", "min(x1, x2)"].low == pytest.approx(0.025 ** (1 / 3))


def test_the_only_form_of_the_fewest_neurons_is_forced_unless_there_are_biases() -> None:
    def forced(condition: Condition) -> list[str]:
        table = made.census_table(condition, made.program_table(condition))
        return [str(name) for name in table["name"][table["forced"]]]

    slides = replace(minima(SLIDE, OTHER_SIDE), hidden=(3,))
    assert forced(slides) == ["x1 - relu(x1 - x2)"]
    assert forced(replace(minima(SLIDE, HALF), hidden=(4,))) == []
    # Final sizes decide.
    assert forced(replace(slides, hidden=(16,))) == ["x1 - relu(x1 - x2)"]
    assert forced(replace(minima(SLIDE, OTHER_SIDE, HALF), hidden=(16,))) == []
    # Nor is it where the certified error is too large for it to follow.
    far = replace(slides, programs=slides.programs.assign(spec_upper=0.002))
    assert forced(far) == []
    (row,) = made.census_table(far, made.program_table(far)).query("level == 'gauge'").to_dict("records")
    assert (row["found"], row["n"], row["evidence_n"], row["apart"]) == (2, 2, 0, 2)
    biased = tuple(Network(w, [np.zeros(3), np.zeros(1)]) for w in (SLIDE, OTHER_SIDE))
    assert forced(in_words(replace(slides, networks=biased))) == []


def test_a_census_of_nothing_is_empty() -> None:
    condition = in_words(planted([1.0, float("nan")], reading({})))
    assert made.census_table(condition, made.program_table(condition)).empty
    assert candidate_table(condition.task, [], 0).empty
    assert candidates_toml(empty("candidates")) == ""


def test_what_recurs_without_a_name_is_a_candidate() -> None:
    condition = minima(SLIDE, QUARTER, QUARTER, QUARTER)
    unnamed = made.unnamed_solutions(condition, made.program_table(condition))
    assert [name.rpartition("/")[2] for name, _ in unnamed] == ["1", "2", "3"]
    table = candidate_table(condition.task, unnamed, solved=4)
    assert table[["circuit", "found", "n"]].values.tolist() == [["minimum", 3, 4]]
    assert table["error"].max() < 1e-12
    text = candidates_toml(table)
    (entry,) = parse_circuits(text, "candidates.toml", circuits)
    assert entry.name == "minimum"
    # Two of the three alone are no recurrence.
    assert candidate_table(condition.task, unnamed[:2], solved=4).empty
    # One entry per name: the more frequent one.
    assert candidates_toml(pd.concat([table.assign(found=2), table])) == text


def test_an_entry_that_the_catalogue_would_refuse_is_not_offered() -> None:
    good = minima(SLIDE, QUARTER, QUARTER, QUARTER)
    table = candidate_table(good.task, made.unnamed_solutions(good, made.program_table(good)), solved=4)
    assert table["entry"].notna().all()
    assert _ready(table["entry"][0].replace("0.75", "0.7512")) is None
    assert candidates_toml(table.assign(entry=None)) == ""
