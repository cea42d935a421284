"""File and folder names from artists, titles and genres that nobody chose with files in mind."""

import io
import ntpath
import posixpath
import tarfile
import unicodedata
from itertools import combinations
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathvalidate import validate_filename
from support import examples
from webdataset import WebDataset

from equigen.dataset.covers import MAX_NAME_BYTES, cover_name, folder_name

HOSTILE = (
    "",
    " ",
    ".",
    "..",
    "...",
    "../../etc/passwd",
    "..\\..\\windows\\system32",
    "/etc/passwd",
    "C:\\boot.ini",
    "C:",
    "CON",
    "con.jpg",
    "NUL",
    "COM1",
    "LPT9",
    "AUX.h",
    "CONIN$",
    "CLOCK$",
    ".hidden",
    "~root",
    "-rf",
    "name.",
    "name ",
    " name",
    "name. . .",
    "AC/DC",
    'The "Best"',
    "a<b>c:d|e?f*g",
    "tab\there",
    "line\nbreak",
    "nul\0char",
    "bell\x07",
    "\x7f\x85\x9f",
    "\u2028\u2029",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "\ufeffbom",
    "\ud800",
    "a" * 300,
    "é" * 300,
    "e\u0301" * 300,
    "🎺" * 100,
    "👩‍👩‍👧‍👦" * 20,
    "한" * 200,
    "Z\u0351\u036f\u0348" * 80,
    "Sigur Rós",
    "Кино",
    "久石譲",
    "%2e%2e%2f",
    "$(reboot)",
    "`id`",
    "***",
)
TEXT = st.one_of(
    st.text(max_size=30),
    st.text(st.sampled_from('. /\\:*?"<>|\0\n\t\u200b\u202e\ud800éCONnul1$'), max_size=30),
    st.sampled_from(HOSTILE),
    st.text(st.sampled_from("éü한🎺aA."), min_size=70, max_size=320),
)
# What the dataset's cells hold: never a NUL or a lone surrogate.
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def name_of(artist: str, title: str) -> str:
    """Return the name of an album's cover, its identity and picture being the same."""
    return cover_name(artist, title, album_id="discogs:m1", picture="discogs:R-1-2.jpeg")


def check_valid(name: str) -> None:
    """Assert that a name is one path segment on Windows, macOS and Linux."""
    validate_filename(name, platform="universal")
    assert len(name.encode("utf-8")) <= MAX_NAME_BYTES
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert name.isprintable()
    assert unicodedata.is_normalized("NFC", name)


def check_valid_or_joined(name: str) -> None:
    """Assert as above, but for the joiners that some scripts need and that don't print alone."""
    validate_filename(name, platform="universal")
    assert len(name.encode("utf-8")) <= MAX_NAME_BYTES
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))


def folded(name: str, form: str) -> str:
    """Return a name as a file system that folds case and Unicode forms compares it."""
    if form == "NFC":
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def test_an_ordinary_name_can_be_read() -> None:
    """Artist and title stand in the name as people write them."""
    assert name_of("Sigur Rós", "Ágætis byrjun").startswith("Sigur Rós - Ágætis byrjun [")
    assert name_of("AC/DC", "Back in Black").startswith("AC_DC - Back in Black [")
    assert name_of("久石譲", "となりのトトロ").startswith("久石譲 - となりのトトロ [")
    assert name_of("Sigur Rós", "( )").endswith("].jpg")


# The reader leaves its file to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_covers_that_were_packed_as_they_are(tmp_path: Path) -> None:
    """Dots in names and titles are none in the file's name, where they would end a sample's key."""
    titles = ("Now! - Vol. 2", "...And Justice", "1.5", "St. Anger .", "a . b")
    artists = ("R.E.M.", "Dr. Dre", "AC/DC")
    names = [name_of(artist, title) for artist in artists for title in titles]
    with tarfile.open(tmp_path / "covers.tar", "w") as tar:
        for name in names:
            member = tarfile.TarInfo(f"Hip Hop/{name}")
            member.size = len(name.encode())
            tar.addfile(member, io.BytesIO(name.encode()))
    samples = list(WebDataset(str(tmp_path / "covers.tar"), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [
        f"Hip Hop/{name.removesuffix('.jpg')}" for name in names
    ]
    assert [sample["jpg"].decode() for sample in samples] == names
    assert names[0].startswith("R_E_M - Now! - Vol 2 [")


@pytest.mark.long_after(52)
@pytest.mark.parametrize(
    "title", ["", "Title", "..", "x" * 400], ids=["none", "some", "up", "long"]
)
@pytest.mark.parametrize("artist", HOSTILE, ids=lambda artist: ascii(artist)[:20])
def test_hostile_artists_have_valid_names(artist: str, title: str) -> None:
    """Paths, device names, control characters and endless names are ordinary artists."""
    check_valid_or_joined(name_of(artist, title))
    check_valid_or_joined(name_of(title, artist))


@pytest.mark.parametrize("genre", HOSTILE, ids=lambda genre: ascii(genre)[:20])
def test_hostile_genres_have_valid_folders(genre: str) -> None:
    """A genre cell of any kind is one folder below the images folder, never above or beside."""
    check_valid_or_joined(folder_name(genre))


@given(TEXT, TEXT, TEXT, TEXT)
@examples(200)
def test_any_album_has_a_valid_name(artist: str, title: str, album_id: str, picture: str) -> None:
    """No artist, title, id or picture makes a name that a system refuses."""
    name = cover_name(artist, title, album_id=album_id, picture=picture)
    check_valid_or_joined(name)
    assert name.endswith("].jpg")


@given(TEXT)
@examples(200)
def test_any_genre_has_a_valid_folder(genre: str) -> None:
    """No genre cell makes a folder that a system refuses, and its folder is its own folder."""
    folder = folder_name(genre)
    check_valid_or_joined(folder)
    assert folder_name(folder) == folder


@given(TEXT, TEXT, TEXT)
@examples(200)
def test_any_cover_lies_in_a_folder_of_its_own_genre(artist: str, title: str, genre: str) -> None:
    """On Linux and on Windows, a path of both names is two steps below the root, and no others."""
    name = cover_name(artist, title, album_id="", picture="")
    for kind in (PurePosixPath, PureWindowsPath):
        assert kind("root", folder_name(genre), name).parts == ("root", folder_name(genre), name)
    path = posixpath.normpath(f"/root/{folder_name(genre)}/{name}")
    assert path == f"/root/{folder_name(genre)}/{name}"
    assert ntpath.splitdrive(name) == ("", name)


@pytest.mark.parametrize(
    "text",
    ["x" * 10_000, "e\u0301" * 10_000, "Z" + "\u0351" * 10_000, "../" * 10_000, "\0" * 10_000],
)
def test_endless_texts_have_names_as_well(text: str) -> None:
    """Ten thousand letters, marks on one letter, or steps upwards."""
    for name in (folder_name(text), name_of(text, text)):
        check_valid_or_joined(name)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=20))
@examples(100)
def test_names_of_letters_and_marks_are_printable_and_composed(artist: str) -> None:
    """What people see in a file list is all there is, in one Unicode form."""
    check_valid(name_of(artist, "Title"))


def test_invisible_characters_do_not_stay() -> None:
    """Marks that turn the reading direction or hide themselves are left out."""
    assert name_of("\u202egnp.exe", "a\u200bb\ufeff").startswith("gnp_exe - ab [")


@given(st.lists(st.tuples(CELL, CELL, CELL, CELL), unique=True, min_size=2, max_size=6))
@examples(100)
def test_distinct_albums_never_share_a_name(albums: list[tuple[str, str, str, str]]) -> None:
    """Also where a file system folds case or Unicode forms, each album has its own file."""
    names = [cover_name(a, t, album_id=i, picture=p) for a, t, i, p in albums]
    for form in ("NFC", "NFD"):
        assert len({folded(name, form) for name in names}) == len(albums)


def test_look_alikes_have_names_of_their_own() -> None:
    """Case, Unicode form, unsafe characters, cuts and missing words don't merge albums."""
    pairs = [
        ("Prince", "1999"),
        ("prince", "1999"),
        ("PRINCE", "1999"),
        ("Prince - 1999", ""),
        ("", "Prince - 1999"),
        ("Prince?", "1999"),
        ("Prince*", "1999"),
        ("Prince.", "1999"),
        ("Björk", "Post"),
        ("Bjo\u0308rk", "Post"),
        ("Straße", "x"),
        ("STRASSE", "x"),
        ("a" * 300, "b"),
        ("a" * 300, "c"),
        ("a" * 301, "b"),
        ("", ""),
        ("?", ""),
        ("", "?"),
        (".", "."),
    ]
    names = [name_of(artist, title) for artist, title in pairs]
    for form in ("NFC", "NFD"):
        for (left, one), (right, two) in combinations(zip(pairs, names, strict=True), 2):
            assert folded(one, form) != folded(two, form), (left, right)


def test_each_value_of_an_album_tells_it_apart() -> None:
    """Albums that differ in id or picture alone have names of their own."""
    names = {
        cover_name("A", "T", album_id=album_id, picture=picture)
        for album_id in ("discogs:m1", "discogs:r1", "")
        for picture in ("discogs:R-1.jpeg", "discogs:R-2.jpeg", "")
    }
    assert len(names) == 9


def test_a_name_stays_the_same_for_ever() -> None:
    """The tag is a digest of the values, not of a run, a platform or an order."""
    assert name_of("Björk", "Post") == "Björk - Post [393eefc8].jpg"


def test_a_long_name_is_cut_between_characters() -> None:
    """A cut name is as long as it can be and holds no half character."""
    name = name_of("é" * 300, "x")
    assert 253 <= len(name.encode()) <= 255
    assert set(name.partition(" [")[0]) == {"é"}


def test_folders_of_the_labels_are_their_names() -> None:
    """Ordinary genres keep their name as a folder."""
    for genre in ("Rhythm & Blues", "K-Pop", "New Age", "World"):
        assert folder_name(genre) == genre


def test_a_genre_without_a_usable_character_has_a_folder_all_the_same() -> None:
    """Nothing is written into the images folder itself."""
    assert folder_name("") == "_"
    assert folder_name("..") == "_"
    assert folder_name("CON") not in {"CON", "con"}
