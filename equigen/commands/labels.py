"""List the labels and their rules, and the albums of each.

With --taxonomies, lists the sets of labels that there are. What a source has is counted exactly in
a dump that an earlier run indexed (with --count also in a new one, which takes minutes); of an API
only as far as searches of earlier runs told. Takes no lock, and changes nothing but such an index.

Examples:
  equigen labels
  equigen labels --taxonomies
  equigen labels --taxonomy discogs-15 --source discogs-dump --count
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Final, NamedTuple

import typer

from equigen.dataset.context import Context
from equigen.dataset.counting import By, count_albums, count_genres_and_styles, count_labels
from equigen.dataset.covers import folder_name
from equigen.dataset.dataset import Dataset
from equigen.dataset.made_with import queries_asked
from equigen.errors import ConfigError, MissingInputError
from equigen.labels.matches import Matches, of_several_parts
from equigen.labels.taxonomy import Query, load_taxonomy, taxonomy_names
from equigen.labels.taxonomy import fits as fits_discogs
from equigen.ledger.ledger import LAST_SOURCE
from equigen.sources.base import (
    CrawlSource,
    LocalSource,
    OnlineSource,
    Search,
    fetch_settings,
    open_named,
)
from equigen.summary import Summary, Table

ORDER: Final = 45
SETTINGS: Final = fetch_settings()

_UNKNOWN: Final = "?"
_BATCH: Final = 2_000


class _Known(NamedTuple):
    """Known number of a query's albums at the source, in so many of the years asked."""

    albums: int
    years: int
    of_years: int

    def __str__(self) -> str:
        if not self.years:
            return _UNKNOWN
        some = "" if self.years == self.of_years else f" in {self.years} of {self.of_years} years"
        return f"{self.albums:,}{some}"


def run(
    context: Context,
    *,
    taxonomies: Annotated[
        bool, typer.Option("--taxonomies", help="List the sets of labels instead.")
    ] = False,
    count: Annotated[
        bool, typer.Option("--count", help="Index a new dump to count what it has.")
    ] = False,
) -> Summary:
    """List taxonomies or labels.

    Raises:
        InputError: the TSV or a dump is broken.
        LedgerError: the ledger can't be read.

    """
    if taxonomies:
        return _taxonomies()
    fetch = context.settings.fetch
    queries = fetch.chosen_queries()
    albums, of_labels, beside = _albums(context, queries)
    source = _source(context)
    known, matches, why = _at_source(source, context, queries, count=count)
    about = f"{fetch.taxonomy}: {fetch.about}" if fetch.about else ""
    notes = [about, why, *matches.notes(lambda query: albums[query.name]), *beside]
    rows = [(query, str(query.rule), albums[query.name], known[query.name]) for query in queries]
    return Summary(
        stage="labels",
        done="listed",
        unit="queries",
        rows_in=len(queries),
        rows_out=len(queries),
        facts={
            "taxonomy": fetch.taxonomy,
            "source": source,
            "labels": of_labels,
            "queries": [
                {
                    "query": query.name,
                    "label": query.label,
                    "rule": rule,
                    "by": str(query.rule.by) if query.rule else "",
                    "limit": query.limit,
                    "albums": here,
                    "at_source": there.albums if there.years else None,
                    "years_known": there.years,
                    "years": there.of_years,
                }
                for query, rule, here, there in rows
            ],
        },
        table=Table(
            ("query", "label", "rule", "limit", "albums", f"in {source}"),
            tuple(
                (query.name, query.label, rule, query.limit, here, str(there))
                for query, rule, here, there in rows
            ),
        ),
        notes=[note for note in notes if note],
    )


def _taxonomies() -> Summary:
    every = {name: load_taxonomy(name) for name in taxonomy_names()}
    rows = [
        (name, len({row.label for row in each.label}), len(each.label), str(each.by), each.about)
        for name, each in every.items()
    ]
    columns = ("taxonomy", "labels", "queries", "by", "about")
    return Summary(
        stage="labels",
        done="listed",
        unit="taxonomies",
        rows_in=len(rows),
        rows_out=len(rows),
        facts={"taxonomies": [dict(zip(columns, row, strict=True)) for row in rows]},
        table=Table(columns, tuple(rows)),
        notes=["`fetch.taxonomy` chooses one of these, or a .toml file of your own"],
    )


def _albums(
    context: Context, queries: Sequence[Query]
) -> tuple[Mapping[str, int], Mapping[str, int], Sequence[str]]:
    """Return the numbers of albums here by query and by label; those of several count for each.

    Queries of one label count the albums with their genre cells; a note tells of labels that have
    more than those.
    """
    cells, labels = Counter[str](), Counter[str]()
    if context.tsv.exists():
        found = count_albums(context, None, [By.GENRE]).found
        cells, labels = Counter({cell: n for (cell,), n in found.items()}), count_labels(context)
    of_label = {query.label: labels[folder_name(query.label)] for query in queries}
    queries_of = defaultdict[str, list[Query]](list)
    for query in context.settings.fetch.known_queries():
        queries_of[query.label].append(query)
    shared = {label for label, several in queries_of.items() if len(several) > 1}
    of_query = {
        query.name: cells[query.cell] if query.label in shared else of_label[query.label]
        for query in queries
    }
    beside = [
        f"{label}: {count:,} albums, with those of other labels that match it as well"
        for label, count in of_label.items()
        if label in shared and count > sum(cells[query.cell] for query in queries_of[label])
    ]
    return of_query, of_label, beside


def _source(context: Context) -> str:
    """Return the source that the settings name, else the one that the last albums came from."""
    fetch = context.settings.fetch
    if "source" in fetch.model_fields_set:
        return fetch.source
    with Dataset(context).reading_ledger() as ledger:
        return (ledger.value(LAST_SOURCE) if ledger else "") or fetch.source


def _at_source(
    name: str, context: Context, queries: Sequence[Query], *, count: bool
) -> tuple[Mapping[str, _Known], Matches, str]:
    """Return what is known of each query's albums there, and why nothing is."""
    years = context.settings.fetch.years(context.now().year)
    unknown = {query.name: _Known(0, 0, len(years)) for query in queries}
    nothing = Matches(queries, fits_discogs)
    try:
        source = open_named(name, context.config)
        if isinstance(source, CrawlSource):
            return unknown, nothing, ""
        if not isinstance(source, LocalSource):
            with Dataset(context).reading_ledger() as ledger:
                asked = {query.name for query in queries_asked(context, ledger)}
            of_parts = of_several_parts(each for each in queries if each.name in asked)
            seen = Matches(of_parts, source.fits)
            for genres, styles, albums in _rows(context):
                seen.add(genres, styles, albums)
            return _counted_by_pages(context, source, queries, years), seen, ""
        if not (count or source.is_indexed(context)):
            return unknown, nothing, "the dump isn't indexed yet: --count does it, and counts"
        with (
            source.open(context) as catalogue,
            context.bar("count", catalogue.size, "album") as bar,
        ):
            matches = Matches(queries, catalogue.fits)
            offers = catalogue.offers()
            while batch := list(islice(offers, _BATCH)):
                for offer in batch:
                    if offer.year in years or (source.takes_undated and not offer.year):
                        matches.add(offer.genres, offer.styles)
                bar.advance(len(batch))
    except (ConfigError, MissingInputError) as err:
        return unknown, nothing, f"what the source has isn't known. {err}"
    of_years = len(years)
    known = {name: _Known(matches.counts[name], of_years, of_years) for name in unknown}
    return known, matches, ""


def _rows(context: Context) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], int]]:
    return count_genres_and_styles(context.tsv) if context.tsv.exists() else iter(())


def _counted_by_pages(
    context: Context, source: OnlineSource, queries: Sequence[Query], years: Sequence[int]
) -> Mapping[str, _Known]:
    with Dataset(context).reading_ledger() as ledger:
        items = ledger.items_by_search() if ledger else {}
    known = {}
    for query in queries:
        asked = source.asked(query)
        of_years = [[items.get(source.key(Search(each, year))) for each in asked] for year in years]
        whole = [[*filter(None, counts)] for counts in of_years if None not in counts]
        known[query.name] = _Known(sum(map(sum, whole)), len(whole), len(years))
    return known
