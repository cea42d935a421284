"""Addresses as they are sent, and as they are shown."""

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from equigen.http.addresses import host_name, is_plain, origin, shown, without_passwords
from equigen.identity.pictures import host_of


@given(path=st.text(max_size=30))
def test_a_plain_address_needs_no_encoding(path: str) -> None:
    """What is taken as plain, requests would send letter by letter as well."""
    url = f"http://example.org/{path}"
    if is_plain(url):
        prepared = requests.Request("GET", url).prepare().url
        # Dots and empty ends are tidied up by requests, and mean the same.
        assert prepared is not None
        if "/." not in url and not url.endswith("?"):
            assert prepared == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a b",
        "http://example.org/\u00e9",
        "http://example.org/a\r\nHost: evil",
        "http://user:pw@example.org/",
        "ftp://example.org/a",
        "http://EXAMPLE.org/a",
        "http://example.org/a#part",
        "http://example.org",
        "",
    ],
)
def test_what_needs_care_is_not_plain(url: str) -> None:
    """Blanks, line breaks, other alphabets, passwords and fragments go the long way."""
    assert not is_plain(url)


def test_no_password_is_shown() -> None:
    """What somebody put into an address doesn't get into a log."""
    assert shown("http://me:hush@example.org/a?b=c#d") == "http://example.org/a?b=c"
    assert len(shown("http://example.org/" + "x" * 5000)) == 300


def test_no_password_in_a_text_is_shown() -> None:
    """Of all addresses in it, also one with an @ in its password; the rest stays as it is."""
    text = "a http://me:hush@x.org/a@b, +https://you:hu@sh@y.org and https://z.org me@z.org"
    expected = "a http://x.org/a@b, +https://y.org and https://z.org me@z.org"
    assert without_passwords(text) == expected


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("I.Discogs.com.", "i.discogs.com"),
        ("*.Archive.org", "*.archive.org"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        (f"{'ü' * 70}.example", f"{'ü' * 70}.example"),
    ],
)
def test_a_host_has_one_name_however_it_is_written(written: str, asked: str) -> None:
    """That which requests would ask for; a name that can't be one stays as it is."""
    assert host_name(written) == asked
    assert host_of(f"https://{written.replace('*', 'a')}/1.jpg") == asked.replace("*", "a")


def test_letters_beyond_ascii_are_asked_for_as_requests_does() -> None:
    """So that the limits of a host hold for what is asked of it."""
    url = requests.Request("GET", "http://Bücher.example/1.jpg").prepare().url
    assert url == f"http://{host_name('Bücher.example')}/1.jpg"


def test_a_server_is_known_by_its_scheme_name_and_port() -> None:
    """Ports that go without saying are said."""
    assert origin("https://a.example/x") == origin("https://A.example.:443/y?z")
    others = (
        "http://a.example/",
        "https://a.example:444/",
        "https://b.example/",
        "ftp://a.example",
    )
    assert len({origin(url) for url in ("https://a.example", *others)}) == 5
