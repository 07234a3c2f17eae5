"""Circuit templates: features joined by weights that compute a known function, and their catalogue.

A circuit is a graph: features at the nodes, effective weights on the edges, after each ReLU neuron's positive
scale is pushed downstream (docs/understand/similarity.md, Circuits). It is kept as a small network, and one function
may have several: the minimum is `x1 - relu(x1 - x2)` (Osier's slide), its mirror image, and `1/2 (x1 + x2) - 1/2
|x1 - x2|`. Each implementation is a Circuit of its own, named by its gauge.
"""

from __future__ import annotations

import html
import itertools
import os
from collections.abc import Iterable, Mapping, ValuesView
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import FileError, InputError, MathCircuitsError, UnknownNameError, did_you_mean, near_names
from ..features.entry_files import user_catalogue_folder
from ..features.formulas import Formula
from ..features.registry import Registry, clashes_named, fold_name, items_of, load_plugin, named_few
from ..features.task import tasks
from ..networks.box import as_box, comparison_points
from ..networks.composition import scaled_downstream
from ..networks.network import Network
from ..statistics.criteria import EQUAL
from ..untrusted import parse_toml
from .neuron_names import neuron_features

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

#: Points at which a template is compared with its formula, another template or itself with inputs exchanged.
_TRIALS = 64
_CIRCUIT_KEYS = (
    "name",
    "aliases",
    "formula",
    "gauge",
    "weights",
    "biases",
    "functions",
    "on_points",
    "source",
)
_GAUGE_KEYS = ("circuit", "name", "aliases", "weights", "biases", "source")


@dataclass(frozen=True, eq=False, repr=False)
class Circuit:
    """One implementation of a known function as a small ReLU network.

    Attributes:
        name: of the function, shared by all its implementations; `aliases` also find it.
        formula: one Formula per output, over the arguments `x1`, `x2`, ...
        network: the weights; rows are neurons.
        gauge: the name of this implementation.
        source: where it comes from.
        serves: names of tasks; where empty, `functions` asks the registry of tasks.
        others: the further implementations, for the first one of a name.
        on_points: whether its function is meant on some points alone, so that it is looked for on finite domains only.

    Examples:
        >>> c = circuits["minimum"]
        >>> c, c.to_network()
        (Circuit('minimum', 'min(x1, x2)', as x1 - relu(x1 - x2)), Network(2-3-1, relu, no bias))
        >>> c.features, c.functions
        (('greaterness', 'positiveness', 'negativeness'), ('minimum', 'minimum-of-4'))
        >>> [g.gauge for g in c.gauges][:3]
        ['x1 - relu(x1 - x2)', 'x2 - relu(x2 - x1)', '1/2 (x1 + x2) - 1/2 |x1 - x2|']
    """

    name: str
    formula: tuple[Formula, ...]
    network: Network
    gauge: str = ""
    aliases: tuple[str, ...] = ()
    source: str = ""
    serves: tuple[str, ...] = ()
    others: tuple[Circuit, ...] = ()
    on_points: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"circuit {self.name!r}: its name must be a text that is not blank")
        given = (self.formula,) if isinstance(self.formula, str | Formula) else self.formula
        formula = tuple(f if isinstance(f, Formula) else Formula(f) for f in given)
        object.__setattr__(self, "formula", formula)
        if not self.gauge:
            object.__setattr__(self, "gauge", self.text)
        arity = max((f.arity for f in formula), default=0)
        if (arity, len(formula)) != (self.network.inputs, self.network.outputs):
            raise InputError(
                f"circuit {self.name!r}: its formula has {arity} arguments and {len(formula)} outputs, its "
                f"network {self.network.inputs} and {self.network.outputs}: give weights of the formula's shape"
            )
        X = comparison_points(as_box((-1.0, 1.0), arity), _TRIALS)
        wanted, got = self.values(X), self.network(X)
        if not np.isfinite(wanted).all():
            raise InputError(
                f"circuit {self.name!r}: its formula {self.text!r} is infinite or NaN on [-1, 1]; give one that is "
                "finite there"
            )
        off = float(np.abs(wanted - got).max())
        if not off <= EQUAL * max(1.0, float(np.abs(wanted).max())):
            raise InputError(
                f"circuit {self.name!r}: its weights are off its formula {self.text!r} by {off:.3g} on "
                "[-1, 1]; mend either"
            )

    @property
    def text(self) -> str:
        """The formula as one text; several outputs are separated by `; `."""
        return "; ".join(f.text for f in self.formula)

    @property
    def arity(self) -> int:
        """The number of arguments."""
        return self.network.inputs

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return self.network.outputs

    @property
    def depth(self) -> int:
        """The number of hidden layers."""
        return len(self.network.architecture.active)

    @property
    def gauges(self) -> tuple[Circuit, ...]:
        """This implementation and the others of the function."""
        return (self, *self.others)

    def to_network(self) -> Network:
        """The circuit's weights."""
        return self.network

    def values(self, X: Array) -> Array:
        """The formula's values [n, outputs] at arguments X [n, arity]."""
        box = tuple((-1.0, 1.0) for _ in range(X.shape[1]))
        return np.column_stack([np.asarray(f(X, box=box), dtype=np.float64) for f in self.formula])

    @cached_property
    def symmetry(self) -> tuple[tuple[int, ...], ...]:
        """The orders of the arguments, other than their own, that leave every output unchanged."""
        X = comparison_points(as_box((-1.0, 1.0), self.arity), _TRIALS, seed=1)
        own = self.values(X)
        size = EQUAL * max(1.0, float(np.abs(own).max()))
        orders = itertools.permutations(range(self.arity))
        same = (o for o in orders if np.abs(self.values(X[:, list(o)]) - own).max() <= size)
        return tuple(order for order in same if order != tuple(range(self.arity)))

    @cached_property
    def nodes(self) -> tuple[tuple[tuple[str, str | None], ...], ...]:
        """Per hidden layer, each neuron's label and the name of the feature it holds (None where it has none)."""
        return neuron_features(self.network)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the catalogue's features that it is made of, in the order of its neurons."""
        return tuple(dict.fromkeys(name for layer in self.nodes for _, name in layer if name))

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The names of the tasks whose networks are expected to hold it."""
        return self.serves or tuple(task.name for task in tasks.values() if self.name in task.circuits)

    @cached_property
    def graph(self) -> nx.DiGraph:
        """Features at the nodes, effective weights on the edges.

        Each ReLU neuron's positive scale is pushed downstream, so that its largest incoming weight is 1 or -1.
        Nodes are `x1`, `h0.2` (layer, neuron) and `y1`, with `layer` (0 for the inputs), `label`, `feature`
        and `bias`; edges have `weight`; edges of weight 0 are left out.

        Examples:
            >>> g = circuits["minimum"].graph
            >>> g.nodes["h0.0"]["label"], g.edges["h0.0", "y1"]["weight"]
            ('relu(x1 - x2)', -1.0)
        """
        import networkx as nx

        graph = nx.DiGraph(name=self.name)
        weights, biases = scaled_downstream(self.network)
        below = [f"x{k + 1}" for k in range(self.arity)]
        for name in below:
            graph.add_node(name, layer=0, label=name, feature=None, bias=0.0)
        for k, (W, b) in enumerate(zip(weights, biases, strict=True)):
            last = k == len(weights) - 1
            names = [f"y{j + 1}" if last else f"h{k}.{j}" for j in range(len(W))]
            for j, name in enumerate(names):
                label, feature = (self.formula[j].text, None) if last else self.nodes[k][j]
                graph.add_node(name, layer=k + 1, label=label, feature=feature, bias=float(b[j]))
            for j, i in zip(*np.nonzero(W), strict=True):
                graph.add_edge(below[i], names[j], weight=float(W[j, i]))
            below = names
        return graph

    def draw(self, ax: Axes | None = None) -> Axes:
        """Draw the graph layer by layer, from left to right: blue edges are positive, red ones negative.

        Args:
            ax: where to draw; by default a new figure.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            ax = plt.subplots(figsize=(2.6 * (self.depth + 2), 1.0 + 0.7 * max(self.network.sizes)))[1]
        layers: dict[int, list[str]] = {}
        for name, data in self.graph.nodes(data=True):
            layers.setdefault(data["layer"], []).append(name)
        at = {
            name: (float(layer), (len(names) - 1) / 2 - k)
            for layer, names in layers.items()
            for k, name in enumerate(names)
        }
        largest = max((abs(w) for _, _, w in self.graph.edges(data="weight")), default=1.0)
        for tail, head, weight in self.graph.edges(data="weight"):
            (x0, y0), (x1, y1) = at[tail], at[head]
            colour = "tab:blue" if weight > 0 else "tab:red"
            ax.plot([x0, x1], [y0, y1], color=colour, lw=0.6 + 2.0 * abs(weight) / largest, zorder=1)
            # At two fifths of the way two crossing edges do not share a place for their numbers.
            place = (x0 + 0.4 * (x1 - x0), y0 + 0.4 * (y1 - y0))
            ax.annotate(f"{weight:.3g}", place, color=colour, fontsize=8, ha="center", va="bottom")
        for name, (x, y) in at.items():
            data = self.graph.nodes[name]
            text = data["label"] + (f"\n{data['feature']}" if data["feature"] else "")
            box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "0.5"}
            ax.text(x, y, text, ha="center", va="center", fontsize=8, bbox=box, zorder=2)
        ax.set_xlim(-0.5, self.depth + 1.5)
        tallest = max(len(names) for names in layers.values())
        ax.set_ylim(-(tallest - 1) / 2 - 0.6, (tallest - 1) / 2 + 0.6)
        ax.set_axis_off()
        ax.set_title(f"{self.name}: {self.gauge}")
        return ax

    def __repr__(self) -> str:
        return f"Circuit({self.name!r}, {self.text!r}, as {self.gauge})"

    def _repr_html_(self) -> str:
        weights, _ = scaled_downstream(self.network)
        label = {name: html.escape(text) for name, text in self.graph.nodes(data="label")}
        edges = [
            f"{label[tail]} &rarr; {label[head]}: {weight:.4g}"
            for tail, head, weight in self.graph.edges(data="weight")
            if self.graph.nodes[head]["layer"] == len(weights)
        ]
        rows = [
            ("formula", html.escape(self.text)),
            ("gauge", html.escape(self.gauge)),
            ("neurons", html.escape(", ".join(label for layer in self.nodes for label, _ in layer))),
            ("features", html.escape(", ".join(self.features))),
            ("read-out", "<br>".join(edges)),
            ("serves", html.escape(", ".join(self.functions))),
            ("other gauges", html.escape("; ".join(c.gauge for c in self.others))),
            ("source", html.escape(self.source)),
        ]
        cells = "".join(f"<tr><th>{k}</th><td>{v}</td></tr>" for k, v in rows if v)
        return f"<table><caption>{html.escape(self.name)}</caption>{cells}</table>"


class Circuits(Registry[Circuit]):
    """Circuit templates: a Mapping by name, whose aliases answer too.

    A look-up gives the first implementation; `circuit.gauges` all of them.

    Examples:
        >>> circuits["final reconstructor"].name, "minimum of four" in circuits
        ('identity', True)
        >>> circuits["minimun"]
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no circuit named 'minimun': did you mean 'minimum'?
        (known: ...)
        >>> [c.gauge for c in circuits.without("minimum", "x1 - relu(x1 - x2)")["minimum"].gauges][0]
        'x2 - relu(x2 - x1)'
    """

    def __init__(self, templates: Iterable[Circuit] = ()) -> None:
        """A catalogue of these circuits; several of one name are its implementations, in that order.

        Raises:
            InputError: where an implementation computes another function than the first of its name, has a
                gauge that is taken, or a name or alias belongs to another circuit.
        """
        self._table = _merged(templates)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Circuits:
        """The circuits of a TOML file of `[[circuit]]` and `[[gauge]]` tables.

        A `[[gauge]]` names a circuit of the same file or of the installed catalogue.

        Raises:
            FileError: where the file cannot be read or an entry is wrong; it names the file and the line.
        """
        return cls(parse_circuits(_read(Path(path)), str(path), circuits))

    def without(self, name: str, gauge: str | None = None) -> Circuits:
        """The catalogue without a circuit, or without one of its implementations.

        Raises:
            UnknownNameError: where there is no such circuit or gauge.
        """
        circuit = self[name]
        gauges = [c.gauge for c in circuit.gauges]
        if gauge is not None and gauge not in gauges:
            raise UnknownNameError(f"gauge of {circuit.name!r}", gauge, gauges, f"known: {', '.join(gauges)}")
        return Circuits(
            c
            for c in self.implementations
            if c.name != circuit.name or (gauge is not None and c.gauge != gauge)
        )

    @property
    def implementations(self) -> tuple[Circuit, ...]:
        """Every implementation of every circuit, each without its `others`."""
        return tuple(replace(c, others=()) for first in self.values() for c in first.gauges)

    def __or__(self, other: Circuits | Iterable[Circuit]) -> Circuits:
        more = other.implementations if isinstance(other, Circuits) else tuple(other)
        own = self.implementations
        known = {(c.name, c.gauge): c for c in own}
        # What is in both is taken once; the same name for something else is refused.
        new = (c for c in more if not _same(known.get((c.name, c.gauge)), c))
        return Circuits((*own, *new))

    @cached_property
    def _named(self) -> dict[str, Circuit]:
        """Every name and alias in the form in which names are compared."""
        return {fold_name(key): c for c in self._table.values() for key in (c.name, *c.aliases)}

    def __getitem__(self, name: str) -> Circuit:
        found = self._named.get(fold_name(name)) if isinstance(name, str) else None
        if found is None:
            options = [key for c in self._table.values() for key in (c.name, *c.aliases)]
            raise UnknownNameError("circuit", name, options, f"known: {', '.join(self._table)}")
        return found

    def values(self) -> ValuesView[Circuit]:
        """The first implementation of each circuit."""
        return self._table.values()

    def _held(self) -> Mapping[str, Circuit]:
        return self._table

    def __hash__(self) -> int:
        # Mapping's == does not look at the order.
        return hash(frozenset(self._table))

    def __repr__(self) -> str:
        return f"Circuits({named_few(self)})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(c.name)}</td><td>{html.escape(c.text)}</td>"
            f"<td>{html.escape('; '.join(g.gauge for g in c.gauges))}</td></tr>"
            for c in self.values()
        )
        return f"<table><thead><tr><th>circuit</th><th>formula</th><th>gauges</th></tr></thead>{rows}</table>"


class _InstalledCircuits(Circuits):
    """The shipped circuits, those of installed plug-ins and the user's own, read when first used."""

    def __init__(self) -> None:
        pass

    @cached_property
    def _table(self) -> dict[str, Circuit]:  # type: ignore[override]  # filled on first use
        shipped = files("mathcircuits.detect").joinpath("data", "circuits.toml").read_text("utf-8")
        found = Circuits(parse_circuits(shipped, "circuits.toml", Circuits()))
        for point in entry_points(group="mathcircuits.circuits"):
            with clashes_named(point):
                found = found | _plugged_in(point)
        for path in user_circuit_files():
            try:
                found = found | parse_circuits(_read(path), str(path), found)
            except FileError:
                raise
            except MathCircuitsError as error:
                raise FileError(path, str(error)) from None
        return found._table


def parse_circuits(text: str, source: str, known: Mapping[str, Circuit]) -> tuple[Circuit, ...]:
    """The circuits of a TOML text of `[[circuit]]` and `[[gauge]]` tables.

    Args:
        text: the TOML text; source: what messages call it.
        known: circuits that a `[[gauge]]` may name besides the text's own.

    Raises:
        FileError: where the text is not TOML or an entry is wrong; it names the source and the line.

    Examples:
        >>> toml = '[[circuit]]\\nname = "double"\\nformula = "2 * x1"\\nweights = [[[1], [-1]], [[2, -2]]]\\n'
        >>> parse_circuits(toml, "mine.toml", circuits)
        (Circuit('double', '2 * x1', as 2 * x1),)
    """
    data = parse_toml(text, source)
    unknown = [key for key in data if key not in ("circuit", "gauge")]
    if unknown or not data:
        problem = f"unknown table {unknown[0]!r}" if unknown else "holds no [[circuit]] table"
        raise FileError(source, problem, "write one [[circuit]] or [[gauge]] table each")
    found: dict[str, Circuit] = {}
    listed: list[Circuit] = []
    for kind in ("circuit", "gauge"):
        entries = data.get(kind, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise FileError(source, f"{kind!r} is not an array of tables", f"write [[{kind}]] tables")
        header = f"[[{kind}]]"
        lines = [k for k, line in enumerate(text.splitlines(), 1) if line.strip().startswith(header)]
        for k, entry in enumerate(entries):
            try:
                circuit = _parse_entry(entry, kind, found, known)
            except MathCircuitsError as error:
                what = entry.get("name", k + 1)
                # An inline array of tables has no headers to count.
                line = lines[k] if len(lines) == len(entries) else None
                raise FileError(source, f"{kind} {what!r}: {error}", line=line) from None
            found.setdefault(fold_name(circuit.name), circuit)
            listed.append(circuit)
    return tuple(listed)


def user_circuit_files() -> tuple[Path, ...]:
    """The user's own circuit files, beside the catalogue's folder, in the order of their names.

    Examples:
        >>> all(path.suffix == ".toml" for path in user_circuit_files())
        True
    """
    return tuple(sorted(user_circuit_folder().glob("*.toml")))


def user_circuit_folder() -> Path:
    """The folder of the user's own circuits.

    Examples:
        >>> user_circuit_folder().name
        'circuits'
    """
    return user_catalogue_folder().parent / "circuits"


def _same(a: Circuit | None, b: Circuit) -> bool:
    """Whether both are one implementation with the same weights."""
    if a is None or a.text != b.text or a.network.architecture != b.network.architecture:
        return False
    pairs = zip(
        (*a.network.weights, *a.network.bias_vectors),
        (*b.network.weights, *b.network.bias_vectors),
        strict=True,
    )
    return all(np.array_equal(v, w) for v, w in pairs)


def _merged(templates: Iterable[Circuit]) -> dict[str, Circuit]:
    groups: dict[str, list[Circuit]] = {}
    taken: dict[str, str] = {}
    for circuit in templates:
        group = groups.setdefault(circuit.name, [])
        for c in circuit.gauges:
            if any(c.gauge == other.gauge for other in group):
                raise InputError(
                    f"circuit {c.name!r}: the gauge {c.gauge!r} is there already; give this one another name"
                )
            if group and not _one_function(group[0], c):
                raise InputError(
                    f"circuit {c.name!r}: {c.text!r} is another function than {group[0].text!r} of the same "
                    "name; choose another name"
                )
            for key in (c.name, *c.aliases):
                owner = taken.setdefault(fold_name(key), c.name)
                if owner != c.name:
                    raise InputError(
                        f"circuit {c.name!r}: the name {key!r} is taken by {owner!r}; choose another"
                    )
            group.append(replace(c, others=()))
    merged = {}
    for name, group in groups.items():
        # An alias of a gauge finds its circuit only where it stands on the first implementation.
        merged[name] = replace(group[0], others=tuple(group[1:]))
    return merged


def _one_function(a: Circuit, b: Circuit) -> bool:
    if (a.arity, a.outputs) != (b.arity, b.outputs):
        return False
    X = comparison_points(as_box((-1.0, 1.0), a.arity), _TRIALS)
    return bool(np.allclose(a.values(X), b.values(X), rtol=0, atol=EQUAL))


def _parse_entry(
    entry: Mapping[str, Any], kind: str, found: Mapping[str, Circuit], known: Mapping[str, Circuit]
) -> Circuit:
    allowed = _CIRCUIT_KEYS if kind == "circuit" else _GAUGE_KEYS
    for key in entry:
        if key not in allowed:
            raise InputError(
                f"unknown key {key!r}{did_you_mean(near_names(key, allowed))} (known keys: {', '.join(allowed)})"
            )
    for key in ("name", "weights", "formula" if kind == "circuit" else "circuit"):
        if key not in entry:
            raise InputError(f"{key!r} is missing: every [[{kind}]] has one")
    network = Network(entry["weights"], entry.get("biases"))
    aliases = _texts(entry, "aliases")
    source = str(entry.get("source", ""))
    if kind == "circuit":
        texts = (entry["formula"],) if isinstance(entry["formula"], str) else _texts(entry, "formula")
        return Circuit(
            name=entry["name"],
            formula=tuple(Formula(text) for text in texts),
            network=network,
            gauge=str(entry.get("gauge", "")),
            aliases=aliases,
            source=source,
            serves=_texts(entry, "functions"),
            on_points=_flag(entry, "on_points"),
        )
    own = found.get(fold_name(str(entry["circuit"])))
    base = own if own is not None else known[entry["circuit"]]
    # A gauge's aliases say what else it is called; names find circuits.
    return Circuit(
        base.name,
        base.formula,
        network,
        str(entry["name"]),
        (),
        source,
        base.serves,
        on_points=base.on_points,
    )


def _read(path: Path) -> str:
    try:
        # Some editors begin a file with a byte order mark.
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(
            path, f"cannot be read ({error})", "give a UTF-8 TOML file of [[circuit]] tables"
        ) from None


def _flag(entry: Mapping[str, Any], key: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise InputError(f"{key!r} is {value!r}: write {key} = true, or leave it out")
    return value


def _texts(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, ())
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise InputError(f'{key!r} is not a list of texts: write {key} = ["..."]')
    return tuple(value)


def _plugged_in(point: EntryPoint) -> list[Circuit]:
    """The circuits of an installed plug-in: a Circuit, several, or a Circuits."""
    found = load_plugin(point)
    given = found.implementations if isinstance(found, Circuits) else found
    return items_of(point, given, Circuit, "a Circuit or several")


#: The circuits that mathcircuits ships, those of installed plug-ins and the user's own.
circuits: Circuits = _InstalledCircuits()
