"""Manifests of published networks: what they compute, how their files are laid out, what is known of them."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mathcircuits.detect import FileError, InputError

#: A manifest's file name ends in it; what stands before is the population's.
ENDING = ".manifest.toml"
#: The manifests that are shipped, for populations that a reader downloads.
SHIPPED = Path(__file__).parent / "data"
Layout = Literal["embeddings", "summed", "plain"]


class _Part(BaseModel):
    """A table of a manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Publication(_Part):
    """Where the networks come from.

    Attributes:
        name: of the population; citation: of the publication; source: an address to download the files from.
    """

    name: str
    citation: str = ""
    source: str = ""


class Learned(_Part):
    """What the networks compute: a group, or a task.

    Attributes:
        group: by name, as "S5"; order: "told" where the elements follow `group_named`, "found" where they are to be
            recovered from the networks' answers.
        task: the name of a task or a formula, in place of a group.
    """

    group: str = ""
    order: Literal["told", "found"] = "found"
    task: str = ""

    @model_validator(mode="after")
    def _one(self) -> Learned:
        if bool(self.group) == bool(self.task):
            raise ValueError("give either a group or a task")
        return self


class Files(_Part):
    """How the files lie.

    Attributes:
        pattern: of their names, below the manifest's folder.
        layout: "embeddings" (two tables or a shared one, side by side; two added up), "summed" (one shared table,
            added up) or "plain" (layers of one-hot or plain inputs).
        activation: of the hidden layer, where the files do not say.
    """

    pattern: str = "*"
    layout: Layout = "embeddings"
    activation: str | None = None


class Published(_Part):
    """What the publication says, as far as it does.

    Attributes:
        accuracy: the least, a share of all pairs or, for a task, of networks that solve it.
        features: irreps (ATLAS's names, with the group's order told or found) or features that networks hold.
        mechanism: "coset" or "character".
        verdicts: by feature, such as `{"3a" = "partial"}`.
    """

    accuracy: float | None = Field(default=None, ge=0, le=1)
    features: tuple[str, ...] = ()
    mechanism: Literal["coset", "character"] | None = None
    verdicts: dict[str, str] = Field(default_factory=dict)


class Manifest(_Part):
    """A population of published networks.

    Attributes:
        population, task, files, truth: the tables of the file.

    Raises:
        InputError: for an unknown key, or a value out of range.

    Examples:
        >>> Manifest.of({"population": {"name": "ours"}, "task": {"group": "S4"}}).files.layout
        'embeddings'
        >>> Manifest.of({"population": {"name": "ours"}, "task": {}})
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: manifest: task: Value error, give either a group or a task
    """

    title: ClassVar[str] = "manifest"

    population: Publication
    task: Learned
    files: Files = Files()
    truth: Published = Published()

    @classmethod
    def of(cls, table: dict[str, object]) -> Manifest:
        """A manifest from its table."""
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the whole"
            raise InputError(f"{cls.title}: {place}: {first['msg']}") from None


def manifest_at(path: str | os.PathLike[str]) -> Manifest:
    """Read a manifest.

    Raises:
        FileError: where it is missing, not TOML, or no manifest.

    Examples:
        >>> [manifest_at(path).task.group for path in sorted(SHIPPED.glob("*" + ENDING))]
        ['S5', 'C113', 'S5']
    """
    file = Path(path)
    try:
        with open(file, "rb") as stream:
            table = tomllib.load(stream)
    except FileNotFoundError:
        raise FileError(file, "does not exist", "check the path") from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise FileError(file, f"cannot be read as TOML ({error})") from None
    try:
        return Manifest.of(table)
    except InputError as error:
        raise FileError(file, str(error)) from None


def manifests_in(folder: str | os.PathLike[str]) -> dict[Path, Manifest]:
    """The manifests in a folder and the folders in it, by the folder that each one's files lie in.

    Raises:
        FileError: where there is none.

    Examples:
        >>> len(manifests_in(SHIPPED))
        3
    """
    root = Path(folder)
    files = sorted(root.rglob("*" + ENDING))
    if not files:
        raise FileError(
            root,
            f"holds no manifest (*{ENDING})",
            "write one, or copy a shipped one beside the downloaded files",
        )
    return {file: manifest_at(file) for file in files}
