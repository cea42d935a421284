"""Albums looked up by id: what the services' recorded answers say of one."""

import json
from pathlib import Path
from typing import Any

import pytest
from musicbrainz import answers
from support import make_context, realdata

from equigen.config.source_settings import SpotifySettings
from equigen.errors import BadBodyError, ConfigError, CredentialsError
from equigen.schema import Listing
from equigen.sources.base import Lookup, Request, open_lookup
from equigen.sources.spotify import Spotify

API = "http://127.0.0.1:9"
MBID = "c9fdb94c-4975-4ed6-a96f-ef6d80bb7738"


def lookup(folder: Path, album_id: str) -> Lookup:
    """Return the lookup of an album."""
    context = make_context(folder, musicbrainz={"base_url": API})
    found = open_lookup(album_id, context.config)
    assert found
    return found


def read(folder: Path, album_id: str, body: bytes) -> Listing:
    """Return the album that an answer to its request tells of."""
    source = lookup(folder, album_id)
    request = source.album_request(album_id)
    assert request
    found = source.read_album(body, url=request.url)
    assert isinstance(found, Listing)
    return found


def test_a_recorded_master(tmp_path: Path) -> None:
    """With the primary picture, and known as its main release as well."""
    body = realdata("discogs_api", "objects", "master_2022_469004.json").read_bytes()
    found = read(tmp_path, "discogs:m469004", body)
    assert (found.artist, found.title, found.year) == ("The XX", "Coexist", "2012")
    assert found.album_id == "discogs:m469004"
    assert found.also_known_as == ("discogs:r3850815",)
    assert (found.genres, found.styles) == (("Electronic", "Rock", "Pop"), ("Indie Rock",))
    assert found.artist_ids == ("discogs:a1416238",)
    assert found.image_url == json.loads(body)["images"][0]["uri"]
    assert (found.country, found.formats) == ("", ())


def test_a_recorded_release(tmp_path: Path) -> None:
    """With country and formats, and known as its master as well."""
    body = realdata("discogs_api", "objects", "release_2025_1503102.json").read_bytes()
    found = read(tmp_path, "discogs:r1503102", body)
    assert (found.artist, found.year) == ("Rick Astley", "1987")
    assert found.also_known_as == ("discogs:m96559",)
    assert (found.country, found.formats) == (
        "Australia & New Zealand",
        ("Vinyl", '12"', "45 RPM", "Maxi-Single"),
    )


def test_every_recorded_object_is_read(tmp_path: Path) -> None:
    """Also those of 2012 and 2013, whatever fields they have."""
    for file in sorted(realdata("discogs_api", "objects").glob("*.json")):
        body = file.read_bytes()
        answer = json.loads(body)
        if "master" not in file.name and "release" not in file.name:
            continue
        kind = "m" if file.name.startswith("master") else "r"
        try:
            found = read(tmp_path, f"discogs:{kind}{answer['id']}", body)
        except CredentialsError:  # recorded without an account
            assert not any(image.get("uri") for image in answer["images"])
            continue
        assert found.title == answer["title"]
        assert found.artist


def test_joined_artists_are_credited_as_in_the_dump(tmp_path: Path) -> None:
    """By their names and joins, each with its id; damaged ones are passed over."""
    artists: list[Any] = [
        {"name": "Simon (2)", "join": "&", "id": 7},
        None,
        {"name": "Garfunkel", "join": "", "id": "8"},
        {"anv": "", "id": -1},
    ]
    body = json.dumps({"id": 1, "title": "T", "year": 0, "artists": artists}).encode()
    found = read(tmp_path, "discogs:m1", body)
    assert (found.artist, found.artist_ids) == (
        "Simon (2) & Garfunkel",
        ("discogs:a7", "discogs:a8"),
    )
    assert (found.year, found.image_url, found.also_known_as) == ("", "", ())


def test_an_answer_of_another_album_is_none(tmp_path: Path) -> None:
    """Nor is one that isn't JSON; and pictures without addresses want credentials."""
    for body in (b"<html>", b"[]", b'{"id": 2, "title": "Other"}', b'{"title": "No id"}'):
        with pytest.raises(BadBodyError, match="masters/1"):
            read(tmp_path, "discogs:m1", body)
    with pytest.raises(CredentialsError, match="DISCOGS_TOKEN"):
        read(tmp_path, "discogs:m1", b'{"id": 1, "title": "T", "images": [{"uri": ""}]}')


def test_recorded_release_groups(tmp_path: Path) -> None:
    """With the credit, the first year, genres or tags, and the archive's cover."""
    body = realdata("musicbrainz", "release-group_lookup_rsnova.json").read_bytes()
    found = read(tmp_path, f"musicbrainz:{MBID}", body)
    answer = json.loads(body)
    assert found.album_id == f"musicbrainz:{answer['id']}"
    assert (found.artist, found.title) == ("50 Cent & DJ Drama", "The Lost Tape")
    assert found.year == "2012"
    assert found.image_url.endswith(f"/release-group/{answer['id']}/front-500")
    read_ones = 0
    for recorded in answers():
        content = recorded.content()
        if "first-release-date" in content and recorded.status == 200:
            listing = read(tmp_path, f"musicbrainz:{content['id']}", recorded.body)
            assert listing.title == content["title"]
            read_ones += 1
        elif recorded.status == 404:
            with pytest.raises(BadBodyError):
                read(tmp_path, f"musicbrainz:{MBID}", recorded.body)
    assert read_ones >= 2


def test_a_release_group_is_known_as_its_masters(tmp_path: Path) -> None:
    """Those that it links to; one that was merged comes with the id that it has now."""
    url = {"resource": "https://www.discogs.com/master/3911"}
    told = {"id": MBID, "title": "T", "relations": [{"type": "discogs", "url": url}]}
    asked = MBID.replace("c9", "d0").upper()
    found = read(tmp_path, f"musicbrainz:{asked}", json.dumps(told).encode())
    assert (found.album_id, found.also_known_as) == (f"musicbrainz:{MBID}", ("discogs:m3911",))


def test_recorded_albums_of_spotify(tmp_path: Path) -> None:
    """Each with all its artists, its cover, and the terms in its row."""
    source = Spotify(SpotifySettings(market="GB"), (), {})
    for name in ("album_info_beets", "multiartist_album_beets", "album_jmperez"):
        body = realdata("spotify", f"{name}.json").read_bytes()
        answer = json.loads(body)
        request = source.album_request(f"spotify:{answer['id']}")
        assert request
        assert request.url.endswith(f"/v1/albums/{answer['id']}")
        assert request.params == (("market", "GB"),)
        found = source.read_album(body, url=request.url)
        assert (found.album_id, found.title) == (f"spotify:{answer['id']}", answer["name"])
        assert found.artist == ", ".join(each["name"] for each in answer["artists"])
        assert found.image_url in [each["url"] for each in answer["images"]]
        assert "no training" in found.licence
    for wrong in ("spotify:", "spotify:1", "spotify:../users/0123456789abc"):
        assert source.album_request(wrong) is None
    for body in (b"<html>", b"[]", b'{"error": {"type": "not_found"}}'):
        with pytest.raises(BadBodyError, match="albums/1"):
            source.read_album(body, url="https://api.spotify.com/v1/albums/1")
    with pytest.raises(ConfigError, match="accept_terms"):
        open_lookup("spotify:1", make_context(tmp_path).config)


def test_requests(tmp_path: Path) -> None:
    """One for each form of id; ids of no such form have none."""
    of_discogs, of_musicbrainz = lookup(tmp_path, "discogs:m1"), lookup(tmp_path, "musicbrainz:x")
    assert of_discogs.album_request("discogs:m12") == Request(f"{API}/masters/12", ())
    assert of_discogs.album_request("discogs:r12") == Request(f"{API}/releases/12", ())
    told = (("inc", "artist-credits genres tags url-rels"), ("fmt", "json"))
    asked = Request(f"{API}/release-group/{MBID}", told)
    assert of_musicbrainz.album_request(f"musicbrainz:{MBID.upper()}") == asked
    for wrong in ("discogs:x1", "discogs:", "discogs:m", "discogs:m1/../2", "discogs:m-1"):
        assert of_discogs.album_request(wrong) is None
    for wrong in ("musicbrainz:", "musicbrainz:3911", f"musicbrainz:{MBID}/x"):
        assert of_musicbrainz.album_request(wrong) is None


def test_sources_without_a_lookup(tmp_path: Path) -> None:
    """They have none, and an unknown one neither; MusicBrainz wants to know who asks."""
    config = make_context(tmp_path).config
    assert open_lookup("discogs-dump:1", config) is None
    assert open_lookup("nobody:1", config) is None
    with pytest.raises(ConfigError, match="user_agent"):
        open_lookup(f"musicbrainz:{MBID}", config)
