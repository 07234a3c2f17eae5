"""Rendering: a blank figure in the house style, and a figure as an inline SVG that follows the theme."""

from __future__ import annotations

import hashlib
import html
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatterMathtext, LogFormatterSciNotation

from ..studies.storage import atomic
from ..wording import number, shortened
from .palette import FAINT, GROUND, INK, MUTED, every_colour

#: Dots per inch of a PNG: what journals ask of line drawings at their printed size.
DPI = 300
#: Letters that a text in a figure has at most: a longer one would leave the figure no room.
_LONGEST = 72
#: An artist whose gid starts with this carries a text that is shown when the pointer rests on it.
_HOVER = "hover:"
#: One whose gid starts with this is seen while the pointer rests on the figure alone.
_WEAK = "weak:"

#: Text stays text (small, searchable, read aloud); ids depend on the drawing alone: same drawing, same file.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mathcircuits",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": INK.light,
    "axes.edgecolor": MUTED.light,
    "axes.labelcolor": INK.light,
    "axes.titlesize": 9.5,
    "axes.titlecolor": INK.light,
    "axes.facecolor": "none",
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "grid.color": FAINT.light,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "xtick.color": MUTED.light,
    "ytick.color": MUTED.light,
    "xtick.labelcolor": INK.light,
    "ytick.labelcolor": INK.light,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.unicode_minus": True,
}


def blank(
    width: float, height: float, rows: int = 1, columns: int = 1, **grid: Any
) -> tuple[Figure, list[Any]]:
    """A figure in the house style and its axes, row by row.

    Args:
        width, height: in inches.
        rows, columns: of axes.
        grid: passed to `Figure.subplots`.

    Examples:
        >>> figure, (left, right) = blank(4, 2, columns=2)
        >>> left.figure is figure
        True
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **grid)
    return figure, list(axes.ravel())


def on_hover(artist: Artist, text: str) -> None:
    """Let the artist show `text` when the pointer rests on it, once it is an inline SVG.

    Examples:
        >>> figure, (ax,) = blank(1, 1)
        >>> on_hover(ax.axhline(0.5), "a half")
        >>> "<title>a half</title>" in inline_svg(figure, "a line")
        True
    """
    artist.set_gid(_HOVER + text)


def only_under_pointer(artist: Artist, text: str) -> None:
    """Hide the artist; once it is an inline SVG it appears, with `text`, while the pointer rests on the figure.

    Examples:
        >>> figure, (ax,) = blank(1, 1)
        >>> only_under_pointer(ax.axhline(0.5), "a half")
        >>> '<g class="weak"><title>a half</title>' in inline_svg(figure, "a line")
        True
    """
    artist.set_gid(_WEAK + text)
    artist.set_alpha(0.0)


def inline_svg(figure: Figure, alternative: str) -> str:
    """The figure as an `<svg>` element for an HTML page: themed, with alternative text, no ids of its own.

    Args:
        figure: a figure made by `blank`.
        alternative: what the figure shows, in words, for those who do not see it.

    Examples:
        >>> figure, (ax,) = blank(2, 1)
        >>> text = inline_svg(figure, "an empty box")
        >>> text.startswith("<svg "), 'aria-label="an empty box"' in text, "var(--muted)" in text
        (True, True, True)
    """
    text = _written(figure)
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(rf"<g id=([\"']){_HOVER}(.*?)\1>", r"<g><title>\2</title>", text)
    text = re.sub(rf"<g id=([\"']){_WEAK}(.*?)\1>", r'<g class="weak"><title>\2</title>', text)
    text = _own_ids(text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, 'DejaVu Sans', sans-serif", text)
    for colour in every_colour():
        text = text.replace(colour.light, colour.css)
    # Coordinates to a hundredth of a point are finer than any screen; texts and titles keep their digits.
    text = re.sub(r'\b(?:d|transform|x|y|width|height)="[^"]*"', _short_numbers, text)
    text = re.sub(r"\n\s*", "\n", text)
    # A style element would speak to the whole document; the root's own style is inherited as well.
    text = re.sub(r'<style type="text/css">.*?</style>', "", text, flags=re.DOTALL)
    lines = "stroke-linejoin:round;stroke-linecap:butt"
    label = f'role="img" aria-label="{html.escape(alternative)}" style="{lines}"'
    return re.sub(r"<svg ([^>]*?)>", lambda m: f"<svg {label} {_size(m[1])}>", text, count=1, flags=re.DOTALL)


def write_figure(figure: Figure, out: Path) -> Path:
    """Write a figure in the format of the file's suffix, on the house's light ground.

    Raises:
        FileError: where the file cannot be written.
    """
    suffix = out.suffix.lower().lstrip(".")
    # An SVG or PDF without its date is the same file whenever it is drawn again.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix)
    # Type 42 keeps letters of a PDF as letters; an SVG for a paper has outlines, since its reader lacks the font.
    style = {**STYLE, "svg.fonttype": "path", "pdf.fonttype": 42}
    _take_names_literally(figure)
    with atomic(out) as file, mpl.rc_context(style), _however_narrow():
        figure.savefig(
            file, format=suffix, dpi=DPI, facecolor=GROUND.light, bbox_inches="tight", pad_inches=0.04,
            metadata=metadata,
        )  # fmt: skip
        if suffix == "svg":
            file.write_text(_for_print(file.read_text("utf-8")), "utf-8")
    return out


def write_svg(figure: Figure, out: Path) -> None:
    """Write a figure of the house's style as a file of its own: the same drawing gives the same bytes."""
    _take_names_literally(figure)
    with mpl.rc_context(STYLE), _however_narrow():
        figure.savefig(out, format="svg", facecolor=GROUND.light, metadata={"Date": None})


class _PlainPowers(LogFormatterSciNotation):
    """Labels the ticks that matplotlib's own would, in plain text."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return number(x) if super().__call__(x, pos) else ""


def _take_names_literally(figure: Figure) -> None:
    """Draw every text as it stands: two dollars in a name are not mathematics, and `$_$` could not even be drawn."""
    # A logarithmic axis writes its powers of ten as mathematics, whose source would then be read.
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
                axis.set_major_formatter(_PlainPowers())
            if isinstance(axis.get_minor_formatter(), LogFormatterMathtext):
                axis.set_minor_formatter(_PlainPowers())
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        # A name may be a whole path; the tables beside the figure have it whole.
        text.set_text("\n".join(shortened(line, _LONGEST) for line in text.get_text().split("\n")))


@contextmanager
def _however_narrow() -> Iterator[None]:
    """Draw although names leave the axes no room in the figure: what is drawn is cut to its own size."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "constrained_layout not applied")
        yield


def _written(figure: Figure) -> str:
    """The figure as SVG, cut to what is drawn.

    `savefig` would draw it twice, once to lay it out and measure it: here it is laid out and measured without.
    """
    _take_names_literally(figure)
    buffer = StringIO()
    layout = figure.get_layout_engine()
    with mpl.rc_context(STYLE), _however_narrow():
        # SVG counts in points.
        figure.dpi = 72
        if layout is not None:
            layout.execute(figure)
            figure.set_layout_engine(None)
        width, height = figure.get_size_inches()
        # matplotlib's backends bear no types.
        ruler = RendererSVG(72 * width, 72 * height, StringIO())  # type: ignore[no-untyped-call]
        size = figure.get_tightbbox(ruler).padded(0.04)
        figure.savefig(buffer, format="svg", bbox_inches=size, metadata={"Date": None})
        figure.set_layout_engine(layout)
    return buffer.getvalue()


def _for_print(svg: str) -> str:
    """An SVG without the texts for the pointer, which are no valid ids, its coordinates to a hundredth of a point."""
    svg = re.sub(rf" id=([\"'])(?:{_HOVER}|{_WEAK}).*?\1", "", svg)
    # Not `transform`: letters are scaled by small numbers.
    return re.sub(r'\b(?:d|x|y|width|height)="[^"]*"', _short_numbers, svg)


def _short_numbers(attribute: re.Match[str]) -> str:
    return re.sub(r"(\d+\.\d{2})\d+", r"\1", attribute[0])


def _own_ids(text: str) -> str:
    """Keep only the ids that the drawing refers to (clips, markers), made its own: a page has many."""
    wanted = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in wanted else "", text)
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    return re.sub(r'(url\(#|href="#| id=")', rf"\g<1>{own}-", text)


def _size(attributes: str) -> str:
    """The svg element's attributes without those that a style sheet must be free to change."""
    kept = re.sub(r'xmlns(?::\w+)?="[^"]*"|version="[^"]*"', "", attributes)
    return " ".join(kept.split())
