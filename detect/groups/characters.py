"""Characters of a finite group from its table, and the real irreducible parts of the functions on it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .criteria import REPRESENTATION

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Irrep:
    """A real irreducible representation of a finite group, by its character.

    Attributes:
        name: ATLAS's, such as "3a".
        dimension: of the real matrices.
        kind: "real", "complex" (a character and its conjugate together) or "quaternionic" (twice one).
        character: the trace of the real matrices at each element [order].
        basis: orthonormal functions that span the isotypic component [order, size].
        class_basis: orthonormal functions that span the component's class functions [order, 1 or 2].

    Examples:
        >>> from .named_groups import group_named
        >>> group_named("S4").irrep("3a"), group_named("C5").irrep("f1")
        (Irrep(3a, dimension 3, real), Irrep(f1, dimension 2, complex))
    """

    name: str
    dimension: int
    kind: str
    character: Array
    basis: Array
    class_basis: Array

    @property
    def size(self) -> int:
        """The dimension of the isotypic component, a part of the order."""
        return int(self.basis.shape[1])

    def __repr__(self) -> str:
        return f"Irrep({self.name}, dimension {self.dimension}, {self.kind})"


def character_table(table: Ints, classes: Ints, inverses: Ints) -> Complex:
    """The irreducible complex characters at each element [classes, order], the trivial one first, by dimension.

    Convolution with a class function acts on all class functions, and the irreducible characters are the joint
    eigenvectors of all these operators (Burnside; Serre 1977, Linear Representations of Finite Groups, 2.5 and 6.3).
    A random real combination of their Hermitian parts has distinct eigenvalues, and its orthonormal eigenvectors are
    the characters up to phase: no modular arithmetic is needed, in contrast to Dixon 1967. What comes out is checked:
    rows orthonormal, dimensions whole, their squares adding up to the order, all within 1e-10.

    Args:
        table: of the group [order, order]; classes, inverses: of each element [order].

    Raises:
        InputError: where the check fails.

    Examples:
        >>> c2 = np.array([[0, 1], [1, 0]])
        >>> character_table(c2, np.arange(2), np.arange(2)).real.round(9).tolist()
        [[1.0, 1.0], [1.0, -1.0]]
    """
    n, k = len(table), int(classes.max()) + 1
    size = np.bincount(classes)
    first = np.array([int((classes == c).argmax()) for c in range(k)])
    rng = np.random.default_rng(n)
    weights = rng.normal(size=k) + 1j * rng.normal(size=k)
    weights = (weights + weights[classes[inverses[first]]].conj()) / 2
    operator = np.zeros((k, k), dtype=np.complex128)
    for j, element in enumerate(first):
        np.add.at(operator[:, j], classes[table[:, element]], (weights / size)[classes])
    # Orthonormal coordinates: a class counts by the square root of its size.
    operator *= np.sqrt(size)[None, :] / np.sqrt(size)[:, None]
    vectors = np.linalg.eigh((operator + operator.conj().T) / 2)[1].T
    values = vectors * np.sqrt(n / size)
    neutral = classes[int((table == np.arange(n)).all(axis=1).argmax())]
    values *= (np.abs(values[:, neutral]) / values[:, neutral])[:, None]
    degrees = values[:, neutral].real
    order = np.argsort(degrees - 0.5 * (np.abs(values - 1).max(axis=1) < REPRESENTATION), kind="stable")
    values, degrees = values[order], degrees[order]
    _check(values, degrees, size)
    return np.asarray(values[:, classes])


def _check(values: Complex, degrees: Array, size: Ints) -> None:
    """Characters by class: orthonormal rows, whole degrees whose squares add up to the order."""
    n = int(size.sum())
    gram = (values * size) @ values.conj().T / n
    errors = {
        "orthogonality": float(np.abs(gram - np.eye(len(gram))).max()),
        "degrees": float(np.abs(degrees - degrees.round()).max()),
        "order": float(abs((degrees**2).sum() - n)) / n,
    }
    wrong = {name: error for name, error in errors.items() if error > REPRESENTATION}
    if wrong:
        raise InputError(
            f"characters of a group of order {n} fail their check: {wrong}; is the table a group's?"
        )


def real_irreps(
    characters: Complex, table: Ints, inverses: Ints, element_orders: Ints, name: str
) -> tuple[Irrep, ...]:
    """The real irreducible representations, the trivial one first, by dimension, with their names.

    A complex character is joined with its conjugate; the Frobenius-Schur indicator, the mean of the character over
    squares, tells the real kind (1) from the quaternionic one (-1) (Serre 1977, 13.2).

    Args:
        characters: [classes, order]; table, inverses, element_orders: the group's.
        name: the group's: irreps of "C12" and the like are named by their frequency at element 1.

    Examples:
        >>> from .named_groups import group_named
        >>> [(r.name, r.size) for r in group_named("D5").irreps]
        [('1a', 1), ('1b', 1), ('2a', 4), ('2b', 4)]
    """
    n = len(table)
    squares = np.diagonal(table)
    quotient = table[:, inverses]
    parts: list[tuple[int, str, Array, Complex]] = []
    for character in characters:
        if any(np.abs(character - other.conj()).max() < REPRESENTATION for *_, other in parts):
            continue
        indicator = round(float(character[squares].mean().real))
        degree = round(float(character.real.max()))
        kind = {1: "real", 0: "complex", -1: "quaternionic"}[indicator]
        factor = 1 if indicator == 1 else 2
        parts.append((factor * degree, kind, factor * character.real, character))
    frequency = re.fullmatch(r"C(\d+)", name)
    if frequency:
        turns = [round(float(np.angle(part[3][1 % n]) * n / (2 * np.pi))) % n for part in parts]
        turns = [min(k, n - k) for k in turns]
        order = sorted(range(len(parts)), key=lambda i: turns[i])
        names = [f"f{turns[i]}" for i in order]
    else:
        order = sorted(range(len(parts)), key=lambda i: _key(parts[i], element_orders))
        names = _letters([parts[i][0] for i in order])
    # One decomposition for all: eigenvalue i marks the i-th component.
    marked = np.zeros((n, n))
    sizes = []
    for place, i in enumerate(order):
        dimension, kind, real, character = parts[i]
        degree = round(float(character.real.max()))
        projection = degree / n * (2 * character.real if kind == "complex" else character.real)[quotient]
        marked += place * projection
        sizes.append(round(float(np.trace(projection))))
    vectors = np.linalg.eigh(marked)[1]
    stops = np.cumsum(sizes)
    found = []
    for place, i in enumerate(order):
        dimension, kind, real, character = parts[i]
        rows = [character.real, character.imag] if kind == "complex" else [character.real]
        class_basis = np.array([row / np.linalg.norm(row) for row in rows]).T
        basis = vectors[:, stops[place] - sizes[place] : stops[place]]
        found.append(Irrep(names[place], dimension, kind, real, basis, class_basis))
    return tuple(found)


def _key(part: tuple[int, str, Array, Complex], element_orders: Ints) -> tuple[float, ...]:
    """By dimension, then the larger mean character over the elements of each order, then the larger spread.

    It does not depend on how the elements are numbered; equal keys are left to irreps that such means cannot tell
    apart, as the two of dimension 3 of A5, which an automorphism exchanges.
    """
    dimension, _, real, _ = part
    means: list[float] = []
    for order in sorted(set(element_orders.tolist())):
        values = real[element_orders == order]
        means += [-round(float(values.mean()), 6), -round(float((values**2).mean()), 6)]
    return (float(dimension), *means)


def _letters(dimensions: list[int]) -> list[str]:
    """ATLAS's names: the dimension and a letter, or a number behind the 26th."""
    seen: Counter[int] = Counter()
    names = []
    for dimension in dimensions:
        place = seen[dimension]
        seen[dimension] += 1
        names.append(f"{dimension}{chr(ord('a') + place)}" if place < 26 else f"{dimension}.{place + 1}")
    return names
