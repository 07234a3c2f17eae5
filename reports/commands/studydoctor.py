"""The doctor of a study's folder: which of its files are missing, damaged or changed since they were written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mathcircuits.detect import FileError, MathCircuitsError

from .doctor import CheckedPart

#: Files that a finding names before it counts the rest.
_NAMED = 5
_AGAIN = "run the study again: it makes these anew and keeps the others"


def study_findings(folder: Path) -> list[CheckedPart]:
    """What is found of a study's manifest, its networks and readings, and its tables; nothing is changed.

    Args:
        folder: as `run_study` leaves it, finished or not.

    Raises:
        FileError: where it is not a folder.

    Examples:
        >>> study_findings(Path("no such folder"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no such folder: is not a folder; give the folder of a study
    """
    from ..studies.folder import Study
    from ..studies.storage import intact, read_checksums

    if not folder.is_dir():
        raise FileError(folder, "is not a folder", "give the folder of a study")
    try:
        study = Study.load(folder)
        cells = study.cells
    except MathCircuitsError as error:
        return [CheckedPart("manifest", " ".join(str(error).split()), "wrong", "restore it from a copy")]
    found = [CheckedPart("manifest", repr(study))]
    missing, changed, whole = [], [], 0
    for cell in cells:
        files = [cell.weights_file(folder), *cell.reading_files(folder).values()]
        sums = read_checksums(cell.checksums_file(folder))
        for file in files:
            if not file.is_file():
                missing.append(file.name)
            elif file.name not in sums or not intact(cell.checksums_file(folder), [file]):
                changed.append(file.name)
            else:
                whole += 1
    found.append(CheckedPart("cells", f"{whole} files of {len(cells)} cells are as they were written"))
    if missing:
        found.append(CheckedPart("cells", f"{len(missing)} files missing: {_some(missing)}", "note", _AGAIN))
    if changed:
        text = f"{len(changed)} files damaged, or changed since they were written: {_some(changed)}"
        found.append(CheckedPart("cells", text, "wrong", _AGAIN))
    return [*found, *_tables(study.out)]


@contextmanager
def blamed(folder: Path) -> Iterator[None]:
    """An error of this block that nobody foresaw is the folder's fault where its files are wrong, else it stays.

    Raises:
        FileError: which names the first part of the folder that is wrong.

    Examples:
        >>> with blamed(Path("no such folder")):
        ...     print(1 / 0)
        Traceback (most recent call last):
        ...
        ZeroDivisionError: division by zero
    """
    try:
        yield
    except MathCircuitsError:
        raise
    except Exception as error:
        wrong = [found for found in _looked_at(folder) if found.status == "wrong"]
        if not wrong:
            raise
        raise FileError(folder, f"is damaged ({wrong[0].name}: {wrong[0].value})", wrong[0].remedy) from error


def _looked_at(folder: Path) -> list[CheckedPart]:
    try:
        return study_findings(folder)
    except MathCircuitsError:
        return []


def _tables(folder: Path) -> list[CheckedPart]:
    """Each table is read whole, as it was written and with the columns of a study's table."""
    from pyarrow.parquet import read_schema

    from ..studies.folder import StudyTables
    from ..studies.schema import misfit_columns

    tables = StudyTables(folder / "tables")
    if not len(tables):
        return [CheckedPart("tables", "none yet", "note", "run the study again: it goes on where it was")]
    damaged = []
    for name in tables:
        path = folder / "tables" / f"{name}.parquet"
        try:
            tables[name]
            if misfit := misfit_columns(name, read_schema(path)):
                damaged.append(f"{name} (column {misfit[0]!r})")
        except MathCircuitsError:
            damaged.append(name)
    if damaged:
        return [CheckedPart("tables", f"damaged: {_some(damaged)}", "wrong", _AGAIN)]
    return [CheckedPart("tables", f"{len(tables)} can be read")]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
