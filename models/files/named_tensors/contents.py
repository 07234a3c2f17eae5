"""Contents: the tensors, the plain values and the optimiser's rest in what a checkpoint holds, however nested."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..loaded_torch import is_torch_module, is_torch_tensor
from ..refusals import Unreadable

#: Names under which training scripts keep the weights beside optimiser and epoch, the usual ones first.
STATE_KEYS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params",
    "net_state_dict", "network_state_dict", "parameters", "variables",
)  # fmt: skip
SAVE_STATE = "save model.state_dict() with torch.save, or with safetensors"
#: What a checkpoint keeps for going on with the training: it says nothing of the network.
_TRAINING = re.compile(
    r".*optim.*|.*sched.*|grad_?scaler|amp(_.*)?|(.*_)?rng(_.*)?|callbacks?|loops?|(.*_)?(loss|losses|sampler|version)"
    r"|history|epochs?|global_step"
)
#: A configuration is small; what lies deeper is no plain value of one.
_DEEPEST, _LONGEST_TEXT = 12, 100_000


@dataclass(frozen=True)
class Contents:
    """What a source holds, under dotted names.

    Attributes:
        tensors: the tensors and arrays; a tuple of a packed quantised layer counts as one.
        said: plain values: numbers, texts, truth values, None, and lists of them.
        ordered: whether the order of `tensors` is the order in which the layers were made.
        nodes: the names of the mappings in it, which the dots of a flat name are not.

    Examples:
        >>> found = contents_of({"epoch": 3, "net": {"a": {"weight": np.ones((1, 2))}}, "config": {"act": "tanh"}})
        >>> list(found.tensors), found.said
        (['net.a.weight'], {'config.act': 'tanh'})
    """

    tensors: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    ordered: bool = True
    nodes: frozenset[str] = frozenset()

    def below(self, key: str) -> Contents:
        """The tensors below a name, which they lose; all that is said stays."""
        start = f"{key}."
        inner = {name.removeprefix(start): t for name, t in self.tensors.items() if name.startswith(start)}
        nodes = frozenset(name.removeprefix(start) for name in self.nodes if name.startswith(start))
        return Contents(inner, self.said, self.ordered, nodes)


def contents_of(content: object, *, ordered: bool = True) -> Contents:
    """Everything in a checkpoint but what belongs to the training alone.

    Raises:
        Unreadable: where it is no collection of tensors.

    Examples:
        >>> contents_of([{"weight": np.ones((1, 2))}]).tensors.keys()
        dict_keys(['0.weight'])
    """
    if is_torch_module(content):
        raise Unreadable("is a whole pickled module", SAVE_STATE)
    if not isinstance(content, Mapping) and not _is_list_of_mappings(content):
        raise Unreadable(f"is not a state dict but a {type(content).__name__}", SAVE_STATE)
    tensors: dict[str, Any] = {}
    said: dict[str, Any] = {}
    for name, value in _leaves(content, "", 0):
        (tensors if is_tensor(value) or _is_packed(value) else said)[name] = value
    return Contents(tensors, said, ordered, frozenset(_nodes(content, "", 0)))


def _is_list_of_mappings(content: object) -> bool:
    return (
        isinstance(content, list | tuple) and bool(content) and all(isinstance(c, Mapping) for c in content)
    )


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor or an array."""
    return isinstance(value, np.ndarray) or is_torch_tensor(value)


def said_in_json(text: str) -> dict[str, Any]:
    """The plain values of a JSON text under dotted names; empty where it is none.

    Examples:
        >>> said_in_json('{"model": {"hidden_act": "gelu"}}')
        {'model.hidden_act': 'gelu'}
    """
    if len(text) > _LONGEST_TEXT:
        return {}
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return dict(_leaves(given, "", 0)) if isinstance(given, Mapping) else {}


def _leaves(value: object, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, SimpleNamespace | Namespace):
        value = vars(value)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            label = str(key)
            if _TRAINING.fullmatch(label.lower()) and not is_tensor(inner):
                continue
            yield from _leaves(inner, f"{name}.{label}" if name else label, depth + 1)
    elif isinstance(value, list | tuple) and _is_pair(value):
        yield from ((f"{name}.{role}" if name else role, t) for role, t in zip("Wb", value, strict=True))
    elif isinstance(value, list | tuple) and _holds_mappings(value):
        for k, inner in enumerate(value):
            yield from _leaves(inner, f"{name}.{k}" if name else str(k), depth + 1)
    elif isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        inner_said = said_in_json(value)
        yield from ((f"{name}.{key}", inner) for key, inner in inner_said.items())
        if not inner_said:
            yield name, value
    else:
        yield name, value


def _nodes(value: object, name: str, depth: int) -> Iterator[str]:
    """The dotted names of the mappings in a checkpoint, and of the items of lists of them."""
    if depth > _DEEPEST or not (isinstance(value, Mapping) or _is_list_of_mappings(value)):
        return
    if name:
        yield name
    items = value.items() if isinstance(value, Mapping) else enumerate(value)  # type: ignore[arg-type]  # a list
    for key, inner in items:
        yield from _nodes(inner, f"{name}.{key}" if name else str(key), depth + 1)


def _holds_mappings(values: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a list is of state dicts, or of arrays: then its items are looked into one by one."""
    if _is_packed(values):
        return False
    return bool(values) and all(
        isinstance(item, Mapping) or is_tensor(item) or _is_pair(item) for item in values
    )


def _is_pair(value: object) -> bool:
    """A layer as a pair of its weight and its bias, as in many JAX scripts."""
    return (
        isinstance(value, list | tuple) and len(value) == 2 and all(map(is_tensor, value))
        and (value[0].ndim, value[1].ndim) == (2, 1)
    )  # fmt: skip


def _is_packed(value: object) -> bool:
    """A quantised layer's packed weight and bias."""
    return isinstance(value, tuple) and bool(value) and getattr(value[0], "is_quantized", False) is True
