"""Palette: one colour and one mark for each thing that the figures and the page speak of.

Every colour is given for a light and for a dark ground. Figures draw in the light one; the page maps it to a
CSS variable of the same name, so that an inline figure follows the reader's theme. Hues follow Okabe and
Ito's colour-blind safe set (2008); nothing is told by colour alone: verdicts carry a letter, signs of weights
a line style and a number, statuses a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from mathcircuits.detect import UnknownFeature, catalogue


@dataclass(frozen=True)
class Colour:
    """One colour on a light and on a dark ground.

    Attributes:
        name: the CSS variable without its dashes.
        light, dark: `#rrggbb`, lower case, as matplotlib writes it into an SVG.

    Examples:
        >>> INK.name, INK.light, INK.css
        ('ink', '#1b1f24', 'var(--ink)')
    """

    name: str
    light: str
    dark: str

    @property
    def css(self) -> str:
        """The reference to the variable, for a style sheet."""
        return f"var(--{self.name})"


INK = Colour("ink", "#1b1f24", "#e6e8eb")
MUTED = Colour("muted", "#5b6570", "#a3adb8")
FAINT = Colour("faint", "#d5d9de", "#3d444d")
GROUND = Colour("ground", "#fdfdfc", "#16191d")
PANEL = Colour("panel", "#f4f5f6", "#1f2429")
POSITIVE = Colour("positive", "#1f62a8", "#6fb0f0")
NEGATIVE = Colour("negative", "#b3331f", "#f08a70")

#: Feature family -> colour; the first part of a feature's id.
FAMILIES = MappingProxyType(
    {
        "sign": Colour("family-sign", "#009e73", "#2fc79b"),
        "order": Colour("family-order", "#d98200", "#f2ad3d"),
        "sum": Colour("family-sum", "#3a9bd9", "#66bdf0"),
        "linear": Colour("family-linear", "#6f7b87", "#98a4b0"),
        "magnitude": Colour("family-magnitude", "#c4629a", "#e08cbb"),
        "threshold": Colour("family-threshold", "#7d62b3", "#a990dd"),
        "constant": Colour("family-constant", "#8d8d8d", "#8c8c8c"),
        "smooth": Colour("family-smooth", "#9a6a1c", "#c99a4f"),
    }
)
#: Forms of a task, the most frequent first; each has a marker too.
FORMS = (POSITIVE, *(FAMILIES[name] for name in ("order", "sign", "magnitude", "threshold")), MUTED)
#: Families that a plug-in adds, and neurons without a label.
OTHER = Colour("family-other", "#7a7f85", "#8f959c")


@dataclass(frozen=True)
class Mark:
    """How a verdict is shown: a letter to read in grey, a colour, and what it says.

    Examples:
        >>> VERDICTS["universal"].letter, VERDICTS["inconclusive"].letter
        ('U', '?')
    """

    letter: str
    colour: Colour
    meaning: str


#: Verdict -> mark, in the order of the legend (docs/understand/verdicts.md, The verdict).
VERDICTS = MappingProxyType(
    {
        "universal": Mark(
            "U",
            Colour("verdict-universal", "#8dbdeb", "#2a67a8"),
            "in nearly every network that solves the task: the whole interval lies above 0.95",
        ),
        "forced": Mark(
            "F",
            Colour("verdict-forced", "#97d5c2", "#23705f"),
            "networks of this size cannot compute the function without it, so finding it is arithmetic",
        ),
        "selected": Mark(
            "S",
            Colour("verdict-selected", "#eeabb6", "#8b3049"),
            "far more common than among all networks of the function, as a bias named beforehand predicts",
        ),
        "partial": Mark(
            "P",
            Colour("verdict-partial", "#f3c767", "#8a6100"),
            "in some networks that solve the task and not in others",
        ),
        "free": Mark(
            "~",
            Colour("verdict-free", "#ccd791", "#566420"),
            "as common as among all networks of the function, which leaves it open",
        ),
        "vacuous": Mark(
            "V",
            Colour("verdict-vacuous", "#d8b4da", "#71457f"),
            "as common in untrained networks, so it proves nothing about learning",
        ),
        "absent": Mark(
            "A",
            Colour("verdict-absent", "#dfe2e6", "#3b424a"),
            "in almost none: the whole interval lies below 0.05",
        ),
        "inconclusive": Mark(
            "?",
            Colour("verdict-inconclusive", "#fcfcfa", "#17191e"),
            "too few solved networks to tell",
        ),
    }
)

#: What a rung of the ladder says of two groups of networks; the colours are those of like verdicts.
RUNG_MARKS = MappingProxyType(
    {
        "same": Mark(
            "S", VERDICTS["universal"].colour, "more than two thirds of the pairs are the same here"
        ),
        "different": Mark("D", VERDICTS["absent"].colour, "more than two thirds of the pairs differ"),
        "partial": Mark("P", VERDICTS["partial"].colour, "some pairs are the same, others not"),
        "vacuous": Mark("V", VERDICTS["vacuous"].colour, "networks that learned nothing are as alike"),
        "inconclusive": Mark("?", VERDICTS["inconclusive"].colour, "too few networks to tell"),
        "not comparable": Mark("\u2013", PANEL, "the two cannot be compared here"),
    }
)

#: Why a network failed: letters for print, colours pale enough to write on.
CAUSES = MappingProxyType(
    {
        "dead neuron": Mark(
            "0", Colour("cause-dead", "#c8cdd3", "#4b535c"), "a neuron that answers 0 on the whole box"
        ),
        "wrong-signed neuron": Mark(
            "W", Colour("cause-sign", "#f2b295", "#7d4128"), "a neuron whose weight out has the wrong sign"
        ),
        "same side": Mark(
            "S", Colour("cause-side", "#f1dc8c", "#6b5a17"), "two neurons sit on the same side of one kink"
        ),
        "kink in the wrong place": Mark(
            "K", Colour("cause-kink", "#a8d4ef", "#285470"), "a kink lies where the task has none"
        ),
        "not converged": Mark(
            "N", Colour("cause-slow", "#cfbce8", "#553f74"), "on its way when training ended"
        ),
        "out of reach": Mark(
            "R",
            Colour("cause-reach", "#bcdcc2", "#31603d"),
            "networks of these sizes cannot compute the task",
        ),
        "diverged": Mark("X", Colour("cause-diverged", "#f3aca4", "#7d362d"), "its weights ran away"),
        "unknown": Mark("?", Colour("cause-unknown", "#ebedef", "#2d3339"), "none of these"),
    }
)

#: What a neuron's status says, in words for a newcomer (docs/understand/numbers.md, status).
STATUSES = MappingProxyType(
    {
        "matched": "holds the feature, beyond what untrained networks show",
        "by construction": "holds the feature, as weights that were pruned or quantised make it",
        "polysemantic": "holds two or more features at once",
        "vacuous": "looks like the feature, but so do untrained neurons here",
        "linear": "always active on the box: part of a straight line",
        "dead": "never active on the box",
        "unmatched": "no feature of the catalogue fits well enough",
    }
)


def family_of(feature: object) -> str:
    """The family of a feature by name; "other" where the catalogue does not know it.

    Examples:
        >>> family_of("greaterness"), family_of("positiveness"), family_of(None)
        ('order', 'sign', 'other')
    """
    if not isinstance(feature, str):
        return "other"
    try:
        return catalogue[feature].family
    except UnknownFeature:
        return "other"


def colour_of(feature: object) -> Colour:
    """The colour of a feature's family: the same in every figure.

    Examples:
        >>> colour_of("greaterness") is colour_of("minimum")
        True
    """
    return FAMILIES.get(family_of(feature), OTHER)


def every_colour() -> tuple[Colour, ...]:
    """All colours of the palette; no two share a name or a light value.

    Examples:
        >>> colours = every_colour()
        >>> len({c.name for c in colours}) == len({c.light for c in colours}) == len(colours)
        True
    """
    marks = (mark.colour for mark in (*VERDICTS.values(), *CAUSES.values()))
    return (INK, MUTED, FAINT, GROUND, PANEL, POSITIVE, NEGATIVE, *FAMILIES.values(), OTHER, *marks)
