"""The order of a state dict's linear layers, which way round their weights lie, and where nothing lies between."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from ..refusals import Unreadable
from .tensor_names import Layer

#: Names of a first and of a last layer; of two layers or groups, the first list's comes before all others.
FIRST = {
    "in", "input", "inputs", "first", "embed", "fc_in", "lin_in", "linear_in", "stem", "encoder", "encode", "enc",
    "features", "backbone", "trunk", "body", "base", "feature_extractor", "input_layer", "layer_in", "in_proj",
    "c_fc", "up_proj", "wi", "intermediate", "dense_h_to_4h", "up", "i", "in_layer", "bottom", "start",
}  # fmt: skip
LAST = {
    "out", "output", "outputs", "last", "head", "readout", "unembed", "final", "classifier", "fc_out", "lin_out",
    "linear_out", "decoder", "decode", "dec", "output_layer", "layer_out", "out_proj", "c_proj", "down_proj", "wo",
    "dense_4h_to_h", "down", "o", "out_layer", "regressor", "predictor", "logits", "top", "end", "fc_final",
    "read_out", "score", "q_values",
}  # fmt: skip
_LAST_PIECES, _FIRST_PIECES = {"last", "final", "output"}, {"first", "input", "start", "initial"}
_LAST_ENDS = ("_out", "_head", "_output", "_readout")
#: Orders that are searched at most: those of six differently named groups.
_MOST_ORDERS = 720


@dataclass(frozen=True, eq=False)
class Ordered:
    """Layers in the order of the forward pass, weights [out, in].

    Attributes:
        layers: at least one.
        assumptions: what of it neither names, numbers nor biases say.
    """

    layers: tuple[Layer, ...]
    assumptions: tuple[str, ...]


def in_order(
    layers: Sequence[Layer], *, ordered: bool, out_in: bool = False, in_out: bool = False
) -> Ordered:
    """The layers in the order of the forward pass, each weight turned to [out, in].

    Numbers decide, then the names of first and last layers, then the order in which the layers were made,
    which has to agree with both; shapes decide where nothing else does.

    Args:
        layers: as the file has them.
        ordered: whether they stand in the order in which they were made.
        out_in: whether the file's kind says that weights lie [out, in] (torch's `weight`).
        in_out: whether it rather says [in, out] (TransformerLens's `W_in`).

    Raises:
        Unreadable: where no order chains, several do, or the names and the order of the layers disagree.

    Examples:
        >>> import numpy as np
        >>> named = [Layer("hidden", np.ones((2, 3)), None), Layer("output", np.ones((3, 1)), None)]
        >>> found = in_order(named, ordered=True, out_in=False)
        >>> [layer.weight.shape for layer in found.layers], found.assumptions
        ([(3, 2), (1, 3)], ('weights lie [in, out]',))
    """
    found = []
    for number, side in enumerate(_orientations(layers, out_in, in_out)):
        turned = [layer.turned() for layer in layers] if side == "in_out" else list(layers)
        orders = _orders(turned)
        if orders:
            # A lucky chain of the other orientation counts less than names, and than the order of making.
            misnamed = all(map(_misnamed, orders))
            made = ordered and any(_as_made(order) and not _misnamed(order) for order in orders)
            found.append((misnamed, not made, number, side, orders))
    if not found:
        raise Unreadable(_unchained(layers), "save the MLP alone, its layers numbered as nn.Sequential does")
    *_, side, orders = min(found, key=lambda entry: entry[:3])
    assumed = []
    certain = all(layer.in_out for layer in layers) or _biases_say(layers, side)
    if not certain and (side == "in_out" or (len(found) > 1 and not out_in)):
        assumed.append(f"weights lie [{side.replace('_', ', ')}]")
    order, words = _chosen(orders, ordered)
    return Ordered(tuple(order), (*assumed, *words))


def _orientations(layers: Sequence[Layer], out_in: bool, in_out: bool) -> list[str]:
    """The ways in which the weights can lie, the likelier first."""
    if all(layer.in_out for layer in layers):
        return ["in_out"]
    # A weight's own rows and columns against its bias: nothing else can be told from one layer alone.
    possible = [
        side
        for side, axis in (("out_in", 0), ("in_out", 1))
        if all(layer.bias is None or len(layer.bias) == layer.weight.shape[axis] for layer in layers)
    ]
    if out_in and "out_in" in possible:
        return ["out_in"]
    return (possible[::-1] if in_out else possible) or ["out_in"]


def _biases_say(layers: Sequence[Layer], side: str) -> bool:
    other = 1 if side == "out_in" else 0
    return any(layer.bias is not None and len(layer.bias) != layer.weight.shape[other] for layer in layers)


def _orders(layers: Sequence[Layer]) -> list[list[Layer]]:
    """Every order that numbers allow and in which the shapes chain; that of the file first."""
    found: list[list[Layer]] = []
    for order in itertools.islice(_trees(list(layers), 0), _MOST_ORDERS):
        if chains(order) and not any(_same(order, other) for other in found):
            found.append(order)
    return found


def _trees(layers: list[Layer], depth: int) -> Iterator[list[Layer]]:
    """Orders of layers whose names agree in the first components: groups in turn, inside each likewise."""
    if len(layers) == 1:
        yield layers
        return
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        key = layer.components[depth] if depth < len(layer.components) else ""
        groups.setdefault(key, []).append(layer)
    if len(groups) == 1 and next(iter(groups)):
        yield from _trees(layers, depth + 1)
        return
    # Numbered siblings stand in the order of their numbers: one bundle, whatever lies between them.
    bundles: dict[str, list[str]] = {}
    for key in groups:
        bundles.setdefault(re.sub(r"\d+", "#", key), []).append(key)
    for keys in bundles.values():
        keys.sort(key=_numbers)
    for permuted in itertools.permutations(bundles.values()):
        choices = [
            list(itertools.islice(_trees(groups[key], depth + 1), _MOST_ORDERS))
            for keys in permuted
            for key in keys
        ]
        for combined in itertools.product(*choices):
            yield list(itertools.chain.from_iterable(combined))


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", name))


def _same(first: Sequence[Layer], second: Sequence[Layer]) -> bool:
    return [layer.name for layer in first] == [layer.name for layer in second]


def chains(layers: Sequence[Layer]) -> bool:
    """Whether each layer takes as many values as the one before gives.

    Examples:
        >>> import numpy as np
        >>> chains([Layer("a", np.ones((3, 2)), None), Layer("b", np.ones((1, 3)), None)])
        True
    """
    return all(a.out == b.into for a, b in itertools.pairwise(layers))


def _as_made(order: Sequence[Layer]) -> bool:
    places = [layer.place for layer in order]
    return places == sorted(places)


def _chosen(orders: list[list[Layer]], ordered: bool) -> tuple[list[Layer], tuple[str, ...]]:
    """The order that names allow, and what had to be assumed for it."""
    if len(orders) == 1 and not _misnamed(orders[0]):
        as_filed = sorted(orders[0], key=lambda layer: layer.place)
        if ordered and not _as_made(orders[0]) and chains(as_filed):
            return orders[0], (
                f"the layers are in the order of their numbers, not of the file: {_listed(orders[0])}",
            )
        return orders[0], ()
    if len(orders) == 1:
        return orders[0], (f"the layers are in the order in which their shapes chain: {_listed(orders[0])}",)
    named = [order for order in orders if not _misnamed(order)]
    made = next((order for order in orders if _as_made(order)), None) if ordered else None
    if made is not None and named and _misnamed(made):
        raise Unreadable(
            f"its layers were made in the order {_listed(made)}, and their names say {_listed(named[0])}",
            "pass the module itself to load(), or number the layers as nn.Sequential does",
        )
    if len(named) != 1 and made is not None:
        return made, (f"the layers are in the order in which they were made: {_listed(made)}",)
    if len(named) == 1 and _named_somehow(named[0]):
        return named[0], ()
    shapes = ", ".join(f"{layer.name or 'weight'} {list(layer.weight.shape)}" for layer in orders[0])
    raise Unreadable(f"its layers fit in several orders: {shapes}", "number them, as nn.Sequential does")


def _words(layer: Layer) -> list[str]:
    """The parts of a name that are words, the outermost first; `fc_out_2` counts as `fc_out`."""
    return [re.sub(r"_?\d+$", "", part.lower()) for part in layer.components if not part.isdigit()]


def rank(layer: Layer) -> int:
    """-1 for a layer whose name is that of a first one, 1 for a last one's, 0 for any other.

    Examples:
        >>> import numpy as np
        >>> [rank(Layer(name, np.ones((1, 1)), None)) for name in ("encoder.0", "h.1", "head")]
        [-1, 0, 1]
    """
    for word in _words(layer):
        if word in FIRST:
            return -1
        pieces = set(word.split("_"))
        if word in LAST or word.endswith(_LAST_ENDS) or pieces & _LAST_PIECES:
            return 1
        if pieces & _FIRST_PIECES:
            return -1
    return 0


def _misnamed(order: Sequence[Layer]) -> bool:
    """Whether a layer with a last one's name stands before another, or one with a first one's behind."""
    return any(rank(a) > rank(b) for a, b in itertools.pairwise(order))


def _named_somehow(order: Sequence[Layer]) -> bool:
    return any(rank(layer) for layer in order)


def _listed(layers: Sequence[Layer]) -> str:
    return ", ".join(layer.name or "weight" for layer in layers)


def _unchained(layers: Sequence[Layer]) -> str:
    shapes = ", ".join(f"{layer.name or 'weight'} {list(layer.weight.shape)}" for layer in layers)
    return f"its layers do not chain: {shapes} ([out, in])"


def settled(
    activations: Callable[[int], str], layers: Sequence[Layer], between: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """The activation between each pair of layers, and sentences on where the numbering says that none lies.

    nn.Sequential numbers its activation functions too: where some neighbours' numbers differ by two or more,
    two layers whose numbers differ by one have nothing between them. A bottleneck between two containers, each
    numbered so, ends the first without one.

    Args:
        activations: the activation behind layer k, were there one.
        layers: in the order of the forward pass.
        between: names of folded things (BatchNorm) that nn.Sequential numbers as well.

    Examples:
        >>> import numpy as np
        >>> net = [Layer(f"net.{k}", np.ones((1, 1)), None) for k in (0, 1, 3)]
        >>> settled(lambda k: "relu", net)
        (['identity', 'relu'], ['nothing lies between net.0 and net.1, as their numbers say'])
    """
    found, said = [], []
    steps = [_step(a, b, between) for a, b in itertools.pairwise(layers)]
    # A folded BatchNorm between two neighbours shows that the container numbers what lies between them.
    wide = {place for step in steps if step is not None for place, size in [step] if size > 1}
    for k, (a, b) in enumerate(itertools.pairwise(layers)):
        step = steps[k]
        if step is not None and step[1] == 1 and step[0] in wide:
            found.append("identity")
            said.append(f"nothing lies between {a.name} and {b.name}, as their numbers say")
        elif (
            step is None
            and 0 < k < len(steps) - 1
            and _inside(steps[k - 1], wide)
            and _inside(steps[k + 1], wide)
        ):
            found.append("identity")
            said.append(f"no activation follows {a.name}, the last layer of its container")
        else:
            found.append(activations(k))
    return found, said


_Step = tuple[tuple[str, ...], int]


def _inside(step: _Step | None, wide: set[tuple[str, ...]]) -> bool:
    return step is not None and step[0] in wide


def _step(first: Layer, second: Layer, between: Collection[str]) -> _Step | None:
    """The container in which two layers' names differ by their number alone, and by how much; None for others."""
    a, b = first.components, second.components
    places = [k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y]
    if len(a) != len(b) or len(places) != 1 or not (a[places[0]].isdigit() and b[places[0]].isdigit()):
        return None
    k = places[0]
    counted = sum(".".join((*a[:k], str(n), *a[k + 1 :])) in between for n in range(int(a[k]) + 1, int(b[k])))
    return (*a[:k], "#", *a[k + 1 :]), int(b[k]) - int(a[k]) - counted
