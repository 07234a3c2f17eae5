"""Options that several commands have, each declared once: its type, its name and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# How a network's file is read

Activation = Annotated[
    str | None,
    typer.Option(help="Activation between the layers (default: the file's; relu where it names none)."),
]
FilesActivation = Annotated[
    str | None, typer.Option(help="Activation between the layers of files that name none.")
]
Part = Annotated[str | None, typer.Option(metavar="NAME", help="One of several networks in the file.")]
OneHot = Annotated[
    bool, typer.Option("--one-hot", help="Embedding tables as the first layer of one-hot inputs.")
]
StudyNetwork = Annotated[
    str | None, typer.Option(metavar="ID", help="One network of a study, such as minimum/3/adam/17.")
]

# What it is read on, and compared with

Box = Annotated[
    list[str] | None,
    typer.Option(
        help="Bounds: LOW HIGH, NAME=LOW:HIGH ..., or a file (default: the data's range, the task's box, -1 1)."
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", "--inputs", help="Samples to read it on: .csv, .parquet or .npy; a header names them."
    ),
]
Points = Annotated[
    str | None,
    typer.Option(
        help="A finite domain: the values of every input (0,1), one-hot:SIZE,SIZE, or a file of points."
    ),
]
Target = Annotated[
    str | None,
    typer.Option(metavar="COLUMN,...", help="Columns of the data to learn (default: the last one)."),
]
Threshold = Annotated[
    float | None, typer.Option(help="Mean squared error of one function (default: 0.0001 of its variance).")
]

# How it goes

Workers = Annotated[
    int | None,
    typer.Option(help="Processes that work in parallel (default: one per core, 1 for few cells)."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Address of a dask scheduler, tcp://HOST:8786, or its --scheduler-file (default: this machine).",
    ),
]
Steps = Annotated[int | None, typer.Option(help="Training steps (default: the task's, else the regimen's).")]
Seeds = Annotated[int, typer.Option(min=1, help="Number of networks; verdicts take 72.")]
Seed = Annotated[int, typer.Option(min=0, help="Random seed.")]

# What comes out

Folder = Annotated[Path, typer.Option("--out", help="The folder of its page, tables and figures.")]
Force = Annotated[bool, typer.Option("--force", help="Replacement of files that are there.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
