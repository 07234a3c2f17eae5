"""The detection benchmark: its truths are true, its short path declares what the long one does, its bounds can fail."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import InputError, UnknownNameError, analyse_many, hand_derived
from mathcircuits.detect.matching.correlations import live_and_bent, unit_vectors
from mathcircuits.detect.matching.nulls import neuron_nulls as nulls
from mathcircuits.detect.matching.nulls import simulated
from mathcircuits.detect.matching.probes import probes_for
from mathcircuits.detect.networks import known_laws
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.stacks import Stack
from mathcircuits.detect.statistics.multiple_testing import benjamini_hochberg
from mathcircuits.reports import benchmark
from mathcircuits.reports.benchmark import Benchmark, Score, Setting, run
from mathcircuits.reports.benchmark.detection import benchmark as detection
from mathcircuits.reports.benchmark.detection import charts
from mathcircuits.reports.benchmark.detection.allowance import allowed, closed_p, gated_p
from mathcircuits.reports.benchmark.detection.benchmark import run_detection
from mathcircuits.reports.benchmark.detection.blanks import APART, permuted, rotated, shuffled, teacher
from mathcircuits.reports.benchmark.detection.declaring import declare, merge, q_values
from mathcircuits.reports.benchmark.detection.discoveries import UNTRAINED, false_discoveries, on_untrained
from mathcircuits.reports.benchmark.detection.effort import QUICK, generator
from mathcircuits.reports.benchmark.detection.planting import (
    NOTHING,
    Planted,
    haar_rotations,
    plant,
    plant_deep,
    plant_mixtures,
    ridges,
    rotate_layer,
    shape,
)
from mathcircuits.reports.benchmark.detection.recovery import (
    beside_allowance,
    false_proportions,
    recovered,
    true_unexplained,
)
from mathcircuits.reports.benchmark.scores import Bound, Measurement, mean_share, score_table, share, sum_up


@pytest.fixture(scope="module", autouse=True)
def small_nulls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nulls of a tenth of the draws, in a home and a memory of their own: calibration is the benchmark's business."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATHCIRCUITS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(simulated, "_FIRST_LAYER_DRAWS", 16_000)
        patch.setattr(simulated, "_DEEP_DRAWS", 8_000)
        nulls._cached_null.cache_clear()
        yield
        nulls._cached_null.cache_clear()


# The short path


def test_q_values_are_those_of_benjamini_and_hochberg_row_by_row() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(size=(200, 7)) ** 3
    p[rng.uniform(size=p.shape) < 0.3] = np.nan
    expected = np.stack([benjamini_hochberg(row) for row in p])
    np.testing.assert_array_equal(q_values(p), expected)


@pytest.mark.parametrize(
    ("inputs", "width", "layers", "bias", "law"),
    [
        (2, 8, 1, False, None),
        # Offsets have every network drawn beside copies of its own: a minute or two.
        pytest.param(2, 4, 1, True, "uniform", marks=pytest.mark.long),
        pytest.param(1, 3, 2, True, "uniform", marks=pytest.mark.long),
        (2, 3, 2, False, "normal"),
    ],
)
def test_the_short_path_declares_what_analyse_declares(
    inputs: int, width: int, layers: int, bias: bool, law: str | None
) -> None:
    count = 300
    stack = untrained(shape(inputs, width, layers, bias), count, "uniform", np.random.default_rng(7))
    if layers == 1:
        made = plant(inputs, width, 3, 0.2, count, np.random.default_rng(8), bias=bias).stack
    else:
        made = plant_deep(inputs, width, layers, 0.5, count, np.random.default_rng(8), bias=bias).stack
    both = Stack(
        stack.architecture,
        tuple(np.concatenate(pair) for pair in zip(stack.weights, made.weights, strict=True)),
        tuple(np.concatenate(pair) for pair in zip(stack.biases, made.biases, strict=True)),
    )
    declared = declare(both, known_laws(law))
    frame = analyse_many([both.network(k) for k in range(len(both))], init=law).neurons
    matched = (frame["status"] == "matched").to_numpy().reshape(len(both), -1)
    by_chance, found = matched[:count].any(axis=1).mean(), matched[count:].any(axis=1).mean()
    # Given its offset a first-layer neuron of one input has a sign and nothing to find: there the second layer is left.
    assert by_chance < 0.1 < (0.3 if inputs == 1 else 0.5) < found
    p = frame["p"].to_numpy(float).reshape(len(both), -1)
    # A neuron may also be matched by its weights, which the short path leaves out: then the match is upstream.
    by_weights = ~np.isclose(declared.p, p, rtol=1e-9, equal_nan=True)
    same = ~by_weights.any(axis=1)
    np.testing.assert_array_equal(declared.matched()[same], matched[same])
    scope = (frame["scope"] == "upstream").to_numpy().reshape(len(both), -1)
    assert (scope & (p < declared.p))[by_weights].all()
    assert by_weights.mean() < 1e-3
    labels = [
        declared.features[layer][k] for layer, k in zip(declared.layer, declared.label[-1], strict=True)
    ]
    last = frame[frame["network"] == len(both) - 1]
    shown = ~np.isnan(declared.p[-1])
    assert [f.feature.name for f, s in zip(labels, shown, strict=True) if s] == last["feature"][
        shown
    ].tolist()


def test_declarations_do_not_depend_on_how_networks_are_chunked() -> None:
    stack = untrained(shape(2, 8, 1, bias=True), 40, "uniform", np.random.default_rng(0))
    whole, parts = (
        declare(stack, ("uniform",)),
        merge([declare(stack[:15], ("uniform",)), declare(stack[15:], ("uniform",))]),
    )
    np.testing.assert_allclose(whole.p, parts.p, rtol=1e-9)
    np.testing.assert_array_equal(whole.matched(), parts.matched())


def test_one_input_without_bias_is_vacuous_and_the_naive_rule_falls_for_it() -> None:
    declared = declare(
        untrained(shape(1, 4, 1, bias=False), 50, "uniform", np.random.default_rng(0)), ("uniform",)
    )
    assert declared.vacuous.all()
    assert not declared.matched().any()
    assert declared.naive().all()


# Planted networks


@pytest.mark.parametrize("inputs", [1, 2, 3, 6])
@pytest.mark.parametrize("bias", [False, True])
def test_planted_neurons_hold_their_feature_exactly_without_noise(inputs: int, bias: bool) -> None:
    made = plant(inputs, 8, 3, 0.0, 60, np.random.default_rng(inputs), bias=bias)
    holds = made.truth != NOTHING
    assert (holds.sum(axis=1) == 3).all()
    assert true_unexplained(made)[holds].max() < 1e-12
    assert (true_unexplained(made)[~holds] == 1.0).all()
    if inputs > 1:
        chosen = np.where(holds, made.truth, -np.arange(1, 9))
        assert all(len(set(row)) == 8 for row in chosen.tolist()), "features differ within a network"


@pytest.mark.parametrize("angle", [0.1, 2.0, 10.0])
def test_planted_neurons_are_turned_by_the_angle(angle: float) -> None:
    made = plant(3, 5, 2, angle, 200, np.random.default_rng(0), bias=True)
    at, directions = ridges(3)
    holds = made.truth != NOTHING
    w = made.stack.weights[0][holds]
    size = np.linalg.norm(w, axis=1)
    m = directions[np.searchsorted(at, made.truth[holds])]
    cosine = (w * m).sum(axis=1) / size
    np.testing.assert_allclose(np.degrees(np.arccos(np.minimum(cosine, 1.0))), angle, rtol=1e-4)
    assert size.max() / size.min() > 5.0, "rescaled at random"
    offsets = made.stack.biases[0][holds] / size
    sd = math.sin(math.radians(angle)) / 2
    # 400 draws of a normal law: their standard deviation is known to 3.5%, four of those are 14%
    assert abs(offsets.std() / sd - 1.0) < 0.14


def test_split_neurons_are_copies_and_dead_ones_are_dead() -> None:
    made = plant(2, 10, 3, 0.5, 20, np.random.default_rng(0), bias=True, split=2, dead=3)
    assert ((made.truth != NOTHING).sum(axis=1) == 5).all()
    frame = analyse_many([made.stack.network(k) for k in range(20)], init="uniform").neurons
    assert (frame["status"] == "dead").groupby(frame["network"]).sum().min() >= 3
    assert (frame["duplicate_of"].notna().groupby(frame["network"]).sum() >= 2).all()


@pytest.mark.parametrize(
    ("planted", "split", "dead", "bias"),
    [(0, 0, 0, True), (3, 0, 2, True), (2, 3, 0, True), (1, 0, 1, False)],
)
def test_what_does_not_fit_into_a_layer_is_refused(planted: int, split: int, dead: int, bias: bool) -> None:
    with pytest.raises(InputError, match="neurons"):
        plant(2, 4, planted, 0.0, 5, np.random.default_rng(0), bias=bias, split=split, dead=dead)


@pytest.mark.parametrize("layers", [2, 3])
@pytest.mark.parametrize("inputs", [1, 2, 4])
def test_deep_truths_hold_in_every_layer(inputs: int, layers: int) -> None:
    made = plant_deep(inputs, 8, layers, 0.0, 30, np.random.default_rng(0), bias=False)
    probes = [probes_for(inputs, depth=min(layer + 1, 2)) for layer in range(layers)]
    forward = made.stack.forward(probes[0].X)
    for layer in range(layers):
        truth = made.truth[:, 8 * layer : 8 * (layer + 1)]
        assert (truth != NOTHING).sum(axis=1).tolist() == [3 if layer == 0 and inputs > 1 else 2] * 30
        _, _, unit = unit_vectors(forward.post[layer])
        for k, j in zip(*np.nonzero(truth != NOTHING), strict=True):
            r = unit[k, :, j] @ probes[layer].unit[:, truth[k, j]]
            assert 1.0 - r**2 < 1e-12


def test_a_rotated_layer_computes_the_same_and_bends_nowhere() -> None:
    made = plant(2, 6, 3, 0.0, 10, np.random.default_rng(0), bias=True)
    stack = rotate_layer(made, np.random.default_rng(1))
    X = probes_for(2).X
    before, after = made.stack.forward(X), stack.forward(X)
    np.testing.assert_allclose(after.outputs, before.outputs, atol=1e-9)
    live, bent = live_and_bent(after.pre[1], after.post[1], "relu")
    assert live.all()
    assert not bent.any()
    # Distances survive a rotation, single neurons do not.
    spread = after.post[1] - after.post[1].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(
        (spread**2).sum(), ((before.post[0] - before.post[0].mean(axis=1, keepdims=True)) ** 2).sum()
    )


def test_rotations_follow_haar() -> None:
    Q = haar_rotations(3, 4000, np.random.default_rng(0))
    np.testing.assert_allclose(Q @ Q.transpose(0, 2, 1), np.broadcast_to(np.eye(3), Q.shape), atol=1e-12)
    # Under Haar's law an entry has mean 0 and variance 1/3; QR without the signs gives Q[0, 0] < 0 always.
    assert abs(Q[:, 0, 0].mean()) < 4 * math.sqrt(1 / 3 / 4000)
    assert abs((Q[:, 0, 0] ** 2).mean() - 1 / 3) < 0.02


def test_mixtures_are_no_single_feature() -> None:
    made, mixes = plant_mixtures(3, 8, 2, 20, np.random.default_rng(0))
    probes = probes_for(3, depth=2)
    post = made.stack.forward(probes.X).post[1]
    _, sd, unit = unit_vectors(post)
    mixed = mixes[:, 8:]
    assert (sd[mixed] > 0).all()
    r = np.einsum("Nnm,nk->Nmk", unit, probes.unit).max(axis=2)
    assert (1.0 - r[mixed] ** 2).min() > 1e-3


# Networks that hold nothing


def test_rotating_keeps_the_relations_and_permuting_keeps_the_entries() -> None:
    stack = Stack.of([hand_derived("minimum")])
    w = stack.weights[0][0]
    turned = rotated(stack, 10, np.random.default_rng(0)).weights[0]
    np.testing.assert_allclose(
        turned @ turned.transpose(0, 2, 1), np.broadcast_to(w @ w.T, (10, 3, 3)), atol=1e-12
    )
    mixed = permuted(stack, 10, np.random.default_rng(0)).weights[0]
    np.testing.assert_array_equal(
        np.sort(mixed.reshape(10, -1), axis=1), np.sort(np.tile(w.ravel(), (10, 1)), axis=1)
    )


@pytest.mark.parametrize("inputs", [2, 3, 4])
def test_teachers_stay_away_from_the_catalogue(inputs: int) -> None:
    _, directions = ridges(inputs)
    X = np.eye(inputs)
    for number in range(5):
        task = teacher(inputs, number)
        # relu(n . e) - relu(-n . e) = n . e
        n = (task(X) - task(-X))[:, 0]
        assert np.degrees(np.arccos((directions @ n).max())) >= APART
    assert not np.allclose(teacher(inputs, 0)(X), teacher(inputs, 1)(X))


def test_shuffled_labels_are_the_labels_in_another_order_for_torch_too() -> None:
    import torch

    task, regimen = shuffled(2)
    X = np.random.default_rng(0).uniform(-1, 1, (256, 2))
    expected = task(X)
    np.testing.assert_allclose(task(torch.from_numpy(X)).numpy(), expected, atol=1e-12)
    assert regimen.samples == 256
    assert regimen.stream == "per-seed"


def test_planted_features_are_false_discoveries_when_nothing_should_be_there() -> None:
    made = plant(3, 8, 3, 0.0, 50, np.random.default_rng(0), bias=False)
    rate, *_ = false_discoveries(Setting("demo"), declare(made.stack, ("uniform",)), UNTRAINED)
    assert rate.value == 1.0
    assert rate.passed is False


def test_untrained_networks_are_drawn_by_seed_and_cell() -> None:
    s = Setting("untrained", inputs=2, bias=True, layers=1, width=8, law="uniform")
    once, again, other = (on_untrained(s, 500, seed) for seed in (0, 0, 1))
    assert once == again
    assert [score.found for score in once] != [score.found for score in other]
    assert generator(0, "a").random() != generator(0, "b").random()


# What the null allows


@pytest.mark.parametrize(
    ("inputs", "bias", "u", "expected"),
    [
        (2, False, 1e-2, 0.2424),
        (2, False, 1e-4, 0.0242),
        (2, True, 1e-2, 0.0156 / (5 / 6)),
        (1, True, 1e-2, 0.0511 / 0.5),
    ],
)
def test_the_closed_form_is_the_stated_one(inputs: int, bias: bool, u: float, expected: float) -> None:
    # The table in docs/results/measurements.md before its division, over the chance 1 - 1 / (d + 1)! of a bent neuron.
    assert abs(closed_p([u], inputs, bias)[0] / expected - 1.0) < 0.01


@pytest.mark.parametrize(
    ("inputs", "bias", "u"), [(2, False, 1e-3), (3, False, 1e-3), (2, True, 1e-2), (3, True, 1e-2)]
)
def test_the_closed_form_agrees_with_simulation(inputs: int, bias: bool, u: float) -> None:
    probes = probes_for(inputs)
    drawn = simulated.simulate(shape(inputs, 1, 1, bias), 0, "uniform", probes, seed=5, neurons=40_000)
    ridge = np.concatenate(list(drawn))[:, probes.classes.index("ridge")]
    share_below = (ridge <= u).mean()
    # Within three standard errors and the 10% by which a quadratic form and 512 probes may be off.
    error = 3 * math.sqrt(share_below / len(ridge)) + 0.1 * share_below
    assert abs(share_below - closed_p([u], inputs, bias)[0]) < error


def test_power_is_complete_at_a_feature_and_none_beyond_the_gate() -> None:
    rng = np.random.default_rng(0)
    here = np.zeros((50, 3))
    for bias in (False, True):
        assert allowed(np.full((50, 3), 1e-12), here, 8, 3, bias, rng).all()
        assert not allowed(np.full((50, 3), 0.02), here, 8, 3, bias, rng).any()
    # A degree off in the plane is no evidence given the offset, where the bias was drawn with it it was.
    assert not allowed(np.full((50, 3), 3e-4), here, 8, 2, True, rng).any()
    assert gated_p([0.02], 2, True).tolist() == [1.0]
    # One input without bias: p is 1 at a perfect match.
    assert gated_p([1e-15], 1, False).tolist() == [1.0]


def test_measured_power_and_false_proportions_by_hand() -> None:
    made = plant(3, 8, 3, 0.2, 100, np.random.default_rng(0), bias=False)
    declared = declare(made.stack, ("uniform",))
    scores = {
        score.measure: score
        for score in recovered(Setting("demo", inputs=3, bias=False, width=8, planted=3), made, declared)
    }
    assert scores["recall"].value >= 0.99
    assert scores["label right"].value == 1.0
    power, distance = beside_allowance(
        Setting("demo", inputs=3, bias=False, width=8, planted=3), made, declared, 0
    )
    assert power.value >= 0.99
    assert distance.passed
    truth = np.array([[4, NOTHING, NOTHING], [NOTHING, NOTHING, NOTHING], [1, 2, NOTHING]])
    matched = np.array([[True, True, False], [False, False, False], [True, True, False]])
    made = Planted(made.stack, truth)
    assert false_proportions(made, matched).tolist() == [0.5, 0.0, 0.0]


# Scores, bounds and files


def test_a_bound_looks_at_its_end_of_the_interval() -> None:
    s = Setting("coins")
    few = share("toss", s, "heads", 5, 100, Bound("few", 0.06))
    assert few.passed
    strict = replace(few, bound=Bound("few", 0.06, end="high"))
    assert strict.passed is False
    assert strict.lenient().passed
    assert share("toss", s, "heads", 30, 100, strict.bound).lenient().passed is False
    assert share("toss", s, "heads", 5, 100).passed is None
    many = share("toss", s, "heads", 97, 100, Bound("many", 0.99, most=False))
    assert (many.passed, many.lenient().passed) == (False, True)


def test_what_was_not_measured_does_not_pass() -> None:
    empty = share("toss", Setting("coins"), "heads", 0, 0, Bound("few", 0.5))
    assert math.isnan(empty.value)
    assert empty.passed is False
    assert empty.lenient().passed is False


def test_a_mean_share_of_whole_numbers_has_the_exact_interval() -> None:
    shares = np.array([1.0] * 3 + [0.0] * 7)
    mean, exact = (
        mean_share("toss", Setting("coins"), "m", shares),
        share("toss", Setting("coins"), "m", 3, 10),
    )
    assert (mean.value, mean.n) == (0.3, 10)
    assert (mean.low, mean.high) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_requirements_name_their_worst_cell() -> None:
    bound = Bound("heads in at most half", 0.5)
    scores = [
        share("toss", Setting(name), "heads", k, 10, bound) for name, k in (("a", 1), ("b", 9), ("c", 7))
    ]
    (requirement,) = sum_up(scores)
    assert (requirement.kept, requirement.asked, requirement.passed) == (1, 3, False)
    assert str(requirement) == "FAIL  heads in at most half: 1 of 3 cells, worst 0.9 (9 of 10; b)"


def test_the_table_has_one_row_a_score_and_says_what_is_missing() -> None:
    table = score_table(
        [share("toss", Setting("coins", width=3), "heads", 1, 2), Score("toss", Setting("dice"), "sum", 7.0)]
    )
    assert table["width"].tolist() == [3, pd.NA]
    assert table["passed"].isna().all()
    assert table["low"].notna().tolist() == [True, False]


def test_unknown_and_later_benchmarks_say_so() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'detection'"):
        run("detecton")
    assert list(benchmark.BENCHMARKS) == [
        "detection",
        "training",
        "reading",
        "regimens",
        "universality",
        "fibre",
        "public",
        "forced",
        "scale",
    ]


TINY = replace(
    QUICK,
    untrained=60,
    null_inputs=(1, 2),
    null_layouts=((1, 3),),
    planted=30,
    planted_inputs=(2,),
    angles=(0.0, 5.0),
    layouts=((4, 1),),
    deep=4,
    deep_layouts=((2, 3),),
    seeds=2,
    teachers=1,
    other=8,
    other_steps=5,
    input_laws=("uniform",),
    copies=2,
    studies=1,
    lazy=4,
    steps=40,
    blank_steps=20,
    read_tasks=("absolute",),
    multiples=(1,),
    rows=64,
    units=16,
)


@pytest.fixture(scope="module")
def tiny() -> Benchmark:
    return run_detection(effort=TINY, progress=False)


def test_the_whole_run_measures_every_part(tiny: Benchmark) -> None:
    assert set(tiny.table["part"]) == set(tiny.seconds)
    assert len(tiny.seconds) == 7
    assert {
        "untrained",
        "teacher",
        "shuffled",
        "rotated",
        "permuted",
        "planted",
        "planted deep",
        "mixtures",
        "lazy",
    } <= set(tiny.table["population"])
    assert tiny.table["value"].notna().mean() > 0.8
    assert tiny.summary[-1].endswith("s)")
    assert len(tiny.summary) == len(tiny.requirements) + 1
    assert tiny.passed == all(requirement.passed for requirement in tiny.requirements)


def test_a_killed_run_leaves_its_rows_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []
    bound = Bound("heads in at most half", 0.5)

    def toss(name: str) -> list[Score]:
        calls.append(name)
        if calls == ["a", "b", "c"]:
            raise KeyboardInterrupt
        return [share("toss", Setting(name), "heads", 1, 4, bound), Score("toss", Setting(name), "sum", 7.0)]

    def cells(*_: object) -> dict[str, list[Measurement]]:
        return {"toss": [Measurement(name, partial(toss, name)) for name in "abcd"]}

    monkeypatch.setattr(detection, "detection_measurements", cells)
    monkeypatch.setattr(charts, "detection_figure", None)
    with pytest.raises(KeyboardInterrupt):
        run_detection(effort=TINY, out=tmp_path)
    assert pd.read_csv(tmp_path / "table.csv")["population"].tolist() == ["a", "a", "b", "b"]
    printed = capsys.readouterr().err.splitlines()
    assert printed[1].startswith("2 of 4: toss, b; Score(heads 0.25 [0.00631, 0.806], 1 of 4); ")
    found = run_detection(effort=TINY, out=tmp_path, progress=False)
    assert calls == [*"abc", *"cd"]
    assert found.table["population"].tolist() == [*"aabbccdd"]
    assert math.isnan(found.scores[1].low)
    assert found.seconds.keys() == {"toss"}
    assert capsys.readouterr().err == ""
    # another seed is another run
    run_detection(effort=TINY, out=tmp_path, seed=1, progress=False)
    assert len(calls) == 9
    with pytest.raises(InputError, match="quick = True and full = True"):
        run_detection(quick=True, full=True)


def test_a_run_is_written_whole(tiny: Benchmark, tmp_path: Path) -> None:
    folder = tiny.write(tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == [
        "benchmark.json",
        "figure.svg",
        "summary.txt",
        "table.csv",
    ]
    table = pd.read_csv(folder / "table.csv")
    assert len(table) == len(tiny.scores)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads((folder / "benchmark.json").read_text(), parse_constant=refuse)
    assert len(content["scores"]) == len(tiny.scores)
    assert content["about"]["effort"]["untrained"] == 60
    svg = (folder / "figure.svg").read_text()
    assert svg.lstrip().startswith("<?xml")
    assert "Calibration of p" in svg
    again = tiny.write(tmp_path / "again")
    assert (again / "figure.svg").read_bytes() == (folder / "figure.svg").read_bytes()
