"""Doctor: whether this machine has what mathcircuits needs, and what to do about what it lacks."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from mathcircuits.detect import FileError, MathCircuitsError
from mathcircuits.detect.folders import home_folder, wanted_folder

Status = Literal["ok", "note", "wrong"]
#: What each optional package is for; the extra of pyproject.toml bears the same name.
EXTRAS = {"onnx": "reads .onnx files", "dask": "spreads a study over a cluster"}
#: Where Debian, Fedora and the vendor's package put the browser.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class CheckedPart:
    """One thing that was looked at.

    Attributes:
        name: what.
        value: what was found, in words.
        status: `ok`; `note` where something works slower or not at all but nothing is broken; `wrong`.
        remedy: what to do where the status is not `ok`.

    Examples:
        >>> CheckedPart("C++ compiler", "none", "note", "install g++")
        CheckedPart(name='C++ compiler', value='none', status='note', remedy='install g++')
    """

    name: str
    value: str
    status: Status = "ok"
    remedy: str = ""


def examine() -> list[CheckedPart]:
    """Look at everything, in a few seconds; longer the first time, when the fused step is compiled.

    Examples:
        >>> [finding.name for finding in examine()[:3]]
        ['python', 'mathcircuits', 'torch']
    """
    return [
        python_finding(platform.python_version(), metadata("mathcircuits")["Requires-Python"]),
        CheckedPart("mathcircuits", version("mathcircuits")),
        *package_findings(requires("mathcircuits") or ()),
        *torch_findings(),
        *registry_findings(),
        home_finding("cache", "nulls", "nulls and kernels are made anew", cache=True),
        home_finding("own catalogue", "catalogue", "`mathcircuits add` fails", cache=False),
        browser_finding(),
    ]


def healthy(findings: Iterable[CheckedPart]) -> bool:
    """Whether nothing is wrong; notes do not count.

    Examples:
        >>> healthy([CheckedPart("a", "b"), CheckedPart("c", "d", "note")]), healthy([CheckedPart("e", "f", "wrong")])
        (True, False)
    """
    return all(finding.status != "wrong" for finding in findings)


def conclusion(findings: Iterable[CheckedPart], what: str = "this machine") -> str:
    """All of it in one line.

    Args:
        findings: what was found; what: of what.

    Examples:
        >>> conclusion([CheckedPart("a", "b"), CheckedPart("c", "d", "note")])
        'this machine: nothing is wrong, 1 note above (c)'
        >>> conclusion([CheckedPart("tables", "none", "wrong", "run it again")], "runs")
        'runs: 1 part is wrong (tables), see its remedy above'
    """
    found = list(findings)
    wrong = [finding.name for finding in found if finding.status == "wrong"]
    notes = [finding.name for finding in found if finding.status == "note"]
    if wrong:
        parts, whose = ("part is", "its") if len(wrong) == 1 else ("parts are", "their")
        return f"{what}: {len(wrong)} {parts} wrong ({', '.join(wrong)}), see {whose} remedy above"
    text = f"{what}: nothing is wrong"
    return f"{text}, {len(notes)} note{'s' * (len(notes) > 1)} above ({', '.join(notes)})" if notes else text


def report_record(findings: Iterable[CheckedPart]) -> dict[str, Any]:
    """The findings as plain values for JSON.

    Examples:
        >>> report_record([CheckedPart("python", "3.11.2")])["healthy"]
        True
    """
    found = list(findings)
    return {"healthy": healthy(found), "findings": [asdict(finding) for finding in found]}


def python_finding(running: str, required: str) -> CheckedPart:
    """Whether this Python is one that mathcircuits runs on.

    Examples:
        >>> python_finding("3.12.1", ">=3.11,<3.14").status, python_finding("3.9.1", ">=3.11,<3.14").remedy
        ('ok', 'make the environment with a Python that is >=3.11,<3.14')
    """
    # In the metadata the order of the bounds is not the order in which they were written.
    bounds = ",".join(sorted(required.replace(" ", "").split(","), reverse=True))
    if SpecifierSet(required).contains(running, prereleases=True):
        return CheckedPart("python", running)
    return CheckedPart("python", running, "wrong", f"make the environment with a Python that is {bounds}")


def package_findings(
    required: Iterable[str], version_of: Callable[[str], str] = version, extras: Mapping[str, str] = EXTRAS
) -> list[CheckedPart]:
    """Each required package with its version, then the optional ones.

    Args:
        required: requirements as in a package's metadata.
        version_of: a package's version; raises PackageNotFoundError where it is not installed.
        extras: the optional packages to look at: extra -> what it is for.

    Examples:
        >>> package_findings(["numpy>=99"])[0].remedy
        'pip install "numpy>=99"'
    """
    wanted = [Requirement(text) for text in required]
    needed = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    found = [_package(r, version_of, "wrong", f'pip install "{r}"', "not installed") for r in needed]
    for extra, use in extras.items():
        members = [
            r
            for r in wanted
            if r.marker is not None and 'extra == "' + extra + '"' in str(r.marker).replace("'", '"')
        ]
        remedy = f'pip install "mathcircuits[{extra}]"'
        found += [_package(r, version_of, "note", remedy, f"not installed ({use})") for r in members]
    return found


def _package(
    wanted: Requirement, version_of: Callable[[str], str], status: Status, remedy: str, absent: str
) -> CheckedPart:
    try:
        have = version_of(wanted.name)
    except PackageNotFoundError:
        return CheckedPart(wanted.name, absent, status, remedy)
    if wanted.specifier.contains(have, prereleases=True):
        return CheckedPart(wanted.name, have)
    return CheckedPart(wanted.name, f"{have}, needs {wanted.specifier}", status, remedy)


def torch_findings() -> list[CheckedPart]:
    """Whether torch loads, what it computes on, and whether the compiled step computes rightly.

    Examples:
        >>> [finding.name for finding in torch_findings()]
        ['device', 'C++ compiler', 'fused step']
    """
    try:
        import torch
    # A broken install raises ImportError, OSError (a shared library) or whatever its own set-up runs into.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return [CheckedPart("device", f"torch does not load: {reason}", "wrong", "install torch again")]
    device = f"cpu, {torch.get_num_threads()} threads"
    if torch.cuda.is_available():
        device += f"; cuda: {torch.cuda.get_device_name()}"
    from mathcircuits.models.fitting import find_compiler

    compiler = find_compiler()
    if compiler is None:
        slower = "training goes on without it, several times slower; install g++ or clang++, or set CXX"
        return [CheckedPart("device", device), CheckedPart("C++ compiler", "none found", "note", slower)]
    return [CheckedPart("device", device), CheckedPart("C++ compiler", compiler), fused_finding(compiler)]


def fused_finding(compiler: str) -> CheckedPart:
    """Compile the fused step (where that was not done before) and try it on a gradient known by hand.

    Examples:
        >>> fused_finding("false").status
        'note'
    """
    from mathcircuits.models.fitting import FusedStep, built, computes_rightly, first_line, kernel_folder

    try:
        library = built(compiler, kernel_folder())
        right = computes_rightly(FusedStep(library))
    except (OSError, AttributeError, subprocess.SubprocessError, MathCircuitsError) as error:
        remedy = f"training goes on without it, several times slower; mend {compiler} or set CXX to another"
        return CheckedPart("fused step", f"not made: {first_line(error)}", "note", remedy)
    if right:
        return CheckedPart("fused step", "computes rightly")
    return CheckedPart("fused step", f"computes wrongly ({library})", "wrong", "remove that file; set CXX")


def registry_findings() -> list[CheckedPart]:
    """Whether the features, circuits and tasks load, those of plug-ins and of the user included.

    Examples:
        >>> [(finding.name, finding.status) for finding in registry_findings()]
        [('features', 'ok'), ('circuits', 'ok'), ('tasks', 'ok')]
    """
    from mathcircuits.detect import catalogue, circuits, tasks

    registries: dict[str, Mapping[str, Any]] = {"features": catalogue, "circuits": circuits, "tasks": tasks}
    found = []
    for name, registry in registries.items():
        try:
            found.append(CheckedPart(name, str(len(registry))))
        except MathCircuitsError as error:
            remedy = "mend or remove that file, or uninstall that plug-in"
            found.append(CheckedPart(name, " ".join(str(error).split()), "wrong", remedy))
    return found


def home_finding(name: str, kept: str, otherwise: str, *, cache: bool) -> CheckedPart:
    """Whether a folder outside projects can be looked into and written, see `home_folder`.

    Examples:
        >>> home_finding("cache", "nulls", "nulls are made anew", cache=True).name
        'cache'
    """
    wanted = wanted_folder(kept, cache=cache)
    try:
        usable = home_folder(kept, cache=cache) == wanted
    except FileError:
        usable = False
    if usable:
        return folder_finding(name, wanted.parent, otherwise)
    told = f"{wanted}: cannot be looked into"
    return CheckedPart(
        name, told, "note", f"{otherwise}; set MATHCIRCUITS_HOME to a folder that can be written"
    )


def folder_finding(name: str, folder: Path, otherwise: str) -> CheckedPart:
    """Whether a folder can be written, tried by writing; one that is not there yet is not made.

    Args:
        name: of the finding.
        folder: where mathcircuits would keep something.
        otherwise: what follows where it cannot.

    Examples:
        >>> folder_finding("cache", Path(tempfile.gettempdir()) / "not" / "yet", "").status
        'ok'
    """
    try:
        there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        told = f"{folder}: {error.strerror or error}"
        return CheckedPart(
            name, told, "note", f"{otherwise}; set MATHCIRCUITS_HOME to a folder that can be written"
        )
    return CheckedPart(name, str(folder) if "MATHCIRCUITS_HOME" not in os.environ else f"{folder} (as set)")


def browser_finding() -> CheckedPart:
    """Whether there is a Chromium, in which the page's own tests run.

    Examples:
        >>> browser_finding().name
        'browser'
    """
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is not None:
        return CheckedPart("browser", path)
    return CheckedPart(
        "browser", "no Chromium", "note", "only the page's own tests need one; install chromium"
    )
