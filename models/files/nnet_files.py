"""MLPs in NNet's text files (`.nnet`), as the networks of ACAS Xu come."""

from __future__ import annotations

import itertools
import re

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import About

from .asked import Asked
from .layer_chain import MAX_VALUES, Chain, Reading, Unreadable, Value, read

Array = npt.NDArray[np.float64]
_REMEDY = "write it again, or export the network to ONNX"
# So many inputs' bounds are said.
_SHOWN = 6
_NUMBERS = re.compile(rb"[-+0-9.,eE\s]*")


def is_nnet(data: bytes) -> bool:
    """Whether a file's text begins as NNet's does: comments (`//`), then four whole numbers with commas.

    Examples:
        >>> is_nnet(b"// a network\\n1,2,1,2,\\n2,1,\\n"), is_nnet(b"1,2\\n3,4\\n")
        (True, False)
    """
    lines = data[:65536].lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n")
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith(b"//")), b"")
    whole = re.fullmatch(rb"\s*(\d+\s*,\s*){3}\d+\s*,?\s*", first) is not None
    return whole and len(lines) > 2


def read_nnet_file(data: bytes, asked: Asked) -> Reading:
    """The ReLU network in an `.nnet` file, of the inputs and outputs in their own units.

    The file's means and ranges are folded in: inputs are (x - mean) / range, outputs range y + mean. The bounds
    that it gives for its inputs are said, not applied.

    Args:
        data: the file's bytes.
        asked: what the caller says; a network of this format has ReLU between its layers.

    Raises:
        Unreadable: for numbers that are missing, too many, or none.

    Examples:
        >>> lines = ["// max(x, 0)", "2,1,1,1,", "1,1,1,", "0,", "-1,", "1,", "0,0,", "1,1,"]
        >>> text = "\\n".join([*lines, "1,", "0,", "1,", "0,"])
        >>> text = "\\n".join([*lines, "1,", "0,", "1,", "0,"])
        >>> net = read_nnet_file(text.encode(), Asked()).network
        >>> net([[-2.0], [0.5]]).ravel().tolist()
        [0.0, 0.5]
    """
    asked.refuse_part("an .nnet file")
    if asked.activation not in (None, "relu"):
        raise Unreadable(
            f"is an .nnet file, whose layers have relu between them, not {asked.activation!r}",
            "leave out activation=",
        )
    numbers = _Numbers(data)
    layers, inputs, outputs, _ = numbers.whole(4, "layers, inputs, outputs and the widest layer")
    if not layers or layers > 10_000:
        raise Unreadable(f"says that it has {layers} layers", _REMEDY)
    sizes = numbers.whole(layers + 1, "the layers' sizes")
    if sizes[0] != inputs or sizes[-1] != outputs or 0 in sizes:
        raise Unreadable(f"has {inputs} inputs and {outputs} outputs, but layers of {sizes}", _REMEDY)
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    if weights > MAX_VALUES:
        raise Unreadable(f"claims {weights} weights, more than the {MAX_VALUES} that are read", _REMEDY)
    numbers.skip_line()  # a flag that is no longer used
    low, high = numbers.take(inputs, "the inputs' minima"), numbers.take(inputs, "the inputs' maxima")
    means = numbers.take(inputs + 1, "the means of the inputs and of the outputs")
    ranges = numbers.take(inputs + 1, "the ranges of the inputs and of the outputs")
    if not ranges.all():
        raise Unreadable("has a range of 0 among those that its inputs are divided by", _REMEDY)

    chain = Chain(inputs)
    value = chain.add(Value(), -means[:-1], "the means") if means[:-1].any() else Value()
    if (ranges[:-1] != 1.0).any():
        value = chain.scale(value, 1.0 / ranges[:-1], "the ranges")
    for number, (wide, tall) in enumerate(itertools.pairwise(sizes)):
        label = f"layer {number + 1}"
        weight = numbers.take(wide * tall, f"the weights of {label}").reshape(tall, wide)
        value = chain.linear(value, weight, numbers.take(tall, f"the biases of {label}"), label)
        if number + 1 < layers:
            value = chain.named(value, "relu", label)
    numbers.finish()
    if ranges[-1] != 1.0:
        value = chain.scale(value, ranges[-1:], "the outputs' range")
    if means[-1]:
        value = chain.add(value, means[-1:], "the outputs' mean")
    network = chain.finish(value)
    bounds = ", ".join(
        f"x{k + 1} in [{a:g}, {b:g}]"
        for k, (a, b) in enumerate(zip(low[:_SHOWN], high[:_SHOWN], strict=True))
    )
    bounds += ", ..." if inputs > _SHOWN else ""
    said = [*network.assumptions, f"inputs outside of the file's bounds ({bounds}) are not clipped to them"]
    return read(network, ["float64"], About(assumptions=tuple(said)))


class _Numbers:
    """The numbers of an NNet file, line by line; each line belongs to one thing alone."""

    def __init__(self, data: bytes) -> None:
        text = data.lstrip(b"\xef\xbb\xbf")
        lines = [line.strip() for line in text.split(b"\n")]
        self._lines = [line for line in lines if line and not line.startswith(b"//")]
        self._at = 0

    def skip_line(self) -> None:
        self._at += 1

    def take(self, count: int, what: str) -> Array:
        """So many numbers from as many whole lines as hold them."""
        found: list[bytes] = []
        while len(found) < count:
            if self._at >= len(self._lines):
                raise Unreadable(f"is cut: {what} are {len(found)} numbers, expected {count}", _REMEDY)
            line = self._lines[self._at]
            self._at += 1
            if not _NUMBERS.fullmatch(line):
                raise Unreadable(f"is damaged: {what} are not numbers", _REMEDY)
            found += [part for part in line.replace(b",", b" ").split() if part]
        if len(found) != count:
            raise Unreadable(f"is damaged: {what} are {len(found)} numbers, expected {count}", _REMEDY)
        try:
            return np.array([float(part) for part in found])
        except ValueError:
            raise Unreadable(f"is damaged: {what} are not numbers", _REMEDY) from None

    def whole(self, count: int, what: str) -> list[int]:
        """So many whole numbers."""
        values = self.take(count, what)
        if (values != np.floor(values)).any() or (values < 0).any() or (values > MAX_VALUES).any():
            raise Unreadable(f"is damaged: {what} are not whole numbers", _REMEDY)
        return [int(value) for value in values]

    def finish(self) -> None:
        if self._at < len(self._lines):
            raise Unreadable(
                f"is damaged: {len(self._lines) - self._at} lines follow the last layer", _REMEDY
            )
