"""Several networks in one state dict: which layers belong together, under which name, and which are repetitions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..loaded_torch import StoredTensor, is_torch_tensor
from .layer_order import rank
from .tensor_names import Layer

# Containers whose numbered members are networks side by side, and those whose members are stages of one.
_SIDE_BY_SIDE = re.compile(
    r"(sub_?)?(nets?|models?|networks?|members?|ensembles?|estimators?|learners?|agents?|critics?|actors?|qs|q_?nets?"
    r"|q_?networks?|branch(es)?|mlps|policies|towers?|replicas?|heads)(_list)?|ensemble_.*|.*_(nets|networks|models|ensemble)"
)
_IN_TURN = re.compile(
    r"(res_?)?blocks?|layers?|stages?|h|hidden(_layers)?|stack|trunk|mlp|body|linears?|fcs?|encoder|decoder"
)
#: Kinds of network that stand side by side, by words of their names: two of different kinds, or two numbers of one.
_KINDS: tuple[tuple[str, ...], ...] = (
    ("actor", "policy", "pi", "action", "action_net", "policy_net", "latent_pi"),
    ("critic", "value", "vf", "v", "value_net", "qf", "q", "q_net", "qnet", "value_function", "latent_vf"),
    ("student",), ("teacher",), ("generator", "gen", "netg", "g"), ("discriminator", "disc", "netd", "d"),
    ("target", "target_net", "q_net_target", "critic_target", "actor_target", "target_network", "net_target"),
    ("online", "online_net"), ("ema", "ema_model", "shadow"), ("left",), ("right",), ("advantage", "adv"),
    ("mu", "mean", "loc"), ("logvar", "log_var", "log_std", "logstd", "sigma", "std", "scale", "var", "log_sigma"),
    ("forward_model",), ("inverse_model",), ("transition", "dynamics"), ("reward",), ("branch",), ("trunk_net",),
)  # fmt: skip
#: Layers that read the same trunk beside each other although they would chain too.
_HEADS = {
    "mu", "mean", "loc", "logvar", "log_var", "log_std", "logstd", "sigma", "std", "scale", "var", "log_sigma",
    "fc_mu", "fc_mean", "fc_logvar", "fc_log_var", "fc_var", "fc_std", "fc_sigma", "z_mean", "z_log_var", "mu_layer",
    "log_std_layer", "mean_layer", "logvar_layer", "mean_linear", "log_std_linear", "to_mu", "to_logvar", "advantage",
    "value", "policy", "action", "actor", "critic", "pi", "v", "action_head", "value_head", "policy_head",
    "actor_head", "critic_head", "mu_head", "sigma_head", "std_head", "logvar_head", "mean_head", "q1", "q2",
}  # fmt: skip


def without_repetitions(layers: Sequence[Layer], tensors: dict[str, Any]) -> tuple[list[Layer], list[str]]:
    """The layers without those that are others under a second name, and a sentence on what was dropped.

    A group of layers is a repetition where each equals the same-placed layer of an earlier group. One layer
    alone may equal another by chance (zeros); it is one where both are the same storage.

    Examples:
        >>> twice = [Layer(f"{group}.{k}", np.full((1, 1), k + 1.0), None) for group in "ab" for k in (0, 2)]
        >>> kept, said = without_repetitions(twice, {})
        >>> [layer.name for layer in kept], said
        (['a.0', 'a.2'], ['b holds the same tensors as a and is dropped'])
    """
    kept, said = list(layers), []
    for depth in range(1, max((len(layer.components) for layer in layers), default=0)):
        groups: dict[tuple[str, ...], list[Layer]] = {}
        for layer in kept:
            if len(layer.components) > depth:
                groups.setdefault(layer.components[:depth], []).append(layer)
        for (first, own), (second, other) in itertools.combinations(groups.items(), 2):
            if first[:-1] != second[:-1] and depth > 1:
                continue
            if not all(layer in kept for layer in (*own, *other)) or len(own) != len(other):
                continue
            if (len(own) > 1 or _one_storage(own[0], other[0], tensors)) and all(map(_equal, own, other)):
                kept = [layer for layer in kept if layer not in other]
                said.append(f"{'.'.join(second)} holds the same tensors as {'.'.join(first)} and is dropped")
    singles = [layer for layer in kept if len(layer.components) == 1]
    for one, again in itertools.combinations(singles, 2):
        if one in kept and again in kept and _equal(one, again) and _one_storage(one, again, tensors):
            kept.remove(again)
            said.append(f"{again.name} holds the same tensors as {one.name} and is dropped")
    return kept, said


def _equal(first: Layer, second: Layer) -> bool:
    if (first.bias is None) != (second.bias is None):
        return False
    same_bias = first.bias is None or (second.bias is not None and np.array_equal(first.bias, second.bias))
    return same_bias and np.array_equal(first.weight, second.weight)


def _one_storage(first: Layer, second: Layer, tensors: dict[str, Any]) -> bool:
    one, other = (tensors.get(f"{layer.name}.weight") for layer in (first, second))
    if is_torch_tensor(one) and is_torch_tensor(other):
        return one.data_ptr() == other.data_ptr()
    if isinstance(one, StoredTensor) and isinstance(other, StoredTensor):
        return one.ctypes.data == other.ctypes.data
    return one is not None and one is other


def networks_in(layers: Sequence[Layer]) -> dict[str, list[Layer]]:
    """The networks that stand side by side, by name; one entry named `""` where there is one network.

    Layers that read the same trunk make one network each, with the trunk.

    Examples:
        >>> pair = [Layer(f"{name}.{k}", np.ones((2, 2)), None) for name in ("actor", "critic") for k in (0, 2)]
        >>> {name: [layer.name for layer in found] for name, found in networks_in(pair).items()}
        {'actor': ['actor.0', 'actor.2'], 'critic': ['critic.0', 'critic.2']}
        >>> list(networks_in(pair[:2]))
        ['']
    """
    depth = _common(layers)
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(layer.components[depth] if depth < len(layer.components) else "", []).append(layer)
    prefix = layers[0].components[:depth] if layers else ()
    large = {key: found for key, found in groups.items() if len(found) > 1}
    single = [found[0] for found in groups.values() if len(found) == 1]
    inner = {key: networks_in(found) for key, found in large.items()}
    split = [key for key, found in inner.items() if len(found) > 1]
    if len(large) > 1 and _side_by_side(prefix, large):
        parts = {
            ".".join((*prefix, key, *([name] if name else []))): found
            for key, networks in inner.items()
            for name, found in ((_short(n, (*prefix, key)), f) for n, f in networks.items())
        }
        return _with_heads(parts, single)
    if split:
        rest = [layer for key, found in groups.items() if key not in split for layer in found]
        parts = {name: found for key in split for name, found in inner[key].items()}
        return _with_heads(parts, rest)
    return _forked(layers) or _lettered(layers) or {"": list(layers)}


def _short(name: str, prefix: tuple[str, ...]) -> str:
    """A part's name behind the prefix that it has already."""
    return name.removeprefix(".".join(prefix)).removeprefix(".")


def _common(layers: Sequence[Layer]) -> int:
    if len(layers) < 2:
        return 0
    depth = 0
    while (
        all(len(layer.components) > depth for layer in layers)
        and len({layer.components[depth] for layer in layers}) == 1
    ):
        depth += 1
    return depth


def kind_of(name: str) -> int | None:
    """Which kind of network a name speaks of; None for a name of none.

    Examples:
        >>> kind_of("actor") == kind_of("policy_net"), kind_of("actor") == kind_of("critic"), kind_of("layers")
        (True, False, None)
    """
    plain = re.sub(r"_?\d+$", "", name.lower())
    for kind, words in enumerate(_KINDS):
        if plain in words:
            return kind
    pieces = set(plain.split("_"))
    found = [kind for kind, words in enumerate(_KINDS) if pieces & set(words)]
    # "target" outranks what it is the target of.
    target = next(k for k, words in enumerate(_KINDS) if "target" in words)
    return target if target in found else found[0] if found else None


def _side_by_side(prefix: tuple[str, ...], groups: dict[str, list[Layer]]) -> bool:
    """Whether sibling groups of layers are networks of their own, and not stages of one."""
    names = list(groups)
    signatures = [_ends(found) for found in groups.values()]
    chain = all(a is not None and b is not None and a[1] == b[0] for a, b in itertools.pairwise(signatures))
    container = next((part for part in reversed(prefix) if not part.isdigit()), "")
    if all(name.isdigit() for name in names):
        if _IN_TURN.fullmatch(container):
            return not chain and None not in signatures
        return bool(_SIDE_BY_SIDE.fullmatch(container)) or not chain or len(set(signatures)) == 1
    kinds = [kind_of(name) for name in names]
    known = [kind for kind in kinds if kind is not None]
    if len(set(known)) > 1 or (len(known) > 1 and len({re.sub(r"\d+$", "", name) for name in names}) == 1):
        return True
    if any(rank(layer) for found in groups.values() for layer in found[:1]) and chain:
        return False
    orders_fit = (
        any(_fits(order) for order in itertools.permutations(signatures)) if len(names) < 6 else chain
    )
    if None in signatures:
        return False
    same = len(set(signatures)) == 1
    return not orders_fit or same


def _fits(signatures: Sequence[tuple[int, int] | None]) -> bool:
    return all(a is not None and b is not None and a[1] == b[0] for a, b in itertools.pairwise(signatures))


def _ends(layers: Sequence[Layer]) -> tuple[int, int] | None:
    """(inputs, outputs) of layers that chain as they stand, by numbers; None where they do not."""
    order = sorted(
        layers, key=lambda layer: [(int(p), "") if p.isdigit() else (0, p) for p in layer.components]
    )
    for sorted_layers in (order, list(layers)):
        if all(a.out == b.into for a, b in itertools.pairwise(sorted_layers)):
            return sorted_layers[0].into, sorted_layers[-1].out
    return None


def _with_heads(parts: dict[str, list[Layer]], rest: Sequence[Layer]) -> dict[str, list[Layer]]:
    """Each network with what follows it: heads of its kind, and layers before all of them."""
    ends = {name: _ends(found) for name, found in parts.items()}
    done: dict[str, list[Layer]] = {}
    for name, found in parts.items():
        own_kind = next(
            (kind for part in reversed(name.split(".")) if (kind := kind_of(part)) is not None), None
        )
        end = ends[name]
        heads = [
            layer
            for layer in rest
            if end is not None
            and layer.into == end[1]
            and own_kind is not None
            and kind_of(next((p for p in layer.components if kind_of(p) is not None), "")) == own_kind
        ]
        before = [
            layer
            for layer in rest
            if layer not in heads and end is not None and layer.out == end[0] and rank(layer) < 0
        ]
        done[name] = [*(before if len(before) == 1 else []), *found, *(heads if len(heads) == 1 else [])]
    return done


def _forked(layers: Sequence[Layer]) -> dict[str, list[Layer]] | None:
    """A trunk and the heads that read it; None where the layers are no such thing."""
    heads = [layer for layer in layers if _is_head(layer)]
    trunk = [layer for layer in layers if layer not in heads]
    if len(heads) < 2 or len({layer.into for layer in heads}) != 1:
        return None
    if trunk and _ends(trunk) is None:
        return None
    end = _ends(trunk) if trunk else None
    if end is not None and end[1] != heads[0].into:
        return None
    return {layer.name: [*trunk, layer] for layer in heads}


def _lettered(layers: Sequence[Layer]) -> dict[str, list[Layer]] | None:
    """fc1, fc21, fc22, fc3, fc4: two second layers beside each other, as in a variational autoencoder."""
    numbers = {}
    for layer in layers:
        match = re.fullmatch(r"(.*?)(\d+)", layer.name)
        if match is None:
            return None
        numbers[layer.name] = match[2]
    stems = {number[0] for number in numbers.values() if len(number) == 2}
    singles = {number for number in numbers.values() if len(number) == 1}
    pairs = [
        stem for stem in stems if {f"{stem}1", f"{stem}2"} <= set(numbers.values()) and stem not in singles
    ]
    if len(pairs) != 1 or not singles or "10" in numbers.values():
        return None
    heads = [
        layer for layer in layers if len(numbers[layer.name]) == 2 and numbers[layer.name][0] == pairs[0]
    ]
    trunk = [layer for layer in layers if layer not in heads and numbers[layer.name] < pairs[0]]
    rest = [layer for layer in layers if layer not in heads and layer not in trunk]
    return {**{layer.name: [*trunk, layer] for layer in heads}, **({rest[0].name: rest} if rest else {})}


def in_runs(layers: Sequence[Layer]) -> dict[str, list[Layer]]:
    """Layers that chain in two or more runs over inputs of one width, each under its first layer's name.

    Examples:
        >>> sizes = {"l1": (4, 2), "l2": (1, 4), "l3": (4, 2), "l4": (1, 4)}
        >>> list(in_runs([Layer(name, np.ones(size), None) for name, size in sizes.items()]))
        ['l1', 'l3']
    """
    runs: list[list[Layer]] = []
    for layer in layers:
        if runs and runs[-1][-1].out == layer.into:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    alike = len({run[0].into for run in runs}) == 1 and all(len(run) > 1 for run in runs)
    return {run[0].name: run for run in runs} if len(runs) > 1 and alike else {}


def _is_head(layer: Layer) -> bool:
    name = layer.components[-1].lower() if layer.components else ""
    return name in _HEADS or re.sub(r"_?\d+$", "", name) in _HEADS


def readers(layers: Sequence[Layer]) -> list[Layer]:
    """The last layers, where they all read one width and none reads another's values; none where they do not.

    Examples:
        >>> sizes = {"trunk": (4, 2), "first": (1, 4), "second": (3, 4)}
        >>> [layer.name for layer in readers([Layer(name, np.ones(size), None) for name, size in sizes.items()])]
        ['first', 'second']
    """
    for start in range(len(layers) - 2, -1, -1):
        last = layers[start:]
        width = {layer.into for layer in last}
        if len(width) != 1 or any(layer.out in width for layer in last[:-1]):
            continue
        trunk = _ends(layers[:start]) if start else None
        if start and trunk is not None and trunk[1] in width and len(last) > 1 and _ends(last) is None:
            return list(last)
    return []
