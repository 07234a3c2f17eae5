"""Null figures: one match as a line over the histogram of the null's neurons that it is compared with."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mathcircuits.detect import MatchNull

from ..wording import labelled, number, percent
from .palette import FAINT, INK, MUTED, colour_of
from .rendering import on_hover

Array = npt.NDArray[np.float64]
#: The scale of the shares: from here, or a decade below a smaller match, up to 1; and its bins per decade.
_LOWEST, _PER_DECADE = 1e-6, 3
#: What leaves less is exact to the eye, and is drawn in the first bin: training reaches about 1e-7.
_FLOOR = 1e-9
#: Inches that suit the figure.
NULL_SIZE = (4.4, 2.3)
#: Of a p smaller than this the bound is written: the tail model vouches for no digit.
_SMALLEST_P = 1e-4


def null_edges(unexplained: float) -> Array:
    """The edges of the histogram's bins, of shares on a logarithmic scale, so that the match lies inside.

    Examples:
        >>> null_edges(0.5)[[0, -1]].tolist(), len(null_edges(0.5))
        ([1e-06, 1.0], 19)
        >>> float(null_edges(3e-8)[0]), float(null_edges(0.0)[0])
        (1e-09, 1e-09)
    """
    low = math.floor(math.log10(min(max(unexplained, _FLOOR), 1.0))) - 1
    low = max(min(low, round(math.log10(_LOWEST))), round(math.log10(_FLOOR)))
    return np.logspace(low, 0, -low * _PER_DECADE + 1)


def null_histogram(null: MatchNull, ax: Axes, *, small: bool = False) -> Axes:
    """Draw a match over the histogram of the null's neurons: how much each leaves of the class of the match.

    Neurons of the null have the neuron's own offset and point elsewhere. The solid line is the match, with its p; the
    dashed line is the share that p = 0.05 asks for. A matched line stands where hardly any neuron of the null is, a
    vacuous one among them.

    Args:
        null: of one neuron (`Analysis.null_of`).
        ax: the axes.
        small: for a plot of an inch and a half: without axis labels and words.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> from .rendering import blank
        >>> null = analyse(hand_derived("minimum"), task="minimum", init="uniform").null_of(0, 0)
        >>> _, (ax,) = blank(*NULL_SIZE)
        >>> [text.get_text() for text in null_histogram(null, ax).texts]
        ['this neuron\\np < 1e-4', 'p = 0.05']
    """
    edges = null_edges(null.unexplained)
    mass = null.histogram(edges)
    bars = ax.stairs(mass, edges, fill=True, color=FAINT.light, zorder=1)
    ax.stairs(mass, edges, color=MUTED.light, linewidth=0.8, zorder=2)
    on_hover(bars, null_words(null))
    top = max(float(mass.max()), 1e-9)
    ax.set(xscale="log", xlim=(edges[0], edges[-1]), ylim=(0, 1.32 * top))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    # An exact match, and a draw as exact, stand in the middle of the first bin.
    first = float(np.sqrt(edges[0] * edges[1]))
    at = min(max(null.unexplained, first), 1.0)
    colour = colour_of(null.feature).light
    ax.plot([at, at], [0, 1.06 * top], color=colour, linewidth=2.4, zorder=4)
    right = math.log10(at) > 0.5 * math.log10(float(edges[0]))
    words = p_words(null.p) if small else f"this neuron\n{p_words(null.p)}"
    # Above its line, growing towards the middle.
    ax.text(
        at, 1.09 * top, words, fontsize=7.5 if small else 8, fontweight="bold", linespacing=1.05,
        ha="right" if right else "left", va="bottom", color=INK.light, zorder=5,
    )  # fmt: skip
    if null.needed is not None:
        need = max(null.needed, first)
        ax.plot(
            [need] * 2, [0, 1.06 * top], color=MUTED.light, linewidth=1.0, linestyle=(0, (3, 2)), zorder=3
        )
        if not small:
            # On the side of the dashed line where the match is not.
            side, shift = ("left", 1.15) if at < need else ("right", 1 / 1.15)
            ax.text(need * shift, 1.04 * top, "p = 0.05", fontsize=7.5, ha=side, va="top", color=MUTED.light)
    decades = round(-math.log10(float(edges[0])))
    step = 3 if decades > 3 else 2
    ticks = [10.0 ** -(step * k) for k in range(decades // step + 1)]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: f"{x:g}" if x >= 1e-3 else f"1e{math.log10(x):.0f}")
    )
    ax.tick_params(axis="x", labelsize=7 if small else 8)
    if not small:
        ax.set_xlabel("share of the variance that the best such feature leaves", fontsize=8)
        ax.set_ylabel("neurons of the null", fontsize=8)
    return ax


def null_words(null: MatchNull) -> str:
    """The histogram in words, for those who do not see it.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> a = analyse(hand_derived("absolute"), task="absolute", init="uniform")
        >>> null_words(a.null_of(0, 0))
        'v0 positiveness(x1) leaves none of the variance. Of the neurons of the null 100% leave as little; p = 1. ...'
    """
    score = number(null.unexplained) if null.unexplained > _FLOOR else "none"
    share = null.below(max(null.unexplained, _FLOOR))
    need = (
        "No share would give p = 0.05, since too many of them leave none"
        if null.needed is None
        else f"A p of 0.05 asks for at most {number(null.needed)}"
    )
    named = labelled(null.feature, ", ".join(null.on))
    return (
        f"v{null.neuron} {named} leaves {score} of the variance. Of the neurons of the null "
        f"{percent(share) if share > 0.0 else 'none'} leave as little; {p_words(null.p)}. {need}."
    )


def p_words(p: float) -> str:
    """A p as it is written beside a match; of one below 1e-4 the tail model vouches for no digit.

    Examples:
        >>> p_words(0.0029), p_words(1e-9)
        ('p = 0.0029', 'p < 1e-4')
    """
    return f"p < {_SMALLEST_P:.0e}".replace("e-0", "e-") if p < _SMALLEST_P else f"p = {p:.2g}"
