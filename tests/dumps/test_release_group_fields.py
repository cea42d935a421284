"""The fields of a MusicBrainz release group."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.dumps.musicbrainz import (
    group_of,
    is_album,
    master_of,
    masters_of,
    mbid_of,
    year_of,
)
from equigen.schema import split_list

MBID = "f1afec0b-26dd-3db5-9aa1-c91229a74a24"
SLUGS = st.text(string.ascii_letters + string.digits + "-%_.~\u00e9", max_size=12)


def relation(page: str, **changes: object) -> dict[str, object]:
    """Return a link to a page of Discogs."""
    return {"type": "discogs", "ended": False, "url": {"resource": page}, **changes}


@pytest.mark.parametrize(
    "url",
    [
        "https://www.discogs.com/master/3911",
        "http://www.discogs.com/master/3911",
        "https://discogs.com/master/3911",
        "https://m.discogs.com/master/3911",
        "https://WWW.Discogs.com/master/3911",
        "https://www.discogs.com:443/master/3911",
        "https://www.discogs.com/master/3911/",
        "https://www.discogs.com/master/3911?limit=25",
        "https://www.discogs.com/master/3911/#tracks",
        "https://www.discogs.com/master/view/3911",
        "https://www.discogs.com/master/03911",
        "https://www.discogs.com/master/3911-Bob-Dylan-Desire",
        "https://www.discogs.com/master/3911-Bob-Dylan-Desire/?a=b/c",
        "https://www.discogs.com/Bob-Dylan-Desire/master/3911",
        "https://www.discogs.com/de/master/3911-Bob-Dylan-Desire",
        "https://www.discogs.com/pt_BR/Bob-Dylan-Desire/master/3911",
        "https://www.discogs.com/Bj%C3%B6rk-Homogenic/master/3911",
    ],
)
def test_a_masters_page_is_known_in_all_its_forms(url: str) -> None:
    """As the site wrote them over the years."""
    assert master_of(url) == 3911


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://www.discogs.com/",
        "https://www.discogs.com/master/",
        "https://www.discogs.com/master/0",
        "https://www.discogs.com/master/x3911",
        "https://www.discogs.com/master/3911x",
        "https://www.discogs.com/Master/3911",
        "https://www.discogs.com/master/99999999999",
        "https://www.discogs.com/master/\u0663\u0669",
        "https://www.discogs.com/release/3911",
        "https://www.discogs.com/Bob-Dylan-Desire/release/3911",
        "https://www.discogs.com/artist/59792-Bob-Dylan",
        "https://www.discogs.com/user/master/3911",
        "https://www.discogs.com/release/1-master/3911/x",
        "https://www.discogs.com/search?q=/master/3911",
        "https://www.notdiscogs.com/master/3911",
        "https://discogs.com.example.org/master/3911",
        "https://example.org/www.discogs.com/master/3911",
        "ftp://www.discogs.com/master/3911",
        "www.discogs.com/master/3911",
    ],
)
def test_other_pages_are_no_master(url: str) -> None:
    """Neither other kinds of page nor other hosts."""
    assert master_of(url) == 0


@given(
    st.integers(1, 9_999_999_999),
    st.sampled_from(["", "de/", "pt_BR/"]),
    SLUGS,
    st.sampled_from(["", "view/"]),
    SLUGS,
    st.sampled_from(["", "/", "?x=1/2", "#a-b"]),
)
def test_any_masters_address_gives_its_number(
    number: int, language: str, before: str, view: str, after: str, end: str
) -> None:
    """The artist and the title make no difference."""
    slug = f"{before}-{after}/" if before else ""
    title = f"-{after}" if after else ""
    url = f"https://www.discogs.com/{language}{slug}master/{view}{number}{title}{end}"
    assert master_of(url) == number


@given(st.text("htps:/w.discogcm-ae01?#", max_size=60))
def test_no_address_takes_long_or_breaks(url: str) -> None:
    """An address of another page is 0; a master's has its number in it."""
    found = master_of(url)
    assert found == 0 or f"{found}" in url


def test_a_long_hostile_address_is_seen_through_at_once() -> None:
    """The pattern never goes back and forth over it."""
    for part in ("-", "a-", "a.", "de/", "-/", "1"):
        assert master_of("https://www.discogs.com/" + part * 50_000) == 0
        assert master_of("https://" + part * 50_000) == 0


def test_links_are_taken_as_they_stand() -> None:
    """Each master once, in order; what ended, and what is of another type, is none."""
    record = {
        "relations": [
            relation("https://www.discogs.com/master/2"),
            relation("https://www.discogs.com/master/1"),
            relation("https://www.discogs.com/master/2-Again"),
            relation("https://www.discogs.com/master/3", ended=True),
            relation("https://www.discogs.com/master/4", type="other databases"),
            relation("https://www.discogs.com/release/5"),
            relation("https://www.discogs.com/master/6", url=None),
            relation("https://www.discogs.com/master/7", url={"resource": 7}),
            relation("https://www.discogs.com/master/8", ended=None),
            None,
            "discogs",
        ]
    }
    assert masters_of(record) == (2, 1, 8)
    assert masters_of({}) == masters_of({"relations": {}}) == ()


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1994-11-01", 1994),
        ("1994-11", 1994),
        ("1994", 1994),
        ("1994-??-01", 1994),
        ("0994", 994),
        ("", 0),
        (None, 0),
        (1994, 0),
        ("0000", 0),
        ("0000-11", 0),
        ("????-11", 0),
        ("94", 0),
        ("19941", 0),
        ("\u0661\u0669\u0669\u0664", 0),
        ("1994/11", 0),
    ],
)
def test_the_year_is_that_of_the_first_release(date: object, year: int) -> None:
    """0 where it isn't known."""
    assert year_of({"first-release-date": date}) == year
    assert year_of({}) == 0


@pytest.mark.parametrize("mbid", ["", "x", MBID[:-1], MBID + "0", MBID.replace("-", ""), None, 7])
def test_what_is_no_uuid_is_no_id(mbid: object) -> None:
    """It becomes part of addresses, so it must be what it should be."""
    assert mbid_of({"id": mbid}) == ""
    assert group_of({"id": mbid, "title": "A"}) is None


def test_ids_are_in_small_letters() -> None:
    """Two spellings are one album."""
    assert mbid_of({"id": MBID.upper()}) == MBID
    assert mbid_of(MBID) == mbid_of(None) == ""


def test_only_the_primary_type_makes_an_album() -> None:
    """The secondary types make no difference."""
    assert is_album({"primary-type": "Album", "secondary-types": ["Live"]})
    assert not is_album({"primary-type": "EP", "secondary-types": ["Album"]})
    assert not is_album({"primary-type": None})


def test_artists_are_joined_as_they_are_credited() -> None:
    """With the phrases between them, letter for letter; an artist's own name where no other is."""
    credited = [
        {"name": "50 Cent", "joinphrase": " Feat. ", "artist": {"name": "Curtis"}},
        {"joinphrase": "/", "artist": {"name": "DJ Drama"}},
        {"name": "", "joinphrase": " = ", "artist": {"name": "Tab\there"}},
        {"name": None, "artist": None},
        "Various",
    ]
    group = group_of({"id": MBID, "title": " A\u2028B ", "artist-credit": credited})
    assert group is not None
    assert group.artist == "50 Cent Feat. DJ Drama/Tab here ="
    assert group.title == "A B"
    bare = group_of({"id": MBID, "title": "A"})
    assert bare is not None
    assert (bare.artist, bare.year, bare.genres) == ("", 0, "")


def test_a_group_without_a_title_is_none() -> None:
    """Nor is one whose title holds nothing but white space."""
    for title in ("", " \t", None, 7):
        assert group_of({"id": MBID, "title": title}) is None


def genres(**votes: object) -> tuple[str, ...]:
    """Return what a group's fields of votes make of its genres."""
    fields = {
        name: [{"name": genre, "count": count} for genre, count in given.items()]
        for name, given in votes.items()
        if isinstance(given, dict)
    }
    group = group_of({"id": MBID, "title": "A", **fields})
    assert group is not None
    return split_list(group.genres)


def test_genres_go_by_votes() -> None:
    """Most votes first, ties by name; what hasn't a third of the most votes doesn't count."""
    assert genres(genres={"rock": 12, "folk": 4, "blues": 3, "art rock": 12}) == (
        "art rock",
        "rock",
        "folk",
    )


def test_tags_speak_where_no_genre_has_a_vote() -> None:
    """With a vote for a genre, tags count for nothing."""
    assert genres(genres={"rock": 0, "folk": -1}, tags={"seen live": 2}) == ("seen live",)
    assert genres(genres={"rock": 1}, tags={"seen live": 9}) == ("rock",)


def test_odd_votes_are_none() -> None:
    """A count must be a number above 0, and a name must have letters."""
    odd = {"a": "9", "b": True, "c": None, "d": 2.5, "": 9, "e": 1}
    assert genres(genres=odd) == ("e",)
    assert group_of({"id": MBID, "title": "A", "genres": {"name": "x"}, "tags": [None, 7]})
