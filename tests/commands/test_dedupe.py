"""The dedupe stage on real files."""

from pathlib import Path

import pytest
from support import make_context, read_rows, write_rows

from equigen.commands import dedupe
from equigen.fetching.selection import Selection, Skip
from equigen.labels.taxonomy import builtin_queries
from equigen.schema import Album, Listing

SIGNED = "https://i.discogs.com/{}/rs:fit/g:sm/q:90/h:600/w:600/{}.jpeg"
# "s3://discogs-database-images/R-9913211-1488436388-9998.jpeg", as recorded.
CODE = "czM6Ly9kaXNjb2dz/LWRhdGFiYXNlLWlt/YWdlcy9SLTk5MTMy/MTEtMTQ4ODQzNjM4/OC05OTk4LmpwZWc"


def run_dedupe(folder: Path, *rows: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    """Dedupe rows of (artist, album, image_url) and return what stays."""
    cells = ({"artist": a, "album": b, "image_url": c, "year": "1999"} for a, b, c in rows)
    tsv = write_rows(folder / "equigen_dataset.tsv", *cells)
    summary = dedupe.run(make_context(folder))
    kept = read_rows(tsv)
    assert summary.rows_out == len(kept)
    assert {row["year"] for row in kept} == {"1999"}
    return [(row["artist"], row["album"], row["image_url"]) for row in kept]


def test_the_first_of_each_album_and_of_each_picture_stays(tmp_path: Path) -> None:
    """Pairs are settled first, then pictures among what is left."""
    rows = [
        ("A", "1", "u1"),
        ("A", "1", "u2"),
        ("B", "2", "u1"),
        ("B", "2", "u3"),
        ("C", "3", "u2"),
    ]
    # Row 4 repeats the pair of row 3, which stood first, though row 3 goes for its picture.
    assert run_dedupe(tmp_path, *rows) == [rows[0], rows[4]]


def test_discogs_pictures_are_one_whatever_their_signature(tmp_path: Path) -> None:
    """The stored file's name tells; other URLs are told apart to the letter."""
    old = "https://img.discogs.com/x=/fit-in/600x600/discogs-images/R-9913211-1488436388-9998.jpeg.jpg"
    rows = [
        ("A", "1", SIGNED.format("sig1", CODE)),
        ("B", "2", SIGNED.format("sig2", CODE)),
        ("C", "3", old),
        ("D", "4", "http://x/a.jpg"),
        ("E", "5", "http://x/a.jpg?v=2"),
    ]
    assert run_dedupe(tmp_path, *rows) == [rows[0], rows[3], rows[4]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("PRINCE", "Q"), ("Prince", "Q")),
        (("Prince", "Q"), ("Prince (2)", "Q")),
        (("Beatles*", "Q"), ("The Beatles", "Q")),
        (("Guns N' Roses", "Don't"), ("Guns N\u2019 Roses", "Don\u2019t")),
        (("A & B", "Q"), ("B And A", "Q")),
        (("Prince", "PURPLE  Rain\u200b"), ("Prince", "Purple Rain")),
        (("Prince", "\ufb01ve"), ("Prince", "FIVE")),
    ],
)
def test_spellings_of_one_album_are_one(
    tmp_path: Path, one: tuple[str, str], other: tuple[str, str]
) -> None:
    """Artists have one key, and titles differ in what is folded; `fetch` takes one of them too."""
    rows = [(*one, "https://a.example/1"), (*other, "https://a.example/2")]
    assert run_dedupe(tmp_path, *rows) == rows[:1]
    selection, label = Selection(), builtin_queries(genre_limit=3, world_limit=2)[0]
    nothing: tuple[str, ...] = ()
    verdicts = [
        selection.judge(
            Listing(a, b, "1999", url, url, nothing, nothing, "", nothing), label, year_asked=1999
        )
        for a, b, url in rows
    ]
    assert isinstance(verdicts[0], Album)
    assert verdicts[1:] == [Skip.KNOWN_ALBUM]


def test_other_albums_stay(tmp_path: Path) -> None:
    """Titles have articles, joins, numbers, marks and accents of their own; nobody is no artist."""
    titles = ["Q", "The Q", "Q (2)", "Q*", "Q & R", "R & Q", "\u00ca", "E", "Q.", "Q!"]
    nobody = ["", "Various", "Unknown Artist"]
    names = [*(("Prince", title) for title in titles), *((name, "Hits") for name in nobody)]
    rows = [(*each, f"https://a.example/{at}") for at, each in enumerate(names)]
    assert run_dedupe(tmp_path, *rows) == rows


def test_albums_without_a_title_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    """Only with the same artist and picture are two untitled albums one."""
    rows = [("A", "", "u1"), ("A", "", "u2"), ("A", "", "u1"), ("B", "", "u1")]
    assert run_dedupe(tmp_path, *rows) == [rows[0], rows[1], rows[3]]


def test_names_that_look_like_missing_values_are_names(tmp_path: Path) -> None:
    """NA, None, null, nan, True, 007 and 1e5 stay to the letter, and apart."""
    names = ["NA", "None", "null", "nan", "True", "007", "7", "1e5", "100000", ""]
    rows = [(name, name or "x", f"u{n}") for n, name in enumerate(names)]
    assert run_dedupe(tmp_path, *rows) == rows


def test_a_file_without_duplicates_is_not_rewritten(tmp_path: Path) -> None:
    """A second run leaves the very same file, without a helper column."""
    run_dedupe(tmp_path, ("A", "1", "u1"), ("A", "1", "u2"))
    tsv = tmp_path / "equigen_dataset.tsv"
    before = tsv.stat()
    assert dedupe.run(make_context(tmp_path)).dropped == {}
    assert tsv.stat().st_ino == before.st_ino
    assert tsv.read_text().splitlines()[0] == "artist\talbum\talbum_index\tgenre\tyear\timage_url"


def test_each_dropped_row_has_a_reason(tmp_path: Path) -> None:
    """The summary counts by reason."""
    write_rows(
        tmp_path / "equigen_dataset.tsv",
        {"artist": "A", "album": "1", "image_url": "u1"},
        {"artist": "A", "album": "1", "image_url": "u9"},
        {"artist": "B", "album": "1", "image_url": "u1"},
    )
    summary = dedupe.run(make_context(tmp_path))
    assert summary.dropped == {"same artist and album": 1, "same picture": 1}


def test_placeholders_are_no_picture_that_albums_share(tmp_path: Path) -> None:
    """Albums that lack a picture are not duplicates for it."""
    spacer = "https://st.discogs.com/x/images/spacer.gif"
    rows = [("A", "1", spacer), ("B", "2", spacer), ("C", "3", ""), ("D", "4", "")]
    assert run_dedupe(tmp_path, *rows) == rows


NEEDED = ("artist", "album", "album_index", "genre", "year", "image_url")
IDS = ("album_id", "also_known_as", "tracks")


def by_ids(folder: Path, *rows: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    """Dedupe rows of (album_id, also_known_as, tracks), return what stays; so does a rerun."""
    cells = (
        {"artist": f"A{n}", "album": f"B{n}", "image_url": f"u{n}", "year": "1999"}
        | dict(zip(IDS, row, strict=True))
        for n, row in enumerate(rows)
    )
    tsv = write_rows(folder / "equigen_dataset.tsv", *cells, columns=(*NEEDED, *IDS))
    summary = dedupe.run(make_context(folder))
    kept = read_rows(tsv)
    assert summary.rows_in == len(rows)
    assert summary.dropped == (
        {"same album by its ids": len(rows) - len(kept)} if len(kept) < len(rows) else {}
    )
    before = tsv.stat()
    assert dedupe.run(make_context(folder)).dropped == {}
    assert tsv.stat().st_ino == before.st_ino
    return [(row["album_id"], row["also_known_as"], row["tracks"]) for row in kept]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (
            [("a:1", "b:2", ""), ("c:3", "", ""), ("b:2", "d:4", "")],
            [("a:1", "b:2|d:4", ""), ("c:3", "", "")],
        ),
        ([("a:1", "", ""), ("b:2", "a:1", "")], [("a:1", "b:2", "")]),
        ([("a:1", "x:9", ""), ("b:2", "y:8|x:9", "")], [("a:1", "x:9|b:2|y:8", "")]),
        (
            [("a:1", "", "mbid:5 msd:TR1"), ("b:2", "", "msd:TR1 mbid:6|msd:TR2")],
            [("a:1", "b:2", "mbid:5 msd:TR1 mbid:6|msd:TR2")],
        ),
        (  # the first and the second are one by the third
            [("a:1", "", "msd:TR1"), ("", "x:9", ""), ("b:2", "x:9", "msd:TR1")],
            [("a:1", "x:9|b:2", "msd:TR1")],
        ),
        ([("", "", "msd:TR1"), ("", "", "msd:TR1")], [("", "", "msd:TR1")]),
        ([("a:1", "a:1", ""), ("", "b:2", "")], [("a:1", "a:1", ""), ("", "b:2", "")]),
        (  # as for `fetch`, half of the first one's tracks
            [("a:1", "", "msd:TR1|msd:TR2"), ("b:2", "", "msd:TR2|msd:TR3|msd:TR4")],
            [("a:1", "b:2", "msd:TR1|msd:TR2|msd:TR3|msd:TR4")],
        ),
        (
            [("a:1", "", "msd:TR1|msd:TR2|msd:TR3"), ("b:2", "", "msd:TR3")],
            [("a:1", "", "msd:TR1|msd:TR2|msd:TR3"), ("b:2", "", "msd:TR3")],
        ),
        (  # recordings are on many albums
            [("a:1", "", "mbid:5 msd:TR1"), ("b:2", "", "mbid:5|xmsd:TR1")],
            [("a:1", "", "mbid:5 msd:TR1"), ("b:2", "", "mbid:5|xmsd:TR1")],
        ),
    ],
)
def test_rows_that_share_an_id_are_one_album(
    tmp_path: Path, rows: list[tuple[str, str, str]], kept: list[tuple[str, str, str]]
) -> None:
    """Whatever they are called; the first stays and gets the ids of the others."""
    assert by_ids(tmp_path, *rows) == kept


def test_a_row_without_the_column_gets_the_ids_of_what_goes(tmp_path: Path) -> None:
    """Albums by one track of the Million Song Dataset are one; then names and pictures count."""
    tsv = write_rows(
        tmp_path / "equigen_dataset.tsv",
        {"album": "1", "artist": "A", "image_url": "u1", "album_id": "a:1", "tracks": "msd:TR1"},
        {"album": "2", "artist": "B", "image_url": "u2", "album_id": "b:2", "tracks": "msd:TR1"},
        {"album": "2", "artist": "B", "image_url": "u3", "album_id": "c:3"},
        {"album": "2", "artist": "B", "image_url": "u4", "album_id": "d:4"},
        columns=(*NEEDED, "album_id", "tracks"),
    )
    summary = dedupe.run(make_context(tmp_path))
    assert summary.dropped == {"same album by its ids": 1, "same artist and album": 1}
    assert [(row["album_id"], row["also_known_as"]) for row in read_rows(tsv)] == [
        ("a:1", "b:2"),
        ("c:3", ""),
    ]
