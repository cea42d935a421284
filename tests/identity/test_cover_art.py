"""Addresses of the Cover Art Archive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.identity.pictures import front_key, front_url, host_of, picture_key

MBID = "f1afec0b-26dd-3db5-9aa1-c91229a74a24"
FRONT = f"https://coverartarchive.org/release-group/{MBID}/front"


def test_a_front_covers_address_names_its_size() -> None:
    """Below whatever host the settings name."""
    assert front_url("https://coverartarchive.org", MBID, 500) == f"{FRONT}-500"
    assert front_url("http://127.0.0.1:8/caa", MBID, 250) == (
        f"http://127.0.0.1:8/caa/release-group/{MBID}/front-250"
    )
    assert front_url("https://caa.example", MBID, 1200, "release") == (
        f"https://caa.example/release/{MBID}/front-1200"
    )


@pytest.mark.parametrize(
    "url",
    [
        FRONT,
        f"{FRONT}-250",
        f"{FRONT}-500",
        f"{FRONT}-1200",
        f"{FRONT}-500.jpg",
        f"{FRONT}-500?a=b",
        f"{FRONT}-500".replace("https", "http"),
        f"{FRONT}-500".replace("coverartarchive.org", "CoverArtArchive.org:443"),
        f"{FRONT}-500".replace("coverartarchive.org", "www.coverartarchive.org"),
        f"{FRONT}-500".replace(MBID, MBID.upper()),
        f"{FRONT}-500".replace("release-group", "release"),
    ],
)
def test_one_front_is_one_picture_in_any_size(url: str) -> None:
    """A release group's or a release's, whatever the scheme, the size, and the letters' case."""
    assert picture_key(url) == front_key(url) == f"coverart:{MBID}"


@pytest.mark.parametrize(
    "url",
    [
        f"https://coverartarchive.org/releases/{MBID}/front-500",
        f"https://coverartarchive.org/release/{MBID}/829521842.jpg",
        f"https://coverartarchive.org/release-group/{MBID}/back-500",
        f"https://coverartarchive.org/release-group/{MBID}/front-500/x",
        f"https://coverartarchive.org/release-group/{MBID}",
        "https://coverartarchive.org/release-group/xyz/front-500",
        f"https://a.example/release-group/{MBID}/front-500",
        f"https://coverartarchive.org.example/release-group/{MBID}/front-500",
        f"https://a.example/?https://coverartarchive.org/release-group/{MBID}/front-500",
        f"coverartarchive.org/release-group/{MBID}/front-500",
    ],
)
def test_any_other_address_is_its_own_key(url: str) -> None:
    """A release's other pictures, other kinds of picture, other hosts."""
    assert front_key(url) == ""
    assert picture_key(url) == url


@given(st.uuids(), st.uuids(), st.sampled_from([250, 500, 1200]), st.sampled_from([250, 500, 1200]))
def test_two_groups_have_two_pictures(one: object, other: object, px: int, other_px: int) -> None:
    """A key tells groups apart, and only groups."""
    first = front_url("https://coverartarchive.org", str(one), px)
    second = front_url("http://coverartarchive.org", str(other), other_px)
    assert (picture_key(first) == picture_key(second)) == (one == other)
    assert host_of(first) == "coverartarchive.org"
