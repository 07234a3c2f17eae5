"""A chain of layers: affine maps folded, activation functions identified, closing functions kept as links."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import erf, expit

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.networks.nonlinearities import apply_nonlinearity
from mathcircuits.models.files.identification import identify, identify_units
from mathcircuits.models.files.layer_chain import Chain, Value

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(2, 4))
# Wide enough that what is clipped at 10 shows.
X = RNG.normal(size=(200, 3)) * 30.0
LEFT, RIGHT = RNG.normal(size=4), RNG.normal(size=4)


def between(step: Callable[[Chain, Value], Value]) -> Network:
    """A linear layer, a step, a linear layer."""
    chain = Chain()
    hidden = step(chain, chain.linear(Value(), A, None, "first"))
    return chain.finish(chain.linear(hidden, B, None, "second"))


def agrees(net: Network, expected: np.ndarray) -> bool:
    return bool(np.abs(net(X) - expected).max() <= 1e-9 * (1.0 + np.abs(expected).max()))


# ---- affine maps


def test_a_scaled_and_shifted_input_is_folded_into_the_first_layer() -> None:
    chain = Chain()
    mean, spread = np.array([1.0, -2.0, 30.0]), np.array([2.0, 0.5, 100.0])
    x = chain.scale(chain.add(Value(), -mean, "minus"), 1.0 / spread, "over")
    net = chain.finish(
        chain.linear(chain.named(chain.linear(x, A, None, "a"), "relu", "r"), B, LEFT[:2], "b")
    )
    assert net.sizes == (3, 4, 2)
    assert agrees(net, np.maximum(((X - mean) / spread) @ A.T, 0.0) @ B.T + LEFT[:2])


def test_a_scale_alone_gives_no_layer_a_bias() -> None:
    chain = Chain()
    net = chain.finish(chain.linear(chain.scale(Value(), np.array(1 / 255), "x"), A, None, "a"))
    assert net.biases is None
    assert agrees(net, X / 255 @ A.T)


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "hardtanh(-2.0,10.0)"])
def test_scales_and_shifts_on_both_sides_of_an_activation(name: str) -> None:
    def step(chain: Chain, z: Value) -> Value:
        inner = chain.add(chain.scale(z, LEFT, "gamma"), RIGHT, "beta")
        outer = chain.add(chain.named(inner, name, "f"), np.array(0.5), "half")
        return chain.scale(outer, RIGHT, "gain")

    net = between(step)
    assert net.activations == (name,)
    hidden = (apply_nonlinearity(name, X @ A.T * LEFT + RIGHT) + 0.5) * RIGHT
    assert agrees(net, hidden @ B.T)


def test_a_unit_that_is_scaled_by_zero() -> None:
    gamma = np.array([1.0, 0.0, -1.0, 2.0])
    net = between(lambda chain, z: chain.named(chain.scale(z, gamma, "gamma"), "relu", "f"))
    assert agrees(net, np.maximum(X @ A.T * gamma, 0.0) @ B.T)


def test_a_scaled_output() -> None:
    chain = Chain()
    hidden = chain.named(chain.linear(Value(), A, None, "a"), "relu", "f")
    out = chain.add(
        chain.scale(chain.linear(hidden, B, None, "b"), np.array([10.0, 0.1]), "s"), LEFT[:2], "t"
    )
    assert agrees(chain.finish(out), np.maximum(X @ A.T, 0.0) @ B.T * [10.0, 0.1] + LEFT[:2])


def test_a_scaled_closing_activation_gets_a_diagonal_read_out() -> None:
    chain = Chain()
    hidden = chain.named(chain.linear(Value(), A, None, "a"), "tanh", "f")
    net = chain.finish(chain.add(chain.scale(hidden, LEFT, "s"), np.array(3.0), "t"))
    assert net.activations == ("tanh",)
    assert agrees(net, np.tanh(X @ A.T) * LEFT + 3.0)


# ---- columns


def test_columns_in_another_order_and_some_left_out() -> None:
    chain = Chain(inputs=3)
    x = chain.pick(Value(), [2, 0, 2, -2], "columns")
    net = chain.finish(chain.linear(x, B, None, "a"))
    assert agrees(net, X[:, [2, 0, 2, 1]] @ B.T)
    assert net.assumptions == ()


def test_columns_of_an_input_of_unknown_width() -> None:
    chain = Chain()
    net = chain.finish(chain.linear(chain.pick(Value(), [1, 0, 1, 0], "columns"), B, None, "a"))
    assert net.inputs == 2
    assert any("2 inputs" in sentence for sentence in net.assumptions)
    with pytest.raises(InputError, match="counts columns from the end of an input of unknown width"):
        Chain().pick(Value(), [-1], "columns")
    with pytest.raises(InputError, match=r"picks the columns \[3\] of 3"):
        Chain(inputs=3).pick(Value(), [3], "columns")


def test_columns_that_are_scaled_one_by_one_and_joined() -> None:
    chain = Chain(inputs=3)
    parts = [chain.scale(chain.pick(Value(), [k], "x"), np.array(float(k + 1)), "s") for k in (2, 0, 1)]
    parts[1] = chain.add(parts[1], np.array(7.0), "t")
    net = chain.finish(chain.linear(chain.join(parts, "cat"), A, None, "a"))
    assert agrees(net, (X[:, [2, 0, 1]] * [3.0, 1.0, 2.0] + [0.0, 7.0, 0.0]) @ A.T)


def test_a_relu_and_its_mirror_image_joined() -> None:
    """CReLU: [relu(z), relu(-z)]."""
    chain = Chain()
    z = chain.linear(Value(), A, None, "a")
    mirrored = chain.scale(z, np.array(-1.0), "neg")
    joined = chain.join([chain.named(z, "relu", "f"), chain.named(mirrored, "relu", "g")], "cat")
    weights = RNG.normal(size=(1, 8))
    net = chain.finish(chain.linear(joined, weights, None, "b"))
    hidden = X @ A.T
    assert net.sizes == (3, 8, 1)
    assert agrees(net, np.maximum(np.hstack([hidden, -hidden]), 0.0) @ weights.T)


def test_hidden_units_that_are_left_out() -> None:
    chain = Chain()
    hidden = chain.pick(chain.named(chain.linear(Value(), A, LEFT, "a"), "relu", "f"), [3, 1], "keep")
    net = chain.finish(chain.linear(hidden, B[:, :2], None, "b"))
    assert net.sizes == (3, 2, 2)
    assert agrees(net, np.maximum(X @ A.T + LEFT, 0.0)[:, [3, 1]] @ B[:, :2].T)


def test_halves_of_one_layer_that_are_multiplied_are_a_gate() -> None:
    chain = Chain()
    z = chain.linear(Value(), A, None, "a")
    halves = [chain.pick(z, [0, 1], "left"), chain.named(chain.pick(z, [2, 3], "right"), "sigmoid", "f")]
    with pytest.raises(InputError, match="mul joins different units of one layer: a gate"):
        chain.pointwise(halves, np.multiply, "mul")


# ---- functions


HAND_WRITTEN: dict[str, tuple[Callable[[Chain, Value], Value], str]] = {
    "gelu, halved first": (
        lambda c, z: c.pointwise(
            [
                c.scale(z, np.array(0.5), "half"),
                c.add(c.pointwise([c.scale(z, np.array(0.5**0.5), "s")], erf, "erf"), np.array(1.0), "one"),
            ],
            np.multiply,
            "mul",
        ),
        "gelu",
    ),
    "silu": (lambda c, z: c.pointwise([z, c.named(z, "sigmoid", "s")], np.multiply, "mul"), "silu"),
    "sigmoid": (
        lambda c, z: c.pointwise(
            [c.add(c.pointwise([c.scale(z, np.array(-1.0), "n")], np.exp, "exp"), np.array(1.0), "one")],
            np.reciprocal,
            "inverse",
        ),
        "sigmoid",
    ),
    "relu that is clipped far out": (
        lambda c, z: c.clip(c.named(z, "relu", "f"), None, np.array(1e5), "min"),
        "hardtanh(0.0,100000.0)",
    ),
    "relu6": (lambda c, z: c.clip(c.named(z, "relu", "f"), None, np.array(6.0), "min"), "relu6"),
    "both halves of the identity": (
        lambda c, z: c.pointwise(
            [c.named(z, "relu", "f"), c.named(c.scale(z, np.array(-1.0), "n"), "relu", "g")],
            np.subtract,
            "sub",
        ),
        "identity",
    ),
    "leaky": (
        lambda c, z: c.pointwise([z, c.scale(z, np.array(0.2), "s")], np.maximum, "max"),
        "leaky_relu(0.2)",
    ),
    "one slope a unit": (
        lambda c, z: c.pointwise([z, c.scale(z, np.array([0.5, 0.25, 0.125, 0.75]), "s")], np.maximum, "max"),
        "prelu(0.5,0.25,0.125,0.75)",
    ),
}


@pytest.mark.parametrize("written", HAND_WRITTEN)
def test_functions_written_by_hand(written: str) -> None:
    step, name = HAND_WRITTEN[written]
    with np.errstate(over="ignore"):
        net = between(lambda chain, z: step(chain, chain.add(z, LEFT, "bias")))
    assert net.activations == (name,)
    assert agrees(net, apply_nonlinearity(name, X @ A.T + LEFT) @ B.T)


def test_a_gain_behind_a_function_that_is_the_identity() -> None:
    def step(chain: Chain, z: Value) -> Value:
        both = [chain.named(z, "relu", "f"), chain.named(chain.scale(z, np.array(-1.0), "n"), "relu", "g")]
        sum_of_both = chain.pointwise(both, np.subtract, "sub")
        return chain.add(chain.scale(sum_of_both, LEFT, "gain"), RIGHT, "offset")

    assert agrees(between(step), (X @ A.T * LEFT + RIGHT) @ B.T)


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (0.0, None, "relu"),
        (-3.0, None, "relu"),
        (None, 10.0, "relu"),
        (-5.0, 10.0, "hardtanh(-5.0,10.0)"),
        (np.array([-1.0, -2.0, 0.0, 3.0]), 10.0, "hardtanh(0.0,1.0)"),
        (None, np.array([1.0, 2.0, 0.0, 3.0]), "relu"),
    ],
)
def test_clips(low: float | np.ndarray | None, high: float | np.ndarray | None, name: str) -> None:
    bounds = [None if bound is None else np.asarray(bound) for bound in (low, high)]
    net = between(lambda chain, z: chain.clip(z, *bounds, "clip"))
    assert net.activations == (name,)
    assert agrees(net, np.clip(X @ A.T, low, high) @ B.T)


def test_a_closing_clip_is_kept() -> None:
    chain = Chain()
    net = chain.finish(chain.clip(chain.linear(Value(), A, None, "a"), np.array(-10.0), np.array(10.0), "c"))
    assert agrees(net, np.clip(X @ A.T, -10, 10))
    assert net.link is None


@pytest.mark.parametrize("bound", [7.0, 1e3, 1e6, 1e12])
def test_what_is_clipped_far_out_is_neither_relu_nor_identity(bound: float) -> None:
    assert identify(lambda z: np.minimum(np.maximum(z, 0), bound)) == f"hardtanh(0.0,{bound!r})"
    assert identify(lambda z: np.clip(z, -bound, bound)) == f"hardtanh({-bound!r},{bound!r})"
    assert identify(lambda z: np.minimum(z, bound)) is None


def test_names_of_functions_with_numbers() -> None:
    assert identify(lambda z: np.where(z > 0, z, 0.5 * np.expm1(np.minimum(z, 0)))) == "elu(0.5)"
    assert identify(lambda z: np.logaddexp(0, 2 * z) / 2) == "softplus(2.0)"
    assert identify(lambda z: np.log1p(np.exp(z))) == "softplus"  # which overflows beyond 709
    assert identify(lambda z: z * expit(z)) == "silu"
    assert identify(lambda z: z * expit(1.702 * z)) is None
    assert identify_units(lambda z: np.minimum(z, np.array([1.0, 2.0]))) is None


# ---- closing functions


def two_layers(chain: Chain) -> Value:
    return chain.linear(chain.named(chain.linear(Value(), A, None, "a"), "relu", "f"), B, None, "b")


LOGITS = np.maximum(X @ A.T, 0.0) @ B.T


@pytest.mark.parametrize("link", ["sigmoid", "softmax", "log_softmax", "argmax"])
def test_a_closing_link_leaves_the_logits(link: str) -> None:
    chain = Chain()
    value = two_layers(chain)
    net = chain.finish(
        chain.named(value, link, "end") if link == "sigmoid" else chain.link(value, link, "end")
    )
    assert net.link == link
    assert net.sizes == (3, 4, 2)
    assert agrees(net, LOGITS)


def test_argmax_and_log_of_a_softmax() -> None:
    for name, link in (("argmax", "argmax"), ("log", "log_softmax")):
        chain = Chain()
        net = chain.finish(chain.link(chain.link(two_layers(chain), "softmax", "s"), name, "end"))
        assert net.link == link
        assert agrees(net, LOGITS)


def test_a_sigmoid_between_layers_is_an_activation_and_a_scaled_one_no_link() -> None:
    net = between(lambda chain, z: chain.named(z, "sigmoid", "f"))
    assert net.activations == ("sigmoid",)
    assert net.link is None
    chain = Chain()
    net = chain.finish(chain.scale(chain.named(two_layers(chain), "sigmoid", "f"), np.array(5.0), "s"))
    assert net.link is None
    assert agrees(net, 5.0 * expit(LOGITS))


def test_a_sigmoid_behind_a_closing_relu() -> None:
    chain = Chain()
    net = chain.finish(chain.named(chain.named(two_layers(chain), "relu", "f"), "sigmoid", "g"))
    assert net.link == "sigmoid"
    assert agrees(net, np.maximum(LOGITS, 0.0))


@pytest.mark.parametrize("link", ["softmax", "argmax"])
def test_nothing_follows_a_link(link: str) -> None:
    chain = Chain()
    closed = chain.link(two_layers(chain), link, "end")
    steps: list[Callable[[], object]] = [
        lambda: chain.linear(closed, np.ones((1, 2)), None, "next"),
        lambda: chain.scale(closed, np.array(2.0), "next"),
        lambda: chain.named(closed, "relu", "next"),
    ]
    for step in steps:
        with pytest.raises(InputError, match=f"next.* computes with what {link} gives; an MLP ends where"):
            step()


# ---- refusals


def test_constants_that_do_not_fit() -> None:
    chain = Chain()
    z = chain.linear(Value(), A, None, "a")
    with pytest.raises(
        InputError, match=r"s multiplies by a constant of shape \(3,\), but there are 4 units"
    ):
        chain.scale(z, np.ones(3), "s")
    with pytest.raises(InputError, match=r"takes 3 values, but 2 are scaled"):
        Chain().linear(Chain().scale(Value(), np.ones(2), "s"), A, None, "a")
    with pytest.raises(InputError, match=r"clips to \[2.0, 1.0\]; give bounds in order"):
        chain.clip(z, np.array(2.0), np.array(1.0), "c")


def test_a_residual_connection_is_refused_by_that_name() -> None:
    chain = Chain()
    z = chain.linear(Value(), A, None, "a")
    deeper = chain.linear(chain.named(z, "relu", "f"), np.eye(4), None, "b")
    with pytest.raises(InputError, match=r"add joins two tensors of different layers: a residual \(skip\)"):
        chain.pointwise([z, deeper], np.add, "add")
