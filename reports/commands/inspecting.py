"""`mathcircuits inspect`: what one network computes, with which circuits, and what each of its neurons holds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Network, UnknownNameError, analyse, tasks
from mathcircuits.detect.matching import known_null
from mathcircuits.models import Regimen, as_regimen, taught_like
from mathcircuits.models.files import read_network

from ..wording import at_most, several_readings, told
from .console import number, p_value, print_fields, print_json, print_table
from .domains import domain_of

if TYPE_CHECKING:
    import pandas as pd

    from mathcircuits.detect import Analysis, Gauge

#: Weights that are listed for a neuron; of more, the largest are.
_LISTED = 4
#: Characters of a formula or description on the terminal; JSON has it whole.
_LONGEST = 240


def inspect_file(
    file: Path,
    *,
    box: Sequence[str] = (),
    data: Path | None = None,
    points: str | None = None,
    task: str | None,
    activation: str | None = None,
    as_json: bool,
    part: str | None = None,
    one_hot: bool = False,
    directions: bool = False,
    deep: bool = False,
    symbolic: bool = False,
    network: str | None = None,
    html: Path | None = None,
    null: str = "conditional",
) -> None:
    """Read a network from a file and print what it computes, and with which features and circuits.

    Args:
        file: a network's file, or the folder of a study.
        box: bounds of the inputs (see `domains.py`); by default the data's range, else the task's box, else -1 and 1.
        data: a table of samples to read it on.
        points: a finite set of inputs.
        task: what it was trained on; for a network of a study its own task, where none is given.
        activation: between the layers; None for what the file says, or else relu, which is said.
        as_json: print JSON.
        part: which of several networks in the file.
        one_hot: whether embedding tables are the first layer of one-hot inputs.
        directions: list the features that can be read as a direction.
        deep: read also what takes minutes.
        symbolic: let symbolic regression propose formulas.
        network: which network of a study.
        html: a file to write as a page, whose path is printed in place of the tables.
        null: what neurons are compared with, see `match_neurons`.

    Raises:
        FileError: where the file holds no network, the inputs are no numbers, or the page cannot be written.
        InputError: for a box or inputs that do not fit the network, or a network's name without a study.
        UnknownTask: for a task that is not registered.
        UnknownNameError: for a network that the study does not have, or an unknown null.
    """
    if network is not None:
        net = of_study(file, network)
        task = network.partition("/")[0] if task is None else task
    else:
        net = read_network(file, activation=activation, part=part, one_hot=one_hot)
    known = None if task is None else tasks[task]
    domain = domain_of(net.inputs, box=box, data=data, points=points, names=net.about.input_names)
    proposer: Literal["pyoperon"] | None = "pyoperon" if symbolic else None
    analysis = analyse(net, box=domain, task=known, deep=deep, proposer=proposer, null=known_null(null))
    if known is not None:
        regimen, steps = trained_by(file, network)
        other = taught_like(net.architecture, known, regimen=regimen, steps=steps, box=analysis.box)
        analysis = replace(analysis, taught=other.networks or None)
    if html is None and not as_json:
        print_analysis(analysis, directions)
        return
    ranks = ranks_of(analysis)
    if html is not None:
        from ..pages.networks.page import write_network_page

        title = network or file.name
        source = f"DIR --network {network}" if network else title
        path = write_network_page(
            analysis, html, title=title, ranks=ranks, gauge=gauge_within(analysis),
            data=analysis_data(analysis, ranks), source=source,
        )  # fmt: skip
        if not as_json:
            print(path)
            return
    print_json(analysis_data(analysis, ranks))


def of_study(folder: Path, network: str) -> Network:
    """A network of a study by its id.

    Raises:
        FileError: where the folder holds no study.
        UnknownNameError: where the study has no such network.

    Examples:
        >>> of_study(Path("no/such/folder"), "minimum/3/adam/0")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no/such/folder: holds no study (there is no manifest.json); ...
    """
    from ..studies.folder import Study

    study = Study.load(folder)
    found = study.networks(network)
    if network not in found:
        condition = network.rpartition("/")[0] or network
        raise UnknownNameError(
            "network", network, sorted(study.networks(condition)), "give one with its seed"
        )
    return found[network]


def trained_by(file: Path, network: str | None) -> tuple[Regimen, int | None]:
    """How a network was trained, for those that are taught something else: a study says so; else the common regimen.

    Examples:
        >>> trained_by(Path("net.onnx"), None)[0].name
        'adam'
    """
    from ..studies.folder import Study

    if network is not None:
        condition = network.rpartition("/")[0]
        for cell in Study.load(file).cells:
            if cell.condition == condition and not cell.derived:
                return cell.regimen, cell.steps
    return as_regimen("adam"), None


def ranks_of(analysis: Analysis) -> pd.DataFrame:
    """Readable features beside their rank and the live neurons, one row per layer that was read.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> ranks_of(analyse(hand_derived("minimum"), init="uniform"))["verdict"].tolist()
        ['3 live neurons read 6 features of rank 3: no superposition']
    """
    from mathcircuits.detect.matching import read_superposition, superposition_frame, targets_for
    from mathcircuits.detect.networks import Stack

    rows = analysis.directions
    if rows.empty:
        return superposition_frame([])
    targets = targets_for(analysis.network.inputs, box=analysis.box, X=analysis.domain.data)
    return read_superposition(Stack.of([analysis.network]), rows.assign(network=0), targets).drop(
        columns="network"
    )


def analysis_data(analysis: Analysis, ranks: pd.DataFrame) -> dict[str, Any]:
    """`Analysis.to_dict` with the gauge, the normal form, the gauge's shares and the ranks of its layers."""
    content = analysis.to_dict()
    content["assumptions"] = list(analysis.network.assumptions)
    content["link"] = analysis.network.link
    content["superposition"] = ranks.astype(object).where(ranks.notna(), None).to_dict("records")
    gauge = gauge_within(analysis)
    if gauge is not None:
        named = analysis.domain.renamed
        content["gauge"] = {
            "circuit": None if gauge.circuit is None else gauge.circuit.name,
            "on": [named(argument) for argument in gauge.on],
            "name": None if gauge.name is None else named(gauge.name, gauge.on),
            "description": named(gauge.description),
            "form": named(gauge.text),
        }
    return content


def gauge_within(analysis: Analysis) -> Gauge | None:
    """How a network with one hidden layer implements its function; None where that is not defined or too costly."""
    from mathcircuits.detect import gauge_of
    from mathcircuits.detect.exact import is_piecewise_linear

    network = analysis.network
    if not analysis.within_reach or len(network.architecture.active) != 1 or not is_piecewise_linear(network):
        return None
    return gauge_of(network, box=analysis.box, symmetries=analysis.task.symmetries if analysis.task else ())


def print_analysis(analysis: Analysis, directions: bool) -> None:
    """Print what the network computes, its circuits, and one table a layer of what its neurons hold.

    Each part is printed as soon as it is known, the quick ones first.
    """
    network, domain = analysis.network, analysis.domain
    shape = repr(network).removeprefix("Network(").removesuffix(")")
    samples = "" if domain.data is None or domain.points is not None else f", on {len(domain.data)} samples"
    finite = "" if domain.points is None else f"{len(domain.points)} points: "
    print(f"{shape}; read on {finite}{_short(domain.text)}{samples}")
    for name, text in told(network).items():
        print(f"{name}: {text}")
    if analysis.silent:
        print(analysis.silent)
    # What comes next may take its time; a pipe would keep the head until then.
    sys.stdout.flush()
    if analysis.within_reach:
        print()
        print_fields(computed(analysis))
    _print_circuits(analysis)
    _print_readings(analysis)
    print(f"\nmatches beside {analysis.beside}")
    sys.stdout.flush()
    _print_neurons(analysis)
    sys.stdout.flush()
    _print_directions(analysis, directions)
    for text in analysis.skipped:
        print(f"\nnot tested: {text}")


def computed(analysis: Analysis) -> dict[str, str]:
    """What the network computes, in lines of a name and a text.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> a = analyse(hand_derived("minimum"), task="minimum", init="uniform")
        >>> for name, text in computed(a).items(): print(f"{name}: {text}")
        formula: min(x1, x2)
        certified: off by at most 1.8e-13 anywhere on the box
        minimum: the network is off it by at most 1.8e-13, at least 0 (by cells)
        gauge: x1 - relu(x1 - x2)
        path norm: 3.414214, 20.7% above the least, 2.828427
    """
    program, lines = analysis.program, {}
    text = _short(analysis.domain.renamed(program.text))
    if program.formula is not None:
        lines["formula"] = text
        where = "anywhere on the box" if analysis.domain.points is None else "at any of its points"
        lines["certified"] = f"off by at most {at_most(program.certificate.upper)} {where}"
        if program.constants == "fitted":
            lines["constants"] = f"fitted, to {program.tolerance_text}"
    else:
        # Where the nearest is within the tolerance, something else than its error speaks against it.
        near = program.certificate.upper <= min(program.tolerances)
        within = "" if near else f" within {program.tolerance_text}"
        lines["formula"] = f"none{within}: {program.reason}"
        lines["nearest"] = f"{text}, off by at most {at_most(program.certificate.upper)}"
    if analysis.task is not None and analysis.task.formula:
        proof = analysis.certificate
        ended = "" if proof.complete else ", stopped early"
        lines[analysis.task.name] = (
            f"the network is off it by at most {at_most(proof.upper)}, at least {number(proof.lower, 2)} "
            f"(by {proof.method}{ended})"
        )
    gauge = gauge_within(analysis)
    if gauge is not None:
        named = analysis.domain.renamed
        lines["gauge"] = (
            f"not in the catalogue: {_short(named(gauge.description))}"
            if gauge.name is None
            else named(gauge.name, gauge.on)
        )
    if analysis.norms.text:
        lines["path norm"] = analysis.norms.text
    return lines


def _print_circuits(analysis: Analysis) -> None:
    if not analysis.within_reach:
        return
    named = analysis.domain.renamed
    rows = [
        [
            str(row["circuit"]), named(", ".join(row["on"])), str(row["output"]), _short(named(str(row["form"]))),
            named(row["gauge"], row["on"]) if isinstance(row["gauge"], str) else "-", number(row["distance"], 2),
            at_most(float(row["certified"])).replace("–", "-"),
        ]
        for row in analysis.circuits.to_dict("records")
    ]  # fmt: skip
    print("\ncircuits" if rows else "\nno circuit of the catalogue")
    if rows:
        print_table(["circuit", "on", "output", "form", "gauge", "distance", "certified"], rows)


def _print_readings(analysis: Analysis) -> None:
    words = several_readings(analysis.readings) if analysis.within_reach else ""
    if not words:
        return
    named, several = analysis.domain.renamed, analysis.further_readings
    rows = [
        [
            str(row["output"]), str(row["reading"]), _short(named(str(row["text"]))),
            _short(named(row["gauge"])) if isinstance(row["gauge"], str) else "-", number(row["distance"], 2),
            at_most(float(row["certified"])).replace("–", "-"), str(row["function"]),
        ]
        for row in several.to_dict("records")
    ]  # fmt: skip
    print(f"\n{words}")
    if rows:
        print_table(["output", "reading", "as circuits", "gauge", "distance", "certified", "function"], rows)


def _print_neurons(analysis: Analysis) -> None:
    neurons, network, names = analysis.neurons, analysis.network, analysis.domain.names
    named = analysis.domain.renamed
    active = network.architecture.active
    for layer in sorted(set(neurons["layer"])):
        block = active[layer]
        rows = []
        for row in neurons[neurons["layer"] == layer].to_dict("records"):
            unit = int(row["neuron"])
            rows.append(
                [
                    str(unit),
                    str(row["feature"]) if isinstance(row["feature"], str) else "-",
                    named(", ".join(row["on"])),
                    str(row["status"]),
                    number(row["unexplained"], 2),
                    p_value(row["p"]),
                    p_value(row["q"]),
                    *([p_value(row["p_taught"]), p_value(row["q_taught"])] if analysis.taught else []),
                    number(row["causal"]),
                    number(row["contribution"]),
                    weights_text(
                        network.weights[block][unit],
                        _variables(network, block, names),
                        network.bias_vectors[block][unit],
                    ),
                    weights_text(network.weights[block + 1][:, unit], _targets(network, block)),
                ]
            )
        print(f"\nlayer {layer}")
        columns = (
            "neuron", "feature", "on", "status", "unexplained", "p", "q",
            *(("p taught", "q taught") if analysis.taught else ()), "causal", "contribution", "from", "to",
        )  # fmt: skip
        print_table(columns, rows)


def _print_directions(analysis: Analysis, listed: bool) -> None:
    named = analysis.domain.renamed
    tested = analysis.directions
    readable = tested[tested["readable"].astype(bool)]
    print(f"\n{len(readable)} of {len(tested)} features can be read as a direction of a layer")
    print("(beside networks with these offsets and scales that point elsewhere)")
    if listed and len(readable):
        rows = [
            [
                str(row["layer"]), str(row["feature"]), named(", ".join(row["on"])), number(row["unexplained"], 2),
                number(row["untrained"], 2), p_value(row["q"]), "yes" if row["tautology"] else "no",
            ]
            for row in readable.to_dict("records")
        ]  # fmt: skip
        print_table(["layer", "feature", "on", "unexplained", "by chance", "q", "tautology"], rows)
    for row in ranks_of(analysis).to_dict("records"):
        print(f"layer {row['layer']}: {row['verdict']}")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


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


def _variables(network: Network, block: int, names: Sequence[str]) -> Sequence[str]:
    """What the units before a block are called: the inputs' names, or the layer's variables `v0`, ..."""
    return [f"v{k}" for k in range(network.sizes[block])] if block else names


def _targets(network: Network, block: int) -> list[str]:
    """What the next layer's units are called: outputs `y1`, ..., or the next variables `v0`, ..."""
    first, letter = (1, "y") if block + 2 == len(network.weights) else (0, "v")
    return [f"{letter}{k + first}" for k in range(network.sizes[block + 2])]
