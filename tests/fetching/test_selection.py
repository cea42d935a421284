"""Which listings are taken: skips, quotas, exclusive artists, and nothing twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.fetching.selection import Selection, Skip
from equigen.identity.albums import Identity, names_key
from equigen.identity.artists import artist_key, artists_by_credit
from equigen.identity.pictures import picture_key
from equigen.labels.taxonomy import Query, builtin_queries
from equigen.ledger.models import Addition
from equigen.schema import Album, Listing

LABELS = {label.name: label for label in builtin_queries(genre_limit=3, world_limit=2)}
BLUES, JAZZ, SALSA = LABELS["Blues"], LABELS["Jazz"], LABELS["Salsa"]
LISTING = Listing(
    artist="Nina Simone",
    title="Pastel Blues",
    year="1965",
    image_url="https://a.example/1.jpg",
    album_id="discogs:m1",
    genres=("Jazz", "Blues"),
    styles=("Soul-Jazz",),
    country="US",
    formats=("Vinyl", "LP", "Album"),
)


def other(number: int, *, artist: str = "", title: str = "") -> Listing:
    """Return a listing that shares nothing with another number's."""
    return replace(
        LISTING,
        artist=artist or f"Artist {number}x",
        title=title or f"Title {number}",
        image_url=f"https://a.example/{number}.jpg",
        album_id=f"discogs:m{number}",
    )


def taken(verdict: Album | Addition | Skip) -> Album:
    """Return the album of a verdict that takes one."""
    assert isinstance(verdict, Album), verdict
    return verdict


def test_an_ordinary_album_is_taken_as_it_is() -> None:
    """The first album of a label has index 1, the label's genre and its own year."""
    album = Selection().judge(LISTING, JAZZ, year_asked=1999)
    assert album == Album(LISTING, album_index=1, genre="Jazz", year="1965")


def test_an_album_without_a_year_has_the_year_that_was_asked() -> None:
    """A year that the source doesn't know is the one of the search that found it."""
    album = taken(Selection().judge(replace(LISTING, year=""), JAZZ, year_asked=1999))
    assert album.year == "1999"


def test_a_world_album_carries_its_style_and_world() -> None:
    """Albums of a world style say so in their genre."""
    assert taken(Selection().judge(LISTING, SALSA, year_asked=1999)).genre == "Salsa (World)"


def test_the_index_counts_from_1_in_each_label() -> None:
    """Indexes run without gaps within a label, whatever was skipped between."""
    selection = Selection()
    indexes = []
    for number, label in enumerate([JAZZ, BLUES, JAZZ, SALSA, BLUES, JAZZ]):
        skipped = selection.judge(replace(LISTING, image_url=""), label, year_asked=1999)
        assert skipped is Skip.PLACEHOLDER
        album = taken(selection.judge(other(number), label, year_asked=1999))
        indexes.append((label.name, album.album_index))
    assert indexes == [
        ("Jazz", 1),
        ("Blues", 1),
        ("Jazz", 2),
        ("Salsa", 1),
        ("Blues", 2),
        ("Jazz", 3),
    ]


@pytest.mark.parametrize(
    "formats",
    [("Cassette",), ("Album", "cassette"), ("NT Cassette",), ("Vinyl", "Microcassette", "LP")],
)
def test_cassettes_are_not_taken(formats: tuple[str, ...]) -> None:
    """A cassette in any of the format names rules an album out."""
    verdict = Selection().judge(replace(LISTING, formats=formats), JAZZ, year_asked=1999)
    assert verdict is Skip.CASSETTE


@pytest.mark.parametrize(
    "url",
    ["", "https://st.discogs.com/", "https://a.example/images/spacer.gif", "/images/1.jpg"],
)
def test_albums_without_a_picture_are_not_taken(url: str) -> None:
    """A placeholder is no cover."""
    verdict = Selection().judge(replace(LISTING, image_url=url), JAZZ, year_asked=1999)
    assert verdict is Skip.PLACEHOLDER


def test_an_artist_belongs_to_the_first_label_that_takes_an_album() -> None:
    """An artist's further albums go to the same label only."""
    selection = Selection()
    taken(selection.judge(other(1, artist="Nina"), JAZZ, year_asked=1999))
    assert selection.judge(other(2, artist="Nina"), BLUES, year_asked=1999) is Skip.OTHER_QUERY
    taken(selection.judge(other(3, artist="Nina"), JAZZ, year_asked=1999))


def test_an_artist_is_recognised_under_marks() -> None:
    """Both "Nina (2)" and "Nina*" are cleaned to "Nina", and so owned as Nina."""
    selection = Selection()
    taken(selection.judge(other(1, artist="Nina (2)"), JAZZ, year_asked=1999))
    assert selection.judge(other(2, artist="Nina*"), BLUES, year_asked=1999) is Skip.OTHER_QUERY
    twice = other(3, artist="Nina", title="Title 1")
    assert selection.judge(twice, JAZZ, year_asked=1999) is Skip.KNOWN_ALBUM


def check_of_one_label(first: str, second: str, *, in_an_earlier_run: bool) -> None:
    """Assert that the label that took the first credit alone takes the second one."""
    selection = Selection()
    if in_an_earlier_run:
        identity = Identity.of(other(1, artist=first), "Jazz")
        selection.remember(identity, album_index=1, in_dataset=True)
    else:
        taken(selection.judge(other(1, artist=first), JAZZ, year_asked=1999))
    assert selection.judge(other(2, artist=second), BLUES, year_asked=1999) is Skip.OTHER_QUERY
    taken(selection.judge(other(3, artist=second), JAZZ, year_asked=1999))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("PRINCE", "Prince"),
        ("prince (2)", "Prince*"),
        ("The Clash", "Clash, The"),
        ("Beatles, The (2)", "the beatles"),
        ("Straße", "STRASSE"),
    ],
)
@pytest.mark.parametrize("in_an_earlier_run", [False, True])
def test_an_artist_in_two_spellings_belongs_to_one_label(
    first: str, second: str, *, in_an_earlier_run: bool
) -> None:
    """Spellings with the same key are one artist, also where a ledger has the cleaned name."""
    assert artist_key(first) == artist_key(second)
    check_of_one_label(first, second, in_an_earlier_run=in_an_earlier_run)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Miles Davis", "Miles Davis & John Coltrane"),
        ("Miles Davis & John Coltrane", "MILES DAVIS"),
        ("Simon & Garfunkel", "Simon & Garfunkel feat. Nina"),
        ("A, B & C", "B & C"),
        ("A1 feat. B1", "C1 feat. B1"),
    ],
)
@pytest.mark.parametrize("in_an_earlier_run", [False, True])
def test_a_joint_album_is_of_the_label_of_its_artists(
    first: str, second: str, *, in_an_earlier_run: bool
) -> None:
    """Whichever comes first; what `split` would tie is in one label."""
    assert any(len(each) > 1 for each in artists_by_credit([first, second]).values())
    check_of_one_label(first, second, in_an_earlier_run=in_an_earlier_run)


def test_who_is_in_joint_albums_of_two_labels_alone_belongs_to_neither() -> None:
    """Two joint albums are tied by nobody who stands alone; an album of his would tie them."""
    selection = Selection()
    taken(selection.judge(other(1, artist="A1 & B1"), JAZZ, year_asked=1999))
    taken(selection.judge(other(2, artist="A1 & C1"), BLUES, year_asked=1999))
    for label in (JAZZ, BLUES, SALSA):
        assert selection.judge(other(3, artist="A1"), label, year_asked=1999) is Skip.OTHER_QUERY
    taken(selection.judge(other(4, artist="B1"), JAZZ, year_asked=1999))


@pytest.mark.parametrize("in_an_earlier_run", [False, True])
def test_an_artist_of_one_id_belongs_to_one_label(*, in_an_earlier_run: bool) -> None:
    """The source may call it anything; "Various" has an id and belongs to none."""
    ids = ("discogs:a194", "discogs:a45")
    first = replace(other(1, artist="Nina"), artist_ids=ids)
    selection = Selection()
    if in_an_earlier_run:
        selection.remember(Identity.of(first, "Jazz"), album_index=1, in_dataset=True)
    else:
        taken(selection.judge(first, JAZZ, year_asked=1999))
    second = replace(other(2, artist="Eunice"), artist_ids=ids)
    assert selection.judge(second, BLUES, year_asked=1999) is Skip.OTHER_QUERY
    third = replace(other(3, artist="Eunice"), artist_ids=ids[:1])
    taken(selection.judge(third, BLUES, year_asked=1999))


def test_a_skipped_album_gives_its_artist_to_nobody() -> None:
    """Only an album that is taken makes an artist belong to a label."""
    selection = Selection()
    cassette = replace(other(1, artist="Nina"), formats=("Cassette",))
    assert selection.judge(cassette, JAZZ, year_asked=1999) is Skip.CASSETTE
    taken(selection.judge(other(2, artist="Nina"), BLUES, year_asked=1999))


@pytest.mark.parametrize(
    "nobody",
    [
        "Various",
        "various",
        "Various Artists",
        "V.A.",
        "Unknown Artist",
        "No Artist",
        "Various*",
        "",
    ],
)
def test_nobody_belongs_to_no_label(nobody: str) -> None:
    """Compilations and the unknown may be in every label."""
    selection = Selection()
    for number, label in enumerate([JAZZ, BLUES, SALSA]):
        listing = replace(other(number), artist=nobody)
        taken(selection.judge(listing, label, year_asked=1999))


@pytest.mark.parametrize("label", [JAZZ, BLUES])
def test_nothing_is_taken_twice(label: Query) -> None:
    """Neither the id, nor artist and title, nor the picture may be there already."""
    selection = Selection()
    first = other(1, artist="Various")
    taken(selection.judge(first, JAZZ, year_asked=1999))
    new = other(2, artist="Various")
    same_id = replace(new, album_id=first.album_id)
    assert selection.judge(same_id, label, year_asked=1999) is Skip.KNOWN_ALBUM
    same_album = replace(new, title=first.title)
    assert selection.judge(same_album, label, year_asked=1999) is Skip.KNOWN_ALBUM
    same_picture = replace(new, image_url=first.image_url)
    assert selection.judge(same_picture, label, year_asked=1999) is Skip.KNOWN_PICTURE
    taken(selection.judge(new, label, year_asked=1999))


def test_a_picture_that_is_signed_anew_is_known() -> None:
    """Signatures of one stored picture come and go."""
    selection = Selection()
    url = "https://i.discogs.com/{}/rs:fit/g:sm/q:90/h:600/w:600/czM6Ly9kaXNjb2dz/LWRhdGFiYXNlLWlt/YWdlcy9SLTMwNzQ1/NTktMTMyMjU0OTQ4/OS5wbmc.jpeg"
    taken(selection.judge(replace(other(1), image_url=url.format("A")), JAZZ, year_asked=1999))
    again = replace(other(2), image_url=url.format("B"))
    assert selection.judge(again, JAZZ, year_asked=1999) is Skip.KNOWN_PICTURE


def test_albums_without_a_title_are_not_taken_for_one_another() -> None:
    """Many different albums of an artist may lack theirs."""
    selection = Selection()
    for number in (1, 2):
        taken(selection.judge(replace(other(number), artist="Nina", title=""), JAZZ, year_asked=1))


def test_a_label_misses_what_its_quota_still_allows() -> None:
    """The number of missing albums goes down to 0, and not below."""
    selection = Selection()
    assert selection.missing(JAZZ) == 3
    for number in range(4):
        taken(selection.judge(other(number), JAZZ, year_asked=1999))
        assert selection.count(JAZZ) == number + 1
        assert selection.missing(JAZZ) == max(0, 2 - number)
    assert selection.missing(BLUES) == 3
    assert selection.missing(SALSA) == 2


def test_an_album_that_is_in_the_dataset_counts() -> None:
    """Rows of an earlier run fill the quota, keep their index and their artist."""
    selection = Selection()
    selection.remember(Identity.of(other(1), "Jazz"), album_index=7, in_dataset=True)
    assert selection.knows("discogs:m1")
    assert selection.missing(JAZZ) == 2
    assert selection.judge(other(1), JAZZ, year_asked=1999) is Skip.KNOWN_ALBUM
    assert taken(selection.judge(other(2), JAZZ, year_asked=1999)).album_index == 8


def test_an_album_that_left_the_dataset_is_not_taken_again() -> None:
    """It fills no quota, but its id, its names, its picture and its index stay its own."""
    selection = Selection()
    gone = other(1, artist="Various")
    selection.remember(Identity.of(gone, "Jazz"), album_index=3, in_dataset=False)
    assert selection.missing(JAZZ) == 3
    assert selection.count(JAZZ) == 0
    new = other(2, artist="Various")
    for again in (
        replace(new, album_id=gone.album_id),
        replace(new, title=gone.title),
        replace(new, image_url=gone.image_url),
    ):
        assert isinstance(selection.judge(again, JAZZ, year_asked=1999), Skip)
    assert taken(selection.judge(new, JAZZ, year_asked=1999)).album_index == 4
    assert selection.missing(JAZZ) == 2


def test_earlier_rows_without_an_id_or_a_title_rule_nothing_out() -> None:
    """Rows of a foreign file may lack both; an unknown id is not one that is known."""
    selection = Selection()
    bare = Identity(album_id="", artist="Nina", title="", picture="", genre="Jazz")
    selection.remember(bare, album_index=1, in_dataset=True)
    assert not selection.knows("")
    listing = replace(other(2), artist="Nina", title="", album_id="")
    assert taken(selection.judge(listing, JAZZ, year_asked=1999)).album_index == 2


def test_earlier_rows_may_come_in_any_order() -> None:
    """The next index follows the highest one, not the last."""
    selection = Selection()
    for number in (2, 9, 4):
        selection.remember(Identity.of(other(number), "Jazz"), album_index=number, in_dataset=True)
    assert taken(selection.judge(other(1), JAZZ, year_asked=1999)).album_index == 10


CANDIDATES = st.lists(
    st.tuples(
        st.builds(
            Listing,
            artist=st.sampled_from(
                [
                    "Nina",
                    "NINA",
                    "Nina*",
                    "Nina (2)",
                    "Miles",
                    "Various",
                    "VARIOUS",
                    "***",
                    "",
                    "Nina & Miles",
                    "Miles, Nina & Eunice",
                    "Eunice",
                    "Nina & Various",
                    "Abbey feat. Nina",
                    "Abbey vs. Max",
                ]
            ),
            title=st.sampled_from(["", "X", "x", "Y"]),
            year=st.sampled_from(["", "1999"]),
            image_url=st.sampled_from(["", *(f"https://a.example/{n}.jpg" for n in range(8))]),
            album_id=st.sampled_from(["discogs:m1", "discogs:m2", "discogs:r1", "discogs:r2"])
            | st.integers(10, 99).map("discogs:m{}".format),
            genres=st.just(()),
            styles=st.sampled_from([(), ("Rhythm & Blues",), ("Soul",)]),
            country=st.just("US"),
            formats=st.sampled_from([(), ("Vinyl",), ("Cassette",)]),
        ),
        st.sampled_from([BLUES, JAZZ, SALSA]),
        st.booleans(),
    ),
    max_size=25,
)


@given(CANDIDATES)
@examples(120)
def test_what_was_taken_fits_together(
    candidates: list[tuple[Listing, Query, bool]],
) -> None:
    """However albums come, also over two runs, none is there twice and artists stay apart."""
    selection, albums = Selection(), list[Album]()
    for listing, label, ends_run in candidates:
        verdict = selection.judge(listing, label, year_asked=2000)
        if isinstance(verdict, Album):
            albums.append(verdict)
        if ends_run:
            selection = Selection()
            for album in albums:
                identity = Identity.of(album.listing, album.genre)
                selection.remember(identity, album_index=album.album_index, in_dataset=True)
    listings = [album.listing for album in albums]
    assert len({item.album_id for item in listings}) == len(albums)
    assert len({picture_key(item.image_url) for item in listings}) == len(albums)
    titled = [key for item in listings if (key := names_key(item.artist, item.title))]
    assert len(set(titled)) == len(titled)
    artists = artists_by_credit(item.artist for item in listings)
    owners = {(key, album.genre) for album in albums for key in artists[album.listing.artist]}
    assert len({artist for artist, _ in owners}) == len(owners)
    for label in (BLUES, JAZZ, SALSA):
        indexes = [album.album_index for album in albums if album.genre == label.cell]
        assert indexes == list(range(1, len(indexes) + 1))
        assert selection.count(label) == len(indexes)
    assert all(len(album.year) == 4 for album in albums)


def test_albums_are_counted_by_the_year_that_their_row_has() -> None:
    """A year of its own, else the one asked; what left the dataset counts for none."""
    selection = Selection()
    taken(selection.judge(other(1), JAZZ, year_asked=1999))
    taken(selection.judge(replace(other(2), year=""), JAZZ, year_asked=1999))
    selection.remember(Identity.of(other(3), "Jazz"), album_index=3, in_dataset=True, year=1999)
    selection.remember(Identity.of(other(4), "Jazz"), album_index=4, in_dataset=False, year=1999)
    selection.remember(Identity.of(other(5), "Jazz"), album_index=5, in_dataset=True)
    found = {year: selection.count_of_year(JAZZ, year) for year in (1965, 1999, 2000)}
    assert found == {1965: 1, 1999: 2, 2000: 0}
    assert selection.count_of_year(BLUES, 1999) == 0
    assert selection.count(JAZZ) == 4
