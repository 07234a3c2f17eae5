"""Network: plain weights against torch and hand arithmetic; every refusal; interventions."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from torch import nn

from mathcircuits.detect.errors import InputError, UnknownNameError
from mathcircuits.detect.networks.architecture import hook_post
from mathcircuits.detect.networks.network import Activations, HasNetwork, Network, as_network
from mathcircuits.detect.networks.nonlinearities import NAMES

POST = "blocks.0.mlp.hook_post"
PRE = "blocks.0.mlp.hook_pre"


def random_network(seed: int, sizes: tuple[int, ...], activations: tuple[str, ...], bias: bool) -> Network:
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes, strict=False))
    weights = [rng.normal(size=shape) for shape in shapes]
    return Network(weights, [rng.normal(size=out) for out, _ in shapes] if bias else None, activations)


SIZES = st.lists(st.integers(1, 4), min_size=2, max_size=5).map(tuple)


@given(st.data(), SIZES, st.booleans(), st.integers(0, 99))
def test_the_forward_pass_is_torchs(
    data: st.DataObject, sizes: tuple[int, ...], bias: bool, seed: int
) -> None:
    names = tuple(data.draw(st.sampled_from(NAMES)) for _ in sizes[2:])
    net = random_network(seed, sizes, names, bias)
    functions = {
        "relu": torch.relu,
        "leaky_relu": torch.nn.functional.leaky_relu,
        "tanh": torch.tanh,
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
        "identity": lambda z: z,
        "sigmoid": torch.sigmoid,
        "silu": torch.nn.functional.silu,
        "elu": torch.nn.functional.elu,
        "selu": torch.nn.functional.selu,
        "softplus": lambda z: torch.nn.functional.softplus(z, threshold=40.0),
        "relu6": torch.nn.functional.relu6,
        "hardtanh": torch.nn.functional.hardtanh,
    }
    X = np.random.default_rng(seed + 1).normal(size=(5, sizes[0]))
    h = torch.tensor(X)
    for w, b, name in zip(net.weights, net.bias_vectors, (*names, "identity"), strict=True):
        h = functions[name](torch.nn.functional.linear(h, torch.tensor(w), torch.tensor(b)))
    assert np.allclose(net(X), h.numpy(), atol=1e-12)
    assert np.array_equal(net(X), net.run(X).outputs)


def test_by_hand() -> None:
    # x = -2: hidden relu(-2 + 1) = 0 and relu(2 - 1) = 1; output 3 * 0 + 4 * 1 + 5 = 9
    net = Network([[[1.0], [-1.0]], [[3.0, 4.0]]], [[1.0, -1.0], [5.0]])
    assert net([[-2.0]]).tolist() == [[9.0]]
    assert net.run([[-2.0]])[PRE].tolist() == [[-1.0, 1.0]]


def test_sizes_and_names() -> None:
    net = random_network(0, (2, 3, 4, 1), ("relu", "identity"), True)
    assert net.sizes == (2, 3, 4, 1)
    assert (net.inputs, net.outputs) == (2, 1)
    assert net.activations == ("relu", "identity")
    assert net.architecture.active == (0,)
    assert repr(net) == "Network(2-3-4-1, relu, identity, bias)"
    assert repr(Network([[[1.0]]])) == "Network(1-1, no bias)"


@pytest.mark.parametrize(
    ("biases", "flags", "text"),
    [
        (None, (False, False), "no bias"),
        ([None, None], (False, False), "no bias"),
        ([[1.0, 2.0], None], (True, False), "some bias"),
        ([None, [0.0]], (False, True), "some bias"),
        ([[1.0, 2.0], [3.0]], (True, True), "bias"),
    ],
)
def test_mixed_biases(biases: Any, flags: tuple[bool, ...], text: str) -> None:
    net = Network([[[1.0], [2.0]], [[1.0, 1.0]]], biases)
    assert net.architecture.bias == flags
    assert net.architecture.has_bias == any(flags)
    assert (net.biases is None) == (not any(flags))
    expected = [np.zeros(2), np.zeros(1)] if biases is None else biases
    for vector, given_bias in zip(net.bias_vectors, expected, strict=True):
        assert vector.tolist() == ([0.0] * len(vector) if given_bias is None else list(given_bias))
    assert repr(net) == f"Network(1-2-1, relu, {text})"


W = [[[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0]]]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (([],), "a network without weights: give at least the read-out's array [out, in]"),
        ((None,), "weights of type NoneType: give a list with one item per layer"),
        ((5,), "weights of type int: give a list"),
        (([[1.0, 2.0]],), "weights[0] has shape (2,): expected 2 axes ([out, in] weights, [out] biases)"),
        ((["ab"],), "weights[0] is not a numeric array with 2 axes"),
        (([[[1j]]],), "weights[0] is not a numeric array"),
        (([[[1.0], [1.0, 2.0]]],), "weights[0] is not a numeric array"),
        (([torch.ones(1, 1, requires_grad=True)],), "weights[0] is not a numeric array"),
        (([np.zeros((0, 2)), np.zeros((1, 0))],), "weights[0] has shape (0, 2): every layer needs at least one"),
        (([np.zeros((3, 2)), np.zeros((1, 2))],),
         "weights[1] has shape (1, 2), but layer 0 has 3 units: arrays are [out, in], transpose it if"),
        (([[[np.nan]]],), "weights[0] holds NaN or infinite values: the network did not train, or the file"),
        ((W, [[1.0, 2.0]]), "1 biases for 2 weights: give one per layer (None for none)"),
        ((W, 3), "biases of type int: give a list"),
        ((W, [[1.0], None]), "biases[0] has 1 values for 2 units: give one per unit"),
        ((W, [[[1.0, 2.0]], None]), "biases[0] has shape (1, 2): expected 1 axes"),
        ((W, [[np.inf, 0.0], None]), "biases[0] holds NaN or infinite values"),
        ((W, None, ["relu", "relu"]), "2 activations for 1 hidden layers: give one, or one per layer"),
        ((W, None, []), "0 activations for 1 hidden layers"),
        ((W, None, None), "activations of type NoneType: give a list"),
        ((W, None, "rleu"), "activation 'rleu': did you mean 'relu' or 'relu6'?"),
    ],
)  # fmt: skip
def test_other_weights_are_refused(arguments: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Network(*arguments)
    assert problem in str(caught.value)


def test_weights_are_copies_that_nobody_writes_into() -> None:
    w, b = np.ones((1, 1)), np.ones(1)
    net = Network([w], [b])
    w[:] = b[:] = 5.0
    assert net([[1.0]]).item() == 2.0
    for array in (net.weights[0], net.bias_vectors[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 1.0
    with pytest.raises(AttributeError):
        net.weights = ()  # type: ignore[misc]


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_is_the_same_network(again: Any) -> None:
    net = Network([[[1.0], [2.0]], [[1.0, 1.0]]], [None, [3.0]], "leaky_relu(0.3)")
    twin = again(net)
    assert twin.architecture == net.architecture
    assert all(np.array_equal(a, b) for a, b in zip(twin.weights, net.weights, strict=True))
    assert np.array_equal(twin([[-1.0]]), net([[-1.0]]))
    assert not any(array.flags.writeable for array in (*twin.weights, *(twin.biases or ())))


@pytest.mark.parametrize(
    ("X", "problem"),
    [
        ([[1.0]], "inputs have 1 column, expected 2: one column per input"),
        ([[np.inf, 1.0]], "inputs hold 1 value that is NaN or infinite"),
        ([], "inputs have shape (0, 1)"),
    ],
)
def test_other_inputs_are_refused(X: Any, problem: str) -> None:
    for call in (Network(W), Network(W).run):
        with pytest.raises(InputError) as caught:
            call(X)  # type: ignore[operator]
        assert problem in str(caught.value)


# Interventions


def test_doing_nothing_changes_nothing() -> None:
    net = random_network(1, (2, 3, 3, 2), ("relu", "tanh"), True)
    X = np.random.default_rng(2).normal(size=(6, 2))
    plain = net.run(X)
    assert net.run(X, {name: lambda h: h for name in plain}) == plain


@pytest.mark.parametrize("k", range(6))
def test_an_intervention_reaches_what_lies_behind_it_alone(k: int) -> None:
    net = random_network(1, (2, 3, 3, 2), ("relu", "tanh"), True)
    X = np.random.default_rng(2).normal(size=(6, 2))
    plain = net.run(X)
    name = list(plain)[k]
    changed = net.run(X, {name: lambda h: h + 0.5})
    same = [np.array_equal(plain[hook], changed[hook]) for hook in plain]
    assert same == [at < k for at in range(6)]


def test_an_intervention_by_hand() -> None:
    net = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
    assert net.run([[-2.0]], {PRE: lambda z: -z}).outputs.tolist() == [[2.0]]
    assert net.run([[-2.0]], {POST: lambda h: h * [1, 0]}).outputs.tolist() == [[0.0]]
    assert net.run([[-2.0]], {"hook_input": lambda x: 3 * x}).outputs.tolist() == [[6.0]]
    assert net.run([[-2.0]], {"hook_output": lambda y: y + 1}).outputs.tolist() == [[3.0]]


def test_an_intervention_may_write_into_what_it_gets() -> None:
    X = np.array([[1.0], [-2.0]])

    def silence(h: np.ndarray) -> np.ndarray:
        h[:] = 0.0
        return h

    net = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
    ran = net.run(X, {"hook_input": silence})
    assert X.tolist() == [[1.0], [-2.0]]
    assert ran.inputs.tolist() == [[0.0], [0.0]]


def test_what_is_recorded_is_a_copy() -> None:
    X, kept = np.array([[1.0, 2.0]]), np.zeros((1, 2))
    net = Network(W, None, "identity")
    ran = net.run(X, {PRE: lambda _: kept})
    X[:] = kept[:] = 7.0
    assert ran.inputs.tolist() == [[1.0, 2.0]]
    assert ran[PRE].tolist() == [[0.0, 0.0]]
    ran[PRE][:] = 9.0
    assert ran[POST].tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (np.zeros((2, 3)), "the intervention at blocks.0.mlp.hook_post returned shape (2, 3), expected shape (1, 2)"),
        (None, "returned shape ()"),
        ("abc", "the intervention at blocks.0.mlp.hook_post returned no numeric array, expected shape (1, 2)"),
        ([[np.nan, 0.0]], "holds NaN or infinite values: the network overflows on these inputs, or an"),
    ],
)  # fmt: skip
def test_another_result_of_an_intervention_is_refused(result: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Network(W).run([[1.0, 2.0]], {POST: lambda _: result})
    assert problem in str(caught.value)


def test_an_unknown_hook_is_refused() -> None:
    with pytest.raises(UnknownNameError) as caught:
        Network(W).run([[1.0, 2.0]], {"blocks.1.mlp.hook_post": lambda h: h})
    assert str(caught.value).startswith(
        "no hook named 'blocks.1.mlp.hook_post': did you mean 'blocks.0.mlp.hook_"
    )
    assert "this network has hook_input, blocks.0.mlp.hook_pre" in str(caught.value)


# What is a network


def test_anything_with_to_network_is_one() -> None:
    class Wrapper:
        def to_network(self) -> Network:
            return Network([[[2.0]]])

    assert isinstance(Wrapper(), HasNetwork)
    assert as_network(Wrapper())([[1.0]]).item() == 2.0
    net = Network(W)
    assert as_network(net) is net


def test_other_libraries_models_are_networks() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    inputs = np.random.default_rng(0).normal(size=(16, 2))
    with torch.no_grad():
        expected = module(torch.tensor(inputs, dtype=torch.float32)).numpy()
    assert as_network(module)(inputs) == pytest.approx(expected, abs=1e-5)
    line = LinearRegression().fit(inputs, inputs @ [2.0, -1.0])
    assert as_network(line)(inputs).ravel() == pytest.approx(inputs @ [2.0, -1.0])
    with pytest.raises(InputError, match="Conv2d"):
        as_network(nn.Conv2d(1, 1, 1))
    with pytest.raises(InputError, match="LinearRegression"):
        as_network(LinearRegression())


@pytest.mark.parametrize(
    ("thing", "problem"),
    [
        ("net.onnx", "a str is no network: pass a Network, an MLP, a torch module, a fitted scikit-learn model"),
        (None, "a NoneType is no network"),
        (Network, "a class Network is no network"),
    ],
)  # fmt: skip
def test_anything_else_is_none(thing: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        as_network(thing)
    assert problem in str(caught.value)


X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])


def test_a_mapping_by_hook_name() -> None:
    acts = Activations({"hook_input": X, hook_post(0): X[:, :1], "hook_output": X})
    assert list(acts) == ["hook_input", hook_post(0), "hook_output"]
    assert len(acts) == 3
    assert hook_post(0) in acts
    assert "hook_pre" not in acts
    assert dict(acts).keys() == {name for name, _ in acts.items()}
    assert acts.get("nothing") is None
    assert acts.n == 3
    assert np.array_equal(acts.inputs, X)
    assert np.array_equal(acts.outputs, X)
    assert repr(acts) == "Activations(n=3, hooks=3)"


def test_blocks_are_counted_in_order_and_other_names_left_alone() -> None:
    names = ["blocks.10.mlp.hook_post", "blocks.2.mlp.hook_post", "blocks.3.mlp.hook_pre"]
    others = ["blocks.a.mlp.hook_post", "my.mlp.hook_post"]
    acts = Activations({"hook_input": X, **dict.fromkeys([*names, *others], X)})
    assert acts.blocks == (2, 10)


def test_equal_values_are_equal() -> None:
    left, right = (Activations({"hook_input": X.copy(), "hook_output": X[:, :1].copy()}) for _ in range(2))
    assert left == right
    assert left != Activations({"hook_input": X, "hook_output": X[:, :1] + 1})
    assert left != Activations({"hook_input": X})
    assert left != 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(left)


def test_the_inputs_are_known_by_their_values_and_shape() -> None:
    def key(inputs: Any) -> str:
        return Activations({"hook_input": inputs}).inputs_id

    assert key(X) == key(X.copy()) == key(np.asfortranarray(X)) == key(torch.tensor(X))
    assert len({key(X), key(X[::-1]), key(X.reshape(2, 3)), key(X[:2])}) == 4


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"hook_output": X}, "activations without 'hook_input': record the inputs too"),
        ({"hook_input": [[np.nan]]}, "inputs hold 1 value that is NaN"),
        ({"hook_input": X, "h": X[:2]}, "h has shape (2, 2): expected [3, units], one row per input"),
        ({"hook_input": X, "h": X[:, 0]}, "h has shape (3,): expected [3, units]"),
        ({"hook_input": X, "h": X * np.nan}, "h holds NaN or infinite values: the network overflows on these"),
        ({"hook_input": X, "h": "abc"}, "h is not numeric: give an array [3, units] of real numbers"),
        ({"hook_input": X, "h": torch.ones(3, 1, requires_grad=True)}, "h is not numeric"),
    ],
)  # fmt: skip
def test_other_values_are_refused(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Activations(values)
    assert problem in str(caught.value)


def test_a_layer_without_units_is_a_layer() -> None:
    assert Activations({"hook_input": X, hook_post(0): np.zeros((3, 0))})[hook_post(0)].shape == (3, 0)


def test_an_unknown_hook_names_the_near_one() -> None:
    acts = Network([[[1.0, 1.0]], [[1.0]]]).run(X)
    with pytest.raises(UnknownNameError) as caught:
        acts["blocks.0.mlp.hook_pots"]
    text = str(caught.value)
    assert text.startswith("no hook named 'blocks.0.mlp.hook_pots': did you mean 'blocks.0.mlp.hook_post'")
    assert text.endswith("(recorded: hook_input, blocks.0.mlp.hook_pre, blocks.0.mlp.hook_post, hook_output)")


def test_outputs_that_were_not_recorded_are_an_error() -> None:
    with pytest.raises(UnknownNameError, match="no hook named 'hook_output'"):
        _ = Activations({"hook_input": X}).outputs


# --- as TransformerLens calls it ---


def test_run_with_cache_is_the_run_and_its_outputs() -> None:
    net = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
    outputs, cache = net.run_with_cache([[-2.0], [3.0]])
    ran = net.run([[-2.0], [3.0]])
    assert cache == ran
    assert outputs.tolist() == [[2.0], [3.0]]
    for chosen in (
        "blocks.0.mlp.hook_post", ["blocks.0.mlp.hook_post"], lambda name: name.endswith("hook_post"),
    ):  # fmt: skip
        outputs, cache = net.run_with_cache([[-2.0], [3.0]], names_filter=chosen)
        assert outputs.tolist() == [[2.0], [3.0]]
        assert {name: values.tolist() for name, values in cache.items()} == {
            "hook_input": [[-2.0], [3.0]],
            "blocks.0.mlp.hook_post": [[0.0, 2.0], [3.0, 0.0]],
        }
    with pytest.raises(UnknownNameError, match=r"no hook named 'blocks.0.hook_post': did you mean"):
        net.run_with_cache([[0.0]], ["blocks.0.hook_post"])


def test_run_with_hooks_runs_functions_in_their_order() -> None:
    net = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
    told: list[str] = []

    def double(values: Any, hook: Any) -> Any:
        told.append(hook.name)
        return 2 * values

    def first_off(values: Any, hook: Any) -> None:
        told.append(hook.name)
        values[:, 0] = 0.0

    post = "blocks.0.mlp.hook_post"
    X = [[3.0], [-2.0]]
    assert net.run_with_hooks(X, fwd_hooks=[(post, double)]).tolist() == [[6.0], [4.0]]
    # Written into and not returned: the values go on as they were left.
    assert net.run_with_hooks(X, fwd_hooks=[(post, double), (post, first_off)]).tolist() == [[0.0], [4.0]]
    assert net.run_with_hooks(X).tolist() == [[3.0], [2.0]]
    told.clear()
    assert net.run_with_hooks(X, [(lambda name: "mlp" in name, double)]).tolist() == [[12.0], [8.0]]
    assert told == ["blocks.0.mlp.hook_pre", post]
    with pytest.raises(UnknownNameError, match="no hook named 'hook_pots'"):
        net.run_with_hooks(X, [("hook_pots", double)])
    with pytest.raises(InputError, match=r"the intervention at hook_output returned shape \(1, 1\)"):
        net.run_with_hooks(X, [("hook_output", lambda values, **_: values[:1])])
