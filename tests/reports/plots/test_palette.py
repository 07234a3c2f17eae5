"""The palette: colours that a reader can tell apart on every ground."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from mathcircuits.detect import catalogue
from mathcircuits.reports.plots.palette import (
    FAMILIES,
    GROUND,
    INK,
    MUTED,
    NEGATIVE,
    PANEL,
    POSITIVE,
    VERDICTS,
    colour_of,
    every_colour,
)

# Colours


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(channels, (0.2126, 0.7152, 0.0722)))


def contrast(a: str, b: str) -> float:
    """Contrast ratio (WCAG 2), 1 to 21."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_reads_on_every_ground(theme: str) -> None:
    # 4.5 is WCAG's level AA for text.
    grounds = [GROUND, PANEL, *(mark.colour for mark in VERDICTS.values())]
    assert min(contrast(getattr(INK, theme), getattr(g, theme)) for g in grounds) >= 4.5
    for colour in (MUTED, POSITIVE, NEGATIVE):
        assert contrast(getattr(colour, theme), getattr(GROUND, theme)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_families_are_seen_against_the_ground(theme: str) -> None:
    # 2.4: lines and frames are wide and named; WCAG asks 3 only of what nothing else tells.
    assert min(contrast(getattr(c, theme), getattr(GROUND, theme)) for c in FAMILIES.values()) >= 2.4


def test_no_two_colours_or_letters_are_the_same() -> None:
    for a, b in combinations(every_colour(), 2):
        assert a.light != b.light, (a, b)
    assert len({mark.letter for mark in VERDICTS.values()}) == len(VERDICTS)


def test_every_family_of_the_catalogue_has_a_colour() -> None:
    assert {feature.family for feature in catalogue.values()} <= set(FAMILIES)
    assert colour_of("positiveness") == colour_of("negativeness") != colour_of("greaterness")
    assert colour_of("no such feature") == colour_of(None)
