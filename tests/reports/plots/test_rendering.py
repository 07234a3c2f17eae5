"""Rendering: inline figures follow the theme, and no two share ids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mathcircuits.reports.plots.palette import (
    POSITIVE,
)
from mathcircuits.reports.plots.rendering import blank, inline_svg, on_hover, write_figure


def test_an_inline_figure_follows_the_theme_and_keeps_its_numbers() -> None:
    figure, (ax,) = blank(2, 1)
    ax.plot([0, 1], [0, 1], color=POSITIVE.light)
    ax.set_title("value 0.123456789")
    on_hover(ax.axhline(0.5), 'under 0.123456 & "quoted" <b>')
    text = inline_svg(figure, 'a "line" <script>')
    assert "0.123456789" in text
    assert "var(--positive)" in text
    assert POSITIVE.light not in text
    assert '<title>under 0.123456 &amp; "quoted" &lt;b&gt;</title>' in text
    assert 'aria-label="a &quot;line&quot; &lt;script&gt;"' in text
    assert "http" not in text


def test_two_figures_share_no_ids() -> None:
    def ids(slope: float) -> set[str]:
        figure, (ax,) = blank(2, 1)
        ax.plot([0, 1], [0, slope], "o-")
        text = inline_svg(figure, "a line")
        found = re.findall(r' id="([^"]+)"', text)
        assert len(found) == len(set(found))
        wanted = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
        assert set(found) == wanted
        return set(found)

    assert ids(1.0)
    assert not ids(1.0) & ids(2.0)


def test_a_logarithmic_axis_is_labelled_in_plain_text() -> None:
    figure, (ax,) = blank(3, 2)
    ax.plot([1, 10_000], [1e-10, 1.0])
    ax.set(xscale="symlog", yscale="log")
    text = inline_svg(figure, "a line")
    assert "mathdefault" not in text
    assert ">1e-09<" in text or ">1e-08<" in text or ">1e-10<" in text


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_path_for_a_name_leaves_the_figure_drawn(suffix: str, tmp_path: Path) -> None:
    # What made it fail: warnings are errors here, and the layout warns where names take all the room.
    name = "/a folder/" * 12 + "network.npz"
    figure, (left, right) = blank(2, 1, columns=2)
    for ax in (left, right):
        ax.text(0, 0, name, ha="right")
        ax.set_yticks([0.5], [name])
        ax.set_ylabel(name)
    text = inline_svg(figure, name)
    assert "…" in text
    assert text.count("network.npz") > 3
    assert write_figure(figure, tmp_path / f"figure.{suffix}").stat().st_size > 1000
