"""The fibre as a record: weighted networks of one function, how well they were drawn, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ...exact.canonical import CanonicalForm
from ...exact.criteria import SAME_GAUGE, SAME_HYPERPLANE
from ...exact.norms.path_norms import path_norm
from ...features.binding import Label
from ...features.symmetry import Symmetry
from ...networks.network import Network
from ...recognition.gauge_census import census_name
from ...recognition.gauges import gauge_of
from ..criteria import CHAINS_DISAGREE, FEWEST_FAMILIES
from ..holders import carriers
from .annealing import Level
from .fibre_shares import FibreShare, family_sizes, share_of_chains
from .init_scales import init_scale

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Whether independent chains found the same law.

    Attributes:
        p: the least chance of chains so far apart over the statistics compared, adjusted for their number.
        statistic: the one that differs most.
        compared: how many statistics.

    Examples:
        >>> bool(Agreement(0.4, "path norm", 3)), str(Agreement(0.001, "path norm", 3))
        (True, 'the chains disagree in path norm (p 0.001)')
    """

    p: float
    statistic: str
    compared: int

    def __bool__(self) -> bool:
        return self.p > CHAINS_DISAGREE

    def __str__(self) -> str:
        said = "agree" if self else f"disagree in {self.statistic}"
        return f"the chains {said} (p {self.p:.2g})"


@dataclass(frozen=True, eq=False, repr=False)
class Fibre:
    """Weighted networks of one width that compute one function.

    Attributes:
        form: the function.
        width: hidden neurons; bias: whether neurons and read-out have biases.
        scale: b of the init law (see `init_scale`).
        threshold: the mean squared error that all stay below.
        inputs: the law of the inputs that the error is a mean over, `"uniform"` on the form's box or `"normal"`.
        networks: the members.
        weights: [n] of each, of sum 1 in each chain; chain: [n] from 0; family: [n] of the same particle at the start.
        errors: [n] mean squared errors.
        levels: each chain's temperatures.

    Examples:
        >>> from .sampling import fibre
        >>> absolute = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
        >>> drawn = fibre(absolute, 3, threshold=1e-4, particles=60)
        >>> drawn.feature_share("positiveness").value, drawn.median_norm > 1.9
        (1.0, True)
    """

    form: CanonicalForm
    width: int
    bias: bool
    scale: float
    threshold: float
    inputs: str
    networks: tuple[Network, ...]
    weights: Array
    chain: npt.NDArray[np.intp]
    family: npt.NDArray[np.intp]
    errors: Array
    levels: tuple[tuple[Level, ...], ...]

    def __len__(self) -> int:
        return len(self.networks)

    @property
    def init_scale(self) -> float:
        """The scale of the usual initialisation at this width."""
        return init_scale(self.form.inputs, self.width)

    @property
    def ancestors(self) -> tuple[int, ...]:
        """Of each chain, the particles of the start that have descendants among the members."""
        return tuple(len(np.unique(self.family[self.chain == k])) for k in range(len(self.levels)))

    @property
    def effective_sizes(self) -> tuple[float, ...]:
        """Of each chain, the number of families of one size that say as much as its own: what it has at the least."""
        sizes = [
            family_sizes(self.weights[self.chain == k], self.family[self.chain == k])
            for k in range(len(self.levels))
        ]
        return tuple(float(1 / (size**2).sum()) for size in sizes)

    @property
    def reliable(self) -> bool:
        """Whether every chain has five effective families, and the chains agree: else give more particles or sweeps."""
        return min(self.effective_sizes) >= FEWEST_FAMILIES and bool(self.agreement)

    @cached_property
    def path_norms(self) -> Array:
        """[n] path norms, biases among the weights (`path_norm` with `biases="penalised"`)."""
        return np.array([path_norm(network, biases="penalised") for network in self.networks])

    @property
    def median_norm(self) -> float:
        """The weighted median of the path norms."""
        order = np.argsort(self.path_norms)
        passed = np.cumsum(self.weights[order]) / self.weights.sum()
        return float(self.path_norms[order][np.searchsorted(passed, 0.5)])

    @cached_property
    def agreement(self) -> Agreement:
        """Whether the chains agree in the path norm and in how their neurons sit on the function's kinks.

        Compared are the share above the median norm, and for each kink the share of its mass on one side and how many
        networks have it from one side alone.
        """
        statistics = {"path norm": np.asarray(self.path_norms > self.median_norm, dtype=float)}
        for number, share in enumerate(self.kink_shares.T, start=1):
            one_side = (share < SAME_GAUGE) | (share > 1 - SAME_GAUGE)
            statistics[f"the side of kink {number}"] = share
            statistics[f"kink {number} from one side"] = one_side.astype(float)
        p = {name: self.share(values).p for name, values in statistics.items()}
        first = min(p, key=lambda name: p[name])
        return Agreement(min(1.0, len(p) * p[first]), first, len(p))

    @cached_property
    def kink_shares(self) -> Array:
        """[n, K] which share of the mass near each kink of the function sits on its positive side."""
        planes = np.column_stack([self.form.n, self.form.d]) if self.bias else self.form.n
        planes = planes / np.linalg.norm(planes, axis=1, keepdims=True)
        shares = np.full((len(self), len(planes)), 0.5)
        for row, network in zip(shares, self.networks, strict=True):
            (hidden, readout), biases = network.weights, network.biases
            if biases is not None:
                hidden = np.column_stack([hidden, biases[0]])
            length = np.linalg.norm(hidden, axis=1)
            mass = length * np.linalg.norm(readout, axis=0)
            cosine = hidden @ planes.T / length[:, None]
            near = mass[:, None] * (np.abs(cosine) > np.cos(SAME_HYPERPLANE))
            total = near.sum(axis=0)
            row[total > 0] = ((near * (cosine > 0)).sum(axis=0) / np.where(total > 0, total, 1.0))[total > 0]
        return shares

    def share(
        self, values: npt.ArrayLike | Callable[[Network], float], *, confidence: float = 0.95
    ) -> FibreShare:
        """The share of members that have something, or the mean of a quantity between 0 and 1, such as a similarity.

        Args:
            values: one for each network, or a function of a network.
            confidence: of the interval.

        Raises:
            InputError: for another number of values, or values outside 0 and 1.
        """
        if callable(values):
            values = [values(network) for network in self.networks]
        array = np.asarray(values, dtype=np.float64)
        if array.shape != (len(self),):
            raise InputError(
                f"values {array.shape}: the fibre has {len(self)} networks, give one value for each"
            )
        return share_of_chains(array, self.weights, self.chain, self.family, confidence)

    @cached_property
    def _forms(self) -> dict[tuple[Symmetry, ...], tuple[str, ...]]:
        """The forms' names modulo the symmetries that were asked for: reading them takes milliseconds a network."""
        return {}

    def form_names(self, symmetries: Iterable[Symmetry] = ()) -> tuple[str, ...]:
        """What the census calls each network's form (`mathcircuits.detect.recognition.census_name`).

        Args:
            symmetries: of the task; forms that they turn into each other then bear one name, as in a study's census.
        """
        group = tuple(symmetries)
        if group not in self._forms:
            gauges = (gauge_of(net, box=self.form.box, symmetries=group) for net in self.networks)
            self._forms[group] = tuple(census_name(gauge) for gauge in gauges)
        return self._forms[group]

    def form_share(
        self, *names: str, symmetries: Iterable[Symmetry] = (), confidence: float = 0.95
    ) -> FibreShare:
        """The share of members whose form has one of these names.

        Args:
            names: of forms, as in `form_names`; several are counted together.
            symmetries: as there.
            confidence: of the interval.
        """
        return self.share([name in names for name in self.form_names(symmetries)], confidence=confidence)

    def form_shares(self, symmetries: Iterable[Symmetry] = ()) -> dict[str, FibreShare]:
        """The share of each form, the most frequent first; `symmetries` as for `form_names`."""
        names = np.array(self.form_names(symmetries))
        shares = {str(name): self.share(names == name) for name in np.unique(names)}
        return dict(sorted(shares.items(), key=lambda item: -item[1].value))

    @cached_property
    def held(self) -> tuple[frozenset[Label], ...]:
        """The features that each network's used neurons hold."""
        (layer,) = carriers(self.networks, box=self.form.box)
        return tuple(layer.held_labels())

    def feature_share(
        self, name: str, on: Sequence[str] | None = None, *, confidence: float = 0.95
    ) -> FibreShare:
        """The share of members that hold a feature.

        Args:
            name: of the feature; on: its inputs; by default any.
            confidence: of the interval.
        """
        wanted = None if on is None else tuple(on)
        found = [any(n == name and wanted in (None, inputs) for n, inputs in labels) for labels in self.held]
        return self.share(found, confidence=confidence)

    def frame(self) -> pd.DataFrame:
        """One row per member: chain, family, weight, error, path norm and form."""
        import pandas as pd

        return pd.DataFrame(
            {
                "chain": self.chain, "family": self.family, "weight": self.weights, "error": self.errors,
                "norm": self.path_norms, "form": self.form_names(),
            }
        )  # fmt: skip

    def __repr__(self) -> str:
        sizes = ", ".join(f"{size:.0f}" for size in self.effective_sizes)
        few = "" if min(self.effective_sizes) >= FEWEST_FAMILIES else ", too few: give more particles"
        return (
            f"Fibre(width {self.width}, scale {self.scale:.3g}, error below {self.threshold:g}: {len(self)} networks, "
            f"effective families {sizes}{few}; {self.agreement})"
        )
