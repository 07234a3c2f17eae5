"""Inspecting: a network of a file or of a study, as a page and on the terminal."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from mathcircuits.detect import Network, UnknownNameError, hand_derived
from mathcircuits.models import save
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.studies.folder import Study


def plain(text: str) -> str:
    """A page's words without its tags, styles, scripts and drawings."""
    text = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


# On the command line


def test_inspect_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save(hand_derived("absolute"), tmp_path / "abs.npz")
    out = tmp_path / "new" / "abs.html"
    assert main(["inspect", str(file), "--task", "absolute", "--html", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert "abs(x1) , off by at most" in plain(out.read_text("utf-8"))
    # With --json both are had: the page in its file, the JSON alone on the output.
    assert main(["inspect", str(file), "--json", "--html", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["formula"]["text"] == "abs(x1)"


class Shelf:
    """A study of one network."""

    def networks(self, key: str) -> dict[str, Network]:
        known = {"absolute/2/adam/0": hand_derived("absolute")}
        found = {name: net for name, net in known.items() if f"{name}/".startswith(f"{key}/")}
        if not found:
            raise UnknownNameError("network", key, known, "the tables list them")
        return {name: net for name, net in found.items() if net is not None}


def test_a_network_of_a_study_is_read_as_its_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Study, "load", lambda _: Shelf())
    out = tmp_path / "a.html"
    assert main(["inspect", str(tmp_path), "--network", "absolute/2/adam/0", "--html", str(out)]) == 0
    capsys.readouterr()
    said = plain(out.read_text("utf-8"))
    assert "as absolute." in said
    assert "mathcircuits inspect DIR --network absolute/2/adam/0 --task absolute" in said
    for name, words in (
        (
            "absolute/2/adam",
            "no network named 'absolute/2/adam': did you mean 'absolute/2/adam/0'? (give one with",
        ),
        ("absolute/2/adm/0", "no network named 'absolute/2/adm/0'"),
    ):
        assert main(["inspect", str(tmp_path), "--network", name]) == 2
        assert words in capsys.readouterr().err


def test_a_folder_without_a_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path), "--network", "absolute/2/adam/0"]) == 2
    assert "holds no study" in capsys.readouterr().err
