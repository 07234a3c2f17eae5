"""Notebook view: an Analysis as a notebook shows it: formula and bound, the graph, used neurons, and the rest folded.

It fetches nothing and bears no style sheet: a notebook may show many, in a light or a dark theme that no style sheet of
ours can know. Letters and lines have the notebook's own colour, and hues are as far from black as from white.
"""

from __future__ import annotations

import html
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from matplotlib.colors import to_hex, to_rgb

from mathcircuits.detect import Analysis
from mathcircuits.detect.matching import USED

from ...plots.drawing import graph_size, in_words, network_graph, shown_of
from ...plots.palette import FAINT, GROUND, INK, MUTED, PANEL, Colour, colour_of, every_colour
from ...plots.rendering import blank, inline_svg
from ...wording import at_most, counted, labelled, number
from .figures import analysis_labels

#: A graph with a higher layer fills more than a screen.
_DRAWN = 24
#: Chips of used neurons; the table has all.
_CHIPS = 24
#: Characters of a formula; the JSON has it whole.
_LONGEST = 400
#: Inks as the notebook's own colour, mixed with its ground; what lies under letters stays clear.
_INKS = {
    INK.name: "currentColor",
    MUTED.name: "color-mix(in srgb, currentColor 72%, transparent)",
    FAINT.name: "color-mix(in srgb, currentColor 25%, transparent)",
    GROUND.name: "var(--jp-layout-color0, var(--vscode-editor-background, Canvas))",
    PANEL.name: "color-mix(in srgb, currentColor 6%, transparent)",
}


def analysis_html(analysis: Analysis) -> str:
    """What a notebook shows of an Analysis.

    Args:
        analysis: of the network.

    Returns:
        One `<div>`; all names in it are escaped, and nothing in it is fetched.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> text = analysis_html(analyse(hand_derived("minimum"), task="minimum", init="uniform"))
        >>> "min(x1, x2)" in text, "off by at most" in text, text.count("<svg"), "http" in text
        (True, True, 1, False)
    """
    parts = [
        f"<div style='{_style()}'>",
        f"<p style='margin:.3em 0'><b>{html.escape(_heading(analysis))}</b></p>",
        *_formula(analysis),
        _graph(analysis),
        _chips(analysis),
        *_folded(analysis),
        "</div>",
    ]
    return "".join(parts)


def middle(colour: Colour) -> str:
    """The colour half way between its forms for a light and for a dark ground, to be seen on both.

    Examples:
        >>> middle(Colour("a", "#000000", "#ffffff"))
        '#808080'
    """
    light, dark = to_rgb(colour.light), to_rgb(colour.dark)
    red, green, blue = ((a + b) / 2 for a, b in zip(light, dark, strict=True))
    return to_hex((red, green, blue))


def _style() -> str:
    hues = {colour.name: middle(colour) for colour in every_colour()} | _INKS
    return ";".join(["max-width:62em", *(f"--{name}:{value}" for name, value in hues.items())])


def _heading(analysis: Analysis) -> str:
    task = f" on {analysis.task.name}" if analysis.task else ""
    return f"{'-'.join(map(str, analysis.network.sizes))} network{task}, read on {analysis.domain.text}"


def _formula(analysis: Analysis) -> list[str]:
    """The formula and how far off it can be, and how far off the task the network can be."""
    if analysis.silent:
        return [_line(html.escape(analysis.silent))]
    if not analysis.within_reach:
        return [_line("Formula and bound: not read in a network of this size.")]
    program, named = analysis.program, analysis.domain.renamed
    where = "anywhere on the box" if analysis.domain.points is None else "at any of its points"
    bound = f"off by at most {at_most(program.certificate.upper)} {where} (proved)"
    text = f"<code style='font-size:1.15em'>{html.escape(_cut(named(program.text)))}</code>"
    if program.formula is None:
        lines = [_line(f"No formula: {html.escape(program.reason)}. Nearest: {text}, {bound}.")]
    else:
        lines = [_line(f"{text} &nbsp;{bound}")]
    if analysis.task is not None and analysis.task.formula:
        upper = at_most(analysis.certificate.upper)
        lines.append(
            _line(f"Off its task {html.escape(analysis.task.name)} by at most {upper} {where} (proved).")
        )
    return lines


def _graph(analysis: Analysis) -> str:
    labels = analysis_labels(analysis)
    shown = shown_of(analysis.network, labels)
    if max(shown.sizes) > _DRAWN:
        return _line(f"No graph: a layer of more than {_DRAWN} neurons cannot be read in one.")
    figure, (ax,) = blank(*graph_size(analysis.network, labels))
    network_graph(analysis.network, labels, ax)
    svg = inline_svg(figure, in_words(analysis.network, labels))
    left = sum(analysis.network.sizes) - sum(shown.sizes)
    note = ""
    if shown.crowded:
        note = "Weights below a tenth of their layer's largest are left out"
        note += f", and {counted(left, 'neuron')} that the output does not need" if left else ""
        note = _line(f"{note}.", small=True)
    return f"<div style='overflow-x:auto'>{svg}</div>{note}"


def _chips(analysis: Analysis) -> str:
    """The used neurons, each with its feature and its status as a chip."""
    rows = analysis.neurons[analysis.neurons["contribution"] >= USED]
    if rows.empty:
        return _line("No neuron that the output needs.")
    several = len(analysis.network.architecture.active) > 1
    shown = rows.sort_values("contribution", ascending=False, kind="stable").head(_CHIPS)
    chips = [_chip(analysis, row, several) for row in shown.to_dict("records")]
    more = f" and {len(rows) - len(shown)} more" if len(rows) > len(shown) else ""
    return _line(f"Used neurons: {' '.join(chips)}{more}")


def _chip(analysis: Analysis, row: Mapping[Hashable, Any], several: bool) -> str:
    name = f"v{row['neuron']}" + (f" of layer {row['layer']}" if several else "")
    on = row["on"] if isinstance(row["on"], tuple) else ()
    feature = labelled(row["feature"], analysis.domain.renamed(", ".join(on)))
    hue, status = middle(colour_of(row["feature"])), str(row["status"])
    # A dashed frame, as in the graph, is a label that proves nothing by itself.
    line = "solid" if status in {"matched", "polysemantic"} else "dashed"
    return (
        f"<span style='display:inline-block;margin:.15em .2em .15em 0;padding:.05em .5em;border-radius:1em;"
        f"border:1.5px {line} {hue}'>{html.escape(name)} {html.escape(feature)} "
        f"<b>{html.escape(status)}</b></span>"
    )


def _folded(analysis: Analysis) -> list[str]:
    """The tables, each under its own heading."""
    directions = analysis.directions
    readable = directions[directions["readable"].astype(bool)] if len(directions) else directions
    tables = [
        (f"All neurons ({len(analysis.neurons)})", analysis.neurons),
        (f"Features that a layer can be read for ({len(readable)} of {len(directions)})", readable),
    ]
    if analysis.within_reach:
        tables.append((f"Circuits ({len(analysis.circuits)})", analysis.circuits))
    folded = [_details(heading, _table(analysis, frame)) for heading, frame in tables]
    if analysis.within_reach:
        folded.append(_details("Formulas by length", analysis.program._repr_html_()))
        folded.append(_details("Certificate", analysis.certificate._repr_html_()))
    notes = [f"p of neurons against {analysis.beside}", *(f"skipped: {text}" for text in analysis.skipped)]
    folded.append(_details("How it was read", "".join(_line(html.escape(note)) for note in notes)))
    return folded


def _table(analysis: Analysis, frame: pd.DataFrame) -> str:
    """A frame as a table whose texts are escaped, inputs and outputs by their own names."""
    if "on" in frame:
        frame = frame.assign(on=frame["on"].map(lambda on: analysis.domain.renamed(", ".join(on))))
    if "output" in frame:
        frame = frame.assign(output=frame["output"].map(analysis.network.outputs_renamed))
    text: str = frame.to_html(index=False, border=0, float_format=number, na_rep="–")
    return f"<div style='overflow-x:auto'>{text}</div>"


def _details(heading: str, content: str) -> str:
    return f"<details><summary style='cursor:pointer'>{html.escape(heading)}</summary>{content}</details>"


def _line(content: str, *, small: bool = False) -> str:
    return f"<p style='margin:.3em 0{';font-size:.85em' if small else ''}'>{content}</p>"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
