"""Identities of whole columns: the same answers as the functions for one value, much faster.

Each fast way is taken only for values of which it is proven that both agree; for all others the
function itself is called.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import polars as pl

from equigen.identity.albums import title_key
from equigen.identity.artists import (
    ARTICLES,
    JOIN_WORDS,
    NOBODY,
    bare_artist,
    clean_artist,
    credit_key,
)
from equigen.identity.pictures import (
    MBID,
    clean_url,
    has_no_cover,
    host_of,
    is_placeholder,
    picture_key,
)

# Letters that no cleaning changes: each is its own NFC and composes with nothing before it, is no
# white space, no asterisk and no opening parenthesis. ASCII, Latin, Cyrillic, Kana, Han, Hangul.
PLAIN_LETTERS: Final = (
    r"!-')+-~\x{a1}-\x{2ff}\x{400}-\x{482}\x{48a}-\x{52f}\x{3041}-\x{3096}\x{30a1}-\x{30fa}"
    r"\x{4e00}-\x{9fff}\x{ac00}-\x{d7a3}"
)
_PLAIN_NAME: Final = f"^[{PLAIN_LETTERS}]+(?: [{PLAIN_LETTERS}]+)*$"
# Letters of titles and of artists that folding changes by lower case alone: each is its own NFKC,
# also in lower case, which is its case folding, and no typographic mark. Artists have no bracket,
# asterisk or sign that joins them.
_FOLDED_BY_CASE: Final = (
    r"\x{c0}-\x{d6}\x{d8}-\x{de}\x{e0}-\x{12f}\x{131}\x{134}-\x{13e}\x{141}-\x{148}\x{14a}-\x{17e}"
    r"\x{400}-\x{481}\x{48a}-\x{52f}\x{3041}-\x{3096}\x{30a1}-\x{30fa}\x{4e00}-\x{9fff}"
    r"\x{ac00}-\x{d7a3}"
)
TITLE_LETTERS: Final = rf"!-_a-~{_FOLDED_BY_CASE}"
ARTIST_LETTERS: Final = rf"!-%'\-.0-:<>-Z\\^_a-{{}}~{_FOLDED_BY_CASE}"
_PLAIN_TITLE: Final = f"^[{TITLE_LETTERS}]+(?: [{TITLE_LETTERS}]+)*$"
_PLAIN_ARTIST: Final = f"^[{ARTIST_LETTERS}]+(?: [{ARTIST_LETTERS}]+)*$"
_MAY_BE_JOINED: Final = rf"'n'|- | -|(?:^| )(?:feat|ft)[.:]| (?:{JOIN_WORDS}) "
_THE: Final = "the "
_HAS_ARTICLE: Final = f"^(?:{'|'.join(sorted(ARTICLES))}) "

# Subsets of what `picture_key` looks for, of addresses as the services give them out.
_SIGNED: Final = (
    r"^https?://[a-z0-9.-]+/[A-Za-z0-9_-]+(?:/[a-z]+:[a-z0-9]+)+"
    r"/czM6Ly9[A-Za-z0-9_/-]+\.jpe?g$"
)
_CODE: Final = "/czM6Ly9"
_STORED: Final = "s3://discogs-database-images/"
_OLD: Final = (
    r"^https?://(?:api-)?img\.discogs\.com/[A-Za-z0-9_-]+=*/fit-in/[0-9]+x[0-9]+"
    r"/filters:[a-z_():0-9]+/discogs-images/([RALM]-[0-9][0-9-]*\.(?:jpe?g|png|gif))\.jpg$"
)
_SIZED: Final = r"/[RALM]-(?:90|150)-"
_FRONT: Final = (
    rf"^https?://coverartarchive\.org/release(?:-group)?/({MBID})/front(?:-[0-9]{{1,5}})?$"
)
_SPOTIFY: Final = r"^https?://[a-z0-9.:-]+/image/ab67616d0000[0-9a-f]{4}([0-9a-f]{24})$"
_PRINTABLE: Final = "^[!-~]+$"
_ASKABLE: Final = r"^https?://([a-z0-9-][a-z0-9.-]*)(?::[0-9]{1,5})?/[!-~]*$"
_MAY_BE_UNCLEAN: Final = r"^[^!-~]|[^!-~]$|&[#A-Za-z][0-9A-Za-z]*;|[^ -~]"
_MAY_BE_EMPTY: Final = r"(?i)spacer\.gif|default-release|st\.discogs\.com"
_TELLING: Final = (
    r"(?i)/[a-z]+:|discogs\.com|/release|/image/ab67616d0000|spacer\.gif|default-release"
)
_MSD_TRACK: Final = r"msd:TR[^|\s\x1c-\x1f]*"


class Duplicate(StrEnum):
    """The reasons why a row is a duplicate; their texts appear in summaries."""

    IDS = "same album by its ids"
    ALBUM = "same artist and album"
    PICTURE = "same picture"


def clean_artists(names: pl.Series) -> pl.Series:
    """Return `clean_artist` of each name."""
    return _with_exact(names, names, ~names.str.contains(_PLAIN_NAME), clean_artist)


def albums_by(rows: pl.DataFrame) -> pl.DataFrame:
    """Return columns that are the same where `album_key` is, of some rows of the TSV."""
    ids = rows["album_id"]
    at = (ids == "").arg_true()
    few = rows[at]
    names, nothing = few["artist"], pl.repeat(None, len(rows), dtype=pl.String, eager=True)
    bare = _with_exact(names, names, ~names.str.contains(_PLAIN_NAME), bare_artist)
    told = {
        "artist": bare.str.replace_all("*", "", literal=True),
        "album": few["album"],
        "picture": picture_keys(few["image_url"]),
    }
    cells = {name: nothing.clone().scatter(at, each) for name, each in told.items()}
    return pl.DataFrame({"album_id": ids, **cells})


def title_keys(titles: pl.Series) -> pl.Series:
    """Return `title_key` of each title."""
    odd = ~titles.str.contains(_PLAIN_TITLE)
    return _with_exact(titles.str.to_lowercase(), titles, odd, title_key)


def identities(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what albums are recognised by, of rows with `artist`, `album` and `image_url`.

    The columns `artist` (cleaned), `picture`, `names` and `single` are as `Identity` has them.
    """
    artists = clean_artists(rows["artist"])
    single = single_keys(artists)
    frame = pl.DataFrame(
        {
            "artist": artists,
            "picture": picture_keys(rows["image_url"]),
            "credit": _with_exact(single, artists, single.is_null(), credit_key),
            "title": title_keys(rows["album"]),
            "single": single,
        }
    )
    title = pl.col("title")
    named = pl.concat_str("credit", pl.lit("\0"), title)
    names = pl.when(title == "").then(pl.lit("")).otherwise(named)
    return frame.select("artist", "picture", names.alias("names"), "single")


def credit_keys(names: pl.Series) -> pl.Series:
    """Return `credit_key` of each name."""
    single = single_keys(names)
    return _with_exact(single, names, single.is_null(), credit_key)


def single_keys(names: pl.Series) -> pl.Series:
    """Return `artist_key` of each name that is plainly that of one artist, null for others.

    Such a name has no `parts_of` and no `sides_of`.
    """
    lower = names.str.to_lowercase()
    bare = lower.str.strip_prefix(_THE)
    odd = (
        ~names.str.contains(_PLAIN_ARTIST)
        | lower.str.contains(_MAY_BE_JOINED)
        | bare.str.contains(_HAS_ARTICLE)
        | bare.is_in(list(NOBODY))
    )
    return bare.set(odd, None)


def _with_exact(
    answers: pl.Series, cells: pl.Series, odd: pl.Series, exact: Callable[[str], str]
) -> pl.Series:
    """Put the exact answers into those of the fast way where cells are odd, one for each value."""
    at = odd.arg_true()
    if not len(at):
        return answers
    found = cells.gather(at).to_list()
    known = {cell: exact(cell) for cell in set(found)}
    return answers.clone().scatter(at, [known[cell] for cell in found])


def clean_urls(cells: pl.Series) -> pl.Series:
    """Return `clean_url` of each cell."""
    odd = cells.str.contains(_MAY_BE_UNCLEAN).arg_true()
    if not len(odd):
        return cells
    return cells.clone().scatter(odd, [clean_url(cell) for cell in cells.gather(odd).to_list()])


def picture_keys(urls: pl.Series) -> pl.Series:
    """Return `picture_key` of each URL."""
    return _keys(urls, placeholders_too=True)


def hosts(urls: pl.Series) -> pl.Series:
    """Return `host_of` each URL."""
    found = urls.str.extract(_ASKABLE).str.strip_chars_end(".")
    return _with_exact(found, urls, found.is_null(), host_of)


def picture_hosts(urls: pl.Series) -> pl.Series:
    """Return `host_of` each URL, "" where it `has_no_cover`."""
    hosts = urls.str.extract(_ASKABLE).str.strip_chars_end(".")
    odd = (hosts.is_null() | urls.str.contains(_MAY_BE_EMPTY)).arg_true()
    exact = ["" if has_no_cover(url) else host_of(url) for url in urls.gather(odd).to_list()]
    return hosts.scatter(odd, exact) if exact else hosts


def shown_pictures(urls: pl.Series) -> pl.Series:
    """Return `picture_key` of each URL, "" where it is a placeholder: that is no picture."""
    return _keys(urls, placeholders_too=False)


def _keys(urls: pl.Series, *, placeholders_too: bool) -> pl.Series:
    keys = _signed_keys(urls)
    others = keys.is_null().arg_true()
    if not len(others):
        return keys
    rest = urls.gather(others)
    found = _other_keys(rest)
    odd = found.is_null().arg_true()
    exact = [
        picture_key(url) if placeholders_too or not is_placeholder(url) else ""
        for url in rest.gather(odd).to_list()
    ]
    return keys.scatter(others, found.scatter(odd, exact) if exact else found)


def _signed_keys(urls: pl.Series) -> pl.Series:
    """Return the keys of Discogs' signed addresses, null for others."""
    url, code, stored = pl.col("url"), pl.col("code"), pl.col("stored")
    name = stored.str.strip_prefix(_STORED)
    is_whole = stored.str.starts_with(_STORED) & ~name.str.contains("/", literal=True)
    frame = (
        urls.alias("url")
        .to_frame()
        # A slice from where the code is found takes a tenth of the time of a captured group.
        .select(
            code=pl.when(url.str.contains(_SIGNED)).then(
                url.str.slice(url.str.find(_CODE, literal=True))
                .str.strip_suffix(".jpeg")
                .str.strip_suffix(".jpg")
                .str.replace_all("/", "", literal=True)
            )
        )
        .with_columns(
            code=code.str.replace_all("-", "+", literal=True).str.replace_all(
                "_", "/", literal=True
            )
        )
        # To a multiple of four, as base64 has it; with a rest of one it is none.
        .with_columns(
            code=code
            + pl.when(code.str.len_bytes() % 4 == 2)  # noqa: PLR2004
            .then(pl.lit("=="))
            .when(code.str.len_bytes() % 4 == 3)  # noqa: PLR2004
            .then(pl.lit("="))
            .otherwise(pl.lit(""))
        )
        .select(stored=code.str.decode("base64", strict=False).cast(pl.String, strict=False))
        .select(key=pl.when(is_whole).then(pl.lit("discogs:") + name))
    )
    return frame["key"]


def _other_keys(urls: pl.Series) -> pl.Series:
    """Return the keys of addresses that are their own keys or have the services' forms."""
    url = pl.col("url")
    is_own = url.str.contains(_PRINTABLE) & ~url.str.contains(_TELLING)
    of_old = pl.when(~url.str.contains(_SIZED)).then(pl.lit("discogs:") + url.str.extract(_OLD))
    of_front = pl.lit("coverart:") + url.str.extract(_FRONT)
    of_spotify = pl.lit("spotify:") + url.str.extract(_SPOTIFY)
    own = pl.when(is_own).then(url)
    frame = urls.alias("url").to_frame()
    return frame.select(key=pl.coalesce(own, of_old, of_front, of_spotify))["key"]


def further_ids(rows: pl.DataFrame) -> pl.DataFrame:
    """Return hashes of `ids_elsewhere` of some rows of the TSV, each with its `row`, from 0.

    A few may be of what is no id.
    """
    cells = rows.select("also_known_as", "tracks").with_row_index("row")
    also = cells.filter(pl.col("also_known_as") != "")
    tracks = cells.filter(pl.col("tracks").str.contains("msd:TR", literal=True))
    found = (
        also.select("row", id=pl.col("also_known_as").str.split("|")),
        tracks.select("row", id=pl.col("tracks").str.extract_all(_MSD_TRACK)),
    )
    ids = pl.concat(each.explode("id") for each in found).filter(pl.col("id") != "")
    return ids.with_columns(pl.col("id").hash())


def sharing_ids(own: pl.Series, elsewhere: pl.DataFrame) -> pl.Series:
    """Return the rows, in order, that share an id which one of them has from elsewhere.

    `own` are the hashes of the rows' `album_id`, `elsewhere` those of `further_ids`.
    """
    ids = own.alias("id").to_frame().with_row_index("row").join(elsewhere, on="id", how="semi")
    repeated, every = pl.col("id").is_duplicated(), pl.concat([elsewhere, ids])
    return every.filter(repeated).unique().filter(repeated)["row"].unique().sort()


def find_duplicates(rows: pl.DataFrame) -> pl.Series:
    """Return the reason why each row is a duplicate of an earlier one; null where it is kept.

    `rows` has the `artist` cells, `title` as `title_keys` returns it, and `picture` as
    `shown_pictures` does. The first row of each album, told by its names as `names_key` has it, is
    kept, then the first of each picture. An album without a title is only a duplicate of one with
    the same artist, (empty) title and picture, since many different albums of an artist may lack
    theirs.
    """
    # Only rows whose title repeats can repeat an album: the artists of all others don't matter.
    repeating = rows["title"].is_duplicated().arg_true()
    artist, title, picture = pl.col("artist"), pl.col("title"), pl.col("picture")
    some = rows[repeating].with_columns(credit_keys(rows["artist"].gather(repeating)))
    # No cell holds a NUL: nothing else is written like this.
    untitled = pl.concat_str(artist, pl.lit("\0\0"), picture)
    names = some.select(
        pl.when(title != "").then(pl.concat_str(artist, pl.lit("\0"), title)).otherwise(untitled)
    ).to_series()
    albums = repeating.filter(~names.is_first_distinct())
    is_album = pl.repeat(value=False, n=rows.height, eager=True).scatter(albums, values=True)
    shown = (~is_album & (rows["picture"] != "")).arg_true()
    repeated = ~rows["picture"].gather(shown).is_first_distinct()
    titled = rows["title"].gather(shown) != ""
    why = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
    why = why.scatter(shown.filter(repeated & titled), str(Duplicate.PICTURE))
    return why.scatter(albums, str(Duplicate.ALBUM))
