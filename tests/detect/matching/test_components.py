"""Components are found without the catalogue, matched with it, and those of untrained layers are not."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA

from mathcircuits.detect.errors import InputError, UnknownNameError
from mathcircuits.detect.matching.components import (
    COMPONENT_COLUMNS,
    MAX_COMPONENTS,
    METHODS,
    Method,
    component_null,
    find_components,
    match_components,
    skipped,
    untrained_components,
)
from mathcircuits.detect.matching.probes import probes_for
from mathcircuits.detect.networks.architecture import Architecture, hook_post, hook_pre
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.network import Activations, Network
from mathcircuits.detect.networks.stacks import Stack

Array = npt.NDArray[np.float64]
MINIMUM = Network([[[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]], [[-1.0, 1.0, -1.0]]])


def correlations(values: Array, truth: Array) -> Array:
    """Absolute correlation of every component with every true source."""
    return np.abs(np.corrcoef(values.T, truth.T)[: values.shape[1], values.shape[1] :])


def sources(n: int = 1500) -> Array:
    """Two independent, non-Gaussian features of two inputs."""
    X = np.random.default_rng(5).uniform(-1, 1, (n, 2))
    return np.maximum(X - 0.5, 0.0)


# Finding them


def test_principal_components_of_two_sides_by_hand() -> None:
    # relu(x) and relu(-x) of equal variance and correlation rho < 0: their difference, x, has share
    # (1 - rho) / 2 and comes first; their sum, |x|, (1 + rho) / 2.
    x = np.linspace(-1, 1, 1001)
    sides = np.column_stack([np.maximum(x, 0), np.maximum(-x, 0)])
    rho = np.corrcoef(sides.T)[0, 1]
    found = find_components(sides, "pca")
    assert found.share == pytest.approx([(1 - rho) / 2, (1 + rho) / 2])
    assert correlations(found.values, np.column_stack([x, np.abs(x)])) == pytest.approx(np.eye(2), abs=1e-6)


def test_principal_components_are_scikit_learns() -> None:
    h = np.random.default_rng(4).normal(size=(200, 5)) @ np.random.default_rng(5).normal(size=(5, 5))
    model = PCA().fit((h - h.mean(axis=0)) / h.std(axis=0))
    theirs = model.transform((h - h.mean(axis=0)) / h.std(axis=0))
    found = find_components(h, "pca")
    assert found.share == pytest.approx(model.explained_variance_ratio_)
    assert np.diag(correlations(found.values, theirs)) == pytest.approx(1.0)


@pytest.mark.parametrize("angle", [20.0, 45.0])
def test_independent_components_undo_a_rotation(angle: float) -> None:
    truth, a = sources(), np.deg2rad(angle)
    mixed = truth @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    found = find_components(mixed, "ica")
    assert found.converged
    assert correlations(found.values, truth).max(axis=1) == pytest.approx([1.0, 1.0], abs=2e-3)
    assert found.share.sum() == pytest.approx(1.0)


def test_non_negative_components_undo_a_positive_mixture() -> None:
    # Each source is alone somewhere, so that the factorisation is unique up to scale and order.
    truth = sources()
    found = find_components(truth @ np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]]), "nmf")
    assert correlations(found.values, truth).max(axis=1) == pytest.approx([1.0, 1.0], abs=5e-3)


@pytest.mark.parametrize("method", METHODS)
def test_scale_does_not_matter_and_every_call_gives_the_same(method: Method) -> None:
    rng = np.random.default_rng(2)
    h = np.maximum(rng.normal(size=(300, 3)) @ rng.normal(size=(3, 5)), 0)
    found, again = find_components(h, method), find_components(h, method)
    assert (found.values == again.values).all()
    scaled = find_components(h * np.array([1.0, 100.0, 1.0, 0.01, 3.0]), method)
    assert scaled.share == pytest.approx(found.share, abs=1e-6)
    assert np.diag(correlations(scaled.values, found.values)) == pytest.approx(1.0, abs=1e-6)
    assert (np.diff(found.share) <= 0).all()
    assert found.values.std(axis=0) == pytest.approx(1.0)


def test_there_are_no_more_components_than_dimensions() -> None:
    rng = np.random.default_rng(0)
    low = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
    assert find_components(low).values.shape == (200, 2)
    assert find_components(rng.normal(size=(200, 30))).values.shape == (200, MAX_COMPONENTS)
    assert find_components(rng.normal(size=(200, 30)), max_components=3).values.shape == (200, 3)
    assert find_components(np.zeros((200, 0))).values.shape == (200, 0)
    assert find_components(np.column_stack([np.full(200, 3.0), np.zeros(200)])).values.shape == (200, 0)
    one = find_components(np.column_stack([np.arange(9.0), np.zeros(9), 2 * np.arange(9.0)]))
    assert one.share == pytest.approx([1.0])


def test_not_converging_is_said_and_warns_nobody() -> None:
    # Gaussian values have no independent components: every rotation is as good.
    h = np.random.default_rng(1).normal(size=(400, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_components(h, "ica")
    assert not found.converged
    assert np.isfinite(found.values).all()


def test_wrong_activations_are_refused() -> None:
    with pytest.raises(InputError, match="on at least two samples"):
        find_components(np.zeros((1, 3)))
    with pytest.raises(InputError, match="give finite values"):
        find_components(np.array([[0.0], [np.nan]]))
    with pytest.raises(InputError, match="use method='pca' or 'ica'"):
        find_components(np.array([[0.0], [-1.0], [2.0]]), "nmf")
    with pytest.raises(UnknownNameError, match=r"'tsne'.*known: pca, ica, nmf"):
        find_components(np.zeros((3, 3)), "tsne")  # type: ignore[arg-type]


# Matching them


def test_non_negative_components_of_a_minimum_network_are_its_neurons() -> None:
    frame = match_components(Stack.of([MINIMUM]), "nmf", init="uniform")
    assert list(frame.columns) == ["network", *COMPONENT_COLUMNS]
    assert set(zip(frame["feature"], frame["on"], strict=True)) == {
        ("greaterness", ("x1", "x2")),
        ("positiveness", ("x1",)),
        ("negativeness", ("x1",)),
    }
    assert (frame["unexplained"] < 1e-4).all()
    assert (frame["q"] <= 0.05).all()
    # Its principal components lie across them and are nothing that the catalogue knows.
    other = match_components(Stack.of([MINIMUM]), "pca", init="uniform")
    assert (other["unexplained"] > 0.01).all()
    assert (other["q"] == 1.0).all()


def test_a_feature_across_neurons_is_found() -> None:
    # |x1 - x2| and x1 - x2 are in no neuron of this layer, which holds the two sides.
    net = Network([[[1.0, -1.0], [-2.0, 2.0]], [[1.0, 1.0]]])
    X = np.random.default_rng(0).uniform(-1, 1, (800, 2))
    frame = match_components(net.run(X), init="uniform").set_index("component")
    assert frame["feature"].tolist() == ["difference", "absolute-difference"]
    # On 800 random points the two sides differ in variance by 5%, so that the components turn a little.
    assert (frame["unexplained"] < 1e-2).all()
    assert (frame["r"] > 0).all()
    assert frame["share"].sum() == pytest.approx(1.0)
    assert frame["layer"].tolist() == [0, 0]
    assert (frame["method"] == "pca").all()


def test_activations_and_stacks_agree() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    box = (-1.0, 1.0)
    alone = match_components(MINIMUM.run(X), "nmf", init="uniform", box=box)
    stacked = match_components(Stack.of([MINIMUM] * 2), "nmf", init="uniform", box=box, inputs=X)
    for k in (0, 1):
        rows = stacked[stacked["network"] == k].drop(columns="network").reset_index(drop=True)
        assert rows[["feature", "on", "converged"]].equals(alone[["feature", "on", "converged"]])
        assert np.allclose(rows[["r", "p", "q", "share"]], alone[["r", "p", "q", "share"]])


def test_deep_layers_and_both_laws() -> None:
    first = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    net = Network([first, [[1.0, -1.0, -1.0, 1.0], [-1.0, 1.0, 1.0, -1.0]], [[1.0, 1.0]]])
    stack = Stack.of([net])
    frame = match_components(stack, init="uniform")
    # Four independent halves: x1 and x2 tie, and so do |x1| and |x2|; any turn between them is as good.
    assert frame.loc[frame["layer"] == 1, "feature"].tolist() == ["difference", "absolute-difference"]
    both = match_components(stack)
    alone = match_components(stack, init="normal")
    assert np.allclose(both["p"], np.maximum(frame["p"], alone["p"]))


@pytest.mark.parametrize(
    ("method", "d", "width", "bias", "networks"),
    [("pca", 2, 3, False, 300), ("pca", 1, 4, True, 100), ("ica", 2, 3, True, 60), ("nmf", 2, 3, False, 100)],
)
def test_untrained_components_are_seldom_matched(
    method: Method, d: int, width: int, bias: bool, networks: int
) -> None:
    shape = Architecture((d, width, 1), ("relu",), (bias, False))
    stack = untrained(shape, networks, "uniform", np.random.default_rng([11, d, width]))
    frame = match_components(stack, method, init="uniform")
    assert ((frame["p"] > 0) & (frame["p"] <= 1)).all()
    assert (frame["q"] >= frame["p"] - 1e-15).all()
    called = (frame.groupby("network")["q"].min() <= 0.05).sum()
    # At most 5% are expected; three standard errors more are the luck of so few networks.
    assert called <= 0.05 * networks + 3 * np.sqrt(0.05 * 0.95 * networks)


def test_the_null_is_conditional_on_the_shape() -> None:
    probes = probes_for(2)
    shapes = [Architecture((2, w, 1), ("relu",), (False, False)) for w in (1, 3)]
    one, three = (component_null(shape, 0, "uniform", probes, "pca") for shape in shapes)
    # The component of a single neuron is that neuron: 23% of them are within 4.7 degrees of a ridge.
    assert one.at_gate[one.classes.index("ridge")] == pytest.approx(0.234, abs=0.02)
    assert three.at_gate[three.classes.index("ridge")] < 0.05
    drawn = untrained_components(shapes[1], 0, "uniform", probes, "pca", seed=0, draws=30)
    assert drawn.shape == (30, len(probes.classes))


# Degenerate cases and refusals


def test_a_dead_layer_has_no_components() -> None:
    dead = Network([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0]]], [[-1.0, -1.0], None])
    frame = match_components(Stack.of([dead]), init="uniform")
    assert frame.empty
    assert list(frame.columns) == ["network", *COMPONENT_COLUMNS]
    assert match_components(Stack.of([Network([[[1.0]]])]), init="uniform").empty


def test_wide_layers_are_skipped_by_name() -> None:
    wide = Architecture((2, 1100, 3, 1), ("relu", "relu"), (True, True, True))
    assert skipped(wide) == ("layer 0: components (1100 neurons, more than 1024)",)
    assert skipped(MINIMUM.architecture) == ()
    X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    post = np.maximum(X @ np.array([[1.0, -1.0, 0.0], [0.0, 1.0, 1.0]]), 0)
    values = {"hook_input": X, hook_post(0): np.zeros((50, 1100)), hook_post(1): post, hook_pre(1): post}
    frame = match_components(Activations(values, wide), init="uniform")
    assert set(frame["layer"]) == {1}


def test_what_cannot_be_matched_is_refused() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    with pytest.raises(InputError, match="so there is no null"):
        match_components(Activations({"hook_input": X}))
    with pytest.raises(InputError, match="give `inputs` for stacked networks only"):
        match_components(MINIMUM.run(X), inputs=X)
    with pytest.raises(UnknownNameError, match="known: pca, ica, nmf"):
        match_components(MINIMUM.run(X), "svd")  # type: ignore[arg-type]
    smooth = Network([[[1.0, -1.0], [1.0, 0.0]], [[-1.0, 1.0]]], activation="tanh")
    with pytest.raises(InputError, match="non-negative components of activations that are negative"):
        match_components(Stack.of([smooth]), "nmf")
