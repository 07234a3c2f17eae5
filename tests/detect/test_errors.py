"""Errors: one base, messages that name operand, expectation and remedy, and a way through a worker process."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect import errors
from mathcircuits.detect.errors import (
    FileError,
    InputError,
    MathCircuitsError,
    UnknownFeature,
    UnknownNameError,
    UnknownTask,
    did_you_mean,
    near_names,
)


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (InputError, ValueError),
        (FileError, ValueError),
        (UnknownNameError, KeyError),
        (UnknownFeature, KeyError),
        (UnknownTask, KeyError),
    ],
)
def test_every_error_is_ours_and_what_python_expects(kind: type[Exception], also: type[Exception]) -> None:
    assert issubclass(kind, MathCircuitsError)
    assert issubclass(kind, also)


def test_no_other_error_is_defined() -> None:
    found = {k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)}
    said = {k for k in found if issubclass(k, Warning)}
    assert said == {errors.AssumptionWarning}
    assert all(issubclass(k, MathCircuitsError) for k in found - said)
    assert len(found - said) == 6


@pytest.mark.parametrize(
    "error",
    [
        InputError("width 0: give at least 1"),
        FileError("net.pt", "holds no weights", "save a state dict"),
        FileError("mine.toml", "no formula", line=7),
        UnknownNameError("hook", "hook_ouput", ["hook_output", "hook_input"], "recorded: both"),
        UnknownFeature("feature", 5, ["a"], "see catalogue"),
        UnknownTask("task", "minimun", ["minimum"], "known: minimum"),
    ],
)
def test_an_error_survives_a_worker_process(error: MathCircuitsError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    for name in ("path", "line", "near", "kind", "name"):
        assert getattr(back, name, None) == getattr(error, name, None)


def test_a_file_error_names_file_and_line() -> None:
    error = FileError("a/b.toml", "feature 'x/y': bad", "mend it", line=3)
    assert str(error) == "a/b.toml, line 3: feature 'x/y': bad; mend it"
    assert (error.path, error.line) == ("a/b.toml", 3)
    assert str(FileError("a.toml", "bad")) == "a.toml: bad"


def test_an_unknown_name_prints_its_message_not_its_repr() -> None:
    error = UnknownNameError("task", "mini", [], "see the list")
    assert str(error) == "no task named 'mini' (see the list)"
    assert error.near == ()


def test_a_long_wrong_name_is_cut() -> None:
    error = UnknownNameError("task", "x" * 100_000, ["x" * 3], "see the list")
    assert len(str(error)) < 300
    assert str(error).startswith("no task named 'xxx")


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=8))
def test_near_names_are_options_and_few(name: str, options: list[str]) -> None:
    near = near_names(name, options)
    assert set(near) <= set(options)
    assert len(near) <= 3
    assert len(set(near)) == len(near)


@given(st.text(min_size=1, max_size=20), st.lists(st.text(max_size=20), max_size=5))
def test_the_name_itself_is_the_nearest(name: str, options: list[str]) -> None:
    assert near_names(name, [*options, name])[0].casefold() == name.casefold()


def test_near_names_ignore_case_and_leave_out_the_far() -> None:
    assert near_names("GREATERNESS", ["greaterness", "sum"]) == ("greaterness",)
    assert near_names("zzz", ["greaterness", "sum"]) == ()
    assert near_names("a", []) == ()


@pytest.mark.parametrize(
    ("near", "clause"),
    [((), ""), (("a",), ": did you mean 'a'?"), (("a", "b"), ": did you mean 'a' or 'b'?")],
)
def test_did_you_mean(near: tuple[str, ...], clause: str) -> None:
    assert did_you_mean(near) == clause


def test_names_from_files_cannot_speak_to_a_terminal() -> None:
    hostile = "a\x1b]0;title\x07b\x9b31m\u202ec"
    for error in (
        InputError(hostile),
        FileError(hostile, hostile),
        UnknownTask("task", hostile, [], hostile),
    ):
        assert not set(str(error)) & set("\x1b\x07\x9b\u202e")
        assert "\\x1b]0;title" in str(error)
        # The error itself goes through a worker process unchanged.
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(InputError("two\nlines\tstay")) == "two\nlines\tstay"


def test_a_message_has_an_end() -> None:
    assert len(str(InputError("x" * 300_000))) < 5000
