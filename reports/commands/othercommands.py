"""The other commands: look-ups, pages, benchmarks, the zoo, groups, figures, the user's own entries, the doctor."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from .options import Folder, Json, Seed, Seeds, Steps
from .program import app


@app.command()
def catalogue(
    query: Annotated[
        str | None, typer.Argument(help="Name, alias, formula, id glob (order/*), tag or words.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look up the known features: one in full, or those that match."""
    from .lookups import print_features

    print_features(query, as_json)


@app.command()
def tasks(as_json: Json = False) -> None:
    """List the functions that networks are trained on."""
    from .lookups import print_tasks

    print_tasks(as_json)


@app.command()
def report(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a study.")],
) -> None:
    """Write the page of a study again, from its tables."""
    from ..pages.page import write_report
    from .studydoctor import blamed
    from .terminal.waiting import working

    with blamed(out), working("writing the page"):
        path = write_report(out)
    print(path.resolve().as_uri())


@app.command()
def benchmark(
    name: Annotated[
        str | None, typer.Argument(help="Name of the benchmark (default: a list of them).")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and smaller cells: minutes.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="detection: more networks in each cell: hours.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the table, the figure, the summary and the JSON.")
    ] = None,
    seed: Seed = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            help="universality, scale, detection: parallel processes (default: one per core; detection: one)."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="universality, scale: address of a dask scheduler (default: this machine).",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="universality: a results.json of before, or its folder, to compare with."),
    ] = None,
    networks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="universality: your own networks, DIR/TASK/*.onnx and the like; public: a folder with manifests.",
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Run a benchmark, or list them; exit code 1 where a stated bound does not hold."""
    from ..benchmark import BENCHMARKS, run
    from .terminal.console import print_json, print_table
    from .terminal.outputs import check_folder

    if name is None:
        if as_json:
            print_json([{"name": e.name, "measures": e.measures} for e in BENCHMARKS.values()])
        else:
            print_table(["name", "measures"], [[e.name, e.measures] for e in BENCHMARKS.values()])
        return 0
    if out is not None:
        check_folder(out)
    if networks is not None:
        from .networkscores import score_networks

        return score_networks(name, networks, out, against, as_json)
    found = run(
        name,
        quick=quick,
        full=full,
        out=out,
        seed=seed,
        workers=workers,
        scheduler=scheduler,
        against=against,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        from .benchmarkcommand import print_benchmark

        print_benchmark(found)
    return 0 if found.passed else 1


@app.command()
def zoo(
    out: Annotated[Path, typer.Option("--out", help="A new folder for its weights, labels and datasheet.")],
    small: Annotated[bool, typer.Option("--small", help="A few networks of each kind: seconds.")] = False,
    medium: Annotated[
        bool, typer.Option("--medium", help="Some networks of each kind: enough to tell methods apart.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Random seed; the held-out part has another.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes of this machine.")] = 1,
) -> int:
    """Write a data set of networks whose features, circuits and formulas are known; a stopped run goes on."""
    from ..zoo.zoocommands import make_zoo
    from .terminal.outputs import check_folder

    check_folder(out)
    if small and medium:
        raise typer.BadParameter("--small and --medium: give one of the two")
    return make_zoo(
        out, size="small" if small else "medium" if medium else "full", seed=seed, workers=workers
    )


@app.command()
def score(
    predictions: Annotated[
        Path | None,
        typer.Argument(metavar="PREDICTIONS.parquet", help="A method's claims (docs/howto/zoo.md, Schema)."),
    ] = None,
    zoo: Annotated[
        Path | None, typer.Option("--zoo", metavar="DIR", help="The zoo that they are about.")
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="A method that comes with the program, scored in their place; all for every one."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Baselines with their rules.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="The table as Markdown or .csv, or a baseline's claims as .parquet."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Score a method's claims about the networks of a zoo: precision, recall, false discoveries, calibration."""
    import json
    import sys

    from ..zoo.baselines import BASELINES
    from ..zoo.zoocommands import PRINTED, printed_rows, score_file
    from .terminal.console import print_json, print_table
    from .terminal.waiting import working

    if listed:
        print_table(["name", "kind", "rule"], [[name, b.kind, b.rule] for name, b in BASELINES.items()])
        return 0
    if zoo is None:
        raise typer.BadParameter("name the zoo: --zoo DIR (mathcircuits zoo --out DIR writes one)")
    with working("scoring claims") if predictions else nullcontext():
        scores, bins = score_file(
            predictions, zoo, baselines=baseline or (), out=out,
            progress=lambda text: print(text, file=sys.stderr),
        )  # fmt: skip
    if as_json:
        frames = {"scores": scores, "reliability": bins}
        print_json({name: json.loads(frame.to_json(orient="records")) for name, frame in frames.items()})
    else:
        print_table(PRINTED, printed_rows(scores))
    return 0


@app.command()
def modular(
    out: Folder,
    p: Annotated[int, typer.Option("--p", help="The modulus, an odd prime.")] = 31,
    seeds: Seeds = 10,
    steps: Steps = None,
    as_json: Json = False,
) -> int:
    """Addition modulo p: the frequencies it is learned by; exit code 1 where of p = 31 too few grok or are Fourier."""
    from mathcircuits.models import ModularRegimen

    from ..modular import modular_study, write_modular
    from .terminal.console import print_json
    from .terminal.outputs import check_folder
    from .terminal.waiting import working

    check_folder(out)
    regimen = None if steps is None else ModularRegimen(steps=steps)
    found = modular_study(p, seeds=range(seeds), regimen=regimen)
    with working("writing the page"):
        page = write_modular(found, out)
    if as_json:
        print_json(found.to_dict())
    else:
        for answer, text in found.answers:
            print(f"{answer}: {text}")
        print("\n".join(found.findings))
        print(page.resolve().as_uri())
    return 0 if found.passed else 1


@app.command()
def group(
    out: Folder,
    name: Annotated[
        str | None,
        typer.Argument(
            help="C12, D5, S4, A5, Q8, C2xS3, ...; with --networks, the group whose order they follow."
        ),
    ] = None,
    networks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Your own networks, a file or a folder, in place of trained ones."),
    ] = None,
    seeds: Seeds = 10,
    steps: Steps = None,
    share: Annotated[
        float | None, typer.Option(help="Share of pairs trained on (default: the regimen's).")
    ] = None,
    summed: Annotated[
        bool, typer.Option("--summed", help="A shared embedding whose rows are added up.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Composition in a finite group: the irreps it is learned by; exit code 1 where too few networks learn it."""
    from .grouping import study_group
    from .terminal.outputs import check_folder

    check_folder(out)
    return study_group(
        name, networks, out, seeds=seeds, steps=steps, share=share, summed=summed, as_json=as_json
    )


@app.command()
def figure(
    name: Annotated[str | None, typer.Argument(help="Name of the figure (default: a list of them).")] = None,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The folder of a study, or of a benchmark.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The file: .svg, .pdf or .png (default: NAME.svg).")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(metavar="ID", help="One network, such as minimum/3/adam/17 (default: the best)."),
    ] = None,
    task: Annotated[str | None, typer.Option(help="One task alone (default: all).")] = None,
    width: Annotated[
        str | None, typer.Option(help="One width alone: 1x, 2x or sizes such as 16 (default: all).")
    ] = None,
    regimen: Annotated[str | None, typer.Option(help="One regimen alone (default: all).")] = None,
    as_json: Json = False,
) -> None:
    """Make a figure for a paper from a study's folder, or list those that there are."""
    from ..plots.figurekinds import KINDS, Choice
    from .figurecommand import list_figures, make_figure
    from .terminal.waiting import working

    if name is None:
        list_figures(as_json)
        return
    if folder is None and name in KINDS:
        raise typer.BadParameter(f"name the folder: mathcircuits figure {name} DIR -o {name}.svg")
    choice = Choice(network, task, width, regimen)
    with working(f"drawing {name}"):
        path, caption = make_figure(name, folder or Path(), out or Path(f"{name}.svg"), choice)
    print(f"{path}\n{caption}")


@app.command()
def add(
    file: Annotated[
        Path | None,
        typer.Argument(help="TOML of [\\[feature]], or of [\\[circuit]] and [\\[gauge]] tables."),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Files of your own catalogue, with their entries.")
    ] = False,
    remove: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of an added file, to be removed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text, of --list.")] = False,
) -> None:
    """Add a file's features or circuits to your own catalogue, which every look-up and study reads."""
    from .lookups import add_entries, print_own_entries, remove_entries
    from .terminal.waiting import working

    if sum((file is not None, listed, remove is not None)) != 1:
        raise typer.BadParameter("give one of FILE, --list and --remove NAME")
    if file is not None:
        with working("trying every entry"):
            target, names = add_entries(file)
        print(f"{target}: {', '.join(names)}")
    elif remove is not None:
        for path in remove_entries(remove):
            print(f"{path}: removed")
    else:
        print_own_entries(as_json)


@app.command()
def doctor(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="Folder of a study whose files are checked (default: this machine)."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Look whether this machine has what is needed; exit code 1 where something is wrong."""
    from .doctor import conclusion, examine, healthy, report_record
    from .terminal.console import print_json, print_table
    from .terminal.waiting import working

    with working("looking at everything"):
        if folder is None:
            found = examine()
        else:
            from .studydoctor import study_findings

            found = study_findings(folder)
    if as_json:
        print_json(report_record(found))
    else:
        rows = [["" if f.status == "ok" else f.status, f.name, f.value, f.remedy] for f in found]
        print_table(["", "what", "found", "remedy"], rows)
        print(conclusion(found, "this machine" if folder is None else str(folder)))
    return 0 if healthy(found) else 1
