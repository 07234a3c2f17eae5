"""Tensor: a value of a Chain in the axes that an ONNX graph keeps it in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..layer_chain import Chain, Unreadable, Value

Array = npt.NDArray[np.float64]
#: The size of an axis of units that the file leaves open; the first linear layer shows it.
OPEN = 0


@dataclass(frozen=True, eq=False)
class Tensor:
    """A computed tensor, whose units are those of `value` in row-major order over the axes that hold units.

    Attributes:
        value: what is computed.
        axes: for each axis its size where it holds units (`OPEN` where that is not known), None where it holds
            samples. An axis of size 1 that the file fixes holds units.

    Examples:
        >>> Tensor(Value(), (None, 28, 28)).units
        784
    """

    value: Value
    axes: tuple[int | None, ...]

    @property
    def units(self) -> int:
        """How many units there are; `OPEN` where that is not known."""
        return math.prod(size for size in self.axes if size is not None)

    @property
    def has_samples(self) -> bool:
        """Whether an axis holds samples."""
        return None in self.axes

    def axis(self, number: int, label: str) -> int:
        """An axis counted from the front, where it may be counted from the back.

        Raises:
            Unreadable: where there is no such axis.
        """
        rank = len(self.axes)
        if not -rank <= number < rank:
            raise Unreadable(f"{label} names axis {number} of a tensor with {rank} axes", "export it again")
        return number % rank

    def holds_all_units(self, axis: int) -> bool:
        """Whether the units lie along that axis alone."""
        return self.axes[axis] is not None and all(
            size in (None, 1) for k, size in enumerate(self.axes) if k != axis
        )

    def padded(self, rank: int) -> Tensor:
        """The tensor with axes of size 1 in front, as broadcasting puts them."""
        return replace(self, axes=(1,) * (rank - len(self.axes)) + self.axes)

    def vector(self, constant: npt.NDArray[np.generic], label: str) -> tuple[Tensor, Array]:
        """A constant that is broadcast to the tensor: one number a unit ([units]), or one for all ([1]).

        Returns:
            The tensor in the axes of the result, and the numbers.

        Raises:
            Unreadable: where the constant differs between samples, or has more numbers than there are units.

        Examples:
            >>> Tensor(Value(), (None, 2)).vector(np.array([[3.0, 4.0]]), "an Add")[1].tolist()
            [3.0, 4.0]
        """
        tensor = self.padded(max(len(self.axes), constant.ndim))
        if constant.dtype.kind not in "fiu" and "float" not in constant.dtype.name:
            raise Unreadable(f"{label} computes with {constant.dtype}", "constants are real numbers")
        numbers = constant.astype(np.float64)
        if constant.size == 1:
            return tensor, numbers.reshape(1)
        shape = (1,) * (len(tensor.axes) - constant.ndim) + constant.shape
        for size, held in zip(shape, tensor.axes, strict=True):
            if size != 1 and (held is None or held not in (OPEN, size)):
                raise Unreadable(
                    f"{label} has a constant of shape {constant.shape} for {self.units} units",
                    "a bias, scale or bound is [units]",
                )
        axes = tuple(
            size if held == OPEN and size > 1 else held for size, held in zip(shape, tensor.axes, strict=True)
        )
        full = np.broadcast_to(numbers.reshape(shape), [1 if size is None else size for size in axes])
        return replace(tensor, axes=axes), full.ravel()

    def regrouped(self, sizes: Sequence[int], samples: int | None, label: str) -> Tensor:
        """The tensor reshaped.

        Args:
            sizes: the new axes; 0 keeps an axis, -1 is what is left.
            samples: how many samples there are, where the file fixes it.
            label: of the node, for the message.

        Raises:
            Unreadable: where units would become samples or samples units.

        Examples:
            >>> Tensor(Value(), (None, 2, 3)).regrouped([-1, 6], None, "a Reshape").axes
            (None, 6)
        """
        refusal = Unreadable(f"{label} reshapes to {list(sizes)}", "an MLP keeps [samples, units]")
        if sum(size == -1 for size in sizes) > 1 or min(sizes, default=0) < -1:
            raise refusal
        kept = []
        for k, size in enumerate(sizes):
            if size == 0 and k >= len(self.axes):
                raise refusal
            kept.append(self.axes[k] if size == 0 else size)
        if not self.has_samples:
            return replace(
                self, axes=_filled([size for size in kept if size is not None], self.units, refusal)
            )
        # Samples come first, then units.
        last = max(k for k, size in enumerate(self.axes) if size is None)
        if None in self.axes[last + 1 :] or any(size not in (None, 1) for size in self.axes[:last]):
            raise refusal
        for count in range(1, len(kept) + 1):
            front, back = kept[:count], kept[count:]
            if -1 in back and not (front == [None] or (samples is not None and front == [samples])):
                continue
            if -1 not in back and self.units != OPEN and math.prod(s or 1 for s in back) != self.units:
                continue
            if None in back or (-1 not in front and None not in front and not _fits(front, samples, back)):
                continue
            try:
                units = _filled([size or 0 for size in back], self.units, refusal)
            except Unreadable:
                continue
            return replace(self, axes=(*(None for _ in front), *units))
        raise refusal

    def indices(self, label: str) -> npt.NDArray[np.intp]:
        """The number of each unit at its place; axes of samples have size 1.

        Raises:
            Unreadable: where the file leaves the number of units open.
        """
        if OPEN in self.axes:
            raise Unreadable(
                f"{label} moves units of an input whose size is left open", "export it with a fixed size"
            )
        return np.arange(self.units).reshape([1 if size is None else size for size in self.axes])

    def taken(self, chain: Chain, chosen: npt.NDArray[np.intp], samples: set[int], label: str) -> Tensor:
        """The units at these places, in the axes of `chosen`, of which `samples` are those that hold samples."""
        axes = tuple(None if k in samples else size for k, size in enumerate(chosen.shape))
        flat = chosen.ravel()
        value = self.value
        if not np.array_equal(flat, np.arange(self.units)):
            value = chain.pick(value, flat, label)
        return Tensor(value, axes)


def _fits(front: Sequence[int | None], samples: int | None, back: Sequence[int | None]) -> bool:
    """Whether fixed sizes in front can be those of the samples: their number, or one that the units imply."""
    count = math.prod(size or 1 for size in front)
    return count == samples if samples is not None else -1 not in back


def _filled(sizes: Sequence[int], units: int, refusal: Unreadable) -> tuple[int, ...]:
    """Sizes whose product is the number of units, with -1 computed."""
    known = math.prod(size for size in sizes if size != -1)
    if -1 not in sizes:
        if units not in (OPEN, known):
            raise refusal
        return tuple(sizes)
    if units == OPEN:
        return tuple(OPEN if size == -1 else size for size in sizes)
    if not known or units % known:
        raise refusal
    return tuple(units // known if size == -1 else size for size in sizes)
