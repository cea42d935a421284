"""The rows on which naive code stumbles, each one seen on Discogs in some form."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from equigen.sandbox.entry import Entry

_FIRST_ID = 50_000
_UPLOADED_S = 1_488_436_388
_FOLK_WORLD = "Folk, World, & Country"


def make_oddities(newest_year: int) -> tuple[Entry, ...]:
    """Return the hand-made odd rows, always the same ones, none newer than `newest_year`.

    Ids are below 60,000. The last master and the last release share one id on purpose: the two
    kinds are numbered apart.
    """
    plain = Entry(
        id=0,
        kind="master",
        artist="",
        title="",
        year=min(2004, newest_year),
        genres=("Rock",),
        styles=("Indie Rock",),
        formats=("CD", "Album"),
        format_name="CD",
        country="US",
        master_id=None,
        picture=None,
        look="Rock",
    )
    rows = (
        *_odd_artists(plain),
        *_odd_titles(plain),
        *_odd_pictures(plain),
        *_odd_formats(plain),
        *_odd_tags(plain),
        *_odd_years(plain, newest_year),
    )
    ids = count(_FIRST_ID)
    numbered = [_numbered(row, next(ids)) for row in rows]
    shared_id = next(ids)
    twins = (
        replace(plain, artist="Gemini Post Office", title="Same Number, Different Door"),
        replace(plain, kind="release", artist="The Doorbells", title="Wrong Address"),
    )
    numbered += [
        replace(twin, id=shared_id, picture=f"R-{shared_id}-{_UPLOADED_S}-{kind}.jpeg")
        for kind, twin in zip(("1001", "1002"), twins, strict=True)
    ]
    return tuple(numbered)


def _numbered(row: Entry, new_id: int) -> Entry:
    """Give a row its id, and a picture of its own where it has the empty name."""
    if row.picture == "":
        return replace(row, id=new_id, picture=f"R-{new_id}-{_UPLOADED_S}-{new_id % 9000}.jpeg")
    return replace(row, id=new_id)


def _odd_artists(plain: Entry) -> Iterator[Entry]:
    own = replace(plain, picture="")
    for artist, title in (
        ("Prince Marmalade (2)", "Purple Toast"),
        ("Björn Åskväder*", "Homogenius"),
        ("Björn Åskväder", "Homogenius II"),
        ("Various", "Now That's What I Call Loopback"),
        ("Various", "Hits Of The Server Room"),
        ("Various Artists*", "Tribute To Nobody"),
        ("Unknown Artist", "Untitled"),
        ("No Artist", "Train Sounds Vol. 3"),
        ("007", "From Sandbox With Love"),
        ("None", "Nothing At All"),
        ("***", "* * *"),
        ("NaN", "Not A Number"),
        ("NULL", "Drop Table Albums"),
        ("1e10", "1927"),
        ("=SUM(A1)", "Spreadsheet Love"),
        ("Łukasz & The Ørsteds", "Café / Naïve"),
        ("e\u0301toile", "De\u0301compose\u0301"),
        ("../../etc", "passwd"),
        ("CON", "aux.jpg"),
        ("A" * 180, "Long " * 30 + "Title"),
    ):
        yield replace(own, artist=artist, title=title)
    # One artist under two labels: whoever splits by album only leaks it from train into test.
    yield replace(own, artist="Ottilie Vane", title="Left Hand", styles=("Hard Rock",))
    yield replace(
        own,
        artist="Ottilie Vane",
        title="Right Hand",
        genres=("Blues",),
        styles=("Chicago Blues",),
        look="Blues",
    )


def _odd_titles(plain: Entry) -> Iterator[Entry]:
    own = replace(plain, picture="", genres=("Jazz",), styles=("Contemporary Jazz",), look="Jazz")
    for artist, title in (
        ("Vera Holm", "Winter - Spring - Summer"),
        ("Jean - Luc Pontoise", "Entre - Deux"),
        ("The “Quotes”", "She Said \"Maybe\" & He Said 'No'"),
        ("Sam & Maxine", "AC/DC Adapter"),
        ("Tabitha\tKeys", "Column\tShift"),
        ("New\nLine", "Second\r\nRow"),
        ("Trailing Spaces ", "  Leading Spaces"),
        ("Ten <Angles>", "&amp; Entities?"),
        ("Comma, Quote", 'The 12" Mixes, Pt. 1'),
        ("夜の郵便局", "青い切手"),
        ("Ναυτίλος", "Θάλασσα"),
        ("🎷 Trio", "Emoji Suite"),
    ):
        yield replace(own, artist=artist, title=title)


def _odd_pictures(plain: Entry) -> Iterator[Entry]:
    reggae = replace(plain, genres=("Reggae",), styles=("Dub",), look="Reggae")
    yield replace(reggae, artist="Faceless Dub Unit", title="No Sleeve")
    yield replace(reggae, artist="Faceless Dub Unit", title="Plain White Label", kind="release")
    shared = f"R-49000-{_UPLOADED_S}-4900.jpeg"
    yield replace(reggae, artist="Twin Pressings", title="Side One", picture=shared)
    yield replace(reggae, artist="Twin Pressings", title="Side One (Deluxe)", picture=shared)
    yield replace(reggae, artist="Borrowed Sleeve", title="Not Ours", picture=shared)


def _odd_formats(plain: Entry) -> Iterator[Entry]:
    own = replace(plain, picture="", genres=("Electronic",), styles=("House",), look="Electronic")
    yield replace(
        own, artist="Tape Op", title="Ferric", formats=("Cassette", "Album"), format_name="Cassette"
    )
    # The flat list is silent about the cassette; only formats[].name tells.
    yield replace(
        own,
        kind="release",
        artist="Tape Op",
        title="Chrome",
        formats=("Album", "Stereo"),
        format_name="Cassette",
    )
    for title, formats in (
        ("Quick One", ("Vinyl", '7"', "45 RPM", "Single")),
        ("Club Mixes", ("Vinyl", '12"', "45 RPM", "Maxi-Single")),
        ("Leftovers", ("CD", "Compilation")),
        ("On Tour", ("DVD", "DVD-Video", "PAL")),
    ):
        yield replace(
            own, artist="Format Zoo", title=title, formats=formats, format_name=formats[0]
        )


def _odd_tags(plain: Entry) -> Iterator[Entry]:
    own = replace(plain, picture="")
    yield replace(own, artist="Nameless Style", title="Just Rock", styles=())
    yield replace(
        own,
        artist="Enid Blithe",
        title="Bedtime Stories",
        genres=("Non-Music",),
        styles=("Audiobook",),
        look="Folk",
    )
    # Its words stand in two styles, so neither style is Rhythm & Blues.
    yield replace(
        own,
        artist="Split Words",
        title="Rhythm Here, Blues There",
        genres=("Funk / Soul", "Blues"),
        styles=("Rhythm Section", "Piano Blues"),
        look="Rhythm & Blues",
    )
    yield replace(
        own,
        artist="Everything Everyone",
        title="All Of It",
        genres=("Rock", "Pop", "Jazz", _FOLK_WORLD, "Electronic", "Latin"),
        styles=("Pop Rock", "Soul-Jazz", "Country Rock", "Salsa", "Folk"),
        look="Pop",
    )


def _odd_years(plain: Entry, newest_year: int) -> Iterator[Entry]:
    own = replace(plain, picture="", genres=("Classical", "Jazz"), styles=("Smooth Jazz",))
    own = replace(own, look="Jazz")
    yield replace(own, artist="Undated Ensemble", title="Sine Anno", year=None)
    yield replace(own, artist="Undated Ensemble", title="Sine Loco", year=None, kind="release")
    yield replace(own, artist="Old Cylinder Band", title="First Takes", year=1931)
    yield replace(own, artist="Tomorrow's Combo", title="Out Today", year=newest_year)
