"""The commands on networks and studies. Each only parses, calls one function and prints; whatever is heavy is imported
inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import (
    Activation,
    Box,
    Data,
    FilesActivation,
    Force,
    Json,
    OneHot,
    Part,
    Points,
    Scheduler,
    Seed,
    Steps,
    StudyNetwork,
    Target,
    Threshold,
    Workers,
)
from .program import BoundedCommand, app


def command() -> Any:
    """The program as one command, for `main`."""
    from . import othercommands  # noqa: F401 - it registers its commands

    return typer.main.get_command(app)


@app.command(cls=BoundedCommand)
def study(
    config: Annotated[
        Path | None,
        typer.Argument(
            help="TOML with tasks, widths, seeds, regimens, steps, [\\[grid]] or \\[factors] (default: Osier's tasks)."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The study's folder; an interrupted run resumes in it.")
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds (default: the configuration's).")] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="TOML with [\\[prediction]] of a study with \\[factors]; outcomes in DIR/predictions.csv."
        ),
    ] = None,
    uncrossed: Annotated[
        bool,
        typer.Option(
            "--uncrossed", help="Predictions of conditions that the study lacks are listed, not refused."
        ),
    ] = False,
    sequential: Annotated[
        bool,
        typer.Option(
            "--sequential", help="Verdicts that hold whenever one looks; more seeds go on in the folder."
        ),
    ] = False,
    example: Annotated[
        bool, typer.Option("--example", help="A commented configuration to start from, printed.")
    ] = False,
    networks: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Networks that were trained elsewhere: a folder (with networks.csv), or a table.",
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Task of the --networks (default: the functions are found).")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Columns that tell conditions of the --networks apart, a,b (default: all)."),
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="Bounds of the inputs of the --networks, as of inspect.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Samples of the inputs of the --networks.")] = None,
    points: Annotated[str | None, typer.Option(help="Finite domain of the --networks.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Mean squared error of one function of the --networks (default: 0.0001 of its variance)."
        ),
    ] = None,
    activation: FilesActivation = None,
    fibre: Annotated[
        int | None, typer.Option(help="Particles for the verdicts selected and free, of the --networks.")
    ] = None,
) -> int:
    """Train, or read networks from elsewhere; compare and report: ends with DIR/report/index.html."""
    import sys
    from collections import Counter

    from ..studies.config import StudyConfig, as_config
    from ..studies.factorial.predictions import outcome_lines, read_predictions, write_outcomes
    from ..studies.progress import crossing_size
    from ..studies.workers import worth_workers
    from ..study import run_study
    from .studycommand import EXAMPLE, ending
    from .terminal.outputs import check_folder

    if example:
        print(EXAMPLE, end="")
        return 0
    if out is None:
        raise typer.BadParameter("name the study's folder: --out DIR (--example prints a configuration)")
    check_folder(out, "give a folder for the study, with --out")
    if networks:
        from .populationcommand import study_networks

        refused = {"a configuration": config, "--seeds": seeds, "--predictions": predictions}
        return study_networks(
            networks, out, beside=refused, task=task, by=by, box=box or (), data=data, points=points,
            threshold=threshold, activation=activation, fibre=fibre, sequential=sequential, workers=workers,
            scheduler=scheduler,
        )  # fmt: skip
    wanted = as_config(config)
    if seeds is not None:
        wanted = wanted.with_seeds(seeds)
    if sequential:
        wanted = StudyConfig(**{**wanted.to_dict(), "sequential": True})
    if workers is None:
        workers = 1 if scheduler else worth_workers(wanted)
    predicted = [] if predictions is None else read_predictions(predictions, wanted, uncrossed=uncrossed)
    if wanted.factors is not None:
        print(crossing_size(wanted, workers), file=sys.stderr)
    done = run_study(wanted, out, workers=workers, scheduler=scheduler)
    count = Counter(cell["status"] for cell in done.manifest["cells"])
    words = {"done": "trained and read", "read": "read again", "kept": "kept", "failed": "failed"}
    print(f"{sum(count.values())} cells: {', '.join(f'{count[s]} {words[s]}' for s in words if count[s])}")
    if predicted:
        for line in outcome_lines(write_outcomes(done, predicted)):
            print(line)
    for key, error in done.failures.items():
        print(f"mathcircuits: cell {key} failed: {error} (see networks/{key}.error.txt)", file=sys.stderr)
    print("\n".join(ending(done)))
    return 1 if done.failures else 0


@app.command(cls=BoundedCommand)
def inspect(
    file: Annotated[
        Path,
        typer.Argument(
            help="A network (.pt, .safetensors, .npz, .onnx, .skops, .keras, .h5, .nnet, an agent's .zip); or a "
            "study's folder, with --network."
        ),
    ],
    box: Box = None,
    data: Data = None,
    points: Points = None,
    names: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...", help="Names of the inputs (default: the file's, the data's, else x1,x2,...)."
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="Task that the network was trained on: a name, a formula, or a table of data (.csv)."
        ),
    ] = None,
    target: Target = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Largest error of a formula, as a share of the output's range (default: 0.005)."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every neuron, circuit and formula, none of them cut.")
    ] = False,
    weights: Annotated[
        bool, typer.Option("--weights", help="Weights into and out of each neuron listed.")
    ] = False,
    top: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Most used neurons to list (default: all of up to 12, else 10)."
        ),
    ] = None,
    activation: Activation = None,
    part: Part = None,
    one_hot: OneHot = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also what takes minutes in a network of this size.")
    ] = False,
    null: Annotated[
        str,
        typer.Option(
            help="Null of the neurons: conditional (their own offset, another direction) or unconditional "
            "(untrained networks)."
        ),
    ] = "conditional",
    symbolic: Annotated[
        bool, typer.Option("--symbolic", help="Formulas by symbolic regression as well (pyoperon).")
    ] = False,
    directions: Annotated[
        bool, typer.Option("--directions", help="Features that can be read as a direction.")
    ] = False,
    network: StudyNetwork = None,
    html: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Page to write, with all tables and figures.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What a network computes: its formula with a proved error, its circuits, what each neuron holds."""
    from .terminal.waiting import working

    with working(f"reading {file}"):
        from .inspecting import inspect_file
        from .terminal.screen import ScreenLayout

    inspect_file(
        file, box=box or (), data=data, points=points, task=task, target=target, activation=activation, as_json=as_json,
        deep=deep, symbolic=symbolic, network=network, html=html, part=part, one_hot=one_hot, null=null,
        names=names, tolerance=tolerance, layout=ScreenLayout(everything, weights, top, directions),
    )  # fmt: skip


@app.command(cls=BoundedCommand)
def compress(
    file: Annotated[
        Path, typer.Argument(help="A network, as for inspect; or a study's folder, with --network.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The smaller network's file: .safetensors or .npz.")
    ],
    task: Annotated[
        str | None,
        typer.Option(
            help="Task to compute: a name, a formula or a table (default: what the network computes)."
        ),
    ] = None,
    target: Target = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Mean squared error allowed on unseen points (default: 1e-8, or the noise of the data)."
        ),
    ] = None,
    box: Box = None,
    seed: Seed = 0,
    network: StudyNetwork = None,
    activation: Activation = None,
    part: Part = None,
    one_hot: OneHot = False,
    force: Force = False,
    as_json: Json = False,
) -> int:
    """Make a network as small as its function allows; exit code 1 where the tolerance is not met."""
    from .terminal.waiting import working

    with working(f"reading {file}"):
        from .compresscommand import compress_file

    return compress_file(
        file, out, task=task, target=target, tolerance=tolerance, box=box or (), seed=seed, network=network,
        activation=activation, part=part, one_hot=one_hot, force=force, as_json=as_json,
    )  # fmt: skip


@app.command()
def train(
    task: Annotated[
        str, typer.Argument(help="Task: a name (mathcircuits tasks lists them), a formula, or a table.")
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="Folder of the networks, or one network's .safetensors or .npz."),
    ],
    hidden: Annotated[
        str | None,
        typer.Option(metavar="SIZES", help="Hidden sizes: 3, or 24-12 (default: the smallest known)."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of networks.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the first network.")] = 0,
    regimen: Annotated[str, typer.Option(help="Preset of the training.")] = "adam",
    steps: Steps = None,
    bias: Annotated[
        bool | None, typer.Option("--bias/--no-bias", help="Biases (default: where the task needs them).")
    ] = None,
    activation: Annotated[str, typer.Option(help="Activation of the hidden layers.")] = "relu",
    target: Target = None,
    force: Force = False,
    as_json: Json = False,
) -> int:
    """Train networks of a task and write each to a file; exit code 1 where one diverged."""
    from .terminal.waiting import working

    with working("loading torch"):
        from .traincommand import train_to_files

    return train_to_files(
        task, out, hidden=hidden, seeds=seeds, first=seed, regimen=regimen, steps=steps, bias=bias,
        activation=activation, force=force, target=target, as_json=as_json,
    )  # fmt: skip


@app.command(cls=BoundedCommand)
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A network, a folder of them, or a table.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="The other one.")],
    task: Annotated[
        str | None, typer.Option(help="Task of both: a name, or a formula (default: it is found).")
    ] = None,
    box: Box = None,
    points: Points = None,
    threshold: Threshold = None,
    activation: FilesActivation = None,
    html: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Page to write, with the matched units drawn.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Two networks or two groups: where they part, which units match, what a transplant does."""
    from .comparecommand import compare_files

    compare_files(
        first, second, task=task, box=box or (), points=points, threshold=threshold, activation=activation,
        html=html, as_json=as_json,
    )  # fmt: skip
