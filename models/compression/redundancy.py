"""Neurons that the others of their layer already hold: found by linear algebra, removed without any fitting.

A neuron whose activation is, on the inputs, a linear combination of other activations of its layer (and of a
constant, where the next layer has a bias) can go: the next layer's weights take over. That covers neurons that
are dead, constant, copies or positive multiples of others, always on beyond what the layer needs, and flips
such as relu(z) - relu(-z) = z. Which ones stay is settled by a QR decomposition with pivoting, as in the
interpolative decomposition of networks (Chee et al. 2022, arXiv 2108.00065), at rounding level here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg

from mathcircuits.detect import Network
from mathcircuits.detect.networks import apply_nonlinearity

from .criteria import SLIGHT

Array = npt.NDArray[np.float64]


def merged(network: Network, X: Array, slight: float = SLIGHT) -> tuple[Network, list[list[int]]]:
    """The network without the neurons that others of their layer make up for, and the numbers of those kept.

    Args:
        network: of any activations.
        X: inputs [n, d] on which the combinations hold; more of them than neurons in any layer.
        slight: see `SLIGHT`.

    Examples:
        >>> wide = Network([[[1.0], [2.0], [-1.0], [0.0]], [[1.0, 1.0, 1.0, 5.0]]])
        >>> small, kept = merged(wide, np.linspace(-1, 1, 50)[:, None])
        >>> small.sizes, kept, small([[0.5], [-0.5]]).ravel().round(12).tolist()
        ((1, 2, 1), [[1, 2]], [1.5, 0.5])
    """
    weights = [np.array(w) for w in network.weights]
    biases = [np.array(b) for b in network.bias_vectors]
    has_bias = network.architecture.bias
    kept: list[list[int]] = []
    h = X
    for layer, name in enumerate(network.activations):
        h = apply_nonlinearity(name, h @ weights[layer].T + biases[layer])
        own, combine, shift = _basis(h, weights[layer + 1], has_bias[layer + 1], slight)
        kept.append(own)
        if len(own) < h.shape[1]:
            weights[layer], biases[layer] = weights[layer][own], biases[layer][own]
            if has_bias[layer + 1]:
                biases[layer + 1] = biases[layer + 1] + weights[layer + 1] @ shift
            weights[layer + 1] = weights[layer + 1] @ combine
            h = h[:, own]
    given = [b if has else None for b, has in zip(biases, has_bias, strict=True)]
    return Network(weights, given, network.activations), kept


def _basis(h: Array, outgoing: Array, constant: bool, slight: float) -> tuple[list[int], Array, Array]:
    """Columns of h [n, units] that carry all: their numbers, and h = h[:, own] @ combine.T + shift."""
    sent = np.abs(outgoing).max(axis=0)
    mean = h.mean(axis=0) if constant else np.zeros(h.shape[1])
    columns = (h - mean) * sent
    triangle, order = scipy.linalg.qr(columns, mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    rank = max(1, int((size > slight * size[0]).sum())) if size[0] > 0 else 1
    own = sorted(order[:rank].tolist())
    combine = np.zeros((h.shape[1], rank))
    if size[0] > 0:
        solution = np.linalg.lstsq(columns[:, own], columns, rcond=None)[0]
        # back from the columns scaled by what they send on
        combine = np.divide(
            solution.T * sent[own], sent[:, None], out=np.zeros_like(solution.T), where=sent[:, None] > 0
        )
    combine[own] = np.eye(rank)
    return own, combine, mean - combine @ mean[own]
