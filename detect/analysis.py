"""Analysis: everything that was found about one network, and the reading of many at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from .drawings import NetworkPlots
from .errors import InputError
from .exact.canonical import CanonicalForm, canonical_form
from .exact.certificates import Certificate, certify
from .exact.norms.readings import Norms, norms_of
from .features.binding import Label
from .features.catalogues import Catalogue
from .features.task import Task, as_task
from .matching.block_reading import BlockReading
from .matching.directions import LayerReading, direction_frame, read_directions
from .matching.match_nulls import MatchNull, match_null
from .matching.neuron_groups import group_neurons
from .matching.neurons import TaughtReading, neuron_frame, null_frame, read_stack, taught_reading
from .matching.nulls.names import IN_WORDS, NullName, known_null
from .matching.read_outs import FEWEST_INPUTS, Targets, targets_for
from .networks.architecture import hook_post
from .networks.box import Box, BoxLike, sobol_points
from .networks.domain import Domain, header_of, input_columns
from .networks.initialisation import known_laws
from .networks.network import HasNetwork, Network, as_network
from .networks.stacks import Stack
from .programs.criteria import FLAT_OUTPUT, PROGRAM_ERROR, PROGRAM_SHARE
from .programs.decompiling import check_tolerance, decompile
from .programs.program import Program
from .recognition.readings import find_readings
from .recognition.search import find_circuits

if TYPE_CHECKING:
    import pandas as pd
    import sympy

#: Version of the JSON that `Analysis.to_json` writes.
FORMAT = 2
#: Points at which a network is looked at for whether it does anything at all: 2^10.
_LOG2_LOOK = 10
#: Circuits and certificates take well under a second each up to here (branch and bound ends at 8 inputs).
_MAX_NEURONS, _MAX_INPUTS = 512, 8


@dataclass(frozen=True, eq=False)
class Analysis(NetworkPlots):
    """What one network has learned, in the words of the catalogue.

    Attributes:
        network: its plain weights.
        task: the task it was read as, or None.
        domain: the inputs that everything below refers to.
        laws: the init laws that the directions of the null follow; the larger p counts.
        catalogue: the features that were looked for; None for the installed ones.
        deep: whether what takes minutes is read as well, see `analyse`.
        proposer: who proposes formulas beside `decompile`, see there.
        null: what p refer to: `"conditional"` on the neurons' own offsets, or `"unconditional"`.
        taught: networks of its shape that were taught something else, the second null; None without them.
        tolerance: the largest error that its formula may have, as a share of each output's range on the box.

    Tables, formula, certificate and normal form are found when they are first asked for, each alone.

    Examples:
        >>> from .features.task import hand_derived
        >>> a = analyse(hand_derived("minimum"), task="minimum", init="uniform")
        >>> a.neurons[["feature", "status"]].values.tolist()
        [['greaterness', 'matched'], ['positiveness', 'matched'], ['negativeness', 'matched']]
        >>> a
        Analysis(2-3-1, task=minimum, 3 of 3 neurons matched)
    """

    network: Network
    task: Task | None
    domain: Domain
    laws: tuple[str, ...]
    catalogue: Catalogue | None = None
    deep: bool = False
    proposer: Literal["pyoperon"] | None = None
    null: NullName = "conditional"
    taught: tuple[Network, ...] | None = None
    tolerance: float = PROGRAM_SHARE

    @property
    def box(self) -> Box:
        """One (low, high) pair per input: the domain's."""
        return self.domain.box

    @cached_property
    def _taught(self) -> TaughtReading | None:
        if self.taught is None:
            return None
        return taught_reading(
            self.taught,
            self.network.architecture,
            box=self.box,
            inputs=self.domain.data,
            laws=self.laws,
            null=self.null,
            catalogue=self.catalogue,
            deep=self.deep,
        )

    @cached_property
    def _blocks(self) -> tuple[BlockReading, ...]:
        stack = Stack.of([self.network])
        return read_stack(
            stack,
            box=self.box,
            inputs=self.domain.data,
            laws=self.laws,
            null=self.null,
            catalogue=self.catalogue,
            deep=self.deep,
            taught=self._taught,
        )[0]

    @cached_property
    def neurons(self) -> pd.DataFrame:
        """One row a neuron, see `match_neurons`."""
        return neuron_frame(self._blocks).drop(columns="network")

    @cached_property
    def groups(self) -> pd.DataFrame:
        """The neurons by what they hold, each group with its share of the output, see `group_neurons`."""
        return group_neurons(self.network, self.neurons, box=self.box, inputs=self.domain.data)

    @cached_property
    def nulls(self) -> pd.DataFrame:
        """What untrained networks allow, and those taught something else, see `matching.null_frame`."""
        return null_frame(self.network.architecture, self._blocks, self.laws, self.null, self._taught)

    def null_of(self, layer: int, neuron: int) -> MatchNull:
        """The neurons of the null that one neuron's match is compared with, to be drawn as a histogram.

        Args:
            layer, neuron: as in the table of neurons.

        Raises:
            InputError: where there is no such neuron, or no draws stand behind its p.

        Examples:
            >>> from .features.task import hand_derived
            >>> null = analyse(hand_derived("absolute"), task="absolute", init="uniform").null_of(0, 1)
            >>> null.status, null.needed, null.below(1e-9)  # every untrained neuron matches as well
            ('vacuous', None, 1.0)
        """
        if not 0 <= layer < len(self._blocks):
            raise InputError(f"layer {layer}: the network has {len(self._blocks)} layers with an activation")
        block = self._blocks[layer]
        return match_null(self.network, block, neuron, layer=layer, laws=self.laws, null=self.null)

    @property
    def beside(self) -> str:
        """What the matches of its neurons stand beside, in words.

        Examples:
            >>> from .features.task import hand_derived
            >>> analyse(hand_derived("minimum"), init="uniform").beside
            'neurons ... (uniform init); no networks that were taught something else, so that a match may be ...'
        """
        laws = f"{', '.join(self.laws)} init" + "; the larger p counts" * (len(self.laws) > 1)
        first = f"{IN_WORDS[self.null]} ({laws})"
        if not self.taught:
            return (
                f"{first}; no networks that were taught something else, so that a match may be what learning anything "
                "gives"
            )
        return f"{first}, and {len(self.taught)} networks that were taught something else; a match needs both"

    @cached_property
    def _read_directions(self) -> tuple[list[LayerReading], Targets, tuple[str, ...]]:
        return _directions(
            Stack.of([self.network]),
            self.domain,
            laws=self.laws,
            null=self.null,
            catalogue=self.catalogue,
            deep=self.deep,
        )

    @cached_property
    def directions(self) -> pd.DataFrame:
        """One row a layer and feature, see `match_directions`."""
        readings, targets, _ = self._read_directions
        return direction_frame(readings, targets).drop(columns="network")

    @property
    def skipped(self) -> tuple[str, ...]:
        """What was too costly for a network of this size, by name."""
        return (*self.skipped_neurons, *self._read_directions[2], *self.skipped_circuits)

    @property
    def skipped_neurons(self) -> tuple[str, ...]:
        """What of the neurons' matches was too costly."""
        return tuple(text for block in self._blocks for text in block.skipped)

    @property
    def skipped_circuits(self) -> tuple[str, ...]:
        """Whether circuits, formula and certificate were too costly."""
        if self.within_reach:
            return ()
        size = f"{sum(self.network.sizes[1:-1])} hidden neurons, {self.network.inputs} inputs"
        return (f"circuits, formula and certificate ({size}: more than {_MAX_NEURONS} or {_MAX_INPUTS})",)

    @cached_property
    def silent(self) -> str:
        """Why nothing is to be read here, and what to do: no neuron is ever active, or the outputs never vary.

        Empty where something is.

        Examples:
            >>> analyse(Network([[[1.0]], [[1.0]]], [[-50.0], None])).silent
            'no hidden neuron is ever active on [-1, 1], the default domain: ...'
        """
        X = self.domain.data if self.domain.data is not None else sobol_points(self.box, _LOG2_LOOK)
        acts = self.network.run(X)
        active = self.network.architecture.active
        posts = [acts[hook_post(block)] for block in active]
        still = [bool((np.ptp(values, axis=0) == 0).all()) for values in posts]
        outputs = np.ptp(acts.outputs, axis=0)
        if still and all(still):
            what = (
                "no hidden neuron is ever active"
                if all(not v.any() for v in posts)
                else "no hidden neuron varies"
            )
        elif (outputs <= FLAT_OUTPUT * np.abs(acts.outputs).max(axis=0)).all():
            what = "the outputs are constant"
        else:
            return ""
        told = ", the default domain" if self.domain.assumed else ""
        return (
            f"{what} on {self.domain.text}{told}: give the inputs that it was trained on "
            "(box= or inputs=; --box or --data on the command line)"
        )

    @cached_property
    def circuits(self) -> pd.DataFrame:
        """The catalogue's circuits inside the network, see `find_circuits`."""
        return find_circuits(self)

    @cached_property
    def readings(self) -> pd.DataFrame:
        """Every reading of the network's variables that meets the criteria, see `find_readings`."""
        return find_readings(self)

    @property
    def further_readings(self) -> pd.DataFrame:
        """The readings of those variables that have more than one."""
        return self.readings[self.readings.groupby("output")["reading"].transform("size") > 1]

    @cached_property
    def program(self) -> Program:
        """The network in words: its formula, its certificate, and why there is none where there is none."""
        return decompile(self.network, box=self.domain, tolerance=self.tolerance, proposer=self.proposer)

    @property
    def formula(self) -> sympy.Basic | None:
        """The network as a sympy expression, off by at most `program.certificate.upper`; None where none is near."""
        return self.program.expression

    @cached_property
    def certificate(self) -> Certificate:
        """The largest error anywhere on the box: against the task, where one is named, else against the formula."""
        if self.task is not None and self.task.formula:
            return certify(self.network, self.task, box=self.domain)
        return self.program.certificate

    @cached_property
    def canonical(self) -> CanonicalForm:
        """The normal form of a network with one hidden layer.

        Raises:
            InputError: for deeper networks, which have a layerwise one (`normalise_layers`).
        """
        return canonical_form(self.network, box=self.box)

    @cached_property
    def norms(self) -> Norms:
        """The path norm, and by how much it exceeds the least of any network of the same function.

        The function is the task, where the network is proved to be within 5e-3 of it, else the network's own normal
        form, simplified within half a percent of its range.

        Examples:
            >>> from .features.task import hand_derived
            >>> analyse(hand_derived("minimum"), task="minimum").norms
            Norms(path norm 3.414214, 20.7% above the least, 2.828427)
        """
        task = self.task if self.task is not None and self.task.formula else None
        if task is not None and not (self.certificate.upper <= PROGRAM_ERROR and self.box == task.box):
            task = None
        return norms_of(self.network, box=self.box, task=task, tolerance=PROGRAM_SHARE)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: missing values are None, `on` a list of texts."""
        return {
            "format": FORMAT,
            "network": {
                "sizes": list(self.network.sizes),
                "activations": list(self.network.activations),
                "bias": list(self.network.architecture.bias),
                "weights": [w.tolist() for w in self.network.weights],
                "biases": None if self.network.biases is None else [b.tolist() for b in self.network.biases],
            },
            "task": self.task.name if self.task else None,
            "box": [list(pair) for pair in self.box],
            "inputs": list(self.domain.names),
            "outputs": list(self.network.output_names),
            "domain": {
                "text": self.domain.text,
                "assumed": self.domain.assumed,
                "points": None if self.domain.points is None else len(self.domain.points),
                "samples": None if self.domain.data is None else len(self.domain.data),
            },
            "silent": self.silent or None,
            "null": list(self.laws),
            "null_of_neurons": self.null,
            "taught": None if self.taught is None else len(self.taught),
            "neurons": self._named(self.neurons),
            "directions": self._named(self.directions),
            "nulls": _records(self.nulls),
            **(self._circuit_data() if self.within_reach else {}),
            "skipped": list(self.skipped),
        }

    @property
    def within_reach(self) -> bool:
        """Whether circuits, formula and certificate are read without being asked for by name.

        They are where there are at most 512 hidden neurons and 8 inputs; beyond that each may take its whole
        time limit.
        """
        return _within_reach(self.network)

    def _named(self, frame: pd.DataFrame) -> list[dict[str, Any]]:
        """The frame's rows as plain data, inputs and outputs by their own names."""
        renamed, rows = self.domain.renamed, _records(frame)
        for row in rows:
            if isinstance(row.get("output"), str):
                row["output"] = self.network.outputs_renamed(row["output"])
        for row in rows if self.domain.named else ():
            for text in ("form", "text"):
                if row.get(text):
                    row[text] = renamed(row[text])
            # Where there is no `on`, the gauge is written over the inputs.
            on = row.get("on")
            if on is not None:
                row["on"] = [renamed(argument) for argument in on]
            if row.get("gauge"):
                row["gauge"] = renamed(row["gauge"], on)
        return rows

    def _circuit_data(self) -> dict[str, Any]:
        program, proof = self.program, self.certificate
        return {
            "circuits": self._named(self.circuits),
            "readings": self._named(self.readings),
            "formula": {
                "text": None if program.formula is None else self.domain.renamed(program.text),
                "best": self.domain.renamed(program.text),
                "tolerance": program.tolerance,
                "error": program.certificate.upper,
                "bits": program.bits,
                "raw_bits": program.raw_bits,
                "reason": program.reason,
            },
            "certificate": {
                "spec": self.domain.renamed(proof.spec),
                "lower": proof.lower,
                "upper": proof.upper,
                "witness": list(proof.witness),
                "method": proof.method,
                "complete": proof.complete,
            },
            "norms": self.norms.to_dict(),
        }

    def to_json(self, indent: int | None = None) -> str:
        """`to_dict` as strict JSON (no NaN)."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.network.sizes))
        matched = int((self.neurons["status"] == "matched").sum())
        task = f", task={self.task.name}" if self.task else ""
        return f"Analysis({sizes}{task}, {matched} of {len(self.neurons)} neurons matched)"


@dataclass(frozen=True, eq=False)
class Reading:
    """Tables of many networks of one architecture: as in `Analysis`, after a column `network`, the position.

    `taught` are the features that used neurons of each network that was taught something else hold; `networks` and
    `blocks` are what was read, for `null_of`.

    Examples:
        >>> from .features.task import hand_derived
        >>> reading = analyse_many([hand_derived("absolute")] * 2, init="uniform")
        >>> reading.neurons[["network", "neuron", "status"]].values.tolist()
        [[0, 0, 'vacuous'], [0, 1, 'vacuous'], [1, 0, 'vacuous'], [1, 1, 'vacuous']]
    """

    neurons: pd.DataFrame
    directions: pd.DataFrame
    nulls: pd.DataFrame
    skipped: tuple[str, ...] = ()
    taught: tuple[frozenset[Label], ...] = ()
    networks: tuple[Network, ...] = ()
    blocks: tuple[BlockReading, ...] = ()
    laws: tuple[str, ...] = ()
    null: NullName = "conditional"

    def null_of(self, network: int, layer: int, neuron: int) -> MatchNull:
        """The null behind one match, as `Analysis.null_of` gives it.

        Args:
            network, layer, neuron: as in the table of neurons.

        Raises:
            InputError: where no draws stand behind its p.
        """
        return match_null(
            self.networks[network], self.blocks[layer], neuron, layer=layer, laws=self.laws, null=self.null,
            place=network,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Reading({self.neurons['network'].nunique()} networks, {len(self.neurons)} neurons)"


def analyse(
    network: object,
    *,
    box: BoxLike | Domain | None = None,
    inputs: npt.ArrayLike | None = None,
    names: Sequence[str] | None = None,
    init: str | None = None,
    null: NullName = "conditional",
    task: Task | str | None = None,
    catalogue: Catalogue | None = None,
    deep: bool = False,
    proposer: Literal["pyoperon"] | None = None,
    taught: Sequence[Network | HasNetwork] | None = None,
    tolerance: float = PROGRAM_SHARE,
) -> Analysis:
    """What one network has learned.

    Args:
        network: a Network, anything with `to_network()`, an `nn.Module` or a fitted scikit-learn model (`as_network`).
        box: (low, high), one pair per input, or a Domain; by default the range of the inputs, else the task's box, else
            (-1, 1).
        inputs: [n, d], instead of uniform points of the box, where the data are sparse, one-hot or from
            elsewhere. Of a DataFrame the columns are taken by the inputs' names, where those have any.
        names: what the inputs are called; by default as the domain, the network or the DataFrame has it.
        init: init law of the null, `"uniform"` (nn.Linear's default) or `"normal"`; by default the larger p of both.
        null: what neurons and directions are compared with, see `match_neurons`.
        task: the task that it is meant to compute: a name, a formula such as `"relu(x1 - 0.3) + x2"`, or a Task.
        catalogue: the features to look for; by default the installed ones.
        deep: read also what takes minutes in wide networks and with more than eight inputs; without it `skipped`
            names what that is.
        proposer: `"pyoperon"` to let symbolic regression propose formulas, see `decompile`.
        taught: networks of its shape that were trained alike on something else
            (`mathcircuits.models.taught_otherwise`); then a match needs both nulls.
        tolerance: the largest error that the formula may have, as a share of each output's range, see `decompile`.

    Raises:
        InputError: where sizes, task and inputs do not fit together, or the tolerance is not positive.

    Examples:
        >>> minimum = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> found = analyse(minimum, task="minimum", init="uniform")
        >>> found.formula, found.circuits["form"].tolist()
        (Min(x1, x2), ['x1 - relu(x1 - x2)'])
        >>> analyse(minimum, box=[(0, 10), (0, 1)], names=["price", "limit"]).domain
        Domain(price in [0, 10], limit in [0, 1])
        >>> analyse(minimum, task="absolute")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: a 2-3-1 network cannot compute 'absolute' (1 inputs, 1 outputs):
        name another task or none
    """
    net = as_network(network)
    known = as_task(task) if task is not None else None
    if known is not None and (known.arity, known.outputs) != (net.inputs, net.outputs):
        raise InputError(
            f"a {'-'.join(map(str, net.sizes))} network cannot compute {known.name!r} "
            f"({known.arity} inputs, {known.outputs} outputs): name another task or none"
        )
    given = known.domain if box is None and inputs is None and known is not None else box
    own = given.names if isinstance(given, Domain) and given.named else net.about.input_names
    header = header_of(inputs)
    if header is not None:
        columns = input_columns(header, net.inputs, own)
        # header_of gives names of a DataFrame alone.
        inputs, header = cast("pd.DataFrame", inputs).iloc[:, columns], tuple(header[k] for k in columns)
    domain = Domain.of(given, net.inputs, data=inputs, names=names or own or header)
    if domain.named:
        # Figures and tables that have the network alone call its inputs by these names too.
        net = net.with_about(replace(net.about, input_names=domain.names))
    others = None if taught is None else tuple(as_network(other) for other in taught)
    laws, kept = known_laws(init), known_null(null)
    return Analysis(
        net, known, domain, laws, catalogue, deep, proposer, kept, others, check_tolerance(tolerance)
    )


def analyse_many(
    networks: Sequence[Network],
    *,
    box: BoxLike = (-1.0, 1.0),
    inputs: npt.ArrayLike | None = None,
    init: str | None = None,
    null: NullName = "conditional",
    task: Task | str | None = None,
    catalogue: Catalogue | None = None,
    deep: bool = False,
    taught: Sequence[Network | HasNetwork] | None = None,
) -> Reading:
    """Read networks of one architecture together: the nulls are drawn once, the arithmetic is batched.

    Args:
        networks: at least one; all of the same architecture.
        box, inputs, init, null, catalogue, deep, taught: as for `analyse`.
        task: gives the box where it is set, and the inputs of a task on points.

    Examples:
        >>> from .features.task import hand_derived
        >>> analyse_many([hand_derived("absolute")] * 3, init="uniform")
        Reading(3 networks, 6 neurons)
    """
    stack = Stack.of(networks)
    d = stack.architecture.sizes[0]
    domain = Domain.of(as_task(task).domain if task is not None else box, d, data=inputs)
    bounds, given = domain.box, domain.data
    laws = known_laws(init)
    kept = known_null(null)
    settings: dict[str, Any] = {
        "box": bounds, "inputs": given, "laws": laws, "null": kept, "catalogue": catalogue, "deep": deep,
    }  # fmt: skip
    other = None if taught is None else taught_reading(taught, stack.architecture, **settings)
    blocks, _, _ = read_stack(stack, **settings, taught=other)
    readings, targets, skipped = _directions(
        stack, domain, laws=laws, null=kept, catalogue=catalogue, deep=deep
    )
    too_costly = tuple(text for block in blocks for text in block.skipped) + skipped
    shape = stack.architecture
    nulls = null_frame(shape, blocks, laws, kept, other)
    held = () if other is None else other.held
    return Reading(
        neuron_frame(blocks), direction_frame(readings, targets), nulls, too_costly, held,
        tuple(networks), blocks, laws, kept,
    )  # fmt: skip


def _directions(
    stack: Stack,
    domain: Domain,
    *,
    laws: tuple[str, ...],
    null: NullName,
    catalogue: Catalogue | None,
    deep: bool,
) -> tuple[list[LayerReading], Targets, tuple[str, ...]]:
    """The directions of networks, their targets, and what was left out: all where there are too few inputs."""
    given = domain.data
    if given is not None and len(given) < FEWEST_INPUTS:
        few = (
            f"directions ({len(given)} inputs, at least {FEWEST_INPUTS} are needed to fit and test read-outs)"
        )
        return [], targets_for(1, catalogue=catalogue), (few,)
    return read_directions(
        stack, box=domain.box, inputs=given, laws=laws, null=null, catalogue=catalogue, deep=deep
    )


def _within_reach(network: Network) -> bool:
    return sum(network.sizes[1:-1]) <= _MAX_NEURONS and network.inputs <= _MAX_INPUTS


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return list(value)
        if value is None or value != value:  # NaN is the one value that differs from itself
            return None
        return value.item() if hasattr(value, "item") else value

    names = list(frame.columns)
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    return [{name: plain(value) for name, value in zip(names, row, strict=True)} for row in rows]
