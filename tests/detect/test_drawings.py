"""Drawings: found by name among what is installed, and imported no earlier."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mathcircuits.detect import InputError
from mathcircuits.detect.drawings import drawing


def test_an_unknown_drawing_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="no drawing 'portrait' is installed; known: circuit, html, losses"):
        drawing("portrait")


def test_without_any_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mathcircuits.detect.drawings.entry_points", lambda **_: ())
    with pytest.raises(InputError, match="known: none: install mathcircuits again"):
        drawing("circuit")


def test_a_result_that_draws_nothing_loads_no_matplotlib() -> None:
    code = (
        "import sys\n"
        "from mathcircuits.detect import Analysis\n"
        "assert Analysis.plot\n"
        "print('matplotlib' in sys.modules, any(name.startswith('mathcircuits.reports') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.split() == ["False", "False"]
