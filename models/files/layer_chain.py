"""A chain of layers read one step at a time into a Network, or refused with the layer and the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import About, Network
from mathcircuits.detect.networks import FORMS, NAMES, apply_nonlinearity, check_nonlinearity

from .identification import clip_name, identify_units
from .identification import leaky_name as leaky_name
from .refusals import Unreadable as Unreadable

Array = npt.NDArray[np.float64]
Pointwise = Callable[[Array], Array]

#: The most weights that are read: 2 GiB as float64, ten times what can be analysed in a day.
MAX_VALUES = 2**28


@dataclass(frozen=True)
class Reading:
    """A network as it was read, and the precision in which its weights were stored.

    Attributes:
        network: the weights as float64, which holds every narrower float exactly.
        dtype: `"float32"` where every weight is one exactly and none was stored wider, else `"float64"`.
    """

    network: Network
    dtype: str

    @property
    def about(self) -> About:
        """What is known beside the weights: the assumptions made in reading them, the link, names."""
        return self.network.about


def read(network: Network, dtypes: Iterable[object], about: About | None = None) -> Reading:
    """The Reading of a network whose arrays were stored in those dtypes (numpy's or torch's, by name).

    Args:
        network: the weights.
        dtypes: of the arrays as they were stored.
        about: what is known beside the weights, the assumptions of the reader among it; None for what the
            network itself has.

    Examples:
        >>> [read(Network(weights=[[[weight]]]), ["float16"]).dtype for weight in (0.5, 0.1)]
        ['float32', 'float64']
    """
    wide = any("64" in str(dtype) for dtype in dtypes)
    arrays = (*network.weights, *network.bias_vectors)
    # Folding a scale into the weights (ONNX's alpha) can leave single precision.
    with np.errstate(over="ignore"):
        exact = not wide and all(np.array_equal(a, a.astype(np.float32)) for a in arrays)
    known = network if about is None else network.with_about(about)
    return Reading(known, "float32" if exact else "float64")


@dataclass(frozen=True, eq=False)
class Affine:
    """z = scale u + shift, with one number a unit ([units]) or one for all ([1]); a shift of None is no bias."""

    scale: Array
    shift: Array | None = None

    def added(self, shift: Array) -> Affine:
        """The map with something added behind it."""
        return Affine(self.scale, shift if self.shift is None else self.shift + shift)

    def scaled(self, factor: Array) -> Affine:
        """The map with a factor behind it."""
        return Affine(self.scale * factor, None if self.shift is None else self.shift * factor)

    def of(self, other: Affine) -> Affine | None:
        """The map from the other's values to these; None where the other forgets its argument (scale 0)."""
        if other is self:
            return PLAIN
        if not other.scale.all():
            return None
        ratio = self.scale / other.scale
        shift = (0.0 if self.shift is None else self.shift) - ratio * (
            0.0 if other.shift is None else other.shift
        )
        return Affine(ratio, shift)

    def __call__(self, u: Array) -> Array:
        return self.scale * u if self.shift is None else self.scale * u + self.shift


#: The map that changes nothing.
PLAIN = Affine(np.ones(1))


@dataclass(frozen=True, eq=False)
class Value:
    """A computed tensor [n, units]: gain f(z) + offset, where z = scale u + shift and u is what a layer gives.

    Attributes:
        layer: how many linear layers lie behind it; 0 is the network's input.
        function: f, what was applied element by element to z [n, units], or None (f(z) = z, no gain or offset).
        name: that function's name where it is known by name.
        columns: whether samples are columns ([units, n]); None where either will do (the input).
        bases: z as a map of u; behind it other maps of u that went into f. Which of them a function written by
            hand takes for its argument shows when it is identified.
        gain, offset: [units] or [1], or None.
        picks: which units of the layer these are (columns of the input), or None for all in order.
        logits: the value before a sigmoid or a link, while nothing else has been done to it.
        link: softmax, log_softmax or argmax where it was the last step.
    """

    layer: int = 0
    function: Pointwise | None = None
    name: str | None = None
    columns: bool | None = None
    bases: tuple[Affine, ...] = (PLAIN,)
    gain: Array | None = None
    offset: Array | None = None
    picks: npt.NDArray[np.intp] | None = None
    logits: Value | None = None
    link: str | None = None

    def of(self, z: Array) -> Array:
        """gain f(z) + offset."""
        values = z if self.function is None else self.function(z)
        values = values if self.gain is None else self.gain * values
        return values if self.offset is None else values + self.offset


class Branching(Unreadable):
    """The refusal of a network whose tensors take several ways: a skip connection, a gate, several heads.

    Examples:
        >>> issubclass(Branching, Unreadable)
        True
    """


class Chain:
    """Collects linear layers and activation functions in the order of the forward pass.

    Scales and shifts of the input, of pre-activations, of activations and of outputs are folded into the
    weights and biases.

    Attributes:
        inputs: how many inputs there are, where that is known before the first linear layer.
        assumptions: one sentence for each thing that was taken to be so.

    Examples:
        >>> chain = Chain()
        >>> z = chain.linear(Value(), np.array([[1.0], [-1.0]]), None, "0")
        >>> h = chain.scale(chain.named(z, "relu", "1"), np.array(10.0), "times ten")
        >>> chain.finish(chain.linear(h, np.array([[1.0, 1.0]]), None, "2"))([[-3.0]]).tolist()
        [[30.0]]
    """

    def __init__(self, inputs: int | None = None) -> None:
        self.inputs = inputs
        self.assumptions: list[str] = []
        self._weights: list[Array] = []
        self._biases: list[Array | None] = []
        self._activations: list[str] = []
        self._labels: list[str] = []
        self._elementwise = 0

    def width(self, value: Value) -> int | None:
        """The units of a value; None for an input of unknown width."""
        if value.picks is not None:
            return len(value.picks)
        return len(self._weights[value.layer - 1]) if value.layer else self.inputs

    def linear(
        self, value: Value, weight: Array, bias: Array | None, label: str, columns: bool | None = None
    ) -> Value:
        """The value behind a linear layer with weight [out, in] and bias [out]."""
        _check_open(value, label)
        if weight.ndim != 2 or 0 in weight.shape:
            raise Unreadable(f"{label} has a weight of shape {weight.shape}, expected [out, in]", _ONLY)
        if value.layer != len(self._weights):
            other = self._labels[value.layer]
            raise Branching(
                f"{label} and {other} read the same tensor: the network branches",
                "an MLP is one chain of layers",
            )
        units = self.width(value)
        if units is not None and weight.shape[1] != units:
            raise Unreadable(
                f"{label} takes {weight.shape[1]} values, but the layer before it gives {units}", _ONLY
            )
        if value.layer == 0:
            weight, shift = self._first(value, weight, label)
        else:
            gain, offset = self._close(value, label)
            shift = None if offset is None else weight @ np.broadcast_to(offset, weight.shape[1:])
            weight = weight if gain is None else weight * gain
        self._weights.append(weight)
        self._elementwise = 0
        self._labels.append(label)
        fresh = Value(layer=value.layer + 1, columns=columns)
        for added in (shift, bias):
            fresh = fresh if added is None else self.add(fresh, added, label)
        return fresh

    def add(self, value: Value, shift: Array, label: str) -> Value:
        """The value with a constant added: [units], or one number for all units."""
        vector = self._vector(value, shift, f"{label} adds")
        if value.function is None:
            return replace(value, bases=(value.bases[0].added(vector), *value.bases))
        return replace(value, offset=vector if value.offset is None else value.offset + vector, logits=None)

    def scale(self, value: Value, factor: Array, label: str) -> Value:
        """The value times a constant: [units], or one number for all units."""
        vector = self._vector(value, factor, f"{label} multiplies by")
        if value.function is None:
            return replace(value, bases=(value.bases[0].scaled(vector), *value.bases))
        return replace(
            value,
            gain=vector if value.gain is None else value.gain * vector,
            offset=None if value.offset is None else value.offset * vector,
            logits=None,
        )

    def named(self, value: Value, name: str, label: str) -> Value:
        """The value behind an activation function that is known by name."""
        name = check_nonlinearity(name)
        if name == "identity":
            return value
        done = self.pointwise([value], _function(name), label, name)
        return replace(done, logits=value) if name == "sigmoid" else done

    def clip(self, value: Value, low: Array | None, high: Array | None, label: str) -> Value:
        """The value kept between bounds: [units] or one number for all units; None for no bound.

        Examples:
            >>> chain = Chain()
            >>> z = chain.linear(Value(), np.array([[1.0]]), None, "0")
            >>> chain.finish(chain.clip(z, None, np.array(2.0), "at most 2"))([[1.0], [5.0]]).ravel().tolist()
            [1.0, 2.0]
        """
        lower = None if low is None else self._vector(value, low, f"{label} clips at")
        upper = None if high is None else self._vector(value, high, f"{label} clips at")
        if value.function is not None and (lower is not None or upper is not None):
            return self.pointwise([value], lambda z: np.asarray(np.clip(z, lower, upper)), label)
        # max(z, low) = low + relu(z - low), min(z, high) = high - relu(high - z), and both by the unit interval
        if lower is None:
            if upper is None:
                return value
            minus = -np.ones(1)
            return self.scale(self._at_least(self.scale(value, minus, label), -upper, label), minus, label)
        if upper is None:
            return self._at_least(value, lower, label)
        if not (lower < upper).all():
            raise Unreadable(
                f"{label} clips to [{lower.flat[0]}, {upper.flat[0]}]", "give bounds in order, low < high"
            )
        if lower.size == upper.size == 1:
            return self.named(value, clip_name(float(lower[0]), float(upper[0])), label)
        span = upper - lower
        unit = self.scale(self._shifted(value, -lower, label), 1.0 / span, label)
        clipped = self.named(unit, clip_name(0.0, 1.0), label)
        return self._shifted(self.scale(clipped, span, label), lower, label)

    def pick(self, value: Value, columns: npt.ArrayLike, label: str) -> Value:
        """Some units of a value, in this order; each may come several times.

        Examples:
            >>> chain = Chain(inputs=3)
            >>> net = chain.finish(chain.linear(chain.pick(Value(), [2, 0], "x"), np.array([[1.0, 10.0]]), None, "0"))
            >>> net([[1.0, 2.0, 3.0]]).tolist()
            [[13.0]]
        """
        _check_open(value, label)
        units = self.width(value)
        chosen = np.asarray(columns, dtype=np.intp).reshape(-1)
        if units is None and (chosen < 0).any():
            raise Unreadable(f"{label} counts columns from the end of an input of unknown width", _ONLY)
        if not chosen.size or (units is not None and not ((chosen >= -units) & (chosen < units)).all()):
            raise Unreadable(f"{label} picks the columns {chosen.tolist()} of {units}", _ONLY)
        if value.function is not None and _has_own_constants(value):
            raise Unreadable(f"{label} picks some units of functions with constants of their own", _ONLY)
        chosen = chosen % units if units else chosen

        def of(vector: Array | None) -> Array | None:
            return vector if vector is None or vector.size == 1 else vector[chosen]

        return replace(
            value,
            picks=chosen if value.picks is None else value.picks[chosen],
            bases=tuple(
                Affine(base.scale if base.scale.size == 1 else base.scale[chosen], of(base.shift))
                for base in value.bases
            ),
            gain=of(value.gain),
            offset=of(value.offset),
            logits=None,
        )

    def join(self, values: Sequence[Value], label: str) -> Value:
        """Values of one layer side by side (a concatenation along the units)."""
        base = values[0]
        widths = [self.width(value) for value in values]
        same = all(
            value.layer == base.layer
            and value.columns == base.columns
            and (value.function is None) == (base.function is None)
            and value.name == base.name
            for value in values
        )
        if not same or (
            base.function is not None and (base.name is None or any(map(_has_own_constants, values)))
        ):
            raise Branching(
                f"{label} joins the outputs of several layers or functions: the network branches",
                "an MLP is one chain of layers",
            )
        for value in values:
            _check_open(value, label)
        if None in widths:
            raise Unreadable(f"{label} joins inputs of unknown width", _ONLY)
        known = [width or 0 for width in widths]

        def beside(vectors: Iterable[Array | None], default: float) -> Array | None:
            listed = list(vectors)
            if all(vector is None for vector in listed):
                return None
            return np.concatenate(
                [
                    np.broadcast_to(np.full(1, default) if vector is None else vector, (width,))
                    for vector, width in zip(listed, known, strict=True)
                ]
            )

        firsts = [value.bases[0] for value in values]
        scale = beside((first.scale for first in firsts), 1.0)
        assert scale is not None
        return replace(
            base,
            picks=np.concatenate(
                [
                    np.arange(width) if value.picks is None else value.picks
                    for value, width in zip(values, known, strict=True)
                ]
            ),
            bases=(Affine(scale, beside((first.shift for first in firsts), 0.0)),),
            gain=beside((value.gain for value in values), 1.0),
            offset=beside((value.offset for value in values), 0.0),
            logits=None,
        )

    def combine(self, values: Sequence[Value], factors: Sequence[float], label: str) -> Value | None:
        """A weighted sum of different units of one linear layer, as a linear layer of its own.

        None where the values are the same units, or functions of them: then it is done unit by unit.

        Examples:
            >>> chain = Chain(inputs=3)
            >>> halves = [chain.pick(Value(), [k], "x") for k in (0, 2)]
            >>> chain.finish(chain.combine(halves, [1.0, -1.0], "sub"))([[5.0, 7.0, 3.0]]).tolist()
            [[2.0]]
        """
        base = values[0]
        alike = all(
            value.function is None and value.link is None and value.layer == base.layer for value in values
        )
        if not alike or all(_same(value.picks, base.picks) for value in values):
            return None
        widths = {self.width(value) for value in values}
        source = Value(layer=base.layer, columns=base.columns)
        inputs, units = self.width(source), max(width or 0 for width in widths)
        if inputs is None or not widths <= {1, units}:
            return None
        weight, bias = np.zeros((units, inputs)), np.zeros(units)
        for value, factor in zip(values, factors, strict=True):
            first = value.bases[0]
            picks = np.arange(inputs) if value.picks is None else value.picks
            np.add.at(weight, (np.arange(units), np.broadcast_to(picks, units)), factor * first.scale)
            bias += 0.0 if first.shift is None else factor * first.shift
        return self.linear(source, weight, bias if bias.any() else None, label, base.columns)

    def link(self, value: Value, name: str, label: str) -> Value:
        """The value behind a closing softmax, log_softmax or argmax; nothing but `finish` may follow."""
        if name == "argmax":  # the largest logit is the largest probability
            value = value.logits or value
        elif name == "log" and value.link == "softmax" and value.logits is not None:
            name, value = "log_softmax", value.logits
        _check_open(value, label)
        return replace(value, link=name, logits=value)

    def pointwise(
        self, values: Sequence[Value], function: Callable[..., Array], label: str, name: str | None = None
    ) -> Value:
        """An element-wise function of values that rest on the same linear layer (gelu: z times erf of z)."""
        base = next((value for value in values if value.function is None), values[0])
        for value in values:
            _check_open(value, label)
        if any(value.layer != base.layer for value in values):
            raise Branching(
                f"{label} joins two tensors of different layers: a residual (skip) connection or a gate",
                "an MLP is one chain of layers",
            )
        if any(not _same(value.picks, base.picks) for value in values):
            raise Branching(
                f"{label} joins different units of one layer: a gate, or a comparison of units",
                "an MLP is one chain of layers",
            )
        maps = [value.bases[0].of(base.bases[0]) for value in values]
        if any(to is None for to in maps):
            raise Unreadable(f"{label} joins a tensor with one that is multiplied by 0", _ONLY)

        self._elementwise += 1
        if self._elementwise > _MAX_ELEMENTWISE:
            raise Unreadable(
                f"{label} is one of more than {_MAX_ELEMENTWISE} element-wise steps between two layers",
                "use a named activation function",
            )

        def composed(z: Array) -> Array:
            # One array for all values that are kept in the same scale: what two of them rest on is
            # remembered by its argument, and a graph of n steps is computed n times, not 2^n.
            arguments: dict[Affine, Array] = {}
            inner = []
            for value, to in zip(values, maps, strict=True):
                if to is not None:
                    own = value.bases[0]
                    argument = arguments.setdefault(own, z if to is PLAIN else to(z))
                    inner.append(value.of(argument))
            return np.asarray(function(*inner), dtype=np.float64)

        bases = dict.fromkeys([base.bases[0], *(b for value in values for b in value.bases)])
        return replace(
            base,
            function=_Remembered(composed),
            name=name if len(values) == 1 and base.function is None else None,
            bases=tuple(bases),
            gain=None,
            offset=None,
            logits=None,
        )

    def finish(self, value: Value) -> Network:
        """The Network up to that value.

        A closing sigmoid, softmax, log_softmax or argmax is the network's link, and its outputs are what goes
        into it. Behind another closing activation comes an identity read-out.
        """
        link = value.link
        if link is not None and value.logits is not None:
            value = value.logits
        elif value.logits is not None:
            link, value = "sigmoid", value.logits
        if not self._weights:
            raise Unreadable("it holds no linear layer", "an MLP has at least one")
        if value.layer != len(self._weights):
            label = self._labels[value.layer]
            raise Branching(
                f"{label} is computed, but is not on the way to the output", "an MLP is one chain"
            )
        name, value = self._settled(value, "the output")
        if name == "sigmoid" and link is None and value.gain is None and value.offset is None:
            link, name, value = "sigmoid", "identity", replace(value, function=None, name=None)
        if name != "identity":
            value = self.linear(value, np.eye(self.width(value) or 0), None, "the output")
        self._place(value)
        about = About(assumptions=tuple(dict.fromkeys(self.assumptions)), link=link)
        return Network(self._weights, self._biases, self._activations, about=about)

    def _vector(self, value: Value, constant: npt.ArrayLike, what: str) -> Array:
        _check_open(value, what)
        array = np.asarray(constant, dtype=np.float64)
        units = self.width(value)
        if array.size != 1 and units is not None and array.size != units:
            raise Unreadable(
                f"{what} a constant of shape {array.shape}, but there are {units} units",
                "a bias, scale or bound has one value per unit",
            )
        return array.reshape(-1)

    def _at_least(self, value: Value, low: Array, label: str) -> Value:
        return self._shifted(self.named(self._shifted(value, -low, label), "relu", label), low, label)

    def _shifted(self, value: Value, shift: Array, label: str) -> Value:
        """Added, where it is not zero: a clip at 0 gives no layer a bias."""
        return self.add(value, shift, label) if shift.any() else value

    def _first(self, value: Value, weight: Array, label: str) -> tuple[Array, Array | None]:
        """The first layer's weight [out, inputs] with the map of the inputs folded in, and its bias."""
        if value.function is not None:
            name, value = self._settled(value, label)
            if name != "identity":
                raise Unreadable(
                    f"an activation function comes before {label}, the first linear layer", _ONLY
                )
        base = value.bases[0]
        for part in (base.scale, base.shift):
            if part is not None and part.size not in (1, weight.shape[1]):
                raise Unreadable(f"{label} takes {weight.shape[1]} values, but {part.size} are scaled", _ONLY)
        shift = None if base.shift is None else weight @ np.broadcast_to(base.shift, weight.shape[1:])
        if base is not PLAIN:
            weight = weight * base.scale
        if value.picks is not None:
            inputs = self.inputs
            if inputs is None:
                inputs = int(value.picks.max()) + 1
                self.assumptions.append(
                    f"the network has {inputs} inputs, the last of which is the last column that is read"
                )
            spread = np.zeros((len(weight), inputs))
            np.add.at(spread.T, value.picks, weight.T)
            weight = spread
        return weight, shift

    def _settled(self, value: Value, label: str) -> tuple[str, Value]:
        """The name of a value's function, and the value as that function of its first base."""
        if value.function is None:
            return "identity", value
        if value.name is not None:
            return value.name, value
        function, first = value.function, value.bases[0]
        for base in value.bases:
            to = first.of(base)
            name = None if to is None else identify_units(_behind(function, to))
            if name is None and to is not None and (value.gain is not None or value.offset is not None):
                # The factor can be the function's own: gelu is 0.5 times z (1 + erf(z / sqrt 2)).
                name = identify_units(_behind(value.of, to))
                if name is not None and name != "identity":
                    return name, _as_named(replace(value, gain=None, offset=None), name, base)
                name = None
            if name is None:
                continue
            if name != "identity":
                return name, _as_named(value, name, base)
            for change in ("gain", "offset"):
                constant = getattr(value, change)
                if constant is not None:
                    base = base.scaled(constant) if change == "gain" else base.added(constant)
            return name, replace(value, function=None, name=None, bases=(base,), gain=None, offset=None)
        behind = self._labels[value.layer - 1] if value.layer else "the input"
        raise Unreadable(
            f"the function between {behind} and {label} is none of {', '.join((*NAMES, *FORMS))}",
            "replace it by one of these",
        )

    def _close(self, value: Value, label: str) -> tuple[Array | None, Array | None]:
        """Settle the activation function in front of a linear layer; the gain and offset that are left."""
        name, value = self._settled(value, label)
        self._activations.append(name)
        self._place(value)
        return value.gain, value.offset

    def _place(self, value: Value) -> None:
        """Fold what lies between a linear layer and its activation function into its weight and bias."""
        base, weight = value.bases[0], self._weights[-1]
        if value.picks is not None:
            weight = weight[value.picks]
        if not (base.scale == 1.0).all():
            weight = weight * np.broadcast_to(base.scale, (len(weight),))[:, None]
        self._weights[-1] = weight
        self._biases.append(
            None if base.shift is None else np.array(np.broadcast_to(base.shift, len(weight)))
        )


class _Remembered:
    """A function that computes once for the argument that it was last given."""

    def __init__(self, function: Pointwise) -> None:
        self._function = function
        self._last: tuple[Array, Array] | None = None

    def __call__(self, z: Array) -> Array:
        if self._last is None or self._last[0] is not z:
            self._last = (z, self._function(z))
        return self._last[1]


# Activation functions that are spelt out take about ten steps; each step is tried on 700 numbers a unit.
_MAX_ELEMENTWISE = 200
_ONLY = "an MLP is linear layers with activation functions between them"


def _function(name: str) -> Pointwise:
    return lambda z: np.asarray(apply_nonlinearity(name, z), dtype=np.float64)


def _as_named(value: Value, name: str, base: Affine) -> Value:
    """The value as the named function of that base."""
    return replace(value, function=_function(name), name=name, bases=(base, *value.bases))


def _check_open(value: Value, label: str) -> None:
    if value.link is not None:
        raise Unreadable(
            f"{label} computes with what {value.link} gives", f"an MLP ends where {value.link} is applied"
        )


def _behind(function: Pointwise, to: Affine) -> Pointwise:
    return function if to is PLAIN else lambda z: function(to(z))


def _has_own_constants(value: Value) -> bool:
    """Whether a value's function has constants that differ between units."""
    if value.function is None:
        return False
    with np.errstate(all="ignore"):
        return value.function(np.zeros((1, 1))).shape != (1, 1)


def _same(first: npt.NDArray[np.intp] | None, second: npt.NDArray[np.intp] | None) -> bool:
    return first is second or (first is not None and second is not None and np.array_equal(first, second))
