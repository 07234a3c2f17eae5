"""Random texts of the closed grammar, and reading those that are formulas."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.grammar import FUNCTIONS

NUMBERS = st.one_of(
    st.integers(0, 9).map(str), st.sampled_from(["0.5", "1e-7", "2.25", "1e20", ".5", "3.", "12345678901234567890"])
)  # fmt: skip
LEAVES = st.one_of(st.sampled_from(["x1", "x2", "x3", "x", "pi", "low", "high"]), NUMBERS)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def call(name: str) -> st.SearchStrategy[str]:
        fewest, most = FUNCTIONS[name]
        arguments = st.lists(inner, min_size=fewest, max_size=most or fewest + 1)
        return arguments.map(lambda texts: f"{name}({', '.join(texts)})")

    binary = st.tuples(inner, st.sampled_from(["+", "-", "*", " + ", " - ", " * "]), inner).map("".join)
    return st.one_of(
        binary,
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) - ({pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) * ({pair[1]})"),
        st.tuples(inner, st.sampled_from(["2", "4", "x1", "(x1 + x2)"])).map(
            lambda p: f"({p[0]}) / ({p[1]})"
        ),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f"+({text})"),
        inner.map(lambda text: f"({text})"),
        st.tuples(st.sampled_from(["x1", "(-x1)", "-x1", "(x1 - x2)", "-2", "(-2)"]), st.integers(0, 5)).map(
            lambda pair: f"{pair[0]}**{pair[1]}"
        ),
        st.sampled_from(sorted(FUNCTIONS)).flatmap(call),
    )


TEXTS = st.recursive(LEAVES, _grown, max_leaves=12)


def read(text: str) -> Formula:
    """The formula, where its random text holds no division by a literal 0."""
    try:
        return Formula(text)
    except InputError as error:
        assume("divides by 0" not in str(error))
        raise
