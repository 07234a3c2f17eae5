"""Similarity measures: golden values, invariances, null levels, degenerate data, error texts."""

from __future__ import annotations

import itertools
import json
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from mathcircuits.detect.errors import InputError, MathCircuitsError
from mathcircuits.detect.networks.network import Activations, Network
from mathcircuits.detect.similarity.alignment import correlation_matching, partial_matching
from mathcircuits.detect.similarity.measures import Similarity
from mathcircuits.detect.similarity.pairs import MEASURES, pairwise
from mathcircuits.detect.similarity.representations import (
    cca,
    cka,
    mutual_knn,
    procrustes,
    r2,
    rbf_cka,
    rsa,
    shape_distance,
    svcca,
)

Array = np.ndarray[Any, np.dtype[np.float64]]
Measured = Callable[[Array, Array], Similarity]

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "similarity_golden.json").read_text())["values"]
#: Sources that compute in float32 or stop at an epsilon (their spread against the others is above 1e-9).
ROUGH = {"platonic", "google_svcca", "google_code"}


def made(n: int, d: int, a: float, b: float, c: float) -> Array:
    """The golden file's recipe."""
    i, j = np.arange(1, n + 1)[:, None], np.arange(1, d + 1)[None]
    return np.asarray(np.sin(a * i * j) + 0.5 * np.cos(b * i + c * j * j) + 0.1 * j * np.sin(0.9 * i))


X8, Y8, W5 = made(60, 8, 0.37, 1.3, 0.7), made(60, 8, 0.53, 1.1, 0.4), made(60, 5, 0.29, 0.8, 1.9)

GOLDEN_MEASURES: dict[str, Measured] = {
    "linear_cka_biased": lambda X, Y: cka(X, Y, unbiased=False),
    "linear_cka_unbiased": cka,
    "procrustes_angular_centered": procrustes,
    "shape_metric_alpha0.5_angular": lambda X, Y: shape_distance(X, Y, alpha=0.5),
    "shape_metric_alpha0_angular(=CCA)": lambda X, Y: shape_distance(X, Y, alpha=0),
    "mean_cca": cca,
    "svcca_0.99": svcca,
    "linear_regression_r2(A from B)": r2,
    "rsa_corr_spearman": rsa,
    "rsa_sqeuclid_pearson": lambda X, Y: rsa(X, Y, distance="sqeuclidean", compare="pearson"),
    "mutual_knn10_cosine": mutual_knn,
}


@pytest.mark.parametrize(
    ("pair", "name", "source"),
    [
        (pair, name, source)
        for pair in ("XY_8v8", "XW_8v5")
        for name in GOLDEN_MEASURES
        if f"{pair}/{name}" in GOLDEN
        for source in GOLDEN[f"{pair}/{name}"]
        if "BUGGY" not in source
    ],
)
def test_values_of_independent_implementations(pair: str, name: str, source: str) -> None:
    other = Y8 if pair == "XY_8v8" else W5
    expected = GOLDEN[f"{pair}/{name}"][source]
    assert GOLDEN_MEASURES[name](X8, other).value == pytest.approx(
        expected, abs=1e-7 if source in ROUGH else 1e-9
    )


def test_every_golden_measure_is_found_in_the_file() -> None:
    """A renamed key would drop its cases silently."""
    assert {name for name in GOLDEN_MEASURES if f"XY_8v8/{name}" in GOLDEN} == set(GOLDEN_MEASURES)


def test_angles_of_the_golden_file() -> None:
    """Angular CKA is the arccosine of the biased one; the Procrustes distance follows from the angle."""
    assert math.acos(cka(X8, Y8, unbiased=False).value) == pytest.approx(
        GOLDEN["XY_8v8/angular_cka"]["netrep"], abs=1e-9
    )
    a, b = (np.linalg.norm(Z - Z.mean(0)) for Z in (X8, W5))
    euclidean = math.sqrt(a * a + b * b - 2 * a * b * math.cos(procrustes(X8, W5).value))
    assert euclidean == pytest.approx(GOLDEN["XW_8v5/procrustes_euclidean_centered"]["netrep"], abs=1e-9)


# --- invariances: what must not change and what must ---

ALL: dict[str, Measured] = {
    "cka": cka,
    "cka biased": lambda X, Y: cka(X, Y, unbiased=False),
    "rbf_cka": rbf_cka,
    "rbf_cka biased": lambda X, Y: rbf_cka(X, Y, unbiased=False),
    "procrustes": procrustes,
    "shape 0.5": lambda X, Y: shape_distance(X, Y, alpha=0.5),
    "shape 0": lambda X, Y: shape_distance(X, Y, alpha=0.0),
    "cca": cca,
    "svcca": lambda X, Y: svcca(X, Y, share=0.9),
    "r2": r2,
    "r2 folds": lambda X, Y: r2(X, Y, folds=5),
    "rsa": rsa,
    "rsa euclidean": lambda X, Y: rsa(X, Y, distance="euclidean", compare="pearson"),
    "mutual_knn": lambda X, Y: mutual_knn(X, Y, k=7),
    "mutual_knn euclidean": lambda X, Y: mutual_knn(X, Y, k=7, distance="euclidean"),
}
RNG = np.random.default_rng(7)
# Correlated layers away from the origin, units of unequal strength, so that nothing holds by accident.
LEFT = RNG.normal(size=(80, 5)) * [1, 2, 0.5, 3, 1] + [0, 1, 2, -1, 0.5]
RIGHT = LEFT @ RNG.normal(size=(5, 6)) + 2 * RNG.normal(size=(80, 6)) + RNG.normal(size=6)
ROTATION = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
MIXING = RNG.normal(size=(6, 6)) + np.diag([3.0, 1, 1, 1, 1, 0.3])

TRANSFORMS: dict[str, Callable[[Array], Array]] = {
    "rotation": lambda Y: Y @ ROTATION,
    "permutation": lambda Y: Y[:, [3, 0, 5, 1, 4, 2]],
    "one scale": lambda Y: 7.0 * Y,
    "unit scales": lambda Y: Y * [0.2, 1, 5, 0.5, 9, 1],
    "translation": lambda Y: Y + np.array([5.0, -3, 0, 1, 8, 2]),
    "invertible map": lambda Y: Y @ MIXING,
    "dead units": lambda Y: np.hstack([Y[:, :2], np.zeros((80, 2)), Y[:, 2:], np.full((80, 1), 3.7)]),
    "all units doubled": lambda Y: np.hstack([Y, Y]),
    "one unit doubled": lambda Y: np.hstack([Y, Y[:, 2:3]]),
    "rows misaligned": lambda Y: np.roll(Y, 1, axis=0),
}
WHITENED = {"shape 0", "cca", "r2", "r2 folds"}
CHANGES: dict[str, set[str]] = {
    # Correlation across units refers to the direction (1, ..., 1), so it sees rotations.
    "rotation": {"rsa"},
    "permutation": set(),
    "one scale": {"shape 0.5"},
    "unit scales": set(ALL) - WHITENED,
    "translation": {"rsa", "mutual_knn"},
    "invertible map": set(ALL) - WHITENED,
    "dead units": set(),
    "all units doubled": {"shape 0.5"},
    "one unit doubled": set(ALL) - WHITENED,
    "rows misaligned": set(ALL),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ALL)
def test_invariances(name: str, transform: str) -> None:
    before, after = ALL[name](LEFT, RIGHT).value, ALL[name](LEFT, TRANSFORMS[transform](RIGHT)).value
    if name in CHANGES[transform]:
        assert abs(before - after) > 1e-4
    else:
        assert after == pytest.approx(before, abs=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_rows_does_not_matter(name: str) -> None:
    order = RNG.permutation(80)
    tolerance = 0.1 if name == "r2 folds" else 1e-9  # other rows are dealt to other folds
    assert ALL[name](LEFT[order], RIGHT[order]).value == pytest.approx(
        ALL[name](LEFT, RIGHT).value, abs=tolerance
    )


@pytest.mark.parametrize("name", ALL)
def test_a_layer_is_the_same_as_itself_and_measures_are_symmetric(name: str) -> None:
    same = 0.0 if name.startswith(("procrustes", "shape")) else 1.0
    assert ALL[name](RIGHT, RIGHT).value == pytest.approx(same, abs=1e-9)
    if not name.startswith("r2"):
        assert ALL[name](RIGHT, LEFT).value == pytest.approx(ALL[name](LEFT, RIGHT).value, abs=1e-9)


def test_r2_of_rescaled_targets_changes_and_of_rescaled_predictors_does_not() -> None:
    scales = [0.2, 1, 5, 0.5, 9, 1]
    assert r2(LEFT, RIGHT * scales).value == pytest.approx(r2(LEFT, RIGHT).value, abs=1e-9)
    assert abs(r2(RIGHT * scales, LEFT).value - r2(RIGHT, LEFT).value) > 0.01


def test_procrustes_is_a_metric() -> None:
    layers = [RNG.normal(size=(30, d)) for d in (2, 3, 5)]
    a, b, c = (procrustes(layers[i], layers[j]).value for i, j in ((0, 1), (1, 2), (0, 2)))
    assert c <= a + b
    assert a <= b + c


# --- hand-computed ---


def test_by_hand() -> None:
    # Centred, X = (-1, 0, 1) and Y = (1, -2, 1) are orthogonal; X against itself is not.
    X, Y = [[0.0], [1.0], [2.0]], [[3.0], [0.0], [3.0]]
    assert cka(X, Y, unbiased=False).value == pytest.approx(0)
    assert procrustes(X, Y).value == pytest.approx(math.pi / 2)
    assert cca(X, Y).value == pytest.approx(0)
    # r = 3 / sqrt(2 * 6) between (-1, 0, 1) and (-1, -1, 2): CCA is r, R2 and biased CKA r^2 = 3/4.
    Z = [[0.0], [0.0], [3.0]]
    assert cca(X, Z).value == pytest.approx(math.sqrt(3) / 2)
    assert r2(X, Z).value == pytest.approx(0.75)
    assert cka(X, Z, unbiased=False).value == pytest.approx(0.75)
    assert procrustes(X, Z).value == pytest.approx(math.pi / 6)


def test_unbiased_cka_equals_its_definition_with_gram_matrices() -> None:
    """HSIC_1 of Song et al. 2012, equation 5, written with n x n matrices."""

    def hsic(K: Array, L: Array) -> float:
        n = len(K)
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        last = K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * K.sum(0) @ L.sum(0)
        return float((np.trace(K @ L) + last) / (n * (n - 3)))

    for X, Y in ((LEFT, RIGHT), (LEFT[:20], RNG.normal(size=(20, 90)))):  # fewer and more rows than units
        K, L = X @ X.T, Y @ Y.T
        expected = hsic(K, L) / math.sqrt(hsic(K, K) * hsic(L, L))
        assert cka(X, Y).value == pytest.approx(expected, abs=1e-9)


def test_tied_neighbours_share_the_last_place() -> None:
    # One unit: all positive rows point the same way; each row's 3 equals share its k = 2 places.
    X = [[1.0], [2.0], [3.0], [4.0], [-1.0]]
    assert mutual_knn(X, X, k=2).value == pytest.approx(1)
    assert mutual_knn(X, X[::-1], k=2).value < 1


# --- null levels ---


def test_null_levels_of_design_5_6() -> None:
    """Independent Gaussians, n = 128, d = 64: far from 0 but for unbiased CKA."""
    pairs = [np.random.default_rng(seed).normal(size=(2, 128, 64)) for seed in range(20)]
    level = {
        name: np.mean([ALL[name](X, Y).value for X, Y in pairs])
        for name in ("cka", "cka biased", "cca", "r2")
    }
    assert abs(level["cka"]) < 0.01
    assert level["cka biased"] == pytest.approx(0.33, abs=0.01)
    assert level["cca"] == pytest.approx(0.64, abs=0.01)
    assert level["r2"] == pytest.approx(0.50, abs=0.01)


@pytest.mark.parametrize("name", ["cka", "procrustes"])
def test_p_values_of_unrelated_layers_are_uniform(name: str) -> None:
    measure = {"cka": cka, "procrustes": procrustes}[name]
    p = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        X, Y = rng.normal(size=(40, 3)), np.maximum(rng.normal(size=(40, 4)), 0)
        p.append(measure(X, Y, null="rows", draws=99, seed=seed).p)
    assert kstest(p, "uniform").pvalue > 0.01


def test_p_values_against_untrained_networks_are_uniform() -> None:
    """Shared inputs make untrained layers alike: shuffled rows reject that, untrained pairs do not."""
    rng = np.random.default_rng(3)
    inputs = rng.uniform(-1, 1, size=(50, 2))

    def layer() -> Array:
        return np.maximum(inputs @ rng.normal(size=(2, 6)), 0)

    untrained = [cka(layer(), layer(), null=[(layer(), layer()) for _ in range(39)]).p for _ in range(200)]
    assert kstest(untrained, "uniform").pvalue > 0.01
    rows = [cka(layer(), layer(), null="rows", draws=39).p for _ in range(20)]
    assert np.median([p for p in rows if p is not None]) < 0.05


def test_the_null_stands_in_the_record() -> None:
    found = cka(LEFT, RIGHT, null="rows", draws=99, seed=1)
    assert found.null == "rows"
    assert found.p == 0.01
    assert found.null_mean is not None
    assert found.null_q95 is not None
    assert abs(found.null_mean) < found.null_q95 < found.value
    assert found == cka(LEFT, RIGHT, null="rows", draws=99, seed=1)
    assert found != cka(LEFT, RIGHT, null="rows", draws=99, seed=2)
    angle = procrustes(LEFT, RIGHT, null="rows", draws=99)
    assert angle.null_mean is not None
    assert angle.null_q95 is not None
    assert angle.value < angle.null_q95 < angle.null_mean
    assert angle.p == 0.01
    plain = cka(LEFT, RIGHT)
    assert (plain.null, plain.null_mean, plain.null_q95, plain.p, plain.draws) == (None, None, None, None, 0)


def test_an_array_of_untrained_pairs_serves_as_null_and_few_are_flagged() -> None:
    pairs = np.random.default_rng(0).normal(size=(5, 2, 80, 5))
    found = cka(LEFT, LEFT, null=pairs)
    assert (found.null, found.draws, found.p) == ("untrained", 5, 1 / 6)
    assert found.flags == ("only 5 null draws: p cannot be below 0.17",)


# --- size ---


@pytest.mark.parametrize(("n", "d"), [(5000, 128), (64, 5000)])
def test_cka_needs_no_square_matrix(n: int, d: int) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    tracemalloc.start()
    found = cka(X, Y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(found.value) < 0.05
    # A square matrix of the longer side takes 200 MB; a copy of a layer 5.1 or 2.6.
    assert peak < 60e6


# --- degenerate data ---


@pytest.mark.parametrize("name", ALL)
def test_a_dead_layer_has_nothing_in_common_with_a_live_one(name: str) -> None:
    same, different = (0.0, math.pi / 2) if name.startswith(("procrustes", "shape")) else (1.0, 0.0)
    dead = np.zeros((80, 3))
    found = ALL[name](LEFT, dead)
    assert found.value == different
    assert found.flags == ("Y: no live unit",)
    assert (found.n_dead_x, found.n_dead_y, found.d_y) == (0, 3, 3)
    assert ALL[name](dead, LEFT).value == different
    assert ALL[name](dead, dead + 2).value == same
    assert ALL[name](dead, dead).flagged


@pytest.mark.parametrize("name", ALL)
def test_one_live_unit_is_enough(name: str) -> None:
    one = np.maximum(LEFT[:, :1], 0)
    found = ALL[name](one, -2 * one)
    assert np.isfinite(found.value)
    if name == "rsa":
        assert found.flags[0] == "X: one live unit, so rows have no correlation"


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("name", [name for name in ALL if name != "shape 0.5"])
def test_extreme_scales_do_not_overflow(name: str, scale: float) -> None:
    assert ALL[name](LEFT * scale, RIGHT).value == pytest.approx(ALL[name](LEFT, RIGHT).value, abs=1e-9)


def test_constant_units_are_told_from_faint_ones() -> None:
    constant = np.full((80, 1), 0.1) * np.where(np.arange(80)[:, None] % 2, 1.0, 1.0 + 2e-16)
    found = cka(np.hstack([LEFT, constant, 1e-9 * LEFT[:, :1]]), RIGHT)
    assert (found.d_x, found.n_dead_x) == (7, 1)


def test_float32_rounding_makes_no_new_directions() -> None:
    """The sum of two units, rounded to float32, is dependent on them up to the array's own rounding."""
    X = np.hstack([LEFT, LEFT[:, :1] + LEFT[:, 1:2]]).astype(np.float32)
    assert cca(X, RIGHT).value == pytest.approx(cca(LEFT.astype(np.float32), RIGHT).value, abs=1e-5)


def test_rows_that_are_all_equally_far_apart_carry_no_geometry() -> None:
    one_hot = np.eye(8)
    for found in (
        cka(one_hot, LEFT[:8]),
        rbf_cka(one_hot, LEFT[:8]),
        rsa(one_hot, LEFT[:8], distance="euclidean"),
    ):
        assert found.value == 0
        assert found.flags == ("X: all rows are equally far apart",)
    assert cka(one_hot, one_hot).value == 1


def test_silent_rows_are_flagged() -> None:
    silent = np.maximum(LEFT - 2, 0)
    count = int((silent.max(axis=1) == 0).sum())
    assert count > 0
    assert mutual_knn(silent, RIGHT).flags == (f"X: {count} zero rows have cosine 0 with every other",)
    assert "put at distance 1" in rsa(silent, RIGHT).flags[0]


@pytest.mark.parametrize("measure", [cca, svcca, r2])
def test_too_few_rows_are_flagged(measure: Measured) -> None:
    assert not measure(LEFT, RIGHT).flagged  # 80 rows, 6 units
    assert (
        f"59 rows for 6 units: {measure(LEFT, RIGHT).measure} needs 60"
        in measure(LEFT[:59], RIGHT[:59]).flags
    )
    assert not measure(LEFT[:60], RIGHT[:60]).flagged


def test_which_units_count_as_too_many() -> None:
    """R2 overfits by its predictors alone; held-out R2 does not; dependent units add nothing."""
    assert not r2(np.hstack([LEFT] * 4), LEFT).flagged
    assert not r2(LEFT[:40], RIGHT[:40], folds=4).flagged
    assert not cca(np.hstack([RIGHT, RIGHT]), LEFT).flagged


def test_held_out_r2_is_below_zero_for_unrelated_layers() -> None:
    X, Y = np.random.default_rng(0).normal(size=(2, 60, 10))
    assert r2(X, Y).value > 0.1
    assert r2(X, Y, folds=5).value < 0
    assert r2(RIGHT[:, :1] * 2 + 1, RIGHT, folds=5).value == pytest.approx(1)


# --- records and errors ---


def test_the_record_prints_converts_and_renders() -> None:
    found = cca(LEFT[:30], RIGHT[:30], null="rows", draws=19)
    assert repr(found).startswith("Similarity(cca=0.")
    assert repr(found).endswith("p=0.05, n=30, 5 x 6 units, flagged)")
    assert float(found) == found.value
    record = found.to_dict()
    assert json.loads(json.dumps(record)) == record
    assert record["flags"] == ["30 rows for 6 units: cca needs 60"]
    assert record["flagged"] is True
    wanted = {
        "measure",
        "value",
        "null_mean",
        "null_q95",
        "p",
        "n",
        "d_x",
        "d_y",
        "n_dead_x",
        "n_dead_y",
        "flagged",
    }
    assert wanted <= set(record)
    assert "<th>measure</th><td>cca</td>" in found._repr_html_()
    assert "&lt;" in Similarity("a<b", 1.0, 2, 1, 1)._repr_html_()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: cka(LEFT, RIGHT[:79]), "X has 80 rows and Y 79: record both on the same inputs"),
        (lambda: cka(LEFT[:, 0], RIGHT), r"X has shape \(80,\).*reshape\(-1, 1\) makes one unit of a vector"),
        (lambda: cka(LEFT, RIGHT[None]), r"Y has shape \(1, 80, 6\): expected two axes"),
        (lambda: cka(LEFT, RIGHT[:, :0]), "Y has no units"),
        (lambda: cka(LEFT[:1], RIGHT[:1]), "X has 1 rows: a comparison needs at least two inputs"),
        (lambda: cka(LEFT[:3], RIGHT[:3]), "X has 3 rows: cka needs at least 4, record more"),
        (lambda: cka(np.where(LEFT > 2, np.nan, LEFT), RIGHT), r"X holds \d+ NaN or infinite values"),
        (lambda: cka(LEFT, np.where(RIGHT > 2, np.inf, RIGHT)), r"Y holds \d+ NaN or infinite values"),
        (lambda: cka(LEFT.astype(complex), RIGHT), "X holds complex128 values: give real numbers"),
        (lambda: cka([["a"], ["b"]], RIGHT), "X holds <U1 values"),
        (lambda: cka(LEFT, RIGHT, null="row"), "null 'row': give \"rows\", or pairs"),  # type: ignore[arg-type]
        (lambda: cka(LEFT, RIGHT, null="rows", draws=0), "0 null draws: give at least 19"),
        (lambda: cka(LEFT, RIGHT, null=[]), "null holds no pair"),
        (lambda: cka(LEFT, RIGHT, null=[LEFT]), r"null\[0\] is not a pair"),  # type: ignore[list-item]
        (
            lambda: cka(LEFT, RIGHT, null=[(LEFT, LEFT)]),
            r"null\[0\] has shape \(80, 5\) where Y has \(80, 6\)",
        ),
        (lambda: rbf_cka(LEFT, RIGHT, bandwidth=0), "bandwidth 0: give a positive multiple"),
        (lambda: shape_distance(LEFT, RIGHT, alpha=2), "alpha 2: give a number from 0"),
        (lambda: svcca(LEFT, RIGHT, share=0), "share 0: give the part of the variance"),
        (lambda: r2(LEFT, RIGHT, folds=1), "1 folds: give at least 2"),
        (lambda: r2(LEFT, RIGHT, folds=81), r"X has 80 rows: r2\(81 folds\) needs at least 81"),
        (lambda: rsa(LEFT, RIGHT, distance="cityblock"), "distance 'cityblock': give one of"),  # type: ignore[arg-type]
        (lambda: rsa(LEFT, RIGHT, compare="kendall"), "compare 'kendall': give one of"),  # type: ignore[arg-type]
        (lambda: mutual_knn(LEFT, RIGHT, k=0), "k = 0: give the number of neighbours"),
        (
            lambda: mutual_knn(LEFT, RIGHT, k=80),
            r"X has 80 rows: mutual_knn\(k=80, cosine\) needs at least 81",
        ),
        (lambda: pairwise([]), "no layers to compare"),
        (lambda: pairwise([LEFT, RIGHT[:70]]), r"layers with \[70, 80\] rows"),
        (
            lambda: pairwise([LEFT], MEASURES["cka"](), unbiased=True),
            "options unbiased beside a ready Measure",
        ),
    ],
)
def test_errors_say_what_is_wrong(call: Callable[[], object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        call()


def test_all_pairs_take_options_and_name_the_near_measure() -> None:
    assert pairwise([LEFT, RIGHT], "mutual_knn", k=3)[0, 1] == mutual_knn(LEFT, RIGHT, k=3).value
    with pytest.raises(MathCircuitsError, match="no measure named 'svca': did you mean 'svcca'"):
        pairwise([LEFT], "svca")


# --- the same inputs, by identity ---


def runs(seed: int, hidden: tuple[int, ...] = (3,)) -> Activations:
    """A fixed network's activations on inputs that the seed decides."""
    X = np.random.default_rng(seed).uniform(-1, 1, (40, 2))
    sizes = (2, *hidden, 1)
    rng = np.random.default_rng(7)
    return Network([rng.normal(size=(b, a)) for a, b in itertools.pairwise(sizes)]).run(X)


def test_layers_know_their_inputs() -> None:
    one, other, hook = runs(0), runs(1), "blocks.0.mlp.hook_post"
    assert cka(one.at(hook), runs(0).at(hook)).value == pytest.approx(1)
    assert cka(one.at(hook), one[hook]).value == cka(one, one).value == pytest.approx(1)
    message = (
        f"X was recorded on inputs {one.inputs_id} and Y on inputs {other.inputs_id}: both sides must be the "
        "same inputs in the same order, so record both networks on one array X"
    )
    for measured in (cka, procrustes, r2, correlation_matching, partial_matching):
        with pytest.raises(InputError) as caught:
            measured(one.at(hook), other.at(hook))
        assert str(caught.value) == message
    # Plain arrays do not know: only the number of rows is checked.
    assert np.isfinite(cka(one[hook], other[hook]).value)
    with pytest.raises(InputError, match=r"layers\[0\] was recorded on inputs .* and against\[1\] on inputs"):
        pairwise([one.at(hook), one[hook]], "cka", against=[one.at(hook), other.at(hook)])
    with pytest.raises(InputError, match=r"X was recorded on inputs .* and null\[0\]\[1\] on inputs"):
        cka(one, one, null=[(one.at(hook), other.at(hook))])


def test_shuffled_rows_are_other_inputs() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    net = Network([[[1, -1], [0, 1]], [[1, 1]]])
    with pytest.raises(InputError, match="same inputs in the same order"):
        cka(net.run(X), net.run(X[::-1]))


def test_activations_of_several_layers_need_a_name() -> None:
    with pytest.raises(InputError) as caught:
        cka(runs(0, (3, 2)), runs(0))
    assert str(caught.value) == (
        "X holds 2 hidden layers (blocks.0.mlp.hook_post, blocks.1.mlp.hook_post): say which one, e.g. "
        "activations.at('blocks.0.mlp.hook_post')"
    )
    with pytest.raises(InputError, match="holds 0 hidden layers \\(none\\)"):
        cka(Activations({"hook_input": [[0.0], [1.0]]}), runs(0))  # type: ignore[dict-item]
