"""The screen of `mathcircuits inspect`: what a network computes and what its neurons hold, in 40 lines of a terminal.

Each part is printed as soon as it is known, the quick ones first.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Network
from mathcircuits.detect.errors import printable
from mathcircuits.detect.matching import neuron_shares
from mathcircuits.detect.networks import sobol_points

from ...wording import at_most, counted, several_readings, told
from ..analysisdata import gauge_within, ranks_of
from .console import clipped, fitted_table, number, p_value, text_width
from .waiting import working

if TYPE_CHECKING:
    import pandas as pd

    from mathcircuits.detect import Analysis, Task

#: Lines of the whole, unless more is asked for: a terminal's, less what stays above and below.
_LINES = 40
#: Neurons that are listed one by one; of more, the most used are, and fewer only where the lines do not suffice.
FEW, TOP, _FEWEST = 12, 10, 5
#: Rows of formulas, circuits and groups at most, and of groups at least.
_FORMULAS, _CIRCUITS, _GROUPS, _LEAST_GROUPS = 3, 2, 8, 3
#: Weights that are listed for a neuron; of more, the largest are.
_LISTED = 4
#: Points at which the outputs are looked at before anything is proved: 2^10.
_LOG2_LOOK = 10


@dataclass(frozen=True)
class ScreenLayout:
    """How much of an analysis is printed.

    Attributes:
        everything: every neuron, group, circuit and formula, none of them cut.
        weights: the weights of the neurons that are listed.
        top: how many of the most used neurons are listed; None for all of up to twelve, else ten.
        directions: the features that can be read as a direction.

    Examples:
        >>> ScreenLayout().free, ScreenLayout(everything=True).free
        (False, True)
    """

    everything: bool = False
    weights: bool = False
    top: int | None = None
    directions: bool = False

    @property
    def free(self) -> bool:
        """Whether there may be more lines than a terminal has."""
        return self.everything or self.weights or self.directions or self.top is not None


class _Screen:
    """What was printed so far, in lines of a width."""

    def __init__(self, layout: ScreenLayout) -> None:
        self.layout, self.width, self.lines = layout, text_width(), 0

    def say(self, text: str = "", indent: int = 0, most: int | None = None) -> None:
        """Print a text, wrapped; beyond `most` lines the last one is cut, unless everything is asked for."""
        lines = textwrap.wrap(text, self.width, subsequent_indent=" " * indent, break_on_hyphens=False) or [
            ""
        ]
        if most is not None and len(lines) > most and not self.layout.everything:
            lines = [*lines[: most - 1], clipped(lines[most - 1] + " " * self.width, self.width)]
        self.put(lines)

    def put(self, lines: Sequence[str]) -> None:
        """Print lines as they are, at once: a pipe would keep them."""
        for line in lines:
            print(printable(line), flush=True)
        self.lines += len(lines)

    def fields(self, fields: Mapping[str, str], most: int = 1) -> None:
        """Print names and texts, aligned."""
        for name, text in fields.items():
            self.say(f"{name.ljust(_NAME)}{text}", _NAME, most)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], **fitting: Any) -> None:
        """Print a table that fits; everything means that no cell is cut."""
        if self.layout.everything:
            fitting.pop("cut", None)
        self.put(fitted_table(columns, rows, self.width, **fitting))


#: Characters of a field's name.
_NAME = 11


def print_analysis(
    analysis: Analysis,
    layout: ScreenLayout | None = None,
    second: Callable[[Analysis], Analysis] | None = None,
) -> None:
    """Print what the network computes and how well, its circuits, and what its neurons hold.

    Args:
        analysis: of the network.
        layout: how much of it.
        second: adds the second null, networks that were taught something else, which takes its time; it is asked for
            when the neurons' turn comes.
    """
    layout = ScreenLayout() if layout is None else layout
    screen = _Screen(layout)
    _head(screen, analysis)
    if analysis.within_reach:
        _formulas(screen, analysis)
        with working("looking for circuits"):
            circuits, readings = analysis.circuits, analysis.readings
        _circuits(screen, analysis, circuits)
        _readings(screen, analysis, readings)
    if second is not None:
        with working("training networks on something else"):
            analysis = second(analysis)
    with working("comparing neurons with their null"):
        groups = analysis.groups
    _neurons(screen, analysis, groups)
    if layout.directions:
        with working("comparing directions with their null"):
            tested, ranks = analysis.directions, ranks_of(analysis)
        _directions(screen, analysis, tested, ranks)
    _skipped(screen, analysis)


def _head(screen: _Screen, analysis: Analysis) -> None:
    network, domain = analysis.network, analysis.domain
    shape = repr(network).removeprefix("Network(").removesuffix(")")
    samples = "" if domain.data is None or domain.points is not None else f", on {len(domain.data)} samples"
    finite = "" if domain.points is None else f"{len(domain.points)} points: "
    screen.say(f"{shape}; read on {finite}{domain.text}{samples}", 2, 3)
    for name, text in told(network).items():
        screen.say(f"{name}: {text}", 2, 2)
    if analysis.silent:
        screen.say(analysis.silent, 2)
    screen.fields({"outputs": _outputs(analysis)})


def _outputs(analysis: Analysis) -> str:
    """The range of each output at points of the domain, and the error there against the task."""
    data = analysis.domain.data
    X = sobol_points(analysis.box, _LOG2_LOOK) if data is None else data
    y = analysis.network(X).reshape(len(X), -1)
    ranges = [
        f"{name} from {number(low)} to {number(high)}"
        for name, low, high in zip(
            analysis.network.output_names, y.min(axis=0).tolist(), y.max(axis=0).tolist(), strict=True
        )
    ]
    text = f"{', '.join(ranges[:3])}{', ...' if len(ranges) > 3 else ''}"
    if analysis.task is None:
        return f"{text} at {len(X)} points"
    off = y - np.asarray(analysis.task(X), dtype=float).reshape(len(X), -1)
    return f"{text}; mean squared error {number(float((off**2).mean()), 2)} at {len(X)} points"


def _formulas(screen: _Screen, analysis: Analysis) -> None:
    with working("looking for a formula"):
        found = formula_fields(analysis)
    screen.fields(found, 2)
    if analysis.task is not None and (analysis.task.formula or analysis.task.rows is not None):
        with working(f"proving the error against {analysis.task.name}"):
            proved = task_fields(analysis)
        screen.fields(proved, 2)
    with working("looking for the gauge and the least norm"):
        further = gauge_fields(analysis)
    screen.fields(further)
    with working("proving the errors of other formulas"):
        program = analysis.program
        shown = program.front if screen.layout.everything else program.closest(_FORMULAS)
    if len(shown) > 1 or program.formula is None:
        rows = [
            [str(point.complexity).rjust(6), at_most(point.error), analysis.domain.renamed(point.text)]
            for point in shown
        ]
        screen.put([""])
        screen.table(["length", "largest error", "formula"], rows, cut="formula")


def formula_fields(analysis: Analysis) -> dict[str, str]:
    """The formula and its proved error, or why there is none.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> formula_fields(analyse(hand_derived("minimum"), init="uniform"))
        {'formula': 'min(x1, x2)', 'certified': 'off by at most 1.8e-13 anywhere on the box'}
    """
    program = analysis.program
    if program.formula is None:
        # Where the nearest is within the tolerance, something else than its error speaks against it.
        near = program.certificate.upper <= min(program.tolerances)
        within = "" if near else f" within {program.tolerance_text}"
        return {"formula": f"none{within}: {program.reason}"}
    where = "anywhere on the box" if analysis.domain.points is None else "at any of its points"
    text = analysis.domain.renamed(program.text)
    lines = {"formula": text, "certified": f"off by at most {at_most(program.certificate.upper)} {where}"}
    if program.constants == "fitted":
        lines["certified"] += f"; its constants are fitted, to {program.tolerance_text}"
    return lines


def task_fields(analysis: Analysis) -> dict[str, str]:
    """The proved error against the task; of data how far off the network is on their rows.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> task_fields(analyse(hand_derived("minimum"), task="minimum"))
        {'task': 'off minimum by at most 1.8e-13, at least 0 (by cells)'}
    """
    if analysis.task is not None and analysis.task.rows is not None:
        rows = analysis.task.rows
        squared = float(((analysis.network(rows.X) - rows.Y) ** 2).mean())
        explained = 1.0 - squared / float(rows.Y.var(axis=0).mean())
        off = (
            f"off {analysis.task.name} by {number(squared**0.5, 2)} (root mean square of {len(rows.X)} rows)"
        )
        return {"data": f"{off}, R² {number(explained, 4)}"}
    proof = analysis.certificate
    ended = "" if proof.complete else ", stopped early"
    name = "" if analysis.task is None else f"{analysis.task.name} "
    bounds = f"at most {at_most(proof.upper)}, at least {number(proof.lower, 2)}"
    return {"task": f"off {name}by {bounds} (by {proof.method}{ended})"}


def gauge_fields(analysis: Analysis) -> dict[str, str]:
    """How the network implements its function, and its norm.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> gauge_fields(analyse(hand_derived("minimum"), task="minimum"))
        {'gauge': 'x1 - relu(x1 - x2)', 'path norm': '3.414214, 20.7% above the least, 2.828427'}
    """
    lines = {}
    gauge = gauge_within(analysis)
    if gauge is not None:
        named = analysis.domain.renamed
        lines["gauge"] = (
            f"not in the catalogue: {named(gauge.description)}"
            if gauge.name is None
            else named(gauge.name, gauge.on)
        )
    if analysis.norms.text:
        lines["path norm"] = analysis.norms.text
    return lines


def _circuits(screen: _Screen, analysis: Analysis, circuits: pd.DataFrame) -> None:
    named, output_named = analysis.domain.renamed, analysis.network.outputs_renamed
    rows = [
        [
            str(row["circuit"]), named(", ".join(row["on"])), output_named(str(row["output"])),
            number(row["distance"], 2),
            at_most(float(row["certified"])).replace("–", "-"), named(str(row["form"])),
        ]
        for row in circuits.to_dict("records")
    ]  # fmt: skip
    screen.put([""])
    if not rows:
        screen.put(["no circuit of the catalogue"])
        return
    shown = rows if screen.layout.everything else rows[:_CIRCUITS]
    columns = ("circuit", "on", "output", "distance", "certified", "form")
    screen.table(columns, shown, cut="form", left_out=("distance", "output"))
    if len(rows) > len(shown):
        screen.put([f"and {counted(len(rows) - len(shown), 'more circuit')} (--all)"])


def _readings(screen: _Screen, analysis: Analysis, readings: pd.DataFrame) -> None:
    words = several_readings(readings)
    if not words:
        return
    named, output_named = analysis.domain.renamed, analysis.network.outputs_renamed
    rows = [
        [
            output_named(str(row["output"])), str(row["reading"]), named(str(row["text"])), number(row["distance"], 2),
            at_most(float(row["certified"])).replace("–", "-"), str(row["function"]),
        ]
        for row in analysis.further_readings.to_dict("records")
    ]  # fmt: skip
    screen.put([""])
    screen.say(output_named(words))
    columns = ("output", "reading", "as circuits", "distance", "certified", "function")
    shown = rows if screen.layout.everything else rows[:_CIRCUITS]
    if shown:
        screen.table(columns, shown, cut="as circuits")
    if len(rows) > len(shown):
        screen.put([f"and {counted(len(rows) - len(shown), 'more reading')} (--all)"])


def _neurons(screen: _Screen, analysis: Analysis, groups: pd.DataFrame) -> None:
    neurons, layout = analysis.neurons, screen.layout
    screen.put([""])
    screen.say(f"null: {_null(analysis)}", 2, 3)
    if neurons.empty:
        screen.put(["no hidden neuron"])
        return
    count = len(neurons)
    each = neurons["status"].value_counts()
    said = ", ".join(f"{n} {status}" for status, n in each.items())
    screen.say(f"{counted(count, 'neuron')}: {said}; share: output variance lost without it", 2)
    alone = neuron_shares(analysis.network, box=analysis.box, inputs=analysis.domain.data)
    neurons = neurons.assign(share=np.concatenate(alone))
    ranked = neurons.sort_values("share", ascending=False, kind="stable", na_position="last")
    # A table's head twice, a blank line and a title; then a blank line and two of what was not tested.
    room = _LINES - screen.lines - 4 - 3
    if layout.everything:
        listed = neurons
    elif layout.top is not None:
        listed = ranked.head(layout.top)
    elif count <= FEW:
        listed = _grouped(neurons, groups)
    else:
        listed = ranked.head(min(TOP, max(room - _LEAST_GROUPS, _FEWEST)))
    if count > FEW:
        most = len(groups) if layout.free else min(max(room - len(listed), _LEAST_GROUPS), _GROUPS)
        _groups(screen, analysis, groups, most)
        rest = "" if len(listed) == count else f"the {len(listed)} most used of {count} (--all lists them)"
        screen.put(["", *([rest] if rest else [])])
    _rows(screen, analysis, listed)


def _grouped(neurons: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """The neurons in the order of their groups, those of one group together."""
    places = {
        (layer, unit): place
        for place, (layer, own) in enumerate(zip(groups["layer"], groups["neurons"], strict=True))
        for unit in own
    }
    order = [places[key] for key in zip(neurons["layer"], neurons["neuron"], strict=True)]
    return neurons.iloc[np.argsort(order, kind="stable")]


def _null(analysis: Analysis) -> str:
    laws = f"{', '.join(analysis.laws)} init"
    first = (
        f"neurons of the same offset in random directions ({laws})"
        if analysis.null == "conditional"
        else f"neurons of untrained networks ({laws})"
    )
    if analysis.taught:
        return f"{first}, and {len(analysis.taught)} networks that were taught something else; a match needs both"
    return f"{first}; no networks that were taught something else ({_untaught(analysis.task)})"


def _untaught(task: Task | None) -> str:
    """Why there are no networks that were taught something else than this task."""
    if task is None:
        return "--task trains them"
    if task.points:
        return f"none can be for {'data' if task.rows else 'a task on points'}"
    return "training them takes too long"


def _groups(screen: _Screen, analysis: Analysis, groups: pd.DataFrame, most: int) -> None:
    rows = [
        [
            share_text(row["share"]), str(len(row["neurons"])).rjust(7), str(row["layer"]).rjust(5),
            str(row["status"]), _label(analysis, row),
        ]
        for row in groups.to_dict("records")
    ]  # fmt: skip
    columns = ["share", "neurons", "layer", "status", "feature"]
    if groups["layer"].nunique() == 1:
        columns.remove("layer")
        rows = [[*row[:2], *row[3:]] for row in rows]
    shown = rows if len(rows) <= most else rows[: most - 1]
    screen.table(columns, shown)
    if len(rows) > len(shown):
        screen.put([f"and {counted(len(rows) - len(shown), 'more group')} (--all)"])


def _rows(screen: _Screen, analysis: Analysis, neurons: pd.DataFrame) -> None:
    """A table of neurons, one a row, each with its weights below it where they are asked for."""
    several = len(analysis.network.architecture.active) > 1
    columns = ["neuron", "share", "status", "feature", "unexplained", "q"]
    columns += ["q taught"] if analysis.taught else []
    columns += ["p", "causal"] if screen.layout.everything else []
    rows = []
    for row in neurons.to_dict("records"):
        name = f"{row['layer']}.{row['neuron']}" if several else str(row["neuron"])
        cells = [name.rjust(6), share_text(row["share"]), str(row["status"]), _label(analysis, row)]
        cells += [number(row["unexplained"], 2), p_value(row["q"])]
        cells += [p_value(row["q_taught"])] if analysis.taught else []
        cells += [p_value(row["p"]), number(row["causal"])] if screen.layout.everything else []
        rows.append(cells)
    left_out = ("causal", "p", "unexplained", "q taught", "q")
    if not screen.layout.weights:
        screen.table(columns, rows, left_out=left_out)
        return
    lines = fitted_table(columns, rows, screen.width, left_out=left_out)
    screen.put(lines[:1])
    own = _lines_of(lines[1:], len(rows))
    for row, table_lines in zip(neurons.to_dict("records"), own, strict=True):
        screen.put(table_lines)
        screen.say(f"        {_weights(analysis, int(row['layer']), int(row['neuron']))}", 8)


def _lines_of(lines: Sequence[str], rows: int) -> list[list[str]]:
    """The lines of each row: one that goes on below itself starts with the empty cell of a neuron's number."""
    own: list[list[str]] = []
    for line in lines:
        if line[:6].strip():
            own.append([line])
        else:
            own[-1].append(line)
    assert len(own) == rows
    return own


def _label(analysis: Analysis, row: Mapping[Any, Any]) -> str:
    named, feature = analysis.domain.renamed, row["feature"]
    if not isinstance(feature, str):
        return "-"
    return f"{feature}({named(', '.join(row['on']))})" if len(row["on"]) else feature


def share_text(value: float) -> str:
    """A share of the output as a percentage, right-aligned.

    Examples:
        >>> share_text(0.4693), share_text(0.00596), share_text(4.04), share_text(0.0), share_text(float("nan"))
        (' 47%', '0.6%', '404%', '  0%', '   -')
    """
    if value != value:
        return "   -"
    small = 0 < value < 0.01
    text = f"{100 * value:.1f}%" if small else f"{100 * value:.0f}%"
    return ("<.1%" if small and text == "0.0%" else text).rjust(4)


def _weights(analysis: Analysis, layer: int, unit: int) -> str:
    network, names = analysis.network, analysis.domain.names
    block = network.architecture.active[layer]
    before = [f"v{k}" for k in range(network.sizes[block])] if block else names
    into = weights_text(network.weights[block][unit], before, float(network.bias_vectors[block][unit]))
    return f"{into} -> {weights_text(network.weights[block + 1][:, unit], _targets(network, block))}"


def weights_text(weights: npt.NDArray[np.float64], names: Sequence[str], bias: float = 0.0) -> str:
    """The weights with what they weigh, the largest where there are many, and the bias where there is one.

    Examples:
        >>> weights_text(np.array([1.0, -0.25]), ("x1", "x2"), 0.4375)
        '1 x1, -0.25 x2, bias 0.438'
        >>> weights_text(np.arange(6.0), [f"y{k}" for k in range(1, 7)])
        '5 y6, 4 y5, 3 y4, 2 y3, and 2 more'
    """
    order = list(range(len(weights)))
    more = ""
    if len(weights) > _LISTED:
        order = [int(k) for k in np.argsort(-np.abs(weights), kind="stable")[:_LISTED]]
        more = f", and {len(weights) - _LISTED} more"
    shown = ", ".join(f"{number(float(weights[k]))} {names[k]}" for k in order)
    return shown + more + (f", bias {number(float(bias))}" if bias else "")


def _targets(network: Network, block: int) -> list[str]:
    """What the next layer's units are called: the outputs by their names, or the next variables `v0`, ..."""
    if block + 2 == len(network.weights):
        return list(network.output_names)
    return [f"v{k}" for k in range(network.sizes[block + 2])]


def _directions(screen: _Screen, analysis: Analysis, tested: pd.DataFrame, ranks: pd.DataFrame) -> None:
    readable = tested[tested["readable"].astype(bool)]
    if len(tested):
        screen.put(["", f"{len(readable)} of {len(tested)} features can be read as a direction of a layer"])
    rows = [
        [
            str(row["layer"]), _label(analysis, row), number(row["unexplained"], 2), number(row["untrained"], 2),
            p_value(row["q"]), "yes" if row["tautology"] else "no",
        ]
        for row in readable.to_dict("records")
    ]  # fmt: skip
    if rows:
        screen.table(["layer", "feature", "unexplained", "by chance", "q", "tautology"], rows)
    for row in ranks.to_dict("records"):
        screen.say(f"layer {row['layer']}: {row['verdict']}", 2)


def _skipped(screen: _Screen, analysis: Analysis) -> None:
    """What was too costly, in a line or two; each on lines of its own where there may be more."""
    read = (*analysis.skipped_neurons, *analysis.skipped_circuits)
    texts = analysis.skipped if screen.layout.directions else read
    if not texts:
        return
    screen.put([""])
    if screen.layout.free:
        for text in texts:
            screen.say(f"not tested: {text}", 2)
    else:
        screen.say(f"not tested: {'; '.join(texts)}", 2, 2)
