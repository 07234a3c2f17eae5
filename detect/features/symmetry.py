"""Symmetry: the changes of the inputs that leave a task as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..networks.box import Box
from ..networks.network import Network
from .formulas import as_columns


def mirrored(network: Network, symmetry: Symmetry) -> Network:
    """The network of x -> f(symmetry(x)).

    Examples:
        >>> mirrored(Network([[[1.0, 2.0]]]), Symmetry.parse(["-x2", "x1"])).weights[0].tolist()
        [[2.0, -1.0]]
    """
    if symmetry.permutation == tuple(range(network.inputs)) and min(symmetry.signs) > 0:
        return network
    W = np.zeros_like(network.weights[0])
    W[:, list(symmetry.permutation)] = network.weights[0] * np.array(symmetry.signs)
    return Network([W, *network.weights[1:]], network.biases, network.activations)


_IMAGE = re.compile(r"(-?)x([1-9][0-9]{0,5})")


#: The symmetries of a task are listed in full; 8! = 40 320 orders of eight inputs still are.
_MAX_GROUP = 50_000


@dataclass(frozen=True)
class Symmetry:
    """A signed permutation of the inputs: image k is `signs[k] * x[permutation[k]]`.

    Examples:
        >>> swap = Symmetry.parse(["x2", "-x1"])
        >>> swap, swap(np.array([[1.0, 5.0]])).tolist()
        (Symmetry(x2, -x1), [[5.0, -1.0]])
        >>> swap.then(swap)
        Symmetry(-x1, -x2)
    """

    permutation: tuple[int, ...]
    signs: tuple[int, ...]

    def __post_init__(self) -> None:
        d = len(self.permutation)
        if sorted(self.permutation) != list(range(d)) or len(self.signs) != d or set(self.signs) - {-1, 1}:
            raise InputError(
                f"symmetry {self.permutation}, signs {self.signs}: give each of 0 to d - 1 once, and d signs "
                "of 1 or -1"
            )

    @classmethod
    def parse(cls, images: Sequence[str]) -> Symmetry:
        """A symmetry from the texts of its images, such as `["x2", "-x1"]`.

        Raises:
            InputError: where an image is no input, or an input is missing or given twice.
        """
        remedy = "give each input once, in a list, as 'x2' or '-x2'"
        if isinstance(images, str) or not all(isinstance(image, str) for image in images):
            raise InputError(f"symmetry {images!r}: {remedy}")
        found = [_IMAGE.fullmatch(image.replace(" ", "")) for image in images]
        columns = [int(match.group(2)) - 1 for match in found if match]
        if sorted(columns) != list(range(len(images))):
            raise InputError(f"symmetry {list(images)}: {remedy}")
        return cls(tuple(columns), tuple(-1 if match and match.group(1) else 1 for match in found))

    @property
    def images(self) -> tuple[str, ...]:
        """The images as texts."""
        return tuple(f"{'-' if s < 0 else ''}x{p + 1}" for p, s in self._pairs())

    def __call__(self, X: Any) -> Any:
        """The transformed inputs [n, d], of the kind and dtype of X (a numpy array or a torch tensor)."""
        columns = as_columns(X, str(self))
        signs = np.array(self.signs, dtype=float)
        if not isinstance(columns, np.ndarray):
            return columns[:, list(self.permutation)] * columns.new_tensor(signs.tolist())
        return columns[:, list(self.permutation)] * signs.astype(columns.dtype)

    def maps(self, box: Box) -> bool:
        """Whether every input's image lies in that input's own (low, high), so that the box stays itself.

        Examples:
            >>> Symmetry.parse(["-x1"]).maps(((-1.0, 1.0),)), Symmetry.parse(["-x1"]).maps(((0.0, 1.0),))
            (True, False)
        """
        images = [box[p] if s > 0 else (-box[p][1], -box[p][0]) for p, s in self._pairs()]
        return all(image == own for image, own in zip(images, box, strict=True))

    def _pairs(self) -> list[tuple[int, int]]:
        return list(zip(self.permutation, self.signs, strict=True))

    def then(self, other: Symmetry) -> Symmetry:
        """The symmetry that applies this one first and `other` to its result."""
        permutation = tuple(self.permutation[p] for p in other.permutation)
        signs = tuple(s * self.signs[p] for s, p in zip(other.signs, other.permutation, strict=True))
        return Symmetry(permutation, signs)

    def __repr__(self) -> str:
        return f"Symmetry({', '.join(self.images)})"


def spanned(generators: Sequence[Symmetry], arity: int) -> tuple[Symmetry, ...]:
    """The group that the symmetries span, without the identity, in a fixed order.

    Raises:
        InputError: where it has more than 50 000 elements.

    Examples:
        >>> spanned([Symmetry.parse(["x2", "-x1"])], 2)
        (Symmetry(-x1, -x2), Symmetry(-x2, x1), Symmetry(x2, -x1))
    """
    identity = Symmetry(tuple(range(arity)), (1,) * arity)
    found, frontier = {identity}, [identity]
    while frontier:
        reached = {element.then(generator) for element in frontier for generator in generators} - found
        found |= reached
        frontier = list(reached)
        if len(found) > _MAX_GROUP:
            raise InputError(
                f"its symmetries span more than {_MAX_GROUP} transformations; give fewer generators"
            )
    return tuple(sorted(found - {identity}, key=lambda s: (s.permutation, s.signs)))
