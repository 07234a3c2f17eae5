"""The pair page: one file that holds the ladder, the drawing and what transplants do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mathcircuits.detect import FileError, Network, circuits
from mathcircuits.detect.universality import pair_up
from mathcircuits.reports.pages.pairs.pairpage import pair_page, write_pair_page


def test_the_page_of_two_forms(tmp_path: Path) -> None:
    slide, _, mean = (circuit.network for circuit in circuits["minimum"].gauges[:3])
    found = pair_up(slide, mean, names=("<slide>", "mean"), task="minimum")
    text = write_pair_page(found, tmp_path / "new" / "page.html", command="...").read_text()
    assert "&lt;slide&gt; and mean part at circuit" in text
    assert text.count("<svg role") == 1
    assert "<slide>" not in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    with pytest.raises(FileError, match="is a folder"):
        write_pair_page(found, tmp_path, command="...")


def test_without_a_feature_there_is_no_transplant() -> None:
    tilted = Network([[[1.0, -2.3], [-1.0, 2.3]], [[1.0, 1.0]]])
    assert "None was possible" in pair_page(pair_up(tilted, tilted), command="...")
