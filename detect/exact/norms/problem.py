"""What the least norm of a form is the solution of: kinks and affine part as vectors, and what neurons cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ...networks.box import Box
from ...statistics.criteria import ROUNDING
from ..canonical import CanonicalForm

Array = npt.NDArray[np.float64]

#: Which biases the networks have: none; free ones, which cost nothing; or ones that weight decay penalises.
Biases = Literal["none", "free", "penalised"]
BIASES: tuple[Biases, ...] = ("none", "free", "penalised")


@dataclass(frozen=True, eq=False)
class Problem:
    """A form in the vectors whose lengths are penalised: w, or (w, b) where biases are penalised too.

    Attributes:
        N: [K, D] the kinks' vectors; kappa: [K, out] their coefficients.
        T: [out, D] the affine part.
        pair: the cost of an affine part per unit of its length, where any direction is allowed: 2 for a pair of
            neurons, 1 for a neuron that is always on.
        coned: whether some neurons are always on, and not all directions are: then `box` says which.
        box: (low, high) per input.

    Examples:
        >>> from ...features.task import hand_derived
        >>> from ..canonical import canonical_form
        >>> problem_of(canonical_form(hand_derived("identity")), "none").pair
        2.0
    """

    N: Array
    kappa: Array
    T: Array
    pair: float
    coned: bool
    box: Box

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return len(self.box)

    @property
    def lifted(self) -> bool:
        """Whether the last entry of each vector is a bias."""
        return bool(self.T.shape[1] > self.inputs)

    @property
    def lengths(self) -> Array:
        """[K] of the kinks' vectors."""
        return np.asarray(np.linalg.norm(self.N, axis=1))

    @property
    def size(self) -> float:
        """The masses of the kinks and the affine part, added up; 1 for the function 0."""
        masses = self.lengths @ np.linalg.norm(self.kappa, axis=1) if len(self.N) else 0.0
        return float(masses + np.linalg.norm(self.T)) or 1.0


def problem_of(form: CanonicalForm, biases: Biases) -> Problem:
    """The problem of a form.

    Raises:
        InputError: for an unknown `biases`, for a form that no network without biases has, and for several outputs
            where some directions of neurons are always on and others are not.
    """
    if biases not in BIASES:
        raise InputError(f"biases {biases!r}: give one of {', '.join(BIASES)}")
    low, high = np.array(form.box).T
    around = bool(((low < 0) & (high > 0)).all())
    if biases == "none":
        limit = max(form.rounding, ROUNDING * form.scale)
        heights = np.abs(form.d) * np.abs(form.kappa).max(axis=1, initial=0.0)
        if np.abs(form.c).max(initial=0.0) > limit or heights.max(initial=0.0) > limit:
            raise InputError(
                f"{form!r} has an offset or a constant, so no network without biases computes it: "
                "ask with biases='free' or 'penalised'"
            )
    coned = biases == "penalised" or (biases == "none" and not around)
    if coned and form.outputs > 1:
        raise InputError(
            f"{form!r} has {form.outputs} outputs: the least norm with "
            f"{'penalised biases' if biases == 'penalised' else 'a box that is not around 0'} is known for one output"
        )
    N, T = form.n, form.A
    if biases == "penalised":
        N, T = np.column_stack([N, form.d]), np.column_stack([T, form.c])
    return Problem(N, form.kappa, T, 1.0 if biases == "free" else 2.0, coned, form.box)
