"""Files of entries: what they say, and a wrong one is named with its own line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mathcircuits.detect.errors import FileError
from mathcircuits.detect.features.catalogues import Catalogue, catalogue
from mathcircuits.detect.features.entry_files import parse_entries, user_catalogue_folder

FEATURES = tuple(catalogue.values())


# Files

CUBE = '[[feature]]\nid = "mine/cube"\nformula = "x1**3"\ndefinition = "cubed"\n'
FULL = """# mine

[[feature]]
id = "mine/over"
formula = "relu(x1 - 2*x2)"
definition = "by how much one exceeds twice the other"
class = "ridge"
aliases = ["x1 > 2 x2"]
tags = ["mine"]
source = "me"
direction = [1, -2.0]
circuits = ["minimum"]

[[ "feature" ]]
id = "mine/even"
formula = "x1**2 + x2**2"
definition = '''
[[feature]]
an even one'''
symmetry = [["x2", "x1"], ["-x1", "x2"]]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_entries(tmp_path: Path) -> None:
    mine = Catalogue.load(write(tmp_path, FULL))
    assert mine.names == ("over", "even")
    over = mine["x1 > 2 x2"]
    assert over.direction == (1.0, -2.0)
    assert (over.competes_as, over.tags, over.source, over.circuits) == (
        "ridge",
        ("mine",),
        "me",
        ("minimum",),
    )
    assert len(mine["even"].symmetry) == 2
    assert mine["even"].competes_as == "other"
    assert mine["even"].direction is None
    assert catalogue | mine == Catalogue([*FEATURES, *mine.values()])
    assert Catalogue.load(str(tmp_path / "mine.toml")) == mine


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + CUBE.replace("\n", "\r\n").encode())
    assert Catalogue.load(path).names == ("cube",)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("colour = 'red'", "unknown key 'colour' (known keys: aliases, circuits, class, definition, direction,"),
        ("alias = ['a']", "unknown key 'alias': did you mean 'aliases'?"),
        ("name = 'odd'", "unknown key 'name'"),
        ("formula = 'x1 +'", "formula 'x1 +': not well-formed at the end"),
        ("formula = 'x2'", "number its arguments x1, x2, ... without a gap"),
        ("formula = 5", "formula = 5: give a text that is not blank"),
        ("formula = ' '", "formula = ' ': give a text that is not blank"),
        ("id = 'Odd One'", "id 'Odd One': write family/short-name in small letters, digits and hyphens"),
        ("id = 'odd'", "id 'odd': write family/short-name"),
        ("definition = ''", "definition = '': give a text that is not blank"),
        ("aliases = 'foo'", "aliases = 'foo': give a list of texts, such as [\"one\", \"two\"]"),
        ("aliases = [1]", "aliases = [1]: give a list of texts"),
        ("aliases = ['']", "aliases = ['']: give a list of texts"),
        ("tags = {}", "tags = {}: give a list of texts"),
        ("symmetry = ['-x1']", "symmetry = ['-x1']: give a list of images of the arguments, such as"),
        ("symmetry = [['-x1']]", "symmetry ['-x1'] changes x1**3: leave it out"),
        ("symmetry = [['x2', 'x1']]", "give an image for each of the 1 arguments"),
        ("symmetry = [['x1', 'x1']]", "give each input once, in a list, as 'x2' or '-x2'"),
        ("direction = 1", "direction = 1: give a list of finite numbers, such as [1, -1]"),
        ("direction = ['1']", "direction = ['1']: give a list of finite numbers"),
        ("direction = [true]", "direction = [True]: give a list of finite numbers"),
        ("direction = [inf]", "direction = [inf]: give a list of finite numbers"),
        ("direction = [1, 2]", "direction has 2 weights for 1 arguments: give one each"),
        ("direction = [1]", "direction [1.0]: no ReLU neuron with these weights has the values of x1**3"),
        ("class = 3", "class = 3: give a text"),
        ("aliases = ['greaterness', 'cube']", "the name 'cube' is taken by 'mine/cube'"),
        ("id = 'mine/cube'", "the name 'mine/cube' is taken by 'mine/cube'"),
        ("id = 'other/cube'", "the name 'cube' is taken by 'mine/cube'"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_named_with_its_file_and_its_own_line(
    tmp_path: Path, wrong: str, problem: str
) -> None:
    key = wrong.split(" ")[0]
    right = {"id": "'mine/odd'", "formula": "'x1**3'", "definition": "'odd'"}
    lines = [wrong] + [f"{k} = {v}" for k, v in right.items() if k != key]
    # Headers that are none: in a comment, and in a text of several lines.
    decoy = CUBE + "source = '''\n[[feature]]\n'''\n# [[feature]]\n\n"
    text = decoy + " [[ feature ]] # mine\n" + "\n".join(lines) + "\n\n" + CUBE.replace("cube", "last")
    path = write(tmp_path, text)
    with pytest.raises(FileError) as caught:
        Catalogue.load(path)
    line = text.split("\n").index(" [[ feature ]] # mine") + 1
    assert str(caught.value).startswith(f"{path}, line {line}: feature ")
    assert problem in str(caught.value)
    assert (caught.value.path, caught.value.line) == (str(path), line)


@pytest.mark.parametrize("missing", ["id", "formula", "definition"])
def test_a_missing_key_is_named(tmp_path: Path, missing: str) -> None:
    text = "\n".join(row for row in CUBE.split("\n") if not row.startswith(missing))
    with pytest.raises(FileError) as caught:
        Catalogue.load(write(tmp_path, "\n\n" + text))
    name = "1" if missing == "id" else "'mine/cube'"
    assert f"mine.toml, line 3: feature {name}: {missing!r} is missing: every entry has an id" in str(
        caught.value
    )


def test_inline_tables_have_lines_too(tmp_path: Path) -> None:
    text = (
        "# mine\nfeature = [\n  {id = 'mine/a', formula = 'x1', definition = 'a'},\n"
        "  {id = 'mine/b', formula = 'x1 +', definition = 'b'},\n]\n"
    )
    with pytest.raises(FileError) as caught:
        Catalogue.load(write(tmp_path, text))
    assert "mine.toml, line 4: feature 'mine/b': formula 'x1 +'" in str(caught.value)
    assert len(Catalogue.load(write(tmp_path, text.replace("x1 +", "-x1")))) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no [[feature]] table; write one [[feature]] table per feature"),
        ("feature = []", "holds no [[feature]] table"),
        ("feature = 5", "holds no [[feature]] table"),
        ("[feature]\nid = 'mine/a'", "holds no [[feature]] table"),
        ("feature = [5]", "line 1: feature 1: is a int, not a table"),
        ("[[features]]\nid = 'mine/a'", "unknown table or key 'features': did you mean 'feature'?"),
        ("version = 1\n" + CUBE, "unknown table or key 'version'"),
        ("[[feature]]\nid = ", "is not TOML ("),
        (CUBE + "id = 'mine/again'\n", "is not TOML ("),
        (CUBE + "tags = [\n'a' 'b']\n", "(at line 6, column"),
        ("a = " + "[" * 9999, "is TOML that cannot be read (nested"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(FileError) as caught:
        Catalogue.load(path)
    assert str(caught.value).startswith(str(path))
    assert problem in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileError, match=r"missing\.toml: cannot be read \(No such file or directory\); give a UTF-8"
    ):
        Catalogue.load(tmp_path / "missing.toml")
    with pytest.raises(FileError, match="cannot be read"):
        Catalogue.load(tmp_path)
    (tmp_path / "latin.toml").write_bytes("# \N{LATIN SMALL LETTER E WITH ACUTE}".encode("latin-1"))
    with pytest.raises(FileError, match=r"latin\.toml: is not UTF-8"):
        Catalogue.load(tmp_path / "latin.toml")


# The user's own files, and plug-ins: in a process of their own, since the catalogue is read once

SHOW = (
    "from mathcircuits.detect import MathCircuitsError, catalogue\n"
    "for _ in range(2):\n"
    "    try:\n"
    "        print(len(catalogue), catalogue['cube'])\n"
    "    except MathCircuitsError as error:\n"
    "        print(type(error).__name__, error)\n"
)


def shown(folder: Path, home: Path | None = None) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "MATHCIRCUITS_HOME": str(home or folder / "none")}
    done = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.strip().split("\n")
    assert first == second  # the same answer every time
    return first.split(" ", 1)


def own_file(home: Path, text: str, name: str = "mine.toml") -> Path:
    path = home / "catalogue" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_the_users_own_entries(tmp_path: Path) -> None:
    own_file(tmp_path, CUBE)
    own_file(tmp_path, CUBE.replace("cube", "last"), "second.toml")
    own_file(tmp_path, "not toml", "notes.txt")
    assert shown(tmp_path, tmp_path) == [str(len(FEATURES) + 2), "Feature('cube', 'x1**3')"]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("# mine\n" + CUBE.replace("x1**3", "x1 +"), 2, "formula 'x1 +': not well-formed"),
        (
            "\n\n" + CUBE.replace("cube", "greaterness"),
            3,
            "the name 'greaterness' is taken by 'order/greaterness'",
        ),
        (CUBE + "\n" + CUBE, 6, "the name 'mine/cube' is taken by 'mine/cube'"),
    ],
)
def test_a_users_wrong_entry_is_named(tmp_path: Path, text: str, line: int, problem: str) -> None:
    path = own_file(tmp_path, text)
    kind, message = shown(tmp_path, tmp_path)
    assert kind == "FileError"
    assert message.startswith(f"{path}, line {line}: feature 'mine/")
    assert problem in message


def test_two_files_that_clash(tmp_path: Path) -> None:
    own_file(tmp_path, CUBE, "a.toml")
    second = own_file(tmp_path, "\n" + CUBE.replace("x1**3", "x1**5"), "b.toml")
    kind, message = shown(tmp_path, tmp_path)
    assert (kind, message.startswith(f"{second}, line 2: feature 'mine/cube'")) == ("FileError", True)
    # The same entry in both is one entry.
    own_file(tmp_path, CUBE, "b.toml")
    assert shown(tmp_path, tmp_path)[0] == str(len(FEATURES) + 1)


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    assert user_catalogue_folder() == tmp_path / "catalogue"
    monkeypatch.delenv("MATHCIRCUITS_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert user_catalogue_folder().parts[-2:] == ("mathcircuits", "catalogue")


def test_a_feature_that_is_infinite_on_the_default_box_is_refused_with_its_name() -> None:
    text = '[[feature]]\nid = "mine/steep"\nformula = "exp(1000*x1)"\ndefinition = "d"\n'
    with pytest.raises(FileError, match=r"mine\.toml, line 1: feature 'mine/steep': formula exp.* infinite"):
        parse_entries(text, "mine.toml")
