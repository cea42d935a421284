"""Albums that several sources have: one row, with all ids, and further addresses of its cover."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from dumpsets import Master, dump_context, group, mbid, write_groups, write_masters
from hypothesis import given
from hypothesis import strategies as st
from plain_combining import combine
from support import examples, read_rows, write_rows

from equigen.commands import balance, fetch, report, status
from equigen.fetching.crawl import sort_out
from equigen.fetching.local_pages import additions_of
from equigen.fetching.pending import known_albums, write_additions, write_pending
from equigen.fetching.selection import Selection, Skip
from equigen.labels.matches import Matches
from equigen.labels.taxonomy import Query, builtin_queries, fits
from equigen.ledger.ledger import LAST_SOURCE, Ledger
from equigen.ledger.models import Addition
from equigen.schema import REQUIRED_COLUMNS, TAKEN_COLUMNS, Listing, join_list
from equigen.sources.base import Offer
from equigen.sources.musicbrainz import LICENCE
from equigen.summary import Summary

LISTING = Listing(
    "Artist 1", "Title 1", "2010", "https://b.example/1.jpg", "other:1", ("Jazz",), (), "", ()
)


def fetch_from(source: str, folder: Path, **chosen: Any) -> Summary:  # noqa: ANN401  (settings)
    """Fetch Jazz from the dumps of a source."""
    return fetch.run(dump_context(folder, fetch={"source": source, **chosen}))


def rows_in(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a folder's dataset."""
    return read_rows(folder / "equigen_dataset.tsv")


def write_row(folder: Path, **cells: str) -> None:
    """Write a dataset of one album, of a source of its own."""
    known = {
        "artist": "Artist 1",
        "album": "Title 1",
        "album_index": "1",
        "genre": "Jazz",
        "year": "2010",
        "image_url": "https://a.example/1.jpg",
        "album_id": "other:1",
    }
    write_rows(folder / "equigen_dataset.tsv", known | cells, columns=[*known])


@pytest.mark.parametrize("limit", [1, 50])
def test_a_second_source_adds_its_ids_to_the_rows_that_are_there(
    tmp_path: Path, limit: int
) -> None:
    """Albums are one by a link between the sources, also where no quota has room."""
    write_masters(tmp_path, [Master(5, "One", "Its Name")])
    write_groups(tmp_path, [group(77, master=5), group(78)])
    fetch_from("discogs-dump", tmp_path, genre_limit=limit)
    context = dump_context(tmp_path)
    rows = [row | {"also_known_as": ""} for row in rows_in(tmp_path)]
    write_rows(context.tsv, *rows, columns=[*rows[0]])  # as an earlier version left it
    summary = fetch_from("musicbrainz", tmp_path, genre_limit=limit)
    first, *others = rows_in(tmp_path)
    assert first == rows[0] | {"also_known_as": f"musicbrainz:{mbid(77)}"}
    assert [row["album_id"] for row in others] == [f"musicbrainz:{mbid(78)}"][: limit - 1]
    assert summary.facts["added_to_rows"] == 1
    assert "1 albums that are there got their ids and covers in musicbrainz" in summary.notes
    again = fetch_from("musicbrainz", tmp_path, genre_limit=limit)
    assert (again.facts["added_to_rows"], rows_in(tmp_path)) == (0, [first, *others])


def test_albums_of_one_name_are_one_and_their_covers_stand_in_one_row(tmp_path: Path) -> None:
    """The cover that the row had stays the first; cells that it lacks are filled."""
    write_row(tmp_path, artist="The ARTIST 1", year="")
    write_groups(tmp_path, [group(1)])
    fetch_from("musicbrainz", tmp_path)
    (row,) = rows_in(tmp_path)
    assert row["also_known_as"] == f"musicbrainz:{mbid(1)}"
    assert row["image_url"] == "https://a.example/1.jpg"
    assert row["more_images"] == f"https://coverartarchive.org/release-group/{mbid(1)}/front-500"
    assert (row["artist"], row["year"]) == ("The ARTIST 1", "2010")


@pytest.mark.parametrize(("year", "is_one"), [("2011", True), ("2012", False), ("1999", False)])
def test_albums_of_one_name_whose_years_are_apart_are_not_joined(
    tmp_path: Path, year: str, *, is_one: bool
) -> None:
    """Bands name several albums for themselves. Still only one of a name is taken."""
    write_row(tmp_path, year=year)
    write_groups(tmp_path, [group(1)])
    summary = fetch_from("musicbrainz", tmp_path)
    (row,) = rows_in(tmp_path)
    assert bool(row.get("also_known_as")) is is_one
    assert summary.facts["added_to_rows"] == is_one


def test_a_row_has_one_album_of_each_source(tmp_path: Path) -> None:
    """Of two editions that one source has, the first is added; the other adds nothing."""
    write_row(tmp_path)
    write_groups(tmp_path, [group(1), group(2, title="Title 1", **credit("Artist 1"))])
    summary = fetch_from("musicbrainz", tmp_path)
    (row,) = rows_in(tmp_path)
    assert row["also_known_as"] == f"musicbrainz:{mbid(1)}"
    assert summary.dropped[Skip.KNOWN_ALBUM] == 2


def credit(artist: str) -> dict[str, Any]:
    """Return the credit of an artist."""
    return {"artist-credit": [{"name": artist, "joinphrase": ""}]}


def test_a_difference_in_labels_is_listed(tmp_path: Path) -> None:
    """The row keeps its label; the summary has the albums, and counts them by both labels."""
    write_row(tmp_path, genre="Blues")
    write_groups(tmp_path, [group(1)])
    summary = fetch_from("musicbrainz", tmp_path)
    (row,) = rows_in(tmp_path)
    assert row["genre"] == "Blues"
    assert summary.facts["labels_at_odds"] == {"Blues / Jazz": 1}
    assert summary.facts["label_conflicts"] == [
        {
            "album_id": "other:1",
            "label": "Blues",
            "other_id": f"musicbrainz:{mbid(1)}",
            "other_label": "Jazz",
        }
    ]
    assert any("(of the row / by this source" in note for note in summary.notes)


def test_albums_that_balance_left_out_are_added_to_as_well(tmp_path: Path) -> None:
    """The reserve has the ids, and gives the album back with them."""
    write_masters(tmp_path, [Master(5), Master(6)])
    write_groups(tmp_path, [group(5, master=5), group(6, master=6)])
    context = dump_context(tmp_path)
    fetch_from("discogs-dump", tmp_path)
    rows = [row | {"also_known_as": ""} for row in rows_in(tmp_path)]
    write_rows(context.tsv, *rows, columns=[*rows[0]])
    balance.run(dump_context(tmp_path, balance={"per_label": 1}))
    fetch_from("musicbrainz", tmp_path)
    (left_out,) = read_rows(context.reserve)
    both = {row["album_id"]: row["also_known_as"] for row in (*rows_in(tmp_path), left_out)}
    assert both == {f"discogs:m{n}": f"musicbrainz:{mbid(n)}" for n in (5, 6)}


def test_a_run_killed_before_it_wrote_adds_later(tmp_path: Path) -> None:
    """What other sources know waits in the ledger, and is in its row once, however often."""
    write_row(tmp_path)
    context = dump_context(tmp_path)
    with Ledger(context.ledger) as ledger:
        ledger.use_pages((), added=[Addition("other:1", LISTING), Addition("gone:1", LISTING)])
    for _ in range(2):
        with Ledger(context.ledger) as ledger:
            write_pending(context, ledger)
            assert ledger.additions(9) == []
            ledger.use_pages((), added=[Addition("other:1", LISTING)])
    (row,) = rows_in(tmp_path)
    assert row["more_images"] == "https://b.example/1.jpg"


def test_status_and_report_tell_the_terms_of_rows(tmp_path: Path) -> None:
    """Those in a row's own cell hold for it, else those of its source."""
    write_row(tmp_path, album_id="musicbrainz:1")
    context = dump_context(tmp_path)
    assert status.run(context).facts["licences"] == {LICENCE: 1}
    (row,) = rows_in(tmp_path)
    write_rows(context.tsv, row | {"licence": "No models."}, columns=[*row, "licence"])
    assert status.run(context).facts["licences"] == {"No models.": 1}
    report.run(context, output=tmp_path / "report.html")
    assert "No models." in (tmp_path / "report.html").read_text()


def test_terms_of_rows_are_joined(tmp_path: Path) -> None:
    """The terms of a row's own source come first, then those of what was added."""
    write_row(tmp_path, album_id="musicbrainz:1")
    context = dump_context(tmp_path)
    with Ledger(context.ledger) as ledger:
        for terms in ("No models.", "No copies.", "No models."):
            listing = replace(LISTING, also_known_as=("y:1",), licence=terms)
            ledger.use_pages((), added=[Addition("musicbrainz:1", listing)])
            write_pending(context, ledger)
    (row,) = rows_in(tmp_path)
    assert row["licence"] == f"{LICENCE} No models. No copies."


def test_a_crawl_adds_to_rows_whatever_has_room(tmp_path: Path) -> None:
    """An album that is there is known before any query is looked at; others wait for room."""
    write_row(tmp_path)
    context = dump_context(tmp_path, limit=1)
    with Ledger(context.ledger) as ledger:
        selection = known_albums(context, ledger)
    queries = context.settings.fetch.chosen_queries()
    listings = [LISTING, replace(LISTING, album_id="other:2", title="Title 2")]
    listings = [replace(each, album_id=each.album_id.replace("other", "y")) for each in listings]
    matches = Matches(queries, fits)
    found = sort_out(listings, queries, range(2026), selection=selection, matches=matches)
    assert [each.listing.also_known_as for each in found.added] == [("y:1",)]
    assert (found.taken, found.skipped[Skip.ADDED]) == ([], 1)


def test_names_that_a_row_lacks_come_from_the_other_source(tmp_path: Path) -> None:
    """Some tables of tracks tell ids alone; a name that is there stays."""
    for artist, title, both in (("", "", ("Artist 1", "Title 1")), ("A", "", ("A", "Title 1"))):
        write_row(tmp_path, artist=artist, album=title)
        context = dump_context(tmp_path)
        with Ledger(context.ledger) as ledger:
            ledger.use_pages((), added=[Addition("other:1", LISTING)])
            write_pending(context, ledger)
        (row,) = rows_in(tmp_path)
        assert (row["artist"], row["album"]) == both


def test_ids_of_one_track_stand_in_one_text(tmp_path: Path) -> None:
    """A source that knows two ids of a track joins them; others stay apart."""
    write_row(tmp_path)
    context = dump_context(tmp_path)
    with Ledger(context.ledger) as ledger:
        for tracks in (("msd:TR1", "mbid:9"), ("msd:TR1 mbid:1", "mbid:2")):
            listing = replace(LISTING, also_known_as=("y:1",), tracks=tracks)
            ledger.use_pages((), added=[Addition("other:1", listing)])
            write_pending(context, ledger)
    assert rows_in(tmp_path)[0]["tracks"] == "msd:TR1 mbid:1|mbid:9|mbid:2"


def test_a_group_and_its_releases_are_of_one_source(tmp_path: Path) -> None:
    """A second album of MusicBrainz that shares a track isn't joined by its release either."""
    write_row(tmp_path, album_id="msd-i:1")
    context = dump_context(tmp_path)
    first = replace(LISTING, album_id="musicbrainz:1", tracks=("msd:TR1",))
    with Ledger(context.ledger) as ledger:
        ledger.use_pages((), added=[Addition("msd-i:1", replace(first, also_known_as=()))])
        write_pending(context, ledger)
        selection = known_albums(context, ledger)
    assert selection.addition(replace(first, also_known_as=("musicbrainz-release:1",)))
    other = replace(first, album_id="musicbrainz-release:2", title="Best Of", year="2020")
    assert selection.addition(other) is None


def test_covers_that_may_not_be_passed_on_stay_out_of_other_rows(tmp_path: Path) -> None:
    """A row of Discogs gets Spotify's id and terms, but no picture that exports would refuse."""
    write_row(tmp_path, album_id="discogs:m1")
    context = dump_context(tmp_path)
    listing = replace(LISTING, album_id="spotify:1", also_known_as=("spotify:1",), licence="No.")
    with Ledger(context.ledger) as ledger:
        ledger.use_pages((), added=[Addition("discogs:m1", listing)])
        write_pending(context, ledger)
    (row,) = rows_in(tmp_path)
    assert (row["also_known_as"], row["licence"]) == ("spotify:1", "No.")
    assert "more_images" not in row


def selection_of(folder: Path, *rows: dict[str, str]) -> Selection:
    """Return what `fetch` knows of a dataset of such rows."""
    write_row(folder)
    (known,) = rows_in(folder)
    columns = [*known, "also_known_as", "tracks", "artist_ids"]
    write_rows(folder / "equigen_dataset.tsv", *(known | row for row in rows), columns=columns)
    context = dump_context(folder)
    with Ledger(context.ledger) as ledger:
        return known_albums(context, ledger)


def test_a_single_of_an_album_is_not_the_album(tmp_path: Path) -> None:
    """One shared track of three is too few; an album with all of them is meant."""
    tracks = "msd:TR1|msd:TR2|msd:TR3"
    nameless = {"artist": "", "album": "", "album_id": "msd-i:7", "tracks": tracks}
    selection = selection_of(tmp_path, nameless)
    single = replace(LISTING, album_id="musicbrainz:1", title="Hit", tracks=("msd:TR1 mbid:1",))
    album = replace(LISTING, album_id="musicbrainz:2", tracks=("msd:TR1 mbid:1", "msd:TR3 mbid:3"))
    assert selection.addition(single) is None
    found = selection.addition(album)
    assert found
    assert found.album_id == "msd-i:7"


def test_of_several_albums_of_one_name_that_of_the_year_is_meant(tmp_path: Path) -> None:
    """Then one of the year before or after, then one of no year."""
    rows = [
        {"album_id": f"discogs:m{n}", "year": year, "image_url": f"https://a.example/{n}"}
        for n, year in enumerate(("1977", "1978", "", "1994"))
    ]
    for year, met in (("1978", 1), ("1979", 1), ("1976", 0), ("1986", 2), ("", 0), ("1995", 3)):
        found = selection_of(tmp_path, *rows).addition(replace(LISTING, year=year))
        assert found, year
        assert found.album_id == f"discogs:m{met}", year


def test_albums_by_nobody_are_not_one_by_their_names(tmp_path: Path) -> None:
    """Many compilations are called alike; a shared id or picture tells."""
    row = {"artist": "Various", "album": "Greatest Hits", "album_id": "discogs:m1"}
    selection = selection_of(tmp_path, row)
    listing = replace(LISTING, artist="Various", title="Greatest Hits")
    assert selection.addition(listing) is None
    assert selection.addition(replace(listing, also_known_as=("discogs:m1",)))


def test_artists_that_an_addition_names_belong_to_the_rows_query(tmp_path: Path) -> None:
    """So no later album by one of their ids is taken for another label."""
    selection = selection_of(tmp_path, {"artist_ids": "msd:AR1"})
    jazz, blues = (q for q in builtin_queries(genre_limit=9) if q.name in {"Jazz", "Blues"})
    first = replace(LISTING, album_id="y:1", also_known_as=("other:1",))
    assert selection.addition(replace(first, artist_ids=("musicbrainz:21",)))
    later = replace(
        LISTING, artist="", title="Two", album_id="y:2", image_url="https://b.example/2",
        artist_ids=("musicbrainz:21",),
    )  # fmt: skip
    other = blues if jazz.cell == "Jazz" else jazz
    assert selection.judge(later, other, year_asked=2010) is Skip.OTHER_QUERY


@pytest.mark.parametrize("is_known", [True, False])
def test_a_second_source_with_ids_of_the_same_kind_is_read_too(
    tmp_path: Path, *, is_known: bool
) -> None:
    """Its albums may know more ids than the rows do, though each row has one of that kind."""
    write_row(tmp_path, album_id=f"musicbrainz:{mbid(1)}")
    write_groups(tmp_path, [group(1, master=5)])
    context = dump_context(tmp_path)
    with Ledger(context.ledger) as ledger:
        ledger.remember(LAST_SOURCE, "acousticbrainz" if is_known else "musicbrainz")
    fetch_from("musicbrainz", tmp_path, genre_limit=1)
    (row,) = rows_in(tmp_path)
    assert row.get("also_known_as", "") == ("discogs:m5" if is_known else "")


@dataclass(frozen=True)
class Listed:
    """A catalogue of some listings."""

    every: Sequence[Listing]

    @property
    def size(self) -> int:
        """Their number."""
        return len(self.every)

    @property
    def facts(self) -> dict[str, int]:
        """Nothing is counted."""
        return {}

    def offers(self) -> Iterator[Offer]:
        """Yield each by its place."""
        for at in range(len(self.every)):
            yield Offer(at, 0, (), ())

    def listings(self, numbers: Sequence[int]) -> list[Listing]:
        """Return some by their places."""
        return [self.every[at] for at in numbers]

    def fits(self, query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an album belongs to a query."""
        return fits(query, genres, styles)


NAMES = st.sampled_from(("A", "The a", "B & A", "Various", "", "Ärzte", "b*"))
TITLES = st.sampled_from(("T", "t", "U", "", "Ünder"))
YEARS = st.sampled_from(("", "1999", "2000", "2001", "2004"))
PICTURES = st.sampled_from((
    "", "https://a.example/1.jpg", "https://a.example/2|3.jpg",
    f"https://coverartarchive.org/release-group/{mbid(1)}/front-250",
    f"https://coverartarchive.org/release-group/{mbid(1)}/front",
    "https://st.discogs.com/8ae8b1a5/images/spacer.gif",
))  # fmt: skip
ALBUM_IDS = st.sampled_from(("y:1", "y:2", "y-release:3", "z:1"))
ALSO_KNOWN_AS = st.lists(st.one_of(ALBUM_IDS, st.sampled_from(("other:0", "other:2"))), max_size=2)
TRACKS = st.lists(
    st.sampled_from(("msd:TR1", "msd:TR1 mbid:1", "msd:TR2", "mbid:1", "msd:TR3 msd:TR1")),
    max_size=3,
)
WORDS = st.lists(st.sampled_from(("Jazz", "CD", "a|b")), max_size=2).map(tuple)
CELLS = st.fixed_dictionaries(
    {
        "artist": NAMES,
        "album": TITLES,
        "year": YEARS,
        "image_url": PICTURES,
        "also_known_as": ALSO_KNOWN_AS.map("|".join),
        "tracks": TRACKS.map("|".join),
        "licence": st.sampled_from(("", "Free.")),
        "formats": WORDS.map(join_list),
    }
)
LISTINGS = st.builds(
    Listing,
    artist=NAMES,
    title=TITLES,
    year=YEARS,
    image_url=PICTURES,
    album_id=ALBUM_IDS,
    genres=st.just(("Jazz",)),
    styles=WORDS,
    country=st.sampled_from(("", "US")),
    formats=WORDS,
    artist_ids=WORDS,
    also_known_as=ALSO_KNOWN_AS.map(tuple),
    tracks=TRACKS.map(tuple),
    set_given=st.sampled_from(("", "val")),
    more_images=st.lists(PICTURES, max_size=2).map(tuple),
    licence=st.sampled_from(("", "Free.", "No models.")),
)


@given(st.lists(CELLS, min_size=1, max_size=5), st.lists(LISTINGS, max_size=6))
@examples(400)
def test_rows_get_what_a_plain_search_through_all_of_them_gives(
    cells: list[dict[str, str]], listings: list[Listing]
) -> None:
    """However the keys of rows and albums are kept and compared, and rows are written."""
    with tempfile.TemporaryDirectory() as folder:
        context = dump_context(Path(folder))
        rows = [
            dict.fromkeys(TAKEN_COLUMNS, "") | row | {"album_id": f"other:{at}", "genre": "Jazz"}
            for at, row in enumerate(cells)
        ]
        named = [each for each in TAKEN_COLUMNS if any(row[each] for row in rows)]
        context.tsv.parent.mkdir(exist_ok=True)
        write_rows(context.tsv, *rows, columns=list(dict.fromkeys((*REQUIRED_COLUMNS, *named))))
        with Ledger(context.ledger) as ledger:
            selection = known_albums(context, ledger)
        found = additions_of(Listed(listings), selection, context.bar, is_only_source=False)
        write_additions(context, found)
        result = [dict.fromkeys(TAKEN_COLUMNS, "") | row for row in read_rows(context.tsv)]
        assert result == combine(rows, listings)
