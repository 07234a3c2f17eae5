"""Composition in a group from the command line: trained or read, written, and said in a few lines."""

from __future__ import annotations

from pathlib import Path

from mathcircuits.detect import InputError


def study_group(
    name: str | None,
    networks: Path | None,
    out: Path,
    *,
    seeds: int,
    steps: int | None,
    share: float | None,
    summed: bool,
    as_json: bool,
) -> int:
    """Study a group's networks, write their page and print what was found.

    Args:
        name: of the group; None where the networks' own answers tell it.
        networks: a file or folder to read in place of training.
        out: the folder that is written; the others as the command's options.

    Returns:
        The exit code: 1 where too few networks compose rightly.

    Raises:
        InputError: without a group and without networks.

    Examples:
        >>> study_group(None, None, Path("out"), seeds=1, steps=None, share=None, summed=False, as_json=False)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: no group: name one, such as S4, or give networks to read with --networks
    """
    from mathcircuits.detect.groups import group_named
    from mathcircuits.models.training import group_regimen

    from ..budgets import check_order
    from ..group_page import write_group
    from ..groupstudies import group_study, group_study_of, networks_of
    from .terminal.console import print_json
    from .terminal.waiting import working

    if networks is not None:
        with working("reading the networks"):
            found = group_study_of(networks_of(networks, summed=summed), name)
    elif name is None:
        raise InputError("no group: name one, such as S4, or give networks to read with --networks")
    else:
        check_order(group_named(name).order)
        how = group_regimen(name)
        changed = {key: value for key, value in (("steps", steps), ("share", share)) if value is not None}
        found = group_study(name, seeds=range(seeds), regimen=type(how)(**{**how.model_dump(), **changed}))
    with working("writing the page"):
        page = write_group(found, out)
    if as_json:
        print_json(found.to_dict())
    else:
        for text, holds in found.requirements:
            print(f"{'holds' if holds else 'FAILS'}: {text}")
        print("\n".join(found.findings))
        print(page.resolve().as_uri())
    return 0 if found.passed else 1
