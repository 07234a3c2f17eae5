"""Feature and Catalogue: the known features, how they are looked up, and how others add to them."""

from __future__ import annotations

import fnmatch
import html
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .binding import BoundFeature, bind
from .box import BoxLike, as_box, check_inputs
from .errors import FileError, InputError, MathCircuitsError, UnknownFeature, did_you_mean, near_names
from .formulas import Formula
from .task import Symmetry

if TYPE_CHECKING:
    import pandas as pd

_ID = re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*")
#: Points on which a formula or a neuron's weights are turned into values when no inputs are given.
_PROBES = 2048


@dataclass(frozen=True)
class Feature:
    """A known feature: a function of a few arguments that a neuron or a direction may hold.

    Attributes:
        id: `family/short-name`.
        formula: over the feature's own arguments `x1`, `x2`, ...
        definition: in words.
        arity: the number of arguments.
        competes_as: the class of features that stand for one hypothesis when neurons are matched.
        symmetry: signed permutations of the arguments that leave the feature unchanged.
        direction: weights of the one ReLU neuron that can hold it, or None.
        circuits: names of circuits that use it.

    Examples:
        >>> f = catalogue["greaterness"]
        >>> f, f.name, f.family, f.arity, f.direction
        (Feature('greaterness', 'relu(x1 - x2)'), 'greaterness', 'order', 2, (1.0, -1.0))
        >>> f(np.array([[0.5, 0.25], [0.0, 1.0]])).tolist()
        [0.25, 0.0]
    """

    id: str
    formula: Formula
    definition: str
    arity: int
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    source: str = ""
    competes_as: str = "other"
    symmetry: tuple[Symmetry, ...] = ()
    direction: tuple[float, ...] | None = None
    circuits: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The short name."""
        return self.id.partition("/")[2]

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.partition("/")[0]

    def __call__(self, X: npt.ArrayLike, box: BoxLike = (-1.0, 1.0)) -> npt.NDArray[np.float64]:
        """The feature's values [n] at X [n, arity]; box is that of the arguments (thresholds depend on it)."""
        inputs = check_inputs(X, max(self.arity, 1) if self.arity else None)
        return np.asarray(self.formula(inputs, as_box(box, inputs.shape[1])), dtype=np.float64)

    def __repr__(self) -> str:
        return f"Feature({self.name!r}, {self.formula.text!r})"

    def _repr_html_(self) -> str:
        rows = [
            ("id", self.id),
            ("formula", self.formula.text),
            ("definition", self.definition),
            ("aliases", ", ".join(self.aliases)),
            ("tags", ", ".join(self.tags)),
            ("circuits", ", ".join(self.circuits)),
            ("source", self.source),
        ]
        cells = "".join(f"<tr><th>{k}</th><td>{html.escape(v)}</td></tr>" for k, v in rows if v)
        return f"<table><caption>{html.escape(self.name)}</caption>{cells}</table>"


@dataclass(frozen=True)
class Match:
    """One feature that resembles a vector of values, a neuron or a direction.

    Attributes:
        feature: the catalogue's feature, on the arguments `on`.
        r: signed Pearson correlation, in [-1, 1].
        unexplained: 1 - r**2, in [0, 1].
        scale, offset: the least-squares fit `values = scale * feature + offset`.
        p: against untrained networks; None where no null was asked for (`identify`, `nearest`).

    Examples:
        >>> X = np.random.default_rng(0).uniform(-1, 1, (500, 2))
        >>> catalogue.identify(3 * np.maximum(X[:, 0] - X[:, 1], 0) + 1, X)[0]
        Match('greaterness', x1, x2; r=1.0000, scale=3, offset=1)
    """

    feature: Feature
    on: tuple[str, ...]
    r: float
    unexplained: float
    scale: float
    offset: float
    p: float | None = None

    def __repr__(self) -> str:
        p = "" if self.p is None else f", p={self.p:.2g}"
        fit = f"r={self.r:.4f}, scale={self.scale:.3g}, offset={round(self.offset, 12) + 0.0:.3g}{p}"
        return f"Match({self.feature.name!r}, {', '.join(self.on)}; {fit})"


class Catalogue(Mapping[str, Feature]):
    """Known features, a Mapping by id; short names, aliases and formulas answer too.

    Examples:
        >>> catalogue["order/greaterness"] is catalogue["x1 > x2"] is catalogue["relu(x1 - x2)"]
        True
        >>> catalogue["gretaerness"]
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownFeature: no feature named 'gretaerness': did you mean 'greaterness'? (see `mathcircuits catalogue`, or catalogue.search(...))
        >>> catalogue.search("sign/*").names
        ('positiveness', 'negativeness')
    """

    def __init__(self, features: Iterable[Feature] = ()) -> None:
        self._features: dict[str, Feature] = {}
        for feature in features:
            self._insert(feature)

    def _insert(self, feature: Feature) -> None:
        for key in (feature.id, feature.name, *feature.aliases):
            other = self._names.get(_fold(key))
            if other is not None:
                raise InputError(
                    f"feature {feature.id!r}: the name {key!r} is taken by {other.id!r}; choose another name or alias"
                )
        self._features[feature.id] = feature
        self.__dict__.pop("_names", None)
        self.__dict__.pop("_keys", None)

    @cached_property
    def _names(self) -> dict[str, Feature]:
        return {_fold(k): f for f in self._features.values() for k in (f.id, f.name, *f.aliases)}

    @cached_property
    def _keys(self) -> dict[str, Feature]:
        keys: dict[str, Feature] = {}
        for feature in self._features.values():
            keys.setdefault(feature.formula.key, feature)
        return keys

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Catalogue:
        """The features of a TOML file of `[[feature]]` tables.

        Raises:
            FileError: where the file cannot be read or an entry is wrong; it names the file and the line.

        Examples:
            >>> import tempfile, pathlib
            >>> file = pathlib.Path(tempfile.mkdtemp()) / "mine.toml"
            >>> _ = file.write_text('[[feature]]\\nid = "mine/cube"\\nformula = "x1**3"\\ndefinition = "cubed"\\n')
            >>> (catalogue | Catalogue.load(file))["cube"]
            Feature('cube', 'x1**3')
        """
        source = Path(path)
        try:
            text = source.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(path, f"cannot be read ({error})", "give a UTF-8 TOML file of [[feature]] tables") from None
        return cls(_parse_entries(text, str(path)))

    @property
    def names(self) -> tuple[str, ...]:
        """The short names, in the catalogue's order."""
        return tuple(feature.name for feature in self._features.values())

    def search(self, query: str) -> Catalogue:
        """The features whose id matches a glob, that carry a tag or class, or whose text has the words.

        Args:
            query: `"order/*"`, `"seed"`, `"exceeds"`, ...; case does not matter, every word must occur.

        Examples:
            >>> catalogue.search("exceeds second").names
            ('greaterness',)
            >>> len(catalogue.search("nothing like this"))
            0
        """
        folded = query.strip().casefold()
        words = folded.split()

        def hit(feature: Feature) -> bool:
            if fnmatch.fnmatchcase(feature.id, folded) or folded in (*feature.tags, feature.family, feature.competes_as):
                return True
            text = " ".join((feature.id, *feature.aliases, feature.definition, feature.formula.text)).casefold()
            return bool(words) and all(word in text for word in words)

        return Catalogue(feature for feature in self._features.values() if hit(feature))

    def bind(self, inputs: int, box: BoxLike = (-1.0, 1.0), **options: Any) -> tuple[BoundFeature, ...]:
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
            top: how many matches to give.

        Returns:
            Matches, best first; only positive correlations count, since a neuron holds a feature when it
            is a positive multiple of it. Empty where the values are constant. A high correlation alone is no evidence (design,
            section 5.2): `match_neurons` sets it beside its null.

        Raises:
            InputError: where the lengths differ or a value is NaN or infinite.
        """
        X = check_inputs(inputs)
        h = check_inputs(values, 1).ravel()
        if len(h) != len(X):
            raise InputError(f"{len(h)} values for {len(X)} inputs: give one value per row of the inputs")
        bounds = as_box(box, X.shape[1]) if box is not None else _range(X)
        bound = self.bind(X.shape[1], bounds)
        if not bound:
            return []
        table = np.column_stack([feature.values(X) for feature in bound])
        centred, h0 = table - table.mean(axis=0), h - h.mean()
        sd, sd_h = centred.std(axis=0), h0.std()
        # Rounding leaves a constant with a spread of about 1e-16 of its size.
        if sd_h <= 1e-12 * max(1.0, float(np.abs(h).max())):
            return []
        varies = sd > 1e-12
        r = np.full(len(bound), -1.0)
        r[varies] = np.clip(h0 @ centred[:, varies] / (len(h) * sd_h * sd[varies]), -1.0, 1.0)
        matches = []
        for k in np.argsort(-np.round(r, 12), kind="stable")[:top]:
            if r[k] <= 0:
                break
            scale = r[k] * sd_h / sd[k]
            unexplained = float(np.var(h0 / sd_h - r[k] * centred[:, k] / sd[k]))
            offset = float(h.mean() - scale * table[:, k].mean())
            matches.append(Match(bound[k].feature, bound[k].on, float(r[k]), unexplained, float(scale), offset))
        return matches

    def nearest(
        self, direction: npt.ArrayLike, offset: float = 0.0, *, box: BoxLike = (-1.0, 1.0), top: int = 5
    ) -> list[Match]:
        """The features nearest to the one ReLU neuron with these weights.

        Args:
            direction: incoming weights [d]; offset: its bias.

        Examples:
            >>> catalogue.nearest([1.02, -0.98])[0].feature.name
            'greaterness'
        """
        weights = check_inputs(np.atleast_2d(np.asarray(direction, dtype=float)))
        if len(weights) != 1:
            raise InputError(f"direction has shape {weights.shape}: give the weights [d] of one neuron")
        low, high = np.array(as_box(box, weights.shape[1])).T
        X = np.random.default_rng(0).uniform(low, high, (_PROBES, weights.shape[1]))
        values = np.maximum(X @ weights[0] + float(offset), 0.0)
        return self.identify(values, X, box=box, top=top)

    def to_frame(self) -> pd.DataFrame:
        """One row per feature: id, name, formula, definition, arity, aliases, tags, class, circuits, source."""
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
            columns=["id", "name", "formula", "definition", "arity", "aliases", "tags", "class", "circuits", "source"],
        )

    def __or__(self, other: Catalogue | Iterable[Feature]) -> Catalogue:
        merged = Catalogue(self._features.values())
        for feature in other.values() if isinstance(other, Catalogue) else other:
            if merged._features.get(feature.id) != feature:
                merged._insert(feature)
        return merged

    def __getitem__(self, name: str) -> Feature:
        if isinstance(name, str):
            found = self._names.get(_fold(name))
            if found is not None:
                return found
            try:
                found = self._keys.get(Formula(name).key)
            except InputError:
                found = None
            if found is not None:
                return found
        options = [key for f in self._features.values() for key in (f.name, *f.aliases)]
        raise UnknownFeature("feature", name, options, "see `mathcircuits catalogue`, or catalogue.search(...)")

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]  # anything else is refused inside
        except UnknownFeature:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._features)

    def __len__(self) -> int:
        return len(self._features)

    def __hash__(self) -> int:
        return hash(tuple(self._features))

    def __repr__(self) -> str:
        return f"Catalogue({len(self)} features)"

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(index=False)


class _Installed(Catalogue):
    """The shipped features, those of installed plug-ins and the user's own, read when first used."""

    def __init__(self) -> None:
        pass

    @cached_property
    def _features(self) -> dict[str, Feature]:  # type: ignore[override]  # filled on first use
        shipped = files("mathcircuits.detect").joinpath("data", "catalogue.toml").read_text("utf-8")
        found = Catalogue(_parse_entries(shipped, "catalogue.toml"))
        for point in entry_points(group="mathcircuits.features"):
            extra = point.load()
            found = found | (extra if isinstance(extra, Catalogue) else [extra] if isinstance(extra, Feature) else extra)
        for path in user_catalogue_files():
            found = found | Catalogue.load(path)
        return found._features


def user_catalogue_folder() -> Path:
    """The folder of the user's own entries, which `mathcircuits add` writes to.

    `$MATHCIRCUITS_HOME/catalogue`, else the platform's configuration folder.

    Examples:
        >>> user_catalogue_folder().name
        'catalogue'
    """
    home = os.environ.get("MATHCIRCUITS_HOME")
    if home:
        return Path(home) / "catalogue"
    import platformdirs

    return Path(platformdirs.user_config_dir("mathcircuits")) / "catalogue"


def user_catalogue_files() -> tuple[Path, ...]:
    """The user's catalogue files, in the order of their names.

    Examples:
        >>> all(path.suffix == ".toml" for path in user_catalogue_files())
        True
    """
    return tuple(sorted(user_catalogue_folder().glob("*.toml")))


def _range(X: npt.NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """The default box (-1, 1), or an input's own range where it leaves that."""
    low, high = X.min(axis=0), X.max(axis=0)
    return tuple(
        (-1.0, 1.0) if a >= -1.0 and b <= 1.0 else (float(a), float(b)) for a, b in zip(low, high, strict=True)
    )


def _fold(name: str) -> str:
    """Names answer with a space, `-` or `_`, in any case; operators keep their own spaces out of the way."""
    words = re.sub(r"\s*([<>|+(),^*/])\s*", r"\1", str(name).strip().casefold())
    return re.sub(r"[\s_-]+", "-", words)


_ENTRY_KEYS = {f.name for f in fields(Feature)} - {"arity", "competes_as"} | {"class"}


def _parse_entries(text: str, source: str) -> list[Feature]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(source, f"is no TOML ({error})", "mend it there") from None
    entries = data.pop("feature", None)
    if data or not isinstance(entries, list):
        unknown = f"unknown table {next(iter(data))!r}" if data else "holds no [[feature]] table"
        raise FileError(source, unknown, "write one [[feature]] table per feature")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith("[[feature]]")]
    found = []
    for k, entry in enumerate(entries):
        # An inline array of tables has no headers to count; the first line is then all that can be named.
        where = f"{source}, line {lines[k] if len(lines) == len(entries) else 1}"
        try:
            found.append(_parse_entry(entry))
        except MathCircuitsError as error:
            raise FileError(where, f"feature {entry.get('id', k + 1)!r}: {error}") from None
    return found


def _parse_entry(entry: Mapping[str, Any]) -> Feature:
    for key in entry:
        if key not in _ENTRY_KEYS:
            known = f"known keys: {', '.join(sorted(_ENTRY_KEYS))}"
            raise InputError(f"unknown key {key!r}{did_you_mean(near_names(key, _ENTRY_KEYS))} ({known})")
    for key in ("id", "formula", "definition"):
        if not isinstance(entry.get(key), str):
            raise InputError(f"{key!r} is missing or no text: every entry has an id, a formula and a definition")
    if not _ID.fullmatch(entry["id"]):
        raise InputError(f"id {entry['id']!r}: write family/short-name in small letters, digits and hyphens")
    formula = Formula(entry["formula"])
    arity = formula.arity
    if len(formula.variables) != arity:
        raise InputError(f"formula {formula.text!r}: number its arguments x1, x2, ... without a gap")
    direction = entry.get("direction")
    if direction is not None and len(direction) != arity:
        raise InputError(f"direction has {len(direction)} weights for {arity} arguments: give one each")
    symmetry = tuple(Symmetry.parse(images) for images in entry.get("symmetry", ()))
    if any(len(s.permutation) != arity for s in symmetry):
        raise InputError(f"symmetry {entry['symmetry']}: give an image for each of the {arity} arguments")
    _check_symmetry(formula, symmetry)
    return Feature(
        id=entry["id"],
        formula=formula,
        definition=entry["definition"],
        arity=arity,
        aliases=tuple(entry.get("aliases", ())),
        tags=tuple(entry.get("tags", ())),
        source=entry.get("source", ""),
        competes_as=entry.get("class", "other"),
        symmetry=symmetry,
        direction=None if direction is None else tuple(float(w) for w in direction),
        circuits=tuple(entry.get("circuits", ())),
    )


def _check_symmetry(formula: Formula, symmetry: tuple[Symmetry, ...]) -> None:
    if not symmetry:
        return
    box = ((-1.0, 1.0),) * formula.arity
    X = np.random.default_rng(0).uniform(-1.0, 1.0, (64, formula.arity))
    for s in symmetry:
        # 1e-9: exact up to rounding, which a wrong symmetry on 64 random points is not.
        if not np.allclose(formula(X, box), formula(s(X), box), atol=1e-9, rtol=0):
            raise InputError(f"symmetry {list(s.images)} changes {formula.text}: leave it out")


#: The features that mathcircuits ships, those of installed plug-ins and the user's own.
catalogue: Catalogue = _Installed()

