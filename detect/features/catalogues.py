"""The catalogue: the known features, how they are looked up, and how others add to them."""

from __future__ import annotations

import fnmatch
import os
import warnings
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import FileError, InputError, MathCircuitsError, UnknownFeature
from ..networks.box import BoxLike, as_box, as_floats, box_of, check_inputs, comparison_points
from ..statistics.criteria import ROUNDING
from .binding import BoundFeature, bind
from .entry_files import Entry, parse_entries, read_entries, user_catalogue_files
from .feature import Feature, Match
from .formulas import Formula
from .registry import Registry, clashes_named, fold_name, items_of, load_plugin

if TYPE_CHECKING:
    import pandas as pd

#: Points on which a formula or a neuron's weights are turned into values when no inputs are given.
_PROBES = 2048
_COLUMNS = ["id", "name", "formula", "definition", "arity", "aliases", "tags", "class", "circuits", "source"]


class Catalogue(Registry[Feature]):
    """Known features, a Mapping by id; short names, aliases and formulas answer too.

    Examples:
        >>> catalogue["order/greaterness"] is catalogue["x1 > x2"] is catalogue["relu(x1 - x2)"]
        True
        >>> catalogue["gretaerness"]
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownFeature: no feature named 'gretaerness': did you mean 'greaterness'?
        (see `mathcircuits catalogue`, or catalogue.search(...))
        >>> catalogue.search("sign/*").names
        ('positiveness', 'negativeness')
    """

    def __init__(self, features: Iterable[Feature] = ()) -> None:
        self._features: dict[str, Feature] = {}
        for feature in features:
            self._insert(feature)

    def _insert(self, feature: Feature) -> None:
        if not isinstance(feature, Feature):
            raise InputError(f"a {type(feature).__name__} is not a Feature: give Features, or a Catalogue")
        for key in (feature.id, feature.name, *feature.aliases):
            other = self._names.get(fold_name(key))
            if other is not None:
                raise InputError(
                    f"feature {feature.id!r}: the name {key!r} is taken by {other.id!r}; "
                    "choose another name or alias"
                )
        self._features[feature.id] = feature
        self._names.update({fold_name(k): feature for k in (feature.id, feature.name, *feature.aliases)})
        self.__dict__.pop("_keys", None)

    @cached_property
    def _names(self) -> dict[str, Feature]:
        return {fold_name(k): f for f in self._features.values() for k in (f.id, f.name, *f.aliases)}

    @cached_property
    def _keys(self) -> dict[str, Feature]:
        keys: dict[str, Feature] = {}
        for feature in self._features.values():
            keys.setdefault(feature.formula.key, feature)
        return keys

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Catalogue:
        """The features of a TOML file of `[[feature]]` tables.

        A table has `id`, `formula` and `definition`, and may have `aliases`, `tags`, `source`, `class`,
        `symmetry`, `direction` and `circuits` (see `Feature`; `class` is `competes_as`).

        Raises:
            FileError: where the file cannot be read or an entry is wrong; it names the file and the line.

        Examples:
            >>> import tempfile, pathlib
            >>> file = pathlib.Path(tempfile.mkdtemp()) / "mine.toml"
            >>> entry = 'id = "mine/cube"\\nformula = "x1**3"\\ndefinition = "cubed"\\n'
            >>> _ = file.write_text("[[feature]]\\n" + entry)
            >>> (catalogue | Catalogue.load(file))["cube"]
            Feature('cube', 'x1**3')
        """
        return _merged(cls(), read_entries(Path(path)))

    @property
    def names(self) -> tuple[str, ...]:
        """The short names, in the catalogue's order."""
        return tuple(feature.name for feature in self._features.values())

    def search(self, query: str) -> Catalogue:
        """The features whose id or name matches a glob, that carry a tag or class, or that have the words.

        Args:
            query: `"order/*"`, `"seed"`, `"exceeds"`, ...; case does not matter. Words are looked for in
                the id, aliases, tags, class, definition and formula, and every one must occur.

        Raises:
            InputError: where the query is no text.

        Examples:
            >>> catalogue.search("exceeds second").names
            ('greaterness',)
            >>> len(catalogue.search("nothing like this"))
            0
        """
        if not isinstance(query, str):
            raise InputError(f"query {query!r} is a {type(query).__name__}: give an id glob, a tag or words")
        folded = query.strip().casefold()
        words = folded.split()

        def hit(feature: Feature) -> bool:
            labels = [label.casefold() for label in (*feature.tags, feature.family, feature.competes_as)]
            if any(fnmatch.fnmatchcase(name, folded) for name in (feature.id, feature.name)):
                return True
            texts = (feature.id, *feature.aliases, *labels, feature.definition, feature.formula.text)
            text = " ".join(texts).casefold()
            return folded in labels or (bool(words) and all(word in text for word in words))

        return Catalogue(feature for feature in self._features.values() if hit(feature))

    def bind(self, inputs: int, *, box: BoxLike = (-1.0, 1.0), **options: Any) -> tuple[BoundFeature, ...]:
        """Every feature on every choice of its arguments among `inputs` inputs; see `binding.bind`."""
        return bind(tuple(self._features.values()), inputs, as_box(box, inputs), **options).features

    def identify(
        self, values: npt.ArrayLike, inputs: npt.ArrayLike, *, box: BoxLike | None = None, top: int = 5
    ) -> list[Match]:
        """What a vector of values is, as a function of the inputs: the features most like it.

        Args:
            values: [n], for example one neuron's activations.
            inputs: [n, d], the inputs they were recorded on.
            box: the inputs' box (thresholds depend on it); by default (-1, 1), or the range of an input
                that leaves it.
            top: how many matches to give, at least 1.

        Returns:
            Matches, best first; only positive correlations count, since a neuron holds a feature when it
            is a positive multiple of it. Empty where the values are constant. A feature that is constant,
            infinite or NaN on these inputs is no match. A high correlation alone is no evidence
            (docs/understand/evidence.md, The null of a neuron): `match_neurons` sets it beside its null.

        Raises:
            InputError: where the lengths differ, a value is NaN or infinite, or top is below 1.

        Warns:
            UserWarning: naming the features left out because the inputs are too many (see `binding`).

        Examples:
            >>> X = np.random.default_rng(0).uniform(-1, 1, (500, 2))
            >>> catalogue.identify(X.min(axis=1), X, top=1)
            [Match('minimum', x1, x2; r=1.0000, scale=1, offset=0)]
        """
        X = check_inputs(inputs)
        h = check_inputs(values, 1, "values").ravel()
        if len(h) != len(X):
            raise InputError(f"{len(h)} values for {len(X)} inputs: give one value per row of the inputs")
        if top < 1:
            raise InputError(f"top={top}: ask for at least one match")
        # In units of its own size, so that neither a tiny nor a huge scale is lost to rounding.
        size = float(np.abs(h).max())
        h = h / size if size > 0.0 else h
        h0 = h - h.mean()
        sd_h = float(h0.std())
        # Rounding leaves a constant with a spread of about 1e-16 of its size.
        if sd_h <= ROUNDING:
            return []
        bounds = as_box(box, X.shape[1]) if box is not None else box_of(X)
        binding = bind(tuple(self._features.values()), X.shape[1], bounds)
        if binding.skipped:
            warnings.warn(
                f"{X.shape[1]} inputs have too many choices of arguments for {', '.join(binding.skipped)}: "
                "left out; give fewer inputs",
                stacklevel=2,
            )
        unit = h0 / (sd_h * len(h))
        r = np.array([_correlation(unit, feature.values(X)) for feature in binding.features])
        matches = []
        for k in np.argsort(-np.round(r, 12), kind="stable")[:top]:
            if r[k] <= 0:
                break
            bound = binding.features[k]
            held = bound.values(X)
            centred, sd = held - held.mean(), float(held.std())
            # As a variance of what is left: 1 - r**2 would keep no digit of an exact match.
            unexplained = float(np.var(h0 / sd_h - r[k] * centred / sd))
            scale = size * float(r[k]) * sd_h / sd
            offset = size * float(h.mean()) - scale * float(held.mean())
            matches.append(Match(bound.feature, bound.on, float(r[k]), unexplained, scale, offset))
        return matches

    def nearest(
        self, direction: npt.ArrayLike, offset: float = 0.0, *, box: BoxLike = (-1.0, 1.0), top: int = 5
    ) -> list[Match]:
        """The features nearest to the one ReLU neuron with these weights.

        Args:
            direction: incoming weights [d]; offset: its bias.
            box: the inputs' box, on which neuron and features are compared (at 2048 random points).
            top: how many matches to give, at least 1.

        Returns:
            Matches, best first; empty where the neuron is dead on the box.

        Raises:
            InputError: where the weights are not numeric or finite, or are no vector.

        Examples:
            >>> catalogue.nearest([1.02, -0.98])[0].feature.name
            'greaterness'
        """
        given, bias = as_floats(direction), as_floats(offset)
        if (
            given is None
            or given.size == 0
            or given.ndim not in (1, 2)
            or (given.ndim == 2 and len(given) > 1)
        ):
            raise InputError(f"direction {direction!r}: give the weights [d] of one neuron")
        if bias is None or bias.size != 1 or not np.isfinite(bias).all():
            raise InputError(f"offset {offset!r}: give the neuron's bias, one finite number")
        weights = check_inputs(np.atleast_2d(given), None, "weights")
        X = comparison_points(as_box(box, weights.shape[1]), _PROBES)
        return self.identify(np.maximum(X @ weights[0] + bias.item(), 0.0), X, box=box, top=top)

    def to_frame(self) -> pd.DataFrame:
        """One row per feature; the columns are the fields of an entry, lists joined by commas."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "id": f.id,
                    "name": f.name,
                    "formula": f.formula.text,
                    "definition": f.definition,
                    "arity": f.arity,
                    "aliases": ", ".join(f.aliases),
                    "tags": ", ".join(f.tags),
                    "class": f.competes_as,
                    "circuits": ", ".join(f.circuits),
                    "source": f.source,
                }
                for f in self._features.values()
            ],
            columns=_COLUMNS,
        )

    def __or__(self, other: Catalogue | Iterable[Feature]) -> Catalogue:
        """Both catalogues' features; the same entry in both counts once.

        Raises:
            InputError: where two different features share an id, a name or an alias.
        """
        if isinstance(other, Feature | str) or not isinstance(other, Iterable):
            return NotImplemented
        merged = Catalogue(self._features.values())
        for feature in other.values() if isinstance(other, Catalogue) else other:
            if not isinstance(feature, Feature) or merged._features.get(feature.id) != feature:
                merged._insert(feature)
        return merged

    def __getitem__(self, name: str) -> Feature:
        if isinstance(name, str):
            found = self._names.get(fold_name(name))
            if found is not None:
                return found
            try:
                found = self._keys.get(Formula(name).key)
            except InputError:
                found = None
            if found is not None:
                return found
        options = [key for f in self._features.values() for key in (f.name, *f.aliases)]
        raise UnknownFeature(
            "feature", name, options, "see `mathcircuits catalogue`, or catalogue.search(...)"
        )

    def _held(self) -> Mapping[str, Feature]:
        return self._features

    def __hash__(self) -> int:
        # Mapping's == does not look at the order.
        return hash(frozenset(self._features))

    def __repr__(self) -> str:
        return f"Catalogue({len(self)} feature{'' if len(self) == 1 else 's'})"

    def _repr_html_(self) -> str:
        import pandas as pd

        with pd.option_context("display.max_colwidth", None):
            return self.to_frame().to_html(index=False)


class _Installed(Catalogue):
    """The shipped features, those of installed plug-ins and the user's own, read when first used."""

    def __init__(self) -> None:
        pass

    @cached_property
    def _features(self) -> dict[str, Feature]:  # type: ignore[override]  # filled on first use
        shipped = files("mathcircuits.detect").joinpath("data", "catalogue.toml")
        found = _merged(Catalogue(), parse_entries(shipped.read_text("utf-8"), "catalogue.toml"))
        for point in entry_points(group="mathcircuits.features"):
            with clashes_named(point):
                found = found | _plugged_in(point)
        for path in user_catalogue_files():
            found = _merged(found, read_entries(path))
        return found._features


def _correlation(unit: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> float:
    """Pearson's r of a feature's values [n] with a centred vector over its n standard deviations."""
    size = np.abs(values).max()
    if not np.isfinite(size) or size == 0.0:
        return -1.0
    scaled = values / size
    sd = float(scaled.std())
    return float(np.clip(unit @ (scaled - scaled.mean()) / sd, -1.0, 1.0)) if sd > ROUNDING else -1.0


def _plugged_in(point: EntryPoint) -> list[Feature]:
    """The features of an installed plug-in: a Feature, several, or a Catalogue."""
    found = load_plugin(point)
    given = list(found.values()) if isinstance(found, Catalogue) else found
    return items_of(point, given, Feature, "a Feature, several or a Catalogue")


# The entries of a file


def _merged(base: Catalogue, entries: Iterable[Entry]) -> Catalogue:
    """The base and the entries; a clash names the entry's file and line."""
    merged = base | ()
    for entry in entries:
        if merged._features.get(entry.feature.id) == entry.feature and entry.feature.id in base._features:
            continue
        try:
            merged._insert(entry.feature)
        except MathCircuitsError as error:
            raise FileError(entry.source, str(error), line=entry.line) from None
    return merged


#: The features that mathcircuits ships, those of installed plug-ins and the user's own.
catalogue: Catalogue = _Installed()
