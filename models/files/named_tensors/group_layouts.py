"""Group networks of other people: two embeddings (or one shared), a hidden layer and an unembedding, [in, out]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: The names of the tables of the first and of the second element, in lower case and without dots and dashes.
_PAIRS = (
    ("w_x", "w_y"), ("w_a", "w_b"), ("w_ex", "w_ey"), ("embed_x", "embed_y"), ("embed_a", "embed_b"),
    ("embed_left", "embed_right"), ("embedding_left", "embedding_right"), ("left_embedding", "right_embedding"),
    ("lembed", "rembed"), ("embed1", "embed2"), ("embedding1", "embedding2"),
)  # fmt: skip
_SHARED = ("w_e", "embed", "embedding", "emb", "e", "w_embed")
_HIDDEN = ("w", "w_in", "w_h", "w1", "w_1", "hidden", "linear", "linear1", "fc", "fc1", "mlp")
_UNEMBEDDING = (
    "w_u",
    "w_out",
    "u",
    "unembed",
    "unembedding",
    "out",
    "w2",
    "w_2",
    "linear2",
    "fc2",
    "readout",
)


class GroupLayout(NamedTuple):
    """What a group network's arrays are together.

    Attributes:
        weights: embedding, hidden layer and read-out, each [out, in], of 2 n one-hot inputs and n logits.
        said: sentences on how they were read.
    """

    weights: tuple[Array, Array, Array]
    said: tuple[str, ...]


def group_layout(arrays: Mapping[str, Array], *, summed: bool = False) -> GroupLayout | None:
    """The layers of a network that composes two elements, told by names and shapes; None where it is none.

    Tables are [elements, d], the hidden layer [2 d, hidden] (the two embeddings side by side, as in Chughtai et al.
    2023) or [d, hidden] (added up), the unembedding [hidden, elements]; what is called `NAME.weight` is a
    `torch.nn.Linear`'s and lies [out, in], but for the tables. There are no biases.

    Args:
        arrays: all of the network, by name.
        summed: whether one shared table whose rows are added up is looked for: by its shapes it could be a network
            of one input, which is what it is taken for else.

    Examples:
        >>> n, d, hidden = 5, 3, 8
        >>> arrays = {"W_x": np.ones((n, d)), "W_y": np.ones((n, d)), "W": np.ones((2 * d, hidden)),
        ...     "W_U": np.ones((hidden, n))}
        >>> found = group_layout(arrays)
        >>> [weight.shape for weight in found.weights], found.said[0]
        ([(6, 10), (8, 6), (5, 8)], 'two embeddings (W_x, W_y) of 5 elements side by side')
        >>> group_layout({"W_x": np.ones((n, d)), "W_out": np.ones((d, n))}) is None
        True
    """
    named = {_plain(name): (name, _in_out(name, array)) for name, array in arrays.items() if array.ndim == 2}
    if len(named) != len(arrays):
        return None
    pair = next(((a, b) for a, b in _PAIRS if a in named and b in named), None)
    shared = next((name for name in _SHARED if name in named), None)
    if pair is None and shared is None:
        return None
    keys = pair or (str(shared),)
    rest = [name for name in named if name not in keys]
    hidden = [name for name in rest if name in _HIDDEN]
    unembedding = [name for name in rest if name in _UNEMBEDDING]
    if len(rest) != 2 or len(hidden) != 1 or len(unembedding) != 1:
        return None
    first, second = named[keys[0]][1], named[keys[-1]][1]
    W, U = named[hidden[0]][1], named[unembedding[0]][1]
    n, d = first.shape
    widths = {2 * d: "side by side"}
    if pair or summed:
        widths[d] = "added up"
    if second.shape != (n, d) or W.shape[0] not in widths or U.shape != (W.shape[1], n):
        return None
    if widths[W.shape[0]] == "added up":
        embedding = np.concatenate([first.T, second.T], axis=1)
    else:
        embedding = np.zeros((2 * d, 2 * n))
        embedding[:d, :n], embedding[d:, n:] = first.T, second.T
    tables = ", ".join(named[key][0] for key in keys)
    what = f"two embeddings ({tables})" if pair else f"one embedding ({tables}) for both"
    said = (f"{what} of {n} elements {widths[W.shape[0]]}", "the inputs are one-hot: a, then b")
    return GroupLayout((embedding, W.T.copy(), U.T.copy()), said)


def _plain(name: str) -> str:
    """The name of an array or of the module it belongs to, as the lists above have it."""
    parts = name.replace("/", ".").split(".")
    if parts[-1] == "weight" and len(parts) > 1:
        parts = parts[:-1]
    return parts[-1].lower().replace("-", "_")


def _in_out(name: str, array: Array) -> Array:
    """The array as [in, out]: a module's `weight` is [out, in], but a table's [elements, d]."""
    plain = _plain(name)
    table = plain in _SHARED or any(plain in pair for pair in _PAIRS)
    return array.T if name.endswith(".weight") and not table else array
