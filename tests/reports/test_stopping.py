"""Stopping: signals end a command with a word, and workers end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mathcircuits.reports import __main__ as program
from mathcircuits.reports.stopping import end_with, stoppable

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP"), (signal.SIGINT, "Ctrl-C")]
)
def test_a_signal_interrupts_and_is_named(number: signal.Signals, word: str) -> None:
    # Under nohup, or behind an &, the suite is started with these signals ignored, and ignored they stay.
    started_with = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), stoppable() as stop:  # noqa: PT012 - the signal comes within
            os.kill(os.getpid(), number)
            time.sleep(5)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, started_with)
    assert (stop.number, stop.word) == (number, word)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_thread_installs_nothing() -> None:
    found: list[object] = []

    def inside() -> None:
        with stoppable():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


def test_the_program_ends_with_the_signals_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*_: object, **__: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        raise AssertionError("not stopped")

    monkeypatch.setattr("mathcircuits.reports.commands.doctor.examine", killed)
    assert program.main(["doctor"]) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "mathcircuits: stopped by SIGTERM\n"


WORKER = (
    "import sys, time\nfrom mathcircuits.reports.stopping import end_with\n"
    "end_with(int(sys.argv[1]))\nprint('watching', flush=True)\ntime.sleep(60)"
)
PARENT = (
    "import os, subprocess, sys\n"
    f"child = subprocess.Popen([sys.executable, '-c', {WORKER!r}, str(os.getpid())])\n"
    "print(child.pid, flush=True)\n"
    "child.wait()\n"
)


def test_a_worker_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert parent.stdout.readline() == "watching\n"
    assert lives(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while lives(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not lives(worker)


def lives(process: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet is dead too."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_does_not_watch_itself() -> None:
    threads = threading.active_count()
    end_with(os.getpid())
    assert threading.active_count() == threads
