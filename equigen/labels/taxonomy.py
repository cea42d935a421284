"""Define taxonomies: sets of queries with their labels, and the rules that match albums to them.

The built-in ones are TOML files in `taxonomies/`; users have their own by path.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from equigen.labels.musicbrainz_tags import TABLE, row_of
from equigen.schema import safe_text, short_text
from equigen.storage.below import open_regular
from equigen.storage.os_errors import why_not_utf8

DEFAULT_TAXONOMY: Final = "discogs-24"
_FOLDER = Path(__file__).with_name("taxonomies")
_SUFFIX = ".toml"
_MOST_BYTES = 1_000_000
_MOST_LABELS = 10_000
_WORLD = "World"
_WORLD_SUFFIX = " (World)"
_WORD = re.compile(r"[^\W_]+")

Text = Annotated[str, AfterValidator(short_text), Field(min_length=1)]
Texts = tuple[Text, ...]


class MatchBy(StrEnum):
    """The comparison of a rule's terms with an album's genres and styles.

    `WORDS` is Discogs' search, where "Metal" finds "Heavy Metal"; `NAMES` is by whole names in any
    case; `TAGS` is by the table of MusicBrainz's genres, where "Metal" finds "deathcore", and by
    words for what it doesn't have.
    """

    WORDS = "words"
    NAMES = "names"
    TAGS = "tags"


class Terms(NamedTuple):
    """The genre and the style by which a service is asked; at least one isn't ""."""

    genre: str
    style: str


@dataclass(frozen=True, slots=True)
class Rule:
    """The albums that belong to a query: those that fulfil every part that isn't empty.

    An album needs one of `any_genre` among its genres, one of `any_style` among its styles, and
    among both one of `any_of`, each of `all_of` and none of `none_of`.
    """

    any_genre: tuple[str, ...] = ()
    any_style: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    by: MatchBy = MatchBy.WORDS

    def matches(self, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an album of these genres and styles belongs to the query."""
        if self.any_genre and not self._finds_any(self.any_genre, genres):
            return False
        if self.any_style and not self._finds_any(self.any_style, styles):
            return False
        both = (*genres, *styles)
        return (
            (not self.any_of or self._finds_any(self.any_of, both))
            and all(self._finds_any((each,), both) for each in self.all_of)
            and not self._finds_any(self.none_of, both)
        )

    def _finds_any(self, wanted: Iterable[str], values: Sequence[str]) -> bool:
        return any(self._finds(each, values) for each in wanted)

    def _finds(self, wanted: str, values: Iterable[str]) -> bool:
        if self.by is MatchBy.NAMES:
            return any(wanted.casefold() == value.casefold() for value in values)
        if self.by is MatchBy.TAGS and wanted in TABLE:
            return any(row_of(value) == wanted for value in values)
        return finds(wanted, values)

    def asked(self) -> tuple[Terms, ...]:
        """Return the terms of searches that together find all albums of the rule, and others."""
        if self.any_genre or self.any_style:
            genres, styles = self.any_genre or ("",), self.any_style or ("",)
            return tuple(Terms(genre, style) for genre in genres for style in styles)
        terms = self.any_of or self.all_of[:1]
        return (*(Terms("", each) for each in terms), *(Terms(each, "") for each in terms))

    def beyond_search(self) -> "Rule":
        """Return what of the rule a search by words for its terms doesn't make sure of."""
        if self.by is not MatchBy.WORDS:
            return self
        is_asked = not (self.any_genre or self.any_style)
        any_of = () if is_asked else self.any_of
        return replace(self, any_genre=(), any_style=(), any_of=any_of)

    def __str__(self) -> str:
        """Return the rule in words, such as "genre Jazz and style Jazz"."""
        parts = [
            f"{what} {' or '.join(terms)}"
            for what, terms in (
                ("genre", self.any_genre),
                ("style", self.any_style),
                ("genre or style", self.any_of),
                *(("genre or style", (each,)) for each in self.all_of),
            )
            if terms
        ]
        no = f", not {' or '.join(self.none_of)}" if self.none_of else ""
        return " and ".join(parts) + no


@dataclass(frozen=True, slots=True)
class Query:
    """A request for albums: its search terms, its quota, and the label that it belongs to.

    `name` is unique; `cell` is the value of the TSV's `genre` column; `label` is the class, whose
    folder has its name made safe; `limit` is in albums. At least one of `genre` and `style`, the
    terms that a service is asked by, is set; where both are, an album must have both. `rule` tells
    which albums match; without one, those that Discogs' search finds by the terms. All queries of
    a label share `label_limit`, in albums; 0 for no bound beside their own. `shares_terms` is true
    where an earlier query is asked by the same terms.
    """

    name: str
    genre: str
    style: str
    limit: int
    label: str
    cell: str
    rule: Rule | None = None
    label_limit: int = 0
    shares_terms: bool = False

    def __hash__(self) -> int:
        """Leave out what takes long; queries are keys where each page is looked at."""
        return hash((self.name, self.genre, self.style))

    def asked(self) -> tuple["Query", ...]:
        """Return the query with each of the terms whose searches together find its albums."""
        terms = self.rule.asked() if self.rule else (Terms(self.genre, self.style),)
        return tuple(replace(self, genre=each.genre, style=each.style) for each in terms)

    def beyond_search(self) -> "Query":
        """Return the query with what of its rule a search for its terms doesn't make sure of."""
        return replace(self, rule=self.rule.beyond_search() if self.rule else Rule())


class TaxonomyRow(BaseModel):
    """A query as a taxonomy's table has it; it needs more than `none_of`.

    `folder` is its label, by default its name. `by` and `limit` (in albums) are those of the
    taxonomy and of the settings where they are absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    folder: Annotated[str, AfterValidator(short_text)] = ""
    any_genre: Texts = ()
    any_style: Texts = ()
    any_of: Texts = ()
    all_of: Texts = ()
    none_of: Texts = ()
    by: MatchBy | None = None
    limit: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _matches_something(self) -> Self:
        if not self.rule().asked():
            parts = "any_genre, any_style, any_of or all_of"
            msg = f"label {self.name!r} needs a genre or a style to be asked by: {parts}"
            raise ValueError(msg)
        return self

    @property
    def label(self) -> str:
        """The class, which queries of one folder share."""
        return self.folder or self.name

    def rule(self, by: MatchBy = MatchBy.WORDS) -> Rule:
        """Return the rule, by the taxonomy's comparison where the row has none."""
        return Rule(
            self.any_genre, self.any_style, self.any_of, self.all_of, self.none_of, self.by or by
        )


class Taxonomy(BaseModel):
    """A set of queries, in the order in which they are filled.

    `share_limit` is the most albums of a query that shares its label, where the settings and the
    query itself don't say; 0 for an equal part, however large.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = ""
    by: MatchBy = MatchBy.WORDS
    share_limit: int = Field(default=0, ge=0)
    label: Annotated[tuple[TaxonomyRow, ...], Field(min_length=1, max_length=_MOST_LABELS)]

    @field_validator("label")
    @classmethod
    def _each_name_once(cls, rows: tuple[TaxonomyRow, ...]) -> tuple[TaxonomyRow, ...]:
        names = Counter(row.name.casefold() for row in rows)
        if twice := next((row.name for row in rows if names[row.name.casefold()] > 1), ""):
            msg = f"label {twice!r} is defined twice"
            raise ValueError(msg)
        return rows

    def queries(
        self, *, genre_limit: int, world_limit: int | None = None, own: Sequence[TaxonomyRow] = ()
    ) -> tuple[Query, ...]:
        """Return the queries in the order in which they are filled.

        Limits are in albums. A label has `genre_limit`, or more where a row of it says so, and its
        queries share that: each has an equal part, unless `world_limit` or its row gives another.
        Rows of one's `own` replace those of the same name, or come last; their cells are their
        names.
        """
        own_names = {row.name for row in own}
        rows = {row.name: row for row in (*self.label, *own)}.values()
        sharing = Counter(row.label for row in rows)
        before = Counter[str]()
        most = dict.fromkeys(sharing, genre_limit)
        for row in rows:
            most[row.label] = max(most[row.label], row.limit or 0)
        queries, asked = list[Query](), set[Terms]()
        for row in rows:
            limit = genre_limit
            if sharing[row.label] > 1:
                part, rest = divmod(genre_limit, sharing[row.label])
                part += before[row.label] < rest
                before[row.label] += 1
                limit = min(part, self.share_limit or part) if world_limit is None else world_limit
            is_named = row.name == row.label or row.name in own_names
            rule = row.rule(self.by)
            query = Query(
                name=row.name,
                genre=rule.asked()[0].genre,
                style=rule.asked()[0].style,
                limit=limit if row.limit is None else row.limit,
                label=row.label,
                cell=row.name if is_named else f"{row.name} ({row.label})",
                rule=rule,
                label_limit=most[row.label],
                shares_terms=not asked.isdisjoint(rule.asked()),
            )
            asked.update(rule.asked())
            queries.append(query)
        return tuple(queries)


class TaxonomyFileError(ValueError):
    """A taxonomy's file has another form; `errors` are pydantic's, the first one is told."""

    def __init__(self, file: Path, errors: Sequence[ErrorDetails]) -> None:
        """Name the file, the key and what is wrong there."""
        self.file, self.errors = file, errors
        where = ".".join(map(str, errors[0]["loc"]))
        trouble = errors[0]["msg"].removeprefix("Value error, ")
        super().__init__(safe_text(f"{file}: {where}: {trouble}"))


def load_taxonomy(name: str) -> Taxonomy:
    """Return a built-in taxonomy by its name, or the user's own by the path of its TOML file.

    Raises:
        ValueError: there is none, or the file has another form; the message says where.

    """
    if name.endswith(_SUFFIX):
        return _read(Path(name))
    if name not in taxonomy_names():
        known = ", ".join(taxonomy_names())
        msg = f"no taxonomy is called {name!r}; expected one of {known}, or a path to a .toml file"
        raise ValueError(msg)
    return _builtin(name)


@lru_cache
def _builtin(name: str) -> Taxonomy:
    return _read(_FOLDER / f"{name}{_SUFFIX}")


def _read(file: Path) -> Taxonomy:
    try:
        with open_regular(file) as opened:
            text = opened.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            msg = f"{file}: more than {_MOST_BYTES:,} bytes; expected a table of labels"
            raise ValueError(msg)
        return Taxonomy.model_validate(tomllib.loads(text.decode("utf-8-sig")))
    except OSError as err:
        msg = f"{file}: can't be read: {err.strerror or err}"
        raise ValueError(msg) from None
    except UnicodeDecodeError:
        msg = f"{file}{why_not_utf8(file)}"
        raise ValueError(msg) from None
    except (tomllib.TOMLDecodeError, RecursionError) as err:
        msg = f"{file}: this is not TOML: {err}"
        raise ValueError(msg) from None
    except ValidationError as err:
        raise TaxonomyFileError(file, err.errors(include_url=False)) from None


def taxonomy_names() -> list[str]:
    """Return the names of the built-in taxonomies."""
    return sorted(file.stem for file in _FOLDER.glob(f"*{_SUFFIX}"))


def builtin_queries(*, genre_limit: int, world_limit: int | None = None) -> tuple[Query, ...]:
    """Return the queries of the default taxonomy in the order in which they are filled."""
    taxonomy = load_taxonomy(DEFAULT_TAXONOMY)
    return taxonomy.queries(genre_limit=genre_limit, world_limit=world_limit)


def labels_by_genre(queries: Sequence[Query]) -> Mapping[str, str]:
    """Return the label of each query's genre cell, for `label_of`."""
    return MappingProxyType({query.cell: query.label for query in queries})


def label_of(genre: str, labels: Mapping[str, str]) -> str:
    """Return the label of a genre cell, not yet made safe as a folder.

    Cells of no query, in rows edited by hand or made by other tools, keep their own name, except
    that "<style> (World)" is always `World`.
    """
    if genre in labels:
        return labels[genre]
    return _WORLD if genre.endswith(_WORLD_SUFFIX) else genre


def fits(query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
    """Tell whether an album of these genres and styles belongs to the query."""
    return rule_of(query).matches(genres, styles)


def fits_tags(query: Query, tags: Sequence[str]) -> bool:
    """Tell whether an album of these MusicBrainz genres or tags belongs to the query.

    MusicBrainz has no genre above its genres, so that styles go before genres.
    """
    return _tag_rule(query).matches(tags, ())


def tag_asked(query: Query) -> str:
    """Return the term by which MusicBrainz is asked: the style, or the genre where it has none."""
    return query.style or query.genre


def rule_of(query: Query) -> Rule:
    """Return a query's rule, or that of its terms."""
    return query.rule or Rule(
        any_genre=(query.genre,) if query.genre else (),
        any_style=(query.style,) if query.style else (),
    )


@lru_cache
def _tag_rule(query: Query) -> Rule:
    rule = rule_of(query)
    return replace(rule, any_genre=rule.any_style or rule.any_genre, any_style=(), by=MatchBy.TAGS)


def finds(wanted: str, values: Iterable[str]) -> bool:
    """Tell whether one of the values contains all words of `wanted`, as Discogs' search does.

    So "metal" finds "Heavy Metal". https://www.discogs.com/developers/#page:database
    """
    words = words_of(wanted)
    return bool(words) and any(map(words.issubset, map(words_of, values)))


@lru_cache(maxsize=4096)
def words_of(value: str) -> frozenset[str]:
    """Return the case-folded words of a value: "Soul-Jazz" has two, "Rhythm & Blues" two."""
    return frozenset(_WORD.findall(value.casefold()))
