"""The function that the members of a fibre compute, as ReLU neurons whose moments with others are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...exact.canonical import CanonicalForm
from .second_moments import Moments, moments_on

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Target:
    """A normal form as a sum of ReLU neurons.

    Attributes:
        moments: of neurons on the form's box.
        neurons: [q, D] and readouts: [q, out], which add up to the function; a bias is the last of D weights.
        kinks: [K, D] unit vectors of the hyperplanes on which the function bends.
        square: [out, out] the second moments of the outputs.
    """

    moments: Moments
    neurons: Array
    readouts: Array
    kinks: Array
    square: Array

    def products(self, W: Array) -> Array:
        """E[relu(w . x) f(x)] of neurons [..., p, D], [..., p, out]."""
        return np.asarray(self.moments(W, self.neurons) @ self.readouts)


def target_of(form: CanonicalForm, bias: bool, inputs: str = "uniform") -> Target:
    """The form's function as neurons: |z| = relu(z) + relu(-z) and z = relu(z) - relu(-z).

    Examples:
        >>> from ...networks.network import Network
        >>> from ...exact.canonical import canonical_form
        >>> target = target_of(canonical_form(Network([[[1.0], [-1.0]], [[1.0, 1.0]]])), False)
        >>> target.neurons.ravel().tolist(), target.readouts.ravel().tolist(), target.square.round(3).tolist()
        ([1.0, -1.0, 1.0, -1.0], [1.0, 1.0, 0.0, -0.0], [[0.333]])
    """
    planes, axes, weights = form.n, np.eye(form.inputs), form.A.T
    if bias:
        planes = np.column_stack([planes, form.d])
        axes, weights = np.eye(form.inputs + 1), np.vstack([weights, form.c])
    neurons = np.concatenate([planes, -planes, axes, -axes])
    readouts = np.concatenate([form.kappa, form.kappa, weights, -weights])
    moments = moments_on(form.box, bias, inputs)
    square = readouts.T @ moments(neurons, neurons) @ readouts
    kinks = planes / np.linalg.norm(planes, axis=1, keepdims=True)
    return Target(moments, neurons, readouts, kinks, square)
