"""State dicts, torch modules, TransformerLens layers and scikit-learn, against their own outputs."""

from __future__ import annotations

import itertools
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional

from mathcircuits.detect import FileError, InputError, MathCircuitsError, Network
from mathcircuits.models import load
from mathcircuits.models.files.checkpoints import read_network
from mathcircuits.models.files.identification import identify

X = np.random.default_rng(0).normal(size=(64, 2))


def outputs(module: nn.Module) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(X).to(next(module.parameters()).dtype)).double().numpy()


def agree(net: Network, expected: np.ndarray, tolerance: float = 1e-6) -> bool:
    found = net(X)
    return found.shape == expected.shape and bool(np.abs(found - expected).max() < tolerance)


def plain(*sizes: int, activation: type[nn.Module] = nn.ReLU, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, units in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, units), activation()]
    return nn.Sequential(*layers[:-1])


# ---- files that torch wrote


def nested(net: nn.Module) -> dict[str, Any]:
    """Dicts in dicts, one level per dot."""
    tree: dict[str, Any] = {}
    for name, tensor in net.state_dict().items():
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = tensor
    return tree


def renamed(net: nn.Module, prefix: str, middle: str = "") -> dict[str, torch.Tensor]:
    return {
        f"{prefix}{name.rpartition('.')[0]}{middle}.{name.rpartition('.')[2]}": tensor
        for name, tensor in net.state_dict().items()
    }


SHAPES_OF_A_CHECKPOINT: dict[str, Callable[[nn.Module], Any]] = {
    "a state dict": lambda net: net.state_dict(),
    "an OrderedDict": lambda net: OrderedDict(net.state_dict()),
    "parameters": lambda net: dict(net.named_parameters()),
    "net.0.weight": lambda net: renamed(net, "net."),
    "model.layers.3.linear.weight": lambda net: renamed(net, "model.layers.", ".linear"),
    "DataParallel's": lambda net: renamed(net, "module."),
    "torch.compile's": lambda net: renamed(net, "_orig_mod."),
    "nested": nested,
    "state_dict": lambda net: {"state_dict": net.state_dict(), "epoch": 3},
    "Lightning's": lambda net: {
        "epoch": 3,
        "state_dict": renamed(net, "model."),
        "optimizer_states": [{"state": {}}],
    },
    "model": lambda net: {
        "model": net.state_dict(),
        "optimizer": torch.optim.Adam(net.parameters()).state_dict(),
    },
    "a usual name of its own": lambda net: {"epoch": 3, "generator": net.state_dict()},
    "twice nested": lambda net: {"model": {"state_dict": net.state_dict(), "config": {"width": 5}}},
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("shape", SHAPES_OF_A_CHECKPOINT)
def test_state_dicts_of_any_nesting(tmp_path: Path, shape: str, zipped: bool) -> None:
    net = plain(2, 5, 4, 3, 1, activation=nn.Tanh)
    torch.save(SHAPES_OF_A_CHECKPOINT[shape](net), tmp_path / "net.pt", _use_new_zipfile_serialization=zipped)
    found = load(tmp_path / "net.pt", activation="tanh")
    assert found.cfg.dtype == "float32"
    assert found.cfg.sizes == (2, 5, 4, 3, 1)
    assert agree(found.to_network(), outputs(net))


def test_a_state_dict_with_an_optimisers_state(tmp_path: Path) -> None:
    net = plain(2, 3, 1)
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.zeros(4, 2)).sum().backward()
    optimiser.step()
    torch.save(
        {"weights_of_it": net.state_dict(), "optimizer": optimiser.state_dict(), "loss": 0.1},
        tmp_path / "n.pth",
    )
    assert agree(read_network(tmp_path / "n.pth"), outputs(net))


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_that_lay_on_a_gpu(tmp_path: Path, zipped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that a machine with a GPU writes: torch's own location tag says cuda:1."""
    net = plain(2, 3, 1)
    monkeypatch.setattr(torch.serialization, "location_tag", lambda _storage: "cuda:1")
    torch.save(net.state_dict(), tmp_path / "net.pt", _use_new_zipfile_serialization=zipped)
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match=r"CUDA|cuda"):
        torch.load(tmp_path / "net.pt", weights_only=True)
    assert agree(read_network(tmp_path / "net.pt"), outputs(net))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_precisions(tmp_path: Path, dtype: torch.dtype) -> None:
    net = plain(2, 3, 1).to(dtype)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    found = load(tmp_path / "net.pt", activation="relu")
    assert found.cfg.dtype == ("float64" if dtype == torch.float64 else "float32")
    assert agree(found.to_network(), outputs(net.double()), 1e-12)


def test_state_dict_in_memory_and_one_activation_per_layer() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 5), nn.GELU(), nn.Linear(5, 3, bias=False), nn.Linear(3, 1))
    found = read_network(net.state_dict(), activation=("gelu", "identity"))
    assert found.architecture.bias == (True, False, True)
    assert agree(found, outputs(net))


def test_order_by_number_beats_insertion_and_alphabet() -> None:
    ones = {f"h.{k}.weight": torch.full((2, 2), float(k)) for k in (10, 9, 2)}
    assert [w[0, 0] for w in read_network(ones).weights] == [2, 9, 10]


def test_order_of_insertion_where_names_do_not_tell(tmp_path: Path) -> None:
    square = {"zeta.weight": torch.eye(2), "alpha.weight": 2 * torch.eye(2)}
    torch.save(square, tmp_path / "net.pt")
    assert [w[0, 0] for w in read_network(tmp_path / "net.pt").weights] == [1, 2]
    safetensors.torch.save_file(square, tmp_path / "net.safetensors")  # which forgets the order
    with pytest.raises(
        FileError, match=r"its layers fit in several orders: .*; number them, as nn.Sequential does"
    ):
        load(tmp_path / "net.safetensors")


@pytest.mark.parametrize(
    "names",
    [
        ("zeta", "alpha"),
        ("hidden", "a_readout"),
        ("blocks.0.mlp", "blocks.1.mlp", "output"),
        ("input", "b", "head"),
    ],
)
def test_order_by_shapes_or_usual_names_in_safetensors(tmp_path: Path, names: tuple[str, ...]) -> None:
    sizes = (2, 3, 4, 1) if len(names) == 3 else (2, 3, 1)
    tensors = {f"{n}.weight": torch.randn(sizes[k + 1], sizes[k]) for k, n in enumerate(names)}
    safetensors.torch.save_file(tensors, tmp_path / "net.safetensors")
    assert read_network(tmp_path / "net.safetensors").sizes == sizes


def test_usual_names_settle_square_layers(tmp_path: Path) -> None:
    tensors = {"a_head.head.weight": 2 * torch.eye(2), "body.weight": torch.eye(2)}
    safetensors.torch.save_file(tensors, tmp_path / "net.safetensors")
    assert [w[0, 0] for w in read_network(tmp_path / "net.safetensors").weights] == [1, 2]


def test_a_transformer_lens_state_dict_lies_in_out() -> None:
    w_in, w_out = torch.randn(2, 5), torch.randn(5, 2)
    tensors = {"mlp.W_in": w_in, "mlp.b_in": torch.zeros(5), "mlp.W_out": w_out, "mlp.b_out": torch.ones(2)}
    expected = torch.relu(torch.from_numpy(X).float() @ w_in) @ w_out + 1
    assert agree(read_network(tensors), expected.numpy())


class Hostile:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.path), "w"))


def test_the_trap_would_spring(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Hostile(tmp_path / "executed"))).close()
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("ending", ["pt", "pth", "npz", "onnx", "safetensors", "pkl"])
def test_pickles_are_refused_and_never_executed(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"net.{ending}"
    trap = Hostile(tmp_path / "executed")
    for protocol in range(6):
        path.write_bytes(pickle.dumps({"0.weight": trap}, protocol=protocol))
        with pytest.raises(FileError, match=str(path)) as caught:
            load(path)
        if protocol >= 2:
            assert "pickles are never executed" in str(caught.value)
    for zipped in (True, False):
        torch.save(
            {"0.weight": trap, "2.weight": torch.ones(1, 1)}, path, _use_new_zipfile_serialization=zipped
        )
        with pytest.raises(
            FileError, match=r"is not a state dict \(torch refuses it with weights_only=True: .*; save model"
        ):
            load(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch warns of the writer used here
def test_whole_modules_and_torchscript_are_refused(tmp_path: Path) -> None:
    torch.save(plain(2, 3, 1), tmp_path / "net.pt")
    with pytest.raises(FileError, match=r"weights_only=True.*; save model.state_dict\(\)"):
        load(tmp_path / "net.pt")
    torch.jit.save(torch.jit.script(plain(2, 3, 1)), tmp_path / "script.pt")
    with pytest.raises(FileError, match=r"is TorchScript, which is code; save model.state_dict\(\)"):
        load(tmp_path / "script.pt")
    with pytest.raises(InputError, match=r"TorchScript, whose layers are compiled away; pass the nn\.Module"):
        load(torch.jit.script(plain(2, 3, 1)))


def test_a_flipped_weight_in_a_torch_file_is_noticed(tmp_path: Path) -> None:
    net = plain(2, 3, 1)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    data = bytearray((tmp_path / "net.pt").read_bytes())
    place = data.find(net[0].weight.detach().numpy().tobytes())
    assert place > 0
    data[place] ^= 1
    (tmp_path / "net.pt").write_bytes(data)
    with pytest.raises(
        FileError, match=r"is damaged \(the checksum of '.*data/0' does not match\); copy or save"
    ):
        load(tmp_path / "net.pt")


def test_a_tensor_that_claims_more_than_its_storage(tmp_path: Path) -> None:
    """A broadcast view takes four bytes in the file and 8 TB as an array."""
    torch.save({"0.weight": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "net.pt")
    with pytest.raises(FileError, match="holds 1000000000000 numbers, more than the 268435456 that are read"):
        load(tmp_path / "net.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no state dict|holds no tensors"),
        ([torch.ones(1, 2)], "is not a state dict but a list; save model"),
        (torch.ones(1, 2), "is not a state dict but a Tensor; save model"),
        ({"a": 1}, "holds no state dict; save model"),
        (
            {"g": plain(2, 3, 2).state_dict(), "d": plain(2, 3, 1).state_dict()},
            r"holds several networks \(g, d\); name one: part='g'",
        ),
        (
            nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1)).state_dict(),
            "1.weight has shape .3,., a normalisation layer's",
        ),
        (
            nn.BatchNorm1d(3, affine=False).state_dict(),
            r"no linear layer's weight \(batch normalisation alone\)",
        ),
        (
            nn.Conv2d(1, 2, 3).state_dict(),
            "weight has shape .2, 1, 3, 3., a convolution's; save the MLP alone",
        ),
        (nn.LSTM(2, 3).state_dict(), r"a recurrent layer \(weight_ih_l0\)"),
        (
            {"0.weight": torch.ones(1, 2, dtype=torch.complex64)},
            "0.weight holds torch.complex64; weights are real",
        ),
        ({"0.weight": torch.ones(1, 2).to_sparse()}, "0.weight is sparse or without values"),
        (
            {"0.weight": torch.ones(1, 2), "0.W": torch.ones(1, 2)},
            "0.W is the second weight or bias of one layer",
        ),
        (
            {"0.weight": torch.ones(3, 2), "1.weight": torch.ones(1, 4)},
            r"do not chain: 0 \[3, 2\], 1 \[1, 4\]",
        ),
    ],
)
def test_torch_files_that_hold_no_mlp(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(FileError, match=f"net.pt: .*({message})"):
        load(tmp_path / "net.pt")


# ---- modules


class Functional(nn.Module):
    """The commonest way to write one: functions in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.out = nn.Linear(2, 5), nn.Linear(5, 4), nn.Linear(4, 1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.view(x.size(0), -1)
        x = self.dropout(functional.relu(self.fc1(x)))
        x = functional.dropout(torch.tanh(self.fc2(x)), training=self.training)
        return self.out(x)


class Matrices(nn.Module):
    """Bare parameters [in, out] and a masked layer."""

    def __init__(self) -> None:
        super().__init__()
        self.W, self.b = nn.Parameter(torch.randn(2, 4)), nn.Parameter(torch.randn(4))
        self.V = nn.Parameter(torch.randn(1, 4))
        self.register_buffer("mask", torch.tensor([[1.0, 0.0, 1.0, 1.0]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.clamp(x @ self.W + self.b, min=0)
        return functional.linear(h, self.V * self.mask) + 0.5


class HandMadeGelu(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 4), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.a(x)
        return self.b(0.5 * z * (1 + torch.tanh(0.7978845608028654 * (z + 0.044715 * z**3))))


class Listed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 1)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


class Doubles(nn.Linear):
    """A linear layer by class, not by what it does."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(input)


def old_weight_norm() -> nn.Module:
    with pytest.warns(FutureWarning, match="weight_norm"):
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(2, 3)), nn.ReLU(), nn.Linear(3, 1))


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...]]] = {
    "plain": (lambda: plain(2, 3, 1), ("relu",)),
    "nested": (
        lambda: nn.Sequential(
            nn.Flatten(),
            nn.Sequential(
                nn.Linear(2, 4), nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(0.3)), nn.Identity()
            ),
            nn.Sequential(nn.Sequential(nn.Linear(4, 3, bias=False), nn.Tanh()), nn.Linear(3, 2)),
        ),
        ("relu", "tanh"),
    ),
    "linear layers in a row": (
        lambda: nn.Sequential(
            nn.Linear(2, 4), nn.Linear(4, 3, bias=False), nn.LeakyReLU(0.2), nn.Linear(3, 1)
        ),
        ("identity", "leaky_relu(0.2)"),
    ),
    "both gelus": (
        lambda: nn.Sequential(nn.Linear(2, 4), nn.GELU(), nn.Linear(4, 4), nn.GELU("tanh"), nn.Linear(4, 1)),
        ("gelu", "gelu_tanh"),
    ),
    "ends in relu": (lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU()), ("relu",)),
    "relu twice": (lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.ReLU(), nn.Linear(3, 1)), ("relu",)),
    "one layer": (lambda: nn.Linear(2, 3), ()),
    "functional": (Functional, ("relu", "tanh")),
    "matrices": (Matrices, ("relu",)),
    "hand-made gelu": (HandMadeGelu, ("gelu_tanh",)),
    "a list": (Listed, ("relu", "relu")),
    "parallel": (lambda: nn.DataParallel(plain(2, 3, 1)), ("relu",)),
    "normed weights": (
        lambda: nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)), nn.ReLU(), nn.Linear(3, 1)
        ),
        ("relu",),
    ),
    "spectrally normed": (
        lambda: nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(2, 3)), nn.ReLU(), nn.Linear(3, 1)
        ),
        ("relu",),
    ),
    "normed weights of the older kind": (lambda: old_weight_norm(), ("relu",)),
    "a linear layer by class, and twice that": (
        lambda: nn.Sequential(Doubles(2, 3), nn.ReLU(), nn.Linear(3, 1)),
        ("relu",),
    ),
    "float64": (lambda: plain(2, 3, 1).double(), ("relu",)),
    "bfloat16": (lambda: plain(2, 3, 1).bfloat16(), ("relu",)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_read_and_not_touched(name: str) -> None:
    make, activations = MODULES[name]
    torch.manual_seed(0)
    module = make().train()
    seen = []
    handle = next(
        m for m in module.modules() if isinstance(m, nn.Linear) or m is module
    ).register_forward_hook(lambda *_: seen.append(1))
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    flags = [(p.requires_grad, p.grad, id(p)) for p in module.parameters()]
    random_state = torch.get_rng_state()
    found = load(module)
    assert torch.equal(random_state, torch.get_rng_state())
    assert module.training
    assert all(part.training for part in module.modules())
    assert [(p.requires_grad, p.grad, id(p)) for p in module.parameters()] == flags
    assert all(torch.equal(before[key], tensor) for key, tensor in module.state_dict().items())
    assert not seen
    handle.remove()
    assert found.cfg.activations == activations
    module.eval()
    dtype = next(module.parameters()).dtype
    assert found.cfg.dtype == ("float64" if dtype == torch.float64 else "float32") or name in (
        "normed weights",
        "normed weights of the older kind",
        "spectrally normed",
        "matrices",
    )
    assert agree(found.to_network(), outputs(module), 0.05 if dtype == torch.bfloat16 else 1e-5)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.a(x + 0 * y)


class Skips(TwoInputs):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return self.a(x) + x


class Branches(Skips):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return torch.relu(self.a(x)) * self.a(-x)


class Decides(Skips):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return self.a(x) if x.sum() > 0 else x


class Overwrites(Skips):
    """The trace cannot see that the pre-activation was overwritten and used again."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        z = self.a(x)
        functional.relu(z, inplace=True)
        return z


class Sorts(Skips):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return torch.sort(self.a(x)).values


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.Sequential(nn.Conv2d(1, 2, 3)),
            r"layer '0' \(Conv2d\) is a convolution, not a layer of an MLP; pass the fully connected part",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)),
            r"layer '1' \(LayerNorm\) is a normalisation that depends on each input",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 3), nn.Mish(), nn.Linear(3, 1)),
            r"layer '1' \(Mish\) is none of an MLP's; nn.Linear, the activation functions",
        ),
        (
            lambda: nn.Sequential(nn.ReLU(), nn.Linear(2, 1)),
            r"comes before layer '1' \(Linear\), the first linear layer",
        ),
        (lambda: nn.Sequential(nn.ReLU()), "it holds no linear layer; an MLP has at least one"),
        (
            lambda: nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 1)),
            r"layer '1' \(Linear\) takes 4 values, but .* gives 3",
        ),
        (
            lambda: nn.Sequential(nn.LazyLinear(3)),
            r"layer '0' \(LazyLinear\) has no weights yet; run it once first",
        ),
        (TwoInputs, "its forward takes a second input, 'y'; an MLP has one"),
        (Skips, r"add adds a layer's output to what went into it: a residual \(skip\) connection; an MLP"),
        (Branches, "mul multiplies two branches: a gated unit or attention; an MLP is one chain of layers"),
        (
            Decides,
            r"its forward decides by the values of its input \(control flow\); an MLP computes the same",
        ),
        (Overwrites, "computes something else than its layers in order; write what it computes as an nn.Seq"),
        (Sorts, "is none of an MLP's operations"),
        (lambda: nn.LSTM(2, 3), r"layer '0' \(LSTM\) is recurrent"),
        (lambda: nn.Sequential(nn.Linear(2, 1, device="meta")), "cannot be copied|without values"),
    ],
)
def test_modules_that_are_no_mlp_say_which_layer_and_why(make: Callable[[], nn.Module], message: str) -> None:
    module = make()
    with pytest.raises(
        InputError, match=f"this {type(module).__name__} cannot be read as an MLP: .*({message})"
    ):
        load(module)


def test_nan_in_a_module() -> None:
    net = plain(2, 3, 1)
    with torch.no_grad():
        net[0].weight[0, 0] = torch.nan
    with pytest.raises(InputError, match=r"weights\[0\] holds NaN"):
        load(net)


def test_identify_finds_functions_by_their_values() -> None:
    def mish(z: np.ndarray) -> np.ndarray:
        return z * np.tanh(np.log1p(np.exp(z)))

    assert identify(lambda z: np.where(z > 0, z, 0.3 * z)) == "leaky_relu(0.3)"
    assert identify(lambda z: z) == "identity"
    assert identify(np.tanh) == "tanh"
    assert identify(mish) is None
    assert identify(lambda z: z / (1 + np.exp(-z))) == "silu"
    assert identify(lambda z: z / (1 + np.exp(-1.702 * z))) is None
    assert identify(lambda z: np.log(z)) is None
    assert identify(lambda z: z.sum()) is None


# ---- TransformerLens


@pytest.fixture(scope="module")
def bridge_config() -> dict[str, Any]:
    return {
        "d_model": 2,
        "d_head": 2,
        "n_heads": 1,
        "n_layers": 2,
        "n_ctx": 8,
        "d_vocab": 7,
        "d_mlp": 5,
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("act_fn", "name"), [("relu", "relu"), ("gelu", "gelu"), ("gelu_new", "gelu_tanh"), ("silu", "silu")]
)
def test_a_transformer_lens_layer(bridge_config: dict[str, Any], act_fn: str, name: str) -> None:
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge.sources import boot_native

    model = boot_native(TransformerBridgeConfig(**bridge_config, act_fn=act_fn))
    mlp = model.blocks[1].mlp
    assert mlp.W_in.shape == (2, 5)
    found = load(mlp)
    assert found.cfg.sizes == (2, 5, 2)
    assert found.cfg.activations == (name,)
    assert agree(found.to_network(), outputs(mlp))
    assert load(model.blocks[0].mlp).to_network().weights[0][0, 0] != found.to_network().weights[0][0, 0]


def test_gpt2s_layer_through_transformer_lens_and_from_transformers() -> None:
    from transformer_lens.model_bridge.sources import build_bridge_from_module
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_embd=2, n_layer=1, n_head=1, vocab_size=7, n_positions=8)).eval()
    layer = model.transformer.h[0].mlp
    expected = outputs(layer)
    assert agree(load(layer).to_network(), expected)  # Conv1D lies [in, out]
    bridge = build_bridge_from_module(model, architecture="GPT2LMHeadModel", hf_config=model.config)
    found = load(bridge.blocks[0].mlp)
    assert found.cfg.activations == ("gelu_tanh",)
    assert agree(found.to_network(), expected)


def test_a_gated_transformer_lens_layer_is_refused(bridge_config: dict[str, Any]) -> None:
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge.sources import boot_native

    model = boot_native(TransformerBridgeConfig(**bridge_config, act_fn="silu", gated_mlp=True))
    with pytest.raises(InputError, match="has W_gate; a gated MLP multiplies two branches"):
        load(model.blocks[0].mlp)


# ---- mutated files


def mutations(whole: bytes, count: int, seed: int) -> list[bytes]:
    """Bytes flipped, replaced, cut, inserted and zeroed, half of them in the headers."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            place = int(rng.integers(len(data)) if rng.random() < 0.5 else rng.integers(min(len(data), 300)))
            kind = rng.integers(6)
            if kind == 0:
                data[place] ^= 1 << int(rng.integers(8))
            elif kind == 1:
                data[place] = int(rng.integers(256))
            elif kind == 2:
                del data[place : place + int(rng.integers(1, 9))]
            elif kind == 3:
                data[place:place] = rng.bytes(int(rng.integers(1, 9)))
            elif kind == 4:
                data[place : place + 4] = b"\xff\xff\xff\xff" if rng.random() < 0.5 else b"\0\0\0\0"
            else:
                data = data[:place] or data
            if not data:
                data = bytearray(b"\0")
        found.append(bytes(data))
    return found


def write(kind: str, path: Path) -> None:
    net = plain(2, 3, 4, 1)
    state = net.state_dict()
    if kind == "safetensors":
        safetensors.torch.save_file(state, path)
    elif kind == "npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in state.items()})
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "pt")


def right_shape(net: Network) -> bool:
    """Whether it runs, and has the shape that was written: damage may change weights, not layers."""
    return net(np.zeros((2, 2))).shape == (2, 1) and net.sizes == (2, 3, 4, 1)


@pytest.mark.parametrize(
    ("kind", "count"), [("safetensors", 1500), ("npz", 600), ("pt", 600), ("legacy", 1500)]
)
def test_mutated_files_end_in_an_error_of_ours_or_a_network(tmp_path: Path, kind: str, count: int) -> None:
    path = tmp_path / f"net.{kind}"
    if kind == "npz":
        path = tmp_path / "net.npz"
    write(kind, path)
    ends = {"network": 0, "refused": 0}
    for data in mutations(path.read_bytes(), count, seed=1):
        path.write_bytes(data)
        try:
            net = read_network(path)
        except MathCircuitsError as error:
            assert str(path) in str(error)  # noqa: PT017 - the other outcome is right too
            ends["refused"] += 1
        else:
            assert right_shape(net)
            ends["network"] += 1
    assert ends["refused"] > count // 10
    assert ends["network"] > 0


@pytest.mark.parametrize("kind", ["npz", "pt"])
def test_mutated_members_behind_right_checksums(tmp_path: Path, kind: str) -> None:
    """An archive's checksums stop chance damage; a hostile writer makes them right."""
    path = tmp_path / f"net.{kind}"
    write(kind, path)
    with zipfile.ZipFile(path) as archive:
        members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    refused = 0
    rng = np.random.default_rng(2)
    for number in range(400):
        target = int(rng.integers(len(members)))
        with zipfile.ZipFile(path, "w") as archive:
            for k, (name, content) in enumerate(members):
                changed = mutations(content, 1, seed=number)[0] if k == target and content else content
                archive.writestr(name, changed)
        try:
            assert read_network(path)(np.zeros((2, 2))).shape[0] == 2
        except MathCircuitsError:
            refused += 1
    assert refused > 40
