"""The ladder's matrix counts every comparison once."""

from __future__ import annotations

import re

from synthetic_study import made_up

from mathcircuits.reports.pages.sections.laddermatrix import ladder_html


def test_parts_add_up_to_the_ladder() -> None:
    tables = made_up(("absolute", "minimum"), seeds=3).tables
    text = ladder_html(tables)
    counts = [int(n) for n in re.findall(r">\S (\d+)</a>", text)]
    assert sum(counts) == len(tables["ladder"])
    assert "Seeds of one condition" in text
