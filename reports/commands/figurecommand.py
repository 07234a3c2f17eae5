"""`mathcircuits figure`: each figure for a paper, from the folder of a study or of a benchmark.

The names and what they show stand in `figurekinds`, so that listing them costs nothing; `paperfigures` draws.
"""

from __future__ import annotations

from pathlib import Path

from mathcircuits.detect import InputError, UnknownNameError

from ..plots.figurekinds import KINDS, Choice

#: Formats that a journal takes; the suffix chooses.
FORMATS = (".svg", ".pdf", ".png")


def list_figures(as_json: bool = False) -> None:
    """Print the figures' names, what they show, and whose folder they need."""
    from dataclasses import asdict

    from .terminal.console import print_json, print_table

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
    from ..paperfigures import draw
    from ..plots.rendering import write_figure

    drawn = draw(name, folder, choice or Choice())
    return write_figure(drawn.figure, out), drawn.caption
