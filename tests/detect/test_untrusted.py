"""What comes from strangers: whatever stands in a file, the project's own error says so."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mathcircuits.detect import FileError, InputError, MathCircuitsError, circuits
from mathcircuits.detect.features.entry_files import parse_entries
from mathcircuits.detect.recognition import parse_circuits
from mathcircuits.detect.untrusted import MAX_TOML, damaged, parse_json, parse_toml, read_toml


@given(st.text())
@example("a = " + 6000 * "9")
@example("x = " + 3000 * "[" + 3000 * "]")
@example("\ud800")
def test_any_text_is_toml_or_refused(text: str) -> None:
    try:
        wanted = tomllib.loads(text)
    except (ValueError, RecursionError):
        with pytest.raises(FileError, match=r"^any\.toml: is (not )?TOML"):
            parse_toml(text, "any.toml")
    else:
        assert parse_toml(text, "any.toml") == wanted


@given(st.text())
@example(200_000 * "[")
@example(6000 * "9")
def test_any_text_is_json_or_refused(text: str) -> None:
    try:
        wanted = json.loads(text)
    except (ValueError, RecursionError):
        with pytest.raises(FileError, match=r"^any\.json: is (not )?JSON"):
            parse_json(text, "any.json", "mend it")
    else:
        assert repr(parse_json(text, "any.json", "mend it")) == repr(wanted)


def test_a_file_that_is_too_long_is_not_parsed(tmp_path: Path) -> None:
    file = tmp_path / "long.toml"
    file.write_text("#" * (MAX_TOML + 1))
    with pytest.raises(FileError, match=r"more than 2000000; split it"):
        read_toml(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match=r"cannot be read .*; give a UTF-8 TOML file"):
        read_toml(file)


@pytest.mark.parametrize("error", [KeyError("a"), RecursionError(), MemoryError(), AssertionError("x\ny")])
def test_what_a_reader_trips_over_is_the_files_fault(error: Exception) -> None:
    with (
        pytest.raises(FileError, match=rf"^net\.pt: is damaged \({type(error).__name__}: .*\); save it"),
        damaged("net.pt", "save it again"),
    ):
        raise error


def test_the_projects_own_error_and_an_interruption_pass() -> None:
    for own in (InputError("width 0"), KeyboardInterrupt()):
        with pytest.raises(type(own)), damaged("net.pt", ""):
            raise own


#: Values of TOML, right and wrong, for the keys of an entry.
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just("x1"), st.just("relu(x1)")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("ab", min_size=1), inner, max_size=2)),
    max_leaves=6,
)  # fmt: skip
RIGHT = {
    "circuit": {"name": "c", "formula": "relu(x1)", "weights": [[[1.0]], [[1.0]]]},
    "gauge": {"circuit": "minimum", "name": "z", "weights": [[[1.0]], [[1.0]]]},
    "feature": {"id": "a/b", "formula": "relu(x1)", "definition": "d"},
}
KEYS = [
    "aliases",
    "functions",
    "source",
    "gauge",
    "on_points",
    "biases",
    "tags",
    "symmetry",
    "direction",
    "class",
]


@given(st.sampled_from(sorted(RIGHT)), st.data(), VALUES)
def test_an_entry_of_any_types_is_read_or_refused(kind: str, data: st.DataObject, value: object) -> None:
    key = data.draw(st.sampled_from([*RIGHT[kind], *KEYS]))
    lines = (f"{name} = {written(given)}" for name, given in {**RIGHT[kind], key: value}.items())
    text = f"[[{kind}]]\n" + "\n".join(lines)
    try:
        if kind == "feature":
            parse_entries(text, "mine.toml")
        else:
            parse_circuits(text, "mine.toml", circuits)
    except MathCircuitsError:
        pass  # any other error fails the test


def written(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)
