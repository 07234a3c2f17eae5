"""Piecewise-linear compositions: ReLU networks and formulas of min, max, abs, ... in one shape.

A composition computes, layer by layer, units that are affine in the inputs *and all earlier units*, each
followed by a (leaky) ReLU, and reads out an affine function of everything. A network is one; so is a formula,
by `max(a, b) = a + relu(b - a)`, `min(a, b) = a - relu(a - b)`, `|a| = 2 relu(a) - a`, and a median by a
sorting network of such exchanges. So is the difference of two of them, which is what a certificate bounds.
Coefficients are float64 or, on request, exact Fractions (a float is an integer times a power of two).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.formulas import Formula
from ..features.grammar import Node, column_of
from ..networks.box import Box
from ..networks.network import Network
from ..networks.nonlinearities import clip_range, leaky_slope, unit_slopes

#: Functions of the grammar with a jump: no network with finite weights is near them everywhere.
DISCONTINUOUS = ("step", "sign")


@dataclass(frozen=True, eq=False)
class UnitLayer:
    """Units `z -> z if z > 0 else slope * z` of `z = weights @ [inputs, earlier units] + bias`.

    Attributes:
        weights: [h, d + earlier units].
        bias, slope: [h].

    Examples:
        >>> from_network(Network([[[2.0]], [[1.0]]])).layers[0].weights.tolist()
        [[2.0]]
    """

    weights: npt.NDArray[Any]
    bias: npt.NDArray[Any]
    slope: npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A piecewise-linear function R^d -> R^out as layers of units and an affine read-out.

    Attributes:
        inputs: d.
        layers: the units, each layer affine in the inputs and all units before it.
        readout: [out, d + units].
        offset: [out].

    Examples:
        >>> f = from_formulas([Formula("min(x1, x2)")], 2)
        >>> len(f.layers), f(np.array([[0.25, 0.5], [0.5, -0.5]])).ravel().tolist()
        (1, [0.25, -0.5])
    """

    inputs: int
    layers: tuple[UnitLayer, ...]
    readout: npt.NDArray[Any]
    offset: npt.NDArray[Any]

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.offset)

    @property
    def units(self) -> int:
        """The number of units."""
        return sum(len(layer.bias) for layer in self.layers)

    def __call__(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The values [n, out] at X [n, d]; Fractions in, Fractions out where the coefficients are exact."""
        values = X
        for layer in self.layers:
            z = values @ layer.weights.T + layer.bias
            values = np.concatenate([values, np.where(z > 0, z, layer.slope * z)], axis=1)
        return np.asarray(values @ self.readout.T + self.offset)

    def to_float(self) -> PiecewiseLinear:
        """The same with float64 coefficients, each rounded to the nearest."""
        layers = tuple(
            UnitLayer(*(a.astype(float) for a in (x.weights, x.bias, x.slope))) for x in self.layers
        )
        return PiecewiseLinear(self.inputs, layers, self.readout.astype(float), self.offset.astype(float))

    def without(self, dropped: npt.NDArray[np.bool_]) -> PiecewiseLinear:
        """The composition without some units [units], where they occur as if they were 0."""
        kept = ~dropped
        columns = np.concatenate([np.ones(self.inputs, dtype=bool), kept])
        layers, start = [], 0
        for layer in self.layers:
            own = kept[start : start + len(layer.bias)]
            weights = layer.weights[own][:, columns[: layer.weights.shape[1]]]
            layers.append(UnitLayer(weights, layer.bias[own], layer.slope[own]))
            start += len(layer.bias)
        return PiecewiseLinear(self.inputs, tuple(layers), self.readout[:, columns], self.offset)


def is_piecewise_linear(network: Network) -> bool:
    """Whether every hidden layer is ReLU, leaky ReLU or purely linear.

    Examples:
        >>> is_piecewise_linear(Network([[[1.0]], [[1.0]]], activation="tanh"))
        False
    """
    return all(_slope(name) is not None for name in network.activations)


def composes(network: Network) -> bool:
    """Whether `from_network` writes the network: those of `is_piecewise_linear`, and clipped or PReLU layers.

    Examples:
        >>> composes(Network([[[1.0]], [[1.0]]], activation="relu6"))
        True
    """
    return all(map(piecewise_linear, network.activations))


def piecewise_linear(name: str) -> bool:
    """Whether an activation function is piecewise linear, by its name.

    Examples:
        >>> piecewise_linear("prelu(0.1,0.2)"), piecewise_linear("selu")
        (True, False)
    """
    return _slope(name) is not None or clip_range(name) is not None or unit_slopes(name) is not None


def from_network(network: Network, exact: bool = False) -> PiecewiseLinear:
    """The composition of a network whose layers `composes` knows.

    A clipped unit is two: min(max(z, a), b) = a + relu(z - a) - relu(z - b).

    Raises:
        InputError: for another activation.

    Examples:
        >>> f = from_network(Network([[[0.5]], [[1.0]]], [[0.25], None]), exact=True)
        >>> f(np.array([[Fraction(1, 3)]])).tolist()
        [[Fraction(5, 12)]]
    """
    if not composes(network):
        raise InputError(
            f"{network!r} is not piecewise linear: only relu, leaky_relu, prelu, clipped and identity layers are"
        )
    d, layers, units = network.inputs, [], 0
    # The current layer's values, affine in [inputs, units]: None stands for "the newest columns themselves".
    affine: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None
    columns = slice(0, d)
    names = (*network.activations, "identity")
    for w, b, name in zip(network.weights, network.bias_vectors, names, strict=True):
        W, bias = (_exact(w), _exact(b)) if exact else (w, b)
        if affine is None:
            rows = _zeros((len(W), d + units), exact)
            rows[:, columns] = W
        else:
            rows, bias = W @ affine[0], W @ affine[1] + bias
        slope = _slope(name)
        if slope == 1.0:
            affine = rows, bias
            continue
        bounds = clip_range(name)
        if bounds is not None:
            low, high = _exact(np.array(bounds)) if exact else np.array(bounds)
            rows, bias = np.concatenate([rows, rows]), np.concatenate([bias - low, bias - high])
        slopes = np.array(unit_slopes(name) or (0.0 if slope is None else slope,) * len(rows))
        layers.append(UnitLayer(rows, bias, _exact(slopes) if exact else slopes))
        affine, columns = None, slice(d + units, d + units + len(rows))
        units += len(rows)
        if bounds is not None:
            joined, eye = _zeros((len(W), d + units), exact), _zeros((len(W), len(W)), exact)
            eye[range(len(W)), range(len(W))] = Fraction(1) if exact else 1.0
            joined[:, columns] = np.concatenate([eye, -eye], axis=1)
            affine = joined, _zeros((len(W),), exact) + low
    assert affine is not None  # the read-out is linear
    return PiecewiseLinear(d, tuple(layers), *affine)


def from_formulas(
    formulas: Sequence[Formula], inputs: int, box: Box | None = None, exact: bool = False
) -> PiecewiseLinear:
    """The composition of one formula per output over `inputs` inputs.

    `pi` and decimal numbers of the box (`low`, `high`) are read as their float64; other numbers are exact.

    Raises:
        InputError: for `step` and `sign`, which jump.
        SmoothFormulaError: where a formula is smooth (a product, a power, sin, ...).

    Examples:
        >>> from_formulas([Formula("x1/3 + abs(x1)")], 1, exact=True).readout.tolist()
        [[Fraction(-2, 3), Fraction(2, 1)]]
    """
    compiler = _Compiler(inputs, box)
    outputs = []
    for formula in formulas:
        jumps = discontinuous(formula)
        if jumps:
            raise InputError(
                f"formula {formula.text!r} uses {jumps}, which jumps: no continuous network is near it; "
                "certify against a continuous formula, such as clip(x1, 0, 1)"
            )
        outputs.append(compiler.expression(formula.root))
    found = compiler.composition(outputs)
    return found if exact else found.to_float()


def difference(f: PiecewiseLinear, g: PiecewiseLinear) -> PiecewiseLinear:
    """f - g as one composition; the layers stand side by side, f's units before g's.

    Raises:
        InputError: where the numbers of inputs or outputs differ.

    Examples:
        >>> f, g = (from_formulas([Formula(t)], 2) for t in ("max(x1, x2)", "x1 + relu(x2 - x1)"))
        >>> difference(f, g)(np.array([[0.25, 0.5]])).tolist()
        [[0.0]]
    """
    if (f.inputs, f.outputs) != (g.inputs, g.outputs):
        raise InputError(
            f"functions of {f.inputs} inputs and {f.outputs} outputs and of {g.inputs} and {g.outputs} "
            "cannot be subtracted: give a specification of the network's own shape"
        )
    d, exact = f.inputs, f.offset.dtype == object
    columns: list[list[int]] = [list(range(d)), list(range(d))]  # where each side's columns went
    layers, total = [], d
    for level in range(max(len(f.layers), len(g.layers))):
        parts, start = [], total
        for side, own in enumerate((f, g)):
            if level < len(own.layers):
                layer = own.layers[level]
                rows = _zeros((len(layer.bias), start), exact)
                rows[:, columns[side][: layer.weights.shape[1]]] = layer.weights
                parts.append((rows, layer.bias, layer.slope))
                columns[side] = [*columns[side], *range(total, total + len(layer.bias))]
                total += len(layer.bias)
        layers.append(UnitLayer(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True))))
    readout = _zeros((f.outputs, total), exact)
    readout[:, columns[0]] = f.readout
    for k, column in enumerate(columns[1]):
        readout[:, column] = readout[:, column] - g.readout[:, k]
    return PiecewiseLinear(d, tuple(layers), readout, f.offset - g.offset)


def discontinuous(formula: Formula) -> str:
    """The first function of the formula that jumps, or an empty text.

    Examples:
        >>> discontinuous(Formula("step(x1)")), discontinuous(Formula("abs(x1)"))
        ('step', '')
    """
    stack = [formula.root]
    while stack:
        node = stack.pop()
        if node.kind == "call" and node.value in DISCONTINUOUS:
            return str(node.value)
        stack.extend(node.children)
    return ""


class SmoothFormulaError(InputError):
    """A formula that is smooth somewhere: it has no piecewise-linear composition.

    Examples:
        >>> try:
        ...     from_formulas([Formula("x1 * x2")], 2)
        ... except SmoothFormulaError as error:
        ...     print(error)
        x1 * x2 is not piecewise linear: it is bounded by subdivision instead
    """

    def __init__(self, node: Node) -> None:
        text = Formula.__new__(Formula)
        text.root = node
        super().__init__(f"{text.text} is not piecewise linear: it is bounded by subdivision instead")


#: An affine expression: coefficient per column (inputs, then units by number) and, under -1, the constant.
_Affine = dict[int, Fraction]


class _Compiler:
    """Turns formula trees into units; equal arguments (up to sign and scale) share one unit."""

    def __init__(self, inputs: int, box: Box | None) -> None:
        self.inputs, self.box = inputs, box
        self.arguments: list[_Affine] = []
        self.depths: list[int] = []
        self.known: dict[tuple[tuple[int, Fraction], ...], int] = {}

    def expression(self, node: Node) -> _Affine:
        if node.kind == "number":
            return _constant(Fraction(node.value))  # type: ignore[arg-type]  # a Fraction
        if node.kind == "name":
            return self._name(str(node.value))
        arguments = [self.expression(child) for child in node.children]
        if node.kind in ("+", "-", "neg"):
            first = _scaled(arguments[0], Fraction(-1)) if node.kind == "neg" else arguments[0]
            return (
                first
                if node.kind == "neg"
                else _sum(first, arguments[1], Fraction(1 if node.kind == "+" else -1))
            )
        if node.kind == "*" and any(_is_constant(a) for a in arguments):
            k = 0 if _is_constant(arguments[0]) else 1
            return _scaled(arguments[1 - k], arguments[k].get(-1, Fraction(0)))
        if node.kind == "/" and _is_constant(arguments[1]):
            if not arguments[1].get(-1):
                raise InputError("a formula divides by zero: no certificate can hold; mend the formula")
            return _scaled(arguments[0], 1 / arguments[1][-1])
        if node.kind == "**":
            power = arguments[1].get(-1, Fraction(0))
            if power == 0:
                return _constant(Fraction(1))
            if power == 1:
                return arguments[0]
            if _is_constant(arguments[0]):
                return _constant(arguments[0].get(-1, Fraction(0)) ** int(power))
        if node.kind == "call":
            found = self._call(str(node.value), arguments)
            if found is not None:
                return found
        raise SmoothFormulaError(node)

    def _name(self, name: str) -> _Affine:
        if name == "pi":
            return _constant(Fraction(math.pi))
        if name in ("low", "high"):
            if self.box is None:
                raise InputError(f"{name!r} has no value here; give the box")
            return _constant(Fraction(self.box[0][name == "high"]))
        column = column_of(name)
        if name[0] != "x" or column >= self.inputs:
            raise InputError(
                f"{name!r} is not among the inputs x1 to x{self.inputs}: write the formula over those"
            )
        return {column: Fraction(1)}

    def _call(self, name: str, a: list[_Affine]) -> _Affine | None:
        if name == "relu":
            return self._relu(a[0])
        if name == "abs":
            return _sum(_scaled(self._relu(a[0]), Fraction(2)), a[0], Fraction(-1))
        if name in ("min", "max"):
            result = a[0]
            for other in a[1:]:
                result = self._exchange(result, other)[name == "max"]
            return result
        if name == "clip":
            return self._exchange(self._exchange(a[0], a[1])[1], a[2])[0]
        if name == "mean":
            return self._mean(a)
        if name == "median":
            return self._median(a)
        return None

    def _mean(self, a: list[_Affine]) -> _Affine:
        total: _Affine = {}
        for other in a:
            total = _sum(total, other, Fraction(1))
        return _scaled(total, Fraction(1, len(a)))

    def _median(self, a: list[_Affine]) -> _Affine:
        # Bubble sort; only the upper half has to be in place.
        values, half = list(a), len(a) // 2
        for end in range(len(a) - 1, half - 1 if len(a) % 2 == 1 else half - 2, -1):
            for k in range(end):
                values[k], values[k + 1] = self._exchange(values[k], values[k + 1])
        return values[half] if len(a) % 2 == 1 else self._mean(values[half - 1 : half + 1])

    def _exchange(self, a: _Affine, b: _Affine) -> tuple[_Affine, _Affine]:
        """(min, max) by one unit: min = a - relu(a - b), max = b + relu(a - b)."""
        unit = self._relu(_sum(a, b, Fraction(-1)))
        return _sum(a, unit, Fraction(-1)), _sum(b, unit, Fraction(1))

    def _relu(self, u: _Affine) -> _Affine:
        if _is_constant(u):
            return _constant(max(u.get(-1, Fraction(0)), Fraction(0)))
        lead = u[min(column for column in u if column >= 0)]
        key = tuple(sorted((column, value / abs(lead)) for column, value in u.items()))
        if lead < 0:  # relu(u) = relu(-u) + u, so that both sides share a unit
            return _sum(self._relu(_scaled(u, Fraction(-1))), u, Fraction(1))
        if key not in self.known:
            self.known[key] = self.inputs + len(self.arguments)
            self.arguments.append(dict(key))
            earlier = [self.depths[c - self.inputs] for c in u if c >= self.inputs]
            self.depths.append(1 + max(earlier, default=0))
        return {self.known[key]: abs(lead)}

    def composition(self, outputs: list[_Affine]) -> PiecewiseLinear:
        """The units in layers by their depth, and the outputs read off them."""
        d = self.inputs
        order = sorted(range(len(self.depths)), key=lambda k: (self.depths[k], k))
        place = {k: k for k in range(d)} | {d + unit: d + k for k, unit in enumerate(order)}

        def matrix(rows: list[_Affine], width: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
            weights, bias = _zeros((len(rows), width), True), _zeros((len(rows),), True)
            for k, row in enumerate(rows):
                for column, value in row.items():
                    if column < 0:
                        bias[k] = value
                    else:
                        weights[k, place[column]] = value
            return weights, bias

        layers, width = [], d
        for depth in range(1, max(self.depths, default=0) + 1):
            rows = [self.arguments[k] for k in order if self.depths[k] == depth]
            layers.append(UnitLayer(*matrix(rows, width), _zeros((len(rows),), True)))
            width += len(rows)
        return PiecewiseLinear(d, tuple(layers), *matrix(outputs, width))


def _constant(value: Fraction) -> _Affine:
    return {-1: value} if value else {}


def _is_constant(a: _Affine) -> bool:
    return all(column < 0 for column in a)


def _scaled(a: _Affine, factor: Fraction) -> _Affine:
    return {column: value * factor for column, value in a.items()} if factor else {}


def _sum(a: _Affine, b: _Affine, factor: Fraction) -> _Affine:
    total = dict(a)
    for column, value in b.items():
        total[column] = total.get(column, Fraction(0)) + factor * value
    return {column: value for column, value in total.items() if value}


def _slope(name: str) -> float | None:
    """The slope below zero: 0 for ReLU, 1 for a linear layer, None for what is not piecewise linear."""
    return {"relu": 0.0, "identity": 1.0}.get(name, leaky_slope(name))


def _zeros(shape: tuple[int, ...], exact: bool) -> npt.NDArray[Any]:
    return np.full(shape, Fraction(0), dtype=object) if exact else np.zeros(shape)


def _exact(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers as Fractions, entry by entry."""
    flat = [Fraction(float(value)) for value in np.asarray(array).ravel()]
    result = np.empty(len(flat), dtype=object)
    result[:] = flat
    return result.reshape(np.shape(array))
