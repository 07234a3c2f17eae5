"""Pair page: two networks or groups side by side as one HTML file: the ladder, matched units, transplants."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from mathcircuits.detect import FileError
from mathcircuits.detect.universality import Pairing

from ...plots.pairdrawing import ACROSS, ROW, matched_units, pair_in_words, pair_rows
from ...plots.palette import STATUSES, every_colour
from ...plots.rendering import blank
from ...studies.storage import atomic
from ..htmltables import Column, table_view
from ..networks.page import PageSection
from ..templating import render
from ..views import figure_view

_LADDER = (
    "Each rung asks for more. vacuous: networks that learned nothing are as alike. between: neither line is "
    "reached."
)
_UNITS = (
    "What each unit adds up, its largest weight set to 1. Solid: counterparts, each leaving at most 1% of the other's "
    "variance unexplained. Dashed: matched for want of better. On the line the correlation of the two."
)
_TRANSPLANTS = (
    "The features that a layer of the recipient holds are replaced by the donor's values of them. Accuracy 1: nothing "
    "changes; 0: no better than leaving the recipient on other inputs. The decoy is the best of other neurons, random "
    "directions and shuffled inputs."
)


def write_pair_page(
    found: Pairing, out: str | os.PathLike[str], *, command: str, lines: Mapping[str, str] | None = None
) -> Path:
    """Write `pair_page` into a file, whose folder is made where it is missing.

    Raises:
        FileError: where it cannot be written.
    """
    path = Path(out)
    if path.is_dir():
        raise FileError(path, "is a folder", "name a file in it, such as compared.html")
    text = pair_page(found, command=command, lines=lines)
    with atomic(path) as file:
        file.write_text(text, "utf-8")
    return path


def pair_page(found: Pairing, *, command: str, lines: Mapping[str, str] | None = None) -> str:
    """Two networks or groups side by side as one HTML text. Nothing in it is fetched from elsewhere.

    Args:
        found: the two.
        command: how it was made.
        lines: what else is known, by name: their sizes, their function.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> from mathcircuits.detect.universality import pair_up
        >>> text = pair_page(pair_up(hand_derived("absolute"), hand_derived("absolute")), command="...")
        >>> text.count("<svg role"), "a and b are the same up to function" in text
        (1, True)
    """
    from importlib.metadata import version

    content = json.dumps(found.to_dict(), allow_nan=False)
    return render(
        "network.html",
        kicker="mathcircuits compare",
        title=f"{found.first} and {found.second}",
        name="compared",
        lead=found.sentence,
        colours=every_colour(),
        statuses=STATUSES,
        sections=list(_sections(found, lines or {})),
        json="data:application/json;base64," + base64.b64encode(content.encode()).decode(),
        made={"command": command, "version": version("mathcircuits")},
    )


def _sections(found: Pairing, lines: Mapping[str, str]) -> Iterator[PageSection]:
    columns = [
        Column("rung", "rung"),
        Column("relation", "relation"),
        Column("value", "value", "number", "of what is compared; of groups the median over pairs"),
        Column("null_low", "null, 5%", "number", "5% of networks that learned nothing are below"),
        Column("null_high", "null, 95%", "number", "95% of networks that learned nothing are below"),
        Column("about", "in words", "long"),
    ]
    table = table_view(found.to_frame(), "rungs", _LADDER, columns)
    facts = tuple((name, text, "") for name, text in lines.items())
    yield PageSection("ladder", "Where do they part?", facts=facts, tables=(table,))
    rows = sum(max(len(left), len(right)) + 1.5 for _, _, left, right in pair_rows(found))
    figure, (ax,) = blank(ACROSS, max(2.0, ROW * rows))
    matched_units(found, ax)
    units = pd.DataFrame(found.to_dict()["units"])
    view = figure_view(figure, pair_in_words(found), _UNITS, units, "units")
    turned = ", ".join(found.turned.images)
    same = turned == ", ".join(f"x{k + 1}" for k in range(found.networks[0].inputs))
    words = "" if same else f"The inputs of {found.second} are taken as {turned}, a symmetry of the function."
    yield PageSection("units", "Which units are the same?", words=words, figures=(view,))
    yield _transplants(found)


def _transplants(found: Pairing) -> PageSection:
    heading = "What does a transplant do?"
    done = [one.to_dict() for one in found.transplants if one.done]
    why = "; ".join(
        f"{one.donor} into {one.recipient}: {one.reason}" for one in found.transplants if not one.done
    )
    if not done:
        return PageSection("transplants", heading, empty=f"None was possible. {why}")
    frame = pd.DataFrame(done)
    frame["moved"] = [", ".join(row["moved"]) for row in done]
    frame["missing"] = [", ".join(row["missing"]) for row in done]
    columns = [
        Column("donor", "donor"),
        Column("recipient", "recipient"),
        Column("layer", "layer", "count", "of the recipient, from 0"),
        Column("moved", "moved", "long"),
        Column("missing", "the donor lacks", "long"),
        Column("accuracy", "accuracy", "number"),
        Column("decoy", "decoy", "number"),
        Column("loss_before", "loss before", "number"),
        Column("loss_after", "after", "number"),
    ]
    table = table_view(frame, "transplant-rows", _TRANSPLANTS, columns)
    return PageSection("transplants", heading, tables=(table,), empty=why)
