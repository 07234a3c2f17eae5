"""nn.Modules of other programs, read without changing them."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from mathcircuits.detect import Network

from ..identification import identify
from ..layer_chain import MAX_VALUES, Chain, Reading, Value, read
from ..named_tensors.reparametrised import as_array
from ..named_tensors.torch_files import first_line
from ..refusals import Unreadable
from .layers import SUPPORTED
from .trace import REWRITE, read_trace

# The copy is run in float64, where rounding stays far below this share of the largest output.
_TOLERANCE = 1e-6
# A module that insists on its own precision is compared in that one.
_OWN_PRECISION_TOLERANCE = 1e-3
_GATE = "a gated MLP multiplies two branches, an MLP is one chain of layers"
_CALLABLE_NAMES = ("act_fn", "act", "activation_fn", "activation", "activation_function", "nonlinearity")
# Hooks of torch's own, which make a layer's weight before every run.
_WEIGHT_MAKERS = ("torch.nn.utils.prune", "torch.nn.utils.weight_norm", "torch.nn.utils.spectral_norm")
#: The widest input that is looked for by trial where a forward picks columns.
_WIDEST = 4096


def read_module(module: nn.Module) -> Reading:
    """The MLP that a module computes in evaluation mode.

    The module itself is neither run nor changed: a copy in evaluation mode, without hooks, is traced
    symbolically (torch.fx), and the network read from the trace is run beside the copy on random inputs.
    Weights that torch makes anew at every run (pruning, weight and spectral normalisation) are made for the
    copy. Where forward hooks change the outputs, the network is that without them, and an assumption says so.

    A TransformerLens MLP layer (`model.blocks[3].mlp`, with `W_in` [in, out] and `W_out`) is read from its
    weights and its activation function.

    Raises:
        Unreadable: with the layer and the reason where it is no MLP.

    Examples:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(3, 1))
        >>> read_module(net).network, net.training
        (Network(2-3-1, relu, bias), True)
    """
    module = _unwrapped(module)
    _check_parameters(module)
    dtypes = {tensor.dtype for tensor in module.parameters()}
    hooked = _hooked_layers(module)
    twin = _twin(module)
    # What overflows or is NaN is refused by Network, by name.
    with torch.no_grad(), torch.random.fork_rng(devices=[]), np.errstate(all="ignore"):
        if _is_transformer_lens(twin):
            network, vectors = _read_transformer_lens(twin), False
        else:
            network, vectors = read_trace(twin, lambda: _input_width(twin))
        said = [*network.assumptions, *_training_statistics(module)]
        if hooked and _hooks_change(module, twin, network.inputs):
            said.append(
                f"the forward hooks of {', '.join(hooked)} change the module's outputs, and the "
                "network is that without them"
            )
        _compare(twin, network, vectors)
    return read(network, dtypes, replace(network.about, assumptions=tuple(said)))


def _unwrapped(module: nn.Module) -> nn.Module:
    while True:
        inner = getattr(module, "_orig_mod", None)  # torch.compile
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = module.module
        if not isinstance(inner, nn.Module):
            break
        module = inner
    if isinstance(module, torch.jit.ScriptModule):
        raise Unreadable(
            "is TorchScript, whose layers are compiled away", "pass the nn.Module that it was made from"
        )
    return module


def _check_parameters(module: nn.Module) -> None:
    """Refuse weights that are not there yet, adapters beside the weights, or too many."""
    for name, part in module.named_modules():
        if any(isinstance(p, nn.parameter.UninitializedParameter) for p in part.parameters(recurse=False)):
            raise Unreadable(
                f"layer {name!r} ({type(part).__name__}) has no weights yet", "run it once first"
            )
    adapters = [name for name, _ in module.named_parameters() if "lora_" in name.lower()]
    if adapters:
        raise Unreadable(
            f"has LoRA adapters ({adapters[0]!r}), which are added to its weights",
            "merge them first, as peft's model.merge_and_unload() does, and pass what that gives",
        )
    if sum(p.numel() for p in module.parameters()) > MAX_VALUES:
        raise Unreadable(f"holds more than the {MAX_VALUES} numbers that are read", "pass the MLP alone")


def _hooks(part: nn.Module) -> Iterator[tuple[dict[int, Any], int, Any]]:
    """The hooks that others have put on a module, with where they are kept."""
    for hooks in (part._forward_pre_hooks, part._forward_hooks):
        for key, hook in hooks.items():
            if type(hook).__module__ not in _WEIGHT_MAKERS:
                yield hooks, key, hook


def _hooked_layers(module: nn.Module) -> list[str]:
    return [
        repr(name) if name else "the module" for name, part in module.named_modules() if any(_hooks(part))
    ]


def _copied(module: nn.Module) -> nn.Module:
    """A copy on the CPU, in evaluation mode."""
    # A pruned or normed weight is the result of a computation, which deepcopy refuses.
    memo = {
        id(value): value.detach().clone()
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, torch.Tensor) and not value.is_leaf
    }
    try:
        return copy.deepcopy(module, memo).requires_grad_(False).eval().to("cpu")
    except Exception as error:  # copying runs the classes' own code
        raise Unreadable(f"cannot be copied ({first_line(error)})", REWRITE) from None


def _twin(module: nn.Module) -> nn.Module:
    """A copy without hooks, whose weights are those that the next run would use."""
    twin = _copied(module)
    for name, part in twin.named_modules():
        for hook in [*part._forward_pre_hooks.values()]:
            if type(hook).__module__ in _WEIGHT_MAKERS:
                _make_weight(part, hook, f"layer {name!r} ({type(part).__name__})")
        for hooks in (part._forward_hooks, part._forward_pre_hooks):
            hooks.clear()
    return twin


def _make_weight(part: nn.Module, hook: Any, label: str) -> None:
    """What a hook of torch's own makes before every run, made once and kept as a plain parameter."""
    name = getattr(hook, "name", None) or hook._tensor_name
    try:
        with torch.no_grad():
            hook(part, ())
        made = getattr(part, name).detach().clone()
    except Exception as error:  # a hook whose own parameters were taken away
        raise Unreadable(f"{label} has a {name} that cannot be made ({first_line(error)})", REWRITE) from None
    vars(part).pop(name, None)
    part.register_parameter(name, nn.Parameter(made, requires_grad=False))


def _training_statistics(module: nn.Module) -> Iterator[str]:
    """Batch normalisation that would not do in training mode what it does in evaluation mode."""
    for name, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training:
            yield (
                f"layer {name!r} ({type(part).__name__}) is in training mode, and the network uses its running "
                "statistics, as in evaluation mode"
            )


def _hooks_change(module: nn.Module, twin: nn.Module, inputs: int) -> bool:
    """Whether the module with its hooks gives other outputs; they run on copies of what they hold."""
    hooked = _copied(module)
    for part in hooked.modules():
        for hooks, key, hook in [*_hooks(part)]:
            hooks[key] = _isolated(hook)
    X = torch.from_numpy(_points(inputs))
    try:
        ours, theirs = _run(twin, X), _run(hooked, X)
    except Exception:  # the hooks' own code, or a module that takes vectors alone
        return True
    if not isinstance(ours, torch.Tensor) or not isinstance(theirs, torch.Tensor):
        return type(ours) is not type(theirs)
    scale = 1.0 + float(ours.double().abs().max())
    return ours.shape != theirs.shape or not torch.allclose(
        ours.double(), theirs.double(), rtol=0.0, atol=_OWN_PRECISION_TOLERANCE * scale
    )


def _isolated(hook: Callable[..., Any]) -> Callable[..., Any]:
    """A hook that works on copies of the variables that it closes over."""
    if not isinstance(hook, types.FunctionType) or not hook.__closure__:
        return copy.deepcopy(hook)
    try:
        cells = tuple(types.CellType(copy.deepcopy(cell.cell_contents)) for cell in hook.__closure__)
    except Exception:  # what it holds cannot be copied (a file): then the hook itself runs
        return hook
    alone = types.FunctionType(hook.__code__, hook.__globals__, hook.__name__, hook.__defaults__, cells)
    alone.__kwdefaults__ = hook.__kwdefaults__
    return alone


def _is_transformer_lens(module: nn.Module) -> bool:
    try:
        return all(isinstance(getattr(module, name, None), torch.Tensor) for name in ("W_in", "W_out"))
    except (
        Exception
    ):  # a bridge whose weights are not there raises as it likes; the trace then says what is wrong
        return False


def _read_transformer_lens(mlp: nn.Module) -> Network:
    if isinstance(getattr(mlp, "W_gate", None), torch.Tensor):
        raise Unreadable("has W_gate", _GATE)
    holders = [mlp, getattr(mlp, "original_component", None)]
    for name in _CALLABLE_NAMES:
        function = next((f for holder in holders if callable(f := getattr(holder, name, None))), None)
        if function is not None:
            break
    else:
        raise Unreadable(
            f"has W_in and W_out, but none of {', '.join(_CALLABLE_NAMES)}",
            "give it its activation function under one of these names",
        )
    known = identify(lambda z: function(torch.from_numpy(z)).numpy())
    if known is None:
        label = getattr(function, "__name__", type(function).__name__)
        raise Unreadable(f"its activation function {name} ({label}) is none that can be read", SUPPORTED)
    chain = Chain()
    hidden = chain.linear(Value(), *_projection(mlp, "in"), "W_in")
    return chain.finish(chain.linear(chain.named(hidden, known, name), *_projection(mlp, "out"), "W_out"))


def _projection(mlp: nn.Module, end: str) -> tuple[Any, Any]:
    bias = getattr(mlp, f"b_{end}", None)
    weight = as_array(getattr(mlp, f"W_{end}"), f"W_{end}").T
    return weight, None if bias is None else as_array(bias, f"b_{end}")


def _points(inputs: int) -> Any:
    return np.random.default_rng(0).normal(scale=2.0, size=(16, inputs))


def _run(module: nn.Module, X: torch.Tensor) -> Any:
    """A module's outputs in its own precision."""
    return module(X.to(next((p.dtype for p in module.parameters()), torch.float64)))


def _input_width(module: nn.Module) -> int | None:
    """The fewest inputs with which a module runs."""
    own = next((p.dtype for p in module.parameters()), torch.float64)
    sizes = [part.in_features for part in module.modules() if isinstance(part, nn.Linear)]
    for inputs in range(1, min(max([32, *(2 * size for size in sizes)]), _WIDEST) + 1):
        try:
            module(torch.zeros(2, inputs, dtype=own))
        except Exception:  # the module's own code: too few columns
            continue
        return inputs
    return None


def _compare(module: nn.Module, network: Network, vectors: bool) -> None:
    """Refuse a reading whose outputs are not the module's: a cast, state, an override that fx overlooks."""
    X = _points(network.inputs)
    expected = _linked(network(X), network.link)
    outputs, tolerance = _outputs(module, X, vectors)
    if not isinstance(outputs, torch.Tensor) or outputs.numel() != expected.size:
        raise Unreadable(f"does not give [n, {network.outputs}] for inputs [n, {network.inputs}]", REWRITE)
    given_values = outputs.double().numpy().reshape(expected.shape)
    if not np.abs(given_values - expected).max() <= tolerance * (1.0 + np.abs(expected).max()):
        raise Unreadable("computes something else than its layers in order", REWRITE)


def _outputs(module: nn.Module, X: Any, vectors: bool) -> tuple[Any, float]:
    """A module's outputs in float64, or in its own precision where it insists on that; and how exact they are."""
    own = next((p.dtype for p in module.parameters()), torch.float64)

    def run(dtype: torch.dtype) -> Any:
        given = torch.from_numpy(X).to(dtype)
        module.to(dtype)
        outputs = [module(x) for x in given] if vectors else module(given)
        if vectors:
            return torch.stack(outputs)
        return outputs[0] if isinstance(outputs, list | tuple) and len(outputs) == 1 else outputs

    try:
        return run(torch.float64), _TOLERANCE
    except Exception:
        try:
            return run(own), _OWN_PRECISION_TOLERANCE
        except Exception as error:  # the module's own code
            raise Unreadable(f"fails on inputs of shape {X.shape} ({first_line(error)})", REWRITE) from None


def _linked(logits: Any, link: str | None) -> Any:
    """What a closing function makes of the logits [n, outputs]."""
    if link is None:
        return logits
    if link == "argmax":
        return logits.argmax(1)
    tensor = torch.from_numpy(logits)
    return (torch.sigmoid(tensor) if link == "sigmoid" else getattr(torch, link)(tensor, 1)).numpy()
