"""`mathcircuits figure`: each figure for a paper, from the folder of a study or of a benchmark.

The names and what they show stand here, so that listing them costs nothing; `paperfigures` draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mathcircuits.detect import InputError, UnknownNameError

#: Formats that a journal takes; the suffix chooses.
FORMATS = (".svg", ".pdf", ".png")


@dataclass(frozen=True)
class Kind:
    """A figure that can be asked for.

    Attributes:
        name: what it is called on the command line.
        shows: in a line.
        folder: whose folder it is made from, "study" or "benchmark".
    """

    name: str
    shows: str
    folder: str = "study"


#: The figures by name.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("circuit", "a network as a graph: neurons with their features, signed weights (--network)"),
            Kind("response", "what a network's neurons and outputs answer, with their kinks (--network)"),
            Kind("features", "what share of each neuron of a network every feature explains (--network)"),
            Kind("periodic-table", "features by tasks, a verdict in every tile (--width, --regimen)"),
            Kind("prevalence", "how many solved networks hold each feature (--task, --width, --regimen)"),
            Kind("census", "in how many ways (gauges) solved networks compute their task (--task)"),
            Kind("similarity", "clustered maps of how alike networks are, rung by rung"),
            Kind("training", "the loss of every network over training (--task, --width, --regimen)"),
            Kind("emergence", "when features appear during training (--task, --width, --regimen)"),
            Kind("success", "share of seeds that solve their task, by width and regimen (--task)"),
            Kind("complexity", "length of every formula against its certified error (--task)"),
            Kind("calibration", "how often p falls below a level in untrained networks", "benchmark"),
            Kind("power", "share of planted neurons that are found, against noise", "benchmark"),
        )
    }
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """What of a folder is drawn; what is None is chosen by the figure.

    Examples:
        >>> Choice(task="minimum")
        Choice(network=None, task='minimum', width=None, regimen=None)
    """

    network: str | None = None
    task: str | None = None
    width: str | None = None
    regimen: str | None = None


def list_figures(as_json: bool = False) -> None:
    """Print the figures' names, what they show, and whose folder they need."""
    from dataclasses import asdict

    from .console import print_json, print_table

    if as_json:
        print_json([asdict(kind) for kind in KINDS.values()])
    else:
        rows = [[kind.name, kind.shows, f"{kind.folder}'s folder"] for kind in KINDS.values()]
        print_table(["name", "shows", "from"], rows)


def make_figure(name: str, folder: Path, out: Path, choice: Choice | None = None) -> tuple[Path, str]:
    """Draw a figure from a folder and write it.

    Args:
        name: a key of `KINDS`.
        folder: a study's, or for `calibration` and `power` the one that `mathcircuits benchmark --out` wrote.
        out: the file; its suffix, one of `FORMATS`, is the format.
        choice: of what is in the folder.

    Returns:
        The file's path, and the figure's caption.

    Raises:
        UnknownNameError: for a figure, network, task, width or regimen that there is not.
        InputError: for another format, or where the folder holds nothing to draw.
        FileError: where the folder holds no study or benchmark, or the file cannot be written.

    Examples:
        >>> make_figure("curcuit", Path("runs"), Path("a.svg"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no figure named 'curcuit': did you mean 'circuit'?
        (`mathcircuits figure` lists them)
        >>> make_figure("circuit", Path("runs"), Path("a.gif"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: a.gif: a figure is written as .svg, .pdf or .png: name the file so
    """
    if name not in KINDS:
        raise UnknownNameError("figure", name, KINDS, "`mathcircuits figure` lists them")
    if out.suffix.lower() not in FORMATS:
        raise InputError(f"{out}: a figure is written as .svg, .pdf or .png: name the file so")
    from .paperfigures import draw
    from .plots.rendering import write_figure

    drawn = draw(name, folder, choice or Choice())
    return write_figure(drawn.figure, out), drawn.caption
