"""Readable features are counted with their rank; what a linear read-out can never show is not claimed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.catalogues import catalogue
from mathcircuits.detect.matching.directions import direction_frame, match_directions, read_directions
from mathcircuits.detect.matching.interference import (
    SUPERPOSITION_COLUMNS,
    Superposition,
    layer_superposition,
    read_superposition,
    superposition,
    superposition_frame,
)
from mathcircuits.detect.matching.read_outs import Targets, targets_for
from mathcircuits.detect.networks.network import Activations, Network
from mathcircuits.detect.networks.stacks import Stack

Array = npt.NDArray[np.float64]
MINIMUM = [[[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]], [[-1.0, 1.0, -1.0]]]


def flags(targets: Targets, *labels: str) -> npt.NDArray[np.bool_]:
    """Which of the targets are named."""
    known = [f.label for f in targets.features]
    assert set(labels) <= set(known)
    return np.array([label in labels for label in known])


def layer(units: list[list[float]], targets: Targets) -> Array:
    """ReLU neurons on the inputs that fit."""
    rows = np.array(units).T
    return np.maximum(targets.X_fit @ rows, 0)


def test_three_neurons_of_a_minimum_network_read_six_features_of_rank_three() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (3000, 2))
    activations = Network(MINIMUM).run(X)
    directions = match_directions(activations, init="uniform")
    read = set(directions.loc[directions["readable"], "feature"])
    assert read == {"positiveness", "negativeness", "greaterness", "identity", "absolute", "minimum"}
    (found,) = superposition(activations, directions, init="uniform")
    assert (found.live, found.number, found.rank, found.independent) == (3, 6, 3, 3)
    assert found.verdict == "3 live neurons read 6 features of rank 3: no superposition"
    assert superposition(activations, init="uniform") == (found,)


def test_orthogonal_neurons_do_not_interfere() -> None:
    targets = targets_for(2)
    fit = layer([[1, 0], [0, 1]], targets)
    found = layer_superposition(
        fit, np.full(2, True), targets, flags(targets, "positiveness(x1)", "positiveness(x2)")
    )
    assert (found.number, found.rank) == (2, 2)
    # Independent inputs: neither the decoders nor the values have anything in common.
    assert found.interference == pytest.approx(0.0, abs=1e-6)
    assert found.correlation == pytest.approx(0.0, abs=0.01)
    assert found.encoders == pytest.approx(0.0, abs=0.02)


def test_interference_by_hand() -> None:
    targets = targets_for(1)
    fit = layer([[1], [-1]], targets)
    found = layer_superposition(
        fit,
        np.full(2, True),
        targets,
        flags(targets, "positiveness(x1)", "identity(x1)", "absolute(x1)"),
    )
    assert (found.number, found.rank, found.independent) == (3, 2, 2)
    # Decoders on neurons of unit variance, which are relu(x) and relu(-x) of equal variance on the box:
    # (1, 0), (1, -1), (1, 1); cosines 1 / sqrt 2, 1 / sqrt 2, 0. On 1 024 random points the variances differ
    # by 3%.
    assert found.interference == pytest.approx(2 / np.sqrt(2) / 3, abs=0.03)
    assert found.worst == pytest.approx(1 / np.sqrt(2), abs=0.03)
    assert found.verdict.endswith("2 live neurons read 3 features of rank 2: no superposition")


def test_scale_and_order_of_neurons_do_not_matter() -> None:
    targets = targets_for(2)
    readable = flags(targets, "positiveness(x1)", "greaterness(x1, x2)", "minimum(x1, x2)")
    units = [[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]]
    live = np.full(3, True)
    plain = layer_superposition(layer(units, targets), live, targets, readable)
    scaled = [[0.0, 0.0], [-7.0, 0.0], [0.1, -0.1], [3.0, 0.0]]
    other = layer_superposition(
        layer(scaled, targets), np.array([False, True, True, True]), targets, readable
    )
    assert plain.interference is not None
    assert (other.live, other.rank) == (3, plain.rank)
    for name in ("interference", "worst", "encoders", "worst_encoders", "correlation"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name), abs=1e-6)


def test_the_rank_never_exceeds_the_neurons() -> None:
    # Features that 12 random neurons read to within the bar, by chance or not: the theorem of the docstring.
    targets = targets_for(2)
    rng = np.random.default_rng(3)
    for width in (2, 5, 12):
        rows = rng.normal(size=(3, width))
        fit, test = (np.maximum(X @ rows[:2] + rows[2], 0) for X in (targets.X_fit, targets.X_test))
        columns = np.column_stack([np.ones(len(test)), test])
        left = targets.test - columns @ np.linalg.lstsq(columns, targets.test, rcond=None)[0]
        readable = (left**2).mean(axis=0) <= 1e-3
        found = layer_superposition(fit, test.max(axis=0) > 0, targets, readable)
        assert found.rank <= found.live
        assert found.number == readable.sum()


def test_nearly_dependent_features_are_said_to_be_so() -> None:
    targets = targets_for(2)
    # A second copy of relu(x1), off by 1% of its spread: independent to rounding, one to the read-out.
    column = [f.label for f in targets.features].index("positiveness(x1)")
    at = [f.label for f in targets.features].index("product(x1, x2)")
    fit, test = targets.fit.copy(), targets.test.copy()
    for table in (fit, test):
        table[:, at] = table[:, column] + 0.01 * table[:, at]
    near = replace(targets, fit=fit, test=test)
    found = layer_superposition(
        layer([[1, 0]], targets),
        np.array([True]),
        near,
        flags(targets, "positiveness(x1)", "product(x1, x2)"),
    )
    assert (found.live, found.number, found.rank, found.independent) == (1, 2, 1, 2)
    assert found.verdict.startswith(
        "1 live neuron reads 2 features of rank 1: 2 are independent as functions"
    )
    assert found.verdict.endswith("no superposition shown")


def test_none_and_one_readable_feature() -> None:
    targets = targets_for(2)
    fit = layer([[1, 0]], targets)
    live = np.array([True])
    none = layer_superposition(fit, live, targets, flags(targets))
    assert (none.number, none.rank, none.interference) == (0, 0, None)
    assert none.verdict == "1 live neuron reads no feature of the catalogue"
    one = layer_superposition(fit, live, targets, flags(targets, "positiveness(x1)"))
    assert (one.number, one.rank, one.interference, one.correlation) == (1, 1, None, None)
    assert one.verdict == "1 live neuron reads 1 feature of rank 1: no superposition"


def test_stacked_networks_give_the_same_as_one() -> None:
    nets = [Network(MINIMUM), Network([[[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0, 0.0]]])]
    stack = Stack.of(nets)
    readings, targets, _ = read_directions(stack)
    frame = read_superposition(stack, direction_frame(readings, targets), targets)
    assert list(frame.columns) == ["network", *SUPERPOSITION_COLUMNS]
    assert frame["network"].tolist() == [0, 1]
    assert frame["live"].tolist() == [3, 2]
    assert frame["rank"].tolist() == [3, 2]
    alone, targets, _ = read_directions(stack[1:])
    single = read_superposition(stack[1:], direction_frame(alone, targets), targets)
    assert single.iloc[0, 1:].tolist() == frame.iloc[1, 1:].tolist()


def test_a_table_of_no_layers() -> None:
    assert superposition_frame([]).columns.tolist() == list(SUPERPOSITION_COLUMNS)
    record = Superposition(0, 2, 0, 0, 0, None, None, None, None, None)
    assert superposition_frame([record])["verdict"].tolist() == [
        "2 live neurons read no feature of the catalogue"
    ]


def test_what_does_not_fit_is_refused() -> None:
    targets = targets_for(2)
    fit = layer([[1, 0]], targets)
    with pytest.raises(InputError, match="one flag per feature"):
        layer_superposition(fit, np.array([True]), targets, np.array([True]))
    X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    activations = Network(MINIMUM).run(X)
    with pytest.raises(InputError, match="say what network they come from"):
        superposition(Activations(dict(activations)))
    stack = Stack.of([Network(MINIMUM)])
    readings, targets, _ = read_directions(stack)
    frame = direction_frame(readings, targets)
    with pytest.raises(InputError, match="have no column 'network'"):
        read_superposition(stack, frame.drop(columns="network"), targets)
    with pytest.raises(InputError, match="give the directions of the same network, box and catalogue"):
        read_superposition(stack, frame.iloc[:-1], targets)


def test_box_and_catalogue_are_the_callers() -> None:
    activations = Network(MINIMUM).run(np.random.default_rng(0).uniform(-1, 1, (900, 2)))
    order = catalogue.search("order")
    (whole,), (part,) = (superposition(activations, init="uniform", catalogue=c) for c in (None, order))
    assert 0 < part.number < whole.number
    directions = match_directions(activations, init="uniform", box=(-2, 2))
    assert superposition(activations, directions, box=(-2, 2)) == superposition(
        activations, init="uniform", box=(-2, 2)
    )
