"""A form in words: rows over inputs and atoms |z| as the simplest formula with min, max, relu, abs and clip.

Since max(a, b) = (a + b)/2 + |a - b|/2, any term k |z| of a row can be written with any part L of the row's
remainder as max(L + k z, L - k z), or min for k < 0. L = 0 gives abs, L = k z gives relu, the part that shares
its keys with z gives a minimum or maximum of whole forms, which are phrased in turn: (x1 + x2)/2 - |x1 - x2|/2
is min(x1, x2). Opposite kinks on parallel planes are a clip. All of these are tried, for each atom, along a
beam; the tree with the least complexity wins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import product

from ..features.formulas import Formula
from ..features.grammar import Node
from ..features.printing import text_of
from .atom_form import Row, used_atoms
from .lengths import complexity, complexity_of, written_as_decimal

#: Partial phrasings kept while a row's atoms are phrased one after the other. Two are enough for every circuit
#: of the catalogue; the rest is margin, at about a millisecond an atom.
_BEAM = 12
#: Rows with more atoms are phrased one atom at a time: no shorter phrase makes them readable.
_MOST_TRIED = 5
#: Atoms phrased in all ways before only the first ways are tried. The circuits of the catalogue take up to 50,
#: the median 170; a row nested five deep, which nobody could read, would take hours. After as many again each atom is
#: phrased in one way, as an absolute value: the first ways of atoms within atoms still multiply.
_MOST_OPTIONS = 400
#: The same for all rows of a network together: at some milliseconds each, a few seconds. The rows of a circuit of the
#: catalogue take a few hundred; a network without a readable formula has dozens of candidates.
_MOST_IN_ALL = 1000
#: Splitting z's terms in all ways doubles with each term.
_MOST_SPLIT = 4
#: Rows that are kept with their formulas, about a kilobyte each: networks that learned one function ask for the same.
_MOST_KEPT = 4096
#: An atom costs a call and a name at the least.
_ATOM_COST = 3
_ZERO, _ONE = Fraction(0), Fraction(1)


#: A tree and its complexity, which is asked for more often than trees are made.
_Tree = tuple[Node, int]
#: One phrased term: its coefficient and its tree.
_Term = tuple[Fraction, _Tree]
#: The number of inputs, a row and the rows of its atoms.
_Key = tuple[int, tuple[tuple[tuple[int, tuple[int, int]], ...], ...]]

#: Formulas that no limit had a part in, by their rows, and how many atoms were phrased for them.
_KEPT: dict[_Key, tuple[Formula, int]] = {}


class Phraser:
    """Puts rows over (the constant under -1, inputs, atoms) into words; remembers what it has phrased.

    Args:
        rows: the row of z for each atom |z|; may grow later.
        inputs: the number of inputs.

    Examples:
        >>> half = Fraction(1, 2)
        >>> words = Phraser([{0: Fraction(1), 1: Fraction(-1)}], 2)
        >>> words.formula({0: half, 1: half, 2: -half})
        Formula('min(x1, x2)')
        >>> words.formula({0: Fraction(1), 2: Fraction(-2)})
        Formula('x1 - 2 * abs(x1 - x2)')
    """

    def __init__(self, rows: Sequence[Row], inputs: int) -> None:
        self.rows, self.inputs = rows, inputs
        # By whole numbers, since the hash of a fraction takes longer than those of both its parts.
        self._known: dict[tuple[tuple[int, tuple[int, int]], ...], _Tree] = {}
        # The beam comes to one atom once for every way to phrase those before it.
        self._terms: dict[
            tuple[bool, int, tuple[int, int], tuple[tuple[int, tuple[int, int]], ...]], _Term
        ] = {}
        self._left, self._budget = _MOST_OPTIONS, _MOST_IN_ALL
        # Rows that were answered by what is kept, and what phrasing them would have taken.
        self._asked: list[Row] = []
        self._owed = 0

    def formula(self, row: Row) -> Formula:
        """The simplest formula found for a row."""
        key = self._key(row)
        kept = None if self._known else _KEPT.get(key)
        if kept is not None and self._owed + kept[1] <= _MOST_IN_ALL - _MOST_OPTIONS:
            self._asked.append(row)
            self._owed += kept[1]
            return kept[0]
        # What follows depends, through the limits, on what was phrased before: as if nothing had been kept.
        for earlier in self._asked:
            self._phrase(earlier)
        self._asked.clear()
        found = self._phrase(row)
        used = _MOST_IN_ALL - self._budget
        if used < _MOST_OPTIONS:
            if len(_KEPT) >= _MOST_KEPT:
                _KEPT.pop(next(iter(_KEPT)), None)
            _KEPT[key] = found, used
        return found

    def _key(self, row: Row) -> _Key:
        """The row and the atoms in it as whole numbers, the atoms counted from 0 in their order here."""
        used = used_atoms(self.rows, self.inputs, [row])
        place = {self.inputs + j: self.inputs + k for k, j in enumerate(used)}
        return (
            self.inputs,
            tuple(
                tuple((place.get(k, k), ratio) for k, ratio in _whole(own))
                for own in (row, *(self.rows[j] for j in used))
            ),
        )

    def _phrase(self, row: Row) -> Formula:
        # Below nothing left, each atom is phrased in one way.
        start = min(_MOST_OPTIONS, self._budget)
        self._left = start if start > 0 else -_MOST_OPTIONS - 1
        found = Formula.from_tree(self._tree(row)[0])
        self._budget -= max(start - self._left, 0)
        return found

    def _tree(self, row: Row) -> _Tree:
        key = tuple(sorted(_whole(row)))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._phrased(row)
        return found

    def _phrased(self, row: Row) -> _Tree:
        if max(row, default=-1) < self.inputs:
            return _sum(self._affine(row))
        beam: list[tuple[list[_Term], Row]] = [([], row)]
        atoms = sum(key >= self.inputs for key in row)
        width = _BEAM if atoms <= _MOST_TRIED and self._left > 0 else 1
        done: list[_Tree] = []
        while beam:
            grown: list[tuple[int, int, list[_Term], Row]] = []
            for terms, rest in beam:
                last = max(rest, default=-1)
                if last < self.inputs:
                    done.append(_sum([*self._affine(rest), *terms]))
                    continue
                spent = sum(tree[1] + _extra(value) for value, tree in terms)
                for term, left in self._options(last, rest):
                    cost = spent + term[1][1] + _extra(term[0]) + self._cost(left)
                    grown.append((cost, len(grown), [*terms, term], left))
            beam = [(terms, rest) for _, _, terms, rest in sorted(grown, key=lambda g: g[:2])[:width]]
        least = min(cost for _, cost in done)
        short = [tree for tree in done if tree[1] == least]
        return short[0] if len(short) == 1 else min(short, key=lambda tree: text_of(tree[0]))

    def _cost(self, rest: Row) -> int:
        """What the rest of a row adds at least: an atom to come costs its call and a name."""
        return sum(
            _ATOM_COST if key >= self.inputs else complexity_of(value) if key < 0 else 2 + _extra(value)
            for key, value in rest.items()
        )

    def _affine(self, row: Row) -> list[_Term]:
        return [(value, _name(key)) for key, value in sorted(row.items())]

    def _options(self, key: int, rest: Row) -> Iterator[tuple[_Term, Row]]:
        """Ways to phrase the atom under `key`: a term, and what is then left of the row."""
        self._left -= 1
        k, z = rest[key], self.rows[key - self.inputs]
        left = {other: value for other, value in rest.items() if other != key}
        yield self._term(key, k, {}), left
        if self._left < -_MOST_OPTIONS:
            return
        yield from self._clips(k, z, left)
        seen: list[Row] = []
        for middle in self._middles(abs(k), z, left):
            if middle not in seen:
                seen.append(middle)
                yield self._term(key, k, middle), _plus(left, middle, -_ONE)

    def _term(self, key: int, k: Fraction, middle: Row) -> _Term:
        """k |z| of the atom under `key`; with a middle, as the larger or smaller of middle + k z and middle - k z."""
        known = self._left < -_MOST_OPTIONS, key, k.as_integer_ratio(), tuple(_whole(middle))
        found = self._terms.get(known)
        if found is None:
            found = self._terms[known] = self._phrased_term(k, self.rows[key - self.inputs], middle)
        return found

    def _phrased_term(self, k: Fraction, z: Row, middle: Row) -> _Term:
        if not middle:
            return _cheaper(self._calls("abs", k, z))
        a, b = _plus(middle, z, abs(k)), _plus(middle, z, -abs(k))
        term = self._extreme("max" if k > 0 else "min", a, b)
        # The signs of what has a positive term anyway are turned for nothing: that is no shorter, and the first counts.
        if a and b and not (self._leads(a) and self._leads(b)):
            mirrored = self._extreme("min" if k > 0 else "max", _times(a, -_ONE), _times(b, -_ONE))
            term = _cheaper((term, (-mirrored[0], mirrored[1])))
        return term

    def _leads(self, row: Row) -> bool:
        """Whether an affine row has a term to begin with that takes no minus; of other rows that is not known."""
        return max(row) < self.inputs and any(value.numerator > 0 for value in row.values())

    def _calls(self, name: str, k: Fraction, z: Row) -> list[_Term]:
        """k name(z), with z as it is, without fractions, or halved as a minimum of whole forms is."""
        found = []
        content = _content(z.values())
        scales = [content, _ONE]
        if max(z) >= self.inputs:
            scales.insert(1, 2 * content)
        if not _shared(content, list(z.values())):
            # Decimals have no factor in common that anybody would see; one of them may be it.
            scales = [abs(z[min(key for key in z if key >= 0)]), _ONE]
        if self._left < -_MOST_OPTIONS:
            scales = scales[:1]
        for scale in dict.fromkeys(scales):
            inner, cost = self._tree(_times(z, 1 / scale))
            found.append((k * scale, (Node("call", name, (inner,)), cost + 1)))
        return found

    def _middles(self, size: Fraction, z: Row, left: Row) -> Iterator[Row]:
        """What may be (a + b)/2: what the rest has on z's keys; z's terms shared out between a and b."""
        shared = {key: left[key] for key in z if key in left}
        if shared:
            yield shared
        if self._left <= 0:
            return
        items = list(z.items())
        if len(items) <= _MOST_SPLIT:
            splits: list[tuple[int, ...]] = list(product((1, -1), repeat=len(items)))
        else:
            splits = [(1,) * len(items), (-1,) * len(items), tuple(1 if v > 0 else -1 for _, v in items)]
        for signs in splits:
            yield {key: s * size * value for s, (key, value) in zip(signs, items, strict=True)}

    def _extreme(self, name: str, a: Row, b: Row) -> _Term:
        """max(a, b) or min(a, b), their common factor outside; a zero side makes it a relu."""
        if not a or not b:
            # min(a, 0) = -relu(-a)
            sign = 1 if name == "max" else -1
            return _cheaper(self._calls("relu", Fraction(sign), _times(a or b, Fraction(sign))))
        choices: list[_Term] = []
        content = _content([*a.values(), *b.values()])
        if not _shared(content, [*a.values(), *b.values()]):
            content = abs(next(iter(a.values())))
        for factor in dict.fromkeys((content, _ONE)):
            arguments: dict[Node, int] = {}
            for side in (a, b):
                node, cost = self._tree(_times(side, 1 / factor))
                if node.kind == "call" and node.value == name:
                    arguments |= {child: complexity(child) for child in node.children}
                else:
                    arguments[node] = cost
            choices.append((factor, _clipped(name, arguments)))
        return _cheaper(choices)

    def _clips(self, k: Fraction, z: Row, left: Row) -> Iterator[tuple[_Term, Row]]:
        """k |u - low| - k |u - high| = 2 k clip(u, low, high) - k (low + high)."""
        for other, value in left.items():
            if other < self.inputs or value != -k:
                continue
            y = self.rows[other - self.inputs]
            if {**z, -1: _ZERO} != {**y, -1: _ZERO}:
                continue
            low, high, first = -z.get(-1, _ZERO), -y.get(-1, _ZERO), k
            if low > high:
                low, high, first = high, low, -k
            inner, cost = self._tree({name: v for name, v in z.items() if name >= 0})
            node = Node("call", "clip", (inner, Node("number", low), Node("number", high)))
            rest = {name: v for name, v in left.items() if name != other}
            tree = node, cost + 1 + complexity_of(low) + complexity_of(high)
            yield (2 * first, tree), _plus(rest, {-1: low + high}, -first)


def _clipped(name: str, arguments: dict[Node, int]) -> _Tree:
    """The call, or a clip where it is max(min(u, high), low) or min(max(u, low), high)."""
    ordered = tuple(sorted(arguments, key=_place))
    if len(ordered) == 1:
        return ordered[0], arguments[ordered[0]]
    call = Node("call", name, ordered), 1 + sum(arguments.values())
    if len(ordered) != 2:
        return call
    bound, inner = sorted(ordered, key=lambda node: node.kind != "number")
    other = "max" if name == "min" else "min"
    if bound.kind != "number" or inner.value != other or len(inner.children) != 2:
        return call
    second, u = sorted(inner.children, key=lambda node: node.kind != "number")
    if second.kind != "number" or u.kind == "number":
        return call
    low, high = (second, bound) if name == "min" else (bound, second)
    assert isinstance(low.value, Fraction)
    assert isinstance(high.value, Fraction)
    return (Node("call", "clip", (u, low, high)), call[1] - 1) if low.value <= high.value else call


def _cheaper(terms: Sequence[_Term]) -> _Term:
    return min(terms, key=lambda term: term[1][1] + _extra(term[0]))


@lru_cache(maxsize=1024)
def _name(key: int) -> _Tree:
    return (Node("name", f"x{key + 1}") if key >= 0 else Node("number", _ONE)), 1


def _place(node: Node) -> tuple[bool, str]:
    """Plain inputs before longer arguments, each in their order."""
    return node.kind != "name", text_of(node)


def _extra(coefficient: Fraction) -> int:
    """What a coefficient adds to its term: an operator and a number, for p/q two of each."""
    return _extra_of(abs(coefficient.numerator), coefficient.denominator)


@lru_cache(maxsize=65536)
def _extra_of(p: int, q: int) -> int:
    size = Fraction(p, q)
    if written_as_decimal(size):
        return 1 + complexity_of(size)
    if q == 1 or p == 1:
        return 0 if p == q else 1 + complexity_of(size)
    return 2 + p.bit_length() + q.bit_length()


def _whole(row: Row) -> list[tuple[int, tuple[int, int]]]:
    """A row's keys with their values as two whole numbers each."""
    return [(key, value.as_integer_ratio()) for key, value in row.items()]


def _plus(row: Row, other: Row, factor: Fraction) -> Row:
    total = dict(row)
    for key, value in _times(other, factor).items():
        own = total.get(key)
        total[key] = value if own is None else own + value
    return {key: value for key, value in total.items() if value}


def _times(row: Row, factor: Fraction) -> Row:
    if factor.denominator == 1 and abs(factor.numerator) == 1:
        return dict(row) if factor.numerator > 0 else {key: -value for key, value in row.items()}
    return {key: factor * value for key, value in row.items()}


def _content(coefficients: Iterable[Fraction]) -> Fraction:
    """The largest fraction by which all are whole multiples."""
    values = [value for value in coefficients if value]
    divisor = math.gcd(*(value.numerator for value in values))
    return Fraction(divisor, math.lcm(*(value.denominator for value in values)))


def _sum(terms: Sequence[_Term]) -> _Tree:
    """The terms added up: written out, or with their common factor outside, whichever is simpler."""
    terms = [(value, tree) for value, tree in terms if value]
    if not terms:
        return Node("number", _ZERO), 1
    # Inputs, then calls, then the constant; one that is added comes first, if there is one.
    ordered = sorted(terms, key=_order)
    written = _chain(ordered)
    scale = _content(value for value, _ in terms)
    # A decimal that is nobody's coefficient is no factor to read.
    if len(terms) > 1 and scale != 1 and _shared(scale, [value for value, _ in terms]):
        factored = _multiple(scale, _chain([(value / scale, tree) for value, tree in ordered]))
        return min(written, factored, key=lambda tree: tree[1])
    return written


def _shared(factor: Fraction, values: Sequence[Fraction]) -> bool:
    """Whether a common factor helps to read: any fraction does, a decimal only where one of the values is it."""
    return not written_as_decimal(factor) or any(abs(value) == factor for value in values)


def _order(term: _Term) -> tuple[int, str]:
    node = term[1][0]
    kind = {"name": 0, "number": 2}.get(node.kind, 1)
    # Inputs come in order as they are.
    return kind, text_of(node) if kind == 1 else ""


def _chain(terms: Sequence[_Term]) -> _Tree:
    first = next((k for k, (value, _) in enumerate(terms) if value.numerator > 0), 0)
    total, cost = _multiple(*terms[first])
    for k, (value, tree) in enumerate(terms):
        if k != first:
            positive = value.numerator > 0
            node, more = _multiple(value if positive else -value, tree)
            total, cost = Node("+" if positive else "-", None, (total, node)), cost + more + 1
    return total, cost


def _multiple(value: Fraction, tree: _Tree) -> _Tree:
    """value * tree, as 2 * u, u / 2, 3 * u / 2 or 2.54 * u."""
    node, cost = tree
    if node.kind == "number":
        assert isinstance(node.value, Fraction)
        number = value * node.value
        return Node("number", number), complexity_of(number)
    p, q = value.as_integer_ratio()
    if abs(p) == q == 1:
        return tree if p > 0 else (Node("neg", None, (node,)), cost + 1)
    decimal = written_as_decimal(value)
    if p < 0 and (p == -1 or decimal):
        node, cost = _multiple(-value, tree)
        return Node("neg", None, (node,)), cost + 1
    if decimal:
        return Node("*", None, (Node("number", value), node)), cost + 1 + complexity_of(value)
    for kind, whole in (("*", p), ("/", q)):
        if whole != 1:
            factor, more = _number(whole)
            children = (factor, node) if kind == "*" else (node, factor)
            node, cost = Node(kind, None, children), cost + 1 + more
    return node, cost


@lru_cache(maxsize=4096)
def _number(value: int) -> _Tree:
    number = Fraction(value)
    return Node("number", number), complexity_of(number)
