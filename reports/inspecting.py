"""`mathcircuits inspect`: the neurons of one network, layer by layer, and where they point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import FileError, Network, analyse, tasks
from mathcircuits.models.checkpoints import read_network

from .console import number, p_value, print_table

if TYPE_CHECKING:
    from mathcircuits.detect import Analysis

#: Weights that are listed for a neuron; of more, the largest are.
_LISTED = 4


def inspect_file(
    file: Path,
    *,
    box: tuple[float, float] | None,
    inputs: Path | None,
    task: str | None,
    activation: str,
    as_json: bool,
) -> None:
    """Read a network from a file and print what its neurons compute.

    Raises:
        FileError: where the file holds no network, or the inputs are no numbers.
        InputError: for a box or inputs that do not fit the network.
        UnknownTask: for a task that is not registered.
    """
    known = None if task is None else tasks[task]
    network = read_network(file, activation=activation)
    bounds: Any = box if box is not None else known.box if known is not None else (-1.0, 1.0)
    X = None if inputs is None else read_inputs(inputs)
    analysis = analyse(network, box=bounds, inputs=X, task=known)
    if as_json:
        print(analysis.to_json())
        return
    print_analysis(analysis, network)


def print_analysis(analysis: Analysis, network: Network) -> None:
    """Print one table a layer: what each neuron holds, what that is worth, its weights in and out."""
    box = analysis.box
    where = f"[{number(box[0][0])}, {number(box[0][1])}]^{len(box)}" if len(set(box)) == 1 else str(box)
    shape = repr(network).removeprefix("Network(").removesuffix(")")
    print(f"{shape}; read on {where}")
    neurons = analysis.neurons
    active = network.architecture.active
    for layer in sorted(set(neurons["layer"])):
        block = active[layer]
        rows = []
        for row in neurons[neurons["layer"] == layer].to_dict("records"):
            unit = int(row["neuron"])
            rows.append(
                [
                    str(unit),
                    str(row["feature"]),
                    ", ".join(row["on"]),
                    str(row["status"]),
                    number(row["unexplained"], 2),
                    p_value(row["p"]),
                    p_value(row["q"]),
                    number(row["contribution"]),
                    weights_text(network.weights[block][unit], "v" if block else "x", 0 if block else 1),
                    weights_text(network.weights[block + 1][:, unit], *_targets(network, block)),
                ]
            )
        print(f"\nlayer {layer}")
        print_table(
            ["neuron", "feature", "on", "status", "unexplained", "p", "q", "contribution", "from", "to"], rows
        )
    for text in analysis.skipped:
        print(f"\nnot tested: {text}")


def weights_text(weights: npt.NDArray[np.float64], letter: str, first: int) -> str:
    """The weights with what they weigh, the largest where there are many.

    Examples:
        >>> weights_text(np.array([1.0, -0.25]), "x", 1)
        '1 x1, -0.25 x2'
        >>> weights_text(np.arange(6.0), "y", 1)
        '5 y6, 4 y5, 3 y4, 2 y3, and 2 more'
    """
    order = list(range(len(weights)))
    more = ""
    if len(weights) > _LISTED:
        order = [int(k) for k in np.argsort(-np.abs(weights), kind="stable")[:_LISTED]]
        more = f", and {len(weights) - _LISTED} more"
    return ", ".join(f"{number(float(weights[k]))} {letter}{k + first}" for k in order) + more


def read_inputs(path: Path) -> npt.NDArray[np.float64]:
    """Inputs [n, d] from a .npy file or a table of numbers, separated by commas, with or without a header.

    Raises:
        FileError: where the file cannot be read or holds something else than numbers.
    """
    remedy = "give a .npy array [n, d], or a .csv of numbers with one row per sample"
    try:
        if path.suffix == ".npy":
            array = np.load(path, allow_pickle=False)
        else:
            lines = path.read_text("utf-8").splitlines()
            header = bool(lines) and not _numeric(lines[0])
            array = np.loadtxt(lines[header:], delimiter=",", ndmin=2)
        return np.asarray(array, dtype=np.float64)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise FileError(path, f"holds no inputs ({str(error).splitlines()[0]})", remedy) from None


def _numeric(line: str) -> bool:
    try:
        [float(value) for value in line.split(",")]
    except ValueError:
        return False
    return True


def _targets(network: Network, block: int) -> tuple[str, int]:
    """What the next layer's units are called: outputs `y1`, ..., or the next variables `v0`, ..."""
    return ("y", 1) if block + 2 == len(network.weights) else ("v", 0)
