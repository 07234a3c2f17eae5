"""What an installed wheel has to do, run by its own Python away from the checkout: python installed.py ENVIRONMENT

It holds what is no code, it was not imported from a checkout, and its program trains, reads and writes a page.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

STUDY = 'tasks = ["absolute"]\nwidths = ["1x"]\nregimens = ["adam"]\nseeds = 2\n'


def main(environment: Path) -> None:
    """Stop with an AssertionError, or a program's error, at the first thing that is wrong."""
    import mathcircuits.detect

    assert Path(mathcircuits.detect.__file__).is_relative_to(environment), mathcircuits.detect.__file__
    for package in ("detect", "models", "reports"):
        held = files(f"mathcircuits.{package}")
        assert (held / "py.typed").is_file(), package
        assert (held / "__init__.pyi").is_file(), package
    assert (files("mathcircuits.detect") / "data" / "tasks.toml").is_file()
    assert any((files("mathcircuits.reports.pages") / "templates").iterdir())

    program = str(environment / "bin" / "mathcircuits")
    Path("study.toml").write_text(STUDY)
    for words in (
        ["--version"],
        ["doctor"],
        ["study", "study.toml", "--out", "runs", "--workers", "1"],
        ["inspect", "runs", "--network", "absolute/2/adam/0"],
    ):
        subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL)
    page = Path("runs/report/index.html").read_text()
    assert "</html>" in page
    assert "abs" in page
    print("the wheel installs, and runs a study")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
