"""Network page: one network as one self-contained HTML file: what `inspect` prints, with its figures."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mathcircuits.detect import FileError, InputError, diagnose
from mathcircuits.detect.matching import IN_WORDS
from mathcircuits.detect.networks import Box

from ...plots.palette import STATUSES, every_colour
from ...studies.storage import atomic
from ...wording import at_most, counted, number, several_readings, told
from ..htmltables import Column, TableView, table_view
from ..templating import render
from ..views import FigureView
from .figures import analysis_labels, graph_figure, null_figure, response_figure

if TYPE_CHECKING:
    from mathcircuits.detect import Analysis, Gauge

#: A layer of more neurons has no graph: its boxes would fill a wall, and no label could be read.
_DRAWN = 48
#: Responses that one page draws; more take it past a second and a megabyte.
_RESPONSES = 29
#: Characters of a formula or description; the JSON has it whole.
_LONGEST = 400


@dataclass(frozen=True)
class PageSection:
    """A section of the page: any of a warning, facts, words, figures, tables, sources, and what to say without them."""

    id: str
    heading: str
    trouble: str = ""
    facts: tuple[tuple[str, str, str], ...] = ()
    words: str = ""
    figures: tuple[FigureView, ...] = ()
    tables: tuple[TableView, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    empty: str = ""


def write_network_page(
    analysis: Analysis,
    out: str | os.PathLike[str],
    *,
    title: str,
    ranks: pd.DataFrame | None = None,
    gauge: Gauge | None = None,
    data: Mapping[str, Any] | None = None,
    source: str = "",
) -> Path:
    """Write `network_page` into a file, whose folder is made where it is missing.

    Raises:
        FileError: where it cannot be written.
    """
    path = Path(out)
    if path.is_dir():
        raise FileError(path, "is a folder", "name a file in it, such as network.html")
    text = network_page(analysis, title=title, ranks=ranks, gauge=gauge, data=data, source=source)
    with atomic(path) as file:
        file.write_text(text, "utf-8")
    return path


def network_page(
    analysis: Analysis,
    *,
    title: str,
    ranks: pd.DataFrame | None = None,
    gauge: Gauge | None = None,
    data: Mapping[str, Any] | None = None,
    source: str = "",
) -> str:
    """One network as one HTML text: formula, certificate, graph, responses, normal form, matches and their nulls,
    directions, circuits; where it fails the task it was read as, why. Nothing in it is fetched from elsewhere.

    Args:
        analysis: what was found about it.
        title: what it is called, such as its file's name.
        ranks: readable features beside their rank, per layer (see `inspecting.ranks_of`).
        gauge: how it implements its function, where that is defined.
        data: what the page offers as JSON; by default `analysis.to_dict()`.
        source: what `mathcircuits inspect` was given; by default the title.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> text = network_page(analyse(hand_derived("absolute"), task="absolute", init="uniform"), title="abs")
        >>> text.count("<svg role"), "off by at most" in text
        (3, True)
    """
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in title)
    content = json.dumps(analysis.to_dict() if data is None else data, allow_nan=False)
    return render(
        "network.html",
        kicker="mathcircuits inspect",
        title=title,
        name=name,
        lead=_lead(analysis),
        colours=every_colour(),
        statuses=STATUSES,
        sections=list(_sections(analysis, name, ranks, gauge)),
        json="data:application/json;base64," + base64.b64encode(content.encode()).decode(),
        made=_made(analysis, source or title),
    )


def box_text(box: Box) -> str:
    """A box in a few characters.

    Examples:
        >>> box_text(((-1.0, 1.0),) * 2), box_text(((0.0, 1.0), (-1.0, 1.0)))
        ('[-1, 1]^2', '[0, 1] x [-1, 1]')
    """
    pairs = [f"[{low:g}, {high:g}]" for low, high in box]
    if len(set(pairs)) == 1:
        return pairs[0] if len(pairs) == 1 else f"{pairs[0]}^{len(pairs)}"
    return " x ".join(pairs[:6]) + (f" x ... ({len(pairs)} inputs)" if len(pairs) > 6 else "")


def _lead(analysis: Analysis) -> str:
    shape = repr(analysis.network).removeprefix("Network(").removesuffix(")")
    domain = analysis.domain
    read = f"read on {box_text(domain.box) if domain.points is None and not domain.named else domain.text}"
    said = "".join(f" {name.capitalize()}: {text}." for name, text in told(analysis.network).items())
    silent = f" {analysis.silent[0].upper()}{analysis.silent[1:]}." if analysis.silent else ""
    return f"{shape}; {read}" + (f" as {analysis.task.name}." if analysis.task else ".") + said + silent


def _made(analysis: Analysis, source: str) -> dict[str, str]:
    from importlib.metadata import version

    task = f" --task {shlex.quote(analysis.task.name)}" if analysis.task else ""
    if analysis.task and analysis.task.rows and analysis.task.output_names:
        task += f" --target {shlex.quote(','.join(analysis.task.output_names))}"
    return {
        "command": f"mathcircuits inspect {source}{task} --html OUT.html",
        "version": version("mathcircuits"),
        "null": f"{analysis.beside}. Directions: untrained networks of this shape",
        **({"not tested": "; ".join(analysis.skipped)} if analysis.skipped else {}),
    }


def _sections(
    analysis: Analysis, name: str, ranks: pd.DataFrame | None, gauge: Gauge | None
) -> Iterator[PageSection]:
    yield _summary(analysis, gauge)
    yield _drawings(analysis, name)
    yield _normal_form(analysis)
    yield _circuits(analysis)
    yield _neurons(analysis, name)
    yield _directions(analysis, ranks)


def _summary(analysis: Analysis, gauge: Gauge | None) -> PageSection:
    """What it computes, how sure that is, and why it fails its task where it does."""
    trouble, lines = "", []
    if analysis.task is not None:
        found = diagnose(analysis.network, analysis.task)
        lines.append(
            ("Task", analysis.task.text or analysis.task.name, f"mean squared error {number(found.loss)}")
        )
        if found.cause != "solved":
            sentence = f"{found.sentence[:1].upper()}{found.sentence[1:]}"
            trouble = f"It does not solve {analysis.task.name}: {found.cause}. {sentence}."
    if not analysis.within_reach:
        skipped = next((text for text in analysis.skipped if text.startswith("circuits")), "")
        return PageSection(
            "computes", "What does it compute?", trouble, tuple(lines), empty=f"Not tested: {skipped}."
        )
    program = analysis.program
    where = "anywhere on the box" if analysis.domain.points is None else "at any of its points"
    error = f"off by at most {at_most(program.certificate.upper)} {where}"
    named = analysis.domain.renamed
    text = named(program.text)
    proved = "on the whole box" if analysis.domain.points is None else "at all its points"
    if program.formula is not None:
        lines.append(("Formula", text, error))
        if program.constants == "fitted":
            lines.append(("Constants", "", f"fitted, to {program.tolerance_text}"))
    else:
        near = program.certificate.upper <= min(program.tolerances)
        within = "" if near else f" within {program.tolerance_text}"
        lines.append(("Formula", "", f"none{within}: {program.reason}"))
        lines.append(("Nearest", _short(text), error))
    lines.append(("Length", "", f"{program.bits:.0f} bits, against {program.raw_bits:.0f} of the weights"))
    proof = analysis.certificate
    at = ", ".join(number(value) for value in proof.witness)
    ended = "" if proof.complete else ", stopped early"
    lines.append(
        (
            "Certificate",
            "",
            f"at least {number(proof.lower)} and at most {at_most(proof.upper)} off {_short(named(proof.spec))}, "
            f"proved {proved} (by {proof.method}{ended}); the largest error found is at ({at})",
        )
    )
    if gauge is not None:
        known = gauge.name is not None
        lines.append(
            (
                "Gauge",
                named(gauge.text),
                "" if known else f"not in the catalogue: {_short(named(gauge.description))}",
            )
        )
    if analysis.norms.text:
        lines.append(("Path norm", "", analysis.norms.text))
    front = pd.DataFrame([point._replace(text=named(point.text))._asdict() for point in program.front])
    columns = [
        Column("complexity", "nodes", "count"),
        Column("error", "off by at most", "bound", "anywhere on the box; proved, rounded up"),
        Column("text", "formula", "long"),
    ]
    caption = "Formulas tried that no simpler one is as close as, simplest first."
    sources = (("The formula in Python", program.python), ("The formula in LaTeX", program.latex))
    tables = (table_view(front, "formulas", caption, columns),)
    return PageSection(
        "computes", "What does it compute?", trouble, tuple(lines), tables=tables, sources=sources
    )


def _drawings(analysis: Analysis, name: str) -> PageSection:
    network, labels = analysis.network, analysis_labels(analysis)
    words, figures = "", []
    if max(network.sizes) <= _DRAWN:
        figures.append(graph_figure(network, labels, "The network", name))
        words = (
            "From the inputs at the left to the output at the right. A neuron bears the name of the feature that it "
            "resembles most; a dashed frame is a label that proves nothing by itself."
        )
    else:
        words = f"No graph: a layer of more than {_DRAWN} neurons cannot be read in one."
    responses = response_figure(network, labels, analysis.box, name, analysis.task, most=_RESPONSES)
    figures += [] if responses is None else [responses]
    return PageSection("picture", "What does it look like?", words=words, figures=tuple(figures))


def _normal_form(analysis: Analysis) -> PageSection:
    heading = "Normal form"
    try:
        form = analysis.canonical
    except InputError as error:
        return PageSection("normal-form", heading, empty=f"It has none here: {error}.")
    lines = [
        (name, _short(analysis.domain.renamed(text)), "")
        for name, text in zip(analysis.network.output_labels, form.text(), strict=True)
    ]
    words = (
        f"What is left when the choice of neurons is removed: a straight part and {counted(form.kinks, 'kink')}. "
        "Networks that compute the same function on the box have the same normal form."
    )
    if not form.kinks:
        return PageSection("normal-form", heading, facts=tuple(lines), words=words)
    rows = pd.DataFrame(form.n, columns=[f"n{k + 1}" for k in range(form.inputs)])
    rows["d"] = form.d
    for k in range(form.outputs):
        rows[f"kappa{k + 1}"] = form.kappa[:, k]
    rows["sides"] = form.sides
    columns = [
        *(Column(f"n{k + 1}", f"n{k + 1}", "number", "unit normal of the kink") for k in range(form.inputs)),
        Column("d", "d", "number", "the kink is where n.x + d = 0"),
        *(
            Column(
                f"kappa{k + 1}", "kappa" if form.outputs == 1 else f"kappa {k + 1}", "number",
                "how much the slope changes there, halved",
            )
            for k in range(form.outputs)
        ),
        Column(
            "sides", "sides", "number",
            "1: its neurons are active where n.x + d > 0; -1: on the other side; between: on both",
        ),
    ]  # fmt: skip
    table = table_view(rows, "kinks", "f(x) = A x + c + the sum of kappa |n.x + d|: one row a kink.", columns)
    return PageSection("normal-form", heading, facts=tuple(lines), words=words, tables=(table,))


def _circuits(analysis: Analysis) -> PageSection:
    heading = "Circuits"
    if not analysis.within_reach:
        return PageSection("circuits", heading, empty="Not tested in a network of this size.")
    rows = _texts(analysis, analysis.circuits)
    if rows.empty:
        return PageSection("circuits", heading, empty="No circuit of the catalogue was found in it.")
    columns = [
        Column("circuit", "circuit"),
        Column("on", "of"),
        Column("output", "at"),
        Column("form", "as written here", "long"),
        Column("gauge", "gauge", "long", "the catalogue's name of this implementation"),
        Column("distance", "distance", "number", "of effective weights to the nearest known implementation"),
        Column(
            "certified", "changes the output by at most", "bound", "when the template is put in its place"
        ),
    ]
    table = table_view(rows, "circuit-rows", "Known circuits inside it, one a row.", columns)
    several, words = analysis.further_readings, several_readings(analysis.readings)
    words = analysis.network.outputs_renamed(words)
    if several.empty:
        return PageSection("circuits", heading, words=words, tables=(table,))
    columns = [
        Column("output", "at"),
        Column("reading", "reading", "count"),
        Column("text", "as circuits", "long"),
        Column("gauge", "gauge", "long", "the catalogue's names of these implementations"),
        Column("distance", "distance", "number", "of effective weights to these implementations"),
        Column("unexplained", "unexplained", "number", "share of the variance that the reading leaves"),
        Column("certified", "changes the output by at most", "bound", "when it is put in its place"),
        Column(
            "function", "function", help="same: the first reading's, by other circuits; near: another one"
        ),
    ]
    caption = "All that meet the criteria, where they are more than one."
    readings = table_view(_texts(analysis, several), "reading-rows", caption, columns)
    return PageSection("circuits", heading, words=words, tables=(table, readings))


def _neurons(analysis: Analysis, name: str) -> PageSection:
    columns = [
        Column("layer", "layer", "count"),
        Column("neuron", "neuron", "count"),
        Column("status", "status"),
        Column("feature", "feature", "feature"),
        Column("on", "of"),
        Column("scope", "scope", help="input: of the network's inputs; upstream: of the layer before"),
        Column("unexplained", "unexplained", "number", "share of the neuron's variance that the feature leaves"),
        Column("p", "p", "number", "chance that a neuron of the null does as well (see nulls)"),
        Column("q", "q", "number", "the same, controlled for the network's other neurons"),
        Column("p_taught", "p taught", "number", "chance that a neuron that learned something else does as well"),
        Column("q_taught", "q taught", "number", "the same, controlled for the network's other neurons"),
        Column("causal", "causal", "number", "share of the output restored by the feature in the neuron's place"),
        Column("contribution", "contribution", "number", "error when it is held at its mean, over output variance"),
        Column("duplicate_of", "copy of", "count", "the earlier neuron that this one is a positive multiple of"),
    ]  # fmt: skip
    caption = "The best label of every neuron, and what it is worth. Layers and neurons count from 0."
    matches = table_view(_texts(analysis, analysis.neurons), "neurons", caption, columns)
    null_columns = [
        Column("layer", "layer", "count"),
        Column("law", "networks", help="the init law of untrained ones, or those that were taught something else"),
        Column("competes_as", "class of features"),
        Column("exact", "exact by chance", "number", "of such a neuron; above 0.05 a match proves nothing"),
        Column("at_gate", "close by chance", "number", "chance of at most 0.01 unexplained in such a neuron"),
        Column("attainable", "smallest p", "number", "of a neuron that matches to a millionth"),
        Column("draws", "draws", "count", "neurons that this rests on"),
    ]  # fmt: skip
    nulls = table_view(
        analysis.nulls,
        "nulls",
        "What networks of this shape hold that did not learn this task. The p of a neuron compares it with "
        f"{IN_WORDS[analysis.null]}.",
        null_columns,
    )
    counts = analysis.neurons["status"].value_counts()
    words = "; ".join(f"{counts[s]} {s}" for s in STATUSES if s in counts)
    figure = null_figure(analysis, name)
    return PageSection(
        "neurons-held",
        "What do its neurons hold?",
        figures=() if figure is None else (figure,),
        words=f"{words}. Beside {analysis.beside}.",
        tables=(matches, nulls),
    )


def _directions(analysis: Analysis, ranks: pd.DataFrame | None) -> PageSection:
    rows = _texts(analysis, analysis.directions)
    heading = "What can be read from its layers?"
    if rows.empty:
        return PageSection("directions", heading, empty="No directions were read.")
    rows = rows.sort_values(["readable", "unexplained"], ascending=[False, True], kind="stable")
    columns = [
        Column("layer", "layer", "count"),
        Column("feature", "feature", "feature"),
        Column("on", "of"),
        Column("readable", "readable", "truth"),
        Column(
            "by_construction",
            "by construction",
            "truth",
            "it is there because weights were pruned or quantised",
        ),
        Column("unexplained", "unexplained", "number", "share that a linear read-out of the layer leaves"),
        Column(
            "untrained",
            "untrained",
            "number",
            "what it leaves in networks with these offsets and scales that point elsewhere (median)",
        ),
        Column("gap", "gap", "number", "how much better, in units of the untrained spread"),
        Column("p", "p", "number"),
        Column("q", "q", "number"),
        Column("tautology", "tautology", "truth", "yes: any layer of this shape can be read so"),
        Column("neuron", "nearest neuron", "count"),
        Column("cosine", "its cosine", "number"),
    ]
    readable = int(analysis.directions["readable"].astype(bool).sum())
    words = f"{readable} of {counted(len(rows), 'feature')} can be read as a direction."
    if ranks is not None and len(ranks):
        words += "".join(f" Layer {row['layer']}: {row['verdict']}." for row in ranks.to_dict("records"))
    table = table_view(rows, "direction-rows", "Features by layer: those that can be read first.", columns)
    return PageSection("directions", heading, words=words, tables=(table,))


def _texts(analysis: Analysis, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with tuples of names as texts, inputs and outputs by their own names."""
    if not len(frame):
        return frame
    renamed = analysis.domain.renamed
    named = frame.assign(**{text: frame[text].map(renamed) for text in ("form", "text") if text in frame})
    if "on" in frame:
        named["on"] = frame["on"].map(lambda on: renamed(", ".join(on)))
    if "output" in frame:
        named["output"] = frame["output"].map(analysis.network.outputs_renamed)
    if "gauge" in frame:
        gauges = zip(frame["gauge"], frame["on"] if "on" in frame else itertools.repeat(None), strict=False)
        named["gauge"] = [renamed(text, on) if isinstance(text, str) else text for text, on in gauges]
    return named


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
