"""Checkpoints of other programs: one network from named tensors and the configuration beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import About, InputError, Network
from mathcircuits.detect.networks import LINKS

from ..asked import Asked
from ..layer_chain import MAX_VALUES, Reading, read
from ..loaded_torch import StoredTensor, is_torch_tensor
from ..refusals import Unreadable
from .architectures import refuse_others
from .betweens import Between, betweens_of, folded, slopes_between
from .contents import SAVE_STATE, STATE_KEYS, Contents, is_tensor
from .embeddings import one_hot, refuse_tables
from .group_layouts import GroupLayout, group_layout
from .layer_order import Ordered, in_order, settled
from .normalisers import fold, is_statistic, normalisers_in, speaks_of_normalising
from .parts import in_runs, networks_in, readers, without_repetitions
from .reparametrised import as_array, effective
from .statements import Statements, statements_in
from .tensor_names import Layer, layers_of, role_of

Array = npt.NDArray[np.float64]

#: Names of a TransformerLens MLP's own tensors, whose weights lie [in, out].
_TRANSFORMER_LENS = {"W_in", "b_in", "W_out", "b_out"}
#: Parameters of an agent's distribution and counters of a wrapper: not part of the function that is read.
_OF_NO_LAYER = re.compile(
    r"log_?std|log_?alpha|log_?sigma|temperature|n_averaged|count|position_ids|initted|steps?"
)
#: Names that a sentence lists at most.
_NAMED = 4


def read_contents(contents: Contents, asked: Asked, beside: Mapping[str, Any] | None = None) -> Reading:
    """The network in what a checkpoint holds.

    Args:
        contents: its tensors and plain values.
        asked: what the caller says.
        beside: plain values from elsewhere (metadata, a `config.json`), which count less than the
            checkpoint's own.

    Raises:
        Unreadable: where it is no MLP, holds several of them, or says what cannot be read.

    Examples:
        >>> from .contents import contents_of
        >>> net = {"state_dict": {"0.weight": np.ones((3, 2)), "2.weight": np.ones((1, 3))}, "activation": "tanh"}
        >>> read_contents(contents_of(net), Asked()).network
        Network(2-3-1, tanh, no bias)
    """
    if not contents.tensors:
        raise Unreadable("holds no tensors" if not contents.said else "holds no state dict", SAVE_STATE)
    total = sum(_count(tensor) for tensor in contents.tensors.values())
    if total > MAX_VALUES:
        raise Unreadable(
            f"holds {total} numbers, more than the {MAX_VALUES} that are read", "save the MLP alone"
        )
    inner, left, asked = _state_dict(contents, asked)
    return _Reader(inner, left, {**(beside or {}), **contents.said}, asked).run()


def _count(tensor: Any) -> int:
    if not is_tensor(tensor):
        return 0
    return int(tensor.numel() if is_torch_tensor(tensor) else tensor.size)


def _state_dict(contents: Contents, asked: Asked) -> tuple[Contents, dict[str, Any], Asked]:
    """The tensors of one state dict, those beside it, and what is still to be asked of it."""
    tops: dict[str, list[str]] = {}
    for name in contents.tensors:
        tops.setdefault(name.partition(".")[0], []).append(name)
    if len(tops) == 1:
        # A prefix that all names share is only a name; but below it the same choice may have to be made.
        (top,) = tops
        if not _prefixed(tops[top]):
            return contents, {}, asked
        below, more, still = _state_dict(contents.below(top), asked)
        return (below, {f"{top}.{n}": t for n, t in more.items()}, still) if more else (contents, {}, asked)
    chosen = next((key for key in STATE_KEYS if key in tops and key in contents.nodes), "")
    if asked.part is not None and chosen:
        head, _, rest = asked.part.partition(".")
        others = [top for top in tops if any(_layered(name) for name in tops[top])]
        if head in others and head != chosen:
            chosen, asked = head, replace(asked, part=rest or None)
        elif head == chosen:
            asked = replace(asked, part=rest or None)
    if not chosen:
        return contents, {}, asked
    inner = contents.below(chosen)
    left = {name: t for name, t in contents.tensors.items() if name.partition(".")[0] != chosen}
    nested, more, asked = _state_dict(inner, asked)
    return nested, {**left, **{f"{chosen}.{name}": t for name, t in more.items()}}, asked


def _prefixed(names: Sequence[str]) -> bool:
    return all("." in name for name in names)


def _layered(name: str) -> bool:
    """Whether a name is that of a layer's weight, in whatever pieces."""
    plain = re.sub(r"_(orig|g|v)$|\.original[01]?$", "", name)
    parsed = role_of(plain.replace("parametrizations.", ""))
    return (parsed is not None and parsed[1]) or "_packed_params" in name


class _Reader:
    """One reading: what is left to say grows with the steps."""

    def __init__(
        self, contents: Contents, left: dict[str, Any], said: Mapping[str, Any], asked: Asked
    ) -> None:
        self.asked, self.said, self.left = asked, said, dict(left)
        self.ordered = contents.ordered
        self.tensors = contents.tensors
        self.notes: list[str] = []

    def run(self) -> Reading:
        tensors = effective(self.tensors)
        refuse_others([*tensors, *self.left], {})
        tensors = self._without_loose(tensors)
        arrays = {name: as_array(tensor, name) for name, tensor in tensors.items()}
        refuse_others([], arrays)
        betweens = betweens_of(arrays)
        if not arrays:
            first = f" ({betweens[0].name or 'batch normalisation'} alone)" if betweens else ""
            raise Unreadable(f"holds no linear layer's weight{first}", SAVE_STATE)
        group = group_layout(arrays, summed=self.asked.summed) if not betweens else None
        if group is not None:
            return self._group_network(group)
        layers = layers_of(arrays)
        if self.asked.one_hot:
            layers, linear_first, notes = one_hot(layers)
            self.notes += notes
        else:
            refuse_tables(layers)
            linear_first = False
        if all(layer.in_out for layer in layers):
            layers = [replace(layer.turned(), in_out=False) for layer in layers]
            certain = True
        else:
            certain = all(
                _torch_weight(name, tensor) for name, tensor in self.tensors.items() if _layered(name)
            )
        layers, repeated = without_repetitions(layers, self.tensors)
        self.notes += repeated
        part, layers, betweens = self._part(layers, betweens)
        order = self._ordered(part, layers, certain)
        return self._network(part, order, betweens, linear_first)

    def _group_network(self, group: GroupLayout) -> Reading:
        """A network that composes two elements, in one of the layouts of the literature."""
        asked = self.asked.activation
        told = asked if isinstance(asked, str) or asked is None else asked[-1]
        notes = (*group.said, *(() if told else ("the activation is relu",)))
        network = Network(group.weights, activation=["identity", told or "relu"])
        return read(network, [t.dtype for t in self.tensors.values()], About(assumptions=notes))

    def _without_loose(self, tensors: dict[str, Any]) -> dict[str, Any]:
        """The tensors without those that belong to no layer, which are put aside to be read or named."""
        kept = {}
        for name, tensor in tensors.items():
            last = name.rpartition(".")[2]
            if last in ("running_mean", "running_var", "num_batches_tracked"):
                kept[name] = tensor
                continue
            loose = tensor.ndim < 2 and role_of(name) is None
            if loose and (is_statistic(last) or _OF_NO_LAYER.fullmatch(last) or not tensor.ndim):
                self.left[name] = tensor
            else:
                kept[name] = tensor
        return kept

    def _part(self, layers: list[Layer], betweens: list[Between]) -> tuple[str, list[Layer], list[Between]]:
        parts = networks_in(layers)
        if len(parts) == 1:
            return "", layers, betweens
        name = self.asked.choose(parts, "networks")
        chosen = parts[name]
        own = [between for between in betweens if any(_beside(between, layer) for layer in chosen)]
        return name, chosen, own

    def _ordered(self, part: str, layers: list[Layer], certain: bool) -> Ordered:
        lens = {name.rpartition(".")[2] for name in self.tensors} <= _TRANSFORMER_LENS
        forks = {layer.name: [*_without(layers, readers(layers)), layer] for layer in readers(layers)}
        runs = forks or in_runs(layers)
        if self.asked.part is not None and not part and not runs:
            raise Unreadable(f"holds one network and no part {self.asked.part!r}", "leave out part=")
        try:
            return in_order(layers, ordered=self.ordered, out_in=certain, in_out=lens)
        except Unreadable:
            if not runs:
                raise
            what = "networks, which branch behind one trunk" if forks else "networks"
            name = self.asked.choose(runs, what)
            return in_order(runs[name], ordered=self.ordered, out_in=certain, in_out=lens)

    def _network(self, part: str, order: Ordered, betweens: list[Between], linear_first: bool) -> Reading:
        layers, notes = folded(order.layers, betweens)
        self.notes += [*order.assumptions, *notes]
        told = self.asked.activation is not None
        stated = statements_in(self.said, part, told)
        names, closing = self._activations(layers, betweens, stated, linear_first)
        numbers = {k: v for k, v in self.said.items() if isinstance(v, list | tuple)}
        layers, sentences, used = fold(layers, normalisers_in({**numbers, **self.left}))
        self.notes += sentences
        weights = [layer.weight for layer in layers]
        biases = [layer.bias for layer in layers]
        link = closing if closing in LINKS else None
        if closing is not None and link is None and closing != "identity":
            weights, biases, names = [*weights, np.eye(len(weights[-1]))], [*biases, None], [*names, closing]
        unread = [name for name in self.left if name not in used and not _trivial(self.left[name])]
        unread += [
            k for k, v in self.said.items() if k not in used and speaks_of_normalising(k) and _numeric(v)
        ]
        if unread:
            more = f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
            self.notes.append(f"not read: {', '.join(unread[:_NAMED])}{more}")
        about = About(assumptions=tuple(dict.fromkeys(self.notes)), link=link)
        network = Network(weights, biases, names, about=about)
        dtypes = [getattr(t, "dtype", "") for t in self.tensors.values() if getattr(t, "ndim", 0)]
        return read(network, dtypes)

    def _activations(
        self, layers: Sequence[Layer], betweens: Sequence[Between], stated: Statements, linear_first: bool
    ) -> tuple[list[str], str | None]:
        """The activation of each hidden layer, and what follows the last layer where somebody says."""
        hidden = len(layers) - 1
        given = self.asked.activation if self.asked.activation is not None else stated.activation
        closing = stated.closing
        own = slopes_between(layers, betweens)
        if not isinstance(given, str) and given is not None:
            each = list(given)
            if len(each) == hidden + 1:
                closing = each.pop()
            if len(each) == hidden:
                self._say_closing(closing)
                return each, closing
            if self.asked.activation is not None or len(set(each)) != 1:
                whose = "given" if self.asked.activation is not None else "stated in the file"
                raise InputError(
                    f"{len(each)} activations {whose} for {hidden} hidden layers: give one, or one per layer"
                )
            given = each[0]
        if given == "prelu" and None in own:
            raise Unreadable(
                "says that its activation is prelu, and holds no slopes", "save the whole state dict"
            )
        if given in LINKS and given != "sigmoid":
            raise Unreadable(
                f"says {given} for its activation, which is none of a hidden layer", "tell which: activation="
            )
        base = given if given is not None and given != "prelu" else "relu"
        names, said = settled(lambda k: own[k] or base, layers, {between.name for between in betweens})
        if linear_first and names:
            names[0] = "identity"
        free = [k for k, name in enumerate(names) if own[k] is None and name != "identity"]
        if given is None and free:
            self.notes.insert(0, "the activation is relu")
        self.notes += said
        if given is not None and self.asked.activation is None:
            self.notes += stated.assumptions
        self._say_closing(closing)
        return names, closing

    def _say_closing(self, closing: str | None) -> None:
        # Who tells what lies between the layers has told that nothing lies behind them.
        if closing is None and self.asked.activation is None:
            self.notes.append("no activation follows the last layer")


def _torch_weight(name: str, tensor: Any) -> bool:
    """Whether a tensor is torch's own `weight`, which lies [out, in]: by its type, or as nn.Sequential names it."""
    plain = re.sub(r"_(orig|mask|g|v)$|\.original[01]?$", "", name)
    if plain.rpartition(".")[2] != "weight":
        return False
    return (
        is_torch_tensor(tensor)
        or isinstance(tensor, StoredTensor)
        or (plain.split(".")[-2:-1] != [] and plain.split(".")[-2].isdigit())
    )


def _without(layers: Sequence[Layer], others: Sequence[Layer]) -> list[Layer]:
    return [layer for layer in layers if layer not in others]


def _beside(between: Between, layer: Layer) -> bool:
    return between.components[:-1] == layer.components[:-1]


def _trivial(value: Any) -> bool:
    """Counters and other single whole numbers say nothing of the function."""
    return _count(value) <= 1 and not (hasattr(value, "is_floating_point") and value.is_floating_point())


def _numeric(value: Any) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return bool(values) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
