"""Modules of other people: activations, normalisations, hooks, pruning, links, columns and what is refused."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune

from mathcircuits.detect import AssumptionWarning, InputError, Network
from mathcircuits.models import load

# Far enough out that what is clipped at 10 shows.
X = torch.from_numpy(np.random.default_rng(0).normal(scale=30.0, size=(300, 3)))


def built(seed: int = 0) -> tuple[nn.Linear, nn.Linear]:
    torch.manual_seed(seed)
    return nn.Linear(3, 4).double(), nn.Linear(4, 2).double()


class Written(nn.Module):
    """A module whose forward is a function of its two layers, its constants and x."""

    def __init__(self, forward: Callable[[Any, torch.Tensor], Any]) -> None:
        super().__init__()
        self.a, self.b = built()
        self.mean = nn.Buffer(torch.tensor([1.0, -2.0, 30.0]).double())
        self.spread = nn.Buffer(torch.tensor([2.0, 0.5, 100.0]).double())
        self.low = nn.Buffer(torch.tensor([-1.0, 0.0, 2.0, -20.0]).double())
        self._written = forward

    def forward(self, x: torch.Tensor) -> Any:
        return self._written(self, x)


def values(module: nn.Module, inputs: torch.Tensor = X) -> np.ndarray:
    twin = copy.deepcopy(module).eval()
    with torch.no_grad():
        return twin(inputs).numpy().reshape(len(inputs), -1)


def agrees(net: Network, expected: np.ndarray, inputs: torch.Tensor = X) -> bool:
    found = net(inputs.numpy())
    scale = 1.0 + np.abs(expected).max()
    return found.shape == expected.shape and bool(np.abs(found - expected).max() < 1e-6 * scale)


def read(module: nn.Module) -> Network:
    return load(module).to_network()


# ---- activations

LAYERS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "ELU": (nn.ELU, "elu"),
    "ELU with another alpha": (lambda: nn.ELU(0.25), "elu(0.25)"),
    "SELU": (nn.SELU, "selu"),
    "SiLU": (nn.SiLU, "silu"),
    "Softplus": (nn.Softplus, "softplus"),
    "Softplus with a beta": (lambda: nn.Softplus(beta=2.0), "softplus(2.0)"),
    "Sigmoid": (nn.Sigmoid, "sigmoid"),
    "ReLU6": (nn.ReLU6, "relu6"),
    "Hardtanh": (nn.Hardtanh, "hardtanh"),
    "Hardtanh with bounds": (lambda: nn.Hardtanh(-0.5, 12.0), "hardtanh(-0.5,12.0)"),
    "Hardsigmoid": (nn.Hardsigmoid, "hardtanh(0.0,1.0)"),
    "PReLU": (lambda: nn.PReLU(init=0.125), "leaky_relu(0.125)"),
    "CELU": (lambda: nn.CELU(2.0), "elu"),
    "RReLU in evaluation mode": (lambda: nn.RReLU(0.25, 0.75), "leaky_relu(0.5)"),
    "LogSigmoid": (nn.LogSigmoid, "softplus"),
    "Threshold at its own value": (lambda: nn.Threshold(1.5, 1.5), "relu"),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_activation_layers(layer: str) -> None:
    make, name = LAYERS[layer]
    first, second = built()
    module = nn.Sequential(first, make(), second).double()
    net = read(module)
    assert net.activations == (name,)
    assert agrees(net, values(module))


def test_one_slope_a_unit() -> None:
    first, second = built()
    slopes = nn.PReLU(4)
    with torch.no_grad():
        slopes.weight.copy_(torch.tensor([0.5, 0.25, -0.5, 1.0]))
    module = nn.Sequential(first, slopes, second).double()
    net = read(module)
    assert net.activations == ("prelu(0.5,0.25,-0.5,1.0)",)
    assert agrees(net, values(module))


FUNCTIONS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "elu": (lambda z: functional.elu(z, alpha=0.5), "elu(0.5)"),
    "in place": (lambda z: functional.leaky_relu(z, 0.2, True), "leaky_relu(0.2)"),
    "selu": (torch.selu, "selu"),
    "celu": (lambda z: functional.celu(z, 0.5), "elu"),
    "silu by hand": (lambda z: z * torch.sigmoid(z), "silu"),
    "sigmoid by hand": (lambda z: 1 / (1 + torch.exp(-z)), "sigmoid"),
    "softplus": (lambda z: functional.softplus(z, beta=0.5), "softplus(0.5)"),
    "relu6": (functional.relu6, "relu6"),
    "hardtanh": (lambda z: functional.hardtanh(z, -2.0, 7.0), "hardtanh(-2.0,7.0)"),
    "hardtanh with keywords": (
        lambda z: functional.hardtanh(z, min_val=0.0, max_val=9.0),
        "hardtanh(0.0,9.0)",
    ),
    "clamp": (lambda z: torch.clamp(z, -8, 10), "hardtanh(-8.0,10.0)"),
    "clip": (lambda z: z.clip(min=-8, max=10), "hardtanh(-8.0,10.0)"),
    "relu, then a minimum": (
        lambda z: torch.minimum(torch.relu(z), torch.tensor(20.0, dtype=torch.float64)),
        "hardtanh(0.0,20.0)",
    ),
    "relu, then clamp_max": (lambda z: functional.relu(z).clamp_max(25.0), "hardtanh(0.0,25.0)"),
    "a bound above alone": (lambda z: z.clamp(max=3.0), "relu"),
    "a bound below alone": (lambda z: torch.clamp_min(z, -3.0), "relu"),
    "leaky by where": (lambda z: torch.where(z > 0, z, 0.3 * z), "leaky_relu(0.3)"),
    "leaky by max": (lambda z: torch.max(z, 0.3 * z), "leaky_relu(0.3)"),
    "prelu": (
        lambda z: functional.prelu(z, torch.tensor([0.25], dtype=torch.float64)),
        "leaky_relu(0.25)",
    ),
    "absolute value": (lambda z: torch.abs(z), "leaky_relu(-1.0)"),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_activation_functions_in_a_forward(function: str) -> None:
    step, name = FUNCTIONS[function]
    module = Written(lambda net, x: net.b(step(net.a(x))))
    net = read(module)
    assert net.activations == (name,)
    assert agrees(net, values(module))


# ---- affine maps, columns and shapes

FORWARDS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "a normalised input": lambda net, x: net.b(torch.relu(net.a((x - net.mean) / net.spread))),
    "an input scaled to [-1, 1]": lambda net, x: net.b(torch.tanh(net.a(2.0 * x / 255.0 - 1.0))),
    "a mirrored input": lambda net, x: net.b(torch.relu(net.a(1.0 - x))),
    "a scaled activation": lambda net, x: net.b(1.5 * torch.relu(net.a(x)) - 0.25),
    "scaled pre-activations": lambda net, x: net.b(torch.tanh(net.a(x) * net.low / 30.0 + net.low)),
    "a denormalised output": lambda net, x: net.b(torch.relu(net.a(x))) * net.spread[:2] + net.mean[:2],
    "an output bounded by tanh": lambda net, x: 5.0 * torch.tanh(net.b(torch.relu(net.a(x))) / 5.0),
    "a closing clamp": lambda net, x: net.b(torch.relu(net.a(x))).clamp(-10.0, 10.0),
    "bounds of each unit": lambda net, x: net.b(torch.maximum(net.a(x), net.low)),
    "columns in another order": lambda net, x: net.b(torch.relu(net.a(x[:, [2, 0, 1]]))),
    "columns that are treated one by one": lambda net, x: net.b(
        torch.relu(net.a(torch.cat([x[:, :1] / 10, x[:, 1:2] - 4.0, x[:, 2:]], dim=1)))
    ),
    "columns that are stacked": lambda net, x: net.b(
        torch.relu(net.a(torch.stack([x[:, 1], x[:, 0], 3 * x[:, 2]], dim=-1)))
    ),
    "a split of hidden units": lambda net, x: torch.relu(net.a(x)).chunk(2, dim=-1)[1],
    "a squeeze of one output": lambda net, x: net.b(torch.relu(net.a(x)))[:, 1].squeeze(),
    "a mean over the outputs": lambda net, x: net.b(torch.relu(net.a(x))).mean(dim=-1, keepdim=True),
    "a difference of two outputs": lambda net, x: _difference(net.b(torch.relu(net.a(x)))),
    "samples as columns": lambda net, x: (net.b.weight @ torch.tanh(net.a.weight @ x.T + net.low[:, None])).T,
    "constants with many digits": lambda net, x: net.b(1.7159 * torch.tanh(2 / 3 * net.a(x))).clamp(
        -0.1, 0.7
    ),
    "the same layers twice": lambda net, x: (
        net.b(torch.relu(net.a(x)))[:, 0] - net.b(torch.relu(net.a(x)))[:, 1]
    ),
    "a product by einsum": lambda net, x: net.b(
        torch.relu(torch.einsum("bi,oi->bo", x, net.a.weight) + net.a.bias)
    ),
    "a check of the shape": lambda net, x: net.b(torch.relu(net.a(x.flatten(1) if x.dim() > 2 else x))),
    "an assertion about the width": lambda net, x: net.b(torch.relu(net.a(_checked(x)))),
    "a CReLU": lambda net, x: _concatenated(net.a(x)),
}


def _difference(y: torch.Tensor) -> torch.Tensor:
    return y[:, 0] - y[:, 1]


def _concatenated(z: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.relu(z), torch.relu(-z)], dim=1)


def _checked(x: torch.Tensor) -> torch.Tensor:
    assert x.shape[1] == 3, "three inputs"
    return x


@pytest.mark.parametrize("forward", FORWARDS)
def test_affine_maps_and_columns_in_a_forward(forward: str) -> None:
    module = Written(FORWARDS[forward])
    assert agrees(read(module), values(module))


def test_one_output_in_a_tuple() -> None:
    module = Written(lambda net, x: (net.b(torch.relu(net.a(x))),))
    assert agrees(read(module), values(Written(lambda net, x: net.b(torch.relu(net.a(x))))))


def test_vectors_for_inputs() -> None:
    class Vectors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.W, self.c = nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(4))
            self.V = nn.Parameter(torch.randn(2, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.mv(self.V, torch.relu(self.W @ x + self.c))

    module = Vectors().double()
    with torch.no_grad():
        expected = torch.stack([module(x) for x in X]).numpy()
    assert agrees(read(module), expected)


# ---- normalisation


def trained_statistics(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for _ in range(20):
            module(torch.randn(64, 3).double() * 3 + 1)
    return module.eval()


@pytest.mark.parametrize("affine", [True, False])
def test_batch_normalisation_is_folded_wherever_it_stands(affine: bool) -> None:
    first, second = built()
    module = trained_statistics(
        nn.Sequential(
            nn.BatchNorm1d(3, affine=affine), first, nn.BatchNorm1d(4, affine=affine), nn.ReLU(),
            nn.BatchNorm1d(4, affine=affine), second, nn.BatchNorm1d(2, affine=affine),
        ).double()
    )  # fmt: skip
    net = read(module)
    assert net.sizes == (3, 4, 2)
    assert agrees(net, values(module))
    assert net.assumptions == ()


def test_batch_normalisation_in_training_mode_is_said() -> None:
    first, second = built()
    module = trained_statistics(nn.Sequential(first, nn.BatchNorm1d(4), nn.ReLU(), second).double()).train()
    with pytest.warns(AssumptionWarning, match=r"layer '1' \(BatchNorm1d\) is in training mode, and the net"):
        net = read(module)
    assert agrees(net, values(module))


def test_batch_normalisation_without_statistics_is_refused() -> None:
    first, second = built()
    module = nn.Sequential(first, nn.BatchNorm1d(4, track_running_stats=False), second).double()
    with pytest.raises(
        InputError, match=r"'1' \(BatchNorm1d\) keeps no running statistics: .* its own; train"
    ):
        load(module)


@pytest.mark.parametrize("norm", ["weight", "spectral", "weight, older", "spectral, older", "orthogonal"])
def test_normed_weights(norm: str) -> None:
    first, second = built()
    with pytest.warns(FutureWarning) if "older" in norm and "weight" in norm else contextlib.nullcontext():
        first = {
            "weight": nn.utils.parametrizations.weight_norm,
            "spectral": nn.utils.parametrizations.spectral_norm,
            "weight, older": nn.utils.weight_norm,
            "spectral, older": nn.utils.spectral_norm,
            "orthogonal": nn.utils.parametrizations.orthogonal,
        }[norm](first)
    module = nn.Sequential(first, nn.ReLU(), second)
    module(X)
    assert agrees(read(module), values_without_copy(module))


def values_without_copy(module: nn.Module) -> np.ndarray:
    module.eval()
    with torch.no_grad():
        return module(X).numpy()


# ---- pruning


def pruned(seed: int) -> nn.Sequential:
    first, second = built(seed)
    torch.manual_seed(seed + 10)
    prune.random_unstructured(first, "weight", amount=0.4)
    prune.random_unstructured(first, "bias", amount=0.5)
    prune.ln_structured(second, "weight", amount=0.5, n=2, dim=1)
    return nn.Sequential(first, nn.ReLU(), second)


def test_pruned_modules_are_read_with_the_weights_of_their_next_run() -> None:
    source, target = pruned(0), pruned(1)
    target(X)
    target.load_state_dict(source.state_dict())
    net = read(target)
    assert (net.weights[0] == 0).any()
    assert agrees(net, values_without_copy(source))
    prune.random_unstructured(target[0], "weight", amount=0.3)  # a second round
    assert agrees(read(target), values_without_copy(target))


# ---- hooks


def test_hooks_that_change_the_outputs_are_said_and_not_run_on_what_they_hold() -> None:
    first, second = built()
    module = nn.Sequential(first, nn.ReLU(), second)
    expected = values(module)
    seen: list[int] = []

    def ablate(_module: nn.Module, _args: object, output: torch.Tensor) -> torch.Tensor:
        seen.append(1)
        return output * torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64)

    handle = module[1].register_forward_hook(ablate)
    with pytest.warns(AssumptionWarning, match="the forward hooks of '1' change the module's outputs"):
        net = read(module)
    assert any("hooks of '1'" in sentence for sentence in net.assumptions)
    assert agrees(net, expected)
    assert not seen
    handle.remove()
    module[0].register_forward_pre_hook(lambda _module, args: (args[0] + 1.0,))
    with pytest.warns(AssumptionWarning, match="the forward hooks of '0'"):
        load(module)


def test_a_hook_on_the_module_itself() -> None:
    first, second = built()
    module = nn.Sequential(first, nn.ReLU(), second)
    module.register_forward_hook(lambda _module, _args, output: output.mul_(2.0))
    with pytest.warns(AssumptionWarning, match="the forward hooks of the module change the module's outputs"):
        load(module)


def test_one_output_that_is_flattened() -> None:
    first, second = built()
    module = nn.Sequential(first, nn.ReLU(), second, nn.Linear(2, 1).double(), nn.Flatten(0))
    assert agrees(read(module), values(module))


def test_hooks_that_watch_are_not_mentioned() -> None:
    first, second = built()
    module = nn.Sequential(first, nn.ReLU(), second)
    kept: dict[str, torch.Tensor] = {}
    module[1].register_forward_hook(lambda _module, _args, output: kept.update(post=output.detach()))
    net = read(module)  # warnings are errors
    assert net.assumptions == ()
    assert not kept


# ---- links


@pytest.mark.parametrize(
    ("forward", "link"),
    [
        (lambda net, x: torch.sigmoid(net.b(torch.relu(net.a(x)))), "sigmoid"),
        (lambda net, x: 1 / (1 + torch.exp(-net.b(torch.relu(net.a(x))))), "sigmoid"),
        (lambda net, x: functional.softmax(net.b(torch.relu(net.a(x))), dim=-1), "softmax"),
        (lambda net, x: net.b(torch.relu(net.a(x))).log_softmax(1), "log_softmax"),
        (lambda net, x: torch.log(torch.softmax(net.b(torch.relu(net.a(x))), -1)), "log_softmax"),
        (lambda net, x: net.b(torch.relu(net.a(x))).argmax(dim=1), "argmax"),
        (lambda net, x: net.b(torch.relu(net.a(x))).max(1)[1], "argmax"),
        (lambda net, x: torch.max(net.b(torch.relu(net.a(x))), dim=-1).indices, "argmax"),
        (lambda net, x: torch.argmax(torch.softmax(net.b(torch.relu(net.a(x))), 1), -1), "argmax"),
    ],
)
def test_closing_functions_are_links(forward: Callable[[Any, torch.Tensor], torch.Tensor], link: str) -> None:
    net = read(Written(forward))
    assert net.link == link
    assert agrees(net, values(Written(lambda net, x: net.b(torch.relu(net.a(x))))))


@pytest.mark.parametrize(
    ("layer", "link"),
    [(nn.Sigmoid, "sigmoid"), (lambda: nn.Softmax(-1), "softmax"), (lambda: nn.LogSoftmax(1), "log_softmax")],
)
def test_closing_layers_are_links(layer: Callable[[], nn.Module], link: str) -> None:
    first, second = built()
    net = read(nn.Sequential(first, nn.Tanh(), second, layer()))
    assert net.link == link
    assert agrees(net, values(nn.Sequential(first, nn.Tanh(), second)))


# ---- refusals, by what a module is


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.f, self.b = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.a(x))
        return self.b(h + torch.relu(self.f(h)))


class ResidualOfTheSameLayer(Residual):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.relu(self.a(x)) + torch.relu(self.f(torch.relu(self.a(x)))))


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.attention = nn.Linear(3, 4), nn.MultiheadAttention(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.a(x)
        return self.attention(z, z, z)[0]


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class HalvesGated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.a(x).chunk(2, dim=-1)
        return value * torch.sigmoid(gate)


class Adapted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(3, 3)
        self.lora_A, self.lora_B = nn.Linear(3, 1, bias=False), nn.Linear(1, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.lora_B(self.lora_A(x))


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.a = nn.Embedding(5, 3), nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(torch.relu(self.table(x)))


class OneHot(Embedded):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(functional.one_hot(x.long(), 3).float())


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.mean, self.spread = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = torch.relu(self.body(x))
        return self.mean(h), self.spread(h)


class Loops(nn.Module):
    """Steps that depend on the values: as layers in order it would be another function."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(*built())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while x.abs().max() > 1.0:
            x = x / 2.0
        return self.net(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Residual, r"a residual \(skip\) connection; an MLP is one chain of layers: pass a part"),
        (
            ResidualOfTheSameLayer,
            r"a residual \(skip\) connection; an MLP is one chain of layers: pass a part",
        ),
        (Attends, r"layer 'attention' \(MultiheadAttention\) is attention: its weights depend on the input"),
        (Gated, "mul multiplies two branches: a gated unit"),
        (HalvesGated, r"mul \(mul\) joins different units of one layer: a gate"),
        (Adapted, r"has LoRA adapters \('lora_A.weight'\), .* merge them first"),
        (Embedded, r"layer 'table' \(Embedding\) is an embedding: .*; pass the layers behind it alone"),
        (OneHot, r"long \(long\) casts to whole numbers, as class numbers for one-hot vectors"),
        (TwoHeads, r"read the same tensor: the network branches|gives 2 tensors"),
        (Loops, r"its forward decides by the values of its input \(control flow\)"),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.GRU(3, 2)), r"layer '1' \(GRU\) is recurrent"),
        (lambda: nn.TransformerEncoderLayer(4, 2), r"\(TransformerEncoderLayer\) is attention: its weights"),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.GLU()), r"layer '1' \(GLU\) is a gated unit"),
        (
            lambda: nn.Sequential(nn.Linear(3, 4), nn.GroupNorm(2, 4)),
            "is a normalisation that depends on each",
        ),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.Softmax(0)), "works along axis 0, across the samples"),
        (
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Softmax(1), nn.Linear(4, 1)),
            r"layer '2' \(Linear\) computes with what softmax gives",
        ),
        (
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Flatten(0)),
            r"layer '1' \(Flatten\) flattens the samples too",
        ),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.Softplus(threshold=1.0)), "jumps at its threshold of 1.0"),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.Threshold(0.5, 0.0)), "jumps from 0.0 to 0.5"),
        (
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Softshrink()),
            r"layer '1' \(Softshrink\) is none of an MLP",
        ),
    ],
)
def test_modules_are_refused_by_what_they_are(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(make())
    # A state dict of such a module would be read as another function.
    assert "state dict" not in str(caught.value)
