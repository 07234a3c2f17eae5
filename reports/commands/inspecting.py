"""`mathcircuits inspect`: what one network computes, with which circuits, and what each of its neurons holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mathcircuits.detect import InputError, Network, UnknownNameError, analyse
from mathcircuits.detect.matching import known_null
from mathcircuits.detect.programs import PROGRAM_SHARE
from mathcircuits.models.files import read_network

from .analysisdata import analysis_data, gauge_within, ranks_of
from .domains import domain_of, task_of
from .terminal.console import print_json
from .terminal.screen import ScreenLayout, print_analysis
from .terminal.waiting import working

if TYPE_CHECKING:
    from mathcircuits.detect import Analysis
    from mathcircuits.models import Regimen


def inspect_file(
    file: Path,
    *,
    box: Sequence[str] = (),
    data: Path | None = None,
    points: str | None = None,
    task: str | None,
    target: str | None = None,
    activation: str | None = None,
    as_json: bool,
    part: str | None = None,
    one_hot: bool = False,
    layout: ScreenLayout | None = None,
    deep: bool = False,
    symbolic: bool = False,
    network: str | None = None,
    html: Path | None = None,
    null: str = "conditional",
    names: str | None = None,
    tolerance: float | None = None,
) -> None:
    """Read a network from a file and print what it computes, and with which features and circuits.

    Args:
        file: a network's file, or the folder of a study.
        box: bounds of the inputs (see `domains.py`); by default the data's range, else the task's box, else -1 and 1.
        data: a table of samples to read it on.
        points: a finite set of inputs.
        task: what it was trained on: a name, a formula, or a file of data; for a network of a study its own task, where
            none is given.
        target: of a file of data, the columns to learn, separated by commas; by default the last one.
        activation: between the layers; None for what the file says, or else relu, which is said.
        as_json: print JSON.
        part: which of several networks in the file.
        one_hot: whether embedding tables are the first layer of one-hot inputs.
        layout: how much is printed.
        deep: read also what takes minutes.
        symbolic: let symbolic regression propose formulas.
        network: which network of a study.
        html: a file to write as a page, whose path is printed in place of the tables.
        null: what neurons are compared with, see `match_neurons`.
        names: of the inputs, separated by commas; by default the file's, or the data's.
        tolerance: the largest error of a formula, as a share of the output's range; None for 0.005.

    Raises:
        FileError: where the file holds no network, the inputs are not numbers, or the page cannot be written.
        InputError: for a box or inputs that do not fit the network, or a network's name without a study.
        UnknownTask: for a task that is not registered.
        UnknownNameError: for a network that the study does not have, or an unknown null.
    """
    if network is not None:
        net = of_study(file, network)
        task = network.partition("/")[0] if task is None else task
    else:
        net = read_network(file, activation=activation, part=part, one_hot=one_hot)
    known = None if task is None else task_of(task, net, target)
    own = net.about.input_names if names is None else names_of(names, net.inputs)
    domain = domain_of(net.inputs, box=box, data=data, points=points, names=own)
    proposer: Literal["pyoperon"] | None = "pyoperon" if symbolic else None
    analysis = analyse(
        net, box=domain, names=None if names is None else own, task=known, deep=deep, proposer=proposer,
        null=known_null(null), tolerance=PROGRAM_SHARE if tolerance is None else tolerance,
    )  # fmt: skip

    def second(first: Analysis) -> Analysis:
        """The same analysis beside networks that were taught something else than the task."""
        if known is None:
            return first
        from mathcircuits.models import taught_like

        regimen, steps = trained_by(file, network)
        other = taught_like(net.architecture, known, regimen=regimen, steps=steps, box=first.box)
        return replace(first, taught=other.networks or None)

    if html is None and not as_json:
        print_analysis(analysis, layout, second if known is not None else None)
        return
    with working("reading the network"):
        analysis = second(analysis)
        ranks = ranks_of(analysis)
        content = analysis_data(analysis, ranks)
    if html is not None:
        from ..pages.networks.page import write_network_page

        title = network or file.name
        source = f"DIR --network {network}" if network else title
        path = write_network_page(
            analysis, html, title=title, ranks=ranks, gauge=gauge_within(analysis),
            data=content, source=source,
        )  # fmt: skip
        if not as_json:
            print(path)
            return
    print_json(content)


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
    from mathcircuits.models import as_regimen

    from ..studies.folder import Study

    if network is not None:
        condition = network.rpartition("/")[0]
        for cell in Study.load(file).cells:
            if cell.condition == condition and not cell.derived:
                return cell.regimen, cell.steps
    return as_regimen("adam"), None


def names_of(text: str, inputs: int) -> tuple[str, ...]:
    """The names of the inputs, separated by commas.

    Raises:
        InputError: for another number of names than inputs.

    Examples:
        >>> names_of("price, limit", 2)
        ('price', 'limit')
    """
    names = tuple(name.strip() for name in text.split(","))
    if len(names) != inputs or not all(names):
        raise InputError(
            f"--names {text!r}: give one name for each of the {inputs} inputs, such as price,limit"
        )
    return names
