"""The null of a mechanism given its function: the fibres at two scales, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InputError
from ...exact.canonical import CanonicalForm
from ...exact.norms.least import least_norm
from ...features.criteria import SOLVED
from ..criteria import AT_LEAST_NORM
from .matched_norms import scale_of_norm
from .members import Fibre
from .sampling import fibre


@dataclass(frozen=True, eq=False)
class FibreNull:
    """What the function alone leaves open: fibres at the init's scale and at the norms that were observed.

    Attributes:
        fibres: both, in this order; none where none is known.
        reason: why none is known; empty where some are.

    Examples:
        >>> FibreNull((), "several hidden layers").text
        'none: several hidden layers'
    """

    fibres: tuple[Fibre, ...]
    reason: str

    @property
    def reliable(self) -> bool:
        """Whether verdicts may rest on the fibres: each is `reliable`."""
        return bool(self.fibres) and all(one.reliable for one in self.fibres)

    @property
    def text(self) -> str:
        """The fibres' scales and how well they were drawn, or why there is none."""
        if not self.fibres:
            return f"none: {self.reason}"
        scales = " and ".join(f"{one.scale:.3g}" for one in self.fibres)
        families = ", ".join(f"{size:.0f}" for one in self.fibres for size in one.effective_sizes)
        apart = [str(one.agreement) for one in self.fibres if not one.agreement]
        said = f"scales {scales}; effective families {families}; {apart[0] if apart else 'the chains agree'}"
        return said if self.reliable else f"{said}: no verdict rests on it, take more particles"


def fibre_null(
    form: CanonicalForm | None,
    hidden: Sequence[int],
    norm: float,
    *,
    bias: bool = False,
    threshold: float = SOLVED,
    particles: int = 1000,
) -> FibreNull:
    """The fibres to hold a condition's networks against.

    Where the norms that were observed are within 1% of the least of all (`least_norm`), the init's scale stands alone:
    at that norm a network has the form of least norm by construction, and the norm itself is what training selected.
    Where they are below those of every fibre otherwise, the second one is drawn at the smallest scale that was tried.

    Args:
        form: the function; None where no network with one hidden layer computes it.
        hidden: the networks' hidden sizes.
        norm: the median path norm of the networks; NaN where there is none, then the init's scale stands alone.
        bias: whether they have biases.
        threshold: the mean squared error below which they count.
        particles: of each chain.

    Examples:
        >>> from ...features.task import hand_derived
        >>> from ...exact.canonical import canonical_form
        >>> absolute = canonical_form(hand_derived("absolute"))
        >>> null = fibre_null(absolute, (3,), math.nan, particles=100)
        >>> null.fibres[0].form_share("relu(x1) + relu(-x1)").value
        1.0
        >>> fibre_null(absolute, (40,), math.nan).text
        'none: 1 inputs and 40 neurons: a fibre is drawn for one hidden layer with up to 3 inputs and 16 neurons; ...'
    """
    if form is None or len(hidden) != 1:
        return FibreNull(
            (), "a fibre is drawn for functions of one hidden layer, in networks of one hidden layer"
        )
    try:
        first = fibre(form, hidden[0], bias=bias, threshold=threshold, particles=particles)
        if math.isnan(norm) or norm <= (1 + AT_LEAST_NORM) * _least(form, bias):
            return FibreNull((first,), "")
        near = scale_of_norm(
            form, hidden[0], norm, bias=bias, threshold=threshold, particles=particles, start=first
        )
    except InputError as error:
        return FibreNull((), str(error))
    return FibreNull((first, near.fibre), "")


def _least(form: CanonicalForm, bias: bool) -> float:
    """The least norm of a form; 0 where it is not known, so that no norm is at it."""
    try:
        return least_norm(form, biases="penalised" if bias else "none").upper
    except InputError:
        return 0.0
