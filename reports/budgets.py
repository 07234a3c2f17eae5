"""Budgets: what a study may ask for before anything is trained, and what to do about a study that asks for more."""

from __future__ import annotations

from mathcircuits.detect import InputError

#: Networks of a study. A million takes about two hours of two cores and 20 GB of disk (docs, On a cluster).
MAX_NETWORKS = 1_000_000
#: Cells of a study. Each is some 4 kB of the process that hands them out, and of the manifest.
MAX_CELLS = 100_000
#: Neurons of one hidden layer. A cell holds up to 256 networks with their optimiser's state and checkpoints, and
#: reading compares neurons in pairs: at 4096 these are 2 GB.
MAX_WIDTH = 4096
#: Numbers that the weights of a cell's networks may have in all: their training holds about twenty times this in bytes
#: for each of four bytes.
MAX_WEIGHTS = 20_000_000

#: Weights of a network that is compressed: removing neurons held 120 bytes for each of 16.8 million, and grows.
MAX_COMPRESSED = 5_000_000
#: Elements of a group whose composition is trained: each pair is an input. 1000 elements took more than 6 GB, which
#: grows with their square.
MAX_ORDER = 500

LIFT = "or set large = true, where time and memory are there"


def check_size(networks: int, cells: int, *, large: bool = False, lift: str = LIFT) -> None:
    """Refuse a study of too many networks or cells.

    Raises:
        InputError: with the number that would do.

    Examples:
        >>> check_size(2750, 55)
        >>> check_size(10**9, 10**7)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: 1000000000 networks: at most 1000000 are ...
    """
    if large:
        return
    if networks > MAX_NETWORKS:
        raise InputError(
            f"{networks} networks: at most {MAX_NETWORKS} are trained in one study; give fewer seeds, {lift}"
        )
    if cells > MAX_CELLS:
        raise InputError(
            f"{cells} conditions and blocks of seeds: at most {MAX_CELLS} are worked on in one study; split it by "
            f"tasks or widths, {lift}"
        )


def check_layers(
    hidden: tuple[int, ...], weights: int, together: int, *, large: bool = False, lift: str = LIFT
) -> None:
    """Refuse hidden sizes whose networks would not fit into memory.

    Args:
        hidden: the sizes.
        weights: parameters of one network.
        together: networks that are trained at once.
        large: whether this is wanted all the same.
        lift: how to say that it is, for the error.

    Raises:
        InputError: with the number that would do.

    Examples:
        >>> check_layers((64, 64), 4500, 256)
        >>> check_layers((100_000,), 400_001, 4)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: a hidden layer of 100000 neurons: at most 4096 are ...
    """
    if large:
        return
    if max(hidden, default=0) > MAX_WIDTH:
        raise InputError(
            f"a hidden layer of {max(hidden)} neurons: at most {MAX_WIDTH} are compared in pairs; give fewer, {lift}"
        )
    if weights * together > MAX_WEIGHTS:
        if weights > MAX_WEIGHTS:
            raise InputError(
                f"a network of {weights} weights: at most {MAX_WEIGHTS} are trained; give narrower layers, {lift}"
            )
        raise InputError(
            f"{together} networks of {weights} weights in one cell: at most {MAX_WEIGHTS // weights} of them fit; give "
            f"fewer seeds or narrower layers, {lift}"
        )


def check_compressed(weights: int) -> None:
    """Refuse to compress a network whose copies would not fit into memory.

    Raises:
        InputError: with the number that would do.

    Examples:
        >>> check_compressed(10_000)
        >>> check_compressed(16_793_601)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: a network of 16793601 weights: at most 5000000 are compressed; give ...
    """
    if weights > MAX_COMPRESSED:
        raise InputError(
            f"a network of {weights} weights: at most {MAX_COMPRESSED} are compressed; give a narrower one, or "
            "compress it in Python: mathcircuits.models.compress has no limit"
        )


def check_order(order: int) -> None:
    """Refuse to train the composition of a group whose pairs would not fit into memory.

    Raises:
        InputError: with the order that would do.

    Examples:
        >>> check_order(120)
        >>> check_order(1000)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: a group of 1000 elements: networks of at most 500 are trained; give ...
    """
    if order > MAX_ORDER:
        raise InputError(
            f"a group of {order} elements: networks of at most {MAX_ORDER} are trained; give a smaller group, or train "
            "in Python: mathcircuits.models.training.train_group has no limit"
        )
