"""Embedding tables: refused, or read as the first layer of one-hot inputs where the caller says that they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..refusals import Unreadable
from .tensor_names import Layer

_TABLES = {
    "embedding", "embeddings", "embed", "embeds", "emb", "embs", "wte", "word_embeddings", "token_embedding",
    "token_embeddings", "tok_emb", "tok_embed", "embed_tokens", "lookup", "lookup_table", "e", "tok_embeddings",
}  # fmt: skip
#: Pairs of names of two tables or blocks that read an input each: `W_x` and `W_y`.
_PAIRS = (("x", "y"), ("a", "b"), ("left", "right"), ("1", "2"), ("first", "second"))


def tables_in(layers: Sequence[Layer]) -> list[Layer]:
    """The layers that are embedding tables by their names: without a bias, called `embedding`, `W_E`, `wte`, ...

    Examples:
        >>> table = Layer("embedding", np.ones((5, 3)), None)
        >>> [layer.name for layer in tables_in([table, Layer("out", np.ones((1, 3)), None)])]
        ['embedding']
    """
    return [layer for layer in layers if layer.bias is None and _is_table(layer)]


def _is_table(layer: Layer) -> bool:
    parts = set(layer.last.split("_"))
    return layer.last in _TABLES or bool(parts & {"embedding", "embed", "emb", "embeddings"})


def refuse_tables(layers: Sequence[Layer]) -> None:
    """Refuse embedding tables that are not declared as first layers of one-hot inputs.

    Raises:
        Unreadable: with the argument that says so.

    Examples:
        >>> refuse_tables([Layer("embedding", np.ones((5, 3)), None)])
        Traceback (most recent call last):
        ...
        mathcircuits.models.files.refusals.Unreadable: embedding is an embedding table [5, 3], whose rows are picked by
        integers; one_hot=True reads it as the first layer of one-hot inputs
    """
    for table in tables_in(layers):
        shape = list(table.weight.shape)
        raise Unreadable(
            f"{table.name} is an embedding table {shape}, whose rows are picked by integers",
            "one_hot=True reads it as the first layer of one-hot inputs",
        )


def one_hot(layers: Sequence[Layer]) -> tuple[list[Layer], bool, list[str]]:
    """The layers with tables turned into the first layer of one-hot inputs.

    A table [vocabulary, width] becomes the weight [width, vocabulary]. Several tables stand side by side where
    the next layer takes all their widths, and are added where it takes one of them.

    Returns:
        The layers, the first of them made of the tables; whether nothing lies behind it (an embedding has no
        activation function; a pair `W_x`, `W_y` is a hidden layer in two blocks); and sentences on that.

    Raises:
        Unreadable: where no table is among the layers, or its width fits no layer.

    Examples:
        >>> net = [Layer("embedding", np.ones((5, 3)), None), Layer("out", np.ones((1, 3)), None)]
        >>> found, linear, said = one_hot(net)
        >>> found[0].weight.shape, linear, said
        ((3, 5), True, ['the inputs are one-hot: embedding'])
    """
    tables = tables_in(layers)
    blocks = [] if tables else _pair(layers)
    first = tables or blocks
    if not first:
        raise Unreadable("holds no embedding table, nor a pair W_x and W_y", "leave out one_hot=")
    rest = [layer for layer in layers if layer not in first]
    widths = {layer.into for layer in rest} | {layer.out for layer in rest}
    turned = [
        table.weight.T if tables or table.weight.shape[0] not in widths else table.weight for table in first
    ]
    total = sum(len(weight) for weight in turned)
    if len({len(weight) for weight in turned}) == 1 and len(turned[0]) in widths:
        weight = np.concatenate(turned, axis=1)
    elif total in widths:
        weight = np.zeros((total, sum(w.shape[1] for w in turned)))
        row = column = 0
        for w in turned:
            weight[row : row + len(w), column : column + w.shape[1]] = w
            row, column = row + len(w), column + w.shape[1]
    else:
        shapes = ", ".join(f"{table.name} {list(table.weight.shape)}" for table in first)
        raise Unreadable(f"its tables ({shapes}) have widths that no layer takes", "save the MLP alone")
    names = ", ".join(table.name for table in first)
    biases = [table.bias for table in first if table.bias is not None]
    joined = replace(
        first[0], weight=weight, bias=sum(biases[1:], biases[0]) if biases else None, in_out=False
    )
    return [joined, *rest], bool(tables), [f"the inputs are one-hot: {names}"]


def _pair(layers: Sequence[Layer]) -> list[Layer]:
    by_name = {layer.last or layer.name: layer for layer in layers}
    for names in _PAIRS:
        found = [by_name[name] for name in names if name in by_name]
        if len(found) == 2 and found[0].weight.shape[0] == found[1].weight.shape[0]:
            return found
        if len(found) == 2 and found[0].weight.shape[1] == found[1].weight.shape[1]:
            return found
    return []
