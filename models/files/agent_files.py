"""Agents that Stable-Baselines3 saved (`.zip`): policy and value networks as parts of one file."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import About

from .asked import Asked
from .layer_chain import Chain, Reading, Unreadable, Value, read
from .loaded_torch import StoredTensor, is_torch_tensor
from .named_tensors.reparametrised import as_array
from .named_tensors.state_dicts import read_contents
from .named_tensors.torch_files import torch_contents

_POLICY = "policy.pth"
#: nn.Module's class in policy_kwargs -> our name.
_ACTIVATIONS = {
    "ReLU": "relu", "Tanh": "tanh", "ELU": "elu", "LeakyReLU": "leaky_relu", "SiLU": "silu", "GELU": "gelu",
    "Sigmoid": "sigmoid", "Softplus": "softplus", "SELU": "selu", "ReLU6": "relu6", "Hardtanh": "hardtanh",
    "Identity": "identity",
}  # fmt: skip
_SQUASHED = (
    "the actions are tanh of its outputs, scaled to the action space; the outputs before that are read"
)
_TANH_LAST = "the actions are its outputs, behind a closing tanh, scaled to the action space"


@dataclass(frozen=True)
class _Part:
    """One network of an agent: the prefixes of its layers in the order of the forward pass.

    Attributes:
        stacks: prefixes of numbered layers (`nn.Sequential`).
        last: the name of a single layer behind them, or None.
        default: the activation function that Stable-Baselines3 uses where none is given.
        tanh: whether a tanh closes it.
        said: a sentence on what is done with its outputs, or "".
    """

    stacks: tuple[str, ...]
    last: str | None = None
    default: str = "relu"
    tanh: bool = False
    said: str = ""


# The networks of PPO and A2C, DQN, SAC, DDPG and TD3.
_PARTS: dict[str, _Part] = {
    "policy": _Part(("mlp_extractor.shared_net", "mlp_extractor.policy_net"), "action_net", "tanh"),
    "value": _Part(("mlp_extractor.shared_net", "mlp_extractor.value_net"), "value_net", "tanh"),
    "q_net": _Part(("q_net.q_net",)),
    "q_net_target": _Part(("q_net_target.q_net",)),
    "actor": _Part(("actor.mu",), tanh=True, said=_TANH_LAST),
    "actor_target": _Part(("actor_target.mu",), tanh=True, said=_TANH_LAST),
    "actor_mean": _Part(("actor.latent_pi",), "actor.mu", said=_SQUASHED),
    **{
        f"{critic}.qf{k}": _Part((f"{critic}.qf{k}",))
        for critic in ("critic", "critic_target")
        for k in range(4)
    },
}


def is_agent(names: list[str]) -> bool:
    """Whether an archive's members are those that Stable-Baselines3 writes.

    Examples:
        >>> is_agent(["data", "policy.pth", "_stable_baselines3_version"]), is_agent(["data.pkl"])
        (True, False)
    """
    return _POLICY in names


def read_agent(data: bytes, asked: Asked) -> Reading:
    """One network of an agent; `part=` names it: policy or value of PPO and A2C, q_net, actor, critic.qf0, ...

    Without a part the only one is read, and of those with a delayed copy (`_target`) the one that is trained.
    Of an agent with policy and value, `part="policy"` also names the q_net or the actor.

    Args:
        data: the archive's bytes.
        asked: what the caller says.

    Raises:
        Unreadable: where the archive holds no such network, or another extractor in front of it.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        weights = archive.read(_POLICY)
        text = archive.read("data") if "data" in archive.namelist() else b"{}"
    try:
        contents = torch_contents(weights)
        parts = {name: part for name, part in _PARTS.items() if _holds(contents.tensors, part)}
        if not parts:
            return read_contents(contents, asked)
        name, asked_for = _chosen(parts, asked)
        return _read_part(name, parts[name], contents.tensors, _kwargs(text), asked, asked_for)
    except Unreadable as error:
        raise Unreadable(
            f"is an agent of Stable-Baselines3, whose {_POLICY} {error.problem}", error.remedy
        ) from None


def _holds(tensors: Mapping[str, Any], part: _Part) -> bool:
    if part.last is not None:
        return f"{part.last}.weight" in tensors
    return any(
        name.startswith(f"{part.stacks[0]}.") and name[len(part.stacks[0]) + 1].isdigit() for name in tensors
    )


def _chosen(parts: Mapping[str, _Part], asked: Asked) -> tuple[str, bool]:
    """The part that is read, and whether the caller named it."""
    online = [name for name in parts if "_target" not in name]
    if asked.part is None and len(online) == 1:
        return online[0], False
    if asked.part == "policy" and "policy" not in parts:
        for name in ("q_net", "actor", "actor_mean"):
            if name in parts:
                return name, True
    return asked.choose(parts, "networks"), True


def _kwargs(text: bytes) -> Mapping[str, Any]:
    """What `data` says of the policy; a readable copy stands beside what is pickled."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    kwargs = given.get("policy_kwargs") if isinstance(given, dict) else None
    return kwargs if isinstance(kwargs, dict) else {}


def _read_part(
    name: str,
    part: _Part,
    tensors: Mapping[str, Any],
    kwargs: Mapping[str, Any],
    asked: Asked,
    asked_for: bool,
) -> Reading:
    extractor = sorted(key for key in tensors if "features_extractor." in key)
    if extractor:
        raise Unreadable(
            f"has an extractor of features in front of its networks ({extractor[0]})", "save the MLP alone"
        )
    layers = [layer for stack in part.stacks for layer in _numbered(tensors, stack)]
    if part.last is not None:
        layers.append(part.last)
    if part.tanh and len(layers) < 1:
        raise Unreadable(f"holds no layer of {name!r}", "save the MLP alone")
    chain = Chain()
    if not asked_for and len([key for key in tensors if "_target." in key]):
        chain.assumptions.append(
            f"the network is {name}, which is trained, not its delayed copy {name}_target"
        )
    between = _between(part, kwargs, asked, len(layers) - 1, chain)
    value, dtypes = Value(), []
    for k, layer in enumerate(layers):
        weight = _array(tensors, f"{layer}.weight", 2)
        bias = _array(tensors, f"{layer}.bias", 1) if f"{layer}.bias" in tensors else None
        dtypes.append(getattr(tensors[f"{layer}.weight"], "dtype", "float64"))
        value = chain.linear(value, weight, bias, layer)
        if k + 1 < len(layers):
            value = chain.named(value, between[k], layer)
    if part.tanh:
        value = chain.named(value, "tanh", "the output")
    if part.said:
        chain.assumptions.append(part.said)
    network = chain.finish(value)
    return read(network, dtypes, About(assumptions=network.assumptions, link=network.link))


def _numbered(tensors: Mapping[str, Any], stack: str) -> list[str]:
    """The layers of an `nn.Sequential`, in order."""
    found = {
        int(match[1])
        for key in tensors
        if (match := re.fullmatch(rf"{re.escape(stack)}\.(\d{{1,6}})\.weight", key)) is not None
    }
    return [f"{stack}.{number}" for number in sorted(found)]


def _array(tensors: Mapping[str, Any], name: str, axes: int) -> npt.NDArray[np.float64]:
    tensor = tensors.get(name)
    if not (is_torch_tensor(tensor) or isinstance(tensor, StoredTensor)) or tensor.ndim != axes:
        raise Unreadable(f"holds {name}, which is not a linear layer's", "save the MLP alone")
    return as_array(tensor, name)


def _between(part: _Part, kwargs: Mapping[str, Any], asked: Asked, hidden: int, chain: Chain) -> list[str]:
    """The activation functions between the layers: the caller's, the file's, or Stable-Baselines3's default."""
    if asked.activation is not None:
        told = [asked.activation] * hidden if isinstance(asked.activation, str) else list(asked.activation)
        if len(told) != hidden:
            raise Unreadable(
                f"has {hidden} hidden layers, but {len(told)} activations are given", "give one each"
            )
        return told
    given = kwargs.get("activation_fn")
    if given is None:
        if hidden > 0:
            chain.assumptions.append(f"the activation is {part.default}, the default of Stable-Baselines3")
        return [part.default] * hidden
    match = re.search(r"(\w+)'?>?$", str(given))
    known = _ACTIVATIONS.get(match[1]) if match else None
    if known is None:
        raise Unreadable(
            f"has the activation function {given!r}, which is none that can be read", "tell activation="
        )
    return [known] * hidden
