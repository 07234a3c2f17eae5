"""Waiting: a long step is named on a terminal, a short one and one in a pipe are not."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from mathcircuits.reports.commands.terminal import waiting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_long_step_is_named_on_a_terminal_and_a_short_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = threading.Event()
    made = waiting._bar

    def told(step: str, since: float) -> object:
        bar = made(step, since)
        shown.set()
        return bar

    monkeypatch.setattr(waiting, "_bar", told)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with waiting.working("adding", patience=0.0):
        assert shown.wait(60)
    assert "adding ... 0 s" in sys.stderr.getvalue()  # type: ignore[attr-defined]  # the terminal above
    monkeypatch.setattr(sys, "stderr", Terminal())
    with waiting.working("adding", patience=3600.0):
        pass
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]  # the terminal above
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    shown.clear()
    with waiting.working("adding", patience=0.0):
        pass
    assert not shown.is_set()


def test_the_step_ends_where_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(ZeroDivisionError), waiting.working("dividing", patience=3600.0):
        1 / 0  # noqa: B018  # raises
    assert not any(
        isinstance(thread, threading.Timer) and not thread.finished.is_set()
        for thread in threading.enumerate()
    )
