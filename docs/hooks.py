"""mkdocs hook: the API as one page per stage, made from what each package's `__init__.pyi` promises.

No public name is forgotten, and the navigation takes the pages up by itself.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("detect", "models", "reports")
#: Modules that are public as a whole: `mathcircuits.detect.similarity.representations.svcca` and its siblings.
WHOLE = {"detect": ("similarity.representations",)}
FOLDER = "lookup/api"


def public_names(package: str) -> dict[str, list[str]]:
    """Module -> the public names that it defines, in the stub's order."""
    found: dict[str, list[str]] = {}
    for node in ast.parse((ROOT / package / "__init__.pyi").read_text("utf-8")).body:
        # What is taken from a package is a module of it, whose names stand in the list themselves.
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and not (ROOT / package / node.module.replace(".", "/")).is_dir()
        ):
            found.setdefault(node.module, []).extend(alias.asname or alias.name for alias in node.names)
    return found


def topics(package: str) -> dict[str, dict[str, list[str]]]:
    """Stage -> its modules with their public names; "" holds the package's own modules and comes first."""
    found: dict[str, dict[str, list[str]]] = {}
    for module, names in sorted(public_names(package).items()):
        stage = module.partition(".")[0] if "." in module else ""
        found.setdefault(stage, {})[module] = names
    return dict(sorted(found.items()))


def summary(file: Path) -> str:
    """The first paragraph of a module's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").partition("\n\n")[0]


def section(package: str, module: str, names: list[str]) -> list[str]:
    """A module's section: the first line of its docstring, then its public names."""
    source = ast.parse((ROOT / package / Path(*module.split("."))).with_suffix(".py").read_text("utf-8"))
    lines = [
        f"## {module.rpartition('.')[2]}",
        "",
        (ast.get_docstring(source) or "").partition("\n\n")[0],
        "",
    ]
    paths = names
    if module in WHOLE.get(package, ()):
        functions = [node.name for node in source.body if isinstance(node, ast.FunctionDef)]
        paths = [f"{module}.{name}" for name in functions if not name.startswith("_")]
    described = {node.name for node in source.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for path in paths:
        lines.append(f"::: mathcircuits.{package}.{path}")
        # A value, such as `catalogue`, has no docstring of its own, and is shown all the same.
        if path.rpartition(".")[2] not in described:
            lines += ["    options:", "      show_if_no_docstring: true"]
        lines.append("")
    return lines


def overview(package: str) -> list[str]:
    """A package's docstring, and a table of its topics with their names, each with a link."""
    lines = [f"# mathcircuits.{package}", "", f"::: mathcircuits.{package}", "    options:"]
    lines += [
        "      members: false",
        "      show_root_heading: false",
        "",
        "| topic | what it is for | names |",
        "|---|---|---|",
    ]
    for stage, modules in topics(package).items():
        if not stage:
            continue
        listed = [
            f"[`{name}`]({stage}.md#mathcircuits.{package}.{name})"
            for module, names in modules.items()
            if module not in WHOLE.get(package, ())
            for name in names
        ]
        about = summary(ROOT / package / stage / "__init__.py")
        lines.append(f"| [{stage}]({stage}.md) | {about} | {', '.join(listed)} |")
    return [*lines, ""]


def api_pages(package: str) -> dict[str, str]:
    """Path in docs/ -> page in Markdown: an overview of the package, and a page for each of its stages."""
    pages = {}
    for stage, modules in topics(package).items():
        lines = [f"# {package}: {stage}", "", summary(ROOT / package / stage / "__init__.py"), ""]
        if not stage:
            lines = overview(package)
        for module, names in modules.items():
            lines += section(package, module, names)
        pages[f"{FOLDER}/{package}/{stage or 'index'}.md"] = "\n".join(lines)
    # A package without modules of its own has an overview all the same.
    pages.setdefault(f"{FOLDER}/{package}/index.md", "\n".join(overview(package)))
    return pages


def on_config(config: Any) -> Any:
    """Put the pages where the navigation says `API`."""
    entries = [
        {package: [{"Overview": f"{FOLDER}/{package}/index.md"}]
         + [{stage: f"{FOLDER}/{package}/{stage}.md"} for stage in topics(package) if stage]}
        for package in PACKAGES
    ]  # fmt: skip
    for chapter in config.nav:
        for entry in next(iter(chapter.values())) if isinstance(chapter, dict) else ():
            if isinstance(entry, dict) and "API" in entry:
                entry["API"] = entries
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to those of the folder."""
    from mkdocs.structure.files import File

    for package in PACKAGES:
        for path, text in api_pages(package).items():
            files.append(File.generated(config, path, content=text))
    return files
