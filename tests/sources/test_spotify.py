"""Spotify's pages: what was recorded, what is deprecated or damaged, and what the terms forbid."""

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from crawls import context_of, crawl_env
from pydantic import SecretStr
from support import equigen, make_context, realdata

from equigen.commands import fetch, report, status
from equigen.config.layers import Config, load
from equigen.config.settings import defaults
from equigen.config.source_settings import Credentials, SpotifySettings
from equigen.errors import BadBodyError, ConfigError
from equigen.identity.artists import somebodys_ids
from equigen.labels.matches import Matches
from equigen.labels.taxonomy import fits, load_taxonomy
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.spotify import SpotifySandbox
from equigen.schema import Listing
from equigen.sources.base import CrawlSource, licence_of, may_republish, open_named
from equigen.sources.spotify import LICENCE, Spotify, open_source

URL = "https://api.spotify.com/v1/artists/1/albums"
ARTIST = "08td7MxkoHQkXnWAYD8d6Q"


def make_source(genres: Sequence[str] = ("jazz",), **settings: Any) -> Spotify:  # noqa: ANN401
    """Return the source with some settings, which asks nobody."""
    return Spotify(SpotifySettings(**settings), genres, {})


def albums_task(source: Spotify, artist: str = ARTIST) -> str:
    """Return the first page of an artist's albums."""
    body = {"artists": {"items": [{"id": artist, "type": "artist"}]}}
    (lead,) = source.read(source.seeds()[0].key, json.dumps(body).encode(), url=URL).leads
    return lead.key


def read_albums(answer: object, **settings: Any) -> tuple[Listing, ...]:  # noqa: ANN401
    """Read a page of albums."""
    source = make_source(**settings)
    return source.read(albums_task(source), json.dumps(answer).encode(), url=URL).listings


def read_artists(answer: object) -> list[tuple[str, tuple[str, ...]]]:
    """Read a page of a search for jazz: each artist's id with the genres for its albums."""
    source = make_source()
    page = source.read(source.seeds()[0].key, json.dumps(answer).encode(), url=URL)
    found = [(json.loads(lead.key), lead.genres) for lead in page.leads]
    return [(key[2], genres) for key, genres in found if key[1] == "albums"]


def recorded(name: str) -> Any:  # noqa: ANN401
    """Read a recorded answer."""
    file = realdata("spotify", name)
    body = file.read_bytes()
    return json.loads(gzip.decompress(body) if file.suffix == ".gz" else body)


def bodies() -> Iterator[tuple[str, object]]:
    """Yield every recorded body of JSON, also those within exchanges."""
    for file in sorted(realdata("spotify").glob("*.json*")):
        if file.suffix == ".jsonl":
            yield from (
                (file.name, json.loads(line))
                for line in file.read_text(encoding="utf-8").splitlines()
            )
            continue
        found = recorded(file.name)
        if file.name.startswith("http_exchanges"):
            yield from (
                (f"{file.name} {exchange['request']['url']}", exchange["response"]["body"])
                for cassette in found
                for exchange in cassette["exchanges"]
            )
        else:
            yield file.name, found


def test_every_recorded_answer_is_read_or_refused() -> None:
    """Whatever Spotify ever answered is a page, or an error of ours."""
    source = make_source()
    tasks = [source.seeds()[0].key, albums_task(source)]
    read = 0
    for _, found in bodies():
        for task in tasks:
            with suppress(BadBodyError):
                page = source.read(task, json.dumps(found).encode(), url=URL)
                read += bool(page.listings or page.leads)
    assert read >= 8


def every_album() -> list[dict[str, Any]]:
    """Return the recorded albums, whole ones and those of a page."""
    found = [
        recorded(name)
        for name in (
            "album_10FLjwfpbxLmW8c25Xyc2N_harmony.json", "album_info_beets.json",
            "album_jmperez.json", "albums_jmperez.json", "multiartist_album_beets.json",
        )
    ]  # fmt: skip
    found += recorded("find_albums_zmb3.json.gz")["albums"]
    for name in "artist_albums_jmperez.json", "artist_albums_limit_2_jmperez.json":
        found += recorded(name)["items"]
    return found


def test_every_recorded_album_is_a_listing() -> None:
    """Each has its id, name, licence and a cover of the wanted size."""
    albums = every_album()
    listings = read_albums({"items": albums})
    assert len(listings) == len(albums) > 25
    for album, listing in zip(albums, listings, strict=True):
        assert listing.album_id == f"spotify:{album['id']}"
        assert listing.title == album["name"].strip()
        sizes = {image["url"]: image["width"] for image in album["images"]}
        assert sizes[listing.image_url] == max(sizes.values())
        assert "no training" in listing.licence


def test_recorded_albums_have_their_artists_and_years() -> None:
    """All artists in the order of the credit, with ids; a date may be an object."""
    joint = read_albums({"items": [recorded("multiartist_album_beets.json")]})[0]
    assert joint.artist == "Project Skylate, Sugar Shrill"
    assert len(joint.artist_ids) == 2
    assert all(each.startswith("spotify:") for each in joint.artist_ids)
    various = read_albums({"items": [recorded("album_info_beets.json")]})[0]
    assert various.artist == "Various Artists"
    assert somebodys_ids(various.artist_ids) == []
    assert read_albums({"items": [recorded("album_jmperez.json")]})[0].year == "1983"


@pytest.mark.parametrize(("wanted", "size"), [(640, 640), (300, 300), (64, 64)])
def test_the_cover_has_the_wanted_size(wanted: int, size: int) -> None:
    """Spotify has three sizes of each cover."""
    album = recorded("album_info_beets.json")
    address = read_albums({"items": [album]}, cover_px=wanted)[0].image_url
    assert {image["url"]: image["width"] for image in album["images"]}[address] == size


def album(**changes: object) -> dict[str, object]:
    """Return an album as the API of 2026 gives it."""
    return {
        "album_type": "album",
        "artists": [{"id": ARTIST, "name": "Tania", "type": "artist"}],
        "id": "10FLjwfpbxLmW8c25Xyc2N",
        "images": [{"url": "https://i.scdn.co/image/1", "height": 640, "width": 640}],
        "name": "One",
        "release_date": "1998-05-01",
        "release_date_precision": "day",
        "type": "album",
        **changes,
    }


def one(**changes: object) -> Listing:
    """Return an album, changed, as a listing."""
    (listing,) = read_albums({"items": [album(**changes)]})
    return listing


@pytest.mark.parametrize(
    ("date", "year"),
    [("1998", "1998"), ("1998-05", "1998"), ("1998-05-01", "1998"),
     ({"year": 1983, "month": 10, "day": 14}, "1983"), ({"year": "1983"}, "1983"),
     ({}, ""), ({"year": None}, ""), ("0000", ""), ("0000-00-00", ""), ("soon", ""), ("19", ""),
     (1998, ""), (None, ""), ([1998], ""), ("\u0661\u0669\u0669\u0668", "")],
)  # fmt: skip
def test_a_date_of_any_precision_has_a_year(date: object, year: str) -> None:
    """Years, months, days, objects of very old answers, and dates that are none."""
    assert one(release_date=date).year == year


def test_an_album_without_a_date_is_taken_without_a_year() -> None:
    """Old lists of albums have none."""
    plain = album()
    del plain["release_date"]
    assert read_albums({"items": [plain]})[0].year == ""


@pytest.mark.parametrize(
    ("images", "address"),
    [
        ([], ""), (None, ""), ("https://i.scdn.co/image/1", ""), ([None, 3, "x", {}], ""),
        ([{"url": "ftp://i.scdn.co/1"}], ""), ([{"url": 5}], ""),
        ([{"url": "https://i.scdn.co/" + "1" * 5000}], ""),
        ([{"url": "https://a/1", "width": None, "height": None}], "https://a/1"),
        ([{"url": "https://a/1"}, {"url": "https://a/2", "width": 600}], "https://a/2"),
        ([{"url": "https://a/1", "width": 64}, {"url": "https://a/2", "height": 300}], "https://a/2"),
        ([{"url": "https://a/1", "width": "640"}, {"url": "https://a/2", "width": -1}], "https://a/1"),
    ],
)  # fmt: skip
def test_pictures_may_be_missing_or_of_other_sizes(images: object, address: str) -> None:
    """The nearest size is taken; an album without any has no cover."""
    assert one(images=images).image_url == address


def test_texts_are_made_fit_for_cells() -> None:
    """Control characters, long names and names that are none."""
    odd = one(
        name="A\tB\n" + "x" * 2000,
        artists=[{"name": "Tyler, The Creator"}, {"name": None}, None, {"name": "A\0B", "id": "?"}],
        album_type=["album"],
    )
    assert odd.title.startswith("A B x")
    assert len(odd.title) == 1000
    assert odd.artist == "Tyler, The Creator, A B"
    assert odd.artist_ids == ()
    assert odd.formats == ()


@pytest.mark.parametrize(
    "item",
    [None, 3, "x", [], {}, {"id": 5}, {"id": "short", "type": "album"}, album(type="artist"),
     album(id="10FLjwfpbxLmW8c25Xyc2/"), album(id="\u0661" * 22)],
)  # fmt: skip
def test_what_is_no_album_is_counted(item: object) -> None:
    """The others on its page are taken."""
    source = make_source()
    body = json.dumps({"items": [item, album()]}).encode()
    page = source.read(albums_task(source), body, url=URL)
    assert len(page.listings) == page.others == 1


@pytest.mark.parametrize(
    ("given", "genres"),
    [({}, ("jazz",)), ({"genres": []}, ("jazz",)), ({"genres": None}, ("jazz",)),
     ({"genres": ["Bop", 3, ""]}, ("Bop",)), ({"genres": ["bop", "funk"]}, ("bop", "funk"))],
)  # fmt: skip
def test_genres_of_artists_are_missing_empty_or_given(
    given: dict[str, object], genres: tuple[str, ...]
) -> None:
    """They are deprecated: without them the genre that was searched for counts."""
    artist = {"id": ARTIST, "name": "Tania", "type": "artist", **given}
    assert read_artists({"artists": {"items": [artist]}}) == [(ARTIST, genres)]


def test_recorded_searches_lead_to_artists() -> None:
    """Also one that finds nobody, as a search for a genre may do today."""
    assert read_artists(recorded("search_artist_zmb3.json")) == [(ARTIST, ("jazz",))]
    assert len(read_artists(recorded("search_artist_jmperez.json"))) == 1
    assert read_artists({"artists": {"items": [], "total": 0, "next": None}}) == []


BROKEN = (
    b"", b"{", b"[]", b"null", b"<html>", b'{"items": 3}', b'{"artists": []}', b'{"artists": {}}',
    b'{"artists": {"items": {}}}', b'{"error": {"status": 500}}', b"[" * 100_000,
    json.dumps({"items": [album()] * 101, "artists": {"items": [{}] * 101}}).encode(),
)  # fmt: skip


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_a_damaged_body_is_refused(body: bytes) -> None:
    """It is asked for again, and never taken for an empty page."""
    source = make_source()
    for task in source.seeds()[0].key, albums_task(source):
        with pytest.raises(BadBodyError, match=URL):
            source.read(task, body, url=URL)


@pytest.mark.parametrize(
    ("paging", "goes_on"),
    [
        ({"next": "https://x", "total": 31}, True), ({"next": None, "total": 31}, True),
        ({"next": "https://x", "total": 1}, True), ({"next": None, "total": 10}, False),
        ({"next": None}, False), ({}, False), ({"next": 3, "total": "31"}, False),
        ({"next": "", "total": None}, False), ({"next": None, "total": 1e300}, True),
    ],
)  # fmt: skip
def test_a_page_leads_on_by_its_address_or_by_the_count(
    paging: dict[str, object], *, goes_on: bool
) -> None:
    """Either may be wrong; a page without items is the last one."""
    source = make_source()
    task = albums_task(source)
    for items, expected in ([album()], goes_on), ([], False):
        page = source.read(task, json.dumps({"items": items, **paging}).encode(), url=URL)
        assert len(page.leads) == expected
    for lead in page.leads:
        assert dict(source.request(lead.key).params)["offset"] == "10"


def test_no_page_is_past_what_the_service_gives_out() -> None:
    """The offset of a search is 1,000 at most, and a wrong `next` comes to an end."""
    source = make_source(artists_per_genre=1000)
    endless = json.dumps(
        {
            "artists": {"items": [{"id": ARTIST}], "next": "https://x"},
            "items": [album()],
            "next": "x",
        }
    ).encode()
    for first, last in (source.seeds()[0].key, 1000), (albums_task(source), 20_000):
        task, offsets = first, [0]
        while further := [
            lead.key
            for lead in source.read(task, endless, url=URL).leads
            if json.loads(lead.key)[1:3] == json.loads(task)[1:3]
        ]:
            (task,) = further
            offsets.append(int(dict(source.request(task).params)["offset"]))
        assert offsets == list(range(0, last + 1, 10))


def test_requests_are_those_of_2026() -> None:
    """Ten a page, the genre quoted, and the market only where one is set."""
    source = make_source(("folk & country",), market="GB", album_type="single")
    search = source.request(source.seeds()[0].key)
    assert search.url == "https://api.spotify.com/v1/search"
    assert search.params == (
        ("q", 'genre:"folk & country"'), ("type", "artist"), ("market", "GB"),
        ("limit", "10"), ("offset", "0"),
    )  # fmt: skip
    albums = source.request(albums_task(source))
    assert albums.url == f"https://api.spotify.com/v1/artists/{ARTIST}/albums"
    assert albums.params[0] == ("include_groups", "single")
    assert "market" not in dict(make_source().request(make_source().seeds()[0].key).params)


def test_only_pages_below_the_limit_of_artists_are_wanted() -> None:
    """Ten artists are one page; a limit that is no number of pages is refused."""
    body = json.dumps({"artists": {"items": [{"id": ARTIST}], "next": "https://x"}}).encode()
    for limit, wanted in (10, [True, False]), (20, [True, True]):
        source = make_source(artists_per_genre=limit)
        leads = source.read(source.seeds()[0].key, body, url=URL).leads
        assert [source.wants(lead.key) for lead in leads] == wanted


def config(folder: Path, **settings: Any) -> Config:  # noqa: ANN401
    """Return a config with credentials, whose terms are accepted."""
    table = SpotifySettings(**{"accept_terms": True, **settings})
    credentials = Credentials(
        spotipy_client_id=SecretStr("an-id"), spotipy_client_secret=SecretStr("a-secret")
    )
    return Config(defaults(spotify=table), credentials, folder)


def genres_of(folder: Path, body: bytes) -> list[str]:
    """Return the names in a list of genres."""
    file = folder / "genres.txt"
    file.write_bytes(body)
    return [*open_source(config(folder, genres_file=str(file))).genres]


def test_a_list_of_genres_may_be_any_file(tmp_path: Path) -> None:
    """UTF-8 or Latin-1, with any ends of lines; each name once, without quotes and comments."""
    assert genres_of(tmp_path, b"\xef\xbb\xbfpop\r\n\r\n# no\n Pop \nk-pop\n") == ["pop", "k-pop"]
    assert genres_of(tmp_path, "forró\n".encode("latin-1")) == ["forró"]
    assert genres_of(tmp_path, b'a "b" c\n') == ["a  b  c"]
    names = genres_of(tmp_path, realdata("genres", "spotify_genres_a.txt").read_bytes())
    assert (len(names), names[:2]) == (1637, ["pop", "dance pop"])
    assert "Motörhead" in genres_of(
        tmp_path, realdata("genres", "metal_artists_latin1.txt").read_bytes()
    )


@pytest.mark.parametrize("body", [b"", b"# nothing\n", b"x\n" * 600_000])
def test_a_list_that_is_none_is_refused(tmp_path: Path, body: bytes) -> None:
    """Without a name there is nothing to crawl."""
    with pytest.raises(ConfigError, match=r"genres_file: .*one a line"):
        genres_of(tmp_path, body)
    with pytest.raises(ConfigError, match="can't be read"):
        open_source(config(tmp_path, genres_file=str(tmp_path / "none.txt")))


def test_a_list_is_found_from_the_settings_that_name_it(tmp_path: Path) -> None:
    """A relative path starts at config.toml's folder."""
    (tmp_path / "config.toml").write_text('[spotify]\ngenres_file = "mine.txt"\n')
    assert load(folder=tmp_path).file_of("spotify.genres_file") == tmp_path / "mine.txt"


def test_the_packages_own_list_is_of_the_taxonomys_labels(tmp_path: Path) -> None:
    """Each of its names has a label, and each label has several names."""
    queries = load_taxonomy("spotify-16").queries(genre_limit=1)
    found = Matches(queries, fits)
    names = open_source(config(tmp_path)).genres
    assert len(names) > 100
    for name in names:
        assert found.add((name,), ()), name
    assert all(found.counts[query.name] >= 2 for query in queries)


LABELS = {
    "latin jazz": "Latin", "trap latino": "Latin", "jazz rap": "Rap", "folk metal": "Metal",
    "pop punk": "Punk", "deep house": "Electronic", "tropical house": "Electronic",
    "country rock": "Country", "soul jazz": "Jazz", "k-pop": "World", "blues rock": "Blues",
    "hindustani classical": "World", "classic rock": "Rock", "album rock": "Rock", "pop": "Pop",
    "dub techno": "Electronic", "reggae fusion": "Reggae", "indie folk": "Folk", "r&b": "R&B",
    "indie pop": "Pop", "new age": "New Age", "classical piano": "Classical",
}  # fmt: skip


def test_genre_names_are_sorted_by_their_words() -> None:
    """Narrow labels come first; four of five of the published names have one."""
    queries = load_taxonomy("spotify-16").queries(genre_limit=1)
    for name, label in LABELS.items():
        first = next(query for query in queries if fits(query, (name,), ()))
        assert first.label == label, name
    names = realdata("genres", "spotify_genres_a.txt").read_text(encoding="utf-8").split("\n")
    known = [name for name in names if name and any(fits(each, (name,), ()) for each in queries)]
    assert len(known) > 0.79 * len(names)


def test_nothing_is_asked_until_the_terms_are_accepted(tmp_path: Path) -> None:
    """The error says what they forbid, and comes before the one on credentials."""
    with SpotifySandbox() as sandbox:
        context = context_of(tmp_path / "data", sandbox, spotify={"accept_terms": False})
        with pytest.raises(ConfigError, match=r"train.*download.*alter.*accept_terms = true"):
            fetch.run(context)
    assert not sandbox.log
    with pytest.raises(ConfigError, match="accept_terms"):
        open_named("spotify", Config(defaults(), Credentials(), tmp_path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"base_url": "http://api.example/v1"}, "base_url"),
     ({"accounts_url": "http://accounts.example/token"}, "accounts_url")],
)  # fmt: skip
def test_credentials_are_needed_and_go_out_encrypted(
    tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    """To hosts other than this machine."""
    with pytest.raises(ConfigError, match=f"{message}.*unencrypted"):
        open_source(config(tmp_path, **settings))
    table = SpotifySettings(accept_terms=True)
    with pytest.raises(ConfigError, match="SPOTIPY_CLIENT_ID"):
        open_source(Config(defaults(spotify=table), Credentials(), tmp_path))


def test_credentials_come_from_the_environment_or_dotenv(tmp_path: Path) -> None:
    """By the names that other programs use as well; a setting of that name is refused."""
    (tmp_path / ".env").write_text("SPOTIPY_CLIENT_ID=one\nSPOTIPY_CLIENT_SECRET=another\n")
    credentials = load(folder=tmp_path).credentials
    assert credentials.spotipy_client_id.get_secret_value() == "one"
    assert {"one", "another"} <= {*credentials.secrets()}
    (tmp_path / "config.toml").write_text('[spotify]\nspotipy_client_secret = "x"\n')
    with pytest.raises(ConfigError, match=r"Credentials stand in \.env"):
        load(folder=tmp_path)


def test_no_secret_is_written_anywhere(tmp_path: Path) -> None:
    """A service that quotes token and credentials in names and errors gets them into no file."""
    basic = base64.b64encode(b"sandbox-client:sandbox-secret").decode()
    with SpotifySandbox() as sandbox:

        def quote(hit: Hit) -> Reply | None:
            sent = hit.headers.get("authorization", "")
            if "/artists/" in hit.path and len(sandbox.log) % 5:
                named = album(name=f"Of {sent}", artists=[{"name": f"{basic} {sent}"}])
                return Reply(200, {}, json.dumps({"items": [named]}).encode())
            return Reply(404, {}, sent.encode()) if "/artists/" in hit.path else None

        sandbox.hook = quote
        context = context_of(tmp_path / "data", sandbox)
        env = crawl_env(sandbox, context)
        ended = equigen("fetch", "--verbose", "--log-file", "log.jsonl", cwd=tmp_path, env=env)
        tokens = {hit.headers.get("authorization", "").partition(" ")[2] for hit in sandbox.log}
    assert ended.returncode == 0, ended.stderr
    assert "***" in context.tsv.read_text(encoding="utf-8")
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    for secret in filter(None, {*tokens, "sandbox-secret", "sandbox-client"}):
        assert not [body for body in files if secret.encode() in body]
        assert secret not in ended.stdout + ended.stderr


def test_it_is_found_as_a_crawl(tmp_path: Path) -> None:
    """By its name, with the policy for its own host alone."""
    source = open_named("spotify", config(tmp_path))
    assert isinstance(source, CrawlSource)
    assert [*source.policies] == ["api.spotify.com"]


def test_the_terms_are_told_with_its_rows(tmp_path: Path) -> None:
    """In the summary, in `status`, and in the report."""
    with SpotifySandbox() as sandbox:
        context = context_of(tmp_path / "data", sandbox, limit=2)
        assert LICENCE in fetch.run(context).notes
        notes = status.run(context).notes
        assert any("no training of models" in note for note in notes)
        report.run(context)
    page = (context.directory / "report.html").read_text(encoding="utf-8")
    assert "no training of models" in page


def test_its_pictures_may_not_be_passed_on(tmp_path: Path) -> None:
    """The declaration is read without an import; of other sources nothing forbids it."""
    assert not may_republish("spotify:10FLjwfpbxLmW8c25Xyc2N")
    assert may_republish("musicbrainz:89ad4ac3-39f7-470e-963a-56509c546377")
    assert may_republish("row:0011")
    assert licence_of("spotify:1") == LICENCE
    assert make_context(tmp_path).settings.spotify.accept_terms is False
