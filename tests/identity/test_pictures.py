"""Which pictures are one, on the URLs that Discogs gave out over the years."""

import base64
import json
import re
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.identity.columns import clean_urls
from equigen.identity.pictures import (
    clean_url,
    has_no_cover,
    needs_renewal,
    picture_key,
    without_signature,
)

SEARCHES = Path(__file__).parents[3] / "shared" / "realdata" / "discogs_api" / "search"
NAME = "R-6053273-1411113049-7215.jpeg"
IMG = "https://img.discogs.com/{sign}=/fit-in/{size}/filters:strip_icc():format(jpeg):mode_rgb():quality({quality})/discogs-images/{name}.jpg"
API_IMG = "https://api-img.discogs.com/{sign}=/fit-in/{size}/filters:strip_icc():format(jpeg):mode_rgb()/discogs-images/{name}.jpg"


def signed(name: str, *, sign: str = "qj0S2pIkgiNQN62B0CCn", size_px: int = 600) -> str:
    """Return a URL as i.discogs.com signs them: the stored file's address in base64, in pieces."""
    stored = f"s3://discogs-database-images/{name}".encode()
    code = base64.urlsafe_b64encode(stored).decode().rstrip("=")
    pieces = "/".join(re.findall(".{1,16}", code))
    where = f"rs:fit/g:sm/q:90/h:{size_px}/w:{size_px}"
    return f"https://i.discogs.com/{sign}/{where}/{pieces}.jpeg"


def recorded_pairs(name: str) -> list[tuple[str, str]]:
    """Return (thumb, cover_image) of each recorded result that has pictures."""
    file = SEARCHES / name
    if not file.is_file():
        pytest.skip(f"recorded answers are not here: {file}")
    results = json.loads(file.read_text())["results"]
    pairs = [(item.get("thumb") or "", item.get("cover_image") or "") for item in results]
    return [pair for pair in pairs if any(pair)]


@pytest.mark.parametrize(
    "name", ["search_mixed_2021_img_q_vicente.json", "search_releases_2023_idiscogs.json"]
)
def test_thumb_and_cover_of_a_result_are_one_picture(name: str) -> None:
    """A recorded result's small and large picture have one key, another result's another."""
    by_key = defaultdict(set)
    pairs = [pair for pair in recorded_pairs(name) if not has_no_cover(pair[1])]
    for thumb, cover in pairs:
        assert picture_key(thumb) == picture_key(cover)
        assert picture_key(cover).startswith("discogs:")
        by_key[picture_key(cover)].add(cover)
    assert len(by_key) == len({cover for _, cover in pairs}) > 1
    assert all(len(covers) == 1 for covers in by_key.values())


def test_recorded_pictures_of_2015_are_known_by_their_file() -> None:
    """The host of 2015 names the stored file at the end of the path."""
    thumbs = [thumb for thumb, _ in recorded_pairs("search_masters_2015_apiimg.json")]
    thumbs = [thumb for thumb in thumbs if not has_no_cover(thumb)]
    keys = {thumb: picture_key(thumb) for thumb in thumbs}
    assert len(keys) > 40
    for thumb, key in keys.items():
        assert key == "discogs:" + thumb.rpartition("/")[2].removesuffix(".jpg")


def test_recorded_pictures_of_2023_decode_to_their_file() -> None:
    """The signed path of a recorded result holds the stored file's name."""
    keys = [picture_key(cover) for _, cover in recorded_pairs("search_releases_2023_idiscogs.json")]
    assert keys == ["discogs:R-9913211-1488436388-9998.jpeg", "discogs:R-3074559-1322549489.png"]


@pytest.mark.parametrize(
    "url",
    [
        signed(NAME),
        signed(NAME, sign="j3-baOA76YXiF0mfvXRYOPuxiI"),
        signed(NAME, size_px=150),
        signed(NAME).replace("https:", "http:"),
        signed(NAME) + "?expires=1",
        IMG.format(sign="PZWj9owi8l6D", size="150x150", quality=40, name=NAME),
        IMG.format(sign="ecftI3AXuclZ", size="589x600", quality=90, name=NAME),
        API_IMG.format(sign="uSNJncXYAreI", size="150x150", name=NAME),
        f"https://api.discogs.com/images/{NAME}",
        f"http://api.discogs.com/image/{NAME}",
    ],
)
def test_one_picture_has_one_key_on_all_hosts(url: str) -> None:
    """Signature, size, scheme and host of a Discogs picture don't matter."""
    assert picture_key(url) == f"discogs:{NAME}"


@pytest.mark.parametrize("size", ["90", "150"])
@pytest.mark.parametrize(
    "name",
    ["R-5160870-1386155216-1153.jpeg", "R-155102-1217088991.jpeg", "R-33699-001.jpg"],
)
def test_the_sizes_of_the_oldest_host_are_one_picture(name: str, size: str) -> None:
    """Until 2014 the size stood in the file's name: R-150-... is the small R-... ."""
    small = name.replace("R-", f"R-{size}-")
    whole = picture_key(f"http://api.discogs.com/image/{name}")
    assert picture_key(f"http://api.discogs.com/image/{small}") == whole


@pytest.mark.parametrize("size", ["b273", "1e02", "4851"])
def test_the_sizes_of_a_cover_at_spotify_are_one_picture(size: str) -> None:
    """Since 2019 an address has its size and then what all sizes share; before, nothing of both."""
    shared = "99140a62d43aec760f6172a2"
    key = picture_key(f"https://i.scdn.co/image/ab67616d0000{size}{shared}")
    assert key == f"spotify:{shared}"
    old = f"https://i.scdn.co/image/54533347f41c7d0afaa3e51f127ec93ea5e7031{size[0]}"
    assert picture_key(old) == old


def test_release_150_keeps_its_own_pictures() -> None:
    """What looks like a size may be the number of a release."""
    one = picture_key("http://api.discogs.com/image/R-150-1193812031.jpeg")
    two = picture_key("http://api.discogs.com/image/R-90-1193812031.jpeg")
    assert one != two


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/R-1-2.jpeg",
        "https://discogs.com.a.example/discogs-images/R-1-2.jpeg",
        "https://coverartarchive.org/release/76df3287/front-500.jpg",
        "https://i.discogs.com/sig/rs:fit/g:sm/not-base64-of-anything.jpeg",
        "https://i.discogs.com/sig/rs:fit/g:sm/bm90IGEgZmlsZQ.jpeg",
        "https://i.scdn.co/image/ab67616d0000b273?a=1",
        "http://[",
        "http://[::1",
        "https://\u2100.example/x.jpg",
        "spacer.gif",
        " ",
        "",
    ],
)
def test_any_other_url_is_its_own_key(url: str) -> None:
    """What is no Discogs picture, or no URL at all, is told apart to the letter."""
    assert picture_key(url) == url


@given(
    st.from_regex(r"[RALM]-[1-9]\d{0,8}-\d{9,10}(-\d{4})?\.(jpeg|png|gif)", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_-]{20,43}", fullmatch=True),
    st.integers(1, 600),
)
@examples(100)
def test_every_stored_name_is_found_again(name: str, sign: str, size_px: int) -> None:
    """Whatever the stored file is called, however it is signed, its name is the key."""
    assert picture_key(signed(name, sign=sign, size_px=size_px)) == f"discogs:{name}"


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://i.discogs.com/", "//"]))
@examples(200)
def test_no_text_is_too_odd(text: str, head: str) -> None:
    """Whatever stands in a URL cell gets a key and an answer, and the same one again."""
    key = picture_key(head + text)
    assert picture_key(head + text) == key
    assert has_no_cover(head + text) in {True, False}


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "https://st.discogs.com/",
        "https://st.discogs.com",
        "http://st.discogs.com/?a=1",
        "https://ST.discogs.com/",
        "https://st.discogs.com/8ae8b1a5/images/spacer.gif",
        "https://img.discogs.com/586a7893ad10636ad8818dd761c22f034988a77f/images/spacer.gif",
        "https://s.pixogs.com/images/Spacer.GIF?v=1",
        "https://a.example/deep/down/spacer.gif",
        "https://st.discogs.com/c0ffee/images/default-release.png",
        "https://img.discogs.com/images/default-release-cd.png",
        "/image/R-90-1743771-1272253277.gif",
        "//i.discogs.com/x.jpg",
        "images/spacer.gif",
        "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
        "ftp://a.example/cover.jpg",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///cover.jpg",
        "http://[",
        "None",
        "nan",
    ],
)
def test_what_shows_no_cover_is_a_placeholder(url: str) -> None:
    """Empty, relative and foreign addresses and pictures of nothing are placeholders."""
    assert has_no_cover(url)


@pytest.mark.parametrize(
    "url",
    [
        signed(NAME),
        IMG.format(sign="PZWj9owi8l6D", size="150x150", quality=40, name=NAME),
        "HTTPS://A.EXAMPLE/COVER.JPG",
        "http://127.0.0.1:8080/images/1.jpg",
        "https://st.discogs.com/a/real/cover.jpg",
        "https://a.example/spacer.gift.jpg",
        "https://a.example/my-default-releases/1.png",
        "https://a.example/",
    ],
)
def test_what_may_show_a_cover_is_none(url: str) -> None:
    """A URL that merely resembles a placeholder's is asked."""
    assert not has_no_cover(url)


def test_recorded_placeholders_are_found() -> None:
    """Of the recorded results of 2021, exactly those with the spacer show nothing."""
    pairs = recorded_pairs("search_mixed_2021_img_q_vicente.json")
    covers = [cover for _, cover in pairs]
    spacers = [cover for cover in covers if urlsplit(cover).path.endswith("spacer.gif")]
    assert [cover for cover in covers if has_no_cover(cover)] == spacers
    assert len(spacers) == 2


@pytest.mark.parametrize(
    "mark",
    [
        0x200B, 0x200E, 0x202A, 0x202E, 0x2066, 0x2069, 0x61C, 0x180E, 0xFE0F, 0xE0101, 0xE01EF,
        0x2800, 0xFFFC, 0, 7, 0x1B, 0x7F, 0x9F, 0xAD, 0xFEFF,
    ],
)  # fmt: skip
def test_invisible_characters_are_no_part_of_an_address(mark: int) -> None:
    """Wherever they stand, one by one and by columns."""
    shown, url = chr(mark), "https://a.example/1.jpg"
    copied = [f"{shown}{url}", f"{url}{shown}", url.replace("a.ex", f"a.{shown}ex")]
    assert {clean_url(cell) for cell in copied} == {url}
    assert set(clean_urls(pl.Series(copied))) == {url}


def test_an_address_without_its_signature_has_the_key_still() -> None:
    """So that its picture and its file are the same; addresses of other hosts stay as they are."""
    pairs = recorded_pairs("search_releases_2023_idiscogs.json")
    covers = [cover for _, cover in pairs if "/rs:" in cover]
    assert covers
    for cover in covers:
        bare = without_signature(cover)
        assert picture_key(bare) == picture_key(cover)
        assert (needs_renewal(cover), needs_renewal(bare)) == (False, True)
        assert cover.split("/")[3] not in bare
        assert without_signature(bare) == bare
    for other in ("https://coverartarchive.org/release/x/front", "", "http://h/a/b:c/d.jpg", "x"):
        assert without_signature(other) == other
        assert not needs_renewal(other)
