"""Feature and Catalogue: the known features, how they are looked up, and how others add to them."""

from __future__ import annotations

import fnmatch
import html
import os
import re
import tomllib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .binding import BoundFeature, bind
from .box import BoxLike, as_box, as_floats, box_of, check_inputs
from .errors import FileError, InputError, MathCircuitsError, UnknownFeature, did_you_mean, near_names
from .folders import home_folder
from .formulas import Formula
from .plugins import clashes_named, items_of, load_plugin
from .registry import Registry
from .task import Symmetry, fold_name

if TYPE_CHECKING:
    import pandas as pd

_ID = re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*")
#: Points on which a formula or a neuron's weights are turned into values when no inputs are given.
_PROBES = 2048
#: Points at which a stated symmetry or direction is tried.
_TRIALS = 64
#: A spread below this share of the largest value is rounding.
_CONSTANT = 1e-12
_COLUMNS = ["id", "name", "formula", "definition", "arity", "aliases", "tags", "class", "circuits", "source"]


@dataclass(frozen=True)
class Feature:
    """A known feature: a function of a few arguments that a neuron or a direction may hold.

    Attributes:
        id: `family/short-name`.
        formula: over the feature's own arguments `x1`, `x2`, ...
        definition: in words.
        arity: the number of arguments.
        aliases: other names that find it; tags: words that `search` finds it by; source: who described it.
        competes_as: the class of features that stand for one hypothesis when neurons are matched.
        symmetry: signed permutations of the arguments that leave the feature unchanged; generators are
            enough. Of those without signs all must be there, or one feature is bound twice.
        direction: weights of the one ReLU neuron that can hold it, or None.
        circuits: names of circuits that use it.

    Raises:
        InputError: where the id is no `family/short-name`, the arguments have gaps, or the direction or a
            symmetry disagrees with the formula.

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

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise InputError(f"id {self.id!r}: write family/short-name in small letters, digits and hyphens")
        if not isinstance(self.formula, Formula):
            raise InputError(f"formula {self.formula!r} is no Formula: make one with Formula(text)")
        expected = tuple(f"x{k + 1}" for k in range(len(self.formula.variables)))
        if self.formula.variables != expected or self.arity != len(expected):
            raise InputError(
                f"formula {self.formula.text!r} with arity {self.arity}: number its arguments x1, x2, ... "
                "without a gap, and give their number as the arity"
            )
        _check_symmetry(self)
        _check_direction(self)

    @property
    def name(self) -> str:
        """The short name."""
        return self.id.partition("/")[2]

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.partition("/")[0]

    def __call__(self, X: npt.ArrayLike, box: BoxLike = (-1.0, 1.0)) -> npt.NDArray[np.float64]:
        """The feature's values [n] at X [n, arity]; box: the arguments' own (thresholds depend on it)."""
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

    def _repr_html_(self) -> str:
        rows = {
            "feature": f"{self.feature.name}({', '.join(self.on)})",
            "r": f"{self.r:.6f}",
            "unexplained": f"{self.unexplained:.3g}",
            "scale": f"{self.scale:.4g}",
            "offset": f"{self.offset:.4g}",
            "p": "no null was asked for" if self.p is None else f"{self.p:.3g}",
        }
        cells = "".join(f"<tr><th>{k}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items())
        return f"<table>{cells}</table>"


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
            raise InputError(f"a {type(feature).__name__} is no Feature: give Features, or a Catalogue")
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
        return _merged(cls(), _read_entries(Path(path)))

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
            top: how many matches to give, at least 1.

        Returns:
            Matches, best first; only positive correlations count, since a neuron holds a feature when it
            is a positive multiple of it. Empty where the values are constant. A feature that is constant,
            infinite or NaN on these inputs is no match. A high correlation alone is no evidence
            (docs/statistics.md, The null of a neuron): `match_neurons` sets it beside its null.

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
        if sd_h <= _CONSTANT:
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
        low, high = np.array(as_box(box, weights.shape[1])).T
        X = np.random.default_rng(0).uniform(low, high, (_PROBES, weights.shape[1]))
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
        found = _merged(Catalogue(), _parse_entries(shipped.read_text("utf-8"), "catalogue.toml"))
        for point in entry_points(group="mathcircuits.features"):
            with clashes_named(point):
                found = found | _plugged_in(point)
        for path in user_catalogue_files():
            found = _merged(found, _read_entries(path))
        return found._features


def user_catalogue_folder() -> Path:
    """The folder of the user's own entries, which `mathcircuits add` writes to.

    `$MATHCIRCUITS_HOME/catalogue`, else the platform's configuration folder.

    Examples:
        >>> user_catalogue_folder().name
        'catalogue'
    """
    return home_folder("catalogue", cache=False)


def user_catalogue_files() -> tuple[Path, ...]:
    """The user's catalogue files, in the order of their names.

    Examples:
        >>> all(path.suffix == ".toml" for path in user_catalogue_files())
        True
    """
    return tuple(sorted(user_catalogue_folder().glob("*.toml")))


def _correlation(unit: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> float:
    """Pearson's r of a feature's values [n] with a centred vector over its n standard deviations."""
    size = np.abs(values).max()
    if not np.isfinite(size) or size == 0.0:
        return -1.0
    scaled = values / size
    sd = float(scaled.std())
    return float(np.clip(unit @ (scaled - scaled.mean()) / sd, -1.0, 1.0)) if sd > _CONSTANT else -1.0


def _plugged_in(point: EntryPoint) -> list[Feature]:
    """The features of an installed plug-in: a Feature, several, or a Catalogue."""
    found = load_plugin(point)
    given = list(found.values()) if isinstance(found, Catalogue) else found
    return items_of(point, given, Feature, "a Feature, several or a Catalogue")


# The entries of a file

#: What an entry may say, and the type of each: a text, texts, numbers, or lists of texts.
_ENTRY_KEYS = {
    "id": "text",
    "formula": "text",
    "definition": "text",
    "source": "text",
    "class": "text",
    "aliases": "texts",
    "tags": "texts",
    "circuits": "texts",
    "symmetry": "images",
    "direction": "numbers",
}
_REQUIRED = ("id", "formula", "definition")
_WRITTEN = {
    "text": "a text that is not blank",
    "texts": 'a list of texts, such as ["one", "two"]',
    "images": 'a list of images of the arguments, such as [["x2", "x1"]]',
    "numbers": "a list of finite numbers, such as [1, -1]",
}
_HEADER = re.compile(r"""\s*\[\[\s*(?:feature|"feature"|'feature')\s*\]\]""")


@dataclass(frozen=True)
class _Entry:
    """A feature and where it was written."""

    feature: Feature
    source: str
    line: int


def _read_entries(path: Path) -> list[_Entry]:
    try:
        # Some editors begin a file with a byte order mark.
        text = path.read_text("utf-8-sig")
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise FileError(path, problem, "give a UTF-8 TOML file of [[feature]] tables") from None
    except UnicodeDecodeError as error:
        raise FileError(
            path, f"is no UTF-8 ({error})", "give a UTF-8 TOML file of [[feature]] tables"
        ) from None
    return _parse_entries(text, str(path))


def _merged(base: Catalogue, entries: Iterable[_Entry]) -> Catalogue:
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


def _parse_entries(text: str, source: str) -> list[_Entry]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(source, f"is no TOML ({error})", "mend it there") from None
    except RecursionError:
        raise FileError(source, "is no TOML that can be read (nested too deeply)", "mend it there") from None
    entries = data.pop("feature", None)
    if data:
        unknown = next(iter(data))
        near = did_you_mean(near_names(unknown, ["feature"]))
        raise FileError(
            source, f"unknown table or key {unknown!r}{near}", "write one [[feature]] table per feature"
        )
    if not isinstance(entries, list) or not entries:
        raise FileError(source, "holds no [[feature]] table", "write one [[feature]] table per feature")
    lines = _lines(text, len(entries))
    found = []
    for k, (entry, line) in enumerate(zip(entries, lines, strict=True)):
        name = entry.get("id", k + 1) if isinstance(entry, dict) else k + 1
        try:
            found.append(_Entry(_parse_entry(entry), source, line))
        except MathCircuitsError as error:
            raise FileError(source, f"feature {name!r}: {error}", line=line) from None
    return found


def _lines(text: str, count: int) -> list[int]:
    """The line, from 1, on which each of the entries begins."""
    rows = text.split("\n")
    lines = [number for number, row in enumerate(rows, 1) if _HEADER.match(row)]
    if len(lines) != count:
        # A header inside a text of several lines is none: what stands before a true one is whole.
        lines = [number for number in lines if _whole("\n".join(rows[: number - 1]))]
    if len(lines) != count:
        # One array of inline tables: each begins where its braces do, at the latest where its id stands.
        first = next((k for k, row in enumerate(rows, 1) if row.strip()), 1)
        lines = [number for number, row in enumerate(rows, 1) for _ in re.findall(r"\bid\s*=", row)]
        lines = lines if len(lines) == count else [first] * count
    return lines


def _whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _parse_entry(entry: object) -> Feature:
    if not isinstance(entry, dict):
        raise InputError(f"is a {type(entry).__name__}, not a table: write a [[feature]] table")
    for key, value in entry.items():
        if key not in _ENTRY_KEYS:
            known = f"known keys: {', '.join(sorted(_ENTRY_KEYS))}"
            raise InputError(f"unknown key {key!r}{did_you_mean(near_names(key, _ENTRY_KEYS))} ({known})")
        if not _fits(value, _ENTRY_KEYS[key]):
            raise InputError(f"{key} = {value!r}: give {_WRITTEN[_ENTRY_KEYS[key]]}")
    for key in _REQUIRED:
        if key not in entry:
            raise InputError(f"{key!r} is missing: every entry has an id, a formula and a definition")
    formula = Formula(entry["formula"])
    direction = entry.get("direction")
    return Feature(
        id=entry["id"],
        formula=formula,
        definition=entry["definition"],
        arity=formula.arity,
        aliases=tuple(entry.get("aliases", ())),
        tags=tuple(entry.get("tags", ())),
        source=entry.get("source", ""),
        competes_as=entry.get("class", "other"),
        symmetry=tuple(Symmetry.parse(images) for images in entry.get("symmetry", ())),
        direction=None if direction is None else tuple(float(w) for w in direction),
        circuits=tuple(entry.get("circuits", ())),
    )


def _fits(value: object, kind: str) -> bool:
    if kind == "text":
        return isinstance(value, str) and bool(value.strip())
    if not isinstance(value, list):
        return False
    if kind == "numbers":
        numeric = all(isinstance(w, int | float) and not isinstance(w, bool) for w in value)
        return numeric and all(abs(w) < np.inf for w in value)
    return all(_fits(item, "texts" if kind == "images" else "text") for item in value)


def _check_symmetry(feature: Feature) -> None:
    if not feature.symmetry:
        return
    if any(len(s.permutation) != feature.arity for s in feature.symmetry):
        raise InputError(
            f"symmetry {[list(s.images) for s in feature.symmetry]}: give an image for each of the "
            f"{feature.arity} arguments"
        )
    X, values, size = _tried(feature)
    for s in feature.symmetry:
        if not np.allclose(values, feature(s(X)), atol=size, rtol=0):
            raise InputError(f"symmetry {list(s.images)} changes {feature.formula.text}: leave it out")


def _check_direction(feature: Feature) -> None:
    """One ReLU neuron with these weights, some bias and a positive read-out has the feature's values."""
    if feature.direction is None:
        return
    if len(feature.direction) != feature.arity:
        raise InputError(
            f"direction has {len(feature.direction)} weights for {feature.arity} arguments: give one each"
        )
    X, values, size = _tried(feature)
    along = X @ np.array(feature.direction)
    on = values > size
    held = int(on.sum()) > 2 and float(values.min()) >= -size
    if held:
        slope, bias = np.polyfit(along[on], values[on], 1) if np.ptp(along[on]) > 0 else (0.0, 0.0)
        held = slope > 0 and np.allclose(
            np.maximum(slope * along + bias, 0.0), values, atol=100 * size, rtol=0
        )
    if not held:
        raise InputError(
            f"direction {list(feature.direction)}: no ReLU neuron with these weights has the values of "
            f"{feature.formula.text}; correct it, or leave it out"
        )


def _tried(feature: Feature) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Random points, the feature's values there, and what is rounding in them."""
    X = np.random.default_rng(0).uniform(-1.0, 1.0, (_TRIALS, feature.arity))
    values = feature(X)
    if not np.isfinite(values).all():
        raise InputError(f"formula {feature.formula.text}: it is infinite or NaN on the box (-1, 1)")
    # Rounding is far below 1e-9 of the largest value, a wrong symmetry or direction far above.
    return X, values, 1e-9 * max(1.0, float(np.abs(values).max()))


#: The features that mathcircuits ships, those of installed plug-ins and the user's own.
catalogue: Catalogue = _Installed()
