"""The figures of figures.md: python docs/figures.py runs/default runs/detection docs/figures

From the folder of a study and that of the benchmark `detection`; modular addition and smooth targets are trained
for it, in half a minute. What is drawn of the folders is what the page's own commands say.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd

from mathcircuits.reports import approximation_frame, modular_report
from mathcircuits.reports.__main__ import main as command
from mathcircuits.reports.approximation import error_against_width
from mathcircuits.reports.plots.figurekinds import KINDS
from mathcircuits.reports.plots.rendering import blank, write_figure

PAGE = Path(__file__).with_name("figures.md")


def commands() -> list[list[str]]:
    """The page's calls of `mathcircuits figure`, as words after the program's name."""
    return [
        shlex.split(line)
        for line in re.findall(r"^mathcircuits (figure .+)$", PAGE.read_text(), re.MULTILINE)
    ]


def main(study: str, benchmark: str, out: Path) -> None:
    """Draw all of them into a folder."""
    folders = {"study": study, "benchmark": benchmark}
    for words in commands():
        name = words[1]
        code = command([*words[:2], folders[KINDS[name].folder], *words[3:-1], str(out / words[-1])])
        if code:
            sys.exit(code)
    with tempfile.TemporaryDirectory() as folder:
        for file in sorted((modular_report(folder, 31, seeds=range(10)).parent / "figures").iterdir()):
            shutil.copy(file, out / f"modular-{file.name}")
    figure, (ax,) = blank(4.6, 3.6)
    error_against_width(pd.concat([approximation_frame(name) for name in ("square", "sine", "product")]), ax)
    write_figure(figure, out / "smooth.svg")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
