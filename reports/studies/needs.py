"""Needs: which features a task needs to be readable from a layer, and which it has no use for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Task
from mathcircuits.detect.features import as_task
from mathcircuits.detect.matching import READ, targets_for


def needed_and_controls(task: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which read-out targets a task needs and which it has no use for [K].

    Needed is what lies in the span of the output and of those linear maps of the inputs that the output depends on
    (the differences alone, for |x1 - x2|), without being affine. A control lies outside the span of the output and
    all inputs. What is neither, such as the maximum for |x1 - x2|, or x1, is not counted: two always-active
    neurons give any affine feature away.

    Examples:
        >>> features = targets_for(2).features
        >>> for task in ("minimum", "absolute-difference"):
        ...     needed, controls = needed_and_controls(task)
        ...     print([f.feature.name for f, is_needed in zip(features, needed, strict=True) if is_needed])
        ['greaterness', 'greaterness', 'maximum', 'minimum', 'absolute-difference']
        ['greaterness', 'greaterness', 'absolute-difference']
    """
    known = as_task(task)
    targets = targets_for(known.arity, box=known.box)
    X, output = targets.X_test, known(targets.X_test)
    affine = _outside([X], targets.test) <= READ
    used = _outside([X @ _directions_used(known, X), output], targets.test) <= READ
    spanned = _outside([X, output], targets.test) <= READ
    return used & ~affine, ~spanned


def _directions_used(task: Task, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """An orthonormal basis [d, rank] of the directions of the input that the outputs depend on."""
    step = 1e-6
    slopes = [(task(X + step * e) - task(X - step * e)) / (2 * step) for e in np.eye(task.arity)]
    gradients = np.stack(slopes, axis=-1).reshape(-1, task.arity)
    _, sizes, rows = np.linalg.svd(gradients, full_matrices=False)
    # Differences of order 1e-6 of values of order 1 keep about ten digits.
    return np.asarray(rows[sizes > 1e-6 * sizes[0]].T)


def _outside(
    columns: list[npt.NDArray[np.float64]], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The share of each target's variance outside the span of the columns and a constant [K]."""
    basis = np.hstack([*columns, np.ones((len(values), 1))])
    rest = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    return np.asarray((rest**2).mean(axis=0))
