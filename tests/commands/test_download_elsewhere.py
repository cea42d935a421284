"""Covers with several addresses: the best one first, the next one where it gives no good cover."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from downloads import files_of, one_row, picture, run_download
from support import Script, ScriptedServer, read_rows, write_rows

from equigen.downloading.policy import preferred
from equigen.identity.pictures import nominal_px
from equigen.ledger.models import FAILED, MISSING, OK, Cover
from equigen.schema import Prefer

SQUARE, WIDE = picture(size=(64, 64)), picture(size=(96, 48))
TSV = "equigen_dataset.tsv"
MBID = "f1afec0b-26dd-3db5-9aa1-c91229a74a24"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Return a server with pictures at three addresses, and none at others."""
    with ScriptedServer(Script(status=404)) as server:
        server.by_path |= {
            "/square": Script(body=SQUARE),
            "/other": Script(body=picture(size=(64, 60))),
            "/wide": Script(body=WIDE),
            "/error": Script(body=b"<html>gone</html>"),
        }
        yield server


def row_with(folder: Path, server: ScriptedServer, *paths: str) -> None:
    """Write a dataset of one album whose cover has these addresses."""
    first, *more = (f"{server.url}{path}" for path in paths)
    cells = {"album_id": "x:1", "more_images": "|".join(more)}
    row = {"artist": "A", "album": "B", "album_index": "1", "genre": "Jazz", "year": "1999"}
    row |= {"image_url": first, **cells}
    write_rows(folder / TSV, row, columns=[*row])


def asked(server: ScriptedServer) -> list[str]:
    """Return the paths that were asked for so far, each time it was."""
    return [each.path for each in server.seen]


@pytest.mark.parametrize("bad", ["/gone", "/error"])
def test_where_one_address_has_no_cover_the_next_one_is_asked(
    tmp_path: Path, server: ScriptedServer, bad: str
) -> None:
    """In the same run; the row has the good address first then, and its album counts once."""
    row_with(tmp_path, server, bad, "/nothing", "/square")
    summary = run_download(tmp_path)
    assert list(files_of(tmp_path).values()) == [SQUARE]
    assert (summary.rows_in, summary.rows_out, summary.dropped) == (1, 1, {})
    assert summary.facts["elsewhere"] == 2
    (row,) = read_rows(tmp_path / TSV)
    assert row["image_url"] == f"{server.url}/square"
    assert set(row["more_images"].split("|")) == {f"{server.url}{bad}", f"{server.url}/nothing"}
    before = asked(server)
    again = run_download(tmp_path)
    assert (again.rows_out, asked(server)) == (1, before)


def test_each_row_has_its_own_addresses(tmp_path: Path, server: ScriptedServer) -> None:
    """Also rows that share an id, and those that have none."""
    paths = [("/gone", "/square"), ("/other", "/x"), ("/gone2", "/wide"), ("/y", "/other2")]
    server.by_path["/other2"] = Script(body=picture(size=(64, 62)))
    rows = [
        {
            "artist": f"A{n}", "album": "B", "album_index": f"{n}", "genre": "Jazz", "year": "",
            "image_url": server.url + first, "album_id": "x:1" if n < 2 else "",
            "more_images": server.url + more,
        }
        for n, (first, more) in enumerate(paths)
    ]  # fmt: skip
    write_rows(tmp_path / TSV, *rows, columns=[*rows[0]])
    summary = run_download(tmp_path)
    assert (summary.rows_out, summary.dropped) == (4, {})
    urls = [row["image_url"].removeprefix(server.url) for row in read_rows(tmp_path / TSV)]
    assert urls == ["/square", "/other", "/wide", "/other2"]
    assert all(row["more_images"] for row in read_rows(tmp_path / TSV))


def test_where_all_addresses_fail_the_row_is_dropped_once(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """Each is asked once, and the reason is that of one of them."""
    row_with(tmp_path, server, "/a", "/b")
    summary = run_download(tmp_path)
    assert summary.dropped == {"HTTP 404": 1}
    assert sorted(asked(server)) == ["/a", "/b"]
    assert run_download(tmp_path).dropped == {"HTTP 404": 1}
    assert len(asked(server)) == 2


def test_a_cover_far_from_square_gives_way_to_the_next(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """A scan of an open sleeve is taken only where there is no other."""
    row_with(tmp_path, server, "/wide", "/square")
    summary = run_download(tmp_path)
    assert list(files_of(tmp_path).values()) == [SQUARE]
    assert (summary.rows_out, summary.dropped) == (1, {})
    row_with(tmp_path, server, "/wide", "/gone")
    assert run_download(tmp_path).rows_out == 1
    assert list(files_of(tmp_path).values()) == [WIDE]


@pytest.mark.parametrize(("prefer", "first"), [("larger", "front-1200"), ("first", "other")])
def test_the_larger_picture_comes_first_unless_the_settings_say_otherwise(
    tmp_path: Path, server: ScriptedServer, prefer: str, first: str
) -> None:
    """By the size that the address tells of; nothing is asked for in vain."""
    front = f"/release-group/{MBID}/front-1200"
    server.by_path[front] = Script(body=SQUARE)
    row_with(tmp_path, server, "/other", front)
    run_download(tmp_path, prefer=prefer)
    assert [path.rpartition("/")[2] for path in asked(server)] == [first]
    (row,) = read_rows(tmp_path / TSV)
    assert row["image_url"].endswith(first)


def test_a_picture_that_may_be_passed_on_comes_first_if_so_preferred() -> None:
    """Then the larger; what is gone comes last all the same."""
    discogs = "https://i.discogs.com/sig/rs:fit/g:sm/q:90/h:600/w:596/czM6Ly9.jpeg"
    spotify = "https://i.scdn.co/image/ab67616d0000b273" + "0" * 24
    small, large = (
        f"https://coverartarchive.org/release-group/{MBID}/front-{px}" for px in (250, 500)
    )
    urls, gone = [spotify, discogs, small], "https://example.org/gone.jpg"
    assert preferred([*urls, large], {}, Prefer.FREE) == [large, small, spotify, discogs]
    assert preferred(urls, {}, Prefer.LARGER) == [spotify, discogs, small]
    poor = {gone: Cover(gone, gone, MISSING)}
    assert preferred([gone, *urls], poor, Prefer.FREE) == [small, spotify, discogs, gone]


def test_a_cover_that_is_here_gives_way_to_one_that_may_be_passed_on(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """Once the settings say so; again, nothing is asked for."""
    spotify = f"/image/ab67616d0000b273{0:024}"
    server.by_path[spotify] = Script(body=picture(size=(64, 62)))
    row_with(tmp_path, server, "/square", spotify)
    for prefer, path in (("larger", spotify), ("free", "/square"), ("free", "/square")):
        assert run_download(tmp_path, prefer=prefer).rows_out == 1
        (row,) = read_rows(tmp_path / TSV)
        assert row["image_url"].endswith(path)
    assert list(files_of(tmp_path).values()) == [SQUARE]
    assert asked(server) == [spotify, "/square"]


def test_a_host_that_fails_for_now_is_asked_again_before_the_next_address(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """Only in the third run that it fails in is the cover taken from elsewhere."""
    server.by_path["/ill"] = Script(status=500)
    row_with(tmp_path, server, "/ill", "/square")
    for _ in range(2):
        assert run_download(tmp_path).dropped == {"HTTP 500": 1}
    assert run_download(tmp_path).rows_out == 1
    assert run_download(tmp_path).rows_out == 1
    assert asked(server)[-1] == "/square"


def test_rows_without_further_addresses_are_left_as_they_are(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """A dataset without the column isn't touched, whatever its hosts say."""
    one_row(tmp_path, f"{server.url}/gone")
    before = (tmp_path / TSV).read_bytes()
    assert run_download(tmp_path).facts["elsewhere"] == 0
    assert (tmp_path / TSV).read_bytes() == before


@pytest.mark.parametrize(
    ("url", "size_px"),
    [
        (f"https://coverartarchive.org/release-group/{MBID}/front-250", 250),
        (f"https://coverartarchive.org/release/{MBID}/front", 1200),
        ("https://i.scdn.co/image/ab67616d0000b273" + "0" * 24, 640),
        ("https://i.scdn.co/image/ab67616d00001e02" + "0" * 24, 300),
        ("https://i.scdn.co/image/" + "0" * 40, 500),
        ("http://ecx.images-amazon.com/images/I/51abc.jpg", 500),
        ("http://ecx.images-amazon.com/images/I/51abc._SL160_.jpg", 160),
        ("http://artwork-cdn.7static.com/static/img/sleeveart/00/008/487/0000848744_200.jpg", 200),
        ("https://i.discogs.com/sig/rs:fit/g:sm/q:90/h:600/w:596/czM6Ly9.jpeg", 600),
    ],
)
def test_addresses_tell_the_size_of_their_pictures(url: str, size_px: int) -> None:
    """In the forms that the services give out."""
    assert nominal_px(url) == size_px


def test_the_order_of_addresses_follows_what_became_of_them() -> None:
    """Good or unknown ones, then those that fail each night, far from square, and gone."""
    states: dict[str, Any] = {"f": (FAILED, 3), "o": (OK, 0), "m": (MISSING, 1), "n": (FAILED, 2)}
    poor = {url: Cover(url, url, status, failures=n) for url, (status, n) in states.items()}
    assert preferred(["m", "o", "f", "n", "u"], poor, Prefer.FIRST) == ["n", "u", "f", "o", "m"]
