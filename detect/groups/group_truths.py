"""Networks that compose in a group by irreps that were planted: the truth that detection is held to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.network import Network
from .finite_groups import FiniteGroup
from .representations import fixed, matrices

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def planted_irreps(
    group: FiniteGroup,
    irreps: Sequence[str],
    *,
    subgroup: npt.ArrayLike | None = None,
    each: int = 2,
    seed: int = 0,
) -> Network:
    """A ReLU network that composes by known irreps.

    A neuron sees `u' rho(a) v + v' rho(b) w` and writes `u' rho(c) w`. Over an orthonormal frame of v and its negatives
    the activations add up to a norm of `rho(a)' u + rho(b) w`, which grows with `f(a b)` for `f(x) = u' rho(x) w`. Over
    the whole orbit of u the logits are then correlations of an increasing function of f with f, translated by a b and
    by c, which are largest where these agree (Wu et al. 2024, arXiv 2410.07476). For frequencies modulo p, dimension
    2, it is the product of two waves.

    Args:
        group: in which to compose; irreps: by name, not the trivial one.
        subgroup: whose fixed vectors u and w start from [order]: the network is a coset circuit then (Stander et al.
            2024, arXiv 2312.06581); None draws them blindly, which makes a character circuit.
        each: draws of u and w for each irrep; seed: of them and of the frames.

    Raises:
        InputError: for the trivial irrep, or a subgroup that leaves no vector of an irrep fixed.

    Examples:
        >>> from .named_groups import group_named
        >>> planted_irreps(group_named("S3"), ["1b", "2a"])
        Network(12-56-6, relu, no bias)
    """
    rng = np.random.default_rng(seed)
    inner: list[Array] = []
    outer: list[Array] = []
    for name in irreps:
        irrep = group.irrep(name)
        if irrep is group.irreps[0]:
            raise InputError(f"irrep {name!r} of {group.name} is the trivial one, a constant: name others")
        rho, d = matrices(group, irrep), irrep.dimension
        held = np.eye(d) if subgroup is None else fixed(group, irrep, np.asarray(subgroup, dtype=bool))
        if np.trace(held) < 0.5:
            raise InputError(
                f"the subgroup leaves no vector of {name!r} of {group.name} fixed: give another one"
            )
        for _ in range(each):
            u, w = (_unit(held @ rng.normal(size=d)) for _ in range(2))
            orbit = np.unique((u @ rho).round(9), axis=0)
            # Few vectors make few values of f, on whose ties only the orbit of w as well decides.
            ends = [w] if subgroup is None else np.unique((rho @ w).round(9), axis=0)
            for start, end in itertools.product(orbit, ends):
                frame = np.linalg.qr(rng.normal(size=(d, d)))[0]
                for v in (*frame, *-frame):
                    inner.append(np.concatenate([(start @ rho) @ v, (v @ rho) @ end]))
                    outer.append((start @ rho) @ end)
    return Network([np.array(inner), np.array(outer).T])


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))
