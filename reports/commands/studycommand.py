"""`mathcircuits study`: the configuration that `--example` prints, and the lines with which a study ends."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from .terminal.console import text_width

if TYPE_CHECKING:
    from ..studies.folder import Study

#: A small study, with every key that most studies set; `mathcircuits study` runs it as it stands.
EXAMPLE = """\
# A study for mathcircuits. Run it:  mathcircuits study study.toml --out runs

# Tasks by name (`mathcircuits tasks` lists them).
tasks = ["minimum", "absolute"]

# Hidden sizes: a multiple of the smallest known network ("1x", "2x"), neurons of one layer (8), or layers ([6, 3]).
widths = ["1x", 8]

# Networks of each task, width and regimen; a list such as [0, 1, 7] names the random seeds.
seeds = 20

# How they are trained: presets, or a preset with changed fields.
regimens = ["adam", { preset = "adam", lr = 0.01 }]

# Training steps of every network (default: the task's, or the regimen's).
# steps = 3000

# Read "forms" alone: loss, form and norm of each network, in a tenth of the time (default: "all").
# reads = "forms"

# Verdicts that hold at every number of networks, so that more seeds may be added (default: false).
# sequential = true

# Parts that differ from the above: each table sets tasks, widths, seeds, regimens or steps for itself.
# [[grid]]
# widths = [16]
# regimens = ["compress"]
"""


def ending(study: Study, width: int | None = None) -> list[str]:
    """The lines with which a study ends: the findings that its page opens with, and the link to its page.

    Args:
        study: a finished study.
        width: characters of a line; None for the terminal's.
    """
    from ..inputnames import NamedTables
    from ..pages.opening.headlines import headlines

    room = text_width() if width is None else width
    lines: list[str] = []
    for finding in headlines(NamedTables(study.tables)):
        lines += textwrap.wrap(
            finding.text, room, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False
        )
    # A link is opened by a click where a path is not.
    return [*lines, study.page.resolve().as_uri()]
