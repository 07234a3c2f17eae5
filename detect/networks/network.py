"""Network: an MLP's plain weights and its forward pass with interventions; Activations: what a run records."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..errors import InputError, UnknownNameError
from .about import About, renumbered
from .architecture import HOOK_INPUT, HOOK_OUTPUT, Architecture, hook_names, hook_post, hook_pre
from .box import as_floats, check_inputs
from .nonlinearities import apply_nonlinearity, check_nonlinearity

_POST = re.compile(r"blocks\.([0-9]+)\.mlp\.hook_post")
#: What is known beside the weights of most networks.
_NOTHING = About()


@dataclass(frozen=True, eq=False)
class LayerActivations:
    """One hook's values, with the inputs that they were recorded on; usable as an array.

    Attributes:
        values: [n, units].
        hook: the hook's name.
        inputs_id: `Activations.inputs_id` of the run.

    Examples:
        >>> acts = Activations({"hook_input": [[0.0], [1.0]], "hook_output": [[0.0], [2.0]]})
        >>> layer = acts.at("hook_output")
        >>> layer, np.asarray(layer).ravel().tolist(), layer.inputs_id == acts.inputs_id
        (LayerActivations('hook_output', [2, 1]), [0.0, 2.0], True)
    """

    values: npt.NDArray[np.float64]
    hook: str
    inputs_id: str

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"LayerActivations({self.hook!r}, {list(self.values.shape)})"


@dataclass(frozen=True, eq=False)
class Activations(Mapping[str, npt.NDArray[np.float64]]):
    """What one run of a network recorded: a Mapping from hook name to values [n, units].

    Attributes:
        recorded: hook name -> float array [n, units], all with the same n.
        architecture: the shape of the network, which the nulls are drawn for; None where unknown.
        network: the weights, where they are known (weight-level evidence needs them).
        inputs_id: a hash of the inputs' values and shape: equal exactly for runs on the same inputs in the
            same order, which is what comparisons of two networks check.

    Examples:
        >>> acts = Activations({"hook_input": [[0.0], [1.0]], "hook_output": [[0.0], [2.0]]})
        >>> acts["hook_output"].ravel().tolist(), acts.n, acts
        ([0.0, 2.0], 2, Activations(n=2, hooks=2))
        >>> acts["hook_ouput"]
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no hook named 'hook_ouput':
        did you mean 'hook_output'? (recorded: hook_input, hook_output)
    """

    recorded: Mapping[str, npt.NDArray[np.float64]]
    architecture: Architecture | None = None
    network: Network | None = None
    inputs_id: str = field(init=False)

    def __post_init__(self) -> None:
        if HOOK_INPUT not in self.recorded:
            raise InputError(
                f"activations without {HOOK_INPUT!r}: record the inputs too, they say what was seen"
            )
        inputs = check_inputs(self.recorded[HOOK_INPUT])
        checked = {HOOK_INPUT: inputs}
        for name, given in self.recorded.items():
            if name == HOOK_INPUT:
                continue
            array = as_floats(given)
            if array is None:
                raise InputError(
                    f"{name} is not numeric: give an array [{len(inputs)}, units] of real numbers"
                )
            if array.ndim != 2 or len(array) != len(inputs):
                raise InputError(
                    f"{name} has shape {array.shape}: expected [{len(inputs)}, units], one row per input"
                )
            if not np.isfinite(array).all():
                raise InputError(
                    f"{name} holds NaN or infinite values: the network overflows on these inputs, "
                    "or an intervention returned them"
                )
            checked[name] = array
        object.__setattr__(self, "recorded", checked)
        digest = hashlib.sha256(np.ascontiguousarray(inputs).tobytes() + repr(inputs.shape).encode())
        object.__setattr__(self, "inputs_id", digest.hexdigest()[:16])

    def shape(self) -> Architecture:
        """The architecture, which every null is drawn for.

        Raises:
            InputError: where it is not known.
        """
        if self.architecture is None:
            raise InputError(
                "these activations do not say what network they come from, so there is no null: record them with "
                "mathcircuits.models.record, or pass Activations(..., architecture=Architecture(sizes, "
                "activations, bias))"
            )
        return self.architecture

    def at(self, hook: str) -> LayerActivations:
        """One hook's values together with the identity of the inputs, for the similarity measures.

        Raises:
            UnknownNameError: for a hook that was not recorded.
        """
        return LayerActivations(self[hook], hook, self.inputs_id)

    @property
    def inputs(self) -> npt.NDArray[np.float64]:
        """The inputs [n, d]."""
        return self.recorded[HOOK_INPUT]

    @property
    def outputs(self) -> npt.NDArray[np.float64]:
        """The outputs [n, outputs]."""
        return self[HOOK_OUTPUT]

    @property
    def n(self) -> int:
        """The number of samples."""
        return len(self.inputs)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks whose activations were recorded, in order."""
        found = [_POST.fullmatch(name) for name in self.recorded]
        return tuple(sorted(int(match.group(1)) for match in found if match))

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        try:
            return self.recorded[name]
        except KeyError:
            raise UnknownNameError(
                "hook", name, self.recorded, f"recorded: {', '.join(self.recorded)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.recorded)

    def __len__(self) -> int:
        return len(self.recorded)

    def __eq__(self, other: object) -> bool:
        # Mapping's own == would ask an array for its truth.
        if not isinstance(other, Activations):
            return NotImplemented
        return self.recorded.keys() == other.recorded.keys() and all(
            np.array_equal(values, other.recorded[name]) for name, values in self.recorded.items()
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none, and values may be written into

    def __repr__(self) -> str:
        return f"Activations(n={self.n}, hooks={len(self)})"


Array = npt.NDArray[np.float64]
#: What happens at a hook: the values [n, units] in, the values that go on out.
Intervention = Callable[[Array], Array]


@dataclass(frozen=True)
class Hook:
    """What a function of `Network.run_with_hooks` is told of the hook that it is called at.

    Attributes:
        name: the hook's name.

    Examples:
        >>> Hook("hook_input").name
        'hook_input'
    """

    name: str


@runtime_checkable
class HasNetwork(Protocol):
    """Anything that can be read as a Network."""

    def to_network(self) -> Network:
        """The plain weights."""
        ...


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Network:
    """An MLP as plain float64 weights: hidden layers with an activation each, then a linear read-out.

    Attributes:
        weights: one read-only array [out, in] per linear layer, rows are neurons.
        biases: one read-only array [out] per linear layer (zeros where a layer has none), or None
            where no layer has one.
        architecture: sizes, activations and which layers have a bias.
        about: what is known beside the weights: assumptions made in reading it, link, names.

    Examples:
        >>> minimum = Network(weights=[[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> minimum([[0.25, 0.5], [0.5, -0.5]]).ravel().tolist()
        [0.25, -0.5]
        >>> minimum.sizes, minimum
        ((2, 3, 1), Network(2-3-1, relu, no bias))
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...] | None
    architecture: Architecture
    about: About

    def __init__(
        self,
        weights: Sequence[npt.ArrayLike],
        biases: Sequence[npt.ArrayLike | None] | None = None,
        activation: str | Sequence[str] = "relu",
        *,
        about: About | None = None,
    ) -> None:
        """Check and copy the weights.

        Args:
            weights: one array-like [out, in] per linear layer.
            biases: one array-like [out] (or None) per linear layer, or None for no biases at all.
            activation: one name for all hidden layers or one each (see `nonlinearity.NAMES`).
            about: what is known beside the weights; nothing by default.

        Raises:
            InputError: where shapes do not chain, a layer is empty, a weight is not finite, or names do not
                fit the inputs and outputs.
        """
        arrays = tuple(_frozen(w, 2, f"weights[{k}]") for k, w in enumerate(_listed(weights, "weights")))
        if not arrays:
            raise InputError("a network without weights: give at least the read-out's array [out, in]")
        for k, w in enumerate(arrays):
            if 0 in w.shape:
                raise InputError(f"weights[{k}] has shape {w.shape}: every layer needs at least one unit")
            if k and w.shape[1] != arrays[k - 1].shape[0]:
                raise InputError(
                    f"weights[{k}] has shape {w.shape}, but layer {k - 1} has "
                    f"{arrays[k - 1].shape[0]} units: arrays are [out, in], transpose it if it is [in, out]"
                )
        given = [None] * len(arrays) if biases is None else _listed(biases, "biases")
        if len(given) != len(arrays):
            raise InputError(
                f"{len(given)} biases for {len(arrays)} weights: give one per layer (None for none)"
            )
        vectors = []
        for k, (w, b) in enumerate(zip(arrays, given, strict=True)):
            if b is None:
                vectors.append(_zeros(len(w)))
                continue
            vector = _frozen(b, 1, f"biases[{k}]")
            if len(vector) != len(w):
                raise InputError(
                    f"biases[{k}] has {len(vector)} values for {len(w)} units: give one per unit"
                )
            vectors.append(vector)
        hidden = len(arrays) - 1
        names = [activation] * hidden if isinstance(activation, str) else _listed(activation, "activations")
        if len(names) != hidden:
            raise InputError(
                f"{len(names)} activations for {hidden} hidden layers: give one, or one per layer"
            )
        checked = tuple(check_nonlinearity(name) for name in names)
        has_bias = tuple(b is not None for b in given)
        sizes = (arrays[0].shape[1], *(len(w) for w in arrays))
        object.__setattr__(self, "weights", arrays)
        object.__setattr__(self, "biases", tuple(vectors) if any(has_bias) else None)
        object.__setattr__(self, "architecture", _architecture(sizes, checked, has_bias))
        known = _NOTHING if about is None else about
        known.check(sizes[0], sizes[-1])
        object.__setattr__(self, "about", known)

    @property
    def bias_vectors(self) -> tuple[Array, ...]:
        """One array [out] per linear layer, zeros where there is no bias."""
        return self.biases if self.biases is not None else tuple(_zeros(len(w)) for w in self.weights)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, hidden widths, outputs."""
        return self.architecture.sizes

    @property
    def activations(self) -> tuple[str, ...]:
        """One activation name per hidden layer."""
        return self.architecture.activations

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.sizes[0]

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return self.sizes[-1]

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What its source does not say and was taken to be so, one sentence each."""
        return self.about.assumptions

    @property
    def link(self) -> str | None:
        """The closing function of the model that it was read from, whose arguments the outputs are; or None."""
        return self.about.link

    @property
    def input_names(self) -> tuple[str, ...]:
        """One name per input: `x1`, `x2`, ... where nothing else is known."""
        return self.about.input_names or tuple(f"x{k + 1}" for k in range(self.inputs))

    @property
    def output_names(self) -> tuple[str, ...]:
        """One name per output: `y1`, `y2`, ... where nothing else is known."""
        return self.about.output_names or tuple(f"y{k + 1}" for k in range(self.outputs))

    @property
    def output_labels(self) -> tuple[str, ...]:
        """What figures call the outputs: their names, and a single one without a name `y`."""
        return ("y",) if self.outputs == 1 and not self.about.output_names else self.output_names

    def outputs_renamed(self, text: str) -> str:
        """A text over y1, y2, ... with the outputs' own names, where they have any.

        Examples:
            >>> net = Network([[[1.0], [-1.0]]], about=About(output_names=("paid", "tax")))
            >>> net.outputs_renamed("part of y2"), net.output_labels
            ('part of tax', ('paid', 'tax'))
        """
        return renumbered(text, "y", self.about.output_names or ())

    def __call__(self, X: npt.ArrayLike) -> Array:
        """The outputs [n, outputs] for inputs [n, d]."""
        h = check_inputs(X, self.inputs)
        for w, b, name in zip(self.weights, self.bias_vectors, (*self.activations, "identity"), strict=True):
            h = apply_nonlinearity(name, h @ w.T + b)
        return h

    def run(self, X: npt.ArrayLike, interventions: Mapping[str, Intervention] | None = None) -> Activations:
        """A forward pass that records every hook, with interventions on the way.

        Args:
            X: inputs [n, d].
            interventions: hook name -> function that gets that hook's values [n, units] and returns
                what goes on in their place; it is handed a copy and may write into it.

        Raises:
            UnknownNameError: for a hook that the network does not have.
            InputError: where an intervention changes the shape.

        Examples:
            >>> net = Network(weights=[[[1.0], [-1.0]], [[1.0, 1.0]]])
            >>> net.run([[-2.0]])["blocks.0.mlp.hook_post"].tolist()
            [[0.0, 2.0]]
            >>> net.run([[-2.0]], {"blocks.0.mlp.hook_post": lambda h: h * [1, 0]}).outputs.tolist()
            [[0.0]]
        """
        hooks = dict(interventions or {})
        self._chosen(tuple(hooks))

        def at(name: str, values: Array) -> Array:
            if name not in hooks:
                return values
            changed = as_floats(hooks[name](values.copy()))
            if changed is None or changed.shape != values.shape:
                got = "no numeric array" if changed is None else f"shape {changed.shape}"
                raise InputError(f"the intervention at {name} returned {got}, expected shape {values.shape}")
            # What is recorded is nobody else's: an intervention may return an array that it keeps.
            return changed.copy()

        # Recorded values are copies, not the caller's own array.
        h = at(HOOK_INPUT, check_inputs(X, self.inputs).copy())
        recorded = {HOOK_INPUT: h}
        for block, name in enumerate(self.activations):
            pre = at(hook_pre(block), h @ self.weights[block].T + self.bias_vectors[block])
            recorded[hook_pre(block)] = pre
            # The identity gives its argument back, which would make one array of two hooks.
            post = apply_nonlinearity(name, pre) if name != "identity" else pre.copy()
            h = recorded[hook_post(block)] = at(hook_post(block), post)
        recorded[HOOK_OUTPUT] = at(HOOK_OUTPUT, h @ self.weights[-1].T + self.bias_vectors[-1])
        return Activations(recorded, architecture=self.architecture, network=self)

    def run_with_cache(
        self, X: npt.ArrayLike, names_filter: str | Sequence[str] | Callable[[str], bool] | None = None
    ) -> tuple[Array, Activations]:
        """TransformerLens's call of that name: the outputs [n, outputs] and what the hooks recorded.

        Args:
            X: inputs [n, d].
            names_filter: the hooks to record: one name, several, or a function of the name; None records all. The
                inputs are always kept.

        Raises:
            UnknownNameError: for a hook that the network does not have, which TransformerLens would not record.

        Examples:
            >>> net = Network(weights=[[[1.0], [-1.0]], [[1.0, 1.0]]])
            >>> outputs, cache = net.run_with_cache([[-2.0]], "blocks.0.mlp.hook_post")
            >>> outputs.tolist(), list(cache), cache["blocks.0.mlp.hook_post"].tolist()
            ([[2.0]], ['hook_input', 'blocks.0.mlp.hook_post'], [[0.0, 2.0]])
        """
        ran = self.run(X)
        kept = self._chosen(names_filter)
        recorded = {name: ran[name] for name in ran if name in kept or name == HOOK_INPUT}
        return ran.outputs, Activations(recorded, architecture=self.architecture, network=self)

    def run_with_hooks(
        self,
        X: npt.ArrayLike,
        fwd_hooks: Sequence[tuple[str | Callable[[str], bool], Callable[..., npt.ArrayLike | None]]] = (),
    ) -> Array:
        """TransformerLens's call of that name: the outputs [n, outputs] with functions at hooks.

        Args:
            X: inputs [n, d].
            fwd_hooks: pairs of a hook's name (or a function that picks names) and a function, called as
                `function(values, hook=hook)` with that hook's values [n, units], a copy, and a `Hook` of that name.
                What it returns goes on in the values' place; where it returns None, they go on as it left them.
                Several at one hook run in their order.

        Raises:
            UnknownNameError: for a hook that the network does not have.
            InputError: where a function changes the shape.

        Examples:
            >>> net = Network(weights=[[[1.0], [-1.0]], [[1.0, 1.0]]])
            >>> net.run_with_hooks([[-2.0]], [("blocks.0.mlp.hook_post", lambda h, hook: h * [1, 0])]).tolist()
            [[0.0]]
        """
        at: dict[str, list[Callable[..., npt.ArrayLike | None]]] = {}
        for names, function in fwd_hooks:
            for name in self._chosen(names):
                at.setdefault(name, []).append(function)

        def through(name: str) -> Intervention:
            def changed(values: Array) -> Array:
                for function in at[name]:
                    returned = function(values, hook=Hook(name))
                    values = values if returned is None else np.asarray(returned)
                return values

            return changed

        return self.run(X, {name: through(name) for name in at}).outputs

    def _chosen(self, names: str | Sequence[str] | Callable[[str], bool] | None) -> tuple[str, ...]:
        """The hooks of those names, in the order of the forward pass."""
        known = hook_names(len(self.activations))
        if names is None:
            return known
        if callable(names):
            return tuple(name for name in known if names(name))
        asked = [names] if isinstance(names, str) else list(names)
        for name in asked:
            if name not in known:
                raise UnknownNameError("hook", name, known, f"this network has {', '.join(known)}")
        return tuple(name for name in known if name in asked)

    def with_about(self, about: About) -> Network:
        """The same weights, with something else known beside them.

        Examples:
            >>> Network([[[1.0]]]).with_about(About(link="sigmoid")).link
            'sigmoid'
        """
        return Network(self.weights, self._given_biases(), self.activations, about=about)

    def to_network(self) -> Network:
        """Itself, so that a Network goes wherever something with `to_network` does."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew, since numpy forgets on the way that an array is read-only.
        return _remade, (self.weights, self._given_biases(), self.activations, self.about)

    def _given_biases(self) -> tuple[Array | None, ...]:
        """One array per linear layer, None where it has no bias."""
        pairs = zip(self.bias_vectors, self.architecture.bias, strict=True)
        return tuple(vector if has else None for vector, has in pairs)

    def __repr__(self) -> str:
        return repr(self.architecture).replace("Architecture", "Network", 1)


def _remade(
    weights: tuple[Array, ...], biases: tuple[Array | None, ...], activations: tuple[str, ...], about: About
) -> Network:
    return Network(weights, biases, activations, about=about)


def as_network(network: object) -> Network:
    """The Network behind anything that has `to_network()`, a torch module, or a fitted scikit-learn model.

    Objects of other libraries are read by what an installed package names for that library under the entry points
    `mathcircuits.networks`: the entry's name is the library's top-level package, its value a function of the object.
    Ours are torch and sklearn, read by `mathcircuits.models.files.read_network`, which is imported for such an object
    alone. So this package imports neither, and a package of somebody else's can add a library.

    Raises:
        InputError: for anything else, and for a model that is not an MLP; `mathcircuits.models.load` reads files.

    Examples:
        >>> as_network(Network(weights=[[[2.0]]]))
        Network(1-1, no bias)
        >>> as_network("net.onnx")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: a str is no network: pass a Network, an MLP, a torch module, a fitted
        scikit-learn model or what mathcircuits.models.load(...) returns
    """
    if isinstance(network, Network):
        return network
    if not isinstance(network, type):  # a class has the method too, but no weights
        if isinstance(network, HasNetwork):
            return network.to_network()
        reader = _reader_of(network)
        if reader is not None:
            return reader(network)
    kind = f"class {network.__name__}" if isinstance(network, type) else type(network).__name__
    raise InputError(
        f"a {kind} is no network: pass a Network, an MLP, a torch module, a fitted scikit-learn model or what "
        "mathcircuits.models.load(...) returns"
    )


def _reader_of(model: object) -> Callable[[object], Network] | None:
    """What reads another library's objects: the entry point of one of the packages that made the object's class."""
    from importlib.metadata import entry_points

    packages = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    for point in entry_points(group="mathcircuits.networks"):
        if point.name in packages:
            reader: Callable[[object], Network] = point.load()
            return reader
    return None


def _listed(values: Any, name: str) -> list[Any]:
    """The items of a sequence of layers."""
    try:
        return list(values)
    except TypeError:
        raise InputError(
            f"{name} of type {type(values).__name__}: give a list with one item per layer"
        ) from None


@lru_cache(maxsize=1024)
def _zeros(units: int) -> Array:
    """The read-only bias of a layer that has none."""
    zeros = np.zeros(units)
    zeros.setflags(write=False)
    return zeros


@lru_cache(maxsize=1024)
def _architecture(sizes: tuple[int, ...], names: tuple[str, ...], bias: tuple[bool, ...]) -> Architecture:
    """One object for all networks of a shape."""
    return Architecture(sizes, names, bias)


def _frozen(values: npt.ArrayLike, ndim: int, name: str) -> Array:
    """A read-only float64 copy with that many axes and finite values only."""
    # Nothing is to be asked of what is float64: a study makes many thousands of networks of such arrays.
    converted = values if type(values) is np.ndarray and values.dtype == np.float64 else as_floats(values)
    if converted is None:
        raise InputError(f"{name} is not a numeric array with {ndim} axes")
    array = converted.copy()
    if array.ndim != ndim:
        raise InputError(
            f"{name} has shape {array.shape}: expected {ndim} axes ([out, in] weights, [out] biases)"
        )
    if not np.isfinite(array).all():
        raise InputError(
            f"{name} holds NaN or infinite values: the network did not train, or the file is damaged"
        )
    array.setflags(write=False)
    return array
