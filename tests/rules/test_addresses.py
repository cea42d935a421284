"""Addresses as they are sent, and as they are shown."""

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from equigen.rules.addresses import is_plain, shown


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
