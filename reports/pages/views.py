"""Views: what the page's template writes, as values: figures, portraits, tasks, and the study that they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from mathcircuits.detect import Network

from ..plots.rendering import inline_svg
from .htmltables import csv_uri


class StudyLike(Protocol):
    """What the page reads of a study: its tables, its manifest and its networks."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Name -> frame."""
        ...

    @property
    def manifest(self) -> Mapping[str, Any]:
        """How the study was made."""
        ...

    def networks(self, key: str) -> Mapping[str, Network]:
        """The network of that id, by its id."""
        ...

    def losses(self) -> pd.DataFrame:
        """Quartiles of the loss over training, as `Study.losses` gives them; empty where nothing was trained."""
        ...


@dataclass(frozen=True)
class FigureView:
    """A figure as the template writes it: the drawing, what is to be seen, and its data.

    Attributes:
        svg: the drawing, inline; caption: what is written below; csv: its data as a URI; name: of that file.
        drawing: the same as a figure, for a paper.
    """

    svg: Markup
    caption: str
    csv: str
    name: str
    drawing: Figure


def figure_view(figure: Figure, words: str, caption: str, data: pd.DataFrame, name: str) -> FigureView:
    """A drawing for the page.

    Args:
        figure: made by `blank`.
        words: what it shows, for those who do not see it.
        caption: what is written below.
        data: what it was drawn from, to download.
        name: of the file, unique in the page.

    Examples:
        >>> from ..plots.rendering import blank
        >>> view = figure_view(blank(1, 1)[0], "nothing", "Nothing.", pd.DataFrame({"a": [1]}), "nothing")
        >>> view.name, view.svg.startswith("<svg")
        ('nothing', True)
    """
    return FigureView(Markup(inline_svg(figure, words)), caption, csv_uri(data), name, figure)


def drawn_again(view: FigureView, prefix: str) -> FigureView:
    """The same drawing a second time in one page: its ids and its file have names of their own.

    Args:
        view: as it stands elsewhere.
        prefix: letters that no other drawing has.

    Examples:
        >>> view = FigureView(Markup('<g id="1a2b3c4d-p"/><use href="#1a2b3c4d-p"/>'), "", "", "net", Figure())
        >>> drawn_again(view, "first").svg, drawn_again(view, "first").name
        (Markup('<g id="first-1a2b3c4d-p"/><use href="#first-1a2b3c4d-p"/>'), 'first-net')
    """
    svg = re.sub(r'(id="|#)([0-9a-f]{8}-)', rf"\g<1>{prefix}-\2", str(view.svg))
    return replace(view, svg=Markup(svg), name=f"{prefix}-{view.name}")


@dataclass(frozen=True)
class PortraitView:
    """One network drawn: its graph, what it computes in words, and its neurons' responses."""

    network: str
    heading: str
    why: str
    missing: str
    diagnosis: str
    facts: tuple[tuple[str, str, str], ...]
    graph: FigureView
    responses: FigureView | None
    wide: bool


@dataclass(frozen=True)
class TaskView:
    """A task's section."""

    name: str
    formula: str
    sentence: str
    portraits: tuple[PortraitView, ...]
    wide: bool
    mechanism: str
    census: FigureView | None
    prevalence: FigureView | None
